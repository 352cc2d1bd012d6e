/* SPDX-License-Identifier: MIT */
/* The requests to an open terminal, and to what a master end has in common with it. */
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "terminal.h"
#include "termios_bits.h"

#define SIGNAL_WINCH 28

/* Packet status that a request brings about; values of Linux. */
enum packet {
    PACKET_FLUSHREAD = 1,
    PACKET_FLUSHWRITE = 2,
    PACKET_STOP = 4,
    PACKET_START = 8,
    PACKET_NOSTOP = 16,
    PACKET_DOSTOP = 32
};

bool request_done(struct message *message, status_t status, uint32_t size)
{
    message->label = (uint32_t)status;
    message->size = (uint16_t)size;
    return true;
}

bool request_wait(struct open *open, struct message *message, enum pending_kind kind,
                  uint32_t flags, const void *bytes, uint32_t length, struct pending **pending)
{
    if (flags & TTY_NONBLOCK)
        return !request_done(message, ERR_SHOULD_WAIT, 0);
    *pending = terminal_pend(open->terminal, kind, open, message, bytes != NULL ? length : 0);
    if (*pending == NULL)
        return !request_done(message, ERR_NO_MEMORY, 0);
    (*pending)->length = length;
    if (bytes != NULL)
        memcpy((*pending)->data, bytes, length);
    return true;
}

static bool request_read(struct open *open, struct message *message)
{
    struct terminal *terminal = open->terminal;
    struct tty_read_request request = *(struct tty_read_request *)message->data;
    uint32_t length = request.length < TTY_DATA_MAX ? request.length : TTY_DATA_MAX;
    ktime_t deadline = read_deadline(terminal);
    if (is_background(terminal, request.pgid, request.sid))
        return request_done(message, ERR_BAD_STATE, 0);
    if (read_due(terminal, deadline, length))
        return request_done(
            message, OK,
            ldisc_read(&terminal->ldisc, message->data, length, request.flags & TTY_PEEK));
    struct pending *pending;
    if (!request_wait(open, message, PENDING_READ, request.flags, NULL, length, &pending))
        return true;
    pending->peek = request.flags & TTY_PEEK;
    pending->pgid = request.pgid;
    pending->sid = request.sid;
    pending->deadline = deadline;
    return false;
}

static bool request_write(struct open *open, struct message *message)
{
    struct terminal *terminal = open->terminal;
    struct tty_write_request request = *(struct tty_write_request *)message->data;
    const uint8_t *bytes = message->data + sizeof request;
    uint32_t length = message->size - (uint32_t)sizeof request;
    if (length > TTY_DATA_MAX)
        return request_done(message, ERR_TOO_LARGE, 0);
    if ((terminal->ldisc.attributes.lflag & LOC_TOSTOP) &&
        is_background(terminal, request.pgid, request.sid))
        return request_done(message, ERR_BAD_STATE, 0);
    if (room_for_write(terminal) && !terminal_has_pending(terminal, PENDING_WRITE)) {
        ldisc_output(&terminal->ldisc, bytes, length);
        ((struct tty_write_reply *)message->data)->length = length;
        return request_done(message, OK, sizeof(struct tty_write_reply));
    }
    struct pending *pending;
    return !request_wait(open, message, PENDING_WRITE, request.flags, bytes, length, &pending);
}

static bool request_drain(struct open *open, struct message *message)
{
    struct terminal *terminal = open->terminal;
    if (terminal_unsent(terminal) == 0 || terminal->output == HANDLE_NONE)
        return request_done(message, OK, 0);
    if (terminal_pend(terminal, PENDING_DRAIN, open, message, 0) == NULL)
        return request_done(message, ERR_NO_MEMORY, 0);
    return false;
}

/* Whether ^S and ^Q are what stops and starts output. */
static bool keys_stop(const struct tty_attributes *attributes)
{
    return (attributes->iflag & IN_IXON) && attributes->cc[CC_STOP] == 19 &&
           attributes->cc[CC_START] == 17;
}

static bool request_set_attributes(struct terminal *terminal, struct message *message)
{
    const struct tty_set_attributes_request *request = (const void *)message->data;
    bool stops = keys_stop(&terminal->ldisc.attributes);
    if (request->when == 2)
        ldisc_flush_input(&terminal->ldisc);
    ldisc_set_attributes(&terminal->ldisc, &request->attributes);
    if (stops != keys_stop(&terminal->ldisc.attributes))
        pty_packet(terminal, stops ? PACKET_NOSTOP : PACKET_DOSTOP);
    return request_done(message, OK, 0);
}

static bool request_set_size(struct terminal *terminal, struct message *message)
{
    struct tty_size size = ((const struct tty_set_size_request *)message->data)->size;
    bool changed = memcmp(&size, &terminal->size, sizeof size) != 0;
    terminal->size = size;
    if (changed)
        terminal_signal(terminal, SIGNAL_WINCH);
    return request_done(message, OK, 0);
}

static bool request_set_group(struct terminal *terminal, struct message *message)
{
    const struct tty_set_group_request *request = (const void *)message->data;
    if (terminal->sid == 0 || request->sid != terminal->sid)
        return request_done(message, ERR_NOT_TERMINAL, 0);
    terminal->pgid = request->pgid;
    return request_done(message, OK, 0);
}

