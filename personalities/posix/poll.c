/* SPDX-License-Identifier: MIT */
/* poll and ppoll, and what they share with select and epoll: masks and spans of the p-calls. */
#include "poll.h"

#include <linux/personality.h>
#include <string.h>

#include "calls.h"
#include "file.h"
#include "pollset.h"
#include "task.h"
#include "time.h"

/* ---- poll ---------------------------------------------------------------------------------------- */

static int poll_files(user_t fds, uint32_t count, ktime_t deadline)
{
    struct watch_set set;
    struct pollfd *list;
    if (count > limit_of(self()->process, RLIMIT_NOFILE))
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
            watch->ready = POLLNVAL; /* stays: there is no file to look at */
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

ktime_t deadline_of_ms(int32_t timeout)
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
int poll_begin_mask(user_t mask, uint32_t size)
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
void poll_end_mask(int32_t result)
{
    struct thread *thread = self();
    if (result == -ERESTARTNOHAND || !thread->has_restore_blocked)
        return;
    server_lock();
    thread->has_restore_blocked = false;
    signal_set_mask(thread, thread->restore_blocked);
    server_unlock();
}

int poll_begin_span(user_t timeout, bool wide, ktime_t *deadline)
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
void poll_end_span(user_t timeout, bool wide, ktime_t deadline)
{
    ktime_t time = now();
    if (timeout.address && !(self()->process->personality & STICKY_TIMEOUTS))
        (void)copy_out_span(
            timeout, deadline != DEADLINE_NEVER && deadline > time ? deadline - time : 0, wide);
}

static int32_t ppoll_as(user_t fds, uint32_t count, user_t timeout, user_t mask, uint32_t size,
                        bool wide)
{
    ktime_t deadline;
    int result = poll_begin_span(timeout, wide, &deadline);
    if (result == 0)
        result = poll_begin_mask(mask, size);
    if (result < 0)
        return result;
    result = poll_files(fds, count, deadline);
    if (result == -ERESTARTSYS)
        result = -ERESTARTNOHAND;
    poll_end_mask(result);
    poll_end_span(timeout, wide, deadline);
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
