/* SPDX-License-Identifier: MIT */
/*
 * Descriptors and the open files behind them. Each kind of file says what it needs to be made again:
 * a path with what identifies the file there, the bytes in a pipe, the settings of a terminal. Content
 * goes along of files that have no name any more, and of all regular files if that was asked for.
 */
#include <ipc/fsclient.h>
#include <ipc/ttyclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../file.h"
#include "../server.h"
#include "../socket.h"
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

static uint32_t number_of(const struct save_group *group, const struct file *file,
                          const struct socket *socket)
{
    for (uint32_t i = 0; i < group->object_count; i++)
        if (group->objects[i].file == file && group->objects[i].socket == socket)
            return group->objects[i].id;
    return 0;
}

/* The number of a file; it gets one with the first descriptor for it. */
static uint32_t number(struct save_group *group, struct file *file, struct socket *socket)
{
    uint32_t id = number_of(group, file, socket);
    if (id != 0)
        return id;
    struct saved_object *objects =
        grow(group->objects, group->object_count, &group->object_room, sizeof *group->objects);
    if (!objects)
        return 0;
    group->objects = objects;
    if (file)
        file_hold(file);
    else
        socket_hold(socket);
    id = group->object_count + 1;
    objects[group->object_count++] = (struct saved_object){file, socket, id};
    return id;
}

uint32_t save_use(struct save *save, struct file *file, struct socket *socket)
{
    uint32_t id = number(save->group, file, socket);
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
        snap_put_u32(&save->snapshot, SNAP_FD_OBJECT, save_use(save, slot->file, NULL));
        snap_put_u32(&save->snapshot, SNAP_FD_CLOEXEC, slot->close_on_exec);
    }
    save_reach(save);
}

/* ---- kinds ------------------------------------------------------------------------------------------ */

static status_t read_vmo(void *context, uint64_t offset, void *to, uint32_t length)
{
    const struct saved_content *content = context;
    return vmo_read(content->vmo, offset, to, length);
}

/* A copy on write of what a VMO contains now; read when the snapshot is written. */
static struct saved_content *clone_content(struct save *save, handle_t vmo, uint64_t size)
{
    struct saved_content *content = allocate(sizeof *content);
    if (!content || (size > 0 && fs_client_freeze(vmo, size, &content->vmo) != OK)) {
        release(content);
        return NULL;
    }
    content->source = (struct snap_source){.read = read_vmo, .context = content};
    content->next = save->group->contents;
    save->group->contents = content;
    return content;
}

uint32_t save_vmo(struct save *save, handle_t vmo, uint64_t size)
{
    struct saved_content *content = size <= CONTENT_MAX ? clone_content(save, vmo, size) : NULL;
    if (!content) {
        save->snapshot.failed = true;
        return 0;
    }
    struct snap_bytes bytes = {.source = &content->source};
    return snap_add_blob(&save->snapshot, (uint32_t)size, &bytes);
}

static status_t node_memory(handle_t node, handle_t *vmo, uint64_t *size)
{
    handle_t readable = HANDLE_NONE; /* it may be open for writing only */
    bool coherent;
    status_t status = fs_client_reopen(node, FS_O_READ, &readable);
    if (status == OK)
        status = fs_client_vmo(readable, PROT_R, vmo, size, &coherent);
    close_handle(readable);
    return status;
}

/* The memory of a regular file or a memfd; the caller closes it. */
static status_t content_memory(const struct file *file, handle_t *vmo, uint64_t *size)
{
    struct vmo_info info;
    if (memfd_memory(file) == HANDLE_NONE)
        return node_memory(file->handle, vmo, size);
    status_t status = vmo_info(memfd_memory(file), &info);
    if (status == OK)
        status = handle_duplicate(memfd_memory(file), RIGHT_SAME, vmo);
    *size = info.size_low | (uint64_t)info.size_high << 32;
    return status;
}

/* Called between the fields of the object, so the note comes after: see put_object. */
static void put_content(struct save *save, const struct saved_object *object)
{
    struct snapshot *snapshot = &save->snapshot;
    handle_t vmo = HANDLE_NONE;
    uint64_t size = 0;
    if (content_memory(object->file, &vmo, &size) != OK) {
        snapshot->failed = true;
        return;
    }
    uint32_t blob = save_vmo(save, vmo, size);
    close_handle(vmo);
    snap_note_begin(snapshot, SNAP_FILEDATA);
    snap_put_u32(snapshot, SNAP_FILEDATA_OBJECT, object->id);
    snap_put_u64(snapshot, SNAP_FILEDATA_OFFSET, 0);
    snap_put_u32(snapshot, SNAP_FILEDATA_BLOB, blob);
    snap_put_u64(snapshot, SNAP_FILEDATA_SIZE, size);
}

/* ---- names; seen from the machine's root ------------------------------------------------------------ */

