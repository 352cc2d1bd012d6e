/* SPDX-License-Identifier: MIT */
/*
 * Making a process of a snapshot. A snapshot is an executable: execve of it, or a start of it by init,
 * gives the calling process the memory, descriptors, signals and threads that are in it.
 *
 * The file is hostile until checked: all values come through the same constructors as a system call's
 * arguments, and nothing of the process changes before everything could be made.
 */
#ifndef POSIX_SNAPSHOT_RESTORE_H
#define POSIX_SNAPSHOT_RESTORE_H

#include <capture/tree.h>
#include <snapshot/snapshot.h>

#include "core.h"
#include "cred.h"
#include "record.h"

struct file;
struct files;
struct fs_context;
struct mm;
struct process;
struct sighand;
struct socket;
struct thread;

struct restored_object {
    uint32_t id;
    struct restore *owner;        /* whose snapshot has its note */
    const struct snap_note *note; /* OBJECT */
    struct file *file;            /* a reference */
    struct socket *socket;        /* a connection that waits at a listener; a reference */
    bool fresh;                   /* a message queue that was not there */
    bool entered;                 /* the socket is in its listener's queue */
};
/* Memory that several mappings share. */
struct restored_shared {
    uint32_t id;
    handle_t vmo;
    bool present; /* it was there before, with content of its own */
};

/*
 * Everything that is made together: the process itself and, of a tree, its descendants. Open files and
 * shared memory have one number in all of its snapshots, and are made once.
 */
struct restore_group {
    struct capture_options options;
    struct credentials restorer; /* the rights of who restores it */
    bool files_differ;
    struct restore *members;  /* a chain; the process itself first, parents before their children */
    struct capture_tree tree; /* all of the tree, also what others restore */
    struct restore_foreign *foreign; /* of those, the children of members */
    char *path;                      /* of the file */
    struct restored_object *objects;
    struct restored_shared *shared;
    uint32_t object_count, shared_count;
    struct replay_options replay;
    uint32_t calls;        /* each process stands still after so many; 0: no */
    uint32_t present_pgid; /* of the restoring process, before */
    /* Nobody runs before all have what they hold, as locks. */
    uint32_t beginning; /* members that have not got so far */
    uint32_t waiting;   /* that have, until: */
    bool running;
    struct wait_queue begun;
};

/* One process of it. */
struct restore {
    struct restore *next;
    struct restore_group *group;
    struct snapshot snapshot;
    struct capture_image image;
    bool own_image;                  /* and its file */
    uint32_t old_pid, old_ppid, pid; /* pid: of the process that it becomes; 0 before */
    uint32_t shares[4];              /* SNAP_PROCESS_SHARES: old pids; 0: its own */
    struct mm *mm;
    struct files *files;
    struct sighand *sighand;
    struct thread **threads; /* all but the first, not started */
    uint32_t thread_count;
};

/* Whether an image is a snapshot, and of which personality's process. */
bool snapshot_recognise(handle_t image, char *personality, uint32_t size);
/*
 * `file` is one that nobody may write to, `path` its name: the snapshots of a tree lie beside each other.
 * Options: those of capture_option, and of a replay. 0, with everything made; or -errno.
 */
int restore_prepare(handle_t image, const struct file *file, const char *path,
                    const char *const *options, uint32_t count, struct restore_group **result);
/*
 * The calling thread, the only one of its process, becomes the first thread of the snapshot, and the
 * descendants begin. After an error the process is what it was.
 */
int restore_enter(struct restore_group *group);
void restore_free(struct restore_group *group);

/* ---- the parts ---- */
/* Reads a member's file; checks what can be checked before anything is made. */
int restore_read(struct restore *restore);
int restore_memory(struct restore *restore);
int restore_layout(struct restore *restore);
int restore_objects(struct restore_group *group);
int restore_descriptors(struct restore *restore);
/* The note of an open file, in whichever snapshot it is; *owner is that. */
const struct snap_note *restored_note(const struct restore_group *group, uint32_t id,
                                      struct restore **owner);
