/* SPDX-License-Identifier: MIT */
/*
 * The console. kernelbase speaks to \Device\ConDrv with control codes; here they act on a terminal of
 * the tty server, whose line discipline edits lines and makes signals of keys. Code page 65001: what
 * programs write as bytes goes to the terminal as it is.
 */
#include <personalities/nt/console.h>

#include <ipc/call.h>
#include <ipc/initclient.h>
#include <ipc/ttyclient.h>
#include <personalities/nt/console_keys.h>
#include <personalities/nt/path.h>
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/snapshot/save.h>
#include <personalities/nt/wait.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 4096u
#define CODE_PAGE_UTF8 65001u
#define SIGNAL_TTIN    21u
#define KEY_TIME       300000 /* 100 ns: between the bytes of one key */
#define IO_MAX         0x10000u

#define MODE_PROCESSED_INPUT 0x1u
#define MODE_LINE_INPUT      0x2u
#define MODE_ECHO_INPUT      0x4u
#define INPUT_MODE_DEFAULT   0x1f7u
#define OUTPUT_MODE_DEFAULT  0x3u

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

struct console {
    uint32_t references;
    handle_t terminal, event;
    struct tty_attributes found; /* how the terminal was set before a program changed that */
    bool changed;
    uint32_t input_mode, output_mode;
    uint32_t input_page, output_page;
    uint16_t attribute;
    int16_t x, y; /* where the cursor is thought to be */
    WCHAR title[256];
    uint32_t title_length;
    /* a line that has been read and not been taken yet */
    uint8_t line[LINE_MAX_BYTES];
    uint32_t line_length, line_taken;
    /* the records of a key that a program has taken a part of */
    struct key_record pending[KEY_RECORDS_MAX];
    uint32_t pending_count;
    uint16_t cursor_size;
    bool cursor_hidden;
};

struct console *console_new(handle_t terminal, handle_t event)
{
    static const WCHAR title[] = L"Atomik";
    struct console *console = calloc(1, sizeof *console);
    if (!console) {
        handle_drop(&terminal);
        handle_drop(&event);
        return NULL;
    }
    console->references = 1;
    console->terminal = terminal;
    console->event = event;
    console->input_mode = INPUT_MODE_DEFAULT;
    console->output_mode = OUTPUT_MODE_DEFAULT;
    console->input_page = console->output_page = CODE_PAGE_UTF8;
    console->attribute = 7;
    console->cursor_size = 25;
    memcpy(console->title, title, sizeof title);
    console->title_length = sizeof title / sizeof(WCHAR) - 1;
    return console;
}

struct console *console_hold(struct console *console)
{
    if (console)
        console->references++;
    return console;
}

/* The last thread of a program has a kick pending, which one call pays for. */
static void restore_terminal(struct console *console)
{
    while (tty_client_set_attributes(console->terminal, &console->found, 0) == ERR_INTERRUPTED)
        ;
}

void console_release(struct console *console)
{
    if (!console || --console->references > 0)
        return;
    if (console->changed)
        restore_terminal(console);
    handle_drop(&console->terminal);
    handle_drop(&console->event);
    free(console);
}

/* ---- snapshots ---- */

void console_save(struct console *console, struct snapshot *snapshot)
{
    int16_t cursor[2] = {console->x, console->y};
    struct tty_attributes attributes;
    snap_note_begin(snapshot, SNAP_CONSOLE);
    snap_put_u32(snapshot, SNAP_CONSOLE_INPUT_MODE, console->input_mode);
    snap_put_u32(snapshot, SNAP_CONSOLE_OUTPUT_MODE, console->output_mode);
    snap_put_u32(snapshot, SNAP_CONSOLE_INPUT_PAGE, console->input_page);
    snap_put_u32(snapshot, SNAP_CONSOLE_OUTPUT_PAGE, console->output_page);
    snap_put_u32(snapshot, SNAP_CONSOLE_ATTRIBUTE, console->attribute);
    snap_put(snapshot, SNAP_CONSOLE_CURSOR, cursor, sizeof cursor);
    snap_put(snapshot, SNAP_CONSOLE_TITLE, console->title, console->title_length * sizeof(WCHAR));
    snap_put(snapshot, SNAP_CONSOLE_LINE, console->line + console->line_taken,
             console->line_length - console->line_taken);
    if (console->changed &&
        BLOCKING(tty_client_get_attributes(console->terminal, &attributes)) == OK)
        snap_put(snapshot, SNAP_CONSOLE_TERMIOS, &attributes, sizeof attributes);
}

