/* SPDX-License-Identifier: MIT */
/*
 * Standing still. A frozen process has every thread parked at a trap boundary: in signal_deliver, with
 * nothing of a system call on its stack. A call that was blocked has come back with a restart code, and
 * thread_boundary_registers says with which registers the guest would issue it again.
 */
#ifndef POSIX_SNAPSHOT_FREEZE_H
#define POSIX_SNAPSHOT_FREEZE_H

#include "core.h"

struct process;
struct thread;

/*
 * Freezes a process and waits until its threads are parked. TIMED_OUT: one of them did not get there
 * (in a vfork that its child has not ended, say); then it is thawed again. Freezes nest. Called by a
 * background thread, with the lock, which is released meanwhile; the process may end in that time:
 * NO_PROCESS.
 */
status_t process_freeze(uint32_t pid, ktime_t deadline);
void process_thaw(uint32_t pid); /* lock held */
/* Of this process something has changed that whoever freezes it waits for. Lock held. */
void process_freeze_look(const struct process *process);
/* Of the calling thread, at a boundary: parked until its process is resumed or it is to end. Lock held. */
void thread_stand_still(struct thread *thread);
/* The registers with which the guest goes on, a blocked call being issued again. */
void thread_boundary_registers(const struct thread *thread, struct registers *registers);

#endif
