/* SPDX-License-Identifier: MIT */
/*
 * The process table: creation, stop and continue, the end and its announcement, groups, sessions.
 *
 * init keeps the registry of all processes; this table holds ours and those children of ours that
 * an exec has carried into another personality (PROCESS_REMOTE). A process struct lives until its
 * status has been taken (process_reap) and its last thread here is gone.
 */
#include <ipc/initclient.h>
#include <string.h>

#include "file.h"
#include "ipc.h"
#include "pidfd.h"
#include "server.h"
#include "task.h"
#include "traps.h"
#include "time.h"
#include "trace.h"
#include "tty.h"

#define FIRST_TID 0x100000u /* thread numbers lie above all process numbers */
#define LAST_TID  0x3fffffu

struct list all_processes[PID_BUCKETS];
uint32_t process_count, total_forks;
static struct list sessions = LIST_INIT(sessions);

/* ---- finding and making ------------------------------------------------------------------------ */

struct process *process_find(uint32_t pid)
{
    list_each(process, &all_processes[pid % PID_BUCKETS], struct process, all_link)
    {
        if (process->pid == pid)
            return process;
    }
    return NULL;
}

struct thread *thread_find(uint32_t tid)
{
    const struct process *leader = process_find(tid);
    if (leader) {
        list_each(thread, &leader->threads, struct thread, link)
        {
            if (thread->tid == tid)
                return thread;
        }
    }
    if (tid < FIRST_TID)
        return NULL;
    process_each(process, bucket)
    {
        list_each(thread, &process->threads, struct thread, link)
        {
            if (thread->tid == tid)
                return thread;
        }
    }
    return NULL;
}

uint32_t thread_new_tid(void)
{
    static uint32_t next = FIRST_TID;
    do {
        next = next == LAST_TID ? FIRST_TID : next + 1;
    } while (thread_find(next));
    return next;
}

static void default_limits(struct linux_rlimit64 *limits)
{
    for (uint32_t i = 0; i < RLIMIT_COUNT; i++)
        limits[i] = (struct linux_rlimit64){RLIM64_INFINITY, RLIM64_INFINITY};
    limits[RLIMIT_STACK].current = STACK_SIZE_MAX;
    limits[RLIMIT_CORE].current = 0;
    limits[RLIMIT_NOFILE] = (struct linux_rlimit64){1024, 4096};
    limits[RLIMIT_NPROC] = (struct linux_rlimit64){2048, 2048};
    limits[RLIMIT_MEMLOCK] = (struct linux_rlimit64){8u << 20, 8u << 20};
    limits[RLIMIT_MSGQUEUE] = (struct linux_rlimit64){819200, 819200};
    limits[RLIMIT_NICE] = limits[RLIMIT_RTPRIO] = (struct linux_rlimit64){0, 0};
}

void processes_init(void)
{
    for (uint32_t i = 0; i < PID_BUCKETS; i++)
        list_init(&all_processes[i]);
}

struct process *process_new(uint32_t pid)
{
    struct process *process = allocate(sizeof *process);
    if (!process)
        return NULL;
    process->pid = process->pgid = pid;
    list_init(&process->sibling_link);
    list_init(&process->children);
    list_init(&process->threads);
    list_init(&process->tracees);
    list_init(&process->sem_undo);
    list_init(&process->posix_timers);
    pending_init(&process->pending);
    wait_queue_init(&process->thread_gone);
    wait_queue_init(&process->child_changed);
    wait_queue_init(&process->resumed);
    default_limits(process->limits);
    cpu_limit_watch(process);
    process->start_time = now();
    process->exit_signal = SIGCHLD;
    process->dumpable = true;
    list_append(&all_processes[pid % PID_BUCKETS], &process->all_link);
    process_count++;
    total_forks++;
    return process;
}

/* Those of a process that went on elsewhere: init knows their parent, and has the status of zombies. */
static void drop_children(struct process *process)
{
    list_each(child, &process->children, struct process, sibling_link)
    {
        process_set_parent(child, NULL);
        if (child->state == PROCESS_ZOMBIE && !child->tracing)
            process_reap(child);
    }
}

