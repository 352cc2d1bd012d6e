/* SPDX-License-Identifier: MIT */
/*
 * Threads, mutexes and condition variables of native programs and servers.
 *
 * Mutexes and conditions wait uninterruptibly: a kick stays pending and reaches the thread at its
 * next interruptible wait or guest_enter. A zeroed structure is ready for use.
 */
#ifndef ATOMIK_THREAD_H
#define ATOMIK_THREAD_H

#include <atomik/types.h>

#define THREAD_STACK_DEFAULT 65536u

/*
 * Start a thread that runs function(argument) and ends when it returns. stack_size 0 is the
 * default; a guard page lies below the stack, which is freed when the thread ends. *thread (may be
 * NULL) gets a handle that the caller closes; waiting for its SIGNAL_TERMINATED joins the thread.
 */
status_t thread_spawn(void (*function)(void *), void *argument, size_t stack_size,
                      handle_t *thread);
/* End a thread that thread_spawn started, from within. */
void thread_end(void) __attribute__((noreturn));

struct mutex {
    uint32_t state; /* 0 free, 1 taken, 2 taken and somebody waits */
};
void mutex_lock_contended(struct mutex *mutex); /* wait until it is free, and take it */
void mutex_wake_waiter(struct mutex *mutex);

static inline bool mutex_try_lock(struct mutex *mutex)
{
    uint32_t expected = 0;
    return __atomic_compare_exchange_n(&mutex->state, &expected, 1, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static inline void mutex_lock(struct mutex *mutex)
{
    if (__builtin_expect(!mutex_try_lock(mutex), 0))
        mutex_lock_contended(mutex);
}

static inline void mutex_unlock(struct mutex *mutex)
{
    if (__builtin_expect(__atomic_exchange_n(&mutex->state, 0, __ATOMIC_RELEASE) == 2, 0))
        mutex_wake_waiter(mutex);
}

struct condition {
    uint32_t sequence;
};
/* Give the mutex up, wait to be signalled (or for nothing: callers re-check), take it again. */
void condition_wait(struct condition *condition, struct mutex *mutex);
/* The same with a deadline; false if it passed. */
bool condition_wait_until(struct condition *condition, struct mutex *mutex, ktime_t deadline);
void condition_signal(struct condition *condition);
void condition_broadcast(struct condition *condition);

#endif
