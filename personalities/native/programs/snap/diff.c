/* SPDX-License-Identifier: MIT */
/*
 * snap diff: what is different in the second of two snapshots. Things are compared with their like:
 * threads by number, mappings by address, descriptors by number, open files by id, pages by address.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snap.h"

#define VALUE_MAX 512u

static uint32_t differences;

/* The field by which things of a kind are the same; 0: there is only one of them. */
static uint16_t key_of(uint32_t number)
{
    switch (number) {
    case SNAP_VMA:
        return SNAP_VMA_START;
    case SNAP_THREAD:
        return SNAP_THREAD_TID;
    case SNAP_SIGACTION:
        return SNAP_SIGACTION_SIGNAL;
    case SNAP_FD:
        return SNAP_FD_FD;
    case SNAP_OBJECT:
        return SNAP_OBJECT_ID;
    case SNAP_TIMER:
        return SNAP_TIMER_ID;
    }
    return 0;
}

static struct snap_note *like(const struct snapshot *snapshot, const struct snap_note *note)
{
    uint32_t number = note->type - SNAP_TYPE_BASE;
    uint16_t key = key_of(number);
    struct snap_note *at = snap_next(snapshot, (enum snap_note_type)number, NULL);
    uint64_t wanted = snap_get_u64(note, key, 0);
    while (at != NULL && key != 0 && snap_get_u64(at, key, 0) != wanted)
        at = snap_next(snapshot, (enum snap_note_type)number, at);
    return at;
}

static void name_note(const struct snap_note *note)
{
    uint32_t number = note->type - SNAP_TYPE_BASE;
    const struct snap_note_info *info = snap_note_info(number);
    const struct snap_field_info *key = snap_field_info(number, key_of(number));
    char value[VALUE_MAX] = "";
    uint32_t length = 0;
    const uint8_t *data = key ? snap_get(note, key->tag, &length) : NULL;
    if (data != NULL)
        format_field(key, data, length, value, sizeof value);
    printf("%s %s", info ? info->name : "note", value);
}

static void print_field(const struct snap_field_info *info, const struct snap_field_view *field)
{
    char value[VALUE_MAX];
    format_field(info, field->data, field->length, value, sizeof value);
    printf(" %s=%s", info ? info->name : "?", value);
}

/* Fields of `to` that `from` has not, or with another value. */
static void diff_fields(const struct snap_note *from, const struct snap_note *to)
{
    struct snap_field_view field;
    uint32_t at = 0, length = 0;
    while (snap_next_field(to, &at, &field)) {
        const uint8_t *old = snap_get(from, field.tag, &length);
        if (old != NULL && length == field.length && memcmp(old, field.data, length) == 0)
            continue;
        const struct snap_field_info *info = snap_field_info(to->type - SNAP_TYPE_BASE, field.tag);
        struct snap_field_view before = {.length = length, .data = old};
        differences++;
        name_note(to);
        printf(":");
        if (old != NULL) {
            print_field(info, &before);
            printf(" ->");
        }
        print_field(info, &field);
        putchar('\n');
    }
}

/* Notes that only one of the two has, and (both directions being asked) changed fields once. */
static void diff_notes(const struct snapshot *from, const struct snapshot *to, const char *sign,
                       bool fields)
{
    for (uint32_t i = 0; i < to->note_count; i++) {
        const struct snap_note *note = &to->notes[i];
        uint32_t number = note->type - SNAP_TYPE_BASE;
        if (!snap_note_is_own(note) || number == SNAP_INTEGRITY || number == SNAP_TEXT ||
            number == SNAP_EDIT || number == SNAP_HEADER)
            continue;
        const struct snap_note *other = like(from, note);
        if (other == NULL) {
            differences++;
            printf("%s ", sign);
            name_note(note);
            putchar('\n');
        } else if (fields && key_of(number) + (number == SNAP_PROCESS)) {
            diff_fields(other, note);
        }
    }
}

/* ---- registers ------------------------------------------------------------------------------------ */

static const struct core_prstatus *thread_status(const struct snapshot *snapshot, uint32_t tid)
{
    const struct snap_note *note = snap_next_standard(snapshot, CORE_PRSTATUS, NULL);
    for (; note != NULL; note = snap_next_standard(snapshot, CORE_PRSTATUS, note)) {
        const struct core_prstatus *status = (const void *)note->data;
        if (note->size >= sizeof *status && status->pid == tid)
            return status;
    }
    return NULL;
}

