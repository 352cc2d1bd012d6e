/* SPDX-License-Identifier: MIT */
/*
 * The texts of /proc/PID and /proc/PID/task/TID. node->number is the thread's number, or 0 where the
 * process as a whole is meant: then state, signals and scheduling are those of its first thread.
 */
#include "mmlimit.h"
#include "procinfo.h"

#include <capture/capture.h>
#include <ipc/initclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "server.h"
#include "task.h"
#include "trace.h"
#include "tty.h"

#define TICK_NS     10000000ull
#define COMMAND_MAX 4096u
#define PAGES_KB    (PAGE_SIZE / 1024)

struct process_view {
    uint32_t pid, tid, ppid, pgid, sid, tty, threads, tracer, umask, fd_capacity;
    int32_t foreground;
    uint32_t mapped, resident, data, stack, text, locked;
    uint64_t user_time, system_time, child_user_time, child_system_time, start_time;
    uint64_t pending, shared_pending, blocked, ignored, caught;
    struct credentials credentials; /* without the groups */
    char groups[512];
    struct thread_sched sched;
    uint32_t faults, queued, start_brk, arguments, arguments_end, environment_end, stack_top;
    uint32_t exit_signal, sp, ip;
    int32_t exit_code;
    bool no_new_privileges;
    uint32_t seccomp_mode;
    char state, name[64];
};

void process_command_line(struct process *process, struct text *text)
{
    char buffer[COMMAND_MAX];
    uint32_t done = 0;
    struct mm *mm = process->mm;
    if (!mm || mm->arguments_end <= mm->arguments)
        return;
    uint32_t length = MIN(mm->arguments_end - mm->arguments, sizeof buffer);
    if (space_read(mm->space, mm->arguments, buffer, length, &done) == OK)
        text_add(text, buffer, MIN(done, length));
}

static char thread_letter(struct thread *thread)
{
    struct thread_info info;
    if (thread->tracing && thread->tracing->stopped)
        return thread->tracing->kind == STOP_GROUP ? 'T' : 't';
    if (thread->process->stopped)
        return 'T';
    bool runs = thread == self() ||
                (thread_info(thread->worker->handle, &info) == OK && info.state != THREAD_BLOCKED);
    return runs ? 'R' : 'S';
}

/* The thread of a number; 0: the first one. NULL: it has ended. */
static struct thread *thread_of(struct process *process, uint32_t tid)
{
    list_each(thread, &process->threads, struct thread, link)
    {
        if (tid == 0 || thread->tid == tid)
            return thread;
    }
    return NULL;
}

static void view_signals(struct process *process, struct process_view *view)
{
    view->shared_pending = process->pending.set;
    for (struct list *at = process->pending.queue.next; at != &process->pending.queue;
         at = at->next)
        view->queued++;
    for (uint32_t signal = 1; process->sighand && signal <= SIGNAL_COUNT; signal++) {
        uint32_t handler = process->sighand->actions[signal - 1].handler;
        if (handler == 1)
            view->ignored |= SIGNAL_BIT(signal);
        else if (handler != 0)
            view->caught |= SIGNAL_BIT(signal);
    }
}

static void view_memory(const struct mm *mm, struct process_view *view)
{
    struct mapping_info info;
    uint32_t at = 0;
    ignore(space_pages(mm->space, &view->mapped, &view->resident));
    while (space_query(mm->space, at, &info) == OK && info.address < GUEST_LIMIT) {
        uint32_t pages = info.length / PAGE_SIZE;
        at = info.address + info.length;
        if (info.tag == TAG_STACK)
            view->stack += pages;
        else if (info.prot & PROT_X)
            view->text += pages;
        else if ((info.prot & PROT_W) && !(info.flags & MAP_FLAG_SHARED))
            view->data += pages;
    }
    view->locked = mm_locked_bytes(mm, 0, GUEST_LIMIT) / PAGE_SIZE;
    view->start_brk = mm->brk_start;
    view->arguments = mm->arguments;
    view->arguments_end = mm->arguments_end;
    view->environment_end = mm->environment_end;
    view->stack_top = mm->stack_top;
}

static void view_thread(struct thread *thread, struct process_view *view)
{
    view->state = thread_letter(thread);
    view->pending = thread->pending.set;
    view->blocked = thread->blocked;
    view->sched = thread->sched;
    view->tracer = thread->tracing && thread->tracing->tracer ? thread->tracing->tracer->pid : 0;
    if (thread->tracing && thread->tracing->stopped) {
        view->sp = thread->frame->regs.esp;
        view->ip = thread->frame->regs.eip;
    }
}

static void view_groups(const struct group_list *groups, struct process_view *view)
{
    uint32_t used = 0;
    for (uint32_t i = 0; groups && i < groups->count && used + 12 < sizeof view->groups; i++)
        used += (uint32_t)snprintf(view->groups + used, sizeof view->groups - used, "%u ",
                                   groups->gids[i]);
}

