/* SPDX-License-Identifier: MIT */
/*
 * Threads of a snapshot, not launched: each goes on with the registers it has there, and issues the
 * call again that it was blocked in, with what is left of its time-out.
 */
#include <personalities/nt/context.h>
#include <personalities/nt/process.h>
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

#define THREADS_MAX 4096u

struct nt_thread *restored_thread(const struct restore *restore, uint32_t tid)
{
    for (const struct restore *each = restore->group->members; each; each = each->next)
        list_each(thread, &each->process->threads, struct nt_thread, link)
        {
            if (thread->tid == tid)
                return thread;
        }
    return NULL;
}

/* What ring 3 may have. */
static void take_registers(const struct core_registers *from, struct registers *regs)
{
    *regs = capture_registers_back(from);
    regs->eflags = context_guest_flags(from->eflags);
    regs->cs = GUEST_CS;
    regs->ss = regs->ds = regs->es = GUEST_DS;
    regs->fs = GUEST_TLS_SELECTOR(NT_TEB_SLOT);
    regs->gs &= 0xffff;
}

static NTSTATUS take_state(struct nt_thread *thread, const struct snap_note *status,
                           const struct snap_note *fpu)
{
    struct core_prstatus prstatus;
    if (!status || status->size != sizeof prstatus || !fpu || fpu->size != FPU_STATE_SIZE)
        return STATUS_INVALID_IMAGE_FORMAT;
    thread->state = malloc(sizeof *thread->state);
    if (!thread->state)
        return STATUS_NO_MEMORY;
    memcpy(&prstatus, status->data, sizeof prstatus);
    memcpy(thread->state->fpu, fpu->data, FPU_STATE_SIZE);
    take_registers(&prstatus.regs, &thread->state->registers);
    return STATUS_SUCCESS;
}

/* One that had not begun has its first context, in which nothing is left to chance either. */
static NTSTATUS take_context(struct nt_thread *thread, const struct snap_note *note)
{
    CONTEXT context;
    if (!restored_bytes(note, SNAP_THREAD_CONTEXT, &context, sizeof context))
        return STATUS_SUCCESS;
    thread->start_context = malloc(sizeof context);
    if (!thread->start_context)
        return STATUS_NO_MEMORY;
    context_start(thread, context.Eip, context.Esp, context.Eax, context.Ebx,
                  thread->start_context);
    return context_set(thread, &context);
}

static void take_wait(struct nt_thread *thread, const struct snap_note *note)
{
    uint32_t length;
    uint64_t left = snap_get_u64(note, SNAP_THREAD_RESTART_LEFT, UINT64_MAX);
    thread->restarted = snap_get(note, SNAP_THREAD_CALL, &length) != NULL;
    thread->wait_deadline = left == UINT64_MAX ? 0 : nt_time() + left / 100;
}

static NTSTATUS take_thread(struct restore *restore, const struct snap_note *note,
                            const struct snap_note *status, const struct snap_note *fpu)
{
    uint32_t tid = snap_get_u32(note, SNAP_THREAD_TID, 0), length;
    struct nt_thread *thread =
        restored_thread(restore, tid) ? NULL : nt_thread_restore(restore->process, tid);
    if (!thread)
        return restore_refuse(restore, STATUS_INVALID_IMAGE_FORMAT, "an impossible thread (%u)",
                              tid);
    thread->teb = snap_get_u32(note, SNAP_THREAD_TEB, 0);
    thread->start = snap_get_u32(note, SNAP_THREAD_START, 0);
    thread->parameter = snap_get_u32(note, SNAP_THREAD_PARAMETER, 0);
    thread->stack_allocation = snap_get_u32(note, SNAP_THREAD_STACK_ALLOCATION, 0);
    thread->stack_base = snap_get_u32(note, SNAP_THREAD_STACK_BASE, 0);
    thread->stack_limit = snap_get_u32(note, SNAP_THREAD_STACK_LIMIT, 0);
    thread->suspend_count = snap_get_u32(note, SNAP_THREAD_SUSPENDED, 0) & 0x7f;
    thread->alerted = snap_get_u32(note, SNAP_THREAD_ALERTED, 0);
    thread->base_priority = (int32_t)snap_get_u32(note, SNAP_THREAD_PRIORITY, 0);
    thread->create_time = snap_get_u64(note, SNAP_THREAD_CREATED, nt_time());
    thread->description = restored_text(note, SNAP_THREAD_NAME, &length);
    thread->description_length = thread->description ? length * sizeof(WCHAR) : 0;
    take_wait(thread, note);
    NTSTATUS error = take_context(thread, note);
    return error || thread->start_context ? error : take_state(thread, status, fpu);
}

NTSTATUS restore_threads(struct restore *restore)
{
    const struct snapshot *snapshot = &restore->snapshot;
    const struct snap_note *note = snap_next(snapshot, SNAP_THREAD, NULL);
    const struct snap_note *status = snap_next_standard(snapshot, CORE_PRSTATUS, NULL);
    const struct snap_note *fpu = snap_next_standard(snapshot, LINUX_PRXFPREG, NULL);
    NTSTATUS error = STATUS_SUCCESS;
    while (note && !error) {
        if (restore->process->thread_count == THREADS_MAX)
            return restore_refuse(restore, STATUS_INVALID_IMAGE_FORMAT, "too many threads");
        error = take_thread(restore, note, status, fpu);
        note = snap_next(snapshot, SNAP_THREAD, note);
        status = status ? snap_next_standard(snapshot, CORE_PRSTATUS, status) : NULL;
        fpu = fpu ? snap_next_standard(snapshot, LINUX_PRXFPREG, fpu) : NULL;
    }
    return error;
}

/* ---- with the memory there ------------------------------------------------------------------------ */

NTSTATUS restore_apcs(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_APC, NULL);
    NTSTATUS status = STATUS_SUCCESS;
    for (; note && !status; note = snap_next(&restore->snapshot, SNAP_APC, note)) {
        struct nt_thread *thread = restored_thread(restore, snap_get_u32(note, SNAP_APC_TID, 0));
        uint32_t arguments[3];
        if (!thread || !restored_bytes(note, SNAP_APC_ARGUMENTS, arguments, sizeof arguments))
            return STATUS_INVALID_IMAGE_FORMAT;
        status = apc_queue(thread, snap_get_u32(note, SNAP_APC_FUNCTION, 0), arguments[0],
                           arguments[1], arguments[2]);
    }
    return status;
}

/* Programs read their ids in the TEB: a process with another number tells them so there. */
NTSTATUS restore_ids(struct restore *restore)
{
    struct nt_process *process = restore->process;
    uint32_t id = process->pid * 4, done;
    if (process->pid == restore->old_pid)
        return STATUS_SUCCESS;
    list_each(thread, &process->threads, struct nt_thread, link)
    {
        uint32_t places[] = {thread->teb + offsetof(TEB, ClientId.UniqueProcess),
                             thread->teb + offsetof(TEB, RealClientId.UniqueProcess)};
        for (uint32_t i = 0; i < 2; i++)
            if (space_write(process->space, places[i], &id, sizeof id, &done) != OK)
                return STATUS_INVALID_IMAGE_FORMAT;
    }
    return STATUS_SUCCESS;
}
