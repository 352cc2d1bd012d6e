/* SPDX-License-Identifier: MIT */
/* System calls on names and attributes of files. */
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <string.h>

#include "calls.h"
#include "devattr.h"
#include "file.h"
#include "inotify.h"
#include "memfd.h"
#include "path.h"
#include "server.h"
#include "task.h"

#define CWD ((uint32_t)AT_FDCWD)

static uint32_t umasked(uint32_t mode)
{
    return mode & 07777 & ~self()->process->fs->umask;
}

/* ---- open -------------------------------------------------------------------------------------- */

int32_t sys_openat(uint32_t dir, user_t path, uint32_t flags, uint32_t mode)
{
    struct file *file = NULL;
    int error = path_copy_in(path);
    if (error == 0)
        error = path_open(dir, worker_self()->path, flags, mode, &file);
    if (error < 0)
        return error;
    inotify_file(file, INOTIFY_OPEN);
    return fd_install(file, 0, flags & O_CLOEXEC);
}

struct linux_open_how {
    uint64_t flags, mode, resolve;
};
#define OPEN_FLAGS_KNOWN                                                                        \
    ((uint64_t)(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK |     \
                O_DSYNC | O_SYNC | FASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | \
                O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE))

/* Ways of resolving that this server cannot vouch for are refused as a kernel without them would. */
static int check_how(const struct linux_open_how *how)
{
    bool creates = (how->flags & O_CREAT) || (how->flags & O_TMPFILE) == O_TMPFILE;
    if ((how->flags & ~OPEN_FLAGS_KNOWN) || (how->mode & ~(uint64_t)07777))
        return -EINVAL;
    if (how->mode && !creates)
        return -EINVAL;
    return how->resolve ? -EINVAL : 0;
}

int32_t sys_openat2(uint32_t dir, user_t path, user_t how_at, uint32_t size)
{
    struct linux_open_how how;
    uint8_t byte;
    if (size < sizeof how)
        return -EINVAL;
    if (size > PAGE_SIZE)
        return -E2BIG;
    if (copy_in(&how, how_at, sizeof how) < 0)
        return -EFAULT;
    for (uint32_t at = sizeof how; at < size; at++) {
        if (copy_in(&byte, user_at(how_at, at), 1) < 0)
            return -EFAULT;
        if (byte)
            return -E2BIG;
    }
    int error = check_how(&how);
    return error < 0 ? error : sys_openat(dir, path, (uint32_t)how.flags, (uint32_t)how.mode);
}

int32_t sys_open(user_t path, uint32_t flags, uint32_t mode)
{
    return sys_openat(CWD, path, flags, mode);
}

