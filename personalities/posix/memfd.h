/* SPDX-License-Identifier: MIT */
/* Files without a name, in memory. Each refuses a file that is none. */
#ifndef POSIX_MEMFD_H
#define POSIX_MEMFD_H

#include "core.h"

struct file;
int32_t memfd_get_seals(struct file *file);
int32_t memfd_add_seals(struct file *file, uint32_t seals);
int memfd_allocate(struct file *file, uint32_t mode, uint64_t offset, uint64_t length);
int memfd_reopen(struct file *file, uint32_t flags, struct file **result);

#endif
