/* SPDX-License-Identifier: MIT */
/* The control codes with which kernelbase speaks to \Device\ConDrv, as acts on the terminal. */
#include <personalities/nt/console_state.h>

#include <ipc/initclient.h>
#include <personalities/nt/wait.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_TIME 300000 /* 100 ns: between the bytes of one key */

/* bits of termios */
#define TERMIOS_ISIG   0000001u
#define TERMIOS_ICANON 0000002u
#define TERMIOS_ECHO   0000010u

#define ERASE_DISPLAY "\033[2J"
#define HIDE_CURSOR   "\033[?25l"
#define SHOW_CURSOR   "\033[?25h"

/* Function numbers of the control codes: IOCTL = 0x500000 | access << 14 | function << 2. */
enum condrv_function {
    CONDRV_GET_MODE = 0,
    CONDRV_SET_MODE = 1,
    CONDRV_READ_CONSOLE = 10,
    CONDRV_READ_FILE = 11,
    CONDRV_READ_INPUT = 12,
    CONDRV_WRITE_INPUT = 13,
    CONDRV_PEEK = 14,
    CONDRV_GET_INPUT_INFO = 15,
    CONDRV_SET_INPUT_INFO = 16,
    CONDRV_GET_TITLE = 17,
    CONDRV_SET_TITLE = 18,
    CONDRV_CTRL_EVENT = 19,
    CONDRV_BEEP = 20,
    CONDRV_FLUSH = 21,
    CONDRV_GET_WINDOW = 22,
    CONDRV_GET_PROCESS_LIST = 23,
    CONDRV_READ_CONSOLE_CONTROL = 24,
    CONDRV_WRITE_CONSOLE = 30,
    CONDRV_WRITE_FILE = 31,
    CONDRV_WRITE_OUTPUT = 33,
    CONDRV_GET_OUTPUT_INFO = 34,
    CONDRV_SET_OUTPUT_INFO = 35,
    CONDRV_ACTIVATE = 36,
    CONDRV_FILL_OUTPUT = 37,
};

struct request {
    struct nt_thread *thread;
    struct console *console;
    enum console_role role;
    const void *in;
    uint32_t in_length;
    void *out;
    uint32_t out_length;
    uint32_t information;
};

static NTSTATUS answer(struct request *r, const void *bytes, uint32_t length)
{
    if (r->out_length < length)
        return STATUS_INVALID_PARAMETER;
    memcpy(r->out, bytes, length);
    r->information = length;
    return STATUS_SUCCESS;
}

static NTSTATUS answer32(struct request *r, uint32_t value)
{
    return answer(r, &value, sizeof value);
}

static uint32_t in_word(const struct request *r, uint32_t index)
{
    uint32_t value;
    memcpy(&value, (const uint8_t *)r->in + index * sizeof value, sizeof value);
    return value;
}

static NTSTATUS get_mode(struct request *r)
{
    if (r->role != CONSOLE_ROLE_INPUT && r->role != CONSOLE_ROLE_OUTPUT)
        return STATUS_INVALID_HANDLE;
    return answer32(r, r->role == CONSOLE_ROLE_INPUT ? r->console->input_mode
                                                     : r->console->output_mode);
}

/* Line input, echo and signals are the line discipline's: the terminal follows. */
static NTSTATUS apply_input_mode(struct console *console)
{
    struct tty_attributes attributes;
    status_t status = BLOCKING(tty_client_get_attributes(console->terminal, &attributes));
    if (status != OK)
        return nt_status(status);
    if (!console->changed)
        console->found = attributes;
    console->changed = true;
    attributes.lflag &= ~(TERMIOS_ICANON | TERMIOS_ECHO | TERMIOS_ISIG);
    if (console->input_mode & MODE_LINE_INPUT)
        attributes.lflag |= TERMIOS_ICANON;
    if (console->input_mode & MODE_ECHO_INPUT)
        attributes.lflag |= TERMIOS_ECHO;
    if (console->input_mode & MODE_PROCESSED_INPUT)
        attributes.lflag |= TERMIOS_ISIG;
    return nt_status(BLOCKING(tty_client_set_attributes(console->terminal, &attributes, 0)));
}

