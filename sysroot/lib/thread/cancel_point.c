/* SPDX-License-Identifier: MIT */
/* A call at which a thread can be cancelled, in a program that may or may not cancel threads. */
#include "system.h"
#include "thread.h"

/* cancel.c has it; nothing refers to that file but what cancels. */
long __atomik_cancel_call(long number, long a, long b, long c, long d, long e, long f)
    __attribute__((weak));

long __atomik_cancel_point(long number, long a, long b, long c, long d, long e, long f)
{
    if (__atomik_cancel_call)
        return __atomik_cancel_call(number, a, b, c, d, e, f);
    return __atomik_call6(number, a, b, c, d, e, f);
}
