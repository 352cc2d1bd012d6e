/* SPDX-License-Identifier: MIT */
/*
 * Memory and string functions. The bulk movers use plain word moves, unrolled: under an emulator
 * `rep movs` costs several times as much per element.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint32_t __attribute__((may_alias, aligned(1))) word_t;

static void copy_up(uint8_t *to, const uint8_t *from, size_t length)
{
    for (; length >= 32; length -= 32, to += 32, from += 32) {
        const word_t *f = (const word_t *)from;
        word_t *t = (word_t *)to;
        uint32_t a = f[0], b = f[1], c = f[2], d = f[3];
        t[0] = a, t[1] = b, t[2] = c, t[3] = d;
        a = f[4], b = f[5], c = f[6], d = f[7];
        t[4] = a, t[5] = b, t[6] = c, t[7] = d;
    }
    for (; length >= 4; length -= 4, to += 4, from += 4)
        *(word_t *)to = *(const word_t *)from;
    while (length-- > 0)
        *to++ = *from++;
}

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    copy_up(to, from, length);
    return to;
}

void *memmove(void *to, const void *from, size_t length)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if ((uintptr_t)t - (uintptr_t)f >= length) {
        copy_up(t, f, length); /* the target starts before the source or behind its end */
        return to;
    }
    for (; length >= 4; length -= 4)
        *(word_t *)(t + length - 4) = *(const word_t *)(f + length - 4);
    while (length-- > 0)
        t[length] = f[length];
    return to;
}

void *memset(void *to, int byte, size_t length)
{
    uint8_t *t = to;
    uint32_t word = (uint8_t)byte * 0x01010101u;
    for (; length >= 16; length -= 16, t += 16) {
        word_t *w = (word_t *)t;
        w[0] = word, w[1] = word, w[2] = word, w[3] = word;
    }
    for (; length >= 4; length -= 4, t += 4)
        *(word_t *)t = word;
    while (length-- > 0)
        *t++ = (uint8_t)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t length)
{
    const uint8_t *x = a, *y = b;
    for (; length >= 4 && *(const word_t *)x == *(const word_t *)y; length -= 4)
        x += 4, y += 4;
    for (; length > 0; length--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

void *memchr(const void *bytes, int byte, size_t length)
{
    const uint8_t *b = bytes;
    for (; length > 0; length--, b++)
        if (*b == (uint8_t)byte)
            return (void *)b;
    return NULL;
}

size_t strlen(const char *text)
{
    const char *end = text;
    while (*end != 0)
        end++;
    return (size_t)(end - text);
}

size_t strnlen(const char *text, size_t max)
{
    size_t length = 0;
    while (length < max && text[length] != 0)
        length++;
    return length;
}

int strncmp(const char *a, const char *b, size_t max)
{
    for (; max > 0; max--, a++, b++) {
        if (*a != *b)
            return (uint8_t)*a - (uint8_t)*b;
        if (*a == 0)
            return 0;
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

int strncasecmp(const char *a, const char *b, size_t max)
{
    for (; max > 0; max--, a++, b++) {
        int x = tolower((uint8_t)*a), y = tolower((uint8_t)*b);
        if (x != y)
            return x - y;
        if (x == 0)
            return 0;
    }
    return 0;
}

int strcasecmp(const char *a, const char *b)
{
    return strncasecmp(a, b, SIZE_MAX);
}

char *strchr(const char *text, int byte)
{
    for (;; text++) {
        if (*text == (char)byte)
            return (char *)text;
        if (*text == 0)
            return NULL;
    }
}

char *strrchr(const char *text, int byte)
{
    const char *last = NULL;
    do {
        if (*text == (char)byte)
            last = text;
    } while (*text++ != 0);
    return (char *)last;
}

char *strstr(const char *text, const char *part)
{
    size_t length = strlen(part);
    if (length == 0)
        return (char *)text;
    for (;; text++) {
        if (*text == *part && strncmp(text, part, length) == 0)
            return (char *)text;
        if (*text == 0)
            return NULL;
    }
}

char *strcpy(char *to, const char *from)
{
    memcpy(to, from, strlen(from) + 1);
    return to;
}

char *strncpy(char *to, const char *from, size_t max)
{
    size_t length = strnlen(from, max);
    memcpy(to, from, length);
    memset(to + length, 0, max - length);
    return to;
}

char *strcat(char *to, const char *from)
{
    strcpy(to + strlen(to), from);
    return to;
}

size_t strspn(const char *text, const char *set)
{
    size_t length = 0;
    while (text[length] != 0 && strchr(set, text[length]) != NULL)
        length++;
    return length;
}

size_t strcspn(const char *text, const char *set)
{
    size_t length = 0;
    while (text[length] != 0 && strchr(set, text[length]) == NULL)
        length++;
    return length;
}

char *strndup(const char *text, size_t max)
{
    size_t length = strnlen(text, max);
    char *copy = malloc(length + 1);
    if (copy != NULL) {
        memcpy(copy, text, length);
        copy[length] = 0;
    }
    return copy;
}

char *strdup(const char *text)
{
    return strndup(text, SIZE_MAX);
}

size_t strlcpy(char *to, const char *from, size_t size)
{
    size_t length = strlen(from);
    if (size > 0) {
        size_t part = length < size ? length : size - 1;
        memcpy(to, from, part);
        to[part] = 0;
    }
    return length;
}
