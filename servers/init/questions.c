/* SPDX-License-Identifier: MIT */
/*
 * Questions: what a caller wants to know of a process, or have done to it, and only the process's
 * personality can. It goes there as an event; the caller's own call stays open until the personality
 * answers, with the number that the event had, or until it goes away.
 */
#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>

#include "init.h"

static struct question {
    struct question *next;
    uint32_t token, request;
    struct personality *personality;
} * questions;
static uint32_t last_request;

status_t question_ask(const struct message *message, const struct process *process,
                      struct proc_event *event, const handle_t *handles, uint32_t handle_count)
{
    struct question *question = malloc(sizeof *question);
    if (question == NULL)
        return ERR_NO_MEMORY;
    *question = (struct question){questions, message->token, ++last_request, process->personality};
    event->pid = process->pid;
    event->request = question->request;
    status_t status = event_push(process->personality, event, handles, handle_count, false);
    if (status != OK) {
        free(question);
        return status;
    }
    questions = question;
    return SERVICE_DEFERRED;
}

uint32_t question_take(const struct personality *personality, uint32_t request)
{
    for (struct question **link = &questions; *link != NULL; link = &(*link)->next) {
        struct question *question = *link;
        if (question->request != request || question->personality != personality)
            continue;
        uint32_t token = question->token;
        *link = question->next;
        free(question);
        return token;
    }
    return 0;
}

void questions_fail(const struct personality *personality)
{
    for (struct question **link = &questions; *link != NULL;) {
        struct question *question = *link;
        if (question->personality != personality) {
            link = &question->next;
            continue;
        }
        service_answer_status(&init_service, question->token, ERR_NO_PROCESS);
        *link = question->next;
        free(question);
    }
}

void questions_cancel(uint32_t token)
{
    for (struct question **link = &questions; *link != NULL; link = &(*link)->next) {
        struct question *question = *link;
        if (question->token != token)
            continue;
        *link = question->next;
        free(question);
        return;
    }
}

/* ---- memory and times ------------------------------------------------------------------------ */

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
    return service_tail(message, process->name, (uint32_t)strlen(process->name));
}

status_t handle_proc_stats(struct service *service, struct message *message)
{
    const struct proc_stats_request *request =
        service_request(message, sizeof *request, NULL, NULL);
    struct process *process = request == NULL ? NULL : process_find(request->pid);
    struct proc_event event = {.type = EVENT_STATS};
    (void)service;
    if (process == NULL || process->state == PROC_ZOMBIE)
        return request == NULL ? ERR_INVALID_ARGUMENT : ERR_NO_PROCESS;
    if (process->personality == NULL)
        return service_stats(process, message);
    return question_ask(message, process, &event, NULL, 0);
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
    uint32_t token = question_take(personality, request->request);
    if (token == 0)
        return ERR_NOT_FOUND; /* whoever asked has gone */
    struct message answer = {.size = sizeof(struct proc_stats_reply)};
    memcpy(answer.data, &request->stats, sizeof request->stats);
    status_t status = service_tail(&answer, tail, length);
    service_answer(service, token, request->status != OK ? request->status : status, &answer);
    service_reply(message, 0);
    return OK;
}

/* ---- snapshots --------------------------------------------------------------------------------- */

status_t handle_snapshot(struct service *service, struct message *message)
{
    const struct snapshot_request *request = service_request(message, sizeof *request, NULL, NULL);
    struct process *process = request == NULL ? NULL : process_find(request->pid);
    struct proc_event event = {.type = EVENT_SNAPSHOT};
    (void)service;
    bool release = request != NULL && (request->flags & SNAPSHOT_RELEASE);
    uint32_t count = release ? 0 : request != NULL && (request->flags & SNAPSHOT_RECORD) ? 2 : 1;
    if (request == NULL || message->handle_count != count)
        return ERR_INVALID_ARGUMENT;
    if ((request->flags & (SNAPSHOT_HOLD | SNAPSHOT_RELEASE)) && message->badge >= BADGE_PROCESS)
        return ERR_NOT_PERMITTED; /* only personalities wait for each other */
    if (process == NULL || process->state == PROC_ZOMBIE)
        return ERR_NO_PROCESS;
    if (process->personality == NULL)
        return ERR_NOT_SUPPORTED;
    const struct process *caller = process_of_badge(message->badge);
    if (message->badge >= BADGE_PROCESS && caller == NULL)
        return ERR_NOT_PERMITTED;
    uint32_t uid = caller != NULL ? caller->uid : request->uid; /* a personality says for whom */
    if (!process_is_open_to(process, uid))
        return ERR_NOT_PERMITTED;
    for (uint32_t i = 0; i < message->handle_count; i++)
        if (!start_may_pass(caller, message->handles[i]))
            return ERR_NOT_PERMITTED;
    event.flags = request->flags;
    event.uid = uid;
    handle_t files[2] = {HANDLE_NONE, HANDLE_NONE};
    for (uint32_t i = 0; i < count; i++)
        files[i] = service_take(message, i);
    status_t status = question_ask(message, process, &event, files, count);
    for (uint32_t i = 0; i < count && status != SERVICE_DEFERRED; i++)
        handle_drop(&files[i]);
    return status;
}

status_t handle_snapshot_answer(struct service *service, struct message *message)
{
    struct personality *personality = personality_of_badge(message->badge);
    const struct snapshot_answer_request *request =
        service_request(message, sizeof *request, NULL, NULL);
    if (request == NULL || personality == NULL)
        return ERR_INVALID_ARGUMENT;
    uint32_t token = question_take(personality, request->request);
    if (token == 0)
        return ERR_NOT_FOUND;
    struct message answer = {.size = sizeof(struct snapshot_reply)};
    memcpy(answer.data, &request->result, sizeof request->result);
    service_answer(service, token, request->status, &answer);
    service_reply(message, 0);
    return OK;
}
