/* SPDX-License-Identifier: MIT */
/* Streams: order, capacity, atomic writes, signals, ends. */
#include <kernel/selftest/user/test.h>

#include <string.h>

static uint8_t buffer[128 * 1024], pattern[128 * 1024];

static void bytes_come_out_in_order(void)
{
    handle_t in, out;
    uint32_t done, queued, capacity;

    EXPECT_OK(stream_create(100, &out, &in));
    for (uint32_t round = 0; round < 50; round++) { /* wraps around the ring */
        for (uint32_t i = 0; i < 70; i++)
            pattern[i] = (uint8_t)(round * 70 + i);
        EXPECT_OK(stream_write(in, pattern, 70, &done, DEADLINE_POLL));
        EXPECT(done == 70);
        EXPECT_OK(stream_info(out, &queued, &capacity));
        EXPECT(queued == 70 && capacity == 100);
        EXPECT_OK(stream_peek(out, buffer, 10, &done));
        EXPECT(done == 10 && !memcmp(buffer, pattern, 10));
        EXPECT_OK(stream_read(out, buffer, 30, &done, DEADLINE_POLL));
        EXPECT(done == 30 && !memcmp(buffer, pattern, 30));
        EXPECT_OK(stream_read(out, buffer, 1000, &done, DEADLINE_POLL));
        EXPECT(done == 40 && !memcmp(buffer, pattern + 30, 40));
    }
    EXPECT_OK(handle_close(in));
    EXPECT_OK(handle_close(out));
}

static void ends_have_only_their_own_rights(void)
{
    handle_t in, out;
    uint32_t done;

    EXPECT_OK(stream_create(100, &out, &in));
    EXPECT_STATUS(stream_write(out, buffer, 1, &done, DEADLINE_POLL), ERR_ACCESS_DENIED);
    EXPECT_STATUS(stream_read(in, buffer, 1, &done, DEADLINE_POLL), ERR_ACCESS_DENIED);
    EXPECT_STATUS(stream_peek(in, buffer, 1, &done), ERR_ACCESS_DENIED);
    EXPECT_OK(handle_close(in));
    EXPECT_OK(handle_close(out));
}

static void bad_capacities_and_pointers_are_refused(void)
{
    handle_t in, out;
    uint32_t done;

    EXPECT_STATUS(stream_create(0, &out, &in), ERR_OUT_OF_RANGE);
    EXPECT_STATUS(stream_create((1u << 20) + 1, &out, &in), ERR_OUT_OF_RANGE);
    EXPECT_BAD_ADDRESS(stream_create(100, bad, &in));
    EXPECT_BAD_ADDRESS(stream_create(100, &out, bad));
    EXPECT_OK(stream_create(100, &out, &in));
    EXPECT_BAD_ADDRESS(stream_write(in, bad, 10, &done, DEADLINE_POLL));
    EXPECT_BAD_ADDRESS(stream_write(in, buffer, 10, bad, DEADLINE_POLL));
    EXPECT_STATUS(stream_read(out, buffer, 1, &done, DEADLINE_POLL), ERR_SHOULD_WAIT);
    EXPECT_OK(stream_write(in, buffer, 10, &done, DEADLINE_POLL));
    EXPECT_BAD_ADDRESS(stream_read(out, bad, 10, &done, DEADLINE_POLL));
    EXPECT_BAD_ADDRESS(stream_read(out, buffer, 10, bad, DEADLINE_POLL));
    EXPECT_BAD_ADDRESS(stream_peek(out, bad, 10, &done));
    EXPECT_OK(stream_read(out, buffer, 20, &done, DEADLINE_POLL));
    EXPECT(done == 10); /* nothing was lost */
    EXPECT_OK(handle_close(in));
    EXPECT_OK(handle_close(out));
}

