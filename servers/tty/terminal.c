/* SPDX-License-Identifier: MIT */
/*
 * One terminal. The server is a single thread, so nothing here is locked; nothing here blocks
 * except calls to init (which never calls back) and to the driver when connecting.
 */
#include "terminal.h"

#include <atomik/syscall.h>
#include <ipc/call.h>
#include <protocols/console.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "termios_bits.h"

#define SIGWINCH   28
#define DECISECOND 100000000ull

static ktime_t now(void)
{
    uint64_t time = 0;
    return clock_get(CLOCK_MONOTONIC_NS, &time) == OK ? time : 0;
}

/* ---- towards the driver ---------------------------------------------------------------------- */

static void queue_output(struct ldisc *ldisc, const uint8_t *bytes, uint32_t count)
{
    struct terminal *terminal = (struct terminal *)ldisc;
    while (count-- > 0 && terminal->out_head - terminal->out_tail < OUTPUT_QUEUE)
        terminal->out[terminal->out_head++ % OUTPUT_QUEUE] = *bytes++;
}

static void signal_group(struct ldisc *ldisc, uint32_t signal)
{
    struct terminal *terminal = (struct terminal *)ldisc;
    if (terminal->pgid != 0)
        signal_processes(-(int32_t)terminal->pgid, signal);
}

void terminal_init(struct terminal *terminal, const char *console)
{
    memset(terminal, 0, sizeof *terminal);
    terminal->console = console;
    terminal->ldisc.emit = queue_output;
    terminal->ldisc.signal = signal_group;
    ldisc_init(&terminal->ldisc);
    terminal->size = (struct tty_size){.rows = 24, .columns = 80};
    terminal->signals = TTY_WRITABLE;
    if (event_create(TTY_WRITABLE, &terminal->event) != OK)
        terminal->event = HANDLE_NONE;
}

static void disconnect(struct terminal *terminal)
{
    handle_drop(&terminal->input);
    handle_drop(&terminal->output);
}

void terminal_connect(struct terminal *terminal)
{
    struct message message = {.label = LABEL_console_connect};
    handle_t driver = lookup_console(terminal->console);
    if (driver == HANDLE_NONE)
        return;
    status_t status = port_call(driver, &message, DEADLINE_NEVER, 0);
    handle_drop(&driver);
    if (status != OK || message.label != OK || message.handle_count != 2)
        return;
    disconnect(terminal);
    terminal->input = message.handles[0];
    terminal->output = message.handles[1];
    const struct console_connect_reply *reply = (const void *)message.data;
    if (message.size >= sizeof *reply && reply->size.rows != 0)
        terminal->size = reply->size;
}

bool terminal_output_pending(const struct terminal *terminal)
{
    return terminal->out_head != terminal->out_tail && !terminal->ldisc.output_stopped &&
           terminal->output != HANDLE_NONE;
}

static void push_output(struct terminal *terminal)
{
    while (terminal_output_pending(terminal)) {
        uint32_t from = terminal->out_tail % OUTPUT_QUEUE, done = 0;
        uint32_t count = terminal->out_head - terminal->out_tail;
        if (count > OUTPUT_QUEUE - from)
            count = OUTPUT_QUEUE - from;
        if (count > 2048)
            count = 2048;
        status_t status =
            stream_write(terminal->output, terminal->out + from, count, &done, DEADLINE_POLL);
        if (status == ERR_PEER_CLOSED)
            disconnect(terminal);
        if (status != OK)
            return;
        terminal->out_tail += done;
    }
}

static void pull_input(struct terminal *terminal)
{
    uint8_t bytes[256];
    uint32_t done;
    while (terminal->input != HANDLE_NONE) {
        status_t status = stream_read(terminal->input, bytes, sizeof bytes, &done, DEADLINE_POLL);
        if (status == ERR_SHOULD_WAIT)
            return;
        if (status != OK || done == 0) {
            disconnect(terminal);
            return;
        }
        for (uint32_t i = 0; i < done; i++)
            ldisc_input(&terminal->ldisc, bytes[i]);
    }
}

/* ---- requests that wait -------------------------------------------------------------------------- */

