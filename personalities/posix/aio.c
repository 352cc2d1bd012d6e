/* SPDX-License-Identifier: MIT */
/*
 * io_setup and its relatives. A request is carried out by io_submit itself, as Linux does with files
 * that are not opened for direct access; what it gives waits in the context's queue to be fetched. A
 * context's number is the address of a page of zeros in the program's memory, where libaio looks for a
 * ring that it could read by itself: there is none.
 */
#include "aio.h"

#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <snapshot/snapshot.h>
#include <string.h>

#include "calls.h"
#include "file.h"
#include "poll.h"
#include "resume.h"
#include "task.h"
#include "time.h"

#define EVENTS_MAX   AIO_EVENTS_MAX
#define VECTOR_SMALL 8

struct aio_context {
    struct list link; /* mm->aio */
    uint32_t address, capacity;
    uint32_t first, count; /* of the ring */
    bool ended;
    uint32_t users; /* calls that look at it */
    struct wait_queue arrived;
    struct io_event events[];
};

_Static_assert(sizeof(struct iocb) == 64 && sizeof(struct io_event) == 32, "Linux's layout");

/* ---- contexts; lock held ------------------------------------------------------------------------------ */

static struct aio_context *context_find(uint32_t address)
{
    list_each(each, &self()->process->mm->aio, struct aio_context, link)
    {
        if (each->address == address && !each->ended)
            return each;
    }
    return NULL;
}

static void context_put(struct aio_context *context)
{
    if (--context->users > 0)
        return;
    list_remove(&context->link);
    release(context);
}

void aio_forget(struct mm *mm)
{
    list_each(each, &mm->aio, struct aio_context, link)
    {
        list_remove(&each->link);
        release(each);
    }
}

/* NULL: no memory, or *error says that there are too many. */
static struct aio_context *context_new(struct mm *mm, uint32_t capacity, int *error)
{
    uint32_t all = capacity;
    list_each(each, &mm->aio, struct aio_context, link) all += each->capacity;
    *error = all > EVENTS_MAX ? -EAGAIN : -ENOMEM;
    struct aio_context *context =
        all > EVENTS_MAX ? NULL : allocate(sizeof *context + capacity * sizeof context->events[0]);
    if (!context)
        return NULL;
    context->capacity = capacity;
    context->users = 1;
    wait_queue_init(&context->arrived);
    list_append(&mm->aio, &context->link);
    return context;
}

int32_t sys_io_setup(uint32_t events, user_t at)
{
    uint32_t old;
    int error;
    if (get_user(&old, at) < 0)
        return -EFAULT;
    if (old != 0 || events == 0 || events > 0x10000000)
        return -EINVAL;
    if (events > EVENTS_MAX)
        return -EAGAIN;
    int32_t address = sys_mmap2(USER(0), PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, 0, 0);
    if (address > -4096 && address < 0)
        return address;
    server_lock();
    struct aio_context *context = context_new(self()->process->mm, events, &error);
    if (context)
        context->address = (uint32_t)address;
    server_unlock();
    if (!context)
        (void)sys_munmap(USER((uint32_t)address), PAGE_SIZE);
    if (!context || put_user(at, (uint32_t)address) == 0)
        return context ? 0 : error;
    (void)sys_io_destroy((uint32_t)address);
    return -EFAULT;
}

int32_t sys_io_destroy(uint32_t address)
{
    server_lock();
    struct aio_context *context = context_find(address);
    if (context) {
        context->ended = true;
        wait_queue_wake(&context->arrived, WAKE_ALL);
        context_put(context);
    }
    server_unlock();
    if (!context)
        return -EINVAL;
    (void)sys_munmap(USER(address), PAGE_SIZE);
    return 0;
}

/* ---- requests ----------------------------------------------------------------------------------------- */

