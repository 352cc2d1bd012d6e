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
#include <capture/tree.h>
#include <ipc/initclient.h>
#include <personalities/nt/nt.h>
#include <protocols/init.h>
#include <snapshot/snapshot.h>

struct restored_object {
    uint32_t id;
    struct restore *owner; /* whose snapshot has its note */
    struct object *object; /* held */
};

/* A standard stream of the program that restores. */
struct restore_stream {
    handle_t h0, h1;     /* until a file is made of them */
    struct object *file; /* that, held, or NULL */
};

/* A child of another personality: the object that stands for it here. */
struct restored_foreign {
    struct restored_foreign *next;
    const struct capture_member *member;
    struct nt_process *process; /* held */
    struct nt_thread *thread;   /* held */
};

/* Everything that is made together: a process, or a tree. */
struct restore_group {
    struct capture_options options;
    struct restore *members; /* the process itself first, parents before their children */
    struct restored_object *objects;
    uint32_t object_count;
    struct restore_stream streams[3];
    struct start_fd stream_kinds[3];  /* FD_NONE: there is none */
    handle_t stream_handles[3][2];    /* copies, for messages and for children */
    struct capture_tree tree;         /* with what is below it */
    struct restored_foreign *foreign; /* of that, the children of members */
    char *path, *directory;           /* of the file, and what that is relative to */
};

/* One process of it. */
struct restore {
    struct restore *next;
    struct restore_group *group;
    struct snapshot snapshot;
    struct capture_image image;
    struct nt_process *process;
    uint32_t old_pid, old_ppid;
};

/* Whether the content of an open file is a snapshot. Gives the lock up. */
bool snapshot_recognise(handle_t node);
/*
 * The process of the snapshot in an open file, with all its threads, none launched, and those below it.
 * `start` is init's number of the start, for the standard streams; options: --files=...,
 * --accept-edited, --stream=... Gives the lock up. With success the group is for restore_go_on or
 * restore_give_up.
 */
NTSTATUS restore_process(struct nt_process *process, handle_t node, uint32_t start,
                         const struct start_strings *strings, struct restore_group **result);
/* init knows of the process: its descendants begin, and it; after an error all end. Gives the lock up. */
NTSTATUS restore_go_on(struct restore_group *group);
/* Without the first process, which is the caller's. */
void restore_give_up(struct restore_group *group);

/* ---- for the kinds of objects ---- */
struct object *restored_object(const struct restore *restore, uint32_t id); /* borrowed, or NULL */
struct nt_thread *restored_thread(const struct restore *restore, uint32_t tid); /* the same */
/* A process of the tree by the number that it had: a member's, or a child's of another personality. */
struct nt_process *restored_process(const struct restore *restore, uint32_t pid);
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
NTSTATUS restore_objects(struct restore_group *group);
NTSTATUS restore_handles(struct restore *restore);
NTSTATUS restore_apcs(struct restore *restore);
NTSTATUS restore_ids(struct restore *restore);
NTSTATUS restore_locks(struct restore *restore);
/* What its threads have to do again (operations.c). */
NTSTATUS restore_operations(struct restore *restore);

/* ---- trees (restore_tree.c) ---- */
/* Reads the files of the descendants, and makes the processes of those that are members. */
NTSTATUS restore_read_tree(struct restore_group *group);
NTSTATUS restore_make_members(struct restore_group *group);
/* The children of other personalities are started. */
NTSTATUS restore_start_foreign(struct restore_group *group);
/* A member with the snapshot in an image, which is taken; read. */
NTSTATUS restore_add(struct restore_group *group, handle_t image, struct restore **result);
/* With a pipe that the tree shares; *file is held. */
NTSTATUS restored_shared_stream(struct restore *restore, const struct snap_note *note,
                                struct object **file);
void restore_tree_free(struct restore_group *group);

#endif
