/* SPDX-License-Identifier: MIT */
/*
 * Pipes and FIFOs of a snapshot, with the bytes that were in them. A pipe whose other end was outside
 * becomes the restoring process's descriptor of the same number among 0, 1, 2; otherwise, and where nobody
 * had it any more, its other end is closed. A FIFO is the one of its name, or if it had none, a new one without a name.
 */
#include <stdlib.h>
#include <string.h>

#include "../file.h"
#include "../path.h"
#include "../task.h"
#include "foreign.h"
#include "restore.h"

#define STREAMS 3u

/* ---- pipes ------------------------------------------------------------------------------------------ */

/* What waited at a reading end goes into the writing end. */
int restore_fill(const struct restore *restore, handle_t write_end, const struct snap_note *note)
{
    const struct snap_blob *blob =
        snap_find_blob(&restore->snapshot, snap_get_u32(note, SNAP_OBJECT_QUEUE, 0));
    uint32_t done = 0;
    if (!blob || blob->size == 0)
        return 0;
    uint8_t *bytes = blob->size <= snap_get_u32(note, SNAP_OBJECT_CAPACITY, PIPE_CAPACITY)
                         ? malloc(blob->size)
                         : NULL;
    if (!bytes)
        return restore_refuse(-ENOEXEC, "more bytes in a pipe than it holds", blob->size);
    status_t status = snap_bytes_read(&blob->bytes, 0, bytes, blob->size);
    if (status == OK)
        status = stream_write(write_end, bytes, blob->size, &done, DEADLINE_POLL);
    free(bytes);
    return errno_of(status);
}

/* The restoring process's own descriptor that takes the place of an end whose peer was outside. */
struct file *restore_stand_in(const struct restore *restore, uint32_t object)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_FD, NULL);
    for (; note; note = snap_next(&restore->snapshot, SNAP_FD, note)) {
        uint32_t fd = snap_get_u32(note, SNAP_FD_FD, UINT32_MAX);
        if (snap_get_u32(note, SNAP_FD_OBJECT, 0) == object && fd < STREAMS)
            return fd_get(fd);
    }
    return NULL;
}

static bool is_side(const struct snap_note *note, const char *side)
{
    char text[8] = "";
    return snap_get_text(note, SNAP_OBJECT_SIDE, text, sizeof text) && strcmp(text, side) == 0;
}

/* The other end of a pipe has its place in the group. */
static bool put_other_end(struct restore_group *group, uint32_t id, const struct snap_note *note,
                          struct file *end)
{
    for (uint32_t i = 0; i < group->object_count; i++) {
        if (group->objects[i].id != id || group->objects[i].file)
            continue;
        end->flags = snap_get_u32(note, SNAP_OBJECT_FLAGS, 0);
        group->objects[i].file = end;
        return true;
    }
    return false;
}

/* A pipe that was opened again, through /proc, for both. */
static int restore_both(const struct restore *restore, const struct snap_note *note,
                        struct file **result)
{
    handle_t ends[2];
    int error = errno_of(
        stream_create(snap_get_u32(note, SNAP_OBJECT_CAPACITY, PIPE_CAPACITY), &ends[0], &ends[1]));
    if (error < 0)
        return error;
    *result = stream_file(ends[0], ends[1], O_RDWR);
    if (!*result)
        return -ENOMEM;
    (*result)->flags = snap_get_u32(note, SNAP_OBJECT_FLAGS, O_RDWR);
    return restore_fill(restore, ends[1], note);
}

/* Both ends, when the first of them is met; the other one is put at its number. */
int restore_pipe(struct restore *restore, const struct snap_note *note, struct file **result)
{
    uint32_t id = snap_get_u32(note, SNAP_OBJECT_ID, 0),
             peer = snap_get_u32(note, SNAP_OBJECT_PEER, 0);
    struct restore *owner = restore;
    const struct snap_note *other = peer ? restored_note(restore->group, peer, &owner) : NULL;
    bool reads = is_side(note, "read");
    struct file *ends[2];
    if (capture_tree_shares(&restore->group->tree, snap_get_u32(note, SNAP_OBJECT_STREAM, 0)))
        return foreign_pipe(restore->group, note, result);
    if (is_side(note, "both"))
        return restore_both(restore, note, result);
    bool outside = !other && snap_get_u32(note, SNAP_OBJECT_EXTERNAL, 0);
    if (outside && (*result = restore_stand_in(restore, id)))
        return 0;
    uint32_t capacity = snap_get_u32(note, SNAP_OBJECT_CAPACITY, PIPE_CAPACITY);
    int error = stream_pair(0, capacity, ends);
    if (error < 0)
        return error;
    error = reads || !other ? restore_fill(restore, ends[1]->handle2, note)
                            : restore_fill(owner, ends[1]->handle2, other);
    ends[!reads]->flags = snap_get_u32(note, SNAP_OBJECT_FLAGS, 0);
    *result = ends[!reads];
    if (error < 0 || !other || !put_other_end(restore->group, peer, other, ends[reads]))
        file_release(ends[reads]);
    if (error < 0)
        file_release(*result);
    return error;
}

