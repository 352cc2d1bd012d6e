/* SPDX-License-Identifier: MIT */
/* Snapshots that a crash takes by itself, if a rule in /etc/snap.conf says so. */
#ifndef POSIX_SNAPSHOT_CRASH_H
#define POSIX_SNAPSHOT_CRASH_H

#include "core.h"

struct thread;

/*
 * A signal is about to end the thread's process as a crash. True: the process stands still, and ends
 * with `status` when it has been looked into and, if there is a rule for it or its limit of core files
 * asks for one, saved, which adds the core bit; the registers are those of the moment of the crash. False: it is to end now. Lock held.
 */
bool crash_begin(struct thread *thread, const siginfo_t *info, int32_t status);

#endif
