/* SPDX-License-Identifier: MIT */
/* Limits on memory, and which of it is locked. All with the server lock held. */
#ifndef POSIX_MMLIMIT_H
#define POSIX_MMLIMIT_H

#include "core.h"

struct mm;
struct process;

/* A locked range of pages; mm->locked has them in order, apart from one another. */
struct locked_range {
    struct list link;
    uint32_t start, end;
};

/*
 * Before memory is mapped: RLIMIT_AS, RLIMIT_DATA (data: private and writable), RLIMIT_MEMLOCK (if it is
 * to be locked) and vm.max_map_count. `replaced` bytes go away with it. 0 or -errno.
 */
int mm_may_map(struct process *process, uint32_t length, uint32_t replaced, bool data, bool locked);
/* Whether one mapping more is allowed. */
bool mm_may_split(struct mm *mm);
/* [start, end) is mapped now and locked if that was asked for, for it or for all that is to come. */
void mm_mapped(struct mm *mm, uint32_t start, uint32_t end, bool locked);
/* It is no longer mapped as it was. */
void mm_unmapped(struct mm *mm, uint32_t start, uint32_t end);
bool mm_is_locked(const struct mm *mm, uint32_t start, uint32_t end); /* any of it */
uint32_t mm_locked_bytes(const struct mm *mm, uint32_t start, uint32_t end);
void mm_forget_locks(struct mm *mm);

#endif
