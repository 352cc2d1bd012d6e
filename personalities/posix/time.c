/* SPDX-License-Identifier: MIT */
/*
 * Clocks and sleeping. Clocks of processor time are those of the caller or, by number, those of any
 * process or thread.
 */
#include "time.h"

#include <atomik/startup.h>
#include <string.h>

#include "calls.h"
#include "futex.h"
#include "poll.h"
#include "task.h"

#define TICK_NS      10000000ull /* of times(2): USER_HZ is 100 */
#define CPU_LOOK_MIN 1000000ull  /* ns between looks at processor times, at least */

/* ---- spans and conversions --------------------------------------------------------------------- */

static int span_of(uint64_t *ns, int64_t sec, int64_t nsec)
{
    if (sec < 0 || nsec < 0 || nsec >= (int64_t)NS_PER_SEC)
        return -EINVAL;
    *ns = (uint64_t)MIN(sec, (int64_t)(INT64_MAX / NS_PER_SEC - 1)) * NS_PER_SEC + (uint64_t)nsec;
    return 0;
}

int copy_in_span(uint64_t *ns, user_t from, bool wide)
{
    struct linux_timespec64 time64;
    struct linux_timespec time;
    if (wide) {
        if (copy_in(&time64, from, sizeof time64) < 0)
            return -EFAULT;
        return span_of(ns, time64.sec,
                       (int32_t)time64.nsec); /* the upper half of nsec is padding */
    }
    if (copy_in(&time, from, sizeof time) < 0)
        return -EFAULT;
    return span_of(ns, time.sec, time.nsec);
}

int copy_out_span(user_t to, uint64_t ns, bool wide)
{
    struct linux_timespec64 time64 = {(int64_t)(ns / NS_PER_SEC), (int64_t)(ns % NS_PER_SEC)};
    struct linux_timespec time = {(int32_t)time64.sec, (int32_t)time64.nsec};
    return wide ? copy_out(to, &time64, sizeof time64) : copy_out(to, &time, sizeof time);
}

struct linux_timeval timeval_of(uint64_t ns)
{
    return (struct linux_timeval){(int32_t)(ns / NS_PER_SEC), (int32_t)(ns % NS_PER_SEC / 1000)};
}

/* ---- clocks ------------------------------------------------------------------------------------ */

void process_times(struct process *process, uint64_t *user, uint64_t *system)
{
    uint64_t u, s;
    *user = process->dead_user_time;
    *system = process->dead_system_time;
    list_each(thread, &process->threads, struct thread, link)
    {
        thread_times(thread, &u, &s);
        *user += u;
        *system += s;
    }
}

/*
 * A negative clock number: the complement of a process's or thread's number, shifted, over what is
 * meant (of whom, and which time).
 */
#define CPU_CLOCK_THREAD 4u
enum cpu_clock { CPU_CLOCK_ALL, CPU_CLOCK_USER, CPU_CLOCK_SCHEDULED, CPU_CLOCK_FD };

bool clock_is_cpu(uint32_t clock)
{
    return (int32_t)clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID ||
           clock == CLOCK_THREAD_CPUTIME_ID;
}

static int read_numbered(struct process *process, uint32_t clock, uint64_t *ns)
{
    uint32_t id = ~(uint32_t)((int32_t)clock >> 3), which = clock & 3;
    uint64_t user, system;
    if (which == CPU_CLOCK_FD)
        return -EINVAL;
    if (clock & CPU_CLOCK_THREAD) {
        struct thread *thread = id ? thread_find(id) : self();
        if (!thread || thread->process != process)
            return -EINVAL;
        thread_times(thread, &user, &system);
    } else {
        process = id ? process_find(id) : process;
        if (!process || process->state != PROCESS_ALIVE)
            return -EINVAL;
        process_times(process, &user, &system);
    }
    *ns = which == CPU_CLOCK_USER ? user : user + system;
    return 0;
}

int clock_read_locked(struct process *process, uint32_t clock, uint64_t *ns)
{
    uint64_t user, system;
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI:
        *ns = wall_clock();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        *ns = now();
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
        process_times(process, &user, &system);
        *ns = user + system;
        return 0;
    case CLOCK_THREAD_CPUTIME_ID:
        thread_times(self(), &user, &system);
        *ns = user + system;
        return 0;
    }
    return (int32_t)clock < 0 ? read_numbered(process, clock, ns) : -EINVAL;
}

