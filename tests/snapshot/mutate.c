/* SPDX-License-Identifier: MIT */
/*
 * Host program: makes hostile snapshots of a good one. Their digests are right, so what is behind these is reached.
 *
 *   mutate SNAPSHOT SEED OUT
 */
#include <snapshot/snapshot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 3000u /* that one snapshot may be given */

static uint32_t state;

static uint32_t chance(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return below > 0 ? state % below : state;
}

/* What programs get wrong, and what no program may have. */
static uint32_t hostile(uint32_t old)
{
    static const uint32_t values[] = {0,          1,          0xffffffff, 0x7fffffff, 0x80000000,
                                      0x9ffff000, 0xa0000000, 0xbffff000, 0xc0000000, 0xfffff000,
                                      4096,       65536,      0x00023202, 0x00004000, 3};
    switch (chance(4)) {
    case 0:
        return old ^ 1u << chance(32);
    case 1:
        return old + 4096;
    case 2:
        return chance(0);
    }
    return values[chance(sizeof values / sizeof *values)];
}

static struct snap_note *any_note(struct snapshot *snapshot)
{
    return &snapshot->notes[chance(snapshot->note_count)];
}

/* A field gets another value, or another length. */
static void change_field(struct snap_note *note)
{
    struct snap_field_view field;
    uint32_t at = 0, count = 0, word = 0;
    while (snap_next_field(note, &at, &field))
        count++;
    uint32_t wanted = chance(count + 1);
    at = 0;
    for (uint32_t i = 0; i <= wanted && snap_next_field(note, &at, &field); i++)
        continue;
    if (count == 0 || field.length > 65536)
        return;
    uint32_t length = chance(4) > 0 ? field.length : chance(field.length + 200);
    uint8_t *copy = calloc(1, length + sizeof word);
    if (copy == NULL)
        abort();
    memcpy(copy, field.data, length < field.length ? length : field.length);
    uint32_t place = length > 4 ? chance(length / 4) * 4 : 0;
    memcpy(&word, copy + place, sizeof word);
    word = hostile(word);
    memcpy(copy + place, &word, sizeof word);
    (void)!snap_set(note, field.tag, copy, length);
    free(copy);
}

/* A word of a note in a standard format, as the registers are. */
static void change_word(struct snap_note *note)
{
    uint32_t word, place = note->size >= 8 ? chance(note->size / 4) * 4 : 0;
    if (note->size < 4)
        return;
    memcpy(&word, note->data + place, sizeof word);
    word = hostile(word);
    memcpy(note->data + place, &word, sizeof word);
}

static void add_copy(struct snapshot *snapshot, const struct snap_note *note)
{
    struct snap_note copy = *note;
    if (!snap_note_is_own(&copy)) {
        snap_note_standard(snapshot, copy.owner, copy.type, copy.data, copy.size);
        return;
    }
    struct snap_field_view field;
    uint32_t at = 0;
    if (copy.type == (uint32_t)SNAP_INTEGRITY)
        return;
    (void)!snap_note_begin(snapshot, (enum snap_note_type)copy.type);
    while (snap_next_field(&copy, &at, &field))
        snap_put(snapshot, field.tag, field.data, field.length);
}

static void remove_note(struct snapshot *snapshot)
{
    uint32_t index = chance(snapshot->note_count);
    struct snap_note removed = snapshot->notes[index];
    memmove(snapshot->notes + index, snapshot->notes + index + 1,
            (snapshot->note_count - index - 1) * sizeof removed);
    snapshot->note_count--;
    free(removed.data);
}

static void add_threads(struct snapshot *snapshot)
{
    const struct snap_note *status = snap_next_standard(snapshot, CORE_PRSTATUS, NULL);
    const struct snap_note *own = snap_next(snapshot, SNAP_THREAD, NULL);
    if (status == NULL || own == NULL)
        return;
    struct snap_note first = *status, second = *own;
    for (uint32_t i = 0; i < THREADS; i++) {
        add_copy(snapshot, &first);
        add_copy(snapshot, &second);
    }
}

static void change_load(struct snapshot *snapshot)
{
    if (snapshot->load_count == 0)
        return;
    struct snap_load *load = &snapshot->loads[chance(snapshot->load_count)];
    load->address = hostile(load->address) & ~(PAGE_SIZE - 1);
}

static void mutate(struct snapshot *snapshot)
{
    struct snap_note *note = any_note(snapshot);
    switch (chance(12)) {
    case 0:
        add_copy(snapshot, note);
        return;
    case 1:
        remove_note(snapshot);
        return;
    case 2:
        change_load(snapshot);
        return;
    case 3:
        if (chance(20) == 0)
            add_threads(snapshot);
        return;
    }
    if (snap_note_is_own(note))
        change_field(note);
    else
        change_word(note);
}

static status_t file_read(void *context, uint64_t offset, void *to, uint32_t length)
{
    return fseek(context, (long)offset, SEEK_SET) == 0 && fread(to, 1, length, context) == length
               ? OK
               : ERR_IO_ERROR;
}

static status_t file_write(void *context, uint64_t offset, const void *from, uint32_t length)
{
    return fseek(context, (long)offset, SEEK_SET) == 0 && fwrite(from, 1, length, context) == length
               ? OK
               : ERR_IO_ERROR;
}

int main(int argc, char **argv)
{
    struct snapshot snapshot;
    const char *problem;
    uint64_t size;
    FILE *from = argc == 4 ? fopen(argv[1], "rb") : NULL, *to = from ? fopen(argv[3], "wb") : NULL;
    if (to == NULL || fseek(from, 0, SEEK_END) != 0)
        return 2;
    struct snap_source source = {.read = file_read, .context = from};
    struct snap_sink sink = {.write = file_write, .context = to};
    if (snap_read(&snapshot, &source, (uint64_t)ftell(from), &problem) != OK)
        return 1;
    state = (uint32_t)strtoul(argv[2], NULL, 10) * 2654435761u + 1;
    for (uint32_t left = 1 + chance(4); left > 0; left--)
        mutate(&snapshot);
    status_t status = snap_write(&snapshot, &sink, &size);
    snap_free(&snapshot);
    return fclose(to) == 0 && status == OK ? 0 : 1;
}
