/* SPDX-License-Identifier: MIT */
/*
 * Data through sockets. A message is made and filled without the lock, then queued under it.
 * Receiving copies out of the first message without the lock while `reading` keeps other readers
 * away; only a reader, or the end of the socket, takes messages out of its queue.
 */
#include <string.h>

#include "resume.h"
#include "socket.h"
#include "task.h"

ktime_t socket_deadline(ktime_t timeout)
{
    return call_deadline(deadline_after(timeout));
}

int timeout_error(int error, ktime_t deadline)
{
    if (error == -ETIMEDOUT)
        return -EAGAIN;
    return error == -ERESTARTSYS && deadline != DEADLINE_NEVER ? call_interrupted(-EINTR, deadline)
                                                               : error;
}

/* ---- messages ------------------------------------------------------------------------------------ */

static struct socket_message *message_new(uint32_t length)
{
    struct socket_message *message = allocate(sizeof *message + length);
    if (!message)
        return NULL;
    list_init(&message->link);
    message->length = length;
    message->charge = length + SOCKET_OVERHEAD;
    message->time = wall_clock();
    return message;
}

static void message_free(struct socket_message *message)
{
    control_free(&message->control);
    release(message->name);
    release(message);
}

void messages_free(struct list *messages)
{
    list_each(message, messages, struct socket_message, link)
    {
        list_remove(&message->link);
        message_free(message);
    }
}

static void uncharge(struct socket_message *message)
{
    struct socket *from = message->from;
    if (!from)
        return;
    from->charged -= message->charge;
    wait_queue_wake(&from->writers, WAKE_ALL);
    socket_show(from, WRITE_READY);
    socket_drop(from);
    message->from = NULL;
}

void socket_room(struct socket *socket)
{
    wait_queue_wake(&socket->room, WAKE_ALL);
    list_each(sender, &socket->senders, struct socket, peer_link) socket_show(sender, 0);
}

void message_unlink(struct socket *at, struct socket_message *message)
{
    list_remove(&message->link);
    at->queued--;
    at->queued_bytes -= message->length - message->taken;
    flight_end(&message->control);
    uncharge(message);
    socket_room(at);
    socket_show(at, 0);
}

static void message_queue(struct socket *from, struct socket *to, struct socket_message *message)
{
    socket_hold(from);
    message->from = from;
    from->charged += message->charge;
    if (from->name && (from->family->names_in_streams || !socket_is_stream(from))) {
        message->name = allocate(sizeof *message->name); /* without memory it has no sender */
        if (message->name)
            *message->name = *from->name;
        if (message->name && from->family->settle)
            from->family->settle(message->name);
    }
    message->control.has_credentials |= ((from->flags | to->flags) & SOCKET_PASS_CREDENTIALS) != 0;
    flight_begin(&message->control);
    list_append(&to->queue, &message->link);
    to->queued++;
    to->queued_bytes += message->length;
    wait_queue_wake(&to->readers, WAKE_ALL);
    socket_show(to, READ_READY);
    socket_show(from, 0);
}

/* A new message with the next bytes of the transfer and, if it is the first, what travels along. */
static int message_fill(const struct socket *socket, struct socket_transfer *transfer,
                        uint32_t length, bool first, struct socket_message **result)
{
    struct socket_message *message = message_new(length);
    if (!message)
        return -ENOBUFS;
    if (io_take(transfer->io, message->data, length) < 0) {
        message_free(message);
        return -EFAULT;
    }
    message->control.credentials = transfer->relayed ? socket->own : credentials_now();
    if (first) {
        if (!transfer->control.has_credentials)
            transfer->control.credentials = message->control.credentials;
        message->control = transfer->control;
        transfer->control = (struct socket_control){.files = NULL};
    }
    *result = message;
    return 0;
}

static bool nonblocking(const struct file *file, const struct socket_transfer *transfer)
{
    return (file->flags & O_NONBLOCK) || (transfer->flags & MESSAGE_DONTWAIT);
}

static int take_error(struct socket *socket)
{
    int error = -(int)socket->error;
    socket->error = 0;
    if (error)
        socket_show(socket, 0);
    return error;
}

/* Waits until the socket may be charged for more. Lock held. */
static int wait_for_budget(struct socket *socket, bool poll)
{
    ktime_t deadline = socket_deadline(socket->send_timeout);
    for (;;) {
        int error = take_error(socket);
        if (error < 0)
            return error;
        if (socket->shutdown & SHUT_WRITE)
            return -EPIPE;
        if (socket->charged < socket->send_limit)
            return 0;
        if (poll)
            return -EAGAIN;
        error = wait_queue_sleep(&socket->writers, deadline);
        if (error < 0)
            return timeout_error(error, deadline);
    }
}

