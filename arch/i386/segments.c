/* SPDX-License-Identifier: MIT */
/*
 * The descriptor tables and what a thread switch or a guest puts into them.
 *
 * Invariant: while ring 1 runs, no descriptor in the GDT or LDT reaches the kernel. TLS slots (whose
 * limits may be 4 GiB) and the LDT are present only while ring 3 runs; a descriptor is taken out by
 * zeroing its high word, which holds the present bit. The low word of slot 0 stays, so that the
 * fast path of guest_enter has one word to write.
 */
#include "segments.h"

#include <kernel/log.h>
#include <kernel/memory.h>
#include <kernel/thread.h>

#include "cpu.h"
#include "trap.h"

#define IO_BITMAP_SIZE    8192
#define IO_BITMAP_OFF     0xffff
#define LDT_FIRST_ENTRIES 64
#define DR7_ALWAYS        0x400u
#define DR7_SANE          0xffff03ffu

#define DESCRIPTOR_HIGH(limit_high, access) (((limit_high) << 16) | 0x00c00000u | ((access) << 8))
#define FLAT(limit_high, access)                         \
    {                                                    \
        0x0000ffffu, DESCRIPTOR_HIGH(limit_high, access) \
    }
#define ALL_MEMORY   0xfu /* limit 0xffffffff */
#define BELOW_KERNEL 0xbu /* limit 0xbfffffff */

uint32_t gdt[GDT_ENTRIES][2] __attribute__((aligned(64))) = {
    [GDT_KERNEL_CODE] = FLAT(ALL_MEMORY, 0x9bu),   [GDT_KERNEL_DATA] = FLAT(ALL_MEMORY, 0x93u),
    [GDT_USER_CODE] = FLAT(BELOW_KERNEL, 0xfbu),   [GDT_USER_DATA] = FLAT(BELOW_KERNEL, 0xf3u),
    [GDT_SERVER_CODE] = FLAT(BELOW_KERNEL, 0xbbu), [GDT_SERVER_DATA] = FLAT(BELOW_KERNEL, 0xb3u),
};
struct guest_frame *active_frame;

static struct tss double_fault_tss;
static uint8_t double_fault_stack[4096] __attribute__((aligned(16)));
static const uint8_t *bitmap_loaded; /* whose bits are in io_bitmap; NULL: nobody's */
static bool ldt_loaded, debug_loaded;

/* A system descriptor: base, limit in bytes, access byte. */
static void system_descriptor(uint32_t index, const void *base_pointer, uint32_t limit,
                              uint32_t access)
{
    uint32_t base = (uintptr_t)base_pointer;

    gdt[index][0] = (limit & 0xffff) | (base << 16);
    gdt[index][1] = ((base >> 16) & 0xff) | (access << 8) | (limit & 0xf0000) | (base & 0xff000000);
}

static void double_fault_init(void)
{
    double_fault_tss.cr3 = read_cr3();
    double_fault_tss.eip = (uintptr_t)entry_double_fault;
    double_fault_tss.esp = (uintptr_t)(double_fault_stack + sizeof double_fault_stack);
    double_fault_tss.eflags = EFLAGS_ALWAYS;
    double_fault_tss.cs = KERNEL_CS;
    double_fault_tss.ss = double_fault_tss.ds = double_fault_tss.es = KERNEL_DS;
    double_fault_tss.io_base = IO_BITMAP_OFF;
    system_descriptor(GDT_DOUBLE_FAULT_TSS, &double_fault_tss, sizeof double_fault_tss - 1, 0x89);
}

void segments_init(void)
{
    struct {
        uint16_t limit;
        uint32_t base;
    } __attribute__((packed)) pointer = {sizeof gdt - 1, (uintptr_t)gdt};

    machine_tss.ss0 = KERNEL_DS;
    machine_tss.io_base = IO_BITMAP_OFF;
    io_bitmap[IO_BITMAP_SIZE] = 0xff;
    system_descriptor(GDT_TSS, &machine_tss, sizeof machine_tss + IO_BITMAP_SIZE, 0x89);
    double_fault_init();
    __asm__ volatile("lgdt %0\n"
                     "ljmp %1, $1f\n"
                     "1: movl %2, %%ds\n"
                     "movl %2, %%es\n"
                     "movl %2, %%ss\n"
                     "movl %3, %%fs\n"
                     "movl %3, %%gs\n"
                     "ltr %w4\n"
                     "lldt %w3\n"
                     :
                     : "m"(pointer), "i"(KERNEL_CS), "r"(KERNEL_DS), "r"(0), "r"(TSS_SELECTOR)
                     : "memory");
}

