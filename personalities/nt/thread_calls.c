/* SPDX-License-Identifier: MIT */
/* System calls about threads: to start and end one, hold it, read and write its registers, find it. */
#include <personalities/nt/process.h>

#include <personalities/nt/context.h>
#include <personalities/nt/wait.h>

#include <string.h>

struct attribute_results {
    uint32_t client_id, teb; /* guest addresses, or 0 */
};

/* PS_ATTRIBUTE_LIST: where the caller wants the ids and the TEB's address. */
static NTSTATUS read_attributes(uint32_t list, struct attribute_results *results)
{
    uint32_t total;
    memset(results, 0, sizeof *results);
    if (!list)
        return STATUS_SUCCESS;
    NTSTATUS status = guest_read(&total, list, sizeof total);
    for (uint32_t at = sizeof total;
         !status && at + sizeof(PS_ATTRIBUTE) <= total && at < PAGE_SIZE;
         at += sizeof(PS_ATTRIBUTE)) {
        PS_ATTRIBUTE attribute;
        status = guest_read(&attribute, list + at, sizeof attribute);
        uint32_t number = attribute.Attribute & 0xffff;
        if (number == PsAttributeClientId)
            results->client_id = attribute.Value;
        else if (number == PsAttributeTebAddress)
            results->teb = attribute.Value;
    }
    return status;
}

static NTSTATUS return_attributes(const struct attribute_results *results,
                                  const struct nt_thread *thread)
{
    CLIENT_ID id = {(HANDLE)(thread->process->pid * 4), (HANDLE)thread->tid};
    NTSTATUS status = STATUS_SUCCESS;
    if (results->client_id)
        status = guest_write(results->client_id, &id, sizeof id);
    if (!status && results->teb)
        status = guest_write32(results->teb, thread->teb);
    return status;
}

/* The caller's handle, then the launch: a thread that the caller has no handle to never runs. */
static NTSTATUS hand_out(struct call *call, struct nt_thread *thread,
                         const struct attribute_results *results)
{
    struct attributes attributes;
    uint32_t handle;
    NTSTATUS status = attributes_read(call->thread, call->args[2], &attributes);
    if (!status)
        status =
            handle_create(call->process, &thread->object, call->args[1], attributes.flags, &handle);
    if (!status) {
        status = guest_write32(call->args[0], handle);
        if (!status)
            status = return_attributes(results, thread);
        if (status)
            (void)nt_handle_close(call->process, handle);
    }
    attributes_free(&attributes);
    return status;
}

NTSTATUS nt_create_thread_ex(struct call *call)
{
    struct nt_process *process;
    struct nt_thread *thread;
    struct attribute_results results;
    struct thread_request request = {
        .start = call->args[4],
        .parameter = call->args[5],
        .suspended = call->args[6] & THREAD_CREATE_FLAGS_CREATE_SUSPENDED,
        .hidden = call->args[6] & THREAD_CREATE_FLAGS_HIDE_FROM_DEBUGGER,
        .stack_commit = call->args[8],
        .stack_reserve = call->args[9]};
    NTSTATUS status = read_attributes(call->args[10], &results);
    if (!status)
        status = process_from_handle(call->thread, call->args[3], PROCESS_CREATE_THREAD, &process);
    if (status)
        return status;
    if (process->exiting || process->foreign)
        status = STATUS_PROCESS_IS_TERMINATING;
    if (!status)
        status = nt_thread_create(process, &request, &thread);
    if (!status) {
        object_hold(&thread->object);
        status = hand_out(call, thread, &results);
        if (status)
            thread_discard(thread);
        else
            status = thread_launch(thread);
        object_release(&thread->object);
    }
    object_release(&process->object);
    return status;
}

NTSTATUS nt_terminate_thread(struct call *call)
{
    struct nt_thread *thread = call->thread;
    if (call->args[0]) {
        NTSTATUS status =
            thread_from_handle(call->thread, call->args[0], THREAD_TERMINATE, &thread);
        if (status)
            return status;
        object_release(&thread->object); /* the list or its server thread holds it */
    }
    if (thread == call->thread && call->process->thread_count == 1)
        process_terminate_nt(call->process, call->args[1]);
    thread_terminate(thread, call->args[1]);
    return STATUS_SUCCESS;
}

NTSTATUS nt_suspend_thread(struct call *call)
{
    struct nt_thread *thread;
    NTSTATUS status =
        thread_from_handle(call->thread, call->args[0], THREAD_SUSPEND_RESUME, &thread);
    if (status)
        return status;
    uint32_t previous = thread->suspend_count;
    if (thread->exited || thread->terminating)
        status = STATUS_THREAD_IS_TERMINATING;
    else if (previous >= MAXIMUM_SUSPEND_COUNT)
        status = STATUS_SUSPEND_COUNT_EXCEEDED;
    if (!status) {
        thread->suspend_count++;
        if (thread != call->thread) {
            thread_prod(thread);
            thread_quiesce(thread);
        }
        status = guest_return32(call->args[1], previous);
    }
    object_release(&thread->object);
    return status;
}

