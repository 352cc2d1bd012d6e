/* SPDX-License-Identifier: MIT */
/*
 * Waiting for children and tracees. A child that its parent traces is seen as a tracee only, until its
 * end; a zombie that another process traces is seen by its parent once the tracer has waited for it.
 */
#include <ipc/initclient.h>

#include "calls.h"
#include "pidfd.h"
#include "server.h"
#include "task.h"
#include "trace.h"

struct wait_request {
    int32_t pid; /* as of waitpid: > 0 one, -1 any, 0 own group, < -1 that group */
    uint32_t options;
};
struct wait_result {
    uint32_t pid, uid;
    int32_t status, code;
    uint64_t user_time, system_time;
};

static bool wait_matches(const struct wait_request *request, const struct process *child)
{
    bool clone_child = child->exit_signal != SIGCHLD;
    if (!(request->options & __WALL) && clone_child != !!(request->options & __WCLONE))
        return false;
    if (request->pid > 0)
        return child->pid == (uint32_t)request->pid;
    if (request->pid == -1)
        return true;
    return child->pgid == (request->pid == 0 ? self()->process->pgid : (uint32_t)-request->pid);
}

static int32_t ended_code(int32_t status)
{
    return (status & 0x7f) == 0 ? CLD_EXITED : status & 0x80 ? CLD_DUMPED : CLD_KILLED;
}

/* Whether there is something to report about this child; takes it unless WNOWAIT. */
static bool wait_take(const struct wait_request *request, struct process *child,
                      struct wait_result *result)
{
    uint32_t options = request->options;
    bool keep = options & WNOWAIT;
    bool own_tracee = child->tracing && child->tracing->tracer == self()->process;
    result->pid = child->pid;
    result->uid = child->credentials.uid;
    if (child->state == PROCESS_ZOMBIE && !child->tracing && (options & WEXITED)) {
        result->status = child->exit_status;
        result->code = ended_code(child->exit_status);
        result->user_time = child->dead_user_time + child->child_user_time;
        result->system_time = child->dead_system_time + child->child_system_time;
        return true;
    }
    if (child->stop_untold && (options & WSTOPPED) && !own_tracee) {
        child->stop_untold = keep;
        result->status = (int32_t)(child->stop_signal << 8 | 0x7f);
        result->code = CLD_STOPPED;
        return true;
    }
    if (child->continue_untold && (options & WCONTINUED)) {
        child->continue_untold = keep;
        result->status = 0xffff;
        result->code = CLD_CONTINUED;
        return true;
    }
    return false;
}

/* ---- tracees ------------------------------------------------------------------------------------- */

static bool tracee_matches(const struct wait_request *request, const struct tracing *tracing)
{
    if (request->pid > 0)
        return tracing->tid == (uint32_t)request->pid;
    if (request->pid == -1)
        return true;
    uint32_t pgid = request->pid == 0 ? self()->process->pgid : (uint32_t)-request->pid;
    return tracing->process && tracing->process->pgid == pgid;
}

static bool tracee_take(const struct wait_request *request, struct tracing *tracing,
                        struct wait_result *result)
{
    bool keep = request->options & WNOWAIT;
    if (!(tracing->ended ? request->options & WEXITED : tracing->stopped && tracing->untold))
        return false;
    result->pid = tracing->tid;
    result->uid = tracing->process ? tracing->process->credentials.uid : tracing->uid;
    result->status = tracing->status;
    result->code = tracing->ended ? ended_code(tracing->status) : CLD_TRAPPED;
    tracing->untold = keep;
    if (tracing->ended && !keep)
        trace_reap(tracing);
    return true;
}

/* 1: *result is filled; 0: nothing yet; -ECHILD. */
static int tracees_look(const struct wait_request *request, struct wait_result *result)
{
    bool any = false;
    list_each(tracing, &self()->process->tracees, struct tracing, link)
    {
        if (!tracee_matches(request, tracing))
            continue;
        any = true;
        if (tracee_take(request, tracing, result))
            return 1;
    }
    return any ? 0 : -ECHILD;
}

/* ---- both --------------------------------------------------------------------------------------------- */