static bool walk_at_root(struct fs_walk_context *walk)
{
    *walk = (struct fs_walk_context){
        .root = server.root, .cwd = server.root, .flags = CALL_UNINTERRUPTIBLE};
    return fs_client_root(walk) == OK;
}

static bool open_path(const char *path, uint32_t flags, handle_t *node, struct fs_attr *attr)
{
    struct fs_walk_context walk;
    return walk_at_root(&walk) &&
           fs_client_open(&walk, HANDLE_NONE, path, strlen(path), flags, 0, node, attr) == OK;
}

static bool leads_to(const char *path, uint64_t ino, uint32_t device)
{
    struct fs_walk_context walk;
    struct fs_attr attr;
    return walk_at_root(&walk) &&
           fs_client_stat_path(&walk, HANDLE_NONE, path, strlen(path), FS_O_NOFOLLOW, &attr) ==
               OK &&
           attr.ino == ino && attr.device == device;
}

char *save_path(const struct save *save, const char *path, uint64_t ino, uint32_t device)
{
    const char *prefixes[] = {save->prefix, ""};
    for (uint32_t i = 0; path && *path == '/' && i < ARRAY_COUNT(prefixes); i++) {
        size_t size = prefixes[i] ? strlen(prefixes[i]) + strlen(path) + 1 : 0;
        char *whole = size > 0 && size <= PATH_MAX ? malloc(size) : NULL;
        if (!whole)
            continue;
        snprintf(whole, size, "%s%s", prefixes[i], path);
        if (leads_to(whole, ino, device))
            return whole;
        free(whole);
    }
    return NULL;
}

/* Directories know where they are; one that was removed is nowhere: an empty text. */
static char *directory_name(handle_t node)
{
    char *path = malloc(PATH_MAX);
    if (path && fs_client_name_of(node, path, PATH_MAX) != OK)
        *path = '\0';
    return path;
}

static status_t put_directory(struct save *save, uint16_t tag, const char *path)
{
    struct snap_note *note = snap_next(&save->snapshot, SNAP_PROCESS, NULL);
    if (!note || !path || snap_set(note, tag, path, (uint32_t)strlen(path)) != OK)
        save->snapshot.failed = true;
    return save->snapshot.failed ? ERR_NO_MEMORY : OK;
}

status_t save_directories(struct save *save)
{
    struct fs_attr attr;
    char *cwd = save->cwd ? directory_name(save->cwd) : NULL;
    status_t status = save->cwd ? put_directory(save, SNAP_PROCESS_CWD, cwd) : OK;
    free(cwd);
    if (status == OK)
        status = fs_client_stat(save->root, &attr);
    if (status != OK || (attr.ino == server.root_ino && attr.device == server.root_device))
        return status;
    save->prefix = directory_name(save->root);
    if (save->prefix && !*save->prefix)
        return ERR_NOT_SUPPORTED; /* it was removed */
    return put_directory(save, SNAP_PROCESS_ROOT, save->prefix);
}

/* The path of an open file, malloc'ed: as it was opened if it still leads there; NULL: it has none. */
static char *present_path(const struct save *save, const struct file *file,
                          const struct fs_attr *attr)
{
    char *path = S_ISDIR(attr->mode) ? directory_name(file->handle) : NULL;
    if (path && *path)
        return path;
    free(path);
    return save_path(save, file->path, attr->ino, attr->device);
}

bool save_is_content(const char *path, uint32_t vmo_id)
{
    handle_t node = HANDLE_NONE, vmo = HANDLE_NONE;
    struct fs_attr attr;
    struct vmo_info info;
    uint64_t size;
    bool same = open_path(path, FS_O_READ, &node, &attr) && node_memory(node, &vmo, &size) == OK &&
                vmo_info(vmo, &info) == OK && info.id == vmo_id;
    close_handle(vmo);
    close_handle(node);
    return same;
}

/* ---- kinds ------------------------------------------------------------------------------------------ */

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
    char *path = present_path(save, file, &attr);
    bool named = path || !file->path; /* inherited ones have a name that is not known */
    snap_put_text(snapshot, SNAP_OBJECT_CLASS, S_ISDIR(attr.mode) ? "directory" : "file");
    snap_put_u64(snapshot, SNAP_OBJECT_OFFSET, position);
    snap_put_text(snapshot, SNAP_OBJECT_PATH, path ? path : file->path);
    free(path);
    snap_put_u64(snapshot, SNAP_OBJECT_INO, attr.ino);
    snap_put_u32(snapshot, SNAP_OBJECT_DEVICE, attr.device);
    snap_put_u64(snapshot, SNAP_OBJECT_SIZE, attr.size);
    snap_put_u64(snapshot, SNAP_OBJECT_MTIME, attr.mtime);
    snap_put_u64(snapshot, SNAP_OBJECT_ATIME, attr.atime);
    snap_put_u32(snapshot, SNAP_OBJECT_MODE, attr.mode);
    snap_put_u32(snapshot, SNAP_OBJECT_UID, attr.uid);
    snap_put_u32(snapshot, SNAP_OBJECT_GID, attr.gid);
    snap_put_u32(snapshot, SNAP_OBJECT_LINKS, named ? attr.nlink : 0);
    return S_ISREG(attr.mode) &&
           (!named || attr.nlink == 0 || (save->group->flags & SNAPSHOT_FILES));
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
        if (!other || other == file || other->ops != file->ops)
            continue;
        if (read && other->handle2 && stream_id(other->handle2, false) == read)
            return group->objects[i].id;
        if (written && other->handle && stream_id(other->handle, true) == written)
            return group->objects[i].id;
    }
    return 0;
}

