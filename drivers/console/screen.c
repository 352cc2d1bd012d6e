/* SPDX-License-Identifier: MIT */
/* The terminal emulation; see screen.h. Sequences after ECMA-48 and the VT102 manual. */
#include "screen.h"

#include <stdio.h>
#include <string.h>

#include "glyph.h"

#define TAB_STOP 8

static uint16_t attribute(const struct screen *screen)
{
    static const uint8_t vga_colour[8] = {0, 4, 2, 6, 1, 5, 3, 7}; /* ANSI order to VGA order */
    uint32_t foreground = vga_colour[screen->foreground],
             background = vga_colour[screen->background];
    if (screen->reverse) {
        uint32_t swap = foreground;
        foreground = background;
        background = swap;
    }
    return (uint16_t)((background << 4 | foreground | (screen->bold ? 8u : 0)) << 8);
}

static volatile uint16_t *cell(const struct screen *screen, uint32_t row, uint32_t column)
{
    return screen->cells + row * SCREEN_COLUMNS + column;
}

static void clear_cells(struct screen *screen, uint32_t row, uint32_t column, uint32_t count)
{
    volatile uint16_t *at = cell(screen, row, column);
    while (count-- > 0)
        *at++ = attribute(screen) | ' ';
}

static void copy_row(struct screen *screen, uint32_t to, uint32_t from)
{
    for (uint32_t column = 0; column < SCREEN_COLUMNS; column++)
        *cell(screen, to, column) = *cell(screen, from, column);
}

static void scroll_up(struct screen *screen, uint32_t top, uint32_t count)
{
    if (count > screen->bottom - top)
        count = screen->bottom - top;
    for (uint32_t row = top; row + count < screen->bottom; row++)
        copy_row(screen, row, row + count);
    clear_cells(screen, screen->bottom - count, 0, count * SCREEN_COLUMNS);
}

static void scroll_down(struct screen *screen, uint32_t top, uint32_t count)
{
    if (count > screen->bottom - top)
        count = screen->bottom - top;
    for (uint32_t row = screen->bottom; row-- > top + count;)
        copy_row(screen, row, row - count);
    clear_cells(screen, top, 0, count * SCREEN_COLUMNS);
}

static void move_to(struct screen *screen, uint32_t row, uint32_t column)
{
    screen->row = row < SCREEN_ROWS ? row : SCREEN_ROWS - 1;
    screen->column = column < SCREEN_COLUMNS ? column : SCREEN_COLUMNS - 1;
    screen->wrap_pending = false;
}

static void line_feed(struct screen *screen)
{
    if (screen->row + 1 == screen->bottom)
        scroll_up(screen, screen->top, 1);
    else if (screen->row + 1 < SCREEN_ROWS)
        screen->row++;
    screen->wrap_pending = false;
}

static void reverse_line_feed(struct screen *screen)
{
    if (screen->row == screen->top)
        scroll_down(screen, screen->top, 1);
    else if (screen->row > 0)
        screen->row--;
    screen->wrap_pending = false;
}

/* ---- characters ---------------------------------------------------------------------------------- */

static void shift_line(struct screen *screen, uint32_t count, bool insert);

static void put_glyph(struct screen *screen, uint8_t glyph)
{
    if (screen->wrap_pending) {
        screen->column = 0;
        line_feed(screen);
    }
    if (screen->insert)
        shift_line(screen, 1, true);
    *cell(screen, screen->row, screen->column) = attribute(screen) | glyph;
    if (screen->column + 1 == SCREEN_COLUMNS)
        screen->wrap_pending = screen->wraps;
    else
        screen->column++;
}

static void put_utf8(struct screen *screen, uint8_t byte)
{
    if ((byte & 0xc0) == 0x80 && screen->utf8_left > 0) {
        screen->codepoint = screen->codepoint << 6 | (byte & 0x3f);
        if (--screen->utf8_left == 0)
            put_glyph(screen, glyph_of(screen->codepoint));
    } else if ((byte & 0xe0) == 0xc0) {
        screen->codepoint = byte & 0x1f;
        screen->utf8_left = 1;
    } else if ((byte & 0xf0) == 0xe0) {
        screen->codepoint = byte & 0x0f;
        screen->utf8_left = 2;
    } else if ((byte & 0xf8) == 0xf0) {
        screen->codepoint = byte & 0x07;
        screen->utf8_left = 3;
    } else {
        put_glyph(screen, '?');
    }
}