static void restore_attributes(struct console *console, const struct snap_note *note)
{
    struct tty_attributes attributes;
    if (!restored_bytes(note, SNAP_CONSOLE_TERMIOS, &attributes, sizeof attributes))
        return;
    if (!console->changed)
        console->changed =
            BLOCKING(tty_client_get_attributes(console->terminal, &console->found)) == OK;
    (void)!BLOCKING(tty_client_set_attributes(console->terminal, &attributes, 0));
}

void console_restore(struct console *console, const struct snap_note *note)
{
    uint32_t length = 0;
    int16_t cursor[2] = {0, 0};
    console->input_mode = snap_get_u32(note, SNAP_CONSOLE_INPUT_MODE, INPUT_MODE_DEFAULT);
    console->output_mode = snap_get_u32(note, SNAP_CONSOLE_OUTPUT_MODE, OUTPUT_MODE_DEFAULT);
    console->input_page = snap_get_u32(note, SNAP_CONSOLE_INPUT_PAGE, CODE_PAGE_UTF8);
    console->output_page = snap_get_u32(note, SNAP_CONSOLE_OUTPUT_PAGE, CODE_PAGE_UTF8);
    console->attribute = (uint16_t)snap_get_u32(note, SNAP_CONSOLE_ATTRIBUTE, 7);
    (void)restored_bytes(note, SNAP_CONSOLE_CURSOR, cursor, sizeof cursor);
    console->x = cursor[0];
    console->y = cursor[1];
    const uint8_t *bytes = snap_get(note, SNAP_CONSOLE_TITLE, &length);
    if (bytes && length <= sizeof console->title) {
        memcpy(console->title, bytes, length);
        console->title_length = length / sizeof(WCHAR);
    }
    bytes = snap_get(note, SNAP_CONSOLE_LINE, &length);
    if (bytes && length <= sizeof console->line) {
        memcpy(console->line, bytes, length);
        console->line_length = length;
        console->line_taken = 0;
    }
    restore_attributes(console, note);
}

/* ---- files ---- */

NTSTATUS console_file(struct console *console, enum console_role role, ACCESS_MASK access,
                      struct object **result)
{
    struct nt_file *file = ntfile_new(FILE_CONSOLE, access, FILE_SYNCHRONOUS_IO_NONALERT);
    if (!file)
        return STATUS_NO_MEMORY;
    file->console = console_hold(console);
    file->console_role = role;
    *result = &file->object;
    return STATUS_SUCCESS;
}

void console_descriptor(struct console *console, handle_t *terminal, handle_t *event)
{
    *terminal = handle_copy(console->terminal);
    *event = handle_copy(console->event);
}

/* ---- names below \Device\ConDrv ---- */

static bool role_of(struct text name, ACCESS_MASK access, enum console_role *role)
{
    static const struct {
        struct text name;
        enum console_role role;
    } names[] = {
        {{L"Server", 6}, CONSOLE_ROLE_SERVER},
        {{L"Reference", 9}, CONSOLE_ROLE_REFERENCE},
        {{L"Connection", 10}, CONSOLE_ROLE_CONNECTION},
        {{L"Input", 5}, CONSOLE_ROLE_INPUT},
        {{L"CurrentIn", 9}, CONSOLE_ROLE_INPUT},
        {{L"Output", 6}, CONSOLE_ROLE_OUTPUT},
        {{L"CurrentOut", 10}, CONSOLE_ROLE_OUTPUT},
        {{L"ScreenBuffer", 12}, CONSOLE_ROLE_OUTPUT},
    };
    for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (text_equal(names[i].name, name)) {
            *role = names[i].role;
            return true;
        }
    *role = access & FILE_WRITE_DATA ? CONSOLE_ROLE_OUTPUT : CONSOLE_ROLE_INPUT;
    return text_equal(name, LITERAL("Console"));
}

static NTSTATUS open_role(struct console *console, struct text name, struct open_request *request,
                          struct object **result)
{
    enum console_role role;
    if (name.length && name.chars[0] == '\\')
        name = text_skip(name, 1);
    if (!role_of(name, request->access, &role))
        return STATUS_OBJECT_NAME_NOT_FOUND;
    if (!console)
        return STATUS_INVALID_HANDLE;
    request->information = FILE_OPENED;
    return console_file(console, role, request->access, result);
}

NTSTATUS console_open(struct text name, struct open_request *request, struct object **result)
{
    return open_role(request->process->console, name, request, result);
}

NTSTATUS console_open_relative(struct nt_file *file, struct text name, struct open_request *request,
                               struct object **result)
{
    return open_role(file->console, name, request, result);
}

/* ---- input ---- */

static bool line_waits(const struct console *console)
{
    return console->line_taken < console->line_length;
}

