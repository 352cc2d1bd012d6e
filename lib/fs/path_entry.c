/* SPDX-License-Identifier: MIT */
/* fs_path: names that come and go: nodes are made, linked and removed. */
#include <string.h>

#include "path.h"

status_t path_make(struct path_call *call, uint32_t mode, uint32_t rdev, const char *target,
                   size_t target_length)
{
    const struct fs_ops *ops = call->server->ops;
    struct walk *walk = &call->walk;
    struct fs_attr directory;
    if (walk->node != NULL || walk->name == NULL)
        return ERR_ALREADY_EXISTS;
    if (walk->trailing_slash && (mode & FS_TYPE_MASK) != FS_TYPE_DIRECTORY)
        return ERR_NOT_FOUND;
    if (ops->create == NULL)
        return ERR_READ_ONLY;
    status_t status = fs_may_change(walk->directory, NULL, &call->who);
    if (status == OK)
        status = fs_attributes(walk->directory, &directory);
    if (status != OK)
        return status;
    struct fs_new new = {.name = walk->name,
                         .name_length = walk->name_length,
                         .mode = mode,
                         .uid = call->request.uid,
                         .gid = call->request.gid,
                         .rdev = rdev,
                         .target = target,
                         .target_length = target_length};
    if (directory.mode & FS_MODE_SETGID) {
        new.gid = directory.gid;
        if (!call->who.power && (mode & FS_TYPE_MASK) != FS_TYPE_DIRECTORY &&
            !fs_in_group(&call->who, new.gid))
            new.mode &= ~FS_MODE_SETGID;
        if ((mode & FS_TYPE_MASK) == FS_TYPE_DIRECTORY)
            new.mode |= FS_MODE_SETGID;
    }
    status = ops->create(walk->directory, &new, &walk->node);
    if (status == OK)
        fs_changed(walk->directory);
    if (status == OK) {
        fs_name_set(walk->directory, walk->name, walk->name_length, walk->node);
        fs_folded_added(walk->directory, walk->name, walk->name_length);
    }
    if (status == OK)
        fs_event_entry(
            walk->directory, walk->name, walk->name_length,
            FS_EVENT_CREATE |
                ((mode & FS_TYPE_MASK) == FS_TYPE_DIRECTORY ? (uint32_t)FS_EVENT_DIRECTORY : 0),
            0);
    if (status != OK)
        return status;
    fs_passed_last(walk);
    if (fs_attributes(walk->directory, &directory) == OK) {
        memcpy(call->target, &directory, sizeof directory);
        call->target_length = sizeof directory;
    }
    return fs_attributes(walk->node, &call->attr);
}

status_t path_op_mkdir(struct path_call *call)
{
    return path_make(call, FS_TYPE_DIRECTORY | (call->request.mode & 07777), 0, NULL, 0);
}

status_t path_op_mknod(struct path_call *call)
{
    uint32_t type = call->request.mode & FS_TYPE_MASK;
    if (type == FS_TYPE_DIRECTORY || type == FS_TYPE_LINK)
        return ERR_INVALID_ARGUMENT;
    if ((type == FS_TYPE_BLOCK || type == FS_TYPE_CHARACTER) && !call->who.power)
        return ERR_NOT_PERMITTED;
    return path_make(call, (type == 0 ? FS_TYPE_FILE : type) | (call->request.mode & 07777),
                     call->request.rdev, NULL, 0);
}

status_t path_op_symlink(struct path_call *call)
{
    if (call->extra_length == 0)
        return ERR_NOT_FOUND;
    return path_make(call, FS_TYPE_LINK | 0777, 0, call->extra, call->extra_length);
}

/* As Linux tells it: a file that lost a name has changed; its end comes before the directory's news. */
static void tell_removed(const struct walk *walk, bool directory, uint32_t links)
{
    if (!directory)
        fs_event(walk->node, FS_EVENT_ATTRIBUTES);
    if (directory || links <= 1)
        fs_event_gone(walk->node);
    fs_event_entry(walk->directory, walk->name, walk->name_length,
                   FS_EVENT_DELETE | (directory ? (uint32_t)FS_EVENT_DIRECTORY : 0), 0);
}

