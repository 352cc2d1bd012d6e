/* SPDX-License-Identifier: MIT */
/*
 * Pseudo terminals: a terminal whose other side is a program with the master end open. What is
 * written to the terminal waits in its output queue for the master's reads; what is written to the
 * master is typed into the line discipline. A pseudo terminal goes when the last handle to either
 * side is closed; its name when the master end is.
 */
#include <ipc/call.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "terminal.h"

/* Packet status; values of Linux. */
enum packet { PACKET_FLUSHREAD = 1, PACKET_FLUSHWRITE = 2, PACKET_STOP = 4, PACKET_START = 8 };
#define UNCHANGED 2u

struct terminal *pty_find(uint32_t number)
{
    return number < PTY_MAX ? terminals[CONSOLES + number] : NULL;
}

/* ---- life ---------------------------------------------------------------------------------------- */

static uint32_t free_number(void)
{
    uint32_t number = 0;
    while (number < PTY_MAX && terminals[CONSOLES + number] != NULL)
        number++;
    return number;
}

static struct terminal *pty_new(uint32_t number)
{
    struct terminal *terminal = number < PTY_MAX ? calloc(1, sizeof *terminal) : NULL;
    if (terminal == NULL)
        return NULL;
    terminal->number = number;
    terminal->locked = true;
    if (!terminal_init(terminal)) {
        free(terminal);
        return NULL;
    }
    terminal->size = (struct tty_size){.rows = 0};
    terminal->ldisc.attributes.iflag &= ~(uint32_t)040000; /* Linux's are without IUTF8 */
    terminal->ldisc.attributes.cflag &= ~(uint32_t)02000;  /* and without HUPCL */
    terminal->ldisc.attributes.iflag &= ~(uint32_t)020000; /* and without IMAXBEL */
    terminals[CONSOLES + number] = terminal;
    return terminal;
}

static void forget_if_unused(struct terminal *terminal)
{
    for (uint32_t i = 0; i < CONSOLES + PTY_MAX; i++)
        if (terminals[i] == terminal &&
            terminal->master_opens + terminal->opens + terminal->hung_opens == 0) {
            terminals[i] = NULL;
            terminal_free(terminal);
            return;
        }
}

void pty_closed(struct terminal *terminal, handle_t port, bool master)
{
    if (master && terminal->master_opens == 0)
        terminal_hang_up(terminal, port);
    forget_if_unused(terminal);
}

/* ---- the master's reads ---------------------------------------------------------------------------- */

static bool other_side_gone(const struct terminal *terminal)
{
    return terminal->was_opened && terminal->opens == 0;
}

static uint32_t queued(const struct terminal *terminal)
{
    return terminal->out_head - terminal->out_tail;
}

bool pty_read_due(const struct terminal *terminal)
{
    return queued(terminal) > 0 || (terminal->packet && terminal->packet_status) ||
           other_side_gone(terminal);
}

uint32_t pty_signals(const struct terminal *terminal)
{
    uint32_t signals = 0;
    if (queued(terminal) > 0)
        signals |= TTY_READABLE;
    if (terminal->packet && terminal->packet_status)
        signals |= TTY_READABLE | TTY_PRIORITY;
    if (other_side_gone(terminal))
        signals |= TTY_HANGUP;
    if (ldisc_accepts(&terminal->ldisc) || other_side_gone(terminal))
        signals |= TTY_WRITABLE;
    return signals;
}

static uint32_t take_output(struct terminal *terminal, uint8_t *to, uint32_t length)
{
    uint32_t count = 0;
    while (count < length && queued(terminal) > 0)
        to[count++] = terminal->out[terminal->out_tail++ % OUTPUT_QUEUE];
    terminal->news |= TTY_WRITABLE;
    return count;
}

status_t pty_read(struct terminal *terminal, uint8_t *to, uint32_t length, uint32_t *done)
{
    *done = 0;
    if (length == 0)
        return OK;
    if (terminal->packet && terminal->packet_status) {
        to[0] = terminal->packet_status;
        terminal->packet_status = 0;
        *done = 1;
        return OK;
    }
    if (queued(terminal) == 0)
        return ERR_PEER_CLOSED;
    uint32_t at = terminal->packet;
    if (at)
        to[0] = 0;
    *done = at + take_output(terminal, to + at, length - at);
    return OK;
}

void pty_packet(struct terminal *terminal, uint8_t status)
{
    uint8_t opposite = status & (PACKET_STOP | PACKET_START)
                           ? (PACKET_STOP | PACKET_START) & (uint8_t)~status
                       : status & (16 | 32) ? (16 | 32) & (uint8_t)~status
                                            : 0;
    if (terminal->console != NULL || !terminal->packet)
        return;
    terminal->packet_status = (uint8_t)((terminal->packet_status & ~opposite) | status);
    terminal->master_news |= TTY_READABLE | TTY_PRIORITY;
}

/* ---- requests of a master end ----------------------------------------------------------------------- */

