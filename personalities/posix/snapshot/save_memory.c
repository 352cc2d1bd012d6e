/* SPDX-License-Identifier: MIT */
/*
 * Mappings and their contents. What goes into the file is found by asking the kernel which pages are
 * there at all, so that large reservations cost nothing; pages that turn out to be zero are left out.
 * Runs that are close to each other are joined, to stay far below the number of program headers that
 * tools accept.
 */
#include <string.h>

#include "../file.h"
#include "../task.h"
#include "save.h"

#define JOIN_PAGES 16u /* runs with a smaller gap become one */
#define LOADS_MAX  1500u

/* ---- the table ------------------------------------------------------------------------------------ */

static uint32_t object_of_mapping(const struct save *save, const char *name)
{
    for (uint32_t i = 0; i < save->used_count; i++) {
        const struct saved_object *object = &save->group->objects[save->used[i] - 1];
        if (object->file->path && strcmp(object->file->path, name) == 0)
            return object->id;
    }
    return 0;
}

static void put_mapping(struct save *save, const struct mapping_info *info)
{
    struct snapshot *snapshot = &save->snapshot;
    const char *name = mapping_name(info->tag);
    snap_note_begin(snapshot, SNAP_VMA);
    snap_put_u32(snapshot, SNAP_VMA_START, info->address);
    snap_put_u32(snapshot, SNAP_VMA_END, info->address + info->length);
    snap_put_u32(snapshot, SNAP_VMA_PROT, info->prot);
    snap_put_u32(snapshot, SNAP_VMA_FLAGS, info->flags);
    if (*name)
        snap_put_text(snapshot, SNAP_VMA_NAME, name);
    if (info->vmo_id) {
        snap_put_u64(snapshot, SNAP_VMA_OFFSET,
                     info->offset_low | (uint64_t)info->offset_high << 32);
        uint32_t object = object_of_mapping(save, name);
        if (object != 0)
            snap_put_u32(snapshot, SNAP_VMA_OBJECT, object);
        else if (info->flags & MAP_FLAG_SHARED)
            snap_put_u32(snapshot, SNAP_VMA_OBJECT, info->vmo_id | 1u << 31);
    }
    bool file = info->vmo_id && *name == '/' && !(info->flags & MAP_FLAG_SHARED);
    bool left_out = file && (save->group->flags & SNAPSHOT_NO_TEXT);
    snap_put_u32(snapshot, SNAP_VMA_CONTENT, left_out ? SNAP_CONTENT_FILE : SNAP_CONTENT_ZERO);
}

static bool next_mapping(const struct save *save, uint32_t *at, struct mapping_info *info)
{
    if (space_query(save->space, *at, info) != OK)
        return false;
    *at = info->address + info->length;
    return true;
}

/* NT_FILE: what gdb finds the program and its libraries by. */
static void put_files(struct save *save)
{
    struct text head = {.length = 0}, names = {.length = 0};
    struct mapping_info info;
    uint32_t at = 0, count = 0, page = PAGE_SIZE;
    while (next_mapping(save, &at, &info)) {
        const char *name = mapping_name(info.tag);
        uint32_t row[3] = {info.address, info.address + info.length,
                           info.offset_low / PAGE_SIZE | info.offset_high << 20};
        if (*name != '/')
            continue;
        text_add(&head, row, sizeof row);
        text_add(&names, name, (uint32_t)strlen(name) + 1);
        count++;
    }
    struct text note = {.length = 0};
    text_add(&note, &count, 4);
    text_add(&note, &page, 4);
    text_add(&note, head.data ? head.data : "", head.length);
    text_add(&note, names.data ? names.data : "", names.length);
    if (!note.failed && !head.failed && !names.failed)
        snap_note_standard(&save->snapshot, "CORE", CORE_FILE, note.data, note.length);
    else
        save->snapshot.failed = true;
    text_free(&head);
    text_free(&names);
    text_free(&note);
}

