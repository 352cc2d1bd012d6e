/* SPDX-License-Identifier: MIT */
/*
 * Timers of processes: alarm, setitimer and POSIX timers. Those on wall and monotonic clocks are
 * timeouts; those on processor time are looked at by one timeout of their own, which is due when the
 * first of them could be at the earliest, since no program's time goes faster than time.
 *
 * A POSIX timer has at most one signal pending; what expires meanwhile is counted in it.
 */
#include <string.h>

#include "calls.h"
#include "snapshot/kinds.h"
#include "task.h"
#include "time.h"
#include "timeout.h"

#define TIMERS_PER_PROCESS 1024
#define CPU_LOOK_MIN       1000000ull /* ns between looks at processor times, at least */

#define TIMER_ABSTIME_ 1

struct itimer {
    struct timeout timeout; /* first */
    struct list process_link;
    struct list cpu_link; /* running timers on processor time */
    struct process *process;
    uint32_t id;
    uint32_t clock;
    bool on_cpu;
    int32_t notify; /* SIGEV_* */
    uint32_t tid;   /* of SIGEV_THREAD_ID */
    uint32_t signal;
    uint32_t value; /* sigval */
    uint64_t interval, cpu_deadline;
    uint32_t overrun;    /* of the last signal that was delivered */
    uint32_t skipped;    /* expirations that the next one stands for */
    bool interval_timer; /* of setitimer: no information with the signal */
};

static struct list cpu_timers = LIST_INIT(cpu_timers);
static struct timeout cpu_look;

/* ---- expiring ------------------------------------------------------------------------------------ */

/* The signal of this timer that is still pending, to count in; lock held. */
static struct queued_signal *still_pending(struct itimer *timer, struct pending *pending)
{
    list_each(queued, &pending->queue, struct queued_signal, link)
    {
        if (queued->info.si_code == SI_TIMER && queued->info.si_tid == (int)timer->id &&
            queued->info.si_signo == (int)timer->signal)
            return queued;
    }
    return NULL;
}

static void timer_signal(struct itimer *timer, uint32_t missed)
{
    siginfo_t info = signal_info(timer->signal, timer->interval_timer ? SI_KERNEL : SI_TIMER);
    struct thread *thread = timer->notify == SIGEV_THREAD_ID ? thread_find(timer->tid) : NULL;
    bool to_thread = thread && thread->process == timer->process;
    if (timer->notify == SIGEV_NONE)
        return;
    if (!timer->interval_timer) {
        struct queued_signal *queued =
            still_pending(timer, to_thread ? &thread->pending : &timer->process->pending);
        if (queued) {
            queued->info.si_overrun =
                (int)MIN((uint32_t)queued->info.si_overrun + missed + 1, INT32_MAX);
            return;
        }
        info.si_tid = (int)timer->id;
        info.si_overrun = (int)missed;
        info.si_int = (int)timer->value;
    }
    if (to_thread)
        signal_thread(thread, &info);
    else
        signal_process(timer->process, &info);
}

void timer_delivered(struct process *process, const siginfo_t *info)
{
    list_each(timer, &process->posix_timers, struct itimer, process_link)
    {
        if ((int)timer->id == info->si_tid)
            timer->overrun = (uint32_t)info->si_overrun;
    }
}

/* Moves a deadline that has passed on by whole intervals; how many were missed. */
static uint32_t next_deadline(uint64_t *deadline, uint64_t interval, uint64_t time)
{
    uint64_t missed = (time - *deadline) / interval;
    *deadline += (missed + 1) * interval;
    return (uint32_t)MIN(missed, INT32_MAX);
}

static void timer_expire(struct timeout *timeout, ktime_t time)
{
    struct itimer *timer = (struct itimer *)timeout;
    ktime_t deadline = timeout->deadline;
    uint32_t missed = timer->interval ? next_deadline(&deadline, timer->interval, time) : 0;
    missed = MIN(missed + timer->skipped, INT32_MAX);
    timer->skipped = 0;
    if (timer->interval && timer->interval < INTERVAL_LEAST) { /* or nothing else would run */
        timer->skipped = (uint32_t)(INTERVAL_LEAST / timer->interval);
        deadline += timer->skipped * timer->interval;
    }
    if (timer->interval)
        timeout_start(timeout, deadline);
    timer_signal(timer, missed);
}

/* ---- processor time ------------------------------------------------------------------------------ */

static void cpu_timer_stop(struct itimer *timer)
{
    list_remove(&timer->cpu_link);
}