static void small_write_goes_in_whole_or_not_at_all(void)
{
    handle_t in, out;
    uint32_t done;

    EXPECT_OK(stream_create(8192, &out, &in));
    EXPECT_OK(stream_write(in, buffer, 6000, &done, DEADLINE_POLL));
    EXPECT(done == 6000);
    EXPECT_STATUS(stream_write(in, buffer, 3000, &done, DEADLINE_POLL), ERR_SHOULD_WAIT);
    EXPECT_OK(stream_write(in, buffer, 5000, &done, DEADLINE_POLL));
    EXPECT(done == 2192); /* a large one may be split */
    EXPECT_STATUS(stream_write(in, buffer, 1, &done, DEADLINE_POLL), ERR_SHOULD_WAIT);
    EXPECT_OK(handle_close(in));
    EXPECT_OK(handle_close(out));
}

static void signals_follow_the_level(void)
{
    handle_t in, out;
    uint32_t done;

    EXPECT_OK(stream_create(8192, &out, &in));
    EXPECT(signals_of(out) == 0 && signals_of(in) == SIGNAL_WRITABLE);
    EXPECT_OK(stream_write(in, buffer, 4097, &done, DEADLINE_POLL));
    EXPECT(signals_of(out) == SIGNAL_READABLE && signals_of(in) == 0);
    EXPECT_OK(stream_read(out, buffer, 1, &done, DEADLINE_POLL));
    EXPECT(signals_of(in) == SIGNAL_WRITABLE);
    EXPECT_OK(stream_read(out, buffer, 8192, &done, DEADLINE_POLL));
    EXPECT(signals_of(out) == 0);
    EXPECT_OK(handle_close(in));
    EXPECT(signals_of(out) == SIGNAL_PEER_CLOSED);
    EXPECT_OK(handle_close(out));
}

static void read_of_a_closed_stream_drains_and_then_ends(void)
{
    handle_t in, out;
    uint32_t done;

    EXPECT_OK(stream_create(100, &out, &in));
    EXPECT_OK(stream_write(in, "abc", 3, &done, DEADLINE_POLL));
    EXPECT_OK(handle_close(in));
    EXPECT_OK(stream_read(out, buffer, 10, &done, DEADLINE_NEVER));
    EXPECT(done == 3);
    EXPECT_OK(stream_read(out, buffer, 10, &done, DEADLINE_NEVER));
    EXPECT(done == 0);
    EXPECT_OK(handle_close(out));
}

static void write_without_reader_is_refused(void)
{
    handle_t in, out;
    uint32_t done;

    EXPECT_OK(stream_create(100, &out, &in));
    EXPECT_OK(handle_close(out));
    EXPECT(signals_of(in) & SIGNAL_PEER_CLOSED);
    EXPECT_STATUS(stream_write(in, "abc", 3, &done, DEADLINE_NEVER), ERR_PEER_CLOSED);
    EXPECT_OK(handle_close(in));
}

/* A thread that reads or writes. */
struct mover {
    handle_t stream;
    uint32_t length, done;
    ktime_t deadline;
    status_t status;
};

static uint32_t write_pattern(void *argument)
{
    struct mover *mover = argument;

    mover->status =
        stream_write(mover->stream, pattern, mover->length, &mover->done, mover->deadline);
    return 0;
}

static uint32_t read_once(void *argument)
{
    struct mover *mover = argument;

    mover->status =
        stream_read(mover->stream, buffer, mover->length, &mover->done, mover->deadline);
    return 0;
}

