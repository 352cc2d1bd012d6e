/* SPDX-License-Identifier: MIT */
/* memset. */
#include <string.h>

#include "vector.h"

typedef void *fill_function(void *, int, size_t);

static size_t rep_from = SIZE_MAX;

static inline void rep_fill(char *to, int value, size_t size)
{
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
}

static void fill_short(char *to, uint32_t word, size_t size)
{
    if (size >= 4) {
        *(loose32 *)to = word;
        *(loose32 *)(to + size - 4) = word;
        if (size > 8) {
            *(loose32 *)(to + 4) = word;
            *(loose32 *)(to + size - 8) = word;
        }
    } else if (size >= 2) {
        *(loose16 *)to = (uint16_t)word;
        *(loose16 *)(to + size - 2) = (uint16_t)word;
    } else if (size) {
        *to = (char)word;
    }
}

/* The processor's own filling is quickest from where a line of its cache begins. */
VECTOR static void fill_by_processor(char *at, vector all, int value, size_t size)
{
    size_t skip = 64 - ((uintptr_t)at & 63);
    STORE(at, all);
    STORE(at + 16, all);
    STORE(at + 32, all);
    STORE(at + 48, all);
    rep_fill(at + skip, value, size - skip);
}

VECTOR static void *fill_vector(void *to, int value, size_t size)
{
    char *at = to, *end = at + size;
    if (size < 16) {
        fill_short(at, (uint32_t)(unsigned char)value * 0x01010101U, size);
        return to;
    }
    vector all = ALL(value);
    if (size >= rep_from) {
        fill_by_processor(at, all, value, size);
        return to;
    }
    STORE(at, all);
    STORE(end - 16, all);
    if (size <= 32)
        return to;
    STORE(at + 16, all);
    STORE(end - 32, all);
    if (size <= 64)
        return to;
    at = (char *)(((uintptr_t)at + 32) & -16UL);
    for (; at < end - 64; at += 64) {
        STORE_ALIGNED(at, all);
        STORE_ALIGNED(at + 16, all);
        STORE_ALIGNED(at + 32, all);
        STORE_ALIGNED(at + 48, all);
    }
    STORE(end - 64, all);
    STORE(end - 48, all);
    return to;
}

static void *fill_plain(void *to, int value, size_t size)
{
    rep_fill(to, value, size);
    return to;
}

static void *choose(void *to, int value, size_t size);
static fill_function *chosen = choose;

static void *choose(void *to, int value, size_t size)
{
    enum { REP_FROM = 1024 };
    if (__atomik_has_fast_rep())
        rep_from = REP_FROM;
    chosen = __atomik_has_sse2() ? fill_vector : fill_plain;
    return chosen(to, value, size);
}

void *memset(void *to, int value, size_t size)
{
    return chosen(to, value, size);
}
