/* SPDX-License-Identifier: MIT */
/* The client of file systems: calls on an open node. */
#include <ipc/fsclient.h>

#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>

/*
 * File systems answer without waiting for anybody, so a kick can wait: a call cut short would leave
 * its caller not knowing whether, say, the position has moved.
 */
static void begin(struct ipc *ipc, uint32_t label, const void *request, uint32_t size)
{
    ipc_begin(ipc, label, request, size);
    ipc->flags = CALL_UNINTERRUPTIBLE;
}

/* A call without handles either way. */
static status_t simple(handle_t node, uint32_t label, const void *request, uint32_t size,
                       void *reply, uint32_t reply_size)
{
    struct ipc ipc;
    begin(&ipc, label, request, size);
    status_t status = ipc_call(&ipc, node, reply, reply_size);
    if (status == OK)
        ipc_drop(&ipc);
    return status;
}

status_t fs_client_stat(handle_t node, struct fs_attr *attr)
{
    return simple(node, LABEL_fs_stat, NULL, 0, attr, sizeof *attr);
}

status_t fs_client_setattr(handle_t node, uint32_t mask, const struct fs_attr *attr,
                           struct fs_attr *result)
{
    struct fs_setattr_request request = {.mask = mask, .attr = *attr};
    struct fs_setattr_reply reply;
    status_t status =
        simple(node, LABEL_fs_setattr, &request, sizeof request, &reply, sizeof reply);
    if (status == OK && result != NULL)
        *result = reply.attr;
    return status;
}

status_t fs_client_read(handle_t node, uint64_t offset, void *to, size_t length, size_t *done)
{
    struct ipc ipc;
    *done = 0;
    while (*done < length) {
        uint32_t wanted = length - *done < FS_INLINE_MAX ? length - *done : FS_INLINE_MAX;
        struct fs_read_request request = {.offset = offset == FS_POSITION ? offset : offset + *done,
                                          .length = wanted};
        struct fs_read_reply reply;
        begin(&ipc, LABEL_fs_read, &request, sizeof request);
        status_t status = ipc_call(&ipc, node, &reply, sizeof reply);
        if (status != OK)
            return *done > 0 ? OK : status;
        ipc_drop(&ipc);
        if (reply.length > wanted || reply.length > ipc.tail_length)
            return ERR_IO_ERROR;
        memcpy((char *)to + *done, ipc.tail, reply.length);
        *done += reply.length;
        if (reply.length < wanted)
            break;
    }
    return OK;
}

status_t fs_client_write(handle_t node, uint64_t offset, const void *from, size_t length,
                         size_t *done, uint64_t *end)
{
    struct ipc ipc;
    *done = 0;
    while (*done < length) {
        uint32_t part = length - *done < FS_INLINE_MAX ? length - *done : FS_INLINE_MAX;
        struct fs_write_request request = {.offset = offset >= FS_APPEND ? offset : offset + *done,
                                           .length = part};
        struct fs_write_reply reply;
        begin(&ipc, LABEL_fs_write, &request, sizeof request);
        status_t status = ipc_tail(&ipc, (const char *)from + *done, part);
        if (status == OK)
            status = ipc_call(&ipc, node, &reply, sizeof reply);
        if (status != OK)
            return *done > 0 ? OK : status;
        ipc_drop(&ipc);
        if (reply.length > part || reply.length == 0)
            return ERR_IO_ERROR;
        *done += reply.length;
        if (end != NULL)
            *end = reply.end;
    }
    return OK;
}

status_t fs_client_buffer(handle_t node, handle_t vmo, uint32_t size)
{
    struct fs_buffer_request request = {.size = size};
    struct ipc ipc;
    begin(&ipc, LABEL_fs_buffer, &request, sizeof request);
    status_t status = ipc_handle_copy(&ipc, vmo);
    if (status == OK)
        status = ipc_call(&ipc, node, NULL, 0);
    if (status == OK)
        ipc_drop(&ipc);
    return status;
}

status_t fs_client_read_bulk(handle_t node, uint64_t offset, uint32_t length, uint32_t *done)
{
    struct fs_read_request request = {.offset = offset, .length = length, .bulk = 1};
    struct fs_read_reply reply;
    status_t status = simple(node, LABEL_fs_read, &request, sizeof request, &reply, sizeof reply);
    if (status == OK)
        *done = reply.length < length ? reply.length : length;
    return status;
}

status_t fs_client_write_bulk(handle_t node, uint64_t offset, uint32_t length, uint32_t *done,
                              uint64_t *end)
{
    struct fs_write_request request = {.offset = offset, .length = length, .bulk = 1};
    struct fs_write_reply reply;
    status_t status = simple(node, LABEL_fs_write, &request, sizeof request, &reply, sizeof reply);
    if (status != OK)
        return status;
    *done = reply.length < length ? reply.length : length;
    if (end != NULL)
        *end = reply.end;
    return OK;
}

status_t fs_client_vmo(handle_t node, uint32_t prot, handle_t *vmo, uint64_t *size, bool *coherent)
{
    struct fs_vmo_request request = {.prot = prot};
    struct fs_vmo_reply reply;
    struct ipc ipc;
    begin(&ipc, LABEL_fs_vmo, &request, sizeof request);
    status_t status = ipc_call_for_handle(&ipc, node, &reply, sizeof reply, vmo);
    if (status != OK)
        return status;
    if (size != NULL)
        *size = reply.size;
    if (coherent != NULL)
        *coherent = reply.coherent != 0;
    return OK;
}

