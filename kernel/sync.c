/* SPDX-License-Identifier: MIT */
/*
 * Wait queues and mutexes for the kernel's own use. The kernel is not preemptible, so a mutex is
 * needed only for what must stay true across a block.
 */
#include <kernel/log.h>
#include <kernel/thread.h>

void wait_queue_init(struct wait_queue *queue)
{
    list_init(&queue->waiters);
}

status_t wait_queue_block(struct wait_queue *queue, ktime_t deadline, bool interruptible)
{
    struct waiter waiter = {.thread = current};
    status_t status;

    list_append(&queue->waiters, &waiter.link);
    status = thread_block(deadline, interruptible);
    list_remove(&waiter.link);
    return status;
}

/* Wakes the first `count` that wait; they leave the list here, so that none is woken twice. */
uint32_t wait_queue_wake(struct wait_queue *queue, uint32_t count, status_t status)
{
    uint32_t woken = 0;

    while (woken < count && !list_empty(&queue->waiters)) {
        struct waiter *waiter = list_entry(queue->waiters.next, struct waiter, link);

        list_remove(&waiter->link);
        /* One that a timeout or kick has woken already is no longer blocked and does not count. */
        if (waiter->thread->state != THREAD_BLOCKED)
            continue;
        thread_wake(waiter->thread, status);
        woken++;
    }
    return woken;
}

void mutex_init(struct mutex *mutex)
{
    mutex->owner = NULL;
    wait_queue_init(&mutex->queue);
}

/* Ownership passes to the first waiter at the unlock. A thread that is killed still gets its turn. */
void mutex_lock(struct mutex *mutex)
{
    struct waiter waiter = {.thread = current};

    assert(mutex->owner != current);
    if (!mutex->owner) {
        mutex->owner = current;
        return;
    }
    list_append(&mutex->queue.waiters, &waiter.link);
    while (mutex->owner != current)
        thread_block_always();
    list_remove(&waiter.link);
}

void mutex_unlock(struct mutex *mutex)
{
    struct list *first = list_first(&mutex->queue.waiters);
    struct waiter *waiter;

    assert(mutex->owner == current);
    if (!first) {
        mutex->owner = NULL;
        return;
    }
    waiter = list_entry(first, struct waiter, link);
    list_remove(first);
    mutex->owner = waiter->thread;
    thread_wake(waiter->thread, OK);
}
