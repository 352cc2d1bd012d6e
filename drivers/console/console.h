/* SPDX-License-Identifier: MIT */
/* What the console drivers share: the service side of abi/protocols/console.def. */
#ifndef CONSOLE_CONSOLE_H
#define CONSOLE_CONSOLE_H

#include <atomik/types.h>
#include <protocols/console.h>

/* Our ends of the streams to whoever took the console over; HANDLE_NONE before anyone has. */
struct console {
    handle_t service;
    handle_t keys;  /* write end: typed bytes */
    handle_t shown; /* read end: bytes to show */
    struct tty_size size;
    /*
     * Of a driver that says how far it is: where it counts each byte that console_take has given it, as
     * soon as that is shown. NULL: it does not.
     */
    volatile uint32_t *counter;
    struct console_progress
        *progress; /* page of the connection, and the counter after the next take */
};

/* Answers all waiting requests. */
void console_serve(struct console *console);
/* A driver's own further requests: true if it will answer the token itself. May be left undefined. */
bool console_other(struct console *console, uint32_t token, const struct message *message);
/* Bytes typed; dropped if nobody reads or the stream is full. */
void console_type(struct console *console, const uint8_t *bytes, uint32_t count);
/* Before all else, if the driver counts what it shows. */
void console_count(struct console *console);
/* Up to `length` bytes to show, without waiting; 0 if there are none. All that was taken before is shown. */
uint32_t console_take(struct console *console, uint8_t *bytes, uint32_t length);

#endif
