/* SPDX-License-Identifier: MIT */
/* fs_path: renaming. What must not become a loop, whose permission it takes, and who is told. */
#include <string.h>

#include "path.h"

/* Is `node` the directory itself or above it? Then moving node into it would cut off a loop. */
static bool is_above(struct fs_server *server, struct fs_node *node, struct fs_node *directory)
{
    struct fs_node *at = fs_node_get(directory), *parent;
    bool found = at == node;
    while (!found && at != server->root && server->ops->parent(at, &parent) == OK) {
        bool stuck = parent == at;
        fs_node_put(at);
        at = parent;
        found = at == node;
        if (stuck)
            break;
    }
    fs_node_put(at);
    return found;
}

static bool is_directory(struct fs_node *node)
{
    struct fs_attr attr;
    return fs_attributes(node, &attr) == OK && (attr.mode & FS_TYPE_MASK) == FS_TYPE_DIRECTORY;
}

/* A directory that gets another parent is written: its `..` is another one. */
static status_t may_get_parent(const struct path_call *call, const struct fs_rename *rename,
                               struct fs_node *node)
{
    if (rename->old_directory == rename->new_directory || !is_directory(node))
        return OK;
    return fs_access(node, &call->who, MAY_WRITE);
}

static status_t check_rename(struct path_call *call, const struct fs_rename *rename)
{
    bool directory = is_directory(rename->node);
    if (rename->node->mounted != HANDLE_NONE ||
        (rename->replaced != NULL && rename->replaced->mounted != HANDLE_NONE))
        return ERR_BUSY;
    if (rename->exchange && rename->replaced == NULL)
        return ERR_NOT_FOUND;
    if (rename->replaced != NULL && (call->request.flags & FS_RENAME_NOREPLACE))
        return ERR_ALREADY_EXISTS;
    if (rename->replaced != NULL && !rename->exchange) {
        bool over_directory = is_directory(rename->replaced);
        if (directory != over_directory)
            return directory ? ERR_NOT_DIRECTORY : ERR_IS_DIRECTORY;
        if (is_above(call->server, rename->replaced, rename->old_directory))
            return ERR_NOT_EMPTY;
    }
    if (directory && is_above(call->server, rename->node, rename->new_directory))
        return ERR_INVALID_ARGUMENT;
    if (rename->exchange && is_directory(rename->replaced) &&
        is_above(call->server, rename->replaced, rename->old_directory))
        return ERR_INVALID_ARGUMENT;
    status_t status = fs_may_change(rename->old_directory, rename->node, &call->who);
    if (status == OK)
        status = fs_may_change(rename->new_directory, rename->replaced, &call->who);
    if (status == OK)
        status = may_get_parent(call, rename, rename->node);
    if (status == OK && rename->exchange)
        status = may_get_parent(call, rename, rename->replaced);
    return status;
}

static bool valid_name(const char *name, size_t length)
{
    if (length == 0 || memchr(name, '/', length) != NULL || memchr(name, 0, length) != NULL)
        return false;
    return !fs_is_dots(name, length);
}

static void tell_move(const struct fs_rename *rename, struct fs_node *node, bool back)
{
    static uint32_t cookie;
    uint32_t flags = is_directory(node) ? (uint32_t)FS_EVENT_DIRECTORY : 0;
    struct fs_node *from = back ? rename->new_directory : rename->old_directory,
                   *to = back ? rename->old_directory : rename->new_directory;
    cookie++;
    fs_event_entry(from, back ? rename->new_name : rename->old_name,
                   back ? rename->new_length : rename->old_length, FS_EVENT_MOVED_FROM | flags,
                   cookie);
    fs_event_entry(to, back ? rename->old_name : rename->new_name,
                   back ? rename->old_length : rename->new_length, FS_EVENT_MOVED_TO | flags,
                   cookie);
    fs_event(node, FS_EVENT_MOVE_SELF);
}

static void tell_renamed(const struct fs_rename *rename)
{
    struct fs_attr attr;
    tell_move(rename, rename->node, false);
    if (rename->replaced == NULL)
        return;
    if (rename->exchange) {
        tell_move(rename, rename->replaced, true);
        return;
    }
    bool links = fs_attributes(rename->replaced, &attr) == OK && attr.nlink > 0;
    if (!is_directory(rename->replaced))
        fs_event(rename->replaced, FS_EVENT_ATTRIBUTES);
    if (!links || is_directory(rename->replaced))
        fs_event_gone(rename->replaced);
}

static void forget_names(const struct fs_rename *rename)
{
    fs_name_drop(rename->old_directory, rename->old_name, rename->old_length);
    fs_name_drop(rename->new_directory, rename->new_name, rename->new_length);
    if (rename->replaced != NULL && !rename->exchange)
        fs_names_drop_all(rename->replaced);
}

static void note_names(const struct fs_rename *rename)
{
    if (rename->exchange)
        return;
    fs_folded_removed(rename->old_directory, rename->old_name, rename->old_length);
    fs_folded_added(rename->new_directory, rename->new_name, rename->new_length);
    if (rename->replaced != NULL && is_directory(rename->replaced))
        fs_folded_forget(rename->replaced);
}

status_t path_op_rename(struct path_call *call)
{
    struct walk *walk = &call->walk;
    const struct fs_ops *ops = call->server->ops;
    struct fs_open *target = fs_open_of_handle(call->server, call->handle);
    if (target == NULL)
        return ERR_CROSS_DEVICE;
    if (walk->name == NULL)
        return ERR_BUSY;
    if (ops->rename == NULL)
        return ERR_READ_ONLY;
    if (!is_directory(target->node))
        return ERR_NOT_DIRECTORY;
    if (!valid_name(call->extra, call->extra_length))
        return ERR_INVALID_ARGUMENT;
    if (call->extra_length > FS_NAME_MAX)
        return ERR_NAME_TOO_LONG;
    struct fs_rename rename = {.old_directory = walk->directory,
                               .new_directory = target->node,
                               .node = walk->node,
                               .old_name = walk->name,
                               .old_length = walk->name_length,
                               .new_name = call->extra,
                               .new_length = call->extra_length,
                               .exchange = (call->request.flags & FS_RENAME_EXCHANGE) != 0};
    status_t status =
        fs_lookup(target->node, call->extra, call->extra_length, false, &rename.replaced);
    if (status == ERR_NOT_FOUND)
        status = OK, rename.replaced = NULL;
    if (status == OK)
        status = check_rename(call, &rename);
    if (status == OK && rename.replaced != rename.node) /* two links of one file: nothing to do */
        status = ops->rename(&rename);
    fs_changed(rename.old_directory);
    fs_changed(rename.new_directory);
    fs_changed(rename.node);
    fs_changed(rename.replaced);
    forget_names(&rename);
    if (status == OK && rename.replaced != rename.node) {
        note_names(&rename);
        tell_renamed(&rename);
    }
    fs_node_put(rename.replaced);
    return status == OK ? fs_attributes(walk->node, &call->attr) : status;
}
