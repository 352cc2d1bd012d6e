/* SPDX-License-Identifier: MIT */
/* fs_xattr: extended attributes, which travel in a VMO of the client. */
#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>

#include "internal.h"

static status_t run_xattr(struct fs_open *open, struct fs_xattr *call, handle_t vmo)
{
    const struct fs_ops *ops = open->node->server->ops;
    status_t status = OK;
    if (ops->xattr == NULL)
        return ERR_NOT_SUPPORTED;
    if ((call->op == FS_XATTR_SET || call->op == FS_XATTR_REMOVE) &&
        fs_is_read_only(open->node->server))
        return ERR_READ_ONLY;
    if (call->op == FS_XATTR_SET && call->size > 0)
        status = vmo_read(vmo, 0, call->value, call->size);
    if (status == OK)
        status = ops->xattr(open->node, call);
    bool returns = call->op == FS_XATTR_GET || call->op == FS_XATTR_LIST;
    if (status == OK && returns && call->result > 0 && call->result <= call->size)
        status = vmo_write(vmo, 0, call->value, call->result);
    return status;
}

status_t fs_handle_xattr(struct service *service, struct message *message)
{
    struct fs_open *open = fs_open_of(fs_server_of(service), message->badge);
    const uint8_t *tail;
    uint32_t length;
    char name[FS_NAME_MAX];
    static uint8_t value[FS_XATTR_MAX]; /* one thread; too large for its stack */
    const struct fs_xattr_request *request =
        service_request(message, sizeof *request, &tail, &length);
    if (request == NULL || length > sizeof name || request->size > FS_XATTR_MAX ||
        request->op < FS_XATTR_GET || request->op > FS_XATTR_REMOVE ||
        (length == 0) != (request->op == FS_XATTR_LIST))
        return ERR_INVALID_ARGUMENT;
    memcpy(name, tail, length);
    struct fs_xattr call = {.op = request->op,
                            .flags = request->flags,
                            .name = name,
                            .name_length = length,
                            .value = value,
                            .size = request->size};
    if (open == NULL)
        return ERR_BAD_HANDLE;
    if (fs_server_of(service)->finished)
        return ERR_IO_ERROR;
    handle_t vmo = service_take(message, 0);
    status_t status = run_xattr(open, &call, vmo);
    handle_drop(&vmo);
    if (status == OK)
        ((struct fs_xattr_reply *)service_reply(message, sizeof(struct fs_xattr_reply)))->size =
            call.result;
    return status;
}
