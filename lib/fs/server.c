/* SPDX-License-Identifier: MIT */
/* The requests on an open node, and the server's loop. */
#include <string.h>

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <ipc/call.h>

#include "internal.h"

status_t fs_begin(struct service *service, struct message *message, uint32_t size,
                  struct fs_open **open)
{
    *open = fs_open_of(fs_server_of(service), message->badge);
    if (*open == NULL)
        return ERR_BAD_HANDLE;
    if (fs_server_of(service)->finished)
        return ERR_IO_ERROR;
    return message->size < size ? ERR_INVALID_ARGUMENT : OK;
}

/* NT's are looked up only for who will look at them. */
static status_t attributes_for(const struct fs_open *open, struct fs_attr *attr)
{
    status_t status = fs_attributes(open->node, attr);
    if (status == OK && (open->flags & FS_O_NOCASE))
        fs_dos_get(open->node, attr);
    return status;
}

static status_t handle_stat(struct service *service, struct message *message)
{
    struct fs_open *open;
    struct fs_attr attr;
    status_t status = fs_begin(service, message, 0, &open);
    if (status == OK)
        status = attributes_for(open, &attr);
    if (status == OK)
        ((struct fs_stat_reply *)service_reply(message, sizeof(struct fs_stat_reply)))->attr = attr;
    return status;
}

status_t fs_set_attributes(struct fs_node *node, uint32_t mask, const struct fs_attr *attr)
{
    const struct fs_ops *ops = node->server->ops;
    status_t status = OK;
    if (ops->set_attributes == NULL || fs_is_read_only(node->server))
        return ERR_READ_ONLY;
    if ((mask & FS_ATTR_DOS) && !ops->keeps_dos) {
        mask &= ~(uint32_t)FS_ATTR_DOS;
        status = fs_dos_set(node, attr->dos);
    }
    if (status == OK && (mask & ~(uint32_t)FS_ATTR_CHECKED))
        status = ops->set_attributes(node, mask, attr);
    fs_changed(node);
    if (status == OK)
        fs_event_content(node, mask & FS_ATTR_SIZE ? FS_EVENT_MODIFY : FS_EVENT_ATTRIBUTES);
    return status;
}

static status_t handle_setattr(struct service *service, struct message *message)
{
    struct fs_open *open;
    struct fs_setattr_request request;
    status_t status = fs_begin(service, message, sizeof request, &open);
    if (status != OK)
        return status;
    memcpy(&request, message->data, sizeof request);
    struct fs_who who = fs_who_calls(message, open);
    status = fs_check_setattr(open, &who, request.mask, &request.attr);
    if (status == OK)
        status = fs_set_attributes(open->node, request.mask, &request.attr);
    if (status == OK && (request.mask & FS_ATTR_SIZE))
        fs_drop_set_id(message, open);
    if (status == OK)
        status = attributes_for(open, &request.attr);
    if (status == OK)
        ((struct fs_setattr_reply *)service_reply(message, sizeof(struct fs_setattr_reply)))->attr =
            request.attr;
    return status;
}

static status_t handle_reopen(struct service *service, struct message *message)
{
    struct fs_open *open;
    struct fs_reopen_request request;
    struct fs_attr attr;
    handle_t handle;
    status_t status = fs_begin(service, message, sizeof request, &open);
    if (status != OK)
        return status;
    memcpy(&request, message->data, sizeof request);
    struct fs_node *node = open->node; /* the table may move below */
    struct fs_who who = fs_who_calls(message, open);
    status = fs_attributes(node, &attr);
    if (request.flags & FS_O_SAME) {
        request.flags = open->flags;
    } else if (status == OK && (request.flags & FS_O_NODE) == 0) {
        if ((attr.mode & FS_TYPE_MASK) == FS_TYPE_DIRECTORY && (request.flags & FS_O_WRITE))
            status = ERR_IS_DIRECTORY;
        else
            status = fs_access(node, &who,
                               (request.flags & FS_O_READ ? MAY_READ : 0) |
                                   (request.flags & FS_O_WRITE ? MAY_WRITE : 0));
        if (status == OK && (attr.mode & FS_TYPE_MASK) == FS_TYPE_FILE)
            status = fs_share_check(node, request.flags);
    }
    if (status == OK)
        status = fs_open_new(fs_server_of(service), node, request.flags, &who, &handle);
    if (status != OK)
        return status;
    ((struct fs_reopen_reply *)service_reply(message, sizeof(struct fs_reopen_reply)))->attr = attr;
    service_handle(message, handle);
    return OK;
}