static uint32_t resume(struct nt_thread *thread)
{
    uint32_t previous = thread->suspend_count;
    if (previous > 0 && --thread->suspend_count == 0) {
        thread_wake(thread);
        if (thread->process->debug) /* may have waited for it */
            object_changed(thread->process->debug);
    }
    return previous;
}

NTSTATUS nt_resume_thread(struct call *call)
{
    struct nt_thread *thread;
    NTSTATUS status =
        thread_from_handle(call->thread, call->args[0], THREAD_SUSPEND_RESUME, &thread);
    if (status)
        return status;
    uint32_t previous = resume(thread);
    object_release(&thread->object);
    return guest_return32(call->args[1], previous);
}

NTSTATUS nt_alert_resume_thread(struct call *call)
{
    return nt_resume_thread(call);
}

/* Hold the thread still for a moment, so that its registers can be read or written. */
static NTSTATUS with_context(struct call *call, ACCESS_MASK access,
                             NTSTATUS (*act)(struct nt_thread *, CONTEXT *))
{
    struct nt_thread *thread;
    CONTEXT context;
    NTSTATUS status = guest_read(&context, call->args[1], sizeof context);
    if (!status)
        status = thread_from_handle(call->thread, call->args[0], access, &thread);
    if (status)
        return status;
    if (thread != call->thread) {
        thread->suspend_count++;
        thread_prod(thread);
        thread_quiesce(thread);
    }
    /* A thread that has not been prepared yet has its start context. */
    status = thread->exited || (!thread->frame && !thread->start_context) ? STATUS_UNSUCCESSFUL
                                                                          : act(thread, &context);
    if (thread != call->thread)
        resume(thread);
    object_release(&thread->object);
    if (!status && access == THREAD_GET_CONTEXT)
        status = guest_write(call->args[1], &context, sizeof context);
    return status;
}

static NTSTATUS set_context(struct nt_thread *thread, CONTEXT *context)
{
    return context_set(thread, context);
}

NTSTATUS nt_get_context_thread(struct call *call)
{
    return with_context(call, THREAD_GET_CONTEXT, context_get);
}

NTSTATUS nt_set_context_thread(struct call *call)
{
    bool self = call->args[0] == (uint32_t)-2;
    NTSTATUS status = with_context(call, THREAD_SET_CONTEXT, set_context);
    DWORD flags = 0;
    if (self && !status)
        status = guest_read(&flags, call->args[1], sizeof flags);
    return !status && (flags & CONTEXT_INTEGER) == CONTEXT_INTEGER ? STATUS_REGISTERS_SET : status;
}

NTSTATUS nt_open_thread(struct call *call)
{
    CLIENT_ID id;
    struct attributes attributes;
    NTSTATUS status = guest_read(&id, call->args[3], sizeof id);
    if (!status)
        status = attributes_read(call->thread, call->args[2], &attributes);
    if (status)
        return status;
    attributes_free(&attributes);
    list_each(process, &nt_processes, struct nt_process, link)
        list_each(thread, &process->threads, struct nt_thread, link)
    {
        if (thread->tid != ((uint32_t)id.UniqueThread & ~3u))
            continue;
        object_hold(&thread->object);
        return object_return_handle(call->thread, call->args[0], &thread->object, call->args[1],
                                    attributes.flags);
    }
    return STATUS_INVALID_CID;
}

/* The thread after `previous` in its process, or the first; backwards from the end. */
static struct nt_thread *thread_after(struct nt_process *process, const struct nt_thread *previous,
                                      bool backwards)
{
    struct nt_thread *best = NULL;
    list_each(thread, &process->threads, struct nt_thread, link)
    {
        if (previous && (backwards ? thread->tid >= previous->tid : thread->tid <= previous->tid))
            continue;
        if (!best || (backwards ? thread->tid > best->tid : thread->tid < best->tid))
            best = thread;
    }
    return best;
}

/* (process, previous thread or 0, access, attributes, flags, *handle) */
NTSTATUS nt_get_next_thread(struct call *call)
{
    struct nt_process *process;
    struct object *previous = NULL;
    if (call->args[4] > 1)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status =
        process_from_handle(call->thread, call->args[0], PROCESS_QUERY_INFORMATION, &process);
    if (status)
        return status;
    if (call->args[1])
        status = handle_object(call->thread, call->args[1], &thread_type,
                               THREAD_QUERY_LIMITED_INFORMATION, &previous);
    if (!status) {
        struct nt_thread *found =
            thread_after(process, previous ? thread_of(previous) : NULL, call->args[4] == 1);
        if (found)
            object_hold(&found->object);
        status = found ? object_return_handle(call->thread, call->args[5], &found->object,
                                              call->args[2], call->args[3])
                       : STATUS_NO_MORE_ENTRIES;
    }
    object_release(previous);
    object_release(&process->object);
    return status;
}
