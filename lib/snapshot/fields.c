/* SPDX-License-Identifier: MIT */
/* The tables that notes.def gives to whoever shows or sets any field by its name. */
#include <string.h>

#include "snapshot.h"

static const struct snap_note_info notes[] = {
#define NOTE(number, NAME, name, text) {SNAP_##NAME, #name},
#define NOTE_FIELD(NOTE, tag, NAME, name, kind, text)
#include <snapshot/notes.def>
#undef NOTE
#undef NOTE_FIELD
};

static const struct snap_field_info fields[] = {
#define NOTE(number, NAME, name, text)
#define NOTE_FIELD(NOTE, tag, NAME, name, kind, text) {SNAP_##NOTE, tag, SNAP_KIND_##kind, #name},
#include <snapshot/notes.def>
#undef NOTE
#undef NOTE_FIELD
};

static bool named(const char *name, const char *text, uint32_t length)
{
    return strlen(name) == length && memcmp(name, text, length) == 0;
}

const struct snap_note_info *snap_note_info(uint32_t number)
{
    for (uint32_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (notes[i].type == number)
            return &notes[i];
    return NULL;
}

const struct snap_note_info *snap_note_named(const char *name, uint32_t length)
{
    for (uint32_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (named(notes[i].name, name, length))
            return &notes[i];
    return NULL;
}

const struct snap_field_info *snap_field_info(uint32_t number, uint16_t tag)
{
    for (uint32_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].note == number && fields[i].tag == tag)
            return &fields[i];
    return NULL;
}

const struct snap_field_info *snap_field_named(uint32_t number, const char *name, uint32_t length)
{
    for (uint32_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].note == number && named(fields[i].name, name, length))
            return &fields[i];
    return NULL;
}
