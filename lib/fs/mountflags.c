/* SPDX-License-Identifier: MIT */
/* Flags of the mounted file system. Read-only is kept here, for every file system alike. */
#include <string.h>

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
