/* SPDX-License-Identifier: MIT */
/* Numbers, sorting, the end of the process. */
#include <assert.h>
#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atomik/log.h>
#include <atomik/startup.h>

void exit(int code)
{
    process_end(code);
}

void abort(void)
{
    log_printf("aborted");
    __builtin_trap();
}

void assert_failed(const char *condition, const char *file, int line)
{
    log_printf("%s:%d: assertion failed: %s", file, line, condition);
    __builtin_trap();
}

static int digit_value(char c)
{
    return isdigit(c) ? c - '0' : isalpha(c) ? tolower(c) - 'a' + 10 : 99;
}

/* The magnitude of a number; *negative its sign. Too large a number is ULLONG_MAX. */
static unsigned long long parse(const char *text, char **end, int base, bool *negative)
{
    const char *at = text;
    unsigned long long value = 0;
    bool any = false, overflow = false;
    while (isspace(*at))
        at++;
    *negative = *at == '-';
    if (*at == '-' || *at == '+')
        at++;
    if ((base == 0 || base == 16) && at[0] == '0' && (at[1] | 32) == 'x' &&
        digit_value(at[2]) < 16) {
        at += 2;
        base = 16;
    }
    if (base == 0)
        base = *at == '0' ? 8 : 10;
    for (; digit_value(*at) < base; at++) {
        unsigned long long next;
        if (__builtin_mul_overflow(value, (unsigned long long)base, &next) ||
            __builtin_add_overflow(next, (unsigned long long)digit_value(*at), &next))
            overflow = true;
        else
            value = next;
        any = true;
    }
    if (end != NULL)
        *end = (char *)(any ? at : text);
    return overflow ? ULLONG_MAX : value;
}

unsigned long long strtoull(const char *text, char **end, int base)
{
    bool negative;
    unsigned long long value = parse(text, end, base, &negative);
    return negative ? -value : value;
}

unsigned long strtoul(const char *text, char **end, int base)
{
    bool negative;
    unsigned long long value = parse(text, end, base, &negative);
    if (value > ULONG_MAX)
        return ULONG_MAX;
    return negative ? -(unsigned long)value : (unsigned long)value;
}

long strtol(const char *text, char **end, int base)
{
    bool negative;
    unsigned long long value = parse(text, end, base, &negative);
    if (value > LONG_MAX)
        return negative ? LONG_MIN : LONG_MAX;
    return negative ? -(long)value : (long)value;
}

int atoi(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

int abs(int value)
{
    return value < 0 ? -value : value;
}

char *getenv(const char *name)
{
    return (char *)environment_get(name);
}

static void swap(char *a, char *b, size_t size)
{
    typedef uint32_t __attribute__((may_alias, aligned(1))) word;
    for (; size >= sizeof(word); size -= sizeof(word)) {
        word w = *(word *)a;
        *(word *)a = *(word *)b;
        *(word *)b = w;
        a += sizeof(word);
        b += sizeof(word);
    }
    while (size-- > 0) {
        char c = *a;
        *a++ = *b;
        *b++ = c;
    }
}

static void sift_down(char *base, size_t root, size_t count, size_t size,
                      int (*compare)(const void *, const void *))
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count)
            return;
        if (child + 1 < count && compare(base + child * size, base + (child + 1) * size) < 0)
            child++;
        if (compare(base + root * size, base + child * size) >= 0)
            return;
        swap(base + root * size, base + child * size, size);
        root = child;
    }
}

/* Heap sort: no recursion, no bad case. */
void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    for (size_t i = count / 2; i-- > 0;)
        sift_down(base, i, count, size, compare);
    for (size_t end = count; end > 1;) {
        end--;
        swap(base, (char *)base + end * size, size);
        sift_down(base, 0, end, size, compare);
    }
}
