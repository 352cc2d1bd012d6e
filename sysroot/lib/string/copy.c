/* SPDX-License-Identifier: MIT */
/* memcpy and memmove, which are the same function: everything short is loaded before it is stored. */
#include <string.h>

#include "vector.h"

typedef void *copy_function(void *, const void *, size_t);

static size_t rep_from = SIZE_MAX; /* from this size the processor's own copying is faster */

static inline void rep_copy(char *to, const char *from, size_t size)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

static void copy_short(char *to, const char *from, size_t size)
{
    if (size >= 8) {
        uint32_t a = *(const loose32 *)from, b = *(const loose32 *)(from + 4);
        uint32_t c = *(const loose32 *)(from + size - 8), d = *(const loose32 *)(from + size - 4);
        *(loose32 *)to = a;
        *(loose32 *)(to + 4) = b;
        *(loose32 *)(to + size - 8) = c;
        *(loose32 *)(to + size - 4) = d;
    } else if (size >= 4) {
        uint32_t first = *(const loose32 *)from, last = *(const loose32 *)(from + size - 4);
        *(loose32 *)to = first;
        *(loose32 *)(to + size - 4) = last;
    } else if (size >= 2) {
        uint16_t first = *(const loose16 *)from, last = *(const loose16 *)(from + size - 2);
        *(loose16 *)to = first;
        *(loose16 *)(to + size - 2) = last;
    } else if (size) {
        *to = *from;
    }
}

/* 65 to 128 bytes: eight registers hold them all. */
VECTOR static void copy_middle(char *to, const char *from, size_t size)
{
    const char *end = from + size;
    vector a = LOAD(from), b = LOAD(from + 16), c = LOAD(from + 32), d = LOAD(from + 48);
    vector e = LOAD(end - 64), f = LOAD(end - 48), g = LOAD(end - 32), h = LOAD(end - 16);
    char *to_end = to + size;
    STORE(to, a);
    STORE(to + 16, b);
    STORE(to + 32, c);
    STORE(to + 48, d);
    STORE(to_end - 64, e);
    STORE(to_end - 48, f);
    STORE(to_end - 32, g);
    STORE(to_end - 16, h);
}

VECTOR static void copy_up(char *to, const char *from, size_t size)
{
    vector first = LOAD(from);
    vector a = LOAD(from + size - 64), b = LOAD(from + size - 48);
    vector c = LOAD(from + size - 32), d = LOAD(from + size - 16);
    char *last = to + size - 64, *start = to;
    size_t skip = 16 - ((uintptr_t)to & 15);
    for (to += skip, from += skip; to < last; to += 64, from += 64) {
        vector e = LOAD(from), f = LOAD(from + 16), g = LOAD(from + 32), h = LOAD(from + 48);
        STORE_ALIGNED(to, e);
        STORE_ALIGNED(to + 16, f);
        STORE_ALIGNED(to + 32, g);
        STORE_ALIGNED(to + 48, h);
    }
    STORE(last, a);
    STORE(last + 16, b);
    STORE(last + 32, c);
    STORE(last + 48, d);
    STORE(start, first);
}

VECTOR static void copy_down(char *to, const char *from, size_t size)
{
    vector a = LOAD(from), b = LOAD(from + 16), c = LOAD(from + 32), d = LOAD(from + 48);
    vector last = LOAD(from + size - 16);
    char *end = to + size, *low = to + 64, *at = (char *)((uintptr_t)end & -16UL);
    const char *source = from + (at - to);
    for (; at > low; at -= 64, source -= 64) {
        vector e = LOAD(source - 16), f = LOAD(source - 32);
        vector g = LOAD(source - 48), h = LOAD(source - 64);
        STORE_ALIGNED(at - 16, e);
        STORE_ALIGNED(at - 32, f);
        STORE_ALIGNED(at - 48, g);
        STORE_ALIGNED(at - 64, h);
    }
    STORE(to, a);
    STORE(to + 16, b);
    STORE(to + 32, c);
    STORE(to + 48, d);
    STORE(end - 16, last);
}

/* The processor's own copying is quickest to where a line of its cache begins. The two must not overlap. */
VECTOR static void copy_by_processor(char *to, const char *from, size_t size)
{
    vector a = LOAD(from), b = LOAD(from + 16), c = LOAD(from + 32), d = LOAD(from + 48);
    STORE(to, a);
    STORE(to + 16, b);
    STORE(to + 32, c);
    STORE(to + 48, d);
    size_t skip = 64 - ((uintptr_t)to & 63);
    rep_copy(to + skip, from + skip, size - skip);
}

VECTOR static void copy_long(char *to, const char *from, size_t size)
{
    if ((size_t)(to - from) < size)
        copy_down(to, from, size);
    else if (size >= rep_from && (size_t)(from - to) >= size)
        copy_by_processor(to, from, size);
    else
        copy_up(to, from, size);
}

VECTOR static void *copy_vector(void *to, const void *from, size_t size)
{
    char *target = to;
    const char *source = from;
    if (size <= 15) {
        copy_short(target, source, size);
    } else if (size <= 32) {
        vector first = LOAD(source), last = LOAD(source + size - 16);
        STORE(target, first);
        STORE(target + size - 16, last);
    } else if (size <= 64) {
        vector a = LOAD(source), b = LOAD(source + 16);
        vector c = LOAD(source + size - 32), d = LOAD(source + size - 16);
        STORE(target, a);
        STORE(target + 16, b);
        STORE(target + size - 32, c);
        STORE(target + size - 16, d);
    } else if (size <= 128) {
        copy_middle(target, source, size);
    } else {
        copy_long(target, source, size);
    }
    return to;
}

static void *copy_plain(void *to, const void *from, size_t size)
{
    char *target = to;
    const char *source = from;
    if ((size_t)(target - source) < size) {
        while (size-- > 0)
            target[size] = source[size];
        return to;
    }
    size_t words = size / 4;
    size %= 4;
    __asm__ volatile("rep movsl" : "+D"(target), "+S"(source), "+c"(words) : : "memory");
    rep_copy(target, source, size);
    return to;
}

static void *choose(void *to, const void *from, size_t size);
static copy_function *chosen = choose;

static void *choose(void *to, const void *from, size_t size)
{
    enum { REP_FROM = 1024 };
    if (__atomik_has_fast_rep())
        rep_from = REP_FROM;
    chosen = __atomik_has_sse2() ? copy_vector : copy_plain;
    return chosen(to, from, size);
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    return chosen(to, from, size);
}

void *memmove(void *to, const void *from, size_t size)
{
    return chosen(to, from, size);
}
