/* SPDX-License-Identifier: MIT */
/*
 * Page tables.
 *
 * Every directory has the same kernel part, fixed at boot: the direct map in 4 MiB pages and one
 * table for temporary views of frames above it. Page tables come from low memory, so the kernel
 * reaches them through the direct map. A table, once made, stays until its space is destroyed: the
 * tables of a server's window are shared by the directories of its guests, which fetch a missing
 * directory entry from the server's directory when they fault on it (arch_window_sync).
 */
#include <kernel/log.h>
#include <kernel/memory.h>

#include "cpu.h"
#include "layout.h"
#include "trap.h"

#define PTE_PRESENT        0x001u
#define PTE_WRITE          0x002u
#define PTE_USER           0x004u
#define PTE_NO_CACHE       0x018u /* PWT and PCD */
#define PTE_GLOBAL         0x100u
#define PTE_FRAME          0xfffff000u
#define ENTRIES            1024u
#define LARGE_PAGE         0x400000u
#define PDE_INDEX(address) ((address) >> 22)
#define PTE_INDEX(address) (((address) >> 12) & (ENTRIES - 1))
#define FLUSH_ALL_FROM     32 /* pages; beyond this reloading cr3 is cheaper */
#define TEMPORARY_VIEWS    4

extern uint32_t boot_directory[ENTRIES];

static uint32_t temporary_table[ENTRIES] __attribute__((aligned(PAGE_SIZE)));
static uint32_t temporary_used;

void *arch_direct(paddr_t address)
{
    assert(address < DIRECT_MAP_PAGES * PAGE_SIZE);
    return (void *)(address + KERNEL_BASE);
}

paddr_t arch_direct_to_phys(const void *pointer)
{
    return (uintptr_t)pointer - KERNEL_BASE;
}

/* The boot directory becomes the kernel's own: no identity map, direct map only where RAM is. */
void paging_init(paddr_t ram_end)
{
    struct cpuid_result features = cpuid(1);
    uint32_t global = features.edx & CPUID_PGE ? PTE_GLOBAL : 0;
    uint32_t first = PDE_INDEX(KERNEL_BASE);

    for (uint32_t i = 0; i < ENTRIES; i++) {
        bool ram = i >= first && i < PDE_INDEX(TEMPORARY_BASE) &&
                   (i - first) * LARGE_PAGE < ram_end && (i - first) < DIRECT_MAP_PAGES / ENTRIES;

        boot_directory[i] = ram ? (boot_directory[i] | global) : 0;
    }
    boot_directory[PDE_INDEX(TEMPORARY_BASE)] =
        arch_direct_to_phys(temporary_table) | PTE_PRESENT | PTE_WRITE;
    write_cr3(arch_direct_to_phys(boot_directory));
    if (global)
        write_cr4(read_cr4() | CR4_PGE);
    if (cpuid(0).eax >= 7 && (cpuid(7).ebx & CPUID7_SMEP))
        write_cr4(read_cr4() | CR4_SMEP);
}

/* ---- temporary views ---- */

void *arch_map_temporary(paddr_t frame)
{
    uintptr_t address;

    if (frame < DIRECT_MAP_PAGES * PAGE_SIZE)
        return arch_direct(frame);
    assert(temporary_used < TEMPORARY_VIEWS);
    address = TEMPORARY_BASE + temporary_used * PAGE_SIZE;
    temporary_table[temporary_used++] = frame | PTE_PRESENT | PTE_WRITE;
    page_invalidate(address);
    return (void *)address;
}

void arch_unmap_temporary(void *view)
{
    uintptr_t address = (uintptr_t)view & ~(uintptr_t)PAGE_MASK;

    if (address < TEMPORARY_BASE)
        return;
    assert(temporary_used > 0 && address == TEMPORARY_BASE + (temporary_used - 1) * PAGE_SIZE);
    temporary_table[--temporary_used] = 0;
    page_invalidate(address);
}

/* ---- spaces ---- */

static bool in_window(uintptr_t address)
{
    return address >= SERVER_BASE && address < SERVER_LIMIT;
}

status_t arch_space_init(struct arch_space *space, const struct arch_space *window_owner)
{
    struct page *page = frame_alloc(FRAME_LOW | FRAME_ZERO);
    uint32_t kernel = PDE_INDEX(KERNEL_BASE), window = PDE_INDEX(SERVER_BASE);

    if (!page)
        return ERR_NO_MEMORY;
    *space = (struct arch_space){.directory_phys = frame_address(page)};
    space->directory = arch_direct(space->directory_phys);
    for (uint32_t i = kernel; i < ENTRIES; i++)
        space->directory[i] = boot_directory[i];
    if (window_owner) {
        space->window = window_owner->directory;
        for (uint32_t i = window; i < kernel; i++)
            space->directory[i] = space->window[i];
    }
    return OK;
}

void arch_space_destroy(struct arch_space *space)
{
    uint32_t end = PDE_INDEX(space->window ? SERVER_BASE : KERNEL_BASE);

    if (!space->directory)
        return;
    if ((read_cr3() & PTE_FRAME) == space->directory_phys)
        arch_space_switch(NULL);
    for (uint32_t i = 0; i < end; i++)
        if (space->directory[i] & PTE_PRESENT)
            frame_release(frame_of(space->directory[i] & PTE_FRAME));
    frame_release(frame_of(space->directory_phys));
    heap_free(space->ldt);
    *space = (struct arch_space){0};
}

