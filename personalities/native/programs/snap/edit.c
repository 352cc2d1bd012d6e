/* SPDX-License-Identifier: MIT */
/*
 * snap edit: changes values of a snapshot. All changes are made in memory and checked; only when
 * every one of them was possible is the result written, under the final name at once. Each change
 * leaves an EDIT note that says what was there before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snap.h"

#define CONTENT_MAX (64u << 20) /* of a file whose content is replaced */
#define OLD_MAX     512u
#define ENV_MAX     65536u

struct edit {
    struct snapshot *snapshot;
    const char *option, *argument; /* being carried out */
};

static bool refuse(const struct edit *edit, const char *reason)
{
    complain("%s %s: %s", edit->option, edit->argument, reason);
    return false;
}

static bool log_change(struct edit *edit, const char *old)
{
    char what[OLD_MAX];
    snprintf(what, sizeof what, "%s %s", edit->option, edit->argument);
    snap_note_begin(edit->snapshot, SNAP_EDIT);
    snap_put_u64(edit->snapshot, SNAP_EDIT_REALTIME, snap_clock());
    snap_put_text(edit->snapshot, SNAP_EDIT_WHAT, what);
    snap_put_text(edit->snapshot, SNAP_EDIT_OLD, old);
    return !edit->snapshot->failed || refuse(edit, "out of memory");
}

/* Splits "left=right"; the length of the left side, or 0. */
static uint32_t split(const char *argument, const char **right)
{
    const char *equals = strchr(argument, '=');
    *right = equals ? equals + 1 : NULL;
    return equals ? (uint32_t)(equals - argument) : 0;
}

/* ---- fields ------------------------------------------------------------------------------------ */

static bool set_field(struct edit *edit, struct snap_note *note, const struct snap_field_info *info,
                      const char *text)
{
    char old[OLD_MAX] = "";
    uint8_t *data;
    uint32_t length = 0;
    const uint8_t *before = snap_get(note, info->tag, &length);
    if (before != NULL)
        format_field(info, before, length, old, sizeof old);
    if (!parse_field(info, text, &data, &length))
        return refuse(edit, "the value does not fit the field");
    status_t status = snap_set(note, info->tag, data, length);
    free(data);
    return status == OK ? log_change(edit, old) : refuse(edit, "out of memory");
}

static struct snap_note *nth_note(const struct snapshot *snapshot, enum snap_note_type type,
                                  uint64_t index)
{
    struct snap_note *note = snap_next(snapshot, type, NULL);
    while (note != NULL && index-- > 0)
        note = snap_next(snapshot, type, note);
    return note;
}

/* NOTE[N].FIELD=VALUE */
static bool edit_set(struct edit *edit)
{
    const char *value, *argument = edit->argument;
    uint32_t length = split(argument, &value);
    uint32_t name = (uint32_t)strcspn(argument, "[");
    const char *close = strchr(argument, ']');
    uint64_t index;
    if (length == 0 || close == NULL || close < argument + name || close[1] != '.' ||
        close + 2 > argument + length ||
        !parse_number(argument + name + 1, (uint32_t)(close - argument) - name - 1, &index))
        return refuse(edit, "NOTE[N].FIELD=VALUE is needed");
    const struct snap_note_info *info = snap_note_named(argument, name);
    if (info == NULL || info->type == SNAP_INTEGRITY || info->type == SNAP_EDIT)
        return refuse(edit, "no such kind of note");
    struct snap_note *note = nth_note(edit->snapshot, info->type, index);
    const struct snap_field_info *field =
        snap_field_named(info->type, close + 2, length - (uint32_t)(close + 2 - argument));
    if (note == NULL || field == NULL)
        return refuse(edit, note ? "no such field" : "there are not so many");
    return set_field(edit, note, field, value);
}

static bool edit_cwd(struct edit *edit)
{
    struct snap_note *process = snap_next(edit->snapshot, SNAP_PROCESS, NULL);
    if (process == NULL || edit->argument[0] != '/')
        return refuse(edit, "an absolute path is needed");
    return set_field(edit, process, snap_field_info(SNAP_PROCESS, SNAP_PROCESS_CWD),
                     edit->argument);
}

/* ---- registers and memory ---------------------------------------------------------------------- */

static struct core_prstatus *status_of(struct edit *edit, uint64_t tid)
{
    struct snap_note *note = snap_next_standard(edit->snapshot, CORE_PRSTATUS, NULL);
    for (; note != NULL; note = snap_next_standard(edit->snapshot, CORE_PRSTATUS, note)) {
        struct core_prstatus *status = (struct core_prstatus *)note->data;
        if (note->size >= sizeof *status && (tid == 0 || status->pid == tid))
            return status;
    }
    return NULL;
}

