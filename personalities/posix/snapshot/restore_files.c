/* SPDX-License-Identifier: MIT */
/*
 * Open files of a snapshot. Each kind is made again by its own constructor: files and devices by
 * their path, files without a name from the content in the snapshot; pipes, sockets and terminals in
 * files of their own.
 */
#include <ipc/fsclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../file.h"
#include "../path.h"
#include "../task.h"
#include "kinds.h"
#include "restore.h"

#define CREATION_FLAGS (O_CREAT | O_EXCL | O_TRUNC | O_NOCTTY)
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

/* Whose a file without a name is, its permissions and times. */
static int take_attributes(struct file *file, const struct snap_note *note)
{
    struct fs_attr attr = {.mode = snap_get_u32(note, SNAP_OBJECT_MODE, 0600),
                           .uid = snap_get_u32(note, SNAP_OBJECT_UID, 0),
                           .gid = snap_get_u32(note, SNAP_OBJECT_GID, 0),
                           .mtime = snap_get_u64(note, SNAP_OBJECT_MTIME, 0),
                           .atime = snap_get_u64(note, SNAP_OBJECT_ATIME, 0)};
    uint32_t mask = FS_ATTR_MODE | FS_ATTR_MTIME | FS_ATTR_ATIME;
    if (self()->process->credentials.euid == 0)
        mask |= FS_ATTR_UID | FS_ATTR_GID;
    int error = file->ops->sync ? file->ops->sync(file) : 0; /* what is written later is newer */
    return error < 0 || !file->ops->set_attr ? error : file->ops->set_attr(file, mask, &attr);
}

void restore_temporary(char name[RESTORE_NAME])
{
    uint32_t number[2] = {0, 0};
    ignore(random_get(&number, sizeof number));
    snprintf(name, RESTORE_NAME, "/tmp/.restored-%08x%08x", (unsigned)number[0],
             (unsigned)number[1]);
}

/*
 * In the file system where it was if that lets us, else in /tmp. One that never had a name may get one
 * (O_TMPFILE); one that lost its name does not.
 */
static int create_unnamed(const struct snap_note *note, const char *path, struct file **result)
{
    uint32_t old = snap_get_u32(note, SNAP_OBJECT_FLAGS, 0);
    bool never_named = (old & O_TMPFILE) == O_TMPFILE;
    uint32_t flags =
        O_TMPFILE | O_RDWR | O_LARGEFILE | (never_named && !(old & O_EXCL) ? 0 : O_EXCL);
    const char *slash = strrchr(path, '/');
    char *directory = text_copy(path);
    if (!directory)
        return -ENOMEM;
    if (!never_named && slash)
        directory[slash - path] = '\0';
    int error = path_open(AT_FDCWD, *directory ? directory : "/", flags, 0600, result);
    release(directory);
    return error == 0 ? 0 : path_open(AT_FDCWD, "/tmp", flags, 0600, result);
}

/* A file without a name, with the content that the snapshot has of it. */
static int make_unnamed(const struct restore *restore, const struct snap_note *note,
                        const struct snap_note *content, const char *path, struct file **result)
{
    int error = create_unnamed(note, path, result);
    if (error < 0)
        return error;
    release((*result)->path);
    (*result)->path = text_copy(path);
    error = (*result)->path ? write_content(restore, *result, content) : -ENOMEM;
    if (error == 0)
        error = take_attributes(*result, note);
    if (error < 0)
        file_release(*result);
    return error;
}

int restore_removed_directory(int (*use)(const char *path, void *context), void *context)
{
    char name[RESTORE_NAME];
    struct walk make = {.dirfd = (uint32_t)AT_FDCWD, .op = FS_OP_MKDIR, .mode = 0700};
    struct walk remove = {.dirfd = (uint32_t)AT_FDCWD, .op = FS_OP_RMDIR};
    restore_temporary(name);
    make.path = remove.path = name;
    int error = path_walk(&make);
    if (error < 0)
        return error;
    error = use(name, context);
    int removed = path_walk(&remove);
    return error < 0 ? error : removed;
}

static int open_directory(const char *path, void *context)
{
    return path_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, context);
}

