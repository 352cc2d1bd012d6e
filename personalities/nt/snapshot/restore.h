/* SPDX-License-Identifier: MIT */
/*
 * Making a process of a snapshot. A snapshot is an executable: init gives its start to the personality
 * it was taken in, and the new process gets the memory, handles and threads that are in it.
 *
 * The file is hostile until checked: all values come through the same checks as a system call's
 * arguments, and a process that could not be made as a whole never runs.
 */
#ifndef NT_SNAPSHOT_RESTORE_H
#define NT_SNAPSHOT_RESTORE_H

#include <capture/capture.h>
#include <personalities/nt/nt.h>
#include <protocols/init.h>
#include <snapshot/snapshot.h>

struct restored_object {
    uint32_t id;
    struct object *object; /* held */
};

/* A standard stream of the program that restores. */
struct restore_stream {
    struct start_fd fd; /* FD_NONE: it has none */
    handle_t h0, h1;
    handle_t print;      /* a copy of h0, for what stands in the way */
    struct object *file; /* made of h0 and h1, held, or NULL */
};

struct restore {
    struct snapshot snapshot;
    struct capture_image image;
    struct nt_process *process;
    uint32_t old_pid;
    struct capture_options options;
    bool files_differ;
    struct restored_object *objects;
    uint32_t object_count;
    struct restore_stream streams[3];
};

/* Whether the content of an open file is a snapshot. Gives the lock up. */
bool snapshot_recognise(handle_t node);
/*
 * The process of the snapshot in an open file, with all its threads, none launched. `start` is init's
 * number of the start, for the standard streams; options: --files=..., --accept-edited. Gives the lock
 * up.
 */
NTSTATUS restore_process(struct nt_process *process, handle_t node, uint32_t start,
                         char *const *options);

/* ---- for the kinds of objects ---- */
struct object *restored_object(const struct restore *restore, uint32_t id); /* borrowed, or NULL */
struct nt_thread *restored_thread(const struct restore *restore, uint32_t tid); /* the same */
/* A text field in UTF-16, terminated and malloc'ed; NULL: there is none, or no memory. */
WCHAR *restored_text(const struct snap_note *note, uint16_t tag, uint32_t *length);
/* The same as it is. */
char *restored_path(const struct snap_note *note, uint16_t tag);
/* A field of exactly this size; false: it is missing or another. */
bool restored_bytes(const struct snap_note *note, uint16_t tag, void *to, uint32_t size);
/* The bytes of a blob, malloc'ed; NULL: there are none, or no memory. */
uint8_t *restored_blob(const struct restore *restore, uint32_t id, uint32_t *size);
/* A line on the standard error of the program that restores; returns the status. */
NTSTATUS restore_refuse(struct restore *restore, NTSTATUS status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The restoring program's own stream of this number as a file; held. */
NTSTATUS restored_stream(struct restore *restore, uint32_t number, struct object **file);

/* ---- the parts ---- */
NTSTATUS restore_memory(struct restore *restore);
NTSTATUS restore_threads(struct restore *restore);
NTSTATUS restore_objects(struct restore *restore);
NTSTATUS restore_handles(struct restore *restore);
NTSTATUS restore_apcs(struct restore *restore);
NTSTATUS restore_ids(struct restore *restore);
NTSTATUS restore_locks(struct restore *restore);
/* What its threads have to do again (operations.c). */
NTSTATUS restore_operations(struct restore *restore);

#endif
