/* SPDX-License-Identifier: MIT */
/* Objects of a snapshot, and the handles to them at their old values. */
#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>
#include <atomik/thread.h>
#include <atomik/time.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>
#include <ipc/ttyclient.h>

#include "restore.h"

static uint32_t get(const struct snap_note *note, uint16_t tag)
{
    return snap_get_u32(note, tag, 0);
}

/* ---- files -------------------------------------------------------------------------------------------- */

static const struct snap_note *content_of(const struct restore *restore, uint32_t id)
{
    const struct snap_note *data = snap_next(&restore->snapshot, SNAP_FILEDATA, NULL);
    while (data != NULL && get(data, SNAP_FILEDATA_OBJECT) != id)
        data = snap_next(&restore->snapshot, SNAP_FILEDATA, data);
    return data;
}

static status_t write_content(const struct restore *restore, const struct snap_note *data,
                              handle_t node)
{
    struct fs_attr attr = {0}, result;
    handle_t writable = HANDLE_NONE;
    uint32_t size = 0;
    size_t done;
    uint8_t *bytes = restored_blob(restore, get(data, SNAP_FILEDATA_BLOB), &size);
    status_t status = bytes != NULL ? OK : ERR_BAD_EXECUTABLE;
    if (status == OK)
        status = fs_client_reopen(node, FS_O_READ | FS_O_WRITE, &writable);
    if (status == OK)
        status = fs_client_setattr(writable, FS_ATTR_SIZE, &attr, &result);
    if (status == OK && size > 0)
        status = fs_client_write(writable, 0, bytes, size, &done, NULL);
    handle_drop(&writable);
    free(bytes);
    return status;
}

static status_t open_path(struct restore *restore, const char *path, uint32_t flags, handle_t *node,
                          struct fs_attr *attr)
{
    struct fs_walk_context walk = restore_context(restore);
    status_t status = fs_client_root(&walk);
    return status == OK
               ? fs_client_open(&walk, HANDLE_NONE, path, strlen(path), flags, 0600, node, attr)
               : status;
}

/* A file that had no name any more is a new one without a name. */
static status_t open_unnamed(struct restore *restore, const struct snap_note *data, uint32_t flags,
                             handle_t *node)
{
    if (data == NULL)
        return restore_refuse(restore, ERR_BAD_EXECUTABLE, "a file without name and content");
    status_t status =
        open_path(restore, "/tmp", flags | FS_O_READ | FS_O_WRITE | FS_O_UNNAMED, node, NULL);
    return status == OK ? write_content(restore, data, *node) : status;
}

static bool has_changed(const struct snap_note *note, const struct fs_attr *attr)
{
    return attr->size != snap_get_u64(note, SNAP_OBJECT_SIZE, attr->size) ||
           attr->mtime != snap_get_u64(note, SNAP_OBJECT_MTIME, attr->mtime);
}

static status_t open_named(struct restore *restore, const struct snap_note *note, const char *path,
                           uint32_t flags, handle_t *node)
{
    const struct snap_note *data = content_of(restore, get(note, SNAP_OBJECT_ID));
    bool put_back = restore->options.policy == POLICY_SNAPSHOT && data != NULL;
    struct fs_attr attr;
    status_t status = open_path(restore, path, flags | (put_back ? FS_O_CREATE : 0), node, &attr);
    if (status != OK)
        return restore_refuse(restore, status, "%s cannot be opened", path);
    if (put_back)
        return write_content(restore, data, *node);
    if (restore->options.policy != POLICY_CURRENT && has_changed(note, &attr))
        return restore_refuse(restore, ERR_BAD_STATE, "%s has changed", path);
    return OK;
}

/* The memory in which the program looks for what a bulk transfer has moved. */
static status_t give_buffer(const struct restore *restore, const struct snap_note *file,
                            handle_t node)
{
    uint32_t buffer = get(file, SNAP_OBJECT_BUFFER);
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_VMA, NULL);
    while (note != NULL && buffer != 0 && get(note, SNAP_VMA_START) != buffer)
        note = snap_next(&restore->snapshot, SNAP_VMA, note);
    handle_t vmo = note != NULL && buffer != 0
                       ? restored_handle(restore, get(note, SNAP_VMA_OBJECT))
                       : HANDLE_NONE;
    return vmo != HANDLE_NONE ? fs_client_buffer(node, vmo, get(file, SNAP_OBJECT_BUFFER_SIZE))
                              : OK;
}

