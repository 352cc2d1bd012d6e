/* SPDX-License-Identifier: MIT */
/* strlen and strnlen. */
#include <string.h>

#include "vector.h"

typedef size_t length_function(const char *);

VECTOR static size_t length_vector(const char *text)
{
    const vector zero = {0};
    const char *at = (const char *)((uintptr_t)text & -16UL);
    unsigned found = EQUAL(LOAD_ALIGNED(at), zero) >> ((uintptr_t)text & 15);
    if (found)
        return (size_t)__builtin_ctz(found);
    for (at += 16; (uintptr_t)at & 63; at += 16)
        if ((found = EQUAL(LOAD_ALIGNED(at), zero)) != 0)
            return (size_t)(at - text) + (size_t)__builtin_ctz(found);
    while (!BITS((LOAD_ALIGNED(at) == zero) | (LOAD_ALIGNED(at + 16) == zero) |
                 (LOAD_ALIGNED(at + 32) == zero) | (LOAD_ALIGNED(at + 48) == zero)))
        at += 64;
    while ((found = EQUAL(LOAD_ALIGNED(at), zero)) == 0)
        at += 16;
    return (size_t)(at - text) + (size_t)__builtin_ctz(found);
}

static size_t length_plain(const char *text)
{
    const char *at = text;
    while (*at)
        at++;
    return (size_t)(at - text);
}

static size_t choose(const char *text);
static length_function *chosen = choose;

static size_t choose(const char *text)
{
    chosen = __atomik_has_sse2() ? length_vector : length_plain;
    return chosen(text);
}

size_t strlen(const char *text)
{
    return chosen(text);
}

size_t strnlen(const char *text, size_t limit)
{
    const char *end = memchr(text, 0, limit);
    return end ? (size_t)(end - text) : limit;
}
