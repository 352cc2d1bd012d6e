/* SPDX-License-Identifier: MIT */
/*
 * Advisory locks. A flock belongs to a file description and covers all of a file; a record lock
 * belongs to a descriptor table and covers a range. Those of files are kept by the file's server
 * (lib/fs/locks.c), where all personalities meet; here it is only noted which tables have record locks
 * on which files, since any close of such a file drops them. Other things are locked in locklocal.c.
 */
#include "lock.h"

#include <ipc/fsclient.h>

#include "calls.h"
#include "file.h"
#include "server.h"
#include "task.h"

#define OF_DESCRIPTION UINT32_MAX /* pid of a lock that no process owns */

/* A table that has set record locks on a file of a file server. */
struct lock_note {
    struct list link;
    uint64_t ino;
    uint32_t device;
    const struct files *owner;
};
static struct list notes = LIST_INIT(notes); /* guarded by the server lock */

static struct lock_note *note_find(const struct files *owner, const struct file *file)
{
    list_each(note, &notes, struct lock_note, link)
    {
        if (note->owner == owner && note->ino == file->attr.ino &&
            note->device == file->attr.device)
            return note;
    }
    return NULL;
}

static int note_add(const struct files *owner, const struct file *file)
{
    server_lock();
    struct lock_note *note = note_find(owner, file);
    bool there = note || (note = allocate(sizeof *note)) != NULL;
    if (there && !note->owner) {
        *note =
            (struct lock_note){.ino = file->attr.ino, .device = file->attr.device, .owner = owner};
        list_append(&notes, &note->link);
    }
    server_unlock();
    return there ? 0 : -ENOLCK;
}

/* Whether there was one. */
static bool note_take(const struct files *owner, const struct file *file)
{
    if (list_empty(&notes))
        return false;
    server_lock();
    struct lock_note *note = note_find(owner, file);
    if (note) {
        list_remove(&note->link);
        release(note);
    }
    server_unlock();
    return note != NULL;
}

/* ---- locks at the file server -------------------------------------------------------------------- */

static struct fs_lock_request request_of(uint32_t op, uint32_t type, const struct lock_range *range)
{
    return (struct fs_lock_request){
        .op = op,
        .type = type,
        .start = range->start,
        .length = range->end == UINT64_MAX ? 0 : range->end - range->start + 1,
        .owner = (uint64_t)server.personality << 32 | (uint32_t)range->owner,
        .kind = range->whole ? FS_LOCK_FILE : FS_LOCK_RECORD,
        .pid = range->whole || range->pid == OF_DESCRIPTION ? 0 : range->pid};
}

static int call_server(struct file *file, const struct fs_lock_request *request,
                       struct fs_lock_reply *reply)
{
    int error = node_own(file);
    if (error < 0)
        return error;
    status_t status = fs_client_lock(file->handle, request, reply);
    return status == ERR_BUSY ? -EAGAIN : status == ERR_NO_MEMORY ? -ENOLCK : errno_of(status);
}

/* ---- one of the two -------------------------------------------------------------------------------- */

static int lock_set(struct file *file, const struct lock_range *wanted, bool wait)
{
    struct fs_lock_request request =
        request_of(wait ? FS_LOCK_WAIT : FS_LOCK_TRY,
                   wanted->exclusive ? FS_LOCK_EXCLUSIVE : FS_LOCK_SHARED, wanted);
    if (!file_is_node(file))
        return lock_local_set(file, wanted, wait);
    bool of_table = !wanted->whole && wanted->pid != OF_DESCRIPTION;
    int error = of_table ? note_add(wanted->owner, file) : 0;
    return error < 0 ? error : call_server(file, &request, NULL);
}

static int lock_unset(struct file *file, const struct lock_range *range)
{
    struct fs_lock_request request = request_of(FS_LOCK_TRY, FS_LOCK_NONE, range);
    return file_is_node(file) ? call_server(file, &request, NULL) : lock_local_unset(file, range);
}

static int lock_test(struct file *file, const struct lock_range *wanted, struct lock_range *found,
                     bool *any)
{
    struct fs_lock_reply reply;
    struct fs_lock_request request =
        request_of(FS_LOCK_TEST, wanted->exclusive ? FS_LOCK_EXCLUSIVE : FS_LOCK_SHARED, wanted);
    if (!file_is_node(file)) {
        *any = lock_local_test(file, wanted, found);
        return 0;
    }
    int error = call_server(file, &request, &reply);
    *any = error == 0 && reply.type != FS_LOCK_NONE;
    *found = (struct lock_range){.start = reply.start,
                                 .end = reply.length ? reply.start + reply.length - 1 : UINT64_MAX,
                                 .exclusive = reply.type == FS_LOCK_EXCLUSIVE,
                                 .pid = reply.pid ? reply.pid : OF_DESCRIPTION};
    return error;
}

static void drop_all(struct file *file, const void *owner, bool whole)
{
    struct lock_range all = {
        .owner = owner, .whole = whole, .end = UINT64_MAX, .pid = whole ? 0 : 1};
    if (lock_unset(file, &all) < 0)
        log_line("locks of %s are still there", file->path ? file->path : "a file");
}

