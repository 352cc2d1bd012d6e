/* SPDX-License-Identifier: MIT */
/*
 * Waiting for files: poll, select, epoll. All of them gather the kernel objects behind the files
 * into one wait_any and read the answer off the observed signals; nothing is registered anywhere
 * and nothing has to be undone. An epoll instance is a remembered list of files.
 */
#include "poll.h"

#include <string.h>

#include "calls.h"
#include "file.h"
#include "ready.h"
#include "task.h"
#include "time.h"

#define POLL_MAX 4096u
#define CROWDED_INTERVAL \
    10000000ull /* ns between looks if there are more objects than wait_any takes */
#define READ_EVENTS  (POLLIN | POLLRDNORM)
#define WRITE_EVENTS (POLLOUT | POLLWRNORM)

/* ---- the common part ----------------------------------------------------------------------------- */

struct watch {
    struct file *file; /* a reference, or NULL: not watched */
    uint32_t events, ready;
    struct poll_source source;
    int16_t read_item, write_item; /* indices of wait items, -1: none */
};
struct watch_set {
    struct watch *watches;
    uint32_t count;
    struct wait_item *items;
    uint32_t item_count;
    bool crowded;
};

static int set_allocate(struct watch_set *set, uint32_t count)
{
    *set = (struct watch_set){.count = count};
    set->watches = allocate(MAX(count, 1) * sizeof *set->watches);
    set->items = allocate(MIN(MAX(count * 2, 1), WAIT_MAX) * sizeof *set->items);
    if (set->watches && set->items)
        return 0;
    release(set->watches);
    release(set->items);
    return -ENOMEM;
}

static void set_free(struct watch_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->watches[i].file)
            file_release(set->watches[i].file);
    }
    release(set->watches);
    release(set->items);
}

static int16_t add_item(struct watch_set *set, handle_t handle, uint32_t wanted)
{
    if (handle == HANDLE_NONE)
        return -1;
    if (set->item_count == WAIT_MAX) {
        set->crowded = true;
        return -1;
    }
    set->items[set->item_count] = (struct wait_item){.handle = handle, .wanted = wanted};
    return (int16_t)set->item_count++;
}

static void watch_prepare(struct watch_set *set, struct watch *watch)
{
    struct poll_source *source = &watch->source;
    uint32_t read_wanted, write_wanted;
    watch->read_item = watch->write_item = -1;
    if (!watch->file)
        return;
    if (!watch->file->ops->poll) {
        watch->ready = watch->events & (READ_EVENTS | WRITE_EVENTS);
        return;
    }
    watch->file->ops->poll(watch->file, source);
    watch->ready = source->ready & watch->events;
    if (source->poll_bits) {
        uint32_t wanted = watch->events | POLLERR | POLLHUP;
        watch->read_item = add_item(set, source->read_handle, wanted << READY_SHIFT);
        return;
    }
    read_wanted = source->hangup | (watch->events & READ_EVENTS ? source->readable : 0) |
                  (watch->events & POLLPRI ? source->priority : 0);
    write_wanted = source->error | (watch->events & WRITE_EVENTS ? source->writable : 0);
    if (source->write_handle == source->read_handle) {
        watch->read_item = add_item(set, source->read_handle, read_wanted | write_wanted);
        watch->write_item = watch->read_item;
        return;
    }
    watch->read_item = add_item(set, source->read_handle, read_wanted);
    watch->write_item = add_item(set, source->write_handle, write_wanted);
}

static uint32_t watch_result(const struct watch_set *set, const struct watch *watch)
{
    const struct poll_source *source = &watch->source;
    uint32_t events = watch->ready;
    if (source->poll_bits && watch->read_item >= 0) {
        events |= set->items[watch->read_item].observed >> READY_SHIFT;
    } else if (watch->read_item >= 0) {
        uint32_t observed = set->items[watch->read_item].observed;
        uint32_t data = source->readable & ~source->hangup;
        if ((observed & data) && !source->never_readable)
            events |= READ_EVENTS;
        if (observed & source->hangup)
            events |= POLLHUP;
        if (observed & source->priority)
            events |= POLLPRI;
    }
    if (watch->write_item >= 0) {
        uint32_t observed = set->items[watch->write_item].observed;
        if ((observed & source->writable) && !source->never_writable)
            events |= WRITE_EVENTS;
        if (observed & source->error)
            events |= POLLERR | WRITE_EVENTS;
    }
    return events & (watch->events | POLLERR | POLLHUP | POLLNVAL);
}

