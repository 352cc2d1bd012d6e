/* SPDX-License-Identifier: MIT */
/* Input of console programs: lines, and keys as records, of which a program may take a part. */
#include <personalities/nt/console_request.h>

#include <personalities/nt/wait.h>

#include <stdlib.h>
#include <string.h>

#define KEY_TIME 300000 /* 100 ns: between the bytes of one key */

NTSTATUS console_read_file(struct console_request *r)
{
    NTSTATUS status =
        console_line_waits(r->console) ? STATUS_SUCCESS : console_fill_line(r->thread, r->console);
    if (!status)
        r->information = console_take_bytes(r->console, r->out, r->out_length);
    return status;
}

NTSTATUS console_read_chars(struct console_request *r, uint32_t header)
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

/* What is left of a key of which a program has taken a part. */
static uint32_t take_pending(struct console_request *r, bool peek)
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
static uint32_t take_keys(struct console_request *r, uint32_t count, bool peek)
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

NTSTATUS console_read_records(struct console_request *r, bool peek)
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
uint32_t console_count_records(struct nt_thread *thread, const struct console *console)
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
