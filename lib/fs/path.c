/* SPDX-License-Identifier: MIT */
/* fs_path: the operations on names. Each gets a finished walk and fills the reply. */
#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>

#include "internal.h"

struct path_call {
    struct fs_server *server;
    struct fs_open *start; /* the directory the call was made on */
    struct fs_path_request request;
    struct fs_who who;
    char text[MESSAGE_BYTES]; /* path, then extra */
    const char *extra;
    size_t extra_length;
    uint32_t groups[MESSAGE_BYTES / 4];
    handle_t handle; /* h0 of the request, owned */
    struct walk walk;
    /* results */
    struct fs_attr attr;
    handle_t handles[2];
    /* READLINK: the target; after a name was made: attributes of its directory */
    char target[FS_INLINE_MAX];
    size_t target_length;
};

static status_t make(struct path_call *call, uint32_t mode, uint32_t rdev, const char *target,
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

static uint32_t access_of_flags(uint32_t flags)
{
    if (flags & FS_O_NODE)
        return 0;
    return (flags & FS_O_READ ? MAY_READ : 0) |
           (flags & (FS_O_WRITE | FS_O_TRUNCATE) ? MAY_WRITE : 0);
}

static status_t check_open(struct path_call *call, uint32_t flags)
{
    uint32_t type = call->attr.mode & FS_TYPE_MASK;
    if ((flags & FS_O_CREATE) && (flags & FS_O_EXCLUSIVE))
        return ERR_ALREADY_EXISTS;
    if ((flags & FS_O_DIRECTORY) && type != FS_TYPE_DIRECTORY)
        return ERR_NOT_DIRECTORY;
    if (flags & FS_O_NODE)
        return OK;
    if (type == FS_TYPE_LINK)
        return ERR_SYMLINK_LOOP;
    if (type == FS_TYPE_DIRECTORY && (flags & (FS_O_WRITE | FS_O_CREATE)))
        return ERR_IS_DIRECTORY;
    status_t status = fs_access(call->walk.node, &call->who, access_of_flags(flags));
    return status == OK && type == FS_TYPE_FILE ? fs_share_check(call->walk.node, flags) : status;
}

static status_t truncate_node(struct fs_node *node, struct fs_attr *attr)
{
    struct fs_attr wanted = {.size = 0};
    if (node->server->ops->set_attributes == NULL || fs_is_read_only(node->server))
        return ERR_READ_ONLY;
    status_t status =
        node->server->ops->set_attributes(node, FS_ATTR_SIZE | FS_ATTR_MTIME_NOW, &wanted);
    fs_changed(node);
    if (status == OK)
        fs_event_content(node, FS_EVENT_MODIFY);
    return status == OK ? fs_attributes(node, attr) : status;
}

/* The content VMO of a node just opened; a file system without VMOs is no error. */
static void attach_content(struct path_call *call, struct fs_open *open)
{
    const struct fs_ops *ops = call->server->ops;
    uint32_t prot =
        (open->flags & FS_O_READ ? PROT_R | PROT_X : 0) | (open->flags & FS_O_WRITE ? PROT_W : 0);
    uint64_t size;
    bool coherent = false;
    handle_t vmo;
    /* Where others change the files too, content may have to be copied for that. */
    if (ops->content == NULL || !ops->sole || (open->flags & FS_O_NODE) || prot == 0)
        return;
    if (ops->content(open->node, open->data, prot, &vmo, &size, &coherent) != OK)
        return;
    if (coherent)
        call->handles[1] = vmo;
    else
        handle_drop(&vmo);
}

/* Made under a name that nobody sees, since it is gone before the next request. */
static status_t make_unnamed(struct path_call *call, struct fs_node *directory,
                             struct fs_node **node)
{
    static uint32_t count;
    const struct fs_ops *ops = call->server->ops;
    char name[] = ".unnamed-00000000";
    uint32_t number = ++count;
    for (char *at = name + sizeof name - 2; *at != '-'; at--, number /= 10)
        *at = (char)('0' + number % 10);
    struct fs_new new = {.name = name,
                         .name_length = sizeof name - 1,
                         .mode = FS_TYPE_FILE | (call->request.mode & 07777),
                         .uid = call->request.uid,
                         .gid = call->request.gid};
    if (ops->lookup(directory, name, sizeof name - 1, false, node) == OK) {
        fs_node_put(*node);
        return ERR_ALREADY_EXISTS;
    }
    if (call->attr.mode & FS_MODE_SETGID)
        new.gid = call->attr.gid;
    status_t status = ops->create(directory, &new, node);
    if (status != OK)
        return status;
    status = ops->unlink(directory, name, sizeof name - 1, *node);
    fs_changed(directory);
    return status;
}

static status_t op_open_unnamed(struct path_call *call)
{
    struct fs_node *directory = call->walk.node, *node = NULL;
    const struct fs_ops *ops = call->server->ops;
    status_t status = fs_attributes(directory, &call->attr);
    if (status != OK)
        return status;
    if ((call->attr.mode & FS_TYPE_MASK) != FS_TYPE_DIRECTORY)
        return ERR_NOT_DIRECTORY;
    if ((call->request.flags & FS_O_WRITE) == 0)
        return ERR_INVALID_ARGUMENT;
    if (ops->create == NULL || ops->unlink == NULL)
        return ERR_NOT_SUPPORTED;
    status = fs_may_change(directory, NULL, &call->who);
    if (status == OK)
        status = make_unnamed(call, directory, &node);
    if (status == OK)
        status = fs_attributes(node, &call->attr);
    if (status == OK)
        status =
            fs_open_new(call->server, node, call->request.flags, &call->who, &call->handles[0]);
    fs_node_put(node);
    return status;
}

static status_t op_open(struct path_call *call)
{
    uint32_t flags = call->request.flags;
    status_t status;
    if (flags & FS_O_UNNAMED)
        return call->walk.node == NULL ? ERR_NOT_FOUND : op_open_unnamed(call);
    if (call->walk.node == NULL) {
        status = make(call, FS_TYPE_FILE | (call->request.mode & 07777), 0, NULL, 0);
        if (status != OK)
            return status;
        flags &= ~(uint32_t)FS_O_TRUNCATE;
    } else {
        status = fs_attributes(call->walk.node, &call->attr);
        if (status == OK)
            status = check_open(call, flags);
        if (status != OK)
            return status;
    }
    bool regular = (call->attr.mode & FS_TYPE_MASK) == FS_TYPE_FILE;
    if ((flags & FS_O_TRUNCATE) && regular) {
        status = truncate_node(call->walk.node, &call->attr);
        if (status != OK)
            return status;
    }
    status = fs_open_new(call->server, call->walk.node, flags, &call->who, &call->handles[0]);
    if (status != OK)
        return status;
    struct fs_open *open = fs_open_of_handle(call->server, call->handles[0]);
    if ((flags & FS_O_DENY_WRITE) && call->handle != HANDLE_NONE) {
        status = fs_share_claim(open, call->handle, call->request.rdev);
        call->handle = status == OK ? HANDLE_NONE : call->handle;
    }
    if (status == OK && (flags & FS_O_VMO) && regular)
        attach_content(call, open);
    return status;
}

static status_t op_stat(struct path_call *call)
{
    return fs_attributes(call->walk.node, &call->attr);
}

static bool assumed_rightly(const struct path_call *call, uint32_t assumptions)
{
    uint32_t type = call->attr.mode & FS_TYPE_MASK;
    bool plain = type == FS_TYPE_DIRECTORY || type == FS_TYPE_LINK ||
                 (call->attr.mode & (FS_MODE_SETUID | FS_MODE_SETGID)) == 0;
    return (plain || !(assumptions & FS_ASSUME_NO_SET_ID)) &&
           (call->attr.uid == call->request.uid || !(assumptions & FS_ASSUME_OWNER));
}

static status_t op_setattr(struct path_call *call)
{
    struct fs_path_setattr change;
    const struct fs_open as_if = {.node = call->walk.node};
    if (call->extra_length != sizeof change)
        return ERR_INVALID_ARGUMENT;
    memcpy(&change, call->extra, sizeof change);
    status_t status = fs_attributes(call->walk.node, &call->attr);
    if (status == OK && !assumed_rightly(call, change.assumptions))
        status = ERR_BAD_STATE;
    if (status == OK) /* which refuses the size: nothing is open */
        status = fs_check_setattr(&as_if, &call->who, change.mask, &change.attr);
    if (status == OK)
        status = fs_set_attributes(call->walk.node, change.mask, &change.attr);
    return status == OK ? fs_attributes(call->walk.node, &call->attr) : status;
}

static status_t op_mkdir(struct path_call *call)
{
    return make(call, FS_TYPE_DIRECTORY | (call->request.mode & 07777), 0, NULL, 0);
}

static status_t op_mknod(struct path_call *call)
{
    uint32_t type = call->request.mode & FS_TYPE_MASK;
    if (type == FS_TYPE_DIRECTORY || type == FS_TYPE_LINK)
        return ERR_INVALID_ARGUMENT;
    if ((type == FS_TYPE_BLOCK || type == FS_TYPE_CHARACTER) && !call->who.power)
        return ERR_NOT_PERMITTED;
    return make(call, (type == 0 ? FS_TYPE_FILE : type) | (call->request.mode & 07777),
                call->request.rdev, NULL, 0);
}

static status_t op_symlink(struct path_call *call)
{
    if (call->extra_length == 0)
        return ERR_NOT_FOUND;
    return make(call, FS_TYPE_LINK | 0777, 0, call->extra, call->extra_length);
}

static status_t op_readlink(struct path_call *call)
{
    status_t status = fs_attributes(call->walk.node, &call->attr);
    if (status != OK)
        return status;
    if ((call->attr.mode & FS_TYPE_MASK) != FS_TYPE_LINK || call->server->ops->read_link == NULL)
        return ERR_INVALID_ARGUMENT;
    return call->server->ops->read_link(call->walk.node, call->target, sizeof call->target,
                                        &call->target_length);
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

static status_t op_unlink(struct path_call *call)
{
    return remove_entry(call, false);
}

static status_t op_rmdir(struct path_call *call)
{
    return remove_entry(call, true);
}

static status_t op_link(struct path_call *call)
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
        fs_event(existing->node, FS_EVENT_ATTRIBUTES);
        fs_event_entry(walk->directory, walk->name, walk->name_length, FS_EVENT_CREATE, 0);
    }
    return status == OK ? fs_attributes(existing->node, &call->attr) : status;
}