/* A transfer at the request's place, or at the stream's own. */
static int transfer(struct file *file, const struct iocb *request, struct io *io, bool write)
{
    uint64_t offset = (uint64_t)request->aio_offset;
    uint32_t saved = file->flags;
    if (request->aio_rw_flags & RWF_NOWAIT)
        file->flags |= O_NONBLOCK;
    if (write && (request->aio_rw_flags & RWF_APPEND))
        file->flags |= O_APPEND;
    int result = !file->ops->seekable
                     ? write ? file_write_bytes(file, io) : file_read_bytes(file, io)
                 : (int64_t)offset < 0 ? -EINVAL
                 : write               ? file->ops->write(file, io, &offset)
                                       : file->ops->read(file, io, &offset);
    file->flags = saved;
    return write ? file_write_result(file, result) : result;
}

static int transfer_vector(struct file *file, const struct iocb *request, bool write)
{
    struct linux_iovec small[VECTOR_SMALL], *vector;
    struct io io;
    int32_t length = io_copy_in_vector(USER((uint32_t)request->aio_buf),
                                       (uint32_t)request->aio_nbytes, small, VECTOR_SMALL, &vector);
    if (length < 0)
        return length;
    io_vector(&io, vector, (uint32_t)length);
    int result = transfer(file, request, &io, write);
    if (vector != small)
        release(vector);
    return result;
}

/* A wait was interrupted; the request is not made again. */
static bool is_restart(int result)
{
    return result <= -ERESTARTSYS && result >= -RESULT_KEEP_REGISTERS;
}

static int32_t carry_out(const struct iocb *request)
{
    struct file *file = fd_get(request->aio_fildes);
    struct io io;
    int result = -EINVAL;
    if (!file)
        return -EBADF;
    io_single(&io, USER((uint32_t)request->aio_buf), (uint32_t)request->aio_nbytes);
    switch (request->aio_lio_opcode) {
    case IOCB_CMD_PREAD:
    case IOCB_CMD_PWRITE:
        result = transfer(file, request, &io, request->aio_lio_opcode == IOCB_CMD_PWRITE);
        break;
    case IOCB_CMD_PREADV:
    case IOCB_CMD_PWRITEV:
        result = transfer_vector(file, request, request->aio_lio_opcode == IOCB_CMD_PWRITEV);
        break;
    case IOCB_CMD_FSYNC:
    case IOCB_CMD_FDSYNC:
        result = file->ops->sync(file);
        break;
    }
    file_release(file);
    return is_restart(result) ? -EINTR : result;
}

static int check(const struct iocb *request)
{
    if (request->aio_reserved2 || (request->aio_flags & ~(uint32_t)IOCB_FLAG_RESFD) ||
        request->aio_nbytes > INT32_MAX || request->aio_buf > UINT32_MAX)
        return -EINVAL;
    struct file *file = fd_get(request->aio_fildes);
    if (!file)
        return -EBADF;
    uint32_t code = request->aio_lio_opcode;
    bool reads = code == IOCB_CMD_PREAD || code == IOCB_CMD_PREADV;
    bool writes = code == IOCB_CMD_PWRITE || code == IOCB_CMD_PWRITEV;
    bool syncs = code == IOCB_CMD_FSYNC || code == IOCB_CMD_FDSYNC;
    if (request->aio_rw_flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND)) {
        file_release(file);
        return -EOPNOTSUPP;
    }
    bool can = reads ? file->ops->read != NULL : writes ? file->ops->write != NULL : true;
    int error = (!reads && !writes && !syncs) || !can ? -EINVAL
                : reads                               ? (file_readable(file) ? 0 : -EBADF)
                : writes                              ? (file_writable(file) ? 0 : -EBADF)
                : file->ops->sync                     ? 0
                                                      : -EINVAL;
    file_release(file);
    return error;
}