static status_t make_file(struct restore *restore, const struct snap_note *note, handle_t *node)
{
    uint32_t flags = get(note, SNAP_OBJECT_FLAGS) & (FS_O_READ | FS_O_WRITE | FS_O_APPEND);
    char *path = restored_text(note, SNAP_OBJECT_PATH);
    uint64_t before, after;
    status_t status;
    if (snap_get_u32(note, SNAP_OBJECT_LINKS, 1) == 0)
        status = open_unnamed(restore, content_of(restore, get(note, SNAP_OBJECT_ID)), flags, node);
    else
        status = path != NULL && path[0] == '/' ? open_named(restore, note, path, flags, node)
                                                : ERR_BAD_EXECUTABLE;
    free(path);
    if (status == OK)
        status = fs_client_position(*node, 0, (int64_t)snap_get_u64(note, SNAP_OBJECT_OFFSET, 0),
                                    &before, &after);
    return status == OK ? give_buffer(restore, note, *node) : status;
}

static status_t make_directory(struct restore *restore, const struct snap_note *note,
                               handle_t *node)
{
    char *path = restored_text(note, SNAP_OBJECT_PATH);
    status_t status = path != NULL && path[0] == '/'
                          ? open_path(restore, path, FS_O_READ | FS_O_DIRECTORY, node, NULL)
                          : ERR_BAD_EXECUTABLE;
    if (status != OK)
        (void)restore_refuse(restore, status, "%s cannot be opened", path != NULL ? path : "?");
    free(path);
    return status;
}

/* ---- what the restoring program has ---------------------------------------------------------------------- */

/* Its own descriptor of a standard stream, if it is of the kind that the program takes it for. */
static handle_t own_stream(const struct restore *restore, const struct snap_note *note,
                           uint32_t kind)
{
    uint32_t number = snap_get_u32(note, SNAP_OBJECT_STANDARD, 3);
    if (number >= 3 || restore->streams[number].kind != kind)
        return HANDLE_NONE;
    return handle_copy(restore->stream_handles[number][0]);
}

static status_t make_terminal(struct restore *restore, const struct snap_note *note, bool event,
                              handle_t *handle)
{
    uint32_t length = 0;
    const uint8_t *termios = snap_get(note, SNAP_OBJECT_TERMIOS, &length);
    struct tty_attributes attributes;
    for (uint32_t i = 0; i < 3 && *handle == HANDLE_NONE; i++)
        if (restore->streams[i].kind == FD_TTY)
            *handle = handle_copy(restore->stream_handles[i][event]);
    if (*handle == HANDLE_NONE)
        return restore_refuse(restore, ERR_NOT_TERMINAL, "it has a terminal, and here is none");
    if (event || termios == NULL || length != sizeof attributes)
        return OK;
    memcpy(&attributes, termios, sizeof attributes);
    return tty_client_set_attributes(*handle, &attributes, 0);
}

/* ---- streams ------------------------------------------------------------------------------------------- */

static status_t fill_stream(const struct restore *restore, const struct snap_note *note,
                            handle_t write_end)
{
    uint32_t size = 0, done = 0, id = get(note, SNAP_OBJECT_QUEUE);
    uint8_t *bytes = id != 0 ? restored_blob(restore, id, &size) : NULL;
    if (bytes == NULL)
        return id != 0 ? ERR_BAD_EXECUTABLE : OK;
    status_t status = size > 0 ? stream_write(write_end, bytes, size, &done, DEADLINE_POLL) : OK;
    free(bytes);
    return status == OK && done < size ? ERR_TOO_LARGE : status;
}

static const struct snap_note *object_note(const struct restore *restore, uint32_t id)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_OBJECT, NULL);
    while (note != NULL && (id == 0 || get(note, SNAP_OBJECT_ID) != id))
        note = snap_next(&restore->snapshot, SNAP_OBJECT, note);
    return note;
}

static bool is_read_side(const struct snap_note *note)
{
    char side[8] = "";
    return snap_get_text(note, SNAP_OBJECT_SIDE, side, sizeof side) && strcmp(side, "read") == 0;
}

