/* SPDX-License-Identifier: MIT */
/*
 * Taking a snapshot of a native program. All its threads are brought to a standstill between two
 * instructions (a wait that is cut short is seen as about to begin again); what it has is noted down
 * from its handles and mappings, its memory is cloned, and it runs on while that is written.
 */
#ifndef NATIVE_SNAPSHOT_SAVE_H
#define NATIVE_SNAPSHOT_SAVE_H

#include <capture/capture.h>
#include <capture/tree.h>
#include <ipc/call.h>

#include "../native.h"

/* A handle of the program. */
struct saved_handle {
    handle_t value; /* there */
    handle_t own;   /* ours, to the same object */
    struct handle_info info;
    uint32_t object;        /* number in the snapshot */
    uint32_t number;        /* another one of the object: its memory's, its port's */
    struct vmo_info memory; /* of a VMO */
};

struct save {
    struct snapshot snapshot;
    struct native_process *process;        /* used */
    uint32_t flags;                        /* enum snapshot_flags */
    const struct exception_message *crash; /* NULL: it was asked for */
    handle_t space;                        /* a clone of the program's */
    struct capture_memory memory;
    struct saved_handle *handles;
    uint32_t handle_count, handle_room, object_count;
    /* VMO ids of shared memory that no handle names; their numbers follow the objects' */
    uint32_t *loose;
    uint32_t loose_count;
    uint32_t program_memory;          /* id of the VMO that the program file is in */
    struct capture_content *contents; /* written when it runs again */
    struct startup_info startup;      /* as the program has it */
    struct startup_handle *granted;   /* startup.handle_count of them */
    struct startup_file *files;       /* startup.file_count of them */
    uint32_t uid;                     /* who asked for it */
    handle_t directory;               /* of a tree, for its files; HANDLE_NONE: it is alone */
    struct capture_held *held;        /* its children */
    status_t status;                  /* why it cannot be done */
};

/*
 * EVENT_SNAPSHOT: starts taking one; the answer goes to init from a thread of its own. Takes `file`, which
 * is a directory with SNAPSHOT_TREE.
 */
void snapshot_event(const struct proc_event *event, handle_t *file);
/*
 * With the lock: the program has run into this exception. True: there is a rule for crashes of it;
 * it is saved by a thread of its own, which answers the exception.
 */
bool crash_save(struct native_process *process, const struct exception_message *exception,
                uint32_t token);

/* Steps; without the lock. After OK of the first the program stands still until the second. */
struct save *save_new(struct native_process *process, uint32_t flags); /* NULL without memory */
status_t save_freeze(struct save *save);
void save_thaw(struct save *save);
status_t save_write(struct save *save, handle_t file, uint64_t *size);
void save_free(struct save *save); /* and no longer uses the process */

/* It cannot be in a snapshot. */
void save_refuse(struct save *save, status_t status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- the parts; the program stands still ---- */
/* Of a tree: the children come to a standstill too; then the notes of them. */
status_t save_hold_children(struct save *save);
void save_children(struct save *save);
void save_threads(struct save *save);
void save_process(struct save *save);
/* The program's handles are taken and numbered; before the others. */
void save_take_handles(struct save *save);
void save_handles(struct save *save);
/* All of a tree stand still now: what waits in its pipes. */
void save_queues_again(struct save *save);
void save_mappings(struct save *save);
void save_memory(struct save *save); /* later */
/* Content of an object, copied on write from a VMO (borrowed) of at least this size. */
void save_content(struct save *save, uint32_t object, handle_t vmo, uint64_t size);
/* The number of the memory that a VMO id names, or 0. */
uint32_t save_memory_number(const struct save *save, uint32_t vmo_id);
/* What the program was given a handle as, or NULL. */
const struct startup_handle *save_granted(const struct save *save, handle_t value, uint32_t *index);

#endif
