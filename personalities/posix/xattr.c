/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes. Who may is decided here, what is kept is the file system's business. Values
 * travel in a VMO that is made for the call.
 */
#include <ipc/fsclient.h>
#include <linux/xattr.h>
#include <string.h>

#include "calls.h"
#include "file.h"
#include "path.h"
#include "task.h"

#define CWD ((uint32_t)AT_FDCWD)

/* The node a call is about. */
struct target {
    handle_t node;
    struct fs_attr attr;
    struct file *file; /* keeps node; or NULL: node is ours */
};

static int target_of_path(struct target *target, user_t path, bool follow)
{
    struct walk walk = {.dirfd = CWD,
                        .path = worker_self()->path,
                        .op = FS_OP_OPEN,
                        .flags = FS_O_NODE | (follow ? 0 : FS_O_NOFOLLOW)};
    int error = path_copy_in(path);
    if (error == 0)
        error = path_walk(&walk);
    if (error < 0)
        return error;
    if (walk.is_internal)
        return -EOPNOTSUPP;
    *target = (struct target){.node = walk.node, .attr = walk.attr};
    return 0;
}

static int target_of_fd(struct target *target, uint32_t fd)
{
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    *target = (struct target){.file = file};
    int error = file->flags & O_PATH ? -EBADF : !file_is_node(file) ? -EOPNOTSUPP : 0;
    if (error == 0)
        error = file->ops->stat(file, &target->attr);
    if (error < 0)
        file_release(file);
    target->node = file->handle;
    return error;
}

static void target_end(struct target *target)
{
    if (target->file)
        file_release(target->file);
    else
        close_handle(target->node);
}

/* ---- names and permissions -------------------------------------------------------------------------- */

static int copy_in_name(user_t from, char name[XATTR_NAME_MAX + 2])
{
    int length = copy_in_string(name, from, XATTR_NAME_MAX + 2);
    if (length == -ENAMETOOLONG || length == 0 || length > XATTR_NAME_MAX)
        return -ERANGE;
    return MIN(length, 0);
}

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* Of user attributes: only files and directories have them; a sticky directory's are its owner's. */
static int check_user(const struct fs_attr *attr, bool write)
{
    if (!S_ISREG(attr->mode) && !S_ISDIR(attr->mode))
        return write ? -EPERM : -ENODATA;
    if (write && S_ISDIR(attr->mode) && (attr->mode & S_ISVTX) && !capable(CAP_FOWNER) &&
        self()->process->credentials.fsuid != attr->uid)
        return -EPERM;
    return check_access(attr, write ? 2 : 4, true);
}

static int check_name(const char *name, const struct fs_attr *attr, bool write)
{
    if (begins(name, XATTR_USER_PREFIX))
        return name[XATTR_USER_PREFIX_LEN] ? check_user(attr, write) : -EINVAL;
    if (begins(name, XATTR_TRUSTED_PREFIX))
        return capable(CAP_SYS_ADMIN) ? 0 : write ? -EPERM : -ENODATA;
    if (begins(name, XATTR_SECURITY_PREFIX) && strcmp(name, XATTR_NAME_CAPS) != 0)
        return !write || capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
    return -EOPNOTSUPP; /* capabilities of files, which have no effect here, and access lists */
}

/* ---- the four operations ------------------------------------------------------------------------------- */

static int make_buffer(uint32_t size, handle_t *vmo)
{
    *vmo = HANDLE_NONE;
    return size == 0 || vmo_create(0, size, vmo) == OK ? 0 : -ENOMEM;
}

/* Guest bytes go through the worker's buffer, a page at a time. */
static int fill_buffer(handle_t vmo, user_t from, uint32_t size)
{
    char *page = worker_self()->scratch;
    for (uint32_t done = 0; done < size; done += PATH_MAX) {
        uint32_t length = MIN(size - done, PATH_MAX);
        if (copy_in(page, user_at(from, done), length) < 0)
            return -EFAULT;
        if (vmo_write(vmo, done, page, length) != OK)
            return -ENOMEM;
    }
    return 0;
}

static int empty_buffer(handle_t vmo, user_t to, uint32_t size)
{
    char *page = worker_self()->scratch;
    for (uint32_t done = 0; done < size; done += PATH_MAX) {
        uint32_t length = MIN(size - done, PATH_MAX);
        if (vmo_read(vmo, done, page, length) != OK)
            return -ENOMEM;
        if (copy_out(user_at(to, done), page, length) < 0)
            return -EFAULT;
    }
    return 0;
}

static int32_t set(const struct target *target, const char *name, user_t value, uint32_t size,
                   uint32_t flags)
{
    handle_t vmo;
    uint32_t result;
    int error = check_name(name, &target->attr, true);
    if (error == 0)
        error = make_buffer(size, &vmo);
    if (error < 0)
        return error;
    error = fill_buffer(vmo, value, size);
    if (error == 0)
        error =
            errno_of(fs_client_xattr(target->node, FS_XATTR_SET, flags, name, vmo, size, &result));
    close_handle(vmo);
    return error;
}

