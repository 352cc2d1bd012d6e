/* SPDX-License-Identifier: MIT */
/*
 * Processes of other personalities in a tree. They are taken by their own personality while everything
 * stands still, into files beside the others; a restore makes their numbers, gives them the pipes and
 * the terminal that were their standard streams, and starts their snapshots.
 */
#ifndef POSIX_SNAPSHOT_FOREIGN_H
#define POSIX_SNAPSHOT_FOREIGN_H

#include <capture/capture.h>

#include "core.h"

struct file;
struct process;
struct restore;
struct restore_group;
struct save_group;

/* ---- saving ---- */
struct save_foreign {
    struct save_foreign *next;
    uint32_t pid;
};
/* Bring those below the frozen members to a standstill. Without the lock. */
status_t foreign_hold(struct save_group *group, handle_t directory);
/* Let them be written and go on, or end. Without the lock. */
status_t foreign_release(struct save_group *group, bool stop);
bool foreign_is_held(const struct save_group *group, uint32_t pid);

/* ---- restoring ---- */
struct restore_foreign {
    struct restore_foreign *next;
    struct restore_group *group;
    uint32_t old_pid, old_ppid;
    char *path; /* of its file */
    struct snapshot snapshot;
    struct capture_image image;
};
/* A pipe between processes of others only. */
struct restore_bridge {
    struct restore_bridge *next;
    uint32_t stream;
    struct file *ends[2]; /* references */
};
/* Takes the image unless it is 1: of this personality. 0: it is kept in the group; -errno. */
int foreign_read(struct restore_group *group, const char *path, handle_t image, uint32_t pid);
bool foreign_has(const struct restore_group *group, uint32_t pid);
bool foreign_uses(const struct restore_group *group, uint32_t stream);
/* When the members are there. */
int foreign_start(struct restore_group *group);
void foreign_free(struct restore_group *group);

#endif
