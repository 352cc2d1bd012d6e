/* SPDX-License-Identifier: MIT */
/* select and pselect: sets of descriptors over the common wait. */
#include <linux/personality.h>
#include <string.h>

#include "calls.h"
#include "file.h"
#include "poll.h"
#include "pollset.h"
#include "ready.h"
#include "task.h"
#include "time.h"

#define SELECT_MAX   1024
#define SELECT_WORDS (SELECT_MAX / 32)
#define SELECT_READ  (READ_READY | POLLRDBAND | POLLHUP | POLLERR)
#define SELECT_WRITE (WRITE_READY | POLLERR)

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
        uint32_t events = (in_set(sets, 0, fd) ? READ_READY : 0) |
                          (in_set(sets, 1, fd) ? WRITE_READY : 0) |
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
    if (timeout.address && !(self()->process->personality & STICKY_TIMEOUTS)) {
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
    int result = poll_begin_span(timeout, wide, &deadline);
    if (result == 0)
        result = poll_begin_mask(USER(packed[0]), packed[1]);
    if (result < 0)
        return result;
    result = select_files(count, at, deadline);
    poll_end_mask(result);
    poll_end_span(timeout, wide, deadline);
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
