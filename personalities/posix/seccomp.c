/* SPDX-License-Identifier: MIT */
/*
 * seccomp(2): strict mode and filters. A thread's filters are a chain that only grows at its front;
 * threads share what they had in common, so a filter is counted by threads and by newer filters. All
 * filters of a chain are run, and the most severe answer counts.
 */
#include "seccomp.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>

#include "bpf.h"
#include "calls.h"
#include "cred.h"
#include "missing.h"
#include "signals.h"
#include "task.h"

#define CHAIN_LENGTH_MAX 32768u /* instructions of all filters of a thread */
#define FILTER_OVERHEAD  4u
#define ERRNO_MAX        4095u
#define CALL_READ        3u
#define CALL_WRITE       4u
#define CALL_EXIT        1u
#define CALL_SIGRETURN   119u

struct seccomp_filter {
    uint32_t references;
    struct seccomp_filter *older;
    uint32_t length, chain_length;
    struct sock_filter program[];
};

_Static_assert(sizeof(struct seccomp_data) == BPF_DATA_SIZE, "what programs look at");

/* ---- chains; lock held ----------------------------------------------------------------------------- */

void seccomp_release(struct seccomp_filter *filters)
{
    while (filters && __atomic_sub_fetch(&filters->references, 1, __ATOMIC_ACQ_REL) == 0) {
        struct seccomp_filter *older = filters->older;
        release(filters);
        filters = older;
    }
}

static void bind_thread(struct thread *thread, uint32_t mode, struct seccomp_filter *filters)
{
    struct seccomp_filter *old = thread->filters;
    if (filters)
        __atomic_add_fetch(&filters->references, 1, __ATOMIC_RELAXED);
    thread->filters = filters;
    thread->seccomp_mode = mode;
    thread_watch(thread);
    seccomp_release(old);
}

void seccomp_inherit(struct thread *child, const struct thread *parent)
{
    if (parent->seccomp_mode)
        bind_thread(child, parent->seccomp_mode, parent->filters);
}

/* ---- decisions ------------------------------------------------------------------------------------- */

static uint32_t run_filters(const struct thread *thread, uint32_t number,
                            const struct registers *regs)
{
    union {
        struct seccomp_data data;
        uint32_t words[BPF_DATA_SIZE / 4];
    } call = {.data = {.nr = (int)number,
                       .arch = AUDIT_ARCH_I386,
                       .instruction_pointer = regs->eip,
                       .args = {regs->ebx, regs->ecx, regs->edx, regs->esi, regs->edi, regs->ebp}}};
    uint32_t severest = SECCOMP_RET_ALLOW;
    for (const struct seccomp_filter *filter = thread->filters; filter; filter = filter->older) {
        uint32_t answer = bpf_run(filter->program, call.words);
        if ((int32_t)(answer & SECCOMP_RET_ACTION_FULL) <
            (int32_t)(severest & SECCOMP_RET_ACTION_FULL))
            severest = answer;
    }
    return severest;
}

/* The calling thread ends as by a signal; with it the process if it is the last one, or if `all`. */
static void end_thread(struct thread *thread, int32_t status, bool all)
{
    server_lock();
    if (all)
        process_end_all(thread->process, status);
    thread->exit_status = status;
    if (thread->process->thread_count == 1 && !thread->process->exiting)
        thread->process->exit_status = status;
    server_unlock();
    thread_finish(thread);
}

static void raise_signal(struct thread *thread, uint32_t number, const struct registers *regs,
                         uint32_t data)
{
    siginfo_t info = signal_info(SIGSYS, SYS_SECCOMP);
    info.si_errno = (int)data;
    info.si_call_addr = (void *)regs->eip;
    info.si_syscall = (int)number;
    info.si_arch = AUDIT_ARCH_I386;
    server_lock();
    signal_force(thread, &info);
    server_unlock();
}

bool seccomp_allows(struct thread *thread, uint32_t number, const struct registers *regs,
                    int32_t *result)
{
    if (thread->seccomp_mode == SECCOMP_MODE_STRICT) {
        if (number == CALL_READ || number == CALL_WRITE || number == CALL_EXIT ||
            number == CALL_SIGRETURN)
            return true;
        end_thread(thread, SIGKILL, false);
    }
    uint32_t answer = run_filters(thread, number, regs), data = answer & SECCOMP_RET_DATA;
    switch (answer & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
        return true;
    case SECCOMP_RET_LOG:
        log_line("%.*s: system call %u, as its filter wants to have noted", COMM_LENGTH,
                 thread->process->comm, number);
        return true;
    case SECCOMP_RET_ERRNO:
        *result = -(int32_t)MIN(data, ERRNO_MAX);
        return false;
    case SECCOMP_RET_TRAP:
        raise_signal(thread, number, regs, data);
        *result = (int32_t)number;
        return false;
    case SECCOMP_RET_TRACE: /* tracers are not asked */
    case SECCOMP_RET_USER_NOTIF:
        *result = -ENOSYS;
        return false;
    case SECCOMP_RET_KILL_THREAD:
        end_thread(thread, SIGSYS, false);
        break;
    }
    end_thread(thread, SIGSYS, true);
    return false;
}

