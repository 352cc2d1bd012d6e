/* SPDX-License-Identifier: MIT */
/*
 * inotify instances. An instance is a kernel stream of records that are Linux's struct inotify_event;
 * file systems write into it, and so does this server what it knows itself. A watch keeps its node
 * open, so that the number of the file stays the file's.
 */
#include "inotify.h"

#include <ipc/fsclient.h>
#include <string.h>

#include "calls.h"
#include "file.h"
#include "path.h"
#include "snapshot/kinds.h"
#include "sysctl.h"
#include "task.h"

#define QUEUE_BYTES  (256u << 10)
#define HEADER       ((uint32_t)sizeof(struct fs_event))
#define MASK_EVENTS  0xfffu
#define MASK_ONLYDIR 0x01000000u
#define MASK_NOLINK  0x02000000u
#define MASK_EXCL    0x04000000u
#define MASK_CREATE  0x10000000u
#define MASK_ADD     0x20000000u
#define MASK_ONESHOT 0x80000000u
#define MASK_KNOWN \
    (MASK_EVENTS | MASK_ONLYDIR | MASK_NOLINK | MASK_EXCL | MASK_CREATE | MASK_ADD | MASK_ONESHOT)
#define MASK_OWN \
    (uint32_t)(INOTIFY_ACCESS | INOTIFY_OPEN | INOTIFY_CLOSE_WRITE | INOTIFY_CLOSE_NOWRITE)
#define IN_IGNORED_ ((uint32_t)FS_EVENT_IGNORED)
#define IN_UNMOUNT_ 0x2000u

struct watch {
    struct list link;
    uint32_t id, mask;
    handle_t node;
    uint64_t ino;
    uint32_t device;
    bool directory;
    char *path; /* absolute text, to know its entries by */
};
struct inotify {
    struct list link; /* all instances */
    struct list watches;
    uint32_t last_id;
    uint8_t last[HEADER + FS_NAME_MAX + 1 + 16];
    uint32_t last_size;
};

uint32_t inotify_instances;
static struct list instances = LIST_INIT(instances);
static const struct file_ops inotify_ops;

/* ---- events of this server's own; lock held ---------------------------------------------------------- */

static void put(struct file *file, uint32_t id, uint32_t events, const char *name)
{
    struct inotify *own = file->data;
    uint8_t record[sizeof own->last] __attribute__((aligned(4)));
    uint32_t length = (uint32_t)strlen(name), padded = length ? (length + 16) & ~15u : 0;
    uint32_t size = HEADER + padded, queued = 0, capacity, done;
    memset(record, 0, size);
    *(struct fs_event *)record = (struct fs_event){id, events, 0, padded};
    memcpy(record + HEADER, name, length);
    if (size == own->last_size && memcmp(record, own->last, size) == 0 &&
        stream_info(file->handle, &queued, &capacity) == OK && queued > 0)
        return;
    memcpy(own->last, record, size);
    own->last_size = size;
    ignore(stream_write(file->handle2, record, size, &done, DEADLINE_POLL)); /* full: lost */
}

static struct watch *watch_find(struct inotify *own, uint32_t id)
{
    list_each(watch, &own->watches, struct watch, link)
    {
        if (watch->id == id)
            return watch;
    }
    return NULL;
}

/* The name under which a path is an entry of a watched directory, or NULL. */
static const char *entry_of(const struct watch *watch, const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    if (!slash || !watch->directory || !slash[1])
        return NULL;
    size_t length = (size_t)(slash - path);
    if (length == 0)
        return strcmp(watch->path, "/") == 0 ? slash + 1 : NULL;
    return strlen(watch->path) == length && memcmp(watch->path, path, length) == 0 ? slash + 1
                                                                                   : NULL;
}

static void tell_instance(struct file *instance, const struct file *file, uint32_t event)
{
    struct inotify *own = instance->data;
    uint32_t flag = S_ISDIR(file->attr.mode) ? (uint32_t)FS_EVENT_DIRECTORY : 0;
    list_each(watch, &own->watches, struct watch, link)
    {
        if (!(watch->mask & event))
            continue;
        const char *name = entry_of(watch, file->path);
        if (name && strlen(name) <= FS_NAME_MAX)
            put(instance, watch->id, event | flag, name);
        if (watch->ino == file->attr.ino && watch->device == file->attr.device)
            put(instance, watch->id, event | flag, "");
    }
}

