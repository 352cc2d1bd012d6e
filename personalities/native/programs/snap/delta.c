/* SPDX-License-Identifier: MIT */
/*
 * Deltas of snapshots. All commands read them: opening one makes it complete, in a file without a name, from its
 * base, which may be a delta itself. Base and delta must be as they were written, since what another tool
 * has changed in one would be taken for what the process had in the other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snap.h"

#define CHAIN_MAX 16u

static bool read_snapshot(struct snapshot *snapshot, const struct snap_file *file, const char *path)
{
    const char *problem = NULL;
    return snap_explain(path, snap_read(snapshot, &file->source, file->size, &problem), problem);
}

static bool accept_verdict(const char *path, status_t status, enum snap_verdict verdict,
                           const char *what)
{
    if (status == OK && verdict != SNAP_VERIFIED) {
        complain("%s: %s: deltas need it as it was written", path,
                 verdict == SNAP_MEMORY_CHANGED ? "its memory was changed by another tool"
                                                : "it is damaged or has no digests");
        return false;
    }
    return snap_explain(path, status, what);
}

static bool parts_are_as_written(const struct snapshot *snapshot, const struct snap_file *file,
                                 const char *path, bool memory)
{
    enum snap_verdict verdict = SNAP_DAMAGED;
    const char *what = NULL;
    status_t status = snap_verify(snapshot, &file->source, memory, &verdict, &what);
    return accept_verdict(path, status, verdict, what);
}

static bool is_as_written(const struct snap_file *file, const char *path)
{
    struct snapshot snapshot;
    bool good = read_snapshot(&snapshot, file, path);
    if (good) {
        good = parts_are_as_written(&snapshot, file, path, true);
        snap_free(&snapshot);
    }
    return good;
}

/* Anything but a snapshot is no delta either. */
static bool is_delta(const struct snap_file *file)
{
    struct snapshot snapshot;
    const char *problem;
    if (snap_read(&snapshot, &file->source, file->size, &problem) != OK)
        return false;
    bool delta = snap_is_delta(&snapshot);
    snap_free(&snapshot);
    return delta;
}

static uint32_t directory_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (uint32_t)(slash - path) + 1 : 0;
}

/* Where the base of a delta is. */
static bool find_base(const struct snapshot *delta, const char *path, char to[SNAP_PATH_MAX])
{
    uint32_t length = directory_length(path);
    char name[SNAP_PATH_MAX];
    if (!snap_get_text(snap_next(delta, SNAP_HEADER, NULL), SNAP_HEADER_BASE, name, sizeof name)) {
        complain("%s: a delta that does not name its base", path);
        return false;
    }
    if (name[0] == '/')
        length = 0;
    if (snprintf(to, SNAP_PATH_MAX, "%.*s%s", (int)length, path, name) < SNAP_PATH_MAX)
        return true;
    complain("%s: its base's name is too long", path);
    return false;
}

/* ---- making one complete ------------------------------------------------------------------------- */

/* verified: its memory, too, is as it was written, as that of a delta and what it needs always is. */
static bool open_complete(struct snap_file *file, const char *path, uint32_t depth, bool verified);

/* One delta that is being made complete. */
struct link {
    struct snapshot delta, base;
    struct snap_file base_file;
    struct snap_merge merge;
    struct snap_output *output;
    char base_path[SNAP_PATH_MAX];
};

static bool write_merged(struct link *link, const char *path)
{
    const char *problem;
    uint64_t size;
    status_t status = snap_merge_begin(&link->merge, &link->delta, &link->base, &problem);
    bool good =
        snap_explain(path, status, problem) && snap_output_begin(link->output, SNAP_TEMPORARY);
    if (good) {
        status = snap_write(&link->delta, &link->output->sink, &size);
        good = snap_explain(
            path, status,
            status == ERR_OUT_OF_RANGE ? "its base has not all the memory that it needs" : NULL);
        if (!good)
            snap_output_discard(link->output);
    }
    snap_merge_end(&link->merge);
    return good;
}

static bool merge_with_base(struct link *link, const char *path, uint32_t depth)
{
    if (!find_base(&link->delta, path, link->base_path) ||
        !open_complete(&link->base_file, link->base_path, depth + 1, true))
        return false;
    bool good = read_snapshot(&link->base, &link->base_file, link->base_path);
    if (good) {
        good = snap_is_base(&link->delta, &link->base);
        if (!good)
            complain("%s: %s is not the snapshot that it was made against", path, link->base_path);
        good = good && write_merged(link, path);
        snap_free(&link->base);
    }
    snap_file_close(&link->base_file);
    return good;
}

/* Closes the delta. */
static bool make_complete(struct snap_file *file, const char *path, uint32_t depth,
                          struct snap_output *output)
{
    struct link *link = calloc(1, sizeof *link);
    bool good =
        link != NULL && is_as_written(file, path) && read_snapshot(&link->delta, file, path);
    if (good) {
        link->output = output;
        good = merge_with_base(link, path, depth);
        snap_free(&link->delta);
    }
    snap_file_close(file);
    free(link);
    return good;
}

static bool open_complete(struct snap_file *file, const char *path, uint32_t depth, bool verified)
{
    if (!snap_file_open_unpacked(file, path))
        return false;
    if (depth > CHAIN_MAX) {
        complain("%s: more than %u deltas, one on the other", path, CHAIN_MAX);
        snap_file_close(file);
        return false;
    }
    if (is_delta(file)) {
        struct snap_output output;
        bool good = make_complete(file, path, depth, &output);
        if (good)
            snap_output_read(&output, file, true);
        return good;
    }
    if (!verified || is_as_written(file, path))
        return true;
    snap_file_close(file);
    return false;
}

