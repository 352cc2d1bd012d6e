/* SPDX-License-Identifier: MIT */
/* System calls that change attributes of files: mode, owner, size, times. */
#include <ipc/fsclient.h>

#include "calls.h"
#include "devattr.h"
#include "file.h"
#include "lease.h"
#include "memfd.h"
#include "path.h"
#include "task.h"

#define CWD ((uint32_t)AT_FDCWD)

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
    if (*mask && (old->mount & FS_MOUNT_READ_ONLY))
        return -EROFS;
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

/* What check_change is right about if only this holds. 0 or -errno. */
static int check_assumed(uint32_t *mask, struct fs_attr *new, uint32_t *assumptions)
{
    uint32_t own = self()->process->credentials.fsuid;
    const struct fs_attr assumed = {.uid = own, .gid = UINT32_MAX, .mode = S_IFREG};
    if ((*mask & FS_ATTR_MODE) && (new->mode &S_ISGID) && !capable(CAP_FSETID))
        return -EPERM; /* whose group it is decides what happens */
    *assumptions = (*mask & (FS_ATTR_UID | FS_ATTR_GID) ? FS_ASSUME_NO_SET_ID : 0) |
                   (capable(CAP_FOWNER) && capable(CAP_CHOWN) ? 0 : FS_ASSUME_OWNER);
    return check_change(&assumed, mask, new);
}

/* One message does it, if the file is what files mostly are. 0; -ENOENT; 1: it is to be looked at first. */
static int set_unseen(uint32_t dir, uint32_t flags, uint32_t mask, const struct fs_attr *attr)
{
    struct fs_path_setattr change = {.mask = mask, .attr = *attr};
    struct walk walk = {.dirfd = dir,
                        .path = worker_self()->path,
                        .op = FS_OP_SETATTR,
                        .flags = flags,
                        .extra = &change,
                        .extra_length = sizeof change};
    if ((mask & FS_ATTR_SIZE) || check_assumed(&change.mask, &change.attr, &change.assumptions) < 0)
        return 1;
    int error = path_walk(&walk);
    return (error < 0 && error != -ENOENT) || (error == 0 && walk.is_internal) ? 1 : error;
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
        error = set_unseen(dir, walk.flags & FS_O_NOFOLLOW, mask, attr);
    if (error <= 0)
        return error;
    error = path_walk(&walk);
    if (error < 0)
        return error;
    if (walk.is_internal && S_ISLNK(walk.internal.mode) && walk.internal.ops->magic &&
        !(at_flags & AT_SYMLINK_NOFOLLOW))
        return set_magic_attr(&walk, mask, attr);
    error = check_change(&walk.attr, &mask, attr);
    if (error == 0 && lease_count && (mask & FS_ATTR_SIZE) && !walk.is_internal)
        error = lease_break(&walk.attr, true, false);
    if (walk.is_internal)
        return error < 0 ? error : set_internal_attr(&walk, mask, attr);
    if (error == 0)
        error = set_node_attr(walk.node, mask, attr);
    close_handle(walk.node);
    return error;
}

/* named_too: a descriptor that only names the file will do. */
static int set_fd_attr(uint32_t fd, bool named_too, uint32_t mask, struct fs_attr *attr)
{
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int error = (file->flags & O_PATH) && !named_too ? -EBADF : set_file_attr(file, mask, attr);
    file_release(file);
    return error;
}

static int set_at_attr(uint32_t dir, user_t path, uint32_t flags, uint32_t mask,
                       struct fs_attr *attr)
{
    char first = 0;
    if ((flags & AT_EMPTY_PATH) && (int32_t)dir != AT_FDCWD &&
        (!path.address || (copy_in(&first, path, 1) == 0 && first == '\0')))
        return set_fd_attr(dir, true, mask, attr);
    return set_path_attr(dir, path, flags, mask, attr);
}

int32_t sys_fchmodat(uint32_t dir, user_t path, uint32_t mode)
{
    struct fs_attr attr = {.mode = mode & 07777};
    return set_path_attr(dir, path, 0, FS_ATTR_MODE, &attr);
}

/* Mode bits of symbolic links cannot be changed. */
int32_t sys_fchmodat2(uint32_t dir, user_t path, uint32_t mode, uint32_t flags)
{
    struct fs_attr attr = {.mode = mode & 07777}, old;
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if ((flags & AT_SYMLINK_NOFOLLOW) && path_stat(dir, path, flags, &old) == 0 &&
        S_ISLNK(old.mode))
        return -EOPNOTSUPP;
    return set_at_attr(dir, path, flags, FS_ATTR_MODE, &attr);
}

int32_t sys_chmod(user_t path, uint32_t mode)
{
    return sys_fchmodat(CWD, path, mode);
}

int32_t sys_fchmod(uint32_t fd, uint32_t mode)
{
    struct fs_attr attr = {.mode = mode & 07777};
    return set_fd_attr(fd, false, FS_ATTR_MODE, &attr);
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
    return set_fd_attr(fd, false, owner_mask(uid, gid), &attr);
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

/* RLIMIT_FSIZE. */
static int check_size(uint64_t size)
{
    struct process *process = self()->process;
    if ((int64_t)size < 0)
        return -EINVAL;
    if (size <= process->limits[RLIMIT_FSIZE].current)
        return 0;
    server_lock();
    signal_simple(process, SIGXFSZ);
    server_unlock();
    return -EFBIG;
}

int32_t sys_truncate64(user_t path, uint64_t length)
{
    struct fs_attr attr = {.size = length};
    int error = check_size(length);
    return error < 0 ? error : set_path_attr(CWD, path, 0, FS_ATTR_SIZE, &attr);
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
    if (file_writable(file) && file->ops->set_attr)
        error = check_size(length);
    if (error == 0)
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
    return path.address || (int32_t)dir == AT_FDCWD ? set_at_attr(dir, path, flags, mask, attr)
                                                    : set_fd_attr(dir, false, mask, attr);
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