static void diff_registers(const struct snapshot *from, const struct snapshot *to)
{
    const struct snap_note *thread = snap_next(to, SNAP_THREAD, NULL);
    for (; thread != NULL; thread = snap_next(to, SNAP_THREAD, thread)) {
        uint32_t tid = snap_get_u32(thread, SNAP_THREAD_TID, 0);
        const struct core_prstatus *old = thread_status(from, tid), *new = thread_status(to, tid);
        for (uint32_t i = 0; old != NULL && new != NULL &&register_name(i) != NULL; i++) {
            uint32_t before = register_value(&old->regs, i), after = register_value(&new->regs, i);
            if (before == after)
                continue;
            differences++;
            printf("thread %u: %s=0x%08x -> 0x%08x\n", (unsigned)tid, register_name(i),
                   (unsigned)before, (unsigned)after);
        }
    }
}

/* ---- memory --------------------------------------------------------------------------------------- */

static void diff_page(const struct snapshot *from, const struct snapshot *to, uint32_t address)
{
    uint8_t old[PAGE_SIZE], new[PAGE_SIZE];
    uint32_t first = 0, last = PAGE_SIZE;
    if (snap_read_memory(to, address, new, PAGE_SIZE) != OK)
        return;
    if (snap_read_memory(from, address, old, PAGE_SIZE) != OK)
        memset(old, 0, sizeof old);
    if (memcmp(old, new, PAGE_SIZE) == 0)
        return;
    while (old[first] == new[first])
        first++;
    while (old[last - 1] == new[last - 1])
        last--;
    differences++;
    printf("page 0x%08x: 0x%08x-0x%08x\n", (unsigned)address, (unsigned)(address + first),
           (unsigned)(address + last));
}

static void diff_memory(const struct snapshot *from, const struct snapshot *to)
{
    for (uint32_t i = 0; i < to->load_count; i++)
        for (uint32_t at = 0; at < to->loads[i].memory_size; at += PAGE_SIZE)
            diff_page(from, to, to->loads[i].address + at);
}

static void diff_queue(const struct snap_note *old, const struct snap_note *new,
                       const struct snapshot *from, const struct snapshot *to)
{
    const struct snap_blob *a = snap_find_blob(from, snap_get_u32(old, SNAP_OBJECT_QUEUE, 0));
    const struct snap_blob *b = snap_find_blob(to, snap_get_u32(new, SNAP_OBJECT_QUEUE, 0));
    if (a == NULL || b == NULL)
        return;
    uint8_t *bytes = malloc(a->size + b->size + 1);
    bool same = a->size == b->size && bytes != NULL &&
                snap_bytes_read(&a->bytes, 0, bytes, a->size) == OK &&
                snap_bytes_read(&b->bytes, 0, bytes + a->size, b->size) == OK &&
                memcmp(bytes, bytes + a->size, a->size) == 0;
    free(bytes);
    if (same)
        return;
    differences++;
    name_note(new);
    printf(": %u bytes wait -> %u bytes wait\n", (unsigned)a->size, (unsigned)b->size);
}

static void diff_queues(const struct snapshot *from, const struct snapshot *to)
{
    const struct snap_note *note = snap_next(to, SNAP_OBJECT, NULL);
    for (; note != NULL; note = snap_next(to, SNAP_OBJECT, note)) {
        const struct snap_note *old = like(from, note);
        if (old != NULL)
            diff_queue(old, note, from, to);
    }
}

int command_diff(int argc, char **argv)
{
    struct snap_input from, to;
    if (argc != 2) {
        complain("usage: snap diff OLD NEW");
        return 2;
    }
    if (!snap_input_open(&from, argv[0]))
        return 2;
    if (!snap_input_open(&to, argv[1])) {
        snap_input_close(&from);
        return 2;
    }
    diff_notes(&to.snapshot, &from.snapshot, "-", false);
    diff_notes(&from.snapshot, &to.snapshot, "+", true);
    diff_registers(&from.snapshot, &to.snapshot);
    diff_queues(&from.snapshot, &to.snapshot);
    diff_memory(&from.snapshot, &to.snapshot);
    snap_input_close(&to);
    snap_input_close(&from);
    return differences > 0 ? 1 : 0;
}
