/* SPDX-License-Identifier: MIT */
/* Kernel threads, wait queues, mutexes and time-outs: the kernel's own building blocks. */
#include <kernel/ipc.h>
#include <kernel/log.h>
#include <kernel/selftest/selftest.h>

#define MS 1000000ull

static struct wait_queue queue;
static struct mutex mutex;
static volatile uint32_t steps, results[8];
static status_t seen;

static struct thread *start(void (*entry)(void *), void *argument)
{
    struct thread *thread;

    return thread_create_kernel("test", entry, argument, &thread) == OK ? thread : NULL;
}

static bool finish(struct thread *thread)
{
    bool ended =
        object_wait(&thread->object, SIGNAL_TERMINATED, arch_clock_now() + 1000 * MS, false) == OK;

    object_release(&thread->object);
    return ended;
}

static void wait_on_queue(void *unused)
{
    (void)unused;
    seen = wait_queue_block(&queue, DEADLINE_NEVER, true);
    steps++;
    thread_exit_current(0);
}

static void waiter_gets_the_status_of_the_wake(void)
{
    wait_queue_init(&queue);
    steps = 0;
    struct thread *thread = start(wait_on_queue, NULL);
    EXPECT(thread);
    thread_yield_current();
    EXPECT(steps == 0);
    EXPECT(wait_queue_wake(&queue, 1, ERR_IO_ERROR) == 1);
    EXPECT(finish(thread));
    EXPECT(steps == 1 && seen == ERR_IO_ERROR);
    EXPECT(wait_queue_wake(&queue, 1, OK) == 0);
}

static void kick_interrupts_an_interruptible_wait_once(void)
{
    wait_queue_init(&queue);
    struct thread *thread = start(wait_on_queue, NULL);
    EXPECT(thread);
    thread_yield_current();
    thread_kick_thread(thread);
    EXPECT(!(thread->attention & ATTENTION_KICK));
    EXPECT(finish(thread));
    EXPECT(seen == ERR_INTERRUPTED);
    EXPECT(list_empty(&queue.waiters));
}

static void kick_before_the_wait_is_not_lost(void)
{
    wait_queue_init(&queue);
    struct thread *thread = start(wait_on_queue, NULL);
    EXPECT(thread);
    thread_kick_thread(thread);
    EXPECT(finish(thread));
    EXPECT(seen == ERR_INTERRUPTED);
}

static void wait_ends_at_its_deadline(void)
{
    ktime_t start_time = arch_clock_now();

    wait_queue_init(&queue);
    EXPECT(wait_queue_block(&queue, start_time + 20 * MS, false) == ERR_TIMED_OUT);
    ktime_t waited = arch_clock_now() - start_time;
    EXPECT(waited >= 20 * MS && waited < 500 * MS);
    EXPECT(wait_queue_block(&queue, DEADLINE_POLL, false) == ERR_SHOULD_WAIT);
    EXPECT(list_empty(&queue.waiters));
}

static void lock_and_count(void *argument)
{
    mutex_lock(&mutex);
    results[steps++] = (uint32_t)(uintptr_t)argument;
    mutex_unlock(&mutex);
    thread_exit_current(0);
}

static void mutex_is_handed_on_in_order(void)
{
    struct thread *threads[3];

    mutex_init(&mutex);
    steps = 0;
    mutex_lock(&mutex);
    for (uint32_t i = 0; i < 3; i++) {
        threads[i] = start(lock_and_count, (void *)(uintptr_t)(i + 1));
        EXPECT(threads[i]);
        thread_yield_current();
    }
    EXPECT(steps == 0);
    mutex_unlock(&mutex);
    for (uint32_t i = 0; i < 3; i++)
        EXPECT(finish(threads[i]));
    EXPECT(results[0] == 1 && results[1] == 2 && results[2] == 3);
    EXPECT(!mutex.owner);
}

static void note_step(void *argument)
{
    results[steps++] = (uint32_t)(uintptr_t)argument;
    thread_exit_current(0);
}

static void higher_priority_runs_first(void)
{
    steps = 0;
    struct thread *low = start(note_step, (void *)1);
    struct thread *high = start(note_step, (void *)2);
    EXPECT(low && high);
    thread_set_priority(high, PRIORITY_NORMAL + 1);
    EXPECT(finish(low) && finish(high));
    EXPECT(results[0] == 2 && results[1] == 1);
}

static void lent_priority_counts_and_is_taken_back(void)
{
    steps = 0;
    struct thread *plain = start(note_step, (void *)1);
    struct thread *lent = start(note_step, (void *)2);
    EXPECT(plain && lent);
    thread_lend_priority(lent, PRIORITY_DRIVER);
    EXPECT(lent->lent_priority == PRIORITY_DRIVER && lent->priority == PRIORITY_NORMAL);
    EXPECT(finish(plain) && finish(lent));
    EXPECT(results[0] == 2 && results[1] == 1);
}

static struct timeout early, late;
static volatile uint32_t fired;

static void fire_early(struct timeout *timeout)
{
    (void)timeout;
    fired = fired * 10 + 1;
}

static void fire_late(struct timeout *timeout)
{
    (void)timeout;
    fired = fired * 10 + 2;
}

static void timeouts_fire_in_order_and_stopped_ones_do_not(void)
{
    static struct timeout stopped;
    ktime_t now = arch_clock_now();

    fired = 0;
    early.fire = fire_early;
    late.fire = fire_late;
    stopped.fire = fire_early;
    timeout_start(&late, now + 12 * MS);
    timeout_start(&early, now + 8 * MS);
    timeout_start(&stopped, now + 8 * MS);
    timeout_stop(&stopped);
    timeout_stop(&stopped);
    wait_queue_init(&queue);
    EXPECT(wait_queue_block(&queue, now + 40 * MS, false) == ERR_TIMED_OUT);
    EXPECT(fired == 12);
}

static void dead_threads_give_their_memory_back(void)
{
    uint32_t objects = object_total(), pages = 0;

    for (uint32_t i = 0; i < 64; i++) {
        struct thread *thread = start(note_step, NULL);
        steps = 0;
        EXPECT(thread && finish(thread));
        if (i == 8)
            pages = frame_free_count();
    }
    EXPECT(object_total() == objects);
    EXPECT(frame_free_count() + 8 >= pages);
}

void selftest_threads(void)
{
#define TEST(name)  \
    {               \
#name, name \
    }
    static const struct selftest tests[] = {
        TEST(waiter_gets_the_status_of_the_wake),
        TEST(kick_interrupts_an_interruptible_wait_once),
        TEST(kick_before_the_wait_is_not_lost),
        TEST(wait_ends_at_its_deadline),
        TEST(mutex_is_handed_on_in_order),
        TEST(higher_priority_runs_first),
        TEST(lent_priority_counts_and_is_taken_back),
        TEST(timeouts_fire_in_order_and_stopped_ones_do_not),
        TEST(dead_threads_give_their_memory_back),
    };
#undef TEST
    selftest_group(tests, sizeof tests / sizeof tests[0]);
}