static NTSTATUS set_mode(struct request *r)
{
    uint32_t relevant = MODE_LINE_INPUT | MODE_ECHO_INPUT | MODE_PROCESSED_INPUT;
    if (r->in_length != sizeof(uint32_t))
        return STATUS_INVALID_PARAMETER;
    uint32_t mode = in_word(r, 0), old = r->console->input_mode;
    if (r->role == CONSOLE_ROLE_OUTPUT) {
        r->console->output_mode = mode;
        return STATUS_SUCCESS;
    }
    if (r->role != CONSOLE_ROLE_INPUT)
        return STATUS_INVALID_HANDLE;
    r->console->input_mode = mode;
    return (mode ^ old) & relevant ? apply_input_mode(r->console) : STATUS_SUCCESS;
}

static NTSTATUS read_file(struct request *r)
{
    NTSTATUS status =
        console_line_waits(r->console) ? STATUS_SUCCESS : console_fill_line(r->thread, r->console);
    if (!status)
        r->information = console_take_bytes(r->console, r->out, r->out_length);
    return status;
}

/* One line as UTF-16, behind `header` bytes of the answer. */
static NTSTATUS read_chars(struct request *r, uint32_t header)
{
    struct console *console = r->console;
    if (r->out_length < header)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status =
        console_line_waits(console) ? STATUS_SUCCESS : console_fill_line(r->thread, console);
    if (status)
        return status;
    /* A line that does not fit stays for the next read; a character is one to three bytes per unit. */
    uint32_t room = (r->out_length - header) / sizeof(WCHAR);
    uint8_t *bytes = malloc(room + 1);
    if (!bytes)
        return STATUS_NO_MEMORY;
    uint32_t length = console_take_bytes(console, bytes, room);
    uint32_t count =
        utf8_to_utf16((char *)bytes, length, (WCHAR *)((uint8_t *)r->out + header), room);
    free(bytes);
    r->information = header + count * sizeof(WCHAR);
    return STATUS_SUCCESS;
}

static NTSTATUS read_console_control(struct request *r)
{
    NTSTATUS status = read_chars(r, sizeof(uint32_t));
    if (!status)
        memset(r->out, 0, sizeof(uint32_t)); /* no modifier keys are known */
    return status;
}

/* What is left of a key of which a program has taken a part. */
static uint32_t take_pending(struct request *r, bool peek)
{
    struct console *console = r->console;
    uint32_t room = r->out_length / sizeof(struct key_record);
    uint32_t count = console->pending_count < room ? console->pending_count : room;
    memcpy(r->out, console->pending, count * sizeof console->pending[0]);
    if (!peek) {
        console->pending_count -= count;
        memmove(console->pending, console->pending + count,
                console->pending_count * sizeof console->pending[0]);
    }
    return count;
}

/* Records of the keys that wait behind the first `count`, which are there already. */
static uint32_t take_keys(struct request *r, uint32_t count, bool peek)
{
    struct console *console = r->console;
    struct key_record *records = r->out;
    uint32_t room = r->out_length / sizeof *records, taken = console->line_taken;
    while (count < room && taken < console->line_length) {
        struct key_record key[KEY_RECORDS_MAX];
        uint32_t made;
        if (count && keys_unfinished(console->line + taken, console->line_length - taken))
            break; /* for the next call to wait for */
        taken += keys_decode(console->line + taken, console->line_length - taken, key, &made);
        uint32_t fit = made < room - count ? made : room - count;
        memcpy(records + count, key, fit * sizeof key[0]);
        count += fit;
        if (!peek) {
            console->pending_count = made - fit;
            memcpy(console->pending, key + fit, (made - fit) * sizeof key[0]);
        }
    }
    if (!peek)
        console->line_taken = taken;
    return count;
}

/* The bytes of a key may come one by one: wait for the others a little while. */
static void complete_key(struct nt_thread *thread, struct console *console)
{
    for (uint32_t tries = 0; tries < 4 && console_line_waits(console); tries++) {
        uint8_t bytes[16];
        size_t done = 0;
        const struct nt_process *process = thread->process;
        if (!keys_unfinished(console->line + console->line_taken,
                             console->line_length - console->line_taken))
            return;
        thread_sleep(thread, nt_time() + KEY_TIME);
        if (!console_terminal_readable(console) ||
            LINE_MAX_BYTES - console->line_length < sizeof bytes)
            return;
        if (BLOCKING(tty_client_read(console->terminal, bytes, sizeof bytes, 0, process->pgid,
                                     process->sid, &done)) != OK ||
            done > LINE_MAX_BYTES - console->line_length)
            return;
        memcpy(console->line + console->line_length, bytes, done);
        console->line_length += done;
    }
}

