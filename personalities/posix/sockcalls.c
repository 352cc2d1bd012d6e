/* SPDX-License-Identifier: MIT */
/* The system calls that move data through sockets, and the old call that holds all socket calls. */
#include <string.h>

#include "calls.h"
#include "path.h"
#include "resume.h"
#include "socket.h"
#include "task.h"
#include "time.h"

#define VECTOR_MAX    1024u
#define VECTOR_SMALL  8u
#define COUNT_MAX     0x7ffff000u
#define MESSAGES_MAX  1024u
#define ADDRESS_LIMIT 128u

struct linux_mmsghdr {
    struct linux_msghdr header;
    uint32_t length;
};

/* Writing to a stream that nobody reads raises a signal, unless the caller asked for none. */
static int32_t send_result(struct socket *socket, uint32_t flags, int32_t result)
{
    if (result == -EPIPE && socket->type == SOCK_STREAM && !(flags & MESSAGE_NOSIGNAL)) {
        siginfo_t info = signal_info_user(SIGPIPE, SI_USER, self()->process);
        server_lock();
        signal_thread(self(), &info);
        server_unlock();
    }
    return result;
}

/* A stream takes all of it before the call returns. */
static int32_t send_bytes(struct file *file, struct socket *socket,
                          struct socket_transfer *transfer)
{
    bool whole = socket->type == SOCK_STREAM && !(transfer->flags & MESSAGE_DONTWAIT) &&
                 !(file->flags & O_NONBLOCK);
    uint32_t moved = call_moved(transfer->io);
    if (moved > 0)
        control_free(&transfer->control); /* it went with the first part */
    int32_t result = socket_send(file, transfer);
    if (moved || whole)
        result = call_transferred(transfer->io, moved, result);
    return send_result(socket, transfer->flags, result);
}

static int32_t receive_bytes(struct file *file, struct socket *socket,
                             struct socket_transfer *transfer)
{
    bool whole = socket->type == SOCK_STREAM &&
                 (transfer->flags & (MESSAGE_WAITALL | MESSAGE_PEEK)) == MESSAGE_WAITALL;
    uint32_t moved = call_moved(transfer->io);
    int32_t result = socket_receive(file, transfer);
    return moved || whole ? call_transferred(transfer->io, moved, result) : result;
}

/* ---- single buffers ------------------------------------------------------------------------------ */

int32_t sys_sendto(uint32_t fd, user_t buffer, uint32_t length, uint32_t flags, user_t at,
                   uint32_t size)
{
    struct socket_address address;
    struct socket *socket;
    struct io io;
    int error;
    struct file *file = socket_get(fd, &socket, &error);
    if (!file)
        return error;
    io_single(&io, buffer, MIN(length, COUNT_MAX));
    struct socket_transfer transfer = {.io = &io, .flags = flags};
    int32_t result = 0;
    if (at.address) {
        result = address_copy_in(&address, at, size);
        transfer.address = &address;
    }
    if (result == 0)
        result = send_bytes(file, socket, &transfer);
    file_release(file);
    return result;
}

int32_t sys_recvfrom(uint32_t fd, user_t buffer, uint32_t length, uint32_t flags, user_t at,
                     user_t size)
{
    struct socket_address address = {.length = 0};
    struct socket *socket;
    struct io io;
    int error;
    struct file *file = socket_get(fd, &socket, &error);
    if (!file)
        return error;
    io_single(&io, buffer, MIN(length, COUNT_MAX));
    struct socket_transfer transfer = {.io = &io, .flags = flags, .address = &address};
    int32_t result = receive_bytes(file, socket, &transfer);
    control_free(&transfer.control);
    file_release(file);
    if (result >= 0 && at.address) {
        error = address_copy_out(&address, at, size);
        result = error < 0 ? error : result;
    }
    return result;
}

/* ---- messages ------------------------------------------------------------------------------------ */

static int copy_in_header(struct linux_msghdr *header, user_t at)
{
    if (copy_in(header, at, sizeof *header) < 0)
        return -EFAULT;
    if ((int32_t)header->name_length < 0)
        return -EINVAL;
    header->name_length = MIN(header->name_length, ADDRESS_LIMIT);
    if (!header->name)
        header->name_length = 0;
    return header->vector_count > VECTOR_MAX ? -EMSGSIZE : 0;
}

/* `alone`: the result is the call's, which may be issued again for the rest. */
static int32_t send_one(struct file *file, struct socket *socket, user_t at, uint32_t flags,
                        bool alone)
{
    struct linux_iovec small[VECTOR_SMALL], *vector;
    struct linux_msghdr header;
    struct socket_address address;
    struct socket_transfer transfer = {.flags = flags};
    struct io io;
    int32_t result = copy_in_header(&header, at);
    if (result == 0 && header.name_length > 0) {
        result = address_copy_in(&address, USER(header.name), header.name_length);
        transfer.address = &address;
    }
    if (result == 0)
        result = io_copy_in_vector(USER(header.vectors), header.vector_count, small, VECTOR_SMALL,
                                   &vector);
    if (result < 0)
        return result;
    io_vector(&io, vector, (uint32_t)result);
    transfer.io = &io;
    result = 0;
    if (header.control && header.control_length > 0)
        result = control_copy_in(&transfer.control, USER(header.control), header.control_length);
    if (result == 0)
        result = alone ? send_bytes(file, socket, &transfer)
                       : send_result(socket, flags, socket_send(file, &transfer));
    if (vector != small)
        release(vector);
    return result;
}

