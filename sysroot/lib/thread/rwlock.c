/* SPDX-License-Identifier: MIT */
/*
 * Reader-writer locks. `state` counts readers, or is WRITER. Waiters wait on `waiting`, a number that
 * each release advances when somebody says in `sleepers` that he waits. Readers are admitted while
 * readers hold the lock; with PREFER_WRITER_NONRECURSIVE only while no writer waits.
 */
#include <errno.h>
#include <pthread.h>

#include "system.h"
#include "thread.h"

enum { WRITER = 0x7fffffff, READERS_MAX = 0x7ffffffe };
enum { SHARED = 1, WRITERS_FIRST = 2 }; /* flags */

static int try_read(pthread_rwlock_t *lock)
{
    int seen = *(volatile int *)&lock->__state;
    if (lock->__flags & WRITERS_FIRST && *(volatile int *)&lock->__writers)
        return EBUSY;
    while (seen < READERS_MAX) {
        if (__sync_bool_compare_and_swap(&lock->__state, seen, seen + 1))
            return 0;
        seen = *(volatile int *)&lock->__state;
    }
    return seen == WRITER ? EBUSY : EAGAIN;
}

static int try_write(pthread_rwlock_t *lock)
{
    if (!__sync_bool_compare_and_swap(&lock->__state, 0, WRITER))
        return EBUSY;
    lock->__owner = thread_self()->tid;
    return 0;
}

/* Takes the lock with `attempt`, waiting while it is busy. */
static int wait_for(pthread_rwlock_t *lock, int (*attempt)(pthread_rwlock_t *), clockid_t clock,
                    const struct timespec *deadline)
{
    for (;;) {
        int turn = *(volatile int *)&lock->__waiting;
        int error = attempt(lock);
        if (error != EBUSY)
            return error;
        if (lock->__state == WRITER && lock->__owner == thread_self()->tid)
            return EDEADLK;
        if (deadline && __atomik_bad_time(deadline))
            return EINVAL;
        /* A release before this does not see the waiter: so look again after it. */
        __sync_fetch_and_add(&lock->__sleepers, 1);
        error = attempt(lock);
        int waited = error == EBUSY ? __atomik_futex_wait(&lock->__waiting, turn, clock, deadline,
                                                          lock->__flags & SHARED, false)
                                    : 0;
        __sync_fetch_and_sub(&lock->__sleepers, 1);
        if (error != EBUSY || waited == ETIMEDOUT)
            return waited == ETIMEDOUT ? waited : error;
    }
}

static void wake_all(pthread_rwlock_t *lock)
{
    if (*(volatile int *)&lock->__sleepers == 0)
        return;
    __sync_fetch_and_add(&lock->__waiting, 1);
    __atomik_futex_wake(&lock->__waiting, 0x7fffffff, lock->__flags & SHARED);
}

static int acquire(pthread_rwlock_t *lock, int (*attempt)(pthread_rwlock_t *), clockid_t clock,
                   const struct timespec *deadline)
{
    if (attempt == try_read || !(lock->__flags & WRITERS_FIRST))
        return wait_for(lock, attempt, clock, deadline);
    __sync_fetch_and_add(&lock->__writers, 1);
    int error = wait_for(lock, attempt, clock, deadline);
    if (__sync_sub_and_fetch(&lock->__writers, 1) == 0 && error)
        wake_all(lock); /* readers who stood back for a writer that gave up */
    return error;
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
    return try_read(lock);
}

int pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
    return try_write(lock);
}

int pthread_rwlock_clockrdlock(pthread_rwlock_t *restrict lock, clockid_t clock,
                               const struct timespec *restrict deadline)
{
    return acquire(lock, try_read, clock, deadline);
}

int pthread_rwlock_clockwrlock(pthread_rwlock_t *restrict lock, clockid_t clock,
                               const struct timespec *restrict deadline)
{
    return acquire(lock, try_write, clock, deadline);
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t *restrict lock,
                               const struct timespec *restrict deadline)
{
    return acquire(lock, try_read, CLOCK_REALTIME, deadline);
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t *restrict lock,
                               const struct timespec *restrict deadline)
{
    return acquire(lock, try_write, CLOCK_REALTIME, deadline);
}

int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    return acquire(lock, try_read, CLOCK_REALTIME, NULL);
}

int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    return acquire(lock, try_write, CLOCK_REALTIME, NULL);
}

int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
    int left = 0;
    if (lock->__state == 0)
        return EPERM;
    if (lock->__state == WRITER) {
        if (lock->__owner != thread_self()->tid)
            return EPERM;
        lock->__owner = 0;
        __sync_lock_release(&lock->__state);
    } else {
        left = __sync_sub_and_fetch(&lock->__state, 1);
    }
    if (left == 0)
        wake_all(lock);
    return 0;
}

int pthread_rwlock_init(pthread_rwlock_t *restrict lock, const pthread_rwlockattr_t *restrict attr)
{
    *lock = (pthread_rwlock_t)PTHREAD_RWLOCK_INITIALIZER;
    if (attr)
        lock->__flags =
            (attr->__shared ? SHARED : 0) |
            (attr->__kind == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP ? WRITERS_FIRST : 0);
    return 0;
}

int pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
    (void)lock; /* there is nothing to give back, whatever state it is in */
    return 0;
}
