/* SPDX-License-Identifier: MIT */
/* System calls that move bytes, and make them durable. */
#include "calls.h"
#include "file.h"
#include "path.h"
#include "resume.h"
#include "task.h"
#include "tty.h"

#define COUNT_MAX    0x7ffff000u
#define VECTOR_MAX   1024u
#define VECTOR_SMALL 8u

/* A write to a stream that nobody reads. */
int32_t file_write_result(const struct file *file, int32_t result)
{
    if (unlikely(result == -EPIPE) && !file_is_packet_socket(file)) {
        siginfo_t info = signal_info_user(SIGPIPE, SI_USER, self()->process);
        server_lock();
        signal_thread(self(), &info);
        server_unlock();
    }
    return result;
}

int32_t sys_read(uint32_t fd, user_t buffer, uint32_t count)
{
    struct file *file = fd_get(fd);
    struct io io;
    if (unlikely(!file))
        return -EBADF;
    io_single(&io, buffer, MIN(count, COUNT_MAX));
    int32_t result = file_read_bytes(file, &io);
    file_release(file);
    return result;
}

/* Whether a write waits until all of it is through. */
static bool takes_all(struct file *file)
{
    return !(file->flags & O_NONBLOCK) && (file_is_pipe(file) || tty_of(file) ||
                                           (file_is_socket(file) && !file_is_packet_socket(file)));
}

static int32_t write_bytes(struct file *file, struct io *io)
{
    uint32_t moved = call_moved(io);
    int32_t result = file_write_bytes(file, io);
    return unlikely(moved || (io->left && takes_all(file))) ? call_transferred(io, moved, result)
                                                            : result;
}

int32_t sys_write(uint32_t fd, user_t buffer, uint32_t count)
{
    struct file *file = fd_get(fd);
    struct io io;
    if (unlikely(!file))
        return -EBADF;
    io_single(&io, buffer, MIN(count, COUNT_MAX));
    int32_t result = file_write_result(file, write_bytes(file, &io));
    file_release(file);
    return result;
}

/* ---- positions and vectors --------------------------------------------------------------------- */

static int32_t transfer_at(struct file *file, struct io *io, uint64_t offset, bool write)
{
    if (!file->ops->seekable)
        return -ESPIPE;
    if (write ? !file_writable(file) : !file_readable(file))
        return -EBADF;
    if ((int64_t)offset < 0)
        return -EINVAL;
    int (*operation)(struct file *, struct io *, uint64_t *) =
        write ? file->ops->write : file->ops->read;
    return operation ? operation(file, io, &offset) : -EINVAL;
}

static int32_t transfer_single_at(uint32_t fd, user_t buffer, uint32_t count, uint64_t offset,
                                  bool write)
{
    struct file *file = fd_get(fd);
    struct io io;
    if (!file)
        return -EBADF;
    io_single(&io, buffer, MIN(count, COUNT_MAX));
    int32_t result = transfer_at(file, &io, offset, write);
    file_release(file);
    return result;
}

int32_t sys_pread64(uint32_t fd, user_t buffer, uint32_t count, uint64_t offset)
{
    return transfer_single_at(fd, buffer, count, offset, false);
}

int32_t sys_pwrite64(uint32_t fd, user_t buffer, uint32_t count, uint64_t offset)
{
    return transfer_single_at(fd, buffer, count, offset, true);
}

int32_t io_copy_in_vector(user_t from, uint32_t count, struct linux_iovec *small,
                          uint32_t small_count, struct linux_iovec **vector)
{
    *vector = small;
    if (count > VECTOR_MAX)
        return -EINVAL;
    if (count > small_count && !(*vector = allocate(count * sizeof **vector)))
        return -ENOMEM;
    int32_t result = copy_in(*vector, from, count * sizeof **vector);
    uint32_t sum = 0;
    for (uint32_t i = 0; result == 0 && i < count; i++) {
        if ((int32_t)(*vector)[i].length < 0)
            result = -EINVAL;
        else if ((*vector)[i].length > COUNT_MAX - sum)
            (*vector)[i].length = COUNT_MAX - sum;
        sum += (*vector)[i].length;
    }
    if (result < 0 && *vector != small)
        release(*vector);
    return result < 0 ? result : (int32_t)sum;
}

