/* SPDX-License-Identifier: MIT */
/* Sockets: their life, their files, and the calls that make them. See socket.h. */
#include "socket.h"

#include <string.h>

#include "calls.h"
#include "path.h"
#include "task.h"

#define FAMILY_MAX    46
#define TYPE_MAX      11
#define SOCKET_DEVICE 8u
#define SOCKET_INOS   0x40000000u

struct list all_sockets = LIST_INIT(all_sockets);
static const struct file_ops socket_ops;

struct socket *socket_of(const struct file *file)
{
    return file->ops == &socket_ops ? file->data : NULL;
}

bool file_is_socket(const struct file *file)
{
    return file->ops == &socket_ops;
}

bool file_is_packet_socket(const struct file *file)
{
    const struct socket *socket = socket_of(file);
    return socket && socket->type != SOCK_STREAM;
}

struct file *socket_get(uint32_t fd, struct socket **socket, int *error)
{
    struct file *file = fd_get(fd);
    *error = file && (file->flags & O_PATH) ? -EBADF : file ? -ENOTSOCK : -EBADF;
    if (!file)
        return NULL;
    *socket = socket_of(file);
    if (*socket) {
        *error = 0;
        return file;
    }
    file_release(file);
    return NULL;
}

/* ---- life ---------------------------------------------------------------------------------------- */

struct socket_credentials credentials_now(void)
{
    const struct process *process = self()->process;
    return (struct socket_credentials){process->pid, process->credentials.euid,
                                       process->credentials.egid};
}

struct socket *socket_new(const struct socket_family *family, uint32_t type)
{
    static uint32_t last_ino = SOCKET_INOS;
    struct socket *socket = allocate(sizeof *socket);
    if (!socket)
        return NULL;
    *socket = (struct socket){.references = 1,
                              .family = family,
                              .type = type,
                              .send_limit = SOCKET_BUFFER,
                              .receive_limit = SOCKET_BUFFER,
                              .low_water = 1,
                              .own = credentials_now(),
                              .peer_credentials = {0, UINT32_MAX, UINT32_MAX},
                              .send_timeout = DEADLINE_NEVER,
                              .receive_timeout = DEADLINE_NEVER};
    list_init(&socket->peer_link);
    list_init(&socket->senders);
    list_init(&socket->queue);
    wait_queue_init(&socket->readers);
    wait_queue_init(&socket->writers);
    wait_queue_init(&socket->room);
    server_lock();
    socket->ino = ++last_ino;
    list_append(&all_sockets, &socket->link);
    server_unlock();
    if (family->begin)
        family->begin(socket);
    return socket;
}

void socket_drop(struct socket *socket)
{
    if (--socket->references != 0)
        return;
    list_remove(&socket->link);
    ready_end(&socket->ready);
    close_handle(socket->node);
    release(socket->node_path);
    release(socket->name);
    release(socket);
}

void socket_release(struct socket *socket)
{
    server_lock();
    socket_drop(socket);
    server_unlock();
}

bool socket_is_stream(const struct socket *socket)
{
    return socket->type != SOCK_DGRAM;
}

static void take_queue(struct socket *socket, struct list *dead)
{
    list_each(message, &socket->queue, struct socket_message, link)
    {
        message_unlink(socket, message);
        list_append(dead, &message->link);
        if (message->opened)
            socket_end(message->opened, dead);
    }
}

/* The other end of a connection learns that this one is gone. */
static void leave_peer(struct socket *socket, bool unread)
{
    struct socket *peer = socket->peer;
    if (peer && socket_is_stream(socket)) {
        peer->shutdown = SHUT_BOTH;
        if (unread)
            peer->error = ECONNRESET;
        socket_wake_all(peer, POLLHUP | POLLRDHUP | READ_READY);
    }
    socket_disconnect(socket);
}

void socket_end(struct socket *socket, struct list *dead)
{
    bool unread = !list_empty(&socket->queue) || !socket->file;
    socket->closed = true;
    socket->file = NULL;
    socket->shutdown = SHUT_BOTH;
    leave_peer(socket, unread);
    list_each(sender, &socket->senders, struct socket, peer_link)
        socket_wake_all(sender, WRITE_READY);
    take_queue(socket, dead);
    socket_wake_all(socket, 0);
    socket_drop(socket);
}