void stream_save(struct file *file, struct snapshot *snapshot)
{
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

static const char *side_of(const struct file *file)
{
    return file->handle && file->handle2 ? "both" : file->handle ? "read" : "write";
}

/* Is nobody at the other end any more? */
static bool is_alone(const struct file *file)
{
    struct handle_info info = {0};
    return handle_info(file->handle ? file->handle : file->handle2, &info) == OK &&
           (info.signals & SIGNAL_PEER_CLOSED);
}

/* A FIFO is found again by its path; one without a name, or with another's, by its number. */
static void put_fifo(struct save *save, struct file *file)
{
    struct snapshot *snapshot = &save->snapshot;
    char *path = save_path(save, file->path, file->attr.ino, file->attr.device);
    snap_put_text(snapshot, SNAP_OBJECT_CLASS, "fifo");
    snap_put_text(snapshot, SNAP_OBJECT_PATH, path ? path : file->path);
    snap_put_u64(snapshot, SNAP_OBJECT_INO, file->attr.ino);
    snap_put_u32(snapshot, SNAP_OBJECT_DEVICE, file->attr.device);
    snap_put_u32(snapshot, SNAP_OBJECT_MODE, file->attr.mode);
    snap_put_u32(snapshot, SNAP_OBJECT_LINKS, path != NULL);
    free(path);
    snap_put_text(snapshot, SNAP_OBJECT_SIDE, side_of(file));
    stream_save(file, snapshot);
}

static void put_stream(struct save *save, struct file *file)
{
    struct snapshot *snapshot = &save->snapshot;
    uint32_t peer = find_peer(save->group, file);
    snap_put_text(snapshot, SNAP_OBJECT_CLASS, "pipe");
    snap_put_text(snapshot, SNAP_OBJECT_PATH, file->path);
    snap_put_text(snapshot, SNAP_OBJECT_SIDE, side_of(file));
    if (peer)
        snap_put_u32(snapshot, SNAP_OBJECT_PEER, peer);
    else if (!is_alone(file))
        snap_put_u32(snapshot, SNAP_OBJECT_EXTERNAL, 1);
    snap_put_u32(snapshot, SNAP_OBJECT_STREAM,
                 file->handle2 ? stream_id(file->handle2, false) : stream_id(file->handle, true));
    stream_save(file, snapshot);
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

/* The fields of what has a file; whether its content has to go along. */
static bool put_fields(struct save *save, struct file *file)
{
    if (file_is_node(file))
        return put_node(save, file);
    if (file_is_fifo(file))
        put_fifo(save, file);
    else if (file_is_pipe(file))
        put_stream(save, file);
    else if (tty_of(file))
        save_terminal(save, file);
    else
        put_other(save, file);
    return memfd_memory(file) != HANDLE_NONE;
}

static void put_object(struct save *save, struct saved_object *object)
{
    struct snapshot *snapshot = &save->snapshot;
    struct file *file = object->file;
    uint32_t owner[4];
    bool content = false;
    snap_note_begin(snapshot, SNAP_OBJECT);
    snap_put_u32(snapshot, SNAP_OBJECT_ID, object->id);
    if (!file || file_is_socket(file)) {
        snap_put_text(snapshot, SNAP_OBJECT_CLASS, "socket");
        snap_put_text(snapshot, SNAP_OBJECT_PATH, file ? file->path : NULL);
    }
    if (file) {
        snap_put_u32(snapshot, SNAP_OBJECT_FLAGS, file->flags);
        if (owner_save(file, owner))
            snap_put(snapshot, SNAP_OBJECT_SIGIO, owner, sizeof owner);
    }
    if (!file || file_is_socket(file))
        save_socket(save, object);
    else
        content = put_fields(save, file);
    if (content)
        put_content(save, object);
    if (file)
        save_attached(save, object);
}

void save_objects(struct save *save)
{
    for (uint32_t i = 0; i < save->used_count && !save->snapshot.failed; i++)
        put_object(save, &save->group->objects[save->used[i] - 1]);
}
