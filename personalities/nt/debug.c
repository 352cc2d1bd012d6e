/* SPDX-License-Identifier: MIT */
/* Debug objects and their events. See debug.h. */
#include <personalities/nt/debug.h>

#include <ipc/call.h>
#include <personalities/nt/exception.h>
#include <personalities/nt/file.h>
#include <personalities/nt/path.h>
#include <personalities/nt/process.h>
#include <personalities/nt/section.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

struct debug_object {
    struct object object;
    struct list events; /* that are not continued */
    uint32_t flags;     /* DEBUG_KILL_ON_CLOSE */
};

enum event_state { EVENT_QUEUED, EVENT_SENT, EVENT_DONE };

struct debug_event {
    struct list link;           /* debug_object.events, until it is done */
    struct nt_process *process; /* held */
    struct nt_thread *thread;   /* held */
    bool owned;                 /* the thread waits for it and frees it */
    bool later;                 /* the debugger wants it again, once the thread is not suspended */
    enum event_state state;
    WCHAR *file_name; /* whose handle the debugger gets, or NULL */
    NTSTATUS answer;
    DBGUI_WAIT_STATE_CHANGE change; /* without the handles */
};

static struct debug_object *debug_of(struct object *object)
{
    return container_of(object, struct debug_object, object);
}

/* Of each process the debugger gets one event at a time, and none while it has put one off. */
static bool is_held_back(const struct debug_object *debug, const struct nt_process *process)
{
    list_each(event, &debug->events, struct debug_event, link)
    {
        bool later = event->later && event->thread->suspend_count > 0;
        if (event->process == process && (event->state == EVENT_SENT || later))
            return true;
    }
    return false;
}

static struct debug_event *first_queued(struct debug_object *debug)
{
    list_each(event, &debug->events, struct debug_event, link)
    {
        if (event->state == EVENT_QUEUED && !is_held_back(debug, event->process))
            return event;
    }
    return NULL;
}

static bool debug_signaled(struct object *object, struct nt_thread *thread)
{
    (void)thread;
    return first_queued(debug_of(object)) != NULL;
}

/* ---- events ---- */

static void event_free(struct debug_event *event)
{
    list_remove(&event->link);
    object_release(&event->thread->object);
    object_release(&event->process->object);
    free(event->file_name);
    free(event);
}

/* The process goes on, or has another event. */
static void event_done(struct object *object, struct debug_event *event, NTSTATUS answer)
{
    struct nt_process *process = event->process;
    event->state = EVENT_DONE;
    event->answer = answer;
    list_remove(&event->link);
    process->debug_stops--;
    object_hold(&process->object);
    if (!event->owned)
        event_free(event);
    list_each(thread, &process->threads, struct nt_thread, link) thread_wake(thread);
    object_release(&process->object);
    object_changed(object);
}

static void stop_others(struct nt_process *process, const struct nt_thread *except)
{
    list_each(thread, &process->threads, struct nt_thread, link)
    {
        if (thread != except)
            thread_prod(thread);
    }
}

static struct debug_event *event_new(struct nt_thread *thread, DBG_STATE state,
                                     const WCHAR *file_name)
{
    struct debug_event *event = calloc(1, sizeof *event);
    if (!event)
        return NULL;
    event->process = thread->process;
    event->thread = thread;
    object_hold(&event->process->object);
    object_hold(&event->thread->object);
    if (file_name)
        event->file_name = text_copy((struct text){file_name, text_length(file_name)});
    event->change.NewState = state;
    event->change.AppClientId.UniqueProcess = (HANDLE)(thread->process->pid * 4);
    event->change.AppClientId.UniqueThread = (HANDLE)thread->tid;
    return event;
}

static void event_send(struct debug_event *event, struct object *object)
{
    list_append(&debug_of(object)->events, &event->link);
    event->process->debug_stops++;
    stop_others(event->process, event->thread);
    object_changed(object);
}

/* The current thread stops at its next look-up. A thread has one event at a time: more are appended. */
static void event_post(struct nt_thread *thread, struct debug_event *event)
{
    if (!event)
        return;
    event->owned = thread->debug_event == NULL;
    if (event->owned)
        thread->debug_event = event;
    event_send(event, thread->process->debug);
}