/* [TID:]NAME=VALUE */
static bool edit_register(struct edit *edit)
{
    const char *value, *name = edit->argument, *colon = strchr(name, ':');
    uint32_t length = split(name, &value);
    uint64_t tid = 0, number;
    char old[16];
    if (length == 0 || !parse_number(value, (uint32_t)strlen(value), &number) ||
        number > UINT32_MAX)
        return refuse(edit, "NAME=VALUE is needed");
    if (colon != NULL && colon < value) {
        if (!parse_number(name, (uint32_t)(colon - name), &tid))
            return refuse(edit, "the thread has no such number");
        length -= (uint32_t)(colon + 1 - name);
        name = colon + 1;
    }
    struct core_prstatus *status = status_of(edit, tid);
    uint32_t *slot = status ? register_slot(&status->regs, name, length) : NULL;
    if (slot == NULL)
        return refuse(edit, status ? "no such register" : "no such thread");
    snprintf(old, sizeof old, "0x%08x", (unsigned)*slot);
    *slot = (uint32_t)number;
    return log_change(edit, old);
}

/* ADDRESS=HEX */
static bool edit_memory(struct edit *edit)
{
    const char *value;
    uint32_t length = split(edit->argument, &value), count;
    uint64_t address;
    uint8_t *data, before[OLD_MAX / 2 - 1];
    char old[OLD_MAX] = "";
    if (length == 0 || !parse_number(edit->argument, length, &address) || address > UINT32_MAX ||
        !parse_hex(value, &data, &count))
        return refuse(edit, "ADDRESS=HEX is needed");
    if (count <= sizeof before &&
        snap_read_memory(edit->snapshot, (uint32_t)address, before, count) == OK)
        format_field(NULL, before, count, old, sizeof old);
    status_t status = snap_write_memory(edit->snapshot, (uint32_t)address, data, count);
    free(data);
    if (status != OK)
        return refuse(edit, "the snapshot has no memory there");
    return log_change(edit, old);
}

/* ---- files and queues -------------------------------------------------------------------------- */

static struct snap_note *object_with(struct edit *edit, uint32_t id)
{
    struct snap_note *note = snap_next(edit->snapshot, SNAP_OBJECT, NULL);
    while (note != NULL && snap_get_u32(note, SNAP_OBJECT_ID, 0) != id)
        note = snap_next(edit->snapshot, SNAP_OBJECT, note);
    return note;
}

/* "FD.FIELD=VALUE": the open file of the descriptor; *field and its length. */
static struct snap_note *object_of_fd(struct edit *edit, const char **field, uint32_t *length,
                                      const char **value)
{
    uint32_t all = split(edit->argument, value);
    uint32_t number = (uint32_t)strcspn(edit->argument, ".");
    uint64_t fd;
    if (number >= all || !parse_number(edit->argument, number, &fd))
        return NULL;
    *field = edit->argument + number + 1;
    *length = all - number - 1;
    struct snap_note *note = snap_next(edit->snapshot, SNAP_FD, NULL);
    while (note != NULL && snap_get_u32(note, SNAP_FD_FD, UINT32_MAX) != fd)
        note = snap_next(edit->snapshot, SNAP_FD, note);
    return note ? object_with(edit, snap_get_u32(note, SNAP_FD_OBJECT, 0)) : NULL;
}

static bool edit_file(struct edit *edit)
{
    const char *name, *value;
    uint32_t length;
    struct snap_note *object = object_of_fd(edit, &name, &length, &value);
    if (object == NULL)
        return refuse(edit, "FD.FIELD=VALUE of an open descriptor is needed");
    const struct snap_field_info *field = snap_field_named(SNAP_OBJECT, name, length);
    return field ? set_field(edit, object, field, value) : refuse(edit, "no such field");
}

