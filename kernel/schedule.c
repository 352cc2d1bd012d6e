/* SPDX-License-Identifier: MIT */
/*
 * Which thread runs: 32 priorities, round robin within one, and the clock tick with the time-outs.
 *
 * Every READY thread is on run_queues[effective priority], and no other thread is; ready_mask has
 * the bit of each queue that is not empty. The idle thread is on no queue: it runs when ready_mask
 * is 0. A thread that lost the processor to a more urgent one goes back to the head of its queue
 * with what is left of its slice, one whose slice is used up to the tail. A thread that wakes with
 * something left of its slice goes to the head too: who waits more than it computes does not stand
 * behind a whole slice of everyone who only computes, and who computes more has no slice left.
 */
#include <kernel/log.h>
#include <kernel/memory.h>
#include <kernel/thread.h>

#define NS_PER_TICK (1000000000u / TICK_HZ)

struct thread *current;

static struct list run_queues[PRIORITY_COUNT];
static uint32_t ready_mask;
static struct thread *idle_thread;
static struct list timeouts;
static struct thread *dead_thread; /* its stack was in use until the switch away from it */

void scheduler_init(struct thread *idle)
{
    for (uint32_t i = 0; i < PRIORITY_COUNT; i++)
        list_init(&run_queues[i]);
    list_init(&timeouts);
    idle->state = THREAD_RUNNING;
    idle_thread = current = idle;
    idle->switched_in = arch_clock_now();
}

/* ---- run queues ---- */

static uint32_t effective_priority(const struct thread *thread)
{
    return thread->lent_priority > thread->priority ? thread->lent_priority : thread->priority;
}

static void enqueue(struct thread *thread, bool first)
{
    uint32_t priority = effective_priority(thread);

    thread->state = THREAD_READY;
    if (first)
        list_prepend(&run_queues[priority], &thread->run_link);
    else
        list_append(&run_queues[priority], &thread->run_link);
    ready_mask |= 1u << priority;
}

static void dequeue(struct thread *thread)
{
    uint32_t priority = effective_priority(thread);

    list_remove(&thread->run_link);
    if (list_empty(&run_queues[priority]))
        ready_mask &= ~(1u << priority);
}

static bool more_urgent(const struct thread *thread, const struct thread *than)
{
    return than == idle_thread || effective_priority(thread) > effective_priority(than);
}

void thread_make_ready(struct thread *thread, bool first)
{
    enqueue(thread, first);
    if (more_urgent(thread, current))
        current->attention |= ATTENTION_RESCHEDULE;
}

void thread_handoff(struct thread *thread)
{
    if (thread->state == THREAD_BLOCKED)
        thread_wake(thread, OK);
    if (thread->state != THREAD_READY)
        return;
    dequeue(thread);
    enqueue(thread, true);
}

static void change_priority(struct thread *thread, uint32_t own, uint32_t lent)
{
    bool queued = thread->state == THREAD_READY;

    if (queued)
        dequeue(thread);
    thread->priority = own;
    thread->lent_priority = lent > own ? lent : own;
    if (queued)
        thread_make_ready(thread, false);
    else if (thread == current && ready_mask >> effective_priority(thread) > 1)
        thread->attention |= ATTENTION_RESCHEDULE;
}

void thread_lend_priority(struct thread *to, uint32_t priority)
{
    if ((priority > to->priority ? priority : to->priority) != to->lent_priority)
        change_priority(to, to->priority, priority);
}

void thread_set_priority(struct thread *thread, uint32_t priority)
{
    assert(priority < PRIORITY_COUNT);
    change_priority(thread, priority,
                    thread->lent_priority > thread->priority ? thread->lent_priority : 0);
}

/* ---- the switch ---- */

void thread_account_current(void)
{
    ktime_t now = arch_clock_now();

    current->cpu_time += now - current->switched_in;
    if (current == idle_thread)
        kernel_statistics.idle_time += now - current->switched_in;
    current->switched_in = now;
}

static struct thread *take_next(void)
{
    struct thread *next;

    if (!ready_mask)
        return idle_thread;
    next = list_entry(run_queues[31 - __builtin_clz(ready_mask)].next, struct thread, run_link);
    dequeue(next);
    return next;
}

/* On the new thread's stack, the first thing after a switch. */
static void finish_switch(void)
{
    struct thread *dead = dead_thread;

    dead_thread = NULL;
    if (dead)
        thread_free_dead(dead);
}

void kernel_thread_started(void)
{
    finish_switch();
}

/* Kernel threads have no space and run in whichever is loaded. */
static void switch_to(struct thread *next)
{
    struct thread *previous = current;

    thread_account_current();
    next->switched_in = previous->switched_in;
    next->state = THREAD_RUNNING;
    if (!next->slice)
        next->slice = next->slice_ticks;
    kernel_statistics.context_switches++;
    current = next;
    if (next->space)
        arch_space_switch(space_arch(next->space));
    arch_switch(previous, next);
    finish_switch();
}

void schedule(void)
{
    struct thread *next;

    current->attention &= ~(uint32_t)ATTENTION_RESCHEDULE;
    if (current->state == THREAD_RUNNING && current != idle_thread)
        enqueue(current, current->slice != 0);
    next = take_next();
    if (next != current) {
        switch_to(next);
        return;
    }
    current->state = THREAD_RUNNING;
    if (!current->slice)
        current->slice = current->slice_ticks;
}

void thread_yield_current(void)
{
    current->slice = 0;
    schedule();
}

void thread_end_switch(struct thread *dead)
{
    assert(dead == current && !dead_thread);
    dead->state = THREAD_DEAD;
    dead_thread = dead;
    schedule();
    panic("thread %u runs after its end", dead->object.id);
}

/* ---- the tick ---- */

void timeout_start(struct timeout *timeout, ktime_t deadline)
{
    struct list *after = timeouts.previous;

    timeout_stop(timeout);
    timeout->deadline = deadline;
    while (after != &timeouts && list_entry(after, struct timeout, link)->deadline > deadline)
        after = after->previous;
    list_insert_before(after->next, &timeout->link);
}

/* A timeout that was never started is all zeroes. */
void timeout_stop(struct timeout *timeout)
{
    if (timeout->link.next)
        list_remove(&timeout->link);
}

static void run_timeouts(ktime_t now)
{
    while (!list_empty(&timeouts)) {
        struct timeout *first = list_entry(timeouts.next, struct timeout, link);

        if (first->deadline > now)
            return;
        list_remove(&first->link);
        first->fire(first);
    }
}

void kernel_tick(void)
{
    kernel_statistics.interrupts++;
    run_timeouts(arch_clock_now());
    if (current == idle_thread)
        return;
    if (current->arch.in_guest)
        current->guest_time += NS_PER_TICK;
    if (current->slice && --current->slice == 0) {
        if (ready_mask >> effective_priority(current))
            current->attention |= ATTENTION_RESCHEDULE;
        else
            current->slice = current->slice_ticks;
    }
}
