/* SPDX-License-Identifier: MIT */
/* System calls about signals. */
#include <ipc/initclient.h>
#include <string.h>

#include "calls.h"
#include "resume.h"
#include "server.h"
#include "task.h"

static bool signal_valid(uint32_t signal)
{
    return signal >= 1 && signal <= SIGNAL_COUNT;
}

static int copy_in_mask(uint64_t *mask, user_t from, uint32_t size)
{
    return size != 8 ? -EINVAL : copy_in(mask, from, 8);
}

/* ---- actions ----------------------------------------------------------------------------------- */

static int set_action(uint32_t signal, const struct linux_sigaction *new,
                      struct linux_sigaction *old)
{
    struct thread *thread = self();
    struct process *process = thread->process;
    if (!signal_valid(signal) || (new && (signal == SIGKILL || signal == SIGSTOP)))
        return -EINVAL;
    server_lock();
    struct linux_sigaction *slot = &process->sighand->actions[signal - 1];
    *old = *slot;
    if (new) {
        *slot = *new;
        if (signal_is_ignored(process, signal)) {
            siginfo_t dropped;
            list_each(each, &process->threads, struct thread,
                      link) while (signal_take(each, SIGNAL_BIT(signal), &dropped));
        }
    }
    server_unlock();
    return 0;
}

int32_t sys_rt_sigaction(uint32_t signal, user_t new, user_t old, uint32_t size)
{
    struct linux_sigaction action, previous;
    if (size != 8)
        return -EINVAL;
    if (new.address && copy_in(&action, new, sizeof action) < 0)
        return -EFAULT;
    int result = set_action(signal, new.address ? &action : NULL, &previous);
    if (result == 0 && old.address)
        result = copy_out(old, &previous, sizeof previous);
    return result;
}

int32_t sys_sigaction(uint32_t signal, user_t new, user_t old)
{
    struct linux_old_sigaction given = {.handler = 0};
    struct linux_sigaction action, previous;
    if (new.address && copy_in(&given, new, sizeof given) < 0)
        return -EFAULT;
    action = (struct linux_sigaction){given.handler, given.flags, given.restorer, {given.mask, 0}};
    int result = set_action(signal, new.address ? &action : NULL, &previous);
    if (result < 0 || !old.address)
        return result;
    given = (struct linux_old_sigaction){previous.handler, previous.mask[0], previous.flags,
                                         previous.restorer};
    return copy_out(old, &given, sizeof given);
}

int32_t sys_signal(uint32_t signal, uint32_t handler)
{
    struct linux_sigaction action = {.handler = handler, .flags = SA_RESETHAND | SA_NODEFER},
                           previous;
    int result = set_action(signal, &action, &previous);
    return result < 0 ? result : (int32_t)previous.handler;
}

/* ---- masks ------------------------------------------------------------------------------------- */

static int change_mask(uint32_t how, uint64_t set, uint64_t *result)
{
    uint64_t blocked = self()->blocked;
    switch (how) {
    case SIG_BLOCK:
        *result = blocked | set;
        return 0;
    case SIG_UNBLOCK:
        *result = blocked & ~set;
        return 0;
    case SIG_SETMASK:
        *result = set;
        return 0;
    }
    return -EINVAL;
}

static void apply_mask(uint64_t mask)
{
    server_lock();
    signal_set_mask(self(), mask);
    server_unlock();
}

int32_t sys_rt_sigprocmask(uint32_t how, user_t set, user_t old, uint32_t size)
{
    uint64_t given, mask, previous = self()->blocked;
    if (size != 8)
        return -EINVAL;
    if (set.address) {
        if (copy_in(&given, set, 8) < 0)
            return -EFAULT;
        if (change_mask(how, given, &mask) < 0)
            return -EINVAL;
        apply_mask(mask);
    }
    return old.address ? copy_out(old, &previous, 8) : 0;
}

int32_t sys_sigprocmask(uint32_t how, user_t set, user_t old)
{
    uint64_t mask, previous = self()->blocked;
    uint32_t given;
    if (set.address) {
        if (get_user(&given, set) < 0)
            return -EFAULT;
        if (change_mask(how, given, &mask) < 0)
            return -EINVAL;
        if (how == SIG_SETMASK)
            mask |= previous & ~0xffffffffull;
        apply_mask(mask);
    }
    return old.address ? put_user(old, (uint32_t)previous) : 0;
}

