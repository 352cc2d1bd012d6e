/* SPDX-License-Identifier: MIT */
/* Snapshots in memory: arrays that grow, and notes that are built field by field. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

void snap_init(struct snapshot *snapshot)
{
    memset(snapshot, 0, sizeof *snapshot);
}

void snap_free(struct snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->note_count; i++)
        free(snapshot->notes[i].data);
    for (uint32_t i = 0; i < snapshot->load_count; i++)
        free(snapshot->loads[i].bytes.memory);
    for (uint32_t i = 0; i < snapshot->blob_count; i++)
        free(snapshot->blobs[i].bytes.memory);
    free(snapshot->notes);
    free(snapshot->loads);
    free(snapshot->blobs);
    snap_init(snapshot);
}

/* Room for one more item of `size` bytes; NULL when out of memory. */
static void *grow(void *array, uint32_t count, uint32_t *room, uint32_t size)
{
    if (count < *room)
        return array;
    uint32_t wanted = *room ? *room * 2 : 16;
    void *larger = wanted > UINT32_MAX / 2 / size ? NULL : realloc(array, wanted * size);
    if (larger != NULL)
        *room = wanted;
    return larger;
}

/* ---- notes ------------------------------------------------------------------------------------- */

struct snap_note *snap_append_note(struct snapshot *snapshot, const char *owner, uint32_t type)
{
    void *notes =
        grow(snapshot->notes, snapshot->note_count, &snapshot->note_room, sizeof *snapshot->notes);
    if (notes == NULL) {
        snapshot->failed = true;
        return NULL;
    }
    snapshot->notes = notes;
    struct snap_note *note = &snapshot->notes[snapshot->note_count++];
    memset(note, 0, sizeof *note);
    size_t length = strnlen(owner, sizeof note->owner - 1);
    memcpy(note->owner, owner, length);
    note->type = type;
    return note;
}

status_t snap_note_append(struct snap_note *note, const void *data, uint32_t length)
{
    uint32_t padded = (length + 3) & ~3u;
    if (length > SNAP_NOTES_MAX || note->size > SNAP_NOTES_MAX - padded)
        return ERR_TOO_LARGE;
    if (note->size + padded > note->capacity) {
        uint32_t capacity = (note->size + padded) * 2;
        uint8_t *larger = realloc(note->data, capacity);
        if (larger == NULL)
            return ERR_NO_MEMORY;
        note->data = larger;
        note->capacity = capacity;
    }
    if (length == 0)
        return OK;
    memcpy(note->data + note->size, data, length);
    memset(note->data + note->size + length, 0, padded - length);
    note->size += padded;
    return OK;
}

struct snap_note *snap_note_begin(struct snapshot *snapshot, enum snap_note_type type)
{
    return snap_append_note(snapshot, SNAP_OWNER, SNAP_TYPE_BASE + type);
}

void snap_put(struct snapshot *snapshot, uint16_t tag, const void *data, uint32_t length)
{
    struct snap_field field = {.tag = tag, .length = length};
    if (snapshot->failed)
        return;
    struct snap_note *note = &snapshot->notes[snapshot->note_count - 1];
    if (snap_note_append(note, &field, sizeof field) != OK ||
        snap_note_append(note, data, length) != OK)
        snapshot->failed = true;
}

void snap_put_u32(struct snapshot *snapshot, uint16_t tag, uint32_t value)
{
    snap_put(snapshot, tag, &value, sizeof value);
}

void snap_put_u64(struct snapshot *snapshot, uint16_t tag, uint64_t value)
{
    snap_put(snapshot, tag, &value, sizeof value);
}

void snap_put_text(struct snapshot *snapshot, uint16_t tag, const char *text)
{
    if (text != NULL)
        snap_put(snapshot, tag, text, (uint32_t)strlen(text));
}

void snap_note_standard(struct snapshot *snapshot, const char *owner, uint32_t type,
                        const void *data, uint32_t size)
{
    struct snap_note *note = snap_append_note(snapshot, owner, type);
    if (note == NULL)
        return;
    if (snap_note_append(note, data, size) != OK)
        snapshot->failed = true;
    else
        note->size = size; /* without the padding */
}

/* ---- segments ---------------------------------------------------------------------------------- */

void snap_add_load(struct snapshot *snapshot, uint32_t address, uint32_t memory_size,
                   uint32_t file_size, uint32_t flags, const struct snap_bytes *bytes)
{
    void *loads =
        grow(snapshot->loads, snapshot->load_count, &snapshot->load_room, sizeof *snapshot->loads);
    if (loads == NULL) {
        snapshot->failed = true;
        return;
    }
    snapshot->loads = loads;
    struct snap_load *load = &snapshot->loads[snapshot->load_count++];
    *load = (struct snap_load){address, memory_size, file_size, flags, {0}};
    if (bytes != NULL)
        load->bytes = *bytes;
}

status_t snap_append_blob(struct snapshot *snapshot, uint32_t id, uint32_t size,
                          const struct snap_bytes *bytes)
{
    void *blobs =
        grow(snapshot->blobs, snapshot->blob_count, &snapshot->blob_room, sizeof *snapshot->blobs);
    if (blobs == NULL)
        return ERR_NO_MEMORY;
    snapshot->blobs = blobs;
    snapshot->blobs[snapshot->blob_count++] = (struct snap_blob){id, size, *bytes};
    return OK;
}

uint32_t snap_add_blob(struct snapshot *snapshot, uint32_t size, const struct snap_bytes *bytes)
{
    uint32_t id = 1;
    for (uint32_t i = 0; i < snapshot->blob_count; i++)
        if (snapshot->blobs[i].id >= id)
            id = snapshot->blobs[i].id + 1;
    if (snap_append_blob(snapshot, id, size, bytes) == OK)
        return id;
    free(bytes->memory);
    snapshot->failed = true;
    return 0;
}

uint32_t snap_add_blob_copy(struct snapshot *snapshot, const void *data, uint32_t size)
{
    struct snap_bytes bytes = {.memory = malloc(size ? size : 1)};
    if (bytes.memory == NULL) {
        snapshot->failed = true;
        return 0;
    }
    if (size > 0)
        memcpy(bytes.memory, data, size);
    return snap_add_blob(snapshot, size, &bytes);
}