static void op_close(struct file *file)
{
    struct list dead = LIST_INIT(dead);
    if (!file->data)
        return;
    server_lock();
    socket_end(file->data, &dead);
    bool collect = files_in_flight != 0;
    server_unlock();
    messages_free(&dead);
    if (collect)
        sockets_collect();
}

/* ---- readiness ----------------------------------------------------------------------------------- */

/* Whether a datagram socket's peer would take another message from it. */
static bool peer_has_room(const struct socket *socket)
{
    const struct socket *peer = socket->peer;
    return !peer || peer->peer == socket || peer->queued <= SOCKET_QUEUE;
}

static bool is_writable(const struct socket *socket)
{
    if (socket->state == SOCKET_LISTENING)
        return false;
    if (socket->type == SOCK_STREAM)
        return socket->charged <= socket->send_limit / 4;
    return socket->charged < socket->send_limit / 2 && peer_has_room(socket);
}

uint32_t socket_ready(const struct socket *socket)
{
    uint32_t bits = 0;
    if (socket->error)
        bits |= POLLERR;
    if (socket->shutdown == SHUT_BOTH)
        bits |= POLLHUP;
    if (socket->shutdown & SHUT_READ)
        bits |= POLLRDHUP | READ_READY;
    if (!list_empty(&socket->queue))
        bits |= READ_READY;
    if (socket_is_stream(socket) && socket->state == SOCKET_UNCONNECTED)
        bits |= POLLHUP;
    if (is_writable(socket))
        bits |= WRITE_READY | POLLWRBAND;
    return bits;
}

void socket_show(struct socket *socket, uint32_t news)
{
    if (socket->ready.event != HANDLE_NONE)
        ready_show(&socket->ready, socket_ready(socket), news);
}

void socket_wake_all(struct socket *socket, uint32_t news)
{
    wait_queue_wake(&socket->readers, WAKE_ALL);
    wait_queue_wake(&socket->writers, WAKE_ALL);
    wait_queue_wake(&socket->room, WAKE_ALL);
    socket_show(socket, news);
}

static void op_poll(struct file *file, struct poll_source *source)
{
    struct socket *socket = file->data;
    server_lock();
    ready_source(&socket->ready, socket_ready(socket), source);
    server_unlock();
}

/* ---- files --------------------------------------------------------------------------------------- */

static int op_read(struct file *file, struct io *io, uint64_t *offset)
{
    struct socket_transfer transfer = {.io = io};
    (void)offset;
    if (io->left == 0)
        return 0;
    int result = socket_receive(file, &transfer);
    control_free(&transfer.control);
    return result;
}

static int op_write(struct file *file, struct io *io, uint64_t *offset)
{
    struct socket_transfer transfer = {.io = io};
    (void)offset;
    return socket_send(file, &transfer);
}

static int op_stat(struct file *file, struct fs_attr *attr)
{
    *attr = file->attr;
    return 0;
}

/* Owner and mode are the socket's own; a name that it is bound to has others. */
static int op_set_attr(struct file *file, uint32_t mask, struct fs_attr *attr)
{
    if (mask & FS_ATTR_SIZE)
        return -EINVAL;
    server_lock();
    file_apply_attr(&file->attr, mask, attr);
    *attr = file->attr;
    server_unlock();
    return 0;
}

static int bytes_queued(struct socket *socket)
{
    if (socket->state == SOCKET_LISTENING)
        return -EINVAL;
    if (socket_is_stream(socket) || list_empty(&socket->queue))
        return (int)socket->queued_bytes;
    return (int)container_of(socket->queue.next, struct socket_message, link)->length;
}

static int op_ioctl(struct file *file, uint32_t request, user_t argument)
{
    struct socket *socket = file->data;
    if (request != FIONREAD && request != TIOCOUTQ)
        return interface_ioctl(request, argument);
    server_lock();
    int result = request == FIONREAD ? bytes_queued(socket) : (int)socket->charged;
    server_unlock();
    return result < 0 ? result : put_user(argument, (uint32_t)result);
}

static const struct file_ops socket_ops = {
    .name = "socket",
    .read = op_read,
    .write = op_write,
    .stat = op_stat,
    .set_attr = op_set_attr,
    .ioctl = op_ioctl,
    .poll = op_poll,
    .export = socket_export,
    .close = op_close,
};

