/* SPDX-License-Identifier: MIT */
/* Opening what a path leads to, and asking for its attributes. See path.h. */
#include "path.h"

#include <ipc/namecache.h>

#include "blockdev.h"
#include "file.h"
#include "lease.h"
#include "mm.h"
#include "task.h"

/* ---- open -------------------------------------------------------------------------------------- */

static uint32_t open_flags(uint32_t flags)
{
    uint32_t result = 0;
    if (flags & O_PATH)
        return FS_O_NODE | (flags & O_DIRECTORY ? FS_O_DIRECTORY : 0) |
               (flags & O_NOFOLLOW ? FS_O_NOFOLLOW : 0);
    if ((flags & O_ACCMODE) != O_WRONLY)
        result |= FS_O_READ;
    if ((flags & O_ACCMODE) != O_RDONLY)
        result |= FS_O_WRITE;
    if ((flags & O_TMPFILE) == O_TMPFILE)
        return result | FS_O_UNNAMED | (flags & O_EXCL ? FS_O_EXCLUSIVE : 0);
    if (flags & O_CREAT)
        result |= FS_O_CREATE;
    if (flags & O_EXCL)
        result |= FS_O_EXCLUSIVE;
    if (flags & O_TRUNC)
        result |= FS_O_TRUNCATE;
    if (flags & O_APPEND)
        result |= FS_O_APPEND;
    if (flags & O_DIRECTORY)
        result |= FS_O_DIRECTORY;
    if (flags & O_NOFOLLOW)
        result |= FS_O_NOFOLLOW;
    return result;
}

static int open_internal(struct walk *walk, uint32_t flags, struct file **result)
{
    const struct internal_node *node = &walk->internal;
    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    if ((flags & O_DIRECTORY) && !S_ISDIR(node->mode))
        return -ENOTDIR;
    if (S_ISLNK(node->mode) && !(flags & O_PATH)) {
        struct file *file =
            node->ops->magic && !(flags & O_NOFOLLOW) ? node->ops->magic(node) : NULL;
        if (!file)
            return node->ops->magic ? -ENOENT : -ELOOP;
        int error = file_reopen(file, flags, result);
        file_release(file);
        return error;
    }
    return internal_open(node, flags, walk->absolute, result);
}

/* Only an owner may leave the time of the last access alone. */
static bool may_hide_access(const struct fs_attr *attr)
{
    return self()->process->credentials.fsuid == attr->uid || capable(CAP_FOWNER);
}

static int open_fifo(const struct walk *walk, uint32_t flags, struct file **result)
{
    int error = fifo_open(&walk->attr, flags, result);
    if (error == 0 && walk->absolute)
        (*result)->path = text_copy(walk->absolute);
    return error;
}

/* What a node of a file system turns out to be. Takes the node, and the VMO that only regular files have. */
static int open_node(struct walk *walk, uint32_t flags, struct file **result)
{
    if ((flags & O_NOATIME) && !(flags & O_PATH) && !may_hide_access(&walk->attr)) {
        close_handle(walk->node);
        close_handle(walk->vmo);
        return -EPERM;
    }
    if (!(flags & O_PATH)) {
        if (S_ISCHR(walk->attr.mode) || S_ISBLK(walk->attr.mode)) {
            close_handle(walk->node);
            if (walk->attr.mount & FS_MOUNT_NO_DEVICES)
                return -EACCES;
            return S_ISBLK(walk->attr.mode) ? block_open(walk->attr.rdev, flags, result)
                                            : device_open(walk->attr.rdev, flags, result);
        }
        if (S_ISFIFO(walk->attr.mode)) {
            close_handle(walk->node);
            return open_fifo(walk, flags, result);
        }
        if (S_ISSOCK(walk->attr.mode)) {
            close_handle(walk->node);
            return -ENXIO;
        }
    }
    int error = node_file(walk->node, &walk->attr, flags, walk->absolute, result);
    if (error < 0) {
        close_handle(walk->vmo);
        return error;
    }
    if (walk->change_known)
        node_known(*result, &walk->attr, walk->change);
    node_give_vmo(*result, walk->vmo);
    if (namecache_takes(walk->op, walk->flags))
        node_shared(*result);
    return 0;
}

