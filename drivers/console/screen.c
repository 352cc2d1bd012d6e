/* SPDX-License-Identifier: MIT */
/* The terminal emulation; see screen.h. Sequences after ECMA-48 and the VT102 manual. */
#include "screen.h"

#include <stdio.h>

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

/* Code points above ASCII that code page 437 has; the rest shows as a question mark. */
static const struct {
    uint16_t codepoint;
    uint8_t glyph;
} glyphs[] = {
    {0xa0, ' '},    {0xa1, 0xad},   {0xa2, 0x9b},   {0xa3, 0x9c},   {0xa5, 0x9d},   {0xaa, 0xa6},
    {0xab, 0xae},   {0xac, 0xaa},   {0xb0, 0xf8},   {0xb1, 0xf1},   {0xb2, 0xfd},   {0xb5, 0xe6},
    {0xb7, 0xfa},   {0xba, 0xa7},   {0xbb, 0xaf},   {0xbc, 0xac},   {0xbd, 0xab},   {0xbf, 0xa8},
    {0xc4, 0x8e},   {0xc5, 0x8f},   {0xc6, 0x92},   {0xc7, 0x80},   {0xc9, 0x90},   {0xd1, 0xa5},
    {0xd6, 0x99},   {0xdc, 0x9a},   {0xdf, 0xe1},   {0xe0, 0x85},   {0xe1, 0xa0},   {0xe2, 0x83},
    {0xe4, 0x84},   {0xe5, 0x86},   {0xe6, 0x91},   {0xe7, 0x87},   {0xe8, 0x8a},   {0xe9, 0x82},
    {0xea, 0x88},   {0xeb, 0x89},   {0xec, 0x8d},   {0xed, 0xa1},   {0xee, 0x8c},   {0xef, 0x8b},
    {0xf1, 0xa4},   {0xf2, 0x95},   {0xf3, 0xa2},   {0xf4, 0x93},   {0xf6, 0x94},   {0xf7, 0xf6},
    {0xf9, 0x97},   {0xfa, 0xa3},   {0xfb, 0x96},   {0xfc, 0x81},   {0xff, 0x98},   {0x2018, '\''},
    {0x2019, '\''}, {0x201c, '"'},  {0x201d, '"'},  {0x2022, 0x07}, {0x2190, 0x1b}, {0x2191, 0x18},
    {0x2192, 0x1a}, {0x2193, 0x19}, {0x2500, 0xc4}, {0x2502, 0xb3}, {0x250c, 0xda}, {0x2510, 0xbf},
    {0x2514, 0xc0}, {0x2518, 0xd9}, {0x251c, 0xc3}, {0x2524, 0xb4}, {0x252c, 0xc2}, {0x2534, 0xc1},
    {0x253c, 0xc5}, {0x2550, 0xcd}, {0x2551, 0xba}, {0x2554, 0xc9}, {0x2557, 0xbb}, {0x255a, 0xc8},
    {0x255d, 0xbc}, {0x2580, 0xdf}, {0x2584, 0xdc}, {0x2588, 0xdb}, {0x2591, 0xb0}, {0x2592, 0xb1},
    {0x2593, 0xb2}, {0x25a0, 0xfe},
};

static uint8_t glyph_of(uint32_t codepoint)
{
    if (codepoint < 0x80)
        return (uint8_t)codepoint;
    for (uint32_t i = 0; i < sizeof glyphs / sizeof glyphs[0]; i++)
        if (glyphs[i].codepoint == codepoint)
            return glyphs[i].glyph;
    return '?';
}

/* DEC special graphics for '`'..'~' (VT102 manual, table of special characters). */
static uint8_t drawing_glyph(uint8_t byte)
{
    static const uint8_t table[] = {0x04, 0xb1, '?',  '?',  '?',  '?',  0xf8, 0xf1, '?', '?',  0xd9,
                                    0xbf, 0xda, 0xc0, 0xc5, 0xc4, 0xc4, 0xc4, 0xc4, '_', 0xc3, 0xb4,
                                    0xc1, 0xc2, 0xb3, 0xf3, 0xf2, 0xe3, '?',  0x9c, 0xfa};
    return byte >= '`' && byte <= '~' ? table[byte - '`'] : byte;
}

static void put_glyph(struct screen *screen, uint8_t glyph)
{
    if (screen->wrap_pending) {
        screen->column = 0;
        line_feed(screen);
    }
    *cell(screen, screen->row, screen->column) = attribute(screen) | glyph;
    if (screen->column + 1 == SCREEN_COLUMNS)
        screen->wrap_pending = true;
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
    }
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

static void set_mode(struct screen *screen, bool on)
{
    for (uint32_t i = 0; screen->private_mode && i < screen->parameter_count; i++) {
        if (screen->parameters[i] == 25)
            screen->cursor_visible = on;
        else if (screen->parameters[i] == 1)
            screen->application_keys = on;
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

static void csi(struct screen *screen, uint8_t final)
{
    switch (final) {
    case 'A':
    case 'B':
    case 'C':
    case 'D':
        move_by(screen, final);
        break;
    case 'G':
    case '`':
        move_to(screen, screen->row, parameter(screen, 0, 1) - 1);
        break;
    case 'd':
        move_to(screen, parameter(screen, 0, 1) - 1, screen->column);
        break;
    case 'H':
    case 'f':
        move_to(screen, parameter(screen, 0, 1) - 1, parameter(screen, 1, 1) - 1);
        break;
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
    case 'X': {
        uint32_t count = parameter(screen, 0, 1), width = SCREEN_COLUMNS - screen->column;
        clear_cells(screen, screen->row, screen->column, count < width ? count : width);
        break;
    }
    case 'S':
        scroll_up(screen, screen->top, parameter(screen, 0, 1));
        break;
    case 'T':
        scroll_down(screen, screen->top, parameter(screen, 0, 1));
        break;
    case 'm':
        for (uint32_t i = 0; i < (screen->parameter_count ? screen->parameter_count : 1); i++)
            graphic_rendition(screen, parameter(screen, i, 0));
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
    case 's':
        screen->saved_row = screen->row;
        screen->saved_column = screen->column;
        break;
    case 'u':
        move_to(screen, screen->saved_row, screen->saved_column);
        break;
    }
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
        screen->saved_row = screen->row;
        screen->saved_column = screen->column;
        break;
    case '8':
        move_to(screen, screen->saved_row, screen->saved_column);
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
    else if (byte < 0x80)
        put_glyph(screen, screen->line_drawing ? drawing_glyph(byte) : byte);
    else
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
                              .answer = answer};
    clear_cells(screen, 0, 0, SCREEN_ROWS * SCREEN_COLUMNS);
}

void screen_write(struct screen *screen, const uint8_t *bytes, uint32_t count)
{
    while (count-- > 0)
        screen_byte(screen, *bytes++);
}