/* A background process must not read: it is stopped, and reads again once it is continued. */
static NTSTATUS background_read(struct nt_thread *thread)
{
    uint32_t count;
    (void)!BLOCKING(init_proc_signal(nt_init, -(int32_t)thread->process->pgid, SIGNAL_TTIN,
                                     thread->process->pid, &count));
    thread_sleep(thread, nt_time() + 1000000);
    return STATUS_RESTART_CALL;
}

/* One line (or, in raw mode, what is there) into console->line. Empty: end of file. */
static NTSTATUS fill_line(struct nt_thread *thread, struct console *console)
{
    size_t done = 0;
    uint8_t *bytes = malloc(LINE_MAX_BYTES);
    if (!bytes)
        return STATUS_NO_MEMORY;
    struct nt_process *process = thread->process;
    status_t status = BLOCKING(tty_client_read(console->terminal, bytes, LINE_MAX_BYTES, 0,
                                               process->pgid, process->sid, &done));
    if (status == OK && !line_waits(console)) {
        memcpy(console->line, bytes, done);
        console->line_length = done;
        console->line_taken = 0;
        if ((console->input_mode & MODE_ECHO_INPUT) && done && bytes[done - 1] == '\n')
            console->x = 0; /* the key was shown */
    }
    free(bytes);
    if (status == ERR_INTERRUPTED)
        return STATUS_RESTART_CALL;
    return status == ERR_BAD_STATE ? background_read(thread) : nt_status(status);
}

/*
 * Bytes of the current line. In line mode a line ends with CR LF as programs expect it; so the buffer
 * of a program may end between the two.
 */
static uint32_t take_bytes(struct console *console, uint8_t *to, uint32_t size)
{
    uint32_t done = 0;
    bool lines = console->input_mode & MODE_LINE_INPUT;
    while (done < size && line_waits(console)) {
        uint8_t byte = console->line[console->line_taken];
        if (lines && byte == '\n' && (done == 0 || to[done - 1] != '\r')) {
            to[done++] = '\r';
            continue;
        }
        to[done++] = byte;
        console->line_taken++;
    }
    return done;
}

NTSTATUS console_read(struct nt_thread *thread, struct nt_file *file, void *to, uint32_t length,
                      uint32_t *done)
{
    struct console *console = file->console;
    if (file->console_role != CONSOLE_ROLE_INPUT)
        return STATUS_INVALID_HANDLE;
    NTSTATUS status = line_waits(console) ? STATUS_SUCCESS : fill_line(thread, console);
    if (!status)
        *done = take_bytes(console, to, length);
    return status;
}

static bool terminal_readable(const struct console *console)
{
    struct handle_info info;
    return handle_info(console->event, &info) == OK && (info.signals & TTY_READABLE);
}

bool console_readable(struct nt_file *file)
{
    return line_waits(file->console) || file->console->pending_count ||
           terminal_readable(file->console);
}

bool console_wait_item(struct nt_file *file, struct wait_item *item)
{
    *item = (struct wait_item){.handle = file->console->event, .wanted = TTY_READABLE};
    return true;
}

/* ---- output ---- */

static struct tty_size terminal_size(struct console *console)
{
    struct tty_size size;
    if (BLOCKING(tty_client_get_size(console->terminal, &size)) != OK || !size.rows ||
        !size.columns)
        size = (struct tty_size){.rows = 25, .columns = 80};
    return size;
}

/* Follow the cursor as far as plain text moves it. */
static void track(struct console *console, const uint8_t *bytes, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        if (bytes[i] == '\n') {
            console->x = 0;
            console->y++;
        } else if (bytes[i] == '\r') {
            console->x = 0;
        } else if (bytes[i] == '\b') {
            console->x -= console->x > 0;
        } else if ((bytes[i] & 0xc0) != 0x80) {
            console->x++;
        }
    }
}

static NTSTATUS write_bytes(struct nt_thread *thread, struct console *console, const void *bytes,
                            uint32_t length, uint32_t *done)
{
    size_t written = 0;
    struct nt_process *process = thread->process;
    status_t status = BLOCKING(tty_client_write(console->terminal, bytes, length, 0, process->pgid,
                                                process->sid, &written));
    track(console, bytes, written);
    *done = written;
    if (status == ERR_INTERRUPTED && written == 0)
        return STATUS_RESTART_CALL;
    if (status == ERR_BAD_STATE)
        return background_read(thread);
    return written ? STATUS_SUCCESS : nt_status(status);
}

NTSTATUS console_write(struct nt_thread *thread, struct nt_file *file, const void *from,
                       uint32_t length, uint32_t *done)
{
    if (file->console_role != CONSOLE_ROLE_OUTPUT)
        return STATUS_INVALID_HANDLE;
    if (length == 0)
        return STATUS_SUCCESS;
    return write_bytes(thread, file->console, from, length, done);
}

