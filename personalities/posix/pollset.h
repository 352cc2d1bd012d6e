/* SPDX-License-Identifier: MIT */
/*
 * Waiting for several files at once. The kernel objects behind the files go into one wait_any, and
 * the answer is read off the observed signals; if they are more than that takes, an event watches
 * them all meanwhile. Nothing stays registered.
 */
#ifndef POSIX_POLLSET_H
#define POSIX_POLLSET_H

#include "core.h"
#include "file.h"

struct watch {
    struct file *file; /* a reference, or NULL: not watched */
    uint32_t events, ready;
    struct poll_source source;
    int32_t items[POLL_HANDLES]; /* indices of wait items, -1: none */
};
struct watch_set {
    struct watch *watches;
    uint32_t count;
    struct wait_item *items;
    uint32_t item_count;
};

int set_allocate(struct watch_set *set, uint32_t count);
void set_free(struct watch_set *set);
/* Waits until something is ready: the number of ready watches, 0 at the deadline, -ERESTARTSYS. */
int set_wait(struct watch_set *set, ktime_t deadline);

/* The signals of one of the source's handles that matter for these events. */
uint32_t source_signals(const struct poll_source *source, uint32_t which, uint32_t events);
/* The poll bits that observed signals of one of its handles mean. */
uint32_t source_bits(const struct poll_source *source, uint32_t which, uint32_t observed);
/* What poll reports besides what was asked for. */
#define POLL_ALWAYS ((uint32_t)(POLLERR | POLLHUP | POLLNVAL))

#endif