/* Watches with something to report; their `ready` says what. */
static uint32_t collect(struct watch_set *set)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        struct watch *watch = &set->watches[i];
        if (watch->file)
            watch->ready = watch_result(set, watch);
        count += watch->ready != 0;
    }
    return count;
}

/* Waits until something is ready: the number of ready watches, 0 at the deadline, -ERESTARTSYS. */
static int set_wait(struct watch_set *set, ktime_t deadline)
{
    bool ready = false;
    for (uint32_t i = 0; i < set->count; i++) {
        watch_prepare(set, &set->watches[i]);
        ready |= set->watches[i].ready != 0;
    }
    for (;;) {
        ktime_t until = ready ? DEADLINE_POLL : deadline;
        if (set->crowded && until != DEADLINE_POLL)
            until = MIN(until, deadline_after(CROWDED_INTERVAL));
        status_t status = wait_any(set->items, set->item_count, until);
        if (status == ERR_INTERRUPTED) {
            if (thread_interrupted(self()))
                return -ERESTARTSYS;
            continue;
        }
        uint32_t count = collect(set);
        if (count > 0)
            return (int)count;
        if (status != OK && status != ERR_TIMED_OUT && status != ERR_SHOULD_WAIT)
            return -EINVAL;
        if (ready || deadline == DEADLINE_POLL || (deadline != DEADLINE_NEVER && now() >= deadline))
            return 0;
    }
}

/* ---- poll ---------------------------------------------------------------------------------------- */

static int poll_files(user_t fds, uint32_t count, ktime_t deadline)
{
    struct watch_set set;
    struct pollfd *list;
    if (count > POLL_MAX)
        return -EINVAL;
    if (set_allocate(&set, count) < 0)
        return -ENOMEM;
    list = allocate(MAX(count, 1) * sizeof *list);
    int result = !list ? -ENOMEM : copy_in(list, fds, count * sizeof *list);
    for (uint32_t i = 0; result == 0 && i < count; i++) {
        struct watch *watch = &set.watches[i];
        if (list[i].fd < 0)
            continue;
        watch->file = fd_get((uint32_t)list[i].fd);
        watch->events = (uint16_t)list[i].events;
        if (!watch->file)
            watch->ready = POLLNVAL;
    }
    if (result == 0)
        result = set_wait(&set, deadline);
    for (uint32_t i = 0; result >= 0 && i < count; i++)
        list[i].revents = (short)set.watches[i].ready;
    if (result >= 0 && copy_out(fds, list, count * sizeof *list) < 0)
        result = -EFAULT;
    release(list);
    set_free(&set);
    return result;
}

static ktime_t deadline_of_ms(int32_t timeout)
{
    return timeout < 0    ? DEADLINE_NEVER
           : timeout == 0 ? DEADLINE_POLL
                          : deadline_after((uint64_t)timeout * 1000000);
}

static int32_t poll_until(user_t fds, uint32_t count, ktime_t deadline)
{
    struct thread *thread = self();
    int result = poll_files(fds, count, deadline);
    if (result != -ERESTARTSYS)
        return result;
    thread->restart.kind = RESTART_POLL;
    thread->restart.deadline = deadline;
    thread->restart.words[0] = fds.address;
    thread->restart.words[1] = count;
    return -ERESTART_BLOCK;
}

int32_t sys_poll(user_t fds, uint32_t count, int32_t timeout)
{
    return poll_until(fds, count, deadline_of_ms(timeout));
}

int32_t poll_restart(struct thread *thread)
{
    return poll_until(USER(thread->restart.words[0]), thread->restart.words[1],
                      thread->restart.deadline);
}

/* ---- masks and spans of the p-calls --------------------------------------------------------------- */

/* Puts a temporary mask in place until the call, or the handler that it runs, returns. */
static int begin_mask(user_t mask, uint32_t size)
{
    struct thread *thread = self();
    uint64_t set;
    if (!mask.address)
        return 0;
    if (size != 8)
        return -EINVAL;
    if (copy_in(&set, mask, 8) < 0)
        return -EFAULT;
    server_lock();
    thread->restore_blocked = thread->blocked;
    thread->has_restore_blocked = true;
    signal_set_mask(thread, set);
    server_unlock();
    return 0;
}

