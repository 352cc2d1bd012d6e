/* SPDX-License-Identifier: MIT */
/* Memory of a snapshot: shared objects first, then what is mapped, then its contents. */
#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>

#include "restore.h"

#define KEPT_FLAGS  (MAP_FLAG_SHARED | MAP_FLAG_GROWSDOWN | MAP_FLAG_GUARD)
#define MEMORY_MAX  (1ull << 30)
#define OBJECTS_MAX 8192u

handle_t restored_handle(const struct restore *restore, uint32_t id)
{
    for (uint32_t i = 0; id != 0 && i < restore->object_count; i++)
        if (restore->objects[i].id == id)
            return restore->objects[i].handle;
    return HANDLE_NONE;
}

/* ---- shared memory --------------------------------------------------------------------------------- */

/* One that no handle names is as large as its mappings show. */
static uint64_t size_of(const struct restore *restore, const struct snap_note *object)
{
    uint64_t size = snap_get_u64(object, SNAP_OBJECT_SIZE, 0);
    uint32_t id = snap_get_u32(object, SNAP_OBJECT_ID, 0);
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_VMA, NULL);
    for (; note != NULL; note = snap_next(&restore->snapshot, SNAP_VMA, note)) {
        uint64_t end = snap_get_u64(note, SNAP_VMA_OFFSET, 0) +
                       snap_get_u32(note, SNAP_VMA_END, 0) - snap_get_u32(note, SNAP_VMA_START, 0);
        if (snap_get_u32(note, SNAP_VMA_OBJECT, 0) == id && end > size)
            size = end;
    }
    return size;
}

static status_t fill(const struct restore *restore, uint32_t id, handle_t vmo, uint64_t room)
{
    const struct snap_note *data = snap_next(&restore->snapshot, SNAP_FILEDATA, NULL);
    uint32_t size = 0;
    while (data != NULL && snap_get_u32(data, SNAP_FILEDATA_OBJECT, 0) != id)
        data = snap_next(&restore->snapshot, SNAP_FILEDATA, data);
    if (data == NULL)
        return OK;
    uint8_t *bytes = restored_blob(restore, snap_get_u32(data, SNAP_FILEDATA_BLOB, 0), &size);
    status_t status = bytes == NULL ? ERR_BAD_EXECUTABLE : size > room ? ERR_OUT_OF_RANGE : OK;
    if (status == OK && size > 0)
        status = vmo_write(vmo, 0, bytes, size);
    free(bytes);
    return status;
}

status_t restore_shared(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_OBJECT, NULL);
    status_t status = OK;
    uint32_t count = 0;
    for (const struct snap_note *each = note; each != NULL;
         each = snap_next(&restore->snapshot, SNAP_OBJECT, each))
        count++;
    restore->objects = count <= OBJECTS_MAX ? calloc(count + 1, sizeof *restore->objects) : NULL;
    if (restore->objects == NULL)
        return ERR_NO_MEMORY;
    for (; note != NULL && status == OK; note = snap_next(&restore->snapshot, SNAP_OBJECT, note)) {
        char class[16] = "";
        uint64_t size = size_of(restore, note);
        if (!snap_get_text(note, SNAP_OBJECT_CLASS, class, sizeof class) ||
            strcmp(class, "memory") != 0)
            continue;
        struct restored_object *object = &restore->objects[restore->object_count++];
        object->id = snap_get_u32(note, SNAP_OBJECT_ID, 0);
        status = size <= MEMORY_MAX ? vmo_create(0, size, &object->handle) : ERR_TOO_LARGE;
        if (status == OK)
            status = fill(restore, object->id, object->handle, size);
    }
    return status;
}

/* ---- mappings ---------------------------------------------------------------------------------------- */

/* The program's file, which must be what it was: left-out memory is read from it. */
static status_t need_program(struct restore *restore)
{
    struct fs_walk_context walk = restore_context(restore);
    const char *path = restore->process->path;
    handle_t node = HANDLE_NONE;
    if (restore->program != HANDLE_NONE)
        return OK;
    status_t status = fs_client_root(&walk);
    if (status == OK)
        status = fs_client_open(&walk, HANDLE_NONE, path, strlen(path), FS_O_READ, 0, &node, NULL);
    if (status == OK)
        status = fs_client_vmo(node, PROT_R | PROT_X, &restore->program, NULL, NULL);
    handle_drop(&node);
    return status == OK ? OK : restore_refuse(restore, status, "%s cannot be opened", path);
}

static status_t map_one(struct restore *restore, const struct snap_note *note)
{
    uint32_t start = snap_get_u32(note, SNAP_VMA_START, 0);
    uint32_t end = snap_get_u32(note, SNAP_VMA_END, 0);
    uint64_t offset = snap_get_u64(note, SNAP_VMA_OFFSET, 0);
    struct map_request request = {.address = start,
                                  .length = end - start,
                                  .prot = snap_get_u32(note, SNAP_VMA_PROT, 0) &
                                          (PROT_R | PROT_W | PROT_X),
                                  .flags = (snap_get_u32(note, SNAP_VMA_FLAGS, 0) & KEPT_FLAGS) |
                                           MAP_FLAG_FIXED | MAP_FLAG_NOREPLACE,
                                  .tag = snap_get_u32(note, SNAP_VMA_TAG, 0)};
    status_t status = OK;
    if (start >= end || (start & PAGE_MASK) || (end & PAGE_MASK) || end > GUEST_LIMIT)
        return restore_refuse(restore, ERR_BAD_EXECUTABLE, "an impossible range of memory (%#x)",
                              (unsigned)start);
    if (request.flags & MAP_FLAG_SHARED) {
        request.vmo = restored_handle(restore, snap_get_u32(note, SNAP_VMA_OBJECT, 0));
        status = request.vmo != HANDLE_NONE ? OK : ERR_BAD_EXECUTABLE;
    } else if (snap_get_u32(note, SNAP_VMA_CONTENT, 0) == SNAP_CONTENT_FILE) {
        status = need_program(restore);
        request.vmo = restore->program;
    }
    if (request.vmo != HANDLE_NONE) {
        request.offset_low = (uint32_t)offset;
        request.offset_high = (uint32_t)(offset >> 32);
    }
    if (status == OK)
        status = space_map(restore->process->program.space, &request);
    return status == OK
               ? OK
               : restore_refuse(restore, status, "memory at %#x cannot be mapped", (unsigned)start);
}

static bool skip_none(void *context, const struct snap_load *load)
{
    (void)context;
    return load->file_size == 0;
}

status_t restore_memory(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_VMA, NULL);
    status_t status = OK;
    uint32_t where = 0;
    for (; note != NULL && status == OK; note = snap_next(&restore->snapshot, SNAP_VMA, note))
        status = map_one(restore, note);
    if (status != OK)
        return status;
    /* A copy: programs discard memory by kernel calls of their own, and find it zero then. */
    const struct capture_loads loads = {.space = restore->process->program.space,
                                        .snapshot = &restore->snapshot,
                                        .skip = skip_none};
    status = capture_bring_loads(&loads, &where);
    return status == OK ? OK
                        : restore_refuse(restore, status, "memory where nothing is mapped (%#x)",
                                         (unsigned)where);
}
