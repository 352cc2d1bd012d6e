/* SPDX-License-Identifier: MIT */
/*
 * Kernel backtraces: the chain of saved ebp on one kernel stack, with names from the table that
 * tools/ksyms made from the first link (.symbols, sorted by address).
 */
#include <kernel/arch.h>
#include <kernel/log.h>

#include "layout.h"

#define MAX_FRAMES 24

extern const struct {
    uint32_t address, name;
} kernel_symbols[];
extern const uint32_t kernel_symbol_count;
extern const char kernel_symbol_names[];
extern const uint8_t kernel_text_start[], kernel_text_end[];

static bool in_text(uint32_t address)
{
    return address >= (uintptr_t)kernel_text_start && address < (uintptr_t)kernel_text_end;
}

static void print_frame(uint32_t address)
{
    uint32_t low = 0, high = kernel_symbol_count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (kernel_symbols[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low)
        log_print("  %08x %s+0x%x\n", address, kernel_symbol_names + kernel_symbols[low - 1].name,
                  address - kernel_symbols[low - 1].address);
    else
        log_print("  %08x\n", address);
}

/* Frames lie upwards on one stack: each must be above the last one and within its stack's reach. */
static void backtrace_from(uint32_t eip, uint32_t ebp)
{
    uint32_t limit = ebp + KERNEL_STACK_SIZE;

    if (in_text(eip))
        print_frame(eip);
    for (uint32_t i = 0; i < MAX_FRAMES && ebp >= KERNEL_BASE && ebp % 4 == 0; i++) {
        const uint32_t *frame = (const uint32_t *)ebp;

        if (!in_text(frame[1]))
            return;
        print_frame(frame[1]);
        if (frame[0] <= ebp || frame[0] >= limit)
            return;
        ebp = frame[0];
    }
}

/* What calls in between have changed is gone; where the caller is and its stack are right. */
void arch_registers_here(struct registers *registers)
{
    const uint32_t *frame = __builtin_frame_address(0);

    *registers = (struct registers){.cs = KERNEL_CS, .ds = KERNEL_DS, .es = KERNEL_DS};
    registers->ss = KERNEL_DS;
    __asm__ volatile("movl %%ebx, %0\n"
                     "movl %%esi, %1\n"
                     "movl %%edi, %2\n"
                     "movl %%eax, %3\n"
                     "movl %%ecx, %4\n"
                     "movl %%edx, %5\n"
                     "pushfl\n"
                     "popl %6"
                     : "=m"(registers->ebx), "=m"(registers->esi), "=m"(registers->edi),
                       "=m"(registers->eax), "=m"(registers->ecx), "=m"(registers->edx),
                       "=m"(registers->eflags));
    registers->ebp = frame[0];
    registers->eip = frame[1];
    registers->esp = (uintptr_t)(frame + 2);
}

void arch_backtrace_registers(const struct registers *registers)
{
    backtrace_from(registers->eip, registers->ebp);
}
