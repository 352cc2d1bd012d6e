/* SPDX-License-Identifier: MIT */
/* The notes of a native process and its threads. */
#include <stdio.h>
#include <string.h>

#include <atomik/syscall.h>
#include <atomik/time.h>
#include <ipc/initclient.h>

#include "calls.h"
#include "save.h"

/* ---- the process ---------------------------------------------------------------------------------- */

static const char *short_name(const struct native_process *process)
{
    const char *name = process->command_length > 0 ? process->command : process->path;
    const char *slash = strrchr(name, '/');
    return slash != NULL ? slash + 1 : name;
}

/* The strings of argv and, behind them, of envp, as lib/program lays them out. */
static void put_strings(struct save *save)
{
    const struct startup_info *info = &save->startup;
    handle_t space = save->process->program.space;
    uint32_t pointers[2] = {0, 0}, done, end, count = 0;
    if (info->argc == 0 ||
        space_read(space, info->argv, &pointers[0], sizeof pointers[0], &done) != OK ||
        space_read(space, info->envp, &pointers[1], sizeof pointers[1], &done) != OK)
        return;
    end = pointers[1];
    for (uint32_t last = end; last != 0 && count < 4096; count++) {
        char byte = 1;
        if (space_read(space, info->envp + 4 * count, &last, sizeof last, &done) != OK)
            break;
        for (end = last != 0 ? last : end;
             last != 0 && byte != 0 && space_read(space, end, &byte, 1, &done) == OK; end++)
            ;
    }
    snap_put_u32(&save->snapshot, SNAP_PROCESS_ARGUMENTS, pointers[0]);
    if (pointers[1] != 0) {
        snap_put_u32(&save->snapshot, SNAP_PROCESS_ARGUMENTS_END, pointers[1]);
        snap_put_u32(&save->snapshot, SNAP_PROCESS_ENVIRONMENT_END, end);
    }
}

void save_process(struct save *save)
{
    struct snapshot *snapshot = &save->snapshot;
    const struct native_process *process = save->process;
    struct proc_record record = {0};
    (void)!init_proc_info(native_init, process->pid, false, &record, NULL, 0);
    snap_note_begin(snapshot, SNAP_PROCESS);
    snap_put_u32(snapshot, SNAP_PROCESS_PID, process->pid);
    snap_put_u32(snapshot, SNAP_PROCESS_PPID, record.ppid);
    snap_put_u32(snapshot, SNAP_PROCESS_PGID, record.pgid);
    snap_put_u32(snapshot, SNAP_PROCESS_SID, record.sid);
    snap_put_text(snapshot, SNAP_PROCESS_NAME, short_name(process));
    snap_put_text(snapshot, SNAP_PROCESS_EXE, process->path);
    snap_put_text(snapshot, SNAP_PROCESS_CWD, process->cwd);
    snap_put_text(snapshot, SNAP_PROCESS_STATE, process->stopped ? "stopped" : "alive");
    snap_put_u32(snapshot, SNAP_PROCESS_STARTUP, process->program.startup);
    put_strings(save);
    snap_put_command(&save->snapshot, process->command, process->command_length);
}

/* ---- children ---------------------------------------------------------------------------------------- */

/* The next child after *pid, which becomes its number. */
static bool next_child(const struct save *save, uint32_t *pid, struct proc_record *record)
{
    while (init_proc_info(native_init, *pid, true, record, NULL, 0) == OK) {
        *pid = record->pid;
        if (record->ppid == save->process->pid)
            return true;
    }
    return false;
}

static bool has_ended(uint32_t pid)
{
    struct proc_record record;
    return init_proc_info(native_init, pid, false, &record, NULL, 0) != OK ||
           record.state == PROC_ZOMBIE;
}

status_t save_hold_children(struct save *save)
{
    struct proc_record record;
    uint32_t pid = 0;
    status_t status = OK;
    while (status == OK && next_child(save, &pid, &record)) {
        if (record.state != PROC_ZOMBIE)
            status = capture_hold(&save->held, native_init, pid, save->flags, save->uid,
                                  save->directory, has_ended);
        if (status == ERR_NO_PROCESS)
            status = OK; /* it has ended meanwhile */
    }
    return status;
}