/* Releases what is left; nothing waits for it any more. Lock held. */
void process_free(struct process *process)
{
    drop_children(process);
    pidfd_process_gone(process);
    process_set_parent(process, NULL);
    list_remove(&process->all_link);
    process_count--;
    session_release(process->session);
    sighand_release(process->sighand);
    credentials_release(&process->credentials);
    pending_clear(&process->pending);
    traps_free(process);
    release(process);
}

void process_set_parent(struct process *process, struct process *parent)
{
    list_remove(&process->sibling_link);
    process->parent = parent;
    if (parent) {
        process->ppid = parent->pid;
        list_append(&parent->children, &process->sibling_link);
    }
}

/* ---- sessions and groups ----------------------------------------------------------------------- */

struct session *session_get(uint32_t sid, bool create)
{
    list_each(session, &sessions, struct session, link)
    {
        if (session->sid == sid) {
            session->references++;
            return session;
        }
    }
    struct session *session = create ? allocate(sizeof *session) : NULL;
    if (!session)
        return NULL;
    session->sid = sid;
    session->references = 1;
    list_append(&sessions, &session->link);
    return session;
}

void session_hold(struct session *session)
{
    session->references++;
}

void session_release(struct session *session)
{
    if (!session || --session->references != 0)
        return;
    list_remove(&session->link);
    tty_release(session->tty);
    release(session);
}

/* Whether this member keeps its group from being orphaned. */
static bool is_anchor(const struct process *process, uint32_t pgid, const struct process *without)
{
    const struct process *parent = process->parent;
    if (process == without || process->state == PROCESS_ZOMBIE)
        return false;
    if (!parent)
        return process->ppid > 1; /* of another personality, with job control of its own */
    return parent != without && parent->pgid != pgid && parent->session == process->session;
}

static bool orphaned_without(uint32_t pgid, struct session *session, const struct process *without)
{
    process_each(process, bucket)
    {
        if (process->pgid == pgid && process->session == session &&
            is_anchor(process, pgid, without))
            return false;
    }
    return true;
}

bool group_is_orphaned(uint32_t pgid, struct session *session)
{
    return orphaned_without(pgid, session, NULL);
}

static bool group_has_stopped(uint32_t pgid)
{
    process_each(process, bucket)
    {
        if (process->pgid == pgid && process->stopped)
            return true;
    }
    return false;
}

/* A group that loses its last anchor through the end of `leaving` must not stay stopped for ever. */
static void check_orphaned(uint32_t pgid, struct session *session, struct process *leaving)
{
    if (!group_has_stopped(pgid) || !orphaned_without(pgid, session, leaving))
        return;
    siginfo_t hangup = signal_info(SIGHUP, SI_KERNEL), resume = signal_info(SIGCONT, SI_KERNEL);
    signal_group(pgid, &hangup);
    signal_group(pgid, &resume);
}

/* ---- telling the parent ------------------------------------------------------------------------ */

static uint32_t ticks(uint64_t ns)
{
    return (uint32_t)(ns / 10000000);
}

static siginfo_t child_info(const struct process *process, uint32_t signal, int32_t code,
                            int32_t status)
{
    siginfo_t info = signal_info(signal, code);
    info.si_pid = (int)process->pid;
    info.si_uid = process->credentials.uid;
    info.si_status = status;
    info.si_utime = (int)ticks(process->dead_user_time);
    info.si_stime = (int)ticks(process->dead_system_time);
    return info;
}

static void tell_stop_or_continue(struct process *process, int32_t code, uint32_t signal)
{
    struct process *parent = process->parent;
    if (!parent) {
        int32_t status = code == CLD_CONTINUED ? 0xffff : (int32_t)(signal << 8 | 0x7f);
        if (process->ppid > 1)
            ignore(init_proc_changed(server.init, process->pid, status));
        return;
    }
    if (parent->state == PROCESS_REMOTE) {
        ignore(init_proc_changed(server.init, process->pid,
                                 code == CLD_CONTINUED ? 0xffff : (int32_t)(signal << 8 | 0x7f)));
        return;
    }
    if (parent->state != PROCESS_ALIVE)
        return;
    if (!(parent->sighand->actions[SIGCHLD - 1].flags & SA_NOCLDSTOP)) {
        siginfo_t info = child_info(process, SIGCHLD, code, (int32_t)signal);
        signal_process(parent, &info);
    }
    wait_queue_wake(&parent->child_changed, WAKE_ALL);
}

