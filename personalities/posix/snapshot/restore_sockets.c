/* SPDX-License-Identifier: MIT */
/*
 * AF_UNIX sockets of a snapshot. All are made first; then each gets its name, its peer, and the messages
 * that waited at it. The other end of a connection that led outside is closed; a datagram socket is
 * connected by name again to one that was outside.
 */
#include <stdlib.h>
#include <string.h>

#include "../file.h"
#include "../socket.h"
#include "../task.h"
#include "restore.h"

#define AF_UNIX 1

static const struct snap_note *socket_note(const struct restored_object *slot)
{
    const struct snapshot *snapshot = &slot->owner->snapshot;
    const struct snap_note *note = snap_next(snapshot, SNAP_SOCKET, NULL);
    while (note && snap_get_u32(note, SNAP_SOCKET_OBJECT, 0) != slot->id)
        note = snap_next(snapshot, SNAP_SOCKET, note);
    return note;
}

static struct socket *slot_socket(const struct restored_object *slot)
{
    return slot->file ? socket_of(slot->file) : slot->socket;
}

static struct restored_object *slot_of(const struct restore_group *group, uint32_t id)
{
    for (uint32_t i = 0; i < group->object_count; i++)
        if (group->objects[i].id == id)
            return &group->objects[i];
    return NULL;
}

static struct socket *socket_numbered(const struct restore_group *group, uint32_t id)
{
    const struct restored_object *slot = id ? slot_of(group, id) : NULL;
    return slot ? slot_socket(slot) : NULL;
}

/* ---- making ------------------------------------------------------------------------------------------- */

/* Nobody becomes somebody else for those at the other end. */
static void take_credentials(const struct snap_note *note, uint16_t tag,
                             struct socket_credentials *to)
{
    const struct credentials *own = &self()->process->credentials;
    uint32_t length = 0;
    const uint8_t *data = snap_get(note, tag, &length);
    if (!data || length != sizeof *to)
        return;
    memcpy(to, data, sizeof *to);
    if (own->euid != 0) {
        to->uid = own->euid;
        to->gid = own->egid;
    }
}

static void take_options(struct socket *socket, const struct snap_note *note)
{
    uint32_t length = 0, words[5], linger[2];
    const uint8_t *data = snap_get(note, SNAP_SOCKET_LIMITS, &length);
    socket->flags = snap_get_u32(note, SNAP_SOCKET_OPTIONS, 0) & 0x3ff;
    socket->shutdown = snap_get_u32(note, SNAP_SOCKET_SHUTDOWN, 0) & SHUT_BOTH;
    socket->error = snap_get_u32(note, SNAP_SOCKET_ERROR, 0) & 0xff;
    socket->backlog = MIN(snap_get_u32(note, SNAP_SOCKET_BACKLOG, 0), SOCKET_BACKLOG);
    socket->send_timeout = snap_get_u64(note, SNAP_SOCKET_SEND_TIMEOUT, DEADLINE_NEVER);
    socket->receive_timeout = snap_get_u64(note, SNAP_SOCKET_RECEIVE_TIMEOUT, DEADLINE_NEVER);
    if (data && length == sizeof words) {
        memcpy(words, data, sizeof words);
        socket->send_limit = MAX(MIN(words[0], 2 * SOCKET_BUFFER), SOCKET_BUFFER_MIN);
        socket->receive_limit = MAX(MIN(words[1], 2 * SOCKET_BUFFER), 1u);
        socket->low_water = words[2];
        socket->priority = words[3];
        socket->mark = words[4];
    }
    data = snap_get(note, SNAP_SOCKET_LINGER, &length);
    if (data && length == sizeof linger) {
        memcpy(linger, data, sizeof linger);
        socket->linger_on = linger[0];
        socket->linger_time = linger[1];
    }
}

int restore_socket(struct restore *restore, struct restored_object *slot)
{
    const struct snap_note *note = socket_note(slot);
    uint32_t type = snap_get_u32(note, SNAP_SOCKET_TYPE, 0);
    (void)restore;
    if (!note || (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET))
        return restore_refuse(-ENOEXEC, "an impossible socket", slot->id);
    struct socket *socket = socket_new(&unix_family, type);
    if (!socket)
        return -ENOMEM;
    if (snap_get_u32(note, SNAP_SOCKET_WAITING, 0)) {
        slot->socket = socket;
        return 0;
    }
    uint32_t flags = snap_get_u32(slot->note, SNAP_OBJECT_FLAGS, 0);
    slot->file = socket_file(socket, flags & O_NONBLOCK);
    if (slot->file)
        slot->file->flags = flags & (O_ACCMODE | O_NONBLOCK | FASYNC);
    return slot->file ? 0 : -ENOMEM;
}

void restore_socket_free(struct restored_object *slot)
{
    struct list dead = LIST_INIT(dead);
    server_lock();
    if (slot->entered)
        socket_drop(slot->socket);
    else
        socket_end(slot->socket, &dead);
    server_unlock();
    messages_free(&dead);
}

/* ---- names -------------------------------------------------------------------------------------------- */