struct file *socket_file(struct socket *socket, uint32_t flags)
{
    struct file *file = file_new(&socket_ops, O_RDWR | (flags & O_NONBLOCK));
    struct list dead = LIST_INIT(dead);
    struct text name = {.data = NULL};
    if (!file) {
        server_lock();
        socket_end(socket, &dead);
        server_unlock();
        messages_free(&dead);
        return NULL;
    }
    uint64_t time = wall_clock();
    file->data = socket;
    file->attr = (struct fs_attr){.ino = socket->ino,
                                  .mode = S_IFSOCK | 0777,
                                  .nlink = 1,
                                  .uid = socket->own.uid,
                                  .gid = socket->own.gid,
                                  .device = SOCKET_DEVICE,
                                  .atime = time,
                                  .mtime = time,
                                  .ctime = time};
    text_printf(&name, "socket:[%u]", socket->ino);
    file->path = name.data;
    server_lock();
    socket->file = file;
    server_unlock();
    return file;
}

/* ---- calls --------------------------------------------------------------------------------------- */

const struct socket_family *socket_family(uint32_t domain)
{
    static const struct socket_family *const families[] = {&unix_family, &inet_family};
    for (uint32_t i = 0; i < ARRAY_COUNT(families); i++) {
        if (families[i]->domain == domain)
            return families[i];
    }
    return NULL;
}

/* The family and, as the result, the type of a new socket; or -errno. */
static int checked_type(uint32_t domain, uint32_t type, uint32_t protocol,
                        const struct socket_family **family)
{
    uint32_t kind = type & SOCK_TYPE_MASK;
    if (type & ~(uint32_t)(SOCK_TYPE_MASK | O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    if (domain >= FAMILY_MAX)
        return -EAFNOSUPPORT;
    if (kind >= TYPE_MAX)
        return -EINVAL;
    *family = socket_family(domain);
    return *family ? (*family)->type(kind, protocol) : -EAFNOSUPPORT;
}

int32_t sys_socket(uint32_t domain, uint32_t type, uint32_t protocol)
{
    const struct socket_family *family;
    int kind = checked_type(domain, type, protocol, &family);
    if (kind < 0)
        return kind;
    struct socket *socket = socket_new(family, (uint32_t)kind);
    struct file *file = socket ? socket_file(socket, type) : NULL;
    return file ? fd_install(file, 0, type & O_CLOEXEC) : -ENOMEM;
}

int32_t sys_socketpair(uint32_t domain, uint32_t type, uint32_t protocol, user_t fds)
{
    const struct socket_family *family;
    struct file *ends[2] = {NULL, NULL};
    int kind = checked_type(domain, type, protocol, &family);
    if (kind < 0)
        return kind;
    if (!family->pairs)
        return -EOPNOTSUPP;
    for (int i = 0; i < 2; i++) {
        struct socket *socket = socket_new(family, (uint32_t)kind);
        ends[i] = socket ? socket_file(socket, type) : NULL;
    }
    if (ends[0] && ends[1]) {
        server_lock();
        socket_join(ends[0]->data, ends[1]->data);
        server_unlock();
        return install_pair(ends, fds, type & O_CLOEXEC);
    }
    for (int i = 0; i < 2; i++) {
        if (ends[i])
            file_release(ends[i]);
    }
    return -ENOMEM;
}

/* ---- /proc/net/unix -------------------------------------------------------------------------------- */

static void print_row(struct text *text, const struct socket *socket)
{
    bool listening = socket->state == SOCKET_LISTENING;
    uint32_t shown_state = !socket->file ? 2 : socket->state == SOCKET_CONNECTED ? 3 : 1;
    text_printf(text, "%08x: %08X %08X %08X %04X %02X %5u", (uint32_t)socket, socket->references, 0,
                listening ? 0x10000 : 0, socket->type, shown_state, socket->ino);
    if (socket->name) {
        char path[SOCKET_PATH_MAX + 2];
        uint32_t length = socket->name->length - 2;
        bool abstract = socket->name->path[0] == '\0';
        memcpy(path, socket->name->path, length);
        for (uint32_t i = 0; abstract && i < length; i++)
            path[i] = path[i] ? path[i] : '@';
        text_add(text, " ", 1);
        text_add(text, path, abstract ? length : (uint32_t)strnlen(path, length));
    }
    text_add(text, "\n", 1);
}

void socket_print_table(struct text *text)
{
    text_printf(text, "Num       RefCount Protocol Flags    Type St Inode Path\n");
    server_lock();
    list_each(socket, &all_sockets, struct socket, link)
    {
        if (!socket->closed && socket->family == &unix_family)
            print_row(text, socket);
    }
    server_unlock();
}
