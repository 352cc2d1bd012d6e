/* SPDX-License-Identifier: MIT */
/* What the programs that measure Unix calls share. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Monotonic, in nanoseconds. */
static inline double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static inline void must(int right, const char *what)
{
    if (right)
        return;
    perror(what);
    exit(1);
}

#endif
