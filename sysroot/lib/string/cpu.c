/* SPDX-License-Identifier: MIT */
/* What the processor can do. */
#include <cpuid.h>

#include "vector.h"

bool __atomik_has_sse2(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && d & bit_SSE2;
}

bool __atomik_has_fast_rep(void)
{
    enum { FAST_REP = 1 << 9 };
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & FAST_REP;
}
