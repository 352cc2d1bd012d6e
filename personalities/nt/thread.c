/* SPDX-License-Identifier: MIT */
/*
 * Threads. Each has a server thread that runs the guest and handles its traps. Between two traps it
 * looks whether it is to end, to wait (suspended, or its process stopped), or to run an APC: only
 * there, so that the guest's registers are always at an instruction boundary when others see them.
 */
#include <personalities/nt/process.h>

#include <atomik/thread.h>
#include <personalities/nt/debug.h>
#include <personalities/nt/dispatch.h>
#include <personalities/nt/io.h>
#include <personalities/nt/ntdll.h>
#include <personalities/nt/wait.h>
#include <server/guest_enter.h>

#include <stdlib.h>
#include <string.h>

static void set_teb_segment(const struct nt_thread *thread)
{
    /* Data, writable, ring 3, 4 GiB: programs read with %fs only what lies in the TEB. */
    uint32_t base = thread->teb;
    uint32_t low = 0xffff | base << 16;
    uint32_t high = (base >> 16 & 0xff) | 0xf200 | 0xcf0000 | (base & 0xff000000);
    (void)!guest_tls(NT_TEB_SLOT, low, high);
}

/*
 * The first registers: LdrInitializeThunk(context), which initialises the process or thread and
 * then continues with the context, at RtlUserThreadStart(start, parameter).
 */
static bool enter_at_start(struct nt_thread *thread)
{
    CONTEXT *context = thread->start_context;
    uint32_t address = (context->Esp & ~3u) - sizeof *context;
    uint32_t frame[5] = {0xdeadbabe, address, 0, 0, 0};
    uint32_t esp = address - sizeof frame;
    if (guest_write(address, context, sizeof *context) || guest_write(esp, frame, sizeof frame))
        return false;
    struct registers *regs = &thread->frame->regs;
    memset(regs, 0, sizeof *regs);
    regs->eip = ntdll_entry(thread->process, NTDLL_LDR_INITIALIZE);
    regs->esp = esp;
    regs->cs = GUEST_CS;
    regs->ss = regs->ds = regs->es = GUEST_DS;
    regs->fs = GUEST_TLS_SELECTOR(NT_TEB_SLOT);
    regs->eflags = 0x202;
    thread->start_context = NULL;
    free(context);
    return true;
}

/* Goes on where a snapshot was taken. */
static bool take_state(struct nt_thread *thread)
{
    status_t status = guest_fpu_write(thread->server_thread, thread->state->fpu);
    thread->frame->regs = thread->state->registers;
    free(thread->state);
    thread->state = NULL;
    return status == OK;
}

static bool thread_prepare(struct nt_thread *thread)
{
    uint32_t frame;
    if (space_attach(thread->process->space) != OK || guest_bind(&frame) != OK ||
        guest_fpu_reset(0x27f) != OK)
        return false;
    thread->frame = (struct guest_frame *)frame;
    set_teb_segment(thread);
    return !thread->state || take_state(thread);
}

static bool must_end(const struct nt_thread *thread)
{
    return thread->terminating || thread->process->exiting;
}

static struct condition left_guest; /* or has parked, or ended */

static bool must_stand(const struct nt_thread *thread)
{
    return thread->suspend_count > 0 || thread->process->stopped || thread->process->frozen > 0 ||
           debug_holds(thread);
}

/* The point at which others find the thread; false: it is to end. */
static bool thread_look_up(struct nt_thread *thread)
{
    for (;;) {
        while (!must_end(thread) && must_stand(thread)) {
            thread->parked = true;
            condition_broadcast(&left_guest);
            thread_sleep(thread, 0);
        }
        thread->parked = false;
        if (must_end(thread))
            return false;
        if (thread->debug_event) {
            debug_resume(thread); /* may stop it again, or end it */
            continue;
        }
        if (!thread->start_context)
            return true;
        debug_thread_starts(thread);
        if (thread->debug_event)
            continue;
        if (!enter_at_start(thread)) {
            process_terminate_nt(thread->process, STATUS_NO_MEMORY);
            return false;
        }
    }
}