int32_t sys_sgetmask(void)
{
    return (int32_t)self()->blocked;
}

int32_t sys_ssetmask(uint32_t mask)
{
    int32_t old = (int32_t)self()->blocked;
    apply_mask(mask);
    return old;
}

int32_t sys_rt_sigpending(user_t set, uint32_t size)
{
    if (size > 8)
        return -EINVAL;
    server_lock();
    uint64_t pending = signal_pending_set(self()) & self()->blocked;
    server_unlock();
    return copy_out(set, &pending, size);
}

int32_t sys_sigpending(user_t set)
{
    return sys_rt_sigpending(set, 4);
}

/* ---- waiting ----------------------------------------------------------------------------------- */

static int32_t suspend_with(uint64_t mask)
{
    struct thread *thread = self();
    struct wait_queue nobody;
    wait_queue_init(&nobody);
    server_lock();
    thread->restore_blocked = thread->blocked;
    thread->has_restore_blocked = true;
    signal_set_mask(thread, mask);
    while (wait_queue_sleep(&nobody, DEADLINE_NEVER) == 0)
        ;
    server_unlock();
    return -ERESTARTNOHAND;
}

int32_t sys_rt_sigsuspend(user_t set, uint32_t size)
{
    uint64_t mask;
    int result = copy_in_mask(&mask, set, size);
    return result < 0 ? result : suspend_with(mask);
}

int32_t sys_sigsuspend(uint32_t unused1, uint32_t unused2, uint32_t mask)
{
    (void)unused1;
    (void)unused2;
    return suspend_with(mask);
}

int32_t sys_pause(void)
{
    return suspend_with(self()->blocked);
}

static int32_t wait_for_signal(uint64_t set, user_t info_out, ktime_t deadline)
{
    struct thread *thread = self();
    struct wait_queue nobody;
    siginfo_t info;
    deadline = call_deadline(deadline);
    wait_queue_init(&nobody);
    set &= ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
    server_lock();
    uint64_t blocked = thread->blocked;
    uint32_t signal;
    int result = 0;
    while ((signal = signal_take(thread, set, &info)) == 0 && result == 0) {
        thread->blocked = blocked & ~set;
        thread->waited = blocked & set;
        result = wait_queue_sleep(&nobody, deadline);
        thread->blocked = blocked;
        thread->waited = 0;
        if (result < 0 && (signal_pending_set(thread) & set))
            result = 0;
    }
    signal_recalculate(thread);
    server_unlock();
    if (signal == 0)
        return result == -ETIMEDOUT ? -EAGAIN : call_interrupted(-EINTR, deadline);
    if (info_out.address && copy_out(info_out, &info, sizeof info) < 0)
        return -EFAULT;
    return (int32_t)signal;
}

int32_t sys_rt_sigtimedwait(user_t set, user_t info, user_t timeout, uint32_t size)
{
    struct linux_timespec wanted;
    uint64_t mask;
    int result = copy_in_mask(&mask, set, size);
    if (result < 0)
        return result;
    if (!timeout.address)
        return wait_for_signal(mask, info, DEADLINE_NEVER);
    if (copy_in(&wanted, timeout, sizeof wanted) < 0)
        return -EFAULT;
    if (wanted.sec < 0 || (uint32_t)wanted.nsec >= NS_PER_SEC)
        return -EINVAL;
    return wait_for_signal(
        mask, info, deadline_after((uint64_t)wanted.sec * NS_PER_SEC + (uint32_t)wanted.nsec));
}

int32_t sys_rt_sigtimedwait_time64(user_t set, user_t info, user_t timeout, uint32_t size)
{
    struct linux_timespec64 wanted;
    uint64_t mask;
    int result = copy_in_mask(&mask, set, size);
    if (result < 0)
        return result;
    if (!timeout.address)
        return wait_for_signal(mask, info, DEADLINE_NEVER);
    if (copy_in(&wanted, timeout, sizeof wanted) < 0)
        return -EFAULT;
    if (wanted.sec < 0 || (uint64_t)wanted.nsec >= NS_PER_SEC)
        return -EINVAL;
    uint64_t seconds = MIN((uint64_t)wanted.sec, UINT32_MAX);
    return wait_for_signal(mask, info,
                           deadline_after(seconds * NS_PER_SEC + (uint64_t)wanted.nsec));
}

