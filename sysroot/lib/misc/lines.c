/* SPDX-License-Identifier: MIT */
/* Lines of any length; newlib has the functions under other names. */
#include <stdio.h>

ssize_t getdelim(char **restrict line, size_t *restrict size, int end, FILE *restrict file)
{
    return __getdelim(line, size, end, file);
}

ssize_t getline(char **restrict line, size_t *restrict size, FILE *restrict file)
{
    return __getdelim(line, size, '\n', file);
}
