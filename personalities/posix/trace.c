/* SPDX-License-Identifier: MIT */
/* Being traced: beginning, stops, events, the end. The requests of tracers are in ptrace.c. */
#include "trace.h"

#include <linux/ptrace.h>
#include <string.h>

#include "task.h"

#define TRAP_FLAG 0x100u

/* ---- beginning and end of the relation ------------------------------------------------------------ */

static void tracing_put(struct tracing *tracing)
{
    if (--tracing->references == 0)
        release(tracing);
}

static bool is_leader(const struct tracing *tracing)
{
    return tracing->process && tracing->process->tracing == tracing;
}

int trace_begin(struct thread *thread, struct process *tracer, bool seized, uint32_t options)
{
    struct tracing *tracing = allocate(sizeof *tracing);
    if (!tracing)
        return -ENOMEM;
    tracing->references = 1;
    tracing->tracer = tracer;
    tracing->thread = thread;
    tracing->process = thread->process;
    tracing->tid = thread->tid;
    tracing->seized = seized;
    tracing->options = options;
    wait_queue_init(&tracing->resumed);
    list_append(&tracer->tracees, &tracing->link);
    thread->tracing = tracing;
    thread->process->traced_threads++;
    if (thread->tid == thread->process->pid)
        thread->process->tracing = tracing;
    return 0;
}

/* Takes the record away from both sides. */
static void unlink_tracing(struct tracing *tracing)
{
    list_remove(&tracing->link);
    tracing->tracer = NULL;
    if (is_leader(tracing))
        tracing->process->tracing = NULL;
    if (tracing->thread) {
        tracing->thread->tracing = NULL;
        tracing->process->traced_threads--;
        thread_watch(tracing->thread);
    }
    tracing_put(tracing);
}

static void wake(struct tracing *tracing)
{
    tracing->stopped = tracing->listening = tracing->untold = false;
    wait_queue_wake(&tracing->resumed, WAKE_ALL);
}

void trace_resume(struct tracing *tracing, enum resume_mode mode, uint32_t signal)
{
    tracing->mode = mode;
    tracing->signal = signal;
    thread_watch(tracing->thread);
    if (tracing->thread->step)
        tracing->thread->attention = 1;
    wake(tracing);
}

void trace_detach(struct tracing *tracing, uint32_t signal)
{
    struct process *process = tracing->process;
    bool zombie = tracing->ended && is_leader(tracing);
    if (tracing->thread) {
        tracing->mode = RESUME_RUN;
        tracing->signal = signal;
        tracing->thread->attention = 1;
        wake(tracing);
    }
    unlink_tracing(tracing);
    if (zombie)
        process_announce_end(process);
}

void trace_reap(struct tracing *tracing)
{
    trace_detach(tracing, 0);
}

void trace_tracer_ended(struct process *tracer)
{
    list_each(tracing, &tracer->tracees, struct tracing, link)
    {
        if ((tracing->options & PTRACE_O_EXITKILL) && tracing->thread)
            process_end_all(tracing->process, SIGKILL);
        trace_detach(tracing, 0);
    }
}

bool trace_allowed(const struct process *target)
{
    const struct process *caller = self()->process;
    const struct credentials *own = &caller->credentials, *its = &target->credentials;
    if (target == caller || capable(CAP_SYS_PTRACE))
        return true;
    return target->dumpable && has_only_uid(its, own->uid) && has_only_gid(its, own->gid);
}

/* ---- stopping --------------------------------------------------------------------------------------- */

static void tell_tracer(const struct tracing *tracing, int32_t code)
{
    struct process *tracer = tracing->tracer;
    if (!(tracer->sighand->actions[SIGCHLD - 1].flags & SA_NOCLDSTOP)) {
        siginfo_t info = signal_info(SIGCHLD, code);
        info.si_pid = (int)tracing->tid;
        info.si_uid = tracing->process ? tracing->process->credentials.uid : tracing->uid;
        info.si_status = tracing->status >> 8 & 0x7f;
        signal_process(tracer, &info);
    }
    wait_queue_wake(&tracer->child_changed, WAKE_ALL);
}

/* Sleeps until the tracer lets the thread go on; the signal it goes on with. Lock held. */
static uint32_t stop(struct thread *thread, enum stop_kind kind, uint32_t code, siginfo_t *info)
{
    struct tracing *tracing = thread->tracing;
    tracing->references++;
    trace_step_hide(thread);
    tracing->kind = kind;
    tracing->status = (int32_t)(code << 8 | 0x7f);
    tracing->signal = 0;
    tracing->stopped = tracing->untold = true;
    if ((tracing->has_info = info != NULL))
        tracing->info = *info;
    tell_tracer(tracing, kind == STOP_GROUP ? CLD_STOPPED : CLD_TRAPPED);
    while (tracing->stopped) {
        if (wait_queue_sleep_until_end(&tracing->resumed, DEADLINE_NEVER) < 0)
            wake(tracing);
    }
    if (info)
        *info = tracing->info;
    uint32_t signal = tracing->signal;
    tracing_put(tracing);
    return signal;
}

