/* SPDX-License-Identifier: MIT */
/*
 * Personalities, and what init has to tell them. An event goes out as the answer to a parked
 * next_event; until there is one it waits in the personality's queue.
 */
#include <stdlib.h>
#include <string.h>

#include <atomik/log.h>
#include <atomik/syscall.h>
#include <ipc/call.h>

#include "init.h"

#define EVENTS_MAX    1024 /* queued for a personality that does not fetch them */
#define STATUS_KILLED 9    /* as of wait4: ended by signal 9 */

static struct personality personalities[PERSONALITIES_MAX];

struct personality *personality_of_badge(uint32_t badge)
{
    uint32_t index = badge - BADGE_PERSONALITY;
    return badge >= BADGE_PERSONALITY && index < PERSONALITIES_MAX && personalities[index].alive
               ? &personalities[index]
               : NULL;
}

struct personality *personality_find(const char *name, size_t length)
{
    for (struct personality *each = personalities; each < personalities + PERSONALITIES_MAX; each++)
        if (each->alive && strlen(each->name) == length && memcmp(each->name, name, length) == 0)
            return each;
    return NULL;
}

/* ---- the queue ------------------------------------------------------------------------------- */

static void drop_event(struct event *event)
{
    for (uint32_t i = 0; i < event->handle_count; i++)
        handle_drop(&event->handles[i]);
    free(event);
}

/* Answer the parked call with the first event, if there are both. */
static void deliver(struct personality *personality)
{
    struct event *event = personality->first;
    struct message message = {.label = OK, .size = sizeof(struct next_event_reply)};
    if (personality->parked == 0 || event == NULL)
        return;
    memcpy(message.data, &event->data, sizeof event->data);
    message.handle_count = (uint16_t)event->handle_count;
    memcpy(message.handles, event->handles, sizeof event->handles);
    uint32_t token = personality->parked;
    personality->parked = 0;
    if (port_reply(init_service.port, token, &message) != OK)
        return; /* it has just stopped waiting: the event stays for the next call */
    personality->first = event->next;
    personality->event_count--;
    free(event);
}

status_t event_push(struct personality *personality, const struct proc_event *data,
                    const handle_t *handles, uint32_t handle_count, bool must)
{
    if (!personality->alive)
        return ERR_PEER_CLOSED;
    if (!must && personality->event_count >= EVENTS_MAX)
        return ERR_LIMIT_REACHED;
    struct event *event = calloc(1, sizeof *event);
    if (event == NULL)
        return ERR_NO_MEMORY;
    event->data = *data;
    event->handle_count = handle_count;
    for (uint32_t i = 0; i < handle_count; i++)
        event->handles[i] = handles[i];
    if (personality->first == NULL)
        personality->first = event;
    else
        personality->last->next = event;
    personality->last = event;
    personality->event_count++;
    deliver(personality);
    return OK;
}

status_t handle_next_event(struct service *service, struct message *message)
{
    struct personality *personality = personality_of_badge(message->badge);
    (void)service;
    if (personality == NULL)
        return ERR_NOT_PERMITTED;
    if (personality->parked != 0)
        return ERR_BUSY;
    personality->parked = message->token;
    deliver(personality);
    return SERVICE_DEFERRED;
}

/* ---- coming and going ------------------------------------------------------------------------ */

/* A name that comes back gets its old number, so that records of numbers stay right. */
static struct personality *slot_for(const char *name)
{
    struct personality *empty = NULL;
    for (struct personality *each = personalities; each < personalities + PERSONALITIES_MAX;
         each++) {
        if (strcmp(each->name, name) == 0)
            return each;
        if (empty == NULL && each->name[0] == 0)
            empty = each;
    }
    return empty;
}

status_t handle_personality_register(struct service *service, struct message *message)
{
    char name[PERSONALITY_NAME] = "";
    handle_t handle;
    if (message->badge != BADGE_SERVICE)
        return ERR_NOT_PERMITTED;
    if (message->size == 0 || message->size >= sizeof name ||
        memchr(message->data, 0, message->size) != NULL)
        return ERR_INVALID_ARGUMENT;
    memcpy(name, message->data, message->size);
    struct personality *personality = slot_for(name);
    if (personality == NULL || personality->alive)
        return personality == NULL ? ERR_LIMIT_REACHED : ERR_ALREADY_EXISTS;
    uint32_t index = (uint32_t)(personality - personalities);
    status_t status = port_badge(service->port, BADGE_PERSONALITY + index, &handle);
    if (status != OK)
        return status;
    *personality = (struct personality){.number = index + 1, .alive = true};
    memcpy(personality->name, name, sizeof name);
    ((struct personality_register_reply *)service_reply(message,
                                                        sizeof(struct personality_register_reply)))
        ->personality = personality->number;
    service_handle(message, handle);
    return OK;
}

void personality_ended(struct personality *personality)
{
    struct process *next;
    log_printf("personality %s has ended", personality->name);
    personality->alive = false;
    personality->parked = 0;
    while (personality->first != NULL) {
        struct event *event = personality->first;
        personality->first = event->next;
        drop_event(event);
    }
    personality->event_count = 0;
    questions_fail(personality);
    starts_of_personality_ended(personality);
    for (struct process *process = process_after(PID_INIT); process != NULL; process = next) {
        uint32_t pid = process->pid;
        if (process->personality == personality && process->state != PROC_ZOMBIE) {
            if (process->kernel_process != HANDLE_NONE &&
                process_kill(process->kernel_process, STATUS_KILLED) != OK)
                log_printf("pid %u outlives its personality", (unsigned)pid);
            process_ended(process, STATUS_KILLED);
        }
        next = process_after(pid);
    }
}

void personalities_finish(void)
{
    const struct proc_event event = {.type = EVENT_FINISH};
    for (struct personality *each = personalities; each < personalities + PERSONALITIES_MAX; each++)
        if (each->alive && event_push(each, &event, NULL, 0, true) != OK)
            log_printf("personality %s cannot be told that the machine stops", each->name);
}

/* Who asks for the next event has handled the one before. */
bool personalities_are_busy(void)
{
    for (struct personality *each = personalities; each < personalities + PERSONALITIES_MAX; each++)
        if (each->alive && (each->first != NULL || each->parked == 0))
            return true;
    return false;
}

void events_cancel(uint32_t token)
{
    for (struct personality *each = personalities; each < personalities + PERSONALITIES_MAX; each++)
        if (each->parked == token)
            each->parked = 0;
    questions_cancel(token);
}

status_t handle_personality_list(struct service *service, struct message *message)
{
    const struct personality_list_request *request =
        service_request(message, sizeof *request, NULL, NULL);
    (void)service;
    if (request == NULL)
        return ERR_INVALID_ARGUMENT;
    if (request->index >= PERSONALITIES_MAX || personalities[request->index].name[0] == 0)
        return ERR_NOT_FOUND;
    const struct personality *personality = &personalities[request->index];
    struct personality_list_reply *reply = service_reply(message, sizeof *reply);
    reply->processes = process_count(personality);
    return service_tail(message, personality->name, strlen(personality->name));
}
