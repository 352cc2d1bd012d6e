/* SPDX-License-Identifier: MIT */
/*
 * snap show: everything that a snapshot holds, as text or as JSON. Both go over the notes by the
 * table of notes.def, so that what is added there is shown; a name shown as NOTE[N].FIELD is what
 * `snap edit --set` takes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snap.h"

#define VALUE_MAX   65536u
#define PREVIEW_MAX 64u /* bytes of a queue that are shown as text */

static const char *const verdicts[] = {
    [SNAP_VERIFIED] = "verified",
    [SNAP_MEMORY_CHANGED] = "memory was edited by another tool",
    [SNAP_DAMAGED] = "DAMAGED",
    [SNAP_NO_DIGESTS] = "no digests",
};

/* Which of the notes of its type it is. */
static uint32_t index_of(const struct snapshot *snapshot, const struct snap_note *note)
{
    uint32_t index = 0;
    for (const struct snap_note *at = snapshot->notes; at < note; at++)
        index += at->type == note->type && snap_note_is_own(at) == snap_note_is_own(note);
    return index;
}

static const struct core_prstatus *status_of_thread(const struct snapshot *snapshot, uint32_t index)
{
    const struct snap_note *note = NULL;
    for (uint32_t i = 0; i <= index; i++) {
        note = snap_next_standard(snapshot, CORE_PRSTATUS, note);
        if (note == NULL)
            return NULL;
    }
    return note->size >= sizeof(struct core_prstatus) ? (const void *)note->data : NULL;
}

/* ---- text -------------------------------------------------------------------------------------- */

static void show_registers(const struct core_prstatus *status)
{
    for (uint32_t i = 0; register_name(i) != NULL; i++)
        printf("%s%s=0x%08x", i % 6 == 0 ? "\n    " : " ", register_name(i),
               (unsigned)register_value(&status->regs, i));
}

/* A value with blanks or the like in quotes. */
static void show_value(const struct snap_field_info *info, const char *value)
{
    bool quote = info != NULL && info->kind == SNAP_KIND_text &&
                 (*value == '\0' || strcspn(value, " \t\n\"") < strlen(value));
    printf(quote ? "\"%s\"" : "%s", value);
}

static void show_note(const struct snapshot *snapshot, const struct snap_note *note, char *value)
{
    uint32_t number = note->type - SNAP_TYPE_BASE, at = 0, index = index_of(snapshot, note);
    const struct snap_note_info *info = snap_note_info(number);
    struct snap_field_view field;
    if (info != NULL)
        printf("%s[%u]", info->name, (unsigned)index);
    else
        printf("note %#x[%u]", (unsigned)number, (unsigned)index);
    while (snap_next_field(note, &at, &field)) {
        const struct snap_field_info *known = snap_field_info(number, field.tag);
        format_field(known, field.data, field.length, value, VALUE_MAX);
        if (known != NULL)
            printf(" %s=", known->name);
        else
            printf(" %u=", (unsigned)field.tag);
        show_value(known, value);
    }
    const struct core_prstatus *status =
        number == SNAP_THREAD ? status_of_thread(snapshot, index) : NULL;
    if (status != NULL)
        show_registers(status);
    putchar('\n');
}

static void show_blob(const struct snap_blob *blob)
{
    uint8_t bytes[PREVIEW_MAX];
    uint32_t length = blob->size < PREVIEW_MAX ? blob->size : PREVIEW_MAX;
    printf("blob %u: %u bytes", (unsigned)blob->id, (unsigned)blob->size);
    if (length > 0 && snap_bytes_read(&blob->bytes, 0, bytes, length) == OK) {
        printf(" \"");
        for (uint32_t i = 0; i < length; i++)
            if (bytes[i] >= ' ' && bytes[i] < 127 && bytes[i] != '"' && bytes[i] != '\\')
                putchar(bytes[i]);
            else
                printf("\\x%02x", bytes[i]);
        printf(length < blob->size ? "\"..." : "\"");
    }
    putchar('\n');
}

static void show_text(const struct snap_input *input, enum snap_verdict verdict, char *value)
{
    const struct snapshot *snapshot = &input->snapshot;
    printf("%s: %llu bytes, %s\n", input->path, (unsigned long long)input->file.size,
           verdicts[verdict]);
    for (uint32_t i = 0; i < snapshot->note_count; i++) {
        const struct snap_note *note = &snapshot->notes[i];
        if (snap_note_is_own(note) && note->type != SNAP_TYPE_BASE + SNAP_INTEGRITY)
            show_note(snapshot, note, value);
    }
    for (uint32_t i = 0; i < snapshot->load_count; i++) {
        const struct snap_load *load = &snapshot->loads[i];
        printf("memory 0x%08x-0x%08x %s\n", (unsigned)load->address,
               (unsigned)(load->address + load->memory_size),
               load->file_size > 0 ? "in the file" : "not in the file");
    }
    for (uint32_t i = 0; i < snapshot->blob_count; i++)
        show_blob(&snapshot->blobs[i]);
}

/* ---- JSON (RFC 8259) --------------------------------------------------------------------------- */

static void json_string(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < ' ')
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static bool is_number(const struct snap_field_info *info)
{
    return info != NULL && (info->kind == SNAP_KIND_u32 || info->kind == SNAP_KIND_i32 ||
                            info->kind == SNAP_KIND_u64 || info->kind == SNAP_KIND_time);
}