/* ---- reports ---- */

static bool debugged(const struct nt_thread *thread)
{
    return thread->process->debug && !thread->hidden;
}

static struct debug_event *process_event(struct nt_thread *thread)
{
    const struct nt_process *process = thread->process;
    struct debug_event *event = event_new(thread, DbgCreateProcessStateChange, process->image_name);
    if (event) {
        event->change.StateInfo.CreateProcessInfo.NewProcess.BaseOfImage =
            (void *)process->image_base;
        event->change.StateInfo.CreateProcessInfo.NewProcess.InitialThread.StartAddress =
            (void *)thread->start;
    }
    return event;
}

static struct debug_event *thread_event(struct nt_thread *thread)
{
    struct debug_event *event = event_new(thread, DbgCreateThreadStateChange, NULL);
    if (event)
        event->change.StateInfo.CreateThread.NewThread.StartAddress = (void *)thread->start;
    return event;
}

static struct debug_event *image_event(struct nt_thread *thread, const WCHAR *file_name,
                                       uint32_t base)
{
    struct debug_event *event = event_new(thread, DbgLoadDllStateChange, file_name);
    if (event)
        event->change.StateInfo.LoadDll.BaseOfDll = (void *)base;
    return event;
}

#define NTDLL_NAME L"\\??\\C:\\windows\\system32\\ntdll.dll"

void debug_thread_starts(struct nt_thread *thread)
{
    struct nt_process *process = thread->process;
    if (!debugged(thread) || thread->debug_reported)
        return;
    thread->debug_reported = true;
    if (process->debug_reported) {
        event_post(thread, thread_event(thread));
        return;
    }
    process->debug_reported = true;
    event_post(thread, process_event(thread));
    event_post(thread, image_event(thread, NTDLL_NAME, process->ntdll_base));
}

void debug_image_mapped(struct nt_thread *thread, const struct image *image, const WCHAR *file_name,
                        uint32_t base)
{
    (void)image;
    if (debugged(thread))
        event_post(thread, image_event(thread, file_name, base));
}

void debug_image_unmapped(struct nt_thread *thread, uint32_t base)
{
    struct debug_event *event =
        debugged(thread) ? event_new(thread, DbgUnloadDllStateChange, NULL) : NULL;
    if (event)
        event->change.StateInfo.UnloadDll.BaseAddress = (void *)base;
    event_post(thread, event);
}

static DBG_STATE exception_state(const EXCEPTION_RECORD *record)
{
    switch ((NTSTATUS)record->ExceptionCode) {
    case STATUS_BREAKPOINT:
        return DbgBreakpointStateChange;
    case STATUS_SINGLE_STEP:
        return DbgSingleStepStateChange;
    }
    return DbgExceptionStateChange;
}

bool debug_exception(struct nt_thread *thread, const EXCEPTION_RECORD *record, bool first_chance)
{
    struct debug_event *event = debugged(thread) && !thread->debug_event
                                    ? event_new(thread, exception_state(record), NULL)
                                    : NULL;
    if (!event)
        return false;
    event->change.StateInfo.Exception.ExceptionRecord = *record;
    event->change.StateInfo.Exception.FirstChance = first_chance;
    event_post(thread, event);
    return true;
}

/* The others may be there still, but only because they wait until their ends are continued. */
static bool is_last(const struct nt_thread *thread)
{
    list_each(other, &thread->process->threads, struct nt_thread, link)
    {
        if (other != thread && !other->debug_ended)
            return false;
    }
    return true;
}

