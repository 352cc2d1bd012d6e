/* SPDX-License-Identifier: MIT */
/*
 * One terminal. The server is a single thread, so nothing here is locked; nothing here blocks
 * except calls to init (which never calls back) and to the driver when connecting.
 */
#include "terminal.h"

#include <atomik/syscall.h>
#include <ipc/call.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "termios_bits.h"

#define SIGNAL_HUP  1
#define SIGNAL_CONT 18
#define DECISECOND  100000000ull

ktime_t monotonic_now(void)
{
    uint64_t time = 0;
    return clock_get(CLOCK_MONOTONIC_NS, &time) == OK ? time : 0;
}

/* ---- queues -------------------------------------------------------------------------------------- */

static void queue_output(struct ldisc *ldisc, const uint8_t *bytes, uint32_t count)
{
    struct terminal *terminal = (struct terminal *)ldisc;
    terminal->master_news |= TTY_READABLE;
    while (count-- > 0 && terminal->out_head - terminal->out_tail < OUTPUT_QUEUE)
        terminal->out[terminal->out_head++ % OUTPUT_QUEUE] = *bytes++;
}

void terminal_signal(struct terminal *terminal, uint32_t signal)
{
    if (terminal->pgid != 0)
        signal_processes(-(int32_t)terminal->pgid, signal);
}

static void signal_group(struct ldisc *ldisc, uint32_t signal)
{
    terminal_signal((struct terminal *)ldisc, signal);
}

static void tell_packet(struct ldisc *ldisc, uint32_t status)
{
    pty_packet((struct terminal *)ldisc, (uint8_t)status);
}

static status_t new_event(struct terminal *terminal)
{
    terminal->signals = TTY_WRITABLE;
    return event_create(TTY_WRITABLE, &terminal->event);
}

bool terminal_init(struct terminal *terminal)
{
    terminal->ldisc.emit = queue_output;
    terminal->ldisc.signal = signal_group;
    terminal->ldisc.status = tell_packet;
    ldisc_init(&terminal->ldisc);
    terminal->size = (struct tty_size){.rows = 24, .columns = 80};
    if (new_event(terminal) != OK)
        return false;
    if (terminal->console != NULL)
        return true;
    terminal->master_signals = TTY_WRITABLE;
    if (event_create(TTY_WRITABLE, &terminal->master_event) == OK)
        return true;
    handle_drop(&terminal->event);
    return false;
}

void terminal_free(struct terminal *terminal)
{
    while (terminal->pending != NULL) {
        struct pending *next = terminal->pending->next;
        free(terminal->pending);
        terminal->pending = next;
    }
    handle_drop(&terminal->event);
    handle_drop(&terminal->master_event);
    free(terminal->coming);
    free(terminal);
}

uint32_t terminal_unsent(const struct terminal *terminal)
{
    return terminal->out_head -
           (terminal->console != NULL ? terminal->out_sent : terminal->out_tail);
}

bool terminal_output_pending(const struct terminal *terminal)
{
    return terminal_unsent(terminal) > 0 && !terminal->ldisc.output_stopped &&
           terminal->output != HANDLE_NONE;
}

void terminal_flush_output(struct terminal *terminal)
{
    terminal->out_head -= terminal_unsent(terminal);
    terminal->news |= TTY_WRITABLE;
}

/* Bytes from the master end, as many as the line discipline takes now. */
uint32_t terminal_type(struct terminal *terminal, const uint8_t *bytes, uint32_t length)
{
    uint32_t taken = 0;
    while (taken < length && ldisc_accepts(&terminal->ldisc))
        ldisc_input(&terminal->ldisc, bytes[taken++]);
    if (taken > 0)
        terminal->news |= TTY_READABLE;
    return taken;
}

/* ---- requests that wait -------------------------------------------------------------------------- */

