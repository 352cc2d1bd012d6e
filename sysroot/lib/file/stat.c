/* SPDX-License-Identifier: MIT */
/* What is known of a file, from statx; times and modes set. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

#include "system.h"

struct statx_time {
    int64_t seconds;
    uint32_t nanoseconds;
    int32_t reserved;
};

struct statx {
    uint32_t mask, block_size;
    uint64_t attributes;
    uint32_t links, uid, gid;
    uint16_t mode, reserved;
    uint64_t inode, size, blocks, attributes_mask;
    struct statx_time accessed, created, changed, modified;
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    uint64_t spare[14];
};
_Static_assert(sizeof(struct statx) == 256, "struct statx");

enum { STATX_BASIC = 0x7ff };

static struct timespec time_of(const struct statx_time *time)
{
    return (struct timespec){.tv_sec = time->seconds, .tv_nsec = (long)time->nanoseconds};
}

int fstatat(int dir, const char *restrict path, struct stat *restrict result, int flags)
{
    struct statx from;
    long raw = CALL(statx, dir, path, flags, STATX_BASIC, &from);
    if (raw < 0)
        return (int)RESULT(raw);
    *result = (struct stat){
        .st_dev = makedev(from.dev_major, from.dev_minor),
        .st_ino = from.inode,
        .st_mode = from.mode,
        .st_nlink = from.links,
        .st_uid = from.uid,
        .st_gid = from.gid,
        .st_rdev = makedev(from.rdev_major, from.rdev_minor),
        .st_size = (off_t)from.size,
        .st_blksize = (blksize_t)from.block_size,
        .st_blocks = (blkcnt_t)from.blocks,
        .st_atim = time_of(&from.accessed),
        .st_mtim = time_of(&from.modified),
        .st_ctim = time_of(&from.changed),
    };
    return 0;
}

int stat(const char *restrict path, struct stat *restrict result)
{
    return fstatat(AT_FDCWD, path, result, 0);
}

int lstat(const char *restrict path, struct stat *restrict result)
{
    return fstatat(AT_FDCWD, path, result, AT_SYMLINK_NOFOLLOW);
}

int fstat(int fd, struct stat *result)
{
    if (fd < 0) {
        errno = EBADF;
        return -1;
    }
    return fstatat(fd, "", result, AT_EMPTY_PATH);
}

/* ---- modes and nodes ---- */

int fchmodat(int dir, const char *path, mode_t mode, int flags)
{
    if (flags == AT_SYMLINK_NOFOLLOW) {
        struct stat status;
        if (fstatat(dir, path, &status, flags) < 0)
            return -1;
        errno = EOPNOTSUPP;
        if (S_ISLNK(status.st_mode))
            return -1;
        flags = 0;
    }
    if (flags) {
        errno = EINVAL;
        return -1;
    }
    return (int)RESULT(CALL(fchmodat, dir, path, mode));
}

int lchmod(const char *path, mode_t mode)
{
    return fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW);
}

/* The call takes a device number of 32 bits, of which the minor number has two parts. */
int mknodat(int dir, const char *path, mode_t mode, dev_t device)
{
    uint32_t narrow = (minor(device) & 0xff) | major(device) << 8 | (minor(device) & ~0xffU) << 12;
    return (int)RESULT(CALL(mknodat, dir, path, mode, narrow));
}

int mknod(const char *path, mode_t mode, dev_t device)
{
    return mknodat(AT_FDCWD, path, mode, device);
}

int mkfifoat(int dir, const char *path, mode_t mode)
{
    return mknodat(dir, path, (mode & ALLPERMS) | S_IFIFO, 0);
}

int mkfifo(const char *path, mode_t mode)
{
    return mkfifoat(AT_FDCWD, path, mode);
}

/* ---- times ---- */

int utimensat(int dir, const char *path, const struct timespec times[2], int flags)
{
    return (int)RESULT(CALL(utimensat_time64, dir, path, times, flags));
}

int futimens(int fd, const struct timespec times[2])
{
    return utimensat(fd, NULL, times, 0);
}

static int set_times(int dir, const char *path, const struct timeval *times, int flags)
{
    if (!times)
        return utimensat(dir, path, NULL, flags);
    struct timespec precise[2];
    for (int i = 0; i < 2; i++) {
        if (times[i].tv_usec < 0 || times[i].tv_usec >= 1000000) {
            errno = EINVAL;
            return -1;
        }
        precise[i] = (struct timespec){times[i].tv_sec, times[i].tv_usec * 1000};
    }
    return utimensat(dir, path, precise, flags);
}

int utimes(const char *path, const struct timeval *times)
{
    return set_times(AT_FDCWD, path, times, 0);
}

int lutimes(const char *path, const struct timeval *times)
{
    return set_times(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

int futimes(int fd, const struct timeval *times)
{
    return set_times(fd, NULL, times, 0);
}

int futimesat(int dir, const char *path, const struct timeval times[2])
{
    return set_times(dir, path, times, 0);
}

int utime(const char *path, const struct utimbuf *times)
{
    if (!times)
        return utimensat(AT_FDCWD, path, NULL, 0);
    struct timespec precise[2] = {{times->actime, 0}, {times->modtime, 0}};
    return utimensat(AT_FDCWD, path, precise, 0);
}

/* ---- file systems ---- */

static int to_statvfs(int result, const struct statfs *from, struct statvfs *to)
{
    if (result < 0)
        return -1;
    *to = (struct statvfs){
        .f_bsize = from->f_bsize,
        .f_frsize = from->f_frsize ? from->f_frsize : from->f_bsize,
        .f_blocks = from->f_blocks,
        .f_bfree = from->f_bfree,
        .f_bavail = from->f_bavail,
        .f_files = from->f_files,
        .f_ffree = from->f_ffree,
        .f_favail = from->f_ffree,
        .f_fsid = (unsigned long)from->f_fsid.__val[0],
        .f_flag = from->f_flags & ~0x20U, /* the mark that the flags are valid */
        .f_namemax = from->f_namelen,
    };
    return 0;
}

int statvfs(const char *restrict path, struct statvfs *restrict result)
{
    struct statfs from;
    return to_statvfs(statfs(path, &from), &from, result);
}

int fstatvfs(int fd, struct statvfs *result)
{
    struct statfs from;
    return to_statvfs(fstatfs(fd, &from), &from, result);
}