static void view_times(struct process *process, uint32_t tid, struct process_view *view)
{
    uint64_t user, system;
    view->user_time = tid ? 0 : process->dead_user_time;
    view->system_time = tid ? 0 : process->dead_system_time;
    list_each(thread, &process->threads, struct thread, link)
    {
        if (tid && thread->tid != tid)
            continue;
        thread_times(thread, &user, &system);
        view->user_time += user;
        view->system_time += system;
    }
}

/* Lock held. False: no such thread. */
static bool view_own(struct process *process, uint32_t tid, struct process_view *view)
{
    struct thread *thread = thread_of(process, tid);
    if (tid && !thread)
        return false;
    view->pid = process->pid;
    view->tid = tid ? tid : process->pid;
    view->ppid = process->ppid;
    view->pgid = process->pgid;
    view->sid = process->session->sid;
    view->tty = process->session->tty ? DEVICE_CONSOLE : 0;
    view->foreground = -1;
    view->threads = process->thread_count;
    view->child_user_time = process->child_user_time;
    view->child_system_time = process->child_system_time;
    view->start_time = process->start_time;
    view->faults = process->minor_faults;
    view->exit_signal = process->exit_signal;
    view->exit_code = process->state == PROCESS_ZOMBIE ? process->exit_status : 0;
    view->no_new_privileges = process->no_new_privileges;
    if (thread)
        view->seccomp_mode = thread->seccomp_mode;
    view->credentials = process->credentials;
    view->umask = process->fs ? process->fs->umask : 0;
    view->fd_capacity = process->files ? process->files->capacity : 0;
    view->state = 'Z';
    strlcpy(view->name, process->comm, sizeof view->name);
    view_groups(process->credentials.groups, view);
    view_times(process, tid, view);
    view_signals(process, view);
    if (thread)
        view_thread(thread, view);
    if (process->mm)
        view_memory(process->mm, view);
    return true;
}

static bool view_foreign(uint32_t pid, struct process_view *view)
{
    struct proc_record record;
    struct proc_stats stats = {.state = 'S'};
    char command[256];
    size_t length;
    if (init_proc_info(server.init, pid, false, &record, view->name, sizeof view->name) != OK)
        return false;
    if (record.personality != 0)
        ignore(init_proc_stats(server.init, pid, &stats, command, sizeof command, &length));
    view->pid = record.pid;
    view->ppid = record.ppid;
    view->pgid = record.pgid;
    view->sid = record.sid;
    credentials_init(&view->credentials, record.uid);
    view->tid = record.pid;
    view->foreground = -1;
    view->start_time = record.start_time;
    view->state = (char)(record.state == PROC_ZOMBIE || record.state == PROC_STOPPED ? record.state
                                                                                     : stats.state);
    view->threads = MAX(stats.threads, 1);
    view->mapped = stats.mapped_pages;
    view->resident = stats.resident_pages;
    view->user_time = stats.cpu_time;
    return true;
}

static bool view_process(const struct internal_node *node, struct process_view *view)
{
    memset(view, 0, sizeof *view);
    server_lock();
    struct process *process = process_find(node->pid);
    bool ours = process && process->state != PROCESS_REMOTE;
    bool found = ours && view_own(process, node->number, view);
    server_unlock();
    if (found && view->tty)
        view->foreground = (int32_t)tty_foreground(self()->process);
    return ours ? found : view_foreign(node->pid, view);
}

static long long ticks(uint64_t ns)
{
    return (long long)(ns / TICK_NS);
}

/* Real-time priorities are shown below zero, nice values from 0 to 39. */
static int32_t shown_priority(const struct process_view *view)
{
    return view->sched.priority ? -1 - (int32_t)view->sched.priority : 20 + view->sched.nice;
}

void proc_pid_stat(const struct internal_node *node, struct text *text)
{
    struct process_view v;
    if (!view_process(node, &v))
        return;
    text_printf(text, "%u (%s) %c %u %u %u %u %d 0 %u 0 0 0 %lld %lld %lld %lld %d %d %u 0 %lld ",
                v.tid, v.name, v.state, v.ppid, v.pgid, v.sid, v.tty, v.foreground, v.faults,
                ticks(v.user_time), ticks(v.system_time), ticks(v.child_user_time),
                ticks(v.child_system_time), shown_priority(&v), v.sched.nice, v.threads,
                ticks(v.start_time));
    text_printf(text, "%llu %u 4294967295 0 0 %u %u %u %u %u %u %u 0 0 0 %u 0 %u %u 0 0 0 0 0 %u ",
                (unsigned long long)v.mapped * PAGE_SIZE, v.resident, v.stack_top, v.sp, v.ip,
                (uint32_t)(v.pending & 0x7fffffff), (uint32_t)(v.blocked & 0x7fffffff),
                (uint32_t)(v.ignored & 0x7fffffff), (uint32_t)(v.caught & 0x7fffffff),
                v.exit_signal, v.sched.priority, v.sched.policy, v.start_brk);
    text_printf(text, "%u %u %u %u %d\n", v.arguments, v.arguments_end, v.arguments_end,
                v.environment_end, v.exit_code);
}

