/* SPDX-License-Identifier: MIT */
/*
 * Sockets of a snapshot. All are made first; then each gets its name, its peer, and the messages that waited
 * at it. The other end of a connection that led outside is closed; a datagram socket is connected by name
 * again to one that was outside. Those that are bound get their names before those that are only called so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../file.h"
#include "../socket.h"
#include "../task.h"
#include "restore.h"

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

/* Those that the family has; what else is told is nothing. */
static void take_protocol_options(struct socket *socket, const struct snap_note *note)
{
    uint32_t length = 0;
    const uint8_t *data = snap_get(note, SNAP_SOCKET_PROTOCOL_OPTIONS, &length);
    for (; data && length >= sizeof(struct protocol_option);
         length -= sizeof(struct protocol_option)) {
        struct protocol_option option;
        memcpy(&option, data, sizeof option);
        data += sizeof option;
        uint32_t *place = socket->family->option
                              ? socket->family->option(socket, option.level, option.number)
                              : NULL;
        if (place)
            *place = option.value;
    }
}

int restore_socket(struct restore *restore, struct restored_object *slot)
{
    const struct snap_note *note = socket_note(slot);
    int type = (int)snap_get_u32(note, SNAP_SOCKET_TYPE, 0);
    const struct socket_family *family =
        socket_family(snap_get_u32(note, SNAP_SOCKET_DOMAIN, AF_UNIX));
    (void)restore;
    if (!note || !family || family->type((uint32_t)type, 0) != type)
        return restore_refuse(-ENOEXEC, "an impossible socket", slot->id);
    struct socket *socket = socket_new(family, (uint32_t)type);
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

/* The name of a socket of that family, which is in the one field or the other; false: it has none. */
static bool take_name(const struct socket_family *family, const struct snap_note *note,
                      uint16_t path, uint16_t endpoint, struct socket_address *name)
{
    bool inet = family == &inet_family;
    uint32_t length = 0;
    const uint8_t *data = snap_get(note, inet ? endpoint : path, &length);
    memset(name, 0, sizeof *name);
    if (!data || length == 0 || length > SOCKET_PATH_MAX || (inet && length != INET_ENDPOINT))
        return false;
    memcpy(name->path, data, length);
    name->length = inet ? INET_LENGTH : 2 + length;
    name->family = (uint16_t)family->domain;
    return true;
}

/* The far end of an accepted connection has its listener's name, without being bound to it. */
static int copy_name(struct socket *socket, const struct socket_address *address)
{
    int error = socket->family->check_name ? socket->family->check_name(address) : 0;
    struct socket_address *name = error == 0 ? allocate(sizeof *name) : NULL;
    if (!name)
        return error < 0 ? error : -ENOMEM;
    *name = *address;
    socket->name = name;
    return 0;
}

static void complain_of(const struct socket_address *name)
{
    const uint8_t *inet = (const uint8_t *)name->path;
    char text[SOCKET_PATH_MAX + 2];
    if (name->family == AF_INET)
        (void)snprintf(text, sizeof text, "%u.%u.%u.%u:%u", inet[2], inet[3], inet[4], inet[5],
                       (uint32_t)inet[0] << 8 | inet[1]);
    else
        (void)snprintf(text, sizeof text, "%s%s", name->path[0] ? "" : "@",
                       name->path + (name->path[0] == '\0'));
    restore_complain("a socket cannot be bound to %s again: it is in use or cannot be made", text);
}

/* Does nobody else have its name? A connection of AF_INET shares its own with the listener or by its other end. */
static bool is_bound(const struct socket *socket, const struct snap_note *note)
{
    bool connected = snap_get_u32(note, SNAP_SOCKET_STATE, 0) == SOCKET_CONNECTED;
    uint32_t length = 0;
    if (socket->family == &inet_family)
        return !connected || !socket_is_stream(socket);
    const uint8_t *name = snap_get(note, SNAP_SOCKET_NAME, &length);
    return snap_get(note, SNAP_SOCKET_PATH, &length) || (name && !name[0] && !connected);
}

static int bind_by_family(struct socket *socket, const struct snap_note *note,
                          const struct socket_address *name)
{
    if (socket->family == &inet_family)
        return socket->family->bind(socket, name);
    char *path = restore_text(note, SNAP_SOCKET_PATH);
    int error = socket_bind_again(socket, name, name->path[0] ? path : NULL);
    release(path);
    return error;
}

static int name_again(struct socket *socket, const struct snap_note *note, bool bound)
{
    struct socket_address name;
    if (is_bound(socket, note) != bound ||
        !take_name(socket->family, note, SNAP_SOCKET_NAME, SNAP_SOCKET_ENDPOINT, &name))
        return 0;
    int error = bound ? bind_by_family(socket, note, &name) : copy_name(socket, &name);
    if (error < 0)
        complain_of(&name);
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
    if (take_name(other->family, note, SNAP_SOCKET_PEER_NAME, SNAP_SOCKET_PEER_ENDPOINT, &name))
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
    bool known =
        take_name(socket->family, note, SNAP_SOCKET_PEER_NAME, SNAP_SOCKET_PEER_ENDPOINT, &name);
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
                        const struct socket *at, struct socket_message *message,
                        const struct snap_blob *blob)
{
    struct socket_address name;
    uint32_t length = 0;
    message->taken = MIN(snap_get_u32(note, SNAP_MESSAGE_TAKEN, 0), message->length);
    message->charge = message->length + SOCKET_OVERHEAD;
    message->time = snap_get_u64(note, SNAP_MESSAGE_TIME, 0);
    message->control.has_credentials = snap_get(note, SNAP_MESSAGE_CREDENTIALS, &length) != NULL;
    take_credentials(note, SNAP_MESSAGE_CREDENTIALS, &message->control.credentials);
    if (take_name(at->family, note, SNAP_MESSAGE_NAME, SNAP_MESSAGE_ENDPOINT, &name)) {
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
    int error = fill_message(slot, note, at, message, blob);
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

static int take_messages(struct restore_group *group, const struct restored_object *slot,
                         struct socket *at)
{
    (void)group;
    const struct snap_note *note = snap_next(&slot->owner->snapshot, SNAP_MESSAGE, NULL);
    int error = 0;
    for (; note && error == 0; note = snap_next(&slot->owner->snapshot, SNAP_MESSAGE, note))
        if (snap_get_u32(note, SNAP_MESSAGE_OBJECT, 0) == slot->id)
            error = make_message(slot, at, note);
    return error;
}

/* ---- all ---------------------------------------------------------------------------------------------- */

static int begin(struct restore_group *group, const struct restored_object *slot,
                 struct socket *socket)
{
    const struct snap_note *note = socket_note(slot);
    (void)group;
    server_lock();
    take_options(socket, note);
    take_protocol_options(socket, note);
    take_credentials(note, SNAP_SOCKET_OWN, &socket->own);
    take_credentials(note, SNAP_SOCKET_CREDENTIALS, &socket->peer_credentials);
    server_unlock();
    return name_again(socket, note, true);
}

static int join(struct restore_group *group, const struct restored_object *slot,
                struct socket *socket)
{
    const struct snap_note *note = socket_note(slot);
    int error = name_again(socket, note, false);
    if (error == 0)
        error = join_peer(group, socket, note);
    server_lock();
    if (snap_get_u32(note, SNAP_SOCKET_STATE, 0) == SOCKET_LISTENING && socket->name &&
        socket_is_stream(socket))
        socket->state = SOCKET_LISTENING;
    server_unlock();
    return error;
}

int restore_sockets(struct restore_group *group)
{
    int (*const steps[])(struct restore_group *, const struct restored_object *,
                         struct socket *) = {begin, join, take_messages};
    int error = 0;
    for (uint32_t step = 0; step < sizeof steps / sizeof *steps; step++) {
        for (uint32_t i = 0; i < group->object_count && error == 0; i++) {
            struct socket *socket = slot_socket(&group->objects[i]);
            if (socket)
                error = steps[step](group, &group->objects[i], socket);
        }
    }
    return error;
}