/* ---- rename ---------------------------------------------------------------------------------- */

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

static status_t op_rename(struct path_call *call)
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

/* ---- dispatch -------------------------------------------------------------------------------- */

static const struct path_operation {
    status_t (*run)(struct path_call *call);
    uint32_t walk_flags;
} operations[] = {
    [FS_OP_OPEN] = {op_open, 0},
    [FS_OP_STAT] = {op_stat, 0},
    [FS_OP_MKDIR] = {op_mkdir, WALK_NOFOLLOW | WALK_NEW},
    [FS_OP_MKNOD] = {op_mknod, WALK_NOFOLLOW | WALK_NEW},
    [FS_OP_SYMLINK] = {op_symlink, WALK_NOFOLLOW | WALK_NEW},
    [FS_OP_READLINK] = {op_readlink, WALK_NOFOLLOW},
    [FS_OP_UNLINK] = {op_unlink, WALK_NOFOLLOW | WALK_COVERED},
    [FS_OP_RMDIR] = {op_rmdir, WALK_NOFOLLOW | WALK_COVERED},
    [FS_OP_LINK] = {op_link, WALK_NOFOLLOW | WALK_NEW},
    [FS_OP_RENAME] = {op_rename, WALK_NOFOLLOW | WALK_COVERED},
    [FS_OP_SETATTR] = {op_setattr, 0},
};
#define OPERATION_COUNT (sizeof operations / sizeof operations[0])

