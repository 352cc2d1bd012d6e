/* SPDX-License-Identifier: MIT */
/*
 * Making a native program of a snapshot. Objects, memory, threads and handles are made in this order in
 * a process that does not run yet; it goes on when init knows of it. Everything in the file is checked
 * by the kernel's calls as if the program itself made them, or here.
 */
#ifndef NATIVE_SNAPSHOT_RESTORE_H
#define NATIVE_SNAPSHOT_RESTORE_H

#include <capture/capture.h>
#include <capture/tree.h>
#include <ipc/initclient.h>

#include "../native.h"

/* An object, as a handle of ours. */
struct restored_object {
    uint32_t id;
    handle_t handle;
};

struct restore {
    struct snapshot snapshot;
    struct capture_image image;
    struct native_process *process;
    struct capture_options options;
    struct restored_object *objects;
    uint32_t object_count;
    struct restored_object *threads; /* id: as it was */
    uint32_t thread_count;
    handle_t init, root, cwd;   /* init: the program's; the others borrowed */
    uint32_t uid;               /* the process's user */
    handle_t program;           /* VMO of the program's file, when it is needed */
    handle_t image_handle;      /* of the snapshot, when the process no longer has it */
    struct start_fd streams[3]; /* of who restores */
    handle_t stream_handles[3][2];
    struct capture_tree tree;    /* with what is below it */
    char *path, *directory;      /* of its file, and what that is relative to */
    struct fs_walk_context walk; /* the same as handles */
};

/* Where names lead for whoever restores. */
static inline struct fs_walk_context restore_context(const struct restore *restore)
{
    return (struct fs_walk_context){
        .root = restore->root, .cwd = restore->cwd, .uid = restore->uid, .gid = restore->uid};
}

/*
 * The options follow the name of the snapshot's file. With OK the program stands still, `held`; if it has
 * children, with a restore that is not over.
 */
status_t restore_process(struct native_process *process, const struct proc_event *event,
                         const struct start_strings *strings, const handle_t handles[4]);
/* With the lock: init knows of it. It goes on; if it had children, when these have been started. */
void restore_go_on(struct native_process *process);

/* Says why to whoever restores; returns the status. */
status_t restore_refuse(struct restore *restore, status_t status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The handle of an object, or HANDLE_NONE. */
handle_t restored_handle(const struct restore *restore, uint32_t id);
/* A text of any length, malloc'ed, or NULL. */
char *restored_text(const struct snap_note *note, uint16_t tag);
/* The bytes of a blob, malloc'ed, or NULL. */
uint8_t *restored_blob(const struct restore *restore, uint32_t id, uint32_t *size);

/* ---- the parts, in this order ---- */
status_t restore_shared(struct restore *restore); /* shared memory */
status_t restore_memory(struct restore *restore);
status_t restore_threads(struct restore *restore);
status_t restore_objects(struct restore *restore); /* the others */
status_t restore_handles(struct restore *restore);

#endif
