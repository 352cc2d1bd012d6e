/* SPDX-License-Identifier: MIT */
/* strlen and strnlen. */
#include <string.h>

#include "vector.h"

typedef size_t length_function(const char *);

VECTOR static size_t length_vector(const char *text)
{
    const __m128i zero = _mm_setzero_si128();
    const char *at = (const char *)((uintptr_t)text & -16UL);
    unsigned found = EQUAL(LOAD_ALIGNED(at), zero) >> ((uintptr_t)text & 15);
    if (found)
        return (size_t)__builtin_ctz(found);
    for (at += 16; (uintptr_t)at & 63; at += 16)
        if ((found = EQUAL(LOAD_ALIGNED(at), zero)) != 0)
            return (size_t)(at - text) + (size_t)__builtin_ctz(found);
    for (;; at += 64) {
        __m128i low = _mm_min_epu8(LOAD_ALIGNED(at), LOAD_ALIGNED(at + 16));
        __m128i high = _mm_min_epu8(LOAD_ALIGNED(at + 32), LOAD_ALIGNED(at + 48));
        if (EQUAL(_mm_min_epu8(low, high), zero))
            break;
    }
    while ((found = EQUAL(LOAD_ALIGNED(at), zero)) == 0)
        at += 16;
    return (size_t)(at - text) + (size_t)__builtin_ctz(found);
}

PLAIN static size_t length_plain(const char *text)
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
