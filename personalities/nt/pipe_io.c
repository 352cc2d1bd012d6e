/* SPDX-License-Identifier: MIT */
/* Reading and writing of named pipes. See pipe.h. */
#include <personalities/nt/pipe.h>

#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

/* ---- messages ---- */

static void message_free(struct pipe_end *end, struct pipe_message *message)
{
    struct io_request *writer = message->writer;
    end->queued -= message->length - message->taken;
    list_remove(&message->link);
    if (writer) {
        writer->context = NULL;
        io_finish(writer, STATUS_SUCCESS, message->length);
    }
    free(message);
}

void pipe_drop_messages(struct pipe_end *end)
{
    while (!list_empty(&end->messages))
        message_free(end, container_of(end->messages.next, struct pipe_message, link));
}

static void release_flushers(struct pipe_end *end)
{
    struct pipe_end *peer = end->peer;
    while (peer && list_empty(&end->messages) && !list_empty(&peer->flushers))
        io_finish(container_of(peer->flushers.next, struct io_request, link), STATUS_SUCCESS, 0);
}

/* The write has ended by itself (cancelled, taken back): what is not read of it goes too. */
static void writer_ended(struct io_request *request)
{
    struct pipe_message *message = request->context;
    if (!message)
        return;
    message->writer = NULL;
    request->context = NULL;
    if (request->status == STATUS_SUCCESS)
        return;
    struct pipe_end *reader = request->file->pipe ? request->file->pipe->peer : NULL;
    if (!reader)
        return;
    message_free(reader, message);
    release_flushers(reader);
}

/* Writes end in their order, as far as the queue up to them fits the quota. */
static void release_writers(struct pipe_end *end)
{
    uint32_t ahead = 0;
    list_each(message, &end->messages, struct pipe_message, link)
    {
        ahead += message->length - message->taken;
        if (ahead > end->quota)
            return;
        if (message->writer)
            io_finish(message->writer, STATUS_SUCCESS, message->length);
    }
}

static void taken_some(struct pipe_end *end)
{
    release_writers(end);
    release_flushers(end);
    if (end->peer)
        pipe_notice(end->peer);
}

/* ---- taking ---- */

/* Where bytes go: the memory of the calling thread's guest, a request's buffer, or the server's. */
struct sink {
    uint32_t guest;
    struct io_request *request;
    uint8_t *server;
};

static NTSTATUS sink_put(const struct sink *sink, uint32_t at, const void *bytes, uint32_t length)
{
    if (length == 0)
        return STATUS_SUCCESS;
    if (sink->request)
        return io_deliver(sink->request, at, bytes, length);
    if (sink->guest)
        return guest_write(sink->guest + at, bytes, length);
    memcpy(sink->server + at, bytes, length);
    return STATUS_SUCCESS;
}

static NTSTATUS take_part(struct pipe_end *end, struct pipe_message *message,
                          const struct sink *sink, uint32_t length, uint32_t *done)
{
    uint32_t rest = message->length - message->taken,
             part = rest < length - *done ? rest : length - *done;
    NTSTATUS status = sink_put(sink, *done, message->bytes + message->taken, part);
    if (status)
        return status;
    message->taken += part;
    end->queued -= part;
    *done += part;
    if (message->writer)
        message->writer->committed = true;
    if (message->taken == message->length)
        message_free(end, message);
    return STATUS_SUCCESS;
}

/* There is at least one message. */
static NTSTATUS take(struct pipe_end *end, const struct sink *sink, uint32_t length, uint32_t *done)
{
    bool whole = end->read_mode == FILE_PIPE_MESSAGE_MODE;
    NTSTATUS status = STATUS_SUCCESS;
    /* An empty message behind the last byte is left for the next read. */
    uint32_t limit = length < end->queued ? length : end->queued;
    *done = 0;
    end->has_read = true;
    do {
        struct pipe_message *message = container_of(end->messages.next, struct pipe_message, link);
        uint32_t rest = message->length - message->taken;
        bool cut = whole && rest > length;
        status = take_part(end, message, sink, length, done);
        if (!status && cut)
            status = STATUS_BUFFER_OVERFLOW;
    } while (!status && !whole && *done < limit && !list_empty(&end->messages));
    taken_some(end);
    return status;
}

static void serve_readers(struct pipe_end *end)
{
    while (!list_empty(&end->readers) && !list_empty(&end->messages)) {
        struct io_request *reader = container_of(end->readers.next, struct io_request, link);
        struct sink sink = {.request = reader};
        uint32_t done;
        NTSTATUS status = take(end, &sink, reader->length, &done);
        io_finish(reader, status, done);
    }
}

static NTSTATUS state_status(const struct pipe_end *end, bool reading)
{
    switch (end->state) {
    case FILE_PIPE_CONNECTED_STATE:
        return STATUS_SUCCESS;
    case FILE_PIPE_LISTENING_STATE:
        return STATUS_PIPE_LISTENING;
    case FILE_PIPE_DISCONNECTED_STATE:
        return STATUS_PIPE_DISCONNECTED;
    }
    return reading ? STATUS_PIPE_BROKEN : STATUS_PIPE_CLOSING;
}

