/* SPDX-License-Identifier: MIT */
/*
 * A connected stream socket that a program of another personality inherits: it gets two kernel
 * streams, and two background threads move the bytes between them and the socket. They end, and give
 * up the socket, when the other side of either is closed. Descriptors and credentials stay behind.
 */
#include <atomik/syscall.h>

#include "socket.h"
#include "task.h"

#define RELAY_BYTES  16384u
#define RELAY_STREAM 65536u

struct relay {
    struct file *file; /* a reference */
    handle_t end;      /* of the stream: to read for data towards the socket, else to write */
    bool to_socket;
    uint8_t bytes[RELAY_BYTES];
};

/* Waits until the socket is ready for `bits` or at its end. */
static void wait_for_socket(struct file *file, uint32_t bits)
{
    struct poll_source source = {.ready = 0};
    file->ops->poll(file, &source);
    struct wait_item item = {.handle = source.handles[0],
                             .wanted = (bits | POLLHUP | POLLERR) << READY_SHIFT};
    if (item.handle == HANDLE_NONE || wait_any(&item, 1, DEADLINE_NEVER) != OK)
        ignore(wait_any(NULL, 0, deadline_after(10000000))); /* out of memory: look again soon */
}

static int move_bytes(struct relay *relay, uint32_t length)
{
    struct io io;
    struct socket_transfer transfer = {.io = &io, .flags = MESSAGE_DONTWAIT, .relayed = true};
    int result;
    io_kernel(&io, relay->bytes, length);
    while (io.left > 0) {
        result = relay->to_socket ? socket_send(relay->file, &transfer)
                                  : socket_receive(relay->file, &transfer);
        control_free(&transfer.control);
        if (result != -EAGAIN && (result <= 0 || !relay->to_socket))
            return result;
        if (result == -EAGAIN)
            wait_for_socket(relay->file, relay->to_socket ? WRITE_READY : READ_READY);
    }
    return (int)length;
}

static void run_towards_socket(struct relay *relay)
{
    uint32_t done = 0;
    while (stream_read(relay->end, relay->bytes, RELAY_BYTES, &done, DEADLINE_NEVER) == OK &&
           done > 0 && move_bytes(relay, done) > 0)
        ;
    server_lock();
    socket_shut(relay->file->data, SHUT_WRITE);
    server_unlock();
}

static void run_from_socket(struct relay *relay)
{
    int length;
    while ((length = move_bytes(relay, RELAY_BYTES)) > 0) {
        for (uint32_t at = 0, done; at < (uint32_t)length; at += done) {
            if (stream_write(relay->end, relay->bytes + at, (uint32_t)length - at, &done,
                             DEADLINE_NEVER) != OK)
                return;
        }
    }
}

static void relay_thread(void *argument)
{
    struct relay *relay = argument;
    if (relay->to_socket)
        run_towards_socket(relay);
    else
        run_from_socket(relay);
    close_handle(relay->end);
    file_release(relay->file);
    release(relay);
}

/* Takes the end, also on failure. */
static int start(struct file *file, handle_t end, bool to_socket)
{
    struct relay *relay = allocate(sizeof *relay);
    if (!relay) {
        close_handle(end);
        return -ENOMEM;
    }
    file_hold(file);
    relay->file = file;
    relay->end = end;
    relay->to_socket = to_socket;
    worker_background(relay_thread, relay);
    return 0;
}

int socket_export(struct file *file, struct start_fd *fd, handle_t handles[2])
{
    const struct socket *socket = file->data;
    handle_t near_read, near_write;
    if (socket->type != SOCK_STREAM || socket->state != SOCKET_CONNECTED)
        return -EOPNOTSUPP;
    if (stream_create(RELAY_STREAM, &handles[0], &near_write) != OK)
        return -EMFILE;
    if (stream_create(RELAY_STREAM, &near_read, &handles[1]) != OK) {
        close_handle(handles[0]);
        close_handle(near_write);
        return -EMFILE;
    }
    fd->kind = FD_STREAM_PAIR;
    fd->flags = file->flags & ~(uint32_t)O_NONBLOCK;
    int error = start(file, near_write, false);
    if (error == 0)
        error = start(file, near_read, true);
    else
        close_handle(near_read);
    if (error < 0) {
        close_handle(handles[0]);
        close_handle(handles[1]);
    }
    return error;
}
