/* SPDX-License-Identifier: MIT */
/*
 * Pipes and FIFOs: files on kernel streams. file->handle is the read end,
 * file->handle2 the write end; either may be HANDLE_NONE.
 *
 * A FIFO exists here while it is open: its open files hang in one list, and a new one derives its
 * ends from any of them, so that the ends are closed exactly when Linux would close them.
 */
#include <ipc/call.h>
#include <string.h>

#include "file.h"
#include "path.h"
#include "sysctl.h"
#include "task.h"

#define CHUNK         4096u /* what one stream_write takes as a whole */
#define PIPE_DEVICE   13u
#define PIPE_SIZE_MAX (1u << 20)

struct fifo {
    struct list link;
    uint64_t ino;
    uint32_t device;
    struct list files; /* struct fifo_file */
    uint32_t readers, writers, reader_opens, writer_opens;
    struct wait_queue opened;
};
struct fifo_file {
    struct list link;
    struct file *file;
    struct fifo *fifo;
};

static struct list fifos = LIST_INIT(fifos);
static const struct file_ops pipe_ops;

/* ---- transfers --------------------------------------------------------------------------------- */

/* What an interrupted wait means: 0 wait again, or the result. */
static int interrupted(void)
{
    return thread_interrupted(self()) ? -ERESTARTSYS : 0;
}

static int stream_file_read(struct file *file, struct io *io, uint64_t *offset)
{
    uint8_t *buffer = (uint8_t *)worker_self()->scratch;
    ktime_t deadline = file->flags & O_NONBLOCK ? DEADLINE_POLL : DEADLINE_NEVER;
    uint32_t sum = 0;
    (void)offset;
    if (!file->handle)
        return -EBADF;
    while (io->left > 0) {
        uint32_t length = MIN(io->left, CHUNK), done = 0;
        if (io_probe(io, length) < 0)
            return sum ? (int)sum : -EFAULT;
        status_t status =
            stream_read(file->handle, buffer, length, &done, sum ? DEADLINE_POLL : deadline);
        if (status == ERR_INTERRUPTED && !sum && interrupted() == 0)
            continue;
        if (status != OK)
            return sum ? (int)sum : errno_of(status);
        if (done == 0)
            break;
        if (io_put(io, buffer, done) < 0)
            return -EFAULT; /* unmapped since the probe */
        sum += done;
        if (done < length)
            break;
    }
    return (int)sum;
}

/* Writes one chunk whole, unless nobody reads or a signal comes: bytes written or -errno. */
static int write_chunk(handle_t end, const uint8_t *bytes, uint32_t length, ktime_t deadline)
{
    uint32_t sum = 0;
    while (sum < length) {
        uint32_t done = 0;
        status_t status = stream_write(end, bytes + sum, length - sum, &done, deadline);
        sum += done;
        if (status == OK && done > 0)
            continue;
        if ((status == ERR_INTERRUPTED || status == OK) && interrupted() == 0)
            continue;
        if (sum)
            break;
        return status == OK ? -ERESTARTSYS : errno_of(status);
    }
    return (int)sum;
}

static int stream_file_write(struct file *file, struct io *io, uint64_t *offset)
{
    uint8_t *buffer = (uint8_t *)worker_self()->scratch;
    ktime_t deadline = file->flags & O_NONBLOCK ? DEADLINE_POLL : DEADLINE_NEVER;
    uint32_t sum = 0;
    (void)offset;
    if (!file->handle2)
        return -EPIPE;
    while (io->left > 0) {
        uint32_t length = MIN(io->left, CHUNK);
        if (io_take(io, buffer, length) < 0)
            return sum ? (int)sum : -EFAULT;
        int done = write_chunk(file->handle2, buffer, length, deadline);
        if (done > 0)
            sum += (uint32_t)done;
        if (done != (int)length)
            return sum ? (int)sum : done;
    }
    return (int)sum;
}

static void stream_file_poll(struct file *file, struct poll_source *source)
{
    source->handles[0] = file->handle;
    source->handles[1] = file->handle2;
    source_add(source, 0, SIGNAL_READABLE, POLLIN | POLLRDNORM);
    source_add(source, 0, SIGNAL_PEER_CLOSED, POLLHUP);
    source_add(source, 1, SIGNAL_WRITABLE, POLLOUT | POLLWRNORM);
    source_add(source, 1, SIGNAL_PEER_CLOSED, POLLERR);
}

static int stream_file_stat(struct file *file, struct fs_attr *attr)
{
    *attr = file->attr;
    return 0;
}

static int stream_ioctl(struct file *file, uint32_t request, user_t argument)
{
    uint32_t queued = 0, capacity;
    if (request != FIONREAD)
        return -ENOTTY;
    if (stream_info(file->handle ? file->handle : file->handle2, &queued, &capacity) != OK)
        return -EINVAL;
    return put_user(argument, queued);
}

int32_t stream_capacity(struct file *file)
{
    uint32_t queued, capacity;
    if (file->ops != &pipe_ops ||
        stream_info(file->handle ? file->handle : file->handle2, &queued, &capacity) != OK)
        return -EBADF;
    return (int32_t)capacity;
}

