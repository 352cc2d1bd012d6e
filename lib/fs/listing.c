/* SPDX-License-Identifier: MIT */
/* Requests on an open directory: what is in it, and where it is. */
#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>

#include "internal.h"

bool fs_entries_add(struct fs_entries *entries, uint64_t ino, uint64_t cookie, uint32_t mode,
                    const char *name, size_t length)
{
    size_t record = ((sizeof(struct fs_dirent) + length + 7) & ~(size_t)7) + entries->room;
    entries->full = length > FS_NAME_MAX || record > (size_t)(entries->end - entries->at);
    if (entries->full)
        return false;
    memset(entries->at, 0, record);
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

static status_t check_listing(const struct message *message, const struct fs_open *open,
                              const struct fs_readdir_request *request, struct fs_attr *attr)
{
    if (request->room > FS_LISTING_MAX)
        return ERR_INVALID_ARGUMENT;
    if (message->principal != 0 && (open->flags & (FS_O_READ | FS_O_NODE)) != FS_O_READ)
        return ERR_BAD_HANDLE;
    status_t status = fs_attributes(open->node, attr);
    if (status != OK)
        return status;
    if ((attr->mode & FS_TYPE_MASK) != FS_TYPE_DIRECTORY)
        return ERR_NOT_DIRECTORY;
    return attr->nlink == 0 ? ERR_NOT_FOUND : OK; /* it was removed */
}

/* The records into the client's memory. */
static status_t put_records(struct message *message, const uint8_t *records, uint32_t length)
{
    handle_t vmo = service_take(message, 0);
    status_t status = vmo_write(vmo, 0, records, length);
    handle_drop(&vmo);
    return status;
}

status_t fs_handle_readdir(struct service *service, struct message *message)
{
    static uint8_t records[FS_LISTING_MAX] __attribute__((aligned(8))); /* one thread; large */
    struct fs_server *server = fs_server_of(service);
    struct fs_open *open;
    struct fs_readdir_request request;
    struct fs_attr attr;
    status_t status = fs_begin(service, message, sizeof request, &open);
    if (status != OK)
        return status;
    memcpy(&request, message->data, sizeof request);
    status = check_listing(message, open, &request, &attr);
    if (status != OK)
        return status;
    bool tells =
        request.attributes != 0 && server->changes != NULL && server->ops->lists_attributes;
    struct fs_entries entries = {.at = records,
                                 .end = records + (request.room ? request.room : FS_INLINE_MAX),
                                 .room = tells ? sizeof(struct fs_dirent_attr) : 0};
    status = server->ops->read_directory(open->node, open->data, request.cookie, &entries);
    if (status == OK && entries.count == 0 && entries.full)
        status = ERR_TOO_LARGE;
    if (status != OK)
        return status;
    if (tells)
        tell_entries(open->node, records, entries.at);
    uint32_t length = (uint32_t)(entries.at - records);
    if (request.room != 0 && (status = put_records(message, records, length)) != OK)
        return status;
    struct fs_readdir_reply *reply = service_reply(message, sizeof *reply);
    *reply = (struct fs_readdir_reply){.count = entries.count,
                                       .last = !entries.full,
                                       .attributes = tells,
                                       .change = server->changes != NULL ? server->changes->now : 0,
                                       .mount = attr.mount,
                                       .length = length};
    return request.room == 0 ? service_tail(message, records, length) : OK;
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

status_t fs_handle_name_of(struct service *service, struct message *message)
{
    struct fs_server *server = fs_server_of(service);
    struct fs_open *open;
    struct fs_attr attr;
    char path[MESSAGE_BYTES];
    size_t at;
    status_t status = fs_begin(service, message, 0, &open);
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
