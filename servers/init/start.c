/* SPDX-License-Identifier: MIT */
/*
 * Program starts from one personality into another: begin, descriptors, commit by the starter;
 * fetch and done by the started. A start is in one of these states:
 *
 *     GATHERING  begun; descriptors come in
 *     DECIDING   committed; the image is being looked at (image.c)
 *     RUNNING    the new personality has been told
 */
#include <stdlib.h>
#include <string.h>

#include <atomik/log.h>
#include <atomik/syscall.h>
#include <ipc/call.h>

#include "init.h"

#define STARTS_MAX 256
#define FDS_MAX    256

enum start_state { GATHERING, DECIDING, RUNNING };
enum start_handle { START_STRINGS, START_ROOT, START_CWD, START_IMAGE, START_HANDLES };

struct start_descriptor {
    struct start_fd fd;
    handle_t handles[2];
};

struct start {
    struct start *next;
    uint32_t id, owner; /* owner: badge of the starter */
    enum start_state state;
    uint32_t pid;
    bool exec; /* in place of pid, which exists; otherwise the record was made for this start */
    char wanted[PERSONALITY_NAME];
    struct personality *target;
    uint32_t token; /* of the commit; 0: nobody waits for it any more */
    struct start_arguments arguments;
    handle_t handles[START_HANDLES];
    handle_t root; /* once handles[] is the personality's */
    struct start_descriptor *fds;
    uint32_t fd_count;
};

static struct start *starts;
static uint32_t last_id, start_count;

static struct start *find(uint32_t id)
{
    struct start *start = starts;
    while (start != NULL && start->id != id)
        start = start->next;
    return start;
}

static void drop_handles(struct start *start)
{
    for (uint32_t i = 0; i < START_HANDLES; i++)
        handle_drop(&start->handles[i]);
    handle_drop(&start->root);
    for (uint32_t i = 0; i < start->fd_count; i++) {
        handle_drop(&start->fds[i].handles[0]);
        handle_drop(&start->fds[i].handles[1]);
    }
    free(start->fds);
    start->fds = NULL;
    start->fd_count = 0;
}

static void remove_start(struct start *start)
{
    struct start **link = &starts;
    while (*link != start)
        link = &(*link)->next;
    *link = start->next;
    start_count--;
    drop_handles(start);
    free(start);
}

/* The start has come to nothing: nothing has changed but that whoever waits for it learns why. */
static void fail(struct start *start, status_t status)
{
    struct process *process = process_find(start->pid);
    if (start->token != 0)
        service_answer_status(&init_service, start->token, status);
    if (!start->exec && process != NULL)
        process_free(process);
    remove_start(start);
}

uint32_t start_pid(uint32_t id)
{
    struct start *start = find(id);
    return start == NULL ? 0 : start->pid;
}

bool start_takes(const struct personality *personality, uint32_t pid)
{
    for (struct start *start = starts; start != NULL; start = start->next)
        if (start->state == RUNNING && start->target == personality && start->pid == pid)
            return true;
    return false;
}

/* ---- the starter's side ---------------------------------------------------------------------- */

/* A new process's record belongs to nobody until its personality has taken it. */
static status_t make_process(const struct message *message,
                             const struct start_begin_request *request, struct start *start)
{
    struct process *caller = process_of_badge(message->badge), *process;
    struct personality *personality = personality_of_badge(message->badge);
    uint32_t ppid = message->badge == BADGE_SERVICE ? PID_INIT
                    : caller != NULL                ? caller->pid
                                                    : request->ppid;
    struct process *parent = process_find(ppid);
    if (parent == NULL ||
        (personality != NULL && parent->personality != personality && ppid != PID_INIT))
        return ERR_NO_PROCESS;
    status_t status =
        process_new(NULL, ppid, request->pgid, request->sid,
                    caller != NULL ? caller->uid : request->uid, request->wanted, "", &process);
    if (status != OK)
        return status;
    process->kept = message->badge == BADGE_SERVICE;
    start->pid = process->pid;
    return OK;
}

