/* SPDX-License-Identifier: MIT */
/* The notes of a process, its threads and its signals. */
#include <stdio.h>
#include <string.h>

#include "../calls.h"
#include "../fpu.h"
#include "../procinfo.h"
#include "../task.h"
#include "../time.h"
#include "freeze.h"
#include "save.h"

#define COMMAND_MAX 4096u

/* ---- the process --------------------------------------------------------------------------------- */

static const char *state_of(const struct process *process)
{
    return process->stopped ? "stopped" : "alive";
}

static void put_command(struct save *save, struct process *process)
{
    struct text command = {.length = 0};
    process_command_line(process, &command);
    if (!command.failed)
        snap_put_command(&save->snapshot, command.data, MIN(command.length, COMMAND_MAX));
    text_free(&command);
}

static void put_identity(struct save *save, const struct process *process)
{
    const struct credentials *ids = &process->credentials;
    struct snapshot *snapshot = &save->snapshot;
    uint32_t words[8] = {ids->uid, ids->euid, ids->suid, ids->fsuid,
                         ids->gid, ids->egid, ids->sgid, ids->fsgid};
    snap_put(snapshot, SNAP_PROCESS_IDS, words, sizeof words);
    if (ids->groups)
        snap_put(snapshot, SNAP_PROCESS_GROUPS, ids->groups->gids, ids->groups->count * 4);
    uint64_t sets[5] = {ids->effective, ids->permitted, ids->inheritable, ids->bounding,
                        ids->ambient};
    snap_put(snapshot, SNAP_PROCESS_CAPABILITIES, sets, sizeof sets);
}

/* The pid of the first member that has the same, if that is another one. */
#define SHARED_WITH(member, process, what)                                                  \
    for (const struct save *each = save->group->members; each != save; each = each->next) { \
        const struct process *other = process_find(each->pid);                              \
        if (other && other->what == (process)->what && (member) == 0)                       \
            (member) = each->pid;                                                           \
    }

/* Processes that clone(2) made without threads being meant. */
static void put_shares(struct save *save, const struct process *process)
{
    uint32_t pids[4] = {0, 0, 0, 0};
    SHARED_WITH(pids[0], process, mm)
    SHARED_WITH(pids[1], process, files)
    SHARED_WITH(pids[2], process, fs)
    SHARED_WITH(pids[3], process, sighand)
    if (pids[0] | pids[1] | pids[2] | pids[3])
        snap_put(&save->snapshot, SNAP_PROCESS_SHARES, pids, sizeof pids);
}

static void put_times(struct save *save, struct process *process)
{
    uint64_t times[4] = {0, 0, process->child_user_time, process->child_system_time};
    process_times(process, &times[0], &times[1]);
    snap_put(&save->snapshot, SNAP_PROCESS_TIMES, times, sizeof times);
}

void save_process(struct save *save, struct process *process)
{
    struct snapshot *snapshot = &save->snapshot;
    snap_note_begin(snapshot, SNAP_PROCESS);
    snap_put_u32(snapshot, SNAP_PROCESS_PID, process->pid);
    snap_put_u32(snapshot, SNAP_PROCESS_PPID, process->ppid);
    snap_put_u32(snapshot, SNAP_PROCESS_PGID, process->pgid);
    snap_put_u32(snapshot, SNAP_PROCESS_SID, process->session->sid);
    snap_put_text(snapshot, SNAP_PROCESS_NAME, process->comm);
    snap_put_text(snapshot, SNAP_PROCESS_STATE, state_of(process));
    if (process->stopped)
        snap_put_u32(snapshot, SNAP_PROCESS_STATUS, process->stop_signal);
    snap_put_u32(snapshot, SNAP_PROCESS_UNTOLD,
                 process->stop_untold | (uint32_t)process->continue_untold << 1);
    put_shares(save, process);
    put_command(save, process);
    put_identity(save, process);
    snap_put_text(snapshot, SNAP_PROCESS_CWD, process->fs->cwd_text);
    snap_put_u32(snapshot, SNAP_PROCESS_UMASK, process->fs->umask);
    put_times(save, process);
    save_layout(save, process->mm);
    snap_put_u32(snapshot, SNAP_PROCESS_EXIT_SIGNAL, process->exit_signal);
    snap_put_u32(snapshot, SNAP_PROCESS_PERSONA, process->personality);
    snap_put_u32(snapshot, SNAP_PROCESS_DUMPABLE, process->dumpable);
    snap_put_u32(snapshot, SNAP_PROCESS_DEATH_SIGNAL, process->death_signal);
    snap_put_u32(snapshot, SNAP_PROCESS_SUBREAPER, process->subreaper);
    snap_put_u32(snapshot, SNAP_PROCESS_NO_NEW_PRIVILEGES, process->no_new_privileges);
    snap_put_u32(snapshot, SNAP_PROCESS_OOM_ADJUST, (uint32_t)process->oom_score_adj);
    snap_put(snapshot, SNAP_PROCESS_LIMITS, process->limits, sizeof process->limits);
    snap_note_standard(snapshot, "CORE", CORE_AUXV, process->mm->auxv, process->mm->auxv_size * 4);
}

