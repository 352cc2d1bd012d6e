/* SPDX-License-Identifier: MIT */
/*
 * Futexes. Waiters hang in hash buckets under a key: private ones (space object id, address),
 * shared ones (id of the memory object, offset in it). Comparing the word and queueing happen under
 * the server lock, and every wake takes that lock, so no wake is lost.
 */
#include "futex.h"

#include <server/guest_copy.h>

#include "calls.h"
#include "task.h"
#include "trace.h"
#include "time.h"

#define BUCKETS      64
#define ROBUST_LIMIT 2048
#define BITSET_ANY   UINT32_MAX

struct key {
    uint64_t offset;
    uint32_t object;
};
struct futex_waiter {
    struct waiter waiter; /* in the bucket by waiter.link */
    struct key key;
    uint32_t bitset;
};

static struct list buckets[BUCKETS];

static struct list *bucket_of(const struct key *key)
{
    struct list *bucket = &buckets[((uint32_t)key->offset >> 2 ^ key->object * 31) % BUCKETS];
    if (!bucket->next)
        list_init(bucket);
    return bucket;
}

static bool same_key(const struct key *a, const struct key *b)
{
    return a->object == b->object && a->offset == b->offset;
}

/* The key of a word; private ones are keyed by the mm so that no kernel call is needed. */
static inline int make_key(struct key *key, user_t word, bool shared)
{
    if (word.address & 3)
        return -EINVAL;
    if (word.address >= GUEST_LIMIT)
        return -EFAULT;
    if (!shared) {
        *key = (struct key){word.address, (uint32_t)self()->process->mm | 1};
        return 0;
    }
    uint64_t offset;
    uint32_t object, value;
    if (get_user(&value, word) < 0 ||
        space_object(self()->process->mm->space, word.address, &object, &offset) != OK)
        return -EFAULT;
    *key = (struct key){offset, object << 1};
    return 0;
}

/* Lock held. */
static inline uint32_t wake_key(const struct key *key, uint32_t count, uint32_t bitset)
{
    uint32_t woken = 0;
    list_each(each, bucket_of(key), struct futex_waiter, waiter.link)
    {
        if (woken == count)
            break;
        if (!same_key(&each->key, key) || !(each->bitset & bitset))
            continue;
        waiter_wake(&each->waiter);
        woken++;
    }
    return woken;
}

int futex_wake_word(user_t word, uint32_t count, bool shared)
{
    struct key key;
    int result = make_key(&key, word, shared);
    if (result < 0)
        return result;
    server_lock();
    result = (int)wake_key(&key, count, BITSET_ANY);
    server_unlock();
    return result;
}

static inline int futex_wait_word(user_t word, uint32_t expected, ktime_t deadline, uint32_t bitset,
                                  bool shared)
{
    struct futex_waiter waiter = {.waiter.thread = self(), .bitset = bitset};
    uint32_t value;
    int result = make_key(&waiter.key, word, shared);
    if (result < 0)
        return result;
    if (bitset == 0)
        return -EINVAL;
    server_lock();
    if (get_user(&value, word) < 0)
        result = -EFAULT;
    else if (value != expected)
        result = -EAGAIN;
    if (result == 0) {
        list_append(bucket_of(&waiter.key), &waiter.waiter.link);
        result = waiter_sleep(&waiter.waiter, deadline);
        list_remove(&waiter.waiter.link);
    }
    server_unlock();
    return result;
}

/* Wake `wake` waiters of one word and move up to `move` others to a second word. */
static int futex_requeue(user_t word, uint32_t wake, uint32_t move, user_t word2,
                         const uint32_t *expected, bool shared)
{
    struct key from, to;
    uint32_t value, moved = 0;
    int result = make_key(&from, word, shared);
    if (result == 0)
        result = make_key(&to, word2, shared);
    if (result < 0)
        return result;
    if ((int32_t)wake < 0 || (int32_t)move < 0)
        return -EINVAL;
    server_lock();
    if (expected) {
        result = get_user(&value, word) < 0 ? -EFAULT : value != *expected ? -EAGAIN : 0;
        if (result < 0) {
            server_unlock();
            return result;
        }
    }
    uint32_t woken = wake_key(&from, wake, BITSET_ANY);
    list_each(each, bucket_of(&from), struct futex_waiter, waiter.link)
    {
        if (moved == move)
            break;
        if (!same_key(&each->key, &from))
            continue;
        list_remove(&each->waiter.link);
        each->key = to;
        list_append(bucket_of(&to), &each->waiter.link);
        moved++;
    }
    server_unlock();
    return (int)(woken + moved);
}

