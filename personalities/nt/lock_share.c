/* SPDX-License-Identifier: MIT */
/*
 * See lock_share.h. A file system says through a stream that locks of a file have changed (FS_EVENT_LOCKS);
 * a thread reads that. A watch is of one file object and ends with its first event.
 */
#include <personalities/nt/lock_share.h>

#include <atomik/thread.h>
#include <ipc/call.h>

#define STREAM_BYTES 65536u
#define READ_BYTES   1024u

static handle_t read_end, write_end;
static struct list watching = {&watching, &watching}; /* nt_file.lock_watch_link */
static uint32_t last_watch;

/* ---- locks --------------------------------------------------------------------------------------- */

/* Other personalities have no offsets beyond those of a signed number, nor locks of no bytes. */
static bool is_shared(const struct file_lock *lock)
{
    return lock->length > 0 && lock->start <= INT64_MAX;
}

static struct fs_lock_request request_for(const struct file_lock *lock, uint32_t type)
{
    bool to_the_end = lock->length > INT64_MAX - lock->start;
    return (struct fs_lock_request){.op = FS_LOCK_TRY,
                                    .type = type,
                                    .start = lock->start,
                                    .length = to_the_end ? 0 : lock->length,
                                    .owner = (uint64_t)nt_number << 32 | lock->id,
                                    .kind = FS_LOCK_RANGE,
                                    .pid = lock->pid};
}

status_t lock_share(const struct nt_file *file, const struct file_lock *lock)
{
    struct fs_lock_request request =
        request_for(lock, lock->exclusive ? FS_LOCK_EXCLUSIVE : FS_LOCK_SHARED);
    return is_shared(lock) ? BLOCKING(fs_client_lock(file->node, &request, NULL)) : OK;
}

void lock_unshare(const struct nt_file *file, const struct file_lock *lock)
{
    struct fs_lock_request request = request_for(lock, FS_LOCK_NONE);
    if (is_shared(lock))
        (void)!BLOCKING(fs_client_lock(file->node, &request, NULL));
}

/* ---- watches ------------------------------------------------------------------------------------- */

static void watch_over(struct nt_file *file)
{
    list_remove(&file->lock_watch_link);
    file->lock_watch = 0;
}

static void take_event(const struct fs_event *event)
{
    list_each(file, &watching, struct nt_file, lock_watch_link)
    {
        if (file->lock_watch == event->id || (event->events & FS_EVENT_OVERFLOW))
            watch_over(file);
    }
}

static void watch_thread(void *argument)
{
    static uint8_t bytes[READ_BYTES] __attribute__((aligned(8)));
    (void)argument;
    nt_lock();
    for (;;) {
        uint32_t length = 0;
        (void)!BLOCKING(stream_read(read_end, bytes, sizeof bytes, &length, DEADLINE_NEVER));
        for (uint32_t at = 0; at < length; at += sizeof(struct fs_event)) /* without a name */
            take_event((const struct fs_event *)(bytes + at));
        locks_retry();
    }
}

static status_t watch_init(void)
{
    if (read_end)
        return OK;
    status_t status = stream_create(STREAM_BYTES, &read_end, &write_end);
    if (status == OK)
        status = thread_spawn(watch_thread, NULL, 0, NULL);
    if (status != OK) {
        handle_drop(&read_end);
        handle_drop(&write_end);
    }
    return status;
}

/* On a node of its own, since one that is watched does not keep its file system mounted. */
static status_t put_watch(handle_t file, uint32_t id)
{
    handle_t node;
    status_t status = fs_client_reopen(file, FS_O_NODE, &node);
    if (status != OK)
        return status;
    status = fs_client_watch(node, write_end, id, FS_EVENT_LOCKS | FS_EVENT_ONCE);
    (void)!handle_close(node);
    return status;
}

NTSTATUS lock_watch(struct nt_file *file)
{
    if (file->lock_watch)
        return STATUS_SUCCESS;
    status_t status = watch_init();
    if (status != OK)
        return nt_status(status);
    uint32_t id = ++last_watch;
    file->lock_watch = id;
    list_append(&watching, &file->lock_watch_link);
    status = BLOCKING(put_watch(file->node, id));
    if (status != OK && file->lock_watch == id)
        watch_over(file);
    return nt_status(status);
}

void lock_watch_end(struct nt_file *file)
{
    uint32_t id = file->lock_watch;
    if (!id)
        return;
    watch_over(file);
    (void)!BLOCKING(fs_client_watch(file->node, write_end, id, 0));
}