/* Both ends are the program's: whichever comes first makes both, the other one opens its side of it. */
static status_t make_stream(struct restore *restore, const struct snap_note *note, handle_t *handle)
{
    const struct snap_note *peer = object_note(restore, get(note, SNAP_OBJECT_PEER));
    bool reads = is_read_side(note);
    handle_t made = restored_handle(restore, get(note, SNAP_OBJECT_PEER)), ends[2];
    if (made != HANDLE_NONE)
        return stream_open(made, !reads, handle);
    status_t status = stream_create(get(note, SNAP_OBJECT_CAPACITY), &ends[0], &ends[1]);
    if (status != OK)
        return status;
    /* What waited goes in while both ends are open; what a restored peer needs is opened from ours. */
    const struct snap_note *reader = reads                                ? note
                                     : peer != NULL && is_read_side(peer) ? peer
                                                                          : NULL;
    status = reader != NULL ? fill_stream(restore, reader, ends[1]) : OK;
    *handle = ends[!reads];
    handle_drop(&ends[reads]);
    return status;
}

/* With processes that are restored by others. */
static status_t make_shared(struct restore *restore, const struct snap_note *note, handle_t *handle)
{
    return capture_tree_pipe(&restore->tree, get(note, SNAP_OBJECT_STREAM),
                             get(note, SNAP_OBJECT_CAPACITY), !is_read_side(note), handle);
}

static status_t make_external(struct restore *restore, const struct snap_note *note,
                              handle_t *handle)
{
    bool reads = is_read_side(note);
    uint32_t number = snap_get_u32(note, SNAP_OBJECT_STANDARD, 3);
    *handle = own_stream(restore, note, reads ? FD_STREAM_READ : FD_STREAM_WRITE);
    if (*handle != HANDLE_NONE)
        return OK;
    if (number < 3 && restore->streams[number].kind != FD_NONE)
        return restore_refuse(restore, ERR_NOT_SUPPORTED,
                              "its descriptor %u is a pipe: restore it with one (| cat)",
                              (unsigned)number);
    return make_stream(restore, note, handle); /* what was at the other end is gone */
}

/* ---- other objects of the kernel -------------------------------------------------------------------------- */

static status_t make_timer(const struct snap_note *note, handle_t *handle)
{
    uint64_t left = snap_get_u64(note, SNAP_OBJECT_LEFT, UINT64_MAX);
    uint64_t period = snap_get_u64(note, SNAP_OBJECT_INTERVAL, 0);
    bool expired = snap_get_u64(note, SNAP_OBJECT_VALUE, 0) & SIGNAL_EXPIRED;
    ktime_t now = time_monotonic();
    status_t status = timer_create(handle);
    if (status != OK || (left == UINT64_MAX && !expired))
        return status;
    return timer_set(*handle,
                     expired                   ? now
                     : left < UINT64_MAX - now ? now + left
                                               : UINT64_MAX,
                     left == UINT64_MAX ? 0 : period);
}

/* Threads that had ended before are still waited for: one of a process of its own that ends at once. */
static status_t make_ended_thread(const struct restore *restore, handle_t *handle)
{
    struct process_request request = {.name = "ended",
                                      .privileges = native_privileges(restore->uid)};
    handle_t process, space;
    status_t status = process_create(&request, &process, &space);
    if (status != OK)
        return status;
    status = thread_create(process, USER_BASE, USER_BASE, 0, handle);
    (void)!process_kill(process, 0);
    handle_drop(&process);
    handle_drop(&space);
    return status;
}

static status_t make_thread(struct restore *restore, const struct snap_note *note, handle_t *handle)
{
    for (uint32_t i = 0; i < restore->thread_count; i++)
        if (restore->threads[i].id == get(note, SNAP_OBJECT_THREAD)) {
            *handle = handle_copy(restore->threads[i].handle);
            return *handle != HANDLE_NONE ? OK : ERR_NO_HANDLES;
        }
    return make_ended_thread(restore, handle);
}

static status_t make_caller(struct restore *restore, const struct snap_note *note, handle_t *handle)
{
    handle_t port = restored_handle(restore, get(note, SNAP_OBJECT_PEER));
    return port_badge(port, (uint32_t)snap_get_u64(note, SNAP_OBJECT_VALUE, 0), handle);
}

static status_t make_service(struct restore *restore, const struct snap_note *note,
                             handle_t *handle)
{
    char name[INIT_NAME_MAX] = "";
    (void)snap_get_text(note, SNAP_OBJECT_NAME, name, sizeof name);
    status_t status = init_name_lookup(native_init, name, false, handle);
    return status == OK ? OK : restore_refuse(restore, status, "there is no service %s", name);
}

/* ---- all -------------------------------------------------------------------------------------------------- */

static status_t copy(handle_t from, handle_t *handle)
{
    *handle = handle_copy(from);
    return *handle != HANDLE_NONE ? OK : ERR_NO_HANDLES;
}

