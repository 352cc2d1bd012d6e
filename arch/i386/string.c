/* SPDX-License-Identifier: MIT */
/* The memory functions that a freestanding compiler may call. */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *text);

/* Plain moves for most of it: an emulator executes rep movs one element at a time. */
void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    uint32_t *word_to = to;
    const uint32_t *word_from = from;
    size_t words;

    for (; length >= 16; length -= 16, word_to += 4, word_from += 4) {
        uint32_t a = word_from[0], b = word_from[1], c = word_from[2], d = word_from[3];

        word_to[0] = a;
        word_to[1] = b;
        word_to[2] = c;
        word_to[3] = d;
    }
    words = length / 4;
    __asm__ volatile("rep movsl\n"
                     "movl %3, %%ecx\n"
                     "rep movsb"
                     : "+D"(word_to), "+S"(word_from), "+c"(words)
                     : "r"(length & 3)
                     : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t length)
{
    uint8_t *last_to = (uint8_t *)to + length - 1;
    const uint8_t *last_from = (const uint8_t *)from + length - 1;

    if ((uintptr_t)to - (uintptr_t)from >= length)
        return memcpy(to, from, length);
    __asm__ volatile("std\n"
                     "rep movsb\n"
                     "cld"
                     : "+D"(last_to), "+S"(last_from), "+c"(length)
                     :
                     : "memory");
    return to;
}

void *memset(void *to, int value, size_t length)
{
    uint32_t pattern = (uint8_t)value * 0x01010101u, *word_to = to;
    size_t words;

    for (; length >= 16; length -= 16, word_to += 4) {
        word_to[0] = pattern;
        word_to[1] = pattern;
        word_to[2] = pattern;
        word_to[3] = pattern;
    }
    words = length / 4;
    __asm__ volatile("rep stosl\n"
                     "movl %2, %%ecx\n"
                     "rep stosb"
                     : "+D"(word_to), "+c"(words)
                     : "r"(length & 3), "a"(pattern)
                     : "memory");
    return to;
}

int memcmp(const void *a, const void *b, size_t length)
{
    const uint8_t *left = a, *right = b;

    for (size_t i = 0; i < length; i++)
        if (left[i] != right[i])
            return left[i] - right[i];
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;

    while (text[length])
        length++;
    return length;
}
