/* SPDX-License-Identifier: MIT */
/*
 * Recording and replay of a process with one thread. A recording begins with a snapshot; from there on
 * a log holds for each system call its number, arguments and result, all that the server wrote into the
 * guest's memory for it, and each signal at its place: signals are delivered between calls only.
 *
 * A replay restores the snapshot and answers the calls from the log. What only concerns the process
 * itself (signal actions, its mappings) is done again, and has no other effect outside. A call that is
 * another one than that of the log, or data that it would have written and that is not the same, is a
 * divergence: the replay stops there and says so.
 *
 * Not covered: what a call leaves in shared memory later, the processor's own counters (rdtsc), and
 * what comes after an exec or a second thread, where the recording ends.
 */
#ifndef POSIX_SNAPSHOT_RECORD_H
#define POSIX_SNAPSHOT_RECORD_H

#include "core.h"

struct process;
struct recording;
struct registers;
struct thread;

/* How many processes are recorded: the taps of core.c cost one look at it otherwise. */
extern uint32_t recordings;

/* Begins, while the process stands still. Takes the log's handle. Lock held. */
status_t record_begin(struct process *process, handle_t log);
/* For a call of a thread whose process is recorded or replayed; without the lock. */
int32_t record_call(struct thread *thread, uint32_t number, const struct registers *regs);
/* In place of signal_take; lock held. */
uint32_t record_signal(struct thread *thread, siginfo_t *info);
/* The server wrote to or read from the guest on behalf of the calling thread. */
void record_out(uint32_t address, uint32_t length);
void record_in(uint32_t address, const void *data, uint32_t length);
/* A signal is about to end the process. True: the replay stops instead. Lock held. */
bool record_is_replayed_crash(struct thread *thread, uint32_t signal);
/* The process ends or becomes another program. By its last thread, without the lock. */
void record_end(struct process *process, const char *why);

struct replay_options {
    handle_t log;   /* a VMO */
    uint64_t until; /* number of the call at which it stops; 0: none */
    bool until_crash;
    struct file *report; /* where it says how far it came */
};
/* The process, restored, goes on by the log. Takes what is in the options. */
int replay_begin(struct process *process, const struct replay_options *options);

#endif