/* A page-granular or byte-granular segment of ring 3 that is no system segment, gate or call. */
bool arch_descriptor_ok(uint32_t low, uint32_t high)
{
    const uint32_t dpl3 = 3u << 13,
                   segment = 1u << 12; /* what is not present may be anything else */

    if (low == 0 && high == 0)
        return true;
    return (high & (dpl3 | segment)) == (dpl3 | segment);
}

/* ---- the guest's and the native thread's part ---- */

static struct arch_space *thread_space(struct thread *thread)
{
    return thread->space ? space_arch(thread->space) : NULL;
}

static bool wants_extra(struct thread *thread)
{
    struct arch_space *space = thread_space(thread);
    const struct arch_thread *arch = &thread->arch;

    return arch->debug[7] || (space && space->ldt);
}

static void load_ldt(struct arch_space *space)
{
    if (space && space->ldt) {
        system_descriptor(GDT_LDT, space->ldt, space->ldt_entries * 8 - 1, 0x82);
        __asm__ volatile("lldt %w0" : : "r"(LDT_SELECTOR) : "memory");
        ldt_loaded = true;
    }
}

static void unload_ldt(void)
{
    if (!ldt_loaded)
        return;
    __asm__ volatile("lldt %w0" : : "r"(0) : "memory");
    gdt[GDT_LDT][1] = 0;
    ldt_loaded = false;
}

static void load_debug(const uint32_t *debug)
{
    write_dr0(debug[0]);
    write_dr1(debug[1]);
    write_dr2(debug[2]);
    write_dr3(debug[3]);
    write_dr7(debug[7] | DR7_ALWAYS);
    debug_loaded = true;
}

static void unload_debug(void)
{
    if (debug_loaded)
        write_dr7(DR7_ALWAYS);
    debug_loaded = false;
}

static void load_tls_low(const struct thread *thread)
{
    for (uint32_t slot = 0; slot < GUEST_TLS_SLOTS; slot++)
        gdt[GDT_TLS + slot][0] = thread->arch.tls[slot][0];
}

static void set_tls_high(const struct thread *thread)
{
    for (uint32_t slot = 0; slot < GUEST_TLS_SLOTS; slot++)
        gdt[GDT_TLS + slot][1] = thread ? thread->arch.tls[slot][1] : 0;
}

void segments_enter_guest(struct thread *thread)
{
    thread->arch.guest_extra = wants_extra(thread);
    machine_tss.esp0 = (uintptr_t)thread->arch.stack_top - TRAP_WORDS_SIZE;
    set_tls_high(thread);
    active_frame = thread->arch.guest_extra ? NULL : thread->arch.frame;
    if (thread->arch.guest_extra) {
        load_ldt(thread_space(thread));
        if (thread->arch.debug[7])
            load_debug(thread->arch.debug);
    }
}

void segments_leave_guest(struct thread *thread)
{
    machine_tss.esp0 = (uintptr_t)thread->arch.stack_top;
    set_tls_high(NULL);
    active_frame = NULL;
    unload_ldt();
    unload_debug();
}

void segments_load(struct thread *thread)
{
    unload_debug();
    unload_ldt();
    load_tls_low(thread);
    if (thread->arch.server && thread->arch.in_guest) {
        segments_enter_guest(thread);
    } else {
        machine_tss.esp0 = (uintptr_t)thread->arch.stack_top;
        set_tls_high(thread->arch.server ? NULL : thread);
        active_frame = NULL;
    }
    machine_tss.io_base = thread->arch.ioports && thread->arch.ioports == bitmap_loaded
                              ? sizeof machine_tss
                              : IO_BITMAP_OFF;
}

void arch_tls_set(struct thread *thread, uint32_t slot, uint32_t low, uint32_t high)
{
    assert(slot < GUEST_TLS_SLOTS);
    thread->arch.tls[slot][0] = low;
    thread->arch.tls[slot][1] = high;
    thread->attention |= ATTENTION_ENTER_SLOW;
    if (thread == current)
        gdt[GDT_TLS + slot][0] = low;
}

