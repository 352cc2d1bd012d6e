/* SPDX-License-Identifier: MIT */
/*
 * Byte-range locks. A lock belongs to a file object and a process; files that have some are on one
 * list, since locks of all file objects of the same disk file count. Requests that cannot be granted
 * wait in one queue and are tried again when any lock goes.
 */
#include <personalities/nt/file.h>

#include <personalities/nt/io.h>
#include <personalities/nt/snapshot/save.h>

#include <stdlib.h>
#include <string.h>

struct file_lock {
    struct list link;
    struct nt_process *process; /* not held: its last handle takes the lock away */
    uint64_t start, length;
    uint32_t key;
    bool exclusive;
};

static struct list lock_files = {&lock_files, &lock_files};
struct locked_file {
    struct list link;
    struct nt_file *file;
};
static struct list waiting = {&waiting, &waiting}; /* struct io_request; context: the lock */

static void retry_waiting(void);

static void forget_if_free(struct nt_file *file)
{
    if (!list_empty(&file->locks))
        return;
    list_each_safe(locked, next, &lock_files, struct locked_file, link)
    {
        if (locked->file != file)
            continue;
        list_remove(&locked->link);
        free(locked);
    }
}

void locks_release(struct nt_file *file, struct nt_process *process)
{
    if (list_empty(&file->locks))
        return;
    list_each_safe(lock, after, &file->locks, struct file_lock, link)
    {
        if (process && lock->process != process)
            continue;
        list_remove(&lock->link);
        free(lock);
    }
    forget_if_free(file);
    retry_waiting();
}

/* Lengths may reach beyond the last address: then up to the end. */
static uint64_t last_byte(uint64_t start, uint64_t length)
{
    return length - 1 > UINT64_MAX - start ? UINT64_MAX : start + length - 1;
}

static bool overlaps(const struct file_lock *a, const struct file_lock *b)
{
    return a->length && b->length && a->start <= last_byte(b->start, b->length) &&
           b->start <= last_byte(a->start, a->length);
}

static bool same_file(const struct nt_file *a, const struct nt_file *b)
{
    return a->ino == b->ino && a->device == b->device;
}

/*
 * Two shared locks go together. With an exclusive one goes nothing, but a shared one of the same
 * handle's object and process.
 */
static bool conflicts(const struct nt_file *file, const struct file_lock *wanted)
{
    list_each(locked, &lock_files, struct locked_file, link)
    {
        if (!same_file(locked->file, file))
            continue;
        list_each(lock, &locked->file->locks, struct file_lock, link)
        {
            bool own = locked->file == file && lock->process == wanted->process;
            if (overlaps(lock, wanted) && (wanted->exclusive || (lock->exclusive && !own)))
                return true;
        }
    }
    return false;
}

static NTSTATUS grant(struct nt_file *file, struct file_lock *lock)
{
    if (list_empty(&file->locks)) {
        struct locked_file *locked = malloc(sizeof *locked);
        if (!locked)
            return STATUS_NO_MEMORY;
        locked->file = file;
        list_append(&lock_files, &locked->link);
    }
    list_append(&file->locks, &lock->link);
    return STATUS_SUCCESS;
}

/* The request is over: the lock is the file's now, or nobody's. */
static void wait_ended(struct io_request *request)
{
    if (request->context)
        free(request->context);
    request->context = NULL;
}

static void retry_waiting(void)
{
    bool granted;
    do {
        granted = false;
        list_each(request, &waiting, struct io_request, link)
        {
            struct file_lock *lock = request->context;
            if (conflicts(request->file, lock) || grant(request->file, lock))
                continue;
            request->context = NULL;
            granted = true;
            io_finish(request, STATUS_SUCCESS, 0);
            break;
        }
    } while (granted);
}

/* Consumes the lock. */
static NTSTATUS wait_for_lock(struct call *call, struct nt_file *file, const struct io_call *io,
                              struct file_lock *lock)
{
    struct io_request *request;
    uint32_t information;
    NTSTATUS status = io_request_new(call, file, io, &request);
    if (status) {
        free(lock);
        return status;
    }
    request->context = lock;
    request->ended = wait_ended;
    memcpy(&request->made.args[LOCK_AGAIN_RANGE], &lock->start, sizeof lock->start);
    memcpy(&request->made.args[LOCK_AGAIN_RANGE + 2], &lock->length, sizeof lock->length);
    list_append(&waiting, &request->link);
    return io_pending(request, &information);
}

static NTSTATUS lock_range(struct call *call, struct nt_file *file, const struct io_call *io,
                           uint64_t start, uint64_t length)
{
    struct file_lock *lock = malloc(sizeof *lock);
    if (!lock)
        return STATUS_NO_MEMORY;
    if (length && start + length < start && start + length != 0) {
        free(lock);
        return STATUS_INVALID_LOCK_RANGE;
    }
    *lock = (struct file_lock){.process = call->process,
                               .start = start,
                               .length = length,
                               .key = call->args[7],
                               .exclusive = call->args[9] & 0xff};
    list_init(&lock->link);
    if (conflicts(file, lock)) {
        if (!(call->args[8] & 0xff))
            return wait_for_lock(call, file, io, lock);
        free(lock);
        return STATUS_LOCK_NOT_GRANTED;
    }
    NTSTATUS status = grant(file, lock);
    if (status)
        free(lock);
    return status;
}

