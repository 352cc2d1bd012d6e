/* SPDX-License-Identifier: MIT */
/* Waiting and waking: futexes, and the slow half of the library's own locks. */
#include <errno.h>
#include <time.h>

#include "system.h"
#include "thread.h"

volatile int __atomik_thread_count;

void __atomik_lock_slow(volatile int *word)
{
    while (__sync_lock_test_and_set(word, 2) != 0)
        CALL(futex, word, FUTEX_WAIT | FUTEX_PRIVATE, 2, 0);
}

void __atomik_unlock_slow(volatile int *word)
{
    CALL(futex, word, FUTEX_WAKE | FUTEX_PRIVATE, 1);
}

int __atomik_bad_time(const struct timespec *time)
{
    return time->tv_nsec < 0 || time->tv_nsec >= 1000000000;
}

/* The kernel takes a negative time for an error; it has just passed. */
static bool is_past(const struct timespec *deadline)
{
    return deadline && deadline->tv_sec < 0;
}

int __atomik_futex_wait(volatile int *word, int value, clockid_t clock,
                        const struct timespec *deadline, int shared, bool cancel)
{
    int operation = FUTEX_WAIT_BITSET | (shared ? 0 : FUTEX_PRIVATE);
    if (deadline && clock == CLOCK_REALTIME)
        operation |= FUTEX_REALTIME;
    if (is_past(deadline))
        return ETIMEDOUT;
    long raw = cancel ? CANCEL(futex_time64, word, operation, value, deadline, 0, -1)
                      : CALL(futex_time64, word, operation, value, deadline, 0, -1);
    return (int)-raw;
}

void __atomik_futex_wake(volatile int *word, int count, int shared)
{
    CALL(futex, word, FUTEX_WAKE | (shared ? 0 : FUTEX_PRIVATE), count);
}
