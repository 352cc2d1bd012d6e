/* SPDX-License-Identifier: MIT */
/*
 * Readiness of files that live in this server. Its bits are those of poll(2); a kernel event shows
 * them to whoever waits, shifted to the event's own bits. The event is made when somebody first
 * wants to wait, so that a file that is never polled pays nothing. All with the server lock held.
 */
#ifndef POSIX_READY_H
#define POSIX_READY_H

#include "core.h"

#define READY_SHIFT SIGNAL_USER_SHIFT
#define READ_READY  (POLLIN | POLLRDNORM)
#define WRITE_READY (POLLOUT | POLLWRNORM)

struct poll_source;

struct ready {
    handle_t event; /* HANDLE_NONE: nobody has asked yet */
    uint32_t shown;
};
/* The file is ready for `now`; `news` of it has just come about and is told again if it was shown. */
void ready_show(struct ready *ready, uint32_t now, uint32_t news);
/* For a file's poll operation: the event with the present state. */
void ready_source(struct ready *ready, uint32_t now, struct poll_source *source);
void ready_end(struct ready *ready);

#endif
