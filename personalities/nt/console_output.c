/* SPDX-License-Identifier: MIT */
/* Output of console programs: text, colours, the cursor, as what the terminal is told. */
#include <personalities/nt/console_request.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERASE_DISPLAY "\033[2J"
#define HIDE_CURSOR   "\033[?25l"
#define SHOW_CURSOR   "\033[?25h"

/* 18 words, then 16 colours: cursor, size, attribute, window, maximum, font. */
struct output_info {
    int16_t cursor_size, cursor_visible, x, y, width, height, attribute, popup;
    int16_t left, top, right, bottom, max_width, max_height, font_width, font_height, font_weight,
        font_pitch;
    uint32_t colours[16];
};
_Static_assert(sizeof(struct output_info) == 100, "condrv_output_info");

NTSTATUS console_get_output_info(struct console_request *r)
{
    struct console *console = r->console;
    struct tty_size size = console_terminal_size(console);
    struct output_info info = {.cursor_size = console->cursor_size,
                               .cursor_visible = !console->cursor_hidden,
                               .x = console->x % size.columns,
                               .y = console->y < size.rows ? console->y : size.rows - 1,
                               .width = size.columns,
                               .height = size.rows,
                               .attribute = console->attribute,
                               .popup = 0xf5,
                               .right = size.columns - 1,
                               .bottom = size.rows - 1,
                               .max_width = size.columns,
                               .max_height = size.rows,
                               .font_width = 8,
                               .font_height = 16};
    return r->role == CONSOLE_ROLE_OUTPUT ? request_answer(r, &info, sizeof info)
                                          : STATUS_INVALID_HANDLE;
}

/* The console's colour numbers have red and blue the other way round. */
static uint32_t ansi_colour(uint32_t colour)
{
    return (colour & 2) | (colour >> 2 & 1) | (colour & 1) << 2;
}

static NTSTATUS set_attribute(struct console_request *r, uint16_t attribute)
{
    char sequence[32];
    r->console->attribute = attribute;
    if (attribute == 7) {
        strcpy(sequence, "\033[0m");
    } else {
        snprintf(sequence, sizeof sequence, "\033[%u;%um",
                 ansi_colour(attribute & 7) + (attribute & 8 ? 90 : 30),
                 ansi_colour(attribute >> 4 & 7) + (attribute & 0x80 ? 100 : 40));
    }
    int16_t x = r->console->x;
    NTSTATUS status = console_write_string(r->thread, r->console, sequence);
    r->console->x = x;
    return status;
}

static NTSTATUS move_cursor(struct console_request *r, int16_t x, int16_t y)
{
    char sequence[32];
    snprintf(sequence, sizeof sequence, "\033[%d;%dH", y + 1, x + 1);
    NTSTATUS status = console_write_string(r->thread, r->console, sequence);
    r->console->x = x;
    r->console->y = y;
    return status;
}

static NTSTATUS set_cursor(struct console_request *r, uint16_t size, bool visible)
{
    int16_t x = r->console->x;
    if (size < 1 || size > 100)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status =
        console_write_string(r->thread, r->console, visible ? SHOW_CURSOR : HIDE_CURSOR);
    r->console->x = x;
    r->console->cursor_size = size;
    r->console->cursor_hidden = !visible;
    return status;
}

NTSTATUS console_set_output_info(struct console_request *r)
{
    enum { SET_CURSOR = 1, SET_CURSOR_POSITION = 2, SET_ATTRIBUTE = 8 };
    struct output_info info;
    NTSTATUS status = STATUS_SUCCESS;
    if (r->in_length < sizeof(uint32_t) + sizeof info)
        return STATUS_INVALID_PARAMETER;
    if (r->role != CONSOLE_ROLE_OUTPUT)
        return STATUS_INVALID_HANDLE;
    memcpy(&info, (const uint8_t *)r->in + sizeof(uint32_t), sizeof info);
    if (request_word(r, 0) & SET_CURSOR)
        status = set_cursor(r, (uint16_t)info.cursor_size, info.cursor_visible != 0);
    if (!status && (request_word(r, 0) & SET_CURSOR_POSITION))
        status = move_cursor(r, info.x, info.y);
    if (!status && (request_word(r, 0) & SET_ATTRIBUTE))
        status = set_attribute(r, info.attribute);
    return status;
}

/* {x, y, mode, count, wrap, character, attribute}: clearing the screen is what programs do with it. */
NTSTATUS console_fill_output(struct console_request *r)
{
    enum { FILL_TEXT = 0 };
    if (r->in_length < 24)
        return STATUS_INVALID_PARAMETER;
    struct tty_size size = console_terminal_size(r->console);
    uint32_t count = request_word(r, 3);
    NTSTATUS status = STATUS_SUCCESS;
    if (request_word(r, 2) == FILL_TEXT && count >= (uint32_t)size.rows * size.columns) {
        int16_t x = r->console->x;
        status = console_write_string(r->thread, r->console, ERASE_DISPLAY);
        r->console->x = x;
    }
    return status ? status : request_answer32(r, count);
}

/* {x, y, mode, width} and cells: the text goes out at the place. */
NTSTATUS console_write_cells(struct console_request *r)
{
    enum { CELL_TEXT = 0, CELL_ATTRIBUTE = 1, CELL_BOTH = 2 };
    uint32_t header = 16;
    if (r->in_length < header)
        return STATUS_INVALID_PARAMETER;
    uint32_t mode = request_word(r, 2), cell = mode == CELL_BOTH ? 4 : 2,
             count = (r->in_length - header) / cell;
    NTSTATUS status = STATUS_SUCCESS;
    WCHAR *chars = malloc(count * sizeof(WCHAR) + 1);
    if (!chars)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        memcpy(&chars[i], (const uint8_t *)r->in + header + i * cell, sizeof(WCHAR));
    if (mode != CELL_ATTRIBUTE) {
        status = move_cursor(r, request_word(r, 0), request_word(r, 1));
        if (!status)
            status = console_write_text(r->thread, r->console, chars, count);
    }
    free(chars);
    return status ? status : request_answer32(r, count);
}

NTSTATUS console_write_chars(struct console_request *r)
{
    if (r->role != CONSOLE_ROLE_OUTPUT)
        return STATUS_INVALID_HANDLE;
    return console_write_text(r->thread, r->console, r->in, r->in_length / sizeof(WCHAR));
}

NTSTATUS console_write_file(struct console_request *r)
{
    if (r->role != CONSOLE_ROLE_OUTPUT)
        return STATUS_INVALID_HANDLE;
    return r->in_length
               ? console_write_bytes(r->thread, r->console, r->in, r->in_length, &r->information)
               : STATUS_SUCCESS;
}
