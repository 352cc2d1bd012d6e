/* SPDX-License-Identifier: MIT */
/* wait_any: wait for signals of several objects at once. */
#include <kernel/calls.h>
#include <kernel/memory.h>

#define STACK_ITEMS 8 /* this many need no heap */

/* One object of the wait; held, and on its list of waiters while the thread blocks. */
struct watch {
    struct waiter waiter;
    struct object *object; /* NULL: ignored */
};

/* True if a wanted signal is set; fills in what was observed. */
static bool observe(struct wait_item *items, const struct watch *watches, uint32_t count)
{
    bool found = false;

    for (uint32_t i = 0; i < count; i++) {
        items[i].observed = watches[i].object ? watches[i].object->signals : 0;
        found |= (items[i].observed & items[i].wanted) != 0;
    }
    return found;
}

static void release_watches(struct watch *watches, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (watches[i].object)
            object_release(watches[i].object);
}

static status_t hold_watches(const struct wait_item *items, struct watch *watches, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct watch *watch = &watches[i];
        watch->waiter.thread = current;
        watch->waiter.wanted = items[i].wanted;
        list_init(&watch->waiter.link);
        watch->object = NULL;
        if (!items[i].wanted)
            continue;
        status_t status =
            handle_get(current->process, items[i].handle, OBJECT_NONE, RIGHT_WAIT, &watch->object);
        if (status != OK) {
            release_watches(watches, i);
            return status;
        }
        object_hold(watch->object);
    }
    return OK;
}

static status_t block(struct watch *watches, uint32_t count, ktime_t deadline)
{
    for (uint32_t i = 0; i < count; i++)
        if (watches[i].object)
            list_append(&watches[i].object->waiters, &watches[i].waiter.link);
    status_t status = thread_block(deadline, true);
    for (uint32_t i = 0; i < count; i++)
        list_remove(&watches[i].waiter.link);
    return status;
}

static status_t wait_watches(struct wait_item *items, struct watch *watches, uint32_t count,
                             user_t user, ktime_t deadline)
{
    status_t status = hold_watches(items, watches, count);

    if (status != OK)
        return status;
    while (!observe(items, watches, count)) {
        status = block(watches, count, deadline);
        if (status == ERR_INTERRUPTED || status == ERR_CANCELLED)
            goto out;
        if (status != OK) { /* the deadline; a signal that came with it counts */
            if (observe(items, watches, count))
                status = OK;
            break;
        }
    }
    if (count) {
        status_t written = user_write(user, items, count * sizeof *items);
        if (written != OK)
            status = written;
    }
out:
    release_watches(watches, count);
    return status;
}

status_t call_wait_any(user_t user, uint32_t count, uint64_t deadline)
{
    struct wait_item few_items[STACK_ITEMS], *items = few_items;
    struct watch few_watches[STACK_ITEMS], *watches = few_watches;

    if (count > WAIT_MAX)
        return ERR_TOO_LARGE;
    if (count > STACK_ITEMS) {
        items = heap_alloc(count * (sizeof *items + sizeof *watches));
        if (!items)
            return ERR_NO_MEMORY;
        watches = (struct watch *)(items + count);
    }
    status_t status = count ? user_read(items, user, count * sizeof *items) : OK;
    if (status == OK)
        status = wait_watches(items, watches, count, user, deadline);
    if (items != few_items)
        heap_free(items);
    return status;
}