static struct pending *pend(struct terminal *terminal, enum pending_kind kind,
                            const struct message *message, uint32_t extra)
{
    struct pending *pending = malloc(sizeof *pending + extra), **end = &terminal->pending;
    if (pending == NULL)
        return NULL;
    *pending = (struct pending){.kind = kind, .token = message->token, .deadline = DEADLINE_NEVER};
    while (*end != NULL)
        end = &(*end)->next;
    *end = pending;
    return pending;
}

void terminal_cancel(struct terminal *terminal, uint32_t token)
{
    for (struct pending **link = &terminal->pending; *link != NULL; link = &(*link)->next) {
        struct pending *pending = *link;
        if (pending->token == token) {
            *link = pending->next;
            free(pending);
            return;
        }
    }
}

static bool is_background(const struct terminal *terminal, uint32_t pgid, uint32_t sid)
{
    return terminal->sid != 0 && terminal->sid == sid && terminal->pgid != 0 &&
           terminal->pgid != pgid;
}

/* A reader that was stopped while it waited: the input is the new foreground's until it is back. */
static bool is_held_back(const struct terminal *terminal, const struct pending *pending)
{
    return pending->kind == PENDING_READ && is_background(terminal, pending->pgid, pending->sid);
}

/* May a read return now? With VMIN 0 it may when VTIME has passed, or at once without VTIME. */
static bool read_due(const struct terminal *terminal, ktime_t deadline)
{
    const struct ldisc *ldisc = &terminal->ldisc;
    if (ldisc_readable(ldisc))
        return true;
    return deadline != DEADLINE_NEVER && deadline <= now();
}

static bool answer_read(struct terminal *terminal, handle_t port, const struct pending *pending)
{
    struct message reply = {.label = OK};
    struct ldisc *ldisc = &terminal->ldisc;
    if (is_held_back(terminal, pending) || !read_due(terminal, pending->deadline))
        return false;
    uint32_t before = ldisc->read;
    reply.size = (uint16_t)ldisc_read(ldisc, reply.data, pending->length, pending->peek);
    if (port_reply(port, pending->token, &reply) != OK)
        ldisc->read = before; /* the reader is gone: the bytes are the next one's */
    return true;
}

static bool room_for_write(const struct terminal *terminal)
{
    return !terminal->ldisc.output_stopped &&
           OUTPUT_QUEUE - (terminal->out_head - terminal->out_tail) >= OUTPUT_RESERVE;
}

static void answer_length(handle_t port, uint32_t token, uint32_t length)
{
    struct message reply = {.label = OK, .size = sizeof(struct tty_write_reply)};
    ((struct tty_write_reply *)reply.data)->length = length;
    if (port_reply(port, token, &reply) != OK)
        return; /* the writer was interrupted; its bytes are out all the same */
}

static bool answer_write(struct terminal *terminal, handle_t port, const struct pending *pending)
{
    if (!room_for_write(terminal))
        return false;
    ldisc_output(&terminal->ldisc, pending->data, pending->length);
    answer_length(port, pending->token, pending->length);
    return true;
}

static bool answer_drain(struct terminal *terminal, handle_t port, const struct pending *pending)
{
    struct message reply = {.label = OK};
    if (terminal->out_head != terminal->out_tail && terminal->output != HANDLE_NONE)
        return false;
    if (port_reply(port, pending->token, &reply) != OK)
        return true; /* nobody waits any more */
    return true;
}

static bool answer(struct terminal *terminal, handle_t port, const struct pending *pending)
{
    switch (pending->kind) {
    case PENDING_READ:
        return answer_read(terminal, port, pending);
    case PENDING_WRITE:
        return answer_write(terminal, port, pending);
    case PENDING_DRAIN:
        return answer_drain(terminal, port, pending);
    }
    return false;
}

/* In order of arrival; a write that cannot go on holds back later writes but not reads. */
static void answer_pending(struct terminal *terminal, handle_t port)
{
    struct pending **link = &terminal->pending;
    while (*link != NULL) {
        struct pending *pending = *link;
        if (answer(terminal, port, pending)) {
            *link = pending->next;
            free(pending);
        } else {
            link = &pending->next;
        }
    }
}

