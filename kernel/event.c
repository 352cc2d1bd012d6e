/* SPDX-License-Identifier: MIT */
/* Events: 24 signal bits that belong to whoever holds a handle with RIGHT_SIGNAL. */
#include <kernel/calls.h>
#include <kernel/memory.h>

static void event_destroy(struct object *object)
{
    heap_free(object); /* an event is nothing but its object */
}

static const struct object_ops event_ops = {.name = "event", .destroy = event_destroy};

status_t call_event_create(uint32_t signals, user_t result)
{
    if (signals & ~SIGNAL_USER_MASK)
        return ERR_INVALID_ARGUMENT;
    struct object *event = heap_alloc(sizeof *event);
    if (!event)
        return ERR_NO_MEMORY;
    status_t status = object_init(event, &event_ops, OBJECT_EVENT, current->process);
    if (status != OK) {
        heap_free(event);
        return status;
    }
    event->signals = signals;
    return handle_return(event, RIGHT_ALL, result);
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
