/* SPDX-License-Identifier: MIT */
/*
 * File systems that are mounted while the machine runs: which program serves which type, and the two
 * requests of personalities. Each mount has a thread that starts its server, mounts it, and then
 * supervises it like any service (services.c); each unmount has one that asks the server to finish.
 */
#include <stdlib.h>
#include <string.h>

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/time.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>

#include "init.h"

#define TYPES_MAX         16
#define FINISH_PATIENCE   (60 * NS_PER_S)
#define PATH_LENGTH_MAX   512
#define OPTIONS_LENGTH    512
#define DETACHED_PATIENCE (200 * NS_PER_MS)

/* `filesystem` of the configuration, whose texts stay. */
static struct type {
    const char *name, *path;
    bool no_device;
} types[TYPES_MAX];
static uint32_t type_count;

void filesystem_directive(char **words, uint32_t count)
{
    if (type_count == TYPES_MAX) {
        log_printf("too many file systems: %s is left out", words[0]);
        return;
    }
    types[type_count] = (struct type){.name = words[0], .path = words[1]};
    for (uint32_t i = 2; i < count; i++) {
        if (strcmp(words[i], "nodev") == 0)
            types[type_count].no_device = true;
        else
            log_printf("filesystem %s: '%s' means nothing", words[0], words[i]);
    }
    type_count++;
}

static const struct type *type_find(const char *name)
{
    for (uint32_t i = 0; i < type_count; i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}

bool filesystem_has_device(const char *program)
{
    for (uint32_t i = 0; i < type_count; i++)
        if (!types[i].no_device && strcmp(types[i].path, program) == 0)
            return true;
    return false;
}

/* ---- mount ------------------------------------------------------------------------------------- */

struct mount_job {
    uint32_t token; /* of the call; answered once */
    handle_t directory;
    const struct type *type;
    const char *device, *source, *options; /* in text */
    uint32_t flags;                        /* enum fs_mount_flags */
    char text[MESSAGE_BYTES + 1];
};

/* The four strings of the tail. */
static bool split(struct mount_job *job)
{
    const char *texts[4], *at = job->text;
    for (uint32_t i = 0; i < 4; i++) {
        texts[i] = at;
        at += strlen(at) + 1;
        if (at > job->text + sizeof job->text)
            return false;
    }
    job->type = type_find(texts[0]);
    job->device = texts[1];
    job->source = texts[2];
    job->options = texts[3];
    return true;
}

static void answer(uint32_t token, status_t status)
{
    mutex_lock(&init_lock);
    service_answer_status(&init_service, token, status);
    mutex_unlock(&init_lock);
}

static void mounted(void *context, struct service_entry_state *service, status_t status)
{
    struct mount_job *job = context;
    (void)service;
    answer(job->token, status);
}

static void mount_thread(void *argument)
{
    struct mount_job *job = argument;
    char path[PATH_LENGTH_MAX];
    status_t status = fs_client_name_of(job->directory, path, sizeof path);
    handle_drop(&job->directory);
    if (status == OK && strcmp(path, "/") == 0)
        status = ERR_BUSY;
    if (status != OK) {
        answer(job->token, status);
    } else {
        struct service_request request = {.path = job->type->path,
                                          .mount = path,
                                          .source = job->source,
                                          .type = job->type->name,
                                          .options = job->options,
                                          .flags = job->flags,
                                          .started = mounted,
                                          .context = job};
        request.arguments[0] = job->type->no_device ? job->options : job->device;
        request.arguments[1] = job->type->no_device ? NULL : job->options;
        service_run_mounted(&request);
    }
    free(job);
}

/* Who calls has asked whether the user may. */
static bool is_trusted(const struct message *message)
{
    return message->badge == BADGE_SERVICE || personality_of_badge(message->badge) != NULL;
}

status_t handle_file_system_mount(struct service *service, struct message *message)
{
    const uint8_t *tail;
    uint32_t length;
    (void)service;
    const struct file_system_mount_request *request =
        service_request(message, sizeof *request, &tail, &length);
    if (request == NULL || (request->flags & ~(uint32_t)FS_MOUNT_ALL))
        return ERR_INVALID_ARGUMENT;
    if (!is_trusted(message))
        return ERR_NOT_PERMITTED;
    struct mount_job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return ERR_NO_MEMORY;
    job->flags = request->flags;
    memcpy(job->text, tail, length);
    status_t status = !split(job) ? ERR_INVALID_ARGUMENT : job->type == NULL ? ERR_NO_DEVICE : OK;
    if (status == OK) {
        job->token = message->token;
        job->directory = service_take(message, 0);
        status = thread_spawn(mount_thread, job, 0, NULL);
    }
    if (status == OK)
        return SERVICE_DEFERRED;
    handle_drop(&job->directory);
    free(job);
    return status;
}

/* ---- unmount ----------------------------------------------------------------------------------- */

struct unmount_job {
    uint32_t token;
    bool force, detach;
    handle_t named; /* the root directory's own handle */
    struct service_entry_state *service;
    char path[PATH_LENGTH_MAX];
};

static status_t finish(const struct unmount_job *job)
{
    struct fs_finish_request request = {.force = job->force};
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_fs_finish, &request, sizeof request);
    status_t status = ipc_call_until(&ipc, job->named, NULL, 0, time_monotonic() + FINISH_PATIENCE);
    if (status == ERR_BUSY && !job->force)
        return status;
    if (status != OK && status != ERR_PEER_CLOSED)
        announce("%s: not all is written: %s", job->path, status_text(status));
    return OK; /* it is of no use any more */
}