static void json_registers(const struct core_prstatus *status)
{
    printf(", \"registers\": {");
    for (uint32_t i = 0; register_name(i) != NULL; i++)
        printf("%s\"%s\": \"0x%08x\"", i ? ", " : "", register_name(i),
               (unsigned)register_value(&status->regs, i));
    putchar('}');
}

static void json_note(const struct snapshot *snapshot, const struct snap_note *note, char *value)
{
    uint32_t number = note->type - SNAP_TYPE_BASE, at = 0, count = 0;
    struct snap_field_view field;
    putchar('{');
    while (snap_next_field(note, &at, &field)) {
        const struct snap_field_info *known = snap_field_info(number, field.tag);
        format_field(known, field.data, field.length, value, VALUE_MAX);
        if (known != NULL)
            printf("%s\"%s\": ", count++ ? ", " : "", known->name);
        else
            printf("%s\"%u\": ", count++ ? ", " : "", (unsigned)field.tag);
        if (is_number(known))
            printf("%s", value);
        else
            json_string(value);
    }
    if (number == SNAP_THREAD) {
        const struct core_prstatus *status = status_of_thread(snapshot, index_of(snapshot, note));
        if (status != NULL)
            json_registers(status);
    }
    putchar('}');
}

/* All notes of one type, as an array under its name. */
static void json_notes(const struct snapshot *snapshot, const struct snap_note_info *info,
                       char *value)
{
    const struct snap_note *note = snap_next(snapshot, info->type, NULL);
    printf(",\n\"%s\": [", info->name);
    for (uint32_t count = 0; note != NULL; note = snap_next(snapshot, info->type, note)) {
        printf(count++ ? ",\n  " : "\n  ");
        json_note(snapshot, note, value);
    }
    printf("]");
}

static void json_blob(const struct snap_blob *blob, bool first)
{
    uint8_t buffer[256];
    printf("%s{\"id\": %u, \"size\": %u, \"hex\": \"", first ? "\n  " : ",\n  ", (unsigned)blob->id,
           (unsigned)blob->size);
    for (uint32_t at = 0; at < blob->size; at += sizeof buffer) {
        uint32_t part = blob->size - at < sizeof buffer ? blob->size - at : (uint32_t)sizeof buffer;
        if (snap_bytes_read(&blob->bytes, at, buffer, part) != OK)
            break;
        for (uint32_t i = 0; i < part; i++)
            printf("%02x", buffer[i]);
    }
    printf("\"}");
}

static void show_json(const struct snap_input *input, enum snap_verdict verdict, char *value)
{
    const struct snapshot *snapshot = &input->snapshot;
    printf("{\"verdict\": \"%s\", \"bytes\": %llu", verdicts[verdict],
           (unsigned long long)input->file.size);
    for (uint32_t number = 1; number < 0x100; number++) {
        const struct snap_note_info *info = snap_note_info(number);
        if (info != NULL && number != SNAP_INTEGRITY)
            json_notes(snapshot, info, value);
    }
    printf(",\n\"memory\": [");
    for (uint32_t i = 0; i < snapshot->load_count; i++)
        printf("%s{\"start\": \"0x%08x\", \"size\": %u, \"bytes\": %u}", i ? ",\n  " : "\n  ",
               (unsigned)snapshot->loads[i].address, (unsigned)snapshot->loads[i].memory_size,
               (unsigned)snapshot->loads[i].file_size);
    printf("],\n\"blob\": [");
    for (uint32_t i = 0; i < snapshot->blob_count; i++)
        json_blob(&snapshot->blobs[i], i == 0);
    printf("]}\n");
}

/* ---- commands ---------------------------------------------------------------------------------- */

static bool verify_file(const struct snap_input *input, enum snap_verdict *verdict)
{
    const char *what = NULL;
    status_t status = snap_verify(&input->snapshot, &input->file.source, true, verdict, &what);
    if (status != OK)
        complain("%s: cannot be read", input->path);
    else if (*verdict == SNAP_DAMAGED)
        complain("%s: damaged: %s", input->path, what);
    return status == OK;
}

static int show_as(const char *path, const char *how)
{
    struct snap_input input;
    enum snap_verdict verdict = SNAP_DAMAGED;
    char *value = malloc(VALUE_MAX);
    if (value == NULL || !snap_input_open(&input, path)) {
        free(value);
        return 1;
    }
    bool read = verify_file(&input, &verdict);
    if (strcmp(how, "--traps") == 0)
        read = show_traps(&input.snapshot) && read;
    else if (strcmp(how, "--json") == 0)
        show_json(&input, verdict, value);
    else
        show_text(&input, verdict, value);
    snap_input_close(&input);
    free(value);
    return read && verdict != SNAP_DAMAGED ? 0 : 1;
}

int command_show(int argc, char **argv)
{
    const char *path = NULL, *how = "";
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0 || strcmp(argv[i], "--traps") == 0)
            how = argv[i];
        else if (path == NULL && argv[i][0] != '-')
            path = argv[i];
        else
            argc = 0;
    }
    if (argc > 0 && path != NULL)
        return show_as(path, how);
    complain("usage: snap show FILE [--json|--traps]");
    return 2;
}

int command_verify(int argc, char **argv)
{
    enum snap_verdict verdict = SNAP_DAMAGED;
    struct snap_input input;
    if (argc != 1) {
        complain("usage: snap verify FILE");
        return 2;
    }
    if (!snap_input_open(&input, argv[0]))
        return 1;
    bool read = verify_file(&input, &verdict);
    if (read)
        printf("%s: %s\n", argv[0], verdicts[verdict]);
    snap_input_close(&input);
    return read && verdict == SNAP_VERIFIED ? 0 : 1;
}