static bool take_name(const struct snap_note *note, uint16_t tag, struct socket_address *name)
{
    uint32_t length = 0;
    const uint8_t *data = snap_get(note, tag, &length);
    memset(name, 0, sizeof *name);
    if (!data || length == 0 || length > SOCKET_PATH_MAX)
        return false;
    memcpy(name->path, data, length);
    name->length = 2 + length;
    name->family = AF_UNIX;
    return true;
}

/* The far end of an accepted connection has its listener's name, without being bound to it. */
static int copy_name(struct socket *socket, const struct socket_address *address)
{
    struct socket_address *name = allocate(sizeof *name);
    if (!name)
        return -ENOMEM;
    *name = *address;
    socket->name = name;
    return 0;
}

static bool is_bound(const struct snap_note *note, bool abstract, const char *path)
{
    uint32_t state = snap_get_u32(note, SNAP_SOCKET_STATE, 0);
    return path || (abstract && state != SOCKET_CONNECTED);
}

static int bind_again(struct socket *socket, const struct snap_note *note)
{
    struct socket_address name;
    if (!take_name(note, SNAP_SOCKET_NAME, &name))
        return 0;
    char *path = restore_text(note, SNAP_SOCKET_PATH);
    bool abstract = name.path[0] == '\0';
    int error = is_bound(note, abstract, path)
                    ? socket_bind_again(socket, &name, abstract ? NULL : path)
                    : copy_name(socket, &name);
    if (error < 0)
        restore_complain("a socket cannot be bound to %s%s again: it is in use or cannot be made",
                         abstract ? "@" : name.path, abstract ? name.path + 1 : "");
    release(path);
    return error;
}

/* ---- peers -------------------------------------------------------------------------------------------- */

/* In place of an end that was outside: one that is closed. */
static int join_closed(struct socket *socket, const struct snap_note *note)
{
    struct list dead = LIST_INIT(dead);
    struct socket_address name;
    struct socket *other = socket_new(socket->family, socket->type);
    if (!other)
        return -ENOMEM;
    if (take_name(note, SNAP_SOCKET_PEER_NAME, &name))
        (void)copy_name(other, &name);
    server_lock();
    socket_set_peer(socket, other);
    socket_end(other, &dead);
    socket->state = SOCKET_CONNECTED;
    if (socket_is_stream(socket))
        socket->shutdown = SHUT_BOTH;
    server_unlock();
    messages_free(&dead);
    return 0;
}

static int join_outside(struct socket *socket, const struct snap_note *note)
{
    struct socket_address name;
    char *path = restore_text(note, SNAP_SOCKET_PEER_PATH);
    bool known = take_name(note, SNAP_SOCKET_PEER_NAME, &name);
    if (path && strlen(path) < SOCKET_PATH_MAX) {
        memset(name.path, 0, sizeof name.path);
        strlcpy(name.path, path, SOCKET_PATH_MAX);
        name.length = 2 + (uint32_t)strlen(path) + 1;
    }
    release(path);
    if (!socket_is_stream(socket) && known && socket_connect(socket, &name, 0) == 0)
        return 0;
    return join_closed(socket, note);
}

static int join_peer(const struct restore_group *group, struct socket *socket,
                     const struct snap_note *note)
{
    uint32_t id = snap_get_u32(note, SNAP_SOCKET_PEER, 0);
    struct socket *peer = socket_numbered(group, id);
    if (snap_get_u32(note, SNAP_SOCKET_STATE, 0) != SOCKET_CONNECTED)
        return 0;
    if (id == 0)
        return join_outside(socket, note);
    if (!peer || peer->type != socket->type || socket->peer)
        return restore_refuse(-ENOEXEC, "a socket without its other end", id);
    server_lock();
    socket_set_peer(socket, peer);
    socket->state = SOCKET_CONNECTED;
    server_unlock();
    return 0;
}

/* ---- messages ----------------------------------------------------------------------------------------- */

static int take_files(const struct restore_group *group, const struct snap_note *note,
                      struct socket_control *control)
{
    uint32_t length = 0, id;
    const uint8_t *data = snap_get(note, SNAP_MESSAGE_FILES, &length);
    if (!data || length == 0)
        return 0;
    if (length % 4 != 0 || length / 4 > SCM_FILES_MAX)
        return -ENOEXEC;
    control->files = allocate(SCM_FILES_MAX * sizeof *control->files);
    if (!control->files)
        return -ENOMEM;
    for (uint32_t i = 0; i < length / 4; i++) {
        memcpy(&id, data + i * 4, 4);
        struct file *file = restored_file(group, id);
        if (!file)
            return restore_refuse(-ENOEXEC, "a file in flight that is not there", id);
        file_hold(file);
        control->files[control->file_count++] = file;
    }
    return 0;
}