status_t handle_start_begin(struct service *service, struct message *message)
{
    const uint8_t *tail;
    uint32_t length;
    const struct start_begin_request *request =
        service_request(message, sizeof *request, &tail, &length);
    struct personality *personality = personality_of_badge(message->badge);
    struct process *process;
    (void)service;
    if (request == NULL || length >= PERSONALITY_NAME)
        return ERR_INVALID_ARGUMENT;
    if (message->badge >= BADGE_PROCESS && process_of_badge(message->badge) == NULL)
        return ERR_NO_PROCESS;
    if (start_count >= STARTS_MAX || shutting_down)
        return ERR_LIMIT_REACHED;
    struct start *start = calloc(1, sizeof *start);
    if (start == NULL)
        return ERR_NO_MEMORY;
    start->owner = message->badge;
    start->pid = request->pid;
    start->exec = request->pid != 0;
    memcpy(start->wanted, tail, length);
    status_t status = OK;
    if (start->exec) {
        process = process_find(request->pid);
        if (personality == NULL || process == NULL || process->personality != personality)
            status = ERR_NO_PROCESS;
    } else {
        status = make_process(message, request, start);
    }
    if (status != OK) {
        free(start);
        return status;
    }
    start->id = ++last_id;
    start->next = starts;
    starts = start;
    start_count++;
    ((struct start_begin_reply *)service_reply(message, sizeof(struct start_begin_reply)))->start =
        start->id;
    return OK;
}

static struct start *own_start(const struct message *message, uint32_t id)
{
    struct start *start = find(id);
    return start != NULL && start->owner == message->badge && start->state == GATHERING ? start
                                                                                        : NULL;
}

bool start_may_pass(const struct process *program, handle_t handle)
{
    struct handle_info info;
    if (program == NULL || program->uid == 0 || handle == HANDLE_NONE)
        return true;
    return handle_info(handle, &info) == OK && (info.type != OBJECT_PORT || service_is_at(handle));
}

status_t handle_start_fd(struct service *service, struct message *message)
{
    const struct start_fd_request *request = service_request(message, sizeof *request, NULL, NULL);
    struct start *start = request == NULL ? NULL : own_start(message, request->start);
    (void)service;
    if (start == NULL)
        return request == NULL ? ERR_INVALID_ARGUMENT : ERR_NOT_FOUND;
    if (start->fd_count >= FDS_MAX)
        return ERR_LIMIT_REACHED;
    for (uint32_t i = 0; i < message->handle_count; i++)
        if (!start_may_pass(process_of_badge(message->badge), message->handles[i]))
            return ERR_NOT_PERMITTED;
    struct start_descriptor *fds = realloc(start->fds, (start->fd_count + 1) * sizeof *fds);
    if (fds == NULL)
        return ERR_NO_MEMORY;
    start->fds = fds;
    fds[start->fd_count++] = (struct start_descriptor){
        request->fd, {service_take(message, 0), service_take(message, 1)}};
    service_reply(message, 0);
    return OK;
}

/* Tell the personality that is to run it. */
static void dispatch(struct start *start, const char *name)
{
    struct process *process = process_find(start->pid);
    struct personality *personality = personality_find(name, strlen(name));
    if (process == NULL || personality == NULL) {
        fail(start, process == NULL ? ERR_NO_PROCESS : ERR_BAD_EXECUTABLE);
        return;
    }
    struct proc_event event = {.type = EVENT_START,
                               .pid = process->pid,
                               .ppid = process->ppid,
                               .pgid = process->pgid,
                               .sid = process->sid,
                               .uid = process->uid,
                               .start = start->id,
                               .fd_count = start->fd_count,
                               .arguments = start->arguments};
    start->target = personality;
    start->state = RUNNING;
    uint32_t id = start->id;
    start->root = handle_copy(start->handles[START_ROOT]);
    status_t status = event_push(personality, &event, start->handles, START_HANDLES, false);
    start = find(id);
    if (start == NULL)
        return;
    if (status != OK) {
        fail(start, status);
        return;
    }
    memset(start->handles, 0, sizeof start->handles); /* the event has them */
}

/* Another root than its own is for root to choose: with one, programs with set-id bits can be deceived. */
static void keep_root(const struct process *program, struct start *start)
{
    if (program == NULL || program->uid == 0)
        return;
    handle_drop(&start->handles[START_ROOT]);
    start->handles[START_ROOT] =
        handle_copy(program->root != HANDLE_NONE ? program->root : root_directory());
}

status_t handle_start_commit(struct service *service, struct message *message)
{
    const struct start_commit_request *request =
        service_request(message, sizeof *request, NULL, NULL);
    struct start *start = request == NULL ? NULL : own_start(message, request->start);
    (void)service;
    if (start == NULL)
        return request == NULL ? ERR_INVALID_ARGUMENT : ERR_NOT_FOUND;
    if (message->handle_count != START_HANDLES)
        return ERR_INVALID_ARGUMENT;
    const struct process *program = process_of_badge(message->badge);
    for (uint32_t i = START_ROOT; i < START_HANDLES; i++)
        if (!start_may_pass(program, message->handles[i]))
            return ERR_NOT_PERMITTED;
    start->arguments = request->arguments;
    start->token = message->token;
    for (uint32_t i = 0; i < START_HANDLES; i++)
        start->handles[i] = service_take(message, i);
    keep_root(program, start);
    if (start->wanted[0] != 0) {
        dispatch(start, start->wanted);
        return SERVICE_DEFERRED;
    }
    start->state = DECIDING;
    handle_t image = handle_copy(start->handles[START_IMAGE]);
    status_t status = image == HANDLE_NONE ? ERR_NO_HANDLES : image_decide(start->id, image);
    if (status != OK)
        fail(start, status);
    return SERVICE_DEFERRED;
}

