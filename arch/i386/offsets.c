/* SPDX-License-Identifier: MIT */
/* Structure offsets for assembly; the build turns the "->" lines of this file's assembly into offsets.h. */
#include <kernel/thread.h>

#include "segments.h"

#define DEFINE(name, value) __asm__ volatile("\n->" #name " %0" : : "i"(value))

void offsets(void);

void offsets(void)
{
    DEFINE(THREAD_ATTENTION, offsetof(struct thread, attention));
    DEFINE(THREAD_STACK_POINTER, offsetof(struct thread, arch.stack_pointer));
    DEFINE(THREAD_STACK_TOP, offsetof(struct thread, arch.stack_top));
    DEFINE(THREAD_FRAME, offsetof(struct thread, arch.frame));
    DEFINE(THREAD_TLS0_HIGH, offsetof(struct thread, arch.tls[0][1]));
    DEFINE(THREAD_SERVER, offsetof(struct thread, arch.server));
    DEFINE(THREAD_IN_GUEST, offsetof(struct thread, arch.in_guest));

    DEFINE(R_GS, offsetof(struct registers, gs));
    DEFINE(R_FS, offsetof(struct registers, fs));
    DEFINE(R_ES, offsetof(struct registers, es));
    DEFINE(R_DS, offsetof(struct registers, ds));
    DEFINE(R_EDI, offsetof(struct registers, edi));
    DEFINE(R_ESI, offsetof(struct registers, esi));
    DEFINE(R_EBP, offsetof(struct registers, ebp));
    DEFINE(R_EBX, offsetof(struct registers, ebx));
    DEFINE(R_EDX, offsetof(struct registers, edx));
    DEFINE(R_ECX, offsetof(struct registers, ecx));
    DEFINE(R_EAX, offsetof(struct registers, eax));
    DEFINE(R_EIP, offsetof(struct registers, eip));
    DEFINE(R_CS, offsetof(struct registers, cs));
    DEFINE(R_EFLAGS, offsetof(struct registers, eflags));
    DEFINE(R_ESP, offsetof(struct registers, esp));
    DEFINE(R_SS, offsetof(struct registers, ss));
    DEFINE(REGISTERS_SIZE, sizeof(struct registers));

    DEFINE(FRAME_REASON, offsetof(struct guest_frame, reason));
    DEFINE(FRAME_VECTOR, offsetof(struct guest_frame, vector));
    DEFINE(REASON_SYSCALL, GUEST_SYSCALL);
    DEFINE(REASON_SYSENTER, GUEST_SYSENTER);

    DEFINE(TSS_ESP0, offsetof(struct tss, esp0));
    DEFINE(CALL_GUEST_ENTER, 30);
    DEFINE(ATTENTION_EXIT,
           ATTENTION_RESCHEDULE | ATTENTION_KICK | ATTENTION_KILL | ATTENTION_SUSPEND);
}
