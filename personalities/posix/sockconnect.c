/* SPDX-License-Identifier: MIT */
/*
 * Connections. A connect makes the far end at once and puts it, in a message without data, into the
 * listener's queue; accept takes it out and gives it a file. Until then it has no file, and ends
 * with the listener.
 */
#include "calls.h"
#include "path.h"
#include "socket.h"
#include "task.h"

/* ---- pairs --------------------------------------------------------------------------------------- */

void socket_set_peer(struct socket *socket, struct socket *peer)
{
    socket_hold(peer);
    socket->peer = peer;
    if (socket->type == SOCK_DGRAM)
        list_append(&peer->senders, &socket->peer_link);
}

void socket_disconnect(struct socket *socket)
{
    struct socket *peer = socket->peer;
    if (!peer)
        return;
    list_remove(&socket->peer_link);
    socket->peer = NULL;
    socket_drop(peer);
}

void socket_join(struct socket *a, struct socket *b)
{
    socket_set_peer(a, b);
    socket_set_peer(b, a);
    a->state = b->state = SOCKET_CONNECTED;
    a->peer_credentials = b->own;
    b->peer_credentials = a->own;
}

/* ---- listening ----------------------------------------------------------------------------------- */

static int start_listening(struct socket *socket, int32_t backlog)
{
    if (!socket_is_stream(socket))
        return -EOPNOTSUPP;
    if (!socket->name || socket->state == SOCKET_CONNECTED)
        return -EINVAL;
    socket->backlog = MIN((uint32_t)backlog, SOCKET_BACKLOG);
    socket->state = SOCKET_LISTENING;
    socket->own = credentials_now();
    socket_wake_all(socket, 0);
    return 0;
}

int32_t sys_listen(uint32_t fd, int32_t backlog)
{
    struct socket *socket;
    int error;
    struct file *file = socket_get(fd, &socket, &error);
    if (!file)
        return error;
    if (socket->family->names_itself && socket_is_stream(socket))
        error = socket_autobind(socket, true);
    server_lock();
    if (error == 0)
        error = start_listening(socket, backlog);
    server_unlock();
    file_release(file);
    return error;
}

/* ---- connecting ---------------------------------------------------------------------------------- */

/* Waits until the listener takes another connection. Lock held. */
static int wait_for_listener(struct socket *socket, struct socket *listener, uint32_t flags)
{
    ktime_t deadline = socket_deadline(socket->send_timeout);
    for (;;) {
        if (listener->closed || listener->state != SOCKET_LISTENING ||
            (listener->shutdown & SHUT_READ))
            return -ECONNREFUSED;
        if (socket->state == SOCKET_CONNECTED)
            return -EISCONN;
        if (socket->state != SOCKET_UNCONNECTED)
            return -EINVAL;
        if (listener->queued <= listener->backlog)
            return 0;
        if (flags & O_NONBLOCK)
            return -EAGAIN;
        int error = wait_queue_sleep(&listener->room, deadline);
        if (error < 0)
            return timeout_error(error, deadline);
    }
}

/* The two ends belong together and the far one waits to be accepted. Takes `far`. Lock held. */
static void enter(struct socket *socket, struct socket *listener, struct socket *far,
                  struct socket_message *message)
{
    socket->own = far->own;
    socket_join(socket, far);
    socket->peer_credentials = listener->own;
    far->flags = listener->flags & (SOCKET_PASS_CREDENTIALS | SOCKET_TIMESTAMP);
    far->node = HANDLE_NONE;
    message->opened = far;
    message->from = NULL;
    list_append(&listener->queue, &message->link);
    listener->queued++;
    wait_queue_wake(&listener->readers, WAKE_ALL);
    socket_show(listener, READ_READY);
    socket_show(socket, WRITE_READY);
}

static int connect_stream(struct socket *socket, const struct socket_address *address,
                          uint32_t flags)
{
    struct socket *listener = NULL;
    /* AF_UNIX looks for the listener first, as on Linux: wait_for_listener says the same later. */
    int error = socket->state == SOCKET_CONNECTED && socket->family->names_itself ? -EISCONN : 0;
    if (error < 0)
        return error;
    if (socket->flags & SOCKET_PASS_CREDENTIALS)
        error = socket_autobind(socket, false);
    if (error == 0)
        error = socket->family->find(socket, address, &listener);
    if (error == 0 && socket->family->names_itself)
        error = socket_autobind(socket, false);
    if (error < 0) {
        if (listener)
            socket_release(listener);
        return error;
    }
    struct socket *far = socket_new(socket->family, socket->type);
    struct socket_message *message = allocate(sizeof *message);
    struct socket_address *name = allocate(sizeof *name);
    server_lock();
    error = far && message && name ? wait_for_listener(socket, listener, flags) : -ENOMEM;
    if (error == 0) {
        if (listener->name) {
            /* Of all the addresses that it listens to, the one that was asked for. */
            *name = socket->family->settle ? *address : *listener->name;
            if (socket->family->settle)
                socket->family->settle(name);
            far->name = name;
            name = NULL;
        }
        enter(socket, listener, far, message);
    } else if (far) {
        socket_drop(far);
    }
    socket_drop(listener);
    server_unlock();
    release(name);
    if (error < 0)
        release(message);
    return error;
}