/* Without an interruption the old mask comes back at once. */
static void end_mask(int32_t result)
{
    struct thread *thread = self();
    if (result == -ERESTARTNOHAND || !thread->has_restore_blocked)
        return;
    server_lock();
    thread->has_restore_blocked = false;
    signal_set_mask(thread, thread->restore_blocked);
    server_unlock();
}

static int begin_span(user_t timeout, bool wide, ktime_t *deadline)
{
    uint64_t span;
    *deadline = DEADLINE_NEVER;
    if (!timeout.address)
        return 0;
    int result = copy_in_span(&span, timeout, wide);
    if (result == 0)
        *deadline = span == 0 ? DEADLINE_POLL : deadline_after(span);
    return result;
}

/* Linux writes back what is left of the time. */
static void end_span(user_t timeout, bool wide, ktime_t deadline)
{
    ktime_t time = now();
    if (timeout.address)
        (void)copy_out_span(
            timeout, deadline != DEADLINE_NEVER && deadline > time ? deadline - time : 0, wide);
}

static int32_t ppoll_as(user_t fds, uint32_t count, user_t timeout, user_t mask, uint32_t size,
                        bool wide)
{
    ktime_t deadline;
    int result = begin_span(timeout, wide, &deadline);
    if (result == 0)
        result = begin_mask(mask, size);
    if (result < 0)
        return result;
    result = poll_files(fds, count, deadline);
    if (result == -ERESTARTSYS)
        result = -ERESTARTNOHAND;
    end_mask(result);
    end_span(timeout, wide, deadline);
    return result;
}

int32_t sys_ppoll(user_t fds, uint32_t count, user_t timeout, user_t mask, uint32_t size)
{
    return ppoll_as(fds, count, timeout, mask, size, false);
}

int32_t sys_ppoll_time64(user_t fds, uint32_t count, user_t timeout, user_t mask, uint32_t size)
{
    return ppoll_as(fds, count, timeout, mask, size, true);
}

/* ---- select -------------------------------------------------------------------------------------- */

#define SELECT_MAX   1024
#define SELECT_WORDS (SELECT_MAX / 32)
#define SELECT_READ  (READ_EVENTS | POLLHUP | POLLERR)
#define SELECT_WRITE (WRITE_EVENTS | POLLERR)

struct select_sets {
    uint32_t words[3][SELECT_WORDS];
};

static int copy_in_sets(struct select_sets *sets, const user_t at[3], uint32_t count)
{
    uint32_t size = (count + 31) / 32 * 4;
    memset(sets, 0, sizeof *sets);
    for (int i = 0; i < 3; i++) {
        if (at[i].address && copy_in(sets->words[i], at[i], size) < 0)
            return -EFAULT;
    }
    return 0;
}

static bool in_set(const struct select_sets *sets, int which, uint32_t fd)
{
    return sets->words[which][fd / 32] >> (fd % 32) & 1;
}

/* One watch per descriptor that is in any set. */
static int watch_sets(struct watch_set *set, const struct select_sets *sets, uint32_t count)
{
    for (uint32_t fd = 0; fd < count; fd++) {
        uint32_t events = (in_set(sets, 0, fd) ? READ_EVENTS : 0) |
                          (in_set(sets, 1, fd) ? WRITE_EVENTS : 0) |
                          (in_set(sets, 2, fd) ? POLLPRI : 0);
        if (!events)
            continue;
        set->watches[fd].file = fd_get(fd);
        set->watches[fd].events = events;
        if (!set->watches[fd].file)
            return -EBADF;
    }
    return 0;
}

static int result_sets(const struct watch_set *set, const struct select_sets *sets,
                       struct select_sets *results)
{
    static const uint32_t masks[3] = {SELECT_READ, SELECT_WRITE, POLLPRI};
    int count = 0;
    memset(results, 0, sizeof *results);
    for (uint32_t fd = 0; fd < set->count; fd++) {
        for (int i = 0; i < 3; i++) {
            if (!in_set(sets, i, fd) || !(set->watches[fd].ready & masks[i]))
                continue;
            results->words[i][fd / 32] |= 1u << (fd % 32);
            count++;
        }
    }
    return count;
}