/* Operations on what a path names, that follow links unless they are told not to. */
static bool tells_node(uint32_t op)
{
    return op == FS_OP_OPEN || op == FS_OP_STAT || op == FS_OP_SETATTR;
}

static uint32_t walk_flags_of(const struct fs_path_request *request)
{
    uint32_t flags = operations[request->op].walk_flags;
    if (request->op == FS_OP_RENAME)
        return flags;
    if (request->flags & FS_O_NOCASE)
        flags |= WALK_NOCASE;
    if (request->flags & FS_O_COVERED)
        flags |= WALK_COVERED;
    if (!tells_node(request->op))
        return flags;
    if (request->flags & FS_O_NOFOLLOW)
        flags |= WALK_NOFOLLOW;
    if (request->op == FS_OP_OPEN && (request->flags & FS_O_CREATE)) {
        flags |= WALK_NEW;
        if (request->flags & FS_O_EXCLUSIVE)
            flags |= WALK_NOFOLLOW;
    }
    return flags;
}

/* Who asks: as the request says, or as the kernel does. */
static void find_who(struct path_call *call, const struct message *message, uint32_t group_count)
{
    struct fs_path_request *request = &call->request;
    bool root = request->uid == 0 && !(request->who & FS_WHO_NO_POWER);
    call->who = message->principal != 0
                    ? fs_who_calls(message, call->start)
                    : (struct fs_who){.uid = request->uid,
                                      .gid = request->gid,
                                      .power = (request->who & FS_WHO_POWER) || root,
                                      .groups = call->groups,
                                      .group_count = group_count};
    request->uid = call->who.uid;
    request->gid = call->who.gid;
}

