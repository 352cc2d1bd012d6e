/* SPDX-License-Identifier: MIT */
/* Processes: the object, the end, stop and go, and the calls that concern a whole process. */
#include <personalities/nt/process.h>

#include <atomik/log.h>
#include <ipc/call.h>
#include <ipc/initclient.h>
#include <personalities/nt/console.h>
#include <personalities/nt/debug.h>
#include <personalities/nt/job.h>
#include <personalities/nt/ntdll.h>
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/snapshot/save.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

#define SIGNAL_INTERRUPT       2
#define SIGNAL_KILL            9
#define STOPPED_STATUS(signal) (0x7f | (int32_t)(signal) << 8)
#define CONTINUED_STATUS       0xffff

struct list nt_processes = {&nt_processes, &nt_processes};

static bool process_signaled(struct object *object, struct nt_thread *thread)
{
    (void)thread;
    return process_of(object)->exited;
}

static void process_destroy(struct object *object)
{
    struct nt_process *process = process_of(object);
    list_remove(&process->link);
    object_release(process->job);
    free(process->image_name);
    free(process->command);
    free(process);
}

static void process_save(struct object *object, struct save *save)
{
    const struct nt_process *process = process_of(object);
    snap_put_u32(&save->snapshot, SNAP_OBJECT_PROCESS, process->pid);
    if (process->exited)
        snap_put_u32(&save->snapshot, SNAP_OBJECT_STATUS, process->exit_status);
    else if (!save_has(save->group, process))
        snap_put_u32(&save->snapshot, SNAP_OBJECT_EXTERNAL, 1);
}

/* A process of the tree, or what is left of one that has ended: its exit code. */
static NTSTATUS process_restore(struct restore *restore, const struct snap_note *note,
                                struct object **result)
{
    uint32_t pid = snap_get_u32(note, SNAP_OBJECT_PROCESS, 0);
    if (snap_get_u32(note, SNAP_OBJECT_EXTERNAL, 0))
        return restore_refuse(restore, STATUS_INVALID_CID,
                              "it has a handle of process %u, which is not in the snapshot", pid);
    uint32_t length;
    bool ended = snap_get(note, SNAP_OBJECT_STATUS, &length) != NULL;
    struct nt_process *process = ended ? NULL : restored_process(restore, pid);
    if (process) {
        object_hold(&process->object);
        *result = &process->object;
        return STATUS_SUCCESS;
    }
    process = process_new();
    if (!process)
        return STATUS_NO_MEMORY;
    process->exiting = process->exited = true;
    process->exit_status = snap_get_u32(note, SNAP_OBJECT_STATUS, 0);
    process->exit_time = nt_time();
    *result = &process->object;
    return STATUS_SUCCESS;
}

const struct nt_type process_type = {
    .name = L"Process",
    .number = TYPE_PROCESS,
    .mapping = {STANDARD_RIGHTS_READ | PROCESS_VM_READ | PROCESS_QUERY_INFORMATION,
                STANDARD_RIGHTS_WRITE | PROCESS_CREATE_PROCESS | PROCESS_CREATE_THREAD |
                    PROCESS_VM_OPERATION | PROCESS_VM_WRITE | PROCESS_DUP_HANDLE |
                    PROCESS_SET_QUOTA | PROCESS_SET_INFORMATION | PROCESS_SUSPEND_RESUME,
                STANDARD_RIGHTS_EXECUTE | PROCESS_TERMINATE | PROCESS_QUERY_LIMITED_INFORMATION |
                    SYNCHRONIZE,
                PROCESS_ALL_ACCESS},
    .signaled = process_signaled,
    .destroy = process_destroy,
    .save = process_save,
    .restore = process_restore,
};

struct nt_process *process_new(void)
{
    struct nt_process *process = calloc(1, sizeof *process);
    if (!process)
        return NULL;
    object_init(&process->object, &process_type);
    list_init(&process->threads);
    list_init(&process->job_link);
    vm_init(&process->vm);
    process->create_time = nt_time();
    process->exit_status = (uint32_t)STATUS_PENDING;
    process->priority_class = PROCESS_PRIOCLASS_NORMAL;
    process->debug_children = true;
    list_append(&nt_processes, &process->link);
    return process;
}

/* A program of another personality that has become one of ours (execve) is there twice: it itself is meant. */
struct nt_process *process_by_pid(uint32_t pid)
{
    struct nt_process *found = NULL;
    list_each(process, &nt_processes, struct nt_process, link)
    {
        if (process->pid == pid && !process->exited && (!found || found->foreign))
            found = process;
    }
    return found;
}

