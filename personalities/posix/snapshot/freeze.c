/* SPDX-License-Identifier: MIT */
/* Bringing the threads of a process to a trap boundary and keeping them there. See freeze.h. */
#include "freeze.h"

#include "calls.h"
#include "self.h"
#include "task.h"

static uint32_t park_word; /* futex: changes whenever a thread parks, or its process goes */

void process_freeze_look(const struct process *process)
{
    if (!process->frozen)
        return;
    park_word++;
    ignore(futex_wake((uintptr_t)&park_word, UINT32_MAX, NULL));
}

void thread_stand_still(struct thread *thread)
{
    struct process *process = thread->process;
    thread->parked = true;
    process_freeze_look(process);
    wait_queue_sleep_until_end(&process->resumed, DEADLINE_NEVER);
    thread->parked = false;
}

static bool all_parked(struct process *process)
{
    list_each(thread, &process->threads, struct thread, link)
    {
        if (!thread->parked)
            return false;
    }
    return true;
}

static void notify_all(struct process *process)
{
    list_each(thread, &process->threads, struct thread, link) thread_notify(thread);
}

void process_thaw(uint32_t pid)
{
    struct process *process = process_find(pid);
    if (process && process->frozen > 0 && --process->frozen == 0)
        wait_queue_wake(&process->resumed, WAKE_ALL);
}

status_t process_freeze(uint32_t pid, ktime_t deadline)
{
    struct process *process = process_find(pid);
    if (!process || process->state != PROCESS_ALIVE || process->exiting)
        return ERR_NO_PROCESS;
    process->frozen++;
    notify_all(process);
    for (;;) {
        process = process_find(pid);
        if (!process || process->state != PROCESS_ALIVE || process->exiting)
            return ERR_NO_PROCESS;
        if (all_parked(process))
            return OK;
        uint32_t seen = park_word;
        server_unlock();
        status_t status = futex_wait((uintptr_t)&park_word, seen, deadline, CALL_UNINTERRUPTIBLE);
        server_lock();
        if (status == ERR_TIMED_OUT) {
            process_thaw(pid);
            return status;
        }
    }
}

/* The same as settle_call does when no signal has come. */
void thread_boundary_registers(const struct thread *thread, struct registers *registers)
{
    *registers = thread->frame->regs;
    if (thread->capture != CAPTURE_NONE) {
        registers->eax = CAPTURE_IN_SNAPSHOT;
        return;
    }
    if (!thread->in_call)
        return;
    switch (-(int32_t)registers->eax) {
    case ERESTARTSYS:
    case ERESTARTNOINTR:
    case ERESTARTNOHAND:
    case ERESTART_RESUME:
        registers->eax = thread->trap_number;
        registers->eip -= 2;
        break;
    case ERESTART_BLOCK:
        registers->eax = __NR_restart_syscall;
        registers->eip -= 2;
        break;
    }
}
