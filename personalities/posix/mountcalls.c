/* SPDX-License-Identifier: MIT */
/*
 * mount and umount: init starts a file server on the device and mounts it, or has it finish. There is
 * one tree for all processes, so these are for those who may administer the machine.
 */
#include <atomik/startup.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>
#include <ipc/namecache.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>

#include "blockdev.h"
#include "calls.h"
#include "cred.h"
#include "file.h"
#include "inotify.h"
#include "missing.h"
#include "mount.h"
#include "mm.h"
#include "path.h"
#include "server.h"
#include "task.h"

enum umount_flags { UMOUNT_FORCE = 1, UMOUNT_DETACH = 2, UMOUNT_NO_FOLLOW = 8 };

#define FLAGS_KNOWN                                                                          \
    (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_SILENT | MS_NOATIME | MS_NODIRATIME | \
     MS_RELATIME | MS_STRICTATIME | MS_LAZYTIME | MS_SYNCHRONOUS | MS_DIRSYNC)

int mount_find_type(const char *type, bool *needs_device)
{
    char name[MOUNT_TYPE_MAX];
    bool no_device;
    for (uint32_t i = 0; init_file_system_type(server.init, i, name, sizeof name, &no_device) == OK;
         i++) {
        *needs_device = !no_device;
        if (strcmp(name, type) == 0)
            return 0;
    }
    return -ENODEV;
}

static uint32_t mount_flags(uint32_t flags)
{
    static const struct {
        uint32_t given, told;
    } rows[] = {{MS_RDONLY, FS_MOUNT_READ_ONLY},
                {MS_NOSUID, FS_MOUNT_NO_SUID},
                {MS_NODEV, FS_MOUNT_NO_DEVICES},
                {MS_NOEXEC, FS_MOUNT_NO_EXECUTE},
                {MS_SYNCHRONOUS, FS_MOUNT_SYNC},
                {MS_NOATIME, FS_MOUNT_NO_ATIME},
                {MS_NODIRATIME, FS_MOUNT_NO_DIRECTORY_ATIME}};
    uint32_t result = flags & (MS_NOATIME | MS_STRICTATIME) ? 0 : FS_MOUNT_RELATIVE_ATIME;
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++)
        result |= flags & rows[i].given ? rows[i].told : 0;
    return result;
}

/* Text of the guest's; a null pointer is an empty one. */
static int copy_text(char *to, uint32_t size, user_t from)
{
    to[0] = '\0';
    if (!from.address)
        return 0;
    int length = copy_in_string(to, from, size);
    return length == -ENAMETOOLONG ? -EINVAL : length < 0 ? length : 0;
}

int mount_add_option(struct mount_call *call, const char *option)
{
    char joined[MOUNT_OPTIONS_MAX];
    int length = snprintf(joined, sizeof joined, "%s%s%s", option, call->options[0] ? "," : "",
                          call->options);
    if ((uint32_t)length >= sizeof joined)
        return -EINVAL;
    memcpy(call->options, joined, (uint32_t)length + 1);
    return 0;
}

int mount_find_device(struct mount_call *call)
{
    struct walk walk = {.dirfd = (uint32_t)AT_FDCWD, .path = call->source, .op = FS_OP_STAT};
    struct block_info info;
    bool needs_device;
    int error = mount_find_type(call->type, &needs_device);
    if (error < 0 || !needs_device)
        return error;
    if (!call->has_source)
        return -EINVAL;
    error = path_walk(&walk);
    if (error < 0)
        return error;
    if (!S_ISBLK(walk.attr.mode))
        return -ENOTBLK;
    if (walk.attr.mount & FS_MOUNT_NO_DEVICES)
        return -EACCES;
    error = block_by_number(walk.attr.rdev, &info);
    if (error == 0)
        (void)snprintf(call->device, sizeof call->device, BLOCK_NAME_PREFIX "%s", info.name);
    return error;
}

int mount_find_directory(uint32_t dirfd, handle_t *directory)
{
    struct walk walk = {.dirfd = dirfd,
                        .path = worker_self()->path,
                        .op = FS_OP_OPEN,
                        .flags = FS_O_NODE | FS_O_DIRECTORY | FS_O_COVERED};
    int error = path_walk(&walk);
    if (error < 0)
        return error;
    if (walk.is_internal)
        return -EBUSY;
    *directory = walk.node;
    return 0;
}

int mount_start(const struct mount_call *call, uint32_t flags)
{
    return errno_of(init_file_system_mount(server.init, call->type, call->device, call->source,
                                           call->options, flags, call->directory));
}

int mount_path(uint32_t dirfd, char path[MOUNT_PATH_MAX], uint32_t *flags)
{
    struct walk walk = {.dirfd = dirfd,
                        .path = worker_self()->path,
                        .op = FS_OP_OPEN,
                        .flags = FS_O_NODE | FS_O_DIRECTORY};
    int error = path_walk(&walk);
    if (error < 0)
        return error;
    if (walk.is_internal)
        return -EINVAL;
    *flags = walk.attr.mount;
    status_t status = fs_client_name_of(walk.node, path, MOUNT_PATH_MAX);
    close_handle(walk.node);
    return errno_of(status);
}

int mount_change_flags(const char *path, uint32_t flags)
{
    status_t status = init_file_system_remount(server.init, path, flags);
    return status == ERR_READ_ONLY ? -EACCES : errno_of(status);
}

