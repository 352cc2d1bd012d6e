/* SPDX-License-Identifier: MIT */
/* A request about a path, and the operations that take one whose walk is done (FS_OP_*). */
#ifndef FS_PATH_H
#define FS_PATH_H

#include "internal.h"

struct path_call {
    struct fs_server *server;
    struct fs_open *start; /* the directory the call was made on */
    struct fs_path_request request;
    struct fs_who who;
    char text[MESSAGE_BYTES]; /* path, then extra */
    const char *extra;
    size_t extra_length;
    uint32_t groups[MESSAGE_BYTES / 4];
    handle_t handle; /* h0 of the request, owned */
    struct walk walk;
    /* results */
    struct fs_attr attr;
    handle_t handles[2];
    /* READLINK: the target; after a name was made: attributes of its directory */
    char target[FS_INLINE_MAX];
    size_t target_length;
};

typedef status_t path_operation(struct path_call *call);

/* ---- path_open.c ---- */
path_operation path_op_open;
/* ---- path_entry.c ---- */
path_operation path_op_mkdir, path_op_mknod, path_op_symlink, path_op_unlink, path_op_rmdir,
    path_op_link;
/* A new node under the name that the walk did not find. */
status_t path_make(struct path_call *call, uint32_t mode, uint32_t rdev, const char *target,
                   size_t target_length);
/* ---- path_rename.c ---- */
path_operation path_op_rename;

#endif
