/* SPDX-License-Identifier: MIT */
/* Debug objects and events, for the files that make them (debug.c) and hand them out (debug_calls.c). */
#ifndef NT_DEBUG_STATE_H
#define NT_DEBUG_STATE_H

#include <personalities/nt/debug.h>

struct debug_object {
    struct object object;
    struct list events; /* that are not continued */
    uint32_t flags;     /* DEBUG_KILL_ON_CLOSE */
};

enum debug_event_state { EVENT_QUEUED, EVENT_SENT, EVENT_DONE };

struct debug_event {
    struct list link;           /* debug_object.events, until it is done */
    struct nt_process *process; /* held */
    struct nt_thread *thread;   /* held */
    bool owned;                 /* the thread waits for it and frees it */
    bool later;                 /* the debugger wants it again, once the thread is not suspended */
    enum debug_event_state state;
    WCHAR *file_name; /* whose handle the debugger gets, or NULL */
    NTSTATUS answer;
    DBGUI_WAIT_STATE_CHANGE change; /* without the handles */
};

static inline struct debug_object *debug_of(struct object *object)
{
    return container_of(object, struct debug_object, object);
}

/* The event that the debugger gets next, or NULL. */
struct debug_event *debug_first_queued(struct debug_object *debug);
/* The debugger has answered: the process goes on, or has another event. */
void debug_event_done(struct object *debug, struct debug_event *event, NTSTATUS answer);
/* Queue what the debugger of a process that ran before would have heard of it. */
void debug_report_past(struct nt_process *process);

#endif
