/* SPDX-License-Identifier: MIT */
/*
 * Memory of a snapshot: every mapping is made as it was, then the pages that the snapshot has are
 * written. Private memory needs no file: its content is all in the snapshot, unless that was taken
 * without text; then the file is mapped from its name again. Shared memory is made once and mapped
 * wherever it was.
 */
#include <capture/capture.h>
#include <ipc/call.h>
#include <stdlib.h>
#include <string.h>

#include "../file.h"
#include "../path.h"
#include "../task.h"
#include "restore.h"

#define SHARED_ANONYMOUS (1u << 31) /* in an object number: no file */

struct mapping_note {
    uint32_t start, end, prot, flags, object, content;
    uint64_t offset;
    char name[FS_NAME_MAX + 1];
};

static int read_note(const struct snap_note *note, struct mapping_note *mapping)
{
    mapping->start = snap_get_u32(note, SNAP_VMA_START, 0);
    mapping->end = snap_get_u32(note, SNAP_VMA_END, 0);
    mapping->prot = snap_get_u32(note, SNAP_VMA_PROT, 0);
    mapping->flags = snap_get_u32(note, SNAP_VMA_FLAGS, 0) & (MAP_FLAG_SHARED | MAP_FLAG_GROWSDOWN);
    mapping->object = snap_get_u32(note, SNAP_VMA_OBJECT, 0);
    mapping->content = snap_get_u32(note, SNAP_VMA_CONTENT, SNAP_CONTENT_ZERO);
    mapping->offset = snap_get_u64(note, SNAP_VMA_OFFSET, 0);
    mapping->name[0] = '\0';
    (void)snap_get_text(note, SNAP_VMA_NAME, mapping->name, sizeof mapping->name);
    if (((mapping->start | mapping->end) & PAGE_MASK) || mapping->start >= mapping->end ||
        mapping->end > GUEST_LIMIT || (mapping->prot & ~7u))
        return restore_refuse(-ENOEXEC, "an impossible mapping", mapping->start);
    return 0;
}

/* ---- what is mapped --------------------------------------------------------------------------------- */

/* How large the memory of this number must be for all who map it. */
static uint64_t shared_size(const struct restore_group *group, uint32_t id)
{
    uint64_t size = 0;
    for (struct restore *each = group->members; each; each = each->next) {
        const struct snap_note *note = snap_next(&each->snapshot, SNAP_VMA, NULL);
        for (; note; note = snap_next(&each->snapshot, SNAP_VMA, note)) {
            struct mapping_note mapping;
            if (snap_get_u32(note, SNAP_VMA_OBJECT, 0) == id && read_note(note, &mapping) == 0)
                size = MAX(size, mapping.offset + (mapping.end - mapping.start));
        }
    }
    return size;
}

static int shared_memory(struct restore_group *group, uint32_t id, handle_t *vmo)
{
    for (uint32_t i = 0; i < group->shared_count; i++) {
        if (group->shared[i].id == id) {
            *vmo = group->shared[i].vmo;
            return 0;
        }
    }
    struct restored_shared *larger =
        realloc(group->shared, (group->shared_count + 1) * sizeof *larger);
    if (!larger)
        return -ENOMEM;
    group->shared = larger;
    int error = errno_of(vmo_create(0, shared_size(group, id), vmo));
    if (error == 0)
        larger[group->shared_count++] = (struct restored_shared){id, *vmo, false};
    return error;
}

/* For writing as well, if it may be: the mapping can become writable later. */
static int open_mapped(const struct mapping_note *mapping, struct file **file)
{
    bool shared = mapping->flags & MAP_FLAG_SHARED;
    int error =
        shared ? path_open(AT_FDCWD, mapping->name, O_RDWR | O_LARGEFILE, 0, file) : -EACCES;
    return error < 0 && !(shared && (mapping->prot & PROT_W))
               ? path_open(AT_FDCWD, mapping->name, O_RDONLY | O_LARGEFILE, 0, file)
               : error;
}

