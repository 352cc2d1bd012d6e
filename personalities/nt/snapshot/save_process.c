/* SPDX-License-Identifier: MIT */
/* The notes of a process, its threads and its console. */
#include <personalities/nt/console.h>
#include <personalities/nt/context.h>
#include <personalities/nt/ntdll.h>
#include <personalities/nt/process.h>
#include <personalities/nt/snapshot/save.h>

#include <stdio.h>

#define WAIT_ARGUMENTS 4u

/* ---- the process ---------------------------------------------------------------------------------- */

static struct text terminated(const WCHAR *chars)
{
    return (struct text){chars, chars ? text_length(chars) : 0};
}

/* The last component of the program's name. */
static struct text short_name(const struct nt_process *process)
{
    struct text name = terminated(process->image_name);
    for (uint32_t i = name.length; i > 0; i--)
        if (name.chars[i - 1] == '\\')
            return text_skip(name, i);
    return name;
}

static void put_addresses(struct save *save)
{
    struct snapshot *snapshot = &save->snapshot;
    const struct nt_process *process = save->process;
    snap_put_u32(snapshot, SNAP_PROCESS_PEB, process->peb);
    snap_put_u32(snapshot, SNAP_PROCESS_PARAMETERS, process->parameters);
    snap_put_u32(snapshot, SNAP_PROCESS_IMAGE_BASE, process->image_base);
    snap_put_u32(snapshot, SNAP_PROCESS_NTDLL_BASE, process->ntdll_base);
    snap_put_u32(snapshot, SNAP_PROCESS_WIN32U_BASE, process->win32u_base);
    snap_put_u32(snapshot, SNAP_PROCESS_GDI_TABLE, process->gdi_table);
}

/* The handles that the program's parameters call its standard streams. */
static void find_standard(struct save *save)
{
    PEB peb;
    RTL_USER_PROCESS_PARAMETERS parameters;
    const struct nt_process *process = save->process;
    uint32_t done;
    if (space_read(process->space, process->peb, &peb, sizeof peb, &done) != OK ||
        done != sizeof peb ||
        space_read(process->space, (uint32_t)peb.ProcessParameters, &parameters, sizeof parameters,
                   &done) != OK ||
        done != sizeof parameters)
        return;
    save->standard[0] = (uint32_t)parameters.hStdInput;
    save->standard[1] = (uint32_t)parameters.hStdOutput;
    save->standard[2] = (uint32_t)parameters.hStdError;
}

void save_process(struct save *save)
{
    struct snapshot *snapshot = &save->snapshot;
    const struct nt_process *process = save->process;
    snap_note_begin(snapshot, SNAP_PROCESS);
    snap_put_u32(snapshot, SNAP_PROCESS_PID, process->pid);
    snap_put_u32(snapshot, SNAP_PROCESS_PPID, process->ppid);
    snap_put_u32(snapshot, SNAP_PROCESS_PGID, process->pgid);
    snap_put_u32(snapshot, SNAP_PROCESS_SID, process->sid);
    save_text(save, SNAP_PROCESS_NAME, short_name(process));
    save_text(save, SNAP_PROCESS_EXE, terminated(process->image_name));
    snap_put_text(snapshot, SNAP_PROCESS_STATE, process->stopped ? "stopped" : "alive");
    snap_put_command(&save->snapshot, process->command, process->command_length);
    put_addresses(save);
    snap_put_u32(snapshot, SNAP_PROCESS_PRIORITY_CLASS, process->priority_class);
    snap_put_u32(snapshot, SNAP_PROCESS_ERROR_MODE, process->error_mode);
    snap_put_u32(snapshot, SNAP_PROCESS_IGNORES,
                 (uint32_t)process->ctrl_c_ignored | (uint32_t)process->ignores_ctrl_c << 1);
    snap_put_u64(snapshot, SNAP_PROCESS_CREATED, process->create_time);
    if (process->job)
        snap_put_u32(snapshot, SNAP_PROCESS_JOB, save_object(save, process->job));
    if (process->console)
        console_save(process->console, snapshot);
    find_standard(save);
}

/* ---- threads ---------------------------------------------------------------------------------------- */

