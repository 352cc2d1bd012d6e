/* SPDX-License-Identifier: MIT */
/* Debug objects, and the system calls of a debugger. */
#include <personalities/nt/debug_state.h>

#include <personalities/nt/file.h>
#include <personalities/nt/path.h>
#include <personalities/nt/process.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>

static bool debug_signaled(struct object *object, struct nt_thread *thread)
{
    (void)thread;
    return debug_first_queued(debug_of(object)) != NULL;
}

static void debug_last_handle(struct object *object)
{
    bool kill = debug_of(object)->flags & DEBUG_KILL_ON_CLOSE;
    object_hold(object);
    list_each(process, &nt_processes, struct nt_process, link)
    {
        if (process->debug != object)
            continue;
        object_hold(&process->object);
        debug_forget(process);
        if (kill)
            process_terminate_nt(process, (uint32_t)STATUS_DEBUGGER_INACTIVE);
        object_release(&process->object);
    }
    object_release(object);
}

static void debug_destroy(struct object *object)
{
    free(debug_of(object));
}

const struct nt_type debug_type = {
    .name = L"DebugObject",
    .number = TYPE_DEBUG_OBJECT,
    .mapping = {STANDARD_RIGHTS_READ | DEBUG_READ_EVENT,
                STANDARD_RIGHTS_WRITE | DEBUG_PROCESS_ASSIGN, STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE,
                DEBUG_ALL_ACCESS},
    .signaled = debug_signaled,
    .last_handle = debug_last_handle,
    .destroy = debug_destroy,
};

/* ---- calls ---- */

static NTSTATUS debug_from(struct call *call, uint32_t handle, ACCESS_MASK access,
                           struct object **object)
{
    return handle_object(call->thread, handle, &debug_type, access, object);
}

/* (*handle, access, attributes, flags) */
NTSTATUS nt_create_debug_object(struct call *call)
{
    if (call->args[3] & ~DEBUG_KILL_ON_CLOSE)
        return STATUS_INVALID_PARAMETER;
    struct debug_object *debug = calloc(1, sizeof *debug);
    if (!debug)
        return STATUS_NO_MEMORY;
    object_init(&debug->object, &debug_type);
    list_init(&debug->events);
    debug->flags = call->args[3];
    return object_create_named(call->thread, call->args[0], call->args[1], call->args[2],
                               &debug->object);
}

/* (debug object, class, buffer, length, *returned) */
NTSTATUS nt_set_information_debug_object(struct call *call)
{
    uint32_t flags;
    struct object *object;
    if (call->args[1] != DebugObjectKillProcessOnExitInformation)
        return STATUS_INVALID_PARAMETER;
    if (call->args[3] != sizeof flags) {
        NTSTATUS status = guest_return32(call->args[4], sizeof flags);
        return status ? status : STATUS_INFO_LENGTH_MISMATCH;
    }
    NTSTATUS status = guest_read(&flags, call->args[2], sizeof flags);
    if (!status && (flags & ~DEBUG_KILL_ON_CLOSE))
        status = STATUS_INVALID_PARAMETER;
    if (!status)
        status = debug_from(call, call->args[0], DEBUG_SET_INFORMATION, &object);
    if (status)
        return status;
    debug_of(object)->flags = flags;
    object_release(object);
    return guest_return32(call->args[4], 0);
}

/* (process, debug object) */
NTSTATUS nt_debug_active_process(struct call *call)
{
    struct nt_process *process;
    struct object *object;
    NTSTATUS status = process_from_handle(call->thread, call->args[0], PROCESS_VM_WRITE, &process);
    if (status)
        return status;
    status = debug_from(call, call->args[1], DEBUG_PROCESS_ASSIGN, &object);
    if (!status) {
        if (process == call->process || process->foreign)
            status = STATUS_ACCESS_DENIED;
        else if (process->exiting)
            status = STATUS_PROCESS_IS_TERMINATING;
        else
            status = debug_assign(process, object);
        if (!status) {
            process->debug_children = false;
            debug_report_past(process);
        }
        object_release(object);
    }
    object_release(&process->object);
    return status;
}

/* (process, debug object) */
NTSTATUS nt_remove_process_debug(struct call *call)
{
    struct nt_process *process;
    struct object *object;
    NTSTATUS status = process_from_handle(call->thread, call->args[0], PROCESS_VM_WRITE, &process);
    if (status)
        return status;
    status = debug_from(call, call->args[1], DEBUG_PROCESS_ASSIGN, &object);
    if (!status) {
        if (process->debug != object)
            status = STATUS_ACCESS_DENIED;
        else
            debug_forget(process);
        object_release(object);
    }
    object_release(&process->object);
    return status;
}