/* The restoring process's descriptor of the same number, 0 to 2, with a reference; or NULL. */
struct file *restore_stand_in(const struct restore *restore, uint32_t object);
int restore_pipe(struct restore *restore, const struct snap_note *note, struct file **result);
int restore_fifo(struct restore *restore, const struct snap_note *note, struct file **result);
int restore_fill(const struct restore *restore, handle_t write_end, const struct snap_note *note);
int restore_terminal(struct restore *restore, const struct snap_note *note, struct file **result);
int restore_socket(struct restore *restore, struct restored_object *slot);
/* Names, peers and queues, when all sockets are there. */
int restore_sockets(struct restore_group *group);
void restore_socket_free(struct restored_object *slot);
/* Those of POSIX and System V queues. */
int restore_messages(struct restore_group *group);
/* System V objects, before the memory that some of them are. */
int restore_ipc(struct restore_group *group);
/* Locks, the owner of semaphores' undo: what a process holds. Without the lock. */
int restore_holdings(struct restore *restore);
/* Controlling terminals and foreground groups, pidfds, removed segments: when all processes are there. */
void restore_relations(struct restore_group *group);
void restore_sessions(struct restore_group *group);
/* Whether the root of the tree led a session whose terminal, if any, is in the snapshot as well. */
bool restore_leads_session(const struct restore *restore);
/* Makes a directory, calls `use`, and removes it: one that was removed while somebody had it. */
int restore_removed_directory(int (*use)(const char *path, void *context), void *context);
#define RESTORE_NAME 48u
void restore_temporary(char name[RESTORE_NAME]); /* of a file that nobody has */
struct file *restored_file(const struct restore_group *group,
                           uint32_t object); /* borrowed, or NULL */
/* Whether who restores it has a capability in effect. */
bool restorer_can(const struct restore *restore, uint32_t capability);
int restore_actions(struct restore *restore);
/* Credentials, limits, names: what is in the process's structure. Lock held. */
void restore_state(struct restore *restore, struct process *process);
/* Whether job control has stopped it. */
void restore_stopped(struct restore *restore, struct process *process);
/* The threads but the first, to be started by the first. Lock held. */
int restore_threads(struct restore *restore, struct process *process);
/* The calling thread becomes the first one; what the process holds is its own again. */
void restore_begin(struct restore *restore);
/* The other threads begin. */
void restore_start(struct restore *restore);
void restore_first_thread(struct restore *restore, struct thread *thread);
void restore_pending(struct restore *restore, struct process *process); /* lock held */
/* A number in the registry for a process below `parent`: the old one if it is free. */
int restore_number(const struct restore_group *group, uint32_t old_pid, uint32_t parent,
                   uint32_t *pid);
/* Such a number that nobody will have. */
void restore_give_back(uint32_t pid);
/* A process that has not begun, with its files. Lock held; it is given up meanwhile. */
void restore_discard(struct process *process);
/* A group or session of a snapshot's process: that of the member that led it, else `present`. */
uint32_t restore_group_number(const struct restore_group *group, const struct snapshot *snapshot,
                              uint16_t tag, uint32_t present);
/* Makes the descendants and waits until they could run; and lets them. */
int restore_descendants(struct restore_group *group);
void restore_let_run(struct restore_group *group);
/* A text field as a string of the caller's to release; NULL: there is none, or no memory. */
struct restore *restore_member(const struct restore_group *group, uint32_t old_pid);
/* The file of another process of the tree; to be released, or NULL. */
char *restore_path_beside(const char *path, uint32_t pid);
char *restore_text(const struct snap_note *note, uint16_t tag);
/* A line on the process's error output about what stands in the way. */
void restore_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, and the error to return. */
int restore_refuse(int error, const char *what, uint32_t number);

#endif
