/* SPDX-License-Identifier: MIT */
#include <ipc/ttyclient.h>

#include <stdlib.h>
#include <string.h>

#include <ipc/call.h>

#define PTY_PIECE 900u

/* What the server answers at once is not cut short by kicks. */
static bool waits(uint32_t label)
{
    return label == LABEL_tty_drain || label == LABEL_tty_set_attributes;
}

static status_t simple(handle_t port, uint32_t label, const void *request, uint32_t size,
                       void *reply, uint32_t reply_size)
{
    struct ipc ipc;
    ipc_begin(&ipc, label, request, size);
    ipc.flags = waits(label) ? 0 : CALL_UNINTERRUPTIBLE;
    status_t status = ipc_call(&ipc, port, reply, reply_size);
    if (status == OK)
        ipc_drop(&ipc);
    return status;
}

/* A call that answers with a terminal and its event. */
static status_t open_call(handle_t port, uint32_t label, const void *request, uint32_t size,
                          void *reply, uint32_t reply_size, handle_t *terminal, handle_t *event)
{
    struct ipc ipc;
    ipc_begin(&ipc, label, request, size);
    status_t status = ipc_call(&ipc, port, reply, reply_size);
    if (status != OK)
        return status;
    handle_t h0 = ipc_take(&ipc, 0), h1 = ipc_take(&ipc, 1);
    ipc_drop(&ipc);
    if (h0 == HANDLE_NONE || h1 == HANDLE_NONE) {
        handle_drop(&h0);
        handle_drop(&h1);
        return ERR_IO_ERROR;
    }
    *terminal = h0;
    *event = h1;
    return OK;
}

status_t tty_client_open(handle_t tty, uint32_t index, handle_t *terminal, handle_t *event)
{
    struct tty_open_request request = {.index = index};
    struct tty_open_reply reply;
    return open_call(tty, LABEL_tty_open, &request, sizeof request, &reply, sizeof reply, terminal,
                     event);
}

status_t pty_client_create(handle_t tty, handle_t *master, handle_t *event, uint32_t *number)
{
    struct pty_create_reply reply = {.number = 0};
    status_t status =
        open_call(tty, LABEL_pty_create, NULL, 0, &reply, sizeof reply, master, event);
    if (status == OK)
        *number = reply.number;
    return status;
}

status_t pty_client_open(handle_t tty, uint32_t number, handle_t *terminal, handle_t *event)
{
    struct pty_open_request request = {.number = number};
    return open_call(tty, LABEL_pty_open, &request, sizeof request, NULL, 0, terminal, event);
}

status_t pty_client_open_peer(handle_t master, handle_t *terminal, handle_t *event)
{
    return open_call(master, LABEL_pty_open_peer, NULL, 0, NULL, 0, terminal, event);
}

status_t pty_client_set(handle_t master, uint32_t locked, uint32_t packet)
{
    struct pty_set_request request = {.locked = locked, .packet = packet};
    return simple(master, LABEL_pty_set, &request, sizeof request, NULL, 0);
}

status_t pty_client_next(handle_t tty, uint32_t from, uint32_t *number)
{
    struct pty_next_request request = {.from = from};
    struct pty_next_reply reply;
    status_t status = simple(tty, LABEL_pty_next, &request, sizeof request, &reply, sizeof reply);
    if (status == OK)
        *number = reply.number;
    return status;
}

status_t pty_client_create_at(handle_t tty, uint32_t number, handle_t *master, handle_t *event)
{
    struct pty_create_at_request request = {.number = number};
    struct pty_create_reply reply;
    return open_call(tty, LABEL_pty_create_at, &request, sizeof request, &reply, sizeof reply,
                     master, event);
}

status_t pty_client_export(handle_t master, uint8_t **state, uint32_t *size)
{
    uint8_t *bytes = malloc(PTY_STATE_MAX);
    struct ipc ipc = {.tail_length = 1};
    status_t status = bytes != NULL ? OK : ERR_NO_MEMORY;
    *size = 0;
    while (status == OK && ipc.tail_length > 0) {
        struct pty_export_request request = {.offset = *size};
        ipc_begin(&ipc, LABEL_pty_export, &request, sizeof request);
        ipc.flags = CALL_UNINTERRUPTIBLE;
        status = ipc_call(&ipc, master, NULL, 0);
        if (status != OK)
            break;
        if (ipc.tail_length > PTY_STATE_MAX - *size)
            status = ERR_IO_ERROR;
        else
            memcpy(bytes + *size, ipc.tail, ipc.tail_length);
        *size += status == OK ? ipc.tail_length : 0;
        ipc_drop(&ipc);
    }
    if (status == OK)
        *state = bytes;
    else
        free(bytes);
    return status;
}

status_t pty_client_import(handle_t master, const uint8_t *state, uint32_t size)
{
    status_t status = size > 0 ? OK : ERR_INVALID_ARGUMENT;
    for (uint32_t at = 0, part; status == OK && at < size; at += part) {
        struct pty_import_request request = {.offset = at, .total = size};
        struct ipc ipc;
        part = size - at < PTY_PIECE ? size - at : PTY_PIECE;
        ipc_begin(&ipc, LABEL_pty_import, &request, sizeof request);
        ipc.flags = CALL_UNINTERRUPTIBLE;
        status = ipc_tail(&ipc, state + at, part);
        if (status == OK)
            status = ipc_call(&ipc, master, NULL, 0);
        if (status == OK)
            ipc_drop(&ipc);
    }
    return status;
}