/* ---- FIFOs ------------------------------------------------------------------------------------------- */

/* Writes what waited into a stream of which any end is known. */
static int fill_any(const struct restore *restore, const struct file *file,
                    const struct snap_note *note)
{
    handle_t end = HANDLE_NONE;
    int error = errno_of(stream_open(file->handle ? file->handle : file->handle2, 1, &end));
    if (error == 0)
        error = restore_fill(restore, end, note);
    close_handle(end);
    return error;
}

static int fifo_attributes(const char *path, struct fs_attr *attr)
{
    struct walk walk = {.dirfd = (uint32_t)AT_FDCWD, .path = path, .op = FS_OP_STAT};
    int error = path_walk(&walk);
    *attr = walk.attr;
    return error < 0 ? error : S_ISFIFO(walk.attr.mode) && !walk.is_internal ? 0 : -EEXIST;
}

static int make_node(const char *path, uint32_t mode, struct fs_attr *attr)
{
    struct walk walk = {.dirfd = (uint32_t)AT_FDCWD, .path = path, .op = FS_OP_MKNOD};
    walk.mode = S_IFIFO | (mode & 0777);
    int error = path_walk(&walk);
    return error == 0 ? fifo_attributes(path, attr) : error;
}

/* A number that no node has any more: that of one which is made and removed again. */
static int unnamed_attributes(uint32_t mode, struct fs_attr *attr)
{
    struct walk unlink = {.dirfd = (uint32_t)AT_FDCWD, .op = FS_OP_UNLINK};
    char name[RESTORE_NAME];
    restore_temporary(name);
    int error = make_node(name, mode, attr);
    unlink.path = name;
    int removed = error == 0 ? path_walk(&unlink) : 0;
    return error < 0 ? error : removed;
}

/* One that was open in the snapshot as well and is made already. */
static struct file *same_fifo(const struct restore *restore, const struct snap_note *note)
{
    uint64_t ino = snap_get_u64(note, SNAP_OBJECT_INO, 0);
    uint32_t device = snap_get_u32(note, SNAP_OBJECT_DEVICE, 0);
    for (uint32_t i = 0; i < restore->group->object_count; i++) {
        const struct restored_object *object = &restore->group->objects[i];
        if (object->file && file_is_fifo(object->file) &&
            snap_get_u64(object->note, SNAP_OBJECT_INO, 0) == ino &&
            snap_get_u32(object->note, SNAP_OBJECT_DEVICE, 0) == device)
            return object->file;
    }
    return NULL;
}

static int attributes_for(const struct snap_note *note, const struct file *other, const char *path,
                          struct fs_attr *attr)
{
    uint32_t mode = snap_get_u32(note, SNAP_OBJECT_MODE, 0600);
    if (other) {
        *attr = other->attr;
        return 0;
    }
    if (snap_get_u32(note, SNAP_OBJECT_LINKS, 1) == 0)
        return unnamed_attributes(mode, attr);
    int error = fifo_attributes(path, attr);
    return error == -ENOENT ? make_node(path, mode, attr) : error;
}

int restore_fifo(struct restore *restore, const struct snap_note *note, struct file **result)
{
    uint32_t flags = snap_get_u32(note, SNAP_OBJECT_FLAGS, 0);
    uint32_t wanted = (flags & O_ACCMODE) == O_RDONLY   ? 4u
                      : (flags & O_ACCMODE) == O_WRONLY ? 2u
                                                        : 6u;
    char *path = restore_text(note, SNAP_OBJECT_PATH);
    struct fs_attr attr;
    bool fresh = false;
    int error = path ? attributes_for(note, same_fifo(restore, note), path, &attr) : -ENOEXEC;
    if (error == 0)
        error = check_access(&attr, wanted, true);
    if (error == 0)
        error = fifo_open_again(&attr, flags, result, &fresh);
    if (error < 0)
        restore_complain("the FIFO %s cannot be opened", path ? path : "");
    if (error == 0) {
        (*result)->path = path;
        path = NULL;
    }
    release(path);
    if (error < 0)
        return error;
    /* All who have it open read the same bytes: the first who read brings them. */
    uint32_t queued = 0, capacity;
    handle_t end = (*result)->handle ? (*result)->handle : (*result)->handle2;
    bool empty = stream_info(end, &queued, &capacity) == OK && queued == 0;
    return (fresh || same_fifo(restore, note)) && empty ? fill_any(restore, *result, note) : 0;
}
