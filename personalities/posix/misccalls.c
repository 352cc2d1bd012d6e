/* SPDX-License-Identifier: MIT */
/* Calls that are simple here: one processor, one clock, no handles to files by name. */
#include <linux/timex.h>
#include <string.h>

#include "calls.h"
#include "file.h"
#include "task.h"

/* ---- membarrier: with one processor a system call is barrier enough ---------------------------------- */

enum membarrier_command {
    BARRIER_QUERY = 0,
    BARRIER_GLOBAL = 1,
    BARRIER_GLOBAL_EXPEDITED = 2,
    BARRIER_REGISTER_GLOBAL_EXPEDITED = 4,
    BARRIER_PRIVATE_EXPEDITED = 8,
    BARRIER_REGISTER_PRIVATE_EXPEDITED = 16,
};
#define BARRIERS                                                                     \
    (BARRIER_GLOBAL | BARRIER_GLOBAL_EXPEDITED | BARRIER_REGISTER_GLOBAL_EXPEDITED | \
     BARRIER_PRIVATE_EXPEDITED | BARRIER_REGISTER_PRIVATE_EXPEDITED)

int32_t sys_membarrier(uint32_t command, uint32_t flags, uint32_t cpu)
{
    struct mm *mm = self()->process->mm;
    (void)cpu;
    if (flags)
        return -EINVAL;
    switch (command) {
    case BARRIER_QUERY:
        return BARRIERS;
    case BARRIER_REGISTER_PRIVATE_EXPEDITED:
        mm->barrier_registered = true;
        return 0;
    case BARRIER_PRIVATE_EXPEDITED:
        return mm->barrier_registered ? 0 : -EPERM;
    case BARRIER_GLOBAL:
    case BARRIER_GLOBAL_EXPEDITED:
    case BARRIER_REGISTER_GLOBAL_EXPEDITED:
        return 0;
    }
    return -EINVAL;
}

/* ---- adjtimex: reads only ---------------------------------------------------------------------------- */

struct linux_timex {
    uint32_t modes;
    int32_t offset, frequency, maximum_error, estimated_error, status, constant, precision,
        tolerance;
    struct linux_timeval time;
    int32_t tick, pps_frequency, jitter, shift, stability, jitter_count, calibration_count,
        error_count, stability_count, tai;
    int32_t padding[11];
};
_Static_assert(sizeof(struct linux_timex) == 128, "timex");

/* A clock that nobody disciplines, as Linux shows it after the start. */
int32_t sys_adjtimex(user_t at)
{
    struct linux_timex timex;
    uint64_t time = wall_clock();
    if (copy_in(&timex, at, sizeof timex) < 0)
        return -EFAULT;
    if (timex.modes)
        return capable(CAP_SYS_TIME) ? -EOPNOTSUPP : -EPERM;
    memset(&timex, 0, sizeof timex);
    timex.maximum_error = timex.estimated_error = 16000000;
    timex.status = STA_UNSYNC;
    timex.constant = 2;
    timex.precision = 1;
    timex.tolerance = 32768000;
    timex.tick = 10000;
    timex.time =
        (struct linux_timeval){(int32_t)(time / NS_PER_SEC), (int32_t)(time % NS_PER_SEC / 1000)};
    return copy_out(at, &timex, sizeof timex) < 0 ? -EFAULT : TIME_ERROR;
}
