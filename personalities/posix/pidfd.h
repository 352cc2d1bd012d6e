/* SPDX-License-Identifier: MIT */
#ifndef POSIX_PIDFD_H
#define POSIX_PIDFD_H

#include "core.h"

struct process;
/* A process has ended and waits to be waited for; it is waited for and gone. Lock held. */
void pidfd_process_ended(struct process *process);
void pidfd_process_gone(struct process *process);
/* A new descriptor for a process, or -errno. */
int pidfd_for(uint32_t pid);
/* What a descriptor names: 0, -EBADF, or -ECHILD if that is gone. */
int pidfd_pid(uint32_t fd, uint32_t *pid, bool *nonblocking);

#endif
