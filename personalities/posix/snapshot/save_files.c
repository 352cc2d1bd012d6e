/* SPDX-License-Identifier: MIT */
/*
 * Descriptors and the open files behind them. Each kind of file says what it needs to be made again:
 * a path with what identifies the file there, the bytes in a pipe, the settings of a terminal. Content
 * goes along of files that have no name any more, and of all regular files if that was asked for.
 */
#include <ipc/fsclient.h>
#include <ipc/ttyclient.h>
#include <stdlib.h>
#include <string.h>

#include "../file.h"
#include "../task.h"
#include "../tty.h"
#include "kinds.h"
#include "save.h"

#define QUEUE_MAX   (1u << 20)
#define CONTENT_MAX (1u << 30)

/* ---- descriptors; lock held ----------------------------------------------------------------------- */

uint32_t saved_object_id(const struct save_group *group, const struct file *file)
{
    for (uint32_t i = 0; i < group->object_count; i++)
        if (group->objects[i].file == file)
            return group->objects[i].id;
    return 0;
}

/* Room for one more in an array; NULL when out of memory. */
static void *grow(void *array, uint32_t count, uint32_t *room, uint32_t size)
{
    if (count < *room)
        return array;
    uint32_t wanted = *room ? *room * 2 : 32;
    void *larger = realloc(array, wanted * size);
    if (larger)
        *room = wanted;
    return larger;
}

/* The number of a file; it gets one with the first descriptor for it. */
static uint32_t number_file(struct save_group *group, struct file *file)
{
    uint32_t id = saved_object_id(group, file);
    if (id != 0)
        return id;
    struct saved_object *objects =
        grow(group->objects, group->object_count, &group->object_room, sizeof *group->objects);
    if (!objects)
        return 0;
    group->objects = objects;
    file_hold(file);
    id = group->object_count + 1;
    objects[group->object_count++] = (struct saved_object){file, id};
    return id;
}

/* The process uses this one. */
static uint32_t use_file(struct save *save, struct file *file)
{
    uint32_t id = number_file(save->group, file);
    for (uint32_t i = 0; i < save->used_count; i++)
        if (save->used[i] == id)
            return id;
    uint32_t *used = grow(save->used, save->used_count, &save->used_room, sizeof *save->used);
    if (!used || id == 0) {
        save->snapshot.failed = true;
        return 0;
    }
    save->used = used;
    used[save->used_count++] = id;
    return id;
}

void save_descriptors(struct save *save, struct process *process)
{
    for (uint32_t fd = 0; fd < process->files->capacity; fd++) {
        const struct fd_slot *slot = &process->files->slots[fd];
        if (!slot->file)
            continue;
        snap_note_begin(&save->snapshot, SNAP_FD);
        snap_put_u32(&save->snapshot, SNAP_FD_FD, fd);
        snap_put_u32(&save->snapshot, SNAP_FD_OBJECT, use_file(save, slot->file));
        snap_put_u32(&save->snapshot, SNAP_FD_CLOEXEC, slot->close_on_exec);
    }
}

/* ---- kinds ------------------------------------------------------------------------------------------ */

static status_t read_vmo(void *context, uint64_t offset, void *to, uint32_t length)
{
    const struct saved_content *content = context;
    return vmo_read(content->vmo, offset, to, length);
}

/* A copy on write of what the file contains now; read when the snapshot is written. */
static struct saved_content *clone_content(struct save *save, handle_t node, uint64_t *size)
{
    struct saved_content *content = allocate(sizeof *content);
    handle_t vmo = HANDLE_NONE, readable = HANDLE_NONE; /* it may be open for writing only */
    bool coherent;
    status_t status = content ? fs_client_reopen(node, FS_O_READ, &readable) : ERR_NO_MEMORY;
    if (status == OK)
        status = fs_client_vmo(readable, PROT_R, &vmo, size, &coherent);
    close_handle(readable);
    if (status == OK && *size > 0)
        status = vmo_clone(vmo, 0, *size, &content->vmo);
    close_handle(vmo);
    if (status != OK) {
        release(content);
        return NULL;
    }
    content->source = (struct snap_source){read_vmo, content};
    content->next = save->group->contents;
    save->group->contents = content;
    return content;
}