status_t tty_client_describe(handle_t terminal, uint32_t *kind, uint32_t *number, bool *locked,
                             bool *packet)
{
    struct tty_describe_reply reply;
    status_t status = simple(terminal, LABEL_tty_describe, NULL, 0, &reply, sizeof reply);
    if (status == OK) {
        *kind = reply.kind;
        *number = reply.number;
        *locked = reply.locked;
        *packet = reply.packet;
    }
    return status;
}

status_t tty_client_hangup(handle_t terminal)
{
    return simple(terminal, LABEL_tty_hangup, NULL, 0, NULL, 0);
}

status_t tty_client_signal(handle_t master, uint32_t signal)
{
    struct tty_signal_request request = {.signal = signal};
    return simple(master, LABEL_tty_signal, &request, sizeof request, NULL, 0);
}

status_t tty_client_read(handle_t terminal, void *to, size_t length, uint32_t flags, uint32_t pgid,
                         uint32_t sid, size_t *done)
{
    uint32_t wanted = length < TTY_DATA_MAX ? length : TTY_DATA_MAX;
    struct tty_read_request request = {.length = wanted, .flags = flags, .pgid = pgid, .sid = sid};
    struct ipc ipc;
    *done = 0;
    ipc_begin(&ipc, LABEL_tty_read, &request, sizeof request);
    status_t status = ipc_call(&ipc, terminal, NULL, 0);
    if (status != OK)
        return status;
    ipc_drop(&ipc);
    if (ipc.tail_length > wanted)
        return ERR_IO_ERROR;
    memcpy(to, ipc.tail, ipc.tail_length);
    *done = ipc.tail_length;
    return OK;
}

status_t tty_client_write(handle_t terminal, const void *from, size_t length, uint32_t flags,
                          uint32_t pgid, uint32_t sid, size_t *done)
{
    struct tty_write_request request = {.flags = flags, .pgid = pgid, .sid = sid};
    struct tty_write_reply reply;
    struct ipc ipc;
    *done = 0;
    while (*done < length) {
        uint32_t part = length - *done < TTY_DATA_MAX ? length - *done : TTY_DATA_MAX;
        ipc_begin(&ipc, LABEL_tty_write, &request, sizeof request);
        status_t status = ipc_tail(&ipc, (const char *)from + *done, part);
        if (status == OK)
            status = ipc_call(&ipc, terminal, &reply, sizeof reply);
        if (status != OK)
            return status;
        ipc_drop(&ipc);
        if (reply.length == 0 || reply.length > part)
            return ERR_IO_ERROR;
        *done += reply.length;
    }
    return OK;
}

status_t tty_client_get_attributes(handle_t terminal, struct tty_attributes *attributes)
{
    return simple(terminal, LABEL_tty_get_attributes, NULL, 0, attributes, sizeof *attributes);
}

status_t tty_client_set_attributes(handle_t terminal, const struct tty_attributes *attributes,
                                   uint32_t when)
{
    struct tty_set_attributes_request request = {.attributes = *attributes, .when = when};
    return simple(terminal, LABEL_tty_set_attributes, &request, sizeof request, NULL, 0);
}

status_t tty_client_get_size(handle_t terminal, struct tty_size *size)
{
    return simple(terminal, LABEL_tty_get_size, NULL, 0, size, sizeof *size);
}

status_t tty_client_set_size(handle_t terminal, const struct tty_size *size)
{
    return simple(terminal, LABEL_tty_set_size, size, sizeof *size, NULL, 0);
}

status_t tty_client_get_group(handle_t terminal, uint32_t *pgid, uint32_t *sid)
{
    struct tty_get_group_reply reply;
    status_t status = simple(terminal, LABEL_tty_get_group, NULL, 0, &reply, sizeof reply);
    if (status == OK) {
        *pgid = reply.pgid;
        *sid = reply.sid;
    }
    return status;
}

status_t tty_client_set_group(handle_t terminal, uint32_t pgid, uint32_t sid)
{
    struct tty_set_group_request request = {.pgid = pgid, .sid = sid};
    return simple(terminal, LABEL_tty_set_group, &request, sizeof request, NULL, 0);
}

status_t tty_client_set_session(handle_t terminal, uint32_t sid, uint32_t pgid, bool steal)
{
    struct tty_set_session_request request = {.sid = sid, .pgid = pgid, .steal = steal};
    return simple(terminal, LABEL_tty_set_session, &request, sizeof request, NULL, 0);
}

status_t tty_client_flush(handle_t terminal, bool input, bool output)
{
    struct tty_flush_request request = {.input = input, .output = output};
    return simple(terminal, LABEL_tty_flush, &request, sizeof request, NULL, 0);
}

status_t tty_client_drain(handle_t terminal)
{
    return simple(terminal, LABEL_tty_drain, NULL, 0, NULL, 0);
}

status_t tty_client_queued(handle_t terminal, uint32_t *input, uint32_t *output)
{
    struct tty_queued_reply reply;
    status_t status = simple(terminal, LABEL_tty_queued, NULL, 0, &reply, sizeof reply);
    if (status == OK) {
        *input = reply.input;
        *output = reply.output;
    }
    return status;
}

status_t tty_client_flow(handle_t terminal, uint32_t action)
{
    struct tty_flow_request request = {.action = action};
    return simple(terminal, LABEL_tty_flow, &request, sizeof request, NULL, 0);
}

status_t tty_client_break(handle_t terminal)
{
    return simple(terminal, LABEL_tty_break, NULL, 0, NULL, 0);
}

status_t tty_client_input(handle_t terminal, const void *bytes, size_t length)
{
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_tty_input, NULL, 0);
    status_t status = ipc_tail(&ipc, bytes, length);
    if (status == OK)
        status = ipc_call(&ipc, terminal, NULL, 0);
    if (status == OK)
        ipc_drop(&ipc);
    return status;
}