void arch_native_tls_set(uint32_t base)
{
    uint32_t selector = base ? TLS0_SELECTOR : 0;

    current->arch.tls[0][0] = base ? 0xffffu | (base << 16) : 0;
    current->arch.tls[0][1] =
        base ? DESCRIPTOR_HIGH(ALL_MEMORY, 0xf3u) | ((base >> 16) & 0xff) | (base & 0xff000000) : 0;
    load_tls_low(current);
    set_tls_high(current);
    __asm__ volatile("movl %0, %%gs" : : "r"(selector));
}

/* Does breakpoint `n` of dr7 stay below GUEST_LIMIT and watch memory, not ports? */
static bool breakpoint_ok(uint32_t dr7, uint32_t n, uint32_t address)
{
    uint32_t kind = (dr7 >> (16 + 4 * n)) & 3;

    return kind != 2 && address < GUEST_LIMIT - 8;
}

void arch_debug_set(struct thread *thread, const uint32_t registers[6])
{
    uint32_t dr7 = registers[5] & DR7_SANE & ~DR7_ALWAYS;

    for (uint32_t n = 0; n < 4; n++) {
        thread->arch.debug[n] = registers[n];
        if (!breakpoint_ok(dr7, n, registers[n]))
            dr7 &= ~(3u << (2 * n));
    }
    thread->arch.debug[6] = registers[4];
    thread->arch.debug[7] = dr7 & 0xff ? dr7 : 0;
    thread->attention |= ATTENTION_ENTER_SLOW;
}

/* ---- LDT ---- */

/* Threads that run guests in this space must look again at what they need. */
static void ldt_appeared(const struct arch_space *space)
{
    struct list *item, *inner;

    list_for_each (item, &all_processes) {
        struct process *process = list_entry(item, struct process, all_link);

        list_for_each (inner, &process->threads) {
            struct thread *thread = list_entry(inner, struct thread, process_link);

            if (thread->space && space_arch(thread->space) == space)
                thread->attention |= ATTENTION_ENTER_SLOW;
        }
    }
}

static status_t ldt_grow(struct arch_space *space, uint32_t entries)
{
    uint32_t size = space->ldt_entries ? space->ldt_entries : LDT_FIRST_ENTRIES;
    void *table;

    while (size < entries)
        size *= 2;
    if (size <= space->ldt_entries)
        return OK;
    table = frame_available(FRAME_FOR_SMALL) ? heap_alloc(size * 8) : NULL;
    if (!table)
        return ERR_NO_MEMORY;
    if (space->ldt)
        __builtin_memcpy(table, space->ldt, space->ldt_entries * 8);
    heap_free(space->ldt);
    space->ldt = table;
    space->ldt_entries = size;
    ldt_appeared(space);
    return OK;
}

status_t arch_ldt_set(struct arch_space *space, uint32_t index, uint32_t low, uint32_t high)
{
    uint32_t *entry;
    status_t status;

    if (index >= LDT_MAX_ENTRIES)
        return ERR_OUT_OF_RANGE;
    status = ldt_grow(space, index + 1);
    if (status != OK)
        return status;
    entry = (uint32_t *)space->ldt + index * 2;
    entry[0] = low;
    entry[1] = high;
    return OK;
}

status_t arch_ldt_clone(struct arch_space *to, const struct arch_space *from)
{
    status_t status;

    if (!from->ldt)
        return OK;
    status = ldt_grow(to, from->ldt_entries);
    if (status == OK)
        __builtin_memcpy(to->ldt, from->ldt, from->ldt_entries * 8);
    return status;
}

/* ---- I/O ports ---- */

bool ioports_load(struct thread *thread)
{
    if (!thread->arch.ioports || machine_tss.io_base != IO_BITMAP_OFF)
        return false;
    __builtin_memcpy(io_bitmap, thread->arch.ioports, IO_BITMAP_SIZE);
    bitmap_loaded = thread->arch.ioports;
    machine_tss.io_base = sizeof machine_tss;
    return true;
}

void arch_ioports_changed(const uint8_t *bitmap)
{
    console_yield(bitmap);
    if (bitmap_loaded != bitmap)
        return;
    bitmap_loaded = NULL;
    machine_tss.io_base = IO_BITMAP_OFF;
}
