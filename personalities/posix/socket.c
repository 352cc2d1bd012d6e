/* SPDX-License-Identifier: MIT */
/*
 * Socket calls, as far as connected pairs go: socketpair and moving bytes. There is no network and
 * no named AF_UNIX socket yet; asking for one says so with the error that programs expect.
 */
#include <string.h>

#include "calls.h"
#include "file.h"
#include "path.h"
#include "task.h"

#define AF_UNIX      1
#define SOL_SOCKET   1
#define SO_TYPE      3
#define SO_ERROR     4
#define SO_SNDBUF    7
#define SO_RCVBUF    8
#define MSG_DONTWAIT 0x40
#define MSG_NOSIGNAL 0x4000

static struct file *socket_get(uint32_t fd, int *error)
{
    struct file *file = fd_get(fd);
    *error = 0;
    if (file && file_is_socket(file))
        return file;
    *error = file ? -ENOTSOCK : -EBADF;
    if (file)
        file_release(file);
    return NULL;
}

int32_t sys_socket(uint32_t family, uint32_t type, uint32_t protocol)
{
    (void)family;
    (void)type;
    (void)protocol;
    return -EAFNOSUPPORT;
}

int32_t sys_socketpair(uint32_t family, uint32_t type, uint32_t protocol, user_t fds)
{
    struct file *ends[2];
    (void)protocol;
    if (family != AF_UNIX)
        return -EAFNOSUPPORT;
    if ((type & SOCK_TYPE_MASK) != SOCK_STREAM)
        return -ESOCKTNOSUPPORT;
    int error = socket_pair(type & O_NONBLOCK, ends);
    return error < 0 ? error : install_pair(ends, fds, type & O_CLOEXEC);
}

static int32_t transfer(struct file *file, struct io *io, uint32_t flags, bool write)
{
    uint32_t saved = file->flags;
    if (flags & MSG_DONTWAIT)
        file->flags |= O_NONBLOCK;
    int32_t result = write ? file_write_bytes(file, io) : file_read_bytes(file, io);
    if (flags & MSG_DONTWAIT)
        file->flags = saved;
    if (write && result == -EPIPE && !(flags & MSG_NOSIGNAL)) {
        siginfo_t info = signal_info_user(SIGPIPE, SI_USER, self()->process);
        server_lock();
        signal_thread(self(), &info);
        server_unlock();
    }
    return result;
}

static int32_t transfer_buffer(uint32_t fd, user_t buffer, uint32_t length, uint32_t flags,
                               bool write)
{
    int error;
    struct io io;
    struct file *file = socket_get(fd, &error);
    if (!file)
        return error;
    int32_t result = -EOPNOTSUPP;
    if (!(flags & ~(uint32_t)(MSG_DONTWAIT | MSG_NOSIGNAL))) {
        io_single(&io, buffer, MIN(length, 0x7ffff000u));
        result = transfer(file, &io, flags, write);
    }
    file_release(file);
    return result;
}

int32_t sys_sendto(uint32_t fd, user_t buffer, uint32_t length, uint32_t flags, user_t address,
                   uint32_t size)
{
    (void)size;
    return address.address ? -EISCONN : transfer_buffer(fd, buffer, length, flags, true);
}

int32_t sys_recvfrom(uint32_t fd, user_t buffer, uint32_t length, uint32_t flags, user_t address,
                     user_t size)
{
    int32_t result = transfer_buffer(fd, buffer, length, flags, false);
    if (result >= 0 && address.address && size.address && put_user(size, 0) < 0)
        return -EFAULT;
    return result;
}

static int32_t transfer_message(uint32_t fd, user_t at, uint32_t flags, bool write)
{
    struct linux_msghdr header;
    struct linux_iovec vector[16];
    uint32_t sum = 0;
    int error;
    struct io io;
    if (copy_in(&header, at, sizeof header) < 0)
        return -EFAULT;
    if (header.vector_count > ARRAY_COUNT(vector))
        return -EMSGSIZE;
    if (write && header.control_length)
        return -EOPNOTSUPP;
    if (copy_in(vector, USER(header.vectors), header.vector_count * sizeof *vector) < 0)
        return -EFAULT;
    for (uint32_t i = 0; i < header.vector_count; i++) {
        if ((int32_t)vector[i].length < 0)
            return -EINVAL;
        vector[i].length = MIN(vector[i].length, 0x7ffff000u - sum);
        sum += vector[i].length;
    }
    struct file *file = socket_get(fd, &error);
    if (!file)
        return error;
    io_vector(&io, vector, sum);
    int32_t result = transfer(file, &io, flags, write);
    file_release(file);
    if (!write && result >= 0) {
        header.name_length = header.control_length = header.flags = 0;
        if (copy_out(at, &header, sizeof header) < 0)
            return -EFAULT;
    }
    return result;
}

int32_t sys_sendmsg(uint32_t fd, user_t message, uint32_t flags)
{
    return transfer_message(fd, message, flags, true);
}

int32_t sys_recvmsg(uint32_t fd, user_t message, uint32_t flags)
{
    return transfer_message(fd, message, flags, false);
}

