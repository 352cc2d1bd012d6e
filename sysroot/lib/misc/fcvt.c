/* SPDX-License-Identifier: MIT */
/* fcvt in place of newlib's, which writes the digits of large numbers past the end of its buffer. */
#include <reent.h>
#include <stdlib.h>
#include <string.h>

char *_dtoa_r(struct _reent *, double, int mode, int digits, int *point, int *sign, char **end);

char *fcvt(double value, int digits, int *restrict point, int *restrict sign)
{
    static char *buffer;
    char *end, *from = _dtoa_r(_REENT, value, 3, digits, point, sign, &end);
    if (!from)
        return NULL;
    int there = (int)(end - from), wanted = *point == 9999 ? there : *point + digits;
    if (wanted < there)
        wanted = there;
    char *result = realloc(buffer, (size_t)wanted + 1);
    if (!result)
        return NULL;
    buffer = result;
    memcpy(result, from, (size_t)there);
    memset(result + there, '0', (size_t)(wanted - there));
    result[wanted] = '\0';
    return result;
}
