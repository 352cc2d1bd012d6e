/* SPDX-License-Identifier: MIT */
/*
 * Debug objects. What happens in a debugged process becomes an event in the queue of its debug object;
 * the thread in which it happened stops on its way back to the program, all other threads of the
 * process with it, until the debugger has taken the event and continued it.
 *
 * All state hangs on the event, which the thread refers to: it stands at an instruction boundary
 * meanwhile, and the debugger may read and change its registers.
 */
#ifndef NT_DEBUG_H
#define NT_DEBUG_H

#include <personalities/nt/nt.h>

struct debug_event;

extern const struct nt_type debug_type;

/*
 * Let a new process be debugged, before its first thread is launched; that thread reports it when
 * it starts. NtDebugActiveProcess for one that runs.
 */
NTSTATUS debug_assign(struct nt_process *process, struct object *debug_object);

/* ---- reports, by the thread concerned; nothing happens if its process is not debugged ---- */
/* A thread starts: it is a new thread, or the first of its process. */
void debug_thread_starts(struct nt_thread *thread);
void debug_image_mapped(struct nt_thread *thread, const WCHAR *file_name, uint32_t base);
void debug_image_unmapped(struct nt_thread *thread, uint32_t base);
/*
 * An exception whose context is in the thread's registers. True: the debugger will decide, and
 * exception_continue is called with the answer once the thread may go on.
 */
bool debug_exception(struct nt_thread *thread, const EXCEPTION_RECORD *record, bool first_chance);
/* The thread ends: waits for the debugger. */
void debug_thread_ends(struct nt_thread *thread);

/* ---- stopping; used by thread.c ---- */
/* The thread is not to run: its event, or that of another one of its process, is not continued yet. */
bool debug_holds(const struct nt_thread *thread);
/* Act on the answer to the thread's event, if there is one. */
void debug_resume(struct nt_thread *thread);
/* The process has ended, or its debugger leaves it: what is not continued yet is. */
void debug_forget(struct nt_process *process);

/* The debugger's handle for NtQueryInformationProcess. */
NTSTATUS debug_object_handle(struct call *call, struct nt_process *process, uint32_t *handle);

#endif
