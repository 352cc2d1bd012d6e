/* SPDX-License-Identifier: MIT */
/* memcmp and strcmp; strcpy and the like on strlen and memcpy. */
#include <string.h>

#include "vector.h"

typedef int compare_function(const void *, const void *, size_t);
typedef int compare_text_function(const char *, const char *);

static int compare_plain(const void *a, const void *b, size_t size)
{
    const unsigned char *left = a, *right = b;
    for (; size > 0; left++, right++, size--)
        if (*left != *right)
            return *left - *right;
    return 0;
}

VECTOR static int differ_at(const unsigned char *left, const unsigned char *right, unsigned equal)
{
    unsigned at = (unsigned)__builtin_ctz(~equal);
    return left[at] - right[at];
}

VECTOR static int compare_vector(const void *a, const void *b, size_t size)
{
    const unsigned char *left = a, *right = b;
    if (size < 16)
        return compare_plain(a, b, size);
    for (; size >= 16; left += 16, right += 16, size -= 16) {
        unsigned equal = EQUAL(LOAD(left), LOAD(right));
        if (equal != 0xffff)
            return differ_at(left, right, equal);
    }
    if (size == 0)
        return 0;
    left -= 16 - size;
    right -= 16 - size;
    unsigned equal = EQUAL(LOAD(left), LOAD(right));
    return equal == 0xffff ? 0 : differ_at(left, right, equal);
}

static int compare_text_plain(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

static bool crosses_page(const char *text)
{
    return ((uintptr_t)text & 4095) > 4096 - 16;
}

/* Reads 16 bytes at a time but where that could leave the page that one of the strings ends in. */
VECTOR static int compare_text_vector(const char *a, const char *b)
{
    const vector zero = {0};
    for (;; a += 16, b += 16) {
        if (crosses_page(a) || crosses_page(b)) {
            for (int i = 0; i < 16; i++)
                if (!a[i] || a[i] != b[i])
                    return (unsigned char)a[i] - (unsigned char)b[i];
            continue;
        }
        vector left = LOAD(a), right = LOAD(b);
        unsigned stop = (EQUAL(left, right) ^ 0xffff) | EQUAL(left, zero);
        if (stop) {
            int at = __builtin_ctz(stop);
            return (unsigned char)a[at] - (unsigned char)b[at];
        }
    }
}

static int choose(const void *a, const void *b, size_t size);
static compare_function *chosen = choose;

static int choose(const void *a, const void *b, size_t size)
{
    chosen = __atomik_has_sse2() ? compare_vector : compare_plain;
    return chosen(a, b, size);
}

int memcmp(const void *a, const void *b, size_t size)
{
    return chosen(a, b, size);
}

static int choose_text(const char *a, const char *b);
static compare_text_function *chosen_text = choose_text;

static int choose_text(const char *a, const char *b)
{
    chosen_text = __atomik_has_sse2() ? compare_text_vector : compare_text_plain;
    return chosen_text(a, b);
}

int strcmp(const char *a, const char *b)
{
    return chosen_text(a, b);
}