/* The operation encoded in FUTEX_WAKE_OP's third value, done atomically; *hit: whether its comparison holds. */
static int wake_operation(user_t word, uint32_t encoded, bool *hit)
{
    int32_t argument = (int32_t)(encoded << 8) >> 20, compare = (int32_t)(encoded << 20) >> 20;
    uint32_t operation = encoded >> 28 & 7, old, found;
    if (encoded >> 31)
        argument = (int32_t)(1u << (argument & 31));
    if (get_user(&old, word) < 0)
        return -EFAULT;
    for (;; old = found) {
        const uint32_t results[5] = {(uint32_t)argument, old + (uint32_t)argument,
                                     old | (uint32_t)argument, old & ~(uint32_t)argument,
                                     old ^ (uint32_t)argument};
        if (operation > 4)
            return -ENOSYS;
        if (guest_compare_exchange32(word.address, old, results[operation], &found) != OK)
            return -EFAULT;
        if (found == old)
            break;
    }
    int32_t value = (int32_t)old;
    const bool hits[6] = {value == compare, value != compare,
                          value<compare, value <= compare, value> compare, value >= compare};
    uint32_t comparison = encoded >> 24 & 15;
    if (comparison > 5)
        return -ENOSYS;
    *hit = hits[comparison];
    return 0;
}

static int futex_wake_op(user_t word, uint32_t count, uint32_t count2, user_t word2,
                         uint32_t encoded, bool shared)
{
    bool hit;
    int result = wake_operation(word2, encoded, &hit);
    if (result < 0)
        return result;
    result = futex_wake_word(word, count, shared);
    if (result < 0 || !hit)
        return result;
    int more = futex_wake_word(word2, count2, shared);
    return more < 0 ? more : result + more;
}

/* ---- the calls ----------------------------------------------------------------------------------- */

static inline int deadline_of(user_t timeout, uint32_t command, bool realtime, bool wide,
                              ktime_t *deadline)
{
    uint64_t span;
    *deadline = DEADLINE_NEVER;
    if (!timeout.address)
        return 0;
    int result = copy_in_span(&span, timeout, wide);
    if (result < 0)
        return result;
    if (command == FUTEX_WAIT) {
        *deadline = deadline_after(span);
        return 0;
    }
    if (realtime) {
        uint64_t wall = wall_clock();
        *deadline = span > wall ? deadline_after(span - wall) : DEADLINE_POLL;
        return 0;
    }
    *deadline = span;
    return 0;
}

static inline int32_t do_wait(user_t word, uint32_t value, user_t timeout, uint32_t command,
                              bool realtime, bool wide, uint32_t bitset, bool shared)
{
    struct thread *thread = self();
    ktime_t deadline;
    int result = deadline_of(timeout, command, realtime, wide, &deadline);
    if (result < 0)
        return result;
    result = futex_wait_word(word, value, deadline, bitset, shared);
    if (result != -ERESTARTSYS || !timeout.address)
        return result;
    thread->restart.kind = RESTART_FUTEX;
    thread->restart.deadline = deadline;
    thread->restart.words[0] = word.address;
    thread->restart.words[1] = value;
    thread->restart.words[2] = bitset;
    thread->restart.words[3] = shared;
    return -ERESTART_BLOCK;
}

int32_t futex_restart(struct thread *thread)
{
    const uint32_t *words = thread->restart.words;
    int result =
        futex_wait_word(USER(words[0]), words[1], thread->restart.deadline, words[2], words[3]);
    return result == -ERESTARTSYS ? -ERESTART_BLOCK : result;
}