/* ---- frames and stacks ------------------------------------------------------------------------- */

int32_t sys_sigreturn(void)
{
    return sigframe_pop(self());
}

int32_t sys_rt_sigreturn(void)
{
    return sigframe_pop_rt(self());
}

int32_t sys_sigaltstack(user_t new, user_t old)
{
    struct thread *thread = self();
    uint32_t esp = thread->frame->regs.esp;
    bool inside = thread->altstack_size && esp > thread->altstack &&
                  esp - thread->altstack <= thread->altstack_size;
    uint32_t previous[3] = {thread->altstack,
                            inside                  ? SS_ONSTACK
                            : thread->altstack_size ? 0
                                                    : SS_DISABLE,
                            thread->altstack_size};
    uint32_t given[3];
    if (new.address) {
        if (copy_in(given, new, sizeof given) < 0)
            return -EFAULT;
        if (inside)
            return -EPERM;
        if (given[1] != 0 && given[1] != SS_DISABLE && given[1] != SS_ONSTACK)
            return -EINVAL;
        if (!(given[1] & SS_DISABLE) && given[2] < MINSIGSTKSZ)
            return -ENOMEM;
        thread->altstack = given[1] & SS_DISABLE ? 0 : given[0];
        thread->altstack_size = given[1] & SS_DISABLE ? 0 : given[2];
    }
    return old.address ? copy_out(old, previous, sizeof previous) : 0;
}

/* ---- sending ----------------------------------------------------------------------------------- */

bool may_signal(struct process *target)
{
    const struct credentials *own = &self()->process->credentials, *its = &target->credentials;
    return capable(CAP_KILL) || own->euid == its->suid || own->euid == its->uid ||
           own->uid == its->suid || own->uid == its->uid;
}

/* Whether a signal may be sent; SIGCONT may be to anybody of the session. */
static bool may_send(struct process *target, int signal)
{
    return may_signal(target) ||
           (signal == SIGCONT && target->session && target->session == self()->process->session);
}

/* Signals a process of ours. Lock held. 1: it is not ours (init knows), 0 done, or -errno. */
static int signal_local(uint32_t pid, const siginfo_t *info)
{
    struct process *process = process_find(pid);
    struct thread *thread = process ? NULL : thread_find(pid); /* any thread names its process */
    if (thread)
        process = thread->process;
    if (!process || process->state == PROCESS_REMOTE)
        return 1;
    if (!may_send(process, info->si_signo))
        return -EPERM;
    if (info->si_signo != 0)
        signal_process(process, info);
    return 0;
}

/* A process that init knows. */
static int signal_record(const struct proc_record *record, uint32_t signal)
{
    const struct credentials *own = &self()->process->credentials;
    uint32_t count = 0;
    bool same_session = signal == SIGCONT && self()->process->session &&
                        self()->process->session->sid == record->sid;
    if (!capable(CAP_KILL) && own->euid != record->uid && own->uid != record->uid && !same_session)
        return -EPERM;
    status_t status =
        init_proc_signal(server.init, (int32_t)record->pid, signal, self()->process->pid, &count);
    return status == OK && count != 0 ? 0 : -ESRCH;
}

static int signal_foreign(uint32_t pid, uint32_t signal)
{
    struct proc_record record = {.pid = 0};
    char name[64];
    if (init_proc_info(server.init, pid, false, &record, name, sizeof name) != OK)
        return -ESRCH;
    return signal_record(&record, signal);
}

/* What became of the members of a group: kill fails only if no member got the signal. */
struct group_result {
    uint32_t sent;
    int error;
};
static void count_result(struct group_result *result, int error)
{
    if (error == 0)
        result->sent++;
    else
        result->error = error;
}

/* Members of a group, or with pgid 0 all processes, that live in other personalities. */
static void signal_foreign_group(uint32_t pgid, uint32_t signal, struct group_result *result)
{
    struct proc_record record = {.pid = 0};
    char name[64];
    while (init_proc_info(server.init, record.pid, true, &record, name, sizeof name) == OK) {
        bool member = pgid ? record.pgid == pgid : record.personality != 0 && record.pid != 1;
        if (member && record.personality != server.personality)
            count_result(result, signal_record(&record, signal));
    }
}

