/* SPDX-License-Identifier: MIT */
/*
 * Tracing of guest threads by ptrace(2): the stops, and what a tracer sees of them.
 *
 * A struct tracing ties one thread to the process that traces it. It is in the tracer's list until it
 * is detached or the end of the thread has been waited for, so it may outlive the thread (thread NULL,
 * ended). All fields are guarded by the server lock. While `stopped` holds the thread sleeps in here and
 * its frame and FPU state belong to the tracer.
 */
#ifndef POSIX_TRACE_H
#define POSIX_TRACE_H

#include "core.h"
#include "signals.h"

struct process;
struct thread;

enum stop_kind { STOP_SIGNAL, STOP_CALL_ENTRY, STOP_CALL_EXIT, STOP_EVENT, STOP_GROUP };
enum resume_mode { RESUME_RUN, RESUME_CALLS, RESUME_STEP, RESUME_EMULATE, RESUME_EMULATE_STEP };

struct tracing {
    struct list link; /* tracer->tracees */
    uint32_t references;
    struct process *tracer;  /* NULL once detached */
    struct thread *thread;   /* NULL once it has ended */
    struct process *process; /* of the thread; NULL: it had ended before its process did */
    uint32_t tid, uid;
    uint32_t options; /* PTRACE_O_* */
    bool seized;
    bool trap;      /* a stop without a signal is asked for: PTRACE_INTERRUPT */
    bool stopped;   /* until the tracer lets it go on */
    bool listening; /* stopped, but not for requests: PTRACE_LISTEN */
    bool untold;    /* for the tracer's wait */
    bool ended;     /* status is that of the end */
    enum stop_kind kind;
    int32_t status; /* as of wait4 */
    bool has_info;
    siginfo_t info; /* of the stop */
    uint32_t message;
    enum resume_mode mode; /* how it runs */
    uint32_t signal;       /* what it goes on with */
    struct wait_queue resumed;
};

/* ---- being traced; lock held ---- */
/* -ENOMEM; the caller has checked everything. */
int trace_begin(struct thread *thread, struct process *tracer, bool seized, uint32_t options);
/* The thread runs on by itself; a stopped one with `signal`. */
void trace_detach(struct tracing *tracing, uint32_t signal);
void trace_resume(struct tracing *tracing, enum resume_mode mode, uint32_t signal);
/* A stop without a signal, soon. */
void trace_interrupt(struct tracing *tracing);
/* A tracer of the caller takes its new child or thread as well, if it asked for such. */
int trace_inherit(struct thread *child, const struct thread *parent, uint32_t clone_flags);

/* ---- stops of the calling thread; lock held ---- */
/* What is delivered instead of the signal in *info; 0: nothing. */
uint32_t trace_signal(struct thread *thread, siginfo_t *info);
/* The stop of the whole process, or one that was asked for; false: there is none to make. */
bool trace_other_stop(struct thread *thread);
/* After a handler was set up while single-stepping. */
void trace_handler_entered(struct thread *thread);
/* Single-stepping: the trap flag comes and goes with the server's look at the registers. */
void trace_step_hide(struct thread *thread);
void trace_step_arm(struct thread *thread);

/* ---- stops of the calling thread; without the lock ---- */
void trace_event(uint32_t event, uint32_t message);
/* PTRACE_EVENT_FORK, _VFORK or _CLONE if the tracer wants to know of such a clone, else 0. */
uint32_t trace_clone_event(const struct thread *thread, uint32_t clone_flags);
/* Stop at a call's entry. False: the call is not made (its result is in eax). */
bool trace_call_entry(struct thread *thread, uint32_t *number);
int32_t trace_call_exit(struct thread *thread, int32_t result);

/* ---- ends; lock held ---- */
void trace_thread_ended(struct thread *thread, int32_t status);
/* The zombie waits for its tracer first: its parent hears of it later. */
bool trace_keeps_zombie(struct process *process);
void trace_tracer_ended(struct process *tracer);
/* A thread that executes a program takes the number of its process. */
void trace_tid_changed(struct thread *thread);
/* The status of an ended tracee has been taken. */
void trace_reap(struct tracing *tracing);
/* Process is now as announced: for zombies whose tracer has waited for them (process.c). */
void process_announce_end(struct process *process);

/* ---- who may look into whom; lock held ---- */
bool trace_allowed(const struct process *target);

#endif