static int break_leases(const struct walk *opening, uint32_t flags)
{
    struct walk walk = {.dirfd = opening->dirfd,
                        .start = opening->start,
                        .path = opening->path,
                        .op = FS_OP_STAT,
                        .flags = opening->flags & FS_O_NOFOLLOW};
    if (path_walk(&walk) < 0 || walk.is_internal)
        return 0; /* opening says what is wrong */
    return lease_break(&walk.attr, (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC),
                       flags & O_NONBLOCK);
}

/* The walk says where, the path, and flags beyond those of open(2). */
static int open_with(struct walk *walk, uint32_t flags, uint32_t mode, struct file **result)
{
    walk->op = FS_OP_OPEN;
    walk->flags |= open_flags(flags);
    walk->wants_vmo = !(flags & (O_PATH | O_DIRECTORY));
    walk->mode = mode & 07777 & ~self()->process->fs->umask;
    int error = lease_count && !(flags & O_PATH) ? break_leases(walk, flags) : 0;
    if (error == 0)
        error = path_walk(walk);
    if (error < 0)
        return error;
    return walk->is_internal ? open_internal(walk, flags, result) : open_node(walk, flags, result);
}

int path_open(uint32_t dirfd, const char *path, uint32_t flags, uint32_t mode, struct file **result)
{
    struct walk walk = {.dirfd = dirfd, .path = path};
    return open_with(&walk, flags, mode, result);
}

int path_open_name(struct file *directory, const char *name, uint32_t flags, uint32_t mode,
                   struct file **result)
{
    struct walk walk = {.start = directory, .path = name, .flags = FS_O_NOFOLLOW};
    return open_with(&walk, flags, mode, result);
}

static int open_program(const char *path, struct file **result)
{
    struct walk walk = {.dirfd = (uint32_t)AT_FDCWD, .path = path, .flags = FS_O_DENY_WRITE};
    return open_with(&walk, O_RDONLY | O_LARGEFILE, 0, result);
}

/* A node that is kept for the sake of a mapping that is gone is no writer. */
int path_open_program(const char *path, struct file **result)
{
    int error = open_program(path, result);
    if (error != -ETXTBSY)
        return error;
    inodes_settle();
    return open_program(path, result);
}

/* ---- attributes -------------------------------------------------------------------------------- */

static int stat_descriptor(uint32_t fd, struct fs_attr *attr)
{
    struct fs_context *fs = self()->process->fs;
    if ((int32_t)fd == AT_FDCWD) {
        if (fs->cwd)
            return file_errno(node_stat(fs->cwd, attr));
        struct walk walk = {.dirfd = fd, .path = fs->cwd_text, .op = FS_OP_STAT};
        int error = path_walk(&walk);
        *attr = walk.attr;
        return error;
    }
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int error = file->ops->stat(file, attr);
    file_release(file);
    return error;
}

/* Attributes behind a link that leads to an open file. */
static int stat_magic(const struct walk *walk, struct fs_attr *attr)
{
    struct file *file = walk->internal.ops->magic(&walk->internal);
    if (!file)
        return -ENOENT;
    int error = file->ops->stat(file, attr);
    file_release(file);
    return error;
}

static int stat_as(uint32_t dirfd, user_t path, uint32_t at_flags, bool as_real_user,
                   struct fs_attr *attr)
{
    struct worker *worker = worker_self();
    int error = path_copy_in(path);
    if (error == -ENOENT && (at_flags & AT_EMPTY_PATH))
        return stat_descriptor(dirfd, attr);
    if (error < 0)
        return error;
    struct walk walk = {
        .dirfd = dirfd, .path = worker->path, .op = FS_OP_STAT, .as_real_user = as_real_user};
    if (at_flags & AT_SYMLINK_NOFOLLOW)
        walk.flags = FS_O_NOFOLLOW;
    error = path_walk(&walk);
    if (error < 0)
        return error;
    if (walk.is_internal && S_ISLNK(walk.internal.mode) && !(at_flags & AT_SYMLINK_NOFOLLOW) &&
        walk.internal.ops->magic)
        return stat_magic(&walk, attr);
    *attr = walk.attr;
    return 0;
}

int path_stat(uint32_t dirfd, user_t path, uint32_t at_flags, struct fs_attr *attr)
{
    return stat_as(dirfd, path, at_flags, false, attr);
}

int path_stat_real(uint32_t dirfd, user_t path, uint32_t at_flags, struct fs_attr *attr)
{
    return stat_as(dirfd, path, at_flags, true, attr);
}
