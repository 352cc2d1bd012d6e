/* SPDX-License-Identifier: MIT */
#include <ipc/call.h>

#include <string.h>

#include <atomik/log.h>
#include <atomik/syscall.h>

void handle_drop(handle_t *handle)
{
    if (*handle != HANDLE_NONE && handle_close(*handle) != OK)
        LOG_ONCE("closing handle %#x that is not open", *handle); /* a bug of this program */
    *handle = HANDLE_NONE;
}

handle_t handle_copy(handle_t handle)
{
    handle_t copy;
    return handle != HANDLE_NONE && handle_duplicate(handle, RIGHT_SAME, &copy) == OK ? copy
                                                                                      : HANDLE_NONE;
}

void ipc_begin(struct ipc *ipc, uint32_t label, const void *request, uint32_t size)
{
    ipc->message.label = label;
    ipc->message.badge = ipc->message.token = 0;
    ipc->message.size = (uint16_t)size;
    ipc->message.handle_count = 0;
    ipc->flags = 0;
    ipc->tail = NULL;
    ipc->tail_length = 0;
    if (size > 0)
        memcpy(ipc->message.data, request, size);
}

status_t ipc_tail(struct ipc *ipc, const void *bytes, uint32_t length)
{
    if (length > (uint32_t)(MESSAGE_BYTES - ipc->message.size))
        return ERR_TOO_LARGE;
    if (length > 0)
        memcpy(ipc->message.data + ipc->message.size, bytes, length);
    ipc->message.size = (uint16_t)(ipc->message.size + length);
    return OK;
}

void ipc_handle(struct ipc *ipc, handle_t handle)
{
    if (handle != HANDLE_NONE && ipc->message.handle_count < MESSAGE_HANDLES)
        ipc->message.handles[ipc->message.handle_count++] = handle;
}

status_t ipc_handle_copy(struct ipc *ipc, handle_t handle)
{
    handle_t copy;
    status_t status = handle_duplicate(handle, RIGHT_SAME, &copy);
    if (status == OK)
        ipc_handle(ipc, copy);
    return status;
}

void ipc_drop(struct ipc *ipc)
{
    for (uint32_t i = 0; i < ipc->message.handle_count; i++)
        handle_drop(&ipc->message.handles[i]);
    ipc->message.handle_count = 0;
}

handle_t ipc_take(struct ipc *ipc, uint32_t index)
{
    if (index >= ipc->message.handle_count)
        return HANDLE_NONE;
    handle_t handle = ipc->message.handles[index];
    ipc->message.handles[index] = HANDLE_NONE;
    return handle;
}

/*
 * After a failed port_call the request's handles are ours if it never reached the server and gone
 * if it did (then the kernel has cleared handle_count): only what is ours may be closed.
 */
status_t ipc_call_until(struct ipc *ipc, handle_t port, void *reply, uint32_t size,
                        ktime_t deadline)
{
    status_t status = port_call(port, &ipc->message, deadline, ipc->flags);
    if (status == OK)
        status = (status_t)ipc->message.label;
    if (status == OK && ipc->message.size < size) {
        ipc_drop(ipc);
        return ERR_IO_ERROR;
    }
    if (status != OK) {
        ipc_drop(ipc);
        return status > 0 ? ERR_IO_ERROR : status;
    }
    if (size > 0)
        memcpy(reply, ipc->message.data, size);
    ipc->tail = ipc->message.data + size;
    ipc->tail_length = ipc->message.size - size;
    return OK;
}

status_t ipc_call(struct ipc *ipc, handle_t port, void *reply, uint32_t size)
{
    return ipc_call_until(ipc, port, reply, size, DEADLINE_NEVER);
}

status_t ipc_call_for_handle(struct ipc *ipc, handle_t port, void *reply, uint32_t size,
                             handle_t *handle)
{
    status_t status = ipc_call(ipc, port, reply, size);
    if (status != OK)
        return status;
    handle_t result = ipc_take(ipc, 0);
    ipc_drop(ipc);
    if (result == HANDLE_NONE)
        return ERR_IO_ERROR;
    *handle = result;
    return OK;
}