static status_t make_file_object(struct restore *restore, const struct snap_note *note,
                                 handle_t *handle)
{
    if (!get(note, SNAP_OBJECT_EXTERNAL))
        return make_file(restore, note, handle);
    *handle = own_stream(restore, note, FD_FILE);
    return *handle != HANDLE_NONE
               ? OK
               : restore_refuse(restore, ERR_NOT_SUPPORTED,
                                "its descriptor %u is a file: restore it with one (> file)",
                                (unsigned)get(note, SNAP_OBJECT_STANDARD));
}

static status_t make_object(struct restore *restore, const struct snap_note *note,
                            const char *class, handle_t *handle)
{
    const struct program *program = &restore->process->program;
    if (strcmp(class, "process") == 0)
        return copy(program->process, handle);
    if (strcmp(class, "space") == 0)
        return copy(program->space, handle);
    if (strcmp(class, "thread") == 0)
        return make_thread(restore, note, handle);
    if (strcmp(class, "port") == 0)
        return port_create(handle);
    if (strcmp(class, "caller") == 0)
        return make_caller(restore, note, handle);
    if (strcmp(class, "init") == 0)
        return copy(restore->init, handle);
    if (strcmp(class, "service") == 0)
        return make_service(restore, note, handle);
    if (strcmp(class, "directory") == 0)
        return make_directory(restore, note, handle);
    if (strcmp(class, "file") == 0)
        return make_file_object(restore, note, handle);
    if (strcmp(class, "tty") == 0 || strcmp(class, "tty event") == 0)
        return make_terminal(restore, note, strcmp(class, "tty") != 0, handle);
    if (strcmp(class, "stream") == 0)
        return capture_tree_shares(&restore->tree, get(note, SNAP_OBJECT_STREAM))
                   ? make_shared(restore, note, handle)
               : get(note, SNAP_OBJECT_EXTERNAL) ? make_external(restore, note, handle)
                                                 : make_stream(restore, note, handle);
    if (strcmp(class, "event") == 0)
        return event_create((uint32_t)snap_get_u64(note, SNAP_OBJECT_VALUE, 0) & SIGNAL_USER_MASK,
                            handle);
    if (strcmp(class, "timer") == 0)
        return make_timer(note, handle);
    return restore_refuse(restore, ERR_BAD_EXECUTABLE, "object %u is of unknown kind (%s)",
                          (unsigned)get(note, SNAP_OBJECT_ID), class);
}

/* A caller needs its port: those come second. */
static status_t make_some(struct restore *restore, bool callers)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_OBJECT, NULL);
    status_t status = OK;
    for (; note != NULL && status == OK; note = snap_next(&restore->snapshot, SNAP_OBJECT, note)) {
        char class[16] = "";
        (void)snap_get_text(note, SNAP_OBJECT_CLASS, class, sizeof class);
        if (strcmp(class, "memory") == 0 || (strcmp(class, "caller") == 0) != callers)
            continue;
        uint32_t id = get(note, SNAP_OBJECT_ID);
        if (restored_handle(restore, id) != HANDLE_NONE)
            return ERR_BAD_EXECUTABLE;
        handle_t handle = HANDLE_NONE;
        status = make_object(restore, note, class, &handle);
        restore->objects[restore->object_count++] = (struct restored_object){id, handle};
    }
    return status;
}

status_t restore_objects(struct restore *restore)
{
    status_t status = make_some(restore, false);
    return status == OK ? make_some(restore, true) : status;
}

static status_t put_handle(struct restore *restore, const struct snap_note *note)
{
    handle_t object = restored_handle(restore, get(note, SNAP_FD_OBJECT)), narrowed;
    struct handle_info info;
    status_t status = object != HANDLE_NONE ? handle_info(object, &info) : ERR_BAD_EXECUTABLE;
    if (status == OK)
        status = handle_duplicate(object, get(note, SNAP_FD_ACCESS) & info.rights, &narrowed);
    if (status != OK)
        return status;
    status = process_put(restore->process->program.process, narrowed, get(note, SNAP_FD_FD));
    if (status != OK)
        handle_drop(&narrowed);
    return status;
}

status_t restore_handles(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_FD, NULL);
    for (; note != NULL; note = snap_next(&restore->snapshot, SNAP_FD, note)) {
        status_t status = put_handle(restore, note);
        if (status != OK)
            return restore_refuse(restore, status, "handle %#x is impossible",
                                  (unsigned)get(note, SNAP_FD_FD));
    }
    return OK;
}
