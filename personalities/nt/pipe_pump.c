/* SPDX-License-Identifier: MIT */
/*
 * Named pipes and programs of other personalities. Such a program gets a kernel stream; a thread
 * carries bytes between that and the pipe's end, and counts as a handle to the end until the stream's
 * other side is gone or the pipe is broken.
 */
#include <personalities/nt/pipe.h>

#include <atomik/thread.h>
#include <ipc/call.h>

#include <stdlib.h>

#define PIECE    0x4000u
#define CAPACITY 0x10000u

struct pump {
    struct nt_file *file; /* held, with a count of handles */
    handle_t stream;
    struct pipe_watcher watcher;
    bool reads; /* from the pipe */
    uint8_t bytes[PIECE];
};

/* The pipe has changed, or the stream's other side is gone (then false). The lock is given up. */
static bool wait_for_pipe(struct pump *pump)
{
    struct wait_item items[2] = {{.handle = pump->watcher.event, .wanted = SIGNAL_SET},
                                 {.handle = pump->stream, .wanted = SIGNAL_PEER_CLOSED}};
    status_t status = BLOCKING(wait_any(items, pump->reads ? 2 : 1, DEADLINE_NEVER));
    if (status != OK && status != ERR_INTERRUPTED)
        return false;
    (void)!event_signal(pump->watcher.event, SIGNAL_SET, 0);
    return !pump->reads || !(items[1].observed & SIGNAL_PEER_CLOSED);
}

static bool stream_put(struct pump *pump, uint32_t length)
{
    for (uint32_t at = 0; at < length;) {
        uint32_t done = 0;
        status_t status = BLOCKING(
            stream_write(pump->stream, pump->bytes + at, length - at, &done, DEADLINE_NEVER));
        if ((status != OK && status != ERR_INTERRUPTED) || (status == OK && done == 0))
            return false;
        at += done;
    }
    return true;
}

static void pump_out_of_pipe(struct pump *pump)
{
    for (;;) {
        struct pipe_end *end = pump->file->pipe;
        if (!end)
            return;
        uint32_t length = pipe_take_bytes(end, pump->bytes, PIECE);
        if (length) {
            if (!stream_put(pump, length))
                return;
        } else if (end->state != FILE_PIPE_CONNECTED_STATE || !wait_for_pipe(pump)) {
            return;
        }
    }
}

static bool has_room(const struct pipe_end *end)
{
    return !end->peer || end->peer->queued < end->peer->quota;
}

static void pump_into_pipe(struct pump *pump)
{
    for (;;) {
        uint32_t done = 0;
        status_t status =
            BLOCKING(stream_read(pump->stream, pump->bytes, PIECE, &done, DEADLINE_NEVER));
        if (status == ERR_INTERRUPTED)
            continue;
        if (status != OK || done == 0 || !pump->file->pipe ||
            pipe_put_bytes(pump->file->pipe, pump->bytes, done))
            return;
        while (pump->file->pipe && !has_room(pump->file->pipe))
            if (!wait_for_pipe(pump))
                return;
    }
}

static void pump_end(struct pump *pump)
{
    handle_drop(&pump->stream);
    list_remove(&pump->watcher.link);
    handle_drop(&pump->watcher.event);
    object_drop_use(&pump->file->object);
    object_release(&pump->file->object);
    free(pump);
}

static void pump_thread(void *argument)
{
    struct pump *pump = argument;
    nt_lock();
    if (pump->reads)
        pump_out_of_pipe(pump);
    else
        pump_into_pipe(pump);
    pump_end(pump);
    nt_unlock();
}

/* Consumes the stream, also after an error. */
static NTSTATUS pump_start(struct nt_file *file, bool reads, handle_t stream)
{
    struct pump *pump = calloc(1, sizeof *pump);
    if (!pump || event_create(0, &pump->watcher.event) != OK) {
        free(pump);
        handle_drop(&stream);
        return STATUS_NO_MEMORY;
    }
    pump->file = file;
    pump->reads = reads;
    pump->stream = stream;
    list_append(&file->pipe->watchers, &pump->watcher.link);
    object_hold(&file->object);
    file->object.handle_count++;
    if (thread_spawn(pump_thread, pump, 0, NULL) == OK)
        return STATUS_SUCCESS;
    pump_end(pump);
    return STATUS_NO_MEMORY;
}

static NTSTATUS half(struct nt_file *file, bool reads, handle_t *result)
{
    handle_t read_end, write_end;
    if (stream_create(CAPACITY, &read_end, &write_end) != OK)
        return STATUS_NO_MEMORY;
    NTSTATUS status = pump_start(file, reads, reads ? write_end : read_end);
    if (status)
        handle_drop(reads ? &read_end : &write_end);
    else
        *result = reads ? read_end : write_end;
    return status;
}

NTSTATUS pipe_streams(struct nt_file *file, handle_t *read_end, handle_t *write_end)
{
    NTSTATUS status = STATUS_SUCCESS;
    *read_end = *write_end = HANDLE_NONE;
    if (file->access & FILE_READ_DATA)
        status = half(file, true, read_end);
    if (!status && (file->access & (FILE_WRITE_DATA | FILE_APPEND_DATA)))
        status = half(file, false, write_end);
    if (status)
        handle_drop(read_end);
    return status;
}