static NTSTATUS write_text(struct nt_thread *thread, struct console *console, const WCHAR *chars,
                           uint32_t count)
{
    uint32_t done;
    char *bytes = malloc(count * 3 + 1);
    if (!bytes)
        return STATUS_NO_MEMORY;
    uint32_t length = utf16_to_utf8(chars, count, bytes, count * 3);
    NTSTATUS status = length ? write_bytes(thread, console, bytes, length, &done) : STATUS_SUCCESS;
    free(bytes);
    return status;
}

static NTSTATUS write_string(struct nt_thread *thread, struct console *console, const char *bytes)
{
    uint32_t done;
    return write_bytes(thread, console, bytes, strlen(bytes), &done);
}

/* ---- control codes ---- */

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
    NTSTATUS status = line_waits(r->console) ? STATUS_SUCCESS : fill_line(r->thread, r->console);
    if (!status)
        r->information = take_bytes(r->console, r->out, r->out_length);
    return status;
}

/* One line as UTF-16, behind `header` bytes of the answer. */
static NTSTATUS read_chars(struct request *r, uint32_t header)
{
    struct console *console = r->console;
    if (r->out_length < header)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = line_waits(console) ? STATUS_SUCCESS : fill_line(r->thread, console);
    if (status)
        return status;
    /* A line that does not fit stays for the next read; a character is one to three bytes per unit. */
    uint32_t room = (r->out_length - header) / sizeof(WCHAR);
    uint8_t *bytes = malloc(room + 1);
    if (!bytes)
        return STATUS_NO_MEMORY;
    uint32_t length = take_bytes(console, bytes, room);
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
    for (uint32_t tries = 0; tries < 4 && line_waits(console); tries++) {
        uint8_t bytes[16];
        size_t done = 0;
        const struct nt_process *process = thread->process;
        if (!keys_unfinished(console->line + console->line_taken,
                             console->line_length - console->line_taken))
            return;
        thread_sleep(thread, nt_time() + KEY_TIME);
        if (!terminal_readable(console) || LINE_MAX_BYTES - console->line_length < sizeof bytes)
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
    if (!console->pending_count && !line_waits(console)) {
        NTSTATUS status =
            peek && !terminal_readable(console) ? STATUS_SUCCESS : fill_line(r->thread, console);
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

static NTSTATUS get_input_info(struct request *r)
{
    struct console *console = r->console;
    NTSTATUS status = STATUS_SUCCESS;
    if (!line_waits(console) && terminal_readable(console))
        status = fill_line(r->thread, console);
    uint32_t words[3] = {console->input_page, console->output_page, console->pending_count};
    for (uint32_t at = console->line_taken, made; at < console->line_length; words[2] += made) {
        struct key_record key[KEY_RECORDS_MAX];
        at += keys_decode(console->line + at, console->line_length - at, key, &made);
    }
    return status ? status : answer(r, words, sizeof words);
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
    struct tty_size size = terminal_size(console);
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
    NTSTATUS status = write_string(r->thread, r->console, sequence);
    r->console->x = x;
    return status;
}

static NTSTATUS move_cursor(struct request *r, int16_t x, int16_t y)
{
    char sequence[32];
    snprintf(sequence, sizeof sequence, "\033[%d;%dH", y + 1, x + 1);
    NTSTATUS status = write_string(r->thread, r->console, sequence);
    r->console->x = x;
    r->console->y = y;
    return status;
}

static NTSTATUS set_cursor(struct request *r, uint16_t size, bool visible)
{
    int16_t x = r->console->x;
    if (size < 1 || size > 100)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = write_string(r->thread, r->console, visible ? SHOW_CURSOR : HIDE_CURSOR);
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
    struct tty_size size = terminal_size(r->console);
    uint32_t count = in_word(r, 3);
    NTSTATUS status = STATUS_SUCCESS;
    if (in_word(r, 2) == FILL_TEXT && count >= (uint32_t)size.rows * size.columns) {
        int16_t x = r->console->x;
        status = write_string(r->thread, r->console, ERASE_DISPLAY);
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
            status = write_text(r->thread, r->console, chars, count);
    }
    free(chars);
    return status ? status : answer32(r, count);
}

static NTSTATUS write_chars(struct request *r)
{
    if (r->role != CONSOLE_ROLE_OUTPUT)
        return STATUS_INVALID_HANDLE;
    return write_text(r->thread, r->console, r->in, r->in_length / sizeof(WCHAR));
}

static NTSTATUS write_file(struct request *r)
{
    if (r->role != CONSOLE_ROLE_OUTPUT)
        return STATUS_INVALID_HANDLE;
    return r->in_length ? write_bytes(r->thread, r->console, r->in, r->in_length, &r->information)
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
        return write_string(r->thread, console, "\a");
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
