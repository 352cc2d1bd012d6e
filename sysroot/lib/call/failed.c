/* SPDX-License-Identifier: MIT */
/* What a failed call returns in C, and the call by number. */
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "system.h"

long __atomik_failed(long raw)
{
    errno = (int)-raw;
    return -1;
}

long syscall(long number, ...)
{
    va_list list;
    va_start(list, number);
    long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
    long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
    va_end(list);
    return RESULT(call6(number, a, b, c, d, e, f));
}
