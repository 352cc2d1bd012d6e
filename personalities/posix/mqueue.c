/* SPDX-License-Identifier: MIT */
/*
 * POSIX message queues. A descriptor of a queue is a file without read and write; an event object
 * carries readable and writable for poll. A queue lives while it has a name or an open descriptor.
 */
#include <linux/mqueue.h>
#include <stdio.h>
#include <string.h>

#include "calls.h"
#include "file.h"
#include "snapshot/kinds.h"
#include "sysctl.h"
#include "task.h"

#define NAME_SIZE     256u
#define PRIORITY_MAX  32768u
#define READABLE      (1u << SIGNAL_USER_SHIFT)
#define WRITABLE      (2u << SIGNAL_USER_SHIFT)
#define HARD_MESSAGES 65536u
#define HARD_SIZE     16777216u
#define STATUS_SIZE   80u

struct mq_message {
    struct list link;
    uint32_t priority, size;
    uint8_t text[];
};

struct mq {
    struct list link; /* all named queues */
    uint32_t references;
    char name[NAME_SIZE];
    uint32_t mode, uid, gid;
    uint32_t limit, size_limit, count;
    struct list messages; /* highest priority first, then oldest */
    struct wait_queue senders, receivers;
    uint32_t waiting_receivers;
    handle_t event;
    uint32_t notify_pid; /* 0: nobody */
    struct linux_sigevent notify;
};

static struct list queues = LIST_INIT(queues);
static uint32_t queue_count;

/* ---- objects; lock held ------------------------------------------------------------------------------ */

static void mq_put(struct mq *queue)
{
    if (--queue->references != 0)
        return;
    list_each(message, &queue->messages, struct mq_message, link)
    {
        list_remove(&message->link);
        release(message);
    }
    close_handle(queue->event);
    release(queue);
}

static void update_event(const struct mq *queue)
{
    uint32_t set = (queue->count > 0 ? READABLE : 0) | (queue->count < queue->limit ? WRITABLE : 0);
    ignore(event_signal(queue->event, (READABLE | WRITABLE) & ~set, set));
}

static struct mq *mq_find(const char *name)
{
    list_each(queue, &queues, struct mq, link)
    {
        if (strcmp(queue->name, name) == 0)
            return queue;
    }
    return NULL;
}

static int mq_check(const struct mq *queue, uint32_t wanted)
{
    const struct credentials *own = &self()->process->credentials;
    uint32_t shift = own->fsuid == queue->uid ? 6 : in_group(own, queue->gid) ? 3 : 0;
    return (queue->mode >> shift & wanted) == wanted || capable(CAP_DAC_OVERRIDE) ? 0 : -EACCES;
}

/* ---- files -------------------------------------------------------------------------------------------- */

static void mq_close(struct file *file)
{
    struct mq *queue = file->data;
    if (!queue)
        return;
    server_lock();
    if (self() && queue->notify_pid == self()->process->pid)
        queue->notify_pid = 0;
    mq_put(queue);
    server_unlock();
}

static int mq_stat(struct file *file, struct fs_attr *attr)
{
    const struct mq *queue = file->data;
    *attr = (struct fs_attr){.ino = (uintptr_t)queue,
                             .mode = S_IFREG | queue->mode,
                             .nlink = 1,
                             .size = 80,
                             .uid = queue->uid,
                             .gid = queue->gid,
                             .device = 4};
    return 0;
}

/* What is in the queue and whom it tells, as a line of text. */
static int mq_read(struct file *file, struct io *io, uint64_t *offset)
{
    const struct mq *queue = file->data;
    char line[STATUS_SIZE];
    uint32_t bytes = 0;
    server_lock();
    list_each(message, &queue->messages, struct mq_message, link) bytes += message->size;
    bool told = queue->notify_pid != 0;
    int length = snprintf(line, sizeof line, "QSIZE:%-10u NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6u\n",
                          bytes, told ? queue->notify.notify : 0,
                          told && queue->notify.notify == SIGEV_SIGNAL ? queue->notify.signal : 0,
                          queue->notify_pid);
    server_unlock();
    return io_put_from(io, line, (uint32_t)length, offset);
}