static int read_clock(uint32_t clock, uint64_t *ns)
{
    bool locks = clock_is_cpu(clock);
    if (locks)
        server_lock();
    int result = clock_read_locked(self()->process, clock, ns);
    if (locks)
        server_unlock();
    return result;
}

/* Whether timers can be made on a clock: 0, or what timer_create answers. */
int clock_can_time(uint32_t clock)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
    case CLOCK_TAI:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
    case CLOCK_PROCESS_CPUTIME_ID:
    case CLOCK_THREAD_CPUTIME_ID:
        return 0;
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_MONOTONIC_COARSE:
        return -EOPNOTSUPP;
    }
    return (int32_t)clock < 0 ? 0 : -EINVAL;
}

static int32_t clock_gettime_as(uint32_t clock, user_t time, bool wide)
{
    uint64_t ns;
    int result = read_clock(clock, &ns);
    return result < 0 ? result : copy_out_span(time, ns, wide);
}

int32_t sys_clock_gettime(uint32_t clock, user_t time)
{
    return clock_gettime_as(clock, time, false);
}

int32_t sys_clock_gettime64(uint32_t clock, user_t time)
{
    return clock_gettime_as(clock, time, true);
}

static int32_t clock_getres_as(uint32_t clock, user_t resolution, bool wide)
{
    uint64_t ns;
    int result = read_clock(clock, &ns);
    if (result < 0)
        return result;
    bool coarse = clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE;
    return resolution.address ? copy_out_span(resolution, coarse ? 4000000 : 1, wide) : 0;
}

int32_t sys_clock_getres(uint32_t clock, user_t resolution)
{
    return clock_getres_as(clock, resolution, false);
}

int32_t sys_clock_getres_time64(uint32_t clock, user_t resolution)
{
    return clock_getres_as(clock, resolution, true);
}

static int32_t set_wall_clock(uint64_t ns)
{
    if (!capable(CAP_SYS_TIME))
        return -EPERM;
    status_t status = clock_set(ns);
    if (status == OK)
        timerfd_clock_was_set();
    return status == ERR_ACCESS_DENIED ? -EPERM : errno_of(status);
}

static int32_t clock_settime_as(uint32_t clock, user_t time, bool wide)
{
    uint64_t ns;
    if (clock != CLOCK_REALTIME)
        return -EINVAL;
    int result = copy_in_span(&ns, time, wide);
    return result < 0 ? result : set_wall_clock(ns);
}

int32_t sys_clock_settime(uint32_t clock, user_t time)
{
    return clock_settime_as(clock, time, false);
}

int32_t sys_clock_settime64(uint32_t clock, user_t time)
{
    return clock_settime_as(clock, time, true);
}

int32_t sys_time(user_t result)
{
    uint32_t seconds = (uint32_t)(wall_clock() / NS_PER_SEC);
    if (result.address && put_user(result, seconds) < 0)
        return -EFAULT;
    return (int32_t)seconds;
}

int32_t sys_stime(user_t time)
{
    uint32_t seconds;
    return get_user(&seconds, time) < 0 ? -EFAULT : set_wall_clock((uint64_t)seconds * NS_PER_SEC);
}

int32_t sys_gettimeofday(user_t time, user_t zone)
{
    struct linux_timeval value = timeval_of(wall_clock());
    if (time.address && copy_out(time, &value, sizeof value) < 0)
        return -EFAULT;
    return zone.address ? zero_out(zone, 8) : 0;
}

int32_t sys_settimeofday(user_t time, user_t zone)
{
    struct linux_timeval value;
    (void)zone; /* the zone of the machine is of no consequence to anything here */
    if (!time.address)
        return 0;
    if (copy_in(&value, time, sizeof value) < 0)
        return -EFAULT;
    if (value.sec < 0 || (uint32_t)value.usec >= 1000000)
        return -EINVAL;
    return set_wall_clock((uint64_t)value.sec * NS_PER_SEC + (uint32_t)value.usec * 1000u);
}

static void own_times(struct process *process, uint64_t *user, uint64_t *system)
{
    server_lock();
    process_times(process, user, system);
    server_unlock();
}

int32_t sys_times(user_t buffer)
{
    struct process *process = self()->process;
    uint64_t user, system;
    own_times(process, &user, &system);
    uint32_t values[4] = {(uint32_t)(user / TICK_NS), (uint32_t)(system / TICK_NS),
                          (uint32_t)(process->child_user_time / TICK_NS),
                          (uint32_t)(process->child_system_time / TICK_NS)};
    if (buffer.address && copy_out(buffer, values, sizeof values) < 0)
        return -EFAULT;
    return (int32_t)(uint32_t)(now() / TICK_NS);
}

