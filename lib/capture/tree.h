/* SPDX-License-Identifier: MIT */
/*
 * Trees of processes of several personalities. A personality saves and restores a process together with
 * those of its descendants that it reaches through processes of its own; what hangs below these and is
 * another personality's is that one's to save and to restore, and so on downwards.
 *
 * Saving (tree_save.c): a personality brings its own processes to a standstill, parents first, has those
 * below them held, notes its own down, and releases.
 *
 * Restoring (tree_restore.c): a personality reads all files of the tree below its process, makes its own
 * processes, and starts the snapshots of those next below it. A pipe has the number of its write end in
 * all files. Whoever first has several of its users below itself makes it, with the bytes that were in
 * it; the others get it as a descriptor from 3 on and are told which by an option.
 */
#ifndef LIB_CAPTURE_TREE_H
#define LIB_CAPTURE_TREE_H

#include <capture/capture.h>
#include <ipc/fsclient.h>
#include <protocols/init.h>

/* ---- saving ---- */

/* A process of another personality that stands still with its descendants. */
struct capture_held {
    struct capture_held *next;
    uint32_t pid;
};
/*
 * Waits until it stands still; its files go into the directory, made by the user who asks. NO_PROCESS: it
 * has ended, and the caller knows (`ended` tells): one that is about to begin or end is waited for.
 * NOT_PERMITTED: it is not of this user.
 */
status_t capture_hold(struct capture_held **list, handle_t init, uint32_t pid, uint32_t flags,
                      uint32_t uid, handle_t directory, bool (*ended)(uint32_t pid));
bool capture_is_held(const struct capture_held *list, uint32_t pid);
enum capture_end { CAPTURE_GO_ON, CAPTURE_STOP, CAPTURE_CANCEL }; /* CANCEL: nothing is written */
/* All of the list; waits until they are written. */
status_t capture_release(struct capture_held **list, handle_t init, enum capture_end end);
/* Into pPID.snap of a directory; it has the name when it is complete. *size grows. */
status_t capture_write_member(struct snapshot *snapshot, handle_t directory, uint32_t uid,
                              uint32_t pid, uint64_t *size);

/* ---- restoring ---- */

/* A process of the tree, by its numbers as they were. */
struct capture_member {
    struct capture_member *next;
    uint32_t pid, ppid;
    bool own; /* its snapshot is borrowed from who makes the tree */
    const struct snapshot *snapshot;
    struct snapshot read; /* of others */
    struct capture_image image;
};
/* A pipe between members, or with somebody outside. */
struct capture_pipe {
    struct capture_pipe *next;
    uint32_t stream;
    handle_t ends[2]; /* any; one of a pipe that was given may be missing */
    bool given;       /* by whoever started this restore */
};
#define CAPTURE_STREAMS_MAX 64u /* that one member is handed */
struct capture_tree {
    struct capture_member *members;
    struct capture_pipe *pipes;
    uint32_t count;
    /* descriptors from 3 on, until it is known which pipes they are */
    handle_t kept[CAPTURE_STREAMS_MAX][2];
    /* The file of another process of the tree; *vmo is its content. */
    status_t (*open)(void *context, uint32_t pid, handle_t *vmo);
    void *context;
    struct capture_options options;
    handle_t init;       /* borrowed */
    const char *problem; /* after an error: what is wrong, or NULL, */
    uint32_t where;      /* and with the file of which process */
};
void capture_tree_free(struct capture_tree *tree);

/* A process that the caller makes. */
status_t capture_tree_own(struct capture_tree *tree, const struct snapshot *snapshot);
/*
 * The file of a child, which is taken if it is of another personality than `own`: it becomes a member,
 * with its descendants. *taken false: it is the caller's, and he closes it.
 */
status_t capture_tree_child(struct capture_tree *tree, const char *own, uint32_t pid, handle_t vmo,
                            bool *taken);
/* The member that has this number, or NULL. */
struct capture_member *capture_tree_member(const struct capture_tree *tree, uint32_t pid);
/* The next member that the caller starts: another's, below one of his own. NULL first; NULL: no more. */
struct capture_member *capture_tree_next(const struct capture_tree *tree,
                                         const struct capture_member *after);

/* Keeps a descriptor that a start has brought until an option says what it is; takes the handles. */
void capture_tree_keep(struct capture_tree *tree, uint32_t fd, const handle_t ends[2]);
/* False: the option is not one that names a pipe which was handed in. */
bool capture_tree_option(struct capture_tree *tree, const char *option);
/* Whether a pipe leads to a process that the caller does not make. */
bool capture_tree_shares(const struct capture_tree *tree, uint32_t stream);
/* A new handle to an end of such a pipe, which is made if it is the first. */
status_t capture_tree_pipe(struct capture_tree *tree, uint32_t stream, uint32_t capacity,
                           bool write, handle_t *end);
/* What of its pipes a member that is started is to be given, at most `room`; their number. */
uint32_t capture_tree_streams(const struct capture_tree *tree, const struct capture_member *member,
                              uint32_t *streams, uint32_t room);
/*
 * One of them, as descriptor and as the option that says what it is. ends: those that the member and what
 * is below it have, read and write, or HANDLE_NONE.
 */
#define CAPTURE_OPTION_MAX 40u
status_t capture_tree_descriptor(struct capture_tree *tree, const struct capture_member *member,
                                 uint32_t stream, uint32_t fd, handle_t ends[2],
                                 char option[CAPTURE_OPTION_MAX]);

/* The file pPID.snap beside the one at `path`; vmo may be NULL. */
status_t capture_open_beside(const struct fs_walk_context *walk, const char *path, uint32_t pid,
                             handle_t *node, handle_t *vmo);
/* What a start by init needs to know. */
struct capture_start {
    handle_t init;
    const struct fs_walk_context *walk;
    const char *path, *cwd; /* of the file of whoever starts it, and where that is relative to */
    uint32_t ppid, uid;     /* as they are now */
    const struct start_fd *streams; /* three; FD_NONE: there is none */
    const handle_t (*handles)[2];
};
/* Starts the snapshot of a member with init, which makes it a child of ppid; *pid is its number. */
status_t capture_tree_start(struct capture_tree *tree, const struct capture_member *member,
                            const struct capture_start *start, uint32_t *pid);
/* The option that says so. */
const char *capture_policy_option(enum restore_policy policy);

#endif
