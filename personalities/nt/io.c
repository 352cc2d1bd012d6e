/* SPDX-License-Identifier: MIT */
/* Completion and cancellation of operations on files. See io.h. */
#include <personalities/nt/io.h>

#include <personalities/nt/exception.h>
#include <personalities/nt/process.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

/* ---- operations that end within the call ---- */

NTSTATUS io_begin(struct nt_thread *thread, struct nt_file *file, const struct io_call *io)
{
    struct object *event;
    file->signaled = false;
    if (!io->event)
        return STATUS_SUCCESS;
    NTSTATUS status = handle_object(thread, io->event, &event_type, EVENT_MODIFY_STATE, &event);
    if (status)
        return status;
    event_set(event, false);
    object_release(event);
    return STATUS_SUCCESS;
}

static void signal_file(struct nt_file *file)
{
    if (file->notification_modes & FILE_SKIP_SET_EVENT_ON_HANDLE)
        return;
    file->signaled = true;
    object_changed(&file->object);
}

/* Tell the end in all ways that were asked for; `late`: the call returns, or has returned, "pending". */
static NTSTATUS tell_caller(struct nt_thread *thread, struct nt_file *file,
                            const struct io_call *io, NTSTATUS result, uint32_t information,
                            bool late)
{
    struct object *event;
    IO_STATUS_BLOCK block = {.Information = information};
    block.Status = result;
    NTSTATUS status =
        io->status_block ? guest_write(io->status_block, &block, sizeof block) : STATUS_SUCCESS;
    if (status)
        return status;
    if (io->event && !handle_object(thread, io->event, &event_type, EVENT_MODIFY_STATE, &event)) {
        event_set(event, true);
        object_release(event);
    } else {
        signal_file(file);
    }
    if (NT_ERROR(result) && !late)
        return STATUS_SUCCESS;
    if (io->apc)
        return apc_queue(thread, io->apc, io->apc_context, io->status_block, 0);
    if (file->port && io->apc_context &&
        (late || !(file->notification_modes & FILE_SKIP_COMPLETION_PORT_ON_SUCCESS)))
        return completion_post(file->port, file->port_key, io->apc_context, result, information);
    return STATUS_SUCCESS;
}

NTSTATUS io_complete(struct nt_thread *thread, struct nt_file *file, const struct io_call *io,
                     NTSTATUS result, uint32_t information)
{
    if (result == STATUS_RESTART_CALL || result == STATUS_PENDING || result == STATUS_REGISTERS_SET)
        return result;
    /* An error that the call itself returns is not told a second time. */
    if (NT_ERROR(result))
        return result;
    NTSTATUS status = tell_caller(thread, file, io, result, information, false);
    return status ? status : result;
}

NTSTATUS io_complete_disk(struct nt_thread *thread, struct nt_file *file, const struct io_call *io,
                          NTSTATUS result, uint32_t information)
{
    if (result != STATUS_SUCCESS && result != STATUS_END_OF_FILE)
        return io_complete(thread, file, io, result, information);
    bool late = !ntfile_synchronous(file) && !file->shared_position;
    NTSTATUS status = tell_caller(thread, file, io, result, information, late);
    return status ? status : late ? STATUS_PENDING : result;
}

/* ---- requests ---- */

NTSTATUS io_request_new(struct call *call, struct nt_file *file, const struct io_call *io,
                        struct io_request **result)
{
    struct io_request *request = calloc(1, sizeof *request);
    if (!request)
        return STATUS_NO_MEMORY;
    if (io->event &&
        handle_object(call->thread, io->event, &event_type, EVENT_MODIFY_STATE, &request->event)) {
        free(request);
        return STATUS_INVALID_HANDLE;
    }
    list_init(&request->link);
    list_append(&file->requests, &request->file_link);
    list_append(&call->thread->requests, &request->thread_link);
    request->file = file;
    object_hold(&file->object);
    request->thread = call->thread;
    object_hold(&call->thread->object);
    request->io = *io;
    request->made = call_made(call);
    request->synchronous = ntfile_synchronous(file);
    *result = request;
    return STATUS_SUCCESS;
}

static void request_free(struct io_request *request)
{
    alarm_stop(&request->timeout);
    list_remove(&request->link);
    list_remove(&request->file_link);
    list_remove(&request->thread_link);
    object_release(request->event);
    object_release(&request->file->object);
    object_release(&request->thread->object);
    free(request);
}

NTSTATUS io_deliver(struct io_request *request, uint32_t offset, const void *bytes, uint32_t length)
{
    struct nt_process *process = request->thread->process;
    return length ? vm_write(process, request->buffer + offset, bytes, length) : STATUS_SUCCESS;
}

/* The end of a request whose call has returned long ago. */
static void tell(struct io_request *request)
{
    struct nt_thread *thread = request->thread;
    const struct io_call *io = &request->io;
    IO_STATUS_BLOCK block = {.Information = request->information};
    block.Status = request->status;
    if (!thread->process->exiting && io->status_block)
        (void)vm_write(thread->process, io->status_block, &block, sizeof block);
    if (request->event)
        event_set(request->event, true);
    else
        signal_file(request->file);
    if (io->apc && !thread->exited)
        (void)apc_queue(thread, io->apc, io->apc_context, io->status_block, 0);
    else if (!io->apc && request->file->port && io->apc_context)
        (void)completion_post(request->file->port, request->file->port_key, io->apc_context,
                              request->status, request->information);
}

