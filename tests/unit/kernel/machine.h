/* SPDX-License-Identifier: MIT */
/*
 * A pretend machine for unit tests of kernel memory on the host: RAM below and above the direct
 * map, page tables that are plain arrays, and one process that is charged.
 *
 * The kernel's code masks addresses with 32-bit constants, so RAM that it sees lies below 4 GiB.
 */
#ifndef TESTS_UNIT_KERNEL_MACHINE_H
#define TESTS_UNIT_KERNEL_MACHINE_H

#include <kernel/memory.h>
#include <kernel/thread.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define LOW_FRAMES  8192u
#define HIGH_FRAMES 1024u

extern struct process machine_process;

void machine_start(void); /* once per program */
/* What a program would see at an address; faults are resolved like the processor's. NULL: killed. */
void *machine_access(struct space *space, uint32_t address, bool write);
/* The frame and ARCH_* bits of a page table entry. */
bool machine_entry(struct space *space, uint32_t address, paddr_t *frame, uint32_t *bits);
void *machine_ram(paddr_t address);
/* Frames that are free or kept by the heap: constant as long as nothing leaks. */
uint32_t machine_unused_frames(void);
/* Take all but `leave` low frames away, and all high ones; then give them back. */
void machine_starve(uint32_t leave);
void machine_feed(void);

#endif
