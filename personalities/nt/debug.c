/* SPDX-License-Identifier: MIT */
/* Events of debugged processes: how they come to be, and how threads stop for them. See debug.h. */
#include <personalities/nt/debug_state.h>

#include <personalities/nt/exception.h>
#include <personalities/nt/process.h>
#include <personalities/nt/section.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>

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

struct debug_event *debug_first_queued(struct debug_object *debug)
{
    list_each(event, &debug->events, struct debug_event, link)
    {
        if (event->state == EVENT_QUEUED && !is_held_back(debug, event->process))
            return event;
    }
    return NULL;
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

void debug_event_done(struct object *object, struct debug_event *event, NTSTATUS answer)
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

void debug_image_mapped(struct nt_thread *thread, const WCHAR *file_name, uint32_t base)
{
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

void debug_forget(struct nt_process *process)
{
    struct object *object = process->debug;
    if (!object)
        return;
    process->debug = NULL;
    list_each(event, &debug_of(object)->events, struct debug_event, link)
    {
        if (event->process == process)
            debug_event_done(object, event, DBG_CONTINUE);
    }
    (void)mark(process, false);
    object_release(object);
}

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
void debug_report_past(struct nt_process *process)
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
