/* SPDX-License-Identifier: MIT */
/*
 * Files in snapshots: those on disks by their paths, named pipes with the messages in them, consoles
 * and streams of other programs by the standard stream of the restoring program that takes their place.
 */
#include <ipc/call.h>
#include <personalities/nt/console.h>
#include <personalities/nt/file.h>
#include <personalities/nt/path.h>
#include <personalities/nt/pipe.h>
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/snapshot/save.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

#define DISPOSE_ON_CLOSE 1u
#define DISPOSE_PENDING  2u
#define MESSAGES_MAX     65536u /* of one pipe's end */

/* A stream of a program of another personality, or a file that such a one had open before. */
static bool is_foreign(const struct nt_file *file)
{
    return (file->kind == FILE_PIPE && !file->pipe && !file->pipe_closed) ||
           (file->kind == FILE_DISK && !file->unix_path);
}

static const char *kind_name(const struct nt_file *file)
{
    static const char *const names[] = {
        [FILE_DISK] = "disk",        [FILE_DIRECTORY] = "directory", [FILE_PIPE] = "pipe",
        [FILE_NULL] = "null",        [FILE_CONSOLE] = "console",     [FILE_VOLUME] = "volume",
        [FILE_PIPE_DEVICE] = "pipes"};
    return is_foreign(file) ? "stream" : names[file->kind];
}

/* ---- saving -------------------------------------------------------------------------------------- */

static void save_file_content(struct save *save, struct nt_file *file)
{
    handle_t vmo = HANDLE_NONE, readable = HANDLE_NONE;
    uint64_t size = 0;
    bool coherent;
    status_t status = BLOCKING(fs_client_reopen(file->node, FS_O_READ, &readable));
    if (status == OK)
        status = BLOCKING(fs_client_vmo(readable, PROT_R, &vmo, &size, &coherent));
    if (status == OK)
        save_content(save, vmo, size);
    handle_drop(&readable);
    handle_drop(&vmo);
    if (status != OK)
        save_refuse(save, status, "the content of a file cannot be read");
}

static void save_disk(struct save *save, struct nt_file *file)
{
    struct snapshot *snapshot = &save->snapshot;
    struct fs_attr attr;
    uint64_t position = file->position, after;
    view_flush(file);
    if (BLOCKING(fs_client_stat(file->node, &attr)) != OK)
        memset(&attr, 0, sizeof attr);
    if (file->shared_position &&
        BLOCKING(fs_client_position(file->node, 1, 0, &position, &after)) != OK)
        position = 0;
    snap_put_text(snapshot, SNAP_OBJECT_PATH, file->unix_path);
    snap_put_u64(snapshot, SNAP_OBJECT_OFFSET, position);
    snap_put_u64(snapshot, SNAP_OBJECT_INO, attr.ino);
    snap_put_u32(snapshot, SNAP_OBJECT_DEVICE, attr.device);
    snap_put_u64(snapshot, SNAP_OBJECT_SIZE, attr.size);
    snap_put_u64(snapshot, SNAP_OBJECT_MTIME, attr.mtime);
    snap_put_u32(snapshot, SNAP_OBJECT_MODE, attr.mode);
    snap_put_u32(snapshot, SNAP_OBJECT_LINKS, attr.nlink);
    snap_put_u32(snapshot, SNAP_OBJECT_DISPOSAL,
                 (file->delete_on_close ? DISPOSE_ON_CLOSE : 0) |
                     (file->delete_pending ? DISPOSE_PENDING : 0));
    if (file->kind == FILE_DISK && (attr.nlink == 0 || (save->group->flags & SNAPSHOT_FILES)))
        save_file_content(save, file);
}

/* A stream of the kernel, by its number; what waits goes along with the end that reads. */
static void save_stream(struct save *save, const struct nt_file *file)
{
    struct snapshot *snapshot = &save->snapshot;
    handle_t end = file->read_end ? file->read_end : file->write_end, write_end = HANDLE_NONE;
    struct handle_info info;
    uint32_t queued = 0, capacity = 0, done = 0;
    snap_put_u32(snapshot, SNAP_OBJECT_EXTERNAL, 1);
    if (!end || stream_info(end, &queued, &capacity) != OK)
        return;
    snap_put_text(snapshot, SNAP_OBJECT_SIDE, file->read_end ? "read" : "write");
    snap_put_u32(snapshot, SNAP_OBJECT_CAPACITY, capacity);
    if (stream_open(end, 1, &write_end) == OK && handle_info(write_end, &info) == OK)
        snap_put_u32(snapshot, SNAP_OBJECT_STREAM, info.object_id);
    handle_drop(&write_end);
    uint8_t *bytes = file->read_end ? malloc(queued + 1) : NULL;
    if (bytes && (queued == 0 || stream_peek(end, bytes, queued, &done) == OK))
        snap_put_u32(snapshot, SNAP_OBJECT_QUEUE, snap_add_blob_copy(snapshot, bytes, done));
    else if (file->read_end)
        snapshot->failed = true;
    free(bytes);
}

