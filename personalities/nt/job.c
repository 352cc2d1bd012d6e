/* SPDX-License-Identifier: MIT */
/*
 * Job objects. A process is in one job and thereby in that one's parents. Enforced are the number of
 * active processes, breaking away, and the end with the last handle; other limits are kept for
 * questions only.
 */
#include <personalities/nt/job.h>

#include <personalities/nt/process.h>
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/snapshot/save.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

struct job {
    struct object object;
    struct job *parent;                 /* held, or NULL */
    struct list children, link;         /* job.link; in the parent */
    struct list processes;              /* nt_process.job_link */
    uint32_t active, total, terminated; /* processes, with those of children */
    uint64_t cpu_time;                  /* of processes that have ended, ns */
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits;
    uint32_t ui_restrictions;
    struct object *port; /* held, or NULL */
    uint32_t port_key;
    bool terminating, signaled;
};

static struct job *job_of(struct object *object)
{
    return container_of(object, struct job, object);
}

static void post(struct job *job, uint32_t message, uint32_t value)
{
    /* The message goes where the number of bytes is otherwise, as on NT. */
    if (job->port)
        (void)completion_post(job->port, job->port_key, value, STATUS_SUCCESS, message);
}

/* ---- ending ---- */

static void terminate(struct job *job, uint32_t code)
{
    job->terminating = true;
    list_each_safe(process, after, &job->processes, struct nt_process, job_link)
    {
        job->terminated++;
        nt_process_kill(process, code);
    }
    list_each(child, &job->children, struct job, link) terminate(child, code);
}

static void job_last_handle(struct object *object)
{
    struct job *job = job_of(object);
    object_release(job->port);
    job->port = NULL;
    if (job->limits.BasicLimitInformation.LimitFlags & JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE)
        terminate(job, 0);
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

static struct job *job_new(void)
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
        post(job, JOB_OBJECT_MSG_ACTIVE_PROCESS_LIMIT, pid);
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
        post(at, JOB_OBJECT_MSG_NEW_PROCESS, process->pid * 4);
    }
}

static bool descends(const struct job *job, const struct job *ancestor)
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
    if (old && !descends(job, old)) {
        /* A job that has nothing yet can become a part of the one that the process is in. */
        if (job->parent || !list_empty(&job->processes) || !list_empty(&job->children))
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
        if (breakaway && !leaves)
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
    process->job = NULL;
    list_remove(&process->job_link);
    for (struct job *job = job_of(object); job; job = job->parent) {
        job->active--;
        job->cpu_time += process->cpu_time;
        if (!job->terminating)
            post(job,
                 is_abnormal(process->exit_status) ? JOB_OBJECT_MSG_ABNORMAL_EXIT_PROCESS
                                                   : JOB_OBJECT_MSG_EXIT_PROCESS,
                 process->pid * 4);
        if (job->active > 0)
            continue;
        post(job, JOB_OBJECT_MSG_ACTIVE_PROCESS_ZERO, 0);
        if (!job->terminating)
            continue;
        job->terminating = false;
        job->signaled = true;
        object_changed(&job->object);
    }
    object_release(object);
}

/* ---- calls ---- */

NTSTATUS nt_create_job_object(struct call *call)
{
    struct job *job = job_new();
    if (!job)
        return STATUS_NO_MEMORY;
    return object_create_named(call->thread, call->args[0], call->args[1], call->args[2],
                               &job->object);
}

NTSTATUS nt_open_job_object(struct call *call)
{
    return object_open_named(call->thread, call->args[0], call->args[1], call->args[2], &job_type);
}

static NTSTATUS job_from(struct call *call, uint32_t handle, ACCESS_MASK access, struct job **job)
{
    struct object *object;
    NTSTATUS status = handle_object(call->thread, handle, &job_type, access, &object);
    if (!status)
        *job = job_of(object);
    return status;
}

NTSTATUS nt_assign_process_to_job_object(struct call *call)
{
    struct nt_process *process;
    struct job *job;
    NTSTATUS status = job_from(call, call->args[0], JOB_OBJECT_ASSIGN_PROCESS, &job);
    if (status)
        return status;
    status = process_from_handle(call->thread, call->args[1], PROCESS_SET_QUOTA | PROCESS_TERMINATE,
                                 &process);
    if (!status) {
        status = job_assign(&job->object, process);
        object_release(&process->object);
    }
    object_release(&job->object);
    return status;
}

