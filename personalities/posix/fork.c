/* SPDX-License-Identifier: MIT */
/* fork, vfork, clone; exit. */
#include <ipc/initclient.h>
#include <linux/ptrace.h>
#include <string.h>

#include "calls.h"
#include "file.h"
#include "fpu.h"
#include "pidfd.h"
#include "seccomp.h"
#include "server.h"
#include "task.h"
#include "trace.h"

#define CLONE_REFUSED                                                                             \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
     CLONE_NEWNET)

struct clone_request {
    uint32_t flags, stack;
    user_t parent_tid, child_tid, pidfd;
    bool clear_handlers;
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
    child->sched = parent->sched;
    if (child->sched.reset_on_fork)
        child->sched = (struct thread_sched){.nice = MAX(parent->sched.nice, 0)};
    child->begin = clone_begin;
    seccomp_inherit(child, parent);
    thread_watch(child);
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
    credentials_copy(&child->credentials, &parent->credentials);
    child->no_new_privileges = parent->no_new_privileges;
    child->exit_signal = flags & CSIGNAL;
    child->parents_slack = parent->timer_slack ? parent->timer_slack : parent->parents_slack;
    child->personality = parent->personality;
    child->counted = parent->counted;
    child->calls_left = child->calls_each = parent->calls_each;
    child->dumpable = parent->dumpable;
    child->oom_score_adj = parent->oom_score_adj;
    memcpy(child->limits, parent->limits, sizeof child->limits);
    cpu_limit_watch(child);
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

/* Whether RLIMIT_NPROC leaves the user of a process one more thread. Lock held. */
static bool thread_is_allowed(struct process *process)
{
    uint32_t uid = process->credentials.uid, count = 0;
    if (uid == 0 || capable(CAP_SYS_RESOURCE) || capable(CAP_SYS_ADMIN))
        return true;
    process_each(other, bucket)
    {
        if (other->credentials.uid == uid)
            count += MAX(other->thread_count, 1); /* a zombie counts */
    }
    return count < limit_of(process, RLIMIT_NPROC);
}

/* Lock held. */
static int new_process(const struct clone_request *request, uint32_t pid, struct thread **result)
{
    struct thread *caller = self();
    struct process *parent = caller->process, *child;
    uint32_t flags = request->flags;
    int error = -ENOMEM;
    if (!thread_is_allowed(parent))
        return -EAGAIN;
    child = process_new(pid);
    if (!child)
        return error;
    copy_identity(child, parent, flags);
    if (copy_memory(child, parent, flags) && copy_files(child, parent, flags) &&
        copy_directories(child, parent, flags) && copy_actions(child, parent, flags))
        error =
            thread_new(child, pid, parent->session && parent->session->sid == parent->pid, result);
    if (error == 0 && request->clear_handlers)
        sighand_clear(child->sighand);
    if (error == 0) {
        error = copy_thread_state(*result, caller, request);
        if (error == 0)
            error = trace_inherit(*result, caller, flags);
        if (error < 0)
            thread_discard(*result);
    }
    if (error < 0) {
        abandon_child(child);
        return error;
    }
    process_set_parent(child, flags & CLONE_PARENT ? parent->parent : parent);
    if (flags & CLONE_PARENT) {
        child->ppid = parent->ppid;
        child->exit_signal = parent->exit_signal; /* the receiver was not asked */
    }
    return 0;
}

static void wait_for_vfork(struct process *child, uint32_t pid, struct vfork_wait *wait)
{
    while (!wait->done && !thread_must_end(self()))
        wait_queue_sleep_until_end(&wait->queue, DEADLINE_NEVER);
    if (!wait->done && process_find(pid) == child)
        child->vfork = NULL;
}

static int32_t clone_process(const struct clone_request *request)
{
    struct thread *child;
    struct vfork_wait wait = {.done = false};
    struct process *parent = self()->process;
    uint32_t ppid = request->flags & CLONE_PARENT ? parent->ppid : parent->pid;
    uint32_t pid, event = trace_clone_event(self(), request->flags);
    wait_queue_init(&wait.queue);
    server_lock();
    bool allowed = thread_is_allowed(parent); /* new_process asks again, init need not be */
    server_unlock();
    if (!allowed)
        return -EAGAIN;
    status_t status =
        init_proc_create(server.init, ppid, 0, 0, parent->credentials.euid, 0, parent->comm, &pid);
    if (status != OK)
        return -EAGAIN;
    server_lock();
    /* Whoever was killed meanwhile leaves no child behind that missed the signal. */
    int error = parent->exiting ? -ERESTARTNOINTR : new_process(request, pid, &child);
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
    server_unlock();
    if (request->flags & CLONE_PIDFD)
        (void)put_user(request->pidfd, (uint32_t)pidfd_for(pid));
    if (event)
        trace_event(event, pid);
    if (request->flags & CLONE_VFORK) {
        server_lock();
        wait_for_vfork(process, pid, &wait);
        server_unlock();
        trace_event(PTRACE_EVENT_VFORK_DONE, pid);
    }
    return (int32_t)pid;
}

static int32_t clone_thread(const struct clone_request *request)
{
    struct thread *caller = self(), *child;
    uint32_t event = trace_clone_event(caller, request->flags);
    server_lock();
    uint32_t tid = thread_new_tid();
    int error = -EAGAIN;
    if (!caller->process->exiting && thread_is_allowed(caller->process))
        error = thread_new(caller->process, tid, false, &child);
    if (error == 0) {
        error = copy_thread_state(child, caller, request);
        if (error == 0)
            error = trace_inherit(child, caller, request->flags);
        if (error < 0)
            thread_discard(child);
    }
    if (error == 0) {
        if (request->flags & CLONE_PARENT_SETTID)
            (void)put_user(request->parent_tid, tid);
        thread_start(child);
    }
    server_unlock();
    if (error == 0 && event)
        trace_event(event, tid);
    return error < 0 ? error : (int32_t)tid;
}

/* What clone and clone3 have in common. */
static int32_t do_clone(struct clone_request *request, user_t tls)
{
    uint32_t flags = request->flags;
    bool thread = flags & CLONE_THREAD;
    if ((flags & CLONE_REFUSED) && !capable(CAP_SYS_ADMIN))
        return -EPERM;
    if ((flags & CLONE_REFUSED) || (thread && !(flags & CLONE_SIGHAND)) ||
        ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM)))
        return -EINVAL;
    if ((flags & CLONE_PIDFD) && (flags & (CLONE_THREAD | CLONE_DETACHED)))
        return -EINVAL;
    if ((flags & CLONE_PIDFD) && probe_out(request->pidfd, 4) < 0)
        return -EFAULT;
    if (flags & CLONE_SETTLS) {
        if (copy_in(&request->tls, tls, sizeof request->tls) < 0)
            return -EFAULT;
        if (request->tls.entry_number - GUEST_TLS_FIRST >= TLS_SLOTS)
            return -EINVAL;
        request->has_tls = true;
    }
    return thread ? clone_thread(request) : clone_process(request);
}