/* 1: *result is filled; 0: nothing yet; -ECHILD. Lock held. *reap: tell init. */
static int wait_look(const struct wait_request *request, struct wait_result *result, bool *reap)
{
    struct process *parent = self()->process;
    int tracees = list_empty(&parent->tracees) ? -ECHILD : tracees_look(request, result);
    bool any = tracees == 0;
    if (tracees == 1)
        return 1;
    list_each(child, &parent->children, struct process, sibling_link)
    {
        if (!wait_matches(request, child))
            continue;
        any = true;
        if (!wait_take(request, child, result))
            continue;
        if (child->state == PROCESS_ZOMBIE && !(request->options & WNOWAIT)) {
            *reap = true;
            parent->child_user_time += result->user_time;
            parent->child_system_time += result->system_time;
            process_reap(child);
        }
        return 1;
    }
    return any ? 0 : -ECHILD;
}

static int wait_for_child(const struct wait_request *request, struct wait_result *result)
{
    bool reap = false;
    int found;
    server_lock();
    while ((found = wait_look(request, result, &reap)) == 0) {
        if (request->options & WNOHANG)
            break;
        found = wait_queue_sleep(&self()->process->child_changed, DEADLINE_NEVER);
        if (found < 0)
            break;
    }
    server_unlock();
    if (reap)
        ignore(init_proc_reap(server.init, result->pid));
    return found;
}

static struct linux_timeval timeval(uint64_t ns)
{
    return (struct linux_timeval){(int32_t)(ns / NS_PER_SEC), (int32_t)(ns % NS_PER_SEC / 1000)};
}

static int put_usage(user_t to, const struct wait_result *result)
{
    struct linux_rusage usage = {.utime = timeval(result->user_time),
                                 .stime = timeval(result->system_time)};
    return to.address ? copy_out(to, &usage, sizeof usage) : 0;
}

int32_t sys_wait4(int32_t pid, user_t status, uint32_t options, user_t usage)
{
    struct wait_request request = {pid, options | WEXITED};
    struct wait_result result = {.pid = 0};
    if (options & ~(uint32_t)(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
        return -EINVAL;
    if (pid == INT32_MIN)
        return -ESRCH;
    int found = wait_for_child(&request, &result);
    if (found <= 0)
        return found;
    if (status.address && put_user(status, (uint32_t)result.status) < 0)
        return -EFAULT;
    return put_usage(usage, &result) < 0 ? -EFAULT : (int32_t)result.pid;
}

int32_t sys_waitpid(int32_t pid, user_t status, uint32_t options)
{
    return sys_wait4(pid, status, options, USER(0));
}

static int wait_pid_of(uint32_t type, int32_t id, int32_t *pid)
{
    switch (type) {
    case P_ALL:
        *pid = -1;
        return 0;
    case P_PID:
        *pid = id;
        return id > 0 ? 0 : -EINVAL;
    case P_PGID:
        *pid = id == 0 ? 0 : -id;
        return id >= 0 ? 0 : -EINVAL;
    }
    return -EINVAL;
}

/* A pidfd that does not block makes the wait so. */
static int wait_pidfd(int32_t fd, struct wait_request *request, bool *nonblocking)
{
    uint32_t pid;
    int error = fd < 0 ? -EINVAL : pidfd_pid((uint32_t)fd, &pid, nonblocking);
    if (error < 0)
        return error;
    request->pid = (int32_t)pid;
    *nonblocking = *nonblocking && !(request->options & WNOHANG);
    if (*nonblocking)
        request->options |= WNOHANG;
    return 0;
}

int32_t sys_waitid(uint32_t type, int32_t id, user_t info_out, uint32_t options, user_t usage)
{
    struct wait_request request = {.options = options};
    struct wait_result result = {.pid = 0};
    siginfo_t info = signal_info(0, 0);
    bool nonblocking = false;
    if (!(options & (WEXITED | WSTOPPED | WCONTINUED)))
        return -EINVAL;
    int found = type == P_PIDFD ? wait_pidfd(id, &request, &nonblocking)
                                : wait_pid_of(type, id, &request.pid);
    if (found == 0)
        found = wait_for_child(&request, &result);
    if (found == 0 && nonblocking)
        found = -EAGAIN;
    if (found < 0)
        return found;
    if (found > 0) {
        info = signal_info(SIGCHLD, result.code);
        info.si_pid = (int)result.pid;
        info.si_uid = result.uid;
        bool stopped = result.code == CLD_STOPPED || result.code == CLD_TRAPPED;
        int32_t signal = stopped ? result.status >> 8 : result.status & 0x7f;
        info.si_status = result.code == CLD_CONTINUED ? SIGCONT
                         : result.code == CLD_EXITED  ? result.status >> 8 & 0xff
                                                      : signal;
    }
    if (info_out.address && copy_out(info_out, &info, sizeof info) < 0)
        return -EFAULT;
    return put_usage(usage, &result);
}
