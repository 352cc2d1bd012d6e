/* SPDX-License-Identifier: MIT */
/*
 * Mappings and their contents. File pages that nobody has written to are left out with
 * SNAPSHOT_NO_TEXT.
 */
#include <stdlib.h>
#include <string.h>

#include "../file.h"
#include "../task.h"
#include "kinds.h"
#include "save.h"

#define COPY_PAGES 16u /* at a time */

/* ---- the table ------------------------------------------------------------------------------------ */

static bool is_restored(const struct save *save, const struct mapping_info *info)
{
    return info->vmo_id != 0 && info->vmo_id == save->restored_from;
}

static bool add_mapping(struct save *save, const struct mapping_info *info)
{
    if (save->mapping_count == save->mapping_room) {
        uint32_t room = save->mapping_room ? save->mapping_room * 2 : 32;
        struct mapping_info *mappings = realloc(save->mappings, room * sizeof *mappings);
        if (!mappings)
            return false;
        save->mappings = mappings;
        save->mapping_room = room;
    }
    save->mappings[save->mapping_count++] = *info;
    return true;
}

void save_mappings(struct save *save)
{
    struct mapping_info info;
    uint32_t at = 0;
    while (!save->snapshot.failed &&
           capture_own_mapping(save->space, save->restored_from, &at, &info))
        save->snapshot.failed = !add_mapping(save, &info);
}

static bool is_memory_of(const struct file *file, uint32_t vmo_id)
{
    struct vmo_info info;
    return vmo_info(memfd_memory(file), &info) == OK && info.id == vmo_id;
}

/* The open file that a mapping shows, if one is open that will do for it. */
static uint32_t object_of_mapping(const struct save *save, const struct mapping_info *info,
                                  const char *name)
{
    bool writes = (info->flags & MAP_FLAG_SHARED) && (info->prot & PROT_W);
    for (uint32_t i = 0; i < save->used_count; i++) {
        const struct saved_object *object = &save->group->objects[save->used[i] - 1];
        const struct file *file = object->file;
        if (!file || !file->path || strcmp(file->path, name) != 0 ||
            (writes && (file->flags & O_ACCMODE) != O_RDWR))
            continue;
        if (memfd_memory(file) == HANDLE_NONE ? file_is_node(file)
                                              : is_memory_of(file, info->vmo_id))
            return object->id;
    }
    return 0;
}

/* Names of mapped files are those of the process: in a root directory of its own they lead elsewhere. */
static bool leaves_text(const struct save *save)
{
    return (save->group->flags & SNAPSHOT_NO_TEXT) && !save->prefix;
}

/* What a mapping of a VMO shows: an open file, a file that has its name, or memory of no name. */
static void put_object(struct save *save, const struct mapping_info *info, const char *name)
{
    struct snapshot *snapshot = &save->snapshot;
    uint32_t object = object_of_mapping(save, info, name);
    bool shared = info->flags & MAP_FLAG_SHARED;
    if (object != 0)
        snap_put_u32(snapshot, SNAP_VMA_OBJECT, object);
    else if (shared && !(*name == '/' && save_is_content(name, info->vmo_id)))
        snap_put_u32(snapshot, SNAP_VMA_OBJECT, info->vmo_id | SAVED_MEMORY);
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
        put_object(save, info, name);
    }
    bool file = info->vmo_id && *name == '/' && !(info->flags & MAP_FLAG_SHARED);
    bool left_out = file && leaves_text(save);
    snap_put_u32(snapshot, SNAP_VMA_CONTENT, left_out ? SNAP_CONTENT_FILE : SNAP_CONTENT_ZERO);
}

static void put_files(struct save *save)
{
    struct snap_files files = {.count = 0};
    for (uint32_t i = 0; i < save->mapping_count; i++) {
        const struct mapping_info *info = &save->mappings[i];
        const char *name = mapping_name(info->tag);
        if (*name == '/')
            snap_files_add(&files, info->address, info->address + info->length,
                           info->offset_low / PAGE_SIZE | info->offset_high << 20, name);
    }
    snap_files_end(&save->snapshot, &files);
}

static void put_mappings(struct save *save)
{
    for (uint32_t i = 0; i < save->mapping_count; i++)
        put_mapping(save, &save->mappings[i]);
    put_files(save);
}

/* ---- contents -------------------------------------------------------------------------------------- */

/* Pages of a file that are not in memory have the file's content all the same. */
static bool is_wanted(void *context, const struct mapping_info *info, uint8_t state)
{
    const struct save *save = context;
    bool file = info->vmo_id && !(info->flags & MAP_FLAG_SHARED);
    if ((state & PAGE_OWN) || is_restored(save, info))
        return true;
    return file ? !leaves_text(save) : (state & PAGE_OBJECT) != 0;
}

/* ---- what others write to -------------------------------------------------------------------------- */

/* Memory without a file; files and memfds have their content elsewhere in the snapshot. */
static bool is_shared_memory(const struct save *save, const struct mapping_info *info)
{
    const char *name = mapping_name(info->tag);
    return info->vmo_id && (info->flags & MAP_FLAG_SHARED) &&
           object_of_mapping(save, info, name) == 0 &&
           !(*name == '/' && save_is_content(name, info->vmo_id));
}

static bool any_present(const uint8_t *states, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (states[i] != 0)
            return true;
    return false;
}

static status_t copy_pages(const struct save *save, uint32_t start, uint32_t end, uint8_t *buffer)
{
    uint8_t states[COPY_PAGES];
    status_t status = OK;
    for (uint32_t at = start, done = 0; at < end && status == OK; at += COPY_PAGES * PAGE_SIZE) {
        uint32_t pages = MIN((end - at) / PAGE_SIZE, COPY_PAGES);
        status = space_present(save->live, at, states, pages);
        if (status != OK || !any_present(states, pages))
            continue;
        status = space_read(save->live, at, buffer, pages * PAGE_SIZE, &done);
        if (status == OK)
            status = space_write(save->space, at, buffer, done, &done);
    }
    return status;
}

/* Private memory takes the mapping's place in the clone. */
static status_t copy_mapping(const struct save *save, const struct mapping_info *info)
{
    struct map_request request = {.address = info->address,
                                  .length = info->length,
                                  .prot = info->prot,
                                  .flags = MAP_FLAG_FIXED,
                                  .tag = info->tag};
    uint8_t *buffer = malloc(COPY_PAGES * PAGE_SIZE);
    status_t status = buffer ? space_map(save->space, &request) : ERR_NO_MEMORY;
    if (status == OK)
        status = copy_pages(save, info->address, info->address + info->length, buffer);
    free(buffer);
    return status;
}

status_t save_shared(struct save *save)
{
    status_t status = OK;
    for (uint32_t i = 0; i < save->mapping_count && status == OK; i++)
        if (is_shared_memory(save, &save->mappings[i]))
            status = copy_mapping(save, &save->mappings[i]);
    return status;
}

/* ---- contents, when it runs again -------------------------------------------------------------------- */

void save_memory(struct save *save)
{
    put_mappings(save);
    save->memory =
        (struct capture_memory){.space = save->space, .wanted = is_wanted, .context = save};
    capture_memory(&save->memory, &save->snapshot);
}
