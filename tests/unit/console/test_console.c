/* SPDX-License-Identifier: MIT */
/* The screen's terminal emulation and the keyboard's layout, on the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <drivers/console/glyph.h>
#include <drivers/console/keyboard.h>
#include <drivers/console/screen.h>

/* Cells that nothing may write lie before and behind the screen's own. */
#define GUARD_ROWS 2
#define GUARD_CELL 0xbeef
#define ALL_CELLS  ((SCREEN_ROWS + 2 * GUARD_ROWS) * SCREEN_COLUMNS)

static uint16_t cells[ALL_CELLS];
static struct screen screen;
static char answered[64];

static uint16_t *const first_cell = cells + GUARD_ROWS * SCREEN_COLUMNS;

static void take_answer(struct screen *from, const uint8_t *bytes, uint32_t count)
{
    (void)from;
    assert_true(count < sizeof answered);
    memcpy(answered, bytes, count);
    answered[count] = 0;
}

static int fresh(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < ALL_CELLS; i++)
        cells[i] = GUARD_CELL;
    memset(&screen, 0, sizeof screen);
    screen.answer = take_answer;
    answered[0] = 0;
    screen_init(&screen, first_cell);
    return 0;
}

static int guards_are_whole(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < GUARD_ROWS * SCREEN_COLUMNS; i++) {
        assert_int_equal(cells[i], GUARD_CELL);
        assert_int_equal(cells[ALL_CELLS - 1 - i], GUARD_CELL);
    }
    return 0;
}

static void show(const char *text)
{
    screen_write(&screen, (const uint8_t *)text, (uint32_t)strlen(text));
}

/* The row's text without the spaces at its end. */
static const char *row_text(uint32_t row)
{
    static char text[SCREEN_COLUMNS + 1];
    uint32_t length = 0;
    for (uint32_t column = 0; column < SCREEN_COLUMNS; column++) {
        text[column] = (char)first_cell[row * SCREEN_COLUMNS + column];
        if (text[column] != ' ')
            length = column + 1;
    }
    text[length] = 0;
    return text;
}

static void assert_row(uint32_t row, const char *text)
{
    assert_string_equal(row_text(row), text);
}

static void assert_cursor(uint32_t row, uint32_t column)
{
    assert_int_equal(screen.row, row);
    assert_int_equal(screen.column, column);
}

static uint8_t attribute_at(uint32_t row, uint32_t column)
{
    return (uint8_t)(first_cell[row * SCREEN_COLUMNS + column] >> 8);
}

/* ---- the screen ---- */

static void text_and_line_ends(void **state)
{
    (void)state;
    show("one\r\ntwo\tx\ry\b\bz");
    assert_row(0, "one");
    assert_row(1, "zwo     x");
    assert_cursor(1, 1);
}

static void last_column_wraps_only_with_the_next_character(void **state)
{
    (void)state;
    show("\033[1;80Ha");
    assert_cursor(0, 79);
    show("\r\nb\033[3;80Hcd");
    assert_row(1, "b");
    assert_row(3, "d");
    show("\033[?7l\033[5;80Hef");
    assert_row(4,
               "                                                                               f");
    assert_row(5, "");
}

static void full_screen_scrolls(void **state)
{
    (void)state;
    char line[16];
    for (int i = 0; i < 30; i++) {
        snprintf(line, sizeof line, "\r\nline %d", i);
        show(line);
    }
    assert_row(SCREEN_ROWS - 1, "line 29");
    assert_row(0, "line 5");
}

static void region_scrolls_alone(void **state)
{
    (void)state;
    show("top\033[25;1Hbottom\033[2;4r\033[2;1Ha\r\nb\r\nc\r\nd");
    assert_row(0, "top");
    assert_row(1, "b");
    assert_row(3, "d");
    assert_row(24, "bottom");
    show("\033[2;1H\033M");
    assert_row(1, "");
    assert_row(2, "b");
}

static void lines_and_characters_are_inserted_and_deleted(void **state)
{
    (void)state;
    show("abc\r\ndef\033[1;2H\033[2@");
    assert_row(0, "a  bc");
    show("\033[3P");
    assert_row(0, "ac");
    show("\033[L");
    assert_row(0, "");
    assert_row(1, "ac");
    show("\033[2M");
    assert_row(0, "def");
    show("\033[1;1H\033[4hxy\033[4l");
    assert_row(0, "xydef");
    show("\033[1;1H\033[2X");
    assert_row(0, "  def");
}

static void erasing(void **state)
{
    (void)state;
    show("abc\r\ndef\r\nghi\033[2;2H\033[K");
    assert_row(1, "d");
    show("\033[1J");
    assert_row(0, "");
    assert_row(2, "ghi");
    show("\033[J");
    assert_row(2, "");
}

static void cursor_stays_on_the_screen(void **state)
{
    (void)state;
    show("\033[9999;9999H");
    assert_cursor(SCREEN_ROWS - 1, SCREEN_COLUMNS - 1);
    show("\033[9999A\033[9999D");
    assert_cursor(0, 0);
    show("\033[3B\033[4C\033[2F");
    assert_cursor(1, 0);
    show("\033[7G\033[5d\033[9999@\033[9999P\033[9999L\033[9999M\033[9999S\033[9999T\033[9999X");
    assert_cursor(4, 6);
}

