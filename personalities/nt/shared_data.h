/* SPDX-License-Identifier: MIT */
/* KUSER_SHARED_DATA and the trampolines. */
#ifndef NT_SHARED_DATA_H
#define NT_SHARED_DATA_H

#include <personalities/nt/nt.h>

void shared_data_init(void);
/* Map both pages into a new process. */
NTSTATUS shared_data_map(struct nt_process *process);
/* There is a process now: the times must be current. */
void shared_data_wake(void);

#endif
