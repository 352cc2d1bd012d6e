/* SPDX-License-Identifier: MIT */
/* A condition that must hold: the program says which did not, and fails. */
#ifndef TESTS_SYSROOT_CHECK_H
#define TESTS_SYSROOT_CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

#define CHECK(condition)                                                             \
    do {                                                                             \
        if (!(condition)) {                                                          \
            printf("%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
            failures++;                                                              \
        }                                                                            \
    } while (0)

static inline int finish(void)
{
    printf(failures ? "%d failed\n" : "all good\n", failures);
    return failures ? 1 : 0;
}

#endif
