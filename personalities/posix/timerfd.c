/* SPDX-License-Identifier: MIT */
/*
 * timerfd: timers that are read. The count of expirations is guarded by the server lock. A timer set
 * to a time of the wall clock follows when that is set, and may ask to be told (ECANCELED).
 */
#include "calls.h"
#include "file.h"
#include "ready.h"
#include "snapshot/kinds.h"
#include "task.h"
#include "time.h"
#include "timeout.h"

#define TFD_ABSTIME       1u
#define TFD_CANCEL_ON_SET 2u
#define TFD_SET_TICKS     0x40085400u

struct timerfd {
    struct timeout timeout; /* first */
    struct list link;       /* all of them */
    uint32_t clock, flags;
    uint64_t interval, ticks;
    uint64_t skipped;       /* expirations that the next one stands for */
    uint64_t wall_deadline; /* of an absolute one on the wall clock */
    bool cancelled;
    struct wait_queue expired;
    struct ready ready;
};

static struct list timerfds = LIST_INIT(timerfds);

static bool follows_wall(const struct timerfd *timer)
{
    return (timer->clock == CLOCK_REALTIME || timer->clock == CLOCK_REALTIME_ALARM) &&
           (timer->flags & TFD_ABSTIME);
}

static uint32_t bits_of(const struct timerfd *timer)
{
    return timer->ticks || timer->cancelled ? READ_READY : 0;
}

static void tell(struct timerfd *timer)
{
    ready_show(&timer->ready, bits_of(timer), READ_READY);
    wait_queue_wake(&timer->expired, WAKE_ALL);
}

static void timerfd_expire(struct timeout *timeout, ktime_t time)
{
    struct timerfd *timer = (struct timerfd *)timeout;
    ktime_t deadline = timeout->deadline;
    timer->ticks += 1 + timer->skipped;
    timer->skipped = 0;
    if (timer->interval) {
        uint64_t missed = (time - deadline) / timer->interval;
        if (timer->interval < INTERVAL_LEAST) /* or nothing else would run */
            timer->skipped = INTERVAL_LEAST / timer->interval;
        uint64_t advance = (missed + 1 + timer->skipped) * timer->interval;
        timer->ticks += missed;
        timer->wall_deadline += advance;
        timeout_start(timeout, deadline + advance);
    }
    tell(timer);
}

void timerfd_clock_was_set(void)
{
    uint64_t wall = wall_clock();
    server_lock();
    list_each(timer, &timerfds, struct timerfd, link)
    {
        if (!follows_wall(timer))
            continue;
        if (timer->timeout.running)
            timeout_start(&timer->timeout, timer->wall_deadline > wall
                                               ? deadline_after(timer->wall_deadline - wall)
                                               : now());
        if (timer->flags & TFD_CANCEL_ON_SET) {
            timer->cancelled = true;
            tell(timer);
        }
    }
    server_unlock();
}

/* ---- the file -------------------------------------------------------------------------------------- */

static int timerfd_read(struct file *file, struct io *io, uint64_t *offset)
{
    struct timerfd *timer = file->data;
    uint64_t ticks = 0;
    int result = 0;
    (void)offset;
    if (io->left < 8)
        return -EINVAL;
    server_lock();
    while (!bits_of(timer) && result == 0)
        result =
            file->flags & O_NONBLOCK ? -EAGAIN : wait_queue_sleep(&timer->expired, DEADLINE_NEVER);
    if (result == 0) {
        if (timer->cancelled)
            result = -ECANCELED;
        ticks = timer->ticks;
        timer->ticks = 0;
        timer->cancelled = false;
        ready_show(&timer->ready, 0, 0);
    }
    server_unlock();
    if (result == 0)
        result = io_put(io, &ticks, 8);
    return result < 0 ? result : 8;
}

static void timerfd_poll(struct file *file, struct poll_source *source)
{
    struct timerfd *timer = file->data;
    server_lock();
    ready_source(&timer->ready, bits_of(timer), source);
    server_unlock();
}

static int timerfd_ioctl(struct file *file, uint32_t request, user_t argument)
{
    struct timerfd *timer = file->data;
    uint64_t ticks;
    if (request != TFD_SET_TICKS)
        return -ENOTTY;
    if (copy_in(&ticks, argument, 8) < 0)
        return -EFAULT;
    if (ticks == 0)
        return -EINVAL;
    server_lock();
    timer->ticks = ticks;
    tell(timer);
    server_unlock();
    return 0;
}

static void timerfd_close(struct file *file)
{
    struct timerfd *timer = file->data;
    if (!timer)
        return;
    server_lock();
    timeout_stop(&timer->timeout);
    list_remove(&timer->link);
    ready_end(&timer->ready);
    server_unlock();
    release(timer);
}

static void timerfd_save(struct file *file, struct snapshot *snapshot)
{
    const struct timerfd *timer = file->data;
    server_lock();
    snap_put_u32(snapshot, SNAP_OBJECT_CLOCK, timer->clock);
    snap_put_u32(snapshot, SNAP_OBJECT_KIND, timer->flags);
    snap_put_u64(snapshot, SNAP_OBJECT_VALUE, timer->ticks);
    snap_put_u64(snapshot, SNAP_OBJECT_INTERVAL, timer->interval);
    if (timer->timeout.running)
        snap_put_u64(snapshot, SNAP_OBJECT_LEFT, timeout_left(&timer->timeout));
    server_unlock();
}

static const struct file_ops timerfd_ops = {.name = "timerfd",
                                            .read = timerfd_read,
                                            .seek_ignored = true,
                                            .stat = file_stat_anonymous,
                                            .ioctl = timerfd_ioctl,
                                            .poll = timerfd_poll,
                                            .save = timerfd_save,
                                            .close = timerfd_close};