void proc_pid_statm(const struct internal_node *node, struct text *text)
{
    struct process_view v;
    if (view_process(node, &v))
        text_printf(text, "%u %u 0 %u 0 %u 0\n", v.mapped, v.resident, v.text, v.data + v.stack);
}

static const char *state_name(char state)
{
    switch (state) {
    case 'R':
        return "running";
    case 'T':
        return "stopped";
    case 't':
        return "tracing stop";
    case 'Z':
        return "zombie";
    }
    return "sleeping";
}

static void add_identity(const struct process_view *v, struct text *text)
{
    const struct credentials *c = &v->credentials;
    text_printf(text, "Name:\t%s\nUmask:\t%04o\nState:\t%c (%s)\nTgid:\t%u\nNgid:\t0\nPid:\t%u\n",
                v->name, v->umask, v->state, state_name(v->state), v->pid, v->tid);
    text_printf(text, "PPid:\t%u\nTracerPid:\t%u\nUid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n",
                v->ppid, v->tracer, c->uid, c->euid, c->suid, c->fsuid, c->gid, c->egid, c->sgid,
                c->fsgid);
    text_printf(text,
                "FDSize:\t%u\nGroups:\t%s\nNStgid:\t%u\nNSpid:\t%u\nNSpgid:\t%u\nNSsid:\t%u\n",
                v->fd_capacity, v->groups, v->pid, v->tid, v->pgid, v->sid);
}

static void add_size(struct text *text, const char *name, uint32_t pages)
{
    text_printf(text, "%s:\t%8u kB\n", name, pages * PAGES_KB);
}

/* A zombie and a process of another personality have no memory that could be told of. */
static void add_memory(const struct process_view *v, struct text *text)
{
    if (v->mapped == 0)
        return;
    add_size(text, "VmPeak", v->mapped);
    add_size(text, "VmSize", v->mapped);
    add_size(text, "VmLck", v->locked);
    add_size(text, "VmPin", 0);
    add_size(text, "VmHWM", v->resident);
    add_size(text, "VmRSS", v->resident);
    add_size(text, "VmData", v->data);
    add_size(text, "VmStk", v->stack);
    add_size(text, "VmExe", v->text);
    add_size(text, "VmLib", 0);
    add_size(text, "VmSwap", 0);
}

void proc_pid_status(const struct internal_node *node, struct text *text)
{
    struct process_view v;
    if (!view_process(node, &v))
        return;
    const struct credentials *c = &v.credentials;
    add_identity(&v, text);
    add_memory(&v, text);
    text_printf(text, "Threads:\t%u\nSigQ:\t%u/1024\nSigPnd:\t%016llx\nShdPnd:\t%016llx\n",
                v.threads, v.queued, (unsigned long long)v.pending,
                (unsigned long long)v.shared_pending);
    text_printf(text, "SigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%016llx\n",
                (unsigned long long)v.blocked, (unsigned long long)v.ignored,
                (unsigned long long)v.caught);
    text_printf(text,
                "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\nCapAmb:\t%"
                "016llx\n",
                (unsigned long long)c->inheritable, (unsigned long long)c->permitted,
                (unsigned long long)c->effective, (unsigned long long)c->bounding,
                (unsigned long long)c->ambient);
    text_printf(text,
                "NoNewPrivs:\t%u\nSeccomp:\t%u\nCpus_allowed:\t1\nCpus_allowed_list:\t0\n"
                "Mems_allowed:\t1\nMems_allowed_list:\t0\n",
                v.no_new_privileges, v.seccomp_mode);
}

void proc_pid_comm(const struct internal_node *node, struct text *text)
{
    struct process_view v;
    if (view_process(node, &v))
        text_printf(text, "%s\n", v.name);
}

void proc_pid_timerslack(const struct internal_node *node, struct text *text)
{
    server_lock();
    const struct process *process = process_find(node->pid);
    text_printf(text, "%u\n", process && process->timer_slack ? process->timer_slack : 50000);
    server_unlock();
}

int proc_store_timerslack(const struct internal_node *node, const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text)
        return -EINVAL;
    server_lock();
    struct process *process = process_find(node->pid);
    if (process)
        process->timer_slack = (uint32_t)value;
    server_unlock();
    return process ? 0 : -ESRCH;
}

