/* SPDX-License-Identifier: MIT */
/*
 * Signals: sending, choosing a thread, and delivery before a guest runs again.
 *
 * A signal is pending in exactly one place, a thread or a process. Whoever makes one pending calls
 * thread_notify for a thread that can take it; the thread then finds it in signal_deliver, which
 * is the only place where actions are carried out. SIGKILL never becomes pending: it ends the
 * process at once (process_end_all).
 */
#include "signals.h"

#include <string.h>

#include "resume.h"
#include "snapshot/crash.h"
#include "snapshot/freeze.h"
#include "snapshot/record.h"
#include "signalfd.h"
#include "task.h"
#include "time.h"
#include "trace.h"

#define SIGNALS_IGNORED \
    (SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH))
#define SIGNALS_CORE                                                                        \
    (SIGNAL_BIT(SIGQUIT) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGABRT) | \
     SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGXCPU) |  \
     SIGNAL_BIT(SIGXFSZ) | SIGNAL_BIT(SIGSYS))
#define SIGNALS_UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))
#define QUEUE_LIMIT         1024 /* queued real-time signals of one process or thread */

#define HANDLER_DEFAULT 0u
#define HANDLER_IGNORE  1u

/* ---- sets -------------------------------------------------------------------------------------- */

void pending_init(struct pending *pending)
{
    pending->set = 0;
    list_init(&pending->queue);
}

static void queued_free(struct queued_signal *queued)
{
    list_remove(&queued->link);
    release(queued);
}

static void pending_remove(struct pending *pending, uint64_t set)
{
    if (!(pending->set & set))
        return;
    pending->set &= ~set;
    list_each(queued, &pending->queue, struct queued_signal, link)
    {
        if (SIGNAL_BIT(queued->info.si_signo) & set)
            queued_free(queued);
    }
}

void pending_clear(struct pending *pending)
{
    pending_remove(pending, ~0ull);
}

static void pending_add(struct pending *pending, const siginfo_t *info)
{
    uint32_t count = 0;
    if (info->si_signo < 32 && (pending->set & SIGNAL_BIT(info->si_signo)))
        return;
    list_each(queued, &pending->queue, struct queued_signal, link) count++;
    struct queued_signal *queued = count < QUEUE_LIMIT ? allocate(sizeof *queued) : NULL;
    pending->set |= SIGNAL_BIT(info->si_signo);
    signalfd_arrived((uint32_t)info->si_signo);
    if (!queued)
        return; /* still pending, without its information */
    queued->info = *info;
    list_append(&pending->queue, &queued->link);
}

/* Takes the first queued occurrence out; the bit stays set while more are queued. */
static void pending_take(struct pending *pending, uint32_t signal, siginfo_t *info)
{
    bool found = false, more = false;
    list_each(queued, &pending->queue, struct queued_signal, link)
    {
        if ((uint32_t)queued->info.si_signo != signal)
            continue;
        if (found) {
            more = true;
            break;
        }
        found = true;
        *info = queued->info;
        queued_free(queued);
    }
    if (!found)
        *info = signal_info(signal, SI_USER);
    if (!more)
        pending->set &= ~SIGNAL_BIT(signal);
}

struct sighand *sighand_copy(const struct sighand *from)
{
    struct sighand *copy = allocate(sizeof *copy);
    if (!copy)
        return NULL;
    if (from)
        memcpy(copy, from, sizeof *copy);
    copy->references = 1;
    return copy;
}

/* What is handled goes back to its default; what is ignored stays so. */
void sighand_clear(struct sighand *sighand)
{
    for (uint32_t i = 0; i < SIGNAL_COUNT; i++) {
        if (sighand->actions[i].handler != HANDLER_IGNORE)
            sighand->actions[i] = (struct linux_sigaction){.handler = HANDLER_DEFAULT};
    }
}

void sighand_release(struct sighand *sighand)
{
    if (sighand && --sighand->references == 0)
        release(sighand);
}

siginfo_t signal_info(uint32_t signal, int32_t code)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = (int)signal;
    info.si_code = code;
    return info;
}

siginfo_t signal_info_user(uint32_t signal, int32_t code, struct process *sender)
{
    siginfo_t info = signal_info(signal, code);
    if (sender) {
        info.si_pid = (int)sender->pid;
        info.si_uid = sender->credentials.uid;
    }
    return info;
}

/* ---- sending ----------------------------------------------------------------------------------- */

static uint32_t action_of(const struct process *process, uint32_t signal)
{
    return process->sighand->actions[signal - 1].handler;
}

bool signal_is_ignored(struct process *process, uint32_t signal)
{
    uint32_t handler = action_of(process, signal);
    return handler == HANDLER_IGNORE ||
           (handler == HANDLER_DEFAULT && (SIGNALS_IGNORED & SIGNAL_BIT(signal)));
}

