/* SPDX-License-Identifier: MIT */
/* Lines for the kernel log (and the console, if the machine was booted verbose). */
#ifndef ATOMIK_LOG_H
#define ATOMIK_LOG_H

#include <atomik/types.h>

void log_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Log a line the first time this call site is reached, and never again. */
#define LOG_ONCE(...)                                               \
    do {                                                            \
        static bool logged_;                                        \
        if (!__atomic_exchange_n(&logged_, true, __ATOMIC_RELAXED)) \
            log_printf(__VA_ARGS__);                                \
    } while (0)

#endif
