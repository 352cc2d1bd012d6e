/* SPDX-License-Identifier: MIT */
/*
 * Advisory locks. A flock belongs to a file description and covers all of a file; a record lock
 * belongs to a descriptor table and covers a range. Both kinds are entries of one list, told apart
 * by `whole`, that never conflict with each other. Guarded by the server lock.
 */
#include "lock.h"

#include "calls.h"
#include "file.h"
#include "task.h"

struct lock {
    struct list link;
    uint64_t ino;
    uint32_t device;
    const void *owner;
    uint32_t pid;
    bool whole, exclusive;
    uint64_t start, end; /* [start, end] */
};

static struct list locks = LIST_INIT(locks);
static struct wait_queue released = WAIT_QUEUE_INIT(released);

static bool same_file(const struct lock *lock, const struct file *file)
{
    return lock->ino == file->attr.ino && lock->device == file->attr.device;
}

static struct lock *find_conflict(const struct file *file, const struct lock *wanted)
{
    struct lock *each;
    list_each(each, &locks, struct lock, link)
    {
        if (same_file(each, file) && each->whole == wanted->whole && each->owner != wanted->owner &&
            (each->exclusive || wanted->exclusive) && each->start <= wanted->end &&
            wanted->start <= each->end)
            return each;
    }
    return NULL;
}

static void lock_remove(struct lock *lock)
{
    list_remove(&lock->link);
    release(lock);
    wait_queue_wake(&released, WAKE_ALL);
}

static int lock_add(const struct lock *model)
{
    struct lock *lock = allocate(sizeof *lock);
    if (!lock)
        return -ENOLCK;
    *lock = *model;
    list_append(&locks, &lock->link);
    return 0;
}

/* Cuts [start, end] of the owner's own locks on the file out. */
static int lock_cut(const struct file *file, const struct lock *range)
{
    struct lock *each;
    list_each(each, &locks, struct lock, link)
    {
        if (!same_file(each, file) || each->owner != range->owner || each->whole != range->whole ||
            each->end < range->start || each->start > range->end)
            continue;
        struct lock before = *each, after = *each;
        before.end = range->start - 1;
        after.start = range->end + 1;
        bool keep_before = each->start<range->start, keep_after = each->end> range->end;
        lock_remove(each);
        if ((keep_before && lock_add(&before) < 0) || (keep_after && lock_add(&after) < 0))
            return -ENOLCK;
    }
    return 0;
}

/* Who waits for whom; of record locks of descriptor tables. */
struct lock_wait {
    struct list link;
    const void *owner, *blocker;
};
static struct list waits = LIST_INIT(waits);
#define CHAIN_MAX 64

/* Whether `owner` is waited for, through others, by whom it is about to wait for. */
static bool would_deadlock(const void *owner, const void *blocker)
{
    for (uint32_t i = 0; i < CHAIN_MAX && blocker; i++) {
        const struct lock_wait *each;
        const void *next = NULL;
        if (blocker == owner)
            return true;
        list_each(each, &waits, struct lock_wait, link)
        {
            if (each->owner == blocker)
                next = each->blocker;
        }
        blocker = next;
    }
    return false;
}

static int wait_for(const struct lock *wanted, const struct lock *conflict)
{
    bool counts = !wanted->whole && wanted->pid != UINT32_MAX;
    struct lock_wait wait = {.owner = wanted->owner, .blocker = conflict->owner};
    if (counts && would_deadlock(wanted->owner, conflict->owner))
        return -EDEADLK;
    list_init(&wait.link);
    if (counts)
        list_append(&waits, &wait.link);
    int result = wait_queue_sleep(&released, DEADLINE_NEVER);
    list_remove(&wait.link);
    return result;
}

/* Sets a lock, waiting for others if asked to. */
static int lock_set(struct file *file, const struct lock *wanted, bool wait)
{
    int result = 0;
    struct lock *conflict;
    server_lock();
    while ((conflict = find_conflict(file, wanted))) {
        result = wait ? wait_for(wanted, conflict) : -EAGAIN;
        if (result < 0)
            break;
    }
    if (result == 0)
        result = lock_cut(file, wanted);
    if (result == 0)
        result = lock_add(wanted);
    server_unlock();
    return result;
}

static void remove_owner(const void *owner)
{
    struct lock *each;
    server_lock();
    list_each(each, &locks, struct lock, link)
    {
        if (each->owner == owner)
            lock_remove(each);
    }
    server_unlock();
}

void lock_release_file(struct file *file)
{
    remove_owner(file);
}

void lock_release_owner(struct files *files)
{
    if (!list_empty(&locks))
        remove_owner(files);
}

