/* SPDX-License-Identifier: MIT */
/* Room for the flight recorder, and what a snapshot gets of it. See traps.h. */
#include "traps.h"

#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "snapshot/save.h"

#define BYTES_MAX (16u << 20) /* of all processes: beyond that new ones are not recorded */

static uint32_t bytes;
uint32_t traps_khz;

void traps_init(void)
{
    struct system_info info;
    if (system_info(&info) == OK)
        traps_khz = info.tsc_khz;
}

struct snap_trap *traps_room(struct process *process, uint32_t place)
{
    struct snap_trap **slot = &process->traps.chunks[place / TRAPS_CHUNK];
    uint32_t size = TRAPS_CHUNK * (uint32_t)sizeof **slot;
    struct snap_trap *chunk = bytes < BYTES_MAX ? allocate(size) : NULL;
    if (!chunk)
        return NULL;
    server_lock();
    if (*slot) {
        release(chunk); /* another thread was first */
    } else {
        *slot = chunk;
        bytes += size;
    }
    server_unlock();
    return &(*slot)[place % TRAPS_CHUNK];
}

/* Lock held; no thread of the process runs any more. */
void traps_free(struct process *process)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(process->traps.chunks); i++) {
        if (!process->traps.chunks[i])
            continue;
        bytes -= TRAPS_CHUNK * (uint32_t)sizeof(struct snap_trap);
        release(process->traps.chunks[i]);
        process->traps.chunks[i] = NULL;
    }
}

/* ---- snapshots ----------------------------------------------------------------------------------- */

static void tell_time(struct snap_trap *trap, uint64_t now_ticks, uint64_t time)
{
    uint64_t past = traps_khz ? (now_ticks - trap->time) / traps_khz : 0, rest = 0;
    if (traps_khz)
        rest = (now_ticks - trap->time) % traps_khz * 1000000u / traps_khz;
    trap->time = time - past * 1000000u - rest;
}

/* What the numbers in the record are called, as "number name" each in a line. */
static void put_names(struct snapshot *snapshot, const struct snap_trap *traps, uint32_t count)
{
    static uint8_t seen[SYSCALL_LIMIT / 8 + 1]; /* lock held */
    struct text names = {.length = 0};
    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = traps[i].number;
        const char *name = syscall_name(number);
        if (!name || (seen[number / 8] & (1u << number % 8)))
            continue;
        seen[number / 8] |= (uint8_t)(1u << number % 8);
        text_printf(&names, "%u %s\n", number, name);
    }
    if (!names.failed && names.length > 0)
        snap_put(snapshot, SNAP_TRAPS_NAMES, names.data, names.length);
    text_free(&names);
}

void traps_save(struct save *save, struct process *process)
{
    struct snapshot *snapshot = &save->snapshot;
    uint32_t count = process->traps.count, kept = MIN(count, TRAPS_KEPT), have = 0;
    uint64_t ticks = traps_clock(), time = now();
    struct snap_trap *traps = malloc(kept * sizeof *traps + 1);
    for (uint32_t i = 0; traps && i < kept; i++) {
        uint32_t place = (count - kept + i) % TRAPS_KEPT;
        const struct snap_trap *chunk = process->traps.chunks[place / TRAPS_CHUNK];
        if (!chunk)
            continue;
        traps[have] = chunk[place % TRAPS_CHUNK];
        tell_time(&traps[have++], ticks, time);
    }
    if (have > 0) {
        uint32_t blob = snap_add_blob_copy(snapshot, traps, have * (uint32_t)sizeof *traps);
        snap_note_begin(snapshot, SNAP_TRAPS);
        snap_put_u64(snapshot, SNAP_TRAPS_COUNT, count);
        snap_put_u32(snapshot, SNAP_TRAPS_BLOB, blob);
        put_names(snapshot, traps, have);
    }
    free(traps);
}
