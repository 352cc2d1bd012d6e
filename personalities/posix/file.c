/* SPDX-License-Identifier: MIT */
/* Open file descriptions, descriptor tables, and moving bytes between files and guests. */
#include "file.h"

#include <string.h>

#include "inotify.h"
#include "lease.h"
#include "lock.h"
#include "owner.h"
#include "poll.h"
#include "task.h"

#define FD_SLOTS_FIRST 32

/* ---- descriptions ------------------------------------------------------------------------------ */

uint32_t file_count;

struct file *file_new(const struct file_ops *ops, uint32_t flags)
{
    struct file *file = allocate(sizeof *file);
    if (!file)
        return NULL;
    file->ops = ops;
    file->references = 1;
    file->flags = flags & ~(uint32_t)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
    list_init(&file->epoll_items);
    __atomic_add_fetch(&file_count, 1, __ATOMIC_RELAXED);
    return file;
}

void file_release(struct file *file)
{
    if (__atomic_sub_fetch(&file->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    inotify_file(file, file_writable(file) ? INOTIFY_CLOSE_WRITE : INOTIFY_CLOSE_NOWRITE);
    if (file->has_lock)
        lock_release_file(file);
    lease_file_closed(file);
    if (file->owner)
        owner_file_closed(file);
    if (!list_empty(&file->epoll_items))
        epoll_file_closed(file);
    if (file->ops->close)
        file->ops->close(file);
    close_handle(file->handle);
    close_handle(file->handle2);
    release(file->path);
    release(file);
    __atomic_sub_fetch(&file_count, 1, __ATOMIC_RELAXED);
}

int file_read_bytes(struct file *file, struct io *io)
{
    if (unlikely(!file_readable(file)))
        return -EBADF;
    if (unlikely(!file->ops->read))
        return -EINVAL;
    int result = file->ops->read(file, io, file->ops->seekable ? &file->offset : NULL);
    if (result > 0)
        inotify_file(file, INOTIFY_ACCESS);
    return result;
}

int file_write_bytes(struct file *file, struct io *io)
{
    if (unlikely(!file_writable(file)))
        return -EBADF;
    if (unlikely(!file->ops->write))
        return -EINVAL;
    return file->ops->write(file, io, file->ops->seekable ? &file->offset : NULL);
}

void file_print(struct file *file, const char *text, uint32_t length)
{
    struct io io;
    io_kernel(&io, (void *)text, length);
    (void)file_write_bytes(file, &io); /* a trace that cannot be written is lost */
}

/* ---- bytes ------------------------------------------------------------------------------------- */

void io_single(struct io *io, user_t buffer, uint32_t length)
{
    io->left = length;
    io->done = io->at = 0;
    io->kernel = NULL;
    io->single = (struct linux_iovec){buffer.address, length};
    io->vector = &io->single;
}

void io_vector(struct io *io, const struct linux_iovec *vector, uint32_t length)
{
    io->left = length;
    io->done = io->at = 0;
    io->kernel = NULL;
    io->vector = vector;
}

void io_kernel(struct io *io, void *buffer, uint32_t length)
{
    io->left = length;
    io->done = io->at = 0;
    io->kernel = buffer;
    io->vector = NULL;
}

void io_advance(struct io *io, uint32_t length)
{
    io->left -= length;
    io->done += length;
    io->at += length;
}

/* The next piece of at most `length` bytes in guest memory. */
static uint32_t io_piece(struct io *io, uint32_t length, user_t *at)
{
    while (io->at == io->vector->length) {
        io->vector++;
        io->at = 0;
    }
    *at = USER(io->vector->base + io->at);
    return MIN(length, io->vector->length - io->at);
}

int io_put(struct io *io, const void *data, uint32_t length)
{
    const uint8_t *from = data;
    if (io->kernel) {
        if (copy_view(io->kernel + io->at, data, length) < 0)
            return -EFAULT;
        io_advance(io, length);
        return 0;
    }
    while (length > 0) {
        user_t at;
        uint32_t piece = io_piece(io, length, &at);
        if (copy_out(at, from, piece) < 0)
            return -EFAULT;
        io_advance(io, piece);
        from += piece;
        length -= piece;
    }
    return 0;
}

void io_skip(struct io *io, uint32_t length)
{
    while (length > 0) {
        user_t at;
        uint32_t piece = io->kernel ? length : io_piece(io, length, &at);
        io_advance(io, piece);
        length -= piece;
    }
}

int io_put_from(struct io *io, const char *data, uint32_t length, uint64_t *offset)
{
    if (*offset >= length)
        return 0;
    uint32_t count = MIN(io->left, length - (uint32_t)*offset);
    if (io_put(io, data + (uint32_t)*offset, count) < 0)
        return -EFAULT;
    *offset += count;
    return (int)count;
}

int io_take(struct io *io, void *data, uint32_t length)
{
    uint8_t *to = data;
    if (io->kernel) {
        if (copy_view(data, io->kernel + io->at, length) < 0)
            return -EFAULT;
        io_advance(io, length);
        return 0;
    }
    while (length > 0) {
        user_t at;
        uint32_t piece = io_piece(io, length, &at);
        if (copy_in(to, at, piece) < 0)
            return -EFAULT;
        io_advance(io, piece);
        to += piece;
        length -= piece;
    }
    return 0;
}

/* Only within the current piece: callers take piece by piece if they may have to undo. */
void io_undo(struct io *io, uint32_t length)
{
    io->left += length;
    io->done -= length;
    io->at -= length;
}

uint32_t io_contiguous(struct io *io, uint32_t length)
{
    user_t at;
    if (length > io->left)
        length = io->left;
    return io->kernel || length == 0 ? length : io_piece(io, length, &at);
}

int io_probe(struct io *io, uint32_t length)
{
    struct io probe = *io;
    if (io->vector == &io->single)
        probe.vector = &probe.single;
    while (!probe.kernel && length > 0) {
        user_t at;
        uint32_t piece = io_piece(&probe, length, &at);
        if (probe_out(at, piece) < 0)
            return -EFAULT;
        io_advance(&probe, piece);
        length -= piece;
    }
    return 0;
}

/* ---- descriptor tables ------------------------------------------------------------------------- */

struct files *files_new(void)
{
    struct files *files = allocate(sizeof *files);
    if (!files)
        return NULL;
    files->references = 1;
    files->capacity = FD_SLOTS_FIRST;
    files->slots = allocate(FD_SLOTS_FIRST * sizeof *files->slots);
    if (files->slots)
        return files;
    release(files);
    return NULL;
}

static bool files_grow(struct files *files, uint32_t capacity)
{
    struct fd_slot *slots = allocate(capacity * sizeof *slots);
    if (!slots)
        return false;
    memcpy(slots, files->slots, files->capacity * sizeof *slots);
    release(files->slots);
    files->slots = slots;
    files->capacity = capacity;
    return true;
}

struct files *files_copy(struct files *files)
{
    struct files *copy = files_new();
    if (!copy)
        return NULL;
    if (files->capacity > copy->capacity && !files_grow(copy, files->capacity)) {
        release(copy->slots);
        release(copy);
        return NULL;
    }
    memcpy(copy->slots, files->slots, files->capacity * sizeof *copy->slots);
    copy->lowest = files->lowest;
    for (uint32_t i = 0; i < files->capacity; i++) {
        if (copy->slots[i].file)
            file_hold(copy->slots[i].file);
    }
    return copy;
}

void files_release(struct files *files)
{
    if (!files)
        return;
    server_lock();
    bool last = --files->references == 0;
    server_unlock();
    if (!last)
        return;
    for (uint32_t i = 0; i < files->capacity; i++) {
        if (!files->slots[i].file)
            continue;
        lock_release_on_close(files, files->slots[i].file);
        file_release(files->slots[i].file);
    }
    release(files->slots);
    release(files);
}

static struct file *slot_clear(struct files *files, uint32_t fd)
{
    struct file *file = files->slots[fd].file;
    files->slots[fd].file = NULL;
    files->slots[fd].close_on_exec = false;
    if (fd < files->lowest)
        files->lowest = fd;
    return file;
}

void files_close_on_exec(struct files *files)
{
    for (uint32_t i = 0; i < files->capacity; i++) {
        server_lock();
        struct file *file = files->slots[i].close_on_exec ? slot_clear(files, i) : NULL;
        server_unlock();
        if (!file)
            continue;
        lock_release_on_close(files, file);
        file_release(file);
    }
}

static uint32_t fd_limit(void)
{
    return MIN(limit_of(self()->process, RLIMIT_NOFILE), FD_MAX);
}

/* The lowest free slot from `from` on, or -EMFILE. Lock held. */
static int find_slot(struct files *files, uint32_t from, uint32_t limit)
{
    uint32_t fd = MAX(from, files->lowest);
    while (fd < files->capacity && files->slots[fd].file)
        fd++;
    if (fd >= limit)
        return -EMFILE;
    if (fd >= files->capacity && !files_grow(files, MAX(files->capacity * 2, (fd | 31) + 1)))
        return -ENOMEM;
    return (int)fd;
}

int fd_install(struct file *file, uint32_t from, bool close_on_exec)
{
    struct files *files = self()->process->files;
    uint32_t limit = fd_limit();
    server_lock();
    int fd = find_slot(files, from, limit);
    if (fd >= 0) {
        files->slots[fd] = (struct fd_slot){file, close_on_exec};
        if (from <= files->lowest)
            files->lowest = (uint32_t)fd + 1;
    }
    server_unlock();
    if (fd < 0)
        file_release(file);
    return fd;
}

/* Replaces what is there; takes over the reference, also on failure. */
int fd_install_at(struct files *files, uint32_t fd, struct file *file, bool close_on_exec)
{
    struct file *old = NULL;
    server_lock();
    bool fits = fd < FD_MAX && (fd < files->capacity || files_grow(files, (fd | 31) + 1));
    if (fits) {
        old = files->slots[fd].file;
        files->slots[fd] = (struct fd_slot){file, close_on_exec};
    }
    server_unlock();
    if (old) {
        lock_release_on_close(files, old);
        file_release(old);
    }
    if (!fits)
        file_release(file);
    return fits ? (int)fd : -EBADF;
}

struct file *fd_get(uint32_t fd)
{
    struct process *process = self()->process;
    struct files *files = process->files;
    /* Nobody else changes the table of a single-threaded process. */
    bool alone = likely(process->thread_count == 1 && files->references == 1);
    if (!alone)
        server_lock();
    struct file *file = likely(fd < files->capacity) ? files->slots[fd].file : NULL;
    if (file)
        file_hold(file);
    if (!alone)
        server_unlock();
    return file;
}

struct file *fd_peek(struct process *process, uint32_t fd)
{
    struct files *files = process->files;
    struct file *file = files && fd < files->capacity ? files->slots[fd].file : NULL;
    if (file)
        file_hold(file);
    return file;
}

int fd_close(uint32_t fd)
{
    struct files *files = self()->process->files;
    server_lock();
    struct file *file = fd < files->capacity ? slot_clear(files, fd) : NULL;
    server_unlock();
    if (!file)
        return -EBADF;
    lock_release_on_close(files, file);
    file_release(file);
    return 0;
}

/* The close-on-exec flag: -EBADF, or its old value; `set` < 0 only reads it. */
int fd_flag(uint32_t fd, int set)
{
    struct files *files = self()->process->files;
    int result = -EBADF;
    server_lock();
    if (fd < files->capacity && files->slots[fd].file) {
        result = files->slots[fd].close_on_exec;
        if (set >= 0)
            files->slots[fd].close_on_exec = set;
    }
    server_unlock();
    return result;
}

void file_apply_attr(struct fs_attr *own, uint32_t mask, const struct fs_attr *attr)
{
    if (mask & FS_ATTR_MODE)
        own->mode = (own->mode & S_IFMT) | (attr->mode & 07777);
    if (mask & FS_ATTR_UID)
        own->uid = attr->uid;
    if (mask & FS_ATTR_GID)
        own->gid = attr->gid;
    if (mask & FS_ATTR_ATIME)
        own->atime = attr->atime;
    if (mask & FS_ATTR_MTIME)
        own->mtime = attr->mtime;
    own->ctime = wall_clock();
}