static bool edit_pipe(struct edit *edit)
{
    const char *name, *value;
    uint8_t *data;
    uint32_t length, count;
    char old[32];
    struct snap_note *object = object_of_fd(edit, &name, &length, &value);
    if (object == NULL || length != 5 || memcmp(name, "bytes", 5) != 0 ||
        !parse_hex(value, &data, &count))
        return refuse(edit, "FD.bytes=HEX of an open descriptor is needed");
    uint32_t capacity = snap_get_u32(object, SNAP_OBJECT_CAPACITY, 0);
    const struct snap_blob *blob =
        snap_find_blob(edit->snapshot, snap_get_u32(object, SNAP_OBJECT_QUEUE, 0));
    bool fits = capacity > 0 && count <= capacity && blob != NULL;
    snprintf(old, sizeof old, "%u bytes", blob ? (unsigned)blob->size : 0u);
    status_t status =
        fits ? snap_replace_blob(edit->snapshot, blob->id, data, count) : ERR_TOO_LARGE;
    free(data);
    if (status != OK)
        return refuse(edit, blob == NULL ? "it is not the reading end of a pipe"
                            : fits       ? "out of memory"
                                         : "more than the pipe holds");
    return log_change(edit, old);
}

/* ID=HEX or ID=@FILE: bytes of a queue, a message, a file or a terminal, as `show` numbers them. */
static bool edit_blob(struct edit *edit)
{
    const char *value;
    uint32_t length = split(edit->argument, &value), count = 0;
    uint64_t id;
    uint8_t *data = NULL;
    char old[32];
    const struct snap_blob *blob =
        length > 0 && parse_number(edit->argument, length, &id) && id <= UINT32_MAX
            ? snap_find_blob(edit->snapshot, (uint32_t)id)
            : NULL;
    if (blob == NULL)
        return refuse(edit, "ID=HEX or ID=@FILE of a blob is needed");
    if (value[0] == '@' ? !snap_file_load(value + 1, CONTENT_MAX, &data, &count)
                        : !parse_hex(value, &data, &count))
        return refuse(edit, "the bytes are not hexadecimal, or not there");
    snprintf(old, sizeof old, "%u bytes", (unsigned)blob->size);
    status_t status = snap_replace_blob(edit->snapshot, blob->id, data, count);
    free(data);
    return status == OK ? log_change(edit, old) : refuse(edit, "out of memory");
}

static struct snap_note *object_with_path(struct edit *edit, const char *path, uint32_t length)
{
    struct snap_note *note = snap_next(edit->snapshot, SNAP_OBJECT, NULL);
    for (; note != NULL; note = snap_next(edit->snapshot, SNAP_OBJECT, note)) {
        uint32_t size = 0;
        const uint8_t *text = snap_get(note, SNAP_OBJECT_PATH, &size);
        if (text != NULL && size == length && memcmp(text, path, length) == 0)
            return note;
    }
    return NULL;
}

/* The old pieces of content go: a note without an object means nothing to anyone. */
static bool drop_content(struct edit *edit, uint32_t object)
{
    uint32_t none = 0;
    struct snap_note *note = snap_next(edit->snapshot, SNAP_FILEDATA, NULL);
    for (; note != NULL; note = snap_next(edit->snapshot, SNAP_FILEDATA, note))
        if (snap_get_u32(note, SNAP_FILEDATA_OBJECT, 0) == object &&
            snap_set(note, SNAP_FILEDATA_OBJECT, &none, sizeof none) != OK)
            return false;
    return true;
}

/* PATH=FILE */
static bool edit_content(struct edit *edit)
{
    const char *path;
    uint32_t length = split(edit->argument, &path), size;
    uint8_t *data;
    struct snap_note *object = length > 0 ? object_with_path(edit, edit->argument, length) : NULL;
    if (object == NULL)
        return refuse(edit, "PATH=FILE is needed, and PATH must be an open file");
    uint32_t id = snap_get_u32(object, SNAP_OBJECT_ID, 0);
    if (!snap_file_load(path, CONTENT_MAX, &data, &size))
        return false;
    uint64_t whole = size;
    if (!drop_content(edit, id) || snap_set(object, SNAP_OBJECT_SIZE, &whole, 8) != OK) {
        free(data);
        return refuse(edit, "out of memory");
    }
    snap_note_begin(edit->snapshot, SNAP_FILEDATA);
    snap_put_u32(edit->snapshot, SNAP_FILEDATA_OBJECT, id);
    snap_put_u64(edit->snapshot, SNAP_FILEDATA_OFFSET, 0);
    snap_put_u32(edit->snapshot, SNAP_FILEDATA_BLOB,
                 snap_add_blob(edit->snapshot, size, &(struct snap_bytes){.memory = data}));
    snap_put_u64(edit->snapshot, SNAP_FILEDATA_SIZE, size);
    return log_change(edit, NULL);
}

/* ---- the environment ----------------------------------------------------------------------------- */

/* Where the string NAME=... begins in the block; its length without the NUL. */
static char *find_variable(char *block, uint32_t size, const char *name, uint32_t length)
{
    for (char *at = block; at < block + size; at += strlen(at) + 1)
        if (strncmp(at, name, length) == 0 && at[length] == '=')
            return at;
    return NULL;
}