static inline int32_t do_futex(user_t word, uint32_t operation, uint32_t value, user_t timeout,
                               user_t word2, uint32_t value3, bool wide)
{
    bool shared = !(operation & FUTEX_PRIVATE_FLAG), realtime = operation & FUTEX_CLOCK_REALTIME;
    uint32_t command = operation & (uint32_t)FUTEX_CMD_MASK;
    struct key key;
    int result;
    switch (command) {
    case FUTEX_WAIT:
        return do_wait(word, value, timeout, command, realtime, wide, BITSET_ANY, shared);
    case FUTEX_WAIT_BITSET:
        return do_wait(word, value, timeout, command, realtime, wide, value3, shared);
    case FUTEX_WAKE:
        return futex_wake_word(word, MAX(value, 1), shared);
    case FUTEX_WAKE_BITSET:
        if (value3 == 0)
            return -EINVAL;
        result = make_key(&key, word, shared);
        if (result < 0)
            return result;
        server_lock();
        result = (int)wake_key(&key, MAX(value, 1), value3);
        server_unlock();
        return result;
    case FUTEX_REQUEUE:
        return futex_requeue(word, value, timeout.address, word2, NULL, shared);
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(word, value, timeout.address, word2, &value3, shared);
    case FUTEX_WAKE_OP:
        return futex_wake_op(word, MAX(value, 1), timeout.address, word2, value3, shared);
    }
    return -ENOSYS;
}

int32_t sys_futex(user_t word, uint32_t operation, uint32_t value, user_t timeout, user_t word2,
                  uint32_t value3)
{
    return do_futex(word, operation, value, timeout, word2, value3, false);
}

int32_t sys_futex_time64(user_t word, uint32_t operation, uint32_t value, user_t timeout,
                         user_t word2, uint32_t value3)
{
    return do_futex(word, operation, value, timeout, word2, value3, true);
}

/* ---- robust lists and the end of a thread -------------------------------------------------------- */

int32_t sys_set_robust_list(user_t head, uint32_t length)
{
    if (length != 12)
        return -EINVAL;
    self()->robust_list = head.address;
    return 0;
}

int32_t sys_get_robust_list(int32_t pid, user_t head, user_t length)
{
    int32_t error = -ESRCH;
    uint32_t list = 0;
    server_lock();
    const struct thread *thread = pid == 0 ? self() : thread_find((uint32_t)pid);
    if (thread) {
        error = trace_allowed(thread->process) ? 0 : -EPERM;
        list = thread->robust_list;
    }
    server_unlock();
    if (error < 0)
        return error;
    return put_user(length, 12) < 0 ? -EFAULT : put_user(head, list);
}

/* A lock that its owner leaves behind: marks it and wakes one waiter. */
static void release_robust(uint32_t address, uint32_t tid)
{
    uint32_t value, found;
    if (get_user(&value, USER(address)) < 0)
        return;
    while ((value & FUTEX_TID_MASK) == tid) {
        uint32_t desired = (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
        if (guest_compare_exchange32(address, value, desired, &found) != OK)
            return;
        if (found == value) {
            if (value & FUTEX_WAITERS)
                futex_wake_word(USER(address), 1, true);
            return;
        }
        value = found;
    }
}

static void walk_robust_list(struct thread *thread)
{
    uint32_t head[3], entry;
    if (copy_in(head, USER(thread->robust_list), sizeof head) < 0)
        return;
    entry = head[0];
    for (uint32_t i = 0; i < ROBUST_LIMIT && (entry & ~1u) != thread->robust_list; i++) {
        uint32_t next;
        if (get_user(&next, USER(entry & ~1u)) < 0)
            return;
        if ((entry & ~1u) != (head[2] & ~1u))
            release_robust((entry & ~1u) + head[1], thread->tid);
        entry = next;
    }
    if (head[2])
        release_robust((head[2] & ~1u) + head[1], thread->tid);
}

void futex_thread_end(struct thread *thread)
{
    if (!thread->process->mm)
        return;
    if (thread->robust_list)
        walk_robust_list(thread);
    thread->robust_list = 0;
    if (thread->clear_tid && put_user(USER(thread->clear_tid), 0) == 0)
        futex_wake_word(USER(thread->clear_tid), 1, true);
    thread->clear_tid = 0;
}