/* Before its first instruction a thread has its start context, and no registers. */
static struct registers registers_of(const struct nt_thread *thread)
{
    const CONTEXT *context = thread->start_context;
    if (!context)
        return thread->frame->regs;
    return (struct registers){.eip = context->Eip,
                              .esp = context->Esp,
                              .eax = context->Eax,
                              .ebx = context->Ebx,
                              .eflags = context->EFlags,
                              .cs = context->SegCs,
                              .ss = context->SegSs,
                              .ds = context->SegDs,
                              .es = context->SegEs,
                              .fs = context->SegFs};
}

/* The signal that a debugger of Unix programs knows an exception by. */
static uint32_t signal_of(uint32_t code)
{
    switch ((NTSTATUS)code) {
    case STATUS_ILLEGAL_INSTRUCTION:
    case STATUS_PRIVILEGED_INSTRUCTION:
        return 4;
    case STATUS_STACK_BUFFER_OVERRUN:
        return 6;
    case STATUS_INTEGER_DIVIDE_BY_ZERO:
    case STATUS_INTEGER_OVERFLOW:
    case STATUS_FLOAT_DIVIDE_BY_ZERO:
    case STATUS_FLOAT_INVALID_OPERATION:
    case STATUS_FLOAT_MULTIPLE_TRAPS:
        return 8;
    }
    return 11;
}

static void put_status(struct save *save, const struct nt_thread *thread)
{
    uint32_t signal = save->crash.thread == thread ? signal_of(save->crash.code) : 0;
    const struct nt_process *process = save->process;
    struct registers regs = registers_of(thread);
    struct core_prstatus status = {
        .signo = signal,
        .cursig = (uint16_t)signal,
        .pid = thread->tid,
        .ppid = process->ppid,
        .pgrp = process->pgid,
        .sid = process->sid,
        .regs = capture_registers(&regs, thread->restarted ? regs.eax : UINT32_MAX),
        .fpvalid = 1,
    };
    snap_note_standard(&save->snapshot, "CORE", CORE_PRSTATUS, &status, sizeof status);
}

static void put_psinfo(struct save *save)
{
    const struct nt_process *process = save->process;
    struct core_prpsinfo info = {.state = process->stopped ? 3 : 1,
                                 .state_name = process->stopped ? 'T' : 'S',
                                 .uid = (uint16_t)process->uid,
                                 .pid = process->pid,
                                 .ppid = process->ppid,
                                 .pgrp = process->pgid,
                                 .sid = process->sid};
    struct text name = short_name(process);
    (void)utf16_to_utf8(name.chars, name.length, info.fname, sizeof info.fname - 1);
    for (uint32_t i = 0; i < sizeof info.psargs - 1 && i + 1 < process->command_length; i++)
        info.psargs[i] = process->command[i] ? process->command[i] : ' ';
    snap_note_standard(&save->snapshot, "CORE", CORE_PRPSINFO, &info, sizeof info);
}

static void put_fpu(struct save *save, const struct nt_thread *thread)
{
    uint8_t state[FPU_STATE_SIZE] __attribute__((aligned(16)));
    FLOATING_SAVE_AREA legacy;
    if (guest_fpu_read(thread->server_thread, state) != OK)
        return;
    context_fpu_legacy(state, &legacy);
    snap_note_standard(&save->snapshot, "CORE", CORE_FPREGSET, &legacy,
                       offsetof(FLOATING_SAVE_AREA, Cr0NpxState));
    snap_note_standard(&save->snapshot, "LINUX", LINUX_PRXFPREG, state, sizeof state);
}

/* The call that a thread will issue again, as a line for readers. */
static void put_wait(struct save *save, const struct nt_thread *thread)
{
    const struct registers *regs = &thread->frame->regs;
    const struct bound_call *call = ntdll_call(thread->process, regs->eax);
    uint32_t words = call && call->words < WAIT_ARGUMENTS ? call->words : WAIT_ARGUMENTS;
    uint32_t arguments[WAIT_ARGUMENTS] = {0}, done;
    char text[96];
    if (!call)
        return;
    (void)!space_read(thread->process->space, regs->edx, arguments, sizeof arguments, &done);
    int at = snprintf(text, sizeof text, "%s", call->name);
    for (uint32_t i = 0; i < words && at > 0 && (uint32_t)at < sizeof text; i++)
        at += snprintf(text + at, sizeof text - (uint32_t)at, " %#x", arguments[i]);
    snap_put_text(&save->snapshot, SNAP_THREAD_WAIT, text);
}

