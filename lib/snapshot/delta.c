/* SPDX-License-Identifier: MIT */
/*
 * Deltas: snapshots in which memory that is as in another one, the base, is not there again. A load of a
 * delta has its bytes, is zero, or is in the base (SNAP_LOAD_PARENT); pieces of what was one load in the
 * complete snapshot say so (SNAP_LOAD_CONTINUED), so that merging gives the loads it had.
 *
 * Which pages are the same is found by comparing them, so that it does not matter what happened between
 * the two: a restore, another machine, an edit. Where both are in memory the caller may know of some without
 * a look: a process's pages are those of its snapshot until it writes to them.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define LOADS_MAX 1500u /* then pages that are the same are not left out any more */

bool snap_is_delta(const struct snapshot *snapshot)
{
    const struct snap_note *header = snap_next(snapshot, SNAP_HEADER, NULL);
    return (snap_get_u32(header, SNAP_HEADER_FLAGS, 0) & SNAP_FLAG_DELTA) != 0;
}

static bool same_field(const struct snap_note *one, uint16_t tag, const struct snap_note *other,
                       uint16_t other_tag)
{
    uint32_t length, other_length;
    const uint8_t *data = snap_get(one, tag, &length);
    const uint8_t *other_data = snap_get(other, other_tag, &other_length);
    return data != NULL && other_data != NULL && length == other_length && length > 0 &&
           memcmp(data, other_data, length) == 0;
}

bool snap_is_base(const struct snapshot *delta, const struct snapshot *base)
{
    return same_field(snap_next(delta, SNAP_HEADER, NULL), SNAP_HEADER_PARENT,
                      snap_next(base, SNAP_HEADER, NULL), SNAP_HEADER_UUID);
}

/* ---- making one ---------------------------------------------------------------------------------- */

struct maker {
    struct snapshot loads; /* nothing but the new loads */
    const struct snapshot *base;
    const struct snap_common *common;
    uint32_t
        known_end; /* addresses up to there are known to be in the base, from the one looked at on */
    uint32_t differing;                /* pages before it that were not in the base */
    const struct snap_load *base_load; /* of the address looked at, or NULL */
    uint32_t base_first; /* the number of its first page, of those that have digests */
    uint8_t pages[2][PAGE_SIZE];
};

static void find_base_load(struct maker *maker, uint32_t address)
{
    const struct snap_load *load = maker->base_load;
    if (load != NULL && address - load->address < load->memory_size)
        return;
    maker->base_load = snap_find_load(maker->base, address);
    maker->base_first = 0;
    for (load = maker->base->loads; maker->base_load != NULL && load < maker->base_load; load++)
        maker->base_first += load->file_size / PAGE_SIZE;
}

static void note_verified(const struct maker *maker, uint32_t within, uint32_t length)
{
    uint32_t first = maker->base_first + within / PAGE_SIZE;
    for (uint32_t page = first; page < first + length / PAGE_SIZE; page++)
        maker->common->verified[page / 8] |= (uint8_t)(1u << page % 8);
}

/* How many bytes from the address on are in the base for sure. */
static uint32_t find_known(const struct maker *maker, const struct snap_load *load, uint32_t offset)
{
    const struct snap_load *in_base = maker->base_load;
    if (maker->common == NULL || in_base == NULL || in_base->file_size == 0)
        return 0;
    uint32_t within = load->address + offset - in_base->address, left = in_base->file_size - within;
    uint32_t length = load->file_size - offset;
    uint64_t at, base_at;
    length = length < left ? length : left;
    const struct snap_source *source = snap_locate(&load->bytes, offset, &at, &length),
                             *base = snap_locate(&in_base->bytes, within, &base_at, &length);
    length = source && base ? maker->common->find(source, at, base, base_at, length) : 0;
    note_verified(maker, within, length);
    return length;
}

/* The page where it is or, where that cannot be, in `room`; NULL: it cannot be read. */
static const uint8_t *look_at(const struct snap_load *load, uint32_t address, uint8_t *room)
{
    uint32_t length = PAGE_SIZE, within = address - load->address;
    uint64_t at;
    const struct snap_source *source =
        load->file_size > 0 ? snap_locate(&load->bytes, within, &at, &length) : NULL;
    const uint8_t *view =
        source && source->view ? source->view(source->context, at, PAGE_SIZE) : NULL;
    if (view == NULL && load->file_size > 0)
        return snap_bytes_read(&load->bytes, within, room, PAGE_SIZE) == OK ? room : NULL;
    return view != NULL ? view : memset(room, 0, PAGE_SIZE);
}

/* The base's page, whose digest is checked while it is looked at. */
static const uint8_t *look_at_base(struct maker *maker, uint32_t address)
{
    const struct snap_load *load = maker->base_load;
    const uint8_t *page = load != NULL ? look_at(load, address, maker->pages[1]) : NULL;
    if (maker->common == NULL || page == NULL || load->file_size == 0)
        return page;
    uint32_t within = address - load->address;
    if (snap_page_digest(page) == maker->common->digests[maker->base_first + within / PAGE_SIZE])
        note_verified(maker, within, PAGE_SIZE);
    return page;
}