static int32_t select_files(int32_t count, const user_t at[3], ktime_t deadline)
{
    struct select_sets sets, results;
    struct watch_set set;
    if (count < 0)
        return -EINVAL;
    uint32_t limit = MIN((uint32_t)count, SELECT_MAX), size = (limit + 31) / 32 * 4;
    if (copy_in_sets(&sets, at, limit) < 0)
        return -EFAULT;
    if (set_allocate(&set, limit) < 0)
        return -ENOMEM;
    int result = watch_sets(&set, &sets, limit);
    if (result == 0)
        result = set_wait(&set, deadline);
    if (result >= 0) {
        result = result_sets(&set, &sets, &results);
        for (int i = 0; i < 3; i++) {
            if (at[i].address && copy_out(at[i], results.words[i], size) < 0)
                result = -EFAULT;
        }
    }
    set_free(&set);
    return result == -ERESTARTSYS ? -ERESTARTNOHAND : result;
}

int32_t sys_select(int32_t count, user_t readable, user_t writable, user_t exceptional,
                   user_t timeout)
{
    const user_t at[3] = {readable, writable, exceptional};
    struct linux_timeval span;
    ktime_t deadline = DEADLINE_NEVER;
    if (timeout.address) {
        if (copy_in(&span, timeout, sizeof span) < 0)
            return -EFAULT;
        if (span.sec < 0 || span.usec < 0)
            return -EINVAL;
        uint64_t ns = (uint64_t)span.sec * NS_PER_SEC + (uint64_t)span.usec * 1000;
        deadline = ns == 0 ? DEADLINE_POLL : deadline_after(ns);
    }
    int32_t result = select_files(count, at, deadline);
    if (timeout.address) {
        ktime_t time = now();
        uint64_t left = deadline != DEADLINE_NEVER && deadline > time ? deadline - time : 0;
        span = (struct linux_timeval){(int32_t)(left / NS_PER_SEC),
                                      (int32_t)(left % NS_PER_SEC / 1000)};
        (void)copy_out(timeout, &span, sizeof span); /* as Linux: a read-only timeout is no error */
    }
    return result;
}

int32_t sys_old_select(user_t arguments)
{
    uint32_t words[5];
    if (copy_in(words, arguments, sizeof words) < 0)
        return -EFAULT;
    return sys_select((int32_t)words[0], USER(words[1]), USER(words[2]), USER(words[3]),
                      USER(words[4]));
}

static int32_t pselect_as(int32_t count, const user_t at[3], user_t timeout, user_t packed_mask,
                          bool wide)
{
    uint32_t packed[2] = {0, 8}; /* address and size of the mask */
    ktime_t deadline;
    if (packed_mask.address && copy_in(packed, packed_mask, sizeof packed) < 0)
        return -EFAULT;
    int result = begin_span(timeout, wide, &deadline);
    if (result == 0)
        result = begin_mask(USER(packed[0]), packed[1]);
    if (result < 0)
        return result;
    result = select_files(count, at, deadline);
    end_mask(result);
    end_span(timeout, wide, deadline);
    return result;
}

int32_t sys_pselect6(int32_t count, user_t readable, user_t writable, user_t exceptional,
                     user_t timeout, user_t mask)
{
    const user_t at[3] = {readable, writable, exceptional};
    return pselect_as(count, at, timeout, mask, false);
}

int32_t sys_pselect6_time64(int32_t count, user_t readable, user_t writable, user_t exceptional,
                            user_t timeout, user_t mask)
{
    const user_t at[3] = {readable, writable, exceptional};
    return pselect_as(count, at, timeout, mask, true);
}

/* ---- epoll --------------------------------------------------------------------------------------- */

struct epoll {
    struct list items;
    uint32_t count;
    struct wait_queue changed;
};
struct epoll_item {
    struct list link;      /* epoll->items */
    struct list file_link; /* file->epoll_items */
    struct epoll *epoll;
    struct file *file; /* not a reference: the item goes with the file */
    uint32_t fd, events;
    uint64_t data;
};

static void item_free(struct epoll_item *item)
{
    list_remove(&item->link);
    list_remove(&item->file_link);
    item->epoll->count--;
    release(item);
}

void epoll_file_closed(struct file *file)
{
    struct epoll_item *item;
    server_lock();
    list_each(item, &file->epoll_items, struct epoll_item, file_link) item_free(item);
    server_unlock();
}

static void epoll_close(struct file *file)
{
    struct epoll *epoll = file->data;
    struct epoll_item *item;
    if (!epoll)
        return;
    server_lock();
    list_each(item, &epoll->items, struct epoll_item, link) item_free(item);
    server_unlock();
    release(epoll);
}

static int anonymous_stat(struct file *file, struct fs_attr *attr)
{
    (void)file;
    *attr = (struct fs_attr){.mode = 0600, .nlink = 1, .device = 14};
    return 0;
}