static bool request_read(struct open *open, struct message *message)
{
    struct terminal *terminal = open->terminal;
    struct tty_read_request request = *(struct tty_read_request *)message->data;
    uint32_t length = request.length < TTY_DATA_MAX ? request.length : TTY_DATA_MAX, done;
    if (pty_read_due(terminal)) {
        status_t status = pty_read(terminal, message->data, length, &done);
        return request_done(message, status, done);
    }
    struct pending *pending;
    return !request_wait(open, message, PENDING_READ, request.flags, NULL, length, &pending);
}

static bool request_write(struct open *open, struct message *message)
{
    struct terminal *terminal = open->terminal;
    struct tty_write_request request = *(struct tty_write_request *)message->data;
    const uint8_t *bytes = message->data + sizeof request;
    uint32_t length = message->size - (uint32_t)sizeof request, taken = 0;
    if (length > TTY_DATA_MAX)
        return request_done(message, ERR_TOO_LARGE, 0);
    if (!terminal_has_pending(terminal, PENDING_TYPE))
        taken = terminal_type(terminal, bytes, length);
    if (taken == length || (taken > 0 && (request.flags & TTY_NONBLOCK))) {
        ((struct tty_write_reply *)message->data)->length = taken;
        return request_done(message, OK, sizeof(struct tty_write_reply));
    }
    struct pending *pending;
    if (!request_wait(open, message, PENDING_TYPE, request.flags, bytes, length, &pending))
        return true;
    pending->taken = taken;
    return false;
}

static bool request_set(struct terminal *terminal, struct message *message)
{
    struct pty_set_request request = *(struct pty_set_request *)message->data;
    if (request.locked < UNCHANGED)
        terminal->locked = request.locked;
    if (request.packet < UNCHANGED && request.packet != terminal->packet) {
        terminal->packet = request.packet;
        terminal->packet_status = 0;
    }
    return request_done(message, OK, 0);
}

static bool request_signal(struct terminal *terminal, struct message *message)
{
    uint32_t signal = ((struct tty_signal_request *)message->data)->signal;
    if (signal == 0 || signal > 64)
        return request_done(message, ERR_INVALID_ARGUMENT, 0);
    terminal_signal(terminal, signal);
    return request_done(message, OK, 0);
}

bool pty_request(struct open *open, handle_t port, struct message *message, bool *handled)
{
    *handled = true;
    switch (message->label) {
    case LABEL_tty_read:
        return request_read(open, message);
    case LABEL_tty_write:
        return request_write(open, message);
    case LABEL_pty_set:
        return request_set(open->terminal, message);
    case LABEL_tty_signal:
        return request_signal(open->terminal, message);
    case LABEL_pty_export:
        return state_export(open->terminal, message);
    case LABEL_pty_import:
        return state_import(open->terminal, message);
    case LABEL_pty_open_peer:
        open_answer(open->terminal, false, port, message);
        return true;
    }
    *handled = false;
    return true;
}

/* ---- requests to the server ---------------------------------------------------------------------------- */

static bool create(uint32_t number, handle_t port, struct message *message)
{
    struct terminal *terminal = pty_new(number);
    if (terminal == NULL)
        return request_done(message, ERR_NO_MEMORY, 0);
    open_answer(terminal, true, port, message);
    if (message->label != OK) {
        forget_if_unused(terminal);
        return true;
    }
    ((struct pty_create_reply *)message->data)->number = terminal->number;
    message->size = sizeof(struct pty_create_reply);
    return true;
}

static bool create_at(handle_t port, struct message *message)
{
    uint32_t number = ((struct pty_create_at_request *)message->data)->number;
    if (number >= PTY_MAX || terminals[CONSOLES + number] != NULL)
        return request_done(message, ERR_BUSY, 0);
    return create(number, port, message);
}

static bool open_number(handle_t port, struct message *message)
{
    struct terminal *terminal = pty_find(((struct pty_open_request *)message->data)->number);
    if (terminal == NULL || terminal->master_opens == 0)
        return request_done(message, ERR_NOT_FOUND, 0);
    if (terminal->locked)
        return request_done(message, ERR_BAD_STATE, 0);
    open_answer(terminal, false, port, message);
    return true;
}

static bool next(struct message *message)
{
    uint32_t number = ((struct pty_next_request *)message->data)->from;
    while (number < PTY_MAX && (terminals[CONSOLES + number] == NULL ||
                                terminals[CONSOLES + number]->master_opens == 0))
        number++;
    if (number >= PTY_MAX)
        return request_done(message, ERR_NOT_FOUND, 0);
    ((struct pty_next_reply *)message->data)->number = number;
    return request_done(message, OK, sizeof(struct pty_next_reply));
}

bool pty_server_request(handle_t port, struct message *message)
{
    switch (message->label) {
    case LABEL_pty_create:
        return create(free_number(), port, message);
    case LABEL_pty_create_at:
        return create_at(port, message);
    case LABEL_pty_open:
        return open_number(port, message);
    case LABEL_pty_next:
        return next(message);
    }
    return request_done(message, ERR_NOT_IMPLEMENTED, 0);
}