/* A stop whose information says what it is: events and calls. */
static uint32_t stop_noting(struct thread *thread, enum stop_kind kind, uint32_t code,
                            uint32_t signal)
{
    siginfo_t info = signal_info(signal, (int32_t)code);
    info.si_pid = (int)thread->tid;
    info.si_uid = thread->process->credentials.uid;
    return stop(thread, kind, code, &info);
}

uint32_t trace_signal(struct thread *thread, siginfo_t *info)
{
    uint32_t sent = (uint32_t)info->si_signo;
    const struct process *tracer = thread->tracing->tracer;
    siginfo_t other = signal_info(0, SI_USER);
    other.si_pid = (int)tracer->pid;
    other.si_uid = tracer->credentials.uid;
    thread->tracing->message = 0;
    uint32_t signal = stop(thread, STOP_SIGNAL, sent, info);
    if (signal == 0)
        return 0;
    if (signal != (uint32_t)info->si_signo) {
        *info = other;
        info->si_signo = (int)signal;
    }
    if (thread->blocked & SIGNAL_BIT(signal)) {
        signal_thread(thread, info);
        return 0;
    }
    return signal;
}

static void stop_with_process(struct thread *thread)
{
    struct process *process = thread->process;
    bool group = process->stopped;
    uint32_t signal = group ? process->stop_signal : SIGTRAP;
    thread->group_stop = thread->tracing->trap = false;
    if (thread->tracing->seized)
        stop_noting(thread, group ? STOP_GROUP : STOP_EVENT, signal | PTRACE_EVENT_STOP << 8,
                    signal);
    else
        stop(thread, STOP_GROUP, signal, NULL);
}

bool trace_other_stop(struct thread *thread)
{
    if (!thread->tracing || thread->process->exiting ||
        !(thread->tracing->trap || (thread->process->stopped && thread->group_stop)))
        return false;
    stop_with_process(thread);
    return true;
}

void trace_interrupt(struct tracing *tracing)
{
    tracing->trap = true;
    if (tracing->listening) {
        tracing->mode = RESUME_RUN;
        wake(tracing);
    }
    if (tracing->thread)
        thread_notify(tracing->thread);
}

/* ---- single steps ------------------------------------------------------------------------------------ */

static bool steps(const struct tracing *tracing)
{
    return tracing && (tracing->mode == RESUME_STEP || tracing->mode == RESUME_EMULATE_STEP);
}

void thread_watch(struct thread *thread)
{
    const struct tracing *tracing = thread->tracing;
    thread->step = steps(tracing);
    const struct process *process = thread->process;
    thread->watched = thread->seccomp_mode || process->trace || process->recording ||
                      process->counted || thread->restart.kind == RESTART_CALL ||
                      (tracing && tracing->mode != RESUME_RUN);
}

void trace_step_hide(struct thread *thread)
{
    if (!thread->step_armed)
        return;
    thread->frame->regs.eflags &= ~TRAP_FLAG;
    thread->step_armed = false;
}

void trace_step_arm(struct thread *thread)
{
    if (!thread->step || (thread->frame->regs.eflags & TRAP_FLAG))
        return;
    thread->frame->regs.eflags |= TRAP_FLAG;
    thread->step_armed = true;
}

void trace_handler_entered(struct thread *thread)
{
    if (thread->step)
        stop_noting(thread, STOP_EVENT, SIGTRAP, SIGTRAP);
}

/* ---- calls ---------------------------------------------------------------------------------------------- */

static void stop_at_call(struct thread *thread, enum stop_kind kind)
{
    struct tracing *tracing = thread->tracing;
    uint32_t good = tracing->options & PTRACE_O_TRACESYSGOOD ? 0x80 : 0;
    tracing->message =
        kind == STOP_CALL_ENTRY ? PTRACE_EVENTMSG_SYSCALL_ENTRY : PTRACE_EVENTMSG_SYSCALL_EXIT;
    uint32_t signal = stop_noting(thread, kind, SIGTRAP | good, SIGTRAP);
    if (signal != 0 && !thread->process->exiting) {
        siginfo_t info = signal_info(signal, SI_KERNEL);
        signal_thread(thread, &info);
    }
}

bool trace_call_entry(struct thread *thread, uint32_t *number)
{
    bool emulated = false;
    server_lock();
    struct tracing *tracing = thread->tracing;
    thread->orig_eax = (int32_t)*number;
    if (tracing && tracing->mode != RESUME_RUN && tracing->mode != RESUME_STEP) {
        emulated = tracing->mode != RESUME_CALLS;
        thread->frame->regs.eax = (uint32_t)-ENOSYS;
        stop_at_call(thread, STOP_CALL_ENTRY);
        *number = (uint32_t)thread->orig_eax;
    }
    bool ends = thread->process->exiting;
    server_unlock();
    return !emulated && !ends && *number != UINT32_MAX;
}

