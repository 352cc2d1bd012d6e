/* SPDX-License-Identifier: MIT */
/* Nodes' references, and open nodes: the table that badges index. */
#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>

#include "internal.h"

void fs_node_init(struct fs_server *server, struct fs_node *node, uint64_t ino)
{
    *node = (struct fs_node){.server = server, .ino = ino, .references = 1};
}

struct fs_node *fs_node_get(struct fs_node *node)
{
    node->references++;
    return node;
}

void fs_node_put(struct fs_node *node)
{
    if (node == NULL || --node->references > 0)
        return;
    fs_locks_free(node);
    node->server->ops->release(node);
}

struct fs_open *fs_open_of(struct fs_server *server, uint32_t badge)
{
    if (badge >= server->open_capacity || server->opens[badge].node == NULL)
        return NULL;
    return &server->opens[badge];
}

struct fs_open *fs_open_of_handle(struct fs_server *server, handle_t handle)
{
    struct handle_info info;
    if (handle == HANDLE_NONE || handle_info(handle, &info) != OK)
        return NULL;
    if (info.type != OBJECT_PORT || info.object_id != server->device)
        return NULL;
    return fs_open_of(server, info.badge);
}

static status_t grow(struct fs_server *server)
{
    uint32_t old = server->open_capacity, capacity = old == 0 ? 64 : old * 2;
    struct fs_open *opens = realloc(server->opens, capacity * sizeof *opens);
    if (opens == NULL)
        return ERR_NO_MEMORY;
    memset(opens + old, 0, (capacity - old) * sizeof *opens);
    for (uint32_t i = capacity; i-- > old;) {
        if (i <= FS_BADGE_ROOT)
            continue;
        opens[i].next_free = server->open_free;
        server->open_free = i;
    }
    server->opens = opens;
    server->open_capacity = capacity;
    return OK;
}

status_t fs_open_new(struct fs_server *server, struct fs_node *node, uint32_t flags,
                     const struct fs_who *who, handle_t *handle)
{
    void *data = NULL;
    if (server->open_free == 0 && grow(server) != OK)
        return ERR_NO_MEMORY;
    uint32_t badge = server->open_free;
    if (server->ops->open != NULL) {
        status_t status = server->ops->open(node, flags, &data);
        if (status != OK)
            return status;
    }
    status_t status = port_badge(server->service.port, badge, handle);
    if (status != OK) {
        if (server->ops->close != NULL)
            server->ops->close(node, data);
        return status;
    }
    server->open_free = server->opens[badge].next_free;
    fs_share_begin(node, flags);
    server->opens[badge] =
        (struct fs_open){.node = fs_node_get(node),
                         .flags = flags,
                         .who = {.uid = who->uid, .gid = who->gid, .power = who->power},
                         .data = data};
    return OK;
}

void fs_open_end(struct fs_server *server, uint32_t badge)
{
    struct fs_open *open = fs_open_of(server, badge);
    if (open == NULL || badge <= FS_BADGE_ROOT)
        return;
    struct fs_node *node = open->node;
    fs_share_end(node, open->flags);
    handle_drop(&open->buffer);
    handle_drop(&open->claim);
    if (server->ops->close != NULL)
        server->ops->close(node, open->data);
    *open = (struct fs_open){.next_free = server->open_free};
    server->open_free = badge;
    fs_locks_closed(server, node, badge);
    fs_node_put(node);
}

/*
 * The VMO stays the client's, who may shrink it at any time; so it is never mapped here, only read
 * and written by kernel calls, which fail instead of faulting.
 */
status_t fs_open_buffer(struct fs_open *open, handle_t vmo, uint32_t size)
{
    struct handle_info info;
    if (size == 0 || vmo == HANDLE_NONE)
        return ERR_INVALID_ARGUMENT;
    status_t status = handle_info(vmo, &info);
    if (status != OK)
        return status;
    if (info.type != OBJECT_VMO)
        return ERR_WRONG_TYPE;
    handle_drop(&open->buffer);
    open->buffer = vmo;
    open->buffer_size = size;
    return OK;
}