static int32_t get(const struct target *target, uint32_t op, const char *name, user_t to,
                   uint32_t size)
{
    handle_t vmo;
    uint32_t result, room = MIN(size, XATTR_SIZE_MAX);
    int error = make_buffer(room, &vmo);
    if (error < 0)
        return error;
    error = errno_of(fs_client_xattr(target->node, op, 0, name, vmo, room, &result));
    if (error == 0 && size != 0) {
        if (result > room)
            error = size > room ? -E2BIG : -ERANGE;
        else
            error = empty_buffer(vmo, to, result);
    }
    close_handle(vmo);
    return error < 0 ? error : (int32_t)result;
}

static int32_t get_named(const struct target *target, const char *name, user_t to, uint32_t size)
{
    int error = check_name(name, &target->attr, false);
    return error < 0 ? error : get(target, FS_XATTR_GET, name, to, size);
}

static int32_t remove_named(const struct target *target, const char *name)
{
    uint32_t result;
    int error = check_name(name, &target->attr, true);
    if (error < 0)
        return error;
    return errno_of(
        fs_client_xattr(target->node, FS_XATTR_REMOVE, 0, name, HANDLE_NONE, 0, &result));
}

/* ---- the calls -------------------------------------------------------------------------------------------- */

static int check_set(uint32_t size, uint32_t flags)
{
    if (flags & ~(uint32_t)(XATTR_CREATE | XATTR_REPLACE))
        return -EINVAL;
    return size > XATTR_SIZE_MAX ? -E2BIG : 0;
}

/* What a call names: a path, or with `by_path` false a descriptor. */
struct place {
    user_t path;
    uint32_t fd;
    bool by_path, follow;
};

static struct place at_path(user_t path, bool follow)
{
    return (struct place){.path = path, .by_path = true, .follow = follow};
}

static struct place at_fd(uint32_t fd)
{
    return (struct place){.fd = fd};
}

static int target_of(struct target *target, const struct place *place)
{
    return place->by_path ? target_of_path(target, place->path, place->follow)
                          : target_of_fd(target, place->fd);
}

/* The name is looked at before the place. */
static int name_and_target(user_t name_at, char *name, struct target *target,
                           const struct place *place)
{
    int error = copy_in_name(name_at, name);
    return error < 0 ? error : target_of(target, place);
}

static int32_t set_at(struct place place, user_t name_at, user_t value, uint32_t size,
                      uint32_t flags)
{
    char name[XATTR_NAME_MAX + 2];
    struct target target;
    int32_t error = check_set(size, flags);
    if (error == 0)
        error = name_and_target(name_at, name, &target, &place);
    if (error < 0)
        return error;
    error = set(&target, name, value, size, flags);
    target_end(&target);
    return error;
}

int32_t sys_setxattr(user_t path, user_t name, user_t value, uint32_t size, uint32_t flags)
{
    return set_at(at_path(path, true), name, value, size, flags);
}

int32_t sys_lsetxattr(user_t path, user_t name, user_t value, uint32_t size, uint32_t flags)
{
    return set_at(at_path(path, false), name, value, size, flags);
}

int32_t sys_fsetxattr(uint32_t fd, user_t name, user_t value, uint32_t size, uint32_t flags)
{
    return set_at(at_fd(fd), name, value, size, flags);
}

static int32_t get_at(struct place place, user_t name_at, user_t value, uint32_t size)
{
    char name[XATTR_NAME_MAX + 2];
    struct target target;
    int32_t result = name_and_target(name_at, name, &target, &place);
    if (result < 0)
        return result;
    result = get_named(&target, name, value, size);
    target_end(&target);
    return result;
}

int32_t sys_getxattr(user_t path, user_t name, user_t value, uint32_t size)
{
    return get_at(at_path(path, true), name, value, size);
}

int32_t sys_lgetxattr(user_t path, user_t name, user_t value, uint32_t size)
{
    return get_at(at_path(path, false), name, value, size);
}

int32_t sys_fgetxattr(uint32_t fd, user_t name, user_t value, uint32_t size)
{
    return get_at(at_fd(fd), name, value, size);
}

static int32_t list_at(struct place place, user_t list, uint32_t size)
{
    struct target target;
    int32_t result = target_of(&target, &place);
    if (result < 0)
        return result;
    result = get(&target, FS_XATTR_LIST, "", list, size);
    target_end(&target);
    return result;
}

int32_t sys_listxattr(user_t path, user_t list, uint32_t size)
{
    return list_at(at_path(path, true), list, size);
}

int32_t sys_llistxattr(user_t path, user_t list, uint32_t size)
{
    return list_at(at_path(path, false), list, size);
}

int32_t sys_flistxattr(uint32_t fd, user_t list, uint32_t size)
{
    return list_at(at_fd(fd), list, size);
}

static int32_t remove_at(struct place place, user_t name_at)
{
    char name[XATTR_NAME_MAX + 2];
    struct target target;
    int32_t result = name_and_target(name_at, name, &target, &place);
    if (result < 0)
        return result;
    result = remove_named(&target, name);
    target_end(&target);
    return result;
}

int32_t sys_removexattr(user_t path, user_t name)
{
    return remove_at(at_path(path, true), name);
}

int32_t sys_lremovexattr(user_t path, user_t name)
{
    return remove_at(at_path(path, false), name);
}

int32_t sys_fremovexattr(uint32_t fd, user_t name)
{
    return remove_at(at_fd(fd), name);
}