static void save_messages(struct save *save, const struct pipe_end *end)
{
    struct snapshot *snapshot = &save->snapshot;
    uint32_t count = 0, at = 0;
    list_each(message, &end->messages, struct pipe_message, link)
    {
        if (message->writer && message->taken > 0)
            save_refuse(save, ERR_BUSY, "a write to a pipe is half done");
        count += !message->writer;
    }
    uint32_t *lengths = malloc((count + 1) * sizeof *lengths);
    uint8_t *bytes = malloc(end->queued + 1);
    count = 0;
    if (!lengths || !bytes)
        snapshot->failed = true;
    else
        list_each(message, &end->messages, struct pipe_message, link)
        {
            uint32_t left = message->length - message->taken;
            if (message->writer)
                continue; /* its write is made again */
            memcpy(bytes + at, message->bytes + message->taken, left);
            lengths[count++] = left;
            at += left;
        }
    if (lengths && bytes) {
        snap_put(snapshot, SNAP_OBJECT_MESSAGES, lengths, count * sizeof *lengths);
        snap_put_u32(snapshot, SNAP_OBJECT_QUEUE, snap_add_blob_copy(snapshot, bytes, at));
    }
    free(lengths);
    free(bytes);
}

static void save_pipe(struct save *save, struct nt_file *file)
{
    struct snapshot *snapshot = &save->snapshot;
    struct pipe_end *end = file->pipe;
    struct pipe_record record;
    if (!end)
        return; /* closed by its last handle, and still referred to */
    pipe_record(end, &record);
    save_text(save, SNAP_OBJECT_NAME, ntfile_volume_name(file));
    snap_put(snapshot, SNAP_OBJECT_PIPE, &record, sizeof record);
    snap_put_u32(snapshot, SNAP_OBJECT_MAXIMUM, end->maximum);
    snap_put_u32(snapshot, SNAP_OBJECT_PROCESS, end->peer_pid);
    if (end->peer)
        snap_put_u32(snapshot, SNAP_OBJECT_PEER, save_object(save, &end->peer->file->object));
    if (!list_empty(&end->flushers) || !list_empty(&end->watchers))
        save_refuse(save, ERR_BUSY, "a pipe is joined to a stream of another personality");
    save_messages(save, end);
}

void ntfile_save(struct object *object, struct save *save)
{
    struct nt_file *file = file_of(object);
    struct snapshot *snapshot = &save->snapshot;
    snap_put_text(snapshot, SNAP_OBJECT_KIND_NAME, kind_name(file));
    snap_put_u32(snapshot, SNAP_OBJECT_ACCESS, file->access);
    snap_put_u32(snapshot, SNAP_OBJECT_SHARE, file->share);
    snap_put_u32(snapshot, SNAP_OBJECT_OPTIONS, file->options);
    snap_put_u32(snapshot, SNAP_OBJECT_MODES, file->notification_modes);
    snap_put_u64(snapshot, SNAP_OBJECT_VALUE, file->signaled);
    if (file->port) {
        snap_put_u32(snapshot, SNAP_OBJECT_PORT, save_object(save, file->port));
        snap_put_u32(snapshot, SNAP_OBJECT_PORT_KEY, file->port_key);
    }
    if (is_foreign(file))
        save_stream(save, file);
    else if (file->kind == FILE_DISK || file->kind == FILE_DIRECTORY)
        save_disk(save, file);
    else if (file->kind == FILE_PIPE)
        save_pipe(save, file);
    else if (file->kind == FILE_CONSOLE)
        snap_put_u32(snapshot, SNAP_OBJECT_ROLE, file->console_role);
    else if (file->kind == FILE_VOLUME)
        snap_put_text(snapshot, SNAP_OBJECT_PATH, file->unix_path);
}

void save_locks(struct save *save)
{
    for (uint32_t i = 0; i < save->used_count; i++)
        if (save_used(save, i)->type == &file_type)
            locks_save(file_of(save_used(save, i)), save->used[i], save);
}