/* The strings lie one after the other in the stack; one can be replaced by one that is no longer. */
static bool edit_environment(struct edit *edit)
{
    const char *value;
    uint32_t length = split(edit->argument, &value);
    struct snap_note *process = snap_next(edit->snapshot, SNAP_PROCESS, NULL);
    uint32_t start = process ? snap_get_u32(process, SNAP_PROCESS_ARGUMENTS_END, 0) : 0;
    uint32_t end = process ? snap_get_u32(process, SNAP_PROCESS_ENVIRONMENT_END, 0) : 0;
    if (length == 0 || end <= start || end - start > ENV_MAX)
        return refuse(edit, "NAME=VALUE is needed");
    char *block = malloc(end - start + 1);
    if (block == NULL || snap_read_memory(edit->snapshot, start, block, end - start) != OK) {
        free(block);
        return refuse(edit, "the environment is not in the snapshot");
    }
    block[end - start] = '\0';
    char *at = find_variable(block, end - start, edit->argument, length);
    bool done = false;
    if (at == NULL)
        done = refuse(edit, "the variable is not there");
    else if (strlen(edit->argument) > strlen(at))
        done = refuse(edit, "the new value is longer than the old one");
    else
        done = log_change(edit, at) &&
               snap_write_memory(edit->snapshot, start + (uint32_t)(at - block), edit->argument,
                                 (uint32_t)strlen(edit->argument) + 1) == OK;
    free(block);
    return done;
}

/* ---- the command ------------------------------------------------------------------------------- */

static const struct {
    const char *option;
    bool (*run)(struct edit *edit);
} changes[] = {
    {"--set", edit_set},    {"--cwd", edit_cwd},         {"--reg", edit_register},
    {"--mem", edit_memory}, {"--file", edit_file},       {"--file-content", edit_content},
    {"--pipe", edit_pipe},  {"--env", edit_environment}, {"--blob", edit_blob},
};

static bool make_change(struct edit *edit)
{
    for (uint32_t i = 0; i < sizeof changes / sizeof *changes; i++)
        if (strcmp(changes[i].option, edit->option) == 0)
            return changes[i].run(edit);
    complain("'%s' is no change; see snap --help", edit->option);
    return false;
}

/* From now on it says that it was edited, and is another one: a delta of what it was does not go with it. */
static bool mark_edited(struct snapshot *snapshot)
{
    struct snap_note *header = snap_next(snapshot, SNAP_HEADER, NULL);
    uint32_t flags = snap_get_u32(header, SNAP_HEADER_FLAGS, 0) | SNAP_FLAG_EDITED;
    uint8_t uuid[16];
    if (!snap_random(uuid, sizeof uuid))
        return false;
    uuid[6] = (uuid[6] & 0x0f) | 0x40; /* RFC 4122, version 4 */
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
    return snap_set(header, SNAP_HEADER_UUID, uuid, sizeof uuid) == OK &&
           snap_set(header, SNAP_HEADER_FLAGS, &flags, sizeof flags) == OK;
}

static bool write_result(struct snapshot *snapshot, const char *path)
{
    struct snap_output output;
    uint64_t size;
    if (!snap_output_open(&output, path))
        return false;
    if (snap_write(snapshot, &output.sink, &size) == OK)
        return snap_output_commit(&output);
    complain("%s: cannot be written", path);
    snap_output_discard(&output);
    return false;
}

int command_edit(int argc, char **argv)
{
    struct snap_input input;
    const char *path = argc > 0 ? argv[0] : NULL, *result = path;
    int first = 1;
    if (argc > 2 && strcmp(argv[1], "-o") == 0) {
        result = argv[2];
        first = 3;
    }
    if (path == NULL || argc <= first || (argc - first) % 2 != 0) {
        complain("usage: snap edit FILE [-o NEW] CHANGE...; see snap --help");
        return 2;
    }
    if (!snap_input_open(&input, path))
        return 1;
    bool good = mark_edited(&input.snapshot);
    for (int i = first; good && i < argc; i += 2) {
        struct edit edit = {&input.snapshot, argv[i], argv[i + 1]};
        good = make_change(&edit);
    }
    const char *problem = good ? snap_problem(&input.snapshot) : NULL;
    if (problem != NULL)
        complain("%s: it would have %s", path, problem);
    good = good && problem == NULL && write_result(&input.snapshot, result);
    snap_input_close(&input);
    return good ? 0 : 1;
}