/* ---- threads ------------------------------------------------------------------------------------- */

static struct core_time core_time(uint64_t ns)
{
    return (struct core_time){(uint32_t)(ns / NS_PER_SEC), (uint32_t)(ns % NS_PER_SEC / 1000)};
}

/* A call that waits with a mask of its own (sigsuspend, ppoll) is issued again with the thread's. */
static uint64_t boundary_mask(const struct thread *thread)
{
    return thread->has_restore_blocked ? thread->restore_blocked : thread->blocked;
}

static void put_status(struct save *save, struct thread *thread)
{
    const struct process *process = thread->process;
    struct registers regs;
    uint64_t user, system;
    thread_boundary_registers(thread, &regs);
    thread_times(thread, &user, &system);
    uint32_t signal = save->group->crash && save->group->crash->tid == thread->tid
                          ? (uint32_t)save->group->crash->info.si_signo
                          : 0;
    struct core_prstatus status = {
        .signo = signal,
        .cursig = (uint16_t)signal,
        .sigpend = (uint32_t)signal_pending_set(thread),
        .sighold = (uint32_t)boundary_mask(thread),
        .pid = thread->tid,
        .ppid = process->ppid,
        .pgrp = process->pgid,
        .sid = process->session->sid,
        .utime = core_time(user),
        .stime = core_time(system),
        .regs = capture_registers(&regs, thread->in_call ? thread->trap_number : UINT32_MAX),
        .fpvalid = 1,
    };
    snap_note_standard(&save->snapshot, "CORE", CORE_PRSTATUS, &status, sizeof status);
}

static void put_psinfo(struct save *save, struct process *process)
{
    struct core_prpsinfo info = {
        .state = process->stopped ? 3 : 1,
        .state_name = process->stopped ? 'T' : 'S',
        .uid = (uint16_t)process->credentials.uid,
        .gid = (uint16_t)process->credentials.gid,
        .pid = process->pid,
        .ppid = process->ppid,
        .pgrp = process->pgid,
        .sid = process->session->sid,
    };
    struct text command = {.length = 0};
    strlcpy(info.fname, process->comm, sizeof info.fname);
    process_command_line(process, &command);
    for (uint32_t i = 0; i < sizeof info.psargs - 1 && i + 1 < command.length; i++)
        info.psargs[i] = command.data[i] ? command.data[i] : ' ';
    text_free(&command);
    snap_note_standard(&save->snapshot, "CORE", CORE_PRPSINFO, &info, sizeof info);
}

static void put_fpu(struct save *save, struct thread *thread)
{
    struct fxsave state __attribute__((aligned(16)));
    struct fsave legacy;
    if (guest_fpu_read(thread->worker->handle, (uint8_t *)&state) != OK)
        return;
    fsave_from_fxsave(&legacy, &state);
    snap_note_standard(&save->snapshot, "CORE", CORE_FPREGSET, &legacy, FSAVE_SIZE);
    snap_note_standard(&save->snapshot, "LINUX", LINUX_PRXFPREG, &state, sizeof state);
    snap_note_standard(&save->snapshot, "LINUX", LINUX_386_TLS, thread->tls, sizeof thread->tls);
}

static void put_restart(struct save *save, const struct thread *thread)
{
    struct snapshot *snapshot = &save->snapshot;
    ktime_t time = now();
    if (thread->restart.kind == RESTART_NONE)
        return;
    snap_put_u32(snapshot, SNAP_THREAD_RESTART_KIND, thread->restart.kind);
    if (thread->restart.deadline != DEADLINE_NEVER)
        snap_put_u64(snapshot, SNAP_THREAD_RESTART_LEFT,
                     thread->restart.deadline > time ? thread->restart.deadline - time : 0);
    snap_put(snapshot, SNAP_THREAD_RESTART_WORDS, thread->restart.words,
             sizeof thread->restart.words);
}