static void mq_poll(struct file *file, struct poll_source *source)
{
    const struct mq *queue = file->data;
    source->handles[0] = queue->event;
    source_add(source, 0, READABLE, POLLIN | POLLRDNORM);
    source_add(source, 0, WRITABLE, POLLOUT | POLLWRNORM);
}

/* The messages are noted by mq_each. */
static void mq_save(struct file *file, struct snapshot *snapshot)
{
    const struct mq *queue = file->data;
    uint32_t limits[2] = {queue->limit, queue->size_limit}, notify[17] = {queue->notify_pid};
    server_lock();
    memcpy(notify + 1, &queue->notify, sizeof queue->notify);
    snap_put_u32(snapshot, SNAP_OBJECT_MODE, queue->mode);
    snap_put_u32(snapshot, SNAP_OBJECT_UID, queue->uid);
    snap_put_u32(snapshot, SNAP_OBJECT_GID, queue->gid);
    snap_put(snapshot, SNAP_OBJECT_LIMITS, limits, sizeof limits);
    snap_put_text(snapshot, SNAP_OBJECT_PATH, queue->name);
    snap_put_u32(snapshot, SNAP_OBJECT_LINKS, !list_empty(&queue->link));
    snap_put_u32(snapshot, SNAP_OBJECT_MEMORY, (uintptr_t)queue);
    if (queue->notify_pid)
        snap_put(snapshot, SNAP_OBJECT_NOTIFY, notify, sizeof notify);
    server_unlock();
}

static const struct file_ops mq_ops = {
    .name = "message queue",
    .read = mq_read,
    .stat = mq_stat,
    .poll = mq_poll,
    .save = mq_save,
    .close = mq_close,
    .seekable = true,
};

/* The queue of a descriptor, whose file is held; *error otherwise. */
static struct mq *mq_of(uint32_t fd, struct file **file, int32_t *error)
{
    *file = fd_get(fd);
    *error = -EBADF;
    if (*file && (*file)->ops == &mq_ops)
        return (*file)->data;
    if (*file)
        file_release(*file);
    return NULL;
}

/* ---- mq_open, mq_unlink ---------------------------------------------------------------------------------- */