NTSTATUS pipe_read(struct call *call, struct nt_file *file, const struct io_call *io,
                   uint32_t buffer, uint32_t length, uint32_t *done)
{
    struct pipe_end *end = file->pipe;
    struct sink sink = {.guest = buffer};
    struct io_request *request;
    if (!list_empty(&end->messages) && list_empty(&end->readers))
        return take(end, &sink, length, done);
    NTSTATUS status = state_status(end, true);
    if (status)
        return status;
    if (end->completion_mode == FILE_PIPE_COMPLETE_OPERATION)
        return STATUS_PIPE_EMPTY;
    status = io_request_new(call, file, io, &request);
    if (status)
        return status;
    request->buffer = buffer;
    request->length = length;
    list_append(&end->readers, &request->link);
    return io_pending(request, done);
}

uint32_t pipe_take_bytes(struct pipe_end *end, void *to, uint32_t length)
{
    struct sink sink = {.server = to};
    uint32_t total = 0, done;
    while (total < length && !list_empty(&end->messages)) {
        sink.server = (uint8_t *)to + total;
        (void)take(end, &sink, length - total, &done);
        total += done;
    }
    return total;
}

uint32_t pipe_copy_first(const struct pipe_end *end, void *to, uint32_t length)
{
    uint32_t done = 0;
    list_each(message, &end->messages, struct pipe_message, link)
    {
        uint32_t rest = message->length - message->taken;
        uint32_t part = rest < length - done ? rest : length - done;
        memcpy((uint8_t *)to + done, message->bytes + message->taken, part);
        done += part;
        if (end->type & FILE_PIPE_TYPE_MESSAGE)
            break;
    }
    return done;
}

/* ---- putting ---- */

static void message_send(struct pipe_end *peer, struct pipe_message *message)
{
    list_append(&peer->messages, &message->link);
    peer->queued += message->length;
    serve_readers(peer);
    pipe_notice(peer);
}

static struct pipe_message *message_new(uint32_t length)
{
    struct pipe_message *message = malloc(sizeof *message + length);
    if (message)
        *message = (struct pipe_message){.length = length};
    return message;
}

NTSTATUS pipe_put_bytes(struct pipe_end *end, const void *from, uint32_t length)
{
    NTSTATUS status = state_status(end, false);
    struct pipe_message *message = status ? NULL : message_new(length);
    if (!message)
        return status ? status : STATUS_NO_MEMORY;
    memcpy(message->bytes, from, length);
    message_send(end->peer, message);
    return STATUS_SUCCESS;
}

NTSTATUS pipe_append(struct pipe_end *end, const void *bytes, uint32_t length)
{
    struct pipe_message *message = message_new(length);
    if (!message)
        return STATUS_NO_MEMORY;
    memcpy(message->bytes, bytes, length);
    list_append(&end->messages, &message->link);
    end->queued += length;
    return STATUS_SUCCESS;
}

/* Without waiting: what has room goes in; of messages all or nothing. */
static uint32_t room_for(const struct pipe_end *end, uint32_t length)
{
    const struct pipe_end *peer = end->peer;
    uint32_t room = peer->queued < peer->quota ? peer->quota - peer->queued : 0;
    if (end->completion_mode == FILE_PIPE_QUEUE_OPERATION || length <= room ||
        !list_empty(&peer->readers))
        return length;
    return end->type & FILE_PIPE_TYPE_MESSAGE ? 0 : room;
}

/* The message is the last of those that the peer has not read: its write goes on until there is room. */
static NTSTATUS write_wait(struct call *call, struct nt_file *file, const struct io_call *io,
                           struct pipe_message *message, uint32_t *done)
{
    struct io_request *request;
    /* Without memory for a request the write just ends early: the bytes are queued. */
    if (io_request_new(call, file, io, &request))
        return STATUS_SUCCESS;
    request->context = message;
    request->ended = writer_ended;
    request->committed = message->taken > 0;
    message->writer = request;
    return io_pending(request, done);
}

NTSTATUS pipe_write(struct call *call, struct nt_file *file, const struct io_call *io,
                    uint32_t buffer, uint32_t length, uint32_t *done)
{
    struct pipe_end *end = file->pipe, *peer = end->peer;
    NTSTATUS status = state_status(end, false);
    if (status)
        return status;
    if (length > PIPE_WRITE_MAX)
        return STATUS_INSUFFICIENT_RESOURCES;
    length = room_for(end, length);
    *done = 0;
    if (length == 0 && !(end->type & FILE_PIPE_TYPE_MESSAGE))
        return STATUS_SUCCESS; /* only messages can be empty */
    struct pipe_message *message = message_new(length);
    if (!message)
        return STATUS_NO_MEMORY;
    if (length && guest_read(message->bytes, buffer, length)) {
        free(message);
        return STATUS_INVALID_USER_BUFFER;
    }
    *done = length;
    message_send(peer, message);
    bool fits = length == 0 || list_empty(&peer->messages) || peer->queued <= peer->quota;
    return fits || end->completion_mode == FILE_PIPE_COMPLETE_OPERATION
               ? STATUS_SUCCESS
               : write_wait(call, file, io, message, done);
}

NTSTATUS pipe_flush(struct call *call, struct nt_file *file, uint32_t status_block)
{
    struct pipe_end *end = file->pipe;
    struct io_call io = {.status_block = status_block};
    struct io_request *request;
    uint32_t done;
    if (!end->server && end->state == FILE_PIPE_DISCONNECTED_STATE)
        return STATUS_PIPE_DISCONNECTED;
    if (!end->peer || list_empty(&end->peer->messages))
        return STATUS_SUCCESS;
    NTSTATUS status = io_begin(call->thread, file, &io);
    if (!status)
        status = io_request_new(call, file, &io, &request);
    if (status)
        return status;
    request->synchronous = true; /* whatever the handle: this call always waits */
    list_append(&end->flushers, &request->link);
    return io_pending(request, &done);
}