static bool is_equal(struct maker *maker, const struct snap_load *load, uint32_t address)
{
    const uint8_t *page = look_at(load, address, maker->pages[0]),
                  *base_page = look_at_base(maker, address);
    return page != NULL && base_page != NULL && memcmp(page, base_page, PAGE_SIZE) == 0;
}

static bool is_in_base(struct maker *maker, const struct snap_load *load, uint32_t offset)
{
    uint32_t address = load->address + offset;
    find_base_load(maker, address);
    /* What was written to lies together: after two such pages a look at the next is cheaper than asking. */
    if (address >= maker->known_end && maker->differing < 2)
        maker->known_end = address + find_known(maker, load, offset);
    bool same = address < maker->known_end || is_equal(maker, load, address);
    maker->differing = same ? 0 : maker->differing + 1;
    return same;
}

static void add_piece(struct maker *maker, const struct snap_load *load, uint32_t start,
                      uint32_t end, bool in_base)
{
    struct snap_bytes bytes = load->bytes;
    uint32_t flags =
        load->flags | (in_base ? SNAP_LOAD_PARENT : 0) | (start > 0 ? SNAP_LOAD_CONTINUED : 0);
    bytes.offset += start;
    if (start < end)
        snap_add_load(&maker->loads, load->address + start, end - start, in_base ? 0 : end - start,
                      flags, in_base ? NULL : &bytes);
}

static void split_load(struct maker *maker, const struct snap_load *load)
{
    uint32_t start = 0;
    bool in_base = false;
    for (uint32_t at = 0; at < load->file_size; at += PAGE_SIZE) {
        bool same = maker->loads.load_count < LOADS_MAX && is_in_base(maker, load, at);
        if (same == in_base)
            continue;
        add_piece(maker, load, start, at, in_base);
        start = at;
        in_base = same;
    }
    add_piece(maker, load, start, load->file_size, in_base);
}

static void make_loads(struct maker *maker, const struct snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->load_count; i++) {
        const struct snap_load *load = &snapshot->loads[i];
        if (load->file_size > 0)
            split_load(maker, load);
        else
            snap_add_load(&maker->loads, load->address, load->memory_size, 0, load->flags, NULL);
    }
}

static void take_loads(struct snapshot *snapshot, struct snapshot *loads)
{
    free(snapshot->loads);
    snapshot->loads = loads->loads;
    snapshot->load_count = loads->load_count;
    snapshot->load_room = loads->load_room;
    snap_init(loads);
}

static status_t put_base(struct snapshot *snapshot, const struct snapshot *base, const char *path)
{
    struct snap_note *header = snap_next(snapshot, SNAP_HEADER, NULL);
    uint32_t flags = snap_get_u32(header, SNAP_HEADER_FLAGS, 0) | SNAP_FLAG_DELTA;
    uint32_t needs = snap_get_u32(header, SNAP_HEADER_NEEDS, 0) | SNAP_NEEDS_PARENT, length;
    const uint8_t *uuid = snap_get(snap_next(base, SNAP_HEADER, NULL), SNAP_HEADER_UUID, &length);
    status_t status =
        uuid == NULL ? ERR_INVALID_ARGUMENT : snap_set(header, SNAP_HEADER_PARENT, uuid, length);
    if (status == OK)
        status = snap_set(header, SNAP_HEADER_FLAGS, &flags, sizeof flags);
    if (status == OK)
        status = snap_set(header, SNAP_HEADER_NEEDS, &needs, sizeof needs);
    return status == OK ? snap_set(header, SNAP_HEADER_BASE, path, (uint32_t)strlen(path)) : status;
}

status_t snap_make_delta(struct snapshot *snapshot, const struct snapshot *base, const char *path,
                         const struct snap_common *common)
{
    struct maker *maker = calloc(1, sizeof *maker);
    if (maker == NULL)
        return ERR_NO_MEMORY;
    maker->base = base;
    maker->common = common;
    make_loads(maker, snapshot);
    status_t status = maker->loads.failed ? ERR_NO_MEMORY : put_base(snapshot, base, path);
    if (status == OK)
        take_loads(snapshot, &maker->loads);
    snap_free(&maker->loads);
    free(maker);
    return status;
}

/* ---- merging ------------------------------------------------------------------------------------- */

