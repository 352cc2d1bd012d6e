/* SPDX-License-Identifier: MIT */
/*
 * Snapshots in memory: read from a file, changed, and written as one. The bytes of memory and of
 * files stay where they are until snap_write copies them, so a snapshot of any size needs little
 * memory here.
 *
 *   taking one:   snap_init, snap_note_*, snap_load, snap_blob_*, snap_write
 *   looking:      snap_read, snap_find, snap_get_*
 *   changing:     snap_read, snap_set_*, snap_write into another file
 *
 * Adding never reports an error; a failed allocation sets `failed`, and snap_write then refuses.
 * Everything that is read is checked: a snap_read that succeeds has notes, fields and ranges that
 * lie within the file. What the values mean is for whoever restores them to check.
 */
#ifndef LIB_SNAPSHOT_H
#define LIB_SNAPSHOT_H

#include <atomik/types.h>
#include <snapshot/format.h>

/* Reads exactly `length` bytes at `offset`. */
struct snap_source {
    status_t (*read)(void *context, uint64_t offset, void *to, uint32_t length);
    void *context;
    /*
     * The bytes where they are, until the next call for other ones; NULL: they are to be read. There may be no such
     * function.
     */
    const void *(*view)(void *context, uint64_t offset, uint32_t length);
    /* An object of the kernel that has the bytes at the same offsets, so that pages can be shared; HANDLE_NONE: none. */
    handle_t pages;
    /* The source that has the bytes, at *offset then, at most *length of them together. There may be no such function. */
    const struct snap_source *(*locate)(void *context, uint64_t *offset, uint32_t *length);
};
/* Writes all of them; offsets may go back. */
struct snap_sink {
    status_t (*write)(void *context, uint64_t offset, const void *from, uint32_t length);
    void *context;
    /* The file will have this size. There may be no such function. */
    status_t (*reserve)(void *context, uint64_t size);
    /*
     * Shares bytes of a source with the file, at most `length`, instead of writing them, as far as that can be done:
     * how many, whole pages. *view shows them until the next call, if it is asked for. There may be no such function.
     */
    uint32_t (*share)(void *context, uint64_t offset, const struct snap_source *source,
                      uint64_t from, uint32_t length, const uint8_t **view);
};

/* Where the bytes of a segment are: in memory, which the snapshot owns, or at an offset of a source. */
struct snap_bytes {
    uint8_t *memory;
    const struct snap_source *source;
    uint64_t offset;
};

struct snap_note {
    char owner[8];
    uint32_t type;
    uint32_t size, capacity;
    uint8_t *data;
};

struct snap_load {
    uint32_t address, memory_size, file_size,
        flags; /* flags: ELF's, 1 execute 2 write 4 read, and enum snap_load_flags */
    struct snap_bytes bytes;
};

struct snap_blob {
    uint32_t id, size;
    struct snap_bytes bytes;
};

struct snapshot {
    struct snap_note *notes;
    struct snap_load *loads;
    struct snap_blob *blobs;
    uint32_t note_count, load_count, blob_count;
    uint32_t note_room, load_room, blob_room;
    struct snap_bytes digests; /* of a file that was read: a u32 for each page of the loads */
    uint32_t digest_bytes;
    bool
        undigested; /* it is to be written without digests of its pages: who asked for it reads it, and no other */
    bool failed; /* out of memory on the way */
};

void snap_init(struct snapshot *snapshot);
void snap_free(struct snapshot *snapshot);

/* ---- building (build.c) ---- */
/* A note to which fields are added until the next one begins. Owned by the snapshot. */
struct snap_note *snap_note_begin(struct snapshot *snapshot, enum snap_note_type type);
void snap_put(struct snapshot *snapshot, uint16_t tag, const void *data, uint32_t length);
void snap_put_u32(struct snapshot *snapshot, uint16_t tag, uint32_t value);
void snap_put_u64(struct snapshot *snapshot, uint16_t tag, uint64_t value);
void snap_put_text(struct snapshot *snapshot, uint16_t tag, const char *text); /* NULL: no field */
/* A note in a standard format: the descriptor as it is. */
void snap_note_standard(struct snapshot *snapshot, const char *owner, uint32_t type,
                        const void *data, uint32_t size);