static void remove_everywhere(struct process *process, uint64_t set)
{
    pending_remove(&process->pending, set);
    list_each(thread, &process->threads, struct thread, link) pending_remove(&thread->pending, set);
}

/* What a signal does by being sent. False: there is nothing left to deliver. */
static bool signal_prepare(struct process *process, struct thread *target, uint32_t signal)
{
    if (process->state != PROCESS_ALIVE || process->exiting)
        return false;
    if (signal == SIGKILL) {
        process_end_all(process, SIGKILL);
        return false;
    }
    if (SIGNALS_STOP & SIGNAL_BIT(signal))
        remove_everywhere(process, SIGNAL_BIT(SIGCONT));
    if (signal == SIGCONT) {
        remove_everywhere(process, SIGNALS_STOP);
        process_continue(process);
    }
    return !signal_is_ignored(process, signal) || process->traced_threads != 0 ||
           (target && ((target->blocked | target->waited) & SIGNAL_BIT(signal)));
}

static struct thread *first_thread(struct process *process)
{
    return list_empty(&process->threads) ? NULL
                                         : container_of(process->threads.next, struct thread, link);
}

void signal_process(struct process *process, const siginfo_t *info)
{
    uint32_t signal = (uint32_t)info->si_signo;
    if (!signal_prepare(process, first_thread(process), signal))
        return;
    pending_add(&process->pending, info);
    list_each(thread, &process->threads, struct thread, link)
    {
        if (thread->blocked & SIGNAL_BIT(signal))
            continue;
        thread_notify(thread);
        return;
    }
    /* Everyone blocks it; sigtimedwait may still be waiting for it. */
    list_each(thread, &process->threads, struct thread, link) thread_notify(thread);
}

void signal_thread(struct thread *thread, const siginfo_t *info)
{
    if (!signal_prepare(thread->process, thread, (uint32_t)info->si_signo))
        return;
    pending_add(&thread->pending, info);
    thread_notify(thread);
}

void signal_simple(struct process *process, uint32_t signal)
{
    siginfo_t info = signal_info(signal, SI_KERNEL);
    signal_process(process, &info);
}

uint32_t signal_group(uint32_t pgid, const siginfo_t *info)
{
    uint32_t count = 0;
    process_each(process, bucket)
    {
        if (process->pgid != pgid || process->state != PROCESS_ALIVE)
            continue;
        count++;
        if (info->si_signo != 0)
            signal_process(process, info);
    }
    return count;
}

void signal_force(struct thread *thread, const siginfo_t *info)
{
    uint32_t signal = (uint32_t)info->si_signo;
    struct linux_sigaction *action = &thread->process->sighand->actions[signal - 1];
    if (action->handler == HANDLER_IGNORE || (thread->blocked & SIGNAL_BIT(signal))) {
        action->handler = HANDLER_DEFAULT;
        thread->blocked &= ~SIGNAL_BIT(signal);
    }
    pending_add(&thread->pending, info);
    thread_notify(thread);
}

void signal_fault(struct thread *thread, uint32_t signal, int32_t code, uint32_t address)
{
    siginfo_t info = signal_info(signal, code);
    info.si_addr = (void *)address;
    signal_force(thread, &info);
}

/* ---- receiving --------------------------------------------------------------------------------- */

uint64_t signal_pending_set(struct thread *thread)
{
    return thread->pending.set | thread->process->pending.set;
}

bool signal_waiting(struct thread *thread)
{
    return (signal_pending_set(thread) & ~thread->blocked) != 0;
}

void signal_recalculate(struct thread *thread)
{
    if (signal_waiting(thread))
        thread_notify(thread);
}

void signal_set_mask(struct thread *thread, uint64_t mask)
{
    thread->blocked = mask & ~SIGNALS_UNBLOCKABLE;
    signal_recalculate(thread);
}

uint32_t signal_take(struct thread *thread, uint64_t set, siginfo_t *info)
{
    uint64_t waiting = signal_pending_set(thread) & set;
    if (waiting & SIGNALS_FAULT & thread->pending.set)
        waiting &= SIGNALS_FAULT & thread->pending.set;
    if (!waiting)
        return 0;
    uint32_t signal = (uint32_t)__builtin_ctzll(waiting) + 1;
    bool own = thread->pending.set & SIGNAL_BIT(signal);
    pending_take(own ? &thread->pending : &thread->process->pending, signal, info);
    if (info->si_code == SI_TIMER)
        timer_delivered(thread->process, info);
    return signal;
}

