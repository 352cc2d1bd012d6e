/* SPDX-License-Identifier: MIT */
/*
 * Sockets in a snapshot: a SOCKET note for each and a MESSAGE note for each message in its
 * queue, with the files that travel with it. A connection that nobody has accepted has no file; it has
 * a number all the same, and its message at the listener names that.
 */
#include <stdlib.h>
#include <string.h>

#include "../file.h"
#include "../socket.h"
#include "../task.h"
#include "save.h"

static struct socket *socket_of_object(const struct saved_object *object)
{
    return object->file ? socket_of(object->file) : object->socket;
}

/* The number of a socket in the group; 0 if it is outside. Lock held. */
static uint32_t socket_id(const struct save_group *group, const struct socket *socket)
{
    for (uint32_t i = 0; socket && i < group->object_count; i++)
        if (socket_of_object(&group->objects[i]) == socket)
            return group->objects[i].id;
    return 0;
}

/* The list of what is used grows while it is gone through. */
void save_reach(struct save *save)
{
    for (uint32_t i = 0; i < save->used_count; i++) {
        struct socket *socket = socket_of_object(&save->group->objects[save->used[i] - 1]);
        if (!socket)
            continue;
        list_each(message, &socket->queue, struct socket_message, link)
        {
            for (uint32_t k = 0; k < message->control.file_count; k++)
                (void)save_use(save, message->control.files[k], NULL);
            if (message->opened)
                (void)save_use(save, NULL, message->opened);
        }
    }
}

/* ---- messages; lock held ------------------------------------------------------------------------------ */

/* The name of a socket of AF_UNIX with the one tag, of AF_INET with the other. */
static void put_name(struct snapshot *snapshot, uint16_t path, uint16_t endpoint,
                     const struct socket_address *name)
{
    if (!name || name->length <= 2)
        return;
    if (name->family == AF_INET)
        snap_put(snapshot, endpoint, name->path, INET_ENDPOINT);
    else
        snap_put(snapshot, path, name->path, name->length - 2);
}

static void put_message(struct save *save, uint32_t at, const struct socket_message *message)
{
    struct snapshot *snapshot = &save->snapshot;
    const struct socket_control *control = &message->control;
    uint32_t files[SCM_FILES_MAX], from = socket_id(save->group, message->from);
    uint32_t blob = snap_add_blob_copy(snapshot, message->data, message->length);
    for (uint32_t i = 0; i < control->file_count; i++)
        files[i] = saved_object_id(save->group, control->files[i]);
    snap_note_begin(snapshot, SNAP_MESSAGE);
    snap_put_u32(snapshot, SNAP_MESSAGE_OBJECT, at);
    if (from)
        snap_put_u32(snapshot, SNAP_MESSAGE_FROM, from);
    snap_put_u32(snapshot, SNAP_MESSAGE_BLOB, blob);
    snap_put_u32(snapshot, SNAP_MESSAGE_TAKEN, message->taken);
    if (control->has_credentials)
        snap_put(snapshot, SNAP_MESSAGE_CREDENTIALS, &control->credentials,
                 sizeof control->credentials);
    put_name(snapshot, SNAP_MESSAGE_NAME, SNAP_MESSAGE_ENDPOINT, message->name);
    snap_put_u64(snapshot, SNAP_MESSAGE_TIME, message->time);
    if (control->file_count > 0)
        snap_put(snapshot, SNAP_MESSAGE_FILES, files, control->file_count * 4);
    if (message->opened)
        snap_put_u32(snapshot, SNAP_MESSAGE_OPENED, socket_id(save->group, message->opened));
}

/* ---- sockets; lock held -------------------------------------------------------------------------------- */

static void put_peer(struct save *save, const struct socket *socket)
{
    struct snapshot *snapshot = &save->snapshot;
    const struct socket *peer = socket->peer;
    uint32_t id = socket_id(save->group, peer);
    if (id) {
        snap_put_u32(snapshot, SNAP_SOCKET_PEER, id);
        return;
    }
    put_name(snapshot, SNAP_SOCKET_PEER_NAME, SNAP_SOCKET_PEER_ENDPOINT,
             peer ? peer->name : &socket->remote);
    if (peer)
        snap_put_text(snapshot, SNAP_SOCKET_PEER_PATH, peer->node_path);
}