/* Called between the fields of the object, so the note comes after: see save_objects. */
static void put_content(struct save *save, const struct saved_object *object)
{
    struct snapshot *snapshot = &save->snapshot;
    uint64_t size = 0;
    struct saved_content *content = clone_content(save, object->file->handle, &size);
    if (!content || size > CONTENT_MAX) {
        snapshot->failed = snapshot->failed || !content;
        return;
    }
    struct snap_bytes bytes = {.source = &content->source};
    uint32_t blob = snap_add_blob(snapshot, (uint32_t)size, &bytes);
    snap_note_begin(snapshot, SNAP_FILEDATA);
    snap_put_u32(snapshot, SNAP_FILEDATA_OBJECT, object->id);
    snap_put_u64(snapshot, SNAP_FILEDATA_OFFSET, 0);
    snap_put_u32(snapshot, SNAP_FILEDATA_BLOB, blob);
    snap_put_u64(snapshot, SNAP_FILEDATA_SIZE, size);
}

/* Whether the content has to go along. */
static bool put_node(struct save *save, struct file *file)
{
    struct snapshot *snapshot = &save->snapshot;
    struct fs_attr attr;
    uint64_t position = file->offset;
    if (file->ops->stat(file, &attr) < 0)
        attr = file->attr;
    if (file->ops->position && file->ops->position(file, &position) < 0)
        position = file->offset;
    snap_put_text(snapshot, SNAP_OBJECT_CLASS, S_ISDIR(attr.mode) ? "directory" : "file");
    snap_put_u64(snapshot, SNAP_OBJECT_OFFSET, position);
    snap_put_text(snapshot, SNAP_OBJECT_PATH, file->path);
    snap_put_u64(snapshot, SNAP_OBJECT_INO, attr.ino);
    snap_put_u32(snapshot, SNAP_OBJECT_DEVICE, attr.device);
    snap_put_u64(snapshot, SNAP_OBJECT_SIZE, attr.size);
    snap_put_u64(snapshot, SNAP_OBJECT_MTIME, attr.mtime);
    snap_put_u32(snapshot, SNAP_OBJECT_MODE, attr.mode);
    snap_put_u32(snapshot, SNAP_OBJECT_LINKS, attr.nlink);
    return S_ISREG(attr.mode) && (attr.nlink == 0 || (save->group->flags & SNAPSHOT_FILES));
}

static uint32_t stream_id(handle_t handle, bool other)
{
    struct handle_info info;
    uint32_t id = 0;
    handle_t end = HANDLE_NONE;
    if (!other)
        return handle_info(handle, &info) == OK ? info.object_id : 0;
    /* The other end of a stream: opened for a look at its number. */
    if (stream_open(handle, 1, &end) == OK && handle_info(end, &info) == OK)
        id = info.object_id;
    close_handle(end);
    return id;
}

/* The file of the snapshot whose write end leads to this read end, or the reverse. */
static uint32_t find_peer(const struct save_group *group, const struct file *file)
{
    uint32_t written = file->handle2 ? stream_id(file->handle2, false) : 0;
    uint32_t read = file->handle ? stream_id(file->handle, true) : 0;
    for (uint32_t i = 0; i < group->object_count; i++) {
        const struct file *other = group->objects[i].file;
        if (other == file || other->ops != file->ops)
            continue;
        if (read && other->handle2 && stream_id(other->handle2, false) == read)
            return group->objects[i].id;
        if (written && other->handle && stream_id(other->handle, true) == written)
            return group->objects[i].id;
    }
    return 0;
}

static void put_queue(struct save *save, struct file *file)
{
    struct snapshot *snapshot = &save->snapshot;
    uint32_t queued = 0, capacity = 0, done = 0;
    handle_t end = file->handle ? file->handle : file->handle2;
    if (stream_info(end, &queued, &capacity) != OK)
        return;
    snap_put_u32(snapshot, SNAP_OBJECT_CAPACITY, capacity);
    if (!file->handle)
        return;
    uint8_t *bytes = malloc(queued + 1);
    if (!bytes || queued > QUEUE_MAX ||
        (queued > 0 && stream_peek(file->handle, bytes, queued, &done) != OK))
        snapshot->failed = true;
    else
        snap_put_u32(snapshot, SNAP_OBJECT_QUEUE, snap_add_blob_copy(snapshot, bytes, done));
    free(bytes);
}