void save_queues_again(struct save *save)
{
    struct snap_note *note = snap_next(&save->snapshot, SNAP_OBJECT, NULL);
    for (; note; note = snap_next(&save->snapshot, SNAP_OBJECT, note)) {
        uint32_t id = snap_get_u32(note, SNAP_OBJECT_ID, 0);
        const struct object *object =
            id && id <= save->group->object_count ? save->group->objects[id - 1].object : NULL;
        if (object && object->type == &file_type) {
            const struct nt_file *file = file_of((struct object *)object);
            if (is_foreign(file) && file->read_end)
                capture_queue(&save->snapshot, note, file->read_end);
        }
    }
}

/* ---- restoring ------------------------------------------------------------------------------------ */

static void take_common(struct nt_file *file, const struct snap_note *note)
{
    file->access = snap_get_u32(note, SNAP_OBJECT_ACCESS, file->access);
    file->share = snap_get_u32(note, SNAP_OBJECT_SHARE, file->share);
    file->options = snap_get_u32(note, SNAP_OBJECT_OPTIONS, file->options);
    file->notification_modes = snap_get_u32(note, SNAP_OBJECT_MODES, 0);
    file->signaled = snap_get_u64(note, SNAP_OBJECT_VALUE, 1);
}

/* Is the file what it was? Directories change whenever something in them does. */
static bool is_unchanged(const struct snap_note *note, const struct fs_attr *attr)
{
    return attr->size == snap_get_u64(note, SNAP_OBJECT_SIZE, attr->size) &&
           attr->mtime == snap_get_u64(note, SNAP_OBJECT_MTIME, attr->mtime);
}

/* The content that the snapshot has of a file, or NULL. */
static const struct snap_note *content_of(const struct restore *restore,
                                          const struct snap_note *note)
{
    uint32_t id = snap_get_u32(note, SNAP_OBJECT_ID, 0);
    const struct snap_note *data = snap_next(&restore->snapshot, SNAP_FILEDATA, NULL);
    while (data && snap_get_u32(data, SNAP_FILEDATA_OBJECT, 0) != id)
        data = snap_next(&restore->snapshot, SNAP_FILEDATA, data);
    return data;
}

static bool is_brought_back(const struct restore *restore, const struct snap_note *note)
{
    return restore->group->options.policy == POLICY_SNAPSHOT && content_of(restore, note);
}

static NTSTATUS check_file(struct restore *restore, const struct snap_note *note,
                           const struct nt_file *file)
{
    struct fs_attr attr;
    NTSTATUS status = nt_status(BLOCKING(fs_client_stat(file->node, &attr)));
    if (status || file->kind == FILE_DIRECTORY ||
        restore->group->options.policy == POLICY_CURRENT || is_unchanged(note, &attr) ||
        is_brought_back(restore, note))
        return status;
    return restore_refuse(restore, STATUS_FILE_INVALID, "%s has changed", file->unix_path);
}

/* With the time that it had: then it is what it was. */
static NTSTATUS write_content(const struct restore *restore, const struct snap_note *note,
                              handle_t node)
{
    const struct snap_note *data = content_of(restore, note);
    struct fs_attr attr = {.mtime = snap_get_u64(note, SNAP_OBJECT_MTIME, 0)}, result;
    uint32_t size;
    size_t done = 0;
    uint8_t *bytes = restored_blob(restore, snap_get_u32(data, SNAP_FILEDATA_BLOB, 0), &size);
    if (!bytes)
        return STATUS_NO_MEMORY;
    status_t status = BLOCKING(fs_client_setattr(node, FS_ATTR_SIZE, &attr, &result));
    if (status == OK && size > 0)
        status = BLOCKING(fs_client_write(node, 0, bytes, size, &done, NULL));
    free(bytes);
    if (status == OK)
        status = BLOCKING(fs_client_sync(node, false)); /* what is written later is newer */
    if (status == OK)
        status = BLOCKING(fs_client_setattr(node, FS_ATTR_MTIME, &attr, &result));
    return nt_status(status);
}

static bool is_there_unchanged(const struct restore *restore, const struct snap_note *note,
                               const char *path)
{
    struct open_request look = {.process = restore->process,
                                .options = FILE_NON_DIRECTORY_FILE,
                                .disposition = FILE_OPEN,
                                .attributes_only = true};
    char *copy = strdup(path);
    return copy && !ntfile_open_disk(copy, &look, NULL) && is_unchanged(note, &look.attr);
}