void process_stop(struct process *process, uint32_t signal)
{
    if (process->stopped || process->exiting)
        return;
    process->stopped = true;
    process->stop_signal = signal;
    process->stop_untold = true;
    process->continue_untold = false;
    list_each(thread, &process->threads, struct thread, link)
    {
        thread->group_stop = true;
        thread_notify(thread);
    }
    tell_stop_or_continue(process, CLD_STOPPED, signal);
}

void process_continue(struct process *process)
{
    if (!process->stopped)
        return;
    process->stopped = false;
    process->stop_untold = false;
    process->continue_untold = true;
    wait_queue_wake(&process->resumed, WAKE_ALL);
    list_each(thread, &process->threads, struct thread, link)
    {
        if (thread->tracing && thread->tracing->seized)
            trace_interrupt(thread->tracing); /* so it learns that the stop is over */
    }
    tell_stop_or_continue(process, CLD_CONTINUED, SIGCONT);
}

/* ---- the end ----------------------------------------------------------------------------------- */

void process_end_all(struct process *process, int32_t status)
{
    if (process->exiting)
        return;
    process->exiting = true;
    process->exit_status = status;
    list_each(thread, &process->threads, struct thread, link) thread_notify(thread);
}

void process_release_vfork(struct process *process)
{
    if (!process->vfork)
        return;
    process->vfork->done = true;
    wait_queue_wake(&process->vfork->queue, WAKE_ALL);
    process->vfork = NULL;
}

void process_reap(struct process *process)
{
    if (list_empty(&process->threads)) {
        process_free(process);
        return;
    }
    process->reaped = true;
    process_set_parent(process, NULL);
}

static bool discards_children(const struct process *parent)
{
    const struct linux_sigaction *action = &parent->sighand->actions[SIGCHLD - 1];
    return action->handler == 1 || (action->flags & SA_NOCLDWAIT);
}

/* A process of ours, or a remote child of one of ours, is a zombie now. Lock held. */
void process_announce_end(struct process *process)
{
    struct process *parent = process->parent;
    int32_t status = process->exit_status, signal = status & 0x7f;
    if (!parent || parent->state != PROCESS_ALIVE) {
        process_reap(process); /* init, or the parent's personality, has the status */
        return;
    }
    int32_t code = signal == 0 ? CLD_EXITED : status & 0x80 ? CLD_DUMPED : CLD_KILLED;
    bool discard = process->exit_signal == SIGCHLD && discards_children(parent);
    if (process->exit_signal != 0) {
        siginfo_t info =
            child_info(process, process->exit_signal, code, signal ? signal : status >> 8 & 0xff);
        signal_process(parent, &info);
    }
    if (discard) {
        ignore(init_proc_reap(server.init, process->pid));
        process_reap(process);
    }
    wait_queue_wake(&parent->child_changed, WAKE_ALL);
}

/* The nearest living ancestor that has asked for orphans (prctl); NULL: init. */
static struct process *reaper_of(const struct process *process)
{
    struct process *at = process->parent;
    while (at && !(at->subreaper && at->state == PROCESS_ALIVE && !at->exiting))
        at = at->parent;
    return at;
}

static void give_to_reaper(struct process *child, struct process *reaper)
{
    struct proc_record record = {.ppid = reaper->pid};
    process_set_parent(child, reaper);
    child->exit_signal = SIGCHLD;
    ignore(init_proc_set(server.init, child->pid, PROC_PPID, &record, NULL));
    if (child->state == PROCESS_ZOMBIE && !child->tracing)
        process_announce_end(child);
}

/* init or a reaper becomes the parent. Zombies that init gets go away: it has their status. */
static void give_children_away(struct process *process)
{
    struct process *reaper = reaper_of(process);
    list_each(child, &process->children, struct process, sibling_link)
    {
        if (child->death_signal && child->state == PROCESS_ALIVE) {
            siginfo_t info = signal_info_user(child->death_signal, SI_USER, process);
            signal_process(child, &info);
        }
        if (reaper) {
            give_to_reaper(child, reaper);
            continue;
        }
        process_set_parent(child, NULL);
        child->ppid = 1;
        if (child->state == PROCESS_REMOTE || (child->state == PROCESS_ZOMBIE && !child->tracing))
            process_reap(child); /* nobody here will ask for it */
        else if (child->pgid != process->pgid && child->session == process->session)
            check_orphaned(child->pgid, child->session, process);
    }
}