static void update_event(struct terminal *terminal)
{
    uint32_t signals = 0;
    if (ldisc_readable(&terminal->ldisc))
        signals |= TTY_READABLE;
    if (room_for_write(terminal))
        signals |= TTY_WRITABLE;
    if (signals == terminal->signals)
        return;
    terminal->signals = signals;
    if (event_signal(terminal->event, ~signals & (TTY_READABLE | TTY_WRITABLE), signals) != OK)
        terminal->signals = 0; /* tried again next time */
}

void terminal_run(struct terminal *terminal, handle_t port)
{
    pull_input(terminal);
    answer_pending(terminal, port);
    push_output(terminal);
    update_event(terminal);
}

ktime_t terminal_deadline(const struct terminal *terminal)
{
    ktime_t deadline = DEADLINE_NEVER;
    for (const struct pending *pending = terminal->pending; pending != NULL;
         pending = pending->next)
        if (pending->deadline < deadline && !is_held_back(terminal, pending))
            deadline = pending->deadline;
    return deadline;
}

/* ---- the requests ----------------------------------------------------------------------------------- */

static bool done(struct message *message, status_t status, uint32_t size)
{
    message->label = (uint32_t)status;
    message->size = (uint16_t)size;
    return true;
}

static ktime_t read_deadline(const struct terminal *terminal)
{
    const struct tty_attributes *attributes = &terminal->ldisc.attributes;
    if ((attributes->lflag & LOC_ICANON) || attributes->cc[CC_MIN] != 0)
        return DEADLINE_NEVER;
    return now() + attributes->cc[CC_TIME] * DECISECOND;
}

static bool request_read(struct terminal *terminal, struct message *message)
{
    struct tty_read_request request = *(struct tty_read_request *)message->data;
    uint32_t length = request.length < TTY_DATA_MAX ? request.length : TTY_DATA_MAX;
    ktime_t deadline = read_deadline(terminal);
    if (is_background(terminal, request.pgid, request.sid))
        return done(message, ERR_BAD_STATE, 0);
    if (read_due(terminal, deadline))
        return done(message, OK,
                    ldisc_read(&terminal->ldisc, message->data, length, request.flags & TTY_PEEK));
    if (request.flags & TTY_NONBLOCK)
        return done(message, ERR_SHOULD_WAIT, 0);
    struct pending *pending = pend(terminal, PENDING_READ, message, 0);
    if (pending == NULL)
        return done(message, ERR_NO_MEMORY, 0);
    pending->length = length;
    pending->peek = request.flags & TTY_PEEK;
    pending->pgid = request.pgid;
    pending->sid = request.sid;
    pending->deadline = deadline;
    return false;
}

static bool write_waits(const struct terminal *terminal)
{
    for (const struct pending *pending = terminal->pending; pending != NULL;
         pending = pending->next)
        if (pending->kind == PENDING_WRITE)
            return true;
    return !room_for_write(terminal);
}

static bool request_write(struct terminal *terminal, struct message *message)
{
    struct tty_write_request request = *(struct tty_write_request *)message->data;
    const uint8_t *bytes = message->data + sizeof request;
    uint32_t length = message->size - (uint32_t)sizeof request;
    if (length > TTY_DATA_MAX)
        return done(message, ERR_TOO_LARGE, 0);
    if ((terminal->ldisc.attributes.lflag & LOC_TOSTOP) &&
        is_background(terminal, request.pgid, request.sid))
        return done(message, ERR_BAD_STATE, 0);
    if (!write_waits(terminal)) {
        ldisc_output(&terminal->ldisc, bytes, length);
        ((struct tty_write_reply *)message->data)->length = length;
        return done(message, OK, sizeof(struct tty_write_reply));
    }
    if (request.flags & TTY_NONBLOCK)
        return done(message, ERR_SHOULD_WAIT, 0);
    struct pending *pending = pend(terminal, PENDING_WRITE, message, length);
    if (pending == NULL)
        return done(message, ERR_NO_MEMORY, 0);
    pending->length = length;
    memcpy(pending->data, bytes, length);
    return false;
}