int32_t sys_getrusage(int32_t who, user_t to)
{
    struct process *process = self()->process;
    struct linux_rusage usage = {.maxrss = 0};
    uint64_t user, system;
    uint32_t mapped, resident;
    switch (who) {
    case 0: /* RUSAGE_SELF */
        own_times(process, &user, &system);
        break;
    case 1: /* RUSAGE_THREAD */
        thread_times(self(), &user, &system);
        break;
    case -1: /* RUSAGE_CHILDREN */
        user = process->child_user_time;
        system = process->child_system_time;
        break;
    default:
        return -EINVAL;
    }
    usage.utime = timeval_of(user);
    usage.stime = timeval_of(system);
    if (who != -1 && space_pages(process->mm->space, &mapped, &resident) == OK)
        usage.maxrss = (int32_t)(resident * (PAGE_SIZE / 1024));
    return copy_out(to, &usage, sizeof usage);
}

/* ---- sleeping ---------------------------------------------------------------------------------- */

static int sleep_until(ktime_t deadline)
{
    struct wait_queue nobody;
    wait_queue_init(&nobody);
    server_lock();
    int result = wait_queue_sleep(&nobody, deadline);
    server_unlock();
    return result == -ETIMEDOUT ? 0 : result;
}

/* A relative sleep; interrupted, it says what is left and can be gone on with. */
static int32_t sleep_relative(ktime_t deadline, user_t rest, bool wide)
{
    struct thread *thread = self();
    int result = sleep_until(deadline);
    if (result == 0)
        return 0;
    ktime_t time = now();
    if (rest.address && copy_out_span(rest, deadline > time ? deadline - time : 0, wide) < 0)
        return -EFAULT;
    thread->restart.kind = RESTART_NANOSLEEP;
    thread->restart.deadline = deadline;
    thread->restart.words[0] = rest.address;
    thread->restart.words[1] = wide;
    return -ERESTART_BLOCK;
}

int32_t sys_nanosleep(user_t request, user_t rest)
{
    uint64_t span;
    int result = copy_in_span(&span, request, false);
    return result < 0 ? result : sleep_relative(deadline_after(span), rest, false);
}

/* Until a clock of processor time shows `until`: looks when that can be at the earliest. */
static int32_t sleep_on_cpu(uint32_t clock, uint64_t until)
{
    uint64_t time;
    while (read_clock(clock, &time) == 0 && time < until) {
        int result = sleep_until(deadline_after(MAX(until - time, CPU_LOOK_MIN)));
        if (result < 0)
            return -ERESTARTNOHAND;
    }
    return 0;
}

static int32_t clock_sleep(uint32_t clock, uint32_t flags, user_t request, user_t rest, bool wide)
{
    uint64_t span, time;
    if (read_clock(clock, &time) < 0)
        return -EINVAL;
    if (clock == CLOCK_THREAD_CPUTIME_ID || clock == CLOCK_MONOTONIC_RAW ||
        clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE)
        return -EOPNOTSUPP;
    int result = copy_in_span(&span, request, wide);
    if (result < 0)
        return result;
    if (clock_is_cpu(clock))
        return sleep_on_cpu(clock, flags & 1 ? span : time + span);
    if (!(flags & 1)) /* TIMER_ABSTIME */
        return sleep_relative(deadline_after(span), rest, wide);
    result = sleep_until(span > time ? deadline_after(span - time) : DEADLINE_POLL);
    return result == -ERESTARTSYS ? -ERESTARTNOHAND : result;
}

int32_t sys_clock_nanosleep(uint32_t clock, uint32_t flags, user_t request, user_t rest)
{
    return clock_sleep(clock, flags, request, rest, false);
}

int32_t sys_clock_nanosleep_time64(uint32_t clock, uint32_t flags, user_t request, user_t rest)
{
    return clock_sleep(clock, flags, request, rest, true);
}

int32_t sys_restart_syscall(void)
{
    struct thread *thread = self();
    switch (thread->restart.kind) {
    case RESTART_NANOSLEEP:
        return sleep_relative(thread->restart.deadline, USER(thread->restart.words[0]),
                              thread->restart.words[1]);
    case RESTART_FUTEX:
        return futex_restart(thread);
    case RESTART_POLL:
        return poll_restart(thread);
    }
    return -EINTR;
}
