/* SPDX-License-Identifier: MIT */
/* Events. */
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/snapshot/save.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>

struct event {
    struct object object;
    bool manual, signaled;
};

static bool event_signaled(struct object *object, struct nt_thread *thread)
{
    (void)thread;
    return container_of(object, struct event, object)->signaled;
}

static NTSTATUS event_satisfy(struct object *object, struct nt_thread *thread)
{
    struct event *event = container_of(object, struct event, object);
    (void)thread;
    if (!event->manual)
        event->signaled = false;
    return STATUS_SUCCESS;
}

static void event_destroy(struct object *object)
{
    free(container_of(object, struct event, object));
}

static void event_save(struct object *object, struct save *save)
{
    const struct event *event = container_of(object, struct event, object);
    snap_put_u32(&save->snapshot, SNAP_OBJECT_MANUAL, event->manual);
    snap_put_u64(&save->snapshot, SNAP_OBJECT_VALUE, event->signaled);
}

static struct event *event_new(bool manual, bool signaled)
{
    struct event *event = malloc(sizeof *event);
    if (!event)
        return NULL;
    object_init(&event->object, &event_type);
    event->manual = manual;
    event->signaled = signaled;
    return event;
}

static NTSTATUS event_restore(struct restore *restore, const struct snap_note *note,
                              struct object **result)
{
    struct event *event = event_new(snap_get_u32(note, SNAP_OBJECT_MANUAL, 0),
                                    snap_get_u64(note, SNAP_OBJECT_VALUE, 0));
    (void)restore;
    *result = event ? &event->object : NULL;
    return event ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

const struct nt_type event_type = {
    .name = L"Event",
    .number = TYPE_EVENT,
    .mapping = {STANDARD_RIGHTS_READ | EVENT_QUERY_STATE,
                STANDARD_RIGHTS_WRITE | EVENT_MODIFY_STATE, STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE,
                EVENT_ALL_ACCESS},
    .signaled = event_signaled,
    .satisfy = event_satisfy,
    .destroy = event_destroy,
    .save = event_save,
    .restore = event_restore,
};

void event_set(struct object *object, bool signaled)
{
    container_of(object, struct event, object)->signaled = signaled;
    if (signaled)
        object_changed(object);
}

NTSTATUS nt_create_event(struct call *call)
{
    if (call->args[3] > SynchronizationEvent)
        return STATUS_INVALID_PARAMETER;
    struct event *event = event_new(call->args[3] == NotificationEvent, call->args[4] & 0xff);
    if (!event)
        return STATUS_NO_MEMORY;
    return object_create_named(call->thread, call->args[0], call->args[1], call->args[2],
                               &event->object);
}

NTSTATUS nt_open_event(struct call *call)
{
    return object_open_named(call->thread, call->args[0], call->args[1], call->args[2],
                             &event_type);
}

enum event_change { EVENT_SET, EVENT_RESET, EVENT_PULSE };

static NTSTATUS event_change(struct call *call, enum event_change change, uint32_t previous)
{
    struct object *object;
    NTSTATUS status =
        handle_object(call->thread, call->args[0], &event_type, EVENT_MODIFY_STATE, &object);
    if (status)
        return status;
    bool before = container_of(object, struct event, object)->signaled;
    event_set(object, change != EVENT_RESET);
    if (change == EVENT_PULSE)
        event_set(object, false);
    object_release(object);
    return guest_return32(previous, before);
}

NTSTATUS nt_set_event(struct call *call)
{
    return event_change(call, EVENT_SET, call->args[1]);
}
NTSTATUS nt_reset_event(struct call *call)
{
    return event_change(call, EVENT_RESET, call->args[1]);
}
NTSTATUS nt_clear_event(struct call *call)
{
    return event_change(call, EVENT_RESET, 0);
}
NTSTATUS nt_pulse_event(struct call *call)
{
    return event_change(call, EVENT_PULSE, call->args[1]);
}

NTSTATUS nt_query_event(struct call *call)
{
    struct object *object;
    NTSTATUS status =
        handle_object(call->thread, call->args[0], &event_type, EVENT_QUERY_STATE, &object);
    if (status)
        return status;
    struct event *event = container_of(object, struct event, object);
    uint32_t info[2] = {event->manual ? NotificationEvent : SynchronizationEvent, event->signaled};
    object_release(object);
    if (call->args[1] != EventBasicInformation)
        return STATUS_INVALID_INFO_CLASS;
    return guest_return(call->args[2], call->args[3], call->args[4], info, sizeof info);
}
