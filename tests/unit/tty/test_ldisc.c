/* SPDX-License-Identifier: MIT */
/* The line discipline on the host: typed bytes against what is read, shown and signalled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <servers/tty/ldisc.h>
#include <servers/tty/termios_bits.h>

static char shown[65536];
static size_t shown_length;
static uint32_t last_signal;

static void show(struct ldisc *ldisc, const uint8_t *bytes, uint32_t count)
{
    (void)ldisc;
    assert_true(shown_length + count < sizeof shown);
    memcpy(shown + shown_length, bytes, count);
    shown_length += count;
    shown[shown_length] = 0;
}

static void take_signal(struct ldisc *ldisc, uint32_t signal)
{
    (void)ldisc;
    last_signal = signal;
}

static struct ldisc *fresh(void)
{
    static struct ldisc ldisc;
    memset(&ldisc, 0, sizeof ldisc);
    ldisc.emit = show;
    ldisc.signal = take_signal;
    ldisc_init(&ldisc);
    shown_length = 0;
    shown[0] = 0;
    last_signal = 0;
    return &ldisc;
}

static void type(struct ldisc *ldisc, const char *text)
{
    while (*text)
        ldisc_input(ldisc, (uint8_t)*text++);
}

static void assert_reads(struct ldisc *ldisc, uint32_t length, const char *expected)
{
    uint8_t buffer[LDISC_QUEUE];
    uint32_t got = ldisc_read(ldisc, buffer, length, false);
    assert_int_equal(got, strlen(expected));
    assert_memory_equal(buffer, expected, got);
}

static void line_is_read_when_it_ends(void **state)
{
    struct ldisc *ldisc = fresh();
    (void)state;
    type(ldisc, "ab");
    assert_false(ldisc_readable(ldisc));
    type(ldisc, "c\rnext");
    assert_true(ldisc_readable(ldisc));
    assert_reads(ldisc, 100, "abc\n");
    assert_false(ldisc_readable(ldisc));
    assert_string_equal(shown, "abc\r\nnext");
}

static void one_read_takes_one_line(void **state)
{
    struct ldisc *ldisc = fresh();
    (void)state;
    type(ldisc, "one\ntwo\n");
    assert_reads(ldisc, 100, "one\n");
    assert_reads(ldisc, 2, "tw");
    assert_reads(ldisc, 100, "o\n");
}

static void erase_word_and_kill_edit_the_line(void **state)
{
    struct ldisc *ldisc = fresh();
    (void)state;
    type(ldisc, "axe\177\177bc\n");
    assert_reads(ldisc, 100, "abc\n");
    type(ldisc, "one two  \027x\n");
    assert_reads(ldisc, 100, "one x\n");
    type(ldisc, "gone\025kept\n");
    assert_reads(ldisc, 100, "kept\n");
}

static void erasing_rubs_out_what_was_echoed(void **state)
{
    struct ldisc *ldisc = fresh();
    (void)state;
    type(ldisc, "a\001\177\177");
    assert_string_equal(shown, "a^A\b \b\b \b\b \b");
    type(ldisc, "\177");
    assert_string_equal(shown, "a^A\b \b\b \b\b \b");
}

static void a_utf8_character_is_erased_whole(void **state)
{
    struct ldisc *ldisc = fresh();
    (void)state;
    type(ldisc, "a\303\244\177b\n");
    assert_reads(ldisc, 100, "ab\n");
}

static void end_of_file_key_ends_the_read(void **state)
{
    struct ldisc *ldisc = fresh();
    (void)state;
    type(ldisc, "\004");
    assert_true(ldisc_readable(ldisc));
    assert_reads(ldisc, 100, "");
    assert_false(ldisc_readable(ldisc));
    type(ldisc, "part\004");
    assert_reads(ldisc, 100, "part");
    assert_false(ldisc_readable(ldisc));
}

static void a_full_buffer_before_the_end_key_is_no_end_of_file(void **state)
{
    struct ldisc *ldisc = fresh();
    (void)state;
    type(ldisc, "1234\004");
    assert_reads(ldisc, 4, "1234");
    assert_false(ldisc_readable(ldisc));
}

static void signal_keys_signal_and_flush(void **state)
{
    struct ldisc *ldisc = fresh();
    (void)state;
    type(ldisc, "lost\003");
    assert_int_equal(last_signal, 2);
    type(ldisc, "\n");
    assert_reads(ldisc, 100, "\n");
    type(ldisc, "\032");
    assert_int_equal(last_signal, 20);
    type(ldisc, "\034");
    assert_int_equal(last_signal, 3);
}

static void literal_next_takes_a_signal_key_as_data(void **state)
{
    struct ldisc *ldisc = fresh();
    (void)state;
    type(ldisc, "\026\003\n");
    assert_int_equal(last_signal, 0);
    assert_reads(ldisc, 100, "\003\n");
}

static void raw_mode_gives_bytes_at_once(void **state)
{
    struct ldisc *ldisc = fresh();
    struct tty_attributes raw = ldisc->attributes;
    (void)state;
    raw.lflag = 0;
    raw.iflag = 0;
    raw.oflag = 0;
    ldisc_set_attributes(ldisc, &raw);
    type(ldisc, "\003\r");
    assert_reads(ldisc, 100, "\003\r");
    assert_int_equal(last_signal, 0);
    assert_string_equal(shown, "");
    ldisc_output(ldisc, (const uint8_t *)"a\nb", 3);
    assert_string_equal(shown, "a\nb");
}

static void leaving_canonical_mode_releases_what_was_typed(void **state)
{
    struct ldisc *ldisc = fresh();
    struct tty_attributes raw = ldisc->attributes;
    (void)state;
    type(ldisc, "half");
    raw.lflag &= ~(uint32_t)LOC_ICANON;
    ldisc_set_attributes(ldisc, &raw);
    assert_reads(ldisc, 100, "half");
}

static void minimum_count_holds_back_a_raw_read(void **state)
{
    struct ldisc *ldisc = fresh();
    struct tty_attributes raw = ldisc->attributes;
    (void)state;
    raw.lflag = 0;
    raw.cc[CC_MIN] = 3;
    ldisc_set_attributes(ldisc, &raw);
    type(ldisc, "ab");
    assert_false(ldisc_readable(ldisc));
    type(ldisc, "c");
    assert_true(ldisc_readable(ldisc));
}

static void flow_keys_stop_and_start_output(void **state)
{
    struct ldisc *ldisc = fresh();
    (void)state;
    type(ldisc, "\023");
    assert_true(ldisc->output_stopped);
    type(ldisc, "\021");
    assert_false(ldisc->output_stopped);
    assert_false(ldisc_readable(ldisc));
}

static void a_line_never_outgrows_the_queue(void **state)
{
    struct ldisc *ldisc = fresh();
    uint8_t buffer[LDISC_QUEUE];
    (void)state;
    for (int i = 0; i < 3 * LDISC_QUEUE; i++)
        ldisc_input(ldisc, 'x');
    ldisc_input(ldisc, '\n');
    uint32_t got = ldisc_read(ldisc, buffer, sizeof buffer, false);
    assert_int_equal(got, LDISC_QUEUE);
    assert_int_equal(buffer[got - 1], '\n');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_is_read_when_it_ends),
        cmocka_unit_test(one_read_takes_one_line),
        cmocka_unit_test(erase_word_and_kill_edit_the_line),
        cmocka_unit_test(erasing_rubs_out_what_was_echoed),
        cmocka_unit_test(a_utf8_character_is_erased_whole),
        cmocka_unit_test(end_of_file_key_ends_the_read),
        cmocka_unit_test(a_full_buffer_before_the_end_key_is_no_end_of_file),
        cmocka_unit_test(signal_keys_signal_and_flush),
        cmocka_unit_test(literal_next_takes_a_signal_key_as_data),
        cmocka_unit_test(raw_mode_gives_bytes_at_once),
        cmocka_unit_test(leaving_canonical_mode_releases_what_was_typed),
        cmocka_unit_test(minimum_count_holds_back_a_raw_read),
        cmocka_unit_test(flow_keys_stop_and_start_output),
        cmocka_unit_test(a_line_never_outgrows_the_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
