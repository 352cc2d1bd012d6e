/* SPDX-License-Identifier: MIT */
/* The requests on an open node, and the server's loop. */
#include <string.h>

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <ipc/call.h>

#include "internal.h"

#define STAGING_SIZE 65536u

/* Bulk data on its way between the file system and the client's buffer. */
static uint8_t staging[STAGING_SIZE];

/* The open node and the request of a call; an error if either is missing. */
static status_t begin(struct service *service, struct message *message, uint32_t size,
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
    status_t status = begin(service, message, 0, &open);
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

/* What somebody without power writes does not run with another's power: the bits for that go. */
static void drop_set_id(const struct message *message, const struct fs_open *open)
{
    struct fs_attr attr;
    if (fs_who_calls(message, open).power || open->node->server->ops->set_attributes == NULL ||
        fs_attributes(open->node, &attr) != OK ||
        (attr.mode & (FS_MODE_SETUID | FS_MODE_SETGID)) == 0)
        return;
    bool group = (attr.mode & FS_MODE_GROUP_EXECUTES) != 0; /* else it is a lock's mark */
    attr.mode &= ~(FS_MODE_SETUID | (group ? FS_MODE_SETGID : 0));
    if (open->node->server->ops->set_attributes(open->node, FS_ATTR_MODE, &attr) != OK)
        LOG_ONCE("a file that was written keeps its set-id bits");
}

static status_t handle_setattr(struct service *service, struct message *message)
{
    struct fs_open *open;
    struct fs_setattr_request request;
    status_t status = begin(service, message, sizeof request, &open);
    if (status != OK)
        return status;
    memcpy(&request, message->data, sizeof request);
    struct fs_who who = fs_who_calls(message, open);
    status = fs_check_setattr(open, &who, request.mask, &request.attr);
    if (status == OK)
        status = fs_set_attributes(open->node, request.mask, &request.attr);
    if (status == OK && (request.mask & FS_ATTR_SIZE))
        drop_set_id(message, open);
    if (status == OK)
        status = attributes_for(open, &request.attr);
    if (status == OK)
        ((struct fs_setattr_reply *)service_reply(message, sizeof(struct fs_setattr_reply)))->attr =
            request.attr;
    return status;
}

/* ---- data ------------------------------------------------------------------------------------ */

static status_t check_data(struct fs_open *open, uint32_t right)
{
    struct fs_attr attr;
    if ((open->flags & FS_O_NODE) || (open->flags & right) == 0)
        return ERR_BAD_HANDLE;
    status_t status = fs_attributes(open->node, &attr);
    if (status != OK)
        return status;
    uint32_t type = attr.mode & FS_TYPE_MASK;
    return type == FS_TYPE_FILE        ? OK
           : type == FS_TYPE_DIRECTORY ? ERR_IS_DIRECTORY
                                       : ERR_NOT_SUPPORTED;
}

static status_t node_size(struct fs_node *node, uint64_t *size)
{
    struct fs_attr attr;
    status_t status = fs_attributes(node, &attr);
    if (status == OK)
        *size = attr.size;
    return status;
}

/* Where a transfer starts. The sum with its length must not wrap. */
static status_t find_offset(struct fs_open *open, uint64_t wanted, uint32_t length, bool writing,
                            uint64_t *offset)
{
    status_t status = OK;
    if (wanted == FS_APPEND || (wanted == FS_POSITION && writing && (open->flags & FS_O_APPEND)))
        status = node_size(open->node, offset);
    else
        *offset = wanted == FS_POSITION ? open->position : wanted;
    if (status == OK && *offset > (uint64_t)INT64_MAX - length)
        return writing ? ERR_FILE_TOO_LARGE : ERR_INVALID_ARGUMENT;
    return status;
}

static status_t read_bulk(struct fs_open *open, uint64_t offset, uint32_t length, uint32_t *done)
{
    const struct fs_ops *ops = open->node->server->ops;
    if (open->buffer == HANDLE_NONE)
        return ERR_BAD_STATE;
    if (length > open->buffer_size)
        length = open->buffer_size;
    while (*done < length) {
        uint32_t wanted = length - *done < STAGING_SIZE ? length - *done : STAGING_SIZE, part = 0;
        status_t status = ops->read(open->node, open->data, offset + *done, staging, wanted, &part);
        if (status == OK && part > 0)
            status = vmo_write(open->buffer, *done, staging, part);
        if (status != OK)
            return *done > 0 ? OK : status;
        *done += part;
        if (part < wanted)
            break;
    }
    return OK;
}

static status_t handle_read(struct service *service, struct message *message)
{
    struct fs_open *open;
    struct fs_read_request request;
    uint8_t bytes[FS_INLINE_MAX];
    uint32_t done = 0;
    uint64_t offset;
    status_t status = begin(service, message, sizeof request, &open);
    if (status != OK)
        return status;
    memcpy(&request, message->data, sizeof request);
    status = check_data(open, FS_O_READ);
    if (status == OK)
        status = find_offset(open, request.offset, request.length, false, &offset);
    if (status != OK)
        return status;
    const struct fs_ops *ops = open->node->server->ops;
    if (request.bulk)
        status = read_bulk(open, offset, request.length, &done);
    else
        status = ops->read(open->node, open->data, offset, bytes,
                           request.length < FS_INLINE_MAX ? request.length : FS_INLINE_MAX, &done);
    if (status != OK)
        return status;
    if (request.offset == FS_POSITION)
        open->position = offset + done;
    struct fs_read_reply *reply = service_reply(message, sizeof *reply);
    reply->length = done;
    return request.bulk ? OK : service_tail(message, bytes, done);
}

static status_t write_bulk(struct fs_open *open, uint64_t offset, uint32_t length, uint32_t *done)
{
    const struct fs_ops *ops = open->node->server->ops;
    if (open->buffer == HANDLE_NONE)
        return ERR_BAD_STATE;
    if (length > open->buffer_size)
        length = open->buffer_size;
    while (*done < length) {
        uint32_t wanted = length - *done < STAGING_SIZE ? length - *done : STAGING_SIZE, part = 0;
        status_t status = vmo_read(open->buffer, *done, staging, wanted);
        if (status == OK)
            status = ops->write(open->node, open->data, offset + *done, staging, wanted, &part);
        if (status != OK)
            return *done > 0 ? OK : status;
        *done += part;
        if (part < wanted)
            break;
    }
    return OK;
}

static status_t handle_write(struct service *service, struct message *message)
{
    struct fs_open *open;
    struct fs_write_request request;
    const uint8_t *tail;
    uint32_t tail_length, done = 0;
    uint64_t offset;
    status_t status = begin(service, message, sizeof request, &open);
    if (status != OK)
        return status;
    memcpy(&request, service_request(message, sizeof request, &tail, &tail_length), sizeof request);
    if (!request.bulk && request.length > tail_length)
        return ERR_INVALID_ARGUMENT;
    status = check_data(open, FS_O_WRITE);
    if (status == OK && open->node->server->ops->write == NULL)
        status = ERR_READ_ONLY;
    if (status == OK)
        status = find_offset(open, request.offset, request.length, true, &offset);
    if (status != OK)
        return status;
    if (request.bulk)
        status = write_bulk(open, offset, request.length, &done);
    else
        status = open->node->server->ops->write(open->node, open->data, offset, tail,
                                                request.length, &done);
    fs_changed(open->node);
    if (status != OK)
        return status;
    if (done > 0) {
        drop_set_id(message, open);
        fs_event_content(open->node, FS_EVENT_MODIFY);
    }
    if (request.offset == FS_POSITION)
        open->position = offset + done;
    struct fs_write_reply *reply = service_reply(message, sizeof *reply);
    reply->length = done;
    reply->end = offset + done;
    return OK;
}

static status_t handle_buffer(struct service *service, struct message *message)
{
    struct fs_open *open;
    struct fs_buffer_request request;
    status_t status = begin(service, message, sizeof request, &open);
    if (status != OK)
        return status;
    memcpy(&request, message->data, sizeof request);
    handle_t vmo = service_take(message, 0);
    status = fs_open_buffer(open, vmo, request.size);
    if (status != OK)
        handle_drop(&vmo);
    else
        service_reply(message, 0);
    return status;
}

static status_t handle_vmo(struct service *service, struct message *message)
{
    struct fs_open *open;
    struct fs_vmo_request request;
    handle_t vmo;
    uint64_t size;
    bool coherent;
    status_t status = begin(service, message, sizeof request, &open);
    if (status != OK)
        return status;
    memcpy(&request, message->data, sizeof request);
    status = check_data(open, request.prot & PROT_W ? FS_O_WRITE : FS_O_READ);
    if (status == OK && (request.prot & (PROT_R | PROT_X)) && (open->flags & FS_O_READ) == 0)
        status = ERR_BAD_HANDLE;
    if (status != OK)
        return status;
    if (open->node->server->ops->content == NULL)
        return ERR_NOT_SUPPORTED;
    status = open->node->server->ops->content(open->node, open->data, request.prot, &vmo, &size,
                                              &coherent);
    if (status != OK)
        return status;
    struct fs_vmo_reply *reply = service_reply(message, sizeof *reply);
    reply->size = size;
    reply->coherent = coherent;
    service_handle(message, vmo);
    return OK;
}

static status_t reserve(struct fs_open *open, int64_t delta, uint64_t *before, uint64_t *after)
{
    struct fs_attr wanted;
    status_t status = check_data(open, FS_O_WRITE);
    if (status == OK)
        status = node_size(open->node, before);
    if (status != OK)
        return status;
    if (delta < 0 || *before > (uint64_t)INT64_MAX - (uint64_t)delta)
        return ERR_INVALID_ARGUMENT;
    *after = wanted.size = *before + (uint64_t)delta;
    status =
        fs_set_attributes(open->node, FS_ATTR_SIZE | FS_ATTR_SPACE | FS_ATTR_MTIME_NOW, &wanted);
    return status;
}

static status_t seek(struct fs_open *open, uint32_t whence, int64_t delta, uint64_t *before,
                     uint64_t *after)
{
    uint64_t base = 0;
    status_t status = OK;
    *before = open->position;
    if (whence == 1)
        base = open->position;
    else if (whence == 2)
        status = node_size(open->node, &base);
    if (status != OK)
        return status;
    if (whence > 2 || (delta < 0 && (uint64_t)-delta > base) ||
        (delta > 0 && base > INT64_MAX - (uint64_t)delta))
        return ERR_INVALID_ARGUMENT;
    *after = base + (uint64_t)delta;
    return OK;
}

static status_t handle_position(struct service *service, struct message *message)
{
    struct fs_open *open;
    struct fs_position_request request;
    uint64_t before, after;
    status_t status = begin(service, message, sizeof request, &open);
    if (status != OK)
        return status;
    memcpy(&request, message->data, sizeof request);
    status = request.whence == 3 ? reserve(open, request.delta, &before, &after)
                                 : seek(open, request.whence, request.delta, &before, &after);
    if (status == OK && request.whence == 3)
        drop_set_id(message, open);
    if (status != OK)
        return status;
    open->position = after;
    struct fs_position_reply *reply = service_reply(message, sizeof *reply);
    reply->before = before;
    reply->after = after;
    return OK;
}

static status_t handle_modified(struct service *service, struct message *message)
{
    struct fs_open *open;
    status_t status = begin(service, message, 0, &open);
    if (status == OK && message->principal != 0)
        status = check_data(open, FS_O_WRITE);
    if (status == OK && open->node->server->ops->modified != NULL)
        status = open->node->server->ops->modified(open->node);
    if (status == OK)
        drop_set_id(message, open);
    if (status == OK)
        fs_changed(open->node);
    if (status == OK)
        fs_event_content(open->node, FS_EVENT_MODIFY);
    if (status == OK)
        service_reply(message, 0);
    return status;
}

static status_t handle_sync(struct service *service, struct message *message)
{
    struct fs_open *open;
    struct fs_sync_request request;
    status_t status = begin(service, message, sizeof request, &open);
    if (status != OK)
        return status;
    memcpy(&request, message->data, sizeof request);
    if (open->node->server->ops->sync != NULL)
        status = open->node->server->ops->sync(open->node, open->data, request.data_only != 0);
    if (status == OK)
        service_reply(message, 0);
    return status;
}

static status_t handle_reopen(struct service *service, struct message *message)
{
    struct fs_open *open;
    struct fs_reopen_request request;
    struct fs_attr attr;
    handle_t handle;
    status_t status = begin(service, message, sizeof request, &open);
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
    status_t status = begin(service, message, 0, &open);
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

/* ---- directories ----------------------------------------------------------------------------- */

bool fs_entries_add(struct fs_entries *entries, uint64_t ino, uint64_t cookie, uint32_t mode,
                    const char *name, size_t length)
{
    size_t record = ((sizeof(struct fs_dirent) + length + 7) & ~(size_t)7) + entries->room;
    entries->full = length > FS_NAME_MAX || record > (size_t)(entries->end - entries->at);
    if (entries->full)
        return false;
    struct fs_dirent entry = {.ino = ino,
                              .cookie = cookie,
                              .record_length = (uint16_t)record,
                              .type = (uint8_t)((mode & FS_TYPE_MASK) >> 12),
                              .name_length = (uint8_t)length};
    memcpy(entries->at, &entry, sizeof entry);
    memcpy(entries->at + offsetof(struct fs_dirent, name), name, length);
    entries->at += record;
    entries->count++;
    return true;
}

/* What is in the directory; nothing is said of what another file system covers. */
static void tell_entry(struct fs_node *directory, const struct fs_dirent *entry,
                       struct fs_dirent_attr *to)
{
    struct fs_node *child;
    struct fs_attr attr;
    if (fs_is_dots(entry->name, entry->name_length))
        return;
    if (fs_lookup(directory, entry->name, entry->name_length, false, &child) != OK)
        return;
    if (child->mounted == HANDLE_NONE && child->ino == entry->ino &&
        fs_attributes(child, &attr) == OK)
        *to = (struct fs_dirent_attr){.size = attr.size,
                                      .blocks = attr.blocks,
                                      .atime = attr.atime,
                                      .mtime = attr.mtime,
                                      .ctime = attr.ctime,
                                      .btime = attr.btime,
                                      .mode = attr.mode,
                                      .nlink = attr.nlink,
                                      .uid = attr.uid,
                                      .gid = attr.gid,
                                      .rdev = attr.rdev,
                                      .generation = attr.generation};
    fs_node_put(child);
}

static void tell_entries(struct fs_node *directory, uint8_t *records, const uint8_t *end)
{
    for (uint8_t *at = records; at < end;) {
        const struct fs_dirent *entry = (const void *)at;
        at += entry->record_length;
        tell_entry(directory, entry, (void *)(at - sizeof(struct fs_dirent_attr)));
    }
}

static status_t handle_readdir(struct service *service, struct message *message)
{
    struct fs_server *server = fs_server_of(service);
    struct fs_open *open;
    struct fs_readdir_request request;
    struct fs_attr attr;
    uint8_t records[FS_INLINE_MAX] __attribute__((aligned(8)));
    struct fs_entries entries = {.at = records, .end = records + sizeof records};
    status_t status = begin(service, message, sizeof request, &open);
    if (status != OK)
        return status;
    memcpy(&request, message->data, sizeof request);
    if (message->principal != 0 && (open->flags & (FS_O_READ | FS_O_NODE)) != FS_O_READ)
        return ERR_BAD_HANDLE;
    status = fs_attributes(open->node, &attr);
    if (status != OK)
        return status;
    if ((attr.mode & FS_TYPE_MASK) != FS_TYPE_DIRECTORY)
        return ERR_NOT_DIRECTORY;
    if (attr.nlink == 0)
        return ERR_NOT_FOUND; /* it was removed */
    bool tells =
        request.attributes != 0 && server->changes != NULL && server->ops->lists_attributes;
    entries.room = tells ? sizeof(struct fs_dirent_attr) : 0;
    memset(records, 0, sizeof records);
    status = server->ops->read_directory(open->node, open->data, request.cookie, &entries);
    if (status != OK)
        return status;
    if (tells)
        tell_entries(open->node, records, entries.at);
    struct fs_readdir_reply *reply = service_reply(message, sizeof *reply);
    reply->count = entries.count;
    reply->last = !entries.full;
    reply->attributes = tells;
    reply->change = server->changes != NULL ? server->changes->now : 0;
    reply->mount = attr.mount;
    return service_tail(message, records, (uint32_t)(entries.at - records));
}

/* Builds the path from its end in path[size]; *at is where it starts. */
static status_t build_name(struct fs_server *server, struct fs_node *directory, char *path,
                           size_t size, size_t *at)
{
    struct fs_node *node = fs_node_get(directory), *parent;
    status_t status = OK;
    *at = size;
    while (status == OK && node != server->root) {
        char name[FS_NAME_MAX + 1];
        size_t length;
        status = server->ops->name(node, name, sizeof name, &length);
        if (status == OK && length + 1 > *at)
            status = ERR_NAME_TOO_LONG;
        if (status == OK)
            status = server->ops->parent(node, &parent);
        if (status != OK)
            break;
        *at -= length;
        memcpy(path + *at, name, length);
        path[--*at] = '/';
        fs_node_put(node);
        node = parent;
    }
    fs_node_put(node);
    return status;
}

static status_t handle_name_of(struct service *service, struct message *message)
{
    struct fs_server *server = fs_server_of(service);
    struct fs_open *open;
    struct fs_attr attr;
    char path[MESSAGE_BYTES];
    size_t at;
    status_t status = begin(service, message, 0, &open);
    if (status == OK)
        status = fs_attributes(open->node, &attr);
    if (status == OK && (attr.mode & FS_TYPE_MASK) != FS_TYPE_DIRECTORY)
        status = ERR_NOT_DIRECTORY;
    if (status == OK)
        status = build_name(server, open->node, path, sizeof path, &at);
    if (status != OK)
        return status;
    service_reply(message, 0);
    status = service_tail(message, server->mount_path, strlen(server->mount_path));
    if (status == OK)
        status = service_tail(message, path + at, sizeof path - at);
    if (status == OK && message->size == 0)
        status = service_tail(message, "/", 1);
    return status == ERR_TOO_LARGE ? ERR_NAME_TOO_LONG : status;
}

static status_t handle_mount(struct service *service, struct message *message)
{
    struct fs_open *open;
    struct fs_attr attr;
    status_t status = begin(service, message, 0, &open);
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

static status_t handle_unmount(struct service *service, struct message *message)
{
    struct fs_open *open;
    status_t status = begin(service, message, 0, &open);
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
static status_t handle_set_parent(struct service *service, struct message *message)
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

static status_t handle_finish(struct service *service, struct message *message)
{
    struct fs_server *server = fs_server_of(service);
    struct fs_finish_request request;
    struct fs_open *open;
    status_t status = begin(service, message, sizeof request, &open);
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

void fs_server_fail(const char *what, status_t status)
{
    log_printf("%s: %s", what, status_text(status));
    process_end(status);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static const struct service_entry entries[] = {
    {LABEL_fs_xattr, fs_handle_xattr},
    {LABEL_fs_path, fs_handle_path},
    {LABEL_fs_stat, handle_stat},
    {LABEL_fs_read, handle_read},
    {LABEL_fs_write, handle_write},
    {LABEL_fs_position, handle_position},
    {LABEL_fs_vmo, handle_vmo},
    {LABEL_fs_readdir, handle_readdir},
    {LABEL_fs_setattr, handle_setattr},
    {LABEL_fs_buffer, handle_buffer},
    {LABEL_fs_modified, handle_modified},
    {LABEL_fs_sync, handle_sync},
    {LABEL_fs_reopen, handle_reopen},
    {LABEL_fs_statfs, handle_statfs},
    {LABEL_fs_name_of, handle_name_of},
    {LABEL_fs_mount, handle_mount},
    {LABEL_fs_set_parent, handle_set_parent},
    {LABEL_fs_unmount, handle_unmount},
    {LABEL_fs_lock, fs_handle_lock},
    {LABEL_fs_changes, fs_handle_changes},
    {LABEL_fs_remount, fs_handle_remount},
    {LABEL_fs_finish, handle_finish},
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
