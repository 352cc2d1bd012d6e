/* SPDX-License-Identifier: MIT */
/*
 * Limits on memory and mlock. Memory is never paged out here, so a lock does two things: the pages are
 * there from then on, and they count against RLIMIT_MEMLOCK.
 */
#include "mmlimit.h"

#include "calls.h"
#include "cred.h"
#include "sysctl.h"
#include "task.h"

#define ALL_OF_IT      GUEST_LIMIT
#define MLOCK_ONFAULT_ 1u

static uint32_t page_up(uint32_t value)
{
    return (value + PAGE_MASK) & ~PAGE_MASK;
}

/* ---- locked ranges ------------------------------------------------------------------------------------ */

static void range_free(struct locked_range *range)
{
    list_remove(&range->link);
    release(range);
}

static bool range_add(struct mm *mm, uint32_t start, uint32_t end)
{
    struct locked_range *range = allocate(sizeof *range);
    struct list *before = &mm->locked;
    if (!range)
        return false;
    *range = (struct locked_range){.start = start, .end = end};
    list_each(each, &mm->locked, struct locked_range, link)
    {
        if (each->start > start) {
            before = &each->link;
            break;
        }
    }
    list_append(before, &range->link); /* in front of `before` */
    return true;
}

void mm_unmapped(struct mm *mm, uint32_t start, uint32_t end)
{
    list_each(each, &mm->locked, struct locked_range, link)
    {
        uint32_t old_end = each->end;
        if (each->end <= start || each->start >= end)
            continue;
        if (each->start >= start && each->end <= end) {
            range_free(each);
        } else if (each->start < start) {
            each->end = start;
            if (old_end > end)
                (void)range_add(mm, end, old_end); /* or it counts less */
        } else {
            each->start = end;
        }
    }
}

static bool lock_range(struct mm *mm, uint32_t start, uint32_t end)
{
    mm_unmapped(mm, start, end);
    return start == end || range_add(mm, start, end);
}

void mm_mapped(struct mm *mm, uint32_t start, uint32_t end, bool locked)
{
    mm_unmapped(mm, start, end);
    if (locked || mm->lock_all)
        (void)range_add(mm, start, end);
}

uint32_t mm_locked_bytes(const struct mm *mm, uint32_t start, uint32_t end)
{
    uint32_t sum = 0;
    list_each(each, &mm->locked, struct locked_range, link)
    {
        uint32_t from = MAX(each->start, start), to = MIN(each->end, end);
        sum += to > from ? to - from : 0;
    }
    return sum;
}

bool mm_is_locked(const struct mm *mm, uint32_t start, uint32_t end)
{
    return mm_locked_bytes(mm, start, end) > 0;
}

void mm_forget_locks(struct mm *mm)
{
    mm_unmapped(mm, 0, ALL_OF_IT);
}

/* ---- limits ------------------------------------------------------------------------------------------- */

/* The program's own, not this server's. */
static bool next_mapping(const struct mm *mm, uint32_t at, struct mapping_info *info)
{
    return space_query(mm->space, at, info) == OK && info->address < GUEST_LIMIT;
}

static uint32_t data_bytes(const struct mm *mm)
{
    struct mapping_info info;
    uint32_t sum = 0;
    for (uint32_t at = 0; next_mapping(mm, at, &info); at = info.address + info.length)
        if ((info.prot & PROT_W) && !(info.flags & MAP_FLAG_SHARED) && info.tag != TAG_STACK)
            sum += info.length;
    return sum;
}

/* Counting takes time, so it is only done when there may be too many. */
bool mm_may_split(struct mm *mm)
{
    struct mapping_info info;
    if (++mm->mappings_made < sysctl.map_count)
        return true;
    mm->mappings_made = 0;
    for (uint32_t at = 0; next_mapping(mm, at, &info); at = info.address + info.length)
        mm->mappings_made++;
    return mm->mappings_made < sysctl.map_count;
}

/* 0: no limit is in the way of so many locked bytes. */
static int may_lock(const struct process *process, uint64_t bytes)
{
    uint64_t limit = process->limits[RLIMIT_MEMLOCK].current;
    if (bytes <= limit || capable(CAP_IPC_LOCK))
        return 0;
    return limit == 0 ? -EPERM : -ENOMEM;
}

int mm_may_map(struct process *process, uint32_t length, uint32_t replaced, bool data, bool locked)
{
    const struct linux_rlimit64 *limits = process->limits;
    struct mm *mm = process->mm;
    uint32_t mapped, resident;
    if (limits[RLIMIT_AS].current != RLIM64_INFINITY &&
        space_pages(mm->space, &mapped, &resident) == OK &&
        (uint64_t)mapped * PAGE_SIZE + length - MIN(replaced, length) > limits[RLIMIT_AS].current)
        return -ENOMEM;
    if (data && limits[RLIMIT_DATA].current != RLIM64_INFINITY &&
        (uint64_t)data_bytes(mm) + length > limits[RLIMIT_DATA].current)
        return -ENOMEM;
    if ((locked || mm->lock_all) &&
        may_lock(process, (uint64_t)mm_locked_bytes(mm, 0, ALL_OF_IT) + length) < 0)
        return locked && limits[RLIMIT_MEMLOCK].current == 0 ? -EPERM : -EAGAIN;
    return mm_may_split(mm) ? 0 : -ENOMEM;
}

