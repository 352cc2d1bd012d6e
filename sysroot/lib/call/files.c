/* SPDX-License-Identifier: MIT */
/* Calls about files and descriptors that pass their arguments on. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "pass.h"

/* clang-format off */
PASS_CANCEL(ssize_t, read, read, (int fd, void *buffer, size_t length), fd, buffer, length)
PASS_CANCEL(ssize_t, write, write, (int fd, const void *buffer, size_t length), fd, buffer, length)
PASS_CANCEL(ssize_t, readv, readv, (int fd, const struct iovec *vector, int count), fd, vector, count)
PASS_CANCEL(ssize_t, writev, writev, (int fd, const struct iovec *vector, int count), fd, vector, count)
PASS_CANCEL(ssize_t, pread, pread64, (int fd, void *buffer, size_t length, off_t offset), fd, buffer, length, WIDE(offset))
PASS_CANCEL(ssize_t, pwrite, pwrite64, (int fd, const void *buffer, size_t length, off_t offset), fd, buffer, length, WIDE(offset))
PASS_CANCEL(ssize_t, preadv, preadv, (int fd, const struct iovec *vector, int count, off_t offset), fd, vector, count, WIDE(offset))
PASS_CANCEL(ssize_t, pwritev, pwritev, (int fd, const struct iovec *vector, int count, off_t offset), fd, vector, count, WIDE(offset))
PASS_CANCEL(int, close, close, (int fd), fd)
PASS_CANCEL(int, fsync, fsync, (int fd), fd)
PASS_CANCEL(int, fdatasync, fdatasync, (int fd), fd)
PASS(int, syncfs, syncfs, (int fd), fd)
PASS(int, dup, dup, (int fd), fd)
PASS(int, dup2, dup2, (int old, int new), old, new)
PASS(int, dup3, dup3, (int old, int new, int flags), old, new, flags)
PASS(int, pipe, pipe, (int fds[2]), fds)
PASS(int, pipe2, pipe2, (int fds[2], int flags), fds, flags)
PASS(int, flock, flock, (int fd, int operation), fd, operation)
PASS(int, ftruncate, ftruncate64, (int fd, off_t length), fd, WIDE(length))
PASS(int, truncate, truncate64, (const char *path, off_t length), path, WIDE(length))
PASS_CODE(int, posix_fallocate, fallocate, (int fd, off_t offset, off_t length), fd, 0, WIDE(offset), WIDE(length))
PASS(int, fallocate, fallocate, (int fd, int mode, off_t offset, off_t length), fd, mode, WIDE(offset), WIDE(length))
PASS_CODE(int, posix_fadvise, fadvise64_64, (int fd, off_t offset, off_t length, int advice), fd, WIDE(offset), WIDE(length), advice)
PASS(ssize_t, readahead, readahead, (int fd, off_t offset, size_t count), fd, WIDE(offset), count)
PASS(ssize_t, sendfile, sendfile64, (int out, int in, off_t *offset, size_t count), out, in, offset, count)
PASS(ssize_t, splice, splice, (int in, off_t *in_offset, int out, off_t *out_offset, size_t count, unsigned flags), in, in_offset, out, out_offset, count, flags)
PASS(ssize_t, tee, tee, (int in, int out, size_t count, unsigned flags), in, out, count, flags)
PASS(ssize_t, copy_file_range, copy_file_range, (int in, off_t *in_offset, int out, off_t *out_offset, size_t count, unsigned flags), in, in_offset, out, out_offset, count, flags)
PASS(int, close_range, close_range, (unsigned first, unsigned last, int flags), first, last, flags)