int32_t sys_shutdown(uint32_t fd, uint32_t how)
{
    int error;
    struct file *file = socket_get(fd, &error);
    if (!file)
        return error;
    if (how > 2)
        error = -EINVAL;
    server_lock();
    handle_t read_end = error == 0 && how != 1 ? file->handle : HANDLE_NONE;
    handle_t write_end = error == 0 && how != 0 ? file->handle2 : HANDLE_NONE;
    if (read_end)
        file->handle = HANDLE_NONE;
    if (write_end)
        file->handle2 = HANDLE_NONE;
    server_unlock();
    close_handle(read_end);
    close_handle(write_end);
    file_release(file);
    return error;
}

/* Calls that a connected pair refuses, after checking that it is one. */
static int32_t refuse(uint32_t fd, int32_t result)
{
    int error;
    struct file *file = socket_get(fd, &error);
    if (!file)
        return error;
    file_release(file);
    return result;
}

int32_t sys_bind(uint32_t fd, user_t address, uint32_t size)
{
    (void)address;
    (void)size;
    return refuse(fd, -EINVAL);
}

int32_t sys_connect(uint32_t fd, user_t address, uint32_t size)
{
    (void)address;
    (void)size;
    return refuse(fd, -EISCONN);
}

int32_t sys_listen(uint32_t fd, int32_t backlog)
{
    (void)backlog;
    return refuse(fd, -EINVAL);
}

int32_t sys_accept4(uint32_t fd, user_t address, user_t size, uint32_t flags)
{
    (void)address;
    (void)size;
    (void)flags;
    return refuse(fd, -EINVAL);
}

int32_t sys_getsockopt(uint32_t fd, uint32_t level, uint32_t name, user_t value, user_t size)
{
    int32_t error = refuse(fd, 0);
    uint32_t answer = name == SO_TYPE ? SOCK_STREAM : name == SO_ERROR ? 0 : PIPE_CAPACITY, length;
    if (error < 0)
        return error;
    if (level != SOL_SOCKET ||
        (name != SO_TYPE && name != SO_ERROR && name != SO_SNDBUF && name != SO_RCVBUF))
        return -ENOPROTOOPT;
    if (get_user(&length, size) < 0)
        return -EFAULT;
    length = MIN(length, 4);
    return copy_out(value, &answer, length) < 0 || put_user(size, length) < 0 ? -EFAULT : 0;
}

int32_t sys_setsockopt(uint32_t fd, uint32_t level, uint32_t name, user_t value, uint32_t size)
{
    (void)value;
    (void)size;
    bool known = level == SOL_SOCKET && (name == SO_SNDBUF || name == SO_RCVBUF);
    return refuse(fd, known ? 0 : -ENOPROTOOPT);
}

int32_t sys_getsockname(uint32_t fd, user_t address, user_t size)
{
    uint16_t family = AF_UNIX;
    uint32_t length;
    int32_t error = refuse(fd, 0);
    if (error < 0)
        return error;
    if (get_user(&length, size) < 0)
        return -EFAULT;
    return copy_out(address, &family, MIN(length, 2)) < 0 || put_user(size, 2) < 0 ? -EFAULT : 0;
}

/* ---- the old multiplexed call -------------------------------------------------------------------- */

int32_t sys_socketcall(uint32_t call, user_t arguments)
{
    static const uint8_t counts[] = {0, 3, 3, 3, 2, 3, 3, 3, 4, 4, 4, 6, 6, 2, 5, 5, 3, 3, 4};
    uint32_t a[6] = {0};
    if (call == 0 || call >= ARRAY_COUNT(counts))
        return -EINVAL;
    if (copy_in(a, arguments, counts[call] * 4u) < 0)
        return -EFAULT;
    switch (call) {
    case 1:
        return sys_socket(a[0], a[1], a[2]);
    case 2:
        return sys_bind(a[0], USER(a[1]), a[2]);
    case 3:
        return sys_connect(a[0], USER(a[1]), a[2]);
    case 4:
        return sys_listen(a[0], (int32_t)a[1]);
    case 5:
        return sys_accept4(a[0], USER(a[1]), USER(a[2]), 0);
    case 6:
    case 7:
        return sys_getsockname(a[0], USER(a[1]), USER(a[2]));
    case 8:
        return sys_socketpair(a[0], a[1], a[2], USER(a[3]));
    case 9:
        return sys_sendto(a[0], USER(a[1]), a[2], a[3], USER(0), 0);
    case 10:
        return sys_recvfrom(a[0], USER(a[1]), a[2], a[3], USER(0), USER(0));
    case 11:
        return sys_sendto(a[0], USER(a[1]), a[2], a[3], USER(a[4]), a[5]);
    case 12:
        return sys_recvfrom(a[0], USER(a[1]), a[2], a[3], USER(a[4]), USER(a[5]));
    case 13:
        return sys_shutdown(a[0], a[1]);
    case 14:
        return sys_setsockopt(a[0], a[1], a[2], USER(a[3]), a[4]);
    case 15:
        return sys_getsockopt(a[0], a[1], a[2], USER(a[3]), USER(a[4]));
    case 16:
        return sys_sendmsg(a[0], USER(a[1]), a[2]);
    case 17:
        return sys_recvmsg(a[0], USER(a[1]), a[2]);
    }
    return sys_accept4(a[0], USER(a[1]), USER(a[2]), a[3]);
}
