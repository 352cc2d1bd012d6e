/* SPDX-License-Identifier: MIT */
/* Finding notes, fields and memory in a snapshot. */
#include <string.h>

#include "internal.h"

bool snap_note_is_own(const struct snap_note *note)
{
    return strcmp(note->owner, SNAP_OWNER) == 0;
}

static struct snap_note *next_note(const struct snapshot *snapshot, bool own, uint32_t type,
                                   const struct snap_note *after)
{
    uint32_t first = after == NULL ? 0 : (uint32_t)(after - snapshot->notes) + 1;
    for (uint32_t i = first; i < snapshot->note_count; i++)
        if (snapshot->notes[i].type == type && snap_note_is_own(&snapshot->notes[i]) == own)
            return &snapshot->notes[i];
    return NULL;
}

struct snap_note *snap_next(const struct snapshot *snapshot, enum snap_note_type type,
                            const struct snap_note *after)
{
    return next_note(snapshot, true, SNAP_TYPE_BASE + type, after);
}

struct snap_note *snap_next_standard(const struct snapshot *snapshot, uint32_t type,
                                     const struct snap_note *after)
{
    return next_note(snapshot, false, type, after);
}

/* ---- fields ------------------------------------------------------------------------------------ */

bool snap_next_field(const struct snap_note *note, uint32_t *at, struct snap_field_view *field)
{
    struct snap_field head;
    if (note == NULL || note->size < *at || note->size - *at < sizeof head)
        return false; /* whoever asks a note that is not there learns nothing */
    memcpy(&head, note->data + *at, sizeof head);
    uint32_t room = note->size - *at - (uint32_t)sizeof head;
    if (head.length > room)
        return false;
    *field = (struct snap_field_view){head.tag, head.flags, head.version, head.length,
                                      note->data + *at + sizeof head};
    uint32_t padded = align_up(head.length, 4);
    *at += (uint32_t)sizeof head + (padded > room ? room : padded);
    return true;
}

const uint8_t *snap_get(const struct snap_note *note, uint16_t tag, uint32_t *length)
{
    struct snap_field_view field;
    uint32_t at = 0;
    while (snap_next_field(note, &at, &field)) {
        if (field.tag != tag)
            continue;
        *length = field.length;
        return field.data;
    }
    return NULL;
}

uint64_t snap_get_u64(const struct snap_note *note, uint16_t tag, uint64_t missing)
{
    uint32_t length = 0;
    uint64_t value = 0;
    const uint8_t *data = snap_get(note, tag, &length);
    if (data == NULL || (length != 4 && length != 8))
        return missing;
    memcpy(&value, data, length);
    return value;
}

uint32_t snap_get_u32(const struct snap_note *note, uint16_t tag, uint32_t missing)
{
    uint64_t value = snap_get_u64(note, tag, missing);
    return value > UINT32_MAX ? missing : (uint32_t)value;
}

bool snap_get_text(const struct snap_note *note, uint16_t tag, char *to, uint32_t size)
{
    uint32_t length = 0;
    const uint8_t *data = snap_get(note, tag, &length);
    if (data == NULL)
        return false;
    if (length >= size)
        length = size - 1;
    memcpy(to, data, length);
    to[length] = '\0';
    return true;
}

/* ---- bytes ------------------------------------------------------------------------------------- */

bool snap_get_personality(const struct snapshot *snapshot, char *to, uint32_t size)
{
    return snap_get_text(snap_next(snapshot, SNAP_HEADER, NULL), SNAP_HEADER_PERSONALITY, to, size);
}

const struct snap_blob *snap_find_blob(const struct snapshot *snapshot, uint32_t id)
{
    for (uint32_t i = 0; i < snapshot->blob_count; i++)
        if (snapshot->blobs[i].id == id)
            return &snapshot->blobs[i];
    return NULL;
}

status_t snap_bytes_read(const struct snap_bytes *bytes, uint64_t offset, void *to, uint32_t length)
{
    if (bytes->memory != NULL) {
        memcpy(to, bytes->memory + offset, length);
        return OK;
    }
    if (bytes->source != NULL)
        return bytes->source->read(bytes->source->context, bytes->offset + offset, to, length);
    memset(to, 0, length);
    return OK;
}

const struct snap_source *snap_locate(const struct snap_bytes *bytes, uint32_t at, uint64_t *offset,
                                      uint32_t *length)
{
    const struct snap_source *source = bytes->memory == NULL ? bytes->source : NULL;
    *offset = bytes->offset + at;
    while (source != NULL && source->locate != NULL)
        source = source->locate(source->context, offset, length);
    return source;
}

const struct snap_load *snap_find_load(const struct snapshot *snapshot, uint32_t address)
{
    for (uint32_t i = 0; i < snapshot->load_count; i++) {
        const struct snap_load *load = &snapshot->loads[i];
        if (address >= load->address && address - load->address < load->memory_size)
            return load;
    }
    return NULL;
}

status_t snap_read_memory(const struct snapshot *snapshot, uint32_t address, void *to,
                          uint32_t length)
{
    uint8_t *at = to;
    while (length > 0) {
        const struct snap_load *load = snap_find_load(snapshot, address);
        if (load == NULL)
            return ERR_OUT_OF_RANGE;
        uint32_t offset = address - load->address, part = load->memory_size - offset;
        status_t status = OK;
        if (part > length)
            part = length;
        if (load->file_size > 0)
            status = snap_bytes_read(&load->bytes, offset, at, part);
        else
            memset(at, 0, part);
        if (status != OK)
            return status;
        at += part;
        address += part;
        length -= part;
    }
    return OK;
}
