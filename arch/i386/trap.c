/* SPDX-License-Identifier: MIT */
/*
 * The interrupt table, and where each trap goes: to the guest's server, to the process itself, to
 * the generic kernel, or, when the kernel itself is at fault, to panic.
 *
 * Who trapped follows from the saved CS alone: ring 0 the kernel, ring 1 a server, ring 3 in a
 * server's thread its guest, ring 3 in any other thread a native program.
 */
#include "trap.h"

#include <kernel/log.h>
#include <kernel/thread.h>

#include "cpu.h"
#include "segments.h"

#define GATE_INTERRUPT    0x8e00u
#define GATE_TASK         0x8500u
#define DPL(ring)         ((uint32_t)(ring) << 13)
#define MSR_SYSENTER_CS   0x174
#define MSR_SYSENTER_ESP  0x175
#define MSR_SYSENTER_EIP  0x176
#define PF_WRITE          2u
#define PF_FETCH          16u
#define IDT_ERROR(vector) (((vector) << 3) | 2u)
#define INT_LENGTH        2

_Static_assert(VECTOR_CALL == CALL_VECTOR && VECTOR_GUEST_ENTER == GUEST_ENTER_VECTOR, "layout.h");

static uint32_t idt[256][2];

static void gate(uint32_t vector, const void *entry, uint32_t ring)
{
    uint32_t address = (uintptr_t)entry;

    idt[vector][0] = ((uint32_t)KERNEL_CS << 16) | (address & 0xffff);
    idt[vector][1] = (address & 0xffff0000) | GATE_INTERRUPT | DPL(ring);
}

void traps_init(bool has_sysenter)
{
    struct {
        uint16_t limit;
        uint32_t base;
    } __attribute__((packed)) pointer = {sizeof idt - 1, (uintptr_t)idt};

    for (uint32_t vector = 0; vector < 256; vector++) {
        bool open = vector >= 32 && (vector < VECTOR_IRQ || vector >= VECTOR_IRQ + IRQ_LINES);

        gate(vector, trap_stubs + 32 * vector, open ? 3 : 0);
    }
    gate(VECTOR_DEBUG, entry_debug, 0);
    gate(VECTOR_BREAKPOINT, trap_stubs + 32 * VECTOR_BREAKPOINT, 3);
    gate(VECTOR_OVERFLOW, trap_stubs + 32 * VECTOR_OVERFLOW, 3);
    gate(0x80, entry_unix, 3);
    gate(0x2e, entry_nt, 3);
    gate(VECTOR_CALL, entry_call, 3);
    gate(VECTOR_GUEST_ENTER, entry_guest_enter, 1);
    idt[VECTOR_DOUBLE_FAULT][0] = DOUBLE_FAULT_SELECTOR << 16;
    idt[VECTOR_DOUBLE_FAULT][1] = GATE_TASK;
    __asm__ volatile("lidt %0" : : "m"(pointer));
    if (has_sysenter) {
        write_msr(MSR_SYSENTER_CS, KERNEL_CS);
        write_msr(MSR_SYSENTER_ESP, (uintptr_t)&machine_tss);
        write_msr(MSR_SYSENTER_EIP, (uintptr_t)entry_sysenter);
    }
}

/* ---- guests ---- */

/* push of a segment register leaves the upper half of the word as it was. */
static void clean_selectors(struct registers *registers)
{
    registers->gs &= 0xffff;
    registers->fs &= 0xffff;
    registers->es &= 0xffff;
    registers->ds &= 0xffff;
    registers->cs &= 0xffff;
    registers->ss &= 0xffff;
}

static struct registers *guest_registers(struct thread *thread)
{
    return (struct registers *)(thread->arch.stack_top - TRAP_WORDS_SIZE) - 1;
}

struct registers *arch_user_registers(struct thread *thread)
{
    return (struct registers *)thread->arch.stack_top - 1;
}

void arch_call_again(struct thread *thread)
{
    arch_user_registers(thread)->eip -= INT_LENGTH;
}

static void fill_reason(struct guest_frame *frame, uint32_t reason, uint32_t vector, uint32_t error,
                        uint32_t address)
{
    frame->reason = reason;
    frame->vector = vector;
    frame->error = error;
    frame->address = address;
    frame->fetch =
        reason != GUEST_KICKED && vector == VECTOR_PAGE_FAULT && address == frame->regs.eip;
}

