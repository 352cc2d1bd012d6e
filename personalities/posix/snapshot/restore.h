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

#include <snapshot/snapshot.h>

#include "core.h"

struct file;
struct files;
struct fs_context;
struct mm;
struct process;
struct sighand;
struct thread;

struct restored_object {
    uint32_t id;
    struct file *file; /* a reference */
};
/* Memory that several mappings share. */
struct restored_shared {
    uint32_t id;
    handle_t vmo;
};

/* What counts of files that are not as they were: nothing (the restore fails), what they are now, or
 * what they were, as far as the snapshot has their content. */
enum restore_policy { POLICY_FAIL, POLICY_CURRENT, POLICY_SNAPSHOT };

struct restore {
    enum restore_policy policy;
    bool accept_edited; /* memory that another tool has changed */
    bool files_differ;
    struct snapshot snapshot;
    struct snap_source source;
    handle_t image; /* a VMO, borrowed */
    struct mm *mm;
    struct files *files;
    struct sighand *sighand;
    struct restored_object *objects;
    struct restored_shared *shared;
    uint32_t object_count, shared_count;
    struct thread **threads; /* all but the first, not started */
    uint32_t thread_count;
};

/* Whether the first bytes of an image are those of a snapshot. */
bool snapshot_recognise(handle_t image);
/* Options: --files=fail, current or snapshot; --accept-edited. 0, with everything made; or -errno. */
int restore_prepare(handle_t image, const char *const *options, uint32_t count,
                    struct restore **result);
/* The calling thread, the only one of its process, becomes the first thread of the snapshot. */
int restore_enter(struct restore *restore);
void restore_free(struct restore *restore);

/* ---- the parts ---- */
int restore_memory(struct restore *restore);
int restore_files(struct restore *restore);
struct file *restored_file(const struct restore *restore, uint32_t object); /* borrowed, or NULL */
int restore_actions(struct restore *restore);
/* The threads but the first: made, to be started by restore_enter. Lock held. */
int restore_threads(struct restore *restore);
void restore_first_thread(struct restore *restore, struct thread *thread);
void restore_pending(struct restore *restore, struct process *process); /* lock held */
/* A line on the process's error output about what stands in the way. */
void restore_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, and the error to return. */
int restore_refuse(int error, const char *what, uint32_t number);

#endif