/* (process, job or 0) */
NTSTATUS nt_is_process_in_job(struct call *call)
{
    struct nt_process *process;
    struct job *job = NULL;
    NTSTATUS status =
        process_from_handle(call->thread, call->args[0], PROCESS_QUERY_INFORMATION, &process);
    if (!status && call->args[1]) {
        status = job_from(call, call->args[1], JOB_OBJECT_QUERY, &job);
        if (status)
            object_release(&process->object);
    }
    if (status)
        return status;
    bool inside = process->job && (!job || descends(job_of(process->job), job));
    object_release(&process->object);
    if (job)
        object_release(&job->object);
    return inside ? STATUS_PROCESS_IN_JOB : STATUS_PROCESS_NOT_IN_JOB;
}

NTSTATUS nt_terminate_job_object(struct call *call)
{
    struct job *job;
    NTSTATUS status = job_from(call, call->args[0], JOB_OBJECT_TERMINATE, &job);
    if (status)
        return status;
    terminate(job, call->args[1]);
    object_release(&job->object);
    return STATUS_SUCCESS;
}

/* ---- limits and questions ---- */

#define BASIC_LIMITS                                                                           \
    (JOB_OBJECT_LIMIT_WORKINGSET | JOB_OBJECT_LIMIT_PROCESS_TIME | JOB_OBJECT_LIMIT_JOB_TIME | \
     JOB_OBJECT_LIMIT_ACTIVE_PROCESS | JOB_OBJECT_LIMIT_AFFINITY |                             \
     JOB_OBJECT_LIMIT_PRIORITY_CLASS | JOB_OBJECT_LIMIT_PRESERVE_JOB_TIME |                    \
     JOB_OBJECT_LIMIT_SCHEDULING_CLASS)
#define EXTENDED_LIMITS                                                             \
    (BASIC_LIMITS | JOB_OBJECT_LIMIT_PROCESS_MEMORY | JOB_OBJECT_LIMIT_JOB_MEMORY | \
     JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION | JOB_OBJECT_LIMIT_BREAKAWAY_OK |  \
     JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK | JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE)

static NTSTATUS set_limits(struct call *call, struct job *job, bool extended)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = job->limits;
    uint32_t size = extended ? sizeof limits : sizeof limits.BasicLimitInformation;
    if (call->args[3] != size)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = guest_read(&limits, call->args[2], size);
    if (status)
        return status;
    if (limits.BasicLimitInformation.LimitFlags & ~(extended ? EXTENDED_LIMITS : BASIC_LIMITS))
        return STATUS_INVALID_PARAMETER;
    job->limits = limits;
    return STATUS_SUCCESS;
}

static NTSTATUS set_port(struct call *call, struct job *job)
{
    JOBOBJECT_ASSOCIATE_COMPLETION_PORT info;
    struct object *port = NULL;
    if (call->args[3] != sizeof info)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = guest_read(&info, call->args[2], sizeof info);
    if (!status && info.CompletionPort)
        status = handle_object(call->thread, (uint32_t)info.CompletionPort, &completion_type,
                               IO_COMPLETION_MODIFY_STATE, &port);
    if (!status && job->port) {
        object_release(port);
        status = STATUS_INVALID_PARAMETER;
    }
    if (status)
        return status;
    job->port = port;
    job->port_key = (uint32_t)info.CompletionKey;
    list_each(process, &job->processes, struct nt_process, job_link)
    {
        post(job, JOB_OBJECT_MSG_NEW_PROCESS, process->pid * 4);
    }
    return STATUS_SUCCESS;
}

NTSTATUS nt_set_information_job_object(struct call *call)
{
    struct job *job;
    NTSTATUS status = job_from(call, call->args[0], JOB_OBJECT_SET_ATTRIBUTES, &job);
    if (status)
        return status;
    switch (call->args[1]) {
    case JobObjectBasicLimitInformation:
        status = set_limits(call, job, false);
        break;
    case JobObjectExtendedLimitInformation:
        status = set_limits(call, job, true);
        break;
    case JobObjectAssociateCompletionPortInformation:
        status = set_port(call, job);
        break;
    case JobObjectBasicUIRestrictions:
        status = call->args[3] == sizeof job->ui_restrictions
                     ? guest_read(&job->ui_restrictions, call->args[2], sizeof(uint32_t))
                     : STATUS_INFO_LENGTH_MISMATCH;
        break;
    default:
        status = call->args[1] && call->args[1] < MaxJobObjectInfoClass ? STATUS_NOT_IMPLEMENTED
                                                                        : STATUS_INVALID_PARAMETER;
    }
    object_release(&job->object);
    return status;
}

