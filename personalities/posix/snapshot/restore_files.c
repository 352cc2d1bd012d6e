/* SPDX-License-Identifier: MIT */
/*
 * Open files of a snapshot. Each kind is made again by its own constructor: files and devices by
 * their path, files without a name from the content in the snapshot, pipes with the bytes that were
 * in them. Terminals become the one that the restoring process has. A pipe whose other end was
 * outside becomes the restoring process's descriptor of the same number among 0, 1, 2; otherwise its
 * other end is closed.
 */
#include <ipc/fsclient.h>
#include <ipc/ttyclient.h>
#include <stdlib.h>
#include <string.h>

#include "../file.h"
#include "../path.h"
#include "../task.h"
#include "../tty.h"
#include "kinds.h"
#include "restore.h"

#define CREATION_FLAGS (O_CREAT | O_EXCL | O_TRUNC | O_NOCTTY)
#define STREAMS        3u
#define CLASS_MAX      24u

struct file *restored_file(const struct restore_group *group, uint32_t object)
{
    for (uint32_t i = 0; i < group->object_count; i++)
        if (group->objects[i].id == object)
            return group->objects[i].file;
    return NULL;
}

/* ---- files ------------------------------------------------------------------------------------------ */

static const struct snap_note *content_of(const struct restore *restore, uint32_t object)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_FILEDATA, NULL);
    while (note && snap_get_u32(note, SNAP_FILEDATA_OBJECT, 0) != object)
        note = snap_next(&restore->snapshot, SNAP_FILEDATA, note);
    return note;
}

static int write_content(const struct restore *restore, struct file *file,
                         const struct snap_note *content)
{
    const struct snap_blob *blob =
        snap_find_blob(&restore->snapshot, snap_get_u32(content, SNAP_FILEDATA_BLOB, 0));
    uint8_t *buffer = malloc(PAGE_SIZE);
    uint64_t offset = snap_get_u64(content, SNAP_FILEDATA_OFFSET, 0);
    int error = !blob ? -ENOEXEC : buffer ? 0 : -ENOMEM;
    for (uint32_t at = 0; error >= 0 && at < blob->size;) {
        uint32_t part = MIN(blob->size - at, PAGE_SIZE);
        struct io io;
        error = errno_of(snap_bytes_read(&blob->bytes, at, buffer, part));
        io_kernel(&io, buffer, part);
        if (error == 0)
            error = file->ops->write(file, &io, &offset);
        if (error == 0)
            error = -ENOSPC;
        at += error > 0 ? (uint32_t)error : 0;
    }
    free(buffer);
    return MIN(error, 0);
}

/* A file without a name, with the content that the snapshot has of it. */
static int make_unnamed(const struct restore *restore, const struct snap_note *content,
                        struct file **result)
{
    struct walk unlink = {.dirfd = (uint32_t)AT_FDCWD, .op = FS_OP_UNLINK};
    uint32_t number[2] = {0, 0};
    char name[48];
    struct text text = {.length = 0};
    ignore(random_get(&number, sizeof number));
    text_printf(&text, "/tmp/.restored-%08x%08x", number[0], number[1]);
    if (text.failed)
        return -ENOMEM;
    strlcpy(name, text.data, sizeof name);
    text_free(&text);
    int error = path_open(AT_FDCWD, name, O_RDWR | O_CREAT | O_EXCL | O_LARGEFILE, 0600, result);
    if (error < 0)
        return error;
    error = write_content(restore, *result, content);
    unlink.path = name;
    int removed = path_walk(&unlink);
    if (error == 0)
        error = removed;
    if (error < 0)
        file_release(*result);
    return error;
}

/* Puts the content of the snapshot into the file of this name, which is made if it is not there. */
static int bring_back(const struct restore *restore, const struct snap_note *note,
                      const struct snap_note *content, const char *path)
{
    struct file *file;
    uint32_t mode = snap_get_u32(note, SNAP_OBJECT_MODE, 0600) & 07777;
    int error = path_open(AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC | O_LARGEFILE, mode, &file);
    if (error < 0)
        return error;
    error = write_content(restore, file, content);
    file_release(file);
    return error;
}