void save_mappings(struct save *save)
{
    struct mapping_info info;
    uint32_t at = 0;
    while (next_mapping(save, &at, &info))
        put_mapping(save, &info);
    put_files(save);
}

/* ---- contents -------------------------------------------------------------------------------------- */

static status_t read_memory(void *context, uint64_t offset, void *to, uint32_t length)
{
    struct save *save = context;
    uint32_t done = 0;
    status_t status = space_read(save->space, (uint32_t)offset, to, length, &done);
    if (status == OK && done < length)
        memset((uint8_t *)to + done, 0, length - done); /* beyond the end of its file */
    return status == ERR_BAD_ADDRESS ? (memset(to, 0, length), OK) : status;
}

static bool page_is_zero(struct save *save, uint32_t address, uint32_t *page)
{
    if (read_memory(save, address, page, PAGE_SIZE) != OK)
        return true;
    for (uint32_t i = 0; i < PAGE_SIZE / 4; i++)
        if (page[i] != 0)
            return false;
    return true;
}

struct scan {
    struct save *save;
    const struct mapping_info *info;
    uint32_t done;       /* everything below is in a load */
    uint32_t start, end; /* the run being collected; empty if equal */
    uint32_t *page;      /* room for one */
    uint8_t *states;     /* and for what space_present says */
};

static uint32_t elf_flags(uint32_t prot)
{
    return (prot & PROT_X ? 1u : 0) | (prot & PROT_W ? 2u : 0) | (prot & PROT_R ? 4u : 0);
}

static void add_load(struct scan *scan, uint32_t start, uint32_t end, bool bytes)
{
    struct snap_bytes from = {.source = &scan->save->memory, .offset = start};
    if (start < end)
        snap_add_load(&scan->save->snapshot, start, end - start, bytes ? end - start : 0,
                      elf_flags(scan->info->prot), bytes ? &from : NULL);
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
    bool crowded = scan->save->snapshot.load_count > LOADS_MAX;
    if (scan->start != scan->end && (crowded || address - scan->end <= JOIN_PAGES * PAGE_SIZE)) {
        scan->end = address + PAGE_SIZE;
        return;
    }
    flush_run(scan);
    scan->start = address;
    scan->end = address + PAGE_SIZE;
}

static bool is_wanted(const struct scan *scan, uint8_t state)
{
    bool file = scan->info->vmo_id && !(scan->info->flags & MAP_FLAG_SHARED);
    if (state & PAGE_OWN)
        return true;
    return (state & PAGE_OBJECT) && !(file && (scan->save->group->flags & SNAPSHOT_NO_TEXT));
}

static void scan_part(struct scan *scan, uint32_t start, uint32_t pages)
{
    uint8_t *states = scan->states;
    if (space_present(scan->save->space, start, states, pages) != OK) {
        scan->save->snapshot.failed = true;
        return;
    }
    for (uint32_t i = 0; i < pages; i++) {
        uint32_t address = start + i * PAGE_SIZE;
        if (is_wanted(scan, states[i]) && !page_is_zero(scan->save, address, scan->page))
            take_page(scan, address);
    }
}

static void scan_mapping(struct save *save, const struct mapping_info *info, uint8_t *room)
{
    uint32_t end = info->address + info->length;
    struct scan scan = {save,
                        info,
                        info->address,
                        info->address,
                        info->address,
                        (uint32_t *)room,
                        room + PAGE_SIZE};
    for (uint32_t at = info->address; at < end; at += PRESENT_MAX * PAGE_SIZE)
        scan_part(&scan, at, MIN((end - at) / PAGE_SIZE, PRESENT_MAX));
    flush_run(&scan);
    add_load(&scan, scan.done, end, false);
}

void save_memory(struct save *save)
{
    struct mapping_info info;
    uint32_t at = 0;
    uint8_t *room = allocate(PAGE_SIZE + PRESENT_MAX);
    save->memory = (struct snap_source){read_memory, save};
    if (!room)
        save->snapshot.failed = true;
    while (room && next_mapping(save, &at, &info))
        scan_mapping(save, &info, room);
    release(room);
}
