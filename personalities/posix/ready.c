/* SPDX-License-Identifier: MIT */
/* Readiness of files that live in this server, shown by kernel events. See ready.h. */
#include "ready.h"

#include "file.h"

void ready_show(struct ready *ready, uint32_t now, uint32_t news)
{
    uint32_t gone = ready->shown & ~now, set = (now & ~ready->shown) | (now & news);
    if (ready->event == HANDLE_NONE || !(gone | set))
        return;
    ready->shown = now;
    ignore(event_signal(ready->event, gone << READY_SHIFT, set << READY_SHIFT));
}

void ready_source(struct ready *ready, uint32_t now, struct poll_source *source)
{
    source->poll_bits = true;
    if (ready->event == HANDLE_NONE && event_create(now << READY_SHIFT, &ready->event) == OK)
        ready->shown = now;
    source->handles[0] = ready->event;
    if (ready->event == HANDLE_NONE)
        source->ready = now; /* out of memory: what holds at this moment is all that can be said */
}

void ready_end(struct ready *ready)
{
    close_handle(ready->event);
    ready->event = HANDLE_NONE;
}
