/* SPDX-License-Identifier: MIT */
/* A terminal: a line discipline between one console driver and the programs that opened it. */
#ifndef TTY_TERMINAL_H
#define TTY_TERMINAL_H

#include "ldisc.h"

#define OUTPUT_QUEUE 32768
/* A write is taken only while this much is free: the most that one message can grow to. */
#define OUTPUT_RESERVE (TTY_DATA_MAX * 8 + 64)

enum pending_kind { PENDING_READ, PENDING_WRITE, PENDING_DRAIN };

/* A request that waits; answered by token later. */
struct pending {
    struct pending *next;
    enum pending_kind kind;
    uint32_t token;
    uint32_t length; /* READ: bytes wanted; WRITE: bytes in data */
    bool peek;
    uint32_t pgid, sid; /* READ: of the reader when it asked */
    ktime_t deadline;   /* READ with VTIME, else DEADLINE_NEVER */
    uint8_t data[];
};

struct terminal {
    struct ldisc ldisc;     /* first: emit() gets back from it to the terminal */
    const char *console;    /* the driver's registered name */
    handle_t input, output; /* streams of the driver, HANDLE_NONE while it is away */
    handle_t event;
    uint32_t signals; /* what the event shows */
    uint32_t pgid, sid;
    struct tty_size size;
    uint32_t out_head, out_tail; /* free-running indices into out */
    uint8_t out[OUTPUT_QUEUE];
    struct pending *pending; /* in order of arrival */
};

void terminal_init(struct terminal *terminal, const char *console);
/* One message for this terminal. True: the answer is in *message; false: it comes later. */
bool terminal_request(struct terminal *terminal, handle_t port, struct message *message);
void terminal_cancel(struct terminal *terminal, uint32_t token);
/* Moves bytes both ways as far as they go now, answers what can be answered, sets the event. */
void terminal_run(struct terminal *terminal, handle_t port);
/* When terminal_run must be called again without any other cause. */
ktime_t terminal_deadline(const struct terminal *terminal);
bool terminal_output_pending(const struct terminal *terminal);
void terminal_connect(struct terminal *terminal);

#endif