void arch_space_switch(struct arch_space *space)
{
    paddr_t directory = space ? space->directory_phys : arch_direct_to_phys(boot_directory);

    if ((read_cr3() & PTE_FRAME) != directory)
        write_cr3(directory);
}

bool arch_window_sync(struct arch_space *space, uintptr_t address)
{
    uint32_t index = PDE_INDEX(address);

    if (!space->window || !in_window(address))
        return false;
    /* The processor sets accessed bits in either copy as it goes; they make no difference. */
    if (!((space->directory[index] ^ space->window[index]) & (PTE_FRAME | PTE_PRESENT)))
        return false;
    space->directory[index] = space->window[index];
    return true;
}

/* The table of an address, or NULL. A guest's own directory is asked: the window must be in sync. */
static uint32_t *table_of(struct arch_space *space, uintptr_t address)
{
    uint32_t entry = space->directory[PDE_INDEX(address)];

    return entry & PTE_PRESENT ? arch_direct(entry & PTE_FRAME) : NULL;
}

static uint32_t *table_make(struct arch_space *space, uintptr_t address, uint32_t use)
{
    uint32_t *table = table_of(space, address);
    struct page *page;

    if (table)
        return table;
    page = frame_alloc(FRAME_LOW | FRAME_ZERO | use);
    if (!page)
        return NULL;
    space->directory[PDE_INDEX(address)] = frame_address(page) | PTE_PRESENT | PTE_WRITE | PTE_USER;
    return arch_direct(frame_address(page));
}

/* Whether the processor may have entries of this space in its TLB: loading cr3 drops them. */
static bool is_loaded(const struct arch_space *space, uintptr_t address)
{
    return (read_cr3() & PTE_FRAME) == space->directory_phys || in_window(address);
}

status_t arch_map(struct arch_space *space, uintptr_t address, paddr_t frame, uint32_t bits)
{
    uint32_t *table, old, flags = PTE_PRESENT;

    assert(address < KERNEL_BASE && !(space->window && in_window(address)));
    table = table_make(space, address, bits & FRAME_USE_MASK);
    if (!table)
        return ERR_NO_MEMORY;
    if (bits & ARCH_WRITE)
        flags |= PTE_WRITE;
    if (!(bits & ARCH_SUPERVISOR))
        flags |= PTE_USER;
    if (bits & ARCH_UNCACHED)
        flags |= PTE_NO_CACHE;
    old = table[PTE_INDEX(address)];
    table[PTE_INDEX(address)] = (frame & PTE_FRAME) | flags;
    if ((old & PTE_PRESENT) && is_loaded(space, address))
        page_invalidate(address);
    return OK;
}

/* Steps over empty entries, four at a time: where to look on, at most `last`. */
static uint32_t skip_empty(const uint32_t *entries, uint32_t i, uint32_t last)
{
    while (i + 4 <= last && !(entries[i] | entries[i + 1] | entries[i + 2] | entries[i + 3]))
        i += 4;
    return i;
}

/* Apply clear-bits to the present entries of a range; whole missing tables are stepped over. */
static void change_range(struct arch_space *space, uintptr_t address, uint32_t pages, uint32_t keep)
{
    bool loaded = is_loaded(space, address);
    uint32_t changed = 0;

    while (pages) {
        uint32_t *table = table_of(space, address);
        uint32_t first = PTE_INDEX(address);
        uint32_t count = pages < ENTRIES - first ? pages : ENTRIES - first;

        for (uint32_t i = 0; table && i < count; i++) {
            uint32_t old = table[first + i];

            if (!old) {
                i = skip_empty(table + first, i, count - 1);
                old = table[first + i];
            }
            if (!(old & PTE_PRESENT) || (old & keep) == old)
                continue;
            table[first + i] = keep ? old & keep : 0;
            if (loaded && changed < FLUSH_ALL_FROM)
                page_invalidate(address + i * PAGE_SIZE);
            changed++;
        }
        address += count * PAGE_SIZE;
        pages -= count;
    }
    if (loaded && changed >= FLUSH_ALL_FROM)
        write_cr3(read_cr3());
}

void arch_unmap(struct arch_space *space, uintptr_t address, uint32_t pages)
{
    if (space->directory)
        change_range(space, address, pages, 0);
}

void arch_write_protect(struct arch_space *space, uintptr_t address, uint32_t pages)
{
    change_range(space, address, pages, ~PTE_WRITE);
}

bool arch_query(struct arch_space *space, uintptr_t address, paddr_t *frame, uint32_t *bits)
{
    uint32_t *table = table_of(space, address);
    uint32_t entry = table ? table[PTE_INDEX(address)] : 0;

    if (!(entry & PTE_PRESENT))
        return false;
    if (frame)
        *frame = entry & PTE_FRAME;
    if (bits)
        *bits = ARCH_READ | ARCH_EXEC | (entry & PTE_WRITE ? ARCH_WRITE : 0) |
                (entry & PTE_USER ? 0 : ARCH_SUPERVISOR) |
                (entry & PTE_NO_CACHE ? ARCH_UNCACHED : 0);
    return true;
}
