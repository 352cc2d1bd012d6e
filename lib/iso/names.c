/* SPDX-License-Identifier: MIT */
/* Names as ISO 9660 and Joliet write them, made into what programs see. */
#include <fs/utf8.h>
#include <string.h>

#include "internal.h"

/* No name of a file: a slash or a NUL in it, or a directory's own. */
static size_t checked(char *name, size_t length)
{
    name[length] = 0;
    for (size_t i = 0; i < length; i++)
        if (name[i] == '/' || name[i] == 0)
            name[i] = '_';
    bool dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    return dots ? 0 : length;
}

/* `;1` and the dot of an empty extension are not part of the name. */
static size_t without_version(const char *name, size_t length)
{
    size_t end = length;
    while (end > 0 && name[end - 1] >= '0' && name[end - 1] <= '9')
        end--;
    if (end > 0 && end < length && name[end - 1] == ';')
        length = end - 1;
    return length > 1 && name[length - 1] == '.' ? length - 1 : length;
}

/* In small letters, as everybody shows them. */
size_t name_of_plain(const uint8_t *bytes, uint32_t length, char to[ISO_NAME_MAX + 1])
{
    if (length > ISO_NAME_MAX)
        return 0;
    for (uint32_t i = 0; i < length; i++) {
        uint8_t byte = bytes[i];
        to[i] = (char)(byte >= 'A' && byte <= 'Z' ? byte + 32 : byte < 0x80 ? byte : '_');
    }
    return checked(to, without_version(to, length));
}

static uint32_t unit(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

/* UTF-16, big-endian. */
size_t name_of_joliet(const uint8_t *bytes, uint32_t length, char to[ISO_NAME_MAX + 1])
{
    size_t size = 0;
    for (uint32_t i = 0; i + 1 < length; i += 2) {
        uint32_t code = unit(bytes + i);
        bool pair = code >= 0xd800 && code < 0xdc00 && i + 3 < length &&
                    (unit(bytes + i + 2) & 0xfc00) == 0xdc00;
        if (pair) {
            code = 0x10000 + ((code & 0x3ff) << 10) + (unit(bytes + i + 2) & 0x3ff);
            i += 2;
        } else if (code >= 0xd800 && code < 0xe000) {
            code = 0xfffd; /* half a pair */
        }
        if (size + 4 > ISO_NAME_MAX)
            return 0;
        size += utf8_encode(code, to + size);
    }
    return checked(to, without_version(to, size));
}