/* Not watched by other instances: never ready. */
static void epoll_poll(struct file *file, struct poll_source *source)
{
    (void)file;
    source->never_readable = source->never_writable = true;
}

static const struct file_ops epoll_ops = {.name = "epoll",
                                          .seek_ignored = true,
                                          .stat = anonymous_stat,
                                          .poll = epoll_poll,
                                          .close = epoll_close};

int32_t sys_epoll_create1(uint32_t flags)
{
    if (flags & ~(uint32_t)EPOLL_CLOEXEC)
        return -EINVAL;
    struct file *file = file_new(&epoll_ops, O_RDWR);
    struct epoll *epoll = file ? allocate(sizeof *epoll) : NULL;
    if (!epoll) {
        if (file)
            file_release(file);
        return -ENOMEM;
    }
    list_init(&epoll->items);
    wait_queue_init(&epoll->changed);
    file->data = epoll;
    file->path = text_copy("anon_inode:[eventpoll]");
    return fd_install(file, 0, flags & EPOLL_CLOEXEC);
}

int32_t sys_epoll_create(int32_t size)
{
    return size <= 0 ? -EINVAL : sys_epoll_create1(0);
}

static struct epoll_item *item_find(struct epoll *epoll, const struct file *file, uint32_t fd)
{
    struct epoll_item *item;
    list_each(item, &epoll->items, struct epoll_item, link)
    {
        if (item->file == file && item->fd == fd)
            return item;
    }
    return NULL;
}

static int item_add(struct epoll *epoll, struct file *file, uint32_t fd,
                    const struct linux_epoll_event *event)
{
    struct epoll_item *item = allocate(sizeof *item);
    if (!item)
        return -ENOMEM;
    if (epoll->count >= POLL_MAX) {
        release(item);
        return -ENOSPC;
    }
    *item = (struct epoll_item){
        .epoll = epoll, .file = file, .fd = fd, .events = event->events, .data = event->data};
    list_append(&epoll->items, &item->link);
    list_append(&file->epoll_items, &item->file_link);
    epoll->count++;
    return 0;
}

static int control(struct epoll *epoll, struct file *file, uint32_t fd, uint32_t operation,
                   const struct linux_epoll_event *event)
{
    struct epoll_item *item = item_find(epoll, file, fd);
    switch (operation) {
    case EPOLL_CTL_ADD:
        return item ? -EEXIST : item_add(epoll, file, fd, event);
    case EPOLL_CTL_DEL:
        if (item)
            item_free(item);
        return item ? 0 : -ENOENT;
    case EPOLL_CTL_MOD:
        if (!item)
            return -ENOENT;
        item->events = event->events;
        item->data = event->data;
        return 0;
    }
    return -EINVAL;
}

int32_t sys_epoll_ctl(uint32_t epoll_fd, uint32_t operation, uint32_t fd, user_t event_in)
{
    struct linux_epoll_event event = {.events = 0};
    if (operation != EPOLL_CTL_DEL && copy_in(&event, event_in, sizeof event) < 0)
        return -EFAULT;
    struct file *instance = fd_get(epoll_fd), *file = fd_get(fd);
    int result = -EBADF;
    if (instance && file) {
        result = -EINVAL;
        if (instance->ops == &epoll_ops && file != instance) {
            server_lock();
            result =
                file->ops->poll ? control(instance->data, file, fd, operation, &event) : -EPERM;
            server_unlock();
        }
    }
    if (instance)
        file_release(instance);
    if (file)
        file_release(file);
    return result;
}

static int epoll_snapshot(struct epoll *epoll, struct watch_set *set,
                          struct linux_epoll_event **data)
{
    struct epoll_item *item;
    uint32_t i = 0;
    server_lock();
    int error = set_allocate(set, epoll->count);
    *data = error == 0 ? allocate(MAX(epoll->count, 1) * sizeof **data) : NULL;
    if (*data) {
        list_each(item, &epoll->items, struct epoll_item, link)
        {
            set->watches[i].file = item->file;
            set->watches[i].events = item->events & 0xffff;
            (*data)[i] = (struct linux_epoll_event){item->fd, item->data};
            file_hold(item->file);
            i++;
        }
    }
    server_unlock();
    if (error == 0 && !*data) {
        set_free(set);
        error = -ENOMEM;
    }
    return error;
}