static void control(struct screen *screen, uint8_t byte)
{
    if (byte == '\n' || byte == '\v' || byte == '\f')
        line_feed(screen);
    else if (byte == '\r')
        move_to(screen, screen->row, 0);
    else if (byte == '\b')
        move_to(screen, screen->row, screen->column > 0 ? screen->column - 1 : 0);
    else if (byte == '\t')
        move_to(screen, screen->row, (screen->column | (TAB_STOP - 1)) + 1);
    else if (byte == 14 || byte == 15)
        screen->line_drawing = byte == 14;
}

/* ---- control sequences ------------------------------------------------------------------------------ */

static uint32_t parameter(const struct screen *screen, uint32_t index, uint32_t otherwise)
{
    if (index >= screen->parameter_count || screen->parameters[index] == 0)
        return otherwise;
    return screen->parameters[index];
}

static void graphic_rendition(struct screen *screen, uint32_t value)
{
    if (value == 0) {
        screen->bold = screen->reverse = false;
        screen->foreground = 7;
        screen->background = 0;
    } else if (value == 1) {
        screen->bold = true;
    } else if (value == 7) {
        screen->reverse = true;
    } else if (value == 22) {
        screen->bold = false;
    } else if (value == 27) {
        screen->reverse = false;
    } else if (value >= 30 && value <= 37) {
        screen->foreground = (uint8_t)(value - 30);
    } else if (value == 39) {
        screen->foreground = 7;
    } else if (value >= 40 && value <= 47) {
        screen->background = (uint8_t)(value - 40);
    } else if (value == 49) {
        screen->background = 0;
    } else if (value >= 90 && value <= 97) {
        screen->foreground = (uint8_t)(value - 90);
        screen->bold = true;
    } else if (value >= 100 && value <= 107) {
        screen->background = (uint8_t)(value - 100);
    }
}

/* Colours of larger palettes (38 or 48; 5; index or 2; r; g; b): the first sixteen are ours. */
static uint32_t palette_colour(struct screen *screen, uint32_t index)
{
    bool foreground = screen->parameters[index] == 38;
    uint32_t kind = parameter(screen, index + 1, 0), colour = parameter(screen, index + 2, 0);
    if (kind == 5 && colour < 16)
        graphic_rendition(screen, (colour < 8 ? 30 : 90 - 8) + colour + (foreground ? 0 : 10));
    return kind == 5 ? 2 : kind == 2 ? 4 : 0;
}

static void graphic_renditions(struct screen *screen)
{
    if (screen->parameter_count == 0)
        graphic_rendition(screen, 0);
    for (uint32_t i = 0; i < screen->parameter_count; i++) {
        if (screen->parameters[i] == 38 || screen->parameters[i] == 48)
            i += palette_colour(screen, i);
        else
            graphic_rendition(screen, screen->parameters[i]);
    }
}

static void save_cursor(struct screen *screen)
{
    screen->saved = (struct screen_cursor){.row = screen->row,
                                           .column = screen->column,
                                           .foreground = screen->foreground,
                                           .background = screen->background,
                                           .bold = screen->bold,
                                           .reverse = screen->reverse,
                                           .line_drawing = screen->line_drawing};
}

static void restore_cursor(struct screen *screen)
{
    const struct screen_cursor *saved = &screen->saved;
    move_to(screen, saved->row, saved->column);
    screen->foreground = saved->foreground;
    screen->background = saved->background;
    screen->bold = saved->bold;
    screen->reverse = saved->reverse;
    screen->line_drawing = saved->line_drawing;
}

static void erase_in_display(struct screen *screen, uint32_t how)
{
    uint32_t cursor = screen->row * SCREEN_COLUMNS + screen->column,
             all = SCREEN_ROWS * SCREEN_COLUMNS;
    if (how == 0)
        clear_cells(screen, screen->row, screen->column, all - cursor);
    else if (how == 1)
        clear_cells(screen, 0, 0, cursor + 1);
    else
        clear_cells(screen, 0, 0, all);
}

static void erase_in_line(struct screen *screen, uint32_t how)
{
    if (how == 0)
        clear_cells(screen, screen->row, screen->column, SCREEN_COLUMNS - screen->column);
    else if (how == 1)
        clear_cells(screen, screen->row, 0, screen->column + 1);
    else
        clear_cells(screen, screen->row, 0, SCREEN_COLUMNS);
}