/* Another open file of the same one without a name that is made already. */
static struct file *same_node(const struct restore *restore, const struct snap_note *note)
{
    uint64_t ino = snap_get_u64(note, SNAP_OBJECT_INO, 0);
    uint32_t device = snap_get_u32(note, SNAP_OBJECT_DEVICE, 0);
    for (uint32_t i = 0; i < restore->group->object_count; i++) {
        const struct restored_object *object = &restore->group->objects[i];
        if (object->file && file_is_node(object->file) &&
            snap_get_u32(object->note, SNAP_OBJECT_LINKS, 1) == 0 &&
            snap_get_u64(object->note, SNAP_OBJECT_INO, 0) == ino &&
            snap_get_u32(object->note, SNAP_OBJECT_DEVICE, 0) == device)
            return object->file;
    }
    return NULL;
}

static int make_nameless(const struct restore *restore, const struct snap_note *note,
                         const struct snap_note *content, const char *path, struct file **result)
{
    struct file *other = same_node(restore, note);
    uint32_t flags = snap_get_u32(note, SNAP_OBJECT_FLAGS, 0) & ~(uint32_t)CREATION_FLAGS;
    if (other)
        return node_reopen(other, flags, result);
    if (S_ISDIR(snap_get_u32(note, SNAP_OBJECT_MODE, 0)))
        return restore_removed_directory(open_directory, result);
    if (content)
        return make_unnamed(restore, note, content, path, result);
    return restore_refuse(-ENOENT, "a file without a name whose content was not saved",
                          snap_get_u32(note, SNAP_OBJECT_ID, 0));
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
    if (restore->group->options.policy == POLICY_SNAPSHOT && content) {
        int error = bring_back(restore, note, content, path);
        return error < 0 ? error : path_open(AT_FDCWD, path, flags, 0, result);
    }
    int error = path_open(AT_FDCWD, path, flags, 0, result);
    if (error < 0)
        restore_complain("%s, which was open, is not there%s", path,
                         content ? ": --files=snapshot brings it back" : "");
    else if (restore->group->options.policy != POLICY_CURRENT && !is_as_it_was(note, *result)) {
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
    if (!path) /* another personality has opened it */
        return (*result = restore_stand_in(restore, id))
                   ? 0
                   : restore_refuse(-ENOEXEC, "a file without a path", id);
    if (snap_get_u32(note, SNAP_OBJECT_LINKS, 1) != 0)
        error = open_named(restore, note, content, path, result);
    else
        error = make_nameless(restore, note, content, path, result);
    release(path);
    if (error < 0)
        return error;
    (*result)->flags = snap_get_u32(note, SNAP_OBJECT_FLAGS, 0) & ~(uint32_t)CREATION_FLAGS;
    (*result)->offset = snap_get_u64(note, SNAP_OBJECT_OFFSET, 0);
    return 0;
}

/* ---- the rest ---------------------------------------------------------------------------------------- */

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
             {"pidfd", pidfd_restore},
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

/* An open file of the same memory, or of the same message queue, that is made already. */
static struct file *same_memory(const struct restore *restore, const struct snap_note *note)
{
    uint32_t memory = snap_get_u32(note, SNAP_OBJECT_MEMORY, 0);
    for (uint32_t i = 0; memory != 0 && i < restore->group->object_count; i++) {
        const struct restored_object *object = &restore->group->objects[i];
        if (object->file && snap_get_u32(object->note, SNAP_OBJECT_MEMORY, 0) == memory)
            return object->file;
    }
    return NULL;
}

static int make_memfd(struct restore *restore, const struct snap_note *note, struct file **result)
{
    uint32_t id = snap_get_u32(note, SNAP_OBJECT_ID, 0);
    struct file *other = same_memory(restore, note);
    const struct snap_note *content = other ? NULL : content_of(restore, id);
    int error = memfd_restore(note, other, result);
    if (error < 0)
        return error;
    if (content)
        error = write_content(restore, *result, content);
    (*result)->flags = snap_get_u32(note, SNAP_OBJECT_FLAGS, O_RDWR) & ~(uint32_t)CREATION_FLAGS;
    (*result)->offset = snap_get_u64(note, SNAP_OBJECT_OFFSET, 0);
    if (error < 0)
        file_release(*result);
    return error;
}

static int make_inotify(struct restore *restore, const struct snap_note *note, struct file **result)
{
    int error = inotify_restore(note, result);
    if (error < 0)
        return error;
    (*result)->flags = snap_get_u32(note, SNAP_OBJECT_FLAGS, 0) & ~(uint32_t)CREATION_FLAGS;
    error = restore_fill(restore, (*result)->handle2, note);
    if (error < 0)
        file_release(*result);
    return error;
}

static int make_queue(struct restore *restore, const struct snap_note *note,
                      struct restored_object *slot)
{
    return mq_restore(note, same_memory(restore, note), &slot->file, &slot->fresh);
}

static int make_file_of(struct restore *restore, const struct snap_note *note, const char *class,
                        struct file **result)
{
    if (strcmp(class, "file") == 0 || strcmp(class, "directory") == 0)
        return make_file(restore, note, result);
    if (strcmp(class, "pipe") == 0)
        return restore_pipe(restore, note, result);
    if (strcmp(class, "fifo") == 0)
        return restore_fifo(restore, note, result);
    if (strcmp(class, "tty") == 0)
        return restore_terminal(restore, note, result);
    if (strcmp(class, "memfd") == 0)
        return make_memfd(restore, note, result);
    if (strcmp(class, "inotify") == 0)
        return make_inotify(restore, note, result);
    if (strcmp(class, "device") == 0)
        return make_by_path(note, result);
    for (uint32_t i = 0; i < ARRAY_COUNT(kinds); i++)
        if (strcmp(class, kinds[i].class) == 0)
            return make_kind(note, kinds[i].restore, result);
    restore_complain("an open file of the kind `%s` cannot be restored", class);
    return -EOPNOTSUPP;
}

/* Notes have paths from the machine's root; a process knows them from its own. */
static void strip_root(const struct restore *restore, struct file *file)
{
    char *root = restore_text(snap_next(&restore->snapshot, SNAP_PROCESS, NULL), SNAP_PROCESS_ROOT);
    size_t length = root ? strlen(root) : 0, all = file->path ? strlen(file->path) : 0;
    if (length > 0 && all > length && strncmp(file->path, root, length) == 0 &&
        file->path[length] == '/')
        memmove(file->path, file->path + length, all - length + 1);
    release(root);
}

static int make_object(struct restore *restore, const struct snap_note *note,
                       struct restored_object *slot)
{
    char class[CLASS_MAX] = "";
    struct file *file = NULL;
    (void)snap_get_text(note, SNAP_OBJECT_CLASS, class, sizeof class);
    if (strcmp(class, "socket") == 0)
        return restore_socket(restore, slot);
    if (strcmp(class, "message queue") == 0)
        return make_queue(restore, note, slot);
    int error = make_file_of(restore, note, class, &file);
    if (error == 0) {
        slot->file = file; /* of a master end it is there already */
        strip_root(restore, file);
    }
    return error;
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
                group->objects[group->object_count++] =
                    (struct restored_object){.id = id, .owner = each, .note = note};
        }
}

