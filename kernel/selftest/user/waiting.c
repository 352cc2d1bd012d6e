/* SPDX-License-Identifier: MIT */
/* Events, timers, wait_any and futexes. */
#include <kernel/selftest/user/test.h>

#include <string.h>

static void event_keeps_its_user_signals(void)
{
    handle_t event;

    EXPECT_STATUS(event_create(1, &event), ERR_INVALID_ARGUMENT);
    EXPECT_OK(event_create(0x300, &event));
    EXPECT_OK(event_signal(event, 0x100, 0x80000000));
    EXPECT(signals_of(event) == 0x80000200);
    EXPECT_STATUS(event_signal(event, SIGNAL_READABLE, 0), ERR_INVALID_ARGUMENT);
    EXPECT_STATUS(event_signal(event, 0, SIGNAL_TERMINATED), ERR_INVALID_ARGUMENT);
    EXPECT(signals_of(event) == 0x80000200);
    EXPECT_OK(handle_close(event));
}

/* The key of the one watch that has fired; 0 if none has; UINT32_MAX for any other case. */
static uint32_t fired(handle_t event)
{
    uint32_t keys[4] = {0}, done = 9, readable = signals_of(event) & SIGNAL_READABLE;

    if (event_take(event, keys, 4, &done) != OK || done > 1 || !readable != !done)
        return UINT32_MAX;
    return done ? keys[0] : 0;
}

static void a_watch_fires_each_time(void)
{
    handle_t source, event;

    EXPECT_OK(event_create(0x100, &source));
    EXPECT_OK(event_create(0, &event));
    EXPECT_OK(event_watch(event, source, 0x300, 7));
    EXPECT(fired(event) == 7); /* it held already */
    EXPECT(fired(event) == 0);
    EXPECT_OK(event_signal(source, 0, 0x400));
    EXPECT(fired(event) == 0);
    EXPECT_OK(event_signal(source, 0, 0x100)); /* set before: told again */
    EXPECT_OK(event_signal(source, 0, 0x200));
    EXPECT(fired(event) == 7);
    EXPECT_OK(event_watch(event, source, 0x800, 7));
    EXPECT_OK(event_signal(source, 0, 0x300));
    EXPECT(fired(event) == 0);
    EXPECT_OK(event_signal(source, 0, 0x800));
    EXPECT_OK(event_watch(event, source, 0, 7));
    EXPECT_OK(event_watch(event, source, 0, 7));
    EXPECT(fired(event) == 0);
    EXPECT_OK(handle_close(source));
    EXPECT_OK(handle_close(event));
}

static void fired_watches_are_taken_in_order(void)
{
    handle_t sources[3], event;
    uint32_t keys[2], done;

    EXPECT_OK(event_create(0, &event));
    for (uint32_t i = 0; i < 3; i++) {
        EXPECT_OK(event_create(0, &sources[i]));
        EXPECT_OK(event_watch(event, sources[i], 0x100, 10 + i));
    }
    EXPECT_OK(event_watch(event, sources[0], 0x200, 20)); /* the same object again */
    EXPECT_OK(event_signal(sources[2], 0, 0x100));
    EXPECT_OK(event_signal(sources[0], 0, 0x200));
    EXPECT_OK(event_signal(sources[1], 0, 0x100));
    EXPECT_OK(event_take(event, keys, 2, &done));
    EXPECT(done == 2 && keys[0] == 12 && keys[1] == 20);
    EXPECT_OK(wait_for(event, SIGNAL_READABLE, DEADLINE_POLL));
    EXPECT(fired(event) == 11);
    EXPECT_STATUS(wait_for(event, SIGNAL_READABLE, DEADLINE_POLL), ERR_SHOULD_WAIT);
    for (uint32_t i = 0; i < 3; i++)
        EXPECT_OK(handle_close(sources[i]));
    EXPECT_OK(handle_close(event));
}

static void a_watch_of_a_stream_tells_what_arrives(void)
{
    handle_t read_end, write_end, event;
    uint32_t done;
    char bytes[8];

    EXPECT_OK(stream_create(64, &read_end, &write_end));
    EXPECT_OK(event_create(0, &event));
    EXPECT_OK(event_watch(event, read_end, SIGNAL_READABLE | SIGNAL_PEER_CLOSED, 1));
    EXPECT_OK(stream_write(write_end, "abcd", 4, &done, DEADLINE_POLL));
    EXPECT(fired(event) == 1);
    EXPECT_OK(stream_read(read_end, bytes, 1, &done, DEADLINE_POLL));
    EXPECT(fired(event) == 0); /* a read brings nothing new */
    EXPECT_OK(stream_write(write_end, "e", 1, &done, DEADLINE_POLL));
    EXPECT(fired(event) == 1);
    EXPECT_OK(handle_close(write_end));
    EXPECT(fired(event) == 1);
    EXPECT_OK(handle_close(read_end)); /* the watch still holds the object */
    EXPECT_OK(handle_close(event));
}