/* A step over the call ends here as well, with a signal of its own. */
int32_t trace_call_exit(struct thread *thread, int32_t result)
{
    bool keep = result == -RESULT_KEEP_REGISTERS;
    server_lock();
    struct tracing *tracing = thread->tracing;
    if (tracing && !thread->process->exiting) {
        if (!keep)
            thread->frame->regs.eax = (uint32_t)result;
        if (tracing->mode == RESUME_CALLS) {
            stop_at_call(thread, STOP_CALL_EXIT);
        } else if (steps(tracing)) {
            siginfo_t info = signal_info(SIGTRAP, TRAP_BRKPT);
            info.si_addr = (void *)thread->frame->regs.eip;
            signal_thread(thread, &info);
        }
        if (!keep)
            result = (int32_t)thread->frame->regs.eax;
    }
    server_unlock();
    return result;
}

/* ---- events ----------------------------------------------------------------------------------------------- */

static bool wants_event(const struct tracing *tracing, uint32_t event)
{
    return tracing && (tracing->options & 1u << event);
}

void trace_event(uint32_t event, uint32_t message)
{
    struct thread *thread = self();
    if (likely(!thread->tracing))
        return;
    server_lock();
    if (wants_event(thread->tracing, event)) {
        thread->tracing->message = message;
        if (event != PTRACE_EVENT_EXEC && (int32_t)thread->frame->regs.eax != -ENOSYS) {
            thread->orig_eax = (int32_t)thread->frame->regs.eax;
            thread->frame->regs.eax = (uint32_t)-ENOSYS;
        }
        stop_noting(thread, STOP_EVENT, SIGTRAP | event << 8, SIGTRAP);
    } else if (event == PTRACE_EVENT_EXEC && thread->tracing && !thread->tracing->seized) {
        siginfo_t info = signal_info_user(SIGTRAP, SI_USER, thread->process);
        signal_thread(thread, &info);
    }
    server_unlock();
}

uint32_t trace_clone_event(const struct thread *thread, uint32_t flags)
{
    uint32_t event = flags & CLONE_VFORK                                      ? PTRACE_EVENT_VFORK
                     : (flags & CLONE_THREAD) || (flags & CSIGNAL) != SIGCHLD ? PTRACE_EVENT_CLONE
                                                                              : PTRACE_EVENT_FORK;
    return !(flags & CLONE_UNTRACED) && wants_event(thread->tracing, event) ? event : 0;
}

int trace_inherit(struct thread *child, const struct thread *parent, uint32_t flags)
{
    const struct tracing *tracing = parent->tracing;
    if (!tracing || !(trace_clone_event(parent, flags) || (flags & CLONE_PTRACE)))
        return 0;
    int error = trace_begin(child, tracing->tracer, tracing->seized, tracing->options);
    if (error < 0)
        return error;
    child->tracing->trap = tracing->seized;
    if (!tracing->seized) {
        siginfo_t info = signal_info(SIGSTOP, SI_USER);
        signal_thread(child, &info);
    }
    child->attention = 1;
    return 0;
}

/* ---- ends ----------------------------------------------------------------------------------------------------- */

void trace_thread_ended(struct thread *thread, int32_t status)
{
    struct tracing *tracing = thread->tracing;
    if (!tracing)
        return;
    thread->tracing = NULL;
    thread->process->traced_threads--;
    tracing->thread = NULL;
    tracing->stopped = tracing->listening = tracing->untold = false;
    if (is_leader(tracing))
        return; /* told when the whole process has ended */
    tracing->uid = thread->process->credentials.uid;
    tracing->process = NULL;
    tracing->ended = true;
    tracing->status = status;
    tell_tracer(tracing, status & 0x7f ? CLD_KILLED : CLD_EXITED);
}

bool trace_keeps_zombie(struct process *process)
{
    struct tracing *tracing = process->tracing;
    if (!tracing)
        return false;
    if (tracing->tracer == process->parent) {
        unlink_tracing(tracing); /* its wait as a parent is enough */
        return false;
    }
    tracing->ended = true;
    tracing->status = process->exit_status;
    tell_tracer(tracing, process->exit_status & 0x7f ? CLD_KILLED : CLD_EXITED);
    return true;
}

void trace_tid_changed(struct thread *thread)
{
    struct process *process = thread->process;
    struct tracing *old = process->tracing;
    if (old && old != thread->tracing)
        unlink_tracing(old);
    if (!thread->tracing)
        return;
    thread->tracing->tid = thread->tid;
    process->tracing = thread->tracing;
}
