/* SPDX-License-Identifier: MIT */
/* The state of a console, and what its control codes (console_control.c) use of console.c. */
#ifndef NT_CONSOLE_STATE_H
#define NT_CONSOLE_STATE_H

#include <ipc/ttyclient.h>
#include <personalities/nt/console.h>
#include <personalities/nt/console_keys.h>

#define LINE_MAX_BYTES 4096u

/* input_mode */
#define MODE_PROCESSED_INPUT 0x1u
#define MODE_LINE_INPUT      0x2u
#define MODE_ECHO_INPUT      0x4u

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

/* ---- input ---- */
bool console_line_waits(const struct console *console);
/* One line (or, in raw mode, what is there) into console->line. Empty: end of file. */
NTSTATUS console_fill_line(struct nt_thread *thread, struct console *console);
/* Bytes of the current line, whose end is CR LF in line mode. */
uint32_t console_take_bytes(struct console *console, uint8_t *to, uint32_t size);
/* Whether there is something beyond the current line. */
bool console_terminal_readable(const struct console *console);

/* ---- output; console->x and y follow ---- */
NTSTATUS console_write_text(struct nt_thread *thread, struct console *console, const WCHAR *chars,
                            uint32_t count);
NTSTATUS console_write_string(struct nt_thread *thread, struct console *console, const char *bytes);
NTSTATUS console_write_bytes(struct nt_thread *thread, struct console *console, const void *bytes,
                             uint32_t length, uint32_t *done);
/* 80 by 25 if the terminal does not say. */
struct tty_size console_terminal_size(struct console *console);

#endif
