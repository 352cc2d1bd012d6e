/* SPDX-License-Identifier: MIT */
/* What the memory calls need of the files that are mapped. */
#ifndef POSIX_MM_H
#define POSIX_MM_H

#include "core.h"

/* The VMO handle of a file that is open here, by the VMO's id; borrowed; lock held. */
handle_t inode_vmo_by_id(uint32_t vmo_id);

#endif
