/* SPDX-License-Identifier: MIT */
/*
 * fcntl's leases. A read lease is there while nobody has the file open for writing, a write lease while
 * nobody else has it open at all. Whoever would end that state sleeps until the holder, which gets a
 * signal, has given the lease up or made it weaker, or until its time is over.
 */
#include "lease.h"

#include "cred.h"
#include "file.h"
#include "owner.h"
#include "sysctl.h"
#include "task.h"

struct lease {
    struct list link;
    struct file *file;      /* not held: its end takes the lease away */
    uint32_t type, becomes; /* F_RDLCK, F_WRLCK; the same unless it is being broken */
    ktime_t patience;       /* until then, while it is being broken */
};

static struct list leases = LIST_INIT(leases);
static struct wait_queue changed = WAIT_QUEUE_INIT(changed);
uint32_t lease_count; /* read without the lock */

/* ---- with the lock held ------------------------------------------------------------------------------- */

static struct lease *lease_of(const struct file *file)
{
    list_each(each, &leases, struct lease, link)
    {
        if (each->file == file)
            return each;
    }
    return NULL;
}

static void set_type(struct lease *lease, uint32_t type)
{
    lease->type = lease->becomes = type;
    if (type == F_UNLCK) {
        list_remove(&lease->link);
        release(lease);
        lease_count--;
    }
    wait_queue_wake(&changed, WAKE_ALL);
}

static bool is_same(const struct file *file, const struct fs_attr *attr)
{
    return file_is_node(file) && file->attr.ino == attr->ino && file->attr.device == attr->device;
}

/* Whether a table has the file open in a way that a lease of this type excludes. */
static bool table_conflicts(const struct files *files, const struct file *own, uint32_t type)
{
    for (uint32_t i = 0; files && i < files->capacity; i++) {
        const struct file *file = files->slots[i].file;
        if (!file || (file->flags & O_PATH) || !is_same(file, &own->attr))
            continue;
        if (type == F_WRLCK ? file != own : file_writable(file))
            return true;
    }
    return false;
}

static bool is_open_otherwise(const struct file *own, uint32_t type)
{
    process_each(process, bucket)
    {
        if (table_conflicts(process->files, own, type))
            return true;
    }
    return false;
}

static int take(struct file *file, uint32_t type)
{
    struct lease *lease = lease_of(file);
    if (lease && lease->becomes != lease->type && type != lease->becomes)
        return -EAGAIN; /* somebody waits for less */
    if (is_open_otherwise(file, type))
        return -EAGAIN;
    if (!lease) {
        if (!(lease = allocate(sizeof *lease)))
            return -ENOMEM;
        lease->file = file;
        list_append(&leases, &lease->link);
        lease_count++;
    }
    set_type(lease, type);
    return 0;
}

/* A lease of the file that is in the way; F_RDLCK < F_WRLCK < F_UNLCK are Linux's numbers. */
static struct lease *find_conflict(const struct fs_attr *attr, bool writes)
{
    list_each(each, &leases, struct lease, link)
    {
        if (is_same(each->file, attr) && (writes || each->type == F_WRLCK))
            return each;
    }
    return NULL;
}

static void begin_break(struct lease *lease, bool writes)
{
    uint32_t becomes = writes ? F_UNLCK : F_RDLCK;
    if (lease->becomes == becomes || lease->becomes == F_UNLCK)
        return;
    lease->becomes = becomes;
    lease->patience = deadline_after((uint64_t)sysctl.lease_break_time * NS_PER_SEC);
    owner_tell_break(lease->file);
}

/* ---- without it ----------------------------------------------------------------------------------------- */

int lease_break(const struct fs_attr *attr, bool writes, bool nonblocking)
{
    struct lease *lease;
    int result = 0;
    if (!S_ISREG(attr->mode))
        return 0;
    server_lock();
    while (result == 0 && (lease = find_conflict(attr, writes))) {
        begin_break(lease, writes);
        if (nonblocking) {
            result = -EAGAIN;
            break;
        }
        result = wait_queue_sleep(&changed, lease->patience);
        if (result != -ETIMEDOUT)
            continue;
        result = 0;
        if ((lease = find_conflict(attr, writes)) && now() >= lease->patience)
            set_type(lease, lease->becomes);
    }
    server_unlock();
    return result;
}

void lease_file_closed(struct file *file)
{
    if (lease_count == 0)
        return;
    server_lock();
    struct lease *lease = lease_of(file);
    if (lease)
        set_type(lease, F_UNLCK);
    server_unlock();
}

static int32_t set_lease(struct file *file, uint32_t type)
{
    int32_t result = -EAGAIN;
    if (type != F_RDLCK && type != F_WRLCK && type != F_UNLCK)
        return -EINVAL;
    if (file->attr.uid != self()->process->credentials.fsuid && !capable(CAP_LEASE))
        return -EACCES;
    if (!S_ISREG(file->attr.mode) || !file_is_node(file))
        return -EINVAL;
    if (type != F_UNLCK && owner_be_default(file) < 0)
        return -ENOMEM;
    server_lock();
    struct lease *lease = lease_of(file);
    if (type != F_UNLCK) {
        result = take(file, type);
    } else if (lease) {
        set_type(lease, F_UNLCK);
        result = 0;
    }
    server_unlock();
    return result;
}

int32_t lease_fcntl(struct file *file, uint32_t command, uint32_t argument)
{
    if (file->flags & O_PATH)
        return -EBADF;
    if (command == F_SETLEASE)
        return set_lease(file, argument);
    server_lock();
    const struct lease *lease = lease_of(file);
    int32_t result = lease ? (int32_t)lease->becomes : F_UNLCK;
    server_unlock();
    return result;
}
