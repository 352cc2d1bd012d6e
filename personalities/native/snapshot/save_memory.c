/* SPDX-License-Identifier: MIT */
/*
 * Mappings and their contents. What is shared, with threads of other programs or with servers, is
 * copied into the clone while the program stands still, so that what is written is of that moment.
 */
#include <stdlib.h>

#include "save.h"

#define PIECE 16384u

static bool is_program(const struct save *save, const struct mapping_info *mapping)
{
    return mapping->vmo_id != 0 && mapping->vmo_id == save->program_memory;
}

static uint64_t offset_of(const struct mapping_info *mapping)
{
    return mapping->offset_low | (uint64_t)mapping->offset_high << 32;
}

/* ---- shared memory --------------------------------------------------------------------------------- */

static uint32_t memory_number(struct save *save, uint32_t vmo_id)
{
    uint32_t number = save_memory_number(save, vmo_id);
    if (number != 0)
        return number;
    uint32_t *grown = realloc(save->loose, (save->loose_count + 1) * sizeof *grown);
    if (grown == NULL) {
        save->snapshot.failed = true;
        return 0;
    }
    save->loose = grown;
    save->loose[save->loose_count++] = vmo_id;
    return save->object_count + save->loose_count;
}

static status_t copy_pages(handle_t space, const struct mapping_info *mapping, handle_t copy)
{
    uint8_t *piece = malloc(PIECE);
    status_t status = piece != NULL ? OK : ERR_NO_MEMORY;
    for (uint32_t at = 0, done; status == OK && at < mapping->length; at += PIECE) {
        uint32_t left = mapping->length - at;
        status =
            space_read(space, mapping->address + at, piece, left < PIECE ? left : PIECE, &done);
        if (status == OK && done > 0)
            status = vmo_write(copy, at, piece, done);
    }
    free(piece);
    return status;
}

static void copy_shared(struct save *save, const struct mapping_info *mapping)
{
    struct map_request request = {.address = mapping->address,
                                  .length = mapping->length,
                                  .prot = PROT_R | PROT_W,
                                  .flags = MAP_FLAG_FIXED | MAP_FLAG_SHARED,
                                  .tag = mapping->tag};
    status_t status = vmo_create(0, mapping->length, &request.vmo);
    if (status == OK)
        status = copy_pages(save->process->program.space, mapping, request.vmo);
    if (status == OK)
        status = space_map(save->space, &request);
    handle_drop(&request.vmo);
    if (status != OK)
        save_refuse(save, status, "no memory for a copy of what it shares");
}

/* ---- notes ------------------------------------------------------------------------------------------ */

static void put_mapping(struct save *save, const struct mapping_info *mapping)
{
    struct snapshot *snapshot = &save->snapshot;
    bool shared = mapping->vmo_id != 0 && (mapping->flags & MAP_FLAG_SHARED);
    bool file = is_program(save, mapping) && !shared;
    uint32_t number = shared ? memory_number(save, mapping->vmo_id) : 0;
    snap_note_begin(snapshot, SNAP_VMA);
    snap_put_u32(snapshot, SNAP_VMA_START, mapping->address);
    snap_put_u32(snapshot, SNAP_VMA_END, mapping->address + mapping->length);
    snap_put_u32(snapshot, SNAP_VMA_PROT, mapping->prot);
    snap_put_u32(snapshot, SNAP_VMA_FLAGS, mapping->flags);
    snap_put_u32(snapshot, SNAP_VMA_TAG, mapping->tag);
    if (file)
        snap_put_text(snapshot, SNAP_VMA_NAME, save->process->path);
    if (file || shared)
        snap_put_u64(snapshot, SNAP_VMA_OFFSET, offset_of(mapping));
    if (shared)
        snap_put_u32(snapshot, SNAP_VMA_OBJECT, number);
    snap_put_u32(snapshot, SNAP_VMA_CONTENT,
                 file && (save->flags & SNAPSHOT_NO_TEXT) ? SNAP_CONTENT_FILE : SNAP_CONTENT_ZERO);
}

static void put_file_note(struct save *save)
{
    struct snap_files files = {.count = 0};
    struct mapping_info mapping;
    uint32_t at = 0;
    while (capture_next_mapping(save->space, &at, &mapping))
        if (is_program(save, &mapping))
            snap_files_add(&files, mapping.address, mapping.address + mapping.length,
                           mapping.offset_low / PAGE_SIZE, save->process->path);
    snap_files_end(&save->snapshot, &files);
}

void save_mappings(struct save *save)
{
    struct mapping_info mapping;
    uint32_t at = 0;
    handle_t space = save->process->program.space;
    while (capture_next_mapping(space, &at, &mapping)) {
        put_mapping(save, &mapping);
        if (mapping.vmo_id != 0 && (mapping.flags & MAP_FLAG_SHARED))
            copy_shared(save, &mapping);
    }
    put_file_note(save);
}

/* ---- contents ------------------------------------------------------------------------------------- */

/* Pages of the file that are not in memory have its content all the same. */
static bool is_wanted(void *context, const struct mapping_info *mapping, uint8_t state)
{
    const struct save *save = context;
    if (state & PAGE_OWN)
        return true;
    return is_program(save, mapping) ? !(save->flags & SNAPSHOT_NO_TEXT)
                                     : (state & PAGE_OBJECT) != 0;
}

void save_memory(struct save *save)
{
    save->memory =
        (struct capture_memory){.space = save->space, .wanted = is_wanted, .context = save};
    capture_memory(&save->memory, &save->snapshot);
}

void save_content(struct save *save, uint32_t object, handle_t vmo, uint64_t size)
{
    status_t status = capture_content_add(&save->contents, object, vmo, size);
    if (status == ERR_TOO_LARGE)
        save_refuse(save, status, "a file or memory object is too large for a snapshot");
    else if (status != OK)
        save->snapshot.failed = true;
}