static NTSTATUS read_input(struct request *r, bool peek)
{
    struct console *console = r->console;
    if (!console->pending_count && !console_line_waits(console)) {
        NTSTATUS status = peek && !console_terminal_readable(console)
                              ? STATUS_SUCCESS
                              : console_fill_line(r->thread, console);
        if (status)
            return status;
    }
    if (!(console->input_mode & MODE_LINE_INPUT))
        complete_key(r->thread, console);
    uint32_t count = take_pending(r, peek);
    if (peek || !console->pending_count)
        count = take_keys(r, count, peek);
    r->information = count * sizeof(struct key_record);
    return STATUS_SUCCESS;
}

static uint32_t count_records(const uint8_t *bytes, uint32_t length)
{
    struct key_record key[KEY_RECORDS_MAX];
    uint32_t count = 0;
    for (uint32_t at = 0, made; at < length; count += made)
        at += keys_decode(bytes + at, length - at, key, &made);
    return count;
}

/*
 * Records that wait. What is typed is only looked at: programs ask for code pages by this, also in the background, where
 * they must not read, and what they do not read may be another program's.
 */
static uint32_t count_waiting(struct nt_thread *thread, const struct console *console)
{
    uint8_t bytes[TTY_DATA_MAX];
    size_t length = 0;
    if (console_line_waits(console))
        return count_records(console->line + console->line_taken,
                             console->line_length - console->line_taken);
    if (!console_terminal_readable(console))
        return 0;
    status_t status =
        BLOCKING(tty_client_read(console->terminal, bytes, sizeof bytes, TTY_PEEK | TTY_NONBLOCK,
                                 thread->process->pgid, thread->process->sid, &length));
    return status == OK ? count_records(bytes, (uint32_t)length) : 0;
}

static NTSTATUS get_input_info(struct request *r)
{
    struct console *console = r->console;
    uint32_t waiting = console->pending_count + count_waiting(r->thread, console);
    uint32_t words[3] = {console->input_page, console->output_page, waiting};
    return answer(r, words, sizeof words);
}

static NTSTATUS set_input_info(struct request *r)
{
    enum { SET_INPUT_PAGE = 1, SET_OUTPUT_PAGE = 2 };
    if (r->in_length != 16)
        return STATUS_INVALID_PARAMETER;
    if (in_word(r, 0) & SET_INPUT_PAGE)
        r->console->input_page = in_word(r, 1);
    if (in_word(r, 0) & SET_OUTPUT_PAGE)
        r->console->output_page = in_word(r, 2);
    return STATUS_SUCCESS;
}

static NTSTATUS get_title(struct request *r)
{
    uint32_t room =
        r->out_length < sizeof(uint32_t) ? 0 : (r->out_length - sizeof(uint32_t)) / sizeof(WCHAR);
    if (r->out_length < sizeof(uint32_t))
        return STATUS_INVALID_PARAMETER;
    uint32_t count = r->console->title_length < room ? r->console->title_length : room;
    memcpy(r->out, &r->console->title_length, sizeof(uint32_t));
    memcpy((uint8_t *)r->out + sizeof(uint32_t), r->console->title, count * sizeof(WCHAR));
    r->information = sizeof(uint32_t) + count * sizeof(WCHAR);
    return STATUS_SUCCESS;
}

static NTSTATUS set_title(struct request *r)
{
    uint32_t max = sizeof r->console->title / sizeof(WCHAR);
    uint32_t count = r->in_length / sizeof(WCHAR) < max ? r->in_length / sizeof(WCHAR) : max;
    memcpy(r->console->title, r->in, count * sizeof(WCHAR));
    r->console->title_length = count;
    return STATUS_SUCCESS;
}

static NTSTATUS ctrl_event(struct request *r)
{
    if (r->in_length < 8)
        return STATUS_INVALID_PARAMETER;
    /* CTRL_C and CTRL_BREAK: what the keys would do to the foreground group. */
    return nt_status(BLOCKING(tty_client_break(r->console->terminal)));
}

