/* SPDX-License-Identifier: MIT */
/* Exceptions, APCs and the calls that set all registers. */
#ifndef NT_EXCEPTION_H
#define NT_EXCEPTION_H

#include <personalities/nt/nt.h>

/* The current thread's trap was an exception: dispatch it to the program, or end the process. */
void exception_trap(struct nt_thread *thread);
/*
 * The debugger has answered: the exception is handled, goes to the program (first chance) or ends the
 * process. The context is in the thread's registers.
 */
void exception_continue(struct nt_thread *thread, EXCEPTION_RECORD *record, bool first_chance,
                        NTSTATUS answer);
/* An `int n` that is no system call. */
void exception_interrupt(struct nt_thread *thread, uint32_t vector);
/*
 * Enter KiUserApcDispatcher for the first queued APC; `status` is what the interrupted call returns
 * after it. STATUS_REGISTERS_SET, or a status if the program's stack cannot take it.
 */
NTSTATUS apc_deliver(struct nt_thread *thread, NTSTATUS status);

#endif
