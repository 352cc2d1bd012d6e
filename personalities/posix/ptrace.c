/* SPDX-License-Identifier: MIT */
/*
 * ptrace(2): the requests of tracers. Every request but TRACEME, ATTACH, SEIZE, KILL and INTERRUPT needs a
 * thread that is stopped; it is carried out under the server lock while that thread sleeps in trace.c.
 */
#include <linux/audit.h>
#include <linux/elf.h>
#include <linux/ptrace.h>
#include <string.h>

#include "calls.h"
#include "ptregs.h"
#include "task.h"
#include "trace.h"

#define OPTIONS_KNOWN ((uint32_t)PTRACE_O_MASK & ~(uint32_t)PTRACE_O_SUSPEND_SECCOMP)

struct request {
    uint32_t code, address, data;
    struct tracing *tracing;
    struct thread *thread;
};

/* ---- beginning and end ---------------------------------------------------------------------------- */

static int32_t trace_me(void)
{
    struct thread *thread = self();
    struct process *parent = thread->process->parent;
    if (thread->tracing || !parent || parent->state != PROCESS_ALIVE)
        return -EPERM;
    return trace_begin(thread, parent, false, 0);
}

static int check_attach(const struct thread *thread)
{
    const struct process *process = thread->process;
    if (process == self()->process || thread->tracing || process->state != PROCESS_ALIVE ||
        process->exiting || !trace_allowed(process))
        return -EPERM;
    return 0;
}

static int32_t attach(struct thread *thread, bool seize, uint32_t options)
{
    int error = check_attach(thread);
    if (error == 0)
        error = trace_begin(thread, self()->process, seize, options);
    if (error < 0)
        return error;
    if (!seize) {
        siginfo_t info = signal_info(SIGSTOP, SI_KERNEL);
        signal_thread(thread, &info);
    }
    if (thread->process->stopped) { /* what was a stop of its process becomes one of ours */
        thread->group_stop = true;
        wait_queue_wake(&thread->process->resumed, WAKE_ALL);
        thread_notify(thread);
    }
    return 0;
}

/* One that stood still before is ready for requests once its tracer is told so: as on Linux, at once. */
static void wait_for_stop(uint32_t tid)
{
    for (;;) {
        const struct thread *thread = thread_find(tid);
        const struct tracing *tracing = thread ? thread->tracing : NULL;
        if (!tracing || tracing->tracer != self()->process || tracing->stopped ||
            !thread->process->stopped ||
            wait_queue_sleep(&self()->process->child_changed, DEADLINE_NEVER) < 0)
            return;
    }
}

static int32_t begin(const struct request *request, struct thread *thread)
{
    bool seize = request->code == PTRACE_SEIZE;
    uint32_t tid = thread->tid;
    if (seize && (request->address != 0 || (request->data & ~OPTIONS_KNOWN)))
        return -EIO;
    int32_t result = attach(thread, seize, seize ? request->data : 0);
    if (result == 0)
        wait_for_stop(tid);
    return result;
}

static int32_t set_options(const struct request *request)
{
    if (request->data & ~OPTIONS_KNOWN)
        return -EINVAL;
    request->tracing->options = request->data;
    return 0;
}

/* ---- going on ---------------------------------------------------------------------------------------- */

static int32_t resume(const struct request *request, enum resume_mode mode)
{
    if (request->data > SIGNAL_COUNT)
        return -EIO;
    trace_resume(request->tracing, mode, request->data);
    return 0;
}

static int32_t detach(const struct request *request)
{
    if (request->data > SIGNAL_COUNT)
        return -EIO;
    trace_detach(request->tracing, request->data);
    return 0;
}

static int32_t kill_tracee(struct tracing *tracing)
{
    if (tracing->thread)
        process_end_all(tracing->process, SIGKILL);
    return 0;
}

static int32_t interrupt(struct tracing *tracing)
{
    if (!tracing->seized)
        return -EIO;
    trace_interrupt(tracing);
    return 0;
}

static int32_t listen(const struct request *request)
{
    struct tracing *tracing = request->tracing;
    if (!tracing->seized || (tracing->status >> 16) != PTRACE_EVENT_STOP)
        return -EIO;
    tracing->listening = true;
    tracing->untold = false;
    if (tracing->trap || !request->thread->process->stopped)
        trace_interrupt(tracing); /* what happened meanwhile is told at once */
    return 0;
}

/* ---- memory ------------------------------------------------------------------------------------------- */

static int32_t peek(const struct request *request)
{
    uint32_t word, done = 0;
    status_t status =
        space_read(request->thread->process->mm->space, request->address, &word, 4, &done);
    if (status != OK || done != 4)
        return -EIO;
    return put_user(USER(request->data), word);
}

static int32_t poke(const struct request *request)
{
    uint32_t done = 0;
    status_t status = space_write(request->thread->process->mm->space, request->address,
                                  &request->data, 4, &done);
    return status == OK && done == 4 ? 0 : -EIO;
}

/* ---- registers ------------------------------------------------------------------------------------------ */