static void watches_in_a_circle_end(void)
{
    handle_t first, second;

    EXPECT_OK(event_create(0, &first));
    EXPECT_OK(event_create(0, &second));
    EXPECT_OK(event_watch(first, second, SIGNAL_READABLE, 1));
    EXPECT_OK(event_watch(second, first, SIGNAL_READABLE | 0x100, 2));
    EXPECT_OK(event_watch(first, first, SIGNAL_READABLE, 3));
    EXPECT_OK(event_signal(first, 0, 0x100));
    EXPECT(signals_of(first) == (0x100 | SIGNAL_READABLE));
    EXPECT(fired(second) == 2);
    EXPECT_OK(handle_close(first));
    EXPECT(fired(second) == 0);
    EXPECT_OK(handle_close(second));
}

static void event_watch_checks_its_arguments(void)
{
    handle_t event, timer, deaf;
    uint32_t keys[2], done;

    EXPECT_OK(event_create(0, &event));
    EXPECT_OK(timer_create(&timer));
    EXPECT_OK(handle_duplicate(event, RIGHT_WAIT, &deaf));
    EXPECT_STATUS(event_watch(event, 0xdead, 1, 1), ERR_BAD_HANDLE);
    EXPECT_STATUS(event_watch(timer, event, 1, 1), ERR_WRONG_TYPE);
    EXPECT_STATUS(event_watch(deaf, timer, 1, 1), ERR_ACCESS_DENIED);
    EXPECT_STATUS(event_take(deaf, keys, 2, &done), ERR_ACCESS_DENIED);
    EXPECT_OK(event_signal(event, 0, 0x100));
    EXPECT_OK(event_watch(event, event, 0x100, 5));
    EXPECT_BAD_ADDRESS(event_take(event, bad, 2, &done));
    EXPECT_BAD_ADDRESS(event_take(event, keys, 2, bad));
    EXPECT(fired(event) == 5); /* nothing was taken */
    EXPECT_OK(handle_close(event));
    EXPECT_OK(handle_close(timer));
    EXPECT_OK(handle_close(deaf));
}

static void timer_expires_at_its_deadline(void)
{
    handle_t timer;
    ktime_t start = now();

    EXPECT_OK(timer_create(&timer));
    EXPECT_OK(timer_set(timer, start + 20 * MS, 0));
    EXPECT(signals_of(timer) == 0);
    EXPECT_OK(wait_for(timer, SIGNAL_EXPIRED, soon()));
    EXPECT(now() - start >= 20 * MS && now() - start < 1000 * MS);
    EXPECT_OK(timer_set(timer, DEADLINE_NEVER, 0));
    EXPECT(signals_of(timer) == 0);
    EXPECT_OK(timer_set(timer, 1, 0)); /* long past */
    EXPECT(signals_of(timer) == SIGNAL_EXPIRED);
    EXPECT_OK(handle_close(timer));
}

static void timer_can_be_stopped_and_closed_while_it_runs(void)
{
    handle_t timer;

    EXPECT_OK(timer_create(&timer));
    EXPECT_OK(timer_set(timer, now() + 10 * MS, 0));
    EXPECT_OK(timer_set(timer, DEADLINE_NEVER, 0));
    EXPECT_STATUS(wait_for(timer, SIGNAL_EXPIRED, now() + 30 * MS), ERR_TIMED_OUT);
    EXPECT_OK(timer_set(timer, now() + 10 * MS, 0));
    EXPECT_OK(handle_close(timer));
    sleep_ms(20);
}

static void period_without_end_comes_once(void)
{
    handle_t timer;

    EXPECT_OK(timer_create(&timer));
    EXPECT_OK(timer_set(timer, now() + 5 * MS, UINT64_MAX));
    EXPECT_OK(wait_for(timer, SIGNAL_EXPIRED, soon()));
    EXPECT_OK(timer_set(timer, 1, UINT64_MAX - 5));
    EXPECT_OK(wait_for(timer, SIGNAL_EXPIRED, soon()));
    EXPECT_OK(handle_close(timer));
}

