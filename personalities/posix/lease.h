/* SPDX-License-Identifier: MIT */
/* Leases: who has one is told, and waited for, before others of this server's programs open the file. */
#ifndef POSIX_LEASE_H
#define POSIX_LEASE_H

#include <protocols/fs.h>

#include "core.h"

struct file;
extern uint32_t lease_count;

int32_t lease_fcntl(struct file *file, uint32_t command, uint32_t argument);
/* Before the file is opened or truncated. 0, -EWOULDBLOCK, -ERESTARTSYS. Without the lock. */
int lease_break(const struct fs_attr *attr, bool writes, bool nonblocking);
void lease_file_closed(struct file *file);

#endif
