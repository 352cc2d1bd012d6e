/* SPDX-License-Identifier: MIT */
/* The control codes with which kernelbase speaks to \Device\ConDrv, as acts on the terminal. */
#include <personalities/nt/console_request.h>

#include <personalities/nt/ntdll.h>
#include <personalities/nt/process.h>

#include <string.h>

/* bits of termios */
#define TERMIOS_ISIG   0000001u
#define TERMIOS_ICANON 0000002u
#define TERMIOS_ECHO   0000010u

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

static NTSTATUS get_mode(struct console_request *r)
{
    if (r->role != CONSOLE_ROLE_INPUT && r->role != CONSOLE_ROLE_OUTPUT)
        return STATUS_INVALID_HANDLE;
    return request_answer32(r, r->role == CONSOLE_ROLE_INPUT ? r->console->input_mode
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

static NTSTATUS set_mode(struct console_request *r)
{
    uint32_t relevant = MODE_LINE_INPUT | MODE_ECHO_INPUT | MODE_PROCESSED_INPUT;
    if (r->in_length != sizeof(uint32_t))
        return STATUS_INVALID_PARAMETER;
    uint32_t mode = request_word(r, 0), old = r->console->input_mode;
    if (r->role == CONSOLE_ROLE_OUTPUT) {
        r->console->output_mode = mode;
        return STATUS_SUCCESS;
    }
    if (r->role != CONSOLE_ROLE_INPUT)
        return STATUS_INVALID_HANDLE;
    r->console->input_mode = mode;
    return (mode ^ old) & relevant ? apply_input_mode(r->console) : STATUS_SUCCESS;
}

static NTSTATUS read_console_control(struct console_request *r)
{
    NTSTATUS status = console_read_chars(r, sizeof(uint32_t));
    if (!status)
        memset(r->out, 0, sizeof(uint32_t)); /* no modifier keys are known */
    return status;
}

static NTSTATUS get_input_info(struct console_request *r)
{
    struct console *console = r->console;
    uint32_t waiting = console->pending_count + console_count_records(r->thread, console);
    uint32_t words[3] = {console->input_page, console->output_page, waiting};
    return request_answer(r, words, sizeof words);
}

static NTSTATUS set_input_info(struct console_request *r)
{
    enum { SET_INPUT_PAGE = 1, SET_OUTPUT_PAGE = 2 };
    if (r->in_length != 16)
        return STATUS_INVALID_PARAMETER;
    if (request_word(r, 0) & SET_INPUT_PAGE)
        r->console->input_page = request_word(r, 1);
    if (request_word(r, 0) & SET_OUTPUT_PAGE)
        r->console->output_page = request_word(r, 2);
    return STATUS_SUCCESS;
}

static NTSTATUS get_title(struct console_request *r)
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

static NTSTATUS set_title(struct console_request *r)
{
    uint32_t max = sizeof r->console->title / sizeof(WCHAR);
    uint32_t count = r->in_length / sizeof(WCHAR) < max ? r->in_length / sizeof(WCHAR) : max;
    memcpy(r->console->title, r->in, count * sizeof(WCHAR));
    r->console->title_length = count;
    return STATUS_SUCCESS;
}

bool console_tell(struct nt_process *process, enum console_event event)
{
    struct nt_thread *thread;
    struct thread_request request = {.parameter = event};
    if (!process->console || process->exiting || process->foreign || process->thread_count == 0)
        return false;
    request.start = ntdll_entry(process, NTDLL_CTRL_ROUTINE);
    if (!request.start || nt_thread_create(process, &request, &thread))
        return false;
    return !thread_launch(thread);
}

/* Of the console's programs those of a group, or all. */
static void tell_group(const struct console *console, uint32_t event, uint32_t group)
{
    list_each(process, &nt_processes, struct nt_process, link)
    {
        if (process->console == console && (group == 0 || group == console_group(process)))
            (void)console_tell(process, event);
    }
}

/* Ctrl-C for all is what the key would do: programs of other personalities are among them. */
static NTSTATUS ctrl_event(struct console_request *r)
{
    if (r->in_length < 2 * sizeof(uint32_t) || request_word(r, 0) > CONSOLE_CTRL_BREAK)
        return STATUS_INVALID_PARAMETER;
    uint32_t event = request_word(r, 0), group = request_word(r, 1);
    if (event == CONSOLE_CTRL_C && group == 0)
        return nt_status(BLOCKING(tty_client_break(r->console->terminal)));
    tell_group(r->console, event, group);
    return STATUS_SUCCESS;
}

static NTSTATUS process_list(struct console_request *r)
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

static NTSTATUS run_request(struct console_request *r, uint32_t function)
{
    struct console *console = r->console;
    switch (function) {
    case CONDRV_GET_MODE:
        return get_mode(r);
    case CONDRV_SET_MODE:
        return set_mode(r);
    case CONDRV_READ_CONSOLE:
        return console_read_chars(r, 0);
    case CONDRV_READ_FILE:
        return console_read_file(r);
    case CONDRV_READ_INPUT:
    case CONDRV_PEEK:
        return console_read_records(r, function == CONDRV_PEEK);
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
        return request_answer32(r, 0);
    case CONDRV_GET_PROCESS_LIST:
        return process_list(r);
    case CONDRV_READ_CONSOLE_CONTROL:
        return read_console_control(r);
    case CONDRV_WRITE_CONSOLE:
        return console_write_chars(r);
    case CONDRV_WRITE_FILE:
        return console_write_file(r);
    case CONDRV_WRITE_OUTPUT:
        return console_write_cells(r);
    case CONDRV_GET_OUTPUT_INFO:
        return console_get_output_info(r);
    case CONDRV_SET_OUTPUT_INFO:
        return console_set_output_info(r);
    case CONDRV_ACTIVATE:
        return STATUS_SUCCESS;
    case CONDRV_FILL_OUTPUT:
        return console_fill_output(r);
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
    struct console_request request = {.thread = thread,
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