/* A file that is another one now gets its content before an open file of the snapshot denies that. */
static NTSTATUS bring_back(const struct restore *restore, const struct snap_note *note,
                           const char *path)
{
    struct open_request request = {.process = restore->process,
                                   .access = FILE_GENERIC_READ | FILE_GENERIC_WRITE,
                                   .share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                   .options = FILE_NON_DIRECTORY_FILE,
                                   .disposition = FILE_OPEN_IF};
    struct object *object = NULL;
    if (is_there_unchanged(restore, note, path))
        return STATUS_SUCCESS;
    char *copy = strdup(path);
    NTSTATUS status = copy ? ntfile_open_disk(copy, &request, &object) : STATUS_NO_MEMORY;
    if (!status)
        status = write_content(restore, note, file_of(object)->node);
    object_release(object);
    return status;
}

static NTSTATUS restore_disk(struct restore *restore, const struct snap_note *note, bool directory,
                             struct object **result)
{
    char *path = restored_path(note, SNAP_OBJECT_PATH);
    uint32_t disposal = snap_get_u32(note, SNAP_OBJECT_DISPOSAL, 0);
    struct open_request request = {.process = restore->process,
                                   .access = snap_get_u32(note, SNAP_OBJECT_ACCESS, 0),
                                   .share = snap_get_u32(note, SNAP_OBJECT_SHARE, 0),
                                   .options =
                                       (directory ? FILE_DIRECTORY_FILE : FILE_NON_DIRECTORY_FILE),
                                   .disposition = FILE_OPEN};
    if (!path || path[0] != '/') {
        free(path);
        return STATUS_INVALID_PARAMETER;
    }
    NTSTATUS status = is_brought_back(restore, note) ? bring_back(restore, note, path) : 0;
    if (status)
        free(path);
    else
        status = ntfile_open_disk(path, &request, result);
    if (status) {
        path = restored_path(note, SNAP_OBJECT_PATH);
        (void)restore_refuse(restore, status, "%s cannot be opened", path ? path : "a file");
        free(path);
        return status;
    }
    struct nt_file *file = file_of(*result);
    file->position = snap_get_u64(note, SNAP_OBJECT_OFFSET, 0);
    file->delete_on_close = disposal & DISPOSE_ON_CLOSE;
    if (disposal & DISPOSE_PENDING)
        ntfile_set_pending(file, true);
    return check_file(restore, note, file);
}

static NTSTATUS restore_queue(struct restore *restore, const struct snap_note *note,
                              struct pipe_end *end)
{
    uint32_t length = 0, size = 0, at = 0, part;
    const uint8_t *lengths = snap_get(note, SNAP_OBJECT_MESSAGES, &length);
    uint8_t *bytes = restored_blob(restore, snap_get_u32(note, SNAP_OBJECT_QUEUE, 0), &size);
    NTSTATUS status =
        length / sizeof part > MESSAGES_MAX ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
    for (uint32_t i = 0; !status && bytes && i + sizeof part <= length; i += sizeof part) {
        memcpy(&part, lengths + i, sizeof part);
        status = part > size - at ? STATUS_INVALID_PARAMETER : pipe_append(end, bytes + at, part);
        at += status ? 0 : part;
    }
    free(bytes);
    return status;
}

static NTSTATUS restore_pipe(struct restore *restore, const struct snap_note *note,
                             struct object **result)
{
    struct pipe_record record;
    struct nt_file *file;
    uint32_t length;
    if (!restored_bytes(note, SNAP_OBJECT_PIPE, &record, sizeof record)) {
        file = ntfile_new(FILE_PIPE, 0, 0);
        *result = file ? &file->object : NULL;
        if (file)
            file->pipe_closed = true;
        return file ? STATUS_SUCCESS : STATUS_NO_MEMORY;
    }
    WCHAR *name = restored_text(note, SNAP_OBJECT_NAME, &length);
    if (!name || length < 2) {
        free(name);
        return STATUS_INVALID_PARAMETER;
    }
    NTSTATUS status = pipe_restore((struct text){name + 1, length - 1}, &record,
                                   snap_get_u32(note, SNAP_OBJECT_MAXIMUM, 1),
                                   snap_get_u32(note, SNAP_OBJECT_ACCESS, 0),
                                   snap_get_u32(note, SNAP_OBJECT_OPTIONS, 0), &file);
    free(name);
    if (status)
        return restore_refuse(restore, status, "a named pipe cannot be made");
    file->pipe->peer_pid = snap_get_u32(note, SNAP_OBJECT_PROCESS, 0);
    *result = &file->object;
    return restore_queue(restore, note, file->pipe);
}