/* Adds one to the eventfd that is to be told. */
static void tell(uint32_t fd)
{
    uint64_t one = 1;
    struct io io;
    struct file *file = fd_get(fd);
    if (!file)
        return;
    io_kernel(&io, &one, sizeof one);
    (void)file_write_bytes(file, &io); /* a counter that is full says enough */
    file_release(file);
}

static int submit(struct aio_context *context, user_t at)
{
    struct iocb request;
    if (copy_in(&request, at, sizeof request) < 0)
        return -EFAULT;
    int error = check(&request);
    if (error < 0)
        return error;
    server_lock();
    bool full = context->count == context->capacity;
    server_unlock();
    if (full)
        return -EAGAIN;
    struct io_event event = {
        .data = request.aio_data, .obj = at.address, .res = carry_out(&request)};
    server_lock();
    if (context->count < context->capacity) { /* another thread may have been quicker */
        context->events[(context->first + context->count++) % context->capacity] = event;
        wait_queue_wake(&context->arrived, WAKE_ALL);
    }
    server_unlock();
    if (request.aio_flags & IOCB_FLAG_RESFD)
        tell(request.aio_resfd);
    return 0;
}

/* A context with a reference to it, or NULL. */
static struct aio_context *context_get(uint32_t address)
{
    server_lock();
    struct aio_context *context = context_find(address);
    if (context)
        context->users++;
    server_unlock();
    return context;
}

static void context_release(struct aio_context *context)
{
    server_lock();
    context_put(context);
    server_unlock();
}

int32_t sys_io_submit(uint32_t address, int32_t count, user_t requests)
{
    if (count < 0)
        return -EINVAL;
    struct aio_context *context = context_get(address);
    int32_t done = 0, error = 0;
    if (!context)
        return -EINVAL;
    while (done < count && error == 0) {
        uint32_t request;
        error = get_user(&request, user_at(requests, (uint32_t)done * 4));
        if (error == 0)
            error = submit(context, USER(request));
        if (error == 0)
            done++;
    }
    context_release(context);
    return done ? done : error;
}

int32_t sys_io_cancel(uint32_t address, user_t request, user_t event)
{
    uint32_t key;
    (void)address; /* nothing is under way, in whichever context */
    (void)event;
    return get_user(&key, user_at(request, 8)) < 0 ? -EFAULT : -EINVAL;
}

/* ---- events ------------------------------------------------------------------------------------------- */

/* Lock held. Events copied out, or -EFAULT if the first could not be. */
static int32_t fetch(struct aio_context *context, int32_t most, user_t events)
{
    int32_t done = 0;
    while (done < most && context->count > 0) {
        const struct io_event *event = &context->events[context->first];
        if (copy_out(user_at(events, (uint32_t)done * sizeof *event), event, sizeof *event) < 0)
            return done ? done : -EFAULT;
        context->first = (context->first + 1) % context->capacity;
        context->count--;
        done++;
    }
    return done;
}

/* Until there are `least`; those that are there stay until then, so that the call can be issued again. */
static int32_t wait_events(uint32_t address, int32_t least, int32_t most, user_t events,
                           ktime_t deadline)
{
    struct aio_context *context = context_get(address);
    int32_t result = 0;
    if (!context)
        return -EINVAL;
    if (least < 0 || most < 0 || least > most) {
        context_release(context);
        return -EINVAL;
    }
    server_lock();
    uint32_t wanted = MIN((uint32_t)least, context->capacity);
    while (context->count < wanted && !context->ended && result == 0)
        result = wait_queue_sleep(&context->arrived, deadline);
    int32_t done = result == -ERESTARTSYS ? call_interrupted(-EINTR, deadline) : 0;
    if (done != -ERESTART_RESUME && context->count > 0)
        done = fetch(context, most, events);
    context_put(context);
    server_unlock();
    return done;
}