static void put_protocol_options(struct snapshot *snapshot, const struct socket *socket)
{
    struct protocol_option options[INET_LEVELS * INET_OPTIONS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < INET_LEVELS * INET_OPTIONS; i++) {
        uint32_t level = i / INET_OPTIONS, number = i % INET_OPTIONS;
        uint32_t value = socket->inet_options[level][number];
        if (value)
            options[count++] = (struct protocol_option){inet_levels[level], number, value};
    }
    if (count > 0)
        snap_put(snapshot, SNAP_SOCKET_PROTOCOL_OPTIONS, options, count * sizeof *options);
}

static void put_options(struct snapshot *snapshot, const struct socket *socket)
{
    uint32_t limits[5] = {socket->send_limit, socket->receive_limit, socket->low_water,
                          socket->priority, socket->mark};
    uint32_t linger[2] = {socket->linger_on, socket->linger_time};
    snap_put_u32(snapshot, SNAP_SOCKET_OPTIONS, socket->flags);
    snap_put_u32(snapshot, SNAP_SOCKET_BACKLOG, socket->backlog);
    snap_put(snapshot, SNAP_SOCKET_LIMITS, limits, sizeof limits);
    snap_put(snapshot, SNAP_SOCKET_OWN, &socket->own, sizeof socket->own);
    snap_put(snapshot, SNAP_SOCKET_CREDENTIALS, &socket->peer_credentials,
             sizeof socket->peer_credentials);
    if (socket->send_timeout != DEADLINE_NEVER)
        snap_put_u64(snapshot, SNAP_SOCKET_SEND_TIMEOUT, socket->send_timeout);
    if (socket->receive_timeout != DEADLINE_NEVER)
        snap_put_u64(snapshot, SNAP_SOCKET_RECEIVE_TIMEOUT, socket->receive_timeout);
    snap_put(snapshot, SNAP_SOCKET_LINGER, linger, sizeof linger);
    put_protocol_options(snapshot, socket);
}

/* Who does not know of other families must not take this one for AF_UNIX. */
static void put_family(struct snapshot *snapshot, const struct socket *socket)
{
    struct snap_note *header = snap_next(snapshot, SNAP_HEADER, NULL);
    uint32_t needs = snap_get_u32(header, SNAP_HEADER_NEEDS, 0) | SNAP_NEEDS_INET;
    if (socket->family == &unix_family)
        return;
    snap_put_u32(snapshot, SNAP_SOCKET_DOMAIN, socket->family->domain);
    if (snap_set(header, SNAP_HEADER_NEEDS, &needs, sizeof needs) != OK)
        snapshot->failed = true;
}

static void put_socket(struct save *save, const struct saved_object *object,
                       const struct socket *socket, const char *path)
{
    struct snapshot *snapshot = &save->snapshot;
    snap_note_begin(snapshot, SNAP_SOCKET);
    snap_put_u32(snapshot, SNAP_SOCKET_OBJECT, object->id);
    put_family(snapshot, socket);
    snap_put_u32(snapshot, SNAP_SOCKET_TYPE, socket->type);
    snap_put_u32(snapshot, SNAP_SOCKET_STATE, socket->state);
    snap_put_u32(snapshot, SNAP_SOCKET_SHUTDOWN, socket->shutdown);
    snap_put_u32(snapshot, SNAP_SOCKET_ERROR, socket->error);
    put_name(snapshot, SNAP_SOCKET_NAME, SNAP_SOCKET_ENDPOINT, socket->name);
    snap_put_text(snapshot, SNAP_SOCKET_PATH, path);
    put_peer(save, socket);
    put_options(snapshot, socket);
    if (!object->file)
        snap_put_u32(snapshot, SNAP_SOCKET_WAITING, 1);
}

void save_socket(struct save *save, const struct saved_object *object)
{
    struct socket *socket = socket_of_object(object);
    char *path = save_path(save, socket->node_path, socket->node_ino, socket->node_device);
    server_lock();
    put_socket(save, object, socket, path);
    list_each(message, &socket->queue, struct socket_message, link)
        put_message(save, object->id, message);
    server_unlock();
    free(path);
}