static NTSTATUS process_list(struct request *r)
{
    uint32_t count = 0, *pids = r->out;
    list_each(process, &nt_processes, struct nt_process, link)
    {
        if (process->console != r->console || process->exited)
            continue;
        if ((count + 1) * sizeof *pids <= r->out_length)
            pids[count] = process->pid * 4;
        count++;
    }
    if (count * sizeof *pids <= r->out_length) {
        r->information = count * sizeof *pids;
        return STATUS_SUCCESS;
    }
    if (r->out_length >= sizeof *pids)
        pids[0] = count;
    r->information = sizeof *pids;
    return STATUS_BUFFER_TOO_SMALL;
}

/* 18 words, then 16 colours: cursor, size, attribute, window, maximum, font. */
struct output_info {
    int16_t cursor_size, cursor_visible, x, y, width, height, attribute, popup;
    int16_t left, top, right, bottom, max_width, max_height, font_width, font_height, font_weight,
        font_pitch;
    uint32_t colours[16];
};
_Static_assert(sizeof(struct output_info) == 100, "condrv_output_info");

static NTSTATUS get_output_info(struct request *r)
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
    return r->role == CONSOLE_ROLE_OUTPUT ? answer(r, &info, sizeof info) : STATUS_INVALID_HANDLE;
}

/* The console's colour numbers have red and blue the other way round. */
static uint32_t ansi_colour(uint32_t colour)
{
    return (colour & 2) | (colour >> 2 & 1) | (colour & 1) << 2;
}

static NTSTATUS set_attribute(struct request *r, uint16_t attribute)
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

static NTSTATUS move_cursor(struct request *r, int16_t x, int16_t y)
{
    char sequence[32];
    snprintf(sequence, sizeof sequence, "\033[%d;%dH", y + 1, x + 1);
    NTSTATUS status = console_write_string(r->thread, r->console, sequence);
    r->console->x = x;
    r->console->y = y;
    return status;
}

static NTSTATUS set_cursor(struct request *r, uint16_t size, bool visible)
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

static NTSTATUS set_output_info(struct request *r)
{
    enum { SET_CURSOR = 1, SET_CURSOR_POSITION = 2, SET_ATTRIBUTE = 8 };
    struct output_info info;
    NTSTATUS status = STATUS_SUCCESS;
    if (r->in_length < sizeof(uint32_t) + sizeof info)
        return STATUS_INVALID_PARAMETER;
    if (r->role != CONSOLE_ROLE_OUTPUT)
        return STATUS_INVALID_HANDLE;
    memcpy(&info, (const uint8_t *)r->in + sizeof(uint32_t), sizeof info);
    if (in_word(r, 0) & SET_CURSOR)
        status = set_cursor(r, (uint16_t)info.cursor_size, info.cursor_visible != 0);
    if (!status && (in_word(r, 0) & SET_CURSOR_POSITION))
        status = move_cursor(r, info.x, info.y);
    if (!status && (in_word(r, 0) & SET_ATTRIBUTE))
        status = set_attribute(r, info.attribute);
    return status;
}

/* {x, y, mode, count, wrap, character, attribute}: clearing the screen is what programs do with it. */
static NTSTATUS fill_output(struct request *r)
{
    enum { FILL_TEXT = 0 };
    if (r->in_length < 24)
        return STATUS_INVALID_PARAMETER;
    struct tty_size size = console_terminal_size(r->console);
    uint32_t count = in_word(r, 3);
    NTSTATUS status = STATUS_SUCCESS;
    if (in_word(r, 2) == FILL_TEXT && count >= (uint32_t)size.rows * size.columns) {
        int16_t x = r->console->x;
        status = console_write_string(r->thread, r->console, ERASE_DISPLAY);
        r->console->x = x;
    }
    return status ? status : answer32(r, count);
}

