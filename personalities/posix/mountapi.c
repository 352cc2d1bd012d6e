/* SPDX-License-Identifier: MIT */
/*
 * Mounting in steps: fsopen, fsconfig, fsmount, move_mount, and fspick for what is mounted. A descriptor
 * gathers what mount(2) takes at once; the file server is started when move_mount says where.
 */
#include <linux/mount.h>
#include <string.h>

#include "calls.h"
#include "cred.h"
#include "file.h"
#include "missing.h"
#include "mount.h"
#include "path.h"
#include "server.h"
#include "task.h"

#define CLOSE_ON_EXEC  1u
#define KEY_MAX        64u
#define BINARY_MAX     (1 << 20)
#define FSPICK_FLAGS   0xfu
#define MOVE_FLAGS     0x77u
#define MOVE_F_EMPTY   4u
#define MOUNT_ATTRS    0x2000ffu
#define ATTR_ATIME     0x70u
#define ATTR_NOATIME   0x10u
#define ATTR_STRICT    0x20u
#define ATTR_NODIRTIME 0x80u

enum stage { GATHERING, CREATED, MOUNTABLE, MOUNTED, PICKED };
struct context {
    enum stage stage;
    uint32_t flags; /* enum fs_mount_flags */
    struct mount_call call;
    char path[MOUNT_PATH_MAX]; /* PICKED: where it is mounted */
};

static void context_close(struct file *file)
{
    release(file->data);
}

static const struct file_ops context_ops = {
    .name = "file system context", .stat = file_stat_anonymous, .close = context_close};

static int new_context(const struct context *model, bool close_on_exec)
{
    struct file *file = file_new(&context_ops, O_RDWR);
    struct context *context = file ? allocate(sizeof *context) : NULL;
    if (!context) {
        if (file)
            file_release(file);
        return -ENOMEM;
    }
    *context = *model;
    file->data = context;
    file->path = text_copy("anon_inode:[fscontext]");
    return fd_install(file, 0, close_on_exec);
}

/* The context of a descriptor, with a reference to its file. */
static int context_get(uint32_t fd, struct file **file, struct context **context)
{
    *file = fd_get(fd);
    if (!*file)
        return -EBADF;
    *context = (*file)->data;
    if ((*file)->ops == &context_ops)
        return 0;
    file_release(*file);
    return -EINVAL;
}

int32_t sys_fsopen(user_t type, uint32_t flags)
{
    struct context context = {.stage = GATHERING};
    bool needs_device;
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & ~CLOSE_ON_EXEC)
        return -EINVAL;
    int length = copy_in_string(context.call.type, type, sizeof context.call.type);
    if (length < 0)
        return length == -EFAULT ? length : -ENODEV;
    int error = mount_find_type(context.call.type, &needs_device);
    return error < 0 ? error : new_context(&context, flags & CLOSE_ON_EXEC);
}

int32_t sys_fspick(uint32_t dir, user_t path, uint32_t flags)
{
    struct context context = {.stage = PICKED};
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & ~FSPICK_FLAGS)
        return -EINVAL;
    int error = path_copy_in(path);
    if (error == 0)
        error = mount_path(dir, context.path, &context.flags);
    return error < 0 ? error : new_context(&context, flags & CLOSE_ON_EXEC);
}

/* ---- fsconfig ------------------------------------------------------------------------------------------- */

/* Words that every file system knows. */
static bool set_flag(struct context *context, const char *key)
{
    static const struct {
        const char *key;
        uint32_t flag;
        bool on;
    } rows[] = {{"ro", FS_MOUNT_READ_ONLY, true},
                {"rw", FS_MOUNT_READ_ONLY, false},
                {"sync", FS_MOUNT_SYNC, true},
                {"async", FS_MOUNT_SYNC, false}};
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (strcmp(key, rows[i].key) != 0)
            continue;
        context->flags =
            rows[i].on ? context->flags | rows[i].flag : context->flags & ~rows[i].flag;
        return true;
    }
    return false;
}

static int set_string(struct context *context, const char *key, user_t at)
{
    char value[MOUNT_SOURCE_MAX];
    int length = copy_in_string(value, at, sizeof value);
    if (length < 0)
        return length == -EFAULT ? length : -EINVAL;
    struct mount_call *call = &context->call;
    if (strcmp(key, "source") == 0) {
        if (call->has_source || context->stage == PICKED)
            return -EINVAL;
        strlcpy(call->source, value, sizeof call->source);
        call->has_source = true;
        return 0;
    }
    if (set_flag(context, key))
        return 0;
    char option[KEY_MAX + MOUNT_SOURCE_MAX + 1];
    strlcpy(option, key, sizeof option);
    strlcpy(option + strlen(option), "=", 2);
    strlcpy(option + strlen(option), value, MOUNT_SOURCE_MAX);
    return context->stage == PICKED || strchr(option, ',') ? -EINVAL
                                                           : mount_add_option(call, option);
}

static int set_key(struct context *context, uint32_t command, user_t key_at, user_t value)
{
    char key[KEY_MAX];
    int length = copy_in_string(key, key_at, sizeof key);
    if (length < 0)
        return length == -EFAULT ? length : -EINVAL;
    if (context->stage != GATHERING && context->stage != PICKED)
        return -EBUSY;
    if (command == FSCONFIG_SET_STRING)
        return set_string(context, key, value);
    if (command != FSCONFIG_SET_FLAG)
        return -EOPNOTSUPP; /* no file system here takes others */
    if (set_flag(context, key))
        return 0;
    return context->stage == PICKED || strchr(key, ',') ? -EINVAL
                                                        : mount_add_option(&context->call, key);
}