void io_failed(struct nt_thread *thread, const struct io_call *io, NTSTATUS status)
{
    struct object *event;
    IO_STATUS_BLOCK block = {.Information = 0};
    block.Status = status;
    if (io->status_block)
        (void)guest_write(io->status_block, &block, sizeof block);
    if (io->event && !handle_object(thread, io->event, &event_type, EVENT_MODIFY_STATE, &event)) {
        event_set(event, true);
        object_release(event);
    }
    if (io->apc)
        (void)apc_queue(thread, io->apc, io->apc_context, io->status_block, 0);
}

void io_finish(struct io_request *request, NTSTATUS status, uint32_t information)
{
    if (request->finished)
        return;
    request->finished = true;
    request->status = status;
    request->information = information;
    list_remove(&request->link);
    alarm_stop(&request->timeout);
    if (request->ended)
        request->ended(request);
    if (request->synchronous) {
        thread_wake(request->thread); /* it frees the request */
    } else {
        tell(request);
        request_free(request);
    }
}

static void timed_out(struct alarm *entry)
{
    struct io_request *request = container_of(entry, struct io_request, timeout);
    io_finish(request, request->timeout_status, 0);
}

void io_set_timeout(struct io_request *request, uint64_t due, NTSTATUS status)
{
    request->timeout_status = status;
    request->timeout.fire = timed_out;
    alarm_set(&request->timeout, due);
}

/* Take an unfinished request back, as if it had not been issued. */
static void take_back(struct io_request *request)
{
    request->finished = true;
    request->status = STATUS_RESTART_CALL;
    list_remove(&request->link);
    if (request->ended)
        request->ended(request);
}

static NTSTATUS io_wait(struct io_request *request, uint32_t *information)
{
    struct nt_thread *thread = request->thread;
    bool alertable = request->file->options & FILE_SYNCHRONOUS_IO_ALERT;
    while (!request->finished) {
        bool ends = thread->terminating || thread->process->exiting;
        if (ends || (thread_attention(thread) && !request->committed))
            take_back(request);
        else if (alertable && !list_empty(&thread->apcs))
            io_finish(request, STATUS_USER_APC, 0);
        else
            thread_sleep(thread, 0);
    }
    NTSTATUS status = request->status;
    *information = request->information;
    request_free(request);
    return status == STATUS_USER_APC ? apc_deliver(thread, status) : status;
}

NTSTATUS io_pending(struct io_request *request, uint32_t *information)
{
    return request->synchronous ? io_wait(request, information) : STATUS_PENDING;
}

/* ---- cancelling ---- */

uint32_t io_cancel_file(struct nt_file *file, struct nt_thread *thread, uint32_t status_block,
                        NTSTATUS status)
{
    uint32_t count = 0;
    struct list *head = &file->requests;
    /* The end of one request may end others: begin anew each time. */
    for (struct list *at = head->next; at != head;) {
        struct io_request *request = container_of(at, struct io_request, file_link);
        bool meant = !request->finished && (!thread || request->thread == thread) &&
                     (!status_block || request->io.status_block == status_block);
        if (!meant) {
            at = at->next;
            continue;
        }
        count++;
        io_finish(request, status, 0);
        at = head->next;
    }
    return count;
}

void io_cancel_thread(struct nt_thread *thread)
{
    while (!list_empty(&thread->requests)) {
        struct io_request *request =
            container_of(thread->requests.next, struct io_request, thread_link);
        request->synchronous = false; /* nobody waits for it any more */
        io_finish(request, STATUS_CANCELLED, 0);
    }
}

static NTSTATUS cancel_from(struct call *call, struct nt_thread *thread, uint32_t filter,
                            uint32_t block_guest, uint32_t *count)
{
    struct object *object;
    IO_STATUS_BLOCK block = {0};
    NTSTATUS status = handle_object(call->thread, call->args[0], &file_type, 0, &object);
    if (status)
        return status;
    *count = io_cancel_file(file_of(object), thread, filter, STATUS_CANCELLED);
    object_release(object);
    return guest_write(block_guest, &block, sizeof block);
}

NTSTATUS nt_cancel_io_file(struct call *call)
{
    uint32_t count;
    return cancel_from(call, call->thread, 0, call->args[1], &count);
}

NTSTATUS nt_cancel_io_file_ex(struct call *call)
{
    uint32_t count;
    NTSTATUS status = cancel_from(call, NULL, call->args[1], call->args[2], &count);
    return status ? status : count ? STATUS_SUCCESS : STATUS_NOT_FOUND;
}

/* (thread, status block or 0, own status block) */
NTSTATUS nt_cancel_synchronous_io_file(struct call *call)
{
    struct nt_thread *thread;
    IO_STATUS_BLOCK block = {0};
    bool found = false;
    NTSTATUS status = thread_from_handle(call->thread, call->args[0], 0, &thread);
    if (status)
        return status;
    list_each(request, &thread->requests, struct io_request, thread_link)
    {
        if (!request->synchronous || request->finished ||
            (call->args[1] && request->io.status_block != call->args[1]))
            continue;
        io_finish(request, STATUS_CANCELLED, 0);
        found = true;
        break;
    }
    object_release(&thread->object);
    block.Status = status = found ? STATUS_SUCCESS : STATUS_NOT_FOUND;
    NTSTATUS written = guest_write(call->args[2], &block, sizeof block);
    return written ? written : status;
}
