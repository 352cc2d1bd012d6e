/* SPDX-License-Identifier: MIT */
/*
 * Advisory locks of a node, by Linux's rules: per owner and kind, a new lock replaces what the owner
 * held in its range, and neighbours of one type become one. One list per node holds the locks in the
 * order of their making and, with a token, the calls that wait for one, the longest first. A lock
 * goes with the open node that it was set through at the latest, so nothing is left of a personality
 * that ends.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define STEPS_MAX    64u         /* of a search for owners that wait for one another */
#define USERS_OWNERS 0x80000000u /* upper half of owners in programs that act for a user */

struct fs_lock {
    struct fs_lock *next;
    uint64_t start, end; /* end is the first byte behind */
    uint64_t owner;
    uint32_t type, kind, pid;
    uint32_t badge; /* of the open node */
    uint32_t token; /* waiting call, 0: the lock is held */
    struct fs_node *node;
};

static bool overlaps(const struct fs_lock *lock, uint64_t start, uint64_t end)
{
    return lock->start < end && start < lock->end;
}

static bool is_of(const struct fs_lock *lock, const struct fs_lock *other)
{
    return lock->token == 0 && lock->owner == other->owner && lock->kind == other->kind;
}

/* Do two locks of different owners have to do with one another? See enum fs_lock_kind. */
static bool meet(const struct fs_lock *one, const struct fs_lock *other)
{
    if (one->kind == FS_LOCK_RANGE && other->kind == FS_LOCK_RANGE)
        return one->owner >> 32 != other->owner >> 32;
    return (one->kind == FS_LOCK_FILE) == (other->kind == FS_LOCK_FILE);
}

static bool conflicts(const struct fs_lock *held, const struct fs_lock *wanted)
{
    return held->token == 0 && held->owner != wanted->owner && meet(held, wanted) &&
           overlaps(held, wanted->start, wanted->end) &&
           (held->type == FS_LOCK_EXCLUSIVE || wanted->type == FS_LOCK_EXCLUSIVE);
}

static struct fs_lock *find_conflict(struct fs_node *node, const struct fs_lock *wanted)
{
    struct fs_lock *lock = node->locks;
    while (lock != NULL && !conflicts(lock, wanted))
        lock = lock->next;
    return lock;
}

/* What F_GETLK tells: of several the one that begins first. */
static struct fs_lock *first_conflict(struct fs_node *node, const struct fs_lock *wanted)
{
    struct fs_lock *first = NULL;
    for (struct fs_lock *lock = node->locks; lock != NULL; lock = lock->next)
        if (conflicts(lock, wanted) && (first == NULL || lock->start < first->start))
            first = lock;
    return first;
}

/* Of those that the owner of `model` holds the one that begins first, at its start or behind. */
static struct fs_lock *next_of(struct fs_node *node, const struct fs_lock *model)
{
    struct fs_lock *first = NULL;
    for (struct fs_lock *lock = node->locks; lock != NULL; lock = lock->next)
        if (is_of(lock, model) && lock->start >= model->start &&
            (first == NULL || lock->start < first->start))
            first = lock;
    return first;
}

static status_t add(struct fs_node *node, const struct fs_lock *model)
{
    struct fs_lock **end = &node->locks, *lock = malloc(sizeof *lock);
    if (lock == NULL)
        return ERR_NO_MEMORY;
    while (*end != NULL)
        end = &(*end)->next;
    *lock = *model;
    lock->node = node;
    lock->next = NULL;
    *end = lock;
    return OK;
}

/* Takes it off the list of its node and frees it. */
static void drop(struct fs_lock *lock)
{
    struct fs_lock **link = &lock->node->locks;
    while (*link != lock)
        link = &(*link)->next;
    *link = lock->next;
    free(lock);
}