static void put_thread(struct save *save, struct thread *thread)
{
    struct snapshot *snapshot = &save->snapshot;
    uint32_t sched[5] = {thread->sched.policy, thread->sched.priority, (uint32_t)thread->sched.nice,
                         thread->sched.io_priority, thread->sched.reset_on_fork};
    snap_note_begin(snapshot, SNAP_THREAD);
    snap_put_u32(snapshot, SNAP_THREAD_TID, thread->tid);
    snap_put_text(snapshot, SNAP_THREAD_STATE, thread->in_call ? "blocked" : "running");
    if (thread->in_call)
        snap_put_u32(snapshot, SNAP_THREAD_CALL, thread->trap_number);
    snap_put_u64(snapshot, SNAP_THREAD_BLOCKED, boundary_mask(thread));
    snap_put_u32(snapshot, SNAP_THREAD_ALTSTACK, thread->altstack);
    snap_put_u32(snapshot, SNAP_THREAD_ALTSTACK_SIZE, thread->altstack_size);
    snap_put_u32(snapshot, SNAP_THREAD_ALTSTACK_FLAGS, thread->altstack_flags);
    snap_put_u32(snapshot, SNAP_THREAD_CLEAR_TID, thread->clear_tid);
    snap_put_u32(snapshot, SNAP_THREAD_ROBUST_LIST, thread->robust_list);
    snap_put(snapshot, SNAP_THREAD_SCHED, sched, sizeof sched);
    put_restart(save, thread);
}

static void put_all_of(struct save *save, struct thread *thread, bool first)
{
    put_status(save, thread);
    if (first)
        put_psinfo(save, thread->process);
    if (first && save->group->crash)
        snap_note_standard(&save->snapshot, "CORE", CORE_SIGINFO, &save->group->crash->info,
                           sizeof save->group->crash->info);
    put_fpu(save, thread);
    put_thread(save, thread);
}

/* gdb's order: the thread that it shows first, with what is the process's own, then the others. */
void save_threads(struct save *save, struct process *process)
{
    struct thread *first = container_of(process->threads.next, struct thread, link);
    list_each(thread, &process->threads, struct thread, link)
    {
        if (save->group->crash && thread->tid == save->group->crash->tid)
            first = thread;
    }
    put_all_of(save, first, true);
    list_each(thread, &process->threads, struct thread, link)
    {
        if (thread != first)
            put_all_of(save, thread, false);
    }
}

/* ---- signals ------------------------------------------------------------------------------------- */

static void put_action(struct save *save, uint32_t signal, const struct linux_sigaction *action)
{
    struct snapshot *snapshot = &save->snapshot;
    snap_note_begin(snapshot, SNAP_SIGACTION);
    snap_put_u32(snapshot, SNAP_SIGACTION_SIGNAL, signal);
    snap_put_u32(snapshot, SNAP_SIGACTION_HANDLER, action->handler);
    snap_put_u32(snapshot, SNAP_SIGACTION_FLAGS, action->flags);
    snap_put_u32(snapshot, SNAP_SIGACTION_RESTORER, action->restorer);
    snap_put_u64(snapshot, SNAP_SIGACTION_MASK, action->mask[0] | (uint64_t)action->mask[1] << 32);
}

static void put_pending(struct save *save, const struct pending *pending, uint32_t tid)
{
    list_each(signal, &pending->queue, struct queued_signal, link)
    {
        snap_note_begin(&save->snapshot, SNAP_PENDING);
        if (tid != 0)
            snap_put_u32(&save->snapshot, SNAP_PENDING_TID, tid);
        snap_put(&save->snapshot, SNAP_PENDING_INFO, &signal->info, sizeof signal->info);
    }
}

void save_signals(struct save *save, struct process *process)
{
    for (uint32_t i = 0; i < SIGNAL_COUNT; i++)
        if (process->sighand->actions[i].handler != 0 || process->sighand->actions[i].flags != 0)
            put_action(save, i + 1, &process->sighand->actions[i]);
    put_pending(save, &process->pending, 0);
    list_each(thread, &process->threads, struct thread, link)
        put_pending(save, &thread->pending, thread->tid);
}