/* Looks at a timer: the time until the next look, 0 if it does not run any more. */
static uint64_t cpu_timer_look(struct itimer *timer)
{
    uint64_t time;
    if (clock_read_locked(timer->process, timer->clock, &time) < 0) {
        cpu_timer_stop(timer); /* whose time it was has ended */
        return 0;
    }
    if (time >= timer->cpu_deadline) {
        uint32_t missed = 0;
        if (timer->interval)
            missed = next_deadline(&timer->cpu_deadline, timer->interval, time);
        else
            cpu_timer_stop(timer);
        timer_signal(timer, missed);
        if (!timer->interval)
            return 0;
    }
    return timer->cpu_deadline - time;
}

static void cpu_expire(struct timeout *timeout, ktime_t time)
{
    uint64_t next = UINT64_MAX;
    list_each(timer, &cpu_timers, struct itimer, cpu_link)
    {
        uint64_t left = cpu_timer_look(timer);
        if (left > 0)
            next = MIN(next, left);
    }
    if (next != UINT64_MAX)
        timeout_start(timeout, time + MAX(next, CPU_LOOK_MIN));
}

static void cpu_timer_start(struct itimer *timer, uint64_t deadline)
{
    cpu_timer_stop(timer);
    timer->cpu_deadline = deadline;
    list_append(&cpu_timers, &timer->cpu_link);
    if (!cpu_look.expire)
        timeout_init(&cpu_look, cpu_expire);
    timeout_start(&cpu_look, now()); /* which sets the time of the next look */
}

/* ---- all kinds; lock held -------------------------------------------------------------------------- */

static struct itimer *timer_new(struct process *process, uint32_t clock, uint32_t signal)
{
    struct itimer *timer = allocate(sizeof *timer);
    if (!timer)
        return NULL;
    timeout_init(&timer->timeout, timer_expire);
    list_init(&timer->process_link);
    list_init(&timer->cpu_link);
    timer->process = process;
    timer->clock = clock;
    timer->on_cpu = clock_is_cpu(clock);
    timer->signal = signal;
    return timer;
}

static void timer_stop(struct itimer *timer)
{
    timeout_stop(&timer->timeout);
    cpu_timer_stop(timer);
}

static void timer_delete(struct itimer *timer)
{
    timer_stop(timer);
    list_remove(&timer->process_link);
    release(timer);
}

static uint64_t timer_left(const struct itimer *timer)
{
    uint64_t time;
    if (!timer)
        return 0;
    if (!timer->on_cpu)
        return timeout_left(&timer->timeout);
    if (list_empty(&timer->cpu_link) || clock_read_locked(timer->process, timer->clock, &time) < 0)
        return 0;
    return timer->cpu_deadline > time ? timer->cpu_deadline - time : 1;
}

/* Starts (span != 0) or stops a timer. */
static void timer_arm(struct itimer *timer, uint64_t span, uint64_t interval)
{
    uint64_t time = 0;
    timer_stop(timer);
    timer->interval = interval;
    timer->skipped = 0;
    timer->overrun = 0;
    if (span == 0)
        return;
    if (!timer->on_cpu)
        timeout_start(&timer->timeout, deadline_after(span));
    else if (clock_read_locked(timer->process, timer->clock, &time) == 0)
        cpu_timer_start(timer, time + span);
}

void timers_delete_posix(struct process *process)
{
    list_each(timer, &process->posix_timers, struct itimer, process_link) timer_delete(timer);
}

void timers_delete_all(struct process *process)
{
    timers_delete_posix(process);
    for (uint32_t i = 0; i < INTERVAL_TIMERS; i++) {
        if (process->interval_timers[i])
            timer_delete(process->interval_timers[i]);
        process->interval_timers[i] = NULL;
    }
}

/* ---- alarm, setitimer ---------------------------------------------------------------------------- */

static struct itimer *interval_timer(struct process *process, uint32_t which)
{
    static const uint32_t clocks[INTERVAL_TIMERS] = {CLOCK_MONOTONIC, CLOCK_OWN_USER,
                                                     CLOCK_PROCESS_CPUTIME_ID},
                          signals[INTERVAL_TIMERS] = {SIGALRM, SIGVTALRM, SIGPROF};
    struct itimer **slot = &process->interval_timers[which];
    if (!*slot) {
        *slot = timer_new(process, clocks[which], signals[which]);
        if (*slot)
            (*slot)->interval_timer = true;
    }
    return *slot;
}

