/* SPDX-License-Identifier: MIT */
/* Clocks and sleeping. */
#ifndef ATOMIK_TIME_H
#define ATOMIK_TIME_H

#include <atomik/types.h>

#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

ktime_t time_monotonic(void);
ktime_t time_realtime(void);
/* Not interrupted by kicks. */
void time_sleep(ktime_t nanoseconds);

#endif
