/* SPDX-License-Identifier: MIT */
/* Timers of processes that send signals. */
#ifndef POSIX_TIME_H
#define POSIX_TIME_H

#include "core.h"

struct process;
/* At the end of a process, and at exec for the POSIX timers. Lock held. */
void timers_delete_all(struct process *process);
void timers_delete_posix(struct process *process);
void timers_start(void); /* the thread that runs them */

/* Parse the timeout structures of the 32-bit and the 64-bit calls: 0 and a span, or -errno. */
int copy_in_span(uint64_t *ns, user_t from, bool wide);
int copy_out_span(user_t to, uint64_t ns, bool wide);

#endif
