/* SPDX-License-Identifier: MIT */
#include <atomik/time.h>

#include <atomik/objects.h>
#include <atomik/syscall.h>

static ktime_t read_clock(uint32_t clock)
{
    uint64_t time = 0;
    return clock_get(clock, &time) == OK ? time : 0;
}

ktime_t time_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC_NS);
}

ktime_t time_realtime(void)
{
    return read_clock(CLOCK_REALTIME_NS);
}

void time_sleep(ktime_t nanoseconds)
{
    ktime_t deadline = time_monotonic() + nanoseconds;
    uint32_t word = 0;
    while (time_monotonic() < deadline)
        if (futex_wait((uintptr_t)&word, 0, deadline, CALL_UNINTERRUPTIBLE) == ERR_TIMED_OUT)
            return;
}
