/* SPDX-License-Identifier: MIT */
/*
 * Threads: creation, blocking and waking, kicks, kills and the end.
 *
 * References of a thread object: one is the thread's own while it lives, given up by
 * thread_free_dead() on the next thread's stack; handles and whoever created it have theirs. The
 * kernel stack goes with the thread's life, the structure with the last reference.
 *
 * Kick and kill are bits of `attention`. A kick is delivered once: to an interruptible block, or to
 * the guest that the thread runs. A kill ends every block with CANCELLED and every later one at
 * once, so that the thread unwinds to kernel_exit_work(), which is where it ends.
 */
#include <kernel/log.h>
#include <kernel/memory.h>
#include <kernel/thread.h>

static struct thread boot_thread;

static void thread_destroy(struct object *object)
{
    struct thread *thread = thread_from_object(object);

    assert(thread->state == THREAD_DEAD && !thread->kernel_stack);
    if (thread->process)
        object_release(&thread->process->object);
    heap_free(thread);
}

static const struct object_ops thread_ops = {.name = "thread", .destroy = thread_destroy};

struct thread *thread_from_object(struct object *object)
{
    assert(object->type == OBJECT_THREAD);
    return list_entry(object, struct thread, object);
}

void thread_system_init(void)
{
    boot_thread.priority = boot_thread.lent_priority = PRIORITY_IDLE;
    boot_thread.slice_ticks = SLICE_NORMAL;
    list_init(&boot_thread.run_link);
    arch_thread_init_boot(&boot_thread);
    scheduler_init(&boot_thread);
}

/* ---- creation ---- */

static void block_timed_out(struct timeout *timeout)
{
    thread_wake(list_entry(timeout, struct thread, timeout), ERR_TIMED_OUT);
}

/* A thread with a stack, in no process and on no queue. */
static status_t thread_allocate(struct process *process, struct thread **result)
{
    struct object *object;
    status_t status = ERR_NO_MEMORY;

    if (frame_available(FRAME_FOR_SMALL))
        status = object_new(sizeof **result, &thread_ops, OBJECT_THREAD, process, &object);
    if (status != OK)
        return status;
    struct thread *thread = thread_from_object(object);
    assert((uintptr_t)thread->arch.fpu % 16 == 0);
    thread->kernel_stack = arch_stack_alloc();
    if (!thread->kernel_stack) {
        object_cancel(object);
        return ERR_NO_MEMORY;
    }
    list_init(&thread->process_link);
    list_init(&thread->run_link);
    list_init(&thread->call_link);
    thread->timeout.fire = block_timed_out;
    thread->priority = thread->lent_priority = PRIORITY_NORMAL;
    thread->slice_ticks = SLICE_NORMAL;
    *result = thread;
    return OK;
}

/* The first reference is the thread's own; the caller gets another if it wants one. */
static void thread_start(struct thread *thread, struct thread **result)
{
    if (result) {
        object_hold(&thread->object);
        *result = thread;
    }
    thread_make_ready(thread, false);
}

status_t thread_create_kernel(const char *name, void (*entry)(void *), void *argument,
                              struct thread **result)
{
    struct thread *thread;
    status_t status = thread_allocate(NULL, &thread);

    if (status != OK) {
        log_print("no memory for kernel thread %s\n", name);
        return status;
    }
    arch_thread_init_kernel(thread, entry, argument);
    thread_start(thread, result);
    return OK;
}

status_t thread_create_user(struct process *process, uint32_t eip, uint32_t esp, uint32_t eax,
                            struct thread **result)
{
    struct thread *thread;
    status_t status = thread_allocate(process, &thread);

    if (status != OK)
        return status;
    arch_thread_init_user(thread, process->flags & PROCESS_SERVER, eip, esp, eax);
    status = process_thread_add(process, thread);
    if (status != OK) {
        arch_stack_free(thread->kernel_stack);
        object_cancel(&thread->object);
        return status;
    }
    thread->process = process;
    object_hold(&process->object);
    thread->space = process->space;
    object_hold(space_object(thread->space));
    thread_start(thread, result);
    return OK;
}

/* ---- the end ---- */

void thread_exit_current(int32_t code)
{
    struct thread *thread = current;

    thread->exit_code = code;
    thread_account_current();
    timeout_stop(&thread->timeout);
    if (thread->process)
        process_thread_remove(thread->process, thread);
    thread_set_space(NULL);
    object_signal(&thread->object, 0, SIGNAL_TERMINATED);
    thread_end_switch(thread);
}

void thread_free_dead(struct thread *dead)
{
    arch_thread_release(dead);
    arch_stack_free(dead->kernel_stack);
    dead->kernel_stack = NULL;
    object_release(&dead->object);
}

void thread_kill(struct thread *thread)
{
    thread->attention |= ATTENTION_KILL;
    thread_wake(thread, ERR_CANCELLED);
}

/* ---- blocking ---- */

/* Why a block would end before it began, or OK. */
static status_t block_refused(ktime_t deadline, bool interruptible)
{
    if (current->attention & ATTENTION_KILL)
        return ERR_CANCELLED;
    if (deadline == DEADLINE_POLL)
        return ERR_SHOULD_WAIT;
    if (interruptible && (current->attention & ATTENTION_KICK)) {
        current->attention &= ~(uint32_t)ATTENTION_KICK;
        return ERR_INTERRUPTED;
    }
    if (deadline != DEADLINE_NEVER && deadline <= arch_clock_now())
        return ERR_TIMED_OUT;
    return OK;
}

status_t thread_block(ktime_t deadline, bool interruptible)
{
    status_t status = block_refused(deadline, interruptible);

    if (status != OK)
        return status;
    if (deadline != DEADLINE_NEVER)
        timeout_start(&current->timeout, deadline);
    current->interruptible = interruptible;
    current->state = THREAD_BLOCKED;
    schedule();
    return current->wake_status;
}

void thread_block_always(void)
{
    current->interruptible = false;
    current->state = THREAD_BLOCKED;
    schedule();
}

void thread_wake(struct thread *thread, status_t status)
{
    if (thread->state != THREAD_BLOCKED)
        return;
    timeout_stop(&thread->timeout);
    thread->wake_status = status;
    thread_make_ready(thread, thread->slice != 0);
}

void thread_kick_thread(struct thread *thread)
{
    if (thread->state == THREAD_BLOCKED && thread->interruptible)
        thread_wake(thread, ERR_INTERRUPTED);
    else if (thread->state != THREAD_DEAD)
        thread->attention |= ATTENTION_KICK;
}

/* ---- on the way out of the kernel ---- */

void kernel_exit_work(void)
{
    for (;;) {
        if (current->attention & ATTENTION_KILL)
            thread_exit_current(current->process->exit_code);
        if (current->attention & ATTENTION_SUSPEND) {
            current->parked = true;
            /* CANCELLED is a kill, which the next turn sees. */
            (void)!wait_queue_block(&current->process->suspended_threads, DEADLINE_NEVER, false);
            current->parked = false;
        } else if (current->attention & ATTENTION_RESCHEDULE)
            schedule();
        else
            break;
    }
    if ((current->attention & ATTENTION_KICK) && current->arch.in_guest) {
        current->attention &= ~(uint32_t)ATTENTION_KICK;
        arch_guest_leave(current, GUEST_KICKED, 0, 0, 0);
    }
}

void thread_set_space(struct space *space)
{
    struct space *old = current->space;

    if (space)
        object_hold(space_object(space));
    current->space = space;
    current->attention |= ATTENTION_ENTER_SLOW;
    arch_space_switch(space ? space_arch(space) : NULL);
    if (old)
        object_release(space_object(old));
}