/* The file of an instance is what `instances` links, through its data. */
struct instance_link {
    struct inotify inotify; /* first */
    struct file *file;
};

void inotify_tell(struct file *file, uint32_t event)
{
    if (!file_is_node(file) || (file->flags & O_PATH))
        return;
    server_lock();
    list_each(each, &instances, struct instance_link, inotify.link)
        tell_instance(each->file, file, event);
    server_unlock();
}

/* ---- reading ------------------------------------------------------------------------------------- */

/* The whole records at the front that fit into `room`: their bytes; 0: not even one does. */
static uint32_t whole_records(const uint8_t *bytes, uint32_t length, uint32_t room)
{
    uint32_t used = 0;
    while (length - used >= HEADER) {
        struct fs_event event;
        memcpy(&event, bytes + used, HEADER);
        if (event.name_length > length - used - HEADER || HEADER + event.name_length > room - used)
            break;
        used += HEADER + event.name_length;
    }
    return used;
}

static void watch_free(struct watch *watch)
{
    list_remove(&watch->link);
    close_handle(watch->node);
    release(watch->path);
    release(watch);
}

void inotify_unmounted(uint32_t device)
{
    server_lock();
    list_each(each, &instances, struct instance_link, inotify.link)
    {
        list_each(watch, &each->inotify.watches, struct watch, link)
        {
            if (watch->device != device)
                continue;
            put(each->file, watch->id, IN_UNMOUNT_, "");
            put(each->file, watch->id, IN_IGNORED_, "");
            watch_free(watch);
        }
    }
    server_unlock();
}

/* Watches whose end is told are no more. */
static void note_ends(struct inotify *own, const uint8_t *bytes, uint32_t length)
{
    struct fs_event event;
    for (uint32_t at = 0; at < length; at += HEADER + event.name_length) {
        memcpy(&event, bytes + at, HEADER);
        struct watch *watch = event.events & IN_IGNORED_ ? watch_find(own, event.id) : NULL;
        if (watch)
            watch_free(watch);
    }
}

static int wait_for_event(struct file *file)
{
    struct wait_item item = {.handle = file->handle, .wanted = SIGNAL_READABLE};
    for (;;) {
        status_t status =
            wait_any(&item, 1, file->flags & O_NONBLOCK ? DEADLINE_POLL : DEADLINE_NEVER);
        if (status != ERR_INTERRUPTED)
            return status == ERR_SHOULD_WAIT ? -EAGAIN : errno_of(status);
        if (thread_interrupted(self()))
            return -ERESTARTSYS;
    }
}

static int inotify_read(struct file *file, struct io *io, uint64_t *offset)
{
    uint8_t *buffer = (uint8_t *)worker_self()->scratch;
    uint32_t done = 0, used;
    (void)offset;
    int result = wait_for_event(file);
    if (result < 0)
        return result;
    server_lock();
    status_t status = stream_peek(file->handle, buffer, PATH_MAX, &done);
    used = status == OK ? whole_records(buffer, done, io->left) : 0;
    if (used > 0 && stream_read(file->handle, buffer, used, &done, DEADLINE_POLL) == OK)
        note_ends(file->data, buffer, used);
    server_unlock();
    if (status != OK || done == 0)
        return -EAGAIN; /* another reader was first */
    if (used == 0)
        return -EINVAL;
    return io_put(io, buffer, used) < 0 ? -EFAULT : (int)used;
}

static void inotify_poll(struct file *file, struct poll_source *source)
{
    source->handles[0] = file->handle;
    source_add(source, 0, SIGNAL_READABLE, POLLIN | POLLRDNORM);
}

static int inotify_ioctl(struct file *file, uint32_t request, user_t argument)
{
    uint32_t queued = 0, capacity;
    if (request != FIONREAD)
        return -ENOTTY;
    ignore(stream_info(file->handle, &queued, &capacity));
    return put_user(argument, queued);
}

