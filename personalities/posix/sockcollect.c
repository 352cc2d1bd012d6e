/* SPDX-License-Identifier: MIT */
/*
 * Files in flight. A socket whose only references are messages in queues of sockets in the same
 * position can never be received from again: such a set is found here and its queues are emptied.
 */
#include "socket.h"
#include "task.h"

uint32_t files_in_flight;

static void count(const struct socket_control *control, int32_t change)
{
    files_in_flight += (uint32_t)((int32_t)control->file_count * change);
    for (uint32_t i = 0; i < control->file_count; i++) {
        struct socket *socket = socket_of(control->files[i]);
        if (socket)
            socket->in_flight += (uint32_t)change;
    }
}

void flight_begin(const struct socket_control *control)
{
    count(control, 1);
}

void flight_end(const struct socket_control *control)
{
    count(control, -1);
}

/* ---- dropping without depth ------------------------------------------------------------------------ */

/* Files whose references are to be dropped, in chunks; one thread works them off. */
struct doomed_files {
    struct list link;
    uint32_t count;
    struct file *files[];
};
static struct list doomed = LIST_INIT(doomed);
static bool dropping;

static struct doomed_files *next_doomed(void)
{
    struct doomed_files *next = NULL;
    server_lock();
    if (list_empty(&doomed)) {
        dropping = false;
    } else {
        next = container_of(doomed.next, struct doomed_files, link);
        list_remove(&next->link);
    }
    server_unlock();
    return next;
}

void files_drop(struct file **files, uint32_t count)
{
    struct doomed_files *mine = allocate(sizeof *mine + count * sizeof *files);
    if (mine) {
        mine->count = count;
        for (uint32_t i = 0; i < count; i++)
            mine->files[i] = files[i];
        server_lock();
        list_append(&doomed, &mine->link);
        bool other = dropping;
        dropping = true;
        server_unlock();
        if (other)
            return;
        while ((mine = next_doomed())) {
            for (uint32_t i = 0; i < mine->count; i++)
                file_release(mine->files[i]);
            release(mine);
        }
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        file_release(files[i]);
}

/* ---- unreachable sockets ---------------------------------------------------------------------------- */

static bool is_candidate(const struct socket *socket)
{
    return socket->file && socket->in_flight > 0 &&
           __atomic_load_n(&socket->file->references, __ATOMIC_RELAXED) == socket->in_flight;
}

/* Calls `act` for every candidate whose file is in a message in the queue of `holder`. */
static void each_in_queue(struct socket *holder, bool (*act)(struct socket *), bool *changed)
{
    list_each(message, &holder->queue, struct socket_message, link)
    {
        if (message->opened)
            each_in_queue(message->opened, act, changed); /* a connection that waits: one level */
        for (uint32_t i = 0; i < message->control.file_count; i++) {
            struct socket *socket = socket_of(message->control.files[i]);
            if (socket && is_candidate(socket) && act(socket))
                *changed = true;
        }
    }
}

static bool count_internal(struct socket *socket)
{
    socket->internal++;
    return false;
}

static bool mark_reached(struct socket *socket)
{
    bool first = !socket->reached;
    socket->reached = true;
    return first;
}

/* Candidates that nothing outside leads to stay with reached == false. Lock held. */
static void mark(void)
{
    bool changed = false;
    list_each(socket, &all_sockets, struct socket, link)
    {
        socket->internal = 0;
        socket->reached = false;
    }
    list_each(socket, &all_sockets, struct socket, link)
    {
        if (is_candidate(socket))
            each_in_queue(socket, count_internal, &changed);
    }
    list_each(socket, &all_sockets, struct socket, link)
    {
        if (is_candidate(socket) && socket->internal < socket->in_flight)
            socket->reached = true;
    }
    do {
        changed = false;
        list_each(socket, &all_sockets, struct socket, link)
        {
            if (is_candidate(socket) && socket->reached)
                each_in_queue(socket, mark_reached, &changed);
        }
    } while (changed);
}

static void take_messages(struct socket *socket, struct list *dead)
{
    list_each(message, &socket->queue, struct socket_message, link)
    {
        if (message->opened) {
            take_messages(message->opened, dead);
            continue;
        }
        message_unlink(socket, message);
        list_append(dead, &message->link);
    }
}

/* Taking messages may end other sockets, so each is looked for from the start. Lock held. */
static struct socket *next_unreachable(void)
{
    list_each(socket, &all_sockets, struct socket, link)
    {
        if (is_candidate(socket) && !socket->reached && !socket->reading &&
            !list_empty(&socket->queue))
            return socket;
    }
    return NULL;
}

void sockets_collect(void)
{
    struct list dead = LIST_INIT(dead);
    struct socket *socket;
    server_lock();
    mark();
    while ((socket = next_unreachable())) {
        socket_hold(socket);
        socket->reached = true; /* once each */
        take_messages(socket, &dead);
        socket_drop(socket);
    }
    server_unlock();
    messages_free(&dead);
}