void arch_guest_leave(struct thread *thread, uint32_t reason, uint32_t vector, uint32_t error,
                      uint32_t address)
{
    assert(thread->arch.in_guest && thread == current);
    thread->arch.frame->regs = *guest_registers(thread);
    clean_selectors(&thread->arch.frame->regs);
    fill_reason(thread->arch.frame, reason, vector, error, address);
    thread->arch.in_guest = false;
    segments_leave_guest(thread);
}

/*
 * guest_enter with something to look at first. Returns the frame when the guest may run, or NULL
 * with the status in registers->eax when the server goes on at once.
 */
struct guest_frame *guest_enter_prepare(struct registers *registers)
{
    struct thread *thread = current;
    struct guest_frame *frame = thread->arch.frame;

    if (!frame || !thread->space || thread->space == thread->process->space) {
        registers->eax = (uint32_t)ERR_INVALID_ARGUMENT;
        return NULL;
    }
    if (thread->attention & ATTENTION_KICK) {
        thread->attention &= ~ATTENTION_KICK;
        fill_reason(frame, GUEST_KICKED, 0, 0, 0);
        registers->eax = OK;
        return NULL;
    }
    segments_enter_guest(thread);
    thread->arch.in_guest = thread->arch.guest_extra;
    if (!thread->arch.guest_extra)
        thread->attention &= ~ATTENTION_ENTER_SLOW;
    return frame;
}

/* The guest trapped for something that the kernel has dealt with: it goes on from its frame. */
struct guest_frame *guest_resume_prepare(const struct registers *registers)
{
    struct thread *thread = current;

    thread->arch.frame->regs = *registers;
    clean_selectors(&thread->arch.frame->regs);
    if (thread->attention & ATTENTION_ENTER_SLOW)
        segments_enter_guest(thread);
    thread->arch.in_guest = thread->arch.guest_extra;
    return thread->arch.frame;
}

/* A selector, eip or stack selector of the frame was refused; its registers stay as they are. */
void guest_enter_failed(uint32_t error)
{
    fill_reason(current->arch.frame, GUEST_EXCEPTION, VECTOR_PROTECTION, error, 0);
    current->arch.in_guest = false;
    segments_leave_guest(current);
}

static void guest_debug_exception(struct thread *thread)
{
    thread->arch.debug[6] = read_dr6();
    write_dr6(0);
}

static void guest_trap(struct registers *registers, uint32_t vector, uint32_t error,
                       uint32_t address)
{
    struct thread *thread = current;

    if (vector == VECTOR_SYSENTER) {
        arch_guest_leave(thread, GUEST_SYSENTER, 0, 0, 0);
        return;
    }
    if (vector == VECTOR_PROTECTION && error == IDT_ERROR(VECTOR_GUEST_ENTER)) {
        /* The one gate that ring 3 may not use; to the guest it is a vector like any other. */
        registers->eip += INT_LENGTH;
        vector = VECTOR_GUEST_ENTER;
    }
    if (vector == VECTOR_DEBUG) {
        guest_debug_exception(thread);
        address = thread->arch.debug[6];
    }
    uint32_t reason = vector < 32 ? GUEST_EXCEPTION : GUEST_SYSCALL;
    if (vector == VECTOR_PAGE_FAULT && thread->fault_short)
        reason = GUEST_NO_MEMORY;
    arch_guest_leave(thread, reason, vector, error, address);
}

/* ---- servers, native programs ---- */

static bool server_recovers(struct registers *registers, uintptr_t address)
{
    const struct process *process = current->process;

    if (registers->eip < process->recovery_start || registers->eip >= process->recovery_end)
        return false;
    registers->eip = process->recovery_handler;
    registers->eax = address;
    return true;
}

/* The software interrupts that mean nothing outside guests are refused like closed gates. */
static void own_trap(struct registers *registers, uint32_t vector, uint32_t error, uint32_t address)
{
    if (vector == VECTOR_DEBUG)
        write_dr6(0);
    if (vector == VECTOR_SYSENTER) {
        vector = VECTOR_INVALID_OPCODE;
    } else if (vector >= 32) {
        error = IDT_ERROR(vector);
        vector = VECTOR_PROTECTION;
    }
    clean_selectors(registers);
    kernel_exception(vector, error, address, registers);
}

static bool page_fault(const struct registers *registers, uint32_t error, uintptr_t address)
{
    bool fetch = (error & PF_FETCH) || address == registers->eip;

    return kernel_page_fault_wait(address, error & PF_WRITE, fetch);
}