static void inotify_close(struct file *file)
{
    struct inotify *own = file->data;
    if (!own)
        return;
    server_lock();
    list_remove(&own->link);
    inotify_instances--;
    server_unlock();
    list_each(watch, &own->watches, struct watch, link)
    {
        ignore(fs_client_watch(watch->node, file->handle2, watch->id, 0));
        watch_free(watch);
    }
    release(own);
}

/* What it watches is noted by inotify_each. */
static void inotify_save(struct file *file, struct snapshot *snapshot)
{
    const struct inotify *own = file->data;
    snap_put_u64(snapshot, SNAP_OBJECT_VALUE, own->last_id);
    stream_save(file, snapshot);
}

static const struct file_ops inotify_ops = {.name = "inotify",
                                            .read = inotify_read,
                                            .stat = file_stat_anonymous,
                                            .ioctl = inotify_ioctl,
                                            .poll = inotify_poll,
                                            .save = inotify_save,
                                            .close = inotify_close};

/* ---- calls --------------------------------------------------------------------------------------- */

static int make(uint32_t flags, struct file **result)
{
    struct file *file = file_new(&inotify_ops, O_RDONLY | (flags & O_NONBLOCK));
    struct instance_link *own = file ? allocate(sizeof *own) : NULL;
    if (!own || stream_create(QUEUE_BYTES, &file->handle, &file->handle2) != OK) {
        release(own);
        if (file)
            file_release(file);
        return -EMFILE;
    }
    list_init(&own->inotify.watches);
    own->file = file;
    file->data = own;
    file->path = text_copy("anon_inode:inotify");
    server_lock();
    list_append(&instances, &own->inotify.link);
    inotify_instances++;
    server_unlock();
    *result = file;
    return 0;
}

int32_t sys_inotify_init1(uint32_t flags)
{
    struct file *file;
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    if (inotify_instances >= sysctl.inotify_instances)
        return -EMFILE;
    int error = make(flags, &file);
    return error < 0 ? error : fd_install(file, 0, flags & O_CLOEXEC);
}

int32_t sys_inotify_init(void)
{
    return sys_inotify_init1(0);
}

static struct file *inotify_get(uint32_t fd, int *error)
{
    struct file *file = fd_get(fd);
    *error = file ? 0 : -EBADF;
    if (!file || file->ops == &inotify_ops)
        return file;
    *error = -EINVAL;
    file_release(file);
    return NULL;
}

/* What a new or changed mask is, given the one before. */
static uint32_t new_mask(const struct watch *watch, uint32_t mask)
{
    return mask & MASK_ADD ? watch->mask | (mask & ~MASK_ADD) : mask;
}

/* Tells the file system; the part that this server sees itself is not asked for. */
static int arm(struct file *file, const struct watch *watch)
{
    uint32_t mask = (watch->mask & MASK_EVENTS & ~MASK_OWN) | (watch->mask & FS_EVENT_ONCE);
    status_t status =
        fs_client_watch(watch->node, file->handle2, watch->id, mask | FS_EVENT_IGNORED);
    return status == ERR_NO_MEMORY ? -ENOSPC : errno_of(status);
}

static struct watch *watch_of_node(struct inotify *own, const struct fs_attr *attr)
{
    list_each(watch, &own->watches, struct watch, link)
    {
        if (watch->ino == attr->ino && watch->device == attr->device)
            return watch;
    }
    return NULL;
}

/* Takes the node of the walk, also on failure. */
static int add_watch(struct file *file, const struct walk *walk, uint32_t mask)
{
    struct inotify *own = file->data;
    struct watch *watch = watch_of_node(own, &walk->attr);
    if (watch) {
        close_handle(walk->node);
        if (mask & MASK_CREATE)
            return -EEXIST;
        watch->mask = new_mask(watch, mask);
        int error = arm(file, watch);
        return error < 0 ? error : (int)watch->id;
    }
    watch = allocate(sizeof *watch);
    char *path = watch ? text_copy(walk->absolute ? walk->absolute : "") : NULL;
    if (!path) {
        release(watch);
        close_handle(walk->node);
        return -ENOMEM;
    }
    *watch = (struct watch){.id = ++own->last_id,
                            .mask = mask & ~MASK_ADD,
                            .node = walk->node,
                            .ino = walk->attr.ino,
                            .device = walk->attr.device,
                            .directory = S_ISDIR(walk->attr.mode),
                            .path = path};
    int error = arm(file, watch);
    server_lock();
    list_append(&own->watches, &watch->link);
    if (error < 0)
        watch_free(watch);
    server_unlock();
    return error < 0 ? error : (int)own->last_id;
}