PASS(int, access, access, (const char *path, int mode), path, mode)
PASS(int, faccessat, faccessat2, (int dir, const char *path, int mode, int flags), dir, path, mode, flags)
PASS(int, chdir, chdir, (const char *path), path)
PASS(int, fchdir, fchdir, (int fd), fd)
PASS(int, chroot, chroot, (const char *path), path)
PASS(int, chmod, chmod, (const char *path, mode_t mode), path, mode)
PASS(int, fchmod, fchmod, (int fd, mode_t mode), fd, mode)
PASS(int, chown, chown32, (const char *path, uid_t owner, gid_t group), path, owner, group)
PASS(int, lchown, lchown32, (const char *path, uid_t owner, gid_t group), path, owner, group)
PASS(int, fchown, fchown32, (int fd, uid_t owner, gid_t group), fd, owner, group)
PASS(int, fchownat, fchownat, (int dir, const char *path, uid_t owner, gid_t group, int flags), dir, path, owner, group, flags)
PASS(int, link, link, (const char *old, const char *new), old, new)
PASS(int, linkat, linkat, (int from, const char *old, int to, const char *new, int flags), from, old, to, new, flags)
PASS(int, symlink, symlink, (const char *target, const char *path), target, path)
PASS(int, symlinkat, symlinkat, (const char *target, int dir, const char *path), target, dir, path)
PASS(ssize_t, readlink, readlink, (const char *restrict path, char *restrict buffer, size_t size), path, buffer, size)
PASS(ssize_t, readlinkat, readlinkat, (int dir, const char *restrict path, char *restrict buffer, size_t size), dir, path, buffer, size)
PASS(int, unlink, unlink, (const char *path), path)
PASS(int, unlinkat, unlinkat, (int dir, const char *path, int flags), dir, path, flags)
PASS(int, rename, rename, (const char *old, const char *new), old, new)
PASS(int, renameat, renameat, (int from, const char *old, int to, const char *new), from, old, to, new)
PASS(int, renameat2, renameat2, (int from, const char *old, int to, const char *new, unsigned flags), from, old, to, new, flags)
PASS(int, mkdir, mkdir, (const char *path, mode_t mode), path, mode)
PASS(int, mkdirat, mkdirat, (int dir, const char *path, mode_t mode), dir, path, mode)
PASS(int, rmdir, rmdir, (const char *path), path)
PASS(mode_t, umask, umask, (mode_t mask), mask)
PASS(int, statfs, statfs64, (const char *path, struct statfs *buffer), path, 84, buffer)
PASS(int, fstatfs, fstatfs64, (int fd, struct statfs *buffer), fd, 84, buffer)
PASS(int, mount, mount, (const char *source, const char *target, const char *type, unsigned long flags, const void *data), source, target, type, flags, data)
PASS(int, umount, umount2, (const char *target), target, 0)
PASS(int, umount2, umount2, (const char *target, int flags), target, flags)
PASS(int, acct, acct, (const char *path), path)
PASS(ssize_t, getdents64, getdents64, (int fd, void *buffer, size_t size), fd, buffer, size)

PASS(int, epoll_create, epoll_create, (int size), size)
PASS(int, epoll_create1, epoll_create1, (int flags), flags)
PASS(int, epoll_ctl, epoll_ctl, (int epoll, int operation, int fd, struct epoll_event *event), epoll, operation, fd, event)
PASS_CANCEL(int, epoll_wait, epoll_wait, (int epoll, struct epoll_event *events, int count, int timeout), epoll, events, count, timeout)
PASS_CANCEL(int, epoll_pwait, epoll_pwait, (int epoll, struct epoll_event *events, int count, int timeout, const sigset_t *mask), epoll, events, count, timeout, mask, 8)
PASS(int, eventfd, eventfd2, (unsigned value, int flags), value, flags)
PASS(int, timerfd_create, timerfd_create, (int clock, int flags), clock, flags)
PASS(int, timerfd_settime, timerfd_settime64, (int fd, int flags, const struct itimerspec *new, struct itimerspec *old), fd, flags, new, old)
PASS(int, timerfd_gettime, timerfd_gettime64, (int fd, struct itimerspec *value), fd, value)
PASS(int, inotify_init, inotify_init, (void))
PASS(int, inotify_init1, inotify_init1, (int flags), flags)
PASS(int, inotify_add_watch, inotify_add_watch, (int fd, const char *path, uint32_t mask), fd, path, mask)
PASS(int, inotify_rm_watch, inotify_rm_watch, (int fd, int watch), fd, watch)

PASS(ssize_t, getxattr, getxattr, (const char *path, const char *name, void *value, size_t size), path, name, value, size)
PASS(ssize_t, lgetxattr, lgetxattr, (const char *path, const char *name, void *value, size_t size), path, name, value, size)
PASS(ssize_t, fgetxattr, fgetxattr, (int fd, const char *name, void *value, size_t size), fd, name, value, size)
PASS(ssize_t, listxattr, listxattr, (const char *path, char *list, size_t size), path, list, size)
PASS(ssize_t, llistxattr, llistxattr, (const char *path, char *list, size_t size), path, list, size)
PASS(ssize_t, flistxattr, flistxattr, (int fd, char *list, size_t size), fd, list, size)
PASS(int, setxattr, setxattr, (const char *path, const char *name, const void *value, size_t size, int flags), path, name, value, size, flags)
PASS(int, lsetxattr, lsetxattr, (const char *path, const char *name, const void *value, size_t size, int flags), path, name, value, size, flags)
PASS(int, fsetxattr, fsetxattr, (int fd, const char *name, const void *value, size_t size, int flags), fd, name, value, size, flags)
PASS(int, removexattr, removexattr, (const char *path, const char *name), path, name)
PASS(int, lremovexattr, lremovexattr, (const char *path, const char *name), path, name)
PASS(int, fremovexattr, fremovexattr, (int fd, const char *name), fd, name)
/* clang-format on */

void sync(void)
{
    CALL(sync);
}

int eventfd_read(int fd, eventfd_t *value)
{
    return read(fd, value, sizeof *value) == sizeof *value ? 0 : -1;
}

int eventfd_write(int fd, eventfd_t value)
{
    return write(fd, &value, sizeof value) == sizeof value ? 0 : -1;
}