void lock_release_on_close(struct files *files, struct file *file)
{
    struct lock all = {.owner = files, .end = UINT64_MAX};
    if (list_empty(&locks))
        return;
    server_lock();
    (void)lock_cut(file, &all);
    server_unlock();
}

int32_t sys_flock(uint32_t fd, uint32_t operation)
{
    struct file *file = fd_get(fd);
    uint32_t kind = operation & ~(uint32_t)LOCK_NB;
    int result = 0;
    if (!file)
        return -EBADF;
    struct lock wanted = {.ino = file->attr.ino,
                          .device = file->attr.device,
                          .owner = file,
                          .whole = true,
                          .exclusive = kind == LOCK_EX,
                          .end = UINT64_MAX};
    if (kind == LOCK_UN) {
        lock_release_file(file);
    } else if (kind == LOCK_SH || kind == LOCK_EX) {
        file->has_lock = true;
        result = lock_set(file, &wanted, !(operation & LOCK_NB));
    } else {
        result = -EINVAL;
    }
    file_release(file);
    return result;
}

/* ---- record locks ------------------------------------------------------------------------------ */

static int resolve_range(struct file *file, const struct linux_flock64 *given, struct lock *lock)
{
    int64_t start = given->start, length = given->length;
    uint64_t size = 0;
    if (given->whence == 1)
        start += (int64_t)file->offset;
    else if (given->whence == 2 && file->ops->size && file->ops->size(file, &size) == 0)
        start += (int64_t)size;
    else if (given->whence != 0)
        return -EINVAL;
    if (length < 0) {
        start += length;
        length = -length;
    }
    if (start < 0)
        return -EINVAL;
    lock->start = (uint64_t)start;
    lock->end = length == 0 ? UINT64_MAX : lock->start + (uint64_t)length - 1;
    return 0;
}

static int32_t test_lock(struct file *file, const struct lock *wanted, struct linux_flock64 *answer)
{
    server_lock();
    struct lock *conflict = find_conflict(file, wanted);
    if (!conflict) {
        answer->type = F_UNLCK;
    } else {
        answer->type = conflict->exclusive ? F_WRLCK : F_RDLCK;
        answer->whence = 0;
        answer->start = (int64_t)conflict->start;
        answer->length =
            conflict->end == UINT64_MAX ? 0 : (int64_t)(conflict->end - conflict->start + 1);
        answer->pid = (int32_t)conflict->pid;
    }
    server_unlock();
    return 0;
}

static int copy_in_flock(struct linux_flock64 *to, user_t from, bool wide)
{
    struct linux_flock narrow;
    if (wide)
        return copy_in(to, from, sizeof *to);
    if (copy_in(&narrow, from, sizeof narrow) < 0)
        return -EFAULT;
    *to =
        (struct linux_flock64){narrow.type, narrow.whence, narrow.start, narrow.length, narrow.pid};
    return 0;
}

static int copy_out_flock(user_t to, const struct linux_flock64 *from, bool wide)
{
    struct linux_flock narrow = {from->type, from->whence, (int32_t)from->start,
                                 (int32_t)from->length, from->pid};
    return wide ? copy_out(to, from, sizeof *from) : copy_out(to, &narrow, sizeof narrow);
}

int32_t lock_fcntl(struct file *file, uint32_t command, user_t argument, bool wide)
{
    struct files *files = self()->process->files;
    struct linux_flock64 given;
    bool of_file = command == F_OFD_GETLK || command == F_OFD_SETLK || command == F_OFD_SETLKW;
    if (copy_in_flock(&given, argument, wide) < 0)
        return -EFAULT;
    struct lock lock = {.ino = file->attr.ino,
                        .device = file->attr.device,
                        .owner = of_file ? (const void *)file : files,
                        .pid = of_file ? UINT32_MAX : self()->process->pid,
                        .exclusive = given.type == F_WRLCK};
    if (of_file && given.pid != 0)
        return -EINVAL;
    if (given.type != F_RDLCK && given.type != F_WRLCK && given.type != F_UNLCK)
        return -EINVAL;
    int result = resolve_range(file, &given, &lock);
    if (result < 0)
        return result;
    if (command == F_GETLK || command == F_GETLK64 || command == F_OFD_GETLK) {
        test_lock(file, &lock, &given);
        return copy_out_flock(argument, &given, wide);
    }
    if (given.type == F_UNLCK) {
        server_lock();
        result = lock_cut(file, &lock);
        server_unlock();
        return result;
    }
    if (given.type == F_WRLCK ? !file_writable(file) : !file_readable(file))
        return -EBADF;
    if (of_file)
        file->has_lock = true;
    return lock_set(file, &lock,
                    command == F_SETLKW || command == F_SETLKW64 || command == F_OFD_SETLKW);
}
