/* SPDX-License-Identifier: MIT */
/* Job objects: groups of processes that are counted, limited and ended together. */
#ifndef NT_JOB_H
#define NT_JOB_H

#include <personalities/nt/nt.h>

extern const struct nt_type job_type;

/* Put a process into a job (its own so far, if any, must be the job's parent, or becomes it). */
NTSTATUS job_assign(struct object *job, struct nt_process *process);
/*
 * A new process, not launched yet, goes into its parent's job unless it breaks away from it.
 * breakaway: PROCESS_CREATE_FLAGS_BREAKAWAY was given.
 */
NTSTATUS job_inherit(const struct nt_process *parent, struct nt_process *process, bool breakaway);
/* The process has ended. */
void job_process_ended(struct nt_process *process);

#endif
