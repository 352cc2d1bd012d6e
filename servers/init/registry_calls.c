/* SPDX-License-Identifier: MIT */
/* Requests about processes: who may ask for what, and what is answered. */
#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>

#include "init.h"

/* The process `pid` if it belongs to the personality that calls, or is being started there. */
static struct process *own_process(const struct message *message, uint32_t pid)
{
    struct personality *personality = personality_of_badge(message->badge);
    struct process *process = process_find(pid);
    if (personality == NULL || process == NULL)
        return NULL;
    return process->personality == personality || start_takes(personality, pid) ? process : NULL;
}

static void copy_name(char name[NAME_LENGTH], const uint8_t *tail, uint32_t length)
{
    if (length > NAME_LENGTH - 1)
        length = NAME_LENGTH - 1;
    memcpy(name, tail, length);
    name[length] = 0;
}

status_t handle_proc_create(struct service *service, struct message *message)
{
    const uint8_t *tail;
    uint32_t length;
    char name[NAME_LENGTH];
    struct process *process;
    struct personality *personality = personality_of_badge(message->badge);
    const struct proc_create_request *request =
        service_request(message, sizeof *request, &tail, &length);
    (void)service;
    if (personality == NULL)
        return ERR_NOT_PERMITTED;
    if (request == NULL)
        return ERR_INVALID_ARGUMENT;
    if (shutting_down)
        return ERR_BAD_STATE;
    copy_name(name, tail, length);
    status_t status = process_new(personality, request->ppid, request->pgid, request->sid,
                                  request->uid, request->wanted, name, &process);
    if (status == OK)
        ((struct proc_create_reply *)service_reply(message, sizeof(struct proc_create_reply)))
            ->pid = process->pid;
    return status;
}

/* Whether the caller's personality has the parent: it may give the process to another one. */
static bool has_parent_of(const struct message *message, const struct process *process)
{
    const struct process *parent = process_find(process->ppid);
    struct personality *personality = personality_of_badge(message->badge);
    return personality != NULL && parent != NULL && parent->personality == personality;
}

status_t handle_proc_set(struct service *service, struct message *message)
{
    const uint8_t *tail;
    uint32_t length;
    const struct proc_set_request *request =
        service_request(message, sizeof *request, &tail, &length);
    struct process *process = request == NULL ? NULL : process_find(request->pid);
    (void)service;
    if (request == NULL || process == NULL)
        return request == NULL ? ERR_INVALID_ARGUMENT : ERR_NO_PROCESS;
    if (own_process(message, request->pid) == NULL &&
        (request->mask != PROC_PPID || !has_parent_of(message, process)))
        return ERR_NO_PROCESS;
    if (process->state == PROC_ZOMBIE ||
        ((request->mask & PROC_PPID) && process_find(request->ppid) == NULL))
        return ERR_BAD_STATE;
    if (request->mask & PROC_PPID)
        process->ppid = request->ppid;
    if (request->mask & PROC_PGID)
        process->pgid = request->pgid;
    if (request->mask & PROC_SID)
        process->sid = request->sid;
    if (request->mask & PROC_UID)
        process->uid = request->uid;
    if ((request->mask & PROC_STATE) && request->state != PROC_ZOMBIE)
        process->state = request->state;
    if (request->mask & PROC_NAME)
        copy_name(process->name, tail, length);
    service_reply(message, 0);
    return OK;
}

status_t handle_proc_exit(struct service *service, struct message *message)
{
    const struct proc_exit_request *request = service_request(message, sizeof *request, NULL, NULL);
    struct personality *personality = personality_of_badge(message->badge);
    (void)service;
    if (request != NULL && personality != NULL)
        start_settle(personality, request->pid);
    struct process *process = request == NULL ? NULL : own_process(message, request->pid);
    if (process == NULL)
        return request == NULL ? ERR_INVALID_ARGUMENT : ERR_NO_PROCESS;
    if (process->state == PROC_ZOMBIE)
        return ERR_BAD_STATE;
    int32_t status = request->status;
    service_reply(message, 0);
    process_ended(process, status);
    return OK;
}

/* By the personality of the parent or, when both are its own, of the child. */
status_t handle_proc_reap(struct service *service, struct message *message)
{
    struct personality *personality = personality_of_badge(message->badge);
    const struct proc_reap_request *request = service_request(message, sizeof *request, NULL, NULL);
    (void)service;
    if (request == NULL)
        return ERR_INVALID_ARGUMENT;
    struct process *process = process_find(request->pid);
    if (personality == NULL || process == NULL)
        return personality == NULL ? ERR_NOT_PERMITTED : ERR_NO_PROCESS;
    struct process *parent = process_find(process->ppid);
    if (process->personality != personality &&
        (parent == NULL || parent->personality != personality))
        return ERR_NOT_PERMITTED;
    if (process->state != PROC_ZOMBIE)
        return ERR_BAD_STATE;
    service_reply(message, 0);
    process_free(process);
    return OK;
}

