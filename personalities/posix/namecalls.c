/* SPDX-License-Identifier: MIT */
/* System calls on names of files: opening, making, linking, renaming, access. */
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <linux/openat2.h>
#include <string.h>

#include "calls.h"
#include "file.h"
#include "inotify.h"
#include "path.h"
#include "task.h"

#define CWD ((uint32_t)AT_FDCWD)

static uint32_t umasked(uint32_t mode)
{
    return mode & 07777 & ~self()->process->fs->umask;
}

/* ---- open -------------------------------------------------------------------------------------- */

static int32_t install_opened(int error, struct file *file, uint32_t flags)
{
    if (error < 0)
        return error;
    inotify_file(file, INOTIFY_OPEN);
    return fd_install(file, 0, flags & O_CLOEXEC);
}

int32_t sys_openat(uint32_t dir, user_t path, uint32_t flags, uint32_t mode)
{
    struct file *file = NULL;
    int error = path_copy_in(path);
    if (error == 0)
        error = path_open(dir, worker_self()->path, flags, mode, &file);
    return install_opened(error, file, flags);
}

struct linux_open_how {
    uint64_t flags, mode, resolve;
};
#define OPEN_FLAGS_KNOWN                                                                        \
    ((uint64_t)(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK |     \
                O_DSYNC | O_SYNC | FASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | \
                O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE))

#define RESOLVE_KNOWN                                                                  \
    (RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | \
     RESOLVE_IN_ROOT | RESOLVE_CACHED)

static int check_how(const struct linux_open_how *how)
{
    bool creates = (how->flags & O_CREAT) || (how->flags & O_TMPFILE) == O_TMPFILE;
    if ((how->flags & ~OPEN_FLAGS_KNOWN) || (how->mode & ~(uint64_t)07777))
        return -EINVAL;
    if (how->mode && !creates)
        return -EINVAL;
    if ((how->resolve & ~(uint64_t)RESOLVE_KNOWN) ||
        ((how->resolve & RESOLVE_BENEATH) && (how->resolve & RESOLVE_IN_ROOT)))
        return -EINVAL;
    /* What would have to ask no file system: there is always one to be asked. */
    return how->resolve & RESOLVE_CACHED ? -EAGAIN : 0;
}

static int32_t open_resolved(uint32_t dir, user_t path, const struct linux_open_how *how)
{
    struct file *file = NULL;
    uint32_t flags = (uint32_t)how->flags;
    int error = path_copy_in(path);
    if (error == 0)
        error = path_open_resolved(dir, worker_self()->path, flags, (uint32_t)how->mode,
                                   (uint32_t)how->resolve, &file);
    return install_opened(error, file, flags);
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
    if (error < 0)
        return error;
    return how.resolve ? open_resolved(dir, path, &how)
                       : sys_openat(dir, path, (uint32_t)how.flags, (uint32_t)how.mode);
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
                        .extra = text,
                        .extra_length = (uint32_t)strlen(text)};
    int error = path_copy_in(path);
    return error < 0 ? error : simple_op(&walk);
}

int32_t sys_symlink(user_t target, user_t path)
{
    return sys_symlinkat(target, CWD, path);
}

/* The link that a descriptor itself names, opened with O_PATH | O_NOFOLLOW. */
static int32_t readlink_descriptor(uint32_t fd, user_t buffer, uint32_t size)
{
    struct fs_walk_context context = {.root = self()->process->fs->root,
                                      .flags = CALL_UNINTERRUPTIBLE};
    struct fs_path_args args = {.op = FS_OP_READLINK, .flags = FS_O_NOFOLLOW};
    struct fs_path_result *found = (void *)worker_self()->scratch;
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    status_t status = file_is_node(file) && S_ISLNK(file->attr.mode)
                          ? fs_client_path(&context, file->handle, "", 0, &args, found)
                          : ERR_NOT_FOUND;
    file_release(file);
    if (status != OK)
        return errno_of(status);
    uint32_t length = MIN((uint32_t)found->text_length, size);
    return copy_out(buffer, found->text, length) < 0 ? -EFAULT : (int32_t)length;
}

int32_t sys_readlinkat(uint32_t dir, user_t path, user_t buffer, int32_t size)
{
    struct worker *worker = worker_self();
    struct walk walk = {
        .dirfd = dir, .path = worker->path, .op = FS_OP_READLINK, .flags = FS_O_NOFOLLOW};
    if (size <= 0)
        return -EINVAL;
    int error = path_copy_in(path);
    if (error == -ENOENT && (int32_t)dir != AT_FDCWD)
        return readlink_descriptor(dir, buffer, (uint32_t)size);
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

static int node_of_descriptor(uint32_t fd, handle_t *node)
{
    char last;
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    last = worker_self()->path[0];
    *node = !last && file_is_node(file) && capable(CAP_DAC_READ_SEARCH) ? handle_copy(file->handle)
                                                                        : HANDLE_NONE;
    file_release(file);
    return *node ? 0 : -ENOENT;
}

int32_t sys_linkat(uint32_t old_dir, user_t old, uint32_t new_dir, user_t new, uint32_t flags)
{
    handle_t node;
    if (flags & ~(uint32_t)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int error = open_name(old_dir, old, flags & AT_SYMLINK_FOLLOW ? 0 : FS_O_NOFOLLOW, &node);
    if (error == -ENOENT && (flags & AT_EMPTY_PATH))
        error = node_of_descriptor(old_dir, &node);
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
                        .extra_length = (uint32_t)strlen(name),
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

/* ---- access ------------------------------------------------------------------------------------ */

int check_access(const struct fs_attr *attr, uint32_t wanted, bool effective)
{
    const struct credentials *own = &self()->process->credentials;
    bool plain = S_ISREG(attr->mode) || S_ISDIR(attr->mode);
    if ((wanted & 2) && plain && (attr->mount & FS_MOUNT_READ_ONLY))
        return -EROFS;
    if ((wanted & 1) && S_ISREG(attr->mode) && (attr->mount & FS_MOUNT_NO_EXECUTE))
        return -EACCES;
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
