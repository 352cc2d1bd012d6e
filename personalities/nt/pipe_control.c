/* SPDX-License-Identifier: MIT */
/* Control codes and information classes of pipes. See pipe.h. */
#include <personalities/nt/pipe.h>

#include <personalities/nt/process.h>
#include <personalities/nt/token.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

/* ---- listening ---- */

static NTSTATUS listen_for_client(struct call *call, struct nt_file *file, const struct io_call *io)
{
    struct pipe_end *end = file->pipe;
    struct io_request *request;
    uint32_t information;
    if (!end || !end->server)
        return STATUS_ILLEGAL_FUNCTION;
    switch (end->state) {
    case FILE_PIPE_CONNECTED_STATE:
        return STATUS_PIPE_CONNECTED;
    case FILE_PIPE_CLOSING_STATE:
        return STATUS_PIPE_CLOSING;
    }
    if (end->completion_mode == FILE_PIPE_COMPLETE_OPERATION) {
        bool fresh = end->state == FILE_PIPE_DISCONNECTED_STATE;
        end->state = FILE_PIPE_LISTENING_STATE;
        return fresh ? STATUS_SUCCESS : STATUS_PIPE_LISTENING;
    }
    NTSTATUS status = io_request_new(call, file, io, &request);
    if (status)
        return status;
    end->state = FILE_PIPE_LISTENING_STATE;
    list_append(&end->listeners, &request->link);
    while (!list_empty(&end->name->waiters))
        io_finish(container_of(end->name->waiters.next, struct io_request, link), STATUS_SUCCESS,
                  0);
    return io_pending(request, &information);
}

/* WaitNamedPipe: until some server end of the name listens. */
static NTSTATUS wait_for_server(struct call *call, struct nt_file *file, const struct io_call *io)
{
    FILE_PIPE_WAIT_FOR_BUFFER buffer;
    WCHAR chars[256];
    uint32_t header = offsetof(FILE_PIPE_WAIT_FOR_BUFFER, Name), information;
    struct io_request *request;
    if (call->args[7] < header)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = guest_read(&buffer, call->args[6], header);
    if (status)
        return status;
    if (buffer.NameLength > sizeof chars || call->args[7] - header < buffer.NameLength)
        return STATUS_INVALID_PARAMETER;
    status = guest_read(chars, call->args[6] + header, buffer.NameLength);
    if (status)
        return status;
    struct pipe_name *name =
        pipe_find_name((struct text){chars, buffer.NameLength / sizeof(WCHAR)});
    if (!name)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    if (pipe_available(name))
        return STATUS_SUCCESS;
    status = io_request_new(call, file, io, &request);
    if (status)
        return status;
    int64_t timeout = buffer.TimeoutSpecified ? buffer.Timeout.QuadPart : name->default_timeout;
    list_append(&name->waiters, &request->link);
    if (timeout != INT64_MIN && timeout != INT64_MAX)
        io_set_timeout(request, timeout > 0 ? (uint64_t)timeout : nt_time() - timeout,
                       STATUS_IO_TIMEOUT);
    return io_pending(request, &information);
}

/* The client sees the end of the pipe; the server's end can be connected again. */
static NTSTATUS disconnect(struct nt_file *file)
{
    struct pipe_end *end = file->pipe;
    if (!end || !end->server)
        return STATUS_ILLEGAL_FUNCTION;
    if (end->state == FILE_PIPE_DISCONNECTED_STATE)
        return STATUS_PIPE_DISCONNECTED;
    if (end->state == FILE_PIPE_LISTENING_STATE)
        return STATUS_PIPE_LISTENING;
    pipe_disconnect(end, STATUS_PIPE_DISCONNECTED);
    return STATUS_SUCCESS;
}

/* ---- looking ---- */

struct peek {
    uint32_t state, available, messages, first;
};

/* A pipe that another personality made: a kernel stream. */
static NTSTATUS peek_stream(const struct nt_file *file, struct peek *peek)
{
    uint32_t capacity;
    struct handle_info info;
    if (!file->read_end)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (stream_info(file->read_end, &peek->available, &capacity) != OK ||
        handle_info(file->read_end, &info) != OK)
        return STATUS_INVALID_HANDLE;
    peek->state = FILE_PIPE_CONNECTED_STATE;
    return peek->available == 0 && (info.signals & SIGNAL_PEER_CLOSED) ? STATUS_PIPE_BROKEN
                                                                       : STATUS_SUCCESS;
}