/* The members of a group that are ours, or with pgid 0 all but the caller. */
static void signal_local_group(uint32_t pgid, const siginfo_t *info, struct group_result *result)
{
    server_lock();
    process_each(process, bucket)
    {
        bool member = pgid ? process->pgid == pgid : process != self()->process;
        if (!member || process->state != PROCESS_ALIVE)
            continue;
        bool allowed = may_send(process, info->si_signo);
        if (allowed && info->si_signo != 0)
            signal_process(process, info);
        count_result(result, allowed ? 0 : -EPERM);
    }
    server_unlock();
}

static int kill_group(uint32_t pgid, const siginfo_t *info)
{
    struct group_result result = {0, -ESRCH};
    signal_local_group(pgid, info, &result);
    signal_foreign_group(pgid, (uint32_t)info->si_signo, &result);
    return result.sent ? 0 : result.error;
}

/* As on Linux, those that may not be signalled are no error here. */
static int kill_everyone(const siginfo_t *info)
{
    struct group_result result = {0, -ESRCH};
    signal_local_group(0, info, &result);
    signal_foreign_group(0, (uint32_t)info->si_signo, &result);
    return result.sent || result.error == -EPERM ? 0 : -ESRCH;
}

int32_t sys_kill(int32_t pid, uint32_t signal)
{
    siginfo_t info = signal_info_user(signal, SI_USER, self()->process);
    if (signal > SIGNAL_COUNT)
        return -EINVAL;
    if (pid == -1)
        return kill_everyone(&info);
    if (pid <= 0)
        return kill_group(pid == 0 ? self()->process->pgid : (uint32_t)-pid, &info);
    server_lock();
    int result = signal_local((uint32_t)pid, &info);
    server_unlock();
    return result == 1 ? signal_foreign((uint32_t)pid, signal) : result;
}

static int kill_thread(uint32_t tgid, uint32_t tid, const siginfo_t *info)
{
    int result = 0;
    server_lock();
    struct thread *thread = thread_find(tid);
    if (!thread || (tgid && thread->process->pid != tgid))
        result = -ESRCH;
    else if (!may_signal(thread->process))
        result = -EPERM;
    else if (info->si_signo != 0)
        signal_thread(thread, info);
    server_unlock();
    return result;
}

int32_t sys_tkill(int32_t tid, uint32_t signal)
{
    siginfo_t info = signal_info_user(signal, SI_TKILL, self()->process);
    return tid <= 0 || signal > SIGNAL_COUNT ? -EINVAL : kill_thread(0, (uint32_t)tid, &info);
}

int32_t sys_tgkill(int32_t tgid, int32_t tid, uint32_t signal)
{
    siginfo_t info = signal_info_user(signal, SI_TKILL, self()->process);
    if (tgid <= 0 || tid <= 0 || signal > SIGNAL_COUNT)
        return -EINVAL;
    return kill_thread((uint32_t)tgid, (uint32_t)tid, &info);
}

/* Only a process itself may invent what looks like the kernel's or kill's own information. */
static int copy_in_info(siginfo_t *info, user_t from, uint32_t signal, bool to_self)
{
    if (copy_in(info, from, sizeof *info) < 0)
        return -EFAULT;
    if (signal > SIGNAL_COUNT)
        return -EINVAL;
    if ((info->si_code >= 0 || info->si_code == SI_TKILL) && !to_self)
        return -EPERM;
    info->si_signo = (int)signal;
    return 0;
}

int32_t sys_rt_sigqueueinfo(int32_t pid, uint32_t signal, user_t from)
{
    siginfo_t info;
    int result = copy_in_info(&info, from, signal, (uint32_t)pid == self()->process->pid);
    if (result < 0)
        return result;
    if (pid <= 0)
        return -ESRCH;
    server_lock();
    result = signal_local((uint32_t)pid, &info);
    server_unlock();
    return result == 1 ? signal_foreign((uint32_t)pid, signal) : result;
}

int32_t sys_rt_tgsigqueueinfo(int32_t tgid, int32_t tid, uint32_t signal, user_t from)
{
    siginfo_t info;
    int result = copy_in_info(&info, from, signal, (uint32_t)tgid == self()->process->pid);
    return result < 0 ? result : kill_thread((uint32_t)tgid, (uint32_t)tid, &info);
}
