/* SPDX-License-Identifier: MIT */
/*
 * Sockets of the AF_UNIX family, and the calls on addresses of any. An abstract name is found among the bound sockets by its bytes and
 * type; a path by the file system node that it leads to, whose handle the bound socket keeps, so
 * that the node's number cannot come to mean another file.
 */
#include <stdio.h>
#include <string.h>

#include "calls.h"
#include "path.h"
#include "socket.h"
#include "task.h"

#define FAMILY_LENGTH 2u
#define NAME_MAX_     SOCKET_PATH_MAX
#define ADDRESS_LIMIT 128u /* sizeof(struct sockaddr_storage) */
#define AF_UNSPEC     0

int address_copy_in(struct socket_address *address, user_t from, uint32_t length)
{
    uint8_t bytes[ADDRESS_LIMIT];
    if (length > ADDRESS_LIMIT)
        return -EINVAL;
    memset(address, 0, sizeof *address);
    address->length = length;
    if (length == 0)
        return 0;
    if (copy_in(bytes, from, length) < 0)
        return -EFAULT;
    if (length >= FAMILY_LENGTH)
        memcpy(&address->family, bytes, FAMILY_LENGTH);
    if (length > FAMILY_LENGTH)
        memcpy(address->path, bytes + FAMILY_LENGTH, MIN(length - FAMILY_LENGTH, NAME_MAX_));
    return 0;
}

int address_copy_out(const struct socket_address *address, user_t to, user_t size)
{
    uint32_t room;
    if (get_user(&room, size) < 0)
        return -EFAULT;
    if ((int32_t)room < 0)
        return -EINVAL;
    room = MIN(room, address->length);
    if (room && copy_out(to, &address->family, room) < 0)
        return -EFAULT;
    return put_user(size, address->length);
}

static const struct socket_address no_address = {FAMILY_LENGTH, AF_UNIX, ""};

static bool is_name(const struct socket_address *address)
{
    return address->length > FAMILY_LENGTH && address->length <= FAMILY_LENGTH + NAME_MAX_ &&
           address->family == AF_UNIX;
}

static bool is_abstract(const struct socket_address *address)
{
    return address->path[0] == '\0';
}

/* ---- finding ------------------------------------------------------------------------------------- */

static struct socket *find_abstract(const struct socket_address *address, uint32_t type)
{
    list_each(socket, &all_sockets, struct socket, link)
    {
        if (socket->type == type && socket->family == &unix_family && !socket->closed &&
            socket->name && socket->name->length == address->length &&
            memcmp(socket->name->path, address->path, address->length - FAMILY_LENGTH) == 0)
            return socket;
    }
    return NULL;
}

static struct socket *find_node(const struct fs_attr *attr)
{
    list_each(socket, &all_sockets, struct socket, link)
    {
        if (socket->node != HANDLE_NONE && !socket->closed && socket->node_ino == attr->ino &&
            socket->node_device == attr->device)
            return socket;
    }
    return NULL;
}

/* The node behind a path, if the caller may write to it. */
static int look_up(const struct socket_address *address, struct fs_attr *attr)
{
    char path[NAME_MAX_ + 1];
    memcpy(path, address->path, NAME_MAX_);
    path[NAME_MAX_] = '\0';
    struct walk walk = {.dirfd = (uint32_t)AT_FDCWD, .path = path, .op = FS_OP_STAT};
    int error = path_walk(&walk);
    if (error < 0)
        return error;
    error = check_access(&walk.attr, 2, true);
    *attr = walk.attr;
    return error < 0 ? error : S_ISSOCK(walk.attr.mode) ? 0 : -ECONNREFUSED;
}

static int find_bound(const struct socket *socket, const struct socket_address *address,
                      struct socket **found)
{
    uint32_t type = socket->type;
    struct fs_attr attr = {.ino = 0};
    if (!is_name(address))
        return -EINVAL;
    int error = is_abstract(address) ? 0 : look_up(address, &attr);
    if (error < 0)
        return error;
    server_lock();
    *found = is_abstract(address) ? find_abstract(address, type) : find_node(&attr);
    if (!*found)
        error = -ECONNREFUSED;
    else if ((*found)->type != type)
        error = -EPROTOTYPE;
    else
        socket_hold(*found);
    server_unlock();
    return error;
}

/* ---- binding ------------------------------------------------------------------------------------- */