static int set_interval_timer(uint32_t which, uint64_t span, uint64_t interval, uint64_t *left,
                              uint64_t *old_interval)
{
    server_lock();
    struct itimer *timer = interval_timer(self()->process, which);
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
    int result = set_interval_timer(ITIMER_REAL, seconds * NS_PER_SEC, 0, &left, &interval);
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
    if (which >= INTERVAL_TIMERS)
        return -EINVAL;
    server_lock();
    struct itimer *timer = self()->process->interval_timers[which];
    struct linux_itimerval value = {timeval_of(timer ? timer->interval : 0),
                                    timeval_of(timer_left(timer))};
    server_unlock();
    return copy_out(to, &value, sizeof value);
}

int32_t sys_setitimer(uint32_t which, user_t new, user_t old)
{
    struct linux_itimerval value = {.value = {0, 0}};
    uint64_t span, interval, left, old_interval;
    if (new.address && copy_in(&value, new, sizeof value) < 0)
        return -EFAULT;
    if (which >= INTERVAL_TIMERS || span_of_timeval(&span, &value.value) < 0 ||
        span_of_timeval(&interval, &value.interval) < 0)
        return -EINVAL;
    int result = set_interval_timer(which, span, interval, &left, &old_interval);
    if (result < 0 || !old.address)
        return result;
    value = (struct linux_itimerval){timeval_of(old_interval), timeval_of(left)};
    return copy_out(old, &value, sizeof value);
}

/* ---- POSIX timers -------------------------------------------------------------------------------- */

static struct itimer *timer_of(struct process *process, uint32_t id)
{
    list_each(timer, &process->posix_timers, struct itimer, process_link)
    {
        if (timer->id == id)
            return timer;
    }
    return NULL;
}

