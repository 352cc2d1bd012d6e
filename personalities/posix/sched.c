/* SPDX-License-Identifier: MIT */
/*
 * Scheduling: policies, priorities, nice values, affinity. They are kept for each thread, checked and
 * reported by Linux's rules. The kernel runs all guests at one priority, so that no thread that holds
 * the server lock can be kept from running by another; a nice value makes the time slice shorter or
 * longer, which gives threads that compete for the processor shares of 1 (19) to 5 (0) to 25 (-20).
 */
#include <ipc/initclient.h>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <string.h>

#include "calls.h"
#include "server.h"
#include "task.h"

#define NICE_MIN        (-20)
#define NICE_MAX        19
#define PRIORITY_MAX_RT 99

/* Its worker may have run another thread before. */
void sched_apply(struct thread *thread)
{
    int32_t nice = thread->sched.nice;
    uint32_t ticks = nice > 0 ? SLICE_NORMAL - (uint32_t)(nice * (SLICE_NORMAL - 1) + 18) / 19
                              : SLICE_NORMAL + (uint32_t)-nice;
    if (ticks != thread->worker->slice &&
        thread_set(thread->worker->handle, THREAD_SLICE, ticks) == OK)
        thread->worker->slice = ticks;
}

static struct thread *find(int32_t pid)
{
    return pid == 0 ? self() : thread_find((uint32_t)pid);
}

/* Whether it is init's, a service's or another personality's process, which nobody reaches from here. */
static bool is_foreign(uint32_t pid)
{
    struct proc_record record;
    char name[NAME_LENGTH];
    server_lock();
    bool own = pid == 0 || thread_find(pid);
    server_unlock();
    return !own && init_proc_info(server.init, pid, false, &record, name, sizeof name) == OK;
}

