/* SPDX-License-Identifier: MIT */
/*
 * Taking a snapshot of a process. Everything is noted down while it stands still, with the lock; its
 * memory and the contents of files are cloned then and written when it runs again.
 */
#ifndef NT_SNAPSHOT_SAVE_H
#define NT_SNAPSHOT_SAVE_H

#include <capture/capture.h>
#include <capture/tree.h>
#include <personalities/nt/nt.h>
#include <protocols/init.h>
#include <snapshot/snapshot.h>

#define SAVE_PATIENCE (5 * NS_PER_S) /* for the threads to come to a standstill */

struct saved_object {
    struct object *object; /* held */
    uint32_t id;
};

/* Memory that its file has too. */
struct saved_range {
    uint32_t start, end;
};

/* The exception at which a process is saved. */
struct saved_crash {
    const struct nt_thread *thread; /* only to be compared */
    uint32_t code, address, vector, error;
};

/* All that is saved together: a process, or a tree. Objects have one number in all of its snapshots. */
struct save_group {
    uint32_t flags;            /* enum snapshot_flags */
    uint32_t uid;              /* who asked for it */
    handle_t directory;        /* of a tree, borrowed; HANDLE_NONE: one process */
    uint8_t uuid[16];          /* of a tree */
    struct save *members;      /* parents before their children */
    struct capture_held *held; /* of other personalities */
    struct saved_object *objects;
    uint32_t object_count, object_room;
};

struct save {
    struct save *next;
    struct save_group *group;
    struct snapshot snapshot;
    struct nt_process *process; /* held */
    bool frozen;                /* it stands still because of this */
    struct saved_crash crash;   /* thread NULL: it was asked for */
    handle_t space;             /* a clone of the process's */
    struct capture_memory memory;
    struct saved_range *files; /* left out with SNAPSHOT_NO_TEXT, but for pages of its own */
    uint32_t file_count;
    uint32_t *used; /* the numbers of the objects that it refers to */
    uint32_t used_count, used_room;
    uint32_t current;                 /* id of the object whose note is being written */
    uint32_t standard[3];             /* handles of the standard streams */
    struct capture_content *contents; /* written when it runs again */
    status_t status;                  /* why it cannot be done */
};

/*
 * EVENT_SNAPSHOT: starts taking one; the answer goes to init from a thread of its own. Takes `file`, which
 * is a directory with SNAPSHOT_TREE.
 */
void snapshot_event(const struct proc_event *event, handle_t *file);

/* ---- the steps; with the lock ---- */
struct save_group *save_group_new(uint32_t flags, handle_t directory); /* NULL without memory */
void save_group_free(struct save_group *group);
struct save *save_new(struct save_group *group, struct nt_process *process); /* the same */
/*
 * Brings the processes to a standstill, takes everything in, and lets them go on, or end with
 * SNAPSHOT_STOP. Gives the lock up.
 */
status_t save_take(struct save_group *group);
/* The two halves of it: after OK of the first they stand still until the second. */
status_t save_freeze(struct save_group *group);
void save_thaw(struct save_group *group);
/* A member into a file, or into its own one in the directory of a tree. Without the lock. */
status_t save_write(struct save *save, handle_t file, uint64_t *size);

/* ---- trees (save_tree.c) ---- */
/* The descendants of the first member, frozen or held. Gives the lock up. */
status_t save_add_descendants(struct save_group *group);
bool save_has(const struct save_group *group, const struct nt_process *process);
void save_children(struct save *save); /* their notes */

/* ---- crashes (crash.c) ---- */
/*
 * The thread has run into an exception that the program has not seen yet, at the registers of its
 * frame. If there is a rule for crashes of the program, it is taken in as it is now, and written if it
 * ends because of this. Gives the lock up.
 */
void crash_note(struct nt_thread *thread, uint32_t code);
/* The process has ended: write or forget what was taken in. Gives the lock up. */
void crash_end(struct nt_process *process);

/* ---- for the kinds of objects ---- */

/* The number of an object; it gets one, and later its own note, when it is first referred to. 0: NULL. */
uint32_t save_object(struct save *save, struct object *object);
/* The object that got its number as the index-th; not held. */
struct object *save_used(const struct save *save, uint32_t index);
/* A UTF-16 text as a field in UTF-8. */
void save_text(struct save *save, uint16_t tag, struct text text);
/* Content of the current object, copied on write from a VMO (borrowed) of at least this size. */
void save_content(struct save *save, handle_t vmo, uint64_t size);
/* It cannot be in a snapshot. */
void save_refuse(struct save *save, status_t status, const char *why);

/* ---- the parts ---- */
void save_process(struct save *save);
void save_threads(struct save *save);
void save_mappings(struct save *save);
void save_memory(struct save *save);
void save_handles(struct save *save);
/* The notes of everything that got a number. */
void save_objects(struct save *save);
/* Operations that go on behind their calls (operations.c), and locks of files. */
void save_operations(struct save *save);
void save_operation(struct save *save, const struct nt_thread *thread,
                    const struct made_call *made);
void save_locks(struct save *save);
/* All of a tree stand still now: what waits in its pipes. */
void save_queues_again(struct save *save);

#endif
