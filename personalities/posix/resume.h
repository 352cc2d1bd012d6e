/* SPDX-License-Identifier: MIT */
/*
 * Calls that do not notice that their process stood still for a snapshot. A signal or a stop ends them
 * with EINTR or with what they have moved so far; standing still does not: they are issued again, in this
 * process or in one restored from the snapshot, with the deadline and the count that they had.
 *
 * The registers are those of the call about to be issued, and thread->restart says the rest; the thread is
 * watched until then, so that calls in general need not look.
 */
#ifndef POSIX_RESUME_H
#define POSIX_RESUME_H

#include "core.h"

struct io;
struct registers;
struct thread;

/* Of a call with a time limit: its deadline, or the one that it had before it was issued again. */
ktime_t call_deadline(ktime_t deadline);
/*
 * The result of a call that was interrupted: `result`, which is what a signal ends it with, unless the
 * process only has to stand still.
 */
int32_t call_interrupted(int32_t result, ktime_t deadline);
/*
 * Of a call that moves bytes until all of them are through. First the bytes that it had moved before; they
 * are skipped. Then its result, of the `result` of the rest: a call that is cut short is issued again.
 */
uint32_t call_moved(struct io *io);
int32_t call_transferred(const struct io *io, uint32_t moved, int32_t result);

/* ---- for the loop and the delivery of signals ---- */
/* A call begins that may be one issued again: thread->resumed. */
void call_resume_begin(struct thread *thread, uint32_t number, const struct registers *regs);
/* A call has this result; the registers are still those after it. */
void call_resume_later(struct thread *thread, int32_t result);
/* A handler runs before it can be issued again: it ends as by a signal. */
void call_resume_never(struct thread *thread);

#endif