void debug_thread_ends(struct nt_thread *thread)
{
    bool last = is_last(thread);
    thread->debug_ended = true;
    if (thread->debug_event) {
        /* Nobody waits for the answer any more. */
        if (thread->debug_event->state == EVENT_DONE)
            event_free(thread->debug_event);
        else
            thread->debug_event->owned = false;
        thread->debug_event = NULL;
    }
    if (!debugged(thread) || !thread->debug_reported)
        return;
    struct debug_event *event =
        event_new(thread, last ? DbgExitProcessStateChange : DbgExitThreadStateChange, NULL);
    if (!event)
        return;
    event->change.StateInfo.ExitThread.ExitStatus = (NTSTATUS)thread->exit_status;
    event_post(thread, event);
    while (event->state != EVENT_DONE)
        thread_sleep(thread, 0);
    thread->debug_event = NULL;
    event_free(event);
}

/* ---- stopping ---- */

bool debug_holds(const struct nt_thread *thread)
{
    return thread->process->debug_stops > 0;
}

void debug_resume(struct nt_thread *thread)
{
    struct debug_event *event = thread->debug_event;
    if (!event || event->state != EVENT_DONE)
        return;
    thread->debug_event = NULL;
    DBG_STATE kind = event->change.NewState;
    EXCEPTION_RECORD record = event->change.StateInfo.Exception.ExceptionRecord;
    bool first_chance = event->change.StateInfo.Exception.FirstChance;
    NTSTATUS answer = event->answer;
    event_free(event);
    if (kind >= DbgExceptionStateChange && kind <= DbgSingleStepStateChange)
        exception_continue(thread, &record, first_chance, answer);
}

/* ---- who is debugged ---- */

static NTSTATUS mark(struct nt_process *process, bool debugged)
{
    uint8_t mark = debugged;
    return process->peb ? vm_write(process, process->peb + offsetof(PEB, BeingDebugged), &mark, 1)
                        : STATUS_SUCCESS;
}

NTSTATUS debug_assign(struct nt_process *process, struct object *object)
{
    if (process->debug)
        return STATUS_PORT_ALREADY_SET;
    process->debug = object;
    object_hold(object);
    return mark(process, true);
}

static void detach(struct nt_process *process)
{
    struct object *object = process->debug;
    if (!object)
        return;
    process->debug = NULL;
    list_each_safe(event, after, &debug_of(object)->events, struct debug_event, link)
    {
        if (event->process == process)
            event_done(object, event, DBG_CONTINUE);
    }
    (void)mark(process, false);
    object_release(object);
}

void debug_forget(struct nt_process *process)
{
    detach(process);
}

static void debug_last_handle(struct object *object)
{
    bool kill = debug_of(object)->flags & DEBUG_KILL_ON_CLOSE;
    object_hold(object);
    list_each_safe(process, after, &nt_processes, struct nt_process, link)
    {
        if (process->debug != object)
            continue;
        object_hold(&process->object);
        detach(process);
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

static void report_image(struct nt_process *process, struct nt_thread *thread,
                         const struct allocation *allocation)
{
    const WCHAR *name =
        allocation->section ? section_of(allocation->section)->file_name : NTDLL_NAME;
    struct debug_event *event = image_event(thread, name, allocation->base);
    if (event)
        event_send(event, process->debug);
}

static void report_images(struct nt_process *process, struct nt_thread *thread, bool ntdll)
{
    for (uint32_t i = 0; i < process->vm.count; i++) {
        const struct allocation *allocation = process->vm.allocations[i];
        if (allocation->type == MEM_IMAGE && allocation->base != process->image_base &&
            (allocation->base == process->ntdll_base) == ntdll)
            report_image(process, thread, allocation);
    }
}

/*
 * The state of a process that ran before, as its debugger would have heard of it: the process with its
 * first thread and ntdll, the other threads, the other images.
 */
static void report_past(struct nt_process *process)
{
    struct nt_thread *first = NULL;
    list_each(thread, &process->threads, struct nt_thread, link)
    {
        struct debug_event *event = first ? thread_event(thread) : process_event(thread);
        if (event)
            event_send(event, process->debug);
        thread->debug_reported = true;
        if (!first)
            report_images(process, thread, true);
        first = first ? first : thread;
    }
    process->debug_reported = true;
    if (first)
        report_images(process, first, false);
}

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
            report_past(process);
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
            detach(process);
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
        event = first_queued(debug_of(object));
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
        event_done(object, event, answer);
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
