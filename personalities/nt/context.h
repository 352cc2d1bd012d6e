/* SPDX-License-Identifier: MIT */
/* CONTEXT records: from and to a thread's trapped registers and FPU state. */
#ifndef NT_CONTEXT_H
#define NT_CONTEXT_H

#include <personalities/nt/nt.h>

#define CONTEXT_EVERYTHING (CONTEXT_ALL | CONTEXT_DEBUG_REGISTERS)

/*
 * Of a thread that is in the server or has not started: fill the parts that context->ContextFlags
 * asks for. The thread may be another one than the caller.
 */
NTSTATUS context_get(struct nt_thread *thread, CONTEXT *context);
/* Set the parts that ContextFlags names. Flags and selectors are what ring 3 may have. */
NTSTATUS context_set(struct nt_thread *thread, const CONTEXT *context);
/* Of eflags, what ring 3 may have. */
uint32_t context_guest_flags(uint32_t eflags);
/* FXSAVE's image in the older form. */
void context_fpu_legacy(const void *fxsave, FLOATING_SAVE_AREA *area);
/* The context in which a new thread begins. */
void context_start(const struct nt_thread *thread, uint32_t eip, uint32_t esp, uint32_t eax,
                   uint32_t ebx, CONTEXT *context);

#endif
