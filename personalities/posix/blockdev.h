/* SPDX-License-Identifier: MIT */
/*
 * Block devices: /dev/vda and its like, which are block drivers' devices (abi/protocols/block.def)
 * under their names. Numbers follow from names: sdX 8, srN 11, vdX 254, ramN 1; 16 minors to a disk.
 */
#ifndef POSIX_BLOCKDEV_H
#define POSIX_BLOCKDEV_H

#include <protocols/block.h>

#include "core.h"

struct file;

/* The index-th device there is now, from *at on; its place is put there. False past the end. */
bool block_next(uint32_t *at, struct block_info *info);
/* A device by its name; -ENOENT, -ENXIO. */
int block_by_name(const char *name, struct block_info *info);
/* A device by its number. */
int block_by_number(uint32_t rdev, struct block_info *info);
/* The number that a name has; 0: none. */
uint32_t block_number(const char *name);
int block_open(uint32_t rdev, uint32_t flags, struct file **result);

#endif
