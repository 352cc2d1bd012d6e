/* SPDX-License-Identifier: MIT */
/* RLIMIT_CPU: SIGXCPU once a second from the soft limit on, the end of the process at the hard one. */
#include "task.h"

static uint64_t time_used(struct process *process)
{
    uint64_t user, system, all = process->dead_user_time + process->dead_system_time;
    list_each(thread, &process->threads, struct thread, link)
    {
        thread_times(thread, &user, &system);
        all += user + system;
    }
    return all;
}

/* Until the next limit can be reached at the earliest: with one processor, so long from now. */
static void look(struct timeout *timeout, ktime_t time)
{
    struct process *process = container_of(timeout, struct process, cpu_limit);
    const struct linux_rlimit64 *limit = &process->limits[RLIMIT_CPU];
    uint64_t used = time_used(process), seconds = used / NS_PER_SEC;
    if (process->state != PROCESS_ALIVE || process->exiting)
        return;
    if (seconds >= limit->maximum) {
        process_end_all(process, SIGKILL);
        return;
    }
    if (seconds >= limit->current && seconds >= process->cpu_told) {
        process->cpu_told = (uint32_t)seconds + 1;
        signal_simple(process, SIGXCPU);
    }
    uint64_t next = MIN(MAX(limit->current, process->cpu_told), limit->maximum);
    timeout_start(timeout, time + MAX(next * NS_PER_SEC - used, 10000000));
}

void cpu_limit_watch(struct process *process)
{
    if (!process->cpu_limit.expire)
        timeout_init(&process->cpu_limit, look);
    timeout_stop(&process->cpu_limit);
    process->cpu_told = 0;
    if (process->limits[RLIMIT_CPU].current != RLIM64_INFINITY)
        timeout_start(&process->cpu_limit, now());
}