status_t handle_proc_changed(struct service *service, struct message *message)
{
    const struct proc_changed_request *request =
        service_request(message, sizeof *request, NULL, NULL);
    struct process *process = request == NULL ? NULL : own_process(message, request->pid);
    (void)service;
    if (process == NULL || process->state == PROC_ZOMBIE)
        return request == NULL ? ERR_INVALID_ARGUMENT : ERR_NO_PROCESS;
    process_changed(process, request->status);
    service_reply(message, 0);
    return OK;
}

status_t handle_proc_signal(struct service *service, struct message *message)
{
    const struct proc_signal_request *request =
        service_request(message, sizeof *request, NULL, NULL);
    struct process *caller = process_of_badge(message->badge);
    uint32_t count;
    (void)service;
    if (request == NULL)
        return ERR_INVALID_ARGUMENT;
    if (message->badge >= BADGE_PROCESS && caller == NULL)
        return ERR_NO_PROCESS;
    status_t status =
        process_signal(request->pid, request->signal,
                       caller != NULL ? caller->pid : request->sender, caller, &count);
    if (status == OK)
        ((struct proc_signal_reply *)service_reply(message, sizeof(struct proc_signal_reply)))
            ->count = count;
    return status;
}

status_t handle_proc_info(struct service *service, struct message *message)
{
    const struct proc_info_request *request = service_request(message, sizeof *request, NULL, NULL);
    (void)service;
    if (request == NULL)
        return ERR_INVALID_ARGUMENT;
    struct process *process =
        request->next ? process_after(request->pid) : process_find(request->pid);
    if (process == NULL)
        return request->next ? ERR_NOT_FOUND : ERR_NO_PROCESS;
    struct proc_info_reply *reply = service_reply(message, sizeof *reply);
    reply->record = (struct proc_record){
        .pid = process->pid,
        .ppid = process->ppid,
        .pgid = process->pgid,
        .sid = process->sid,
        .uid = process->uid,
        .personality = process->personality == NULL ? 0 : process->personality->number,
        .state = process->state,
        .status = process->status,
        .start_time = process->start_time,
    };
    return service_tail(message, process->name, strlen(process->name));
}

/*
 * The status goes with the answer if its keeper asks: the parent, on its process handle, or a
 * service for a process that was started for services.
 */
status_t handle_proc_wait(struct service *service, struct message *message)
{
    const struct proc_wait_request *request = service_request(message, sizeof *request, NULL, NULL);
    struct process *caller = process_of_badge(message->badge);
    (void)service;
    if (request == NULL)
        return ERR_INVALID_ARGUMENT;
    struct process *process = process_find(request->pid);
    if (process == NULL)
        return caller != NULL ? ERR_NO_CHILD : ERR_NO_PROCESS;
    bool reaps = caller != NULL ? process->ppid == caller->pid
                                : process->kept && message->badge == BADGE_SERVICE;
    if (process->state == PROC_ZOMBIE) {
        int32_t status = process->status;
        if (reaps)
            process_free(process);
        ((struct proc_wait_reply *)service_reply(message, sizeof(struct proc_wait_reply)))->status =
            status;
        return OK;
    }
    struct waiter *waiter = malloc(sizeof *waiter);
    if (waiter == NULL)
        return ERR_NO_MEMORY;
    *waiter = (struct waiter){process->waiters, message->token, reaps};
    process->waiters = waiter;
    return SERVICE_DEFERRED;
}

status_t handle_proc_handle(struct service *service, struct message *message)
{
    const struct proc_handle_request *request =
        service_request(message, sizeof *request, NULL, NULL);
    struct process *process = request == NULL ? NULL : own_process(message, request->pid);
    handle_t handle;
    if (process == NULL || process->state == PROC_ZOMBIE)
        return request == NULL ? ERR_INVALID_ARGUMENT : ERR_NO_PROCESS;
    uint32_t badge = process_next_badge(process->pid);
    status_t status = port_badge(service->port, badge, &handle);
    if (status != OK)
        return status;
    process->badge = badge;
    service_reply(message, 0);
    service_handle(message, handle);
    return OK;
}
