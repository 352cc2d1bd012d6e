/* SPDX-License-Identifier: MIT */
/*
 * Clocks, sleeping, and timers that send signals.
 *
 * One background thread runs all interval and POSIX timers: they hang in one list ordered by
 * deadline, and whoever puts a new first one in wakes the thread. Guarded by the server lock.
 */
#include "time.h"

#include <atomik/startup.h>
#include <string.h>

#include "calls.h"
#include "futex.h"
#include "poll.h"
#include "task.h"

#define TICK_NS            10000000ull /* of times(2): USER_HZ is 100 */
#define TIMERS_PER_PROCESS 64

struct itimer {
    struct list queue_link; /* running timers by deadline */
    struct list process_link;
    struct process *process;
    uint32_t id;
    uint32_t clock;
    int32_t notify; /* SIGEV_* */
    uint32_t tid;   /* of SIGEV_THREAD_ID */
    uint32_t signal;
    uint32_t value; /* sigval */
    ktime_t deadline;
    uint64_t interval;
    uint32_t overrun;
    bool running, real; /* real: ITIMER_REAL */
};

#define SIGEV_SIGNAL    0
#define SIGEV_NONE      1
#define SIGEV_THREAD_ID 4

static struct list running = LIST_INIT(running);
static uint32_t timer_word; /* futex: changes when the first deadline does */

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

static struct linux_timeval timeval_of(uint64_t ns)
{
    return (struct linux_timeval){(int32_t)(ns / NS_PER_SEC), (int32_t)(ns % NS_PER_SEC / 1000)};
}

/* ---- clocks ------------------------------------------------------------------------------------ */

static uint64_t process_time(struct process *process)
{
    struct thread *thread;
    uint64_t user, system;
    server_lock();
    uint64_t sum = process->dead_user_time + process->dead_system_time;
    list_each(thread, &process->threads, struct thread, link)
    {
        thread_times(thread, &user, &system);
        sum += user + system;
    }
    server_unlock();
    return sum;
}

static int read_clock(uint32_t clock, uint64_t *ns)
{
    uint64_t user, system;
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        *ns = wall_clock();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        *ns = now();
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
        *ns = process_time(self()->process);
        return 0;
    case CLOCK_THREAD_CPUTIME_ID:
        thread_times(self(), &user, &system);
        *ns = user + system;
        return 0;
    }
    return -EINVAL;
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
    struct thread *thread;
    uint64_t u, s;
    server_lock();
    *user = process->dead_user_time;
    *system = process->dead_system_time;
    list_each(thread, &process->threads, struct thread, link)
    {
        thread_times(thread, &u, &s);
        *user += u;
        *system += s;
    }
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

