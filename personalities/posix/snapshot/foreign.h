/* SPDX-License-Identifier: MIT */
/*
 * What a tree has besides our own processes (capture/tree.h): processes of other personalities below
 * ours, and one of another personality above, which holds us with them. A restore makes the numbers of
 * those below, gives them the pipes and the terminal that were theirs, and starts their snapshots.
 */
#ifndef POSIX_SNAPSHOT_FOREIGN_H
#define POSIX_SNAPSHOT_FOREIGN_H

#include <capture/tree.h>

#include "../exec.h"
#include "core.h"

struct file;
struct restore;
struct restore_group;
struct save_group;

/* ---- saving ---- */
/* Bring those below the frozen members to a standstill. Without the lock. */
status_t foreign_hold(struct save_group *group, handle_t directory);
/*
 * A tree that is held from above: it stands still and is noted down. Waits for the release. CANCELLED:
 * it is not wanted any more. Without the lock.
 */
struct save_hold {
    struct save_hold *next;
    uint32_t pid, request, flags; /* request: of the hold, then of the release; 0: there was none */
    uint32_t released;            /* futex word */
};
status_t foreign_wait_for_release(struct save_group *group);
/* EVENT_SNAPSHOT with SNAPSHOT_RELEASE. */
void foreign_release_event(uint32_t pid, uint32_t flags, uint32_t request);

/* ---- restoring ---- */
struct restore_foreign {
    struct restore_foreign *next;
    struct restore_group *group;
    const struct capture_member *member;
    struct string_list arguments; /* of its start */
    char *path;                   /* of its file */
};
/* Takes the image unless it is 1: of this personality. 0: it is kept in the group; -errno. */
int foreign_read(struct restore_group *group, handle_t image, uint32_t pid);
/* A pipe that others have as well. */
int foreign_pipe(struct restore_group *group, const struct snap_note *note, struct file **file);
/* The restoring process's descriptors may be pipes of the tree: "--stream=..." says which. */
int foreign_option(struct restore_group *group, const char *option);
/* When the members are there. */
int foreign_start(struct restore_group *group);
void foreign_free(struct restore_group *group);

#endif
