/* SPDX-License-Identifier: MIT */
/*
 * Advisory locks of files that no file server has: devices, pipes, memfds, /proc. One list of all,
 * guarded by the server lock; the rules are those of lib/fs/locks.c.
 */
#include "lock.h"

#include "file.h"
#include "task.h"

struct local_lock {
    struct list link;
    uint64_t ino;
    uint32_t device;
    struct lock_range range;
};

static struct list locks = LIST_INIT(locks);
static struct wait_queue released = WAIT_QUEUE_INIT(released);

static bool same_file(const struct local_lock *lock, const struct file *file)
{
    return lock->ino == file->attr.ino && lock->device == file->attr.device;
}

static struct local_lock *find_conflict(const struct file *file, const struct lock_range *wanted)
{
    list_each(each, &locks, struct local_lock, link)
    {
        const struct lock_range *held = &each->range;
        if (same_file(each, file) && held->whole == wanted->whole && held->owner != wanted->owner &&
            (held->exclusive || wanted->exclusive) && held->start <= wanted->end &&
            wanted->start <= held->end)
            return each;
    }
    return NULL;
}

static void lock_remove(struct local_lock *lock)
{
    list_remove(&lock->link);
    release(lock);
    wait_queue_wake(&released, WAKE_ALL);
}

static int lock_add(const struct file *file, const struct lock_range *range)
{
    struct local_lock *lock = allocate(sizeof *lock);
    if (!lock)
        return -ENOLCK;
    *lock =
        (struct local_lock){.ino = file->attr.ino, .device = file->attr.device, .range = *range};
    list_append(&locks, &lock->link);
    return 0;
}

/* Cuts the range out of the owner's own locks on the file. */
static int lock_cut(const struct file *file, const struct lock_range *range)
{
    list_each(each, &locks, struct local_lock, link)
    {
        struct lock_range before = each->range, after = each->range;
        if (!same_file(each, file) || before.owner != range->owner ||
            before.whole != range->whole || before.end < range->start || before.start > range->end)
            continue;
        bool keep_before = before.start<range->start, keep_after = after.end> range->end;
        before.end = range->start - 1;
        after.start = range->end + 1;
        lock_remove(each);
        if ((keep_before && lock_add(file, &before) < 0) ||
            (keep_after && lock_add(file, &after) < 0))
            return -ENOLCK;
    }
    return 0;
}

int lock_local_set(struct file *file, const struct lock_range *wanted, bool wait)
{
    int result = 0;
    server_lock();
    while (result == 0 && find_conflict(file, wanted))
        result = wait ? wait_queue_sleep(&released, DEADLINE_NEVER) : -EAGAIN;
    if (result == 0)
        result = lock_cut(file, wanted);
    if (result == 0)
        result = lock_add(file, wanted);
    server_unlock();
    return result;
}

int lock_local_unset(struct file *file, const struct lock_range *range)
{
    if (list_empty(&locks))
        return 0;
    server_lock();
    int result = lock_cut(file, range);
    server_unlock();
    return result;
}

bool lock_local_test(struct file *file, const struct lock_range *wanted, struct lock_range *found)
{
    server_lock();
    const struct local_lock *conflict = find_conflict(file, wanted);
    if (conflict)
        *found = conflict->range;
    server_unlock();
    return conflict != NULL;
}

void lock_local_each(struct file *file, const void *owner,
                     void (*tell)(void *context, const struct lock_range *range), void *context)
{
    server_lock();
    list_each(each, &locks, struct local_lock, link)
    {
        if (same_file(each, file) && each->range.owner == owner)
            tell(context, &each->range);
    }
    server_unlock();
}