bool snap_file_open(struct snap_file *file, const char *path)
{
    return open_complete(file, path, 0, false);
}

/* What is unpacked has a name here, unlike what snap_file_open makes. */
enum snap_plain snap_make_plain(const char *path, struct snap_output *output)
{
    struct snap_file file;
    if (!snap_file_open_raw(&file, path))
        return SNAP_FAILED;
    if (snap_is_packed(&file)) {
        bool good = snap_unpack(path, &file, output);
        snap_file_close(&file);
        if (!good)
            return SNAP_FAILED;
        snap_output_read(output, &file, false);
        if (!is_delta(&file))
            return SNAP_MADE;
        snap_output_read(output, &file, true);
    } else if (!is_delta(&file)) {
        snap_file_close(&file);
        return SNAP_IS_PLAIN;
    }
    return make_complete(&file, path, 0, output) ? SNAP_MADE : SNAP_FAILED;
}

/* ---- making a delta ------------------------------------------------------------------------------ */

/* What the delta at `path` is to call its base. */
static const char *name_of_base(const char *base, const char *path)
{
    uint32_t length = directory_length(base);
    if (length == directory_length(path) && strncmp(base, path, length) == 0)
        return base + length;
    if (base[0] == '/')
        return base;
    complain("%s: in another directory than %s; give its whole path", base, path);
    return NULL;
}

bool snap_base_open(struct snap_base *base, const char *path, const char *delta_path)
{
    base->path = path;
    base->name = name_of_base(path, delta_path);
    if (base->name == NULL || !snap_file_open_unpacked(&base->file, path))
        return false;
    bool read = read_snapshot(&base->snapshot, &base->file, path);
    if (read && snap_is_delta(&base->snapshot)) {
        snap_free(&base->snapshot);
        snap_file_close(&base->file);
        if (!open_complete(&base->file, path, 1, false))
            return false;
        read = read_snapshot(&base->snapshot, &base->file, path);
    }
    if (read && parts_are_as_written(&base->snapshot, &base->file, path, false))
        return true;
    if (read)
        snap_free(&base->snapshot);
    snap_file_close(&base->file);
    return false;
}

void snap_base_close(struct snap_base *base)
{
    snap_free(&base->snapshot);
    snap_file_close(&base->file);
}

/* What the process shares with the base, and what differs, is seen while the delta is made; then the rest of it. */
static status_t make_and_verify(struct snapshot *snapshot, const struct snap_base *base,
                                const uint32_t *digests, bool *changed)
{
    struct snap_common common = {.find = snap_find_common,
                                 .digests = digests,
                                 .verified = calloc(snap_page_count(&base->snapshot) / 8 + 1, 1)};
    status_t status = common.verified != NULL ? OK : ERR_NO_MEMORY;
    if (status == OK)
        status = snap_make_delta(snapshot, &base->snapshot, base->name, &common);
    if (status == OK)
        status = snap_verify_memory(&base->snapshot, &base->file.source, digests, common.verified,
                                    changed);
    free(common.verified);
    return status;
}

static bool make_delta(struct snapshot *snapshot, const struct snap_base *base, const char *path)
{
    bool changed = false;
    uint32_t *digests;
    status_t status = snap_page_digests(&base->snapshot, &digests);
    bool damaged = status == ERR_BAD_EXECUTABLE;
    if (status == OK)
        status = make_and_verify(snapshot, base, digests, &changed);
    free(digests);
    if (damaged || (status == OK && changed))
        return accept_verdict(base->path, OK, damaged ? SNAP_DAMAGED : SNAP_MEMORY_CHANGED, NULL);
    return snap_explain(path, status,
                        status == ERR_INVALID_ARGUMENT ? "its base has no number" : NULL);
}

bool snap_write_delta(const struct snap_base *base, const struct snap_file *file,
                      struct snap_output *output, const char *path)
{
    struct snapshot snapshot;
    uint64_t size;
    if (!read_snapshot(&snapshot, file, path))
        return false;
    bool good = make_delta(&snapshot, base, path) && snap_output_open(output, path);
    if (good && !snap_explain(path, snap_write(&snapshot, &output->sink, &size), NULL)) {
        snap_output_discard(output);
        good = false;
    }
    snap_free(&snapshot);
    return good && snap_output_commit(output);
}

/* ---- commands ------------------------------------------------------------------------------------ */

/* FIRST [SECOND] -o RESULT */
static bool parse(int argc, char **argv, int inputs, const char *usage)
{
    if (argc == inputs + 2 && strcmp(argv[inputs], "-o") == 0)
        return true;
    complain("usage: %s", usage);
    return false;
}

int command_delta(int argc, char **argv)
{
    struct snap_base base;
    struct snap_file file;
    struct snap_output output;
    if (!parse(argc, argv, 2, "snap delta BASE FILE -o NEW"))
        return 2;
    if (!snap_base_open(&base, argv[0], argv[3]))
        return 1;
    bool good = open_complete(&file, argv[1], 0, true);
    if (good) {
        good = snap_write_delta(&base, &file, &output, argv[3]);
        snap_file_close(&file);
    }
    snap_base_close(&base);
    return good ? 0 : 1;
}

int command_flatten(int argc, char **argv)
{
    struct snap_input input;
    struct snap_output output;
    uint64_t size;
    if (!parse(argc, argv, 1, "snap flatten FILE -o NEW"))
        return 2;
    if (!snap_input_open(&input, argv[0]))
        return 1;
    bool good = snap_output_open(&output, argv[2]);
    if (good && !snap_explain(argv[2], snap_write(&input.snapshot, &output.sink, &size), NULL)) {
        snap_output_discard(&output);
        good = false;
    }
    good = good && snap_output_commit(&output);
    snap_input_close(&input);
    return good ? 0 : 1;
}
