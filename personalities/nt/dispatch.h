/* SPDX-License-Identifier: MIT */
/* From a trap to the handler of its system call, and the trace. */
#ifndef NT_DISPATCH_H
#define NT_DISPATCH_H

#include <personalities/nt/nt.h>

/* Handle what the current thread's frame says; the lock is held. */
void dispatch_trap(struct nt_thread *thread);

struct bound_call;
/* Lines on the process's trace file: before a call that takes long nothing, after it all at once. */
void trace_call(struct nt_thread *thread, const struct bound_call *bound, const struct call *call,
                NTSTATUS status);

#endif