/* ---- the end ---- */

static void prod_all(struct nt_process *process)
{
    list_each(thread, &process->threads, struct nt_thread, link) thread_prod(thread);
}

void process_terminate_nt(struct nt_process *process, uint32_t code)
{
    if (process->exiting)
        return;
    process->exiting = true;
    process->exit_status = code;
    prod_all(process);
    if (process->thread_count == 0 && !process->building)
        process_finish(process);
}

void nt_process_kill(struct nt_process *process, uint32_t code)
{
    if (process->foreign)
        (void)!init_proc_signal(nt_init, process->pid, SIGNAL_KILL, 0, NULL);
    else
        process_terminate_nt(process, code);
}

uint64_t process_cpu_time(const struct nt_process *process)
{
    uint64_t time = process->cpu_time;
    list_each(thread, &process->threads, struct nt_thread, link)
    {
        struct thread_info info;
        if (thread->server_thread && thread_info(thread->server_thread, &info) == OK)
            time += (uint64_t)info.cpu_time_high << 32 | info.cpu_time_low;
    }
    return time;
}

void process_terminate_signal(struct nt_process *process, uint32_t signal)
{
    if (process->exiting)
        return;
    process->exit_signal = signal;
    process_terminate_nt(process, (uint32_t)STATUS_CONTROL_C_EXIT);
}

static int32_t wait_status(const struct nt_process *process)
{
    if (process->exit_signal)
        return (int32_t)process->exit_signal;
    return (int32_t)((process->exit_status & 0xff) << 8);
}

/* Thread objects without a server thread: they stand for programs of other personalities. */
static void end_stand_ins(struct nt_process *process)
{
    list_each(thread, &process->threads, struct nt_thread, link)
    {
        thread->exited = true;
        thread->exit_status = process->exit_status;
        list_remove(&thread->link);
        object_changed(&thread->object);
        object_release(&thread->object);
    }
}

/* It was a program of another personality when one of ours started it: that one waits for what stands for it. */
static void end_representative(const struct nt_process *process)
{
    struct nt_process *other = process_by_pid(process->pid);
    if (!other || !other->foreign)
        return;
    other->exit_status = process->exit_status;
    process_finish(other);
}

void process_finish(struct nt_process *process)
{
    object_hold(&process->object);
    process->exiting = true;
    debug_forget(process);
    end_stand_ins(process);
    crash_end(process);
    handle_close_all(process);
    vm_destroy(process);
    handle_drop(&process->space);
    handle_drop(&process->fs.root);
    handle_drop(&process->fs.cwd);
    console_release(process->console);
    process->console = NULL;
    object_release(process->trace);
    process->trace = NULL;
    image_release(process->image);
    process->image = NULL;
    ntdll_release(process->ntdll);
    process->ntdll = NULL;
    process->exit_time = nt_time();
    process->exited = true;
    job_process_ended(process);
    object_release(process->token);
    process->token = NULL;
    object_changed(&process->object);
    if (process->pid && !process->foreign)
        (void)!BLOCKING(init_proc_exit(nt_init, process->pid, wait_status(process)));
    if (process->pid && !process->foreign)
        end_representative(process);
    if (process->pid && process->reap)
        (void)!BLOCKING(init_proc_reap(nt_init, process->pid));
    object_release(&process->object); /* the hold above */
    object_release(&process->object); /* the process's own, from process_new */
}

/* ---- job control ---- */

static void report_change(struct nt_process *process, int32_t status)
{
    struct proc_record fields = {.state = process->stopped ? PROC_STOPPED : PROC_RUNNING};
    uint32_t pid = process->pid;
    (void)!BLOCKING(init_proc_set(nt_init, pid, PROC_STATE, &fields, NULL));
    (void)!BLOCKING(init_proc_changed(nt_init, pid, status));
}

void process_stop(struct nt_process *process, uint32_t signal)
{
    if (process->stopped || process->exiting)
        return;
    process->stopped = true;
    prod_all(process);
    report_change(process, STOPPED_STATUS(signal));
}

void process_continue(struct nt_process *process)
{
    if (!process->stopped)
        return;
    process->stopped = false;
    prod_all(process);
    report_change(process, CONTINUED_STATUS);
}

/* ---- calls ---- */

/*
 * Wine's default handler of Ctrl-C ends the process with code 0, in a thread that the server has
 * started for it. To those outside that is death by SIGINT, as it is on Windows.
 */
static bool dies_of_ctrl_c(const struct nt_thread *thread, uint32_t code)
{
    return code == 0 && thread->start == ntdll_entry(thread->process, NTDLL_CTRL_ROUTINE);
}

