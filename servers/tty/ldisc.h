/* SPDX-License-Identifier: MIT */
/*
 * The line discipline: typed bytes in, lines (or raw bytes), echo and signals out. Pure: it calls
 * the two functions below and nothing else, so that it runs in a unit test as it does in the server.
 */
#ifndef TTY_LDISC_H
#define TTY_LDISC_H

#include <protocols/tty.h>

#define LDISC_QUEUE 4096 /* power of two; also the longest line */

struct ldisc {
    struct tty_attributes attributes;
    /* Free-running indices into queue: read <= canonical <= head. In canonical mode bytes from
     * `canonical` on are the line being edited; readers see only what lies before. */
    uint32_t read, canonical, head;
    uint8_t queue[LDISC_QUEUE];
    uint8_t ends[LDISC_QUEUE / 8]; /* a line ends with this byte */
    uint32_t column;               /* of the output, for tabs and erasing them */
    uint32_t edit_column;          /* where the line being edited began */
    bool literal_next;
    bool output_stopped;
    /* Bytes to show; already processed. */
    void (*emit)(struct ldisc *ldisc, const uint8_t *bytes, uint32_t count);
    /* A signal key: Linux signal number for the foreground group. */
    void (*signal)(struct ldisc *ldisc, uint32_t signal);
    /* Output was stopped or goes on, a queue was flushed: Linux's TIOCPKT_*. May be NULL. */
    void (*status)(struct ldisc *ldisc, uint32_t status);
};

void ldisc_init(struct ldisc *ldisc); /* sane defaults; emit and signal stay as they are */
void ldisc_set_attributes(struct ldisc *ldisc, const struct tty_attributes *attributes);
/* A byte was typed. */
void ldisc_input(struct ldisc *ldisc, uint8_t byte);
/* True if poll reports data or end of file. */
bool ldisc_readable(const struct ldisc *ldisc);
/* True if a read of `length` bytes would return at once, not looking at VTIME. */
bool ldisc_satisfies(const struct ldisc *ldisc, uint32_t length);
/* True if more bytes can be typed: those of a line that never ends are taken and lost. */
bool ldisc_accepts(const struct ldisc *ldisc);
void ldisc_stop_output(struct ldisc *ldisc, bool stop);
/* Bytes a read could get now. */
uint32_t ldisc_available(const struct ldisc *ldisc);
/* Take up to `length` bytes; call only if ldisc_readable() or to take what there is. 0 = end of file (or nothing). */
uint32_t ldisc_read(struct ldisc *ldisc, uint8_t *buffer, uint32_t length, bool peek);
/* Output processing of a program's bytes; calls emit. */
void ldisc_output(struct ldisc *ldisc, const uint8_t *bytes, uint32_t count);
void ldisc_flush_input(struct ldisc *ldisc);

#endif