static int mount_new(struct mount_call *call, user_t target, uint32_t flags)
{
    int error = mount_find_device(call);
    if (error == 0)
        error = path_copy_in(target);
    if (error == 0)
        error = mount_find_directory((uint32_t)AT_FDCWD, &call->directory);
    if (error < 0)
        return error;
    error = mount_start(call, flags);
    close_handle(call->directory);
    return error;
}

static int remount(user_t target, uint32_t flags)
{
    char path[MOUNT_PATH_MAX];
    uint32_t old;
    int error = path_copy_in(target);
    if (error == 0)
        error = mount_path((uint32_t)AT_FDCWD, path, &old);
    return error < 0 ? error : mount_change_flags(path, flags);
}

int32_t sys_mount(user_t source, user_t target, user_t type, uint32_t flags, user_t data)
{
    struct mount_call call = {.directory = HANDLE_NONE};
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    if ((flags & 0xffff0000u) == 0xc0ed0000u) /* a magic number of old, which means nothing */
        flags &= 0xffffu;
    bool again = flags & MS_REMOUNT;
    if (!again && !type.address)
        return -EINVAL;
    flags &= ~(uint32_t)MS_REMOUNT;
    if (flags & ~(uint32_t)FLAGS_KNOWN)
        return missing_error(EINVAL, "mount flags %x", flags & ~(uint32_t)FLAGS_KNOWN);
    int error = copy_text(call.type, sizeof call.type, type);
    if (error == 0)
        error = copy_text(call.source, sizeof call.source, source);
    call.has_source = source.address != 0;
    if (error == 0)
        error = copy_text(call.options, sizeof call.options, data);
    if (error == 0 && again)
        return remount(target, mount_flags(flags));
    if (error == 0 && (flags & MS_SYNCHRONOUS))
        error = mount_add_option(&call, "sync");
    if (error == 0)
        error = mount_add_option(&call, flags & MS_RDONLY ? "ro" : "rw");
    return error < 0 ? error : mount_new(&call, target, mount_flags(flags));
}

/* ---- sync --------------------------------------------------------------------------------------- */

static status_t sync_at(const struct fs_walk_context *context, const char *path)
{
    handle_t root;
    status_t status = fs_client_open(context, HANDLE_NONE, path, strlen(path),
                                     FS_O_NODE | FS_O_DIRECTORY, 0, &root, NULL);
    if (status != OK)
        return status;
    status = fs_client_sync(root, false);
    close_handle(root);
    return status;
}

/* As on Linux nobody is told what cannot be written; fsync tells. */
void mounts_sync(void)
{
    struct fs_walk_context context = {
        .root = server.root, .cwd = server.root, .flags = CALL_UNINTERRUPTIBLE};
    char text[512];
    size_t length;
    if (fs_client_root(&context) != OK)
        return;
    for (uint32_t i = 0; init_mount_list(server.init, i, text, sizeof text, &length) == OK; i++) {
        const char *type = text + strlen(text) + 1, *path = type + strlen(type) + 1;
        if (path >= text + length)
            continue;
        status_t status = sync_at(&context, path);
        if (status != OK)
            log_line("%s: not all is written: %s", path, status_text(status));
    }
}

/* ---- umount -------------------------------------------------------------------------------------- */

static bool maps_from(const struct mm *mm, uint32_t device)
{
    struct mapping_info info;
    for (uint32_t at = 0; space_query(mm->space, at, &info) == OK && info.address < GUEST_LIMIT;
         at = info.address + info.length)
        if (info.vmo_id && inode_is_on(info.vmo_id, device))
            return true;
    return false;
}

/* A mapping needs its file as long as it lives, open or not: the file server only sees open ones. */
static bool is_mapped(uint32_t device)
{
    bool found = false;
    server_lock();
    process_each(process, bucket) found = found || (process->mm && maps_from(process->mm, device));
    server_unlock();
    return found;
}

/* What we remember keeps files open that nobody uses. */
static void forget_names(uint32_t device)
{
    namecache_forget_device(device);
    inodes_forget_device(device);
}

int32_t sys_umount2(user_t target, uint32_t flags)
{
    char path[512];
    handle_t directory;
    struct fs_attr covered, attr;
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & ~(uint32_t)(UMOUNT_FORCE | UMOUNT_DETACH | UMOUNT_NO_FOLLOW))
        return -EINVAL;
    int error = path_copy_in(target);
    if (error == 0)
        error = mount_find_directory((uint32_t)AT_FDCWD, &directory);
    if (error < 0)
        return error;
    status_t status = fs_client_name_of(directory, path, sizeof path);
    if (status == OK)
        status = node_stat(directory, &covered);
    close_handle(directory);
    if (status != OK)
        return errno_of(status);
    bool answers = path_stat((uint32_t)AT_FDCWD, target, 0, &attr) == 0;
    if (answers && attr.device == covered.device)
        return -EINVAL; /* nothing is mounted there */
    if (answers && !(flags & (UMOUNT_FORCE | UMOUNT_DETACH)) && is_mapped(attr.device))
        return -EBUSY;
    if (answers)
        forget_names(attr.device);
    else
        log_line("%s does not answer and is unmounted", path);
    status = init_file_system_unmount(server.init, path,
                                      (flags & UMOUNT_FORCE ? UNMOUNT_FORCE : 0) |
                                          (flags & UMOUNT_DETACH ? UNMOUNT_DETACH : 0));
    if (status == OK && answers && inotify_instances)
        inotify_unmounted(attr.device);
    return errno_of(status);
}

int32_t sys_umount(user_t target)
{
    return sys_umount2(target, 0);
}