/* ---- setting --------------------------------------------------------------------------------------- */

static int read_program(user_t at, struct seccomp_filter **result)
{
    struct {
        uint16_t length, unused;
        uint32_t filter;
    } program;
    if (copy_in(&program, at, sizeof program) < 0)
        return -EFAULT;
    if (program.length == 0 || program.length > BPF_MAXINSNS)
        return -EINVAL;
    uint32_t size = program.length * (uint32_t)sizeof(struct sock_filter);
    struct seccomp_filter *filter = allocate(sizeof *filter + size);
    if (!filter)
        return -ENOMEM;
    int error = copy_in(filter->program, USER(program.filter), size);
    if (error == 0 && !bpf_check(filter->program, program.length))
        error = -EINVAL;
    if (error < 0) {
        release(filter);
        return error;
    }
    filter->references = 1;
    filter->length = program.length;
    *result = filter;
    return 0;
}

static bool is_older(const struct seccomp_filter *wanted, const struct seccomp_filter *filters)
{
    while (filters && filters != wanted)
        filters = filters->older;
    return filters == wanted;
}

/* A thread whose filters are not among the caller's, or 0. Lock held. */
static uint32_t find_stranger(const struct thread *own)
{
    list_each(each, &own->process->threads, struct thread, link)
    {
        if (each->seccomp_mode == SECCOMP_MODE_STRICT || !is_older(each->filters, own->filters))
            return each->tid;
    }
    return 0;
}

/* Takes the caller's reference, also on failure. Lock held. */
static int32_t add_filter(struct thread *own, struct seccomp_filter *filter, uint32_t flags)
{
    uint32_t older = own->filters ? own->filters->chain_length + FILTER_OVERHEAD : 0;
    uint32_t stranger = flags & SECCOMP_FILTER_FLAG_TSYNC ? find_stranger(own) : 0;
    int32_t result = 0;
    filter->chain_length = older + filter->length;
    if (own->seccomp_mode == SECCOMP_MODE_STRICT)
        result = -EINVAL;
    else if (filter->chain_length > CHAIN_LENGTH_MAX)
        result = -ENOMEM;
    else if (stranger)
        result = flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? -ESRCH : (int32_t)stranger;
    if (result == 0) {
        filter->older = own->filters;
        if (filter->older)
            __atomic_add_fetch(&filter->older->references, 1, __ATOMIC_RELAXED);
        bind_thread(own, SECCOMP_MODE_FILTER, filter);
        if (flags & SECCOMP_FILTER_FLAG_TSYNC) {
            list_each(each, &own->process->threads, struct thread, link)
                bind_thread(each, SECCOMP_MODE_FILTER, filter);
        }
    }
    seccomp_release(filter);
    return result;
}

static int32_t set_filter(uint32_t flags, user_t program)
{
    struct thread *own = self();
    struct seccomp_filter *filter;
    if (flags & ~(uint32_t)(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG |
                            SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_TSYNC_ESRCH))
        return missing_error(EINVAL, "seccomp filter flags %x", flags);
    int error = read_program(program, &filter);
    if (error < 0)
        return error;
    if (!own->process->no_new_privileges && !capable(CAP_SYS_ADMIN)) {
        release(filter);
        return -EACCES;
    }
    server_lock();
    int32_t result = add_filter(own, filter, flags);
    server_unlock();
    return result;
}

static int32_t set_strict(void)
{
    struct thread *own = self();
    server_lock();
    int32_t result = own->seccomp_mode == SECCOMP_MODE_FILTER ? -EINVAL : 0;
    if (result == 0)
        bind_thread(own, SECCOMP_MODE_STRICT, NULL);
    server_unlock();
    return result;
}

static int32_t action_available(uint32_t flags, user_t at)
{
    uint32_t action;
    if (flags)
        return -EINVAL;
    if (get_user(&action, at) < 0)
        return -EFAULT;
    switch (action) {
    case SECCOMP_RET_KILL_PROCESS:
    case SECCOMP_RET_KILL_THREAD:
    case SECCOMP_RET_TRAP:
    case SECCOMP_RET_ERRNO:
    case SECCOMP_RET_LOG:
    case SECCOMP_RET_ALLOW:
        return 0;
    }
    return -EOPNOTSUPP;
}

int32_t sys_seccomp(uint32_t operation, uint32_t flags, user_t argument)
{
    switch (operation) {
    case SECCOMP_SET_MODE_STRICT:
        return flags || argument.address ? -EINVAL : set_strict();
    case SECCOMP_SET_MODE_FILTER:
        return set_filter(flags, argument);
    case SECCOMP_GET_ACTION_AVAIL:
        return action_available(flags, argument);
    }
    return -EINVAL;
}

int32_t seccomp_set_mode(uint32_t mode, user_t program)
{
    return mode == SECCOMP_MODE_STRICT   ? set_strict()
           : mode == SECCOMP_MODE_FILTER ? set_filter(0, program)
                                         : -EINVAL;
}
