/* SPDX-License-Identifier: MIT */
/* The stat family: one set of attributes in Linux's five layouts. */
#include <ipc/fsclient.h>
#include <string.h>

#include "calls.h"
#include "file.h"
#include "path.h"
#include "task.h"

#define BLOCK_SIZE_HINT 4096

typedef int put_attr(user_t to, const struct fs_attr *attr);

static uint32_t seconds(uint64_t ns)
{
    return (uint32_t)(ns / NS_PER_SEC);
}

static uint32_t nanoseconds(uint64_t ns)
{
    return (uint32_t)(ns % NS_PER_SEC);
}

static int put_stat64(user_t to, const struct fs_attr *attr)
{
    struct stat64 stat = {.st_dev = attr->device,
                          .__st_ino = (uint32_t)attr->ino,
                          .st_mode = attr->mode,
                          .st_nlink = attr->nlink,
                          .st_uid = attr->uid,
                          .st_gid = attr->gid,
                          .st_rdev = attr->rdev,
                          .st_size = (long long)attr->size,
                          .st_blksize = BLOCK_SIZE_HINT,
                          .st_blocks = attr->blocks,
                          .st_atime = seconds(attr->atime),
                          .st_atime_nsec = nanoseconds(attr->atime),
                          .st_mtime = seconds(attr->mtime),
                          .st_mtime_nsec = nanoseconds(attr->mtime),
                          .st_ctime = seconds(attr->ctime),
                          .st_ctime_nsec = nanoseconds(attr->ctime),
                          .st_ino = attr->ino};
    return copy_out(to, &stat, sizeof stat);
}

static int put_stat(user_t to, const struct fs_attr *attr)
{
    if (attr->size > INT32_MAX)
        return -EOVERFLOW;
    struct stat stat = {.st_dev = attr->device,
                        .st_ino = (uint32_t)attr->ino,
                        .st_mode = (uint16_t)attr->mode,
                        .st_nlink = (uint16_t)attr->nlink,
                        .st_uid = (uint16_t)attr->uid,
                        .st_gid = (uint16_t)attr->gid,
                        .st_rdev = attr->rdev,
                        .st_size = (uint32_t)attr->size,
                        .st_blksize = BLOCK_SIZE_HINT,
                        .st_blocks = (uint32_t)attr->blocks,
                        .st_atime = seconds(attr->atime),
                        .st_atime_nsec = nanoseconds(attr->atime),
                        .st_mtime = seconds(attr->mtime),
                        .st_mtime_nsec = nanoseconds(attr->mtime),
                        .st_ctime = seconds(attr->ctime),
                        .st_ctime_nsec = nanoseconds(attr->ctime)};
    return copy_out(to, &stat, sizeof stat);
}

static struct statx_timestamp stamp(uint64_t ns)
{
    return (struct statx_timestamp){.tv_sec = (int64_t)(ns / NS_PER_SEC),
                                    .tv_nsec = nanoseconds(ns)};
}

static int put_statx(user_t to, const struct fs_attr *attr)
{
    struct statx stat = {.stx_mask = STATX_BASIC_STATS,
                         .stx_blksize = BLOCK_SIZE_HINT,
                         .stx_nlink = attr->nlink,
                         .stx_uid = attr->uid,
                         .stx_gid = attr->gid,
                         .stx_mode = (uint16_t)attr->mode,
                         .stx_ino = attr->ino,
                         .stx_size = attr->size,
                         .stx_blocks = attr->blocks,
                         .stx_atime = stamp(attr->atime),
                         .stx_ctime = stamp(attr->ctime),
                         .stx_mtime = stamp(attr->mtime),
                         .stx_rdev_major = attr->rdev >> 8 & 0xfff,
                         .stx_rdev_minor = (attr->rdev & 0xff) | (attr->rdev >> 12 & 0xfff00),
                         .stx_dev_major = attr->device >> 8 & 0xfff,
                         .stx_dev_minor = (attr->device & 0xff) | (attr->device >> 12 & 0xfff00)};
    return copy_out(to, &stat, sizeof stat);
}

static int32_t stat_path(uint32_t dir, user_t path, uint32_t flags, user_t to, put_attr *put)
{
    struct fs_attr attr;
    int error = path_stat(dir, path, flags, &attr);
    return error < 0 ? error : put(to, &attr);
}

static int32_t stat_fd(uint32_t fd, user_t to, put_attr *put)
{
    struct file *file = fd_get(fd);
    struct fs_attr attr;
    if (!file)
        return -EBADF;
    int error = file->ops->stat(file, &attr);
    file_release(file);
    return error < 0 ? error : put(to, &attr);
}

#define CWD ((uint32_t)AT_FDCWD)

int32_t sys_stat(user_t path, user_t to)
{
    return stat_path(CWD, path, 0, to, put_stat);
}

