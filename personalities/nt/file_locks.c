/* SPDX-License-Identifier: MIT */
/*
 * Byte-range locks. A lock belongs to a file object and a process; files that have some are on one
 * list, since locks of all file objects of the same disk file count. Programs of other personalities
 * count too: a lock that is free here is set at the file's server as well (lock_share.h), where it may
 * meet one of theirs. Requests that cannot be granted wait in one queue and are tried again when any
 * lock goes, here or there. Among programs of NT locks bind reads and writes, as on Windows.
 */
#include <personalities/nt/file.h>

#include <personalities/nt/io.h>
#include <personalities/nt/lock_share.h>
#include <personalities/nt/snapshot/save.h>

#include <stdlib.h>
#include <string.h>

static struct list lock_files = {&lock_files, &lock_files};
struct locked_file {
    struct list link;
    struct nt_file *file;
};
static struct list waiting = {&waiting, &waiting}; /* struct io_request; context: the lock */
static uint32_t last_id;

static struct file_lock *lock_new(struct nt_process *process, uint64_t start, uint64_t length)
{
    struct file_lock *lock = calloc(1, sizeof *lock);
    if (!lock)
        return NULL;
    lock->process = process;
    lock->pid = process->pid;
    lock->start = start;
    lock->length = length;
    lock->id = ++last_id;
    list_init(&lock->link);
    return lock;
}

static void forget_if_free(struct nt_file *file)
{
    if (!list_empty(&file->locks))
        return;
    list_each(locked, &lock_files, struct locked_file, link)
    {
        if (locked->file != file)
            continue;
        list_remove(&locked->link);
        free(locked);
    }
}

