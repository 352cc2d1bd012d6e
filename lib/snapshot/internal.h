/* SPDX-License-Identifier: MIT */
/* What the files of this directory share. */
#ifndef LIB_SNAPSHOT_INTERNAL_H
#define LIB_SNAPSHOT_INTERNAL_H

#include "snapshot.h"

#define SNAP_COPY 16384u     /* bytes moved at a time */
#define SNAP_LOOK (1u << 18) /* and looked at where they are */

/* A new note without content; NULL (and `failed`) when out of memory. */
struct snap_note *snap_append_note(struct snapshot *snapshot, const char *owner, uint32_t type);
/* Adds bytes and pads them to 4. TOO_LARGE, NO_MEMORY. */
status_t snap_note_append(struct snap_note *note, const void *data, uint32_t length);
/* The load that holds an address, or NULL. */
const struct snap_load *snap_find_load(const struct snapshot *snapshot, uint32_t address);
/* Takes bytes->memory on success only. */
status_t snap_append_blob(struct snapshot *snapshot, uint32_t id, uint32_t size,
                          const struct snap_bytes *bytes);

static inline uint32_t align_up(uint32_t value, uint32_t to)
{
    return (value + to - 1) & ~(to - 1);
}

#endif