/* ---- streams ------------------------------------------------------------------------------------- */

static int check_stream(const struct socket *socket, const struct socket_transfer *transfer)
{
    if (transfer->flags & MESSAGE_OOB)
        return -EOPNOTSUPP;
    if (transfer->address && !socket->family->ignores_destination)
        return socket->state == SOCKET_CONNECTED ? -EISCONN : -EOPNOTSUPP;
    if (!socket->peer)
        return socket->family->unconnected_write;
    return socket->shutdown & SHUT_WRITE ? -EPIPE : 0;
}

/* Sends one piece: bytes, or -errno. */
static int send_piece(struct socket *socket, struct socket_transfer *transfer, bool first,
                      bool poll)
{
    struct socket_message *message;
    server_lock();
    int error = wait_for_budget(socket, poll);
    uint32_t length = MIN(transfer->io->left, MIN(SOCKET_CHUNK, socket->send_limit / 2));
    server_unlock();
    if (error == 0)
        error = message_fill(socket, transfer, length, first, &message);
    if (error < 0)
        return error;
    server_lock();
    struct socket *peer = socket->peer;
    if (!peer || peer->closed || (peer->shutdown & SHUT_READ))
        error = -EPIPE;
    else
        message_queue(socket, peer, message);
    server_unlock();
    if (error < 0)
        message_free(message);
    return error < 0 ? error : (int)length;
}

static int send_stream(struct file *file, struct socket *socket, struct socket_transfer *transfer)
{
    uint32_t sum = 0;
    server_lock();
    int result = check_stream(socket, transfer);
    server_unlock();
    while (result >= 0 && transfer->io->left > 0) {
        result = send_piece(socket, transfer, sum == 0, nonblocking(file, transfer));
        if (result > 0)
            sum += (uint32_t)result;
    }
    return sum ? (int)sum : result;
}

/* ---- datagrams and sequences of packets ------------------------------------------------------------ */

/* Where a datagram goes, with a reference. */
static int destination(struct socket *socket, const struct socket_transfer *transfer,
                       struct socket **to)
{
    if (transfer->address && transfer->address->length > 0 && !socket_is_stream(socket))
        return socket->family->find(socket, transfer->address, to);
    if (socket->remote.length)
        return socket->family->find(socket, &socket->remote, to);
    int error = 0;
    server_lock();
    *to = socket->peer;
    if (*to)
        socket_hold(*to);
    else
        error = socket->family->no_destination;
    server_unlock();
    return error;
}

/* Whether a message may go there now: 0, 1 wait, -errno. Lock held. */
static int may_deliver(struct socket *socket, struct socket *to)
{
    if (to->closed) {
        if (socket->peer == to) {
            socket_disconnect(socket);
            if (!socket_is_stream(socket))
                socket->state = SOCKET_UNCONNECTED;
        }
        return -ECONNREFUSED;
    }
    if (to->peer && to->peer != socket)
        return -EPERM;
    if (to->shutdown & SHUT_READ)
        return -EPIPE;
    if (to->family->loses_datagrams)
        return 0;
    return to != socket && to->peer != socket && to->queued > SOCKET_QUEUE;
}

#define MESSAGE_LOST 1 /* as datagrams may be: it is sent, and nobody gets it */

static int deliver(struct socket *socket, struct socket *to, struct socket_message *message,
                   bool poll)
{
    ktime_t deadline = socket_deadline(socket->send_timeout);
    int result;
    server_lock();
    while ((result = may_deliver(socket, to)) == 1) {
        result = poll ? -EAGAIN : timeout_error(wait_queue_sleep(&to->room, deadline), deadline);
        if (result < 0)
            break;
    }
    if (result == 0 && to->family->loses && to->family->loses(socket, to))
        result = MESSAGE_LOST;
    if (result == 0)
        message_queue(socket, to, message);
    server_unlock();
    return result;
}

static int check_packet(const struct socket *socket, const struct socket_transfer *transfer)
{
    if (transfer->flags & MESSAGE_OOB)
        return -EOPNOTSUPP;
    if (socket_is_stream(socket) && socket->state != SOCKET_CONNECTED)
        return -ENOTCONN;
    uint32_t most = socket->family->datagram_max;
    return transfer->io->left + 32 > socket->send_limit || (most && transfer->io->left > most)
               ? -EMSGSIZE
               : 0;
}

