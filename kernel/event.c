/* SPDX-License-Identifier: MIT */
/*
 * Events: 24 signal bits that belong to whoever holds a handle with RIGHT_SIGNAL. An event can watch
 * other objects: whenever one of the signals that it watches for is set there, also when it was set
 * before, the watch has fired, until the event's owner takes it. SIGNAL_READABLE of the event says
 * that there are fired watches.
 *
 * A watch is a waiter without a thread on the watched object, which it holds; it goes with the last
 * handle of its event. A watch that has fired already is not told again, and events that watch
 * events are worked off in a list: so neither depth nor circles do harm.
 */
#include <kernel/calls.h>
#include <kernel/memory.h>

struct event {
    struct object object; /* first */
    struct list watches, fired;
    struct list told_link; /* in `told`: its signal is to be set */
};

struct watch {
    struct object object; /* for the charge; nobody has a handle */
    struct waiter waiter; /* of source; thread NULL */
    struct object *source;
    struct event *event;
    struct list event_link, fired_link;
    uint32_t key;
};

static struct list told = {&told, &told};
static bool telling;

/* ---- watches ---- */

void watch_fire(struct waiter *waiter)
{
    struct watch *watch = list_entry(waiter, struct watch, waiter);
    struct list *item;

    if (!list_empty(&watch->fired_link))
        return;
    list_append(&watch->event->fired, &watch->fired_link);
    if (list_empty(&watch->event->told_link))
        list_append(&told, &watch->event->told_link);
    if (telling)
        return;
    telling = true;
    while ((item = list_first(&told))) {
        list_remove(item);
        object_signal(&list_entry(item, struct event, told_link)->object, 0, SIGNAL_READABLE);
    }
    telling = false;
}

static const struct object_ops watch_ops = {.name = "watch", .destroy = object_free};

static void watch_taken(struct watch *watch)
{
    struct event *event = watch->event;

    list_remove(&watch->fired_link);
    if (list_empty(&event->fired))
        object_signal(&event->object, SIGNAL_READABLE, 0);
}

static void watch_end(struct watch *watch)
{
    struct object *source = watch->source;

    watch_taken(watch);
    list_remove(&watch->waiter.link);
    list_remove(&watch->event_link);
    object_release(&watch->object);
    object_release(source);
}

static struct watch *watch_find(const struct object *source, const struct event *event,
                                uint32_t key)
{
    struct list *item;

    list_for_each (item, &source->waiters) {
        struct waiter *waiter = list_entry(item, struct waiter, link);
        struct watch *watch = list_entry(waiter, struct watch, waiter);
        if (!waiter->thread && watch->event == event && watch->key == key)
            return watch;
    }
    return NULL;
}

static status_t watch_new(struct object *source, struct event *event, uint32_t key,
                          struct watch **result)
{
    struct object *object;
    status_t status =
        object_new(sizeof(struct watch), &watch_ops, OBJECT_EVENT, current->process, &object);

    if (status != OK)
        return status;
    struct watch *watch = list_entry(object, struct watch, object);
    object_hold(source);
    watch->source = source;
    watch->event = event;
    watch->key = key;
    watch->waiter.thread = NULL;
    list_init(&watch->fired_link);
    list_append(&source->waiters, &watch->waiter.link);
    list_append(&event->watches, &watch->event_link);
    *result = watch;
    return OK;
}

static status_t get_event(handle_t handle, struct event **event)
{
    struct object *object;
    status_t status = handle_get(current->process, handle, OBJECT_EVENT, RIGHT_SIGNAL, &object);

    if (status == OK)
        *event = list_entry(object, struct event, object);
    return status;
}

status_t call_event_watch(handle_t event_handle, handle_t handle, uint32_t signals, uint32_t key)
{
    struct event *event;
    struct object *source;
    status_t status = get_event(event_handle, &event);

    if (status == OK)
        status = handle_get(current->process, handle, OBJECT_NONE, RIGHT_WAIT, &source);
    if (status != OK)
        return status;
    struct watch *watch = watch_find(source, event, key);
    if (!signals) {
        if (watch)
            watch_end(watch);
        return OK;
    }
    if (!watch)
        status = watch_new(source, event, key, &watch);
    if (status != OK)
        return status;
    watch->waiter.wanted = signals;
    if (source->signals & signals)
        watch_fire(&watch->waiter);
    return OK;
}

#define TAKE_CHUNK 64u

status_t call_event_take(handle_t handle, user_t keys, uint32_t count, user_t done)
{
    struct event *event;
    uint32_t chunk[TAKE_CHUNK], taken = 0;
    struct list *item, *following;
    status_t status = get_event(handle, &event);

    if (status == OK)
        status = user_probe(done, sizeof taken);
    if (status != OK)
        return status;
    count = count < TAKE_CHUNK ? count : TAKE_CHUNK;
    list_for_each_safe(item, following, &event->fired)
    {
        if (taken == count)
            break;
        chunk[taken++] = list_entry(item, struct watch, fired_link)->key;
    }
    status = user_write(keys, chunk, taken * sizeof chunk[0]);
    if (status != OK)
        return status;
    for (uint32_t i = 0; i < taken; i++)
        watch_taken(list_entry(list_first(&event->fired), struct watch, fired_link));
    return user_write(done, &taken, sizeof taken);
}

/* ---- events ---- */

static void event_last_handle(struct object *object)
{
    struct event *event = list_entry(object, struct event, object);
    struct list *item;

    while ((item = list_first(&event->watches)))
        watch_end(list_entry(item, struct watch, event_link));
}

static const struct object_ops event_ops = {
    .name = "event", .destroy = object_free, .last_handle = event_last_handle};

status_t call_event_create(uint32_t signals, user_t result)
{
    if (signals & ~SIGNAL_USER_MASK)
        return ERR_INVALID_ARGUMENT;
    struct object *object;
    status_t status =
        object_new(sizeof(struct event), &event_ops, OBJECT_EVENT, current->process, &object);
    if (status != OK)
        return status;
    struct event *event = list_entry(object, struct event, object);
    list_init(&event->watches);
    list_init(&event->fired);
    list_init(&event->told_link);
    object->signals = signals;
    return handle_return(object, RIGHT_ALL, result);
}

status_t call_event_signal(handle_t handle, uint32_t clear, uint32_t set)
{
    struct object *event;
    status_t status = handle_get(current->process, handle, OBJECT_EVENT, RIGHT_SIGNAL, &event);

    if (status != OK)
        return status;
    if ((clear | set) & ~SIGNAL_USER_MASK)
        return ERR_INVALID_ARGUMENT;
    object_signal(event, clear, set);
    return OK;
}
