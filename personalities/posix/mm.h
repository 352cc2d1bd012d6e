/* SPDX-License-Identifier: MIT */
/* What the memory calls share, and what they need of the files that are mapped. */
#ifndef POSIX_MM_H
#define POSIX_MM_H

#include "core.h"
#include "task.h"

/* ---- the caller's memory (mm.c) ---- */
static inline uint32_t mm_page_up(uint32_t value)
{
    return (value + PAGE_MASK) & ~PAGE_MASK;
}
static inline bool mm_range_valid(uint32_t address, uint32_t length)
{
    return !(address & PAGE_MASK) && length <= GUEST_LIMIT && address <= GUEST_LIMIT - length;
}
static inline struct mm *mm_own(void)
{
    return self()->process->mm;
}
/* Whether anything, and whether all, of [address, address + length) is mapped. */
bool mm_range_taken(uint32_t address, uint32_t length);
bool mm_range_mapped(uint32_t address, uint32_t length);

/* ---- files that are mapped (inode.c) ---- */

/* The VMO handle of a file that is open here, by the VMO's id; borrowed; lock held. */
handle_t inode_vmo_by_id(uint32_t vmo_id);
/* Whether it is the content of a file of that file system, as far as we remember. Lock held. */
bool inode_is_on(uint32_t vmo_id, uint32_t device);
/* What was written to that VMO is durable. 0 if nothing says which file it is: it is no file's. No lock. */
int inode_sync(uint32_t vmo_id);
/* Nodes that were kept open for mappings which are gone are closed: before an umount. No lock. */
void inodes_settle(void);

#endif