/* Cut the range of `model` out of what its owner holds. */
static status_t carve(struct fs_node *node, const struct fs_lock *model)
{
    uint64_t start = model->start, end = model->end;
    for (struct fs_lock *lock = node->locks, *next; lock != NULL; lock = next) {
        next = lock->next;
        if (!is_of(lock, model) || !overlaps(lock, start, end))
            continue;
        if (lock->start < start && lock->end > end) {
            struct fs_lock upper = *lock;
            upper.start = end;
            if (add(node, &upper) != OK)
                return ERR_NO_MEMORY;
            lock->end = start;
            return OK;
        }
        if (lock->start < start)
            lock->end = start;
        else if (lock->end > end)
            lock->start = end;
        else
            drop(lock);
    }
    return OK;
}

/* Let the new lock take its neighbours in. */
static void merge(struct fs_node *node, struct fs_lock *held)
{
    for (struct fs_lock *lock = node->locks, *next; lock != NULL; lock = next) {
        next = lock->next;
        if (!is_of(lock, held) || lock->type != held->type ||
            (lock->end != held->start && lock->start != held->end))
            continue;
        if (lock->start < held->start)
            held->start = lock->start;
        else
            held->end = lock->end;
        drop(lock);
    }
}

static status_t take(struct fs_node *node, const struct fs_lock *wanted)
{
    status_t status = carve(node, wanted);
    if (status != OK || wanted->type == FS_LOCK_NONE)
        return status;
    struct fs_lock held = *wanted;
    held.token = 0;
    merge(node, &held);
    return add(node, &held);
}

/* ---- deadlocks ------------------------------------------------------------------------------- */

/* A call in which the owner waits for a record lock, on any node; or NULL. */
static struct fs_lock *waiting_call(struct fs_server *server, uint64_t owner)
{
    for (uint32_t badge = FS_BADGE_ROOT; badge < server->open_capacity; badge++) {
        struct fs_open *open = fs_open_of(server, badge);
        for (struct fs_lock *lock = open == NULL ? NULL : open->node->locks; lock != NULL;
             lock = lock->next)
            if (lock->token != 0 && lock->owner == owner && lock->kind == FS_LOCK_RECORD)
                return lock;
    }
    return NULL;
}

/* Whether one of those who are in the way of `wanted` waits, through others, for `owner`. */
static bool leads_to(struct fs_server *server, struct fs_node *node, const struct fs_lock *wanted,
                     uint64_t owner, uint32_t *budget)
{
    for (const struct fs_lock *lock = node->locks; lock != NULL; lock = lock->next) {
        if (!conflicts(lock, wanted) || lock->pid == 0)
            continue;
        if (lock->owner == owner)
            return true;
        if (*budget == 0)
            return false;
        --*budget;
        const struct fs_lock *waiting = waiting_call(server, lock->owner);
        if (waiting != NULL && leads_to(server, waiting->node, waiting, owner, budget))
            return true;
    }
    return false;
}

static bool would_deadlock(struct fs_server *server, struct fs_node *node,
                           const struct fs_lock *wanted)
{
    uint32_t budget = STEPS_MAX;
    return wanted->kind == FS_LOCK_RECORD && wanted->pid != 0 &&
           leads_to(server, node, wanted, wanted->owner, &budget);
}

/* ---- waiting calls --------------------------------------------------------------------------- */

/* Off the list, and answered: with the lock, or with DEADLOCK. */
static void end_wait(struct fs_server *server, struct fs_lock *lock, bool granted)
{
    struct fs_lock copy = *lock;
    struct message message = {.size = sizeof(struct fs_lock_reply)};
    drop(lock);
    if (granted)
        service_answer(&server->service, copy.token, take(copy.node, &copy), &message);
    else
        service_answer_status(&server->service, copy.token, ERR_DEADLOCK);
}

/* After locks have changed: who waits may have the lock now, or wait for somebody else. */
static void locks_changed(struct fs_server *server, struct fs_node *node)
{
    struct fs_lock *lock = node->locks;
    while (lock != NULL) {
        bool waits = lock->token != 0, granted = waits && find_conflict(node, lock) == NULL;
        if (!waits || (!granted && !would_deadlock(server, node, lock))) {
            lock = lock->next;
            continue;
        }
        end_wait(server, lock, granted);
        lock = node->locks; /* the list has changed */
    }
    fs_event(node, FS_EVENT_LOCKS);
}