static void user_trap(struct registers *registers, uint32_t vector, uint32_t error, bool server)
{
    uint32_t address = vector == VECTOR_PAGE_FAULT ? read_cr2() : 0;

    current->fault_short = false;
    if (vector == VECTOR_PAGE_FAULT) {
        if (page_fault(registers, error, address))
            return;
        if (server && server_recovers(registers, address))
            return;
    }
    if (vector == VECTOR_NO_FPU && !server) {
        fpu_restore(current);
        return;
    }
    if (vector == VECTOR_PROTECTION && error == 0 && ioports_load(current))
        return;
    if (current->arch.in_guest)
        guest_trap(registers, vector, error, address);
    else
        own_trap(registers, vector, error, address);
}

/* ---- the kernel itself ---- */

static bool in_copy(uint32_t eip)
{
    return eip >= (uintptr_t)copy_user_start && eip < (uintptr_t)copy_user_end;
}

static bool kernel_fixup(struct registers *registers)
{
    /* cppcheck-suppress comparePointers ; the linker script puts both around one table */
    for (const struct fixup *fixup = fixup_table_start; fixup < fixup_table_end; fixup++) {
        if (registers->eip == fixup->at) {
            registers->eip = fixup->to;
            return true;
        }
    }
    return false;
}

static void kernel_trap(struct registers *registers, uint32_t vector, uint32_t error)
{
    uint32_t address = vector == VECTOR_PAGE_FAULT ? read_cr2() : 0;

    if (vector == VECTOR_PAGE_FAULT && in_copy(registers->eip) && address < KERNEL_BASE) {
        if (!kernel_page_fault(address, error & PF_WRITE, false))
            registers->eip = (uintptr_t)copy_user_fault;
        return;
    }
    if (vector != VECTOR_PAGE_FAULT && vector < 32 && kernel_fixup(registers)) {
        trap_error = error;
        return;
    }
    struct registers here = *registers;
    here.esp = (uintptr_t)&registers->esp; /* the processor pushes none without a ring change */
    here.ss = KERNEL_DS;
    panic_registers(&here, "trap %u in the kernel, error %x, address %08x", vector, error, address);
}

/*
 * No processor lets an iret of ring 3 set VM, but QEMU's emulation does. Such a program is put back as if VM
 * had not been set: the next iret to its selectors will fault. The processor has pushed the four data
 * segments too, so the other words are too low.
 */
static struct registers *leave_vm86(struct registers *registers)
{
    registers = __builtin_memmove((uint32_t *)registers + 4, registers, sizeof *registers);
    registers->cs |= 3;
    registers->eflags = (registers->eflags & EFLAGS_USER_MASK) | EFLAGS_USER_SET;
    return registers;
}

struct registers *trap_handler(struct registers *registers, uint32_t vector, uint32_t error)
{
    if (registers->eflags & EFLAGS_VM_BIT)
        registers = leave_vm86(registers);
    uint32_t ring = registers->cs & 3;
    struct thread *thread = current;

    if (vector == VECTOR_SYSENTER && thread->arch.server && !thread->arch.in_guest) {
        registers->cs = SERVER_CS;
        registers->ss = SERVER_SS;
        ring = 1;
    }
    if (ring == 3 && thread->arch.server)
        thread->arch.in_guest = true;
    if (vector >= VECTOR_IRQ && vector < VECTOR_IRQ + IRQ_LINES)
        interrupt_handle(vector - VECTOR_IRQ);
    else if (vector == VECTOR_NMI)
        panic_registers(registers, "non-maskable interrupt");
    else if (ring == 0)
        kernel_trap(registers, vector, error);
    else
        user_trap(registers, vector, error, ring == 1);
    return registers;
}

/* The registers at the fault are in the TSS that the processor switched away from. */
void double_fault(void)
{
    struct registers registers = {
        .edi = machine_tss.edi,
        .esi = machine_tss.esi,
        .ebp = machine_tss.ebp,
        .ebx = machine_tss.ebx,
        .edx = machine_tss.edx,
        .ecx = machine_tss.ecx,
        .eax = machine_tss.eax,
        .eip = machine_tss.eip,
        .cs = machine_tss.cs,
        .eflags = machine_tss.eflags,
        .esp = machine_tss.esp,
        .ss = machine_tss.ss,
    };

    if (stack_guard_hit(read_cr2()))
        panic_registers(&registers, "kernel stack overflow, address %08x", read_cr2());
    panic_registers(&registers, "double fault, address %08x", read_cr2());
}
