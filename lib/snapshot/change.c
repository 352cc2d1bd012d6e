/* SPDX-License-Identifier: MIT */
/* Changing a snapshot that was read: fields, memory, blobs. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* The note with all its fields but one, in *changed. */
static status_t copy_without(const struct snap_note *note, uint16_t tag, struct snap_note *changed)
{
    struct snap_field_view field;
    uint32_t at = 0;
    status_t status = OK;
    *changed = *note;
    changed->data = NULL;
    changed->size = changed->capacity = 0;
    while (status == OK && snap_next_field(note, &at, &field)) {
        struct snap_field same = {field.tag, field.flags, field.version, field.length};
        if (field.tag == tag)
            continue;
        status = snap_note_append(changed, &same, sizeof same);
        if (status == OK)
            status = snap_note_append(changed, field.data, field.length);
    }
    return status;
}

static status_t replace(struct snap_note *note, struct snap_note *changed, status_t status)
{
    if (status != OK) {
        free(changed->data);
        return status;
    }
    free(note->data);
    *note = *changed;
    return OK;
}

status_t snap_set(struct snap_note *note, uint16_t tag, const void *data, uint32_t length)
{
    struct snap_note changed;
    struct snap_field head = {.tag = tag, .length = length};
    status_t status = copy_without(note, tag, &changed);
    if (status == OK)
        status = snap_note_append(&changed, &head, sizeof head);
    if (status == OK)
        status = snap_note_append(&changed, data, length);
    return replace(note, &changed, status);
}

status_t snap_unset(struct snap_note *note, uint16_t tag)
{
    struct snap_note changed;
    status_t status = copy_without(note, tag, &changed);
    return replace(note, &changed, status);
}

/* Brings the bytes of a load into memory of ours, where they can be changed. */
static status_t load_own(struct snap_load *load)
{
    if (load->bytes.memory != NULL && load->file_size > 0)
        return OK;
    uint8_t *memory = calloc(1, load->memory_size);
    if (memory == NULL)
        return ERR_NO_MEMORY;
    status_t status =
        load->file_size > 0 ? snap_bytes_read(&load->bytes, 0, memory, load->file_size) : OK;
    if (status != OK) {
        free(memory);
        return status;
    }
    load->bytes = (struct snap_bytes){.memory = memory};
    load->file_size = load->memory_size;
    return OK;
}

status_t snap_write_memory(struct snapshot *snapshot, uint32_t address, const void *data,
                           uint32_t length)
{
    const uint8_t *from = data;
    for (uint32_t i = 0; i < snapshot->load_count && length > 0; i++) {
        struct snap_load *load = &snapshot->loads[i];
        if (address < load->address || address - load->address >= load->memory_size)
            continue;
        uint32_t offset = address - load->address, part = load->memory_size - offset;
        if (part > length)
            part = length;
        status_t status = load_own(load);
        if (status != OK)
            return status;
        memcpy(load->bytes.memory + offset, from, part);
        from += part;
        address += part;
        length -= part;
    }
    return length > 0 ? ERR_OUT_OF_RANGE : OK;
}

status_t snap_replace_blob(struct snapshot *snapshot, uint32_t id, const void *data, uint32_t size)
{
    for (uint32_t i = 0; i < snapshot->blob_count; i++) {
        struct snap_blob *blob = &snapshot->blobs[i];
        if (blob->id != id)
            continue;
        uint8_t *memory = malloc(size ? size : 1);
        if (memory == NULL)
            return ERR_NO_MEMORY;
        memcpy(memory, data, size);
        free(blob->bytes.memory);
        blob->bytes = (struct snap_bytes){.memory = memory};
        blob->size = size;
        return OK;
    }
    return ERR_NOT_FOUND;
}
