/* SPDX-License-Identifier: MIT */
/* fs_path: opening what a path names, which may be made for it. */
#include <atomik/syscall.h>
#include <ipc/call.h>

#include "path.h"

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

status_t path_op_open(struct path_call *call)
{
    uint32_t flags = call->request.flags;
    status_t status;
    if (flags & FS_O_UNNAMED)
        return call->walk.node == NULL ? ERR_NOT_FOUND : op_open_unnamed(call);
    if (call->walk.node == NULL) {
        status = path_make(call, FS_TYPE_FILE | (call->request.mode & 07777), 0, NULL, 0);
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