/* ---- snapshots ---- */

void locks_save(const struct nt_file *file, uint32_t id, struct save *save)
{
    struct snapshot *snapshot = &save->snapshot;
    list_each(lock, &file->locks, struct file_lock, link)
    {
        if (lock->process != save->process)
            continue;
        snap_note_begin(snapshot, SNAP_LOCK);
        snap_put_u32(snapshot, SNAP_LOCK_OBJECT, id);
        snap_put_text(snapshot, SNAP_LOCK_KIND, "range");
        snap_put_u32(snapshot, SNAP_LOCK_EXCLUSIVE, lock->exclusive);
        snap_put_u64(snapshot, SNAP_LOCK_START, lock->start);
        snap_put_u64(snapshot, SNAP_LOCK_LENGTH, lock->length);
        snap_put_u32(snapshot, SNAP_LOCK_KEY, lock->key);
    }
}

NTSTATUS locks_restore(struct nt_file *file, struct nt_process *process,
                       const struct snap_note *note)
{
    struct file_lock *lock = malloc(sizeof *lock);
    if (!lock)
        return STATUS_NO_MEMORY;
    *lock = (struct file_lock){.process = process,
                               .start = snap_get_u64(note, SNAP_LOCK_START, 0),
                               .length = snap_get_u64(note, SNAP_LOCK_LENGTH, 0),
                               .key = snap_get_u32(note, SNAP_LOCK_KEY, 0),
                               .exclusive = snap_get_u32(note, SNAP_LOCK_EXCLUSIVE, 0)};
    list_init(&lock->link);
    NTSTATUS status = conflicts(file, lock) ? STATUS_FILE_LOCK_CONFLICT : grant(file, lock);
    if (status)
        free(lock);
    return status;
}

/* ---- calls ---- */

/* File, and the range at two guest addresses. */
static NTSTATUS range_from(struct call *call, uint32_t start_guest, uint32_t length_guest,
                           struct nt_file **file, uint64_t *start, uint64_t *length)
{
    struct object *object;
    NTSTATUS status = guest_read(start, start_guest, sizeof *start);
    if (!status)
        status = guest_read(length, length_guest, sizeof *length);
    if (!status)
        status = handle_object(call->thread, call->args[0], &file_type, 0, &object);
    if (!status)
        *file = file_of(object);
    return status;
}

/* Takes the reference to the file. */
static NTSTATUS lock_file(struct call *call, struct nt_file *file, uint64_t start, uint64_t length)
{
    struct io_call io = {call->args[1], call->args[2], call->args[3], call->args[4]};
    NTSTATUS status =
        file->kind == FILE_DISK ? io_begin(call->thread, file, &io) : STATUS_INVALID_DEVICE_REQUEST;
    if (!status)
        status = lock_range(call, file, &io, start, length);
    if (status != STATUS_PENDING)
        status = io_complete(call->thread, file, &io, status, 0);
    object_release(&file->object);
    return status;
}

NTSTATUS nt_lock_file(struct call *call)
{
    struct nt_file *file;
    uint64_t start, length;
    NTSTATUS status = range_from(call, call->args[5], call->args[6], &file, &start, &length);
    return status ? status : lock_file(call, file, start, length);
}

NTSTATUS lock_file_again(struct call *call)
{
    struct object *object;
    uint64_t start, length;
    memcpy(&start, &call->args[LOCK_AGAIN_RANGE], sizeof start);
    memcpy(&length, &call->args[LOCK_AGAIN_RANGE + 2], sizeof length);
    NTSTATUS status = handle_object(call->thread, call->args[0], &file_type, 0, &object);
    return status ? status : lock_file(call, file_of(object), start, length);
}

NTSTATUS nt_unlock_file(struct call *call)
{
    struct nt_file *file;
    uint64_t start, length;
    IO_STATUS_BLOCK block = {0};
    NTSTATUS status = range_from(call, call->args[2], call->args[3], &file, &start, &length);
    if (status)
        return status;
    status = STATUS_RANGE_NOT_LOCKED;
    list_each(lock, &file->locks, struct file_lock, link)
    {
        if (lock->process != call->process || lock->start != start || lock->length != length ||
            lock->key != call->args[4])
            continue;
        list_remove(&lock->link);
        free(lock);
        forget_if_free(file);
        retry_waiting();
        status = STATUS_SUCCESS;
        break;
    }
    object_release(&file->object);
    if (!status && call->args[1])
        status = guest_write(call->args[1], &block, sizeof block);
    return status;
}