/* Both kinds: flocks and record locks of the description. */
void lock_release_file(struct file *file)
{
    drop_all(file, file, true);
    drop_all(file, file, false);
}

void lock_release_on_close(struct files *files, struct file *file)
{
    if (!file_is_node(file)) {
        struct lock_range all = {.owner = files, .end = UINT64_MAX};
        (void)lock_local_unset(file, &all);
    } else if (note_take(files, file)) {
        drop_all(file, files, false);
    }
}

/* ---- flock ------------------------------------------------------------------------------------------ */

int32_t sys_flock(uint32_t fd, uint32_t operation)
{
    struct file *file = fd_get(fd);
    uint32_t kind = operation & ~(uint32_t)LOCK_NB;
    struct lock_range wanted = {
        .owner = file, .whole = true, .exclusive = kind == LOCK_EX, .end = UINT64_MAX};
    int result = 0;
    if (!file)
        return -EBADF;
    if (file->flags & O_PATH) {
        result = -EBADF;
    } else if (kind == LOCK_UN) {
        result = file->has_lock ? lock_unset(file, &wanted) : 0;
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

static int resolve_range(struct file *file, const struct linux_flock64 *given,
                         struct lock_range *lock)
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

static int test_lock(struct file *file, const struct lock_range *wanted,
                     struct linux_flock64 *answer)
{
    struct lock_range found;
    bool any;
    int error = lock_test(file, wanted, &found, &any);
    if (error < 0)
        return error;
    answer->type = F_UNLCK;
    if (!any)
        return 0;
    answer->type = found.exclusive ? F_WRLCK : F_RDLCK;
    answer->whence = 0;
    answer->start = (int64_t)found.start;
    answer->length = found.end == UINT64_MAX ? 0 : (int64_t)(found.end - found.start + 1);
    answer->pid = (int32_t)found.pid;
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
    struct lock_range lock = {.owner = of_file ? (const void *)file : files,
                              .pid = of_file ? OF_DESCRIPTION : self()->process->pid,
                              .exclusive = given.type == F_WRLCK};
    if (of_file && given.pid != 0)
        return -EINVAL;
    if (given.type != F_RDLCK && given.type != F_WRLCK && given.type != F_UNLCK)
        return -EINVAL;
    int result = resolve_range(file, &given, &lock);
    if (result < 0)
        return result;
    if (command == F_GETLK || command == F_GETLK64 || command == F_OFD_GETLK) {
        if (given.type == F_UNLCK)
            return -EINVAL;
        result = test_lock(file, &lock, &given);
        return result < 0 ? result : copy_out_flock(argument, &given, wide);
    }
    if (given.type == F_UNLCK)
        return lock_unset(file, &lock);
    if (given.type == F_WRLCK ? !file_writable(file) : !file_readable(file))
        return -EBADF;
    if (of_file)
        file->has_lock = true;
    return lock_set(file, &lock,
                    command == F_SETLKW || command == F_SETLKW64 || command == F_OFD_SETLKW);
}

/* ---- snapshots ----------------------------------------------------------------------------------- */

typedef void lock_tell(void *context, const struct lock_range *range);

/* All that one owner has of one kind, of a file server's file. */
static void each_of(struct file *file, const void *owner, bool whole, uint32_t pid, lock_tell *tell,
                    void *context)
{
    struct lock_range all = {.owner = owner, .whole = whole, .pid = pid, .end = UINT64_MAX};
    struct fs_lock_request request = request_of(FS_LOCK_NEXT, FS_LOCK_NONE, &all);
    struct fs_lock_reply reply;
    while (fs_client_lock(file->handle, &request, &reply) == OK && reply.type != FS_LOCK_NONE) {
        struct lock_range range = all;
        range.start = reply.start;
        range.end = reply.length ? reply.start + reply.length - 1 : UINT64_MAX;
        range.exclusive = reply.type == FS_LOCK_EXCLUSIVE;
        tell(context, &range);
        if (range.start == UINT64_MAX)
            break;
        request.start = range.start + 1;
    }
}

void locks_each(struct file *file, const struct files *files, lock_tell *tell, void *context)
{
    if (!file_is_node(file)) {
        lock_local_each(file, file, tell, context);
        lock_local_each(file, files, tell, context);
        return;
    }
    if (file->has_lock) {
        each_of(file, file, true, OF_DESCRIPTION, tell, context);
        each_of(file, file, false, OF_DESCRIPTION, tell, context);
    }
    server_lock();
    bool noted = note_find(files, file) != NULL;
    server_unlock();
    if (noted)
        each_of(file, files, false, 0, tell, context);
}

int lock_take(struct file *file, struct lock_range *range)
{
    bool of_table = !range->whole && range->pid != OF_DESCRIPTION;
    range->owner = of_table ? (const void *)self()->process->files : file;
    if (of_table)
        range->pid = self()->process->pid;
    if (range->start > range->end)
        return -EINVAL;
    file->has_lock |= !of_table;
    return lock_set(file, range, false);
}