void start_decided(uint32_t id, status_t status, const char *personality)
{
    struct start *start = find(id);
    if (start == NULL || start->state != DECIDING)
        return;
    if (status != OK)
        fail(start, status);
    else
        dispatch(start, personality);
}

/* ---- the started personality's side ---------------------------------------------------------- */

static struct start *started(const struct message *message, uint32_t id)
{
    struct personality *personality = personality_of_badge(message->badge);
    struct start *start = find(id);
    return start != NULL && personality != NULL && start->state == RUNNING &&
                   start->target == personality
               ? start
               : NULL;
}

status_t handle_start_fetch(struct service *service, struct message *message)
{
    const struct start_fetch_request *request =
        service_request(message, sizeof *request, NULL, NULL);
    struct start *start = request == NULL ? NULL : started(message, request->start);
    (void)service;
    if (start == NULL || request->index >= start->fd_count)
        return request == NULL ? ERR_INVALID_ARGUMENT : ERR_NOT_FOUND;
    struct start_descriptor *descriptor = &start->fds[request->index];
    struct start_fetch_reply *reply = service_reply(message, sizeof *reply);
    reply->fd = descriptor->fd;
    service_handle(message, descriptor->handles[0]);
    service_handle(message, descriptor->handles[1]);
    descriptor->handles[0] = descriptor->handles[1] = HANDLE_NONE;
    return OK;
}

/* Takes kernel_process, which may be none. */
static status_t finish(struct start *start, handle_t kernel_process)
{
    struct process *process = process_find(start->pid);
    if (process == NULL || process->state == PROC_ZOMBIE) {
        fail(start, ERR_NO_PROCESS);
        handle_drop(&kernel_process);
        return ERR_NO_PROCESS; /* it was ended meanwhile: the personality must not run it */
    }
    process->personality = start->target;
    handle_drop(&process->kernel_process); /* an exec leaves the old one to its personality */
    process->kernel_process = kernel_process;
    if (process->badge != 0) {
        handle_drop(&process->root);
        process->root = start->root;
        start->root = HANDLE_NONE;
    }
    if (start->token != 0) {
        struct message answer = {.size = sizeof(struct start_commit_reply)};
        ((struct start_commit_reply *)answer.data)->pid = start->pid;
        service_answer(&init_service, start->token, OK, &answer);
    }
    remove_start(start);
    return OK;
}

void start_settle(const struct personality *personality, uint32_t pid)
{
    for (struct start *start = starts; start != NULL; start = start->next)
        if (start->state == RUNNING && start->target == personality && start->pid == pid) {
            if (finish(start, HANDLE_NONE) != OK)
                LOG_ONCE("a start of pid %u came to its end twice", (unsigned)pid);
            return; /* the list has changed */
        }
}

status_t handle_start_done(struct service *service, struct message *message)
{
    const struct start_done_request *request =
        service_request(message, sizeof *request, NULL, NULL);
    (void)service;
    if (request == NULL)
        return ERR_INVALID_ARGUMENT;
    status_t result = request->status;
    struct start *mine = own_start(message, request->start),
                 *start = started(message, request->start);
    if (mine == NULL && start == NULL)
        return ERR_NOT_FOUND;
    handle_t kernel_process = service_take(message, 0);
    service_reply(message, 0);
    if (start != NULL && result == OK)
        return finish(start, kernel_process);
    handle_drop(&kernel_process);
    fail(start != NULL ? start : mine, result < 0 ? result : ERR_CANCELLED);
    return OK;
}

/* ---- ends ------------------------------------------------------------------------------------ */

/* The starter is gone: what it has not committed is dropped. */
void starts_of_badge_ended(uint32_t badge)
{
    for (struct start *start = starts, *next; start != NULL; start = next) {
        next = start->next;
        if (start->owner == badge && start->state == GATHERING)
            fail(start, ERR_CANCELLED);
    }
}

void starts_of_personality_ended(const struct personality *personality)
{
    for (struct start *start = starts, *next; start != NULL; start = next) {
        next = start->next;
        if (start->state == RUNNING && start->target == personality)
            fail(start, ERR_PEER_CLOSED);
    }
}

void starts_cancel(uint32_t token)
{
    for (struct start *start = starts; start != NULL; start = start->next)
        if (start->token == token)
            start->token = 0; /* the start itself goes on */
}