static void periodic_timer_comes_again(void)
{
    handle_t timer;
    ktime_t start = now();

    EXPECT_OK(timer_create(&timer));
    EXPECT_OK(timer_set(timer, start + 8 * MS, 8 * MS));
    EXPECT_OK(wait_for(timer, SIGNAL_EXPIRED, soon()));
    EXPECT_OK(timer_set(timer, now() + 8 * MS, 8 * MS));
    EXPECT_OK(wait_for(timer, SIGNAL_EXPIRED, soon()));
    EXPECT(now() - start >= 16 * MS);
    EXPECT_OK(handle_close(timer));
}

static void wait_any_reports_every_item(void)
{
    handle_t first, second;

    EXPECT_OK(event_create(0x100, &first));
    EXPECT_OK(event_create(0x200, &second));
    struct wait_item items[3] = {{first, 0x800, 9}, {0xdead, 0, 9}, {second, 0x600, 9}};
    EXPECT_OK(wait_any(items, 3, DEADLINE_NEVER));
    EXPECT(items[0].observed == 0x100 && items[1].observed == 0 && items[2].observed == 0x200);
    items[2].wanted = 0x400;
    EXPECT_STATUS(wait_any(items, 3, DEADLINE_POLL), ERR_SHOULD_WAIT);
    EXPECT_STATUS(wait_any(items, 3, now() + 10 * MS), ERR_TIMED_OUT);
    EXPECT(items[2].observed == 0x200);
    items[1].wanted = 1; /* now its handle counts */
    EXPECT_STATUS(wait_any(items, 3, DEADLINE_POLL), ERR_BAD_HANDLE);
    EXPECT_OK(handle_close(first));
    EXPECT_OK(handle_close(second));
}

static void wait_any_checks_its_arguments(void)
{
    static struct wait_item items[WAIT_MAX + 1];
    handle_t event, deaf;

    EXPECT_STATUS(wait_any(items, WAIT_MAX + 1, DEADLINE_POLL), ERR_TOO_LARGE);
    EXPECT_STATUS(wait_any(items, UINT32_MAX, DEADLINE_POLL), ERR_TOO_LARGE);
    EXPECT_BAD_ADDRESS(wait_any(bad, 1, DEADLINE_POLL));
    EXPECT_BAD_ADDRESS(wait_any(bad, WAIT_MAX, DEADLINE_POLL));
    EXPECT_STATUS(wait_any(NULL, 0, DEADLINE_POLL), ERR_SHOULD_WAIT);
    EXPECT_OK(event_create(0x100, &event));
    EXPECT_OK(handle_duplicate(event, RIGHT_SIGNAL, &deaf));
    EXPECT_STATUS(wait_for(deaf, 0x100, DEADLINE_POLL), ERR_ACCESS_DENIED);
    EXPECT_OK(handle_close(deaf));
    EXPECT_OK(handle_close(event));
}

static uint32_t signal_later(void *argument)
{
    sleep_ms(10);
    return event_signal((handle_t)(uintptr_t)argument, 0, SIGNAL_SET) == OK ? 0 : 1;
}

static void most_items_can_be_waited_for_at_once(void)
{
    static struct wait_item items[WAIT_MAX];
    static handle_t events[WAIT_MAX];
    handle_t thread;

    for (uint32_t i = 0; i < WAIT_MAX; i++) {
        EXPECT_OK(event_create(0, &events[i]));
        items[i] = (struct wait_item){events[i], SIGNAL_SET, 0};
    }
    thread = thread_start(signal_later, (void *)(uintptr_t)events[WAIT_MAX - 1]);
    EXPECT_OK(wait_any(items, WAIT_MAX, soon()));
    EXPECT(items[WAIT_MAX - 1].observed == SIGNAL_SET && items[0].observed == 0);
    EXPECT(thread_join(thread));
    for (uint32_t i = 0; i < WAIT_MAX; i++)
        EXPECT_OK(handle_close(events[i]));
}