/* Whether a regular file is what it was when the snapshot was taken, as far as its size and time tell. */
static bool is_as_it_was(const struct snap_note *note, struct file *file)
{
    struct fs_attr attr;
    if (!file_is_node(file) || file->ops->stat(file, &attr) < 0 || !S_ISREG(attr.mode))
        return true;
    return attr.size == snap_get_u64(note, SNAP_OBJECT_SIZE, attr.size) &&
           attr.mtime == snap_get_u64(note, SNAP_OBJECT_MTIME, attr.mtime);
}

static int open_named(struct restore *restore, const struct snap_note *note,
                      const struct snap_note *content, const char *path, struct file **result)
{
    uint32_t flags = snap_get_u32(note, SNAP_OBJECT_FLAGS, 0) & ~(uint32_t)CREATION_FLAGS;
    if (restore->group->policy == POLICY_SNAPSHOT && content) {
        int error = bring_back(restore, note, content, path);
        return error < 0 ? error : path_open(AT_FDCWD, path, flags, 0, result);
    }
    int error = path_open(AT_FDCWD, path, flags, 0, result);
    if (error < 0)
        restore_complain("%s, which was open, is not there%s", path,
                         content ? ": --files=snapshot brings it back" : "");
    else if (restore->group->policy != POLICY_CURRENT && !is_as_it_was(note, *result)) {
        restore_complain("%s has changed since", path);
        restore->group->files_differ = true;
    }
    return error;
}

static int make_file(struct restore *restore, const struct snap_note *note, struct file **result)
{
    uint32_t id = snap_get_u32(note, SNAP_OBJECT_ID, 0);
    const struct snap_note *content = content_of(restore, id);
    char *path = restore_text(note, SNAP_OBJECT_PATH);
    int error;
    if (!path)
        return restore_refuse(-ENOEXEC, "a file without a path", id);
    if (snap_get_u32(note, SNAP_OBJECT_LINKS, 1) != 0)
        error = open_named(restore, note, content, path, result);
    else if (content)
        error = make_unnamed(restore, content, result);
    else
        error = restore_refuse(-ENOENT, "a file without a name whose content was not saved", id);
    release(path);
    if (error < 0)
        return error;
    (*result)->flags = snap_get_u32(note, SNAP_OBJECT_FLAGS, 0) & ~(uint32_t)CREATION_FLAGS;
    (*result)->offset = snap_get_u64(note, SNAP_OBJECT_OFFSET, 0);
    return 0;
}

/* ---- pipes ------------------------------------------------------------------------------------------ */

/* The note of an open file, in whichever snapshot it is; *owner is that. */
static const struct snap_note *object_note(const struct restore_group *group, uint32_t id,
                                           struct restore **owner)
{
    for (struct restore *each = group->members; each; each = each->next) {
        const struct snap_note *note = snap_next(&each->snapshot, SNAP_OBJECT, NULL);
        for (; note; note = snap_next(&each->snapshot, SNAP_OBJECT, note)) {
            if (snap_get_u32(note, SNAP_OBJECT_ID, 0) != id)
                continue;
            *owner = each;
            return note;
        }
    }
    return NULL;
}

static int fill(const struct restore *restore, struct file *write_end, const struct snap_note *note)
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
        status = stream_write(write_end->handle2, bytes, blob->size, &done, DEADLINE_POLL);
    free(bytes);
    return errno_of(status);
}

/* The restoring process's own descriptor that takes the place of an end whose peer was outside. */
static struct file *stand_in(const struct restore *restore, uint32_t object)
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