static struct itimer *timer_by_id(uint32_t id)
{
    return timer_of(self()->process, id);
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

/* A SIGEV_THREAD_ID must name a thread of the caller's process. Lock held. */
static bool event_is_valid(const struct linux_sigevent *event)
{
    bool signals = event->signal >= 1 && event->signal <= SIGNAL_COUNT;
    switch (event->notify) {
    case SIGEV_NONE:
        return true;
    case SIGEV_SIGNAL:
    case SIGEV_THREAD:
        return signals;
    case SIGEV_SIGNAL | SIGEV_THREAD_ID:
        break;
    default:
        return false;
    }
    struct thread *thread = thread_find(event->tid);
    return signals && thread && thread->process == self()->process;
}

/* A clock of the calling thread gets the thread's number: others will read it. */
static uint32_t lasting_clock(uint32_t clock)
{
    if (clock == CLOCK_THREAD_CPUTIME_ID)
        return ~self()->tid << 3 | 6;
    if ((int32_t)clock < 0 && (clock & 4) && ~(uint32_t)((int32_t)clock >> 3) == 0)
        return ~self()->tid << 3 | (clock & 7);
    return clock;
}

int32_t sys_timer_create(uint32_t clock, user_t event_in, user_t id_out)
{
    struct linux_sigevent event = {.signal = SIGALRM, .notify = SIGEV_SIGNAL};
    uint64_t time;
    int id = clock_can_time(clock);
    if (id < 0)
        return id;
    clock = lasting_clock(clock);
    if (event_in.address && copy_in(&event, event_in, sizeof event) < 0)
        return -EFAULT;
    server_lock();
    struct itimer *timer = NULL;
    id = clock_read_locked(self()->process, clock, &time);
    if (id == 0 && !event_is_valid(&event))
        id = -EINVAL;
    if (id == 0) {
        timer = timer_new(self()->process, clock, (uint32_t)event.signal);
        id = timer ? timer_add(timer) : -EAGAIN;
    }
    if (id >= 0) {
        timer->notify = event.notify;
        timer->value = event_in.address ? event.value : (uint32_t)id;
        timer->tid = event.tid;
    } else {
        release(timer);
    }
    server_unlock();
    if (id < 0)
        return id;
    if (put_user(id_out, (uint32_t)id) == 0)
        return 0;
    (void)sys_timer_delete((uint32_t)id);
    return -EFAULT;
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
    int result = new.address ? copy_in_span(&interval, new, wide) : -EINVAL;
    if (result == 0)
        result = copy_in_span(&span, user_at(new, half), wide);
    if (result < 0)
        return result;
    server_lock();
    struct itimer *timer = timer_by_id(id);
    uint64_t old_interval = timer ? timer->interval : 0, left = timer_left(timer);
    if (timer) {
        if ((flags & TIMER_ABSTIME_) && span != 0) {
            (void)clock_read_locked(timer->process, timer->clock, &time); /* it was checked */
            span = span > time ? span - time : 1;
        }
        timer_arm(timer, span, interval);
    }
    server_unlock();
    if (!timer || !old.address)
        return timer ? 0 : -EINVAL;
    return copy_out_span(old, old_interval, wide) < 0 ||
                   copy_out_span(user_at(old, half), left, wide) < 0
               ? -EFAULT
               : 0;
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

/* ---- snapshots ----------------------------------------------------------------------------------- */

static const char *const interval_names[INTERVAL_TIMERS] = {"real", "virtual", "prof"};

static void save_timer(struct snapshot *snapshot, const char *kind, const struct itimer *timer)
{
    uint64_t left = timer_left(timer);
    snap_note_begin(snapshot, SNAP_TIMER);
    snap_put_text(snapshot, SNAP_TIMER_KIND, kind);
    if (left > 0)
        snap_put_u64(snapshot, SNAP_TIMER_LEFT, left);
    snap_put_u64(snapshot, SNAP_TIMER_INTERVAL, timer->interval);
}

void timers_save(struct process *process, struct snapshot *snapshot)
{
    for (uint32_t i = 0; i < INTERVAL_TIMERS; i++)
        if (process->interval_timers[i])
            save_timer(snapshot, interval_names[i], process->interval_timers[i]);
    list_each(timer, &process->posix_timers, struct itimer, process_link)
    {
        struct linux_sigevent event = {
            timer->value, (int32_t)timer->signal, timer->notify, timer->tid, {0}};
        save_timer(snapshot, "posix", timer);
        snap_put_u32(snapshot, SNAP_TIMER_ID, timer->id);
        snap_put_u32(snapshot, SNAP_TIMER_CLOCK, timer->clock);
        snap_put_u32(snapshot, SNAP_TIMER_OVERRUN, timer->overrun);
        snap_put(snapshot, SNAP_TIMER_EVENT, &event, sizeof event);
    }
}

/* The numbers of its clock and thread are those of the snapshot: a thread that has another now gets none. */
static struct itimer *restore_posix(struct process *process, const struct snap_note *note)
{
    uint32_t clock = snap_get_u32(note, SNAP_TIMER_CLOCK, UINT32_MAX), length = 0;
    uint32_t id = snap_get_u32(note, SNAP_TIMER_ID, UINT32_MAX);
    const uint8_t *data = snap_get(note, SNAP_TIMER_EVENT, &length);
    struct linux_sigevent event;
    uint64_t time;
    if (!data || length != sizeof event || id >= TIMERS_PER_PROCESS || timer_of(process, id) ||
        clock_read_locked(process, clock, &time) < 0)
        return NULL;
    memcpy(&event, data, sizeof event);
    bool signals = event.signal >= 1 && event.signal <= SIGNAL_COUNT;
    struct itimer *timer = event.notify == SIGEV_NONE || signals
                               ? timer_new(process, clock, (uint32_t)event.signal)
                               : NULL;
    if (!timer)
        return NULL;
    timer->id = id;
    timer->notify = event.notify;
    timer->tid = event.tid;
    timer->value = event.value;
    list_append(&process->posix_timers, &timer->process_link);
    return timer;
}

static struct itimer *restore_timer(struct process *process, const struct snap_note *note)
{
    char kind[8] = "";
    (void)snap_get_text(note, SNAP_TIMER_KIND, kind, sizeof kind);
    for (uint32_t i = 0; i < INTERVAL_TIMERS; i++)
        if (strcmp(kind, interval_names[i]) == 0)
            return interval_timer(process, i);
    return strcmp(kind, "posix") == 0 ? restore_posix(process, note) : NULL;
}

int timers_restore(struct process *process, const struct snapshot *snapshot)
{
    const struct snap_note *note = snap_next(snapshot, SNAP_TIMER, NULL);
    for (; note; note = snap_next(snapshot, SNAP_TIMER, note)) {
        struct itimer *timer = restore_timer(process, note);
        if (!timer)
            return -EINVAL;
        timer_arm(timer, snap_get_u64(note, SNAP_TIMER_LEFT, 0),
                  snap_get_u64(note, SNAP_TIMER_INTERVAL, 0));
        timer->overrun = snap_get_u32(note, SNAP_TIMER_OVERRUN, 0);
    }
    return 0;
}
