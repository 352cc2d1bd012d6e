/* SPDX-License-Identifier: MIT */
/* What the memory calls need of the files that are mapped. */
#ifndef POSIX_MM_H
#define POSIX_MM_H

#include "core.h"

/* The VMO handle of a file that is open here, by the VMO's id; borrowed; lock held. */
handle_t inode_vmo_by_id(uint32_t vmo_id);
/* Whether it is the content of a file of that file system, as far as we remember. Lock held. */
bool inode_is_on(uint32_t vmo_id, uint32_t device);
/* What was written to that VMO is durable. 0 if nothing says which file it is: it is no file's. No lock. */
int inode_sync(uint32_t vmo_id);
/* Nodes that were kept open for mappings which are gone are closed: before an umount. No lock. */
void inodes_settle(void);

#endif