static void shift_line(struct screen *screen, uint32_t count, bool insert)
{
    uint32_t width = SCREEN_COLUMNS - screen->column;
    if (count > width)
        count = width;
    volatile uint16_t *line = cell(screen, screen->row, screen->column);
    if (insert) {
        for (uint32_t i = width; i-- > count;)
            line[i] = line[i - count];
        clear_cells(screen, screen->row, screen->column, count);
    } else {
        for (uint32_t i = 0; i + count < width; i++)
            line[i] = line[i + count];
        clear_cells(screen, screen->row, SCREEN_COLUMNS - count, count);
    }
}

static void report(struct screen *screen, uint32_t what)
{
    char text[24];
    int length = 0;
    if (what == 5)
        length = snprintf(text, sizeof text, "\033[0n");
    else if (what == 6)
        length = snprintf(text, sizeof text, "\033[%u;%uR", (unsigned)screen->row + 1,
                          (unsigned)screen->column + 1);
    if (length > 0 && screen->answer != NULL)
        screen->answer(screen, (const uint8_t *)text, (uint32_t)length);
}

/* A VT102. */
static void identify(struct screen *screen)
{
    static const char identity[] = "\033[?6c";
    if (!screen->private_mode && screen->answer != NULL)
        screen->answer(screen, (const uint8_t *)identity, sizeof identity - 1);
}

static void set_private_mode(struct screen *screen, uint32_t mode, bool on)
{
    if (mode == 25)
        screen->cursor_visible = on;
    else if (mode == 1)
        screen->application_keys = on;
    else if (mode == 7)
        screen->wraps = on;
}

static void set_mode(struct screen *screen, bool on)
{
    for (uint32_t i = 0; i < screen->parameter_count; i++) {
        if (screen->private_mode)
            set_private_mode(screen, screen->parameters[i], on);
        else if (screen->parameters[i] == 4)
            screen->insert = on;
    }
}

static void set_region(struct screen *screen)
{
    uint32_t top = parameter(screen, 0, 1) - 1, bottom = parameter(screen, 1, SCREEN_ROWS);
    if (bottom > SCREEN_ROWS || top + 1 >= bottom)
        return;
    screen->top = top;
    screen->bottom = bottom;
    move_to(screen, 0, 0);
}

static void edit_lines(struct screen *screen, bool insert)
{
    if (screen->row < screen->top || screen->row >= screen->bottom)
        return;
    if (insert)
        scroll_down(screen, screen->row, parameter(screen, 0, 1));
    else
        scroll_up(screen, screen->row, parameter(screen, 0, 1));
}

static void move_by(struct screen *screen, uint8_t direction)
{
    uint32_t count = parameter(screen, 0, 1);
    if (direction == 'A')
        move_to(screen, screen->row > count ? screen->row - count : 0, screen->column);
    else if (direction == 'B')
        move_to(screen, count < SCREEN_ROWS ? screen->row + count : SCREEN_ROWS - 1,
                screen->column);
    else if (direction == 'C')
        move_to(screen, screen->row,
                count < SCREEN_COLUMNS ? screen->column + count : SCREEN_COLUMNS - 1);
    else
        move_to(screen, screen->row, screen->column > count ? screen->column - count : 0);
}

static void move_cursor(struct screen *screen, uint8_t final)
{
    uint32_t first = parameter(screen, 0, 1) - 1;
    switch (final) {
    case 'E':
        move_by(screen, 'B');
        move_to(screen, screen->row, 0);
        break;
    case 'F':
        move_by(screen, 'A');
        move_to(screen, screen->row, 0);
        break;
    case 'G':
    case '`':
        move_to(screen, screen->row, first);
        break;
    case 'd':
        move_to(screen, first, screen->column);
        break;
    case 'H':
    case 'f':
        move_to(screen, first, parameter(screen, 1, 1) - 1);
        break;
    default:
        move_by(screen, final);
        break;
    }
}

static void erase_characters(struct screen *screen)
{
    uint32_t count = parameter(screen, 0, 1), width = SCREEN_COLUMNS - screen->column;
    clear_cells(screen, screen->row, screen->column, count < width ? count : width);
}

/* What changes the screen's contents. */
static void edit(struct screen *screen, uint8_t final)
{
    switch (final) {
    case 'J':
        erase_in_display(screen, parameter(screen, 0, 0));
        break;
    case 'K':
        erase_in_line(screen, parameter(screen, 0, 0));
        break;
    case 'L':
    case 'M':
        edit_lines(screen, final == 'L');
        break;
    case '@':
    case 'P':
        shift_line(screen, parameter(screen, 0, 1), final == '@');
        break;
    case 'X':
        erase_characters(screen);
        break;
    case 'S':
        scroll_up(screen, screen->top, parameter(screen, 0, 1));
        break;
    case 'T':
        scroll_down(screen, screen->top, parameter(screen, 0, 1));
        break;
    }
}

