/* SPDX-License-Identifier: MIT */
/* Events, mutants, semaphores, timers, keyed events and I/O completion ports. */
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

/* ---- events ---- */

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

const struct nt_type event_type = {
    .name = L"Event",
    .mapping = {STANDARD_RIGHTS_READ | EVENT_QUERY_STATE,
                STANDARD_RIGHTS_WRITE | EVENT_MODIFY_STATE, STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE,
                EVENT_ALL_ACCESS},
    .signaled = event_signaled,
    .satisfy = event_satisfy,
    .destroy = event_destroy,
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
    struct event *event = malloc(sizeof *event);
    if (!event)
        return STATUS_NO_MEMORY;
    object_init(&event->object, &event_type);
    event->manual = call->args[3] == NotificationEvent;
    event->signaled = call->args[4] & 0xff;
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

/* ---- mutants ---- */

struct mutant {
    struct object object;
    struct nt_thread *owner; /* not held: a thread that ends gives its mutants up */
    uint32_t count;
    bool abandoned;
    struct list link; /* all mutants */
};
static struct list mutants = {&mutants, &mutants};

static bool mutant_signaled(struct object *object, struct nt_thread *thread)
{
    struct mutant *mutant = container_of(object, struct mutant, object);
    return !mutant->owner || mutant->owner == thread;
}

static NTSTATUS mutant_satisfy(struct object *object, struct nt_thread *thread)
{
    struct mutant *mutant = container_of(object, struct mutant, object);
    NTSTATUS status = mutant->abandoned ? STATUS_ABANDONED : STATUS_SUCCESS;
    mutant->owner = thread;
    mutant->count++;
    mutant->abandoned = false;
    return status;
}

static void mutant_destroy(struct object *object)
{
    struct mutant *mutant = container_of(object, struct mutant, object);
    list_remove(&mutant->link);
    free(mutant);
}

const struct nt_type mutant_type = {
    .name = L"Mutant",
    .mapping = {STANDARD_RIGHTS_READ | MUTANT_QUERY_STATE, STANDARD_RIGHTS_WRITE,
                STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, MUTANT_ALL_ACCESS},
    .signaled = mutant_signaled,
    .satisfy = mutant_satisfy,
    .destroy = mutant_destroy,
};

void mutants_abandon(struct nt_thread *thread)
{
    list_each(mutant, &mutants, struct mutant, link)
    {
        if (mutant->owner != thread)
            continue;
        mutant->owner = NULL;
        mutant->count = 0;
        mutant->abandoned = true;
        object_changed(&mutant->object);
    }
}

NTSTATUS nt_create_mutant(struct call *call)
{
    struct mutant *mutant = malloc(sizeof *mutant);
    if (!mutant)
        return STATUS_NO_MEMORY;
    bool owned = call->args[3] & 0xff;
    object_init(&mutant->object, &mutant_type);
    mutant->owner = owned ? call->thread : NULL;
    mutant->count = owned;
    mutant->abandoned = false;
    list_append(&mutants, &mutant->link);
    return object_create_named(call->thread, call->args[0], call->args[1], call->args[2],
                               &mutant->object);
}

NTSTATUS nt_open_mutant(struct call *call)
{
    return object_open_named(call->thread, call->args[0], call->args[1], call->args[2],
                             &mutant_type);
}

static NTSTATUS mutant_release(struct nt_thread *thread, struct mutant *mutant, int32_t *previous)
{
    if (mutant->owner != thread)
        return STATUS_MUTANT_NOT_OWNED;
    *previous = 1 - (int32_t)mutant->count;
    if (--mutant->count == 0) {
        mutant->owner = NULL;
        object_changed(&mutant->object);
    }
    return STATUS_SUCCESS;
}

NTSTATUS nt_release_mutant(struct call *call)
{
    struct object *object;
    int32_t previous;
    NTSTATUS status = handle_object(call->thread, call->args[0], &mutant_type, 0, &object);
    if (status)
        return status;
    status = mutant_release(call->thread, container_of(object, struct mutant, object), &previous);
    object_release(object);
    return status ? status : guest_return32(call->args[1], previous);
}

NTSTATUS nt_query_mutant(struct call *call)
{
    struct object *object;
    NTSTATUS status =
        handle_object(call->thread, call->args[0], &mutant_type, MUTANT_QUERY_STATE, &object);
    if (status)
        return status;
    struct mutant *mutant = container_of(object, struct mutant, object);
    MUTANT_BASIC_INFORMATION info = {.CurrentCount = 1 - (int32_t)mutant->count,
                                     .OwnedByCaller = mutant->owner == call->thread,
                                     .AbandonedState = mutant->abandoned};
    object_release(object);
    if (call->args[1] != MutantBasicInformation)
        return STATUS_INVALID_INFO_CLASS;
    return guest_return(call->args[2], call->args[3], call->args[4], &info, sizeof info);
}

/* ---- semaphores ---- */

struct semaphore {
    struct object object;
    uint32_t count, maximum;
};

static bool semaphore_signaled(struct object *object, struct nt_thread *thread)
{
    (void)thread;
    return container_of(object, struct semaphore, object)->count > 0;
}

static NTSTATUS semaphore_satisfy(struct object *object, struct nt_thread *thread)
{
    (void)thread;
    container_of(object, struct semaphore, object)->count--;
    return STATUS_SUCCESS;
}

static void semaphore_destroy(struct object *object)
{
    free(container_of(object, struct semaphore, object));
}

const struct nt_type semaphore_type = {
    .name = L"Semaphore",
    .mapping = {STANDARD_RIGHTS_READ | SEMAPHORE_QUERY_STATE,
                STANDARD_RIGHTS_WRITE | SEMAPHORE_MODIFY_STATE,
                STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, SEMAPHORE_ALL_ACCESS},
    .signaled = semaphore_signaled,
    .satisfy = semaphore_satisfy,
    .destroy = semaphore_destroy,
};

NTSTATUS nt_create_semaphore(struct call *call)
{
    int32_t count = call->args[3], maximum = call->args[4];
    if (maximum <= 0 || count < 0 || count > maximum)
        return STATUS_INVALID_PARAMETER;
    struct semaphore *semaphore = malloc(sizeof *semaphore);
    if (!semaphore)
        return STATUS_NO_MEMORY;
    object_init(&semaphore->object, &semaphore_type);
    semaphore->count = count;
    semaphore->maximum = maximum;
    return object_create_named(call->thread, call->args[0], call->args[1], call->args[2],
                               &semaphore->object);
}

NTSTATUS nt_open_semaphore(struct call *call)
{
    return object_open_named(call->thread, call->args[0], call->args[1], call->args[2],
                             &semaphore_type);
}

static NTSTATUS semaphore_release(struct semaphore *semaphore, uint32_t count, uint32_t *previous)
{
    if (count > semaphore->maximum - semaphore->count)
        return STATUS_SEMAPHORE_LIMIT_EXCEEDED;
    *previous = semaphore->count;
    semaphore->count += count;
    object_changed(&semaphore->object);
    return STATUS_SUCCESS;
}

NTSTATUS nt_release_semaphore(struct call *call)
{
    struct object *object;
    uint32_t previous;
    NTSTATUS status = handle_object(call->thread, call->args[0], &semaphore_type,
                                    SEMAPHORE_MODIFY_STATE, &object);
    if (status)
        return status;
    status =
        semaphore_release(container_of(object, struct semaphore, object), call->args[1], &previous);
    object_release(object);
    return status ? status : guest_return32(call->args[2], previous);
}

NTSTATUS nt_query_semaphore(struct call *call)
{
    struct object *object;
    NTSTATUS status =
        handle_object(call->thread, call->args[0], &semaphore_type, SEMAPHORE_QUERY_STATE, &object);
    if (status)
        return status;
    struct semaphore *semaphore = container_of(object, struct semaphore, object);
    uint32_t info[2] = {semaphore->count, semaphore->maximum};
    object_release(object);
    if (call->args[1] != SemaphoreBasicInformation)
        return STATUS_INVALID_INFO_CLASS;
    return guest_return(call->args[2], call->args[3], call->args[4], info, sizeof info);
}

NTSTATUS object_signal(struct nt_thread *thread, struct object *object)
{
    uint32_t previous;
    if (object->type == &event_type)
        event_set(object, true);
    else if (object->type == &mutant_type)
        return mutant_release(thread, container_of(object, struct mutant, object),
                              (int32_t *)&previous);
    else if (object->type == &semaphore_type)
        return semaphore_release(container_of(object, struct semaphore, object), 1, &previous);
    else
        return STATUS_OBJECT_TYPE_MISMATCH;
    return STATUS_SUCCESS;
}

/* ---- timers: no thread of their own; whoever waits or looks brings them up to date ---- */

struct timer {
    struct object object;
    bool manual, signaled;
    uint64_t due;                 /* FILETIME, 0 = not running */
    uint32_t period;              /* ms */
    struct nt_thread *apc_thread; /* held; gets the APC when the timer fires */
    uint32_t apc_function, apc_argument;
};

static void timer_update(struct timer *timer)
{
    uint64_t now = nt_time();
    if (!timer->due || now < timer->due)
        return;
    uint64_t fired = timer->due;
    timer->signaled = true;
    if (!timer->period)
        timer->due = 0;
    while (timer->due && timer->due <= now)
        timer->due += timer->period * 10000ull;
    if (timer->apc_thread)
        (void)apc_queue(timer->apc_thread, timer->apc_function, timer->apc_argument,
                        (uint32_t)fired, (uint32_t)(fired >> 32));
}

static bool timer_signaled(struct object *object, struct nt_thread *thread)
{
    struct timer *timer = container_of(object, struct timer, object);
    (void)thread;
    timer_update(timer);
    return timer->signaled;
}

static NTSTATUS timer_satisfy(struct object *object, struct nt_thread *thread)
{
    struct timer *timer = container_of(object, struct timer, object);
    (void)thread;
    if (!timer->manual)
        timer->signaled = false;
    return STATUS_SUCCESS;
}

static uint64_t timer_due(struct object *object)
{
    return container_of(object, struct timer, object)->due;
}

static void timer_stop(struct timer *timer)
{
    timer->due = 0;
    if (timer->apc_thread)
        object_release(&timer->apc_thread->object);
    timer->apc_thread = NULL;
}

static void timer_destroy(struct object *object)
{
    struct timer *timer = container_of(object, struct timer, object);
    timer_stop(timer);
    free(timer);
}

const struct nt_type timer_type = {
    .name = L"Timer",
    .mapping = {STANDARD_RIGHTS_READ | TIMER_QUERY_STATE,
                STANDARD_RIGHTS_WRITE | TIMER_MODIFY_STATE, STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE,
                TIMER_ALL_ACCESS},
    .signaled = timer_signaled,
    .satisfy = timer_satisfy,
    .due = timer_due,
    .destroy = timer_destroy,
};

NTSTATUS nt_create_timer(struct call *call)
{
    if (call->args[3] > SynchronizationTimer)
        return STATUS_INVALID_PARAMETER;
    struct timer *timer = calloc(1, sizeof *timer);
    if (!timer)
        return STATUS_NO_MEMORY;
    object_init(&timer->object, &timer_type);
    timer->manual = call->args[3] == NotificationTimer;
    return object_create_named(call->thread, call->args[0], call->args[1], call->args[2],
                               &timer->object);
}

NTSTATUS nt_open_timer(struct call *call)
{
    return object_open_named(call->thread, call->args[0], call->args[1], call->args[2],
                             &timer_type);
}

static NTSTATUS timer_from(struct call *call, ACCESS_MASK access, struct timer **timer)
{
    struct object *object;
    NTSTATUS status = handle_object(call->thread, call->args[0], &timer_type, access, &object);
    if (!status)
        *timer = container_of(object, struct timer, object);
    return status;
}

NTSTATUS nt_set_timer(struct call *call)
{
    struct timer *timer;
    int64_t due;
    NTSTATUS status = guest_read(&due, call->args[1], sizeof due);
    if (!status)
        status = timer_from(call, TIMER_MODIFY_STATE, &timer);
    if (status)
        return status;
    bool before = timer->signaled;
    timer_stop(timer);
    timer->signaled = false;
    timer->period = call->args[5];
    timer->due = due > 0 ? (uint64_t)due : nt_time() - due;
    if (call->args[2]) {
        timer->apc_thread = call->thread;
        object_hold(&call->thread->object);
        timer->apc_function = call->args[2];
        timer->apc_argument = call->args[3];
    }
    /* Threads that wait for it work out anew how long to sleep. */
    list_each(block, &timer->object.waiters, struct wait_block, object_link)
        thread_wake(block->thread);
    object_release(&timer->object);
    uint8_t state = before;
    return call->args[6] ? guest_write(call->args[6], &state, 1) : STATUS_SUCCESS;
}

NTSTATUS nt_cancel_timer(struct call *call)
{
    struct timer *timer;
    NTSTATUS status = timer_from(call, TIMER_MODIFY_STATE, &timer);
    if (status)
        return status;
    uint8_t state = timer->signaled;
    timer_stop(timer);
    object_release(&timer->object);
    return call->args[1] ? guest_write(call->args[1], &state, 1) : STATUS_SUCCESS;
}

NTSTATUS nt_query_timer(struct call *call)
{
    struct timer *timer;
    NTSTATUS status = timer_from(call, TIMER_QUERY_STATE, &timer);
    if (status)
        return status;
    timer_update(timer);
    TIMER_BASIC_INFORMATION info = {.TimerState = timer->signaled};
    info.RemainingTime.QuadPart = timer->due ? (int64_t)(timer->due - nt_time()) : 0;
    object_release(&timer->object);
    if (call->args[1] != TimerBasicInformation)
        return STATUS_INVALID_INFO_CLASS;
    return guest_return(call->args[2], call->args[3], call->args[4], &info, sizeof info);
}

/* ---- completion ports ---- */

struct packet {
    struct list link;
    FILE_IO_COMPLETION_INFORMATION info;
};
struct completion {
    struct object object;
    struct list packets;
    uint32_t count;
};

static bool completion_signaled(struct object *object, struct nt_thread *thread)
{
    (void)thread;
    return !list_empty(&container_of(object, struct completion, object)->packets);
}

static struct packet *completion_take(struct completion *port)
{
    struct packet *packet = container_of(port->packets.next, struct packet, link);
    list_remove(&packet->link);
    port->count--;
    return packet;
}

static void completion_destroy(struct object *object)
{
    struct completion *port = container_of(object, struct completion, object);
    while (!list_empty(&port->packets))
        free(completion_take(port));
    free(port);
}

const struct nt_type completion_type = {
    .name = L"IoCompletion",
    .mapping = {STANDARD_RIGHTS_READ | IO_COMPLETION_QUERY_STATE,
                STANDARD_RIGHTS_WRITE | IO_COMPLETION_MODIFY_STATE,
                STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, IO_COMPLETION_ALL_ACCESS},
    .signaled = completion_signaled,
    .destroy = completion_destroy,
};

NTSTATUS completion_post(struct object *object, uint32_t key, uint32_t value, NTSTATUS status,
                         uint32_t information)
{
    struct completion *port = container_of(object, struct completion, object);
    struct packet *packet = calloc(1, sizeof *packet);
    if (!packet)
        return STATUS_NO_MEMORY;
    packet->info.CompletionKey = key;
    packet->info.CompletionValue = value;
    packet->info.IoStatusBlock.Status = status;
    packet->info.IoStatusBlock.Information = information;
    list_append(&port->packets, &packet->link);
    port->count++;
    object_changed(object);
    return STATUS_SUCCESS;
}

NTSTATUS nt_create_io_completion(struct call *call)
{
    struct completion *port = calloc(1, sizeof *port);
    if (!port)
        return STATUS_NO_MEMORY;
    object_init(&port->object, &completion_type);
    list_init(&port->packets);
    return object_create_named(call->thread, call->args[0], call->args[1], call->args[2],
                               &port->object);
}

NTSTATUS nt_open_io_completion(struct call *call)
{
    return object_open_named(call->thread, call->args[0], call->args[1], call->args[2],
                             &completion_type);
}

NTSTATUS nt_set_io_completion(struct call *call)
{
    struct object *object;
    NTSTATUS status = handle_object(call->thread, call->args[0], &completion_type,
                                    IO_COMPLETION_MODIFY_STATE, &object);
    if (status)
        return status;
    status = completion_post(object, call->args[1], call->args[2], call->args[3], call->args[4]);
    object_release(object);
    return status;
}

/* Wait for the first packet; STATUS_SUCCESS: there is one. The object is held then. */
static NTSTATUS completion_wait(struct call *call, uint32_t timeout, bool alertable,
                                struct completion **port)
{
    struct object *object;
    uint64_t deadline;
    bool poll;
    NTSTATUS status = handle_object(call->thread, call->args[0], &completion_type,
                                    IO_COMPLETION_MODIFY_STATE, &object);
    if (status)
        return status;
    status = wait_deadline(call->thread, timeout, &deadline, &poll);
    /* A waiter that was woken is not sure of the packet: another thread may take it first. */
    do {
        if (!status)
            status = wait_objects(call->thread, &object, 1, false, alertable, deadline);
    } while (!status && !completion_signaled(object, call->thread));
    *port = container_of(object, struct completion, object);
    if (status)
        object_release(object);
    return status;
}

NTSTATUS nt_remove_io_completion(struct call *call)
{
    struct completion *port;
    NTSTATUS status = completion_wait(call, call->args[4], false, &port);
    if (status)
        return status;
    struct packet *packet = completion_take(port);
    object_release(&port->object);
    status = guest_write32(call->args[1], packet->info.CompletionKey);
    if (!status)
        status = guest_write32(call->args[2], packet->info.CompletionValue);
    if (!status)
        status = guest_write(call->args[3], &packet->info.IoStatusBlock,
                             sizeof packet->info.IoStatusBlock);
    free(packet);
    return status;
}

NTSTATUS nt_remove_io_completion_ex(struct call *call)
{
    struct completion *port;
    uint32_t done = 0;
    NTSTATUS status = completion_wait(call, call->args[4], call->args[5] & 0xff, &port);
    if (status == STATUS_USER_APC)
        return STATUS_RESTART_CALL; /* the APC runs first, then the call is issued again */
    if (status) {
        (void)guest_return32(call->args[3], status == STATUS_TIMEOUT ? 1 : 0);
        return status;
    }
    while (!status && done < call->args[2] && !list_empty(&port->packets)) {
        struct packet *packet = completion_take(port);
        status = guest_write(call->args[1] + done * sizeof packet->info, &packet->info,
                             sizeof packet->info);
        free(packet);
        done++;
    }
    object_release(&port->object);
    return status ? status : guest_return32(call->args[3], done);
}

NTSTATUS nt_query_io_completion(struct call *call)
{
    struct object *object;
    NTSTATUS status = handle_object(call->thread, call->args[0], &completion_type,
                                    IO_COMPLETION_QUERY_STATE, &object);
    if (status)
        return status;
    uint32_t count = container_of(object, struct completion, object)->count;
    object_release(object);
    return guest_return(call->args[2], call->args[3], call->args[4], &count, sizeof count);
}

/* ---- keyed events: a releaser and a waiter of the same key meet ---- */

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

static const struct nt_type keyed_event_type = {
    .name = L"KeyedEvent",
    .mapping = {STANDARD_RIGHTS_READ | KEYEDEVENT_WAIT, STANDARD_RIGHTS_WRITE | KEYEDEVENT_WAKE,
                STANDARD_RIGHTS_EXECUTE, KEYEDEVENT_ALL},
    .destroy = keyed_event_destroy,
};

NTSTATUS nt_create_keyed_event(struct call *call)
{
    struct keyed_event *event = malloc(sizeof *event);
    if (!event)
        return STATUS_NO_MEMORY;
    object_init(&event->object, &keyed_event_type);
    return object_create_named(call->thread, call->args[0], call->args[1], call->args[2],
                               &event->object);
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
    return status;
}

NTSTATUS nt_wait_for_keyed_event(struct call *call)
{
    return keyed_call(call, false);
}
NTSTATUS nt_release_keyed_event(struct call *call)
{
    return keyed_call(call, true);
}