static void default_action(struct thread *thread, uint32_t signal, const siginfo_t *info)
{
    struct process *process = thread->process;
    uint64_t bit = SIGNAL_BIT(signal);
    if (bit & SIGNALS_IGNORED)
        return;
    if (bit & SIGNALS_STOP) {
        if (signal != SIGSTOP && group_is_orphaned(process->pgid, process->session))
            return;
        process_stop(process, signal);
        thread->group_stop = true; /* also one that ran on while the others were stopped */
        return;
    }
    if ((bit & SIGNALS_CORE) && record_is_replayed_crash(thread, signal))
        return;
    if (!(bit & SIGNALS_CORE) || !crash_begin(thread, info, (int32_t)signal))
        process_end_all(process, (int32_t)signal);
}

/* Puts the registers back so that the guest issues its system call again. */
static void restart_call(struct thread *thread, bool through_restart)
{
    thread->frame->regs.eax = through_restart ? __NR_restart_syscall : thread->trap_number;
    thread->frame->regs.eip -= 2;
    thread->in_call = false;
}

/* The result of an interrupted system call when a handler is about to run. */
static void settle_call_for_handler(struct thread *thread, uint32_t action_flags)
{
    call_resume_never(thread);
    if (!thread->in_call)
        return;
    switch (-(int32_t)thread->frame->regs.eax) {
    case ERESTARTSYS:
        if (action_flags & SA_RESTART) {
            restart_call(thread, false);
            break;
        }
        thread->frame->regs.eax = (uint32_t)-EINTR;
        break;
    case ERESTARTNOINTR:
        restart_call(thread, false);
        break;
    case ERESTARTNOHAND:
    case ERESTART_BLOCK:
        thread->frame->regs.eax = (uint32_t)-EINTR;
        break;
    }
    thread->in_call = false;
}

static void settle_call(struct thread *thread)
{
    if (!thread->in_call)
        return;
    switch (-(int32_t)thread->frame->regs.eax) {
    case ERESTARTSYS:
    case ERESTARTNOINTR:
    case ERESTARTNOHAND:
    case ERESTART_RESUME:
        restart_call(thread, false);
        break;
    case ERESTART_BLOCK:
        restart_call(thread, true);
        break;
    }
    thread->in_call = false;
}

static void run_handler(struct thread *thread, uint32_t signal, const siginfo_t *info)
{
    struct linux_sigaction *slot = &thread->process->sighand->actions[signal - 1];
    struct linux_sigaction action = *slot;
    uint64_t old = thread->has_restore_blocked ? thread->restore_blocked : thread->blocked;
    settle_call_for_handler(thread, action.flags);
    thread->has_restore_blocked = false;
    if (action.flags & SA_RESETHAND)
        slot->handler = HANDLER_DEFAULT;
    if (sigframe_push(thread, &action, info, old) < 0) {
        if (signal == SIGSEGV)
            slot->handler = HANDLER_DEFAULT;
        signal_fault(thread, SIGSEGV, SI_KERNEL, 0);
        return;
    }
    uint64_t mask = thread->blocked | action.mask[0] | (uint64_t)action.mask[1] << 32;
    if (!(action.flags & SA_NODEFER))
        mask |= SIGNAL_BIT(signal);
    signal_set_mask(thread, mask);
    trace_handler_entered(thread);
}

/* A thread that is traced stops as its tracer is told instead (trace.h). */
static void wait_while_stopped(struct thread *thread)
{
    struct process *process = thread->process;
    thread->group_stop = false;
    while ((process->frozen || (process->stopped && !thread->tracing)) && !thread_must_end(thread))
        thread_stand_still(thread);
}

void signal_deliver(struct thread *thread)
{
    siginfo_t info;
    if (thread->out_of_memory)
        thread_end_for_memory(thread);
    server_lock();
    trace_step_hide(thread);
    for (;;) {
        thread->attention = 0;
        if (thread_must_end(thread)) {
            server_unlock();
            thread_finish(thread);
        }
        if (unlikely(thread->process->frozen)) {
            wait_while_stopped(thread);
            continue;
        }
        if (unlikely(thread->tracing) && trace_other_stop(thread))
            continue;
        if (thread->process->stopped && !thread->tracing) {
            wait_while_stopped(thread);
            continue;
        }
        uint32_t signal = thread->process->recording ? record_signal(thread, &info)
                                                     : signal_take(thread, ~thread->blocked, &info);
        if (signal == 0)
            break;
        if (unlikely(thread->tracing) && (signal = trace_signal(thread, &info)) == 0)
            continue;
        uint32_t handler = action_of(thread->process, signal);
        if (handler == HANDLER_DEFAULT)
            default_action(thread, signal, &info);
        else if (handler != HANDLER_IGNORE)
            run_handler(thread, signal, &info);
    }
    settle_call(thread);
    trace_step_arm(thread);
    if (thread->has_restore_blocked) {
        thread->has_restore_blocked = false;
        signal_set_mask(thread, thread->restore_blocked);
    }
    server_unlock();
}
