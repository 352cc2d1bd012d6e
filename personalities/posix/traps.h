/* SPDX-License-Identifier: MIT */
/*
 * The flight recorder: the last system calls of each process, for its snapshots. Each thread notes its
 * own calls; room comes in chunks as they are filled, so that a short process costs little.
 */
#ifndef POSIX_TRAPS_H
#define POSIX_TRAPS_H

#include <snapshot/format.h>

#include "core.h"
#include "task.h"

struct save;

extern uint32_t traps_khz; /* of the processor's counter; 0: it has none, and nothing has a time */
void traps_init(void);     /* once, in main */
/* Makes room for a record, if there is memory for it. */
struct snap_trap *traps_room(struct process *process, uint32_t place);
void traps_free(struct process *process);
void traps_save(struct save *save, struct process *process); /* lock held */

static inline uint64_t traps_clock(void)
{
    uint32_t low, high;
    if (unlikely(!traps_khz))
        return 0;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline void traps_note(struct thread *thread, uint32_t number, const struct registers *regs,
                              int32_t result)
{
    struct traps *traps = &thread->process->traps;
    uint32_t place = traps->count++ % TRAPS_KEPT; /* of two threads at once one may be lost */
    struct snap_trap *chunk = traps->chunks[place / TRAPS_CHUNK];
    struct snap_trap *trap =
        likely(chunk != NULL) ? &chunk[place % TRAPS_CHUNK] : traps_room(thread->process, place);
    if (unlikely(!trap))
        return;
    /* One by one: a whole structure would be put together on the stack first. */
    trap->time = traps_clock();
    trap->tid = thread->tid;
    trap->number = number;
    trap->arguments[0] = regs->ebx;
    trap->arguments[1] = regs->ecx;
    trap->arguments[2] = regs->edx;
    trap->arguments[3] = regs->esi;
    trap->arguments[4] = regs->edi;
    trap->arguments[5] = regs->ebp;
    trap->result = result;
    trap->reserved = 0;
}

#endif