/* A lock that is being asked for is its asker's to free. */
void locks_release(struct nt_file *file, struct nt_process *process)
{
    struct list gone;
    if (list_empty(&file->locks))
        return;
    list_init(&gone);
    list_each(lock, &file->locks, struct file_lock, link)
    {
        if (process && lock->process != process)
            continue;
        lock->dropped = true;
        if (lock->asking)
            continue;
        list_remove(&lock->link);
        list_append(&gone, &lock->link);
    }
    forget_if_free(file);
    while (!list_empty(&gone)) {
        struct file_lock *lock = container_of(gone.next, struct file_lock, link);
        list_remove(&lock->link);
        lock_unshare(file, lock);
        free(lock);
    }
    locks_retry();
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

static NTSTATUS enter(struct nt_file *file, struct file_lock *lock)
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

/*
 * Set a lock that is free here: here first, so that nobody gets it meanwhile, and then at the file's
 * server. LOCK_NOT_GRANTED: another personality has one there. With an error it is set nowhere.
 */
static NTSTATUS grant(struct nt_file *file, struct file_lock *lock)
{
    NTSTATUS status = enter(file, lock);
    if (status)
        return status;
    object_hold(&file->object);
    lock->asking++;
    status_t shared = lock_share(file, lock);
    if (shared == OK && lock->dropped)
        lock_unshare(file, lock);
    lock->asking--;
    if (lock->dropped)
        status = STATUS_CANCELLED;
    else
        status = shared == ERR_BUSY ? STATUS_LOCK_NOT_GRANTED : nt_status(shared);
    if (status) {
        list_remove(&lock->link);
        forget_if_free(file);
    }
    object_release(&file->object);
    return status;
}

/* The same, and if another personality's lock is in the way its end will be heard of. */
static NTSTATUS grant_or_watch(struct nt_file *file, struct file_lock *lock)
{
    bool watched = file->lock_watch != 0;
    lock->asking++;
    NTSTATUS status = grant(file, lock);
    if (status == STATUS_LOCK_NOT_GRANTED && !watched) {
        status = lock_watch(file);
        if (!status)
            status = grant(file, lock); /* it may have gone before it was watched */
    }
    lock->asking--;
    return status;
}

/* ---- waiting ---- */

/* The request is over: the lock is the file's now, or nobody's. */
static void wait_ended(struct io_request *request)
{
    struct file_lock *lock = request->context;
    request->context = NULL;
    if (!lock)
        return;
    lock->request = NULL;
    if (lock->asking)
        lock->dropped = true;
    else
        free(lock);
}

static struct file_lock *next_to_try(uint32_t round)
{
    list_each(request, &waiting, struct io_request, link)
    {
        struct file_lock *lock = request->context;
        if (lock->round != round && !lock->asking && !conflicts(request->file, lock))
            return lock;
    }
    return NULL;
}

/* The request of the lock may end while its file's server is asked. */
static void try_again(struct file_lock *lock)
{
    struct nt_file *file = lock->request->file;
    object_hold(&file->object);
    NTSTATUS status = grant_or_watch(file, lock);
    struct io_request *request = lock->request;
    if (request && status != STATUS_LOCK_NOT_GRANTED) {
        request->context = NULL;
        lock->request = NULL;
        io_finish(request, status, 0);
    }
    if (!lock->request && status)
        free(lock);
    object_release(&file->object);
}

void locks_retry(void)
{
    static uint32_t round;
    struct file_lock *lock;
    for (round++; (lock = next_to_try(round)) != NULL;) {
        lock->round = round;
        try_again(lock);
    }
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
    lock->request = request;
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
    bool waits = !(call->args[8] & 0xff);
    if (length && start + length < start && start + length != 0)
        return STATUS_INVALID_LOCK_RANGE;
    struct file_lock *lock = lock_new(call->process, start, length);
    if (!lock)
        return STATUS_NO_MEMORY;
    lock->key = call->args[7];
    lock->exclusive = call->args[9] & 0xff;
    NTSTATUS status = STATUS_LOCK_NOT_GRANTED;
    if (!conflicts(file, lock))
        status = waits ? grant_or_watch(file, lock) : grant(file, lock);
    if (status == STATUS_LOCK_NOT_GRANTED && waits)
        return wait_for_lock(call, file, io, lock);
    if (status)
        free(lock);
    return status;
}

/* ---- transfers ---- */

/* An exclusive lock keeps all others out, a shared one whoever writes. */
static bool forbids(const struct nt_file *file, const struct file_lock *transfer, bool write)
{
    list_each(locked, &lock_files, struct locked_file, link)
    {
        if (!same_file(locked->file, file))
            continue;
        list_each(lock, &locked->file->locks, struct file_lock, link)
        {
            bool own = locked->file == file && lock->process == transfer->process;
            if (overlaps(lock, transfer) && (lock->exclusive ? !own : write))
                return true;
        }
    }
    return false;
}

static status_t find_place(const struct nt_file *file, uint64_t offset, bool write, uint64_t *start)
{
    struct fs_attr attr;
    uint64_t before;
    status_t status = OK;
    if (offset == OFFSET_APPEND || (write && file->append)) {
        status = BLOCKING(fs_client_stat(file->node, &attr));
        *start = attr.size;
    } else if (offset == OFFSET_CURRENT && file->shared_position) {
        status = BLOCKING(fs_client_position(file->node, 1, 0, &before, start));
    } else {
        *start = offset == OFFSET_CURRENT ? file->position : offset;
    }
    return status;
}

NTSTATUS locks_check(struct nt_process *process, const struct nt_file *file, uint64_t offset,
                     uint32_t length, bool write)
{
    struct file_lock transfer = {.process = process, .length = length};
    if (list_empty(&lock_files) || file->kind != FILE_DISK)
        return STATUS_SUCCESS;
    status_t status = find_place(file, offset, write, &transfer.start);
    if (status != OK)
        return nt_status(status);
    return forbids(file, &transfer, write) ? STATUS_FILE_LOCK_CONFLICT : STATUS_SUCCESS;
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
    struct file_lock *lock = lock_new(process, snap_get_u64(note, SNAP_LOCK_START, 0),
                                      snap_get_u64(note, SNAP_LOCK_LENGTH, 0));
    if (!lock)
        return STATUS_NO_MEMORY;
    lock->key = snap_get_u32(note, SNAP_LOCK_KEY, 0);
    lock->exclusive = snap_get_u32(note, SNAP_LOCK_EXCLUSIVE, 0);
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
            lock->key != call->args[4] || lock->asking)
            continue;
        list_remove(&lock->link);
        forget_if_free(file);
        lock_unshare(file, lock);
        free(lock);
        locks_retry();
        status = STATUS_SUCCESS;
        break;
    }
    object_release(&file->object);
    if (!status && call->args[1])
        status = guest_write(call->args[1], &block, sizeof block);
    return status;
}