int32_t sys_clone(uint32_t flags, user_t stack, user_t parent_tid, user_t tls, user_t child_tid)
{
    struct clone_request request = {.flags = flags,
                                    .stack = stack.address,
                                    .parent_tid = parent_tid,
                                    .child_tid = child_tid,
                                    .pidfd = parent_tid};
    if ((flags & CLONE_PIDFD) && (flags & CLONE_PARENT_SETTID))
        return -EINVAL;
    return do_clone(&request, tls);
}

struct linux_clone_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    uint64_t set_tid, set_tid_size, cgroup;
};
#define CLONE_ARGS_FIRST 64u /* of the first version */

/* Bytes beyond what is known must be zero. */
static int copy_in_clone_args(struct linux_clone_args *to, user_t from, uint32_t size)
{
    uint8_t byte;
    if (size < CLONE_ARGS_FIRST)
        return -EINVAL;
    if (size > PAGE_SIZE)
        return -E2BIG;
    for (uint32_t at = sizeof *to; at < size; at++) {
        if (copy_in(&byte, user_at(from, at), 1) < 0)
            return -EFAULT;
        if (byte)
            return -E2BIG;
    }
    memset(to, 0, sizeof *to);
    return copy_in(to, from, MIN(size, sizeof *to));
}

static int check_clone_args(const struct linux_clone_args *args)
{
    if ((args->flags & (CSIGNAL | CLONE_DETACHED)) || args->exit_signal > SIGNAL_COUNT)
        return -EINVAL;
    if ((args->flags & (CLONE_THREAD | CLONE_PARENT)) && args->exit_signal)
        return -EINVAL;
    if ((args->flags >> 32) & ~(uint64_t)(CLONE_CLEAR_SIGHAND >> 32))
        return -EINVAL;
    if ((args->flags & CLONE_CLEAR_SIGHAND) && (args->flags & CLONE_SIGHAND))
        return -EINVAL;
    if (!args->stack != !args->stack_size || args->stack + args->stack_size > GUEST_LIMIT)
        return -EINVAL;
    return args->set_tid || args->set_tid_size ? -EINVAL : 0; /* numbers are given by init alone */
}

int32_t sys_clone3(user_t at, uint32_t size)
{
    struct linux_clone_args args;
    int error = copy_in_clone_args(&args, at, size);
    if (error == 0)
        error = check_clone_args(&args);
    if (error < 0)
        return error;
    struct clone_request request = {.flags = (uint32_t)args.flags | (uint32_t)args.exit_signal,
                                    .stack = (uint32_t)(args.stack + args.stack_size),
                                    .parent_tid = USER((uint32_t)args.parent_tid),
                                    .child_tid = USER((uint32_t)args.child_tid),
                                    .pidfd = USER((uint32_t)args.pidfd),
                                    .clear_handlers = args.flags & CLONE_CLEAR_SIGHAND};
    return do_clone(&request, USER((uint32_t)args.tls));
}

int32_t sys_fork(void)
{
    struct clone_request request = {.flags = SIGCHLD};
    return do_clone(&request, USER(0));
}

int32_t sys_vfork(void)
{
    struct clone_request request = {.flags = CLONE_VFORK | CLONE_VM | SIGCHLD};
    return do_clone(&request, USER(0));
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
    trace_event(PTRACE_EVENT_EXIT, (uint32_t)(status & 0xff) << 8);
    server_lock();
    thread->exit_status = (status & 0xff) << 8;
    if (thread->process->thread_count == 1 && !thread->process->exiting)
        thread->process->exit_status = (status & 0xff) << 8;
    server_unlock();
    thread_finish(thread);
}

int32_t sys_exit_group(int32_t status)
{
    struct thread *thread = self();
    trace_event(PTRACE_EVENT_EXIT, (uint32_t)(status & 0xff) << 8);
    server_lock();
    process_end_all(thread->process, (status & 0xff) << 8);
    server_unlock();
    thread_finish(thread);
}