/* Gives up everything that others could wait for or that fills memory. Without the lock. */
static void release_resources(struct process *process)
{
    server_lock();
    timers_delete_all(process);
    timeout_stop(&process->cpu_limit);
    sem_process_end(process);
    process_release_vfork(process);
    struct files *files = process->files;
    struct fs_context *fs = process->fs;
    struct file *trace = process->trace;
    process->files = NULL;
    process->fs = NULL;
    process->trace = NULL;
    server_unlock();
    files_release(files);
    if (trace)
        file_release(trace);
    server_lock();
    fs_context_release(fs);
    mm_release(process->mm);
    process->mm = NULL;
    shm_reap();
    server_unlock();
}

static void finish_remote(struct process *process, struct thread *last)
{
    server_lock();
    thread_unlink(last);
    pending_clear(&process->pending);
    process->exiting = false;
    process->exec_thread = NULL;
    trace_tracer_ended(process);
    if (process->tracing)
        trace_detach(process->tracing, 0);
    if (process->reaped)
        process_free(process);
    server_unlock();
}

void process_finish(struct process *process, struct thread *last)
{
    struct tty *tty = NULL;
    release_resources(process);
    if (process->state != PROCESS_ALIVE) {
        finish_remote(process, last);
        return;
    }
    server_lock();
    thread_unlink(last);
    pending_clear(&process->pending);
    struct session *session = process->session;
    if (session->sid == process->pid) {
        tty = session->tty;
        session->tty = NULL;
    }
    uint32_t sid = session->sid;
    if (is_anchor(process, process->pgid, NULL))
        check_orphaned(process->pgid, session, process);
    trace_tracer_ended(process);
    give_children_away(process);
    process->state = PROCESS_ZOMBIE;
    pidfd_process_ended(process);
    ignore(init_proc_exit(server.init, process->pid, process->exit_status));
    if (!trace_keeps_zombie(process))
        process_announce_end(process);
    server_unlock();
    if (tty)
        tty_leader_ended(tty, sid);
}

/* ---- what other personalities report ------------------------------------------------------------ */

/* A status as of wait4 of a child that runs elsewhere. */
void remote_child_event(uint32_t pid, uint32_t ppid, int32_t status)
{
    server_lock();
    struct process *process = process_find(pid), *parent = process_find(ppid);
    if (!process && parent && parent->state == PROCESS_ALIVE && (process = process_new(pid))) {
        process->state = PROCESS_REMOTE; /* started elsewhere on our behalf */
        process->session = parent->session;
        session_hold(process->session);
        process_set_parent(process, parent);
    }
    if (process && process->handing_over) {
        process->changed_early = true; /* leave() comes back with it */
        process->early_status = status;
    }
    if (!process || process->state != PROCESS_REMOTE) {
        server_unlock();
        return;
    }
    if ((status & 0xff) == 0x7f) {
        process->stopped = process->stop_untold = true;
        process->continue_untold = false;
        process->stop_signal = (uint32_t)status >> 8 & 0xff;
        if (process->parent)
            tell_stop_or_continue(process, CLD_STOPPED, process->stop_signal);
    } else if (status == 0xffff) {
        process->stopped = process->stop_untold = false;
        process->continue_untold = true;
        if (process->parent)
            tell_stop_or_continue(process, CLD_CONTINUED, SIGCONT);
    } else {
        process->state = PROCESS_ZOMBIE;
        process->stopped = false;
        process->exit_status = status;
        process_announce_end(process);
    }
    server_unlock();
}

void process_reparented(uint32_t pid)
{
    server_lock();
    struct process *process = process_find(pid);
    struct process *reaper = process ? reaper_of(process) : NULL;
    if (reaper) {
        give_to_reaper(process, reaper);
    } else if (process) {
        process_set_parent(process, NULL);
        process->ppid = 1;
    }
    server_unlock();
}
