/* SPDX-License-Identifier: MIT */
/*
 * Condition variables: a sequence number that each signal advances, on which waiters wait. A waiter that
 * has read the number before it gave the mutex back cannot miss a signal. `waiters` saves the call when
 * nobody waits, and lets destroy wait until the last woken one has left.
 */
#include <errno.h>
#include <pthread.h>

#include "system.h"
#include "thread.h"

enum { FLAG_SHARED = 1, FLAG_MONOTONIC = 2 };

static void leave(pthread_cond_t *cond)
{
    if (__sync_sub_and_fetch(&cond->__waiters, 1) == 0 && cond->__closing)
        __atomik_futex_wake(&cond->__waiters, 0x7fffffff, cond->__flags & FLAG_SHARED);
}

/* Waits with cancellation held back, so that the mutex can be taken first. */
static int wait_once(pthread_cond_t *cond, int sequence, clockid_t clock,
                     const struct timespec *deadline)
{
    struct __atomik_thread *self = thread_self();
    unsigned char state = self->cancel_disabled;
    if (state == PTHREAD_CANCEL_ENABLE)
        self->cancel_disabled = 2;
    int error;
    do {
        error = __atomik_futex_wait(&cond->__sequence, sequence, clock, deadline,
                                    cond->__flags & FLAG_SHARED, true);
    } while (error == EINTR && *(volatile int *)&cond->__sequence == sequence);
    self->cancel_disabled = state;
    return error;
}

int pthread_cond_clockwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           clockid_t clock, const struct timespec *restrict deadline)
{
    if (deadline && __atomik_bad_time(deadline))
        return EINVAL;
    pthread_testcancel();
    __sync_fetch_and_add(&cond->__waiters, 1);
    int sequence = *(volatile int *)&cond->__sequence;
    int error = pthread_mutex_unlock(mutex);
    if (error) {
        leave(cond);
        return error;
    }
    error = wait_once(cond, sequence, clock, deadline);
    leave(cond);
    int again = pthread_mutex_lock(mutex);
    if (error == ECANCELED)
        pthread_testcancel();
    return again ? again : error == ETIMEDOUT ? ETIMEDOUT : 0;
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict deadline)
{
    clockid_t clock = cond->__flags & FLAG_MONOTONIC ? CLOCK_MONOTONIC : CLOCK_REALTIME;
    return pthread_cond_clockwait(cond, mutex, clock, deadline);
}

int pthread_cond_wait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex)
{
    return pthread_cond_clockwait(cond, mutex, CLOCK_REALTIME, NULL);
}

static int wake(pthread_cond_t *cond, int count)
{
    if (*(volatile int *)&cond->__waiters) {
        __sync_fetch_and_add(&cond->__sequence, 1);
        __atomik_futex_wake(&cond->__sequence, count, cond->__flags & FLAG_SHARED);
    }
    return 0;
}

int pthread_cond_signal(pthread_cond_t *cond)
{
    return wake(cond, 1);
}

int pthread_cond_broadcast(pthread_cond_t *cond)
{
    return wake(cond, 0x7fffffff);
}

int pthread_cond_init(pthread_cond_t *restrict cond, const pthread_condattr_t *restrict attr)
{
    *cond = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    if (attr)
        cond->__flags = (attr->__shared ? FLAG_SHARED : 0) |
                        (attr->__clock == CLOCK_MONOTONIC ? FLAG_MONOTONIC : 0);
    return 0;
}

int pthread_cond_destroy(pthread_cond_t *cond)
{
    int waiters;
    cond->__closing = 1;
    __sync_synchronize();
    while ((waiters = *(volatile int *)&cond->__waiters) != 0) {
        __sync_fetch_and_add(&cond->__sequence, 1);
        __atomik_futex_wake(&cond->__sequence, 0x7fffffff, cond->__flags & FLAG_SHARED);
        __atomik_futex_wait(&cond->__waiters, waiters, 0, NULL, cond->__flags & FLAG_SHARED, false);
    }
    return 0;
}