static uint32_t open_file(struct nt_thread *thread, const WCHAR *name)
{
    struct object *file;
    uint32_t handle = 0;
    struct open_request request = {.thread = thread,
                                   .process = thread->process,
                                   .access = map_file_access(GENERIC_READ | SYNCHRONIZE),
                                   .share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                   .disposition = FILE_OPEN,
                                   .options = FILE_SYNCHRONOUS_IO_NONALERT};
    if (!name || ntfile_open_path(NULL, (struct text){name, text_length(name)}, &request, &file))
        return 0;
    (void)handle_create(thread->process, file, request.access, 0, &handle);
    object_release(file);
    return handle;
}

static HANDLE give(struct nt_thread *thread, struct object *object)
{
    uint32_t handle = 0;
    (void)handle_create(thread->process, object, object->type->mapping.GenericAll, 0, &handle);
    return (HANDLE)handle;
}

/* The handles that the debugger gets with an event. */
static void add_handles(struct nt_thread *debugger, struct debug_event *event,
                        DBGUI_WAIT_STATE_CHANGE *change)
{
    switch (change->NewState) {
    case DbgCreateProcessStateChange:
        change->StateInfo.CreateProcessInfo.HandleToProcess =
            give(debugger, &event->process->object);
        change->StateInfo.CreateProcessInfo.HandleToThread = give(debugger, &event->thread->object);
        change->StateInfo.CreateProcessInfo.NewProcess.FileHandle =
            (HANDLE)open_file(debugger, event->file_name);
        break;
    case DbgCreateThreadStateChange:
        change->StateInfo.CreateThread.HandleToThread = give(debugger, &event->thread->object);
        break;
    case DbgLoadDllStateChange:
        change->StateInfo.LoadDll.FileHandle = (HANDLE)open_file(debugger, event->file_name);
        break;
    default:
        break;
    }
}

/* (debug object, alertable, *timeout, *state change) */
NTSTATUS nt_wait_for_debug_event(struct call *call)
{
    struct object *object;
    uint64_t deadline;
    bool poll;
    DBGUI_WAIT_STATE_CHANGE change;
    struct debug_event *event = NULL;
    NTSTATUS status = wait_deadline(call->thread, call->args[2], &deadline, &poll);
    if (!status)
        status = debug_from(call, call->args[0], DEBUG_READ_EVENT, &object);
    if (status)
        return status;
    while (!status && !event) {
        status = wait_objects(call->thread, &object, 1, false, call->args[1] & 0xff, deadline);
        event = debug_first_queued(debug_of(object));
    }
    if (!status) {
        event->state = EVENT_SENT;
        change = event->change;
        add_handles(call->thread, event, &change);
        status = guest_write(call->args[3], &change, sizeof change);
    }
    object_release(object);
    return wait_return(call, status);
}

/* (debug object, *client id, answer) */
NTSTATUS nt_debug_continue(struct call *call)
{
    struct object *object;
    CLIENT_ID id;
    NTSTATUS answer = (NTSTATUS)call->args[2];
    if (answer != DBG_EXCEPTION_NOT_HANDLED && answer != DBG_EXCEPTION_HANDLED &&
        answer != DBG_TERMINATE_THREAD && answer != DBG_TERMINATE_PROCESS &&
        answer != DBG_CONTINUE && answer != DBG_REPLY_LATER)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = guest_read(&id, call->args[1], sizeof id);
    if (!status)
        status = debug_from(call, call->args[0], DEBUG_READ_EVENT, &object);
    if (status)
        return status;
    status = STATUS_INVALID_PARAMETER;
    list_each(event, &debug_of(object)->events, struct debug_event, link)
    {
        if (event->state != EVENT_SENT || event->thread->tid != (uint32_t)id.UniqueThread ||
            event->process->pid * 4 != (uint32_t)id.UniqueProcess)
            continue;
        status = STATUS_SUCCESS;
        if (answer == DBG_REPLY_LATER) {
            event->state = EVENT_QUEUED;
            event->later = true;
            object_changed(object);
            break;
        }
        struct nt_thread *thread = event->thread;
        object_hold(&thread->object);
        debug_event_done(object, event, answer);
        if (answer == DBG_TERMINATE_PROCESS)
            process_terminate_nt(thread->process, (uint32_t)DBG_TERMINATE_PROCESS);
        else if (answer == DBG_TERMINATE_THREAD)
            thread_terminate(thread, (uint32_t)DBG_TERMINATE_THREAD);
        object_release(&thread->object);
        break;
    }
    object_release(object);
    return status;
}

NTSTATUS debug_object_handle(struct call *call, struct nt_process *process, uint32_t *handle)
{
    *handle = 0;
    if (!process->debug)
        return STATUS_PORT_NOT_SET;
    return handle_create(call->process, process->debug, DEBUG_ALL_ACCESS, 0, handle);
}
