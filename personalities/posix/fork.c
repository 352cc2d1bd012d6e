/* SPDX-License-Identifier: MIT */
/* fork, vfork, clone; exit; waiting for children. */
#include <ipc/initclient.h>
#include <string.h>

#include "calls.h"
#include "file.h"
#include "server.h"
#include "task.h"

#define X87_CONTROL 0x37f
#define CLONE_REFUSED                                                                             \
    (CLONE_PTRACE | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
     CLONE_NEWPID | CLONE_NEWNET | CLONE_IO)

struct clone_request {
    uint32_t flags, stack;
    user_t parent_tid, child_tid;
    bool has_tls;
    struct user_desc tls;
};

/* ---- making the child -------------------------------------------------------------------------- */

/* First thing in the new thread: what must be written into its own memory. */
static void clone_begin(struct thread *thread)
{
    if (thread->set_child_tid)
        (void)put_user(USER(thread->set_child_tid),
                       thread->tid); /* as Linux: a bad address is the caller's loss */
}

static int copy_thread_state(struct thread *child, const struct thread *parent,
                             const struct clone_request *request)
{
    child->fpu = allocate(FPU_STATE_SIZE);
    if (!child->fpu)
        return -ENOMEM;
    if (guest_fpu_read(HANDLE_SELF, child->fpu) != OK)
        return -EAGAIN;
    child->start_registers = parent->frame->regs;
    child->start_registers.eax = 0;
    if (request->stack)
        child->start_registers.esp = request->stack;
    child->blocked = parent->blocked;
    memcpy(child->tls, parent->tls, sizeof child->tls);
    if (request->has_tls)
        child->tls[request->tls.entry_number - GUEST_TLS_FIRST] = request->tls;
    if (!(request->flags & CLONE_VM) || (request->flags & CLONE_VFORK)) {
        child->altstack = parent->altstack;
        child->altstack_size = parent->altstack_size;
    }
    child->clear_tid = request->flags & CLONE_CHILD_CLEARTID ? request->child_tid.address : 0;
    child->set_child_tid = request->flags & CLONE_CHILD_SETTID ? request->child_tid.address : 0;
    child->begin = clone_begin;
    return 0;
}

/* Shares or copies one part; false when out of memory. */
static bool copy_memory(struct process *child, struct process *parent, uint32_t flags)
{
    if (!(flags & CLONE_VM))
        return mm_clone(parent->mm, &child->mm) == 0;
    child->mm = parent->mm;
    child->mm->references++;
    return true;
}

static bool copy_files(struct process *child, struct process *parent, uint32_t flags)
{
    if (!(flags & CLONE_FILES))
        return (child->files = files_copy(parent->files)) != NULL;
    child->files = parent->files;
    child->files->references++;
    return true;
}

static bool copy_directories(struct process *child, struct process *parent, uint32_t flags)
{
    if (!(flags & CLONE_FS))
        return (child->fs = fs_context_copy(parent->fs)) != NULL;
    child->fs = parent->fs;
    child->fs->references++;
    return true;
}

static bool copy_actions(struct process *child, struct process *parent, uint32_t flags)
{
    if (!(flags & CLONE_SIGHAND))
        return (child->sighand = sighand_copy(parent->sighand)) != NULL;
    child->sighand = parent->sighand;
    child->sighand->references++;
    return true;
}

static void copy_identity(struct process *child, struct process *parent, uint32_t flags)
{
    child->pgid = parent->pgid;
    child->session = parent->session;
    session_hold(child->session);
    child->credentials = parent->credentials;
    child->exit_signal = flags & CSIGNAL;
    child->personality = parent->personality;
    child->dumpable = parent->dumpable;
    memcpy(child->limits, parent->limits, sizeof child->limits);
    memcpy(child->comm, parent->comm, sizeof child->comm);
    child->trace = parent->trace;
    if (child->trace)
        file_hold(child->trace);
}

/* Undoes a child that never ran. Lock held; released and taken for its files. */
static void abandon_child(struct process *child)
{
    struct files *files = child->files;
    struct file *trace = child->trace;
    fs_context_release(child->fs);
    mm_release(child->mm);
    process_free(child);
    server_unlock();
    files_release(files);
    if (trace)
        file_release(trace);
    server_lock();
}

/* Lock held. */
static int new_process(const struct clone_request *request, uint32_t pid, struct thread **result)
{
    struct thread *caller = self();
    struct process *parent = caller->process, *child = process_new(pid);
    uint32_t flags = request->flags;
    int error = -ENOMEM;
    if (!child)
        return error;
    copy_identity(child, parent, flags);
    if (copy_memory(child, parent, flags) && copy_files(child, parent, flags) &&
        copy_directories(child, parent, flags) && copy_actions(child, parent, flags))
        error = thread_new(child, pid, result);
    if (error == 0) {
        error = copy_thread_state(*result, caller, request);
        if (error < 0)
            thread_discard(*result);
    }
    if (error < 0) {
        abandon_child(child);
        return error;
    }
    process_set_parent(child, flags & CLONE_PARENT && parent->parent ? parent->parent : parent);
    return 0;
}

static void wait_for_vfork(struct process *child, uint32_t pid, struct vfork_wait *wait)
{
    while (!wait->done && !self()->process->exiting) {
        struct waiter waiter = {.thread = self(), .until_end = true};
        list_append(&wait->queue.waiters, &waiter.link);
        waiter_sleep(&waiter, DEADLINE_NEVER);
        list_remove(&waiter.link);
    }
    if (!wait->done && process_find(pid) == child)
        child->vfork = NULL;
}