static int32_t getevents_as(uint32_t address, int32_t least, int32_t most, user_t events,
                            user_t timeout, bool wide)
{
    uint64_t span;
    ktime_t deadline = DEADLINE_NEVER;
    if (timeout.address) {
        int error = copy_in_span(&span, timeout, wide);
        if (error < 0)
            return error;
        deadline = span ? deadline_after(span) : DEADLINE_POLL;
    }
    return wait_events(address, least, most, events, call_deadline(deadline));
}

int32_t sys_io_getevents(uint32_t address, int32_t least, int32_t most, user_t events,
                         user_t timeout)
{
    return getevents_as(address, least, most, events, timeout, false);
}

static int32_t pgetevents_as(uint32_t address, int32_t least, int32_t most, user_t events,
                             user_t timeout, user_t packed_mask, bool wide)
{
    uint32_t packed[2] = {0, 8}; /* address and size of the mask */
    if (packed_mask.address && copy_in(packed, packed_mask, sizeof packed) < 0)
        return -EFAULT;
    int32_t result = poll_begin_mask(USER(packed[0]), packed[1]);
    if (result < 0)
        return result;
    result = getevents_as(address, least, most, events, timeout, wide);
    poll_end_mask(result);
    return result;
}

int32_t sys_io_pgetevents(uint32_t address, int32_t least, int32_t most, user_t events,
                          user_t timeout, user_t mask)
{
    return pgetevents_as(address, least, most, events, timeout, mask, false);
}

int32_t sys_io_pgetevents_time64(uint32_t address, int32_t least, int32_t most, user_t events,
                                 user_t timeout, user_t mask)
{
    return pgetevents_as(address, least, most, events, timeout, mask, true);
}

/* ---- snapshots ---------------------------------------------------------------------------------------- */

static uint32_t put_events(const struct aio_context *context, struct snapshot *snapshot)
{
    struct io_event *events = allocate(context->count * sizeof *events);
    if (!events) {
        snapshot->failed = true;
        return 0;
    }
    for (uint32_t i = 0; i < context->count; i++)
        events[i] = context->events[(context->first + i) % context->capacity];
    uint32_t blob = snap_add_blob_copy(snapshot, events, context->count * sizeof *events);
    release(events);
    return blob;
}

void aio_save(const struct mm *mm, struct snapshot *snapshot)
{
    list_each(each, &mm->aio, const struct aio_context, link)
    {
        uint32_t blob = each->count ? put_events(each, snapshot) : 0;
        snap_note_begin(snapshot, SNAP_AIO);
        snap_put_u32(snapshot, SNAP_AIO_ADDRESS, each->address);
        snap_put_u32(snapshot, SNAP_AIO_CAPACITY, each->capacity);
        if (blob)
            snap_put_u32(snapshot, SNAP_AIO_BLOB, blob);
    }
}

static int restore_context(struct mm *mm, const struct snapshot *snapshot,
                           const struct snap_note *note)
{
    uint32_t capacity = snap_get_u32(note, SNAP_AIO_CAPACITY, 0);
    const struct snap_blob *blob = snap_find_blob(snapshot, snap_get_u32(note, SNAP_AIO_BLOB, 0));
    uint32_t size = blob ? blob->size : 0;
    int error = -ENOEXEC;
    if (capacity == 0 || capacity > EVENTS_MAX || size / sizeof(struct io_event) > capacity ||
        size % sizeof(struct io_event))
        return error;
    struct aio_context *context = context_new(mm, capacity, &error);
    if (!context)
        return error;
    context->address = snap_get_u32(note, SNAP_AIO_ADDRESS, 0);
    context->count = size / sizeof(struct io_event);
    return blob ? errno_of(snap_bytes_read(&blob->bytes, 0, context->events, size)) : 0;
}

int aio_restore(struct mm *mm, const struct snapshot *snapshot)
{
    const struct snap_note *note = snap_next(snapshot, SNAP_AIO, NULL);
    int error = 0;
    for (; note && error == 0; note = snap_next(snapshot, SNAP_AIO, note))
        error = restore_context(mm, snapshot, note);
    return error;
}