/* What a directory that is named by `..` always has in it is the one it was reached from. */
static bool ends_in_parent(const struct path_call *call)
{
    size_t end = call->request.path_length;
    while (end > 0 && call->text[end - 1] == '/')
        end--;
    return end >= 2 && memcmp(call->text + end - 2, "..", 2) == 0 &&
           (end == 2 || call->text[end - 3] == '/');
}

static status_t remove_entry(struct path_call *call, bool directory)
{
    struct walk *walk = &call->walk;
    if (call->server->ops->unlink == NULL)
        return ERR_READ_ONLY;
    if (walk->name == NULL && directory) /* the path ended in `.`, `..` or was empty */
        return ends_in_parent(call) ? ERR_NOT_EMPTY : ERR_INVALID_ARGUMENT;
    if (walk->name == NULL)
        return ERR_IS_DIRECTORY;
    status_t status = fs_attributes(walk->node, &call->attr);
    if (status != OK)
        return status;
    bool is_directory = (call->attr.mode & FS_TYPE_MASK) == FS_TYPE_DIRECTORY;
    if (is_directory != directory)
        return directory ? ERR_NOT_DIRECTORY : ERR_IS_DIRECTORY;
    if (walk->node->mounted != HANDLE_NONE)
        return ERR_BUSY;
    status = fs_may_change(walk->directory, walk->node, &call->who);
    if (status == OK)
        status =
            call->server->ops->unlink(walk->directory, walk->name, walk->name_length, walk->node);
    fs_changed(walk->directory);
    fs_changed(walk->node);
    fs_name_drop(walk->directory, walk->name, walk->name_length);
    if (status == OK && directory)
        fs_names_drop_all(walk->node);
    if (status == OK)
        fs_folded_removed(walk->directory, walk->name, walk->name_length);
    if (status == OK && directory)
        fs_folded_forget(walk->node);
    if (status == OK)
        tell_removed(walk, directory, call->attr.nlink);
    return status;
}

status_t path_op_unlink(struct path_call *call)
{
    return remove_entry(call, false);
}

status_t path_op_rmdir(struct path_call *call)
{
    return remove_entry(call, true);
}

status_t path_op_link(struct path_call *call)
{
    struct walk *walk = &call->walk;
    struct fs_open *existing = fs_open_of_handle(call->server, call->handle);
    if (existing == NULL)
        return ERR_CROSS_DEVICE;
    if (walk->node != NULL || walk->name == NULL)
        return ERR_ALREADY_EXISTS;
    if (walk->trailing_slash)
        return ERR_NOT_FOUND;
    if (call->server->ops->link == NULL)
        return ERR_READ_ONLY;
    status_t status = fs_attributes(existing->node, &call->attr);
    if (status != OK)
        return status;
    if ((call->attr.mode & FS_TYPE_MASK) == FS_TYPE_DIRECTORY)
        return ERR_NOT_PERMITTED;
    bool unnamed = (existing->flags & FS_O_UNNAMED) != 0;
    if (call->attr.nlink == 0 && (!unnamed || (existing->flags & FS_O_EXCLUSIVE)))
        return ERR_NOT_FOUND;
    status = fs_may_change(walk->directory, NULL, &call->who);
    if (status == OK)
        status =
            call->server->ops->link(walk->directory, walk->name, walk->name_length, existing->node);
    fs_changed(walk->directory);
    fs_changed(existing->node);
    fs_name_drop(walk->directory, walk->name, walk->name_length);
    if (status == OK) {
        fs_folded_added(walk->directory, walk->name, walk->name_length);
        fs_event(existing->node, FS_EVENT_ATTRIBUTES);
        fs_event_entry(walk->directory, walk->name, walk->name_length, FS_EVENT_CREATE, 0);
    }
    return status == OK ? fs_attributes(existing->node, &call->attr) : status;
}
