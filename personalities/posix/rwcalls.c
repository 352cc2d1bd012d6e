/* SPDX-License-Identifier: MIT */
/* System calls that move bytes and manage descriptors. */
#include <ipc/fsclient.h>
#include <linux/fs.h>
#include <string.h>

#include "calls.h"
#include "file.h"
#include "missing.h"
#include "lease.h"
#include "lock.h"
#include "memfd.h"
#include "owner.h"
#include "path.h"
#include "server.h"
#include "task.h"

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

int32_t sys_write(uint32_t fd, user_t buffer, uint32_t count)
{
    struct file *file = fd_get(fd);
    struct io io;
    if (unlikely(!file))
        return -EBADF;
    io_single(&io, buffer, MIN(count, COUNT_MAX));
    int32_t result = file_write_result(file, file_write_bytes(file, &io));
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
            result = write ? file_write_bytes(file, &io) : file_read_bytes(file, &io);
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

/* ---- descriptors ------------------------------------------------------------------------------- */

int32_t sys_close(uint32_t fd)
{
    return fd_close(fd);
}

#define CLOSE_RANGE_UNSHARE_ 2u
#define CLOSE_RANGE_CLOEXEC_ 4u

int32_t sys_close_range(uint32_t first, uint32_t last, uint32_t flags)
{
    if (first > last || (flags & ~(CLOSE_RANGE_UNSHARE_ | CLOSE_RANGE_CLOEXEC_)))
        return -EINVAL;
    int error = flags & CLOSE_RANGE_UNSHARE_ ? unshare_files() : 0;
    if (error < 0)
        return error;
    for (uint32_t fd = first; fd <= MIN(last, FD_MAX - 1); fd++) {
        if (flags & CLOSE_RANGE_CLOEXEC_)
            (void)fd_flag(fd, 1); /* gaps in the range are no error */
        else
            (void)fd_close(fd);
    }
    return 0;
}

int32_t sys_dup(uint32_t fd)
{
    struct file *file = fd_get(fd);
    return file ? fd_install(file, 0, false) : -EBADF;
}

static int32_t dup_to(uint32_t old, uint32_t new, bool close_on_exec)
{
    struct file *file = fd_get(old);
    if (!file)
        return -EBADF;
    if (new >= limit_of(self()->process, RLIMIT_NOFILE)) {
        file_release(file);
        return -EBADF;
    }
    return fd_install_at(self()->process->files, new, file, close_on_exec);
}

int32_t sys_dup2(uint32_t old, uint32_t new)
{
    if (old != new)
        return dup_to(old, new, false);
    return fd_flag(old, -1) < 0 ? -EBADF : (int32_t) new;
}

int32_t sys_dup3(uint32_t old, uint32_t new, uint32_t flags)
{
    if (old == new || (flags & ~(uint32_t)O_CLOEXEC))
        return -EINVAL;
    return dup_to(old, new, flags & O_CLOEXEC);
}

int32_t install_pair(struct file *ends[2], user_t fds, bool close_on_exec)
{
    int first = fd_install(ends[0], 0, close_on_exec);
    if (first < 0) {
        file_release(ends[1]);
        return first;
    }
    int second = fd_install(ends[1], 0, close_on_exec);
    uint32_t numbers[2] = {(uint32_t)first, (uint32_t)second};
    if (second >= 0 && copy_out(fds, numbers, sizeof numbers) == 0)
        return 0;
    (void)fd_close((uint32_t)first);
    if (second < 0)
        return second;
    (void)fd_close((uint32_t)second);
    return -EFAULT;
}

int32_t sys_pipe2(user_t fds, uint32_t flags)
{
    struct file *ends[2];
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    int result = stream_pair(flags & O_NONBLOCK, PIPE_CAPACITY, ends);
    return result < 0 ? result : install_pair(ends, fds, flags & O_CLOEXEC);
}

int32_t sys_pipe(user_t fds)
{
    return sys_pipe2(fds, 0);
}

#define FLAGS_SETTABLE (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | FASYNC)

static int32_t fcntl_file(struct file *file, uint32_t command, uint32_t argument, bool wide)
{
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        if (argument >= limit_of(self()->process, RLIMIT_NOFILE))
            return -EINVAL;
        file_hold(file);
        return fd_install(file, argument, command == F_DUPFD_CLOEXEC);
    case F_GETFL:
        return (int32_t)(file->flags | O_LARGEFILE);
    case F_SETFL:
        file->flags = (file->flags & ~(uint32_t)FLAGS_SETTABLE) | (argument & FLAGS_SETTABLE);
        return owner_flags_changed(file);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
        return lock_fcntl(file, command, USER(argument), false);
    case F_GETLK64:
    case F_SETLK64:
    case F_SETLKW64:
        return wide ? lock_fcntl(file, command, USER(argument), true) : -EINVAL;
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return wide ? lock_fcntl(file, command, USER(argument), true) : -EINVAL;
    case F_SETLEASE:
    case F_GETLEASE:
        return lease_fcntl(file, command, argument);
    case F_GETPIPE_SZ:
        return stream_capacity(file);
    case F_SETPIPE_SZ:
        return stream_set_capacity(file, argument);
    case F_ADD_SEALS:
        return memfd_add_seals(file, argument);
    case F_GET_SEALS:
        return memfd_get_seals(file);
    }
    return owner_fcntl(file, command, argument);
}

