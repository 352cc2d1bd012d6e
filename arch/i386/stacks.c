/* SPDX-License-Identifier: MIT */
/*
 * Kernel stacks. Each has a slot of four pages of its own range of addresses, of which the lower two
 * are never there: whoever runs over its stack faults, and since the fault has no stack either, ends
 * in the double fault task, which says so.
 *
 * The page tables of the range are made at boot, before the first address space copies the kernel's
 * part of the directory, for as many stacks as the memory could ever feed. Free slots are chained
 * through the entries of their lowest page, which the processor ignores while they are not present.
 */
#include <kernel/log.h>
#include <kernel/memory.h>

#include "cpu.h"
#include "layout.h"
#include "trap.h"

#define STACK_PAGES   (KERNEL_STACK_SIZE / PAGE_SIZE)
#define SLOT_PAGES    (2 * STACK_PAGES)
#define SLOT_SIZE     (SLOT_PAGES * PAGE_SIZE)
#define TABLE_SLOTS   (1024 / SLOT_PAGES)
#define TABLES_MOST   ((TEMPORARY_BASE - STACKS_BASE) >> 22)
#define TABLES_LEAST  2u
#define RAM_PER_TABLE 4096u /* pages */
#define KEPT          4u    /* stacks that wait for the next thread */
#define PTE_STACK     3u    /* present, writable */

extern uint32_t boot_directory[1024];

static uint32_t *tables[TABLES_MOST];
static uint32_t slot_count, frames_used;
static uint32_t first_free; /* its number + 1; 0: none */
static uint8_t *kept[KEPT];
static uint32_t kept_count;

static uint32_t *entries_of(uint32_t slot)
{
    return tables[slot / TABLE_SLOTS] + slot % TABLE_SLOTS * SLOT_PAGES;
}

static uint32_t slot_of(const uint8_t *stack)
{
    return ((uintptr_t)stack - STACKS_BASE) / SLOT_SIZE;
}

static void slot_put(uint32_t slot)
{
    entries_of(slot)[0] = first_free << 1; /* bit 0: not present */
    first_free = slot + 1;
}

void arch_stacks_init(void)
{
    uint32_t count = frame_total() / RAM_PER_TABLE;

    count = count < TABLES_LEAST ? TABLES_LEAST : count > TABLES_MOST ? TABLES_MOST : count;
    for (uint32_t i = 0; i < count; i++) {
        struct page *page = frame_alloc(FRAME_LOW | FRAME_ZERO);
        if (!page)
            panic("no memory for the tables of kernel stacks");
        tables[i] = arch_direct(frame_address(page));
        boot_directory[(STACKS_BASE >> 22) + i] = frame_address(page) | PTE_STACK;
    }
    slot_count = count * TABLE_SLOTS;
    for (uint32_t slot = slot_count; slot-- > 0;)
        slot_put(slot);
}

static void unmap(uint8_t *stack, uint32_t *entries)
{
    for (uint32_t i = 0; i < STACK_PAGES; i++) {
        uint32_t *entry = &entries[STACK_PAGES + i];
        if (!*entry)
            continue;
        frame_release(frame_of(*entry & ~PAGE_MASK));
        frames_used--;
        *entry = 0;
        page_invalidate((uintptr_t)stack + i * PAGE_SIZE);
    }
}

uint8_t *arch_stack_alloc(void)
{
    if (kept_count)
        return kept[--kept_count];
    if (!first_free)
        return NULL;
    uint32_t slot = first_free - 1, *entries = entries_of(slot);
    uint8_t *stack = (uint8_t *)(STACKS_BASE + slot * SLOT_SIZE + STACK_PAGES * PAGE_SIZE);
    for (uint32_t i = 0; i < STACK_PAGES; i++) {
        struct page *page = frame_alloc(FRAME_FOR_KERNEL);
        if (!page) {
            unmap(stack, entries);
            return NULL;
        }
        entries[STACK_PAGES + i] = frame_address(page) | PTE_STACK;
        frames_used++;
    }
    first_free = entries[0] >> 1;
    return stack;
}

void arch_stack_free(uint8_t *stack)
{
    if (kept_count < KEPT) {
        kept[kept_count++] = stack;
        return;
    }
    unmap(stack, entries_of(slot_of(stack)));
    slot_put(slot_of(stack));
}

uint32_t arch_stack_frames(void)
{
    return frames_used;
}

bool stack_guard_hit(uint32_t address)
{
    return address >= STACKS_BASE && address - STACKS_BASE < slot_count * SLOT_SIZE &&
           (address - STACKS_BASE) % SLOT_SIZE < STACK_PAGES * PAGE_SIZE;
}
