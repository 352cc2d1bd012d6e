/* SPDX-License-Identifier: MIT */
#include "short_name.h"

#include <string.h>

#include "fold.h"

#define BASE_MAX      8u
#define EXTENSION_MAX 3u
#define KEPT          4u /* characters of the name, then ~ and three of the hash */

static bool is_plain(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("!#$%&'()-@^_`{}~", c) != NULL);
}

static bool all_plain(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!is_plain(text[i]))
            return false;
    return true;
}

/* The last dot, if it is not the first character; else the end. */
static size_t dot_of(const char *name, size_t length)
{
    for (size_t i = length; i-- > 1;)
        if (name[i] == '.')
            return i;
    return length;
}

static bool is_short(const char *name, size_t length)
{
    size_t dot = dot_of(name, length), extension = dot < length ? length - dot - 1 : 0;
    return dot > 0 && dot <= BASE_MAX && extension <= EXTENSION_MAX && all_plain(name, dot) &&
           (dot == length || (extension > 0 && all_plain(name + dot + 1, extension)));
}

static size_t put_plain(char *to, size_t most, const char *from, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length && count < most; i++)
        if (is_plain(from[i]))
            to[count++] = (char)fs_fold((uint8_t)from[i]);
    return count;
}

size_t fs_short_name(const char *name, size_t length, char to[FS_SHORT_MAX])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if (is_short(name, length))
        return 0;
    size_t dot = dot_of(name, length), size = put_plain(to, KEPT, name, dot);
    uint32_t hash = fs_name_hash(name, length);
    while (size < KEPT)
        to[size++] = '_';
    to[size++] = '~';
    for (uint32_t i = 0; i < 3; i++, hash /= 36)
        to[size++] = digits[hash % 36];
    if (dot == length)
        return size;
    size_t extension = put_plain(to + size + 1, EXTENSION_MAX, name + dot + 1, length - dot - 1);
    if (extension > 0)
        to[size] = '.';
    return extension > 0 ? size + 1 + extension : size;
}

bool fs_is_short_name(const char *name, size_t length)
{
    return length >= BASE_MAX && length <= FS_SHORT_MAX && name[KEPT] == '~' &&
           is_short(name, length);
}