#define OFFSET_NONE UINT64_MAX

static int32_t transfer_vector(uint32_t fd, user_t from, uint32_t count, uint64_t offset,
                               bool write)
{
    struct linux_iovec small[VECTOR_SMALL], *vector;
    struct file *file = fd_get(fd);
    struct io io;
    if (!file)
        return -EBADF;
    int32_t result = io_copy_in_vector(from, count, small, VECTOR_SMALL, &vector);
    if (result >= 0) {
        io_vector(&io, vector, (uint32_t)result);
        if (offset != OFFSET_NONE)
            result = transfer_at(file, &io, offset, write);
        else
            result = write ? write_bytes(file, &io) : file_read_bytes(file, &io);
        if (vector != small)
            release(vector);
    }
    if (write)
        result = file_write_result(file, result);
    file_release(file);
    return result;
}

int32_t sys_readv(uint32_t fd, user_t vector, uint32_t count)
{
    return transfer_vector(fd, vector, count, OFFSET_NONE, false);
}

int32_t sys_writev(uint32_t fd, user_t vector, uint32_t count)
{
    return transfer_vector(fd, vector, count, OFFSET_NONE, true);
}

int32_t sys_preadv(uint32_t fd, user_t vector, uint32_t count, uint64_t offset)
{
    return (int64_t)offset < 0 ? -EINVAL : transfer_vector(fd, vector, count, offset, false);
}

int32_t sys_pwritev(uint32_t fd, user_t vector, uint32_t count, uint64_t offset)
{
    return (int64_t)offset < 0 ? -EINVAL : transfer_vector(fd, vector, count, offset, true);
}

#define RWF_HIPRI_  1u
#define RWF_DSYNC_  2u
#define RWF_SYNC_   4u
#define RWF_NOWAIT_ 8u
#define RWF_APPEND_ 16u

/* Flags of the call on top of the file's, for its time. */
static int32_t transfer_flagged(uint32_t fd, user_t vector, uint32_t count, uint64_t offset,
                                uint32_t flags, bool write)
{
    uint32_t known = RWF_HIPRI_ | RWF_DSYNC_ | RWF_SYNC_ | RWF_NOWAIT_ | (write ? RWF_APPEND_ : 0);
    if (flags & ~known)
        return -EOPNOTSUPP;
    if (offset != OFFSET_NONE && (int64_t)offset < 0)
        return -EINVAL;
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    uint32_t saved = file->flags;
    if (flags & RWF_NOWAIT_)
        file->flags |= O_NONBLOCK;
    if (flags & RWF_APPEND_)
        file->flags |= O_APPEND;
    int32_t result = transfer_vector(fd, vector, count, offset, write);
    file->flags = saved;
    if (result > 0 && write && (flags & (RWF_DSYNC_ | RWF_SYNC_)) && file->ops->sync) {
        int error = file->ops->sync(file);
        result = error < 0 ? error : result;
    }
    file_release(file);
    return result;
}

int32_t sys_preadv2(uint32_t fd, user_t vector, uint32_t count, uint64_t offset, uint32_t flags)
{
    return transfer_flagged(fd, vector, count, offset, flags, false);
}

int32_t sys_pwritev2(uint32_t fd, user_t vector, uint32_t count, uint64_t offset, uint32_t flags)
{
    return transfer_flagged(fd, vector, count, offset, flags, true);
}

/* ---- seeking ----------------------------------------------------------------------------------- */

/* Files are all data to their end: as file systems without holes answer on Linux. */
static int64_t seek_data(struct file *file, int64_t offset, uint32_t whence, uint64_t *target)
{
    uint64_t size;
    int result =
        S_ISREG(file->attr.mode) && file->ops->size ? file->ops->size(file, &size) : -EINVAL;
    if (result < 0)
        return result;
    if (offset < 0 || (uint64_t)offset >= size)
        return -ENXIO;
    *target = whence == SEEK_DATA ? (uint64_t)offset : size;
    return 0;
}

