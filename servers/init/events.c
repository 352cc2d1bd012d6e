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

/* Calls of proc_stats that wait for a personality's answer. */
static struct stats_call {
    struct stats_call *next;
    uint32_t token, request;
    struct personality *personality;
} * stats_calls;
static uint32_t last_request;

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

static void fail_stats(const struct personality *personality)
{
    for (struct stats_call **link = &stats_calls; *link != NULL;) {
        struct stats_call *call = *link;
        if (call->personality != personality) {
            link = &call->next;
            continue;
        }
        service_answer_status(&init_service, call->token, ERR_NO_PROCESS);
        *link = call->next;
        free(call);
    }
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
    fail_stats(personality);
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

void events_cancel(uint32_t token)
{
    for (struct personality *each = personalities; each < personalities + PERSONALITIES_MAX; each++)
        if (each->parked == token)
            each->parked = 0;
    for (struct stats_call **link = &stats_calls; *link != NULL; link = &(*link)->next) {
        struct stats_call *call = *link;
        if (call->token != token)
            continue;
        *link = call->next;
        free(call);
        return;
    }
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

/* ---- memory and times of a process ----------------------------------------------------------- */

static status_t service_stats(const struct process *process, struct message *message)
{
    struct process_info info;
    status_t status = process_info(process->kernel_process, &info);
    if (status != OK)
        return status;
    struct proc_stats_reply *reply = service_reply(message, sizeof *reply);
    reply->stats =
        (struct proc_stats){.state = PROC_SLEEPING,
                            .threads = info.threads,
                            .mapped_pages = info.pages,
                            .resident_pages = info.pages,
                            .cpu_time = (uint64_t)info.cpu_time_high << 32 | info.cpu_time_low};
    return service_tail(message, process->name, strlen(process->name));
}

status_t handle_proc_stats(struct service *service, struct message *message)
{
    const struct proc_stats_request *request =
        service_request(message, sizeof *request, NULL, NULL);
    struct process *process = request == NULL ? NULL : process_find(request->pid);
    (void)service;
    if (process == NULL || process->state == PROC_ZOMBIE)
        return request == NULL ? ERR_INVALID_ARGUMENT : ERR_NO_PROCESS;
    if (process->personality == NULL)
        return service_stats(process, message);
    struct stats_call *call = malloc(sizeof *call);
    if (call == NULL)
        return ERR_NO_MEMORY;
    *call = (struct stats_call){stats_calls, message->token, ++last_request, process->personality};
    struct proc_event event = {.type = EVENT_STATS, .pid = process->pid, .request = call->request};
    status_t status = event_push(process->personality, &event, NULL, 0, false);
    if (status != OK) {
        free(call);
        return status;
    }
    stats_calls = call;
    return SERVICE_DEFERRED;
}

status_t handle_proc_stats_answer(struct service *service, struct message *message)
{
    const uint8_t *tail;
    uint32_t length;
    struct personality *personality = personality_of_badge(message->badge);
    const struct proc_stats_answer_request *request =
        service_request(message, sizeof *request, &tail, &length);
    if (request == NULL || personality == NULL)
        return ERR_INVALID_ARGUMENT;
    struct stats_call **link = &stats_calls;
    while (*link != NULL &&
           ((*link)->request != request->request || (*link)->personality != personality))
        link = &(*link)->next;
    struct stats_call *call = *link;
    if (call == NULL)
        return ERR_NOT_FOUND; /* whoever asked has gone */
    struct message answer = {.size = sizeof(struct proc_stats_reply)};
    memcpy(answer.data, &request->stats, sizeof request->stats);
    status_t status = service_tail(&answer, tail, length);
    service_answer(service, call->token, request->status != OK ? request->status : status, &answer);
    *link = call->next;
    free(call);
    service_reply(message, 0);
    return OK;
}
