/* SPDX-License-Identifier: MIT */
/* System calls about jobs: membership, limits, questions. */
#include <personalities/nt/job_state.h>

#include <personalities/nt/process.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

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
    bool inside = process->job && (!job || job_descends(job_of(process->job), job));
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
    job_terminate(job, call->args[1]);
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

/* Whoever gets the port hears of those that are there already, also in the jobs within. */
static void post_members(struct job *job, const struct job *within)
{
    list_each(process, &within->processes, struct nt_process, job_link)
    {
        job_post(job, JOB_OBJECT_MSG_NEW_PROCESS, process->pid * 4);
    }
    list_each(child, &within->children, struct job, link) post_members(job, child);
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
    post_members(job, job);
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