/* ---- calls ----------------------------------------------------------------------------------------- */

static bool clock_is_valid(uint32_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME ||
           clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM;
}

static int timerfd_file(uint32_t clock, uint32_t flags, struct file **result)
{
    if (!clock_is_valid(clock))
        return -EINVAL;
    struct file *file = file_new(&timerfd_ops, O_RDWR | (flags & O_NONBLOCK));
    struct timerfd *timer = file ? allocate(sizeof *timer) : NULL;
    if (!timer) {
        if (file)
            file_release(file);
        return -ENOMEM;
    }
    timeout_init(&timer->timeout, timerfd_expire);
    wait_queue_init(&timer->expired);
    timer->clock = clock;
    file->data = timer;
    file->path = text_copy("anon_inode:[timerfd]");
    server_lock();
    list_append(&timerfds, &timer->link);
    server_unlock();
    *result = file;
    return 0;
}

int32_t sys_timerfd_create(uint32_t clock, uint32_t flags)
{
    struct file *file;
    if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    int error = timerfd_file(clock, flags, &file);
    return error < 0 ? error : fd_install(file, 0, flags & O_CLOEXEC);
}

/* It runs on with what was left, also if it was set to a time of the wall clock. */
int timerfd_restore(const struct snap_note *note, struct file **result)
{
    uint64_t left = snap_get_u64(note, SNAP_OBJECT_LEFT, 0);
    int error = timerfd_file(snap_get_u32(note, SNAP_OBJECT_CLOCK, UINT32_MAX), 0, result);
    if (error < 0)
        return error;
    struct timerfd *timer = (*result)->data;
    server_lock();
    timer->flags = snap_get_u32(note, SNAP_OBJECT_KIND, 0) & (TFD_ABSTIME | TFD_CANCEL_ON_SET);
    timer->interval = snap_get_u64(note, SNAP_OBJECT_INTERVAL, 0);
    timer->ticks = snap_get_u64(note, SNAP_OBJECT_VALUE, 0);
    timer->wall_deadline = wall_clock() + left;
    if (left > 0)
        timeout_start(&timer->timeout, deadline_after(left));
    server_unlock();
    return 0;
}

static struct file *timerfd_get(uint32_t fd, int *error)
{
    struct file *file = fd_get(fd);
    *error = file ? 0 : -EBADF;
    if (!file || file->ops == &timerfd_ops)
        return file;
    *error = -EINVAL;
    file_release(file);
    return NULL;
}

static int32_t put_setting(user_t to, uint64_t interval, uint64_t left, bool wide)
{
    uint32_t half = wide ? sizeof(struct linux_timespec64) : sizeof(struct linux_timespec);
    return copy_out_span(to, interval, wide) < 0 || copy_out_span(user_at(to, half), left, wide) < 0
               ? -EFAULT
               : 0;
}

/* Lock held. */
static void arm(struct timerfd *timer, uint32_t flags, uint64_t value, uint64_t interval)
{
    timeout_stop(&timer->timeout);
    timer->flags = flags;
    timer->interval = interval;
    timer->skipped = 0;
    timer->ticks = 0;
    timer->cancelled = false;
    timer->wall_deadline = value;
    if (value != 0 && (flags & TFD_ABSTIME)) {
        uint64_t time = follows_wall(timer) ? wall_clock() : now();
        ktime_t at = now();
        timeout_start(&timer->timeout, value > time        ? deadline_after(value - time)
                                       : time - value < at ? at - (time - value)
                                                           : 0);
    } else if (value != 0) {
        timeout_start(&timer->timeout, deadline_after(value));
    }
    ready_show(&timer->ready, 0, 0);
}

static int32_t settime_as(uint32_t fd, uint32_t flags, user_t new, user_t old, bool wide)
{
    uint32_t half = wide ? sizeof(struct linux_timespec64) : sizeof(struct linux_timespec);
    uint64_t interval, value;
    int error;
    if (flags & ~(TFD_ABSTIME | TFD_CANCEL_ON_SET))
        return -EINVAL;
    error = copy_in_span(&interval, new, wide);
    if (error == 0)
        error = copy_in_span(&value, user_at(new, half), wide);
    if (error < 0)
        return error;
    struct file *file = timerfd_get(fd, &error);
    if (!file)
        return error;
    struct timerfd *timer = file->data;
    server_lock();
    uint64_t old_interval = timer->interval, left = timeout_left(&timer->timeout);
    arm(timer, flags, value, interval);
    server_unlock();
    file_release(file);
    return old.address ? put_setting(old, old_interval, left, wide) : 0;
}

int32_t sys_timerfd_settime(uint32_t fd, uint32_t flags, user_t new, user_t old)
{
    return settime_as(fd, flags, new, old, false);
}

int32_t sys_timerfd_settime64(uint32_t fd, uint32_t flags, user_t new, user_t old)
{
    return settime_as(fd, flags, new, old, true);
}

static int32_t gettime_as(uint32_t fd, user_t to, bool wide)
{
    int error;
    struct file *file = timerfd_get(fd, &error);
    if (!file)
        return error;
    const struct timerfd *timer = file->data;
    server_lock();
    uint64_t interval = timer->interval, left = timeout_left(&timer->timeout);
    server_unlock();
    file_release(file);
    return put_setting(to, interval, left, wide);
}

int32_t sys_timerfd_gettime(uint32_t fd, user_t to)
{
    return gettime_as(fd, to, false);
}

int32_t sys_timerfd_gettime64(uint32_t fd, user_t to)
{
    return gettime_as(fd, to, true);
}
