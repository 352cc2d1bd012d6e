/* SPDX-License-Identifier: MIT */
/*
 * The console: a terminal of the tty server, whose line discipline edits lines and makes signals of keys.
 * What programs read and write as bytes is here; the control codes are in console_control.c. Code page
 * 65001: what programs write as bytes goes to the terminal as it is.
 */
#include <personalities/nt/console_state.h>

#include <ipc/call.h>
#include <ipc/initclient.h>
#include <ipc/ttyclient.h>
#include <personalities/nt/console_keys.h>
#include <personalities/nt/path.h>
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/snapshot/save.h>
#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

#define CODE_PAGE_UTF8      65001u
#define SIGNAL_TTIN         21u
#define INPUT_MODE_DEFAULT  0x1f7u
#define OUTPUT_MODE_DEFAULT 0x3u

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

bool console_line_waits(const struct console *console)
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
NTSTATUS console_fill_line(struct nt_thread *thread, struct console *console)
{
    size_t done = 0;
    uint8_t *bytes = malloc(LINE_MAX_BYTES);
    if (!bytes)
        return STATUS_NO_MEMORY;
    struct nt_process *process = thread->process;
    status_t status = BLOCKING(tty_client_read(console->terminal, bytes, LINE_MAX_BYTES, 0,
                                               process->pgid, process->sid, &done));
    if (status == OK && !console_line_waits(console)) {
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
uint32_t console_take_bytes(struct console *console, uint8_t *to, uint32_t size)
{
    uint32_t done = 0;
    bool lines = console->input_mode & MODE_LINE_INPUT;
    while (done < size && console_line_waits(console)) {
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
    NTSTATUS status =
        console_line_waits(console) ? STATUS_SUCCESS : console_fill_line(thread, console);
    if (!status)
        *done = console_take_bytes(console, to, length);
    return status;
}

bool console_terminal_readable(const struct console *console)
{
    struct handle_info info;
    return handle_info(console->event, &info) == OK && (info.signals & TTY_READABLE);
}

bool console_readable(struct nt_file *file)
{
    return console_line_waits(file->console) || file->console->pending_count ||
           console_terminal_readable(file->console);
}

bool console_wait_item(struct nt_file *file, struct wait_item *item)
{
    *item = (struct wait_item){.handle = file->console->event, .wanted = TTY_READABLE};
    return true;
}

/* ---- output ---- */

struct tty_size console_terminal_size(struct console *console)
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

NTSTATUS console_write_bytes(struct nt_thread *thread, struct console *console, const void *bytes,
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
    return console_write_bytes(thread, file->console, from, length, done);
}

NTSTATUS console_write_text(struct nt_thread *thread, struct console *console, const WCHAR *chars,
                            uint32_t count)
{
    uint32_t done;
    char *bytes = malloc(count * 3 + 1);
    if (!bytes)
        return STATUS_NO_MEMORY;
    uint32_t length = utf16_to_utf8(chars, count, bytes, count * 3);
    NTSTATUS status =
        length ? console_write_bytes(thread, console, bytes, length, &done) : STATUS_SUCCESS;
    free(bytes);
    return status;
}

NTSTATUS console_write_string(struct nt_thread *thread, struct console *console, const char *bytes)
{
    uint32_t done;
    return console_write_bytes(thread, console, bytes, strlen(bytes), &done);
}