static int fill_message(const struct restored_object *slot, const struct snap_note *note,
                        struct socket_message *message, const struct snap_blob *blob)
{
    struct socket_address name;
    uint32_t length = 0;
    message->taken = MIN(snap_get_u32(note, SNAP_MESSAGE_TAKEN, 0), message->length);
    message->charge = message->length + SOCKET_OVERHEAD;
    message->time = snap_get_u64(note, SNAP_MESSAGE_TIME, 0);
    message->control.has_credentials = snap_get(note, SNAP_MESSAGE_CREDENTIALS, &length) != NULL;
    take_credentials(note, SNAP_MESSAGE_CREDENTIALS, &message->control.credentials);
    if (take_name(note, SNAP_MESSAGE_NAME, &name)) {
        message->name = allocate(sizeof *message->name);
        if (message->name)
            *message->name = name;
    }
    int error = blob ? errno_of(snap_bytes_read(&blob->bytes, 0, message->data, blob->size)) : 0;
    return error == 0 ? take_files(slot->owner->group, note, &message->control) : error;
}

/* The connection leaves its slot and waits at the listener. Lock held. */
static int take_opened(const struct restore_group *group, const struct socket *at,
                       const struct snap_note *note, struct socket_message *message)
{
    uint32_t id = snap_get_u32(note, SNAP_MESSAGE_OPENED, 0);
    struct restored_object *slot = id ? slot_of(group, id) : NULL;
    if (id == 0)
        return at->state == SOCKET_LISTENING ? -ENOEXEC : 0;
    if (!slot || !slot->socket || slot->entered || at->state != SOCKET_LISTENING)
        return -ENOEXEC;
    slot->entered = true;
    socket_hold(slot->socket);
    message->opened = slot->socket;
    return 0;
}

/* Lock held. */
static void enter(struct socket *at, struct socket *from, struct socket_message *message)
{
    if (from) {
        socket_hold(from);
        message->from = from;
        from->charged += message->charge;
    }
    flight_begin(&message->control);
    list_append(&at->queue, &message->link);
    at->queued++;
    at->queued_bytes += message->length - message->taken;
}

static int make_message(const struct restored_object *slot, struct socket *at,
                        const struct snap_note *note)
{
    const struct restore_group *group = slot->owner->group;
    const struct snap_blob *blob =
        snap_find_blob(&slot->owner->snapshot, snap_get_u32(note, SNAP_MESSAGE_BLOB, 0));
    uint32_t size = blob ? blob->size : 0;
    struct list dead = LIST_INIT(dead);
    struct socket_message *message =
        size <= 2 * SOCKET_BUFFER ? allocate(sizeof *message + size) : NULL;
    if (!message)
        return -ENOMEM;
    list_init(&message->link);
    message->length = size;
    int error = fill_message(slot, note, message, blob);
    server_lock();
    if (error == 0)
        error = take_opened(group, at, note, message);
    if (error == 0)
        enter(at, socket_numbered(group, snap_get_u32(note, SNAP_MESSAGE_FROM, 0)), message);
    else
        list_append(&dead, &message->link);
    server_unlock();
    messages_free(&dead);
    return error < 0 ? restore_refuse(error, "an impossible message at a socket", slot->id) : 0;
}

static int take_messages(const struct restored_object *slot, struct socket *at)
{
    const struct snap_note *note = snap_next(&slot->owner->snapshot, SNAP_MESSAGE, NULL);
    int error = 0;
    for (; note && error == 0; note = snap_next(&slot->owner->snapshot, SNAP_MESSAGE, note))
        if (snap_get_u32(note, SNAP_MESSAGE_OBJECT, 0) == slot->id)
            error = make_message(slot, at, note);
    return error;
}

/* ---- all ---------------------------------------------------------------------------------------------- */

static int join(struct restore_group *group, const struct restored_object *slot,
                struct socket *socket)
{
    const struct snap_note *note = socket_note(slot);
    int error = bind_again(socket, note);
    if (error == 0)
        error = join_peer(group, socket, note);
    if (error < 0)
        return error;
    bool outside = socket->state == SOCKET_CONNECTED && socket_is_stream(socket) &&
                   snap_get_u32(note, SNAP_SOCKET_PEER, 0) == 0;
    server_lock();
    take_options(socket, note);
    if (outside)
        socket->shutdown = SHUT_BOTH;
    take_credentials(note, SNAP_SOCKET_OWN, &socket->own);
    take_credentials(note, SNAP_SOCKET_CREDENTIALS, &socket->peer_credentials);
    if (snap_get_u32(note, SNAP_SOCKET_STATE, 0) == SOCKET_LISTENING && socket->name &&
        socket_is_stream(socket))
        socket->state = SOCKET_LISTENING;
    server_unlock();
    return 0;
}

int restore_sockets(struct restore_group *group)
{
    int error = 0;
    for (uint32_t i = 0; i < group->object_count && error == 0; i++) {
        struct socket *socket = slot_socket(&group->objects[i]);
        if (socket)
            error = join(group, &group->objects[i], socket);
    }
    for (uint32_t i = 0; i < group->object_count && error == 0; i++) {
        struct socket *socket = slot_socket(&group->objects[i]);
        if (socket)
            error = take_messages(&group->objects[i], socket);
    }
    return error;
}
