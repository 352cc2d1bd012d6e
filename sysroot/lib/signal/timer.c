/* SPDX-License-Identifier: MIT */
/*
 * Timers. One that calls a function (SIGEV_THREAD) has a thread, which waits for the library's own
 * signal and runs the function; a timer_t is then what is known of it, and else the kernel's number, doubled.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "system.h"
#include "thread.h"

struct caller {
    struct caller *next;
    int id;
    volatile int ended;
    void (*function)(union sigval);
    union sigval value;
    pthread_t thread;
    volatile int ready;
};

static volatile int callers_lock;
static struct caller *callers;

/* NULL: it is not one of these. */
static struct caller *caller_of(timer_t timer)
{
    lock(&callers_lock);
    struct caller *caller = callers;
    while (caller && caller != timer)
        caller = caller->next;
    unlock(&callers_lock);
    return caller;
}

static void link_caller(struct caller *caller)
{
    lock(&callers_lock);
    caller->next = callers;
    callers = caller;
    unlock(&callers_lock);
}

static void unlink_caller(const struct caller *caller)
{
    lock(&callers_lock);
    struct caller **at = &callers;
    while (*at != caller)
        at = &(*at)->next;
    *at = caller->next;
    unlock(&callers_lock);
}

/* The kernel knows no negative numbers. */
static int id_of(timer_t timer)
{
    const struct caller *caller = caller_of(timer);
    if (caller)
        return caller->id;
    return (uintptr_t)timer & 1 ? -1 : (int)(uintptr_t)timer >> 1;
}

static void *run_caller(void *argument)
{
    struct caller *caller = argument;
    sigset_t set = {{0, 1UL << (SIGNAL_TIMER - 33)}};
    while (caller->ready == 0)
        __atomik_futex_wait(&caller->ready, 0, 0, NULL, 0, false);
    while (!caller->ended) {
        siginfo_t info;
        long raw = CALL(rt_sigtimedwait_time64, &set, &info, 0, sizeof set);
        if (raw > 0 && info.si_code == SI_TIMER && !caller->ended)
            caller->function(caller->value);
    }
    free(caller);
    return NULL;
}

static void start_caller(struct caller *caller, int ready)
{
    caller->ended = ready < 0;
    caller->ready = ready;
    __atomik_futex_wake(&caller->ready, 1, 0);
}

/* The signal is blocked in the new thread from its first moment. */
static int make_thread(struct caller *caller, const pthread_attr_t *given)
{
    pthread_attr_t attr;
    if (given)
        attr = *given;
    else
        pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigset_t old;
    __atomik_block_all(&old);
    int error = pthread_create(&caller->thread, &attr, run_caller, caller);
    __atomik_restore_mask(&old);
    return error;
}

static int create_caller(clockid_t clock, const struct sigevent *event, timer_t *timer)
{
    struct caller *caller = calloc(1, sizeof *caller);
    if (!caller) {
        errno = EAGAIN;
        return -1;
    }
    caller->function = event->sigev_notify_function;
    caller->value = event->sigev_value;
    int error = make_thread(caller, event->sigev_notify_attributes);
    if (error) {
        free(caller);
        errno = error;
        return -1;
    }
    struct sigevent mine = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGNAL_TIMER};
    mine.sigev_notify_thread_id = caller->thread->tid;
    int id;
    long raw = CALL(timer_create, clock, &mine, &id);
    caller->id = id;
    if (raw == 0) {
        link_caller(caller);
        *timer = caller;
    }
    start_caller(caller, raw < 0 ? -1 : 1);
    return (int)RESULT(raw);
}

int timer_create(clockid_t clock, struct sigevent *restrict event, timer_t *restrict timer)
{
    int id;
    if (event && event->sigev_notify == SIGEV_THREAD)
        return create_caller(clock, event, timer);
    long raw = CALL(timer_create, clock, event, &id);
    if (raw == 0)
        *timer = (timer_t)((uintptr_t)id << 1);
    return (int)RESULT(raw);
}

int timer_delete(timer_t timer)
{
    long raw = CALL(timer_delete, id_of(timer));
    struct caller *caller = caller_of(timer);
    if (caller) {
        unlink_caller(caller);
        caller->ended = 1;
        CALL(tkill, caller->thread->tid, SIGNAL_TIMER);
    }
    return (int)RESULT(raw);
}

int timer_settime(timer_t timer, int flags, const struct itimerspec *restrict new,
                  struct itimerspec *restrict old)
{
    return (int)RESULT(CALL(timer_settime64, id_of(timer), flags, new, old));
}

int timer_gettime(timer_t timer, struct itimerspec *value)
{
    return (int)RESULT(CALL(timer_gettime64, id_of(timer), value));
}

int timer_getoverrun(timer_t timer)
{
    return (int)RESULT(CALL(timer_getoverrun, id_of(timer)));
}
