/* SPDX-License-Identifier: MIT */
/*
 * epoll. An instance has a kernel event that watches the objects behind its items; a watch's key is
 * its item. An item becomes a candidate when a watch of it fires, when it is added or changed, and,
 * level-triggered, stays one while it is ready; only candidates are looked at. So an edge is
 * reported once, however long its file stays ready, and cost goes with what happens, not with the
 * number of items.
 *
 * An instance that another one watches is ready if one of its candidates is. All is guarded by the
 * server lock; an item goes with the last reference to its file.
 */
#include <string.h>

#include "calls.h"
#include "file.h"
#include "poll.h"
#include "pollset.h"
#include "ready.h"
#include "resume.h"
#include "snapshot/kinds.h"
#include "task.h"

#define ITEMS_MAX  65536u
#define NEST_MAX   4u
#define LOOK_MAX   64u /* candidates that are looked at together */
#define TAKE_MAX   64u
#define EVENT_POKE SIGNAL_SET /* of the kernel event: there are candidates */
#define PRIVATE    ((uint32_t)(EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE))
#define EXCLUSIVE_ALLOWED \
    ((uint32_t)(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE))

struct epoll {
    struct list items, candidates;
    uint32_t count, waiters;
    handle_t event;
};
struct epoll_item {
    struct list link;           /* epoll->items */
    struct list file_link;      /* file->epoll_items */
    struct list candidate_link; /* epoll->candidates, or alone */
    struct epoll *epoll;
    struct file *file; /* not a reference */
    uint32_t fd, events;
    uint64_t data;
    struct poll_source source;
};

static const struct file_ops epoll_ops;

/* ---- items --------------------------------------------------------------------------------------- */

static void make_candidate(struct epoll_item *item)
{
    if (list_empty(&item->candidate_link))
        list_append(&item->epoll->candidates, &item->candidate_link);
}

/* Tells whoever waits for the instance that there are candidates. */
static void poke(struct epoll *epoll)
{
    ignore(event_signal(epoll->event, 0, EVENT_POKE));
}

static bool is_armed(const struct epoll_item *item)
{
    return (item->events & ~PRIVATE) != 0;
}

/* The kernel's watches for the item as it is now. */
static int item_watch(struct epoll_item *item)
{
    for (uint32_t i = 0; i < POLL_HANDLES; i++) {
        handle_t handle = item->source.handles[i];
        uint32_t signals = is_armed(item) ? source_signals(&item->source, i, item->events) : 0;
        if (item->source.maybe)
            signals = is_armed(item) ? SIGNAL_READABLE | SIGNAL_USER_MASK : 0;
        if (handle != HANDLE_NONE &&
            event_watch(item->epoll->event, handle, signals, (uint32_t)item) != OK)
            return -ENOMEM;
    }
    return 0;
}

static void item_free(struct epoll_item *item)
{
    item->events = 0;
    (void)item_watch(item); /* ending a watch needs no memory */
    list_remove(&item->link);
    list_remove(&item->file_link);
    list_remove(&item->candidate_link);
    item->epoll->count--;
    release(item);
}

void epoll_file_closed(struct file *file)
{
    server_lock();
    list_each(item, &file->epoll_items, struct epoll_item, file_link) item_free(item);
    server_unlock();
}

/* ---- what is ready; lock held ---------------------------------------------------------------------- */

/* Items whose watches have fired become candidates. */
static void take_fired(struct epoll *epoll)
{
    uint32_t keys[TAKE_MAX], done;
    ignore(event_signal(epoll->event, EVENT_POKE, 0));
    do {
        done = 0;
        if (event_take(epoll->event, keys, TAKE_MAX, &done) != OK)
            return;
        for (uint32_t i = 0; i < done; i++)
            make_candidate((struct epoll_item *)keys[i]);
    } while (done == TAKE_MAX);
}

static bool any_ready(struct epoll *epoll, uint32_t depth);