static int32_t peek_user(const struct request *request)
{
    uint32_t value;
    int error = ptregs_peek(request->thread, request->address, &value);
    return error < 0 ? error : put_user(USER(request->data), value);
}

static int32_t get_set(const struct request *request, uint32_t type, uint32_t length)
{
    uint8_t set[PTREGS_SET_MAX] __attribute__((aligned(16)));
    int size = ptregs_get_set(request->thread, type, set);
    if (size < 0)
        return size;
    return copy_out(USER(request->data), set, MIN((uint32_t)size, length));
}

static int32_t put_set(const struct request *request, uint32_t type, uint32_t length)
{
    uint8_t set[PTREGS_SET_MAX] __attribute__((aligned(16)));
    int size = ptregs_get_set(request->thread, type, set);
    if (size < 0)
        return size;
    length = MIN((uint32_t)size, length);
    if (copy_in(set, USER(request->data), length) < 0)
        return -EFAULT;
    return ptregs_put_set(request->thread, type, set, length);
}

/* The set's type is in the address, its place and room in a struct iovec. */
static int32_t register_set(const struct request *given, bool put)
{
    struct request request = *given;
    struct linux_iovec vector;
    uint8_t set[PTREGS_SET_MAX] __attribute__((aligned(16)));
    if (copy_in(&vector, USER(given->data), sizeof vector) < 0)
        return -EFAULT;
    int size = ptregs_get_set(given->thread, given->address, set);
    uint32_t unit = given->address == NT_386_TLS ? sizeof(struct user_desc) : 4;
    if (size < 0 || vector.length % unit != 0)
        return -EINVAL;
    request.data = vector.base;
    uint32_t length = MIN((uint32_t)size, vector.length);
    int32_t result =
        put ? put_set(&request, given->address, length) : get_set(&request, given->address, length);
    if (result == 0)
        result = put_user(user_at(USER(given->data), 4), length);
    return result;
}

static int32_t thread_area(const struct request *request, bool put)
{
    uint32_t slot = request->address - GUEST_TLS_FIRST;
    struct user_desc desc;
    if (slot >= TLS_SLOTS)
        return -EINVAL;
    if (put) {
        if (copy_in(&desc, USER(request->data), sizeof desc) < 0)
            return -EFAULT;
        return thread_put_tls_entry(request->thread, slot, &desc);
    }
    thread_tls_entry(request->thread, slot, &desc);
    return copy_out(USER(request->data), &desc, sizeof desc);
}

/* ---- signals ------------------------------------------------------------------------------------------------ */

static int32_t signal_information(const struct request *request, bool put)
{
    struct tracing *tracing = request->tracing;
    if (!tracing->has_info)
        return -EINVAL;
    if (put)
        return copy_in(&tracing->info, USER(request->data), sizeof tracing->info);
    return copy_out(USER(request->data), &tracing->info, sizeof tracing->info);
}

static int32_t signal_mask(const struct request *request, bool put)
{
    uint64_t mask;
    if (request->address != sizeof mask)
        return -EINVAL;
    if (!put)
        return copy_out(USER(request->data), &request->thread->blocked, sizeof mask);
    if (copy_in(&mask, USER(request->data), sizeof mask) < 0)
        return -EFAULT;
    signal_set_mask(request->thread, mask);
    return 0;
}

static int32_t peek_signals(const struct request *request)
{
    struct ptrace_peeksiginfo_args arguments;
    uint64_t at = 0;
    int32_t count = 0;
    if (copy_in(&arguments, USER(request->address), sizeof arguments) < 0)
        return -EFAULT;
    if ((arguments.flags & ~(uint32_t)PTRACE_PEEKSIGINFO_SHARED) || arguments.nr < 0)
        return -EINVAL;
    struct pending *pending = arguments.flags & PTRACE_PEEKSIGINFO_SHARED
                                  ? &request->thread->process->pending
                                  : &request->thread->pending;
    list_each(queued, &pending->queue, struct queued_signal, link)
    {
        if (at++ < arguments.off)
            continue;
        if (count == arguments.nr)
            break;
        if (copy_out(user_at(USER(request->data), (uint32_t)count * sizeof queued->info),
                     &queued->info, sizeof queued->info) < 0)
            return count ? count : -EFAULT;
        count++;
    }
    return count;
}

/* ---- the call at which it stopped ----------------------------------------------------------------------------- */

static uint32_t fill_call_info(const struct request *request, struct ptrace_syscall_info *info)
{
    const struct registers *regs = &request->thread->frame->regs;
    const uint32_t arguments[6] = {regs->ebx, regs->ecx, regs->edx,
                                   regs->esi, regs->edi, regs->ebp};
    int32_t result = (int32_t)regs->eax;
    memset(info, 0, sizeof *info);
    info->arch = AUDIT_ARCH_I386;
    info->instruction_pointer = regs->eip;
    info->stack_pointer = regs->esp;
    if (request->tracing->kind == STOP_CALL_ENTRY) {
        info->op = PTRACE_SYSCALL_INFO_ENTRY;
        info->entry.nr = (uint32_t)request->thread->orig_eax;
        for (uint32_t i = 0; i < 6; i++)
            info->entry.args[i] = arguments[i];
        return offsetof(struct ptrace_syscall_info, entry.args) + sizeof info->entry.args;
    }
    if (request->tracing->kind != STOP_CALL_EXIT)
        return offsetof(struct ptrace_syscall_info, entry);
    info->op = PTRACE_SYSCALL_INFO_EXIT;
    info->exit.is_error = result < 0 && result >= -4095;
    info->exit.rval = info->exit.is_error ? result : (int64_t)(uint32_t)result;
    return offsetof(struct ptrace_syscall_info, exit.is_error) + sizeof info->exit.is_error;
}

