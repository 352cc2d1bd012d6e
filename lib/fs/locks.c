/* SPDX-License-Identifier: MIT */
/*
 * Byte-range locks of a node, as fcntl has them: per owner, a new lock replaces what the owner held
 * in its range. One list per node holds the locks and, with a token, the calls that wait for one.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum lock_op { LOCK_TEST, LOCK_TRY, LOCK_WAIT, LOCK_DROP_ALL };
enum lock_type { UNLOCK, LOCK_SHARED, LOCK_EXCLUSIVE };

struct fs_lock {
    struct fs_lock *next;
    uint64_t start, end; /* end is the first byte behind */
    uint32_t type, owner;
    uint32_t token; /* waiting call, 0: the lock is held */
    struct fs_node *node;
};

static bool overlaps(const struct fs_lock *lock, uint64_t start, uint64_t end)
{
    return lock->start < end && start < lock->end;
}

static struct fs_lock *find_conflict(struct fs_node *node, const struct fs_lock *wanted)
{
    for (struct fs_lock *lock = node->locks; lock != NULL; lock = lock->next)
        if (lock->token == 0 && lock->owner != wanted->owner &&
            overlaps(lock, wanted->start, wanted->end) &&
            (lock->type == LOCK_EXCLUSIVE || wanted->type == LOCK_EXCLUSIVE))
            return lock;
    return NULL;
}

static struct fs_lock *add(struct fs_node *node, const struct fs_lock *model)
{
    struct fs_lock *lock = malloc(sizeof *lock);
    if (lock == NULL)
        return NULL;
    *lock = *model;
    lock->node = node;
    lock->next = node->locks;
    node->locks = lock;
    return lock;
}

/* Cut [start, end) out of what the owner holds. */
static status_t carve(struct fs_node *node, uint32_t owner, uint64_t start, uint64_t end)
{
    for (struct fs_lock **link = &node->locks; *link != NULL;) {
        struct fs_lock *lock = *link;
        if (lock->token != 0 || lock->owner != owner || !overlaps(lock, start, end)) {
            link = &lock->next;
            continue;
        }
        if (lock->start < start && lock->end > end) {
            struct fs_lock upper = *lock;
            upper.start = end;
            if (add(node, &upper) == NULL)
                return ERR_NO_MEMORY;
            lock->end = start;
            return OK;
        }
        if (lock->start < start) {
            lock->end = start;
            link = &lock->next;
        } else if (lock->end > end) {
            lock->start = end;
            link = &lock->next;
        } else {
            *link = lock->next;
            free(lock);
        }
    }
    return OK;
}

static status_t take(struct fs_node *node, const struct fs_lock *wanted)
{
    status_t status = carve(node, wanted->owner, wanted->start, wanted->end);
    if (status != OK || wanted->type == UNLOCK)
        return status;
    struct fs_lock held = *wanted;
    held.token = 0;
    return add(node, &held) == NULL ? ERR_NO_MEMORY : OK;
}

/* After locks went away: give waiting calls theirs. */
static void serve_waiters(struct fs_server *server, struct fs_node *node)
{
    struct fs_lock *lock = node->locks;
    while (lock != NULL) {
        if (lock->token == 0 || find_conflict(node, lock) != NULL) {
            lock = lock->next;
            continue;
        }
        struct fs_lock granted = *lock;
        struct message message = {.size = sizeof(struct fs_lock_reply)};
        struct fs_lock **link = &node->locks;
        while (*link != lock)
            link = &(*link)->next;
        *link = lock->next;
        free(lock);
        service_answer(&server->service, granted.token, take(node, &granted), &message);
        lock = node->locks; /* the list has changed */
    }
}

static status_t reply_lock(struct message *message, const struct fs_lock *lock)
{
    struct fs_lock_reply *reply = service_reply(message, sizeof *reply);
    if (lock == NULL)
        return OK; /* type 0: nothing in the way */
    reply->type = lock->type;
    reply->start = lock->start;
    reply->length = lock->end == UINT64_MAX ? 0 : lock->end - lock->start;
    reply->owner = lock->owner;
    return OK;
}

static status_t set_lock(struct fs_server *server, struct fs_node *node, struct fs_lock *wanted,
                         bool wait, struct message *message)
{
    if (wanted->type != UNLOCK && find_conflict(node, wanted) != NULL) {
        if (!wait)
            return ERR_BUSY;
        wanted->token = message->token;
        return add(node, wanted) == NULL ? ERR_NO_MEMORY : SERVICE_DEFERRED;
    }
    status_t status = take(node, wanted);
    if (status != OK)
        return status;
    serve_waiters(server, node); /* an unlocked or weakened range may be what others wait for */
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
    struct fs_lock wanted = {.start = request.start, .type = request.type, .owner = request.owner};
    wanted.end = request.length == 0 ? UINT64_MAX : request.start + request.length;
    if (request.op == LOCK_DROP_ALL) {
        wanted.start = 0;
        wanted.end = UINT64_MAX;
        wanted.type = UNLOCK;
    }
    if (request.op > LOCK_DROP_ALL || wanted.type > LOCK_EXCLUSIVE || wanted.end <= wanted.start)
        return ERR_INVALID_ARGUMENT;
    if (request.op == LOCK_TEST)
        return reply_lock(message, find_conflict(open->node, &wanted));
    return set_lock(server, open->node, &wanted, request.op == LOCK_WAIT, message);
}

/* A waiting call has gone away. Open nodes are searched: waiting calls were made on one of them. */
void fs_locks_cancel(struct fs_server *server, uint32_t token)
{
    for (uint32_t badge = FS_BADGE_ROOT; badge < server->open_capacity; badge++) {
        struct fs_open *open = fs_open_of(server, badge);
        for (struct fs_lock **link = open == NULL ? NULL : &open->node->locks;
             link != NULL && *link != NULL; link = &(*link)->next) {
            struct fs_lock *lock = *link;
            if (lock->token != token)
                continue;
            *link = lock->next;
            free(lock);
            return;
        }
    }
}

void fs_locks_free(struct fs_node *node)
{
    while (node->locks != NULL) {
        struct fs_lock *lock = node->locks;
        node->locks = lock->next;
        free(lock);
    }
}