/* ---- the calls ---------------------------------------------------------------------------------------- */

static bool is_mapped(const struct mm *mm, uint32_t start, uint32_t end)
{
    struct mapping_info info;
    while (start < end) {
        if (space_query(mm->space, start, &info) != OK || info.address > start)
            return false;
        start = info.address + info.length;
    }
    return true;
}

/* Has each page there, as far as it may be read. */
static void touch(uint32_t start, uint32_t end)
{
    uint8_t byte;
    for (; start < end; start += PAGE_SIZE)
        if (probe_out(USER(start), 1) < 0)
            (void)copy_in(&byte, USER(start), 1);
}

static int32_t lock(uint32_t address, uint32_t length, bool now)
{
    struct process *process = self()->process;
    struct mm *mm = process->mm;
    uint32_t start = address & ~PAGE_MASK, end = page_up(address + length);
    if (address + length < address || end < start || address + length > GUEST_LIMIT)
        return process->limits[RLIMIT_MEMLOCK].current == 0 && !capable(CAP_IPC_LOCK) ? -EPERM
                                                                                      : -ENOMEM;
    server_lock();
    uint64_t others = mm_locked_bytes(mm, 0, start) + mm_locked_bytes(mm, end, ALL_OF_IT);
    int result = may_lock(process, others + (end - start));
    if (result == 0 && !is_mapped(mm, start, end))
        result = -ENOMEM;
    if (result == 0 && !lock_range(mm, start, end))
        result = -ENOMEM;
    server_unlock();
    if (result == 0 && now)
        touch(start, end);
    return result;
}

int32_t sys_mlock(user_t address, uint32_t length)
{
    return lock(address.address, length, true);
}

int32_t sys_mlock2(user_t address, uint32_t length, uint32_t flags)
{
    return flags & ~MLOCK_ONFAULT_ ? -EINVAL : lock(address.address, length, !flags);
}

int32_t sys_munlock(user_t address, uint32_t length)
{
    struct mm *mm = self()->process->mm;
    uint32_t start = address.address & ~PAGE_MASK, end = page_up(address.address + length);
    if (address.address + length < address.address || end < start || end > GUEST_LIMIT)
        return -EINVAL;
    server_lock();
    int result = is_mapped(mm, start, end) ? 0 : -ENOMEM;
    if (result == 0)
        mm_unmapped(mm, start, end);
    server_unlock();
    return result;
}

static void lock_everything(struct mm *mm)
{
    struct mapping_info info;
    mm_forget_locks(mm);
    for (uint32_t at = 0; next_mapping(mm, at, &info); at = info.address + info.length)
        (void)range_add(mm, info.address, info.address + info.length);
}

int32_t sys_mlockall(uint32_t flags)
{
    struct process *process = self()->process;
    struct mm *mm = process->mm;
    uint32_t mapped, resident;
    if (flags == 0 || flags == MCL_ONFAULT ||
        (flags & ~(uint32_t)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)))
        return -EINVAL;
    if (process->limits[RLIMIT_MEMLOCK].current == 0 && !capable(CAP_IPC_LOCK))
        return -EPERM;
    server_lock();
    int result = 0;
    if ((flags & MCL_CURRENT) && space_pages(mm->space, &mapped, &resident) == OK)
        result = may_lock(process, (uint64_t)mapped * PAGE_SIZE);
    if (result == 0) {
        mm->lock_all = flags & MCL_FUTURE;
        if (flags & MCL_CURRENT)
            lock_everything(mm);
    }
    server_unlock();
    return result;
}

int32_t sys_munlockall(void)
{
    struct mm *mm = self()->process->mm;
    server_lock();
    mm_forget_locks(mm);
    mm->lock_all = false;
    server_unlock();
    return 0;
}

/* ---- what is there ------------------------------------------------------------------------------------ */

int32_t sys_mincore(user_t address, uint32_t length, user_t vector)
{
    const struct mm *mm = self()->process->mm;
    uint8_t states[256];
    uint32_t start = address.address, end = start + page_up(length);
    if (start & PAGE_MASK)
        return -EINVAL;
    if (length > GUEST_LIMIT || end < start || end > GUEST_LIMIT || !is_mapped(mm, start, end))
        return -ENOMEM;
    while (start < end) {
        uint32_t count = MIN((end - start) / PAGE_SIZE, sizeof states);
        if (space_present(mm->space, start, states, count) != OK)
            return -ENOMEM;
        for (uint32_t i = 0; i < count; i++)
            states[i] = states[i] != 0;
        if (copy_out(vector, states, count) < 0)
            return -EFAULT;
        vector = user_at(vector, count);
        start += count * PAGE_SIZE;
    }
    return 0;
}
