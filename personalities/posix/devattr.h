/* SPDX-License-Identifier: MIT */
/*
 * Attributes of device nodes that programs have changed (chmod, chown, utimes): one row per device
 * number. A node without a row has the attributes that it is made with.
 */
#ifndef POSIX_DEVATTR_H
#define POSIX_DEVATTR_H

#include <protocols/fs.h>

#include "core.h"

/* Attributes as they come about anew: of a pseudo terminal. Without the lock, like the others. */
void dev_attr_new(uint32_t rdev, uint32_t mode, uint32_t uid, uint32_t gid);
/* What has been changed goes into *attr. */
void dev_attr_apply(struct fs_attr *attr);
/* TIOCEXCL: whether only a superuser may open the terminal once more. */
void dev_set_exclusive(const struct fs_attr *made, bool exclusive);
bool dev_is_exclusive(uint32_t rdev);
/* Change what `mask` names; `old` are the attributes as made. */
int dev_attr_set(const struct fs_attr *old, uint32_t mask, const struct fs_attr *attr);

#endif