static void object_can_be_closed_while_it_is_waited_for(void)
{
    handle_t event, copy, thread;

    EXPECT_OK(event_create(0, &event));
    EXPECT_OK(handle_duplicate(event, RIGHT_SAME, &copy));
    thread = thread_start(signal_later, (void *)(uintptr_t)copy);
    struct wait_item items[2] = {{event, SIGNAL_SET, 0}, {event, SIGNAL_SET, 0}};
    EXPECT_OK(wait_any(items, 2, soon()));
    EXPECT(items[0].observed == SIGNAL_SET && items[1].observed == SIGNAL_SET);
    EXPECT(thread_join(thread));
    EXPECT_OK(handle_close(event));
    EXPECT_OK(handle_close(copy));
}

/* ---- futexes ---- */

static volatile uint32_t word, awake;

static uint32_t sleep_on_word(void *deadline_ms)
{
    uint32_t ms = (uintptr_t)deadline_ms;
    ktime_t deadline = ms ? now() + ms * MS : DEADLINE_NEVER;
    status_t status = futex_wait((uintptr_t)&word, 0, deadline, 0);

    awake++;
    return (uint32_t)-status;
}

static void futex_wakes_as_many_as_asked_for(void)
{
    handle_t threads[3];
    uint32_t woken;

    word = awake = 0;
    for (uint32_t i = 0; i < 3; i++)
        EXPECT((threads[i] = thread_start(sleep_on_word, NULL)));
    sleep_ms(10);
    EXPECT_OK(futex_wake((uintptr_t)&word, 2, &woken));
    EXPECT(woken == 2);
    sleep_ms(10);
    EXPECT(awake == 2);
    EXPECT_OK(futex_wake((uintptr_t)&word, UINT32_MAX, &woken));
    EXPECT(woken == 1);
    EXPECT_OK(futex_wake((uintptr_t)&word, 1, &woken));
    EXPECT(woken == 0);
    EXPECT_OK(futex_wake((uintptr_t)&word, 1, NULL));
    for (uint32_t i = 0; i < 3; i++)
        EXPECT(thread_join(threads[i]));
}

static void futex_wait_compares_and_checks(void)
{
    uint32_t woken;

    word = 5;
    EXPECT_STATUS(futex_wait((uintptr_t)&word, 4, DEADLINE_NEVER, 0), ERR_SHOULD_WAIT);
    EXPECT_STATUS(futex_wait((uintptr_t)&word, 5, now() + 10 * MS, 0), ERR_TIMED_OUT);
    EXPECT_STATUS(futex_wait((uintptr_t)&word + 1, 5, DEADLINE_POLL, 0), ERR_INVALID_ARGUMENT);
    EXPECT_STATUS(futex_wait((uintptr_t)&word, 5, DEADLINE_POLL, 2), ERR_INVALID_ARGUMENT);
    EXPECT_BAD_ADDRESS(futex_wait((uintptr_t)bad, 0, DEADLINE_POLL, 0));
    EXPECT_STATUS(futex_wake(KERNEL_BASE, 1, &woken), ERR_BAD_ADDRESS);
    EXPECT_STATUS(futex_wake((uintptr_t)&word + 2, 1, &woken), ERR_INVALID_ARGUMENT);
}

static void kick_ends_a_futex_wait(void)
{
    struct thread_info info;
    handle_t thread;

    word = 0;
    thread = thread_start(sleep_on_word, NULL);
    sleep_ms(5);
    EXPECT_OK(thread_kick(thread));
    EXPECT_OK(wait_for(thread, SIGNAL_TERMINATED, soon()));
    EXPECT_OK(thread_info(thread, &info));
    EXPECT_STATUS(info.exit_code, -ERR_INTERRUPTED);
    EXPECT(thread_join(thread));
}

void test_waiting(void)
{
    static const struct test tests[] = {
        TEST(event_keeps_its_user_signals),
        TEST(timer_expires_at_its_deadline),
        TEST(timer_can_be_stopped_and_closed_while_it_runs),
        TEST(periodic_timer_comes_again),
        TEST(period_without_end_comes_once),
        TEST(a_watch_fires_each_time),
        TEST(fired_watches_are_taken_in_order),
        TEST(a_watch_of_a_stream_tells_what_arrives),
        TEST(watches_in_a_circle_end),
        TEST(event_watch_checks_its_arguments),
        TEST(wait_any_reports_every_item),
        TEST(wait_any_checks_its_arguments),
        TEST(most_items_can_be_waited_for_at_once),
        TEST(object_can_be_closed_while_it_is_waited_for),
        TEST(futex_wakes_as_many_as_asked_for),
        TEST(futex_wait_compares_and_checks),
        TEST(kick_ends_a_futex_wait),
    };
    test_group(tests, sizeof tests / sizeof tests[0]);
}
