/* SPDX-License-Identifier: MIT */
/* Barriers and spin locks. `inside` counts who has not left yet, for destroy. */
#include <errno.h>
#include <pthread.h>

#include "system.h"
#include "thread.h"

int pthread_barrier_init(pthread_barrier_t *restrict barrier,
                         const pthread_barrierattr_t *restrict attr, unsigned count)
{
    if (count == 0)
        return EINVAL;
    *barrier = (pthread_barrier_t){.__limit = count, .__flags = attr ? attr->__shared : 0};
    return 0;
}

static void leave(pthread_barrier_t *barrier)
{
    if (__sync_sub_and_fetch(&barrier->__inside, 1) == 0)
        __atomik_futex_wake((volatile int *)&barrier->__inside, 0x7fffffff, barrier->__flags);
}

int pthread_barrier_wait(pthread_barrier_t *barrier)
{
    __sync_fetch_and_add(&barrier->__inside, 1);
    unsigned generation = *(volatile unsigned *)&barrier->__generation;
    int result = 0;
    if (__sync_add_and_fetch(&barrier->__arrived, 1) == barrier->__limit) {
        barrier->__arrived = 0;
        __sync_fetch_and_add(&barrier->__generation, 1);
        __atomik_futex_wake((volatile int *)&barrier->__generation, 0x7fffffff, barrier->__flags);
        result = PTHREAD_BARRIER_SERIAL_THREAD;
    } else {
        while (*(volatile unsigned *)&barrier->__generation == generation)
            __atomik_futex_wait((volatile int *)&barrier->__generation, (int)generation, 0, NULL,
                                barrier->__flags, false);
    }
    leave(barrier);
    return result;
}

int pthread_barrier_destroy(pthread_barrier_t *barrier)
{
    if (*(volatile unsigned *)&barrier->__arrived)
        return EBUSY;
    unsigned inside;
    while ((inside = *(volatile unsigned *)&barrier->__inside) != 0)
        __atomik_futex_wait((volatile int *)&barrier->__inside, (int)inside, 0, NULL,
                            barrier->__flags, false);
    return 0;
}

/* ---- spin locks: the owner's thread id ---- */

int pthread_spin_init(pthread_spinlock_t *lock, int shared)
{
    (void)shared;
    *lock = 0;
    return 0;
}

int pthread_spin_destroy(pthread_spinlock_t *lock)
{
    (void)lock;
    return 0;
}

int pthread_spin_trylock(pthread_spinlock_t *lock)
{
    return __sync_bool_compare_and_swap(lock, 0, thread_self()->tid) ? 0 : EBUSY;
}

int pthread_spin_lock(pthread_spinlock_t *lock)
{
    int tid = thread_self()->tid;
    if (*lock == tid)
        return EDEADLK;
    for (int tries = 1; !__sync_bool_compare_and_swap(lock, 0, tid); tries++) {
        if (tries % 64)
            __asm__ volatile("pause");
        else
            sched_yield();
    }
    return 0;
}

int pthread_spin_unlock(pthread_spinlock_t *lock)
{
    __sync_lock_release(lock);
    return 0;
}