/* Nobody has the port: who sent it learns that with a later call, if it is connected. */
static int refused(struct socket *socket)
{
    server_lock();
    if (socket->remote.length)
        socket->error = ECONNREFUSED;
    socket_wake_all(socket, 0);
    server_unlock();
    return MESSAGE_LOST;
}

static int send_packet(struct file *file, struct socket *socket, struct socket_transfer *transfer)
{
    struct socket_message *message = NULL;
    struct socket *to = NULL;
    bool poll = nonblocking(file, transfer);
    uint32_t length = transfer->io->left;
    int error = check_packet(socket, transfer);
    if (error == 0)
        error = destination(socket, transfer, &to);
    bool nobody = error == -ECONNREFUSED && socket->family->loses_datagrams;
    if (nobody)
        error = 0;
    if (error == 0 && (socket->family->names_itself || (socket->flags & SOCKET_PASS_CREDENTIALS)))
        error = socket_autobind(socket, false);
    if (error == 0) {
        server_lock();
        error = wait_for_budget(socket, poll);
        server_unlock();
    }
    if (error == 0)
        error = message_fill(socket, transfer, length, true, &message);
    if (error == 0)
        error = nobody ? refused(socket) : deliver(socket, to, message, poll);
    if (to)
        socket_release(to);
    if (error != 0 && message)
        message_free(message);
    return error < 0 ? error : (int)length;
}

int socket_send(struct file *file, struct socket_transfer *transfer)
{
    struct socket *socket = file->data;
    if (!socket->family->carries_files && transfer->control.file_count > 0) {
        control_free(&transfer->control);
        return -EINVAL;
    }
    int result = socket->type == SOCK_STREAM ? send_stream(file, socket, transfer)
                                             : send_packet(file, socket, transfer);
    control_free(&transfer->control);
    return result;
}

/* ---- receiving ----------------------------------------------------------------------------------- */

/* Becomes the reader; the queue then has a message, or the result says why not. 0: end. Lock held. */
static int begin_reading(struct socket *socket, bool poll, ktime_t deadline)
{
    for (;;) {
        if (!socket->reading && !list_empty(&socket->queue)) {
            socket->reading = true;
            return 1;
        }
        if (list_empty(&socket->queue)) {
            int error = take_error(socket);
            if (error < 0 || (socket->shutdown & SHUT_READ))
                return error;
            if (socket_is_stream(socket) && socket->state != SOCKET_CONNECTED)
                return socket->type == SOCK_STREAM ? -EINVAL : -ENOTCONN;
        }
        if (poll)
            return -EAGAIN;
        int error = wait_queue_sleep(&socket->readers, deadline);
        if (error < 0)
            return timeout_error(error, deadline);
    }
}

static void end_reading(struct socket *socket)
{
    socket->reading = false;
    if (!list_empty(&socket->queue))
        wait_queue_wake(&socket->readers, WAKE_ALL);
}

static struct socket_message *first_message(struct socket *socket)
{
    return list_empty(&socket->queue)
               ? NULL
               : container_of(socket->queue.next, struct socket_message, link);
}

static void take_address(struct socket_transfer *transfer, const struct socket_message *message)
{
    if (!transfer->address)
        return;
    transfer->address->length = 0;
    if (message->name)
        *transfer->address = *message->name;
}

static bool same_sender(const struct socket_control *a, const struct socket_control *b)
{
    return a->has_credentials == b->has_credentials &&
           memcmp(&a->credentials, &b->credentials, sizeof a->credentials) == 0;
}

/* What travels with a message goes to the receiver; when peeking, a copy. */
static int take_control(struct socket_message *message, struct socket_transfer *transfer)
{
    struct socket_control *to = &transfer->control;
    to->credentials = message->control.credentials;
    to->has_credentials = message->control.has_credentials;
    transfer->time = message->time;
    if (message->control.file_count == 0)
        return 0;
    if (transfer->flags & MESSAGE_PEEK)
        return control_copy(&message->control, to);
    server_lock();
    flight_end(&message->control);
    to->files = message->control.files;
    to->file_count = message->control.file_count;
    message->control.files = NULL;
    message->control.file_count = 0;
    server_unlock();
    return 0;
}

/* Bytes of a stream message are gone; a message without bytes goes away. */
static void consume(struct socket *socket, struct socket_message *message, uint32_t length)
{
    struct list dead = LIST_INIT(dead);
    server_lock();
    message->taken += length;
    socket->queued_bytes -= length;
    if (message->taken == message->length) {
        message_unlink(socket, message);
        list_append(&dead, &message->link);
    }
    server_unlock();
    messages_free(&dead);
}

