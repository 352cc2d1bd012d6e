/* SPDX-License-Identifier: MIT */
/* memchr and strchr. */
#include <string.h>

#include "vector.h"

typedef void *find_function(const void *, int, size_t);
typedef char *find_text_function(const char *, int);

VECTOR static void *find_vector(const void *memory, int value, size_t size)
{
    const vector all = ALL(value);
    const char *text = memory, *at = (const char *)((uintptr_t)text & -16UL);
    if (size == 0)
        return NULL;
    const char *end = text + size;
    if (end < text)
        end = (const char *)UINTPTR_MAX;
    unsigned found = EQUAL(LOAD_ALIGNED(at), all) & (~0U << ((uintptr_t)text & 15));
    while (!found) {
        at += 16;
        if (at >= end || at < text)
            return NULL;
        found = EQUAL(LOAD_ALIGNED(at), all);
    }
    at += __builtin_ctz(found);
    return at < end ? (void *)(uintptr_t)at : NULL;
}

static void *find_plain(const void *memory, int value, size_t size)
{
    for (const unsigned char *at = memory; size > 0; at++, size--)
        if (*at == (unsigned char)value)
            return (void *)(uintptr_t)at;
    return NULL;
}

VECTOR static char *find_text_vector(const char *text, int value)
{
    const vector all = ALL(value), zero = {0};
    const char *at = (const char *)((uintptr_t)text & -16UL);
    vector here = LOAD_ALIGNED(at);
    unsigned found = (EQUAL(here, all) | EQUAL(here, zero)) & (~0U << ((uintptr_t)text & 15));
    while (!found) {
        here = LOAD_ALIGNED(at += 16);
        found = EQUAL(here, all) | EQUAL(here, zero);
    }
    at += __builtin_ctz(found);
    return *at == (char)value ? (char *)(uintptr_t)at : NULL;
}

static char *find_text_plain(const char *text, int value)
{
    for (; *text != (char)value; text++)
        if (!*text)
            return NULL;
    return (char *)(uintptr_t)text;
}

static void *choose(const void *memory, int value, size_t size);
static find_function *chosen = choose;

static void *choose(const void *memory, int value, size_t size)
{
    chosen = __atomik_has_sse2() ? find_vector : find_plain;
    return chosen(memory, value, size);
}

void *memchr(const void *memory, int value, size_t size)
{
    return chosen(memory, value, size);
}

static char *choose_text(const char *text, int value);
static find_text_function *chosen_text = choose_text;

static char *choose_text(const char *text, int value)
{
    chosen_text = __atomik_has_sse2() ? find_text_vector : find_text_plain;
    return chosen_text(text, value);
}

char *strchr(const char *text, int value)
{
    return chosen_text(text, value);
}

char *index(const char *, int);
char *index(const char *text, int value)
{
    return chosen_text(text, value);
}

char *strchrnul(const char *text, int value)
{
    char *found = chosen_text(text, value);
    return found ? found : (char *)(uintptr_t)text + strlen(text);
}