static struct socket_address *name_copy(const struct socket_address *address)
{
    struct socket_address *copy = allocate(sizeof *copy);
    if (copy)
        *copy = *address;
    return copy;
}

/* Takes over the name and the node, also on failure. */
static int give_name(struct socket *socket, struct socket_address *name, const struct walk *walk)
{
    int error = 0;
    server_lock();
    if (socket->name)
        error = -EINVAL;
    else if (!walk && is_abstract(name) && find_abstract(name, socket->type))
        error = -EADDRINUSE;
    if (error == 0) {
        socket->name = name;
        socket->own = credentials_now();
        if (walk) {
            socket->node = walk->node;
            socket->node_ino = walk->attr.ino;
            socket->node_device = walk->attr.device;
            socket->node_path = walk->absolute ? text_copy(walk->absolute) : NULL;
        }
    }
    server_unlock();
    if (error < 0) {
        release(name);
        if (walk)
            close_handle(walk->node);
    }
    return error;
}

/* Makes the node and opens it, so that it stays the one that was made. */
static int make_node(const char *path, struct walk *walk)
{
    *walk = (struct walk){.dirfd = (uint32_t)AT_FDCWD, .path = path, .op = FS_OP_MKNOD};
    walk->mode = S_IFSOCK | (0777 & ~self()->process->fs->umask);
    int error = path_walk(walk);
    if (error == 0 && walk->is_internal)
        error = -EEXIST;
    if (error < 0)
        return error == -EEXIST ? -EADDRINUSE : error;
    walk->op = FS_OP_OPEN;
    walk->flags = FS_O_NODE | FS_O_NOFOLLOW;
    error = path_walk(walk);
    return error == 0 && walk->is_internal ? -EADDRINUSE : error;
}

static int bind_path(struct socket *socket, const struct socket_address *address)
{
    struct walk walk;
    struct socket_address *name = name_copy(address);
    if (!name)
        return -ENOMEM;
    name->path[address->length - FAMILY_LENGTH] = '\0';
    name->length = FAMILY_LENGTH + (uint32_t)strlen(name->path) + 1;
    int error = make_node(name->path, &walk);
    if (error < 0) {
        release(name);
        return error;
    }
    error = give_name(socket, name, &walk);
    if (error < 0) { /* bound already: as on Linux the node is made first */
        struct walk undo = {.dirfd = (uint32_t)AT_FDCWD, .path = address->path, .op = FS_OP_UNLINK};
        (void)path_walk(&undo);
    }
    return error;
}

/* The node of a socket of before, if nobody is bound to it now. */
static int find_left_node(const char *path, struct walk *walk)
{
    *walk = (struct walk){.dirfd = (uint32_t)AT_FDCWD,
                          .path = path,
                          .op = FS_OP_OPEN,
                          .flags = FS_O_NODE | FS_O_NOFOLLOW};
    int error = path_walk(walk);
    if (error < 0)
        return error;
    if (walk->is_internal)
        return -EADDRINUSE;
    error = check_access(&walk->attr, 2, true);
    server_lock();
    if (error == 0 && (!S_ISSOCK(walk->attr.mode) || find_node(&walk->attr)))
        error = -EADDRINUSE;
    server_unlock();
    if (error < 0)
        close_handle(walk->node);
    return error;
}

int socket_bind_again(struct socket *socket, const struct socket_address *address, const char *path)
{
    struct walk walk;
    struct socket_address *name;
    if (!is_name(address))
        return -EINVAL;
    int error = 0;
    if (path && (error = find_left_node(path, &walk)) == -ENOENT)
        error = make_node(path, &walk);
    name = error == 0 ? name_copy(address) : NULL;
    if (error == 0 && !name) {
        error = -ENOMEM;
        if (path)
            close_handle(walk.node);
    }
    return error < 0 ? error : give_name(socket, name, path ? &walk : NULL);
}

static int bind_anywhere(struct socket *socket, bool any)
{
    static uint32_t next;
    struct socket_address address = {.length = FAMILY_LENGTH + 6, .family = AF_UNIX};
    (void)any;
    for (uint32_t i = 0; i <= 0xfffff; i++) {
        uint32_t number = __atomic_add_fetch(&next, 1, __ATOMIC_RELAXED) & 0xfffff;
        (void)snprintf(address.path + 1, 6, "%05x", number);
        struct socket_address *name = name_copy(&address);
        if (!name)
            return -ENOMEM;
        int error = give_name(socket, name, NULL);
        if (error != -EADDRINUSE)
            return error == -EINVAL ? 0 : error; /* somebody else has bound it meanwhile */
    }
    return -ENOSPC;
}