status_t fs_client_position(handle_t node, uint32_t whence, int64_t delta, uint64_t *before,
                            uint64_t *after)
{
    struct fs_position_request request = {.whence = whence, .delta = delta};
    struct fs_position_reply reply;
    status_t status =
        simple(node, LABEL_fs_position, &request, sizeof request, &reply, sizeof reply);
    if (status == OK) {
        *before = reply.before;
        *after = reply.after;
    }
    return status;
}

status_t fs_client_modified(handle_t node)
{
    return simple(node, LABEL_fs_modified, NULL, 0, NULL, 0);
}

status_t fs_client_lock(handle_t node, const struct fs_lock_request *request,
                        struct fs_lock_reply *reply)
{
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_fs_lock, request, sizeof *request);
    ipc.flags = request->op == FS_LOCK_WAIT ? 0 : CALL_UNINTERRUPTIBLE;
    return ipc_call(&ipc, node, reply, reply != NULL ? sizeof *reply : 0);
}

status_t fs_client_watch(handle_t node, handle_t stream, uint32_t id, uint32_t mask)
{
    struct fs_watch_request request = {.id = id, .mask = mask};
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_fs_watch, &request, sizeof request);
    ipc.flags = CALL_UNINTERRUPTIBLE;
    status_t status = ipc_handle_copy(&ipc, stream);
    if (status != OK) {
        ipc_drop(&ipc);
        return status;
    }
    status = ipc_call(&ipc, node, NULL, 0);
    if (status == OK)
        ipc_drop(&ipc);
    return status;
}

status_t fs_client_sync(handle_t node, bool data_only)
{
    struct fs_sync_request request = {.data_only = data_only};
    return simple(node, LABEL_fs_sync, &request, sizeof request, NULL, 0);
}

status_t fs_client_reopen(handle_t node, uint32_t flags, handle_t *result)
{
    struct fs_reopen_request request = {.flags = flags};
    struct fs_reopen_reply reply;
    struct ipc ipc;
    begin(&ipc, LABEL_fs_reopen, &request, sizeof request);
    return ipc_call_for_handle(&ipc, node, &reply, sizeof reply, result);
}

status_t fs_client_xattr(handle_t node, uint32_t op, uint32_t flags, const char *name, handle_t vmo,
                         uint32_t size, uint32_t *result)
{
    struct ipc ipc;
    struct fs_xattr_request request = {.op = op, .flags = flags, .size = size};
    struct fs_xattr_reply reply;
    begin(&ipc, LABEL_fs_xattr, &request, sizeof request);
    status_t status = ipc_tail(&ipc, name, strlen(name));
    if (status == OK && vmo != HANDLE_NONE)
        status = ipc_handle_copy(&ipc, vmo);
    if (status == OK)
        status = ipc_call(&ipc, node, &reply, sizeof reply);
    if (status != OK)
        return status;
    *result = reply.size;
    ipc_drop(&ipc);
    return OK;
}

status_t fs_client_statfs(handle_t node, struct fs_statistics *statistics)
{
    return simple(node, LABEL_fs_statfs, NULL, 0, statistics, sizeof *statistics);
}

status_t fs_client_name_of(handle_t directory, char *path, size_t size)
{
    struct ipc ipc;
    begin(&ipc, LABEL_fs_name_of, NULL, 0);
    status_t status = ipc_call(&ipc, directory, NULL, 0);
    if (status != OK)
        return status;
    ipc_drop(&ipc);
    if (ipc.tail_length >= size)
        return ERR_NAME_TOO_LONG;
    memcpy(path, ipc.tail, ipc.tail_length);
    path[ipc.tail_length] = 0;
    return OK;
}

static status_t call_with_handle(handle_t port, uint32_t label, handle_t handle, const char *text)
{
    struct ipc ipc;
    begin(&ipc, label, NULL, 0);
    status_t status = ipc_tail(&ipc, text, strlen(text));
    if (status == OK)
        status = ipc_handle_copy(&ipc, handle);
    if (status == OK)
        status = ipc_call(&ipc, port, NULL, 0);
    if (status == OK)
        ipc_drop(&ipc);
    return status;
}

status_t fs_client_mount(handle_t directory, handle_t parent, handle_t mounted, const char *path)
{
    status_t status = call_with_handle(mounted, LABEL_fs_set_parent, parent, path);
    return status == OK ? call_with_handle(directory, LABEL_fs_mount, mounted, "") : status;
}

status_t fs_client_freeze(handle_t vmo, uint64_t size, handle_t *frozen)
{
    uint8_t piece[2048];
    handle_t copy;
    status_t status = vmo_clone(vmo, 0, size, frozen);
    if (status != ERR_NOT_SUPPORTED)
        return status;
    status = vmo_create(0, size, &copy);
    if (status != OK)
        return status;
    for (uint64_t at = 0; status == OK && at < size; at += sizeof piece) {
        uint32_t count = size - at < sizeof piece ? (uint32_t)(size - at) : (uint32_t)sizeof piece;
        status = vmo_read(vmo, at, piece, count);
        if (status == OK)
            status = vmo_write(copy, at, piece, count);
    }
    if (status != OK)
        handle_drop(&copy);
    else
        *frozen = copy;
    return status;
}