static void terminate_self(struct nt_thread *thread, uint32_t code)
{
    if (dies_of_ctrl_c(thread, code))
        process_terminate_signal(thread->process, SIGNAL_INTERRUPT);
    else
        process_terminate_nt(thread->process, code);
}

/* All other threads of the caller's process end; it goes on to run down its DLLs. */
static NTSTATUS terminate_others(struct call *call)
{
    list_each(thread, &call->process->threads, struct nt_thread, link) if (thread != call->thread)
        thread_terminate(thread, call->args[1]);
    process_quiesce(call->process, call->thread);
    return STATUS_SUCCESS;
}

NTSTATUS nt_terminate_process(struct call *call)
{
    struct nt_process *process;
    if (call->args[0] == 0)
        return terminate_others(call);
    NTSTATUS status = process_from_handle(call->thread, call->args[0], PROCESS_TERMINATE, &process);
    if (status)
        return status;
    if (process == call->process)
        terminate_self(call->thread, call->args[1]);
    else if (process->exited)
        status = STATUS_PROCESS_IS_TERMINATING;
    else
        nt_process_kill(process, call->args[1]);
    object_release(&process->object);
    return status;
}

/* What has ended is there as long as somebody has a handle of it. */
static struct nt_process *ended_process(uint32_t pid)
{
    list_each(process, &nt_processes, struct nt_process, link)
    {
        if (process->pid == pid)
            return process;
    }
    return NULL;
}

NTSTATUS nt_open_process(struct call *call)
{
    CLIENT_ID id;
    struct attributes attributes;
    NTSTATUS status = guest_read(&id, call->args[3], sizeof id);
    if (!status)
        status = attributes_read(call->thread, call->args[2], &attributes);
    if (status)
        return status;
    attributes_free(&attributes);
    uint32_t pid = (uint32_t)id.UniqueProcess / 4;
    struct nt_process *process = process_by_pid(pid);
    if (!process)
        process = ended_process(pid);
    if (!process)
        return STATUS_INVALID_CID;
    object_hold(&process->object);
    return object_return_handle(call->thread, call->args[0], &process->object, call->args[1],
                                attributes.flags);
}

static NTSTATUS suspend_all(struct call *call, bool suspend)
{
    struct nt_process *process;
    NTSTATUS status =
        process_from_handle(call->thread, call->args[0], PROCESS_SUSPEND_RESUME, &process);
    if (status)
        return status;
    list_each(thread, &process->threads, struct nt_thread, link)
    {
        if (suspend)
            thread->suspend_count++;
        else if (thread->suspend_count > 0)
            thread->suspend_count--;
        thread_prod(thread);
    }
    if (suspend)
        process_quiesce(process, call->thread);
    object_release(&process->object);
    return STATUS_SUCCESS;
}

NTSTATUS nt_suspend_process(struct call *call)
{
    return suspend_all(call, true);
}
NTSTATUS nt_resume_process(struct call *call)
{
    return suspend_all(call, false);
}

/* Ends of programs whose start is not over yet; empty when no start is under way. */
struct early_end {
    struct list link;
    uint32_t pid;
    int32_t status;
};
static struct list early_ends = {&early_ends, &early_ends};
static uint32_t starts_under_way;

static void keep_early_end(uint32_t pid, int32_t status)
{
    struct early_end *end = starts_under_way ? malloc(sizeof *end) : NULL;
    if (!end)
        return;
    *end = (struct early_end){.pid = pid, .status = status};
    list_append(&early_ends, &end->link);
}

static void foreign_ended(struct nt_process *process, int32_t status)
{
    uint32_t signal = status & 0x7f;
    process->exit_status =
        signal ? (uint32_t)STATUS_CONTROL_C_EXIT : (uint32_t)(status >> 8 & 0xff);
    process_finish(process);
}

void process_child_ended(uint32_t pid, int32_t status)
{
    struct nt_process *process = process_by_pid(pid);
    if (!process)
        keep_early_end(pid, status);
    else if (process->foreign)
        foreign_ended(process, status);
}

void process_expect_child(void)
{
    starts_under_way++;
}

void process_claim_child(struct nt_process *process, uint32_t pid)
{
    bool ended = false;
    int32_t status = 0;
    starts_under_way--;
    process->pid = pid;
    list_each(end, &early_ends, struct early_end, link)
    {
        if (end->pid == pid) {
            ended = true;
            status = end->status;
        } else if (starts_under_way) {
            continue;
        }
        list_remove(&end->link);
        free(end);
    }
    if (ended)
        foreign_ended(process, status);
}