static status_t uncover(const char *path)
{
    handle_t directory;
    struct ipc ipc;
    status_t status = mount_point_open(path, &directory);
    if (status != OK)
        return status;
    ipc_begin(&ipc, LABEL_fs_unmount, NULL, 0);
    status = ipc_call(&ipc, directory, NULL, 0);
    handle_drop(&directory);
    return status;
}

static void end_unmount(struct unmount_job *job, status_t status)
{
    handle_drop(&job->named);
    mutex_lock(&init_lock);
    if (status == OK && !job->detach)
        mount_forget(job->path);
    if (status == OK)
        service_leave(job->service);
    if (job->token != 0)
        service_answer_status(&init_service, job->token, status);
    mutex_unlock(&init_lock);
    free(job);
}

/* Nobody finds it any more; it goes when nothing of it is open. */
static void detach_thread(void *argument)
{
    struct unmount_job *job = argument;
    status_t status = uncover(job->path);
    mutex_lock(&init_lock);
    if (status == OK) {
        mount_forget(job->path);
        service_no_more(job->service);
    }
    service_answer_status(&init_service, job->token, status);
    mutex_unlock(&init_lock);
    job->token = 0;
    while (status == OK && !shutting_down && finish(job) == ERR_BUSY)
        time_sleep(DETACHED_PATIENCE);
    end_unmount(job, status);
}

static void unmount_thread(void *argument)
{
    struct unmount_job *job = argument;
    status_t status = finish(job);
    if (status == OK)
        status = uncover(job->path);
    end_unmount(job, status);
}

/* A request whose tail is a mount point, from who may make it; NULL, and why not. `path` is zeroed. */
static const void *mount_request(const struct message *message, uint32_t size,
                                 char path[PATH_LENGTH_MAX], status_t *status)
{
    const uint8_t *tail;
    uint32_t length;
    const void *request = service_request(message, size, &tail, &length);
    bool is_right = request != NULL && length != 0 && length < PATH_LENGTH_MAX;
    *status = !is_right ? ERR_INVALID_ARGUMENT : !is_trusted(message) ? ERR_NOT_PERMITTED : OK;
    if (*status != OK)
        return NULL;
    memcpy(path, tail, length);
    return request;
}

status_t handle_file_system_unmount(struct service *service, struct message *message)
{
    struct unmount_job *job = calloc(1, sizeof *job);
    status_t status;
    (void)service;
    if (job == NULL)
        return ERR_NO_MEMORY;
    const struct file_system_unmount_request *request =
        mount_request(message, sizeof *request, job->path, &status);
    if (request == NULL) {
        free(job);
        return status;
    }
    job->force = (request->flags & UNMOUNT_FORCE) != 0;
    job->token = message->token;
    job->detach = (request->flags & UNMOUNT_DETACH) != 0;
    job->service = service_mounted_at(job->path, &job->named);
    status = job->service == NULL
                 ? ERR_INVALID_ARGUMENT
                 : thread_spawn(job->detach ? detach_thread : unmount_thread, job, 0, NULL);
    if (status == OK)
        return SERVICE_DEFERRED;
    handle_drop(&job->named);
    free(job);
    return status;
}

/* ---- other flags --------------------------------------------------------------------------------- */

struct remount_job {
    uint32_t token, flags;
    handle_t named;
    struct service_entry_state *service;
    char path[PATH_LENGTH_MAX];
};

static void remount_thread(void *argument)
{
    struct remount_job *job = argument;
    char options[OPTIONS_LENGTH];
    status_t status = file_system_set_flags(job->named, job->flags);
    handle_drop(&job->named);
    mutex_lock(&init_lock);
    if (status == OK) {
        service_set_flags(job->service, job->flags);
        service_options(job->service, options, sizeof options);
        mount_change(job->path, options);
    }
    service_answer_status(&init_service, job->token, status);
    mutex_unlock(&init_lock);
    free(job);
}

status_t handle_file_system_remount(struct service *service, struct message *message)
{
    struct remount_job *job = calloc(1, sizeof *job);
    status_t status;
    (void)service;
    if (job == NULL)
        return ERR_NO_MEMORY;
    const struct file_system_remount_request *request =
        mount_request(message, sizeof *request, job->path, &status);
    if (request == NULL) {
        free(job);
        return status;
    }
    job->flags = request->flags;
    job->token = message->token;
    job->service = service_file_system(job->path, &job->named);
    status =
        job->service == NULL ? ERR_INVALID_ARGUMENT : thread_spawn(remount_thread, job, 0, NULL);
    if (status == OK)
        return SERVICE_DEFERRED;
    handle_drop(&job->named);
    free(job);
    return status;
}

status_t handle_file_system_type(struct service *service, struct message *message)
{
    const struct file_system_type_request *request =
        service_request(message, sizeof *request, NULL, NULL);
    (void)service;
    if (request == NULL)
        return ERR_INVALID_ARGUMENT;
    if (request->index >= type_count)
        return ERR_NOT_FOUND;
    const struct type *type = &types[request->index];
    ((struct file_system_type_reply *)service_reply(message, sizeof(struct file_system_type_reply)))
        ->no_device = type->no_device;
    return service_tail(message, type->name, strlen(type->name) + 1);
}