static int copy_in_name(user_t from, char name[NAME_SIZE])
{
    char text[NAME_SIZE + 1];
    int length = copy_in_string(text, from, sizeof text);
    if (length < 0)
        return length;
    if (length == 0)
        return -ENOENT;
    if (length == NAME_SIZE)
        return -ENAMETOOLONG;
    if (strchr(text, '/') || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
        return -EACCES;
    memcpy(name, text, (uint32_t)length + 1);
    return 0;
}

static int check_limits(const struct mq_attr *attr)
{
    uint32_t most = capable(CAP_SYS_RESOURCE) ? HARD_MESSAGES : sysctl.mq_messages;
    uint32_t largest = capable(CAP_SYS_RESOURCE) ? HARD_SIZE : sysctl.mq_size;
    if (attr->mq_maxmsg <= 0 || attr->mq_msgsize <= 0 || (uint32_t)attr->mq_maxmsg > most ||
        (uint32_t)attr->mq_msgsize > largest)
        return -EINVAL;
    uint64_t bytes = (uint64_t)attr->mq_maxmsg * (uint32_t)attr->mq_msgsize;
    return bytes > self()->process->limits[RLIMIT_MSGQUEUE].current ? -EMFILE : 0;
}

/* Without a name yet. */
static int mq_new(const char *name, uint32_t mode, const struct mq_attr *attr, struct mq **result)
{
    const struct credentials *own = &self()->process->credentials;
    if (queue_count >= sysctl.mq_queues && !capable(CAP_SYS_RESOURCE))
        return -ENOSPC;
    int error = attr ? check_limits(attr) : 0;
    if (error < 0)
        return error;
    struct mq *queue = allocate(sizeof *queue);
    if (!queue || event_create(WRITABLE, &queue->event) != OK) {
        release(queue);
        return -ENOMEM;
    }
    queue->references = 1;
    strlcpy(queue->name, name, sizeof queue->name);
    queue->mode = mode & 0777 & ~self()->process->fs->umask;
    queue->uid = own->fsuid;
    queue->gid = own->fsgid;
    queue->limit = attr ? (uint32_t)attr->mq_maxmsg : sysctl.mq_messages_default;
    queue->size_limit = attr ? (uint32_t)attr->mq_msgsize : sysctl.mq_size_default;
    list_init(&queue->messages);
    wait_queue_init(&queue->senders);
    wait_queue_init(&queue->receivers);
    list_init(&queue->link);
    *result = queue;
    return 0;
}

static int mq_create(const char *name, uint32_t mode, const struct mq_attr *attr,
                     struct mq **result)
{
    int error = mq_new(name, mode, attr, result);
    if (error < 0)
        return error;
    list_append(&queues, &(*result)->link);
    queue_count++;
    return 0;
}

static int mq_look_up(const char *name, uint32_t flags, uint32_t mode, const struct mq_attr *attr,
                      struct mq **result)
{
    static const uint8_t wanted[4] = {4, 2, 6, 0};
    *result = mq_find(name);
    if (!*result)
        return flags & O_CREAT ? mq_create(name, mode, attr, result) : -ENOENT;
    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    return (flags & O_ACCMODE) == 3 ? -EINVAL : mq_check(*result, wanted[flags & O_ACCMODE]);
}

int32_t sys_mq_open(user_t name_at, uint32_t flags, uint32_t mode, user_t attr_at)
{
    char name[NAME_SIZE];
    struct mq_attr attr;
    struct mq *queue;
    if ((flags & O_CREAT) && attr_at.address && copy_in(&attr, attr_at, sizeof attr) < 0)
        return -EFAULT;
    int error = copy_in_name(name_at, name);
    if (error < 0)
        return error;
    struct file *file = file_new(&mq_ops, flags);
    if (!file)
        return -ENOMEM;
    server_lock();
    error = mq_look_up(name, flags, mode, attr_at.address ? &attr : NULL, &queue);
    if (error == 0) {
        queue->references++;
        file->data = queue;
    }
    server_unlock();
    if (error < 0) {
        file_release(file);
        return error;
    }
    return fd_install(file, 0, true);
}

int32_t sys_mq_unlink(user_t name_at)
{
    char name[NAME_SIZE];
    int error = copy_in_name(name_at, name);
    if (error < 0)
        return error;
    server_lock();
    struct mq *queue = mq_find(name);
    if (!queue)
        error = -ENOENT;
    else if (self()->process->credentials.fsuid != queue->uid && !capable(CAP_FOWNER))
        error = -EACCES; /* the directory of queues is sticky */
    if (error == 0) {
        list_remove(&queue->link);
        queue_count--;
        mq_put(queue);
    }
    server_unlock();
    return error;
}

/* ---- sending ------------------------------------------------------------------------------------------------ */

static void insert(struct mq *queue, struct mq_message *message)
{
    struct list *before = &queue->messages;
    list_each(other, &queue->messages, struct mq_message, link)
    {
        if (other->priority < message->priority) {
            before = &other->link;
            break;
        }
    }
    list_append(before, &message->link);
    queue->count++;
    update_event(queue);
}

/* Tells who asked for it that an empty queue has a message now; once. */
static void notify(struct mq *queue)
{
    struct process *process = queue->notify_pid ? process_find(queue->notify_pid) : NULL;
    if (queue->count != 1 || !process || queue->waiting_receivers > 0)
        return;
    queue->notify_pid = 0;
    if (queue->notify.notify != SIGEV_SIGNAL || queue->notify.signal == 0)
        return;
    siginfo_t info = signal_info_user(queue->notify.signal, SI_MESGQ, self()->process);
    info.si_ptr = (void *)queue->notify.value;
    signal_process(process, &info);
}

static int32_t send(struct mq *queue, struct mq_message *message, bool wait, ktime_t deadline)
{
    int32_t result = 0;
    while (result == 0 && queue->count >= queue->limit)
        result = wait ? wait_queue_sleep(&queue->senders, deadline) : -EAGAIN;
    if (result < 0)
        return result;
    insert(queue, message);
    notify(queue);
    wait_queue_wake(&queue->receivers, WAKE_ALL);
    return 0;
}

static int32_t make_message(const struct mq *queue, user_t text, uint32_t size, uint32_t priority,
                            struct mq_message **result)
{
    if (size > queue->size_limit)
        return -EMSGSIZE;
    struct mq_message *message = allocate(sizeof *message + size);
    if (!message)
        return -ENOMEM;
    message->priority = priority;
    message->size = size;
    if (copy_in(message->text, text, size) < 0) {
        release(message);
        return -EFAULT;
    }
    *result = message;
    return 0;
}

static int32_t send_until(uint32_t fd, user_t text, uint32_t size, uint32_t priority,
                          ktime_t deadline)
{
    struct file *file;
    struct mq_message *message;
    int32_t result;
    if (priority >= PRIORITY_MAX)
        return -EINVAL;
    struct mq *queue = mq_of(fd, &file, &result);
    if (!queue)
        return result;
    result = file_writable(file) ? make_message(queue, text, size, priority, &message) : -EBADF;
    if (result == 0) {
        server_lock();
        result = send(queue, message, !(file->flags & O_NONBLOCK), deadline);
        server_unlock();
        if (result < 0)
            release(message);
    }
    file_release(file);
    return result;
}

/* ---- receiving ------------------------------------------------------------------------------------------------ */

static int32_t receive(struct mq *queue, bool wait, ktime_t deadline, struct mq_message **message)
{
    int32_t result = 0;
    while (result == 0 && queue->count == 0) {
        queue->waiting_receivers++;
        result = wait ? wait_queue_sleep(&queue->receivers, deadline) : -EAGAIN;
        queue->waiting_receivers--;
    }
    if (result < 0)
        return result;
    *message = container_of(queue->messages.next, struct mq_message, link);
    list_remove(&(*message)->link);
    queue->count--;
    update_event(queue);
    wait_queue_wake(&queue->senders, WAKE_ALL);
    return 0;
}

static int32_t receive_until(uint32_t fd, user_t text, uint32_t size, user_t priority,
                             ktime_t deadline)
{
    struct file *file;
    struct mq_message *message = NULL;
    int32_t result;
    struct mq *queue = mq_of(fd, &file, &result);
    if (!queue)
        return result;
    result = !file_readable(file) ? -EBADF : size < queue->size_limit ? -EMSGSIZE : 0;
    if (result == 0) {
        server_lock();
        result = receive(queue, !(file->flags & O_NONBLOCK), deadline, &message);
        server_unlock();
    }
    if (result == 0) {
        result = (int32_t)message->size;
        if (copy_out(text, message->text, message->size) < 0 ||
            (priority.address && put_user(priority, message->priority) < 0))
            result = -EFAULT;
        release(message);
    }
    file_release(file);
    return result;
}

/* ---- deadlines: absolute, of the wall clock --------------------------------------------------------------- */

static int32_t deadline_at(int64_t sec, int64_t nsec, ktime_t *deadline)
{
    if (sec < 0 || nsec < 0 || nsec >= (int64_t)NS_PER_SEC)
        return -EINVAL;
    uint64_t at = MIN((uint64_t)sec, 1ull << 33) * NS_PER_SEC + (uint64_t)nsec, time = wall_clock();
    *deadline = at > time ? deadline_after(at - time) : now();
    return 0;
}

static int32_t deadline_wide(user_t from, ktime_t *deadline)
{
    struct linux_timespec64 time;
    *deadline = DEADLINE_NEVER;
    if (!from.address)
        return 0;
    return copy_in(&time, from, sizeof time) < 0 ? -EFAULT
                                                 : deadline_at(time.sec, time.nsec, deadline);
}

static int32_t deadline_narrow(user_t from, ktime_t *deadline)
{
    struct linux_timespec time;
    *deadline = DEADLINE_NEVER;
    if (!from.address)
        return 0;
    return copy_in(&time, from, sizeof time) < 0 ? -EFAULT
                                                 : deadline_at(time.sec, time.nsec, deadline);
}

int32_t sys_mq_timedsend(uint32_t fd, user_t text, uint32_t size, uint32_t priority, user_t timeout)
{
    ktime_t deadline;
    int32_t error = deadline_narrow(timeout, &deadline);
    return error < 0 ? error : send_until(fd, text, size, priority, deadline);
}

int32_t sys_mq_timedsend_time64(uint32_t fd, user_t text, uint32_t size, uint32_t priority,
                                user_t timeout)
{
    ktime_t deadline;
    int32_t error = deadline_wide(timeout, &deadline);
    return error < 0 ? error : send_until(fd, text, size, priority, deadline);
}

int32_t sys_mq_timedreceive(uint32_t fd, user_t text, uint32_t size, user_t priority,
                            user_t timeout)
{
    ktime_t deadline;
    int32_t error = deadline_narrow(timeout, &deadline);
    return error < 0 ? error : receive_until(fd, text, size, priority, deadline);
}

int32_t sys_mq_timedreceive_time64(uint32_t fd, user_t text, uint32_t size, user_t priority,
                                   user_t timeout)
{
    ktime_t deadline;
    int32_t error = deadline_wide(timeout, &deadline);
    return error < 0 ? error : receive_until(fd, text, size, priority, deadline);
}

/* ---- mq_notify, mq_getsetattr ------------------------------------------------------------------------------ */

/* Threads are the C library's doing, with a socket that only Linux has: SIGEV_THREAD is refused. */
int32_t sys_mq_notify(uint32_t fd, user_t event)
{
    struct linux_sigevent given = {.notify = SIGEV_NONE};
    struct file *file;
    int32_t result;
    if (event.address) {
        if (copy_in(&given, event, sizeof given) < 0)
            return -EFAULT;
        bool signals = given.signal >= 0 && given.signal <= (int32_t)SIGNAL_COUNT;
        if (given.notify != SIGEV_NONE && (given.notify != SIGEV_SIGNAL || !signals))
            return given.notify == SIGEV_THREAD ? -ENOSYS : -EINVAL;
    }
    struct mq *queue = mq_of(fd, &file, &result);
    if (!queue)
        return result;
    uint32_t pid = self()->process->pid;
    server_lock();
    result = 0;
    if (!event.address) {
        queue->notify_pid = queue->notify_pid == pid ? 0 : queue->notify_pid;
    } else if (queue->notify_pid && process_find(queue->notify_pid)) {
        result = -EBUSY;
    } else {
        queue->notify_pid = pid;
        queue->notify = given;
    }
    server_unlock();
    file_release(file);
    return result;
}

int32_t sys_mq_getsetattr(uint32_t fd, user_t new, user_t old)
{
    struct mq_attr given, attr = {.mq_flags = 0};
    struct file *file;
    int32_t result;
    if (new.address && copy_in(&given, new, sizeof given) < 0)
        return -EFAULT;
    if (new.address && (given.mq_flags & ~(long)O_NONBLOCK))
        return -EINVAL;
    struct mq *queue = mq_of(fd, &file, &result);
    if (!queue)
        return result;
    attr.mq_flags = (long)(file->flags & O_NONBLOCK);
    attr.mq_maxmsg = (long)queue->limit;
    attr.mq_msgsize = (long)queue->size_limit;
    attr.mq_curmsgs = (long)queue->count;
    if (new.address)
        file->flags = (file->flags & ~(uint32_t)O_NONBLOCK) | (uint32_t)given.mq_flags;
    file_release(file);
    return old.address ? copy_out(old, &attr, sizeof attr) : 0;
}

/* ---- snapshots ------------------------------------------------------------------------------------------- */

void mq_each(struct file *file,
             void (*tell)(void *context, uint32_t priority, const void *text, uint32_t size),
             void *context)
{
    if (file->ops != &mq_ops)
        return;
    list_each(message, &((struct mq *)file->data)->messages, struct mq_message, link)
        tell(context, message->priority, message->text, message->size);
}

/* Lock held. A queue of this name that is there is used as it is; *fresh: it is a new one. */
static int look_up_again(const struct snap_note *note, const char *name, struct mq **queue,
                         bool *fresh)
{
    uint32_t length = 0, limits[2], flags = snap_get_u32(note, SNAP_OBJECT_FLAGS, 0);
    const uint8_t *data = snap_get(note, SNAP_OBJECT_LIMITS, &length);
    bool named = snap_get_u32(note, SNAP_OBJECT_LINKS, 1) != 0;
    struct mq_attr attr = {.mq_flags = 0};
    if (!data || length != sizeof limits || (flags & O_ACCMODE) == 3)
        return -EINVAL;
    memcpy(limits, data, sizeof limits);
    attr.mq_maxmsg = (long)limits[0];
    attr.mq_msgsize = (long)limits[1];
    *fresh = !named || !mq_find(name);
    if (!*fresh)
        return mq_look_up(name, flags & O_ACCMODE, 0, NULL, queue);
    int error = named ? mq_create(name, 0, &attr, queue) : mq_new(name, 0, &attr, queue);
    if (error == 0)
        (*queue)->mode = snap_get_u32(note, SNAP_OBJECT_MODE, 0600) & 0777;
    if (error == 0 && self()->process->credentials.euid == 0) {
        (*queue)->uid = snap_get_u32(note, SNAP_OBJECT_UID, 0);
        (*queue)->gid = snap_get_u32(note, SNAP_OBJECT_GID, 0);
    }
    if (error == 0 && !named)
        (*queue)->references = 0; /* the file is its only one */
    return error;
}

int mq_restore(const struct snap_note *note, struct file *other, struct file **result, bool *fresh)
{
    char name[NAME_SIZE] = "";
    struct mq *queue = NULL;
    struct file *file = file_new(&mq_ops, snap_get_u32(note, SNAP_OBJECT_FLAGS, 0));
    int error = file ? 0 : -ENOMEM;
    *fresh = false;
    server_lock();
    if (error == 0 && other)
        queue = other->ops == &mq_ops ? other->data : NULL;
    else if (error == 0 && (!snap_get_text(note, SNAP_OBJECT_PATH, name, sizeof name) || !*name))
        error = -EINVAL;
    else if (error == 0)
        error = look_up_again(note, name, &queue, fresh);
    if (error == 0 && !queue)
        error = -EINVAL;
    if (error == 0) {
        queue->references++;
        file->data = queue;
        *result = file;
    }
    server_unlock();
    if (error < 0 && file)
        file_release(file);
    return error;
}

int mq_restore_message(struct file *file, uint32_t priority, const void *text, uint32_t size)
{
    struct mq *queue = file->ops == &mq_ops ? file->data : NULL;
    if (!queue || size > queue->size_limit || priority >= PRIORITY_MAX ||
        queue->count >= queue->limit)
        return -EINVAL;
    struct mq_message *message = allocate(sizeof *message + size);
    if (!message)
        return -ENOMEM;
    message->priority = priority;
    message->size = size;
    memcpy(message->text, text, size);
    insert(queue, message);
    return 0;
}

void mq_restore_notify(struct file *file, const struct snap_note *note, uint32_t pid)
{
    uint32_t length = 0;
    const uint8_t *data = snap_get(note, SNAP_OBJECT_NOTIFY, &length);
    struct mq *queue = file->ops == &mq_ops ? file->data : NULL;
    if (!queue || !data || length != 4 + sizeof queue->notify || queue->notify_pid)
        return;
    memcpy(&queue->notify, data + 4, sizeof queue->notify);
    queue->notify_pid = queue->notify.signal <= SIGNAL_COUNT ? pid : 0;
}