/* What changes how later text is taken, and questions. */
static void set(struct screen *screen, uint8_t final)
{
    switch (final) {
    case 'm':
        graphic_renditions(screen);
        break;
    case 'r':
        set_region(screen);
        break;
    case 'h':
    case 'l':
        set_mode(screen, final == 'h');
        break;
    case 'n':
        report(screen, parameter(screen, 0, 0));
        break;
    case 'c':
        identify(screen);
        break;
    case 's':
        save_cursor(screen);
        break;
    case 'u':
        restore_cursor(screen);
        break;
    }
}

static void csi(struct screen *screen, uint8_t final)
{
    if (strchr("ABCDEFGHdf`", final) != NULL)
        move_cursor(screen, final);
    else if (strchr("JKLMPSTX@", final) != NULL)
        edit(screen, final);
    else
        set(screen, final);
}

static void csi_byte(struct screen *screen, uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        if (screen->parameter_count == 0)
            screen->parameter_count = 1;
        uint32_t *last = &screen->parameters[screen->parameter_count - 1];
        *last = *last < 10000 ? *last * 10 + (byte - '0') : *last;
    } else if (byte == ';') {
        if (screen->parameter_count == 0)
            screen->parameter_count = 1;
        if (screen->parameter_count < SCREEN_PARAMETERS)
            screen->parameters[screen->parameter_count++] = 0;
    } else if (byte == '?' || byte == '>' || byte == '=') {
        screen->private_mode = true;
    } else if (byte >= 0x40) {
        screen->state = SCREEN_TEXT;
        csi(screen, byte);
    }
}

static void escape_byte(struct screen *screen, uint8_t byte)
{
    screen->state = SCREEN_TEXT;
    switch (byte) {
    case '[':
        screen->state = SCREEN_CSI;
        screen->parameter_count = 0;
        screen->parameters[0] = 0;
        screen->private_mode = false;
        break;
    case ']':
    case 'P':
    case '^':
    case '_':
        screen->state = SCREEN_STRING;
        break;
    case '(':
    case ')':
        screen->state = SCREEN_CHARSET;
        break;
    case 'D':
        line_feed(screen);
        break;
    case 'E':
        screen->column = 0;
        line_feed(screen);
        break;
    case 'M':
        reverse_line_feed(screen);
        break;
    case '7':
        save_cursor(screen);
        break;
    case '8':
        restore_cursor(screen);
        break;
    case 'c':
        screen_init(screen, screen->cells);
        break;
    }
}

static void text_byte(struct screen *screen, uint8_t byte)
{
    if (byte < ' ')
        control(screen, byte);
    else if (byte == 127)
        return;
    else if (byte < 0x80) {
        screen->utf8_left = 0; /* a sequence that was cut short shows nothing */
        put_glyph(screen, screen->line_drawing ? glyph_of_drawing(byte) : byte);
    } else
        put_utf8(screen, byte);
}

static void screen_byte(struct screen *screen, uint8_t byte)
{
    if (byte == 27) {
        screen->state = SCREEN_ESCAPE;
        return;
    }
    switch (screen->state) {
    case SCREEN_TEXT:
        text_byte(screen, byte);
        break;
    case SCREEN_ESCAPE:
        escape_byte(screen, byte);
        break;
    case SCREEN_CSI:
        if (byte < ' ')
            control(screen, byte);
        else
            csi_byte(screen, byte);
        break;
    case SCREEN_STRING: /* titles and the like end with BEL or ESC \ */
        if (byte == 7)
            screen->state = SCREEN_TEXT;
        break;
    case SCREEN_CHARSET:
        screen->line_drawing = byte == '0';
        screen->state = SCREEN_TEXT;
        break;
    }
}

void screen_init(struct screen *screen, volatile uint16_t *cells)
{
    void (*answer)(struct screen *, const uint8_t *, uint32_t) = screen->answer;
    *screen = (struct screen){.cells = cells,
                              .bottom = SCREEN_ROWS,
                              .foreground = 7,
                              .cursor_visible = true,
                              .wraps = true,
                              .saved = {.foreground = 7},
                              .answer = answer};
    clear_cells(screen, 0, 0, SCREEN_ROWS * SCREEN_COLUMNS);
}

void screen_write(struct screen *screen, const uint8_t *bytes, uint32_t count)
{
    while (count-- > 0)
        screen_byte(screen, *bytes++);
}
