/* SPDX-License-Identifier: MIT */
/*
 * Self-tests that run inside the kernel, in a kernel thread, when the command line says `selftest`.
 * A test is a function named after the fact it establishes; EXPECT ends it when it does not hold.
 * What needs the trap path is tested by the program in user/ instead.
 */
#ifndef KERNEL_SELFTEST_SELFTEST_H
#define KERNEL_SELFTEST_SELFTEST_H

#include <atomik/types.h>

struct selftest {
    const char *name;
    void (*run)(void);
};

void selftest_group(const struct selftest *tests, uint32_t count);
void selftest_fail(const char *file, int line, const char *text);

#define EXPECT(condition)                                  \
    do {                                                   \
        if (!(condition)) {                                \
            selftest_fail(__FILE__, __LINE__, #condition); \
            return;                                        \
        }                                                  \
    } while (0)

/* The groups: one per file. */
void selftest_objects(void);
void selftest_threads(void);
void selftest_memory(void);

#endif