/* {x, y, mode, width} and cells: the text goes out at the place. */
static NTSTATUS write_output(struct request *r)
{
    enum { CELL_TEXT = 0, CELL_ATTRIBUTE = 1, CELL_BOTH = 2 };
    uint32_t header = 16;
    if (r->in_length < header)
        return STATUS_INVALID_PARAMETER;
    uint32_t mode = in_word(r, 2), cell = mode == CELL_BOTH ? 4 : 2,
             count = (r->in_length - header) / cell;
    NTSTATUS status = STATUS_SUCCESS;
    WCHAR *chars = malloc(count * sizeof(WCHAR) + 1);
    if (!chars)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        memcpy(&chars[i], (const uint8_t *)r->in + header + i * cell, sizeof(WCHAR));
    if (mode != CELL_ATTRIBUTE) {
        status = move_cursor(r, in_word(r, 0), in_word(r, 1));
        if (!status)
            status = console_write_text(r->thread, r->console, chars, count);
    }
    free(chars);
    return status ? status : answer32(r, count);
}

static NTSTATUS write_chars(struct request *r)
{
    if (r->role != CONSOLE_ROLE_OUTPUT)
        return STATUS_INVALID_HANDLE;
    return console_write_text(r->thread, r->console, r->in, r->in_length / sizeof(WCHAR));
}

static NTSTATUS write_file(struct request *r)
{
    if (r->role != CONSOLE_ROLE_OUTPUT)
        return STATUS_INVALID_HANDLE;
    return r->in_length
               ? console_write_bytes(r->thread, r->console, r->in, r->in_length, &r->information)
               : STATUS_SUCCESS;
}

static NTSTATUS run_request(struct request *r, uint32_t function)
{
    struct console *console = r->console;
    switch (function) {
    case CONDRV_GET_MODE:
        return get_mode(r);
    case CONDRV_SET_MODE:
        return set_mode(r);
    case CONDRV_READ_CONSOLE:
        return read_chars(r, 0);
    case CONDRV_READ_FILE:
        return read_file(r);
    case CONDRV_READ_INPUT:
    case CONDRV_PEEK:
        return read_input(r, function == CONDRV_PEEK);
    case CONDRV_GET_INPUT_INFO:
        return get_input_info(r);
    case CONDRV_SET_INPUT_INFO:
        return set_input_info(r);
    case CONDRV_GET_TITLE:
        return get_title(r);
    case CONDRV_SET_TITLE:
        return set_title(r);
    case CONDRV_CTRL_EVENT:
        return ctrl_event(r);
    case CONDRV_BEEP:
        return console_write_string(r->thread, console, "\a");
    case CONDRV_FLUSH:
        console->line_taken = console->line_length;
        console->pending_count = 0;
        return nt_status(BLOCKING(tty_client_flush(console->terminal, true, false)));
    case CONDRV_GET_WINDOW:
        return answer32(r, 0);
    case CONDRV_GET_PROCESS_LIST:
        return process_list(r);
    case CONDRV_READ_CONSOLE_CONTROL:
        return read_console_control(r);
    case CONDRV_WRITE_CONSOLE:
        return write_chars(r);
    case CONDRV_WRITE_FILE:
        return write_file(r);
    case CONDRV_WRITE_OUTPUT:
        return write_output(r);
    case CONDRV_GET_OUTPUT_INFO:
        return get_output_info(r);
    case CONDRV_SET_OUTPUT_INFO:
        return set_output_info(r);
    case CONDRV_ACTIVATE:
        return STATUS_SUCCESS;
    case CONDRV_FILL_OUTPUT:
        return fill_output(r);
    }
    return STATUS_NOT_SUPPORTED;
}

static bool reads_input(uint32_t function)
{
    return (function >= CONDRV_READ_CONSOLE && function <= CONDRV_PEEK) ||
           function == CONDRV_READ_CONSOLE_CONTROL;
}

NTSTATUS console_ioctl(struct nt_thread *thread, struct nt_file *file, uint32_t code,
                       const void *in, uint32_t in_length, void *out, uint32_t out_length,
                       uint32_t *information)
{
    uint32_t function = code >> 2 & 0xfff;
    struct request request = {.thread = thread,
                              .console = file->console,
                              .role = file->console_role,
                              .in = in,
                              .in_length = in_length,
                              .out = out,
                              .out_length = out_length};
    if (reads_input(function) && file->console_role == CONSOLE_ROLE_OUTPUT)
        return STATUS_INVALID_HANDLE;
    NTSTATUS status = run_request(&request, function);
    *information = request.information;
    return status;
}