static int32_t clone_process(const struct clone_request *request)
{
    struct thread *child;
    struct vfork_wait wait = {.done = false};
    struct process *parent = self()->process;
    uint32_t pid;
    wait_queue_init(&wait.queue);
    status_t status = init_proc_create(server.init, parent->pid, 0, 0, parent->credentials.uid,
                                       parent->comm, &pid);
    if (status != OK)
        return -EAGAIN;
    server_lock();
    int error = new_process(request, pid, &child);
    if (error < 0) {
        server_unlock();
        ignore(init_proc_exit(server.init, pid, 0));
        ignore(init_proc_reap(server.init, pid));
        return error;
    }
    struct process *process = child->process;
    if (request->flags & CLONE_VFORK)
        process->vfork = &wait;
    if (request->flags & CLONE_PARENT_SETTID)
        (void)put_user(request->parent_tid, pid);
    thread_start(child);
    if (request->flags & CLONE_VFORK)
        wait_for_vfork(process, pid, &wait);
    server_unlock();
    return (int32_t)pid;
}

static int32_t clone_thread(const struct clone_request *request)
{
    struct thread *caller = self(), *child;
    server_lock();
    uint32_t tid = thread_new_tid();
    int error = caller->process->exiting ? -EAGAIN : thread_new(caller->process, tid, &child);
    if (error == 0) {
        error = copy_thread_state(child, caller, request);
        if (error < 0)
            thread_discard(child);
    }
    if (error == 0) {
        if (request->flags & CLONE_PARENT_SETTID)
            (void)put_user(request->parent_tid, tid);
        thread_start(child);
    }
    server_unlock();
    return error < 0 ? error : (int32_t)tid;
}

int32_t sys_clone(uint32_t flags, user_t stack, user_t parent_tid, user_t tls, user_t child_tid)
{
    struct clone_request request = {flags, stack.address, parent_tid, child_tid, .has_tls = false};
    bool thread = flags & CLONE_THREAD;
    if ((flags & CLONE_REFUSED) || (thread && !(flags & CLONE_SIGHAND)) ||
        ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM)))
        return -EINVAL;
    if (flags & CLONE_SETTLS) {
        if (copy_in(&request.tls, tls, sizeof request.tls) < 0)
            return -EFAULT;
        if (request.tls.entry_number - GUEST_TLS_FIRST >= TLS_SLOTS)
            return -EINVAL;
        request.has_tls = true;
    }
    return thread ? clone_thread(&request) : clone_process(&request);
}

int32_t sys_fork(void)
{
    struct clone_request request = {.flags = SIGCHLD};
    return clone_process(&request);
}

int32_t sys_vfork(void)
{
    struct clone_request request = {.flags = CLONE_VFORK | CLONE_VM | SIGCHLD};
    return clone_process(&request);
}

int32_t sys_set_tid_address(user_t address)
{
    self()->clear_tid = address.address;
    return (int32_t)self()->tid;
}

/* ---- exit -------------------------------------------------------------------------------------- */

int32_t sys_exit(int32_t status)
{
    struct thread *thread = self();
    server_lock();
    if (thread->process->thread_count == 1 && !thread->process->exiting)
        thread->process->exit_status = (status & 0xff) << 8;
    server_unlock();
    thread_finish(thread);
}

int32_t sys_exit_group(int32_t status)
{
    struct thread *thread = self();
    server_lock();
    process_end_all(thread->process, (status & 0xff) << 8);
    server_unlock();
    thread_finish(thread);
}

/* ---- wait -------------------------------------------------------------------------------------- */

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
    result->pid = child->pid;
    result->uid = child->credentials.uid;
    if (child->state == PROCESS_ZOMBIE && (options & WEXITED)) {
        result->status = child->exit_status;
        result->code = ended_code(child->exit_status);
        result->user_time = child->dead_user_time + child->child_user_time;
        result->system_time = child->dead_system_time + child->child_system_time;
        return true;
    }
    if (child->stop_untold && (options & WSTOPPED)) {
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

/* 1: *result is filled; 0: nothing yet; -ECHILD. Lock held. *reap: tell init. */
static int wait_look(const struct wait_request *request, struct wait_result *result, bool *reap)
{
    struct process *parent = self()->process, *child;
    bool any = false;
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

int32_t sys_waitid(uint32_t type, int32_t id, user_t info_out, uint32_t options, user_t usage)
{
    struct wait_request request = {.options = options};
    struct wait_result result = {.pid = 0};
    siginfo_t info = signal_info(0, 0);
    if (!(options & (WEXITED | WSTOPPED | WCONTINUED)) || wait_pid_of(type, id, &request.pid) < 0)
        return -EINVAL;
    int found = wait_for_child(&request, &result);
    if (found < 0)
        return found;
    if (found > 0) {
        info = signal_info(SIGCHLD, result.code);
        info.si_pid = (int)result.pid;
        info.si_uid = result.uid;
        int32_t signal = result.code == CLD_STOPPED ? result.status >> 8 : result.status & 0x7f;
        info.si_status = result.code == CLD_CONTINUED ? SIGCONT
                         : result.code == CLD_EXITED  ? result.status >> 8 & 0xff
                                                      : signal;
    }
    if (info_out.address && copy_out(info_out, &info, sizeof info) < 0)
        return -EFAULT;
    return put_usage(usage, &result);
}