/*
 * NT_FILE (standard.c): what debuggers find the program and its libraries by. page: where the range begins
 * in the file. The end adds the note and frees what was collected; all zero is empty.
 */
struct snap_files {
    uint8_t *rows;
    char *names;
    uint32_t count, length; /* length: of the names */
    bool failed;
};
void snap_files_add(struct snap_files *files, uint32_t start, uint32_t end, uint32_t page,
                    const char *name);
void snap_files_end(struct snapshot *snapshot, struct snap_files *files);
/* A process's arguments, ended by NULs, as one line. */
void snap_put_command(struct snapshot *snapshot, const char *words, uint32_t length);
/* A range of memory; file_size 0 or memory_size. Ranges are added by ascending address. */
void snap_add_load(struct snapshot *snapshot, uint32_t address, uint32_t memory_size,
                   uint32_t file_size, uint32_t flags, const struct snap_bytes *bytes);
/* The id of a new blob; takes bytes->memory. */
uint32_t snap_add_blob(struct snapshot *snapshot, uint32_t size, const struct snap_bytes *bytes);
uint32_t snap_add_blob_copy(struct snapshot *snapshot, const void *data, uint32_t size);

/* ---- looking (look.c) ---- */
bool snap_note_is_own(const struct snap_note *note);
/* The own note of a type after `after` (NULL: the first), or NULL. */
struct snap_note *snap_next(const struct snapshot *snapshot, enum snap_note_type type,
                            const struct snap_note *after);
/* The standard note of a type after `after`. */
struct snap_note *snap_next_standard(const struct snapshot *snapshot, uint32_t type,
                                     const struct snap_note *after);
/* A field's bytes, or NULL. Here and below a note may be NULL: it has no fields. */
const uint8_t *snap_get(const struct snap_note *note, uint16_t tag, uint32_t *length);
uint32_t snap_get_u32(const struct snap_note *note, uint16_t tag, uint32_t missing);
uint64_t snap_get_u64(const struct snap_note *note, uint16_t tag, uint64_t missing);
/* A text field as a string in `to`, cut to `size`; false if there is none. */
bool snap_get_text(const struct snap_note *note, uint16_t tag, char *to, uint32_t size);
/* Whose process it is of, as the header says; false: there is no such field. */
bool snap_get_personality(const struct snapshot *snapshot, char *to, uint32_t size);
const struct snap_blob *snap_find_blob(const struct snapshot *snapshot, uint32_t id);
status_t snap_bytes_read(const struct snap_bytes *bytes, uint64_t offset, void *to,
                         uint32_t length);
/* The source that has the bytes from `at` on, and where, *length of them at most; NULL: they are in memory, or zeros. */
const struct snap_source *snap_locate(const struct snap_bytes *bytes, uint32_t at, uint64_t *offset,
                                      uint32_t *length);
/* Memory of the process as the snapshot has it: OUT_OF_RANGE where no load is. */
status_t snap_read_memory(const struct snapshot *snapshot, uint32_t address, void *to,
                          uint32_t length);
/* Walk the fields of a note: *at starts at 0; false at the end. */
struct snap_field_view {
    uint16_t tag;
    uint8_t flags, version;
    uint32_t length;
    const uint8_t *data;
};
bool snap_next_field(const struct snap_note *note, uint32_t *at, struct snap_field_view *field);

/* ---- changing (change.c) ---- */
/* Replaces or adds a field. NO_MEMORY. */
status_t snap_set(struct snap_note *note, uint16_t tag, const void *data, uint32_t length);
/* Overwrites memory; the ranges must be in loads that have bytes in the file, or are zeros. */
status_t snap_write_memory(struct snapshot *snapshot, uint32_t address, const void *data,
                           uint32_t length);
status_t snap_replace_blob(struct snapshot *snapshot, uint32_t id, const void *data, uint32_t size);

/* Takes a field out, if it is there. NO_MEMORY. */
status_t snap_unset(struct snap_note *note, uint16_t tag);

