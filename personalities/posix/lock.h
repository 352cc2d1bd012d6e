/* SPDX-License-Identifier: MIT */
/* Advisory locks: flock and POSIX record locks, within this server. */
#ifndef POSIX_LOCK_H
#define POSIX_LOCK_H

#include "core.h"

struct file;
struct files;
void lock_release_file(struct file *file);    /* flock: the description is gone */
void lock_release_owner(struct files *files); /* record locks: the table is gone */
/* Record locks: any close of the file drops those of the table. */
void lock_release_on_close(struct files *files, struct file *file);
int32_t lock_fcntl(struct file *file, uint32_t command, user_t argument, bool wide);

#endif