uint32_t stream_room(struct file *file)
{
    uint32_t queued, capacity;
    if (stream_info(file->handle2, &queued, &capacity) != OK || queued >= capacity)
        return 0;
    return capacity - queued;
}

/* Linux's rules for a pipe's size: a power of two of pages, what is queued fits, a limit for users. */
int32_t stream_set_capacity(struct file *file, uint32_t capacity)
{
    uint32_t size = PAGE_SIZE;
    if (file->ops != &pipe_ops)
        return -EBADF;
    if (capacity > 1u << 31)
        return -EINVAL;
    while (size < capacity)
        size <<= 1;
    if (size > sysctl.pipe_size && !capable(CAP_SYS_RESOURCE))
        return -EPERM;
    if (size > PIPE_SIZE_MAX)
        return capable(CAP_SYS_RESOURCE) ? -ENOMEM : -EPERM;
    status_t status = stream_resize(file->handle ? file->handle : file->handle2, size);
    return status == OK ? (int32_t)size : status == ERR_BUSY ? -EBUSY : errno_of(status);
}

static int stream_export(struct file *file, struct start_fd *fd, handle_t handles[2])
{
    fd->flags = file->flags;
    if (file->handle && file->handle2) {
        fd->kind = FD_STREAM_PAIR;
        handles[0] = handle_copy(file->handle);
        handles[1] = handle_copy(file->handle2);
        if (handles[0] && handles[1])
            return 0;
        close_handle(handles[0]);
        close_handle(handles[1]);
        return -EMFILE;
    }
    fd->kind = file->handle ? FD_STREAM_READ : FD_STREAM_WRITE;
    handles[0] = handle_copy(file->handle ? file->handle : file->handle2);
    return handles[0] ? 0 : -EMFILE;
}

static void fifo_file_closed(struct file *file);

static const struct file_ops pipe_ops = {
    .name = "pipe",
    .read = stream_file_read,
    .write = stream_file_write,
    .stat = stream_file_stat,
    .ioctl = stream_ioctl,
    .poll = stream_file_poll,
    .export = stream_export,
    .close = fifo_file_closed,
};
/* ---- making them ------------------------------------------------------------------------------- */

static void stamp(struct file *file, uint32_t mode, uint32_t device)
{
    static uint32_t last_ino;
    const struct thread *thread = self();
    uint64_t time = wall_clock();
    file->attr = (struct fs_attr){.ino = __atomic_add_fetch(&last_ino, 1, __ATOMIC_RELAXED),
                                  .mode = mode,
                                  .nlink = 1,
                                  .device = device,
                                  .atime = time,
                                  .mtime = time,
                                  .ctime = time};
    if (thread) {
        file->attr.uid = thread->process->credentials.euid;
        file->attr.gid = thread->process->credentials.egid;
    }
}

static void set_name(struct file *file, const char *format)
{
    struct text text = {.data = NULL};
    text_printf(&text, format, (unsigned)file->attr.ino);
    file->path = text.data;
}

struct file *stream_file(handle_t read_end, handle_t write_end, uint32_t flags)
{
    struct file *file = file_new(&pipe_ops, flags);
    if (!file) {
        close_handle(read_end);
        close_handle(write_end);
        return NULL;
    }
    file->handle = read_end;
    file->handle2 = write_end;
    stamp(file, S_IFIFO | 0600, PIPE_DEVICE);
    set_name(file, "pipe:[%u]");
    return file;
}

int stream_pair(uint32_t flags, uint32_t capacity, struct file *ends[2])
{
    handle_t read_end, write_end;
    status_t status = stream_create(capacity, &read_end, &write_end);
    if (status != OK)
        return errno_of(status);
    ends[0] = stream_file(read_end, HANDLE_NONE, flags | O_RDONLY);
    ends[1] = stream_file(HANDLE_NONE, write_end, flags | O_WRONLY);
    if (ends[0] && ends[1]) {
        ends[1]->attr.ino = ends[0]->attr.ino;
        return 0;
    }
    if (ends[0])
        file_release(ends[0]);
    if (ends[1])
        file_release(ends[1]);
    return -ENFILE;
}

/* ---- FIFOs ------------------------------------------------------------------------------------- */

static struct fifo *fifo_get(const struct fs_attr *attr)
{
    list_each(fifo, &fifos, struct fifo, link)
    {
        if (fifo->ino == attr->ino && fifo->device == attr->device)
            return fifo;
    }
    struct fifo *fifo = allocate(sizeof *fifo);
    if (!fifo)
        return NULL;
    fifo->ino = attr->ino;
    fifo->device = attr->device;
    list_init(&fifo->files);
    wait_queue_init(&fifo->opened);
    list_append(&fifos, &fifo->link);
    return fifo;
}

static bool is_reader(const struct file *file)
{
    return file_readable(file);
}