static NTSTATUS answer_fixed(struct call *call, const void *info, uint32_t size)
{
    if (call->args[3] < size)
        return STATUS_INFO_LENGTH_MISMATCH;
    NTSTATUS status = guest_write(call->args[2], info, size);
    return status ? status : guest_return32(call->args[4], size);
}

static uint64_t live_cpu_time(const struct job *job)
{
    uint64_t time = job->cpu_time;
    list_each(process, &job->processes, struct nt_process, job_link) time +=
        process_cpu_time(process);
    list_each(child, &job->children, struct job, link) time += live_cpu_time(child);
    return time;
}

static NTSTATUS answer_accounting(struct call *call, const struct job *job, bool with_io)
{
    JOBOBJECT_BASIC_AND_IO_ACCOUNTING_INFORMATION info;
    memset(&info, 0, sizeof info);
    info.BasicInfo.TotalUserTime.QuadPart = live_cpu_time(job) / 100;
    info.BasicInfo.ThisPeriodTotalUserTime = info.BasicInfo.TotalUserTime;
    info.BasicInfo.TotalProcesses = job->total;
    info.BasicInfo.ActiveProcesses = job->active;
    info.BasicInfo.TotalTerminatedProcesses = job->terminated;
    return answer_fixed(call, &info, with_io ? sizeof info : sizeof info.BasicInfo);
}

static void collect(const struct job *job, uint32_t *ids, uint32_t room, uint32_t *count)
{
    list_each(process, &job->processes, struct nt_process, job_link)
    {
        if (*count < room)
            ids[*count] = process->pid * 4;
        ++*count;
    }
    list_each(child, &job->children, struct job, link) collect(child, ids, room, count);
}

static NTSTATUS answer_ids(struct call *call, const struct job *job)
{
    uint32_t header = offsetof(JOBOBJECT_BASIC_PROCESS_ID_LIST, ProcessIdList), count = 0;
    if (call->args[3] < sizeof(JOBOBJECT_BASIC_PROCESS_ID_LIST))
        return STATUS_INFO_LENGTH_MISMATCH;
    uint32_t room = (call->args[3] - header) / sizeof(uint32_t);
    room = room < job->active ? room : job->active;
    uint32_t *ids = malloc((room + 1) * sizeof *ids);
    if (!ids)
        return STATUS_NO_MEMORY;
    collect(job, ids, room, &count);
    uint32_t listed = count < room ? count : room, head[2] = {count, listed};
    NTSTATUS status = guest_write(call->args[2], head, sizeof head);
    if (!status)
        status = guest_write(call->args[2] + header, ids, listed * sizeof *ids);
    if (!status)
        status = guest_return32(call->args[4], header + listed * sizeof *ids);
    free(ids);
    return status ? status : listed < count ? STATUS_MORE_ENTRIES : STATUS_SUCCESS;
}

static NTSTATUS answer(struct call *call, const struct job *job)
{
    switch (call->args[1]) {
    case JobObjectBasicAccountingInformation:
        return answer_accounting(call, job, false);
    case JobObjectBasicAndIoAccountingInformation:
        return answer_accounting(call, job, true);
    case JobObjectBasicLimitInformation:
        return answer_fixed(call, &job->limits, sizeof job->limits.BasicLimitInformation);
    case JobObjectExtendedLimitInformation:
        return answer_fixed(call, &job->limits, sizeof job->limits);
    case JobObjectBasicProcessIdList:
        return answer_ids(call, job);
    case JobObjectBasicUIRestrictions:
        return answer_fixed(call, &job->ui_restrictions, sizeof job->ui_restrictions);
    }
    return call->args[1] && call->args[1] < MaxJobObjectInfoClass ? STATUS_NOT_IMPLEMENTED
                                                                  : STATUS_INVALID_PARAMETER;
}

/* (job or 0 = the caller's, class, buffer, length, *returned) */
NTSTATUS nt_query_information_job_object(struct call *call)
{
    struct job *job;
    NTSTATUS status = STATUS_SUCCESS;
    if (call->args[0]) {
        status = job_from(call, call->args[0], JOB_OBJECT_QUERY, &job);
    } else if (call->process->job) {
        job = job_of(call->process->job);
        object_hold(&job->object);
    } else {
        status = STATUS_ACCESS_DENIED;
    }
    if (status)
        return status;
    status = answer(call, job);
    object_release(&job->object);
    return status;
}