void save_children(struct save *save)
{
    struct proc_record record;
    uint32_t pid = 0;
    while (next_child(save, &pid, &record)) {
        if (record.state != PROC_ZOMBIE && !capture_is_held(save->held, pid))
            continue;
        snap_note_begin(&save->snapshot, SNAP_CHILD);
        snap_put_u32(&save->snapshot, SNAP_CHILD_PID, pid);
        if (!capture_is_held(save->held, pid))
            snap_put_u32(&save->snapshot, SNAP_CHILD_STATUS, (uint32_t)record.status);
    }
}

/* ---- threads ---------------------------------------------------------------------------------------- */

static void put_status(struct save *save, const struct thread_context *context, uint32_t call)
{
    bool crashed = save->crash != NULL && save->crash->thread_id == context->id;
    uint32_t signal = crashed ? program_exception_signal(save->crash->vector) : 0;
    struct core_prstatus status = {
        .signo = signal,
        .cursig = (uint16_t)signal,
        .pid = context->id,
        .regs = capture_registers(&context->regs, call != 0 ? call : UINT32_MAX),
        .fpvalid = 1,
    };
    snap_note_standard(&save->snapshot, "CORE", CORE_PRSTATUS, &status, sizeof status);
}

static void put_psinfo(struct save *save)
{
    const struct native_process *process = save->process;
    struct core_prpsinfo info = {.state = process->stopped ? 3 : 1,
                                 .state_name = process->stopped ? 'T' : 'S',
                                 .pid = process->pid};
    strlcpy(info.fname, short_name(process), sizeof info.fname);
    for (uint32_t i = 0; i < sizeof info.psargs - 1 && i + 1 < process->command_length; i++)
        info.psargs[i] = process->command[i] ? process->command[i] : ' ';
    snap_note_standard(&save->snapshot, "CORE", CORE_PRPSINFO, &info, sizeof info);
}

static void put_call(struct save *save, const struct thread_context *context, uint32_t call)
{
    struct snapshot *snapshot = &save->snapshot;
    uint64_t deadline = DEADLINE_NEVER, now = time_monotonic();
    char text[128];
    if (call == 0)
        return;
    snap_put_u32(snapshot, SNAP_THREAD_CALL, call);
    calls_describe(&context->regs, text, sizeof text);
    snap_put_text(snapshot, SNAP_THREAD_WAIT, text);
    if (calls_deadline(&context->regs, &deadline) && deadline != DEADLINE_NEVER &&
        deadline != DEADLINE_POLL)
        snap_put_u64(snapshot, SNAP_THREAD_RESTART_LEFT, deadline > now ? deadline - now : 0);
}

static void put_thread(struct save *save, const struct thread_context *context, bool first)
{
    struct snapshot *snapshot = &save->snapshot;
    uint32_t call = calls_pending(save->process->program.space, &context->regs);
    put_status(save, context, call);
    if (first)
        put_psinfo(save);
    snap_note_standard(snapshot, "LINUX", LINUX_PRXFPREG, context->fpu, sizeof context->fpu);
    snap_note_begin(snapshot, SNAP_THREAD);
    snap_put_u32(snapshot, SNAP_THREAD_TID, context->id);
    snap_put_text(snapshot, SNAP_THREAD_STATE, call != 0 ? "blocked" : "running");
    snap_put(snapshot, SNAP_THREAD_TLS, context->tls, sizeof context->tls);
    put_call(save, context, call);
}

/* gdb's order: the thread that it shows first, with what is the process's own, then the others. */
void save_threads(struct save *save)
{
    handle_t process = save->process->program.process;
    struct thread_context context = {.id = 0};
    uint32_t first = save->crash != NULL ? save->crash->thread_id : 0;
    if (first != 0 && process_thread(process, first - 1, &context) == OK && context.id == first)
        put_thread(save, &context, true);
    else
        first = 0;
    context.id = 0;
    while (process_thread(process, context.id, &context) == OK) {
        if (context.id == first)
            continue;
        put_thread(save, &context, first == 0);
        if (first == 0)
            first = context.id;
    }
    if (first == 0)
        save_refuse(save, ERR_NO_PROCESS, "it has ended");
}
