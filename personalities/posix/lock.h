/* SPDX-License-Identifier: MIT */
/* Advisory locks: flock and POSIX record locks. Nothing here is called with the server lock held. */
#ifndef POSIX_LOCK_H
#define POSIX_LOCK_H

#include "core.h"

struct file;
struct files;

struct lock_range {
    const void *owner;
    uint32_t pid;
    bool whole, exclusive; /* whole: a flock, which never meets a record lock */
    uint64_t start, end;   /* [start, end] */
};

void lock_release_file(struct file *file); /* the description, which had locks, is gone */
/* Record locks: any close of the file drops those of the table. */
void lock_release_on_close(struct files *files, struct file *file);
int32_t lock_fcntl(struct file *file, uint32_t command, user_t argument, bool wide);

/*
 * For snapshots: the locks of a file description, and those of a descriptor table on its file. The pid of
 * one that belongs to the description and covers a range is UINT32_MAX.
 */
void locks_each(struct file *file, const struct files *files,
                void (*tell)(void *context, const struct lock_range *range), void *context);
/* Takes one for the calling process, of the same kind. -EAGAIN: somebody else has it. */
int lock_take(struct file *file, struct lock_range *range);

/* ---- locklocal.c ---- */
void lock_local_each(struct file *file, const void *owner,
                     void (*tell)(void *context, const struct lock_range *range), void *context);
int lock_local_set(struct file *file, const struct lock_range *wanted, bool wait);
int lock_local_unset(struct file *file, const struct lock_range *range);
bool lock_local_test(struct file *file, const struct lock_range *wanted, struct lock_range *found);

#endif
