/* SPDX-License-Identifier: MIT */
/*
 * What hangs on open files beside their own fields, and terminals: locks, what epoll and inotify
 * instances watch, the messages in POSIX queues, the state of pseudo terminals.
 */
#include <ipc/ttyclient.h>
#include <stdlib.h>
#include <string.h>

#include "../file.h"
#include "../lock.h"
#include "../task.h"
#include "../tty.h"
#include "kinds.h"
#include "save.h"

struct context {
    struct save *save;
    const struct saved_object *object;
};

/* A file that no process of the group has open any more is not watched after a restore. */
static void put_watch(void *context, struct file *file, uint32_t fd,
                      const struct linux_epoll_event *event, bool candidate)
{
    const struct context *in = context;
    struct snapshot *snapshot = &in->save->snapshot;
    uint32_t target = saved_object_id(in->save->group, file);
    if (target == 0)
        return;
    snap_note_begin(snapshot, SNAP_WATCH);
    snap_put_u32(snapshot, SNAP_WATCH_OBJECT, in->object->id);
    snap_put_u32(snapshot, SNAP_WATCH_FD, fd);
    snap_put_u32(snapshot, SNAP_WATCH_TARGET, target);
    snap_put_u32(snapshot, SNAP_WATCH_EVENTS, event->events);
    snap_put_u64(snapshot, SNAP_WATCH_DATA, event->data);
    snap_put_u32(snapshot, SNAP_WATCH_CANDIDATE, candidate);
}

static void put_inotify(void *context, uint32_t id, uint32_t mask, const char *path)
{
    const struct context *in = context;
    struct snapshot *snapshot = &in->save->snapshot;
    snap_note_begin(snapshot, SNAP_INOTIFY);
    snap_put_u32(snapshot, SNAP_INOTIFY_OBJECT, in->object->id);
    snap_put_u32(snapshot, SNAP_INOTIFY_ID, id);
    snap_put_u32(snapshot, SNAP_INOTIFY_MASK, mask);
    snap_put_text(snapshot, SNAP_INOTIFY_PATH, path);
}

static void put_message(void *context, uint32_t priority, const void *text, uint32_t size)
{
    const struct context *in = context;
    struct snapshot *snapshot = &in->save->snapshot;
    uint32_t blob = snap_add_blob_copy(snapshot, text, size);
    snap_note_begin(snapshot, SNAP_MESSAGE);
    snap_put_u32(snapshot, SNAP_MESSAGE_OBJECT, in->object->id);
    snap_put_u32(snapshot, SNAP_MESSAGE_PRIORITY, priority);
    snap_put_u32(snapshot, SNAP_MESSAGE_BLOB, blob);
}

static void put_lock(void *context, const struct lock_range *range)
{
    const struct context *in = context;
    struct snapshot *snapshot = &in->save->snapshot;
    snap_note_begin(snapshot, SNAP_LOCK);
    snap_put_u32(snapshot, SNAP_LOCK_OBJECT, in->object->id);
    snap_put_text(snapshot, SNAP_LOCK_KIND,
                  range->whole               ? "flock"
                  : range->pid == UINT32_MAX ? "open"
                                             : "record");
    snap_put_u32(snapshot, SNAP_LOCK_EXCLUSIVE, range->exclusive);
    snap_put_u64(snapshot, SNAP_LOCK_START, range->start);
    snap_put_u64(snapshot, SNAP_LOCK_END, range->end);
}

void save_attached(struct save *save, const struct saved_object *object)
{
    struct context context = {save, object};
    server_lock();
    const struct process *process = process_find(save->pid);
    const struct files *files = process ? process->files : NULL; /* it stands still */
    server_unlock();
    if (files)
        locks_each(object->file, files, put_lock, &context);
    server_lock();
    epoll_each(object->file, put_watch, &context);
    inotify_each(object->file, put_inotify, &context);
    mq_each(object->file, put_message, &context);
    server_unlock();
}

/* ---- terminals --------------------------------------------------------------------------------------- */

static void put_master(struct snapshot *snapshot, handle_t terminal)
{
    uint8_t *state = NULL;
    uint32_t size = 0;
    if (pty_client_export(terminal, &state, &size) == OK)
        snap_put_u32(snapshot, SNAP_OBJECT_STATE, snap_add_blob_copy(snapshot, state, size));
    else
        snapshot->failed = true;
    free(state);
}

void save_terminal(struct save *save, struct file *file)
{
    struct snapshot *snapshot = &save->snapshot;
    const struct tty *tty = tty_of(file);
    struct tty_attributes attributes;
    struct tty_size size;
    uint32_t pgid = 0, sid = 0;
    snap_put_text(snapshot, SNAP_OBJECT_CLASS, "tty");
    snap_put_text(snapshot, SNAP_OBJECT_PATH, file->path);
    snap_put_u32(snapshot, SNAP_OBJECT_KIND, tty->kind);
    snap_put_u64(snapshot, SNAP_OBJECT_VALUE, tty->number);
    if (tty_client_get_attributes(tty->terminal, &attributes) == OK)
        snap_put(snapshot, SNAP_OBJECT_TERMIOS, &attributes, sizeof attributes);
    if (tty_client_get_size(tty->terminal, &size) == OK)
        snap_put(snapshot, SNAP_OBJECT_WINDOW, &size, sizeof size);
    if (tty_client_get_group(tty->terminal, &pgid, &sid) == OK) {
        snap_put_u32(snapshot, SNAP_OBJECT_SID, sid);
        snap_put_u32(snapshot, SNAP_OBJECT_PGID, pgid);
    }
    if (tty->kind == TTY_MASTER)
        put_master(snapshot, tty->terminal);
}