static void fifo_file_closed(struct file *file)
{
    struct fifo_file *entry = file->data;
    if (!entry)
        return;
    server_lock();
    struct fifo *fifo = entry->fifo;
    fifo->readers -= is_reader(file);
    fifo->writers -= file_writable(file);
    list_remove(&entry->link);
    if (list_empty(&fifo->files) && list_empty(&fifo->opened.waiters)) {
        list_remove(&fifo->link);
        release(fifo);
    }
    server_unlock();
    release(entry);
}

/* The ends of a new file: from any open one, or of a new stream. */
static status_t fifo_ends(struct fifo *fifo, struct file *file)
{
    handle_t ends[2] = {HANDLE_NONE, HANDLE_NONE}; /* read, write */
    status_t status = OK;
    if (list_empty(&fifo->files)) {
        status = stream_create(PIPE_CAPACITY, &ends[0], &ends[1]);
    } else {
        struct file *other = container_of(fifo->files.next, struct fifo_file, link)->file;
        handle_t from = other->handle ? other->handle : other->handle2;
        if (is_reader(file))
            status = stream_open(from, 0, &ends[0]);
        if (status == OK && file_writable(file))
            status = stream_open(from, 1, &ends[1]);
    }
    if (status != OK) {
        close_handle(ends[0]);
        return status;
    }
    if (is_reader(file))
        file->handle = ends[0];
    else
        close_handle(ends[0]);
    if (file_writable(file))
        file->handle2 = ends[1];
    else
        close_handle(ends[1]);
    return OK;
}

/* Waits until the other side is open too. Lock held. */
static int fifo_wait(struct fifo *fifo, struct file *file)
{
    uint32_t readers = fifo->reader_opens, writers = fifo->writer_opens;
    int result = 0;
    if ((file->flags & O_ACCMODE) == O_RDWR || (file->flags & O_NONBLOCK))
        return 0;
    while (result == 0) {
        if (is_reader(file) ? fifo->writers || fifo->writer_opens != writers
                            : fifo->readers || fifo->reader_opens != readers)
            return 0;
        result = wait_queue_sleep(&fifo->opened, DEADLINE_NEVER);
    }
    return result;
}

static int fifo_join(struct fifo *fifo, struct file *file, struct fifo_file *entry, bool waits)
{
    if (fifo_ends(fifo, file) != OK)
        return -ENFILE;
    entry->file = file;
    entry->fifo = fifo;
    file->data = entry;
    list_append(&fifo->files, &entry->link);
    if (is_reader(file)) {
        fifo->readers++;
        fifo->reader_opens++;
    }
    if (file_writable(file)) {
        fifo->writers++;
        fifo->writer_opens++;
    }
    wait_queue_wake(&fifo->opened, WAKE_ALL);
    return waits ? fifo_wait(fifo, file) : 0;
}

/* fresh NULL: as open(2) does. */
static int fifo_file(const struct fs_attr *attr, uint32_t flags, struct file **result, bool *fresh)
{
    struct file *file = file_new(&pipe_ops, flags);
    struct fifo_file *entry = allocate(sizeof *entry);
    int error = -ENOMEM;
    if (file && entry) {
        file->attr = *attr;
        list_init(&entry->link);
        server_lock();
        struct fifo *fifo = fifo_get(attr);
        if (fifo && fresh)
            *fresh = list_empty(&fifo->files);
        if (fifo && !fresh && (flags & O_ACCMODE) == O_WRONLY && (flags & O_NONBLOCK) &&
            !fifo->readers)
            error = -ENXIO;
        else if (fifo)
            error = fifo_join(fifo, file, entry, !fresh);
        if (fifo && list_empty(&fifo->files)) {
            list_remove(&fifo->link);
            release(fifo);
        }
        server_unlock();
    }
    if (error == 0) {
        *result = file;
        return 0;
    }
    if (entry && (!file || file->data != entry))
        release(entry);
    if (file)
        file_release(file);
    return error;
}

int fifo_open(const struct fs_attr *attr, uint32_t flags, struct file **result)
{
    return fifo_file(attr, flags, result, NULL);
}

int fifo_open_again(const struct fs_attr *attr, uint32_t flags, struct file **result, bool *fresh)
{
    return fifo_file(attr, flags, result, fresh);
}

bool file_is_fifo(const struct file *file)
{
    return file->ops == &pipe_ops && file->data;
}

/* A pipe opened again through /proc: an end of its own. */
int stream_reopen(struct file *file, uint32_t flags, struct file **result)
{
    handle_t from = file->handle ? file->handle : file->handle2,
             ends[2] = {HANDLE_NONE, HANDLE_NONE};
    status_t status = OK;
    if ((flags & O_ACCMODE) != O_WRONLY)
        status = stream_open(from, 0, &ends[0]);
    if (status == OK && (flags & O_ACCMODE) != O_RDONLY)
        status = stream_open(from, 1, &ends[1]);
    if (status != OK) {
        close_handle(ends[0]);
        return errno_of(status);
    }
    *result = stream_file(ends[0], ends[1], flags);
    return *result ? 0 : -ENOMEM;
}

bool file_is_pipe(const struct file *file)
{
    return file->ops == &pipe_ops;
}