/* Memory of the delta by address; what it has not is the base's. */
static status_t read_merged(void *context, uint64_t offset, void *to, uint32_t length)
{
    const struct snap_merge *merge = context;
    const struct snap_load *load = merge->pieces, *end = load + merge->count;
    uint32_t address = (uint32_t)offset;
    uint8_t *at = to;
    for (; length > 0 && load < end; load++) {
        if (address < load->address || address - load->address >= load->memory_size)
            continue;
        uint32_t within = address - load->address, part = load->memory_size - within;
        part = part < length ? part : length;
        status_t status = load->flags & SNAP_LOAD_PARENT
                              ? snap_read_memory(merge->base, address, at, part)
                              : snap_bytes_read(&load->bytes, within, at, part);
        if (status != OK)
            return status;
        at += part;
        address += part;
        length -= part;
    }
    return length > 0 ? ERR_OUT_OF_RANGE : OK;
}

/* Where a load has its bytes from an address on; NULL: it has none. */
static const struct snap_source *locate_in(const struct snap_load *load, uint32_t address,
                                           uint64_t *offset, uint32_t *length)
{
    uint32_t within = address - load->address, left = load->file_size - within;
    if (load->file_size == 0)
        return NULL;
    *length = *length < left ? *length : left;
    return snap_locate(&load->bytes, within, offset, length);
}

/* Of memory that the complete snapshot has bytes for. */
static const struct snap_source *locate_merged(void *context, uint64_t *offset, uint32_t *length)
{
    const struct snap_merge *merge = context;
    const struct snap_load *load = merge->pieces, *end = load + merge->count;
    uint32_t address = (uint32_t)*offset;
    while (load < end && (address < load->address || address - load->address >= load->memory_size))
        load++;
    if (load == end)
        return NULL;
    uint32_t left =
        load->memory_size - (address - load->address); /* of the piece: the next may be elsewhere */
    *length = *length < left ? *length : left;
    if (load->flags & SNAP_LOAD_PARENT)
        load = snap_find_load(merge->base, address);
    return load != NULL ? locate_in(load, address, offset, length) : NULL;
}

/* One load of the complete snapshot from the pieces at *index on, which moves behind them. */
static bool join_pieces(struct snap_merge *merge, struct snapshot *loads, uint32_t *index)
{
    const struct snap_load *first = &merge->pieces[*index], *last = first;
    const struct snap_load *end = merge->pieces + merge->count;
    struct snap_bytes bytes = {.source = &merge->source, .offset = first->address};
    uint32_t flags = first->flags & ~(uint32_t)(SNAP_LOAD_PARENT | SNAP_LOAD_CONTINUED);
    bool zero = first->file_size == 0 && !(first->flags & SNAP_LOAD_PARENT);
    if (first->flags & SNAP_LOAD_CONTINUED)
        return false;
    while (last + 1 < end && (last[1].flags & SNAP_LOAD_CONTINUED)) {
        bool has_bytes = last[1].file_size > 0 || (last[1].flags & SNAP_LOAD_PARENT);
        if (zero || !has_bytes || last[1].address != last->address + last->memory_size)
            return false;
        last++;
    }
    uint32_t size = last->address + last->memory_size - first->address;
    snap_add_load(loads, first->address, size, zero ? 0 : size, flags, zero ? NULL : &bytes);
    *index = (uint32_t)(last + 1 - merge->pieces);
    return true;
}

static status_t drop_base(struct snapshot *snapshot)
{
    struct snap_note *header = snap_next(snapshot, SNAP_HEADER, NULL);
    uint32_t flags = snap_get_u32(header, SNAP_HEADER_FLAGS, 0) & ~(uint32_t)SNAP_FLAG_DELTA;
    uint32_t needs = snap_get_u32(header, SNAP_HEADER_NEEDS, 0) & ~(uint32_t)SNAP_NEEDS_PARENT;
    status_t status = snap_set(header, SNAP_HEADER_FLAGS, &flags, sizeof flags);
    if (status == OK)
        status = snap_set(header, SNAP_HEADER_NEEDS, &needs, sizeof needs);
    if (status == OK)
        status = snap_unset(header, SNAP_HEADER_PARENT);
    return status == OK ? snap_unset(header, SNAP_HEADER_BASE) : status;
}

status_t snap_merge_begin(struct snap_merge *merge, struct snapshot *delta,
                          const struct snapshot *base, const char **problem)
{
    struct snapshot loads = {.load_count = 0};
    status_t status = OK;
    *problem = NULL;
    *merge = (struct snap_merge){
        .pieces = delta->loads,
        .count = delta->load_count,
        .base = base,
        .source = {.read = read_merged, .context = merge, .locate = locate_merged}};
    delta->loads = NULL;
    delta->load_count = delta->load_room = 0;
    for (uint32_t i = 0; status == OK && i < merge->count;)
        if (!join_pieces(merge, &loads, &i)) {
            *problem = "memory that continues nothing";
            status = ERR_BAD_EXECUTABLE;
        }
    if (status == OK)
        status = loads.failed ? ERR_NO_MEMORY : drop_base(delta);
    if (status == OK)
        take_loads(delta, &loads);
    snap_free(&loads);
    return status;
}

void snap_merge_end(struct snap_merge *merge)
{
    free(merge->pieces);
    merge->pieces = NULL;
}
