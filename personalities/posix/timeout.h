/* SPDX-License-Identifier: MIT */
/*
 * Things that are due at a time. One background thread carries them out, under the server lock; they
 * hang in one list ordered by deadline, and whoever puts a new first one in wakes the thread.
 */
#ifndef POSIX_TIMEOUT_H
#define POSIX_TIMEOUT_H

#include "core.h"

struct timeout {
    struct list link;
    ktime_t deadline;
    bool running;
    /* It is due and no longer running; may start it again. Lock held. */
    void (*expire)(struct timeout *timeout, ktime_t time);
};
void timeout_init(struct timeout *timeout, void (*expire)(struct timeout *timeout, ktime_t time));
void timeout_start(struct timeout *timeout, ktime_t deadline); /* again if it runs; lock held */
void timeout_stop(struct timeout *timeout);                    /* lock held */
/* What is left until the deadline: at least 1 while it runs, else 0. */
uint64_t timeout_left(const struct timeout *timeout);
void timeouts_begin(void); /* the thread */

/* Periodic timers are looked at no more often, whatever their interval: ns. */
#define INTERVAL_LEAST 1000000u

#endif