const struct snap_note *restored_note(const struct restore_group *group, uint32_t id,
                                      struct restore **owner)
{
    for (uint32_t i = 0; i < group->object_count; i++) {
        if (group->objects[i].id != id)
            continue;
        *owner = group->objects[i].owner;
        return group->objects[i].note;
    }
    return NULL;
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
        bool candidate = snap_get_u32(note, SNAP_WATCH_CANDIDATE, 1);
        int error =
            instance && target ? epoll_watch(instance, target, fd, &event, candidate) : -ENOEXEC;
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

static int take_owner(struct restored_object *object)
{
    uint32_t length = 0, words[4];
    const uint8_t *data = snap_get(object->note, SNAP_OBJECT_SIGIO, &length);
    if (!data || length != sizeof words || !object->file)
        return 0;
    memcpy(words, data, sizeof words);
    return owner_restore(object->file, words);
}

/* What needs all of them to be there. */
static int join_objects(struct restore_group *group)
{
    int error = restore_sockets(group);
    if (error == 0)
        error = restore_messages(group);
    if (error == 0)
        error = make_all_watches(group);
    for (uint32_t i = 0; error == 0 && i < group->object_count; i++) {
        struct restored_object *object = &group->objects[i];
        error = take_owner(object);
        if (object->file)
            memfd_seal(object->file, snap_get_u32(object->note, SNAP_OBJECT_SEALS, 0));
    }
    return error;
}

int restore_objects(struct restore_group *group)
{
    int error = list_objects(group);
    if (error < 0)
        return error;
    number_objects(group);
    for (uint32_t i = 0; i < group->object_count; i++) {
        struct restored_object *object = &group->objects[i];
        if (object->file)
            continue; /* the other end of a pipe brought it */
        if (!object->note)
            return -ENOEXEC;
        error = group->replay.log ? device_open(DEVICE_NULL, O_RDWR, &object->file)
                                  : make_object(object->owner, object->note, object);
        if (error < 0)
            return error;
    }
    error = group->replay.log ? 0 : join_objects(group); /* a replay uses none of them */
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
