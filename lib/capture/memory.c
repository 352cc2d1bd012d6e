/* SPDX-License-Identifier: MIT */
/*
 * The pages of an address space, from and to a snapshot. What goes into it is found by asking the
 * kernel which pages are there at all, so that large reservations cost nothing; pages that turn out to
 * be zero are left out. Runs that are close to each other are joined, to stay far below the number of
 * program headers that tools accept.
 */
#include "capture.h"

#include <stdlib.h>
#include <string.h>

#define JOIN_PAGES 16u /* runs with a smaller gap become one */
#define LOADS_MAX  1500u
#define PIECE      65536u
#define GLANCE     64u

/* ---- from memory ------------------------------------------------------------------------------ */

bool capture_next_mapping(handle_t space, uint32_t *at, struct mapping_info *mapping)
{
    if (space_query(space, *at, mapping) != OK)
        return false;
    *at = mapping->address + mapping->length;
    return true;
}

static bool next_nameless(handle_t space, uint32_t restored_from, uint32_t *at,
                          struct mapping_info *mapping)
{
    if (!capture_next_mapping(space, at, mapping))
        return false;
    if (mapping->vmo_id == restored_from)
        mapping->vmo_id = mapping->offset_low = mapping->offset_high = 0;
    return true;
}

static bool continues(const struct mapping_info *mapping, const struct mapping_info *next)
{
    return mapping->vmo_id == 0 && next->vmo_id == 0 &&
           next->address == mapping->address + mapping->length && next->prot == mapping->prot &&
           next->flags == mapping->flags && next->tag == mapping->tag;
}

bool capture_own_mapping(handle_t space, uint32_t restored_from, uint32_t *at,
                         struct mapping_info *mapping)
{
    struct mapping_info next;
    if (!next_nameless(space, restored_from, at, mapping))
        return false;
    if (restored_from == 0)
        return true; /* the kernel has joined what can be; asking again counts the pages of a mapping again */
    for (uint32_t end = *at;
         next_nameless(space, restored_from, &end, &next) && continues(mapping, &next); *at = end)
        mapping->length += next.length;
    return true;
}

static status_t read_space(void *context, uint64_t offset, void *to, uint32_t length)
{
    const struct capture_memory *memory = context;
    uint32_t done = 0;
    status_t status = space_read(memory->space, (uint32_t)offset, to, length, &done);
    if (status == OK && done < length)
        memset((uint8_t *)to + done, 0, length - done); /* beyond the end of its file */
    return status == ERR_BAD_ADDRESS ? (memset(to, 0, length), OK) : status;
}

struct scan {
    struct capture_memory *memory;
    struct snapshot *snapshot;
    const struct mapping_info *mapping;
    uint32_t done;            /* everything below is in a load */
    uint32_t start, end;      /* the run being collected; empty if equal */
    uint32_t *page;           /* room for one */
    uint8_t *states;          /* and for what space_present says */
    bool wanted[PAGE_STATES]; /* pages of the mapping, by that */
    struct capture_bench bench;
    uint32_t brought, brought_end; /* what lies there */
};

/* The first bytes of a page; NULL: nothing that can be read. */
static const uint32_t *look_at(struct scan *scan, uint32_t address, uint32_t length)
{
    const struct mapping_info *mapping = scan->mapping;
    if (address < scan->brought || address >= scan->brought_end) {
        uint32_t left = mapping->address + mapping->length - address;
        scan->brought = address;
        scan->brought_end =
            address + capture_bench_bring(&scan->bench, scan->memory->space, address, left);
    }
    if (address < scan->brought_end)
        return (const uint32_t *)(scan->bench.view + (address - scan->brought));
    return read_space(scan->memory, address, scan->page, length) == OK ? scan->page : NULL;
}

static bool is_zero(struct scan *scan, uint32_t address, uint32_t length)
{
    const uint32_t *words = look_at(scan, address, length);
    for (uint32_t i = 0; words != NULL && i < length / sizeof *words; i++)
        if (words[i] != 0)
            return false;
    return true;
}

/* Of most that are not, the first bytes tell. */
static bool page_is_zero(struct scan *scan, uint32_t address)
{
    return is_zero(scan, address, GLANCE) && is_zero(scan, address, PAGE_SIZE);
}

/*
 * What a file has already was not zero, mostly. Where it was after all the file is larger, of which nothing is
 * kept if only what differs from another one is asked for.
 */
static bool is_saved_already(const struct scan *scan, uint8_t state)
{
    return scan->snapshot->undigested && (state & PAGE_COMMON);
}

static uint32_t elf_flags(uint32_t prot)
{
    return (prot & PROT_X ? 1u : 0) | (prot & PROT_W ? 2u : 0) | (prot & PROT_R ? 4u : 0);
}

static void add_load(struct scan *scan, uint32_t start, uint32_t end, bool bytes)
{
    struct snap_bytes from = {.source = &scan->memory->source, .offset = start};
    bool crowded = scan->snapshot->load_count > LOADS_MAX;
    if (start < end && (bytes || !crowded)) /* what is zero is in the table of mappings as well */
        snap_add_load(scan->snapshot, start, end - start, bytes ? end - start : 0,
                      elf_flags(scan->mapping->prot), bytes ? &from : NULL);
}

static void flush_run(struct scan *scan)
{
    if (scan->start == scan->end)
        return;
    add_load(scan, scan->done, scan->start, false);
    add_load(scan, scan->start, scan->end, true);
    scan->done = scan->start = scan->end;
}

