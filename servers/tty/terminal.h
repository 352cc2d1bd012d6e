/* SPDX-License-Identifier: MIT */
/*
 * A terminal: a line discipline between what it stands for (a console driver, or the master end of a
 * pseudo terminal) and the programs that opened it.
 *
 *   terminal.c  queues, requests that wait, the event, hanging up
 *   request.c   the requests
 *   console.c   the driver of a console
 *   pty.c       the master end of a pseudo terminal
 *   state.c     the state of a pseudo terminal, for snapshots
 *   opens.c     who has which terminal open
 */
#ifndef TTY_TERMINAL_H
#define TTY_TERMINAL_H

#include <protocols/console.h>

#include "ldisc.h"

#define OUTPUT_QUEUE 32768
/* A write is taken only while this much is free: the most that one message can grow to. */
#define OUTPUT_RESERVE (TTY_DATA_MAX * 8 + 64)
#define CONSOLES       2u
#define PTY_MAX        256u

struct terminal;

/* What a handle's badge names. */
struct open {
    struct terminal *terminal; /* NULL: free */
    uint32_t next_free;
    bool master;
    bool hung; /* the terminal was hung up since */
};

enum pending_kind { PENDING_READ, PENDING_WRITE, PENDING_DRAIN, PENDING_TYPE };

/* A request that waits; answered by token later. */
struct pending {
    struct pending *next;
    enum pending_kind kind;
    bool master; /* of the master end */
    uint32_t token;
    uint32_t length; /* READ: bytes wanted; WRITE, TYPE: bytes in data */
    uint32_t taken;  /* TYPE: bytes that the line discipline has */
    bool peek, started;
    uint32_t pgid, sid; /* READ: of the reader when it asked */
    ktime_t deadline;   /* READ with VTIME, else DEADLINE_NEVER */
    uint8_t data[];
};

struct terminal {
    struct ldisc ldisc; /* first: emit() gets back from it to the terminal */
    handle_t event;     /* of the programs' side */
    uint32_t signals;   /* what the event shows */
    uint32_t news;      /* signals that are to be shown again: more came */
    uint32_t pgid, sid;
    uint32_t left_pgid; /* was in the foreground when it was hung up; told when its leader ends */
    struct tty_size size;
    /*
     * Free-running indices into out: where it ends and begins. Of a console, what is before out_sent is
     * with the driver, and stays until it has been shown.
     */
    uint32_t out_head, out_sent, out_tail;
    uint8_t out[OUTPUT_QUEUE];
    struct pending *pending; /* in order of arrival */
    uint32_t opens;          /* of the programs' side, not hung up */
    uint32_t hung_opens;     /* hung up and not closed */

    const char *console;    /* the driver's registered name; NULL: a pseudo terminal */
    handle_t input, output; /* streams of the driver, HANDLE_NONE while it is away */
    const volatile struct console_progress *progress; /* of the driver; NULL: it does not say */
    uint32_t shown;                                   /* what it has last been seen to say */

    uint32_t number; /* of a pseudo terminal */
    uint32_t master_opens;
    handle_t master_event;
    uint32_t master_signals, master_news;
    bool locked, packet, was_opened;
    uint8_t packet_status; /* TIOCPKT_* that the master has not read */
    uint8_t *coming;       /* pieces of a state that is not complete; state.c */
    uint32_t coming_size;
};

/* ---- terminal.c ---- */
ktime_t monotonic_now(void);
bool terminal_init(struct terminal *terminal);
void terminal_free(struct terminal *terminal);
void terminal_cancel(struct terminal *terminal, uint32_t token);
/* Moves bytes both ways as far as they go now, answers what can be answered, sets the events. */
void terminal_run(struct terminal *terminal, handle_t port);
/* When terminal_run must be called again without any other cause. */
ktime_t terminal_deadline(const struct terminal *terminal);
/* Bytes that neither a driver nor a master has. */
uint32_t terminal_unsent(const struct terminal *terminal);
bool terminal_output_pending(const struct terminal *terminal);
/* Who has it open sees its end; the leader of its session is told. */
void terminal_hang_up(struct terminal *terminal, handle_t port);
void terminal_leader_ended(struct terminal *terminal); /* after it was hung up */
struct pending *terminal_pend(struct terminal *terminal, enum pending_kind kind,
                              const struct open *open, const struct message *message,
                              uint32_t extra);
bool terminal_has_pending(const struct terminal *terminal, enum pending_kind kind);
bool is_background(const struct terminal *terminal, uint32_t pgid, uint32_t sid);
bool room_for_write(const struct terminal *terminal);
bool read_due(const struct terminal *terminal, ktime_t deadline, uint32_t length);
void terminal_signal(struct terminal *terminal, uint32_t signal);
void terminal_flush_output(struct terminal *terminal);
uint32_t terminal_type(struct terminal *terminal, const uint8_t *bytes, uint32_t length);
ktime_t read_deadline(const struct terminal *terminal);
void answer_status(handle_t port, uint32_t token, status_t status, uint32_t size);

/* ---- request.c ---- */
/* One message for this terminal. True: the answer is in *message; false: it comes later. */
bool terminal_request(struct open *open, handle_t port, struct message *message);
bool request_done(struct message *message, status_t status, uint32_t size);
/*
 * The request waits, with its bytes if there are any: *pending. False: it may not or cannot, and the
 * answer is in *message.
 */
bool request_wait(struct open *open, struct message *message, enum pending_kind kind,
                  uint32_t flags, const void *bytes, uint32_t length, struct pending **pending);

/* ---- console.c ---- */
void console_connect(struct terminal *terminal);
void console_push(struct terminal *terminal);
void console_pull(struct terminal *terminal);

/* ---- pty.c ---- */
struct terminal *pty_find(uint32_t number); /* NULL: there is none */
/* What a master end alone understands. *handled false: it is for the terminal as such. */
bool pty_request(struct open *open, handle_t port, struct message *message, bool *handled);
/* Whether a read of the master end can be answered, and its answer into `to`. */
bool pty_read_due(const struct terminal *terminal);
status_t pty_read(struct terminal *terminal, uint8_t *to, uint32_t length, uint32_t *done);
void pty_packet(struct terminal *terminal, uint8_t status); /* for the master, in packet mode */
uint32_t pty_signals(const struct terminal *terminal);
void pty_closed(struct terminal *terminal, handle_t port, bool master);
/* Requests to the server itself. */
bool pty_server_request(handle_t port, struct message *message);

/* ---- state.c ---- */
bool state_export(struct terminal *terminal, struct message *message);
bool state_import(struct terminal *terminal, struct message *message);

/* ---- opens.c ---- */
extern struct terminal *terminals[CONSOLES + PTY_MAX]; /* NULL: no such pseudo terminal */
struct open *open_of_badge(uint32_t badge);
/* A handle and the event into *message, or an error as its label. */
void open_answer(struct terminal *terminal, bool master, handle_t port, struct message *message);
void open_closed(uint32_t badge, handle_t port);
void opens_hang(struct terminal *terminal); /* marks all of the programs' side */

#endif