/*
 * Copies out of the messages that are there, as far as they belong together. Bytes, or -errno.
 * `fresh`: nothing has been received by this call yet. *end: the call must not go on after this.
 */
static int copy_stream(struct socket *socket, struct socket_transfer *transfer, bool fresh,
                       bool *end)
{
    bool check = socket->flags & SOCKET_PASS_CREDENTIALS, peek = transfer->flags & MESSAGE_PEEK;
    struct socket_message *message = first_message(socket);
    uint32_t sum = 0;
    while (message && transfer->io->left > 0) {
        if (!fresh && check && !same_sender(&transfer->control, &message->control)) {
            *end = true;
            break;
        }
        if (fresh)
            take_address(transfer, message);
        uint32_t length = MIN(message->length - message->taken, transfer->io->left);
        if (io_put(transfer->io, message->data + message->taken, length) < 0)
            return sum ? (int)sum : -EFAULT;
        int error = take_control(message, transfer);
        if (error < 0)
            return sum ? (int)sum : error;
        struct socket_message *next =
            message->link.next == &socket->queue
                ? NULL
                : container_of(message->link.next, struct socket_message, link);
        bool partial = length < message->length - message->taken;
        if (!peek)
            consume(socket, message, length);
        sum += length;
        fresh = false;
        if (transfer->control.file_count > 0 || partial) {
            *end = true;
            break;
        }
        server_lock();
        message = peek ? next : first_message(socket);
        server_unlock();
    }
    return (int)sum;
}

static int receive_stream(struct file *file, struct socket *socket,
                          struct socket_transfer *transfer)
{
    bool poll = nonblocking(file, transfer), end = false;
    ktime_t deadline = socket_deadline(socket->receive_timeout);
    uint32_t sum = 0, target = transfer->flags & MESSAGE_WAITALL
                                   ? transfer->io->left
                                   : MIN(socket->low_water, transfer->io->left);
    for (;;) {
        server_lock();
        if (sum == 0 && socket->state != SOCKET_CONNECTED) {
            server_unlock();
            return socket->family->unconnected_read;
        }
        int result = begin_reading(socket, poll, deadline);
        server_unlock();
        if (result <= 0)
            return sum ? (int)sum : result;
        result = copy_stream(socket, transfer, sum == 0, &end);
        server_lock();
        end_reading(socket);
        server_unlock();
        if (result < 0)
            return sum ? (int)sum : result;
        sum += (uint32_t)result;
        if (end || sum >= target || transfer->io->left == 0 || (transfer->flags & MESSAGE_PEEK))
            return (int)sum;
    }
}

/* Copies one whole message; what does not fit is lost. */
static int copy_packet(struct socket *socket, struct socket_transfer *transfer)
{
    struct socket_message *message = first_message(socket);
    struct list dead = LIST_INIT(dead);
    uint32_t length = MIN(message->length, transfer->io->left), whole = message->length;
    take_address(transfer, message);
    int error = take_control(message, transfer);
    if (error == 0)
        error = io_put(transfer->io, message->data, length);
    if (length < whole)
        transfer->result_flags |= MESSAGE_TRUNC;
    if (!(transfer->flags & MESSAGE_PEEK)) {
        server_lock();
        message_unlink(socket, message);
        list_append(&dead, &message->link);
        server_unlock();
        messages_free(&dead);
    }
    if (error < 0)
        return error;
    return (int)(transfer->flags & MESSAGE_TRUNC ? whole : length);
}

static int receive_packet(struct file *file, struct socket *socket,
                          struct socket_transfer *transfer)
{
    bool poll = nonblocking(file, transfer);
    server_lock();
    int result = socket_is_stream(socket) && socket->state != SOCKET_CONNECTED
                     ? -ENOTCONN
                     : begin_reading(socket, poll, socket_deadline(socket->receive_timeout));
    server_unlock();
    if (result <= 0)
        return result;
    result = copy_packet(socket, transfer);
    server_lock();
    end_reading(socket);
    server_unlock();
    return result;
}

int socket_receive(struct file *file, struct socket_transfer *transfer)
{
    struct socket *socket = file->data;
    const struct socket_family *family = socket->family;
    if ((transfer->flags & MESSAGE_ERRQUEUE) && family->no_errors)
        return family->no_errors;
    if (transfer->flags & MESSAGE_OOB)
        return socket->type == SOCK_STREAM ? family->no_urgent : -EOPNOTSUPP;
    return socket->type == SOCK_STREAM ? receive_stream(file, socket, transfer)
                                       : receive_packet(file, socket, transfer);
}