int32_t sys_inotify_add_watch(uint32_t fd, user_t path, uint32_t mask)
{
    int error;
    if (!(mask & MASK_EVENTS) || (mask & ~MASK_KNOWN) ||
        ((mask & MASK_ADD) && (mask & MASK_CREATE)))
        return -EINVAL;
    struct file *file = inotify_get(fd, &error);
    if (!file)
        return error;
    struct walk walk = {.dirfd = (uint32_t)AT_FDCWD,
                        .path = worker_self()->path,
                        .op = FS_OP_OPEN,
                        .flags = FS_O_NODE | (mask & MASK_NOLINK ? FS_O_NOFOLLOW : 0) |
                                 (mask & MASK_ONLYDIR ? FS_O_DIRECTORY : 0)};
    error = path_copy_in(path);
    if (error == 0)
        error = path_walk(&walk);
    if (error == 0 && walk.is_internal)
        error = -EACCES; /* nothing is ever told of /dev and /proc */
    else if (error == 0 && (error = check_access(&walk.attr, 4, true)) < 0)
        close_handle(walk.node);
    if (error == 0)
        error = add_watch(file, &walk, mask);
    file_release(file);
    return error;
}

int32_t sys_inotify_rm_watch(uint32_t fd, uint32_t id)
{
    int error;
    struct file *file = inotify_get(fd, &error);
    if (!file)
        return error;
    struct inotify *own = file->data;
    server_lock();
    struct watch *watch = watch_find(own, id);
    if (watch)
        list_remove(&watch->link);
    server_unlock();
    if (watch) {
        ignore(fs_client_watch(watch->node, file->handle2, watch->id, 0));
        watch_free(watch);
        server_lock();
        put(file, id, IN_IGNORED_, "");
        server_unlock();
    }
    file_release(file);
    return watch ? 0 : -EINVAL;
}

/* ---- snapshots ----------------------------------------------------------------------------------- */

void inotify_each(struct file *file,
                  void (*tell)(void *context, uint32_t id, uint32_t mask, const char *path),
                  void *context)
{
    if (file->ops != &inotify_ops)
        return;
    list_each(watch, &((struct inotify *)file->data)->watches, struct watch, link)
        tell(context, watch->id, watch->mask, watch->path);
}

int inotify_restore(const struct snap_note *note, struct file **result)
{
    int error = make(0, result);
    if (error == 0)
        ((struct inotify *)(*result)->data)->last_id =
            (uint32_t)snap_get_u64(note, SNAP_OBJECT_VALUE, 0);
    return error;
}

int inotify_watch(struct file *file, uint32_t id, uint32_t mask, const char *path)
{
    struct walk walk = {
        .dirfd = (uint32_t)AT_FDCWD, .path = path, .op = FS_OP_OPEN, .flags = FS_O_NODE};
    if (file->ops != &inotify_ops || !(mask & MASK_EVENTS) || (mask & ~(MASK_KNOWN | MASK_ADD)))
        return -EINVAL;
    int error = path_walk(&walk);
    if (error == 0 && walk.is_internal)
        return -EACCES;
    if (error < 0)
        return error;
    struct inotify *own = file->data;
    uint32_t last = own->last_id;
    if (watch_of_node(own, &walk.attr) || watch_find(own, id) ||
        check_access(&walk.attr, 4, true) < 0) {
        close_handle(walk.node);
        return -EACCES;
    }
    own->last_id = id - 1;
    error = add_watch(file, &walk, mask);
    own->last_id = MAX(last, id);
    return MIN(error, 0);
}