static NTSTATUS restore_plain(enum file_kind kind, struct object **result)
{
    struct nt_file *file = ntfile_new(kind, 0, 0);
    *result = file ? &file->object : NULL;
    return file ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

static NTSTATUS restore_console_file(struct restore *restore, const struct snap_note *note,
                                     struct object **result)
{
    struct nt_process *process = restore->process;
    uint32_t role = snap_get_u32(note, SNAP_OBJECT_ROLE, 0);
    uint32_t standard = snap_get_u32(note, SNAP_OBJECT_STANDARD, 3);
    if (!process->console)
        return standard < 3 ? restored_stream(restore, standard, result)
                            : restore_plain(FILE_NULL, result);
    if (role > CONSOLE_ROLE_OUTPUT)
        return STATUS_INVALID_PARAMETER;
    return console_file(process->console, role, snap_get_u32(note, SNAP_OBJECT_ACCESS, 0), result);
}

static NTSTATUS restore_volume(struct restore *restore, const struct snap_note *note,
                               struct object **result)
{
    char *path = restored_path(note, SNAP_OBJECT_PATH);
    NTSTATUS status = path ? ntfile_new_volume(restore->process, strcmp(path, "/") ? path : "",
                                               snap_get_u32(note, SNAP_OBJECT_ACCESS, 0), result)
                           : STATUS_INVALID_PARAMETER;
    free(path);
    return status;
}

static NTSTATUS restore_kind(struct restore *restore, const struct snap_note *note,
                             struct object **result)
{
    char kind[16] = "";
    (void)snap_get_text(note, SNAP_OBJECT_KIND_NAME, kind, sizeof kind);
    if (strcmp(kind, "disk") == 0 || strcmp(kind, "directory") == 0)
        return restore_disk(restore, note, strcmp(kind, "directory") == 0, result);
    if (strcmp(kind, "stream") == 0)
        return capture_tree_shares(&restore->group->tree, snap_get_u32(note, SNAP_OBJECT_STREAM, 0))
                   ? restored_shared_stream(restore, note, result)
                   : restored_stream(restore, snap_get_u32(note, SNAP_OBJECT_STANDARD, 3), result);
    if (strcmp(kind, "pipe") == 0)
        return restore_pipe(restore, note, result);
    if (strcmp(kind, "console") == 0)
        return restore_console_file(restore, note, result);
    if (strcmp(kind, "volume") == 0)
        return restore_volume(restore, note, result);
    if (strcmp(kind, "null") == 0)
        return restore_plain(FILE_NULL, result);
    if (strcmp(kind, "pipes") == 0)
        return restore_plain(FILE_PIPE_DEVICE, result);
    return restore_refuse(restore, STATUS_INVALID_PARAMETER, "a file of unknown kind");
}

NTSTATUS ntfile_restore(struct restore *restore, const struct snap_note *note,
                        struct object **result)
{
    NTSTATUS status = restore_kind(restore, note, result);
    bool own = !status && !snap_get_u32(note, SNAP_OBJECT_EXTERNAL, 0);
    if (own)
        take_common(file_of(*result), note);
    return status;
}

NTSTATUS ntfile_connect(struct restore *restore, const struct snap_note *note,
                        struct object *object)
{
    struct nt_file *file = file_of(object);
    struct object *port = restored_object(restore, snap_get_u32(note, SNAP_OBJECT_PORT, 0));
    struct object *peer = restored_object(restore, snap_get_u32(note, SNAP_OBJECT_PEER, 0));
    if ((port && port->type != &completion_type) || (peer && peer->type != &file_type))
        return STATUS_OBJECT_TYPE_MISMATCH;
    if (port && !file->port) {
        object_hold(port);
        file->port = port;
        file->port_key = snap_get_u32(note, SNAP_OBJECT_PORT_KEY, 0);
    }
    if (peer && file->pipe && file_of(peer)->pipe)
        pipe_join(file->pipe, file_of(peer)->pipe);
    return STATUS_SUCCESS;
}

NTSTATUS restore_locks(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_LOCK, NULL);
    NTSTATUS status = STATUS_SUCCESS;
    for (; note && !status; note = snap_next(&restore->snapshot, SNAP_LOCK, note)) {
        struct object *object = restored_object(restore, snap_get_u32(note, SNAP_LOCK_OBJECT, 0));
        if (!object || object->type != &file_type || file_of(object)->kind != FILE_DISK)
            return restore_refuse(restore, STATUS_OBJECT_TYPE_MISMATCH, "a lock of no file");
        status = locks_restore(file_of(object), restore->process, note);
        if (status)
            (void)restore_refuse(restore, status, "somebody else has locked a part of %s",
                                 file_of(object)->unix_path ? file_of(object)->unix_path
                                                            : "a file");
    }
    return status;
}
