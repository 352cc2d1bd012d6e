/* SPDX-License-Identifier: MIT */
/* System calls that make, copy and set descriptors. */
#include "calls.h"
#include "file.h"
#include "missing.h"
#include "lease.h"
#include "lock.h"
#include "memfd.h"
#include "owner.h"
#include "path.h"
#include "task.h"

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
