/* SPDX-License-Identifier: MIT */
/* Requests on the content of an open file: transfers, its VMO, its position. */
#include <string.h>

#include <atomik/log.h>
#include <atomik/syscall.h>
#include <ipc/call.h>

#include "internal.h"

#define STAGING_SIZE 65536u

/* Bulk data on its way between the file system and the client's buffer. */
static uint8_t staging[STAGING_SIZE];

void fs_drop_set_id(const struct message *message, const struct fs_open *open)
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

/* One piece between the client's buffer, from `at` on, and the file; *part: how much of it the file took or had. */
static status_t move_piece(struct fs_open *open, uint64_t offset, uint32_t at, uint32_t wanted,
                           bool writing, uint32_t *part)
{
    const struct fs_ops *ops = open->node->server->ops;
    status_t status;
    if (writing) {
        status = vmo_read(open->buffer, at, staging, wanted);
        return status != OK ? status
                            : ops->write(open->node, open->data, offset, staging, wanted, part);
    }
    status = ops->read(open->node, open->data, offset, staging, wanted, part);
    return status == OK && *part > 0 ? vmo_write(open->buffer, at, staging, *part) : status;
}

/* An error after the first piece is the next call's to find. */
static status_t move_bulk(struct fs_open *open, uint64_t offset, uint32_t length, bool writing,
                          uint32_t *done)
{
    if (open->buffer == HANDLE_NONE)
        return ERR_BAD_STATE;
    if (length > open->buffer_size)
        length = open->buffer_size;
    while (*done < length) {
        uint32_t wanted = length - *done < STAGING_SIZE ? length - *done : STAGING_SIZE, part = 0;
        status_t status = move_piece(open, offset + *done, *done, wanted, writing, &part);
        if (status != OK)
            return *done > 0 ? OK : status;
        *done += part;
        if (part < wanted)
            break;
    }
    return OK;
}

status_t fs_handle_read(struct service *service, struct message *message)
{
    struct fs_open *open;
    struct fs_read_request request;
    uint8_t bytes[FS_INLINE_MAX];
    uint32_t done = 0;
    uint64_t offset;
    status_t status = fs_begin(service, message, sizeof request, &open);
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
        status = move_bulk(open, offset, request.length, false, &done);
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

status_t fs_handle_write(struct service *service, struct message *message)
{
    struct fs_open *open;
    struct fs_write_request request;
    const uint8_t *tail;
    uint32_t tail_length, done = 0;
    uint64_t offset;
    status_t status = fs_begin(service, message, sizeof request, &open);
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
        status = move_bulk(open, offset, request.length, true, &done);
    else
        status = open->node->server->ops->write(open->node, open->data, offset, tail,
                                                request.length, &done);
    fs_changed(open->node);
    if (status != OK)
        return status;
    if (done > 0) {
        fs_drop_set_id(message, open);
        fs_event_content(open->node, FS_EVENT_MODIFY);
    }
    if (request.offset == FS_POSITION)
        open->position = offset + done;
    struct fs_write_reply *reply = service_reply(message, sizeof *reply);
    reply->length = done;
    reply->end = offset + done;
    return OK;
}

status_t fs_handle_buffer(struct service *service, struct message *message)
{
    struct fs_open *open;
    struct fs_buffer_request request;
    status_t status = fs_begin(service, message, sizeof request, &open);
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

status_t fs_handle_vmo(struct service *service, struct message *message)
{
    struct fs_open *open;
    struct fs_vmo_request request;
    handle_t vmo;
    uint64_t size;
    bool coherent;
    status_t status = fs_begin(service, message, sizeof request, &open);
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

status_t fs_handle_position(struct service *service, struct message *message)
{
    struct fs_open *open;
    struct fs_position_request request;
    uint64_t before, after;
    status_t status = fs_begin(service, message, sizeof request, &open);
    if (status != OK)
        return status;
    memcpy(&request, message->data, sizeof request);
    status = request.whence == 3 ? reserve(open, request.delta, &before, &after)
                                 : seek(open, request.whence, request.delta, &before, &after);
    if (status == OK && request.whence == 3)
        fs_drop_set_id(message, open);
    if (status != OK)
        return status;
    open->position = after;
    struct fs_position_reply *reply = service_reply(message, sizeof *reply);
    reply->before = before;
    reply->after = after;
    return OK;
}

status_t fs_handle_modified(struct service *service, struct message *message)
{
    struct fs_open *open;
    status_t status = fs_begin(service, message, 0, &open);
    if (status == OK && message->principal != 0)
        status = check_data(open, FS_O_WRITE);
    if (status == OK && open->node->server->ops->modified != NULL)
        status = open->node->server->ops->modified(open->node);
    if (status == OK)
        fs_drop_set_id(message, open);
    if (status == OK)
        fs_changed(open->node);
    if (status == OK)
        fs_event_content(open->node, FS_EVENT_MODIFY);
    if (status == OK)
        service_reply(message, 0);
    return status;
}

status_t fs_handle_sync(struct service *service, struct message *message)
{
    struct fs_open *open;
    struct fs_sync_request request;
    status_t status = fs_begin(service, message, sizeof request, &open);
    if (status != OK)
        return status;
    memcpy(&request, message->data, sizeof request);
    if (open->node->server->ops->sync != NULL)
        status = open->node->server->ops->sync(open->node, open->data, request.data_only != 0);
    if (status == OK)
        service_reply(message, 0);
    return status;
}