/* ---- deltas (delta.c) ---- */
bool snap_is_delta(const struct snapshot *snapshot);
/* Is `base` the snapshot that the delta was made against? */
bool snap_is_base(const struct snapshot *delta, const struct snapshot *base);
/*
 * Makes a delta of a complete snapshot that was read from a file: it keeps the memory that `base`, complete
 * as well, has not. `path` is what the delta calls the base. After an error it is as it was, but for its header.
 */
struct snap_common;
status_t snap_make_delta(struct snapshot *snapshot, const struct snapshot *base, const char *path,
                         const struct snap_common *common);
/* How pages that both have are found without a look at them, and what was seen of the base's. NULL: they are not. */
struct snap_common {
    /* How many bytes from there on are the same because they are the same pages; 0: that is not known. */
    uint32_t (*find)(const struct snap_source *one, uint64_t offset,
                     const struct snap_source *other, uint64_t other_offset, uint32_t length);
    const uint32_t *digests; /* of the base (snap_page_digests) */
    uint8_t *
        verified; /* a bit for each of these pages, clear at first: it is in both, or as its digest says */
};
uint32_t snap_page_count(const struct snapshot *snapshot); /* that have digests */
/*
 * Makes a complete snapshot of a delta and its base, of which it takes the memory: `merge` and `base` stay
 * until it was written. BAD_EXECUTABLE with *problem; after an error the delta has no memory.
 */
struct snap_merge {
    struct snap_load *pieces; /* the delta's own loads */
    uint32_t count;
    const struct snapshot *base;
    struct snap_source source;
};
status_t snap_merge_begin(struct snap_merge *merge, struct snapshot *delta,
                          const struct snapshot *base, const char **problem);
void snap_merge_end(struct snap_merge *merge);

/* ---- files (read.c, write.c) ---- */
/*
 * `source` must stay as long as the snapshot. *problem says what is wrong with a file (static text)
 * when the result is BAD_EXECUTABLE; other errors are the source's or NO_MEMORY.
 */
status_t snap_read(struct snapshot *snapshot, const struct snap_source *source, uint64_t size,
                   const char **problem);
status_t snap_write(struct snapshot *snapshot, const struct snap_sink *sink, uint64_t *size);
/* What verifying the digests of a file said. */
enum snap_verdict {
    SNAP_VERIFIED,       /* everything is as it was written */
    SNAP_MEMORY_CHANGED, /* memory was edited by another tool, all else is as it was written */
    SNAP_DAMAGED,
    SNAP_NO_DIGESTS,
};
/* memory: with its memory; else that is for who brings it in to verify, page by page. */
status_t snap_verify(const struct snapshot *snapshot, const struct snap_source *source, bool memory,
                     enum snap_verdict *verdict, const char **what);
/* Its memory alone, without pages that are verified (a bit each), as all else is; with its digests. */
status_t snap_verify_memory(const struct snapshot *snapshot, const struct snap_source *source,
                            const uint32_t *digests, const uint8_t *verified, bool *changed);
/* The digests of the pages of a snapshot that was read, malloc'ed. BAD_EXECUTABLE: damaged, or others than the pages'. */
status_t snap_page_digests(const struct snapshot *snapshot, uint32_t **digests);
uint32_t snap_page_digest(const void *page);
uint32_t snap_crc32c(uint32_t crc, const void *data, uint32_t length); /* start with 0 */

/* ---- tables made of notes.def (fields.c) ---- */
enum snap_kind {
    SNAP_KIND_u32,
    SNAP_KIND_hex,
    SNAP_KIND_i32,
    SNAP_KIND_u64,
    SNAP_KIND_hex64,
    SNAP_KIND_time,
    SNAP_KIND_text,
    SNAP_KIND_endpoint,
    SNAP_KIND_bytes,
};
struct snap_field_info {
    enum snap_note_type note;
    uint16_t tag;
    enum snap_kind kind;
    const char *name;
};
struct snap_note_info {
    enum snap_note_type type;
    const char *name;
};
const struct snap_note_info *snap_note_info(uint32_t number); /* by type without the base */
const struct snap_note_info *snap_note_named(const char *name, uint32_t length);
const struct snap_field_info *snap_field_info(uint32_t number, uint16_t tag);
const struct snap_field_info *snap_field_named(uint32_t number, const char *name, uint32_t length);

#endif
