/* SPDX-License-Identifier: MIT */
/* Descriptor tables: GDT, TSS with the I/O bitmap, LDT, TLS slots, and the guest's part of them. */
#ifndef ARCH_I386_SEGMENTS_H
#define ARCH_I386_SEGMENTS_H

#include <kernel/arch.h>

#include "layout.h"

struct tss {
    uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2;
    uint32_t cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
    uint32_t es, cs, ss, ds, fs, gs, ldt;
    uint16_t trap, io_base;
};
_Static_assert(sizeof(struct tss) == 104, "TSS layout");

extern uint32_t gdt[GDT_ENTRIES][2];
extern struct tss machine_tss;
extern uint8_t io_bitmap[8193]; /* directly behind machine_tss, the last byte always 0xff */
/* The frame page of the guest that runs, if the fast paths of entry.S may handle it; else NULL. */
extern struct guest_frame *active_frame;

void segments_init(void);
/* Descriptors, LDT and debug registers as the thread needs them in its present mode (in_guest or not). */
void segments_load(struct thread *thread);
/* As segments_load for the guest of the current thread, and back to what ring 1 may have. */
void segments_enter_guest(struct thread *thread);
void segments_leave_guest(struct thread *thread);
/* The thread was refused a port but its bitmap may allow it: true if the bitmap has been loaded now. */
bool ioports_load(struct thread *thread);

#endif