static bool is_real_time(uint32_t policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool is_known(uint32_t policy)
{
    return is_real_time(policy) || policy == SCHED_NORMAL || policy == SCHED_BATCH ||
           policy == SCHED_IDLE;
}

/* Whether the caller may change another thread's scheduling at all. */
static bool owns(const struct thread *thread)
{
    const struct credentials *own = &self()->process->credentials,
                             *its = &thread->process->credentials;
    return own->euid == its->euid || own->euid == its->uid || capable(CAP_SYS_NICE);
}

static bool nice_allowed(const struct thread *thread, int32_t nice)
{
    uint64_t limit = thread->process->limits[RLIMIT_NICE].current; /* 20 - the lowest nice value */
    return nice >= thread->sched.nice || capable(CAP_SYS_NICE) ||
           (limit != RLIM64_INFINITY && (int64_t)(20 - nice) <= (int64_t)limit);
}

int32_t sys_sched_yield(void)
{
    ignore(thread_yield(0));
    return 0;
}

/* ---- policies --------------------------------------------------------------------------------------- */

static int32_t check_policy(const struct thread *thread, uint32_t policy, uint32_t priority)
{
    if (!is_known(policy) || priority > PRIORITY_MAX_RT || is_real_time(policy) != (priority != 0))
        return -EINVAL;
    if (!owns(thread))
        return -EPERM;
    uint64_t limit = thread->process->limits[RLIMIT_RTPRIO].current;
    bool raises = is_real_time(policy) &&
                  (policy != thread->sched.policy || priority > thread->sched.priority);
    if (raises && !capable(CAP_SYS_NICE) && priority > limit)
        return -EPERM;
    return 0;
}

static int32_t set_policy(int32_t pid, uint32_t policy, bool keep_policy, uint32_t priority,
                          bool reset)
{
    server_lock();
    struct thread *thread = find(pid);
    if (thread && keep_policy)
        policy = thread->sched.policy;
    int32_t result = thread ? check_policy(thread, policy, priority) : -ESRCH;
    if (result == 0) {
        thread->sched.policy = policy;
        thread->sched.priority = priority;
        if (!keep_policy)
            thread->sched.reset_on_fork = reset;
    }
    server_unlock();
    return result;
}

int32_t sys_sched_setscheduler(int32_t pid, uint32_t policy, user_t parameters)
{
    uint32_t priority;
    if ((int32_t)policy < 0 || pid < 0 || !parameters.address ||
        !is_known(policy & ~(uint32_t)SCHED_RESET_ON_FORK))
        return -EINVAL;
    if (get_user(&priority, parameters) < 0)
        return -EFAULT;
    return set_policy(pid, policy & ~(uint32_t)SCHED_RESET_ON_FORK, false, priority,
                      policy & SCHED_RESET_ON_FORK);
}

int32_t sys_sched_setparam(int32_t pid, user_t parameters)
{
    uint32_t priority;
    if (pid < 0 || !parameters.address)
        return -EINVAL;
    return get_user(&priority, parameters) < 0 ? -EFAULT
                                               : set_policy(pid, 0, true, priority, false);
}

static int32_t get_sched(int32_t pid, struct thread_sched *sched)
{
    if (pid < 0)
        return -EINVAL;
    server_lock();
    const struct thread *thread = find(pid);
    if (thread)
        *sched = thread->sched;
    server_unlock();
    return thread ? 0 : -ESRCH;
}

int32_t sys_sched_getscheduler(int32_t pid)
{
    struct thread_sched sched;
    int32_t result = get_sched(pid, &sched);
    if (result < 0)
        return result;
    return (int32_t)(sched.policy | (sched.reset_on_fork ? SCHED_RESET_ON_FORK : 0));
}

int32_t sys_sched_getparam(int32_t pid, user_t parameters)
{
    struct thread_sched sched;
    if (!parameters.address)
        return -EINVAL;
    int32_t result = get_sched(pid, &sched);
    return result < 0 ? result : put_user(parameters, sched.priority);
}

int32_t sys_sched_get_priority_max(uint32_t policy)
{
    return is_real_time(policy)                           ? PRIORITY_MAX_RT
           : is_known(policy) || policy == SCHED_DEADLINE ? 0
                                                          : -EINVAL;
}

int32_t sys_sched_get_priority_min(uint32_t policy)
{
    return is_real_time(policy) ? 1 : is_known(policy) || policy == SCHED_DEADLINE ? 0 : -EINVAL;
}

/* ---- sched_setattr, sched_getattr ------------------------------------------------------------------------ */

static int32_t copy_in_attr(struct sched_attr *attr, user_t from)
{
    uint32_t size;
    memset(attr, 0, sizeof *attr);
    if (get_user(&size, from) < 0)
        return -EFAULT;
    if (size == 0)
        size = SCHED_ATTR_SIZE_VER0;
    if (size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE) {
        (void)put_user(from, sizeof *attr);
        return -E2BIG;
    }
    return copy_in(attr, from, MIN(size, sizeof *attr));
}

static int32_t set_nice(struct thread *thread, int32_t nice)
{
    nice = MAX(NICE_MIN, MIN(nice, NICE_MAX));
    if (!owns(thread))
        return -EPERM;
    if (!nice_allowed(thread, nice))
        return -EACCES;
    thread->sched.nice = nice;
    sched_apply(thread);
    return 0;
}

int32_t sys_sched_setattr(int32_t pid, user_t from, uint32_t flags)
{
    struct sched_attr attr;
    if (!from.address || pid < 0 || flags != 0)
        return -EINVAL;
    int32_t result = copy_in_attr(&attr, from);
    if (result < 0)
        return result;
    if ((attr.sched_flags & ~(uint64_t)SCHED_FLAG_RESET_ON_FORK) || (int32_t)attr.sched_policy < 0)
        return -EINVAL;
    result = set_policy(pid, attr.sched_policy, false, attr.sched_priority,
                        attr.sched_flags & SCHED_FLAG_RESET_ON_FORK);
    if (result < 0 || is_real_time(attr.sched_policy))
        return result;
    server_lock();
    struct thread *thread = find(pid);
    result = thread ? set_nice(thread, attr.sched_nice) : -ESRCH;
    server_unlock();
    return result == -EACCES ? -EPERM : result;
}

int32_t sys_sched_getattr(int32_t pid, user_t to, uint32_t size, uint32_t flags)
{
    struct thread_sched sched;
    if (!to.address || pid < 0 || size > PAGE_SIZE || size < SCHED_ATTR_SIZE_VER0 || flags != 0)
        return -EINVAL;
    int32_t result = get_sched(pid, &sched);
    if (result < 0)
        return result;
    struct sched_attr attr = {.size = MIN(size, sizeof attr),
                              .sched_policy = sched.policy,
                              .sched_flags = sched.reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0,
                              .sched_nice = sched.nice,
                              .sched_priority = sched.priority,
                              .sched_util_max = 1024};
    return copy_out(to, &attr, attr.size);
}

static int32_t rr_interval(int32_t pid, uint64_t *interval)
{
    struct thread_sched sched;
    int32_t result = get_sched(pid, &sched);
    *interval = sched.policy == SCHED_FIFO ? 0 : 10000000; /* the kernel's time slice */
    return result;
}

int32_t sys_sched_rr_get_interval(int32_t pid, user_t to)
{
    uint64_t interval;
    int32_t result = rr_interval(pid, &interval);
    struct linux_timespec time = {0, (int32_t)interval};
    return result < 0 ? result : copy_out(to, &time, sizeof time);
}

int32_t sys_sched_rr_get_interval_time64(int32_t pid, user_t to)
{
    uint64_t interval;
    int32_t result = rr_interval(pid, &interval);
    struct linux_timespec64 time = {0, (int64_t)interval};
    return result < 0 ? result : copy_out(to, &time, sizeof time);
}

/* ---- nice values --------------------------------------------------------------------------------------------- */

int32_t sys_nice(int32_t increment)
{
    struct thread *thread = self();
    int32_t nice = MAX(-40, MIN(increment, 40)) + thread->sched.nice;
    nice = MAX(NICE_MIN, MIN(nice, NICE_MAX));
    if (increment < 0 && !nice_allowed(thread, nice))
        return -EPERM;
    server_lock();
    thread->sched.nice = nice;
    sched_apply(thread);
    server_unlock();
    return 0;
}

/* Whether `which` and `who` of get- and setpriority name this thread. */
static bool is_named(const struct thread *thread, uint32_t which, uint32_t who)
{
    const struct process *caller = self()->process, *process = thread->process;
    switch (which) {
    case PRIO_PROCESS:
        return who == 0 ? thread == self() : thread->tid == who;
    case PRIO_PGRP:
        return process->pgid == (who ? who : caller->pgid);
    }
    return process->credentials.uid == (who ? who : caller->credentials.uid);
}

int32_t sys_getpriority(uint32_t which, uint32_t who)
{
    int32_t best = -ESRCH;
    if (which > PRIO_USER)
        return -EINVAL;
    server_lock();
    process_each(process, bucket)
    {
        list_each(thread, &process->threads, struct thread, link)
        {
            if (is_named(thread, which, who))
                best = MAX(best, 20 - thread->sched.nice);
        }
    }
    server_unlock();
    return best;
}

int32_t sys_setpriority(uint32_t which, uint32_t who, int32_t nice)
{
    int32_t result = -ESRCH;
    if (which > PRIO_USER)
        return -EINVAL;
    if (which == PRIO_PROCESS && is_foreign(who))
        return -EPERM;
    server_lock();
    process_each(process, bucket)
    {
        list_each(thread, &process->threads, struct thread, link)
        {
            if (!is_named(thread, which, who))
                continue;
            int32_t error = set_nice(thread, nice);
            result = error < 0 || result == -ESRCH ? error : result;
        }
    }
    server_unlock();
    return result;
}

/* ---- affinity and I/O priority --------------------------------------------------------------------------------- */

static int32_t check_pid(int32_t pid)
{
    struct thread_sched sched;
    return pid < 0 ? -ESRCH : get_sched(pid, &sched);
}

int32_t sys_sched_getaffinity(int32_t pid, uint32_t size, user_t mask)
{
    if (size < 4 || size & 3)
        return -EINVAL;
    int32_t result = check_pid(pid);
    if (result < 0)
        return result;
    return put_user(mask, 1) < 0 ? -EFAULT : 4;
}

int32_t sys_sched_setaffinity(int32_t pid, uint32_t size, user_t mask)
{
    uint32_t word = 0;
    if (copy_in(&word, mask, MIN(size, 4)) < 0)
        return -EFAULT;
    server_lock();
    const struct thread *thread = pid < 0 ? NULL : find(pid);
    int32_t result = !thread ? -ESRCH : !owns(thread) ? -EPERM : word & 1 ? 0 : -EINVAL;
    server_unlock();
    return result;
}

int32_t sys_ioprio_set(uint32_t which, uint32_t who, uint32_t priority)
{
    uint32_t class = priority >> IOPRIO_CLASS_SHIFT, level = priority & 0x1fff;
    if (class > IOPRIO_CLASS_IDLE || (class == IOPRIO_CLASS_NONE && level != 0) || level > 7 ||
        which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER)
        return -EINVAL;
    if (class == IOPRIO_CLASS_RT && !capable(CAP_SYS_ADMIN) && !capable(CAP_SYS_NICE))
        return -EPERM;
    server_lock();
    struct thread *thread = which == IOPRIO_WHO_PROCESS ? find((int32_t)who) : self();
    int32_t result = !thread ? -ESRCH : !owns(thread) ? -EPERM : 0;
    if (result == 0)
        thread->sched.io_priority = priority;
    server_unlock();
    return result;
}

int32_t sys_ioprio_get(uint32_t which, uint32_t who)
{
    if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER)
        return -EINVAL;
    server_lock();
    const struct thread *thread = which == IOPRIO_WHO_PROCESS ? find((int32_t)who) : self();
    int32_t result = thread ? (int32_t)thread->sched.io_priority : -ESRCH;
    server_unlock();
    return result;
}