/* Hands out up to `room` ready events; one-shot items are disarmed. */
static int epoll_report(struct epoll *epoll, struct watch_set *set, struct linux_epoll_event *data,
                        user_t events, uint32_t room)
{
    uint32_t put = 0;
    for (uint32_t i = 0; i < set->count && put < room; i++) {
        if (!set->watches[i].ready)
            continue;
        struct linux_epoll_event event = {set->watches[i].ready, data[i].data};
        if (copy_out(user_at(events, put * sizeof event), &event, sizeof event) < 0)
            return -EFAULT;
        put++;
        server_lock();
        struct epoll_item *item = item_find(epoll, set->watches[i].file, data[i].events);
        if (item && (item->events & EPOLLONESHOT))
            item->events &= EPOLLONESHOT | EPOLLET;
        server_unlock();
    }
    return (int)put;
}

/* One wait over the present items; a disarmed item (no events) is left out. */
static int epoll_wait_files(struct epoll *epoll, user_t events, uint32_t room, ktime_t deadline)
{
    struct watch_set set;
    struct linux_epoll_event *data;
    int result = epoll_snapshot(epoll, &set, &data);
    if (result < 0)
        return result;
    for (uint32_t i = 0; i < set.count; i++) {
        if (set.watches[i].events == 0) {
            file_release(set.watches[i].file);
            set.watches[i].file = NULL;
        }
    }
    result = set_wait(&set, deadline);
    if (result > 0)
        result = epoll_report(epoll, &set, data, events, room);
    release(data);
    set_free(&set);
    return result;
}

int32_t sys_epoll_pwait(uint32_t fd, user_t events, int32_t count, int32_t timeout, user_t mask,
                        uint32_t size)
{
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    int result = file->ops == &epoll_ops && count > 0 ? begin_mask(mask, size) : -EINVAL;
    if (result == 0) {
        result = epoll_wait_files(file->data, events, (uint32_t)count, deadline_of_ms(timeout));
        if (result == -ERESTARTSYS)
            result = mask.address ? -ERESTARTNOHAND : -EINTR;
        end_mask(result);
    }
    file_release(file);
    return result;
}

int32_t sys_epoll_wait(uint32_t fd, user_t events, int32_t count, int32_t timeout)
{
    return sys_epoll_pwait(fd, events, count, timeout, USER(0), 8);
}

/* ---- eventfd ------------------------------------------------------------------------------------- */

#define EVENT_READABLE SIGNAL_SET
#define EVENT_WRITABLE (SIGNAL_SET << 1)

struct eventfd {
    uint64_t value;
    bool semaphore;
    struct wait_queue changed;
};

/* Lock held. */
static void eventfd_show(struct file *file)
{
    struct eventfd *event = file->data;
    uint32_t set =
        (event->value ? EVENT_READABLE : 0) | (event->value < UINT64_MAX - 1 ? EVENT_WRITABLE : 0);
    ignore(event_signal(file->handle, (EVENT_READABLE | EVENT_WRITABLE) & ~set, set));
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
        eventfd_show(file);
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
        eventfd_show(file);
    }
    server_unlock();
    return result < 0 ? result : 8;
}

static void eventfd_poll(struct file *file, struct poll_source *source)
{
    source->read_handle = source->write_handle = file->handle;
    source->readable = EVENT_READABLE;
    source->writable = EVENT_WRITABLE;
}

static void eventfd_close(struct file *file)
{
    release(file->data);
}

static const struct file_ops eventfd_ops = {.name = "eventfd",
                                            .read = eventfd_read,
                                            .write = eventfd_write,
                                            .seek_ignored = true,
                                            .stat = anonymous_stat,
                                            .poll = eventfd_poll,
                                            .close = eventfd_close};

int32_t sys_eventfd2(uint32_t value, uint32_t flags)
{
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK | 1)) /* EFD_SEMAPHORE */
        return -EINVAL;
    struct file *file = file_new(&eventfd_ops, O_RDWR | (flags & O_NONBLOCK));
    struct eventfd *event = file ? allocate(sizeof *event) : NULL;
    if (!event || event_create(0, &file->handle) != OK) {
        release(event);
        if (file)
            file_release(file);
        return -ENFILE;
    }
    event->value = value;
    event->semaphore = flags & 1;
    wait_queue_init(&event->changed);
    file->data = event;
    file->path = text_copy("anon_inode:[eventfd]");
    server_lock();
    eventfd_show(file);
    server_unlock();
    return fd_install(file, 0, flags & O_CLOEXEC);
}

int32_t sys_eventfd(uint32_t value)
{
    return sys_eventfd2(value, 0);
}