static int64_t file_seek(struct file *file, int64_t offset, uint32_t whence)
{
    uint64_t base = 0;
    if (!file->ops->seekable)
        return file->ops->seek_ignored ? 0 : -ESPIPE;
    if (whence == 1) {
        base = file->offset;
        int result = file->ops->position ? file->ops->position(file, &base) : 0;
        if (result < 0)
            return result;
    } else if (whence == 2) {
        int result = file->ops->size ? file->ops->size(file, &base) : 0;
        if (result < 0)
            return result;
    } else if (whence == SEEK_DATA || whence == SEEK_HOLE) {
        int64_t result = seek_data(file, offset, whence, &base);
        if (result < 0)
            return result;
        offset = 0;
    } else if (whence != 0) {
        return -EINVAL;
    }
    int64_t target = (int64_t)base + offset;
    if (target < 0)
        return -EINVAL;
    if (file->ops->seek) {
        int result = file->ops->seek(file, (uint64_t)target);
        if (result < 0)
            return result;
    }
    file->offset = (uint64_t)target;
    return target;
}

int32_t sys_lseek(uint32_t fd, int32_t offset, uint32_t whence)
{
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int64_t result = file_seek(file, offset, whence);
    file_release(file);
    return result > INT32_MAX ? -EOVERFLOW : (int32_t)result;
}

int32_t sys_llseek(uint32_t fd, uint32_t high, uint32_t low, user_t out, uint32_t whence)
{
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int64_t result = file_seek(file, (int64_t)(low | (uint64_t)high << 32), whence);
    file_release(file);
    return result < 0 ? (int32_t)result : copy_out(out, &result, 8);
}

/* ---- durability and hints ---------------------------------------------------------------------- */

int32_t sys_fsync(uint32_t fd)
{
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int32_t result = file->ops->sync ? file->ops->sync(file) : -EINVAL;
    file_release(file);
    return result;
}

int32_t sys_fdatasync(uint32_t fd)
{
    return sys_fsync(fd);
}

/* Linux's sync does not report errors either. */
int32_t sys_sync(void)
{
    mounts_sync();
    return 0;
}

/* All file systems, the one of the file among them. */
int32_t sys_syncfs(uint32_t fd)
{
    struct file *file = fd_get(fd);
    int32_t result = 0;
    if (!file)
        return -EBADF;
    if (file->flags & O_PATH)
        result = -EBADF;
    else if (file_is_node(file))
        mounts_sync();
    file_release(file);
    return result;
}

static int32_t hint(uint32_t fd)
{
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int32_t result = file->ops->seekable ? 0 : -ESPIPE;
    file_release(file);
    return result;
}

int32_t sys_readahead(uint32_t fd, uint64_t offset, uint32_t count)
{
    struct file *file = fd_get(fd);
    (void)offset;
    (void)count;
    if (!file)
        return -EBADF;
    bool is_file = S_ISREG(file->attr.mode) || S_ISBLK(file->attr.mode);
    int32_t result = !file_readable(file) ? -EBADF : is_file && file->ops->seekable ? 0 : -EINVAL;
    file_release(file);
    return result;
}

#define SYNC_RANGE_FLAGS 7u

/* What is written goes to the disk with all that belongs to it: more than is asked for. */
int32_t sys_sync_file_range(uint32_t fd, uint64_t offset, uint64_t length, uint32_t flags)
{
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int32_t result = 0;
    if ((flags & ~SYNC_RANGE_FLAGS) || (int64_t)offset < 0 || (int64_t)(offset + length) < 0 ||
        offset + length < offset)
        result = -EINVAL;
    else if (file->flags & O_PATH)
        result = -EBADF;
    else if (!S_ISREG(file->attr.mode) && !S_ISBLK(file->attr.mode) && !S_ISDIR(file->attr.mode))
        result = -ESPIPE;
    else if (flags && file->ops->sync)
        result = file->ops->sync(file);
    file_release(file);
    return result;
}

int32_t sys_fadvise64(uint32_t fd, uint64_t offset, uint32_t length, uint32_t advice)
{
    (void)offset;
    (void)length;
    return advice > 5 ? -EINVAL : hint(fd);
}

int32_t sys_fadvise64_64(uint32_t fd, uint64_t offset, uint64_t length, uint32_t advice)
{
    (void)offset;
    (void)length;
    return advice > 5 ? -EINVAL : hint(fd);
}