static void long_write_waits_for_the_reader(void)
{
    static struct mover mover;
    handle_t in, out, thread;
    uint32_t done, total = 0;

    for (uint32_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (uint8_t)(i * 13 + i / 251);
    EXPECT_OK(stream_create(10000, &out, &in));
    mover = (struct mover){in, sizeof pattern, 0, DEADLINE_NEVER, -1};
    thread = thread_start(write_pattern, &mover);
    EXPECT(thread);
    while (total < sizeof pattern) {
        EXPECT_OK(stream_read(out, buffer + total, 777, &done, soon()));
        EXPECT(done);
        total += done;
    }
    EXPECT(thread_join(thread));
    EXPECT_OK(mover.status);
    EXPECT(mover.done == sizeof pattern && !memcmp(buffer, pattern, sizeof pattern));
    EXPECT_OK(handle_close(in));
    EXPECT_OK(handle_close(out));
}

static void kick_of_a_partial_write_tells_what_went_in(void)
{
    static struct mover mover;
    handle_t in, out, thread;

    EXPECT_OK(stream_create(10000, &out, &in));
    mover = (struct mover){in, 50000, 0, DEADLINE_NEVER, -1};
    thread = thread_start(write_pattern, &mover);
    EXPECT(thread);
    sleep_ms(5);
    EXPECT_OK(thread_kick(thread));
    EXPECT(thread_join(thread));
    EXPECT_OK(mover.status);
    EXPECT(mover.done == 10000);
    EXPECT_OK(handle_close(in));
    EXPECT_OK(handle_close(out));
}

static void blocked_read_ends_by_data_close_kick_and_deadline(void)
{
    static struct mover mover;
    handle_t in, out, thread;
    uint32_t done;

    EXPECT_OK(stream_create(100, &out, &in));
    mover = (struct mover){out, 10, 0, DEADLINE_NEVER, -1};
    thread = thread_start(read_once, &mover);
    sleep_ms(5);
    EXPECT_OK(stream_write(in, "xy", 2, &done, DEADLINE_POLL));
    EXPECT(thread_join(thread));
    EXPECT(mover.status == OK && mover.done == 2);
    thread = thread_start(read_once, &mover);
    sleep_ms(5);
    EXPECT_OK(thread_kick(thread));
    EXPECT(thread_join(thread));
    EXPECT_STATUS(mover.status, ERR_INTERRUPTED);
    EXPECT_STATUS(stream_read(out, buffer, 1, &done, now() + 10 * MS), ERR_TIMED_OUT);
    thread = thread_start(read_once, &mover);
    sleep_ms(5);
    EXPECT_OK(handle_close(in));
    EXPECT(thread_join(thread));
    EXPECT(mover.status == OK && mover.done == 0);
    EXPECT_OK(handle_close(out));
}

static void blocked_writer_ends_when_the_reader_closes(void)
{
    static struct mover mover;
    handle_t in, out, thread;
    uint32_t done;

    EXPECT_OK(stream_create(100, &out, &in));
    EXPECT_OK(stream_write(in, buffer, 100, &done, DEADLINE_POLL));
    mover = (struct mover){in, 50, 0, DEADLINE_NEVER, -1};
    thread = thread_start(write_pattern, &mover);
    sleep_ms(5);
    EXPECT_OK(handle_close(out));
    EXPECT(thread_join(thread));
    EXPECT_STATUS(mover.status, ERR_PEER_CLOSED);
    EXPECT_OK(handle_close(in));
}

static void closed_end_can_be_opened_again_through_the_other(void)
{
    handle_t in, out, again, less;
    uint32_t done;

    EXPECT_OK(stream_create(100, &out, &in));
    EXPECT_OK(handle_close(out));
    EXPECT(signals_of(in) & SIGNAL_PEER_CLOSED);
    EXPECT_OK(stream_open(in, 0, &again));
    EXPECT(!(signals_of(in) & SIGNAL_PEER_CLOSED));
    EXPECT_OK(stream_write(in, "hi", 2, &done, DEADLINE_POLL));
    EXPECT_OK(stream_read(again, buffer, 10, &done, DEADLINE_POLL));
    EXPECT(done == 2);
    EXPECT_STATUS(stream_open(in, 2, &out), ERR_INVALID_ARGUMENT);
    EXPECT_BAD_ADDRESS(stream_open(in, 1, bad));
    EXPECT_OK(handle_duplicate(in, RIGHT_WRITE, &less));
    EXPECT_STATUS(stream_open(less, 0, &out), ERR_ACCESS_DENIED);
    EXPECT_OK(handle_close(less));
    EXPECT_OK(handle_close(again));
    EXPECT_OK(handle_close(in));
}

static void largest_stream_holds_what_it_says(void)
{
    struct system_info before, after;
    handle_t in, out;
    uint32_t done;

    EXPECT_OK(system_info(&before));
    EXPECT_OK(stream_create(1u << 20, &out, &in));
    for (uint32_t i = 0; i < 8; i++) {
        memset(pattern, (int)i, sizeof pattern);
        EXPECT_OK(stream_write(in, pattern, sizeof pattern, &done, DEADLINE_POLL));
        EXPECT(done == sizeof pattern);
    }
    EXPECT_STATUS(stream_write(in, pattern, 1, &done, DEADLINE_POLL), ERR_SHOULD_WAIT);
    for (uint32_t i = 0; i < 8; i++) {
        EXPECT_OK(stream_read(out, buffer, sizeof buffer, &done, DEADLINE_POLL));
        EXPECT(done == sizeof buffer && buffer[0] == i && buffer[sizeof buffer - 1] == i);
    }
    EXPECT_OK(handle_close(in));
    EXPECT_OK(handle_close(out));
    EXPECT_OK(system_info(&after));
    EXPECT(after.free_pages + 64 >= before.free_pages);
}

static void a_stream_keeps_its_bytes_when_its_size_changes(void)
{
    handle_t read_end, write_end;
    static uint8_t in[5000], out[5000];
    uint32_t done, capacity;

    for (uint32_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i % 251);
    EXPECT_OK(stream_create(6000, &read_end, &write_end));
    EXPECT_OK(stream_write(write_end, in, 4000, &done, DEADLINE_POLL));
    EXPECT_OK(stream_read(read_end, out, 4000, &done, DEADLINE_POLL));
    EXPECT_OK(stream_write(write_end, in, 1000, &done, DEADLINE_POLL));
    EXPECT_OK(stream_write(write_end, in + 1000, 4000, &done, DEADLINE_POLL)); /* round the end */
    EXPECT_STATUS(stream_resize(write_end, 4999), ERR_BUSY);
    EXPECT_STATUS(stream_resize(write_end, 0), ERR_OUT_OF_RANGE);
    EXPECT_STATUS(stream_resize(write_end, (1u << 20) + 1), ERR_OUT_OF_RANGE);
    EXPECT_OK(stream_resize(read_end, 5000));
    EXPECT_OK(stream_resize(write_end, 1u << 20));
    EXPECT_OK(stream_info(read_end, &done, &capacity));
    EXPECT(done == 5000 && capacity == 1u << 20);
    EXPECT_OK(stream_read(read_end, out, 5000, &done, DEADLINE_POLL));
    EXPECT(done == 5000 && !memcmp(in, out, 5000));
    EXPECT_OK(handle_close(read_end));
    EXPECT_OK(handle_close(write_end));
}

void test_streams(void)
{
    static const struct test tests[] = {
        TEST(bytes_come_out_in_order),
        TEST(ends_have_only_their_own_rights),
        TEST(bad_capacities_and_pointers_are_refused),
        TEST(small_write_goes_in_whole_or_not_at_all),
        TEST(signals_follow_the_level),
        TEST(read_of_a_closed_stream_drains_and_then_ends),
        TEST(write_without_reader_is_refused),
        TEST(long_write_waits_for_the_reader),
        TEST(kick_of_a_partial_write_tells_what_went_in),
        TEST(blocked_read_ends_by_data_close_kick_and_deadline),
        TEST(blocked_writer_ends_when_the_reader_closes),
        TEST(closed_end_can_be_opened_again_through_the_other),
        TEST(largest_stream_holds_what_it_says),
        TEST(a_stream_keeps_its_bytes_when_its_size_changes),
    };
    test_group(tests, sizeof tests / sizeof tests[0]);
}
