/* SPDX-License-Identifier: MIT */
/* First stacks of threads, what a switch changes beside the stack, and registers from user code. */
#include <kernel/thread.h>

#include "segments.h"
#include "trap.h"

extern uint8_t boot_stack_end[];

void arch_thread_init_boot(struct thread *thread)
{
    thread->arch.stack_top = boot_stack_end;
}

/* What arch_switch pops: gs fs edi esi ebx ebp, then the address it returns to. */
static void lay_switch_frame(struct thread *thread, uint32_t *stack, void (*start)(void))
{
    *--stack = (uintptr_t)start;
    for (uint32_t i = 0; i < 6; i++)
        *--stack = 0;
    thread->arch.stack_pointer = stack;
}

void arch_thread_init_kernel(struct thread *thread, void (*entry)(void *), void *argument)
{
    uint32_t *stack;

    thread->arch.stack_top = thread->kernel_stack + KERNEL_STACK_SIZE;
    stack = (uint32_t *)thread->arch.stack_top;
    *--stack = 0;
    *--stack = (uintptr_t)argument;
    *--stack = (uintptr_t)entry;
    lay_switch_frame(thread, stack, thread_start_kernel);
}

void arch_thread_init_user(struct thread *thread, bool server, uint32_t eip, uint32_t esp,
                           uint32_t eax)
{
    struct registers *registers;

    thread->arch.stack_top = thread->kernel_stack + KERNEL_STACK_SIZE;
    thread->arch.server = server;
    arch_fpu_reset(thread, FPU_CONTROL_START);
    thread->attention |= ATTENTION_ENTER_SLOW;
    registers = arch_user_registers(thread);
    *registers = (struct registers){.eip = eip, .esp = esp, .eax = eax};
    arch_registers_sanitise(registers, server);
    lay_switch_frame(thread, (uint32_t *)registers, thread_start_user);
}

void arch_registers_sanitise(struct registers *registers, bool server)
{
    registers->cs = server ? SERVER_CS : USER_CS;
    registers->ss = server ? SERVER_SS : USER_DS;
    registers->ds = registers->es = USER_DS;
    registers->fs = 0;
    registers->gs = !server && registers->gs == TLS0_SELECTOR ? TLS0_SELECTOR : 0;
    registers->eflags = (registers->eflags & EFLAGS_USER_MASK) | EFLAGS_USER_SET;
}

void arch_run_on_stack(uint8_t *stack, void (*entry)(void))
{
    current->arch.stack_top = stack + KERNEL_STACK_SIZE;
    __asm__ volatile("movl %0, %%esp\n"
                     "xorl %%ebp, %%ebp\n"
                     "pushl $0\n"
                     "jmp *%1"
                     :
                     : "r"(current->arch.stack_top), "r"(entry)
                     : "memory");
    __builtin_unreachable();
}

void switch_state(struct thread *thread)
{
    segments_load(thread);
    fpu_switch(thread);
}