/* A file's VMO, from the open file if the snapshot has it open, else by name. The caller closes it. */
static int file_memory(struct restore *restore, const struct mapping_note *mapping, handle_t *vmo)
{
    bool shared = mapping->flags & MAP_FLAG_SHARED;
    struct file *file = restored_file(restore->group, mapping->object);
    int error = 0;
    if (file)
        file_hold(file);
    else
        error = open_mapped(mapping, &file);
    if (error < 0) {
        restore_complain("%s, which was mapped, cannot be opened", mapping->name);
        return error;
    }
    error = file->ops->vmo ? file->ops->vmo(file, mapping->prot, shared, vmo) : -ENODEV;
    file_release(file);
    return error;
}

static int map(struct restore *restore, const struct mapping_note *mapping)
{
    bool shared = mapping->flags & MAP_FLAG_SHARED, owned = false;
    struct map_request request = {
        .address = mapping->start,
        .length = mapping->end - mapping->start,
        .prot = mapping->prot,
        .flags = mapping->flags | MAP_FLAG_FIXED | MAP_FLAG_NOREPLACE,
    };
    int error = 0;
    if (shared && (mapping->object & SHARED_ANONYMOUS)) {
        error = shared_memory(restore->group, mapping->object, &request.vmo);
    } else if (shared || mapping->content == SNAP_CONTENT_FILE) {
        error = file_memory(restore, mapping, &request.vmo);
        owned = error == 0;
    }
    if (request.vmo) {
        request.offset_low = (uint32_t)mapping->offset;
        request.offset_high = (uint32_t)(mapping->offset >> 32);
    }
    server_lock();
    request.tag = mapping_tag_named(mapping->name);
    server_unlock();
    if (error == 0)
        error = errno_of(space_map(restore->mm->space, &request));
    if (owned)
        close_handle(request.vmo);
    return error;
}

static int map_all(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_VMA, NULL);
    int error = 0;
    for (; note && error == 0; note = snap_next(&restore->snapshot, SNAP_VMA, note)) {
        struct mapping_note mapping;
        error = read_note(note, &mapping);
        if (error == 0)
            error = map(restore, &mapping);
    }
    return error;
}

/* ---- contents --------------------------------------------------------------------------------------- */

static bool was_present(const struct restore_group *group, uint32_t id)
{
    for (uint32_t i = 0; i < group->shared_count; i++)
        if (group->shared[i].id == id)
            return group->shared[i].present;
    return false;
}

/*
 * Whether a load is in a shared mapping of something that has its content itself: a file, a memfd, a
 * segment that was there.
 */
static bool keeps_content(void *context, const struct snap_load *load)
{
    const struct restore *restore = context;
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_VMA, NULL);
    for (; note; note = snap_next(&restore->snapshot, SNAP_VMA, note)) {
        uint32_t object = snap_get_u32(note, SNAP_VMA_OBJECT, 0);
        if (load->address < snap_get_u32(note, SNAP_VMA_START, 0) ||
            load->address >= snap_get_u32(note, SNAP_VMA_END, 0))
            continue;
        return (snap_get_u32(note, SNAP_VMA_FLAGS, 0) & MAP_FLAG_SHARED) &&
               (!(object & SHARED_ANONYMOUS) || was_present(restore->group, object));
    }
    return false;
}

static int write_all(struct restore *restore)
{
    uint32_t where = 0;
    const struct capture_loads loads = {restore->mm->space, &restore->snapshot, &restore->image,
                                        keeps_content, restore};
    status_t status = capture_bring_loads(&loads, &where);
    restore->mm->restored_from = capture_image_id(&restore->image);
    if (restore->image.needs_file)
        restore->mm->program = handle_copy(restore->image.file);
    return status == ERR_BAD_EXECUTABLE
               ? restore_refuse(-ENOEXEC, "memory where nothing is mapped", where)
               : errno_of(status);
}

int restore_memory(struct restore *restore)
{
    int error = mm_new(&restore->mm);
    if (error == 0)
        error = map_all(restore);
    if (error == 0)
        error = write_all(restore);
    return error == 0 ? restore_layout(restore) : error;
}
