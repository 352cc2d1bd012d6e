/* SPDX-License-Identifier: MIT */
/* Things that are due at a time. See timeout.h. */
#include "timeout.h"

#include <atomik/syscall.h>

#include "task.h"

static struct list running = LIST_INIT(running);
static uint32_t first_word; /* futex: changes when the first deadline does */

void timeout_init(struct timeout *timeout, void (*expire)(struct timeout *timeout, ktime_t time))
{
    list_init(&timeout->link);
    timeout->running = false;
    timeout->expire = expire;
}

void timeout_stop(struct timeout *timeout)
{
    timeout->running = false;
    list_remove(&timeout->link);
}

void timeout_start(struct timeout *timeout, ktime_t deadline)
{
    struct list *before = &running;
    timeout_stop(timeout);
    timeout->deadline = deadline;
    timeout->running = true;
    list_each(each, &running, struct timeout, link)
    {
        if (each->deadline > deadline) {
            before = &each->link;
            break;
        }
    }
    list_append(before, &timeout->link);
    if (running.next == &timeout->link) {
        first_word++;
        ignore(futex_wake((uintptr_t)&first_word, 1, NULL));
    }
}

uint64_t timeout_left(const struct timeout *timeout)
{
    ktime_t time = now();
    if (!timeout->running)
        return 0;
    return timeout->deadline > time ? timeout->deadline - time : 1;
}

static void timeout_thread(void *unused)
{
    (void)unused;
    for (;;) {
        ktime_t deadline = DEADLINE_NEVER;
        server_lock();
        while (!list_empty(&running)) {
            struct timeout *first = container_of(running.next, struct timeout, link);
            ktime_t time = now();
            if (first->deadline > time) {
                deadline = first->deadline;
                break;
            }
            timeout_stop(first);
            first->expire(first, time);
        }
        uint32_t word = first_word;
        server_unlock();
        ignore(futex_wait((uintptr_t)&first_word, word, deadline, CALL_UNINTERRUPTIBLE));
    }
}

void timeouts_begin(void)
{
    worker_background(timeout_thread, NULL);
}
