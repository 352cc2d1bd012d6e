/* SPDX-License-Identifier: MIT */
/* getsockopt and setsockopt: level SOL_SOCKET by two tables; those of AF_INET are in sockinet.c. */
#include <string.h>

#include "missing.h"
#include "calls.h"
#include "socket.h"
#include "task.h"

#define SOL_SOCKET        1
#define BUFFER_LIMIT      (SOCKET_BUFFER * 2)
#define RECEIVE_MIN       2304u
#define SOCKET_GROUPS_MAX 32

enum option {
    OPT_REUSEADDR = 2,
    OPT_TYPE = 3,
    OPT_ERROR = 4,
    OPT_DONTROUTE = 5,
    OPT_BROADCAST = 6,
    OPT_SNDBUF = 7,
    OPT_RCVBUF = 8,
    OPT_KEEPALIVE = 9,
    OPT_OOBINLINE = 10,
    OPT_PRIORITY = 12,
    OPT_LINGER = 13,
    OPT_REUSEPORT = 15,
    OPT_PASSCRED = 16,
    OPT_PEERCRED = 17,
    OPT_RCVLOWAT = 18,
    OPT_SNDLOWAT = 19,
    OPT_RCVTIMEO = 20,
    OPT_SNDTIMEO = 21,
    OPT_TIMESTAMP = 29,
    OPT_ACCEPTCONN = 30,
    OPT_SNDBUFFORCE = 32,
    OPT_RCVBUFFORCE = 33,
    OPT_TIMESTAMPNS = 35,
    OPT_PROTOCOL = 38,
    OPT_DOMAIN = 39,
    OPT_PEERGROUPS = 59,
    OPT_RCVTIMEO_NEW = 66,
    OPT_SNDTIMEO_NEW = 67,
};

static const struct {
    uint8_t option;
    uint16_t flag;
} switches[] = {
    {OPT_REUSEADDR, SOCKET_REUSE_ADDRESS},   {OPT_DONTROUTE, SOCKET_DONT_ROUTE},
    {OPT_BROADCAST, SOCKET_BROADCAST},       {OPT_KEEPALIVE, SOCKET_KEEP_ALIVE},
    {OPT_OOBINLINE, SOCKET_OOB_INLINE},      {OPT_REUSEPORT, SOCKET_REUSE_PORT},
    {OPT_PASSCRED, SOCKET_PASS_CREDENTIALS}, {OPT_TIMESTAMP, SOCKET_TIMESTAMP},
    {OPT_TIMESTAMPNS, SOCKET_TIMESTAMP_NS},
};

static uint32_t switch_of(uint32_t option)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(switches); i++) {
        if (switches[i].option == option)
            return switches[i].flag;
    }
    return 0;
}

static uint32_t *family_option(struct socket *socket, uint32_t level, uint32_t option)
{
    const struct socket_family *family = socket->family;
    return level == SOL_SOCKET || !family->option ? NULL : family->option(socket, level, option);
}

/* Whether no protocol of the socket's is there: only who reads is told so. */
static bool other_level(const struct socket *socket, uint32_t level)
{
    return level != 0 && level != socket->family->protocol(socket);
}

/* ---- reading ------------------------------------------------------------------------------------- */

static bool number_of(struct socket *socket, uint32_t option, uint32_t *value)
{
    uint32_t flag = switch_of(option);
    if (flag) {
        *value = (socket->flags & flag) != 0;
        return true;
    }
    switch (option) {
    case OPT_TYPE:
        *value = socket->type;
        return true;
    case OPT_ERROR:
        *value = socket->error;
        socket->error = 0;
        socket_show(socket, 0);
        return true;
    case OPT_SNDBUF:
        *value = socket->send_limit;
        return true;
    case OPT_RCVBUF:
        *value = socket->receive_limit;
        return true;
    case OPT_PRIORITY:
        *value = socket->priority;
        return true;
    case OPT_RCVLOWAT:
        *value = socket->low_water;
        return true;
    case OPT_SNDLOWAT:
        *value = 1;
        return true;
    case OPT_ACCEPTCONN:
        *value = socket->state == SOCKET_LISTENING;
        return true;
    case OPT_PROTOCOL:
        *value = socket->family->protocol(socket);
        return true;
    case OPT_DOMAIN:
        *value = socket->family->domain;
        return true;
    }
    return false;
}

static uint32_t put_timeout(ktime_t timeout, bool wide, void *to)
{
    uint64_t ns = timeout == DEADLINE_NEVER ? 0 : timeout;
    if (wide) {
        *(struct linux_timespec64 *)to = (struct linux_timespec64){
            (int64_t)(ns / NS_PER_SEC), (int64_t)(ns % NS_PER_SEC / 1000)};
        return sizeof(struct linux_timespec64);
    }
    *(struct linux_timeval *)to =
        (struct linux_timeval){(int32_t)(ns / NS_PER_SEC), (int32_t)(ns % NS_PER_SEC / 1000)};
    return sizeof(struct linux_timeval);
}

/* The value into `to` (16 bytes): its length, 0 if there is no such option. Lock held. */
static uint32_t get_option(struct socket *socket, uint32_t option, void *to)
{
    uint32_t *words = to;
    if (number_of(socket, option, words))
        return 4;
    switch (option) {
    case OPT_LINGER:
        words[0] = socket->linger_on;
        words[1] = socket->linger_time;
        return 8;
    case OPT_PEERCRED:
        *(struct socket_credentials *)to = socket->peer_credentials;
        return sizeof(struct socket_credentials);
    case OPT_RCVTIMEO:
    case OPT_RCVTIMEO_NEW:
        return put_timeout(socket->receive_timeout, option == OPT_RCVTIMEO_NEW, to);
    case OPT_SNDTIMEO:
    case OPT_SNDTIMEO_NEW:
        return put_timeout(socket->send_timeout, option == OPT_SNDTIMEO_NEW, to);
    }
    return 0;
}

