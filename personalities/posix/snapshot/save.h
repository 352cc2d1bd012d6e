/* SPDX-License-Identifier: MIT */
/* What the parts of taking a snapshot share. */
#ifndef POSIX_SNAPSHOT_SAVE_H
#define POSIX_SNAPSHOT_SAVE_H

#include <capture/tree.h>
#include <protocols/fs.h>
#include <protocols/init.h>
#include <snapshot/snapshot.h>

#include "core.h"

struct file;
struct mm;
struct process;
struct socket;

/* An open file description that the snapshot names by its number. */
struct saved_object {
    struct file *file;     /* a reference; NULL: */
    struct socket *socket; /* a connection that waits at a listener; a reference */
    uint32_t id;
};
#define SAVED_MEMORY (1u << 31) /* in the number of an object: memory, by the number of its VMO */

/* Why a process that crashed is being saved. */
struct crash {
    uint32_t tid;
    int32_t status; /* as of wait4 */
    uint32_t vector, error;
    siginfo_t info;
};

/* All that is saved together. Open files have one number in all of its snapshots. */
struct save_group {
    uint32_t flags;            /* enum snapshot_flags */
    uint32_t uid;              /* who asked for it: a tree's files are made by that user */
    const struct crash *crash; /* NULL: it was asked for */
    uint8_t uuid[16];
    handle_t log;         /* of a recording that is to begin */
    struct save *members; /* a chain; the root of the tree first, parents before their children */
    struct capture_held *held; /* of other personalities, standing still */
    struct save_hold *hold;    /* by another personality, which has the tree above */
    struct saved_object *objects;
    uint32_t object_count, object_room;
    /* clones of files whose content goes into a snapshot */
    struct saved_content {
        struct saved_content *next;
        handle_t vmo;
        struct snap_source source;
    } * contents;
};

/* One process of it. */
struct save {
    struct save *next;
    struct save_group *group;
    struct snapshot snapshot;
    uint32_t pid;
    handle_t space;         /* a clone of the process's, taken while it stood still */
    handle_t live;          /* the process's own */
    uint32_t restored_from; /* as in struct mm */
    handle_t root, cwd;     /* its directories */
    char *prefix;           /* name of its root directory; NULL: the machine's */
    struct mapping_info *mappings;
    uint32_t mapping_count, mapping_room;
    struct capture_memory memory;
    uint32_t *used; /* the numbers of the files that it has open */
    uint32_t used_count, used_room;
};

/*
 * EVENT_SNAPSHOT: starts taking one; the answer goes to init from a thread of its own. Takes the file
 * and, of a recording that begins with it, the log. NOT_PERMITTED: a member is not of the user who asks.
 */
void snapshot_event(const struct proc_event *event, handle_t files[2]);

/*
 * Takes one of a process and writes it into the file, or with SNAPSHOT_TREE those of its tree into the
 * directory; result may be partly filled after an error.
 */
status_t snapshot_take(uint32_t pid, uint32_t flags, const struct crash *crash, handle_t file,
                       struct snapshot_result *result);

/* ---- while the process stands still, with the lock ---- */
void save_process(struct save *save, struct process *process);
void save_threads(struct save *save, struct process *process);
/* Of the PROCESS note: what its address space has beside mappings. */
void save_layout(struct save *save, const struct mm *mm);
void save_signals(struct save *save, struct process *process);
/* Descriptors, and a reference to each file they stand for. */
void save_descriptors(struct save *save, struct process *process);
/* ---- while it stands still, without the lock ---- */
/* What is mapped in the clone; its notes and the contents come later. */
void save_mappings(struct save *save);
void save_objects(struct save *save);
/* Memory that the clone shares with the process is copied, so that it stays as it is now. */
status_t save_shared(struct save *save);
/* ---- when it runs again ---- */
void save_memory(struct save *save);

/* Where its working directory and its root directory are now. */
status_t save_directories(struct save *save);
/* A blob of what a VMO contains now; 0 after a failure. */
uint32_t save_vmo(struct save *save, handle_t vmo, uint64_t size);
/* The process uses a file, or a socket without one: its number. */
uint32_t save_use(struct save *save, struct file *file, struct socket *socket);
/* Files that are in flight, and connections that nobody has accepted, of the sockets that it uses. */
void save_reach(struct save *save);
/* The notes of a socket, a terminal: after the OBJECT note. Without the lock. */
void save_socket(struct save *save, const struct saved_object *object);
/* Fields of the OBJECT note. */
void save_terminal(struct save *save, struct file *file);
/* Locks, watches, messages and watched files of what the process uses. Without the lock. */
void save_attached(struct save *save, const struct saved_object *object);
/*
 * The path from the machine's root of a file that the process knows by `path`, malloc'ed: in its root
 * directory, or from before it had that. NULL: it does not lead to this file.
 */
char *save_path(const struct save *save, const char *path, uint64_t ino, uint32_t device);
/* Whether the file of this path, from the machine's root, has its content in this VMO. */
bool save_is_content(const char *path, uint32_t vmo_id);

/* The number of a file in the group; 0 if it is none of its. */
uint32_t saved_object_id(const struct save_group *group, const struct file *file);

#endif