static NTSTATUS peek_end(const struct pipe_end *end, struct peek *peek)
{
    peek->state = end->state;
    peek->available = end->queued;
    list_each(message, &end->messages, struct pipe_message, link)
    {
        if (peek->messages++ == 0)
            peek->first = message->length - message->taken;
    }
    if (!(end->type & FILE_PIPE_TYPE_MESSAGE))
        peek->messages = peek->first = 0;
    if (!end->server && end->state == FILE_PIPE_DISCONNECTED_STATE)
        return STATUS_PIPE_DISCONNECTED;
    if (end->state == FILE_PIPE_CONNECTED_STATE || !list_empty(&end->messages))
        return STATUS_SUCCESS;
    return end->state == FILE_PIPE_CLOSING_STATE ? STATUS_PIPE_BROKEN : STATUS_INVALID_PIPE_STATE;
}

static NTSTATUS peek_pipe(struct nt_file *file, struct peek *peek)
{
    memset(peek, 0, sizeof *peek);
    return file->pipe ? peek_end(file->pipe, peek) : peek_stream(file, peek);
}

static NTSTATUS peek_call(struct call *call, struct nt_file *file, uint32_t *information)
{
    FILE_PIPE_PEEK_BUFFER header = {.NamedPipeState = 0};
    uint32_t size = call->args[9], header_size = offsetof(FILE_PIPE_PEEK_BUFFER, Data), done = 0;
    struct peek peek;
    if (size < header_size)
        return STATUS_INFO_LENGTH_MISMATCH;
    NTSTATUS status = peek_pipe(file, &peek);
    if (status)
        return status;
    uint32_t all = peek.first ? peek.first : peek.available, room = size - header_size;
    uint32_t wanted = room < all ? room : all;
    uint8_t *bytes = malloc(wanted + 1);
    if (!bytes)
        return STATUS_NO_MEMORY;
    if (file->pipe)
        done = pipe_copy_first(file->pipe, bytes, wanted);
    else if (wanted && stream_peek(file->read_end, bytes, wanted, &done) != OK)
        done = 0;
    header.NamedPipeState = peek.state;
    header.ReadDataAvailable = peek.available;
    header.NumberOfMessages = peek.messages;
    header.MessageLength = peek.first;
    status = guest_write(call->args[8], &header, header_size);
    if (!status && done)
        status = guest_write(call->args[8] + header_size, bytes, done);
    free(bytes);
    *information = header_size + done;
    return status ? status : peek.first > room ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

/* Write a message, then read the answer. */
static NTSTATUS transceive(struct call *call, struct nt_file *file, const struct io_call *io,
                           uint32_t *information)
{
    uint32_t done;
    if (!file->pipe)
        return STATUS_INVALID_PIPE_STATE;
    if (!file->pipe->server && file->pipe->state == FILE_PIPE_DISCONNECTED_STATE)
        return STATUS_PIPE_DISCONNECTED;
    if (file->pipe->read_mode != FILE_PIPE_MESSAGE_MODE ||
        file->pipe->state != FILE_PIPE_CONNECTED_STATE)
        return STATUS_INVALID_PIPE_STATE;
    if (!list_empty(&file->pipe->messages))
        return STATUS_PIPE_BUSY;
    /* The bytes are queued even beyond the quota: the peer reads them before it answers. */
    uint8_t *bytes = malloc(call->args[7] + 1);
    NTSTATUS status = bytes ? guest_read(bytes, call->args[6], call->args[7]) : STATUS_NO_MEMORY;
    if (!status && !call->thread->restarted)
        status = pipe_put_bytes(file->pipe, bytes, call->args[7]);
    free(bytes);
    if (!status)
        status = pipe_read(call, file, io, call->args[8], call->args[9], &done);
    *information = status ? 0 : done;
    if (status == STATUS_BUFFER_OVERFLOW)
        *information = done;
    return status;
}

/* The server acts as its client, who is the same user. */
static NTSTATUS impersonate(struct call *call, struct nt_file *file)
{
    struct pipe_end *end = file->pipe;
    struct object *token;
    if (!end || !end->server)
        return STATUS_ILLEGAL_FUNCTION;
    if (!end->peer || !end->has_read)
        return end->peer ? STATUS_CANNOT_IMPERSONATE : STATUS_PIPE_DISCONNECTED;
    NTSTATUS status = token_for_client(call->process, &token);
    if (status)
        return status;
    status = token_impersonate(call->thread, token);
    object_release(token);
    return status;
}

NTSTATUS pipe_control(struct call *call, struct nt_file *file, const struct io_call *io,
                      uint32_t *information)
{
    switch (call->args[5]) {
    case FSCTL_PIPE_LISTEN:
        return listen_for_client(call, file, io);
    case FSCTL_PIPE_PEEK:
        return file->kind == FILE_PIPE ? peek_call(call, file, information)
                                       : STATUS_INVALID_DEVICE_REQUEST;
    case FSCTL_PIPE_IMPERSONATE:
        return impersonate(call, file);
    case FSCTL_PIPE_DISCONNECT:
        return disconnect(file);
    case FSCTL_PIPE_WAIT:
        return file->kind == FILE_PIPE_DEVICE ? wait_for_server(call, file, io)
                                              : STATUS_ILLEGAL_FUNCTION;
    case FSCTL_PIPE_TRANSCEIVE:
        if (call->args[7] > PIPE_WRITE_MAX)
            return STATUS_INSUFFICIENT_RESOURCES;
        return transceive(call, file, io, information);
    }
    return STATUS_NOT_SUPPORTED;
}

/* ---- information ---- */

bool pipe_is_cut_off(const struct nt_file *file)
{
    return file->pipe && !file->pipe->server && file->pipe->state == FILE_PIPE_DISCONNECTED_STATE;
}

void pipe_information(struct nt_file *file, FILE_PIPE_INFORMATION *info)
{
    if (!file->pipe)
        return;
    info->ReadMode = file->pipe->read_mode;
    info->CompletionMode = file->pipe->completion_mode;
}

NTSTATUS pipe_set_information(struct nt_file *file, const FILE_PIPE_INFORMATION *info)
{
    if (file->kind != FILE_PIPE)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (!file->pipe)
        return info->CompletionMode || info->ReadMode ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
    if (!(file->access & (FILE_WRITE_ATTRIBUTES | FILE_WRITE_DATA)))
        return STATUS_ACCESS_DENIED;
    if (info->ReadMode > 1 || info->CompletionMode > 1 ||
        (info->ReadMode && !(file->pipe->type & FILE_PIPE_TYPE_MESSAGE)))
        return STATUS_INVALID_PARAMETER;
    file->pipe->read_mode = info->ReadMode;
    file->pipe->completion_mode = info->CompletionMode;
    return STATUS_SUCCESS;
}

static uint32_t configuration(uint32_t share)
{
    switch (share) {
    case FILE_SHARE_READ:
        return FILE_PIPE_OUTBOUND;
    case FILE_SHARE_WRITE:
        return FILE_PIPE_INBOUND;
    }
    return FILE_PIPE_FULL_DUPLEX;
}

static uint32_t instances(const struct pipe_end *end)
{
    const struct pipe_end *server = end->server ? end : end->peer;
    uint32_t count = 0;
    if (server && server->name)
        list_each(other, &server->name->servers, struct pipe_end, link) count++;
    return count;
}

void pipe_local_information(struct nt_file *file, FILE_PIPE_LOCAL_INFORMATION *info)
{
    const struct pipe_end *end = file->pipe;
    struct peek peek;
    memset(info, 0, sizeof *info);
    if (!end) {
        info->NamedPipeConfiguration = FILE_PIPE_FULL_DUPLEX;
        info->MaximumInstances = info->CurrentInstances = 1;
        info->InboundQuota = info->OutboundQuota = info->WriteQuotaAvailable = 0x10000;
        info->NamedPipeState = FILE_PIPE_CONNECTED_STATE;
        if (!peek_pipe(file, &peek))
            info->ReadDataAvailable = peek.available;
        return;
    }
    uint32_t out = end->peer ? end->peer->queued : 0;
    info->NamedPipeType =
        end->type & FILE_PIPE_TYPE_MESSAGE ? FILE_PIPE_TYPE_MESSAGE : FILE_PIPE_TYPE_BYTE;
    info->NamedPipeConfiguration = configuration(end->share);
    info->MaximumInstances = end->maximum;
    info->CurrentInstances = instances(end);
    info->InboundQuota = end->server ? end->quota : end->peer_quota;
    info->OutboundQuota = end->server ? end->peer_quota : end->quota;
    info->ReadDataAvailable = end->queued;
    info->WriteQuotaAvailable = out < end->peer_quota ? end->peer_quota - out : 0;
    info->NamedPipeState = end->state;
    info->NamedPipeEnd = end->server ? FILE_PIPE_SERVER_END : FILE_PIPE_CLIENT_END;
}