/* What an item's file says itself; the rest shows at its kernel objects. */
static uint32_t own_bits(struct epoll_item *item, uint32_t depth)
{
    struct poll_source source = {.ready = 0};
    if (item->file->ops == &epoll_ops)
        return depth < NEST_MAX && any_ready(item->file->data, depth + 1) ? READ_READY : 0;
    if (!item->source.maybe)
        return item->source.ready;
    item->file->ops->poll_locked(item->file, &source);
    return source.ready;
}

/* Looks at up to LOOK_MAX items: bits[i] is what items[i] has to report. */
static void look_at(struct epoll_item **items, uint32_t count, uint32_t *bits, uint32_t depth)
{
    struct wait_item waits[LOOK_MAX * POLL_HANDLES];
    uint32_t used = 0, owner[LOOK_MAX * POLL_HANDLES], which[LOOK_MAX * POLL_HANDLES];
    for (uint32_t i = 0; i < count; i++) {
        bits[i] = own_bits(items[i], depth);
        for (uint32_t k = 0; k < POLL_HANDLES && !items[i]->source.maybe; k++) {
            uint32_t signals = source_signals(&items[i]->source, k, items[i]->events);
            if (items[i]->source.handles[k] == HANDLE_NONE || signals == 0)
                continue;
            owner[used] = i;
            which[used] = k;
            waits[used++] = (struct wait_item){items[i]->source.handles[k], signals, 0};
        }
    }
    ignore(wait_any(waits, used, DEADLINE_POLL)); /* fills in what is observed in any case */
    for (uint32_t i = 0; i < used; i++)
        bits[owner[i]] |= source_bits(&items[owner[i]]->source, which[i], waits[i].observed);
    for (uint32_t i = 0; i < count; i++)
        bits[i] &= items[i]->events & ~PRIVATE;
}

static uint32_t first_candidates(struct epoll *epoll, struct epoll_item **items)
{
    uint32_t count = 0;
    list_each(item, &epoll->candidates, struct epoll_item, candidate_link)
    {
        if (count == LOOK_MAX)
            break;
        items[count++] = item;
    }
    return count;
}

/* Whether there is something to report; candidates that have nothing are dropped. */
static bool any_ready(struct epoll *epoll, uint32_t depth)
{
    struct epoll_item *items[LOOK_MAX];
    uint32_t bits[LOOK_MAX], count;
    take_fired(epoll);
    while ((count = first_candidates(epoll, items)) > 0) {
        look_at(items, count, bits, depth);
        for (uint32_t i = 0; i < count; i++) {
            if (bits[i]) {
                if (epoll->waiters > 0)
                    poke(epoll); /* what fired has been taken here: they must not sleep on */
                return true;
            }
            list_remove(&items[i]->candidate_link);
        }
    }
    return false;
}

/* One item's event; it stays a candidate at the end of the row, or is done until its next edge. */
static void report(struct epoll_item *item, uint32_t bits, struct linux_epoll_event *event,
                   struct list *again)
{
    *event = (struct linux_epoll_event){bits, item->data};
    list_remove(&item->candidate_link);
    if (item->events & EPOLLONESHOT)
        item->events &= PRIVATE;
    else if (!(item->events & EPOLLET))
        list_append(again, &item->candidate_link);
}

/* Up to `room` events; 0: nothing is ready. */
static uint32_t collect(struct epoll *epoll, struct linux_epoll_event *events, uint32_t room)
{
    struct epoll_item *items[LOOK_MAX];
    uint32_t bits[LOOK_MAX], count, put = 0;
    struct list again = LIST_INIT(again);
    take_fired(epoll);
    while (put < room && (count = first_candidates(epoll, items)) > 0) {
        look_at(items, count, bits, 0);
        for (uint32_t i = 0; i < count && put < room; i++) {
            if (bits[i])
                report(items[i], bits[i], &events[put++], &again);
            else
                list_remove(&items[i]->candidate_link);
        }
    }
    list_each(item, &again, struct epoll_item, candidate_link)
    {
        list_remove(&item->candidate_link);
        make_candidate(item);
    }
    if (epoll->waiters > 1 && !list_empty(&epoll->candidates))
        poke(epoll);
    return put;
}