int32_t sys_sendmsg(uint32_t fd, user_t message, uint32_t flags)
{
    struct socket *socket;
    int error;
    struct file *file = socket_get(fd, &socket, &error);
    if (!file)
        return error;
    int32_t result = send_one(file, socket, message, flags, true);
    file_release(file);
    return result;
}

/* Where the sender's address goes and how long it is. */
static int put_name(const struct linux_msghdr *header, const struct socket_address *address,
                    uint32_t *length)
{
    *length = address->length;
    if (!header->name)
        return 0;
    return copy_out(USER(header->name), &address->family, MIN(header->name_length, *length));
}

static int32_t put_results(struct socket *socket, struct socket_transfer *transfer,
                           struct linux_msghdr *header, user_t at)
{
    struct linux_msghdr out = *header;
    int error = put_name(header, transfer->address, &out.name_length);
    if (error == 0)
        error = control_copy_out(socket, transfer, &out);
    if (error == 0 && header->name)
        error =
            copy_out(user_at(at, offsetof(struct linux_msghdr, name_length)), &out.name_length, 4);
    if (error == 0)
        error = copy_out(user_at(at, offsetof(struct linux_msghdr, control_length)),
                         &out.control_length, 8);
    return error;
}

static int32_t receive_one(struct file *file, struct socket *socket, user_t at, uint32_t flags,
                           bool alone)
{
    struct linux_iovec small[VECTOR_SMALL], *vector;
    struct linux_msghdr header;
    struct socket_address address = {.length = 0};
    struct io io;
    int32_t result = copy_in_header(&header, at);
    if (result == 0)
        result = io_copy_in_vector(USER(header.vectors), header.vector_count, small, VECTOR_SMALL,
                                   &vector);
    if (result < 0)
        return result;
    io_vector(&io, vector, (uint32_t)result);
    struct socket_transfer transfer = {.io = &io, .flags = flags, .address = &address};
    result = alone ? receive_bytes(file, socket, &transfer) : socket_receive(file, &transfer);
    if (result >= 0) {
        int error = put_results(socket, &transfer, &header, at);
        result = error < 0 ? error : result;
    }
    control_free(&transfer.control);
    if (vector != small)
        release(vector);
    return result;
}

int32_t sys_recvmsg(uint32_t fd, user_t message, uint32_t flags)
{
    struct socket *socket;
    int error;
    struct file *file = socket_get(fd, &socket, &error);
    if (!file)
        return error;
    int32_t result = receive_one(file, socket, message, flags, true);
    file_release(file);
    return result;
}

/* ---- several messages ---------------------------------------------------------------------------- */

static user_t length_field(user_t messages, uint32_t index)
{
    return user_at(messages,
                   index * sizeof(struct linux_mmsghdr) + offsetof(struct linux_mmsghdr, length));
}

static user_t header_field(user_t messages, uint32_t index)
{
    return user_at(messages, index * sizeof(struct linux_mmsghdr));
}

int32_t sys_sendmmsg(uint32_t fd, user_t messages, uint32_t count, uint32_t flags)
{
    struct socket *socket;
    int error;
    uint32_t done = 0;
    struct file *file = socket_get(fd, &socket, &error);
    if (!file)
        return error;
    for (; done < MIN(count, MESSAGES_MAX); done++) {
        error = send_one(file, socket, header_field(messages, done), flags, false);
        if (error >= 0)
            error = put_user(length_field(messages, done), (uint32_t)error);
        if (error < 0)
            break;
    }
    file_release(file);
    return done ? (int32_t)done : error;
}

static int32_t receive_many(struct file *file, struct socket *socket, user_t messages,
                            uint32_t count, uint32_t flags, ktime_t deadline)
{
    uint32_t done = 0;
    int error = 0;
    while (done < count) {
        error = receive_one(file, socket, header_field(messages, done),
                            flags & ~(uint32_t)MESSAGE_WAITFORONE, false);
        if (error >= 0)
            error = put_user(length_field(messages, done), (uint32_t)error);
        if (error < 0)
            break;
        done++;
        if (flags & MESSAGE_WAITFORONE)
            flags |= MESSAGE_DONTWAIT;
        if (deadline != DEADLINE_NEVER && now() >= deadline)
            break;
    }
    if (done && error < 0 && error != -EAGAIN && error != -ERESTARTSYS) {
        server_lock();
        socket->error = (uint32_t)-error;
        server_unlock();
    }
    return done ? (int32_t)done : error;
}

