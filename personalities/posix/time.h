/* SPDX-License-Identifier: MIT */
/* Timers of processes that send signals. */
#ifndef POSIX_TIME_H
#define POSIX_TIME_H

#include "core.h"

struct process;
/* A CLOCK_* or a numbered clock of processor time, as `process` sees it. Lock held for the latter. */
int clock_read_locked(struct process *process, uint32_t clock, uint64_t *ns);
bool clock_is_cpu(uint32_t clock);
int clock_can_time(uint32_t clock);
/* Processor time of one's own process, user part only: the clock of ITIMER_VIRTUAL. */
#define CLOCK_OWN_USER ((uint32_t)~0u << 3 | 1)
void timerfd_clock_was_set(void); /* without the lock */
struct linux_timeval timeval_of(uint64_t ns);
/* Processor time of a process; lock held. */
void process_times(struct process *process, uint64_t *user, uint64_t *system);
/* A signal of a POSIX timer is delivered. Lock held. */
void timer_delivered(struct process *process, const siginfo_t *info);
/* At the end of a process, and at exec for the POSIX timers. Lock held. */
void timers_delete_all(struct process *process);
void timers_delete_posix(struct process *process);

/* Parse the timeout structures of the 32-bit and the 64-bit calls: 0 and a span, or -errno. */
int copy_in_span(uint64_t *ns, user_t from, bool wide);
int copy_out_span(user_t to, uint64_t ns, bool wide);

#endif