/* ---- instances ----------------------------------------------------------------------------------- */

static void epoll_close(struct file *file)
{
    struct epoll *epoll = file->data;
    if (!epoll)
        return;
    server_lock();
    list_each(item, &epoll->items, struct epoll_item, link) item_free(item);
    server_unlock();
    close_handle(epoll->event);
    release(epoll);
}

int file_stat_anonymous(struct file *file, struct fs_attr *attr)
{
    (void)file;
    *attr = (struct fs_attr){.ino = 1, .mode = 0600, .nlink = 1, .device = 14};
    return 0;
}

/* Ready by its candidates, which only it can judge; its event says that there may be some. */
static void epoll_poll_locked(struct file *file, struct poll_source *source)
{
    struct epoll *epoll = file->data;
    source->maybe = true;
    source->handles[0] = epoll->event;
    source_add(source, 0, SIGNAL_READABLE | EVENT_POKE, READ_READY);
    source->ready = any_ready(epoll, 0) ? READ_READY : 0;
}

static void epoll_poll(struct file *file, struct poll_source *source)
{
    server_lock();
    epoll_poll_locked(file, source);
    server_unlock();
}

/* What it watches is noted by epoll_each. */
static void epoll_save(struct file *file, struct snapshot *snapshot)
{
    (void)file;
    (void)snapshot;
}

static const struct file_ops epoll_ops = {.name = "epoll",
                                          .seek_ignored = true,
                                          .stat = file_stat_anonymous,
                                          .poll = epoll_poll,
                                          .poll_locked = epoll_poll_locked,
                                          .save = epoll_save,
                                          .close = epoll_close};

static int epoll_file(struct file **result)
{
    struct file *file = file_new(&epoll_ops, O_RDWR);
    struct epoll *epoll = file ? allocate(sizeof *epoll) : NULL;
    if (!epoll || event_create(0, &epoll->event) != OK) {
        release(epoll);
        if (file)
            file_release(file);
        return -ENOMEM;
    }
    list_init(&epoll->items);
    list_init(&epoll->candidates);
    file->data = epoll;
    file->path = text_copy("anon_inode:[eventpoll]");
    *result = file;
    return 0;
}

int32_t sys_epoll_create1(uint32_t flags)
{
    struct file *file;
    if (flags & ~(uint32_t)EPOLL_CLOEXEC)
        return -EINVAL;
    int error = epoll_file(&file);
    return error < 0 ? error : fd_install(file, 0, flags & EPOLL_CLOEXEC);
}

int32_t sys_epoll_create(int32_t size)
{
    return size <= 0 ? -EINVAL : sys_epoll_create1(0);
}

/* ---- control ------------------------------------------------------------------------------------- */

/* Whether `target` is reached from `from` through instances that it watches. *depth: the longest way. */
static bool reaches(struct file *from, const struct file *target, uint32_t level, uint32_t *depth)
{
    struct epoll *epoll = from->data;
    *depth = MAX(*depth, level);
    if (from == target)
        return true;
    if (level > NEST_MAX + 1)
        return false;
    list_each(item, &epoll->items, struct epoll_item, link)
    {
        if (item->file->ops == &epoll_ops && reaches(item->file, target, level + 1, depth))
            return true;
    }
    return false;
}

static struct epoll_item *item_find(struct epoll *epoll, const struct file *file, uint32_t fd)
{
    list_each(item, &file->epoll_items, struct epoll_item, file_link)
    {
        if (item->epoll == epoll && item->fd == fd)
            return item;
    }
    return NULL;
}