/* Both ends, when the first of them is met; the other one is put at its number. */
static int make_pipe(struct restore *restore, const struct snap_note *note, struct file **result)
{
    uint32_t id = snap_get_u32(note, SNAP_OBJECT_ID, 0),
             peer = snap_get_u32(note, SNAP_OBJECT_PEER, 0);
    struct restore *owner = restore;
    const struct snap_note *other = peer ? object_note(restore->group, peer, &owner) : NULL;
    bool reads = is_side(note, "read");
    struct file *ends[2];
    if (is_side(note, "both"))
        return restore_refuse(-EOPNOTSUPP, "a FIFO that is open for both", id);
    if (!other && (*result = stand_in(restore, id)))
        return 0;
    uint32_t capacity = snap_get_u32(note, SNAP_OBJECT_CAPACITY, PIPE_CAPACITY);
    int error = stream_pair(0, capacity, ends);
    if (error < 0)
        return error;
    error = reads || !other ? fill(restore, ends[1], note) : fill(owner, ends[1], other);
    ends[!reads]->flags = snap_get_u32(note, SNAP_OBJECT_FLAGS, 0);
    *result = ends[!reads];
    if (error < 0 || !other || !put_other_end(restore->group, peer, other, ends[reads]))
        file_release(ends[reads]);
    if (error < 0)
        file_release(*result);
    return error;
}

/* ---- terminals and the rest -------------------------------------------------------------------------- */

static int make_terminal(const struct snap_note *note, struct file **result)
{
    uint32_t length = 0;
    struct tty_attributes attributes;
    const uint8_t *saved = snap_get(note, SNAP_OBJECT_TERMIOS, &length);
    struct file *file = NULL;
    for (uint32_t fd = 0; fd < STREAMS && !file; fd++) {
        file = fd_get(fd);
        if (file && !tty_of(file)) {
            file_release(file);
            file = NULL;
        }
    }
    if (!file && tty_open_controlling(O_RDWR, &file) < 0)
        return restore_refuse(-ENXIO, "it needs a terminal", 0);
    if (saved && length == sizeof attributes) {
        memcpy(&attributes, saved, sizeof attributes);
        ignore(tty_client_set_attributes(tty_of(file)->terminal, &attributes, 0));
    }
    *result = file;
    return 0;
}

static int make_by_path(const struct snap_note *note, struct file **result)
{
    char *path = restore_text(note, SNAP_OBJECT_PATH);
    uint32_t flags = snap_get_u32(note, SNAP_OBJECT_FLAGS, 0) & ~(uint32_t)CREATION_FLAGS;
    if (!path)
        return restore_refuse(-EOPNOTSUPP, "an open file that cannot be made again",
                              snap_get_u32(note, SNAP_OBJECT_ID, 0));
    int error = path_open(AT_FDCWD, path, flags, 0, result);
    if (error < 0)
        restore_complain("%s cannot be opened", path);
    else
        (*result)->offset = snap_get_u64(note, SNAP_OBJECT_OFFSET, 0);
    release(path);
    return error;
}

static const struct {
    const char *class;
    int (*restore)(const struct snap_note *note, struct file **result);
} kinds[] = {{"eventfd", eventfd_restore},
             {"timerfd", timerfd_restore},
             {"signalfd", signalfd_restore},
             {"epoll", epoll_restore}};

static int make_kind(const struct snap_note *note,
                     int (*restore)(const struct snap_note *note, struct file **result),
                     struct file **result)
{
    int error = restore(note, result);
    if (error == 0)
        (*result)->flags = snap_get_u32(note, SNAP_OBJECT_FLAGS, 0) & ~(uint32_t)CREATION_FLAGS;
    return error;
}

static int make_object(struct restore *restore, const struct snap_note *note, struct file **result)
{
    char class[CLASS_MAX] = "";
    (void)snap_get_text(note, SNAP_OBJECT_CLASS, class, sizeof class);
    if (strcmp(class, "file") == 0 || strcmp(class, "directory") == 0)
        return make_file(restore, note, result);
    if (strcmp(class, "pipe") == 0)
        return make_pipe(restore, note, result);
    if (strcmp(class, "tty") == 0)
        return make_terminal(note, result);
    if (strcmp(class, "device") == 0)
        return make_by_path(note, result);
    for (uint32_t i = 0; i < ARRAY_COUNT(kinds); i++)
        if (strcmp(class, kinds[i].class) == 0)
            return make_kind(note, kinds[i].restore, result);
    restore_complain("an open file of the kind `%s` cannot be restored", class);
    return -EOPNOTSUPP;
}