static void put_stream(struct save *save, struct file *file)
{
    struct snapshot *snapshot = &save->snapshot;
    uint32_t peer = find_peer(save->group, file);
    snap_put_text(snapshot, SNAP_OBJECT_CLASS, file_is_pipe(file) ? "pipe" : "socket");
    snap_put_text(snapshot, SNAP_OBJECT_PATH, file->path);
    snap_put_text(snapshot, SNAP_OBJECT_SIDE,
                  file->handle && file->handle2 ? "both"
                  : file->handle                ? "read"
                                                : "write");
    if (peer)
        snap_put_u32(snapshot, SNAP_OBJECT_PEER, peer);
    else
        snap_put_u32(snapshot, SNAP_OBJECT_EXTERNAL, 1);
    put_queue(save, file);
}

static void put_terminal(struct save *save, struct file *file)
{
    struct snapshot *snapshot = &save->snapshot;
    const struct tty *tty = tty_of(file);
    struct tty_attributes attributes;
    struct tty_size size;
    snap_put_text(snapshot, SNAP_OBJECT_CLASS, "tty");
    snap_put_text(snapshot, SNAP_OBJECT_PATH, file->path);
    if (tty_client_get_attributes(tty->terminal, &attributes) == OK)
        snap_put(snapshot, SNAP_OBJECT_TERMIOS, &attributes, sizeof attributes);
    if (tty_client_get_size(tty->terminal, &size) == OK)
        snap_put(snapshot, SNAP_OBJECT_WINDOW, &size, sizeof size);
}

static void put_other(struct save *save, struct file *file)
{
    struct snapshot *snapshot = &save->snapshot;
    bool named = !file->ops->save && file->path && *file->path == '/';
    snap_put_text(snapshot, SNAP_OBJECT_CLASS, named ? "device" : file->ops->name);
    snap_put_text(snapshot, SNAP_OBJECT_PATH, file->path);
    if (file->ops->save)
        file->ops->save(file, snapshot);
    if (!named)
        return;
    snap_put_u64(snapshot, SNAP_OBJECT_OFFSET, file->offset);
    snap_put_u32(snapshot, SNAP_OBJECT_DEVICE, file->attr.rdev);
}

struct watched {
    struct save *save;
    uint32_t instance;
};

/* A file that no process of the group has open any more is not watched after a restore. */
static void put_watch(void *context, struct file *file, uint32_t fd,
                      const struct linux_epoll_event *event)
{
    const struct watched *watched = context;
    struct snapshot *snapshot = &watched->save->snapshot;
    uint32_t target = saved_object_id(watched->save->group, file);
    if (target == 0)
        return;
    snap_note_begin(snapshot, SNAP_WATCH);
    snap_put_u32(snapshot, SNAP_WATCH_OBJECT, watched->instance);
    snap_put_u32(snapshot, SNAP_WATCH_FD, fd);
    snap_put_u32(snapshot, SNAP_WATCH_TARGET, target);
    snap_put_u32(snapshot, SNAP_WATCH_EVENTS, event->events);
    snap_put_u64(snapshot, SNAP_WATCH_DATA, event->data);
}

static void put_watches(struct save *save, const struct saved_object *object)
{
    struct watched watched = {save, object->id};
    server_lock();
    epoll_each(object->file, put_watch, &watched);
    server_unlock();
}

void save_objects(struct save *save)
{
    struct snapshot *snapshot = &save->snapshot;
    for (uint32_t i = 0; i < save->used_count && !snapshot->failed; i++) {
        struct saved_object *object = &save->group->objects[save->used[i] - 1];
        struct file *file = object->file;
        bool content = false;
        snap_note_begin(snapshot, SNAP_OBJECT);
        snap_put_u32(snapshot, SNAP_OBJECT_ID, object->id);
        snap_put_u32(snapshot, SNAP_OBJECT_FLAGS, file->flags);
        if (file_is_node(file))
            content = put_node(save, file);
        else if (file_is_pipe(file) || file_is_socket(file))
            put_stream(save, file);
        else if (tty_of(file))
            put_terminal(save, file);
        else
            put_other(save, file);
        if (content)
            put_content(save, object);
        put_watches(save, object);
    }
}
