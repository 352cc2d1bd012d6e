/* SPDX-License-Identifier: MIT */
/* Nanoseconds that a call of a library function takes; the same source is built for two C libraries. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char from[1 << 20] __attribute__((aligned(4096))),
    to[1 << 20] __attribute__((aligned(4096)));
static volatile size_t sink;

enum { SLICES = 20 };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* What reading the clock takes: microseconds where that is a system call, and no part of what is measured. */
static double clock_cost(void)
{
    double best = 1e9;
    for (int i = 0; i < 1000; i++) {
        double start = now(), took = now() - start;
        best = took < best ? took : best;
    }
    return best;
}
static double cost;

/* The best of some slices: others use the machine too. */
#define MEASURE(name, size, count, call)                                       \
    do {                                                                       \
        double best = 1e9;                                                     \
        for (int slice = 0; slice < SLICES; slice++) {                         \
            double start = now();                                              \
            for (int i = 0; i < (count) / SLICES; i++) {                       \
                __asm__ volatile("" ::: "memory");                             \
                call;                                                          \
            }                                                                  \
            double took = (now() - start - cost) / (double)((count) / SLICES); \
            best = took < best ? took : best;                                  \
        }                                                                      \
        printf("%s %d %.2f\n", name, size, best);                              \
    } while (0)

static void blocks(int size, int count)
{
    void *kept[64];
    for (int i = 0; i < 64; i++)
        kept[i] = malloc((size_t)size);
    MEASURE("malloc and free", size, count, {
        free(kept[i & 63]);
        kept[i & 63] = malloc((size_t)(size + (i & 15)));
    });
    for (int i = 0; i < 64; i++)
        free(kept[i]);
}

int main(void)
{
    static const int sizes[] = {7, 32, 200, 2000, 65536, 1 << 20};
    void *(*volatile copy)(void *, const void *, size_t) = memcpy;
    void *(*volatile fill)(void *, int, size_t) = memset;
    size_t (*volatile length)(const char *) = strlen;
    cost = clock_cost();
    memset(from, 'x', sizeof from);
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int size = sizes[i], count = size > 10000 ? 100000000 / size : 300000;
        MEASURE("memcpy", size, count, copy(to, from, (size_t)size));
        MEASURE("memset", size, count, fill(to, 1, (size_t)size));
        from[size - 1] = 0;
        MEASURE("strlen", size, count, sink = length(from));
        from[size - 1] = 'x';
    }
    blocks(24, 300000);
    blocks(300, 300000);
    blocks(5000, 100000);
    return 0;
}