struct pending *terminal_pend(struct terminal *terminal, enum pending_kind kind,
                              const struct open *open, const struct message *message,
                              uint32_t extra)
{
    struct pending *pending = malloc(sizeof *pending + extra), **end = &terminal->pending;
    if (pending == NULL)
        return NULL;
    *pending = (struct pending){
        .kind = kind, .master = open->master, .token = message->token, .deadline = DEADLINE_NEVER};
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

bool terminal_has_pending(const struct terminal *terminal, enum pending_kind kind)
{
    for (const struct pending *pending = terminal->pending; pending != NULL;
         pending = pending->next)
        if (pending->kind == kind)
            return true;
    return false;
}

bool is_background(const struct terminal *terminal, uint32_t pgid, uint32_t sid)
{
    return terminal->sid != 0 && terminal->sid == sid && terminal->pgid != 0 &&
           terminal->pgid != pgid;
}

/* A reader that was stopped while it waited: the input is the new foreground's until it is back. */
static bool is_held_back(const struct terminal *terminal, const struct pending *pending)
{
    return pending->kind == PENDING_READ && !pending->master &&
           is_background(terminal, pending->pgid, pending->sid);
}

/* May a read return now? By what is there, or because VTIME has passed. */
bool read_due(const struct terminal *terminal, ktime_t deadline, uint32_t length)
{
    if (ldisc_satisfies(&terminal->ldisc, length))
        return true;
    return deadline != DEADLINE_NEVER && deadline <= monotonic_now();
}

ktime_t read_deadline(const struct terminal *terminal)
{
    const struct tty_attributes *attributes = &terminal->ldisc.attributes;
    if ((attributes->lflag & LOC_ICANON) || attributes->cc[CC_MIN] != 0)
        return DEADLINE_NEVER;
    return monotonic_now() + attributes->cc[CC_TIME] * DECISECOND;
}

/* With VMIN and VTIME the time runs from the first byte on, again after each. */
static void restart_timer(const struct terminal *terminal, struct pending *pending)
{
    const struct ldisc *ldisc = &terminal->ldisc;
    const struct tty_attributes *attributes = &ldisc->attributes;
    uint32_t available = ldisc_available(ldisc);
    if ((attributes->lflag & LOC_ICANON) || attributes->cc[CC_MIN] == 0 ||
        attributes->cc[CC_TIME] == 0 || available == 0 ||
        (pending->started && available == pending->taken))
        return;
    pending->started = true;
    pending->taken = available;
    pending->deadline = monotonic_now() + attributes->cc[CC_TIME] * DECISECOND;
}

void answer_status(handle_t port, uint32_t token, status_t status, uint32_t size)
{
    struct message reply = {.label = (uint32_t)status, .size = (uint16_t)size};
    if (port_reply(port, token, &reply) != OK)
        return; /* the caller is gone */
}

static bool answer_master_read(struct terminal *terminal, handle_t port,
                               const struct pending *pending)
{
    struct message reply = {.label = OK};
    uint32_t done = 0, before = terminal->out_tail;
    uint8_t packet_status = terminal->packet_status;
    if (!pty_read_due(terminal))
        return false;
    reply.label = (uint32_t)pty_read(terminal, reply.data, pending->length, &done);
    reply.size = (uint16_t)done;
    if (port_reply(port, pending->token, &reply) != OK) {
        terminal->out_tail = before; /* the reader is gone: the bytes are the next one's */
        terminal->packet_status = packet_status;
    }
    return true;
}

static bool answer_read(struct terminal *terminal, handle_t port, struct pending *pending)
{
    struct message reply = {.label = OK};
    struct ldisc *ldisc = &terminal->ldisc;
    if (pending->master)
        return answer_master_read(terminal, port, pending);
    restart_timer(terminal, pending);
    if (is_held_back(terminal, pending) || !read_due(terminal, pending->deadline, pending->length))
        return false;
    uint32_t before = ldisc->read;
    reply.size = (uint16_t)ldisc_read(ldisc, reply.data, pending->length, pending->peek);
    if (port_reply(port, pending->token, &reply) != OK)
        ldisc->read = before; /* the reader is gone: the bytes are the next one's */
    return true;
}

bool room_for_write(const struct terminal *terminal)
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

static bool answer_type(struct terminal *terminal, handle_t port, struct pending *pending)
{
    pending->taken +=
        terminal_type(terminal, pending->data + pending->taken, pending->length - pending->taken);
    if (pending->taken < pending->length)
        return false;
    answer_length(port, pending->token, pending->length);
    return true;
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
    if (terminal_unsent(terminal) > 0 && terminal->output != HANDLE_NONE)
        return false;
    answer_status(port, pending->token, OK, 0);
    return true;
}

static bool answer(struct terminal *terminal, handle_t port, struct pending *pending)
{
    switch (pending->kind) {
    case PENDING_READ:
        return answer_read(terminal, port, pending);
    case PENDING_WRITE:
        return answer_write(terminal, port, pending);
    case PENDING_DRAIN:
        return answer_drain(terminal, port, pending);
    case PENDING_TYPE:
        return answer_type(terminal, port, pending);
    }
    return false;
}

/* In order of arrival; a write that cannot go on holds back later writes but not reads. True: some were. */
static bool answer_pending(struct terminal *terminal, handle_t port)
{
    struct pending **link = &terminal->pending;
    bool answered = false;
    while (*link != NULL) {
        struct pending *pending = *link;
        if (answer(terminal, port, pending)) {
            *link = pending->next;
            free(pending);
            answered = true;
        } else {
            link = &pending->next;
        }
    }
    return answered;
}

/* Shows `signals`, and those of `news` again that were shown before. */
static void show(handle_t event, uint32_t *shown, uint32_t signals, uint32_t news)
{
    uint32_t set = (signals & ~*shown) | (signals & news), gone = *shown & ~signals;
    if (!(set | gone))
        return;
    *shown = signals;
    if (event_signal(event, gone, set) != OK)
        *shown = 0; /* tried again next time */
}

static void update_events(struct terminal *terminal)
{
    uint32_t signals = 0;
    if (ldisc_readable(&terminal->ldisc))
        signals |= TTY_READABLE;
    if (room_for_write(terminal))
        signals |= TTY_WRITABLE;
    show(terminal->event, &terminal->signals, signals, terminal->news);
    if (terminal->console == NULL)
        show(terminal->master_event, &terminal->master_signals, pty_signals(terminal),
             terminal->master_news);
    terminal->news = terminal->master_news = 0;
}

void terminal_run(struct terminal *terminal, handle_t port)
{
    if (terminal->console != NULL)
        console_pull(terminal);
    do { /* a write that still waits then does so for a driver that has not everything yet */
        if (terminal->console != NULL)
            console_push(terminal);
    } while (answer_pending(terminal, port));
    update_events(terminal);
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

/* ---- hanging up ---------------------------------------------------------------------------------- */

/* Requests of the programs' side end: reads at the end of file, all else fails. */
static void end_pending(struct terminal *terminal, handle_t port)
{
    struct pending **link = &terminal->pending;
    while (*link != NULL) {
        struct pending *pending = *link;
        if (pending->master) {
            link = &pending->next;
            continue;
        }
        answer_status(port, pending->token,
                      terminal->master_opens == 0 && terminal->console == NULL ? ERR_PEER_CLOSED
                      : pending->kind == PENDING_READ                          ? OK
                                                                               : ERR_PEER_CLOSED,
                      0);
        *link = pending->next;
        free(pending);
    }
}

void terminal_hang_up(struct terminal *terminal, handle_t port)
{
    handle_t old = terminal->event;
    uint32_t sid = terminal->sid, pgid = terminal->pgid;
    struct tty_size size = terminal->size;
    opens_hang(terminal);
    end_pending(terminal, port);
    /* Later opens get an event of their own, unless there is no memory for one. */
    if (event_signal(old, 0, TTY_READABLE | TTY_WRITABLE | TTY_HANGUP) == OK &&
        new_event(terminal) == OK)
        handle_drop(&old);
    else
        terminal->event = old;
    ldisc_init(&terminal->ldisc);
    terminal->size = size;
    terminal->sid = terminal->pgid = 0;
    if (sid == 0)
        return;
    terminal->left_pgid = pgid;
    signal_processes((int32_t)sid, SIGNAL_HUP);
    signal_processes((int32_t)sid, SIGNAL_CONT);
}

void terminal_leader_ended(struct terminal *terminal)
{
    uint32_t pgid = terminal->left_pgid;
    terminal->left_pgid = 0;
    if (pgid == 0)
        return;
    signal_processes(-(int32_t)pgid, SIGNAL_HUP);
    signal_processes(-(int32_t)pgid, SIGNAL_CONT);
}