static int bind_to(struct socket *socket, const struct socket_address *address)
{
    if (address->length == FAMILY_LENGTH && address->family == AF_UNIX)
        return bind_anywhere(socket, false);
    if (!is_name(address))
        return -EINVAL;
    if (!is_abstract(address))
        return bind_path(socket, address);
    struct socket_address *name = name_copy(address);
    return name ? give_name(socket, name, NULL) : -ENOMEM;
}

/* ---- the family ---------------------------------------------------------------------------------- */

static bool may_send(const struct socket *from, const struct socket *to)
{
    return !to->peer || to->peer == from;
}

/* Datagrams: only where they go from now on, and whose are taken. */
static int connect_datagram(struct socket *socket, const struct socket_address *address)
{
    struct socket *peer = NULL;
    int error = 0;
    if (address->length >= sizeof address->family && address->family == AF_UNSPEC) {
        server_lock();
        socket_disconnect(socket);
        socket->state = SOCKET_UNCONNECTED;
        socket_wake_all(socket, WRITE_READY);
        server_unlock();
        return 0;
    }
    if ((socket->flags & SOCKET_PASS_CREDENTIALS) && !socket->name)
        error = bind_anywhere(socket, false);
    if (error == 0)
        error = find_bound(socket, address, &peer);
    if (error < 0)
        return error;
    server_lock();
    if (!may_send(socket, peer)) {
        error = -EPERM;
    } else {
        socket_disconnect(socket);
        socket_set_peer(socket, peer);
        socket->state = SOCKET_CONNECTED;
        socket_wake_all(socket, 0);
    }
    socket_drop(peer);
    server_unlock();
    return error;
}

static int type_of(uint32_t kind, uint32_t protocol)
{
    if (protocol && protocol != AF_UNIX)
        return -EPROTONOSUPPORT;
    if (kind == SOCK_RAW)
        return SOCK_DGRAM;
    return kind == SOCK_STREAM || kind == SOCK_DGRAM || kind == SOCK_SEQPACKET ? (int)kind
                                                                               : -ESOCKTNOSUPPORT;
}

static uint32_t protocol_of(const struct socket *socket)
{
    (void)socket;
    return 0;
}

const struct socket_family unix_family = {
    .domain = AF_UNIX,
    .pairs = true,
    .carries_files = true,
    .names_in_streams = true,
    .unconnected_read = -EINVAL,
    .unconnected_write = -ENOTCONN,
    .no_destination = -ENOTCONN,
    .no_option = -EOPNOTSUPP,
    .no_urgent = -EOPNOTSUPP,
    .no_address = &no_address,
    .type = type_of,
    .protocol = protocol_of,
    .bind = bind_to,
    .autobind = bind_anywhere,
    .find = find_bound,
    .connect_datagram = connect_datagram,
};

/* ---- calls --------------------------------------------------------------------------------------- */

int32_t sys_bind(uint32_t fd, user_t at, uint32_t size)
{
    struct socket_address address;
    struct socket *socket;
    int error;
    struct file *file = socket_get(fd, &socket, &error);
    if (!file)
        return error;
    error = address_copy_in(&address, at, size);
    if (error == 0)
        error = socket->family->bind(socket, &address);
    file_release(file);
    return error;
}

static int32_t name_out(uint32_t fd, user_t to, user_t size, bool of_peer)
{
    struct socket_address address;
    struct socket *socket;
    int error;
    struct file *file = socket_get(fd, &socket, &error);
    if (!file)
        return error;
    address = *socket->family->no_address;
    server_lock();
    const struct socket *which = of_peer ? socket->peer : socket;
    if (of_peer && socket->remote.length)
        address = socket->remote;
    else if (!which)
        error = -ENOTCONN;
    else if (which->name)
        address = *which->name;
    server_unlock();
    file_release(file);
    return error < 0 ? error : address_copy_out(&address, to, size);
}

int32_t sys_getsockname(uint32_t fd, user_t to, user_t size)
{
    return name_out(fd, to, size, false);
}

int32_t sys_getpeername(uint32_t fd, user_t to, user_t size)
{
    return name_out(fd, to, size, true);
}