static status_t read_request(struct path_call *call, struct service *service,
                             struct message *message)
{
    const uint8_t *tail;
    uint32_t tail_length;
    const struct fs_path_request *request =
        service_request(message, sizeof *request, &tail, &tail_length);
    uint32_t groups = request != NULL ? (request->who & FS_WHO_GROUPS) * 4 : 0;
    if (request == NULL || request->path_length > tail_length ||
        groups > tail_length - request->path_length || request->op >= OPERATION_COUNT ||
        operations[request->op].run == NULL || memchr(tail, 0, request->path_length) != NULL)
        return ERR_INVALID_ARGUMENT;
    call->server = fs_server_of(service);
    call->start = fs_open_of(call->server, message->badge);
    if (call->start == NULL)
        return ERR_BAD_HANDLE;
    call->request = *request;
    memcpy(call->text, tail, tail_length);
    call->extra = call->text + request->path_length;
    call->extra_length = tail_length - request->path_length - groups;
    memcpy(call->groups, tail + tail_length - groups, groups);
    find_who(call, message, groups / 4);
    call->handle = service_take(message, 0);
    call->handles[0] = call->handles[1] = HANDLE_NONE;
    call->target_length = 0;
    return OK;
}

static status_t fill_reply(struct path_call *call, struct message *message)
{
    struct walk *walk = &call->walk;
    struct fs_path_reply *reply = service_reply(message, sizeof *reply);
    reply->walk = walk->outcome;
    reply->links_followed = walk->links;
    if (tells_node(call->request.op) || walk->own_place)
        fs_tell_places(call->server, walk, reply);
    if (walk->outcome != FS_WALK_DONE) {
        service_handle(message, walk->next);
        walk->next = HANDLE_NONE;
        return service_tail(message, walk->rest, walk->rest_length) == OK ? OK : ERR_NAME_TOO_LONG;
    }
    reply->attr = call->attr;
    service_handle(message, call->handles[0]);
    service_handle(message, call->handles[1]);
    call->handles[0] = call->handles[1] = HANDLE_NONE;
    return service_tail(message, call->target, call->target_length) == OK ? OK : ERR_NAME_TOO_LONG;
}

/* The walk failed: an absent name is an answer too, for clients that remember names. */
static status_t tell_absent(struct path_call *call, struct message *message)
{
    if (!tells_node(call->request.op) || (call->request.flags & FS_O_ABSENT) == 0)
        return ERR_NOT_FOUND;
    struct fs_path_reply *reply = service_reply(message, sizeof *reply);
    reply->walk = FS_WALK_ABSENT;
    reply->links_followed = call->walk.links;
    fs_tell_places(call->server, &call->walk, reply);
    return OK;
}

static status_t run_operation(struct path_call *call)
{
    status_t status = operations[call->request.op].run(call);
    bool asks = call->request.op == FS_OP_OPEN || call->request.op == FS_OP_STAT;
    if (status == OK && asks && (call->request.flags & FS_O_NOCASE))
        fs_dos_get(call->walk.node, &call->attr);
    return status;
}

status_t fs_handle_path(struct service *service, struct message *message)
{
    static struct path_call call; /* one thread; too large for its stack */
    if (fs_server_of(service)->finished)
        return ERR_IO_ERROR;
    status_t status = read_request(&call, service, message);
    if (status != OK)
        return status;
    status = walk_path(call.server, call.start->node, &call.request, &call.who, call.text,
                       walk_flags_of(&call.request), &call.walk);
    if (status == OK) {
        if (call.walk.outcome == FS_WALK_DONE)
            status = run_operation(&call);
        if (status == OK)
            status = fill_reply(&call, message);
        walk_end(&call.walk);
    } else if (status == ERR_NOT_FOUND) {
        status = tell_absent(&call, message);
    }
    handle_drop(&call.handles[0]);
    handle_drop(&call.handles[1]);
    handle_drop(&call.handle);
    return status;
}
