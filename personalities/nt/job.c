/* SPDX-License-Identifier: MIT */
/*
 * Job objects. A process is in one job and thereby in that one's parents. Enforced are the number of
 * active processes, breaking away, and the end with the last handle; other limits are kept for
 * questions only.
 */
#include <personalities/nt/job_state.h>

#include <personalities/nt/process.h>
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/snapshot/save.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>

void job_post(struct job *job, uint32_t message, uint32_t value)
{
    /* The message goes where the number of bytes is otherwise, as on NT. */
    if (job->port)
        (void)completion_post(job->port, job->port_key, value, STATUS_SUCCESS, message);
}

/* ---- ending ---- */

void job_terminate(struct job *job, uint32_t code)
{
    job->terminating = true;
    list_each(process, &job->processes, struct nt_process, job_link)
    {
        job->terminated++;
        nt_process_kill(process, code);
    }
    list_each(child, &job->children, struct job, link) job_terminate(child, code);
}

static void job_last_handle(struct object *object)
{
    struct job *job = job_of(object);
    object_release(job->port);
    job->port = NULL;
    if (job->limits.BasicLimitInformation.LimitFlags & JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE)
        job_terminate(job, 0);
}

static void job_destroy(struct object *object)
{
    struct job *job = job_of(object);
    list_remove(&job->link);
    object_release(job->port);
    if (job->parent)
        object_release(&job->parent->object);
    free(job);
}

static bool job_signaled(struct object *object, struct nt_thread *thread)
{
    (void)thread;
    return job_of(object)->signaled;
}

struct job *job_new(void)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    object_init(&job->object, &job_type);
    list_init(&job->children);
    list_init(&job->link);
    list_init(&job->processes);
    return job;
}

static void job_save(struct object *object, struct save *save)
{
    struct job *job = job_of(object);
    struct snapshot *snapshot = &save->snapshot;
    snap_put(snapshot, SNAP_OBJECT_JOB, &job->limits, sizeof job->limits);
    if (job->port) {
        snap_put_u32(snapshot, SNAP_OBJECT_PORT, save_object(save, job->port));
        snap_put_u32(snapshot, SNAP_OBJECT_PORT_KEY, job->port_key);
    }
}

static NTSTATUS job_restore(struct restore *restore, const struct snap_note *note,
                            struct object **result)
{
    struct job *job = job_new();
    (void)restore;
    if (!job)
        return STATUS_NO_MEMORY;
    *result = &job->object;
    return restored_bytes(note, SNAP_OBJECT_JOB, &job->limits, sizeof job->limits)
               ? STATUS_SUCCESS
               : STATUS_INVALID_PARAMETER;
}

static NTSTATUS job_connect(struct restore *restore, const struct snap_note *note,
                            struct object *object)
{
    struct object *port = restored_object(restore, snap_get_u32(note, SNAP_OBJECT_PORT, 0));
    struct job *job = job_of(object);
    if (port && port->type != &completion_type)
        return STATUS_OBJECT_TYPE_MISMATCH;
    if (port && !job->port) {
        object_hold(port);
        job->port = port;
        job->port_key = snap_get_u32(note, SNAP_OBJECT_PORT_KEY, 0);
    }
    return STATUS_SUCCESS;
}

const struct nt_type job_type = {
    .name = L"Job",
    .number = TYPE_JOB,
    .mapping = {STANDARD_RIGHTS_READ | JOB_OBJECT_QUERY,
                STANDARD_RIGHTS_WRITE | JOB_OBJECT_ASSIGN_PROCESS | JOB_OBJECT_SET_ATTRIBUTES |
                    JOB_OBJECT_TERMINATE,
                STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, JOB_OBJECT_ALL_ACCESS},
    .signaled = job_signaled,
    .last_handle = job_last_handle,
    .destroy = job_destroy,
    .save = job_save,
    .restore = job_restore,
    .connect = job_connect,
};

/* ---- membership ---- */

/* May one more process be active in the job and all its parents? */
static bool has_room(struct job *job, uint32_t pid)
{
    for (; job; job = job->parent) {
        const JOBOBJECT_BASIC_LIMIT_INFORMATION *limits = &job->limits.BasicLimitInformation;
        if (!(limits->LimitFlags & JOB_OBJECT_LIMIT_ACTIVE_PROCESS) ||
            job->active < limits->ActiveProcessLimit)
            continue;
        job_post(job, JOB_OBJECT_MSG_ACTIVE_PROCESS_LIMIT, pid);
        return false;
    }
    return true;
}

