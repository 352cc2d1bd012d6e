/* SPDX-License-Identifier: MIT */
/* UTF-8 of names that file systems keep in UTF-16. */
#ifndef FS_UTF8_H
#define FS_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* A character up to 0x10ffff as 1 to 4 bytes; how many. */
static inline size_t utf8_encode(uint32_t code, char *to)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length; i-- > 1; code >>= 6)
        to[i] = (char)(0x80 | (code & 0x3f));
    to[0] = (char)(0xf00 >> length | code);
    return length;
}

#endif