static int32_t clock_sleep(uint32_t clock, uint32_t flags, user_t request, user_t rest, bool wide)
{
    uint64_t span, time;
    if (clock == CLOCK_THREAD_CPUTIME_ID || read_clock(clock, &time) < 0)
        return -EINVAL;
    if (clock == CLOCK_PROCESS_CPUTIME_ID)
        return -EOPNOTSUPP;
    int result = copy_in_span(&span, request, wide);
    if (result < 0)
        return result;
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

/* ---- timers: the queue and the thread that runs it ----------------------------------------------- */

static void timer_stop(struct itimer *timer)
{
    if (!timer->running)
        return;
    timer->running = false;
    list_remove(&timer->queue_link);
}

static void timer_enqueue(struct itimer *timer)
{
    struct itimer *each;
    struct list *before = &running;
    list_each(each, &running, struct itimer, queue_link)
    {
        if (each->deadline > timer->deadline) {
            before = &each->queue_link;
            break;
        }
    }
    list_append(before, &timer->queue_link);
    timer->running = true;
    if (running.next == &timer->queue_link) {
        timer_word++;
        ignore(futex_wake((uintptr_t)&timer_word, 1, NULL));
    }
}

static void timer_signal(struct itimer *timer)
{
    siginfo_t info = signal_info(timer->signal, timer->real ? SI_KERNEL : SI_TIMER);
    if (timer->notify == SIGEV_NONE)
        return;
    if (!timer->real) {
        info.si_tid = (int)timer->id;
        info.si_overrun = (int)timer->overrun;
        info.si_int = (int)timer->value;
    }
    struct thread *thread = timer->notify == SIGEV_THREAD_ID ? thread_find(timer->tid) : NULL;
    if (thread && thread->process == timer->process)
        signal_thread(thread, &info);
    else
        signal_process(timer->process, &info);
}

static void timer_expire(struct itimer *timer, ktime_t time)
{
    timer_stop(timer);
    timer->overrun = 0;
    if (timer->interval != 0) {
        uint64_t missed = (time - timer->deadline) / timer->interval;
        timer->overrun = (uint32_t)MIN(missed, INT32_MAX);
        timer->deadline += (missed + 1) * timer->interval;
    }
    timer_signal(timer);
    if (timer->interval != 0)
        timer_enqueue(timer);
}

static void timer_thread(void *unused)
{
    (void)unused;
    for (;;) {
        ktime_t deadline = DEADLINE_NEVER;
        server_lock();
        while (!list_empty(&running)) {
            struct itimer *first = list_entry(running.next, struct itimer, queue_link);
            ktime_t time = now();
            if (first->deadline > time) {
                deadline = first->deadline;
                break;
            }
            timer_expire(first, time);
        }
        uint32_t word = timer_word;
        server_unlock();
        ignore(futex_wait((uintptr_t)&timer_word, word, deadline, CALL_UNINTERRUPTIBLE));
    }
}

void timers_start(void)
{
    if (!worker_background(timer_thread, NULL))
        process_fail("posix: timers", ERR_NO_MEMORY);
}

static void timer_delete(struct itimer *timer)
{
    timer_stop(timer);
    list_remove(&timer->process_link);
    release(timer);
}

void timers_delete_posix(struct process *process)
{
    struct itimer *timer;
    list_each(timer, &process->posix_timers, struct itimer, process_link) timer_delete(timer);
}

void timers_delete_all(struct process *process)
{
    timers_delete_posix(process);
    if (process->real_timer)
        timer_delete(process->real_timer);
    process->real_timer = NULL;
}

static uint64_t timer_left(const struct itimer *timer)
{
    ktime_t time = now();
    if (!timer || !timer->running)
        return 0;
    return timer->deadline > time ? timer->deadline - time : 1;
}

/* Starts (span != 0) or stops a timer. Lock held. */
static void timer_arm(struct itimer *timer, uint64_t span, uint64_t interval)
{
    timer_stop(timer);
    timer->interval = interval;
    timer->overrun = 0;
    if (span == 0)
        return;
    timer->deadline = deadline_after(span);
    timer_enqueue(timer);
}

/* ---- alarm, setitimer ---------------------------------------------------------------------------- */

static struct itimer *real_timer(struct process *process)
{
    if (!process->real_timer) {
        struct itimer *timer = allocate(sizeof *timer);
        if (!timer)
            return NULL;
        list_init(&timer->queue_link);
        list_init(&timer->process_link);
        timer->process = process;
        timer->signal = SIGALRM;
        timer->real = true;
        process->real_timer = timer;
    }
    return process->real_timer;
}

static int set_real_timer(uint64_t span, uint64_t interval, uint64_t *left, uint64_t *old_interval)
{
    server_lock();
    struct itimer *timer = real_timer(self()->process);
    if (timer) {
        *left = timer_left(timer);
        *old_interval = timer->interval;
        timer_arm(timer, span, interval);
    }
    server_unlock();
    return timer ? 0 : -ENOMEM;
}

int32_t sys_alarm(uint32_t seconds)
{
    uint64_t left, interval;
    int result = set_real_timer(seconds * NS_PER_SEC, 0, &left, &interval);
    if (result < 0)
        return result;
    return (int32_t)(left == 0 ? 0 : MAX((left + NS_PER_SEC / 2) / NS_PER_SEC, 1));
}

static int span_of_timeval(uint64_t *ns, const struct linux_timeval *value)
{
    if (value->sec < 0 || (uint32_t)value->usec >= 1000000)
        return -EINVAL;
    *ns = (uint64_t)value->sec * NS_PER_SEC + (uint32_t)value->usec * 1000u;
    return 0;
}

int32_t sys_getitimer(uint32_t which, user_t to)
{
    if (which != ITIMER_REAL)
        return which > ITIMER_PROF ? -EINVAL : -ENOSYS;
    server_lock();
    struct itimer *timer = self()->process->real_timer;
    struct linux_itimerval value = {timeval_of(timer ? timer->interval : 0),
                                    timeval_of(timer_left(timer))};
    server_unlock();
    return copy_out(to, &value, sizeof value);
}

int32_t sys_setitimer(uint32_t which, user_t new, user_t old)
{
    struct linux_itimerval value = {.value = {0, 0}};
    uint64_t span, interval, left, old_interval;
    if (which != ITIMER_REAL)
        return which > ITIMER_PROF ? -EINVAL : -ENOSYS;
    if (new.address && copy_in(&value, new, sizeof value) < 0)
        return -EFAULT;
    if (span_of_timeval(&span, &value.value) < 0 || span_of_timeval(&interval, &value.interval) < 0)
        return -EINVAL;
    int result = set_real_timer(span, interval, &left, &old_interval);
    if (result < 0 || !old.address)
        return result;
    value = (struct linux_itimerval){timeval_of(old_interval), timeval_of(left)};
    return copy_out(old, &value, sizeof value);
}

/* ---- POSIX timers -------------------------------------------------------------------------------- */

struct linux_sigevent {
    uint32_t value;
    int32_t signal, notify;
    uint32_t tid;
    uint32_t padding[12];
};
_Static_assert(sizeof(struct linux_sigevent) == 64, "sigevent");

static struct itimer *timer_by_id(uint32_t id)
{
    struct itimer *timer;
    list_each(timer, &self()->process->posix_timers, struct itimer, process_link)
    {
        if (timer->id == id)
            return timer;
    }
    return NULL;
}

static int timer_add(struct itimer *timer)
{
    uint32_t id = 0;
    while (timer_by_id(id))
        id++;
    if (id >= TIMERS_PER_PROCESS)
        return -EAGAIN;
    timer->id = id;
    list_append(&timer->process->posix_timers, &timer->process_link);
    return (int)id;
}

int32_t sys_timer_create(uint32_t clock, user_t event_in, user_t id_out)
{
    struct linux_sigevent event = {.signal = SIGALRM, .notify = SIGEV_SIGNAL};
    uint64_t time;
    bool usable = clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME;
    if (!usable)
        return read_clock(clock, &time) < 0 ? -EINVAL : -EOPNOTSUPP;
    if (event_in.address && copy_in(&event, event_in, sizeof event) < 0)
        return -EFAULT;
    if ((event.notify != SIGEV_SIGNAL && event.notify != SIGEV_NONE &&
         event.notify != SIGEV_THREAD_ID) ||
        (event.notify != SIGEV_NONE && (event.signal < 1 || event.signal > SIGNAL_COUNT)))
        return -EINVAL;
    struct itimer *timer = allocate(sizeof *timer);
    if (!timer)
        return -EAGAIN;
    list_init(&timer->queue_link);
    timer->process = self()->process;
    timer->clock = clock;
    timer->notify = event.notify;
    timer->signal = (uint32_t)event.signal;
    timer->value = event.value;
    timer->tid = event.tid;
    server_lock();
    int id = timer_add(timer);
    if (!event_in.address)
        timer->value = (uint32_t)id;
    server_unlock();
    if (id < 0) {
        release(timer);
        return id;
    }
    return put_user(id_out, (uint32_t)id);
}

static int32_t timer_gettime_as(uint32_t id, user_t to, bool wide)
{
    server_lock();
    struct itimer *timer = timer_by_id(id);
    uint64_t interval = timer ? timer->interval : 0, left = timer_left(timer);
    server_unlock();
    if (!timer)
        return -EINVAL;
    uint32_t half = wide ? sizeof(struct linux_timespec64) : sizeof(struct linux_timespec);
    return copy_out_span(to, interval, wide) < 0 ? -EFAULT
                                                 : copy_out_span(user_at(to, half), left, wide);
}

int32_t sys_timer_gettime(uint32_t id, user_t to)
{
    return timer_gettime_as(id, to, false);
}

int32_t sys_timer_gettime64(uint32_t id, user_t to)
{
    return timer_gettime_as(id, to, true);
}

static int32_t timer_settime_as(uint32_t id, uint32_t flags, user_t new, user_t old, bool wide)
{
    uint32_t half = wide ? sizeof(struct linux_timespec64) : sizeof(struct linux_timespec);
    uint64_t interval, span, time = 0;
    int result = copy_in_span(&interval, new, wide);
    if (result == 0)
        result = copy_in_span(&span, user_at(new, half), wide);
    if (result == 0 && old.address)
        result = timer_gettime_as(id, old, wide);
    if (result < 0)
        return result;
    server_lock();
    struct itimer *timer = timer_by_id(id);
    if (timer) {
        if ((flags & 1) && span != 0) {
            ignore(read_clock(timer->clock, &time));
            span = span > time ? span - time : 1;
        }
        timer_arm(timer, span, interval);
    }
    server_unlock();
    return timer ? 0 : -EINVAL;
}

int32_t sys_timer_settime(uint32_t id, uint32_t flags, user_t new, user_t old)
{
    return timer_settime_as(id, flags, new, old, false);
}

int32_t sys_timer_settime64(uint32_t id, uint32_t flags, user_t new, user_t old)
{
    return timer_settime_as(id, flags, new, old, true);
}

int32_t sys_timer_getoverrun(uint32_t id)
{
    server_lock();
    struct itimer *timer = timer_by_id(id);
    int32_t result = timer ? (int32_t)timer->overrun : -EINVAL;
    server_unlock();
    return result;
}

int32_t sys_timer_delete(uint32_t id)
{
    server_lock();
    struct itimer *timer = timer_by_id(id);
    if (timer)
        timer_delete(timer);
    server_unlock();
    return timer ? 0 : -EINVAL;
}
