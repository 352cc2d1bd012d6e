/* SPDX-License-Identifier: MIT */
/* Waiting for several files at once. See pollset.h. */
#include "pollset.h"

#include "ready.h"
#include "task.h"

/* ---- sources ------------------------------------------------------------------------------------- */

void source_add(struct poll_source *source, uint32_t which, uint32_t signals, uint32_t bits)
{
    source->map[source->map_count++] = (struct poll_signal){which, signals, bits};
}

uint32_t source_signals(const struct poll_source *source, uint32_t which, uint32_t events)
{
    uint32_t wanted = 0;
    events |= POLL_ALWAYS;
    if (source->poll_bits)
        return which == 0 ? events << READY_SHIFT : 0;
    for (uint32_t i = 0; i < source->map_count; i++) {
        if (source->map[i].which == which && (source->map[i].bits & events))
            wanted |= source->map[i].signals;
    }
    return wanted;
}

uint32_t source_bits(const struct poll_source *source, uint32_t which, uint32_t observed)
{
    uint32_t bits = 0;
    if (source->poll_bits)
        return observed >> READY_SHIFT;
    for (uint32_t i = 0; i < source->map_count; i++) {
        if (source->map[i].which == which && (source->map[i].signals & observed))
            bits |= source->map[i].bits;
    }
    return bits;
}

/* ---- sets ---------------------------------------------------------------------------------------- */

int set_allocate(struct watch_set *set, uint32_t count)
{
    *set = (struct watch_set){.count = count};
    set->watches = allocate(MAX(count, 1) * sizeof *set->watches);
    set->items = allocate(MAX(count * POLL_HANDLES, 1) * sizeof *set->items);
    if (set->watches && set->items)
        return 0;
    release(set->watches);
    release(set->items);
    return -ENOMEM;
}

void set_free(struct watch_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->watches[i].file)
            file_release(set->watches[i].file);
    }
    release(set->watches);
    release(set->items);
}

static void watch_prepare(struct watch_set *set, struct watch *watch)
{
    struct poll_source *source = &watch->source;
    watch->ready = watch->events & (READ_READY | WRITE_READY); /* of files that need no waiting */
    for (uint32_t i = 0; i < POLL_HANDLES; i++)
        watch->items[i] = -1;
    if (!watch->file->ops->poll)
        return;
    *source = (struct poll_source){.ready = 0};
    watch->file->ops->poll(watch->file, source);
    watch->ready = source->ready & (watch->events | POLL_ALWAYS);
    for (uint32_t i = 0; i < POLL_HANDLES; i++) {
        uint32_t wanted = source_signals(source, i, watch->events);
        if (source->handles[i] == HANDLE_NONE || wanted == 0)
            continue;
        set->items[set->item_count] =
            (struct wait_item){.handle = source->handles[i], .wanted = wanted};
        watch->items[i] = (int32_t)set->item_count++;
    }
}

/* Whether something is ready without a look at the kernel. */
static bool set_prepare(struct watch_set *set)
{
    bool ready = false;
    set->item_count = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->watches[i].file)
            watch_prepare(set, &set->watches[i]);
        ready |= set->watches[i].ready != 0;
    }
    return ready;
}

/* Watches with something to report; their `ready` says what. */
static uint32_t collect(struct watch_set *set)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        struct watch *watch = &set->watches[i];
        uint32_t bits = watch->ready;
        for (uint32_t k = 0; watch->file && k < POLL_HANDLES; k++) {
            if (watch->items[k] >= 0 && !watch->source.maybe)
                bits |= source_bits(&watch->source, k, set->items[watch->items[k]].observed);
        }
        watch->ready = bits & (watch->events | POLL_ALWAYS);
        count += watch->ready != 0;
    }
    return count;
}

/* Looks at all items, WAIT_MAX at a time. */
static status_t look(struct watch_set *set)
{
    status_t result = ERR_SHOULD_WAIT;
    for (uint32_t at = 0; at < set->item_count; at += WAIT_MAX) {
        status_t status =
            wait_any(set->items + at, MIN(set->item_count - at, WAIT_MAX), DEADLINE_POLL);
        if (status != ERR_SHOULD_WAIT)
            result = status;
        if (status != OK && status != ERR_SHOULD_WAIT && status != ERR_TIMED_OUT)
            return status;
    }
    return result;
}

/* More objects than one wait takes: an event watches them. */
static status_t wait_for_many(struct watch_set *set, ktime_t deadline)
{
    handle_t event;
    status_t status = look(set);
    if (status != ERR_SHOULD_WAIT || deadline == DEADLINE_POLL)
        return status;
    status = event_create(0, &event);
    if (status != OK)
        return status;
    for (uint32_t i = 0; status == OK && i < set->item_count; i++)
        status = event_watch(event, set->items[i].handle, set->items[i].wanted, i);
    struct wait_item item = {.handle = event, .wanted = SIGNAL_READABLE};
    if (status == OK)
        status = wait_any(&item, 1, deadline);
    close_handle(event);
    return status == OK ? look(set) : status;
}

int set_wait(struct watch_set *set, ktime_t deadline)
{
    for (;;) {
        bool ready = set_prepare(set), interrupted = thread_interrupted(self());
        ktime_t until = ready || interrupted ? DEADLINE_POLL : deadline;
        status_t status = set->item_count <= WAIT_MAX ? wait_any(set->items, set->item_count, until)
                                                      : wait_for_many(set, until);
        if (status == ERR_INTERRUPTED)
            continue;
        uint32_t count = collect(set);
        if (count > 0)
            return (int)count;
        if (status != OK && status != ERR_TIMED_OUT && status != ERR_SHOULD_WAIT)
            return status == ERR_NO_MEMORY || status == ERR_LIMIT_REACHED ? -ENOMEM : -EINVAL;
        if (interrupted && deadline != DEADLINE_POLL)
            return -ERESTARTSYS;
        if (ready || deadline == DEADLINE_POLL || (deadline != DEADLINE_NEVER && now() >= deadline))
            return 0;
    }
}