static int item_add(struct file *instance, struct file *file, uint32_t fd,
                    const struct linux_epoll_event *event, const struct poll_source *source)
{
    struct epoll *epoll = instance->data;
    uint32_t depth = 0;
    if (file->ops == &epoll_ops) {
        if (reaches(file, instance, 1, &depth) || depth > NEST_MAX)
            return -ELOOP;
        if (event->events & EPOLLEXCLUSIVE)
            return -EINVAL;
    }
    if (epoll->count >= ITEMS_MAX)
        return -ENOSPC;
    struct epoll_item *item = allocate(sizeof *item);
    if (!item)
        return -ENOMEM;
    *item = (struct epoll_item){.epoll = epoll,
                                .file = file,
                                .fd = fd,
                                .events = event->events | POLLERR | POLLHUP,
                                .data = event->data,
                                .source = *source};
    list_init(&item->candidate_link);
    list_append(&epoll->items, &item->link);
    list_append(&file->epoll_items, &item->file_link);
    epoll->count++;
    int error = item_watch(item);
    if (error < 0) {
        item_free(item);
        return error;
    }
    make_candidate(item);
    poke(epoll);
    return 0;
}

static int item_change(struct epoll_item *item, const struct linux_epoll_event *event)
{
    if (!item)
        return -ENOENT;
    if ((item->events | event->events) & EPOLLEXCLUSIVE)
        return -EINVAL;
    item->events = event->events | POLLERR | POLLHUP;
    item->data = event->data;
    int error = item_watch(item);
    make_candidate(item);
    poke(item->epoll);
    return error;
}

static int control(struct file *instance, struct file *file, uint32_t fd, uint32_t operation,
                   const struct linux_epoll_event *event, const struct poll_source *source)
{
    struct epoll_item *item = item_find(instance->data, file, fd);
    switch (operation) {
    case EPOLL_CTL_ADD:
        return item ? -EEXIST : item_add(instance, file, fd, event, source);
    case EPOLL_CTL_DEL:
        if (item)
            item_free(item);
        return item ? 0 : -ENOENT;
    case EPOLL_CTL_MOD:
        return item_change(item, event);
    }
    return -EINVAL;
}

static int checked_control(struct file *instance, struct file *file, uint32_t fd,
                           uint32_t operation, const struct linux_epoll_event *event)
{
    struct poll_source source = {.ready = 0};
    if (file->flags & O_PATH)
        return -EBADF;
    if (!file->ops->poll)
        return -EPERM;
    if (instance->ops != &epoll_ops || file == instance)
        return -EINVAL;
    if (operation != EPOLL_CTL_DEL && (event->events & EPOLLEXCLUSIVE) &&
        (operation == EPOLL_CTL_MOD || (event->events & ~EXCLUSIVE_ALLOWED)))
        return -EINVAL;
    if (operation == EPOLL_CTL_ADD)
        file->ops->poll(file, &source);
    server_lock();
    int result = control(instance, file, fd, operation, event, &source);
    server_unlock();
    return result;
}

/* ---- snapshots ------------------------------------------------------------------------------------ */

int epoll_restore(const struct snap_note *note, struct file **result)
{
    (void)note;
    return epoll_file(result);
}

void epoll_each(struct file *instance,
                void (*tell)(void *context, struct file *watched, uint32_t fd,
                             const struct linux_epoll_event *event, bool candidate),
                void *context)
{
    struct epoll *epoll = instance->data;
    struct linux_epoll_event event;
    if (instance->ops != &epoll_ops)
        return;
    take_fired(epoll);
    list_each(item, &epoll->candidates, struct epoll_item, candidate_link)
    {
        event = (struct linux_epoll_event){item->events, item->data};
        tell(context, item->file, item->fd, &event, true);
    }
    list_each(item, &epoll->items, struct epoll_item, link)
    {
        event = (struct linux_epoll_event){item->events, item->data};
        if (list_empty(&item->candidate_link))
            tell(context, item->file, item->fd, &event, false);
    }
    poke(epoll); /* what had fired has been taken: whoever waits looks again */
}