void proc_pid_cmdline(const struct internal_node *node, struct text *text)
{
    char command[1024];
    size_t length = 0;
    struct proc_stats stats;
    server_lock();
    struct process *process = process_find(node->pid);
    bool ours = process && process->state != PROCESS_REMOTE;
    if (ours)
        process_command_line(process, text);
    server_unlock();
    if (ours ||
        init_proc_stats(server.init, node->pid, &stats, command, sizeof command, &length) != OK)
        return;
    text_add(text, command, (uint32_t)MIN(length, sizeof command));
}

void proc_pid_environ(const struct internal_node *node, struct text *text)
{
    char buffer[1024];
    server_lock();
    struct process *process = process_find(node->pid);
    struct mm *mm = process ? process->mm : NULL;
    for (uint32_t at = mm ? mm->arguments_end : 0; mm && at < mm->environment_end;) {
        uint32_t done = 0, length = MIN(mm->environment_end - at, sizeof buffer);
        if (space_read(mm->space, at, buffer, length, &done) != OK || done == 0)
            break;
        text_add(text, buffer, done);
        at += done;
    }
    server_unlock();
}

/* Debuggers find a position-independent program by its entry point in there. */
void proc_pid_auxv(const struct internal_node *node, struct text *text)
{
    server_lock();
    struct process *process = process_find(node->pid);
    if (process && process->mm)
        text_add(text, process->mm->auxv, process->mm->auxv_size * sizeof process->mm->auxv[0]);
    server_unlock();
}

void proc_pid_maps(const struct internal_node *node, struct text *text)
{
    struct mapping_info info;
    uint32_t at = 0;
    server_lock();
    struct process *process = process_find(node->pid);
    struct mm *mm = process ? process->mm : NULL;
    while (mm && capture_own_mapping(mm->space, mm->restored_from, &at, &info) &&
           info.address < GUEST_LIMIT) {
        const char *name = mapping_name(info.tag);
        text_printf(text, "%08x-%08x %c%c%c%c %08x 00:00 %-10u %s\n", info.address, at,
                    info.prot & PROT_R ? 'r' : '-', info.prot & PROT_W ? 'w' : '-',
                    info.prot & PROT_X ? 'x' : '-', info.flags & MAP_FLAG_SHARED ? 's' : 'p',
                    name[0] == '/' ? info.offset_low : 0, name[0] == '/' ? info.vmo_id : 0, name);
    }
    server_unlock();
}

void proc_pid_limits(const struct internal_node *node, struct text *text)
{
    static const char *const names[RLIMIT_COUNT] = {
        "Max cpu time",       "Max file size",     "Max data size",         "Max stack size",
        "Max core file size", "Max resident set",  "Max processes",         "Max open files",
        "Max locked memory",  "Max address space", "Max file locks",        "Max pending signals",
        "Max msgqueue size",  "Max nice priority", "Max realtime priority", "Max realtime timeout"};
    text_printf(text, "%-26s%-21s%-21s\n", "Limit", "Soft Limit", "Hard Limit");
    server_lock();
    struct process *process = process_find(node->pid);
    for (uint32_t i = 0; process && i < RLIMIT_COUNT; i++) {
        const uint64_t values[2] = {process->limits[i].current, process->limits[i].maximum};
        text_printf(text, "%-26s", names[i]);
        for (int j = 0; j < 2; j++) {
            if (values[j] == RLIM64_INFINITY)
                text_printf(text, "%-21s", "unlimited");
            else
                text_printf(text, "%-21llu", (unsigned long long)values[j]);
        }
        text_printf(text, "\n");
    }
    server_unlock();
}

void proc_pid_cgroup(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text, "0::/\n");
}

void proc_pid_zero(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text, "0\n");
}

void proc_pid_oom_score_adj(const struct internal_node *node, struct text *text)
{
    server_lock();
    struct process *process = process_find(node->pid);
    text_printf(text, "%d\n", process ? process->oom_score_adj : 0);
    server_unlock();
}

int proc_store_oom_score_adj(const struct internal_node *node, const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);
    int error = end == text || *end || value < -1000 || value > 1000 ? -EINVAL : -ESRCH;
    server_lock();
    struct process *process = process_find(node->pid);
    if (error == -ESRCH && process) {
        bool may = value >= process->oom_score_adj || capable(CAP_SYS_RESOURCE);
        error = may ? 0 : -EACCES;
        if (may)
            process->oom_score_adj = (int32_t)value;
    }
    server_unlock();
    return error;
}

/* Of a thread of the caller's own process. */
int proc_store_comm(const struct internal_node *node, const char *text)
{
    struct process *process = self()->process;
    if (node->pid != process->pid)
        return -EINVAL;
    server_lock();
    strlcpy(process->comm, text, sizeof process->comm);
    server_unlock();
    ignore(init_proc_set(server.init, process->pid, PROC_NAME, NULL, process->comm));
    return 0;
}