int32_t sys_creat(user_t path, uint32_t mode)
{
    return sys_openat(CWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

/* ---- operations on one path -------------------------------------------------------------------- */

/* A path in our memory and an operation that internal directories refuse. */
static int simple_op(struct walk *walk)
{
    int error = path_walk(walk);
    if (error < 0)
        return error;
    if (!walk->is_internal)
        return 0;
    return walk->op == FS_OP_MKDIR || walk->op == FS_OP_MKNOD || walk->op == FS_OP_SYMLINK ? -EEXIST
                                                                                           : -EPERM;
}

static int32_t path_op(uint32_t dir, user_t path, uint32_t op, uint32_t mode, uint32_t rdev)
{
    struct walk walk = {
        .dirfd = dir, .path = worker_self()->path, .op = op, .mode = mode, .rdev = rdev};
    int error = path_copy_in(path);
    return error < 0 ? error : simple_op(&walk);
}

int32_t sys_mkdirat(uint32_t dir, user_t path, uint32_t mode)
{
    return path_op(dir, path, FS_OP_MKDIR, umasked(mode), 0);
}

int32_t sys_mkdir(user_t path, uint32_t mode)
{
    return sys_mkdirat(CWD, path, mode);
}

int32_t sys_rmdir(user_t path)
{
    return path_op(CWD, path, FS_OP_RMDIR, 0, 0);
}

int32_t sys_unlinkat(uint32_t dir, user_t path, uint32_t flags)
{
    struct walk walk = {.dirfd = dir, .path = worker_self()->path, .op = FS_OP_UNLINK};
    if (flags & ~(uint32_t)AT_REMOVEDIR)
        return -EINVAL;
    if (flags & AT_REMOVEDIR)
        return path_op(dir, path, FS_OP_RMDIR, 0, 0);
    int error = path_copy_in(path);
    if (error == 0)
        error = simple_op(&walk);
    if (error == 0 && walk.attr.ino)
        inode_forget(&walk.attr);
    return error;
}

int32_t sys_unlink(user_t path)
{
    return sys_unlinkat(CWD, path, 0);
}

int32_t sys_mknodat(uint32_t dir, user_t path, uint32_t mode, uint32_t device)
{
    uint32_t type = mode & S_IFMT ? mode & S_IFMT : S_IFREG;
    if (type == S_IFDIR)
        return -EPERM;
    if (type != S_IFREG && type != S_IFCHR && type != S_IFBLK && type != S_IFIFO &&
        type != S_IFSOCK)
        return -EINVAL;
    return path_op(dir, path, FS_OP_MKNOD, type | umasked(mode), device);
}

int32_t sys_mknod(user_t path, uint32_t mode, uint32_t device)
{
    return sys_mknodat(CWD, path, mode, device);
}

/* ---- links and renames ------------------------------------------------------------------------- */

int32_t sys_symlinkat(user_t target, uint32_t dir, user_t path)
{
    char text[PATH_MAX / 4];
    int length = copy_in_string(text, target, sizeof text);
    if (length <= 0)
        return length < 0 ? length : -ENOENT;
    struct walk walk = {.dirfd = dir,
                        .path = worker_self()->path,
                        .op = FS_OP_SYMLINK,
                        .mode = 0777,
                        .extra = text};
    int error = path_copy_in(path);
    return error < 0 ? error : simple_op(&walk);
}

int32_t sys_symlink(user_t target, user_t path)
{
    return sys_symlinkat(target, CWD, path);
}

int32_t sys_readlinkat(uint32_t dir, user_t path, user_t buffer, int32_t size)
{
    struct worker *worker = worker_self();
    struct walk walk = {
        .dirfd = dir, .path = worker->path, .op = FS_OP_READLINK, .flags = FS_O_NOFOLLOW};
    if (size <= 0)
        return -EINVAL;
    int error = path_copy_in(path);
    if (error == 0)
        error = path_walk(&walk);
    if (error < 0)
        return error;
    if (walk.is_internal) {
        if (!S_ISLNK(walk.internal.mode))
            return -EINVAL;
        walk.text = worker->scratch;
        error = walk.internal.ops->target(&walk.internal, walk.text);
        if (error < 0)
            return error;
    }
    uint32_t length = MIN((uint32_t)strlen(walk.text), (uint32_t)size);
    return copy_out(buffer, walk.text, length) < 0 ? -EFAULT : (int32_t)length;
}

int32_t sys_readlink(user_t path, user_t buffer, int32_t size)
{
    return sys_readlinkat(CWD, path, buffer, size);
}

/* The node a path names, for LINK; its handle is the caller's. */
static int open_name(uint32_t dir, user_t path, uint32_t flags, handle_t *node)
{
    struct walk walk = {
        .dirfd = dir, .path = worker_self()->path, .op = FS_OP_OPEN, .flags = FS_O_NODE | flags};
    int error = path_copy_in(path);
    if (error == 0)
        error = path_walk(&walk);
    if (error < 0)
        return error;
    if (!walk.is_internal) {
        *node = walk.node;
        return 0;
    }
    struct file *file = S_ISLNK(walk.internal.mode) && walk.internal.ops->magic
                            ? walk.internal.ops->magic(&walk.internal)
                            : NULL;
    *node = file && file_is_node(file) ? handle_copy(file->handle) : HANDLE_NONE;
    if (file)
        file_release(file);
    return *node ? 0 : -EXDEV;
}

int32_t sys_linkat(uint32_t old_dir, user_t old, uint32_t new_dir, user_t new, uint32_t flags)
{
    handle_t node;
    if (flags & ~(uint32_t)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int error = open_name(old_dir, old, flags & AT_SYMLINK_FOLLOW ? 0 : FS_O_NOFOLLOW, &node);
    if (error < 0)
        return error;
    struct walk walk = {
        .dirfd = new_dir, .path = worker_self()->path, .op = FS_OP_LINK, .handle = node};
    error = path_copy_in(new);
    if (error == 0)
        error = simple_op(&walk);
    close_handle(node);
    return error;
}

int32_t sys_link(user_t old, user_t new)
{
    return sys_linkat(CWD, old, CWD, new, 0);
}

/*
 * Splits the path in worker->path into a directory, opened, and a last name in `name`. Trailing
 * slashes are dropped: the old name says whether a directory is meant.
 */
static int open_parent(uint32_t dir, user_t path, char *name, handle_t *parent)
{
    char *text = worker_self()->path;
    int error = path_copy_in(path);
    if (error < 0)
        return error;
    uint32_t length = (uint32_t)strlen(text);
    while (length > 1 && text[length - 1] == '/')
        text[--length] = '\0';
    char *slash = strrchr(text, '/');
    const char *last = slash ? slash + 1 : text;
    if (strlen(last) > FS_NAME_MAX)
        return -ENAMETOOLONG;
    if (!*last || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
        return -EBUSY;
    strcpy(name, last);
    if (!slash)
        strcpy(text, ".");
    else if (slash == text)
        slash[1] = '\0';
    else
        *slash = '\0';
    struct walk walk = {
        .dirfd = dir, .path = text, .op = FS_OP_OPEN, .flags = FS_O_NODE | FS_O_DIRECTORY};
    error = path_walk(&walk);
    *parent = walk.node;
    return error < 0 ? error : walk.is_internal ? -EXDEV : 0;
}

int32_t sys_renameat2(uint32_t old_dir, user_t old, uint32_t new_dir, user_t new, uint32_t flags)
{
    char name[FS_NAME_MAX + 1];
    handle_t parent;
    if ((flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE)) ||
        flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    int error = open_parent(new_dir, new, name, &parent);
    if (error < 0)
        return error;
    struct walk walk = {.dirfd = old_dir,
                        .path = worker_self()->path,
                        .op = FS_OP_RENAME,
                        .extra = name,
                        .handle = parent,
                        .flags = (flags & RENAME_NOREPLACE ? FS_RENAME_NOREPLACE : 0) |
                                 (flags & RENAME_EXCHANGE ? FS_RENAME_EXCHANGE : 0)};
    error = path_copy_in(old);
    if (error == 0)
        error = simple_op(&walk);
    close_handle(parent);
    return error;
}

int32_t sys_renameat(uint32_t old_dir, user_t old, uint32_t new_dir, user_t new)
{
    return sys_renameat2(old_dir, old, new_dir, new, 0);
}

int32_t sys_rename(user_t old, user_t new)
{
    return sys_renameat2(CWD, old, CWD, new, 0);
}

/* ---- changing attributes ----------------------------------------------------------------------- */

static int set_node_attr(handle_t node, uint32_t mask, const struct fs_attr *attr)
{
    struct fs_attr result;
    status_t status = fs_client_setattr(node, mask, attr, &result);
    if (status == OK && (mask & FS_ATTR_SIZE))
        inode_learn(&result);
    return errno_of(status);
}

/*
 * Who may change what, by Linux's rules; `old` are the attributes before. What a change takes away with
 * it is added to the change: set-id bits by a new owner, the set-group bit for those outside the group.
 */
static int check_change(const struct fs_attr *old, uint32_t *mask, struct fs_attr *new)
{
    const struct credentials *own = &self()->process->credentials;
    bool owner = own->fsuid == old->uid;
    if ((*mask & (FS_ATTR_MODE | FS_ATTR_ATIME | FS_ATTR_MTIME)) && !owner && !capable(CAP_FOWNER))
        return -EPERM;
    if ((*mask & (FS_ATTR_ATIME_NOW | FS_ATTR_MTIME_NOW)) && !owner && !capable(CAP_FOWNER) &&
        check_access(old, 2, true) < 0)
        return -EACCES;
    if ((*mask & FS_ATTR_UID) && !capable(CAP_CHOWN) && !(owner && new->uid == old->uid))
        return -EPERM;
    if ((*mask & FS_ATTR_GID) && !capable(CAP_CHOWN) &&
        !(owner && (new->gid == old->gid || in_group(own, new->gid))))
        return -EPERM;
    if ((*mask & FS_ATTR_MODE) && (new->mode &S_ISGID) && !capable(CAP_FSETID) &&
        !in_group(own, *mask & FS_ATTR_GID ? new->gid : old->gid))
        new->mode &= ~(uint32_t)S_ISGID;
    if ((*mask & (FS_ATTR_UID | FS_ATTR_GID)) && !S_ISDIR(old->mode) && !S_ISLNK(old->mode) &&
        (old->mode & (S_ISUID | S_ISGID))) {
        new->mode = old->mode & 07777 & ~(uint32_t)S_ISUID;
        if ((old->mode & 0010) || (!capable(CAP_FSETID) && !in_group(own, old->gid)))
            new->mode &= ~(uint32_t)S_ISGID;
        *mask |= FS_ATTR_MODE;
    }
    *mask |= FS_ATTR_CHECKED;
    return 0;
}

/* Of an open file, behind a descriptor or behind a link like /proc/self/fd/N. */
static int set_file_attr(struct file *file, uint32_t mask, struct fs_attr *attr)
{
    struct fs_attr old;
    int error = file->ops->stat(file, &old);
    if (error == 0)
        error = check_change(&old, &mask, attr);
    if (error == 0)
        error = file->ops->set_attr ? file->ops->set_attr(file, mask, attr) : -EPERM;
    return error;
}

static int set_magic_attr(const struct walk *walk, uint32_t mask, struct fs_attr *attr)
{
    struct file *file = walk->internal.ops->magic(&walk->internal);
    if (!file)
        return -ENOENT;
    int error = set_file_attr(file, mask, attr);
    file_release(file);
    return error;
}

/* Devices keep what is changed; of the others a size may be cut off, and that does nothing. */
static int set_internal_attr(const struct walk *walk, uint32_t mask, const struct fs_attr *attr)
{
    if (S_ISCHR(walk->internal.mode))
        return dev_attr_set(&walk->attr, mask, attr);
    if (S_ISDIR(walk->internal.mode))
        return mask & FS_ATTR_SIZE ? -EISDIR : -EPERM;
    if (mask & FS_ATTR_SIZE)
        return check_access(&walk->attr, 2, true);
    return -EPERM;
}

static int set_path_attr(uint32_t dir, user_t path, uint32_t at_flags, uint32_t mask,
                         struct fs_attr *attr)
{
    struct walk walk = {
        .dirfd = dir, .path = worker_self()->path, .op = FS_OP_OPEN, .flags = FS_O_NODE};
    if (at_flags & AT_SYMLINK_NOFOLLOW)
        walk.flags |= FS_O_NOFOLLOW;
    if (mask & FS_ATTR_SIZE)
        walk.flags = FS_O_WRITE;
    int error = path_copy_in(path);
    if (error == 0)
        error = path_walk(&walk);
    if (error < 0)
        return error;
    if (walk.is_internal && S_ISLNK(walk.internal.mode) && walk.internal.ops->magic &&
        !(at_flags & AT_SYMLINK_NOFOLLOW))
        return set_magic_attr(&walk, mask, attr);
    error = check_change(&walk.attr, &mask, attr);
    if (walk.is_internal)
        return error < 0 ? error : set_internal_attr(&walk, mask, attr);
    if (error == 0)
        error = set_node_attr(walk.node, mask, attr);
    close_handle(walk.node);
    return error;
}

static int set_fd_attr(uint32_t fd, uint32_t mask, struct fs_attr *attr)
{
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int error = set_file_attr(file, mask, attr);
    file_release(file);
    return error;
}

static int set_at_attr(uint32_t dir, user_t path, uint32_t flags, uint32_t mask,
                       struct fs_attr *attr)
{
    char first = 0;
    if ((flags & AT_EMPTY_PATH) &&
        (!path.address || (copy_in(&first, path, 1) == 0 && first == '\0')))
        return set_fd_attr(dir, mask, attr);
    return set_path_attr(dir, path, flags, mask, attr);
}

int32_t sys_fchmodat(uint32_t dir, user_t path, uint32_t mode)
{
    struct fs_attr attr = {.mode = mode & 07777};
    return set_path_attr(dir, path, 0, FS_ATTR_MODE, &attr);
}

int32_t sys_chmod(user_t path, uint32_t mode)
{
    return sys_fchmodat(CWD, path, mode);
}

int32_t sys_fchmod(uint32_t fd, uint32_t mode)
{
    struct fs_attr attr = {.mode = mode & 07777};
    return set_fd_attr(fd, FS_ATTR_MODE, &attr);
}

static uint32_t owner_mask(uint32_t uid, uint32_t gid)
{
    return (uid != UINT32_MAX ? FS_ATTR_UID : 0) | (gid != UINT32_MAX ? FS_ATTR_GID : 0);
}

int32_t sys_fchownat(uint32_t dir, user_t path, uint32_t uid, uint32_t gid, uint32_t flags)
{
    struct fs_attr attr = {.uid = uid, .gid = gid};
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    return set_at_attr(dir, path, flags, owner_mask(uid, gid), &attr);
}

int32_t sys_chown(user_t path, uint32_t uid, uint32_t gid)
{
    return sys_fchownat(CWD, path, uid, gid, 0);
}

int32_t sys_lchown(user_t path, uint32_t uid, uint32_t gid)
{
    return sys_fchownat(CWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

int32_t sys_fchown(uint32_t fd, uint32_t uid, uint32_t gid)
{
    struct fs_attr attr = {.uid = uid, .gid = gid};
    return set_fd_attr(fd, owner_mask(uid, gid), &attr);
}

/* The old calls have 16-bit ids, 0xffff meaning none. */
static uint32_t widen(uint32_t id)
{
    return (uint16_t)id == 0xffff ? UINT32_MAX : (uint16_t)id;
}

int32_t sys_chown16(user_t path, uint32_t uid, uint32_t gid)
{
    return sys_chown(path, widen(uid), widen(gid));
}

int32_t sys_lchown16(user_t path, uint32_t uid, uint32_t gid)
{
    return sys_lchown(path, widen(uid), widen(gid));
}

int32_t sys_fchown16(uint32_t fd, uint32_t uid, uint32_t gid)
{
    return sys_fchown(fd, widen(uid), widen(gid));
}

int32_t sys_truncate64(user_t path, uint64_t length)
{
    struct fs_attr attr = {.size = length};
    return (int64_t)length < 0 ? -EINVAL : set_path_attr(CWD, path, 0, FS_ATTR_SIZE, &attr);
}

int32_t sys_truncate(user_t path, uint32_t length)
{
    return sys_truncate64(path, (uint64_t)(int32_t)length);
}

int32_t sys_ftruncate64(uint32_t fd, uint64_t length)
{
    struct fs_attr attr = {.size = length};
    struct file *file = fd_get(fd);
    int error = -EINVAL;
    if (!file)
        return -EBADF;
    if ((int64_t)length >= 0 && file_writable(file) && file->ops->set_attr)
        error = file->ops->set_attr(file, FS_ATTR_SIZE, &attr);
    file_release(file);
    return error;
}

int32_t sys_ftruncate(uint32_t fd, uint32_t length)
{
    return sys_ftruncate64(fd, (uint64_t)(int32_t)length);
}

/* What a hole reads as. Bytes beyond the end are the business of who sets the size. */
static int write_zeros(struct file *file, uint64_t offset, uint64_t length, bool keep_size)
{
    static uint8_t zeros[PAGE_SIZE];
    uint64_t size = 0, end = offset + length;
    int result = file->ops->size && file->ops->write ? file->ops->size(file, &size) : -EOPNOTSUPP;
    if (keep_size || end > size)
        end = MIN(end, size);
    while (result >= 0 && offset < end) {
        struct io io;
        uint32_t part = (uint32_t)MIN(end - offset, PAGE_SIZE);
        io_kernel(&io, zeros, part);
        result = file->ops->write(file, &io, &offset);
        if (result == 0)
            result = -EIO;
    }
    return MIN(result, 0);
}

int32_t sys_fallocate(uint32_t fd, uint32_t mode, uint64_t offset, uint64_t length)
{
    uint64_t size = 0;
    if ((int64_t)offset < 0 || (int64_t)length <= 0 || (int64_t)(offset + length) < 0)
        return -EINVAL;
    if (mode & ~(uint32_t)(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
        return -EOPNOTSUPP;
    if ((mode & FALLOC_FL_PUNCH_HOLE) && mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
        return -EOPNOTSUPP;
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int error = file_writable(file) ? 0 : -EBADF;
    if (error == 0 && S_ISDIR(file->attr.mode))
        error = -EISDIR;
    if (error == 0 && file_is_pipe(file))
        error = -ESPIPE;
    if (error == 0 && !S_ISREG(file->attr.mode))
        error = -ENODEV;
    if (error == 0 && memfd_get_seals(file) >= 0) {
        error =
            mode & FALLOC_FL_ZERO_RANGE ? -EOPNOTSUPP : memfd_allocate(file, mode, offset, length);
        file_release(file);
        return error;
    }
    if (error == 0 && (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)))
        error = write_zeros(file, offset, length, mode & FALLOC_FL_KEEP_SIZE);
    if (error == 0)
        error = file->ops->set_attr && file->ops->size ? file->ops->size(file, &size) : -ESPIPE;
    if (error == 0 && !(mode & FALLOC_FL_KEEP_SIZE) && offset + length > size) {
        struct fs_attr attr = {.size = offset + length};
        error = file->ops->set_attr(file, FS_ATTR_SIZE, &attr);
    }
    file_release(file);
    return error;
}

/* ---- times ------------------------------------------------------------------------------------- */

static int32_t set_times(uint32_t dir, user_t path, uint32_t flags, uint32_t mask,
                         struct fs_attr *attr)
{
    return path.address ? set_at_attr(dir, path, flags, mask, attr) : set_fd_attr(dir, mask, attr);
}

#define TIMES_NOW (FS_ATTR_ATIME_NOW | FS_ATTR_MTIME_NOW)

/* One timespec of utimensat: the mask bit that it asks for. */
static int time_mask(int64_t sec, int64_t nsec, uint32_t set, uint32_t set_now, uint64_t *ns,
                     uint32_t *mask)
{
    if (nsec == 0x3ffffffe) /* UTIME_OMIT */
        return 0;
    if (nsec == 0x3fffffff) { /* UTIME_NOW */
        *mask |= set_now;
        return 0;
    }
    if (nsec < 0 || nsec >= (int64_t)NS_PER_SEC)
        return -EINVAL;
    *ns = (uint64_t)MAX(sec, 0) * NS_PER_SEC + (uint64_t)nsec;
    *mask |= set;
    return 0;
}

static int32_t set_times_of(uint32_t dir, user_t path, const struct linux_timespec64 times[2],
                            uint32_t flags)
{
    struct fs_attr attr = {.ino = 0};
    uint32_t mask = 0;
    if (time_mask(times[0].sec, times[0].nsec, FS_ATTR_ATIME, FS_ATTR_ATIME_NOW, &attr.atime,
                  &mask) < 0 ||
        time_mask(times[1].sec, times[1].nsec, FS_ATTR_MTIME, FS_ATTR_MTIME_NOW, &attr.mtime,
                  &mask) < 0)
        return -EINVAL;
    return mask ? set_times(dir, path, flags, mask, &attr) : 0;
}

static int32_t set_times_now(uint32_t dir, user_t path, uint32_t flags)
{
    struct fs_attr attr = {.ino = 0};
    return set_times(dir, path, flags, TIMES_NOW, &attr);
}

int32_t sys_utimensat(uint32_t dir, user_t path, user_t from, uint32_t flags)
{
    struct linux_timespec narrow[2];
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (!from.address)
        return set_times_now(dir, path, flags);
    if (copy_in(narrow, from, sizeof narrow) < 0)
        return -EFAULT;
    const struct linux_timespec64 times[2] = {{narrow[0].sec, narrow[0].nsec},
                                              {narrow[1].sec, narrow[1].nsec}};
    return set_times_of(dir, path, times, flags);
}

int32_t sys_utimensat_time64(uint32_t dir, user_t path, user_t from, uint32_t flags)
{
    struct linux_timespec64 times[2];
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (!from.address)
        return set_times_now(dir, path, flags);
    if (copy_in(times, from, sizeof times) < 0)
        return -EFAULT;
    times[0].nsec = (int32_t)times[0].nsec;
    times[1].nsec = (int32_t)times[1].nsec;
    return set_times_of(dir, path, times, flags);
}

int32_t sys_futimesat(uint32_t dir, user_t path, user_t from)
{
    struct linux_timeval narrow[2];
    if (!from.address)
        return set_times_now(dir, path, 0);
    if (copy_in(narrow, from, sizeof narrow) < 0)
        return -EFAULT;
    if ((uint32_t)narrow[0].usec >= 1000000 || (uint32_t)narrow[1].usec >= 1000000)
        return -EINVAL;
    const struct linux_timespec64 times[2] = {{narrow[0].sec, narrow[0].usec * 1000},
                                              {narrow[1].sec, narrow[1].usec * 1000}};
    return set_times_of(dir, path, times, 0);
}

int32_t sys_utimes(user_t path, user_t times)
{
    return sys_futimesat(CWD, path, times);
}

int32_t sys_utime(user_t path, user_t from)
{
    int32_t given[2];
    if (!from.address)
        return set_times_now(CWD, path, 0);
    if (copy_in(given, from, sizeof given) < 0)
        return -EFAULT;
    const struct linux_timespec64 times[2] = {{given[0], 0}, {given[1], 0}};
    return set_times_of(CWD, path, times, 0);
}

/* ---- access ------------------------------------------------------------------------------------ */

int check_access(const struct fs_attr *attr, uint32_t wanted, bool effective)
{
    const struct credentials *own = &self()->process->credentials;
    uint32_t uid = effective ? own->fsuid : own->uid, gid = effective ? own->fsgid : own->gid;
    bool power =
        effective ? capable(CAP_DAC_OVERRIDE) : uid == 0 && own->permitted >> CAP_DAC_OVERRIDE & 1;
    if (power)
        return (wanted & 1) && !S_ISDIR(attr->mode) && !(attr->mode & 0111) ? -EACCES : 0;
    uint32_t shift = uid == attr->uid ? 6 : gid == attr->gid || in_groups(own, attr->gid) ? 3 : 0;
    return (attr->mode >> shift & wanted) == wanted ? 0 : -EACCES;
}

int32_t sys_faccessat2(uint32_t dir, user_t path, uint32_t mode, uint32_t flags)
{
    struct fs_attr attr;
    if ((mode & ~7u) || (flags & ~(uint32_t)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
        return -EINVAL;
    uint32_t stat_flags = flags & (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
    int error = flags & AT_EACCESS ? path_stat(dir, path, stat_flags, &attr)
                                   : path_stat_real(dir, path, stat_flags, &attr);
    return error < 0 ? error : check_access(&attr, mode, flags & AT_EACCESS);
}

int32_t sys_faccessat(uint32_t dir, user_t path, uint32_t mode)
{
    return sys_faccessat2(dir, path, mode, 0);
}

int32_t sys_access(user_t path, uint32_t mode)
{
    return sys_faccessat2(CWD, path, mode, 0);
}

/* ---- directories of the process ---------------------------------------------------------------- */

/* Makes a directory the working directory; takes node and text. */
static void set_cwd(handle_t node, char *text)
{
    struct fs_context *fs = self()->process->fs;
    server_lock();
    handle_t old = fs->cwd;
    char *old_text = fs->cwd_text;
    fs->cwd = node;
    fs->cwd_device = 0;
    fs->cwd_text = text;
    server_unlock();
    close_handle(old);
    release(old_text);
}

/* The name of a new working directory: what it is called now, else what it was entered by. */
static char *cwd_name(handle_t node, const char *entered)
{
    char *name = worker_self()->scratch;
    if (node != HANDLE_NONE && path_of_directory(node, name) == 0 && name[0] == '/')
        return text_copy(name);
    return entered ? text_copy(entered) : text_copy("/");
}

int chdir_to(const char *path)
{
    struct walk walk = {
        .dirfd = CWD, .path = path, .op = FS_OP_OPEN, .flags = FS_O_NODE | FS_O_DIRECTORY};
    int error = path_walk(&walk);
    if (error < 0)
        return error;
    if (walk.is_internal && !S_ISDIR(walk.internal.mode))
        return -ENOTDIR;
    if (!walk.is_internal)
        error = check_access(&walk.attr, 1, true);
    char *text = error == 0 ? cwd_name(walk.node, walk.absolute) : NULL;
    if (!text) {
        close_handle(walk.node);
        return error < 0 ? error : -ENOMEM;
    }
    set_cwd(walk.node, text);
    return 0;
}

int32_t sys_chdir(user_t path)
{
    int error = path_copy_in(path);
    return error < 0 ? error : chdir_to(worker_self()->path);
}

int32_t sys_fchdir(uint32_t fd)
{
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int error = S_ISDIR(file->attr.mode) ? 0 : -ENOTDIR;
    handle_t node = error == 0 && file->handle ? handle_copy(file->handle) : HANDLE_NONE;
    if (error == 0)
        error = check_access(&file->attr, 1, true);
    char *text = error == 0 ? cwd_name(node, file->path) : NULL;
    if (text)
        set_cwd(node, text);
    else
        close_handle(node);
    if (!text && error == 0)
        error = -ENOMEM;
    file_release(file);
    return error;
}

int32_t sys_getcwd(user_t buffer, uint32_t size)
{
    struct fs_context *fs = self()->process->fs;
    char *text = worker_self()->path;
    int error = fs->cwd ? path_of_directory(fs->cwd, text) : -ENAMETOOLONG;
    if (error == -ENAMETOOLONG) { /* too long to ask for, or of our own making */
        server_lock();
        strlcpy(text, fs->cwd_text, PATH_MAX);
        server_unlock();
    } else if (error < 0) {
        return error;
    }
    uint32_t length = (uint32_t)strlen(text) + 1;
    if (length > size)
        return -ERANGE;
    return copy_out(buffer, text, length) < 0 ? -EFAULT : (int32_t)length;
}

int32_t sys_chroot(user_t path)
{
    struct fs_context *fs = self()->process->fs;
    struct walk walk = {.dirfd = CWD,
                        .path = worker_self()->path,
                        .op = FS_OP_OPEN,
                        .flags = FS_O_NODE | FS_O_DIRECTORY};
    int error = path_copy_in(path);
    if (error == 0)
        error = path_walk(&walk);
    if (error < 0)
        return error;
    error = walk.is_internal ? -EPERM : check_access(&walk.attr, 1, true);
    if (error == 0 && !capable(CAP_SYS_CHROOT))
        error = -EPERM;
    if (error < 0) {
        close_handle(walk.node);
        return error;
    }
    server_lock();
    handle_t old = fs->root;
    fs->root = walk.node;
    fs->root_ino = walk.attr.ino;
    fs->root_device = walk.attr.device;
    server_unlock();
    close_handle(old);
    return 0;
}

int32_t sys_umask(uint32_t mask)
{
    struct fs_context *fs = self()->process->fs;
    uint32_t old = fs->umask;
    fs->umask = mask & 0777;
    return (int32_t)old;
}

static int32_t list_directory(uint32_t fd, user_t buffer, uint32_t size, bool wide)
{
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int32_t result = file->ops->read_directory
                         ? file->ops->read_directory(file, wide, buffer, MIN(size, 1u << 20))
                         : -ENOTDIR;
    if (result > 0)
        inotify_file(file, INOTIFY_ACCESS);
    file_release(file);
    return result;
}

int32_t sys_getdents(uint32_t fd, user_t buffer, uint32_t size)
{
    return list_directory(fd, buffer, size, false);
}

int32_t sys_getdents64(uint32_t fd, user_t buffer, uint32_t size)
{
    return list_directory(fd, buffer, size, true);
}