int epoll_watch(struct file *instance, struct file *file, uint32_t fd,
                const struct linux_epoll_event *event, bool candidate)
{
    int error = checked_control(instance, file, fd, EPOLL_CTL_ADD, event);
    if (error < 0)
        return error;
    server_lock();
    struct epoll_item *item = item_find(instance->data, file, fd);
    if (item && !candidate) {
        item->events = event->events; /* as they are, of one shot that was fired as well */
        error = item_watch(item);
        take_fired(item->epoll);
        list_remove(&item->candidate_link);
    }
    server_unlock();
    return error;
}

/* ---- calls ----------------------------------------------------------------------------------------- */

int32_t sys_epoll_ctl(uint32_t epoll_fd, uint32_t operation, uint32_t fd, user_t event_in)
{
    struct linux_epoll_event event = {.events = 0};
    if (operation != EPOLL_CTL_DEL && copy_in(&event, event_in, sizeof event) < 0)
        return -EFAULT;
    struct file *instance = fd_get(epoll_fd), *file = fd_get(fd);
    int result = -EBADF;
    if (instance && file)
        result = checked_control(instance, file, fd, operation, &event);
    if (instance)
        file_release(instance);
    if (file)
        file_release(file);
    return result;
}

/* ---- waiting ------------------------------------------------------------------------------------- */

/* Events into `events`: their number, 0 at the deadline, -EINTR. */
static int epoll_wait_events(struct epoll *epoll, struct linux_epoll_event *events, uint32_t room,
                             ktime_t deadline)
{
    int result = 0;
    server_lock();
    epoll->waiters++;
    for (;;) {
        result = (int)collect(epoll, events, room);
        if (result != 0 || deadline == DEADLINE_POLL)
            break;
        if (thread_interrupted(self())) {
            result = -EINTR;
            break;
        }
        struct wait_item item = {.handle = epoll->event, .wanted = SIGNAL_READABLE | EVENT_POKE};
        server_unlock();
        status_t status = wait_any(&item, 1, deadline);
        server_lock();
        if (status == ERR_TIMED_OUT || status == ERR_SHOULD_WAIT)
            deadline = DEADLINE_POLL; /* one last look */
    }
    epoll->waiters--;
    server_unlock();
    return result;
}

static int32_t wait_masked(uint32_t fd, user_t to, int32_t count, ktime_t deadline, user_t mask,
                           uint32_t size)
{
    uint32_t room = MIN((uint32_t)count, 1024);
    deadline = call_deadline(deadline);
    if (count <= 0 || (uint32_t)count > INT32_MAX / sizeof(struct linux_epoll_event))
        return -EINVAL;
    struct file *file = fd_get(fd);
    if (!file)
        return -EBADF;
    struct linux_epoll_event *events = allocate(room * sizeof *events);
    int result = file->ops != &epoll_ops ? -EINVAL : events ? 0 : -ENOMEM;
    if (result == 0)
        result = poll_begin_mask(mask, size);
    if (result == 0) {
        result = epoll_wait_events(file->data, events, room, deadline);
        if (result > 0 && copy_out(to, events, (uint32_t)result * sizeof *events) < 0)
            result = -EFAULT;
        if (result == -EINTR)
            result = call_interrupted(result, deadline);
        if (result == -EINTR && mask.address)
            result = -ERESTARTNOHAND;
        poll_end_mask(result);
    }
    release(events);
    file_release(file);
    return result;
}

int32_t sys_epoll_pwait(uint32_t fd, user_t events, int32_t count, int32_t timeout, user_t mask,
                        uint32_t size)
{
    return wait_masked(fd, events, count, deadline_of_ms(timeout), mask, size);
}

int32_t sys_epoll_pwait2(uint32_t fd, user_t events, int32_t count, user_t timeout, user_t mask,
                         uint32_t size)
{
    ktime_t deadline;
    int error = poll_begin_span(timeout, true, &deadline);
    return error < 0 ? error : wait_masked(fd, events, count, deadline, mask, size);
}

int32_t sys_epoll_wait(uint32_t fd, user_t events, int32_t count, int32_t timeout)
{
    return sys_epoll_pwait(fd, events, count, timeout, USER(0), 8);
}