/* `until`: from this parent on the process was a member before. */
static void enter(struct job *job, struct nt_process *process, const struct job *until)
{
    list_remove(&process->job_link);
    list_append(&job->processes, &process->job_link);
    object_hold(&job->object);
    object_release(process->job);
    process->job = &job->object;
    for (struct job *at = job; at && at != until; at = at->parent) {
        at->active++;
        at->total++;
        job_post(at, JOB_OBJECT_MSG_NEW_PROCESS, process->pid * 4);
    }
}

bool job_descends(const struct job *job, const struct job *ancestor)
{
    while (job && job != ancestor)
        job = job->parent;
    return job != NULL;
}

NTSTATUS job_assign(struct object *object, struct nt_process *process)
{
    struct job *job = job_of(object), *old = process->job ? job_of(process->job) : NULL;
    if (process->exiting)
        return STATUS_PROCESS_IS_TERMINATING;
    if (old && !job_descends(job, old)) {
        /* A job that never had anything can become a part of the one that the process is in. */
        if (job->parent || job->total || !list_empty(&job->children))
            return STATUS_ACCESS_DENIED;
        job->parent = old;
        object_hold(&old->object);
        list_append(&old->children, &job->link);
    }
    if (!has_room(job, process->pid * 4))
        return STATUS_QUOTA_EXCEEDED;
    enter(job, process, old);
    return STATUS_SUCCESS;
}

NTSTATUS job_inherit(const struct nt_process *parent, struct nt_process *process, bool breakaway)
{
    struct job *job = parent->job ? job_of(parent->job) : NULL;
    while (job) {
        uint32_t flags = job->limits.BasicLimitInformation.LimitFlags;
        bool leaves = (flags & JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK) ||
                      (breakaway && (flags & JOB_OBJECT_LIMIT_BREAKAWAY_OK));
        if (breakaway && !leaves && job == job_of(parent->job))
            return STATUS_ACCESS_DENIED;
        if (!leaves)
            break;
        job = job->parent;
    }
    if (!job)
        return STATUS_SUCCESS;
    if (!has_room(job, process->pid * 4))
        return STATUS_QUOTA_EXCEEDED;
    enter(job, process, NULL);
    return STATUS_SUCCESS;
}

static bool is_abnormal(uint32_t code)
{
    switch ((NTSTATUS)code) {
    case STATUS_ACCESS_VIOLATION:
    case STATUS_DATATYPE_MISALIGNMENT:
    case STATUS_BREAKPOINT:
    case STATUS_SINGLE_STEP:
    case STATUS_ARRAY_BOUNDS_EXCEEDED:
    case STATUS_INTEGER_DIVIDE_BY_ZERO:
    case STATUS_INTEGER_OVERFLOW:
    case STATUS_PRIVILEGED_INSTRUCTION:
    case STATUS_IN_PAGE_ERROR:
    case STATUS_ILLEGAL_INSTRUCTION:
    case STATUS_NONCONTINUABLE_EXCEPTION:
    case STATUS_STACK_OVERFLOW:
    case STATUS_INVALID_DISPOSITION:
    case STATUS_GUARD_PAGE_VIOLATION:
    case STATUS_INVALID_HANDLE:
        return true;
    }
    return false;
}

void job_process_ended(struct nt_process *process)
{
    struct object *object = process->job;
    if (!object)
        return;
    list_remove(&process->job_link);
    for (struct job *job = job_of(object); job; job = job->parent) {
        job->active--;
        job->cpu_time += process->cpu_time;
        if (!job->terminating)
            job_post(job,
                     is_abnormal(process->exit_status) ? JOB_OBJECT_MSG_ABNORMAL_EXIT_PROCESS
                                                       : JOB_OBJECT_MSG_EXIT_PROCESS,
                     process->pid * 4);
        if (job->active > 0)
            continue;
        job_post(job, JOB_OBJECT_MSG_ACTIVE_PROCESS_ZERO, 0);
        if (!job->terminating)
            continue;
        job->terminating = false;
        job->signaled = true;
        object_changed(&job->object);
    }
}