int socket_connect(struct socket *socket, const struct socket_address *address, uint32_t flags)
{
    if (socket_is_stream(socket))
        return connect_stream(socket, address, flags);
    return socket->family->connect_datagram(socket, address);
}

int32_t sys_connect(uint32_t fd, user_t at, uint32_t size)
{
    struct socket_address address;
    struct socket *socket;
    int error;
    struct file *file = socket_get(fd, &socket, &error);
    if (!file)
        return error;
    error = address_copy_in(&address, at, size);
    if (error == 0)
        error = socket_connect(socket, &address, file->flags);
    file_release(file);
    return error;
}

/* ---- accepting ----------------------------------------------------------------------------------- */

/* The next connection, with the reference its file will have. Lock held. */
static int take_connection(struct socket *listener, uint32_t flags, struct list *taken)
{
    ktime_t deadline = socket_deadline(listener->receive_timeout);
    while (list_empty(&listener->queue)) {
        if (listener->state != SOCKET_LISTENING || (listener->shutdown & SHUT_READ))
            return -EINVAL;
        if (flags & O_NONBLOCK)
            return -EAGAIN;
        int error = wait_queue_sleep(&listener->readers, deadline);
        if (error < 0)
            return timeout_error(error, deadline);
    }
    struct socket_message *message =
        container_of(listener->queue.next, struct socket_message, link);
    message_unlink(listener, message);
    list_append(taken, &message->link);
    return 0;
}

/* The address of the connection's other side. */
static int peer_address_out(struct socket *socket, user_t to, user_t size)
{
    struct socket_address address = *socket->family->no_address;
    server_lock();
    if (socket->peer && socket->peer->name)
        address = *socket->peer->name;
    server_unlock();
    return address_copy_out(&address, to, size);
}

static int accept_from(struct file *listening, struct socket *listener, uint32_t flags,
                       struct file **result)
{
    struct list taken = LIST_INIT(taken);
    server_lock();
    int error = listener->state == SOCKET_LISTENING
                    ? take_connection(listener, listening->flags, &taken)
                    : -EINVAL;
    server_unlock();
    if (error < 0)
        return error;
    struct socket_message *message = container_of(taken.next, struct socket_message, link);
    *result = socket_file(message->opened, flags);
    messages_free(&taken);
    return *result ? 0 : -ENFILE;
}

int32_t sys_accept4(uint32_t fd, user_t address, user_t size, uint32_t flags)
{
    struct socket *listener;
    struct file *connection = NULL;
    int error;
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    struct file *file = socket_get(fd, &listener, &error);
    if (!file)
        return error;
    error =
        socket_is_stream(listener) ? accept_from(file, listener, flags, &connection) : -EOPNOTSUPP;
    file_release(file);
    if (error == 0 && address.address) {
        error = peer_address_out(socket_of(connection), address, size);
        if (error < 0)
            file_release(connection);
    }
    return error < 0 ? error : fd_install(connection, 0, flags & O_CLOEXEC);
}

/* ---- shutdown ------------------------------------------------------------------------------------ */

void socket_shut(struct socket *socket, uint32_t ways)
{
    socket->shutdown |= ways;
    struct socket *peer = socket->peer;
    if (peer && socket_is_stream(socket)) {
        peer->shutdown |= (ways & SHUT_READ ? SHUT_WRITE : 0) | (ways & SHUT_WRITE ? SHUT_READ : 0);
        socket_wake_all(peer, READ_READY | WRITE_READY | POLLRDHUP | POLLHUP);
    }
    socket_wake_all(socket, READ_READY | WRITE_READY | POLLRDHUP | POLLHUP);
}

int32_t sys_shutdown(uint32_t fd, uint32_t how)
{
    struct socket *socket;
    int error;
    struct file *file = socket_get(fd, &socket, &error);
    if (!file)
        return error;
    if (how > 2) {
        error = -EINVAL;
    } else if (socket->family->unconnected_shutdown && socket->state == SOCKET_UNCONNECTED) {
        error = socket->family->unconnected_shutdown;
    } else {
        server_lock();
        socket_shut(socket, how + 1);
        server_unlock();
    }
    file_release(file);
    return error;
}