/* ---- all --------------------------------------------------------------------------------------------- */

static int list_objects(struct restore_group *group)
{
    uint32_t count = 0;
    for (struct restore *each = group->members; each; each = each->next)
        for (const struct snap_note *note = snap_next(&each->snapshot, SNAP_OBJECT, NULL); note;
             note = snap_next(&each->snapshot, SNAP_OBJECT, note))
            count++;
    group->objects = calloc(count + 1, sizeof *group->objects);
    return group->objects ? 0 : -ENOMEM;
}

static bool is_listed(const struct restore_group *group, uint32_t id)
{
    for (uint32_t i = 0; i < group->object_count; i++)
        if (group->objects[i].id == id)
            return true;
    return false;
}

/* Each number once, though several processes may have it open. */
static void number_objects(struct restore_group *group)
{
    for (struct restore *each = group->members; each; each = each->next)
        for (const struct snap_note *note = snap_next(&each->snapshot, SNAP_OBJECT, NULL); note;
             note = snap_next(&each->snapshot, SNAP_OBJECT, note)) {
            uint32_t id = snap_get_u32(note, SNAP_OBJECT_ID, 0);
            if (!is_listed(group, id))
                group->objects[group->object_count++].id = id;
        }
}

/* When all files are there. */
static int make_watches(const struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_WATCH, NULL);
    for (; note; note = snap_next(&restore->snapshot, SNAP_WATCH, note)) {
        struct file *instance =
            restored_file(restore->group, snap_get_u32(note, SNAP_WATCH_OBJECT, 0));
        struct file *target =
            restored_file(restore->group, snap_get_u32(note, SNAP_WATCH_TARGET, 0));
        struct linux_epoll_event event = {snap_get_u32(note, SNAP_WATCH_EVENTS, 0),
                                          snap_get_u64(note, SNAP_WATCH_DATA, 0)};
        uint32_t fd = snap_get_u32(note, SNAP_WATCH_FD, 0);
        int error = instance && target ? epoll_watch(instance, target, fd, &event) : -ENOEXEC;
        if (error < 0 && error != -EEXIST) /* the note of another process that has it open */
            return restore_refuse(error, "an impossible watch of descriptor", fd);
    }
    return 0;
}

static int make_all_watches(const struct restore_group *group)
{
    int error = 0;
    for (struct restore *each = group->members; each && error == 0; each = each->next)
        error = make_watches(each);
    return error;
}

int restore_objects(struct restore_group *group)
{
    int error = list_objects(group);
    if (error < 0)
        return error;
    number_objects(group);
    for (uint32_t i = 0; i < group->object_count; i++) {
        struct restore *owner = group->members;
        const struct snap_note *note = object_note(group, group->objects[i].id, &owner);
        struct file *file = NULL;
        if (group->objects[i].file)
            continue; /* the other end of a pipe brought it */
        error = make_object(owner, note, &file);
        if (error < 0)
            return error;
        group->objects[i].file = file;
    }
    error = make_all_watches(group);
    if (error < 0 || !group->files_differ)
        return error;
    restore_complain("--files=current goes on with what is there, --files=snapshot with what was");
    return -ESTALE;
}

int restore_descriptors(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_FD, NULL);
    restore->files = files_new();
    if (!restore->files)
        return -ENOMEM;
    for (; note; note = snap_next(&restore->snapshot, SNAP_FD, note)) {
        uint32_t fd = snap_get_u32(note, SNAP_FD_FD, UINT32_MAX);
        struct file *file = restored_file(restore->group, snap_get_u32(note, SNAP_FD_OBJECT, 0));
        if (!file || fd >= FD_MAX)
            return restore_refuse(-ENOEXEC, "a descriptor of nothing", fd);
        file_hold(file);
        int error = fd_install_at(restore->files, fd, file, snap_get_u32(note, SNAP_FD_CLOEXEC, 0));
        if (error < 0)
            return error;
    }
    return 0;
}
