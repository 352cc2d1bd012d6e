/* SPDX-License-Identifier: MIT */
/*
 * A file system as a whole: what covers its directories, where it is mounted itself, its flags, and its end.
 * Read-only is kept here, for every file system alike.
 */
#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>

#include "internal.h"

bool fs_is_read_only(const struct fs_server *server)
{
    return (server->mount_flags & FS_MOUNT_READ_ONLY) != 0;
}

static bool has_writers(struct fs_server *server)
{
    for (uint32_t badge = FS_BADGE_ROOT; badge < server->open_capacity; badge++) {
        const struct fs_open *open = fs_open_of(server, badge);
        if (open != NULL && (open->flags & FS_O_WRITE) && !(open->flags & FS_O_NODE))
            return true;
    }
    return false;
}

status_t fs_handle_remount(struct service *service, struct message *message)
{
    struct fs_server *server = fs_server_of(service);
    struct fs_remount_request request;
    if (message->badge != FS_BADGE_ROOT)
        return ERR_NOT_PERMITTED;
    if (message->size < sizeof request)
        return ERR_INVALID_ARGUMENT;
    memcpy(&request, message->data, sizeof request);
    if (request.flags & ~(uint32_t)FS_MOUNT_ALL)
        return ERR_INVALID_ARGUMENT;
    bool closes = (request.flags & FS_MOUNT_READ_ONLY) && !fs_is_read_only(server);
    if (closes && has_writers(server))
        return ERR_BUSY;
    if (closes && server->ops->sync != NULL) {
        status_t status = server->ops->sync(server->root, NULL, false);
        if (status != OK && status != ERR_READ_ONLY)
            return status;
    }
    server->mount_flags = request.flags;
    fs_changed_all(server);
    service_reply(message, 0);
    return OK;
}

status_t fs_handle_mount(struct service *service, struct message *message)
{
    struct fs_open *open;
    struct fs_attr attr;
    status_t status = fs_begin(service, message, 0, &open);
    if (status == OK)
        status = fs_attributes(open->node, &attr);
    if (status != OK)
        return status;
    if (!open->who.power)
        return ERR_NOT_PERMITTED;
    if ((attr.mode & FS_TYPE_MASK) != FS_TYPE_DIRECTORY)
        return ERR_NOT_DIRECTORY;
    if (open->node->mounted != HANDLE_NONE || open->node == open->node->server->root)
        return ERR_BUSY;
    handle_t root = service_take(message, 0);
    if (root == HANDLE_NONE)
        return ERR_INVALID_ARGUMENT;
    open->node->mounted = root;
    open->node->server->covered++;
    fs_changed(open->node);
    fs_node_get(open->node); /* a covered directory stays in memory */
    service_reply(message, 0);
    return OK;
}

status_t fs_handle_unmount(struct service *service, struct message *message)
{
    struct fs_open *open;
    status_t status = fs_begin(service, message, 0, &open);
    if (status != OK)
        return status;
    if (!open->who.power)
        return ERR_NOT_PERMITTED;
    if (open->node->mounted == HANDLE_NONE)
        return ERR_INVALID_ARGUMENT;
    handle_drop(&open->node->mounted);
    open->node->server->covered--;
    fs_changed(open->node);
    fs_node_put(open->node);
    service_reply(message, 0);
    return OK;
}

/* Only on the root's own handle, which init has: later ones are somebody else's. */
status_t fs_handle_set_parent(struct service *service, struct message *message)
{
    struct fs_server *server = fs_server_of(service);
    if (message->badge != FS_BADGE_ROOT)
        return ERR_NOT_PERMITTED;
    if (message->size >= sizeof server->mount_path ||
        memchr(message->data, 0, message->size) != NULL)
        return ERR_INVALID_ARGUMENT;
    handle_t parent = service_take(message, 0);
    if (parent == HANDLE_NONE)
        return ERR_INVALID_ARGUMENT;
    handle_drop(&server->parent);
    server->parent = parent;
    fs_changed(server->root);
    memcpy(server->mount_path, message->data, message->size);
    server->mount_path[message->size] = 0;
    service_reply(message, 0);
    return OK;
}

static bool is_in_use(const struct fs_server *server)
{
    for (uint32_t i = 0; i < server->open_capacity; i++)
        if (i != FS_BADGE_ROOT && server->opens[i].node != NULL && !server->opens[i].watching)
            return true;
    return server->covered > 0;
}

status_t fs_handle_finish(struct service *service, struct message *message)
{
    struct fs_server *server = fs_server_of(service);
    struct fs_finish_request request;
    struct fs_open *open;
    status_t status = fs_begin(service, message, sizeof request, &open);
    if (status != OK)
        return status;
    memcpy(&request, message->data, sizeof request);
    if (message->badge != FS_BADGE_ROOT)
        return ERR_NOT_PERMITTED;
    if (!request.force && is_in_use(server))
        return ERR_BUSY;
    if (server->ops->finish != NULL)
        status = server->ops->finish(server);
    else if (server->ops->sync != NULL)
        status = server->ops->sync(server->root, NULL, false);
    /* What has ended cannot be asked again, whether it was able to write everything or not. */
    if (status != OK && !request.force && server->ops->finish == NULL)
        return status;
    server->finished = true;
    service_reply(message, 0);
    return status;
}