static void put_restart(struct save *save, const struct nt_thread *thread)
{
    struct snapshot *snapshot = &save->snapshot;
    uint64_t now = nt_time(), due = thread->wait_deadline;
    if (!thread->restarted)
        return;
    snap_put_u32(snapshot, SNAP_THREAD_CALL, thread->frame->regs.eax);
    put_wait(save, thread);
    if (due)
        snap_put_u64(snapshot, SNAP_THREAD_RESTART_LEFT, due > now ? (due - now) * 100 : 0);
}

static void put_thread(struct save *save, const struct nt_thread *thread)
{
    struct snapshot *snapshot = &save->snapshot;
    snap_note_begin(snapshot, SNAP_THREAD);
    snap_put_u32(snapshot, SNAP_THREAD_TID, thread->tid);
    snap_put_text(snapshot, SNAP_THREAD_STATE,
                  thread->suspend_count ? "stopped"
                  : thread->restarted   ? "blocked"
                                        : "running");
    snap_put_u32(snapshot, SNAP_THREAD_TEB, thread->teb);
    snap_put_u32(snapshot, SNAP_THREAD_SUSPENDED, thread->suspend_count);
    snap_put_u32(snapshot, SNAP_THREAD_START, thread->start);
    snap_put_u32(snapshot, SNAP_THREAD_PARAMETER, thread->parameter);
    snap_put_u32(snapshot, SNAP_THREAD_STACK_ALLOCATION, thread->stack_allocation);
    snap_put_u32(snapshot, SNAP_THREAD_STACK_BASE, thread->stack_base);
    snap_put_u32(snapshot, SNAP_THREAD_STACK_LIMIT, thread->stack_limit);
    snap_put_u32(snapshot, SNAP_THREAD_ALERTED, thread->alerted);
    snap_put_u32(snapshot, SNAP_THREAD_PRIORITY, (uint32_t)thread->base_priority);
    snap_put_u64(snapshot, SNAP_THREAD_CREATED, thread->create_time);
    if (thread->description)
        save_text(save, SNAP_THREAD_NAME,
                  (struct text){thread->description, thread->description_length / sizeof(WCHAR)});
    if (thread->start_context)
        snap_put(snapshot, SNAP_THREAD_CONTEXT, thread->start_context,
                 sizeof *thread->start_context);
    put_restart(save, thread);
}

static void put_apcs(struct save *save, const struct nt_thread *thread)
{
    struct snapshot *snapshot = &save->snapshot;
    list_each(apc, &thread->apcs, struct apc, link)
    {
        if (apc->owner) {
            /* Of a timer; what it belongs to is not known here. */
            save_refuse(save, ERR_BUSY, "a timer's procedure is about to run: try again");
            return;
        }
        snap_note_begin(snapshot, SNAP_APC);
        snap_put_u32(snapshot, SNAP_APC_TID, thread->tid);
        snap_put_u32(snapshot, SNAP_APC_FUNCTION, apc->function);
        snap_put(snapshot, SNAP_APC_ARGUMENTS, apc->arguments, sizeof apc->arguments);
    }
}

static void put_all_of(struct save *save, const struct nt_thread *thread, bool first)
{
    put_status(save, thread);
    if (first)
        put_psinfo(save);
    put_fpu(save, thread);
    put_thread(save, thread);
    put_apcs(save, thread);
}

/* gdb's order: the thread that it shows first, with what is the process's own, then the others. */
void save_threads(struct save *save)
{
    const struct list *threads = &save->process->threads;
    const struct nt_thread *first = container_of(threads->next, struct nt_thread, link);
    if (save->crash.thread)
        first = save->crash.thread;
    put_all_of(save, first, true);
    list_each(thread, threads, struct nt_thread, link)
    {
        if (thread != first)
            put_all_of(save, thread, false);
    }
}