static void colours(void **state)
{
    (void)state;
    show("a\033[1;31mb\033[0;44mc\033[7md\033[me\033[38;5;2mf\033[38;2;1;1;1mg\033[91mh\033[48;5;"
         "4mi");
    assert_int_equal(attribute_at(0, 0), 0x07);
    assert_int_equal(attribute_at(0, 1), 0x0c);
    assert_int_equal(attribute_at(0, 2), 0x17);
    assert_int_equal(attribute_at(0, 3), 0x71);
    assert_int_equal(attribute_at(0, 4), 0x07);
    assert_int_equal(attribute_at(0, 5), 0x02);
    assert_int_equal(attribute_at(0, 6), 0x02);
    assert_int_equal(attribute_at(0, 7), 0x0c);
    assert_int_equal(attribute_at(0, 8), 0x1c);
}

static void cursor_and_colours_are_saved(void **state)
{
    (void)state;
    show("\033[3;4H\033[31m\0337\033[H\033[0mx\0338y");
    assert_row(2, "   y");
    assert_int_equal(attribute_at(2, 3), 0x04);
}

static void unicode_shows_as_its_glyph(void **state)
{
    (void)state;
    show("\303\244\342\224\200\342\225\254\342\224\201\342\225\255\360\237\230\200");
    assert_row(0, "\204\304\316\304\332?");
    show("\r\n\342\224x\244y");
    assert_row(1, "x?y");
}

static void each_glyph_has_a_character(void **state)
{
    (void)state;
    bool reached[256] = {false};
    for (uint32_t codepoint = 0x20; codepoint < 0x10000; codepoint++)
        reached[glyph_of(codepoint)] = true;
    for (uint32_t glyph = 1; glyph < 256; glyph++)
        assert_true(reached[glyph]);
}

static void line_drawing_set(void **state)
{
    (void)state;
    show("\033(0lqk\033(Blqk");
    assert_row(0, "\332\304\277lqk");
}

static void questions_are_answered(void **state)
{
    (void)state;
    show("\033[4;7H\033[6n");
    assert_string_equal(answered, "\033[4;7R");
    show("\033[c");
    assert_string_equal(answered, "\033[?6c");
}

static void titles_are_swallowed(void **state)
{
    (void)state;
    show("a\033]0;title\007b\033]0;title\033\\c");
    assert_row(0, "abc");
}

static void random_bytes_do_no_harm(void **state)
{
    (void)state;
    srandom(1);
    for (int i = 0; i < 2000000; i++) {
        static const char likely[] = "\033[;?0123456789ABCDHJKLMPSTXrmhl@";
        uint8_t byte =
            random() % 4 ? (uint8_t)likely[random() % (sizeof likely - 1)] : random() & 255;
        screen_write(&screen, &byte, 1);
        assert_true(screen.row < SCREEN_ROWS && screen.column < SCREEN_COLUMNS);
        assert_true(screen.top < screen.bottom && screen.bottom <= SCREEN_ROWS);
    }
}

/* ---- the keyboard ---- */

static struct keyboard keyboard;
static char typed[64];

/* Scan codes, ended by 0, to what is typed. */
static const char *type(bool application_keys, const char *codes)
{
    uint8_t bytes[KEYBOARD_BYTES];
    typed[0] = 0;
    for (; *codes != 0; codes++) {
        uint32_t count = keyboard_scan(&keyboard, (uint8_t)*codes, application_keys, bytes);
        assert_true(count <= KEYBOARD_BYTES);
        strncat(typed, (const char *)bytes, count);
    }
    return typed;
}

static void letters_and_modifiers(void **state)
{
    (void)state;
    memset(&keyboard, 0, sizeof keyboard);
    assert_string_equal(type(false, "\x1e\x9e"), "a");
    assert_string_equal(type(false, "\x2a\x1e\x02\xaa\x1e"), "A!a");
    assert_string_equal(type(false, "\x1d\x2e\x9d\x2e"), "\003c");
    assert_string_equal(type(false, "\x38\x2d\xb8"), "\033x");
    assert_string_equal(type(false, "\x3a\x3a\xba\x1e\x02\x2a\x1e\xaa\x3a\xba\x1e"), "A1aa");
    assert_string_equal(type(false, "\x1c\x0e\x01\x0f"), "\r\177\033\t");
}

static void keys_with_sequences(void **state)
{
    (void)state;
    memset(&keyboard, 0, sizeof keyboard);
    assert_string_equal(type(false, "\xe0\x48\xe0\xc8"), "\033[A");
    assert_string_equal(type(true, "\xe0\x48\xe0\xc8"), "\033OA");
    assert_string_equal(type(false, "\xe0\x2a\xe0\x53\xe0\xd3\xe0\xaa"), "\033[3~");
    assert_string_equal(type(false, "\x3b\x3f"), "\033OP\033[15~");
    assert_string_equal(type(false, "\xe0\x1c\xe0\x35"), "\r/");
}

#define SCREEN_TEST(test) cmocka_unit_test_setup_teardown(test, fresh, guards_are_whole)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCREEN_TEST(text_and_line_ends),
        SCREEN_TEST(last_column_wraps_only_with_the_next_character),
        SCREEN_TEST(full_screen_scrolls),
        SCREEN_TEST(region_scrolls_alone),
        SCREEN_TEST(lines_and_characters_are_inserted_and_deleted),
        SCREEN_TEST(erasing),
        SCREEN_TEST(cursor_stays_on_the_screen),
        SCREEN_TEST(colours),
        SCREEN_TEST(cursor_and_colours_are_saved),
        SCREEN_TEST(unicode_shows_as_its_glyph),
        SCREEN_TEST(each_glyph_has_a_character),
        SCREEN_TEST(line_drawing_set),
        SCREEN_TEST(questions_are_answered),
        SCREEN_TEST(titles_are_swallowed),
        SCREEN_TEST(random_bytes_do_no_harm),
        cmocka_unit_test(letters_and_modifiers),
        cmocka_unit_test(keys_with_sequences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
