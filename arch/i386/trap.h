/* SPDX-License-Identifier: MIT */
/* Entry points of entry.S, and what trap.c and its neighbours share. */
#ifndef ARCH_I386_TRAP_H
#define ARCH_I386_TRAP_H

#include <kernel/arch.h>

extern const uint8_t trap_stubs[];
void entry_call(void), entry_guest_enter(void), entry_unix(void), entry_nt(void);
void entry_sysenter(void), entry_debug(void), entry_double_fault(void);
void thread_start_user(void), thread_start_kernel(void);
extern const uint8_t copy_user_start[], copy_user_end[], copy_user_fault[];
extern uint32_t trap_vector, trap_error;

/* A trapping instruction of the kernel and where to go on instead. */
struct fixup {
    uint32_t at, to;
};
extern const struct fixup fixup_table_start[], fixup_table_end[];

void traps_init(bool has_sysenter);

/* Called from entry.S. */
/* Returns where the registers are afterwards. */
struct registers *trap_handler(struct registers *registers, uint32_t vector, uint32_t error);
struct guest_frame *guest_enter_prepare(struct registers *registers);
struct guest_frame *guest_resume_prepare(const struct registers *registers);
void guest_enter_failed(uint32_t error);
void switch_state(struct thread *thread);
void double_fault(void) __attribute__((noreturn));

void interrupts_init(void); /* PIC: all lines masked */
void interrupt_handle(uint32_t line);
void clock_start(void); /* calibrates, starts the tick */
void clock_tick(void);
#define FPU_CONTROL_START 0x37f
void fpu_init(void);
void fpu_restore(struct thread *thread); /* the state of the current thread into the registers */
void fpu_switch(struct thread *thread);
void console_init(void);
void console_yield(const uint8_t *io_bitmap); /* a process may use the ports that are 0 bits */
void paging_init(paddr_t ram_end);
bool stack_guard_hit(uint32_t address); /* below some kernel stack, where nothing is */
void arch_main(uint32_t magic, paddr_t info) __attribute__((noreturn));

#endif
