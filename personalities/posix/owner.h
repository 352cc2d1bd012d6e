/* SPDX-License-Identifier: MIT */
/*
 * Owners of files: whom a signal goes to when a file with O_ASYNC becomes readable or writable. An
 * event watches all such files; one thread waits for it.
 */
#ifndef POSIX_OWNER_H
#define POSIX_OWNER_H

#include "core.h"

struct file;
/* F_SETOWN, F_GETOWN, F_SETOWN_EX, F_GETOWN_EX, F_SETSIG, F_GETSIG; -EINVAL for other commands. */
int32_t owner_fcntl(struct file *file, uint32_t command, uint32_t argument);
/* O_ASYNC may have been set or cleared: 0 or -errno. */
int owner_flags_changed(struct file *file);
/* If nobody owns it yet, the calling process does: 0 or -ENOMEM. */
int owner_be_default(struct file *file);
void owner_tell_break(struct file *file);  /* of its lease; lock held */
void owner_file_closed(struct file *file); /* before its handles are; without the lock */

#endif