static bool request_set_session(struct terminal *terminal, struct message *message)
{
    const struct tty_set_session_request *request = (const void *)message->data;
    if (request->sid != 0 && terminal->sid != 0 && terminal->sid != request->sid && !request->steal)
        return request_done(message, ERR_NOT_PERMITTED, 0);
    terminal->sid = request->sid;
    terminal->pgid = request->sid ? request->pgid : 0;
    return request_done(message, OK, 0);
}

static bool request_flow(struct terminal *terminal, struct message *message)
{
    static const uint8_t keys[] = {CC_STOP, CC_START};
    uint32_t action = ((const struct tty_flow_request *)message->data)->action;
    if (action > 3)
        return request_done(message, ERR_INVALID_ARGUMENT, 0);
    if (action < 2)
        ldisc_stop_output(&terminal->ldisc, action == 0);
    else
        terminal->ldisc.emit(&terminal->ldisc, &terminal->ldisc.attributes.cc[keys[action - 2]], 1);
    return request_done(message, OK, 0);
}

static bool request_flush(struct terminal *terminal, struct message *message)
{
    struct tty_flush_request request = *(const struct tty_flush_request *)message->data;
    if (request.input) {
        ldisc_flush_input(&terminal->ldisc);
        pty_packet(terminal, PACKET_FLUSHREAD);
    }
    if (request.output) {
        terminal_flush_output(terminal);
        pty_packet(terminal, PACKET_FLUSHWRITE);
    }
    return request_done(message, OK, 0);
}

static bool request_input(struct terminal *terminal, struct message *message)
{
    for (uint32_t i = 0; i < message->size; i++)
        ldisc_input(&terminal->ldisc, message->data[i]);
    terminal->news |= TTY_READABLE;
    return request_done(message, OK, 0);
}

#define ANSWER(type, ...)                                                           \
    do {                                                                            \
        *(struct type##_reply *)message->data = (struct type##_reply){__VA_ARGS__}; \
        return request_done(message, OK, sizeof(struct type##_reply));              \
    } while (0)

/* Bytes that the fixed part of a request has; a shorter message is refused. */
static uint32_t request_size(uint32_t label)
{
    switch (label) {
#define MESSAGE(number, name, request, reply, text) \
    case number:                                    \
        return sizeof(struct name##_request);
#include <protocols/tty.def>
#undef MESSAGE
    }
    return 0;
}

static bool request_describe(const struct open *open, struct message *message)
{
    const struct terminal *terminal = open->terminal;
    uint32_t kind = terminal->console ? TTY_CONSOLE : open->master ? TTY_MASTER : TTY_PSEUDO;
    uint32_t number = terminal->number;
    ANSWER(tty_describe, .kind = kind, .number = number, .locked = terminal->locked,
           .packet = terminal->packet);
}

static bool request_queued(const struct open *open, struct message *message)
{
    const struct terminal *terminal = open->terminal;
    uint32_t in = ldisc_available(&terminal->ldisc), out = terminal_unsent(terminal);
    if (open->master)
        ANSWER(tty_queued, .input = out, .output = 0);
    ANSWER(tty_queued, .input = in, .output = terminal->console ? out : 0);
}

static bool common_request(struct open *open, struct message *message)
{
    struct terminal *terminal = open->terminal;
    switch (message->label) {
    case LABEL_tty_read:
        return request_read(open, message);
    case LABEL_tty_write:
        return request_write(open, message);
    case LABEL_tty_get_attributes:
        ANSWER(tty_get_attributes, .attributes = terminal->ldisc.attributes);
    case LABEL_tty_set_attributes:
        return request_set_attributes(terminal, message);
    case LABEL_tty_get_size:
        ANSWER(tty_get_size, .size = terminal->size);
    case LABEL_tty_set_size:
        return request_set_size(terminal, message);
    case LABEL_tty_get_group:
        ANSWER(tty_get_group, .pgid = terminal->pgid, .sid = terminal->sid);
    case LABEL_tty_set_group:
        return request_set_group(terminal, message);
    case LABEL_tty_set_session:
        return request_set_session(terminal, message);
    case LABEL_tty_flush:
        return request_flush(terminal, message);
    case LABEL_tty_drain:
        return request_drain(open, message);
    case LABEL_tty_queued:
        return request_queued(open, message);
    case LABEL_tty_flow:
        return request_flow(terminal, message);
    case LABEL_tty_break:
        terminal_signal(terminal, 2);
        return request_done(message, OK, 0);
    case LABEL_tty_input:
        return request_input(terminal, message);
    case LABEL_tty_describe:
        return request_describe(open, message);
    }
    return request_done(message, ERR_NOT_IMPLEMENTED, 0);
}

bool terminal_request(struct open *open, handle_t port, struct message *message)
{
    bool handled = false;
    if (message->size < request_size(message->label))
        return request_done(message, ERR_INVALID_ARGUMENT, 0);
    if (open->hung && message->label == LABEL_tty_hangup) {
        terminal_leader_ended(open->terminal);
        return request_done(message, OK, 0);
    }
    if (open->hung && message->label != LABEL_tty_describe)
        return request_done(message, message->label == LABEL_tty_read ? OK : ERR_PEER_CLOSED, 0);
    if (message->label == LABEL_tty_hangup) {
        terminal_hang_up(open->terminal, port);
        return request_done(message, OK, 0);
    }
    bool answered = open->master && pty_request(open, port, message, &handled);
    return handled ? answered : common_request(open, message);
}