static int32_t recvmmsg_as(uint32_t fd, user_t messages, uint32_t count, uint32_t flags,
                           user_t timeout, bool wide)
{
    ktime_t deadline = DEADLINE_NEVER;
    struct socket *socket;
    uint64_t span;
    int error;
    if (timeout.address) {
        error = copy_in_span(&span, timeout, wide);
        if (error < 0)
            return error;
        deadline = deadline_after(span);
    }
    struct file *file = socket_get(fd, &socket, &error);
    if (!file)
        return error;
    int32_t result =
        receive_many(file, socket, messages, MIN(count, MESSAGES_MAX), flags, deadline);
    file_release(file);
    ktime_t time = now();
    if (timeout.address && result > 0)
        (void)copy_out_span(timeout, deadline > time ? deadline - time : 0, wide);
    return result;
}

int32_t sys_recvmmsg(uint32_t fd, user_t messages, uint32_t count, uint32_t flags, user_t timeout)
{
    return recvmmsg_as(fd, messages, count, flags, timeout, false);
}

int32_t sys_recvmmsg_time64(uint32_t fd, user_t messages, uint32_t count, uint32_t flags,
                            user_t timeout)
{
    return recvmmsg_as(fd, messages, count, flags, timeout, true);
}

/* ---- the old multiplexed call -------------------------------------------------------------------- */

enum socket_call {
    CALL_SOCKET = 1,
    CALL_BIND,
    CALL_CONNECT,
    CALL_LISTEN,
    CALL_ACCEPT,
    CALL_GETSOCKNAME,
    CALL_GETPEERNAME,
    CALL_SOCKETPAIR,
    CALL_SEND,
    CALL_RECV,
    CALL_SENDTO,
    CALL_RECVFROM,
    CALL_SHUTDOWN,
    CALL_SETSOCKOPT,
    CALL_GETSOCKOPT,
    CALL_SENDMSG,
    CALL_RECVMSG,
    CALL_ACCEPT4,
    CALL_RECVMMSG,
    CALL_SENDMMSG,
};

static int32_t naming_call(uint32_t call, const uint32_t *a)
{
    switch (call) {
    case CALL_SOCKET:
        return sys_socket(a[0], a[1], a[2]);
    case CALL_BIND:
        return sys_bind(a[0], USER(a[1]), a[2]);
    case CALL_CONNECT:
        return sys_connect(a[0], USER(a[1]), a[2]);
    case CALL_LISTEN:
        return sys_listen(a[0], (int32_t)a[1]);
    case CALL_ACCEPT:
        return sys_accept4(a[0], USER(a[1]), USER(a[2]), 0);
    case CALL_GETSOCKNAME:
        return sys_getsockname(a[0], USER(a[1]), USER(a[2]));
    case CALL_GETPEERNAME:
        return sys_getpeername(a[0], USER(a[1]), USER(a[2]));
    }
    return sys_socketpair(a[0], a[1], a[2], USER(a[3]));
}

int32_t sys_socketcall(uint32_t call, user_t arguments)
{
    static const uint8_t counts[] = {0, 3, 3, 3, 2, 3, 3, 3, 4, 4, 4, 6, 6, 2, 5, 5, 3, 3, 4, 5, 4};
    uint32_t a[6] = {0};
    if (call == 0 || call >= ARRAY_COUNT(counts))
        return -EINVAL;
    if (copy_in(a, arguments, counts[call] * 4u) < 0)
        return -EFAULT;
    switch (call) {
    case CALL_SEND:
        return sys_sendto(a[0], USER(a[1]), a[2], a[3], USER(0), 0);
    case CALL_RECV:
        return sys_recvfrom(a[0], USER(a[1]), a[2], a[3], USER(0), USER(0));
    case CALL_SENDTO:
        return sys_sendto(a[0], USER(a[1]), a[2], a[3], USER(a[4]), a[5]);
    case CALL_RECVFROM:
        return sys_recvfrom(a[0], USER(a[1]), a[2], a[3], USER(a[4]), USER(a[5]));
    case CALL_SHUTDOWN:
        return sys_shutdown(a[0], a[1]);
    case CALL_SETSOCKOPT:
        return sys_setsockopt(a[0], a[1], a[2], USER(a[3]), a[4]);
    case CALL_GETSOCKOPT:
        return sys_getsockopt(a[0], a[1], a[2], USER(a[3]), USER(a[4]));
    case CALL_SENDMSG:
        return sys_sendmsg(a[0], USER(a[1]), a[2]);
    case CALL_RECVMSG:
        return sys_recvmsg(a[0], USER(a[1]), a[2]);
    case CALL_ACCEPT4:
        return sys_accept4(a[0], USER(a[1]), USER(a[2]), a[3]);
    case CALL_RECVMMSG:
        return sys_recvmmsg(a[0], USER(a[1]), a[2], a[3], USER(a[4]));
    case CALL_SENDMMSG:
        return sys_sendmmsg(a[0], USER(a[1]), a[2], a[3]);
    }
    return naming_call(call, a);
}
