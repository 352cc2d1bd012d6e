/* SPDX-License-Identifier: MIT */
/* The pretend machine of machine.h: the second implementation of kernel/arch.h. */
#define _GNU_SOURCE
#include "machine.h"
#include <kernel/ipc.h>
#include <kernel/pager.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HIGH_START    (DIRECT_MAP_PAGES * PAGE_SIZE)
#define RAM_VIEW      ((char *)0x20000000)
#define TABLE_ENTRIES (KERNEL_BASE / PAGE_SIZE)
#define ENTRY_PRESENT 0x800u

struct boot_info boot_info;
struct process machine_process = {.privileges = {.max_pages = 1000000, .max_objects = 1000000}};
static struct thread thread = {.process = &machine_process};
struct thread *current = &thread;
static char *high_ram;
static uint32_t views, starved;
static struct page *taken;

void machine_start(void)
{
    size_t low_size = (size_t)LOW_FRAMES * PAGE_SIZE;

    if (mmap(RAM_VIEW, low_size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != RAM_VIEW)
        abort();
    high_ram = aligned_alloc(PAGE_SIZE, (size_t)HIGH_FRAMES * PAGE_SIZE);
    memset(RAM_VIEW, 0xcc, low_size);
    memset(high_ram, 0xcc, (size_t)HIGH_FRAMES * PAGE_SIZE);
    boot_info.ram[0] = (struct boot_region){.start = 0, .pages = LOW_FRAMES};
    boot_info.ram[1] = (struct boot_region){.start = HIGH_START, .pages = HIGH_FRAMES};
    boot_info.ram_count = 2;
    boot_info.kernel_end = 0x200000;
    list_init(&machine_process.objects);
    frame_init();
}

void *machine_ram(paddr_t address)
{
    if (address >= HIGH_START)
        return high_ram + (address - HIGH_START);
    return RAM_VIEW + address;
}

uint32_t machine_unused_frames(void)
{
    return frame_free_count() + heap_pages();
}

void machine_starve(uint32_t leave)
{
    while (frame_free_count() > leave) {
        struct page *page = frame_alloc(0);
        if (!page)
            page = frame_alloc(FRAME_LOW);
        page->next = taken;
        taken = page;
        starved++;
    }
}

void machine_feed(void)
{
    while (taken) {
        struct page *page = taken;
        taken = page->next;
        page->next = NULL;
        frame_release(page);
    }
    starved = 0;
}

/* ---- kernel/arch.h ---- */

void *arch_direct(paddr_t address)
{
    if (address >= LOW_FRAMES * PAGE_SIZE)
        panic("no direct view of %x", address);
    return RAM_VIEW + address;
}

paddr_t arch_direct_to_phys(const void *pointer)
{
    return (paddr_t)((const char *)pointer - RAM_VIEW);
}

void *arch_map_temporary(paddr_t frame)
{
    if (frame >= HIGH_START && ++views > 4)
        panic("too many views");
    return machine_ram(frame);
}

void arch_unmap_temporary(void *view)
{
    if ((char *)view >= high_ram && (char *)view < high_ram + (size_t)HIGH_FRAMES * PAGE_SIZE)
        views--;
}

void arch_zero_page(void *page)
{
    memset(page, 0, PAGE_SIZE);
}

void arch_copy_page(void *to, const void *from)
{
    memcpy(to, from, PAGE_SIZE);
}

status_t arch_space_init(struct arch_space *space, const struct arch_space *window_owner)
{
    struct page *page = frame_alloc(FRAME_LOW); /* so that running out is seen here too */

    if (!page)
        return ERR_NO_MEMORY;
    *space = (struct arch_space){.directory_phys = frame_address(page)};
    space->directory = calloc(TABLE_ENTRIES, sizeof *space->directory);
    space->window = window_owner ? window_owner->directory : NULL;
    return OK;
}

void arch_space_destroy(struct arch_space *space)
{
    frame_release(frame_of(space->directory_phys));
    free(space->directory);
    space->directory = NULL;
}

status_t arch_map(struct arch_space *space, uintptr_t address, paddr_t frame, uint32_t bits)
{
    if (address >= KERNEL_BASE || (address & PAGE_MASK) || (frame & PAGE_MASK))
        panic("arch_map(%lx, %x)", (unsigned long)address, frame);
    space->directory[address / PAGE_SIZE] = frame | bits | ENTRY_PRESENT;
    return OK;
}

void arch_unmap(struct arch_space *space, uintptr_t address, uint32_t pages)
{
    if (space->directory == NULL)
        return;
    if (pages > TABLE_ENTRIES - address / PAGE_SIZE)
        panic("arch_unmap(%lx, %u)", (unsigned long)address, pages);
    memset(space->directory + address / PAGE_SIZE, 0, pages * sizeof *space->directory);
}

void arch_write_protect(struct arch_space *space, uintptr_t address, uint32_t pages)
{
    for (uint32_t i = 0; i < pages; i++)
        space->directory[address / PAGE_SIZE + i] &= ~(uint32_t)ARCH_WRITE;
}

bool arch_query(struct arch_space *space, uintptr_t address, paddr_t *frame, uint32_t *bits)
{
    uint32_t entry = space->directory[address / PAGE_SIZE];

    if (!(entry & ENTRY_PRESENT))
        return false;
    if (frame)
        *frame = entry & ~PAGE_MASK;
    if (bits)
        *bits = entry & PAGE_MASK & ~ENTRY_PRESENT;
    return true;
}

status_t arch_ldt_clone(struct arch_space *to, const struct arch_space *from)
{
    (void)to, (void)from;
    return OK;
}

bool machine_entry(struct space *space, uint32_t address, paddr_t *frame, uint32_t *bits)
{
    return arch_query(space_arch(space), address, frame, bits);
}

void *machine_access(struct space *space, uint32_t address, bool write)
{
    paddr_t frame;
    uint32_t bits;

    for (int tries = 0; tries < 3; tries++) {
        if (machine_entry(space, address, &frame, &bits) && (!write || (bits & ARCH_WRITE)))
            return (char *)machine_ram(frame) + (address & PAGE_MASK);
        if (space_fault(space, address, write, false) != OK)
            return NULL;
    }
    panic("a fault at %x is resolved again and again", address);
}

/* ---- what object.c and the memory code need of the rest ---- */

void panic(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

void log_print(const char *format, ...)
{
    (void)format;
}

status_t thread_block(ktime_t deadline, bool interruptible)
{
    (void)deadline, (void)interruptible;
    panic("nothing here blocks");
}

void thread_wake(struct thread *sleeper, status_t status)
{
    (void)sleeper, (void)status;
}

status_t process_charge_pages(struct process *process, uint32_t pages)
{
    if (process && pages > process->privileges.max_pages - process->page_count)
        return ERR_LIMIT_REACHED;
    if (process)
        process->page_count += pages;
    return OK;
}

void process_uncharge_pages(struct process *process, uint32_t pages)
{
    if (process && process->page_count < pages)
        panic("uncharged twice");
    if (process)
        process->page_count -= pages;
}

/* No event watches anything here. */
void watch_fire(struct waiter *waiter)
{
    (void)waiter;
    panic("a watch fired");
}

/* ---- one port, whose pager the tests are ---- */

static struct pager_group pagers = {.pagers = {&pagers.pagers, &pagers.pagers}};

struct pager_group *port_pagers(struct object *port)
{
    (void)port;
    return &pagers;
}

void port_notify(struct object *port, struct port_item *item)
{
    (void)port, (void)item;
}

void port_unnotify(struct object *port, struct port_item *item)
{
    (void)port, (void)item;
}

void thread_kick_thread(struct thread *kicked)
{
    (void)kicked;
}

/* The programs' memory is ours. */
status_t user_read(void *to, user_t from, uint32_t length)
{
    memcpy(to, (const void *)(uintptr_t)from.address, length);
    return OK;
}