static int run_command(struct context *context, uint32_t command)
{
    if (command == FSCONFIG_CMD_RECONFIGURE)
        return context->stage == PICKED ? mount_change_flags(context->path, context->flags)
                                        : -EBUSY;
    if (context->stage != GATHERING)
        return -EBUSY;
    int error = mount_find_device(&context->call);
    if (error == 0 && (context->flags & FS_MOUNT_SYNC))
        error = mount_add_option(&context->call, "sync");
    if (error == 0)
        context->stage = CREATED;
    return error;
}

/* What each command takes: by Linux's own table. */
static bool is_well_formed(uint32_t command, bool key, bool value, int32_t number)
{
    switch (command) {
    case FSCONFIG_SET_FLAG:
        return key && !value && number == 0;
    case FSCONFIG_SET_STRING:
        return key && value && number == 0;
    case FSCONFIG_SET_BINARY:
        return key && value && number > 0 && number <= BINARY_MAX;
    case FSCONFIG_SET_PATH:
    case FSCONFIG_SET_PATH_EMPTY:
        return key && value && (number == AT_FDCWD || number >= 0);
    case FSCONFIG_SET_FD:
        return key && !value && number >= 0;
    }
    return !key && !value && number == 0;
}

int32_t sys_fsconfig(uint32_t fd, uint32_t command, user_t key, user_t value, int32_t number)
{
    struct file *file;
    struct context *context;
    if ((int32_t)fd < 0)
        return -EINVAL;
    if (command > FSCONFIG_CMD_RECONFIGURE)
        return -EOPNOTSUPP;
    if (!is_well_formed(command, key.address, value.address, number))
        return -EINVAL;
    int error = context_get(fd, &file, &context);
    if (error < 0)
        return error;
    error = command >= FSCONFIG_CMD_CREATE ? run_command(context, command)
                                           : set_key(context, command, key, value);
    file_release(file);
    return error;
}

/* ---- fsmount, move_mount -------------------------------------------------------------------------------- */

static uint32_t flags_of(uint32_t attributes)
{
    uint32_t atime = attributes & ATTR_ATIME;
    uint32_t flags = attributes & (FS_MOUNT_READ_ONLY | FS_MOUNT_NO_SUID | FS_MOUNT_NO_DEVICES |
                                   FS_MOUNT_NO_EXECUTE); /* the same numbers */
    flags |= atime == ATTR_NOATIME ? FS_MOUNT_NO_ATIME : atime == 0 ? FS_MOUNT_RELATIVE_ATIME : 0;
    return flags | (attributes & ATTR_NODIRTIME ? FS_MOUNT_NO_DIRECTORY_ATIME : 0);
}

int32_t sys_fsmount(uint32_t fd, uint32_t flags, uint32_t attributes)
{
    struct file *file;
    struct context *context;
    uint32_t atime = attributes & ATTR_ATIME;
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    if ((flags & ~CLOSE_ON_EXEC) || (attributes & ~MOUNT_ATTRS) ||
        (atime != 0 && atime != ATTR_NOATIME && atime != ATTR_STRICT))
        return -EINVAL;
    if (attributes & 0x200000u)
        return missing_error(EINVAL, "mount attributes %x", attributes);
    int result = context_get(fd, &file, &context);
    if (result < 0)
        return result;
    if (context->stage != CREATED) {
        result = -EINVAL;
    } else {
        struct context mountable = *context;
        mountable.stage = MOUNTABLE;
        mountable.flags |= flags_of(attributes);
        result = new_context(&mountable, flags & CLOSE_ON_EXEC);
    }
    file_release(file);
    return result;
}

static int attach(struct context *context, uint32_t dir)
{
    struct mount_call *call = &context->call;
    if (context->stage != MOUNTABLE)
        return -EINVAL;
    int error = mount_find_directory(dir, &call->directory);
    if (error < 0)
        return error;
    error = mount_add_option(call, context->flags & FS_MOUNT_READ_ONLY ? "ro" : "rw");
    if (error == 0)
        error = mount_start(call, context->flags);
    close_handle(call->directory);
    if (error == 0)
        context->stage = MOUNTED;
    return error;
}

int32_t sys_move_mount(uint32_t from_dir, user_t from, uint32_t to_dir, user_t to, uint32_t flags)
{
    struct file *file;
    struct context *context;
    char first;
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & ~MOVE_FLAGS)
        return -EINVAL;
    if (copy_in(&first, from, 1) < 0)
        return -EFAULT;
    if (first != '\0' || !(flags & MOVE_F_EMPTY)) {
        struct fs_attr attr;
        int error = path_stat(from_dir, from, 0, &attr);
        return error < 0 ? (error == -ENOTDIR ? -ENOENT : error)
                         : missing_error(EINVAL, "move_mount of what is mounted");
    }
    int error = context_get(from_dir, &file, &context);
    if (error < 0)
        return error;
    error = path_copy_in(to);
    if (error == 0)
        error = attach(context, to_dir);
    file_release(file);
    return error;
}