/* ---- the call -------------------------------------------------------------------------------- */

static status_t reply_lock(struct message *message, const struct fs_lock *lock)
{
    struct fs_lock_reply *reply = service_reply(message, sizeof *reply);
    if (lock == NULL)
        return OK; /* type 0: nothing in the way */
    reply->type = lock->type;
    reply->start = lock->start;
    reply->length = lock->end == UINT64_MAX ? 0 : lock->end - lock->start;
    reply->owner = lock->owner;
    reply->pid = lock->pid;
    return OK;
}

static status_t set_lock(struct fs_server *server, struct fs_node *node, struct fs_lock *wanted,
                         bool wait, struct message *message)
{
    if (wanted->type != FS_LOCK_NONE && find_conflict(node, wanted) != NULL) {
        if (!wait)
            return ERR_BUSY;
        if (would_deadlock(server, node, wanted))
            return ERR_DEADLOCK;
        wanted->token = message->token;
        return add(node, wanted) == OK ? SERVICE_DEFERRED : ERR_NO_MEMORY;
    }
    status_t status = take(node, wanted);
    if (status != OK)
        return status;
    locks_changed(server, node); /* an unlocked or weakened range may be what others wait for */
    return reply_lock(message, NULL);
}

status_t fs_handle_lock(struct service *service, struct message *message)
{
    struct fs_server *server = fs_server_of(service);
    struct fs_open *open = fs_open_of(server, message->badge);
    struct fs_lock_request request;
    if (open == NULL)
        return ERR_BAD_HANDLE;
    if (message->size < sizeof request)
        return ERR_INVALID_ARGUMENT;
    memcpy(&request, message->data, sizeof request);
    if (message->principal != 0)
        request.owner =
            (uint64_t)(USERS_OWNERS | message->principal) << 32 | (uint32_t)request.owner;
    struct fs_lock wanted = {.start = request.start,
                             .end = request.length ? request.start + request.length : UINT64_MAX,
                             .type = request.type,
                             .owner = request.owner,
                             .kind = request.kind,
                             .pid = request.pid,
                             .badge = message->badge};
    if (request.op == FS_LOCK_DROP_ALL) {
        wanted.start = 0;
        wanted.end = UINT64_MAX;
        wanted.type = FS_LOCK_NONE;
    }
    if (request.op > FS_LOCK_NEXT || wanted.type > FS_LOCK_EXCLUSIVE ||
        wanted.kind > FS_LOCK_RANGE || wanted.end <= wanted.start)
        return ERR_INVALID_ARGUMENT;
    if (request.op == FS_LOCK_TEST)
        return reply_lock(message, first_conflict(open->node, &wanted));
    if (request.op == FS_LOCK_NEXT)
        return reply_lock(message, next_of(open->node, &wanted));
    return set_lock(server, open->node, &wanted, request.op == FS_LOCK_WAIT, message);
}

/* A waiting call has gone away. Open nodes are searched: waiting calls were made on one of them. */
void fs_locks_cancel(struct fs_server *server, uint32_t token)
{
    for (uint32_t badge = FS_BADGE_ROOT; badge < server->open_capacity; badge++) {
        struct fs_open *open = fs_open_of(server, badge);
        for (struct fs_lock *lock = open == NULL ? NULL : open->node->locks; lock != NULL;
             lock = lock->next) {
            if (lock->token != token)
                continue;
            drop(lock);
            return;
        }
    }
}

void fs_locks_closed(struct fs_server *server, struct fs_node *node, uint32_t badge)
{
    bool any = false;
    for (struct fs_lock *lock = node->locks, *next; lock != NULL; lock = next) {
        next = lock->next;
        if (lock->badge != badge)
            continue;
        if (lock->token != 0)
            service_answer_status(&server->service, lock->token, ERR_BAD_HANDLE);
        drop(lock);
        any = true;
    }
    if (any)
        locks_changed(server, node);
}

void fs_locks_free(struct fs_node *node)
{
    while (node->locks != NULL)
        drop(node->locks);
}
