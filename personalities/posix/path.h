/* SPDX-License-Identifier: MIT */
/*
 * Names. A path leads to a node of a file system server or to an internal node (/dev, /proc), which
 * this server makes up itself. Internal directories are recognised by the text of the path, made
 * absolute without looking at symbolic links, at the start and again whenever a link leads to an
 * absolute path. Nothing here takes the server lock while it talks to a file system.
 */
#ifndef POSIX_PATH_H
#define POSIX_PATH_H

#include <protocols/fs.h>

#include "core.h"
#include "internal.h"

struct file;

struct walk {
    /* in */
    uint32_t dirfd;      /* AT_FDCWD or a descriptor */
    struct file *start;  /* an open directory instead of dirfd, or NULL */
    const char *path;    /* must stay; not in worker->path2 */
    uint32_t op, flags;  /* enum fs_op, enum fs_open_flags */
    uint32_t mode, rdev; /* umask already applied */
    const void *extra;   /* SYMLINK: target; RENAME: new name; SETATTR: struct fs_path_setattr */
    uint32_t extra_length;
    bool as_real_user; /* access(2) */
    bool wants_vmo;    /* OPEN */
    handle_t handle;   /* LINK: node; RENAME: new parent; borrowed */
    /* out */
    bool is_internal;
    struct internal_node internal;
    struct fs_attr attr;
    handle_t node, vmo; /* OPEN; the caller's; vmo may be HANDLE_NONE */
    /* attr is right while namecache_unchanged since then; if that can be told. */
    uint32_t change;
    bool change_known;
    char *text; /* READLINK: worker->scratch, terminated */
    const char
        *absolute; /* the path as text, in worker->path2; of the first step; NULL: not known */
};

int path_walk(struct walk *walk);
/* The name of an open directory, seen from the caller's root, into `to` (PATH_MAX bytes); -ENOENT if it was removed. */
int path_of_directory(handle_t node, char *to);
/* A path argument into worker->path: 0 or -errno (-ENOENT if it is empty). */
int path_copy_in(user_t path);
/* Attributes of a path or, with an empty path and AT_EMPTY_PATH, of a descriptor. */
int path_stat(uint32_t dirfd, user_t path, uint32_t at_flags, struct fs_attr *attr);
/* The same as the real user, whom access(2) is about. */
int path_stat_real(uint32_t dirfd, user_t path, uint32_t at_flags, struct fs_attr *attr);
/* Opens a path that is in our memory: what open(2) does, without a descriptor. */
int path_open(uint32_t dirfd, const char *path, uint32_t flags, uint32_t mode,
              struct file **result);
/* The same from an open directory; what `name` leads to is not followed if it is a link. */
int path_open_name(struct file *directory, const char *name, uint32_t flags, uint32_t mode,
                   struct file **result);
/* Opens a path in the ways of openat2 (`resolve`: RESOLVE_*), by one name at a time. */
int path_open_resolved(uint32_t dirfd, const char *path, uint32_t flags, uint32_t mode,
                       uint32_t resolve, struct file **result);
/* For reading, and while its node or a copy of it is open nobody writes to the file: ETXTBSY. */
int path_open_program(const char *path, struct file **result);
/* The calling process's working directory becomes this one. */
int chdir_to(const char *path);
/* Whether the caller may have the entries of a directory of these attributes remembered; and doing it. */
bool path_remembers(const struct fs_attr *directory);
struct fs_listing;
void path_remember_entries(const struct file *directory, const struct fs_listing *listing);
/* Absolute text of `path` seen from a directory text, without `.`, `..` and double slashes; -ENAMETOOLONG. */
int path_absolute(const char *base, const char *path, char *result);

/* Whether the caller may do `wanted` (bits of access(2)) with a file of these attributes. */
int check_access(const struct fs_attr *attr, uint32_t wanted, bool effective);

/* sync(2) of every mounted file system. */
void mounts_sync(void);

int32_t install_pair(struct file *ends[2], user_t fds, bool close_on_exec);
int32_t stream_capacity(struct file *file);
uint32_t stream_room(struct file *file); /* bytes that can be written to it now */
int32_t stream_set_capacity(struct file *file, uint32_t capacity);
#define PIPE_CAPACITY 65536u

#endif
