/* SPDX-License-Identifier: MIT */
/* eventfd: a counter that can be waited for. */
#include <string.h>

#include "calls.h"
#include "file.h"
#include "ready.h"
#include "snapshot/kinds.h"
#include "task.h"

struct eventfd {
    uint64_t value;
    bool semaphore;
    struct wait_queue changed;
    struct ready ready;
};

static uint32_t bits_of(const struct eventfd *event)
{
    return (event->value ? READ_READY : 0) | (event->value < UINT64_MAX - 1 ? WRITE_READY : 0) |
           (event->value == UINT64_MAX ? POLLERR : 0);
}

/* Lock held. */
static void eventfd_show(struct eventfd *event, uint32_t news)
{
    ready_show(&event->ready, bits_of(event), news);
    wait_queue_wake(&event->changed, WAKE_ALL);
}

static int eventfd_read(struct file *file, struct io *io, uint64_t *offset)
{
    struct eventfd *event = file->data;
    int result = 0;
    (void)offset;
    if (io->left < 8)
        return -EINVAL;
    server_lock();
    while (event->value == 0 && result == 0)
        result =
            file->flags & O_NONBLOCK ? -EAGAIN : wait_queue_sleep(&event->changed, DEADLINE_NEVER);
    uint64_t value = event->semaphore ? 1 : event->value;
    if (result == 0) {
        event->value -= value;
        eventfd_show(event, WRITE_READY);
    }
    server_unlock();
    if (result == 0)
        result = io_put(io, &value, 8);
    return result < 0 ? result : 8;
}

static int eventfd_write(struct file *file, struct io *io, uint64_t *offset)
{
    struct eventfd *event = file->data;
    uint64_t value;
    int result = 0;
    (void)offset;
    if (io->left < 8)
        return -EINVAL;
    if (io_take(io, &value, 8) < 0)
        return -EFAULT;
    if (value == UINT64_MAX)
        return -EINVAL;
    server_lock();
    while (value > UINT64_MAX - 1 - event->value && result == 0)
        result =
            file->flags & O_NONBLOCK ? -EAGAIN : wait_queue_sleep(&event->changed, DEADLINE_NEVER);
    if (result == 0) {
        event->value += value;
        eventfd_show(event, READ_READY);
    }
    server_unlock();
    return result < 0 ? result : 8;
}

static void eventfd_poll(struct file *file, struct poll_source *source)
{
    struct eventfd *event = file->data;
    server_lock();
    ready_source(&event->ready, bits_of(event), source);
    server_unlock();
}

static void eventfd_close(struct file *file)
{
    struct eventfd *event = file->data;
    if (event)
        ready_end(&event->ready);
    release(event);
}

static void eventfd_save(struct file *file, struct snapshot *snapshot)
{
    const struct eventfd *event = file->data;
    server_lock();
    snap_put_u64(snapshot, SNAP_OBJECT_VALUE, event->value);
    snap_put_u32(snapshot, SNAP_OBJECT_KIND, event->semaphore);
    server_unlock();
}

static const struct file_ops eventfd_ops = {.name = "eventfd",
                                            .read = eventfd_read,
                                            .write = eventfd_write,
                                            .seek_ignored = true,
                                            .stat = file_stat_anonymous,
                                            .poll = eventfd_poll,
                                            .save = eventfd_save,
                                            .close = eventfd_close};

static struct file *eventfd_file(uint64_t value, bool semaphore, uint32_t flags)
{
    struct file *file = file_new(&eventfd_ops, O_RDWR | (flags & O_NONBLOCK));
    struct eventfd *event = file ? allocate(sizeof *event) : NULL;
    if (!event) {
        if (file)
            file_release(file);
        return NULL;
    }
    event->value = value;
    event->semaphore = semaphore;
    wait_queue_init(&event->changed);
    file->data = event;
    file->path = text_copy("anon_inode:[eventfd]");
    return file;
}

int eventfd_restore(const struct snap_note *note, struct file **result)
{
    *result = eventfd_file(snap_get_u64(note, SNAP_OBJECT_VALUE, 0),
                           snap_get_u32(note, SNAP_OBJECT_KIND, 0) & 1, 0);
    return *result ? 0 : -ENOMEM;
}

int32_t sys_eventfd2(uint32_t value, uint32_t flags)
{
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK | 1)) /* EFD_SEMAPHORE */
        return -EINVAL;
    struct file *file = eventfd_file(value, flags & 1, flags);
    return file ? fd_install(file, 0, flags & O_CLOEXEC) : -ENFILE;
}

int32_t sys_eventfd(uint32_t value)
{
    return sys_eventfd2(value, 0);
}
