/* SPDX-License-Identifier: MIT */
/*
 * snap: save, show, edit, compare and restore snapshots of processes.
 *
 * show, edit, diff and verify work on files alone and are built for Atomik and for the host; what they
 * need of the system is in struct snap_file and struct snap_output, of which files_native.c and
 * files_host.c are the two kinds. save and restore talk to Atomik's servers (live.c).
 */
#ifndef SNAP_H
#define SNAP_H

#include <snapshot/snapshot.h>

#define SNAP_PATH_MAX 4096

/* ---- files: errors are printed where they happen; false then ---- */
struct snap_file {
    struct snap_source source; /* context is the struct snap_file */
    uint64_t size;
    int fd;
    struct capture_window
        *window; /* on Atomik: of its memory, where that can be had; else it is read by messages */
};
/* What `path` stands for: unpacked (pack.c), and complete (delta.c), if it is a snapshot. */
bool snap_file_open(struct snap_file *file, const char *path);
bool snap_file_open_unpacked(struct snap_file *file, const char *path);
/* fd is negative after an error */
bool snap_file_open_raw(struct snap_file *file, const char *path);
void snap_file_close(struct snap_file *file);
/* A whole file of at most `max` bytes as it is, malloc'ed. */
bool snap_file_load(const char *path, uint32_t max, uint8_t **data, uint32_t *size);

/* A file that gets its name when it is complete; packed, if the name ends so. */
struct snap_output {
    struct snap_sink sink;
    int fd;
    struct capture_memory_file *memory; /* on Atomik: that it is, or NULL */
    uint64_t size;                      /* when it is complete */
    char path[SNAP_PATH_MAX], temporary[SNAP_PATH_MAX];
};
bool snap_output_open(struct snap_output *output, const char *path);
bool snap_output_commit(struct snap_output *output);
void snap_output_discard(struct snap_output *output);
/* It is complete, but goes by its temporary name; not on the host. */
void snap_output_close(struct snap_output *output);
/* The parts of these, without packing: files_native.c, files_host.c. */
bool snap_output_begin(struct snap_output *output, const char *path);
bool snap_output_finish(struct snap_output *output);
/* What has been written so far, as a file of the same descriptor; take: it loses its name, and the output is no more. */
void snap_output_read(struct snap_output *output, struct snap_file *file, bool take);
/* The find of struct snap_common. */
uint32_t snap_find_common(const struct snap_source *one, uint64_t offset,
                          const struct snap_source *other, uint64_t other_offset, uint32_t length);
#define SNAP_TEMPORARY "/tmp/snap" /* what is unpacked goes there, with a number behind */
uint64_t snap_clock(void);         /* ns since 1970 */
bool snap_random(void *to, uint32_t length);

/* ---- compressed files (pack.c) ---- */
bool snap_is_packed(const struct snap_file *file);
/* Into a new temporary file; after an error there is none. */
bool snap_unpack(const char *path, const struct snap_file *file, struct snap_output *output);

/* ---- deltas (delta.c) ---- */
struct snap_base {
    struct snapshot snapshot;
    struct snap_file file;
    const char *path, *name; /* name: what the delta calls it */
};
/* Complete; its memory is verified when a delta is made. The delta will be at `delta_path`. */
bool snap_base_open(struct snap_base *base, const char *path, const char *delta_path);
void snap_base_close(struct snap_base *base);
/* The snapshot in `file`, as a delta. False as well: the base is not as it was written. */
bool snap_write_delta(const struct snap_base *base, const struct snap_file *file,
                      struct snap_output *output, const char *path);

/* For programs that read nothing but plain and complete files: `path` is such a file, or *output is, until it is discarded. */
enum snap_plain { SNAP_IS_PLAIN, SNAP_MADE, SNAP_FAILED };
enum snap_plain snap_make_plain(const char *path, struct snap_output *output);

/* ---- opened snapshots ---- */
struct snap_input {
    struct snap_file file;
    struct snapshot snapshot;
    const char *path;
};
bool snap_input_open(struct snap_input *input, const char *path);
void snap_input_close(struct snap_input *input);
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Whether it went well, with a message if not: the problem, or what the status says. */
bool snap_explain(const char *path, status_t status, const char *problem);

/* ---- commands: arguments after the command's name; the exit code ---- */
int command_show(int argc, char **argv);
int command_edit(int argc, char **argv);
int command_diff(int argc, char **argv);
int command_verify(int argc, char **argv);
int command_export(int argc, char **argv);
int command_delta(int argc, char **argv);
int command_flatten(int argc, char **argv);

/* ---- live.c, live_record.c; not on the host ---- */
/* Starts a restore; wanted: the pid, 0 any, NULL that of the snapshot. False: it was told why not. */
bool live_restore(const char *path, char *const *options, const uint32_t *wanted, uint32_t *pid);
int command_record(int argc, char **argv);
int command_replay(int argc, char **argv);
int command_step(int argc, char **argv);

/* What is only to be had on Atomik; NULL on the host. */
struct snap_command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage;
};
extern const struct snap_command live_commands[]; /* ends with a NULL name */

bool show_traps(const struct snapshot *snapshot); /* traps.c */

/* ---- values (values.c) ---- */
/* A field as text: numbers by kind, bytes in hex. */
void format_field(const struct snap_field_info *info, const uint8_t *data, uint32_t length,
                  char *to, uint32_t size);
/* The reverse; *data is malloc'ed. False: the text is no value of that kind. */
bool parse_field(const struct snap_field_info *info, const char *text, uint8_t **data,
                 uint32_t *length);
bool parse_number(const char *text, uint32_t length, uint64_t *value);
bool parse_hex(const char *text, uint8_t **data, uint32_t *length);
/* Registers of NT_PRSTATUS by name; NULL past the end. */
const char *register_name(uint32_t index);
uint32_t *register_slot(struct core_registers *registers, const char *name, uint32_t length);
uint32_t register_value(const struct core_registers *registers, uint32_t index);

/* What no process can be like, or NULL (check.c). */
const char *snap_problem(const struct snapshot *snapshot);

#endif
