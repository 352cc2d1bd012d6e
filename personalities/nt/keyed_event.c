/* SPDX-License-Identifier: MIT */
/* Keyed events: a releaser and a waiter of the same key meet. */
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>

enum { KEYEDEVENT_WAIT = 1, KEYEDEVENT_WAKE = 2, KEYEDEVENT_ALL = STANDARD_RIGHTS_REQUIRED | 3 };

struct keyed_event {
    struct object object;
};
struct keyed_party {
    struct list link;
    struct keyed_event *event;
    struct nt_process *process;
    struct nt_thread *thread;
    uint32_t key;
    bool releasing, met;
};
static struct list keyed_parties = {&keyed_parties, &keyed_parties};
static struct keyed_event default_keyed_event;

static void keyed_event_destroy(struct object *object)
{
    free(container_of(object, struct keyed_event, object));
}

static NTSTATUS keyed_event_new(struct object **result)
{
    struct keyed_event *event = malloc(sizeof *event);
    if (!event)
        return STATUS_NO_MEMORY;
    object_init(&event->object, &keyed_event_type);
    *result = &event->object;
    return STATUS_SUCCESS;
}

/* It has no state: who waits for one does so again. */
static NTSTATUS keyed_event_restore(struct restore *restore, const struct snap_note *note,
                                    struct object **result)
{
    (void)restore;
    (void)note;
    return keyed_event_new(result);
}

const struct nt_type keyed_event_type = {
    .name = L"KeyedEvent",
    .number = TYPE_KEYED_EVENT,
    .more_access = SYNCHRONIZE,
    .mapping = {STANDARD_RIGHTS_READ | KEYEDEVENT_WAIT, STANDARD_RIGHTS_WRITE | KEYEDEVENT_WAKE,
                STANDARD_RIGHTS_EXECUTE, KEYEDEVENT_ALL},
    .destroy = keyed_event_destroy,
    .restore = keyed_event_restore,
};

NTSTATUS nt_create_keyed_event(struct call *call)
{
    struct object *event;
    NTSTATUS status = keyed_event_new(&event);
    return status ? status
                  : object_create_named(call->thread, call->args[0], call->args[1], call->args[2],
                                        event);
}

NTSTATUS nt_open_keyed_event(struct call *call)
{
    return object_open_named(call->thread, call->args[0], call->args[1], call->args[2],
                             &keyed_event_type);
}

static bool keyed_meet(struct call *call, struct keyed_event *event, bool releasing)
{
    list_each(party, &keyed_parties, struct keyed_party, link)
    {
        if (party->met || party->event != event || party->process != call->process ||
            party->key != call->args[1] || party->releasing == releasing)
            continue;
        party->met = true;
        thread_wake(party->thread);
        return true;
    }
    return false;
}

static NTSTATUS keyed_wait(struct call *call, struct keyed_party *party, uint64_t deadline)
{
    struct nt_thread *thread = call->thread;
    while (!party->met) {
        if (deadline && nt_time() >= deadline)
            return STATUS_TIMEOUT;
        if ((call->args[2] & 0xff) && !list_empty(&thread->apcs))
            return STATUS_USER_APC;
        if (thread_attention(thread)) {
            thread->wait_deadline = deadline;
            return STATUS_RESTART_CALL;
        }
        thread_sleep(thread, deadline);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS keyed_call(struct call *call, bool releasing)
{
    struct object *object = NULL;
    uint64_t deadline;
    bool poll;
    if (call->args[1] & 1)
        return STATUS_INVALID_PARAMETER_1;
    NTSTATUS status = wait_deadline(call->thread, call->args[3], &deadline, &poll);
    if (!status && call->args[0])
        status = handle_object(call->thread, call->args[0], &keyed_event_type,
                               releasing ? KEYEDEVENT_WAKE : KEYEDEVENT_WAIT, &object);
    if (status)
        return status;
    struct keyed_event *event =
        object ? container_of(object, struct keyed_event, object) : &default_keyed_event;
    if (!keyed_meet(call, event, releasing)) {
        struct keyed_party party = {.event = event,
                                    .process = call->process,
                                    .thread = call->thread,
                                    .key = call->args[1],
                                    .releasing = releasing};
        list_append(&keyed_parties, &party.link);
        status = keyed_wait(call, &party, deadline);
        list_remove(&party.link);
    }
    object_release(object);
    return wait_return(call, status);
}

NTSTATUS nt_wait_for_keyed_event(struct call *call)
{
    return keyed_call(call, false);
}
NTSTATUS nt_release_keyed_event(struct call *call)
{
    return keyed_call(call, true);
}