int32_t sys_lstat(user_t path, user_t to)
{
    return stat_path(CWD, path, AT_SYMLINK_NOFOLLOW, to, put_stat);
}

int32_t sys_fstat(uint32_t fd, user_t to)
{
    return stat_fd(fd, to, put_stat);
}

int32_t sys_stat64(user_t path, user_t to)
{
    return stat_path(CWD, path, 0, to, put_stat64);
}

int32_t sys_lstat64(user_t path, user_t to)
{
    return stat_path(CWD, path, AT_SYMLINK_NOFOLLOW, to, put_stat64);
}

int32_t sys_fstat64(uint32_t fd, user_t to)
{
    return stat_fd(fd, to, put_stat64);
}

#define STAT_FLAGS (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT)

int32_t sys_fstatat64(uint32_t dir, user_t path, user_t to, uint32_t flags)
{
    return flags & ~(uint32_t)STAT_FLAGS ? -EINVAL : stat_path(dir, path, flags, to, put_stat64);
}

int32_t sys_statx(uint32_t dir, user_t path, uint32_t flags, uint32_t mask, user_t to)
{
    if ((flags & ~(uint32_t)(STAT_FLAGS | AT_STATX_SYNC_TYPE)) || (mask & STATX__RESERVED))
        return -EINVAL;
    return stat_path(dir, path, flags, to, put_statx);
}

#define ST_VALID 0x20 /* f_flags says something */

/* ---- file systems ------------------------------------------------------------------------------ */

static int put_statfs(user_t to, const struct fs_statistics *s)
{
    struct statfs out = {.f_type = s->type,
                         .f_bsize = s->block_size,
                         .f_blocks = (uint32_t)s->blocks,
                         .f_bfree = (uint32_t)s->blocks_free,
                         .f_bavail = (uint32_t)s->blocks_free,
                         .f_files = (uint32_t)s->files,
                         .f_ffree = (uint32_t)s->files_free,
                         .f_fsid.val = {(int)s->device, 0},
                         .f_namelen = s->name_max,
                         .f_frsize = s->block_size,
                         .f_flags = s->mount | ST_VALID};
    return copy_out(to, &out, sizeof out);
}

static int put_statfs64(user_t to, const struct fs_statistics *s)
{
    struct statfs64 out = {.f_type = s->type,
                           .f_bsize = s->block_size,
                           .f_blocks = s->blocks,
                           .f_bfree = s->blocks_free,
                           .f_bavail = s->blocks_free,
                           .f_files = s->files,
                           .f_ffree = s->files_free,
                           .f_fsid.val = {(int)s->device, 0},
                           .f_namelen = s->name_max,
                           .f_frsize = s->block_size,
                           .f_flags = s->mount | ST_VALID};
    return copy_out(to, &out, sizeof out);
}

static int statistics_of_file(struct file *file, struct fs_statistics *statistics)
{
    if (file->ops->statfs)
        return file->ops->statfs(file, statistics);
    *statistics = (struct fs_statistics){
        .type = 0x50495045, .block_size = PAGE_SIZE, .name_max = 255}; /* PIPEFS_MAGIC */
    return 0;
}

static int statistics_of_fd(uint32_t fd, struct fs_statistics *statistics)
{
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int error = statistics_of_file(file, statistics);
    file_release(file);
    return error;
}

static int statistics_of_path(user_t path, struct fs_statistics *statistics)
{
    struct file *file;
    int error = path_copy_in(path);
    if (error == 0)
        error = path_open(CWD, worker_self()->path, O_PATH, 0, &file);
    if (error < 0)
        return error;
    error = statistics_of_file(file, statistics);
    file_release(file);
    return error;
}

int32_t sys_statfs(user_t path, user_t to)
{
    struct fs_statistics statistics;
    int error = statistics_of_path(path, &statistics);
    return error < 0 ? error : put_statfs(to, &statistics);
}

int32_t sys_fstatfs(uint32_t fd, user_t to)
{
    struct fs_statistics statistics;
    int error = statistics_of_fd(fd, &statistics);
    return error < 0 ? error : put_statfs(to, &statistics);
}

int32_t sys_statfs64(user_t path, uint32_t size, user_t to)
{
    struct fs_statistics statistics;
    int error = size == sizeof(struct statfs64) ? statistics_of_path(path, &statistics) : -EINVAL;
    return error < 0 ? error : put_statfs64(to, &statistics);
}

int32_t sys_fstatfs64(uint32_t fd, uint32_t size, user_t to)
{
    struct fs_statistics statistics;
    int error = size == sizeof(struct statfs64) ? statistics_of_fd(fd, &statistics) : -EINVAL;
    return error < 0 ? error : put_statfs64(to, &statistics);
}