static int32_t call_information(const struct request *request)
{
    struct ptrace_syscall_info info;
    uint32_t size = fill_call_info(request, &info);
    if (copy_out(USER(request->data), &info, MIN(size, request->address)) < 0)
        return -EFAULT;
    return (int32_t)size;
}

/* ---- dispatch -------------------------------------------------------------------------------------------------- */

static int32_t on_registers(const struct request *request)
{
    switch (request->code) {
    case PTRACE_PEEKUSR:
        return peek_user(request);
    case PTRACE_POKEUSR:
        return ptregs_poke(request->thread, request->address, request->data);
    case PTRACE_GETREGS:
        return get_set(request, NT_PRSTATUS, PTREGS_SET_MAX);
    case PTRACE_SETREGS:
        return put_set(request, NT_PRSTATUS, PTREGS_SET_MAX);
    case PTRACE_GETFPREGS:
        return get_set(request, NT_PRFPREG, PTREGS_SET_MAX);
    case PTRACE_SETFPREGS:
        return put_set(request, NT_PRFPREG, PTREGS_SET_MAX);
    case PTRACE_GETFPXREGS:
        return get_set(request, NT_PRXFPREG, PTREGS_SET_MAX);
    case PTRACE_SETFPXREGS:
        return put_set(request, NT_PRXFPREG, PTREGS_SET_MAX);
    case PTRACE_GETREGSET:
    case PTRACE_SETREGSET:
        return register_set(request, request->code == PTRACE_SETREGSET);
    case PTRACE_GET_THREAD_AREA:
    case PTRACE_SET_THREAD_AREA:
        return thread_area(request, request->code == PTRACE_SET_THREAD_AREA);
    }
    return -EIO;
}

static int32_t on_state(const struct request *request)
{
    switch (request->code) {
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA:
        return peek(request);
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA:
        return poke(request);
    case PTRACE_SETOPTIONS:
    case PTRACE_OLDSETOPTIONS:
        return set_options(request);
    case PTRACE_GETEVENTMSG:
        return put_user(USER(request->data), request->tracing->message);
    case PTRACE_GETSIGINFO:
    case PTRACE_SETSIGINFO:
        return signal_information(request, request->code == PTRACE_SETSIGINFO);
    case PTRACE_GETSIGMASK:
    case PTRACE_SETSIGMASK:
        return signal_mask(request, request->code == PTRACE_SETSIGMASK);
    case PTRACE_PEEKSIGINFO:
        return peek_signals(request);
    case PTRACE_GET_SYSCALL_INFO:
        return call_information(request);
    }
    return on_registers(request);
}

static int32_t on_stopped(const struct request *request)
{
    switch (request->code) {
    case PTRACE_CONT:
        return resume(request, RESUME_RUN);
    case PTRACE_SYSCALL:
        return resume(request, RESUME_CALLS);
    case PTRACE_SINGLESTEP:
        return resume(request, RESUME_STEP);
    case PTRACE_SYSEMU:
        return resume(request, RESUME_EMULATE);
    case PTRACE_SYSEMU_SINGLESTEP:
        return resume(request, RESUME_EMULATE_STEP);
    case PTRACE_DETACH:
        return detach(request);
    case PTRACE_LISTEN:
        return listen(request);
    }
    return on_state(request);
}

static int32_t dispatch(struct request *request, uint32_t tid)
{
    struct thread *thread = thread_find(tid);
    if (!thread || thread->process->state != PROCESS_ALIVE)
        return -ESRCH;
    if (request->code == PTRACE_ATTACH || request->code == PTRACE_SEIZE)
        return begin(request, thread);
    request->thread = thread;
    request->tracing = thread->tracing;
    if (!thread->tracing || thread->tracing->tracer != self()->process)
        return -ESRCH;
    if (request->code == PTRACE_KILL)
        return kill_tracee(request->tracing);
    if (request->code == PTRACE_INTERRUPT)
        return interrupt(request->tracing);
    if (!request->tracing->stopped || request->tracing->listening || !thread->process->mm)
        return -ESRCH;
    return on_stopped(request);
}

int32_t sys_ptrace(uint32_t code, int32_t tid, uint32_t address, uint32_t data)
{
    struct request request = {code, address, data, NULL, NULL};
    server_lock();
    int32_t result = code == PTRACE_TRACEME ? trace_me() : dispatch(&request, (uint32_t)tid);
    server_unlock();
    return result;
}
