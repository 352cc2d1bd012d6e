/* SPDX-License-Identifier: MIT */
/*
 * One line for each function that only passes its arguments on:
 *
 *   PASS(type, function, call, (parameters), arguments...)      a plain call
 *   PASS_CANCEL(...)                                            one at which a thread can be cancelled
 *   PASS_CODE(...)                                              one that returns the errno itself
 *
 * They are weak: a program may have a function of the same name, as gnulib's programs have renameat2, although another of
 * the same file is linked.
 */
#ifndef SYSROOT_PASS_H
#define SYSROOT_PASS_H

#include "system.h"

#define WEAK __attribute__((weak))

#define PASS(type, function, call, parameters, ...)     \
    WEAK type function parameters                       \
    {                                                   \
        return (type)RESULT(CALL(call, ##__VA_ARGS__)); \
    }
#define PASS_CANCEL(type, function, call, parameters, ...) \
    WEAK type function parameters                          \
    {                                                      \
        return (type)RESULT(CANCEL(call, ##__VA_ARGS__));  \
    }
#define PASS_CODE(type, function, call, parameters, ...) \
    WEAK type function parameters                        \
    {                                                    \
        return (type)-CALL(call, ##__VA_ARGS__);         \
    }

#endif
