/* SPDX-License-Identifier: MIT */
/* What mount(2) and the calls that do it in steps (fsopen and so on) have in common. */
#ifndef POSIX_MOUNT_H
#define POSIX_MOUNT_H

#include <protocols/block.h>
#include <protocols/fs.h>

#include "core.h"

#define MOUNT_TYPE_MAX    32u
#define MOUNT_SOURCE_MAX  256u
#define MOUNT_OPTIONS_MAX 256u
#define MOUNT_PATH_MAX    512u

struct mount_call {
    char type[MOUNT_TYPE_MAX], source[MOUNT_SOURCE_MAX], options[MOUNT_OPTIONS_MAX];
    bool has_source;
    char device[BLOCK_NAME_MAX + sizeof BLOCK_NAME_PREFIX]; /* "": none */
    handle_t directory;
};

/* -ENODEV: no file server for it. */
int mount_find_type(const char *type, bool *needs_device);
/* In front of the options; -EINVAL if there is no room. */
int mount_add_option(struct mount_call *call, const char *option);
/* The device that the source names, if the type needs one. */
int mount_find_device(struct mount_call *call);
/* The directory that worker->path names, not what covers it. */
int mount_find_directory(uint32_t dirfd, handle_t *directory);
/* The absolute path of what worker->path names in the mounted file system there, and its flags. */
int mount_path(uint32_t dirfd, char path[MOUNT_PATH_MAX], uint32_t *flags);
/* Has init start the file server and mount it on call->directory; flags: enum fs_mount_flags. */
int mount_start(const struct mount_call *call, uint32_t flags);
int mount_change_flags(const char *path, uint32_t flags);

#endif