static status_t handle_statfs(struct service *service, struct message *message)
{
    struct fs_server *server = fs_server_of(service);
    struct fs_statistics statistics = {0};
    struct fs_open *open;
    status_t status = fs_begin(service, message, 0, &open);
    if (status == OK)
        status = server->ops->statistics == NULL ? ERR_NOT_SUPPORTED
                                                 : server->ops->statistics(server, &statistics);
    if (status != OK)
        return status;
    statistics.device = server->device;
    statistics.mount = server->mount_flags | (statistics.read_only ? FS_MOUNT_READ_ONLY : 0);
    statistics.read_only = statistics.read_only || fs_is_read_only(server);
    ((struct fs_statfs_reply *)service_reply(message, sizeof(struct fs_statfs_reply)))->statistics =
        statistics;
    return OK;
}

void fs_server_fail(const char *what, status_t status)
{
    log_printf("%s: %s", what, status_text(status));
    process_end(status);
}

/* ---- the loop ---------------------------------------------------------------------------------------- */

static const struct service_entry entries[] = {
    {LABEL_fs_xattr, fs_handle_xattr},
    {LABEL_fs_path, fs_handle_path},
    {LABEL_fs_stat, handle_stat},
    {LABEL_fs_read, fs_handle_read},
    {LABEL_fs_write, fs_handle_write},
    {LABEL_fs_position, fs_handle_position},
    {LABEL_fs_vmo, fs_handle_vmo},
    {LABEL_fs_readdir, fs_handle_readdir},
    {LABEL_fs_setattr, handle_setattr},
    {LABEL_fs_buffer, fs_handle_buffer},
    {LABEL_fs_modified, fs_handle_modified},
    {LABEL_fs_sync, fs_handle_sync},
    {LABEL_fs_reopen, handle_reopen},
    {LABEL_fs_statfs, handle_statfs},
    {LABEL_fs_name_of, fs_handle_name_of},
    {LABEL_fs_mount, fs_handle_mount},
    {LABEL_fs_set_parent, fs_handle_set_parent},
    {LABEL_fs_unmount, fs_handle_unmount},
    {LABEL_fs_lock, fs_handle_lock},
    {LABEL_fs_changes, fs_handle_changes},
    {LABEL_fs_remount, fs_handle_remount},
    {LABEL_fs_finish, fs_handle_finish},
    {LABEL_fs_watch, fs_handle_watch},
    {0, NULL},
};

/* What others do with care: mounting is init's, and personalities have checked who may (fs_xattr). */
static const uint32_t for_system[] = {LABEL_fs_xattr,
                                      LABEL_fs_mount,
                                      LABEL_fs_unmount,
                                      LABEL_fs_set_parent,
                                      LABEL_fs_remount,
                                      LABEL_fs_finish,
                                      0};

static void badge_closed(struct service *service, uint32_t badge)
{
    fs_open_end(fs_server_of(service), badge);
}

static void cancelled(struct service *service, uint32_t token)
{
    fs_locks_cancel(fs_server_of(service), token);
}

status_t fs_server_init(struct fs_server *server, handle_t port, const struct fs_ops *ops,
                        struct fs_node *root)
{
    struct handle_info info;
    handle_t unused = HANDLE_NONE;
    status_t status = handle_info(port, &info);
    if (status != OK)
        return status;
    *server = (struct fs_server){.ops = ops, .root = root, .device = info.object_id};
    server->service = (struct service){.port = port,
                                       .entries = entries,
                                       .for_system = for_system,
                                       .badge_closed = badge_closed,
                                       .cancelled = cancelled,
                                       .context = server};
    root->server = server;
    status = fs_changes_init(server);
    if (status != OK)
        return status;
    /* The first open makes the table; its slot 1 then is the root, whose badge init has made. */
    status = fs_open_new(server, root, FS_O_NODE, &(struct fs_who){.power = true}, &unused);
    if (status != OK)
        return status;
    handle_drop(&unused);
    server->opens[FS_BADGE_ROOT] = (struct fs_open){
        .node = fs_node_get(root), .flags = FS_O_READ | FS_O_DIRECTORY, .who = {.power = true}};
    return OK;
}

void fs_server_run(struct fs_server *server)
{
    service_run(&server->service);
}