static int32_t do_fcntl(uint32_t fd, uint32_t command, uint32_t argument, bool wide)
{
    if (command == F_GETFD)
        return fd_flag(fd, -1);
    if (command == F_SETFD)
        return MIN(fd_flag(fd, argument & FD_CLOEXEC), 0);
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int32_t result = fcntl_file(file, command, argument, wide);
    file_release(file);
    return result;
}

int32_t sys_fcntl(uint32_t fd, uint32_t command, uint32_t argument)
{
    return do_fcntl(fd, command, argument, false);
}

int32_t sys_fcntl64(uint32_t fd, uint32_t command, uint32_t argument)
{
    return do_fcntl(fd, command, argument, true);
}

static int32_t set_nonblocking(struct file *file, user_t argument)
{
    uint32_t value;
    if (get_user(&value, argument) < 0)
        return -EFAULT;
    file->flags = value ? file->flags | O_NONBLOCK : file->flags & ~(uint32_t)O_NONBLOCK;
    return 0;
}

static int32_t set_async(struct file *file, user_t argument)
{
    uint32_t value;
    if (get_user(&value, argument) < 0)
        return -EFAULT;
    if (!file->ops->poll)
        return -ENOTTY;
    file->flags = value ? file->flags | FASYNC : file->flags & ~(uint32_t)FASYNC;
    return owner_flags_changed(file);
}

static int32_t bytes_left(struct file *file, user_t argument)
{
    uint64_t size;
    if (!file->ops->seekable || !file->ops->size)
        return -ENOTTY;
    int result = file->ops->size(file, &size);
    return result < 0
               ? result
               : put_user(argument, (uint32_t)(size > file->offset ? size - file->offset : 0));
}

int32_t sys_ioctl(uint32_t fd, uint32_t request, uint32_t argument)
{
    int32_t result = -ENOTTY;
    if (request == FIOCLEX || request == FIONCLEX)
        return MIN(fd_flag(fd, request == FIOCLEX), 0);
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    if (file->flags & O_PATH)
        result = -EBADF;
    else if (request == FIONBIO)
        result = set_nonblocking(file, USER(argument));
    else if (request == FIOASYNC)
        result = set_async(file, USER(argument));
    else if ((request == FICLONE || request == FICLONERANGE) && S_ISREG(file->attr.mode))
        result = -EOPNOTSUPP; /* no file system here shares blocks */
    else if (file->ops->ioctl)
        result = file->ops->ioctl(file, request, USER(argument));
    else if (request == FIONREAD)
        result = bytes_left(file, USER(argument));
    bool asks_terminal = (request & 0xff00) == 0x5400 && !S_ISCHR(file->attr.mode);
    if (result == -ENOTTY && !asks_terminal)
        missing_note("ioctl %#x of a %s", request, file->ops->name);
    file_release(file);
    return result;
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