static bool request_drain(struct terminal *terminal, struct message *message)
{
    if (terminal->out_head == terminal->out_tail || terminal->output == HANDLE_NONE)
        return done(message, OK, 0);
    if (pend(terminal, PENDING_DRAIN, message, 0) == NULL)
        return done(message, ERR_NO_MEMORY, 0);
    return false;
}

static bool request_set_attributes(struct terminal *terminal, struct message *message)
{
    const struct tty_set_attributes_request *request = (const void *)message->data;
    if (request->when == 2)
        ldisc_flush_input(&terminal->ldisc);
    ldisc_set_attributes(&terminal->ldisc, &request->attributes);
    return done(message, OK, 0);
}

static bool request_set_size(struct terminal *terminal, struct message *message)
{
    struct tty_size size = ((const struct tty_set_size_request *)message->data)->size;
    bool changed = memcmp(&size, &terminal->size, sizeof size) != 0;
    terminal->size = size;
    if (changed)
        signal_group(&terminal->ldisc, SIGWINCH);
    return done(message, OK, 0);
}

static bool request_set_group(struct terminal *terminal, struct message *message)
{
    const struct tty_set_group_request *request = (const void *)message->data;
    if (terminal->sid == 0 || request->sid != terminal->sid)
        return done(message, ERR_NOT_TERMINAL, 0);
    terminal->pgid = request->pgid;
    return done(message, OK, 0);
}

static bool request_set_session(struct terminal *terminal, struct message *message)
{
    const struct tty_set_session_request *request = (const void *)message->data;
    if (request->sid != 0 && terminal->sid != 0 && terminal->sid != request->sid && !request->steal)
        return done(message, ERR_NOT_PERMITTED, 0);
    terminal->sid = request->sid;
    terminal->pgid = request->sid ? request->pgid : 0;
    return done(message, OK, 0);
}

static bool request_flow(struct terminal *terminal, struct message *message)
{
    static const uint8_t keys[] = {CC_STOP, CC_START};
    uint32_t action = ((const struct tty_flow_request *)message->data)->action;
    if (action > 3)
        return done(message, ERR_INVALID_ARGUMENT, 0);
    if (action < 2)
        terminal->ldisc.output_stopped = action == 0;
    else
        queue_output(&terminal->ldisc, &terminal->ldisc.attributes.cc[keys[action - 2]], 1);
    return done(message, OK, 0);
}

static bool request_flush(struct terminal *terminal, struct message *message)
{
    struct tty_flush_request request = *(const struct tty_flush_request *)message->data;
    if (request.input)
        ldisc_flush_input(&terminal->ldisc);
    if (request.output)
        terminal->out_tail = terminal->out_head;
    return done(message, OK, 0);
}

static bool request_input(struct terminal *terminal, struct message *message)
{
    for (uint32_t i = 0; i < message->size; i++)
        ldisc_input(&terminal->ldisc, message->data[i]);
    return done(message, OK, 0);
}

#define ANSWER(type, ...)                                                           \
    do {                                                                            \
        *(struct type##_reply *)message->data = (struct type##_reply){__VA_ARGS__}; \
        return done(message, OK, sizeof(struct type##_reply));                      \
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

bool terminal_request(struct terminal *terminal, handle_t port, struct message *message)
{
    (void)port;
    if (message->size < request_size(message->label))
        return done(message, ERR_INVALID_ARGUMENT, 0);
    switch (message->label) {
    case LABEL_tty_read:
        return request_read(terminal, message);
    case LABEL_tty_write:
        return request_write(terminal, message);
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
        return request_drain(terminal, message);
    case LABEL_tty_queued:
        ANSWER(tty_queued, .input = ldisc_available(&terminal->ldisc),
               .output = terminal->out_head - terminal->out_tail);
    case LABEL_tty_flow:
        return request_flow(terminal, message);
    case LABEL_tty_break:
        signal_group(&terminal->ldisc, 2);
        return done(message, OK, 0);
    case LABEL_tty_input:
        return request_input(terminal, message);
    }
    return done(message, ERR_NOT_IMPLEMENTED, 0);
}