static void take_page(struct scan *scan, uint32_t address)
{
    bool crowded = scan->snapshot->load_count > LOADS_MAX;
    if (scan->start != scan->end && (crowded || address - scan->end <= JOIN_PAGES * PAGE_SIZE)) {
        scan->end = address + PAGE_SIZE;
        return;
    }
    flush_run(scan);
    scan->start = address;
    scan->end = address + PAGE_SIZE;
}

static void scan_part(struct scan *scan, uint32_t start, uint32_t pages)
{
    struct capture_memory *memory = scan->memory;
    if (space_present(memory->space, start, scan->states, pages) != OK) {
        scan->snapshot->failed = true;
        return;
    }
    for (uint32_t i = 0; i < pages; i++) {
        uint32_t address = start + i * PAGE_SIZE;
        uint8_t state = scan->states[i];
        if (scan->wanted[state] && (is_saved_already(scan, state) || !page_is_zero(scan, address)))
            take_page(scan, address);
    }
}

static void scan_mapping(struct scan *scan)
{
    uint32_t start = scan->mapping->address, end = start + scan->mapping->length;
    for (uint32_t state = 0; state < PAGE_STATES; state++)
        scan->wanted[state] =
            scan->memory->wanted(scan->memory->context, scan->mapping, (uint8_t)state);
    scan->done = scan->start = scan->end = start;
    for (uint32_t at = start; at < end; at += PRESENT_MAX * PAGE_SIZE) {
        uint32_t pages = (end - at) / PAGE_SIZE;
        scan_part(scan, at, pages < PRESENT_MAX ? pages : PRESENT_MAX);
    }
    flush_run(scan);
    add_load(scan, scan->done, end, false);
}

void capture_memory(struct capture_memory *memory, struct snapshot *snapshot)
{
    struct mapping_info mapping;
    uint32_t at = 0;
    uint8_t *room = malloc(PAGE_SIZE + PRESENT_MAX);
    struct scan scan = {.memory = memory,
                        .snapshot = snapshot,
                        .mapping = &mapping,
                        .page = (uint32_t *)room,
                        .states = room + PAGE_SIZE};
    memory->source =
        (struct snap_source){.read = read_space, .context = memory, .pages = memory->space};
    if (!room)
        snapshot->failed = true;
    capture_bench_open(&scan.bench);
    while (room && capture_next_mapping(memory->space, &at, &mapping))
        scan_mapping(&scan);
    capture_bench_close(&scan.bench);
    free(room);
}

/* ---- back into memory -------------------------------------------------------------------------- */

/* One part of a load, at an address, in one mapping. */
struct part {
    const struct capture_loads *loads;
    const struct snap_load *load;
    uint32_t address, length;
    struct mapping_info mapping;
    uint8_t *buffer; /* PIECE bytes */
};

static status_t copy_part(const struct part *part)
{
    status_t status = OK;
    for (uint32_t at = 0, done; at < part->length && status == OK; at += done) {
        uint32_t length = part->length - at < PIECE ? part->length - at : PIECE;
        uint32_t address = part->address + at;
        status = snap_bytes_read(&part->load->bytes, address - part->load->address, part->buffer,
                                 length);
        if (status == OK)
            status = space_write(part->loads->space, address, part->buffer, length, &done);
        if (status == OK && done != length)
            status = ERR_BAD_ADDRESS;
    }
    return status == ERR_BAD_ADDRESS ? ERR_BAD_EXECUTABLE : status;
}

static status_t map_part(const struct part *part)
{
    uint64_t offset = part->load->bytes.offset + (part->address - part->load->address);
    struct map_request request = {.vmo = part->loads->image->memory,
                                  .address = part->address,
                                  .length = part->length,
                                  .offset_low = (uint32_t)offset,
                                  .offset_high = (uint32_t)(offset >> 32),
                                  .prot = part->mapping.prot,
                                  .flags = part->mapping.flags | MAP_FLAG_FIXED,
                                  .tag = part->mapping.tag};
    return space_map(part->loads->space, &request);
}

static status_t bring_load(struct part *part, uint32_t *where)
{
    const struct snap_load *load = part->load;
    uint32_t end = load->address + load->file_size;
    status_t status = OK;
    for (uint32_t at = load->address; at < end && status == OK; at += part->length) {
        *where = at;
        if (space_query(part->loads->space, at, &part->mapping) != OK || part->mapping.address > at)
            return ERR_BAD_EXECUTABLE;
        uint32_t left = part->mapping.address + part->mapping.length - at;
        part->address = at;
        part->length = end - at < left ? end - at : left;
        bool copied = !part->loads->image || (part->mapping.flags & MAP_FLAG_SHARED);
        status = copied ? copy_part(part) : map_part(part);
    }
    return status;
}

status_t capture_bring_loads(const struct capture_loads *loads, uint32_t *where)
{
    const struct snapshot *snapshot = loads->snapshot;
    struct part part = {.loads = loads, .buffer = malloc(PIECE)};
    status_t status = part.buffer ? OK : ERR_NO_MEMORY;
    for (uint32_t i = 0; status == OK && i < snapshot->load_count; i++) {
        part.load = &snapshot->loads[i];
        if (part.load->file_size != 0 && !loads->skip(loads->context, part.load))
            status = bring_load(&part, where);
    }
    free(part.buffer);
    return status;
}

uint32_t capture_image_id(const struct capture_image *image)
{
    struct vmo_info info;
    return vmo_info(image->memory, &info) == OK ? info.id : 0;
}