static void thread_run(struct nt_thread *thread)
{
    operations_begin(thread);
    while (thread_look_up(thread)) {
        thread->in_guest = true;
        nt_unlock();
        status_t status = guest_enter_fast();
        nt_lock();
        thread->in_guest = false;
        if (thread_attention(thread))
            condition_broadcast(&left_guest);
        if (status != OK)
            process_terminate_nt(thread->process, STATUS_INTERNAL_ERROR);
        else
            dispatch_trap(thread);
    }
}

/* Off the lists: nobody finds it any more but through handles. */

static void thread_gone(struct nt_thread *thread)
{
    struct nt_process *process = thread->process;
    list_remove(&thread->link);
    process->thread_count--;
    thread->exited = true;
    thread->exit_time = nt_time();
    object_changed(&thread->object);
    object_release(&thread->object); /* of the list */
}

static void thread_finish(struct nt_thread *thread)
{
    struct nt_process *process = thread->process;
    struct thread_info info;
    if (!thread->terminating)
        thread->exit_status = process->exit_status;
    io_cancel_thread(thread);
    while (!list_empty(&thread->apcs)) {
        struct apc *apc = container_of(thread->apcs.next, struct apc, link);
        list_remove(&apc->link);
        free(apc);
    }
    mutants_abandon(thread);
    if (!process->exiting)
        thread_free_memory(thread);
    if (thread_info(HANDLE_SELF, &info) == OK)
        process->cpu_time += (uint64_t)info.cpu_time_high << 32 | info.cpu_time_low;
    debug_thread_ends(thread);
    bool last = process->thread_count == 1;
    (void)!space_attach(HANDLE_NONE);
    if (last && !process->exiting) {
        process->exiting = true;
        process->exit_status = thread->exit_status;
    }
    condition_broadcast(&left_guest);
    object_hold(&process->object);
    thread_gone(thread);
    if (last)
        process_finish(process);
    object_release(&process->object);
}

void nt_thread_main(void *argument)
{
    struct nt_thread *thread = argument;
    nt_lock();
    if (thread_prepare(thread))
        thread_run(thread);
    else
        process_terminate_nt(thread->process, STATUS_NO_MEMORY);
    thread_finish(thread);
    object_release(&thread->object);
    nt_unlock();
}

void thread_discard(struct nt_thread *thread)
{
    thread_free_memory(thread);
    thread_gone(thread);
}

/* ---- what others do to it ---- */

void thread_prod(struct nt_thread *thread)
{
    thread_wake(thread);
    if (thread->server_thread)
        (void)!thread_kick(thread->server_thread);
}

void thread_terminate(struct nt_thread *thread, uint32_t code)
{
    if (thread->terminating || thread->exited)
        return;
    thread->terminating = true;
    thread->exit_status = code;
    thread_prod(thread);
}

void process_quiesce(struct nt_process *process, const struct nt_thread *except)
{
    for (;;) {
        bool running = false;
        list_each(thread, &process->threads, struct nt_thread, link) running |=
            thread != except && thread->in_guest && thread_attention(thread);
        if (!running)
            return;
        condition_wait(&left_guest, &nt_mutex);
    }
}

static bool all_parked(const struct nt_process *process)
{
    list_each(thread, &process->threads, struct nt_thread, link)
    {
        if (!thread->parked)
            return false;
    }
    return true;
}

status_t process_freeze(struct nt_process *process, ktime_t deadline)
{
    status_t status = OK;
    process->frozen++;
    list_each(thread, &process->threads, struct nt_thread, link)
    {
        if (!thread->parked)
            thread_prod(thread);
    }
    while (status == OK && !process->exiting && (process->building || !all_parked(process)))
        status = condition_wait_until(&left_guest, &nt_mutex, deadline) ? OK : ERR_TIMED_OUT;
    if (process->exiting)
        status = ERR_NO_PROCESS;
    if (status != OK)
        process_thaw(process);
    return status;
}

void process_thaw(struct nt_process *process)
{
    if (--process->frozen > 0)
        return;
    list_each(thread, &process->threads, struct nt_thread, link) thread_wake(thread);
}

void thread_quiesce(struct nt_thread *thread)
{
    while (thread->in_guest && !thread->exited)
        condition_wait(&left_guest, &nt_mutex);
}