int32_t sys_getsockopt(uint32_t fd, uint32_t level, uint32_t option, user_t value, user_t size)
{
    uint64_t answer[2];
    uint32_t room, length = 0;
    struct socket *socket;
    int error;
    struct file *file = socket_get(fd, &socket, &error);
    if (!file)
        return error;
    uint32_t *own = family_option(socket, level, option);
    if (level != SOL_SOCKET && !own)
        error = other_level(socket, level) ? -EOPNOTSUPP : socket->family->no_option;
    else if (get_user(&room, size) < 0)
        error = -EFAULT;
    else if ((int32_t)room < 0)
        error = -EINVAL;
    if (error == 0) {
        server_lock();
        length = own ? 4 : get_option(socket, option, answer);
        if (own)
            memcpy(answer, own, 4);
        server_unlock();
        error = length ? 0 : -ENOPROTOOPT;
    }
    file_release(file);
    if (error < 0)
        return error;
    room = MIN(room, length);
    return copy_out(value, answer, room) < 0 || put_user(size, room) < 0 ? -EFAULT : 0;
}

/* ---- writing ------------------------------------------------------------------------------------- */

/* As Linux: the kernel's own bookkeeping counts, so twice what was asked for is set. */
static uint32_t buffer_size(uint32_t asked, bool force, uint32_t least)
{
    uint32_t size = force ? MIN(asked, UINT32_MAX / 4) : MIN(asked, SOCKET_BUFFER);
    return MAX(size * 2, least);
}

static int set_timeout(ktime_t *timeout, const void *value, uint32_t size, bool wide)
{
    const struct linux_timespec64 *large = value;
    const struct linux_timeval *small = value;
    if (size < (wide ? sizeof *large : sizeof *small))
        return -EINVAL;
    int64_t sec = wide ? large->sec : small->sec, usec = wide ? large->nsec : small->usec;
    if (usec < 0 || usec >= 1000000)
        return -EDOM;
    *timeout = sec < 0 ? 0 : (uint64_t)sec * NS_PER_SEC + (uint64_t)usec * 1000;
    if (*timeout == 0)
        *timeout = DEADLINE_NEVER;
    if (sec < 0)
        *timeout = 0;
    return 0;
}

static int set_number(struct socket *socket, uint32_t option, uint32_t value)
{
    bool root = capable(CAP_NET_ADMIN);
    uint32_t flag = switch_of(option);
    if (flag) {
        socket->flags = value ? socket->flags | flag : socket->flags & ~flag;
        return 0;
    }
    switch (option) {
    case OPT_SNDBUF:
    case OPT_SNDBUFFORCE:
        if (option == OPT_SNDBUFFORCE && !root)
            return -EPERM;
        socket->send_limit = buffer_size(value, option == OPT_SNDBUFFORCE, SOCKET_BUFFER_MIN);
        wait_queue_wake(&socket->writers, WAKE_ALL);
        socket_show(socket, 0);
        return 0;
    case OPT_RCVBUF:
    case OPT_RCVBUFFORCE:
        if (option == OPT_RCVBUFFORCE && !root)
            return -EPERM;
        socket->receive_limit = buffer_size(value, option == OPT_RCVBUFFORCE, RECEIVE_MIN);
        return 0;
    case OPT_PRIORITY:
        if (value > 6 && !root)
            return -EPERM;
        socket->priority = value;
        return 0;
    case OPT_RCVLOWAT:
        socket->low_water = (int32_t)value < 0 ? INT32_MAX : value ? value : 1;
        return 0;
    }
    return missing_error(ENOPROTOOPT, "socket option %u", option);
}

static int set_option(struct socket *socket, uint32_t option, const uint64_t value[2],
                      uint32_t size)
{
    const uint32_t *words = (const uint32_t *)value;
    switch (option) {
    case OPT_LINGER:
        if (size < 8)
            return -EINVAL;
        socket->linger_on = words[0] != 0;
        socket->linger_time = words[1];
        return 0;
    case OPT_RCVTIMEO:
    case OPT_RCVTIMEO_NEW:
        return set_timeout(&socket->receive_timeout, value, size, option == OPT_RCVTIMEO_NEW);
    case OPT_SNDTIMEO:
    case OPT_SNDTIMEO_NEW:
        return set_timeout(&socket->send_timeout, value, size, option == OPT_SNDTIMEO_NEW);
    }
    return set_number(socket, option, words[0]);
}

int32_t sys_setsockopt(uint32_t fd, uint32_t level, uint32_t option, user_t from, uint32_t size)
{
    uint64_t value[2] = {0, 0};
    struct socket *socket;
    int error;
    struct file *file = socket_get(fd, &socket, &error);
    if (!file)
        return error;
    uint32_t *own = family_option(socket, level, option);
    if (level != SOL_SOCKET && !own)
        error = socket->family->option
                    ? missing_error(-socket->family->no_option, "socket option %u of level %u",
                                    option, level)
                    : socket->family->no_option;
    else if ((int32_t)size < 4)
        error = -EINVAL;
    else if (copy_in(value, from, MIN(size, sizeof value)) < 0)
        error = -EFAULT;
    if (error == 0) {
        server_lock();
        if (own)
            memcpy(own, value, 4);
        else
            error = set_option(socket, option, value, size);
        server_unlock();
    }
    file_release(file);
    return error;
}
