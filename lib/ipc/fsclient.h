/* SPDX-License-Identifier: MIT */
/*
 * Client of the file system protocol (abi/protocols/fs.def), for personalities and programs.
 * Nothing here keeps state between calls; all functions may be used from any thread.
 *
 * Paths are bytes with a length, up to FS_PATH_MAX. fs_client_path follows what the protocol leaves
 * to the client: a leading `/`, absolute symbolic links, mount points, `..` at the caller's root,
 * and paths that are longer than one message.
 */
#ifndef IPC_FSCLIENT_H
#define IPC_FSCLIENT_H

#include <atomik/objects.h>
#include <protocols/fs.h>

#define FS_PATH_MAX 4096

/* Where a caller's paths begin, and as whom it asks. Handles are borrowed, never closed here. */
struct fs_walk_context {
    handle_t root;     /* open node of the root directory */
    handle_t cwd;      /* and of the working directory */
    uint64_t root_ino; /* of root: `..` does not leave it; see fs_client_root */
    uint32_t root_device;
    uint32_t uid, gid;
    uint32_t flags; /* CALL_UNINTERRUPTIBLE for every call made */
    /*
     * Answers may be remembered (namecache.h): opens for reading then may share one node. Of paths from
     * the root, and from cwd if cwd_device, cwd_ino say what it is.
     */
    bool remember;
    uint32_t cwd_device;
    uint64_t cwd_ino;
};

struct fs_path_args {
    uint32_t op;       /* enum fs_op */
    uint32_t flags;    /* enum fs_open_flags or fs_rename_flags */
    uint32_t mode;     /* new files; the umask is already applied */
    uint32_t rdev;     /* FS_OP_MKNOD */
    const char *extra; /* FS_OP_SYMLINK: the target; FS_OP_RENAME: the new name, one component */
    size_t extra_length;
    handle_t handle; /* FS_OP_LINK: the existing node; FS_OP_RENAME: the new parent; borrowed */
    bool claims;     /* FS_OP_OPEN with FS_O_DENY_WRITE: the caller will end the result's claim */
};

struct fs_path_result {
    struct fs_attr attr;
    handle_t node, vmo; /* FS_OP_OPEN; vmo only with FS_O_VMO, HANDLE_NONE if the file has none */
    struct fs_claim
        *claim; /* by which it denies until claim_end (claims.h); NULL: as long as it is open */
    size_t text_length; /* FS_OP_READLINK */
    char text[FS_INLINE_MAX];
};

/* Fill root_ino and root_device from context->root. */
status_t fs_client_root(struct fs_walk_context *context);

/*
 * Carry out an operation on a path. `dir` is where a relative path begins; HANDLE_NONE: context->cwd.
 * An empty path is the directory itself (callers that must refuse it do so before). A trailing `/`
 * asks for a directory.
 */
status_t fs_client_path(const struct fs_walk_context *context, handle_t dir, const char *path,
                        size_t length, const struct fs_path_args *args,
                        struct fs_path_result *result);

/* The common case of the above. */
status_t fs_client_open(const struct fs_walk_context *context, handle_t dir, const char *path,
                        size_t length, uint32_t flags, uint32_t mode, handle_t *node,
                        struct fs_attr *attr);
status_t fs_client_stat_path(const struct fs_walk_context *context, handle_t dir, const char *path,
                             size_t length, uint32_t flags, struct fs_attr *attr);
/*
 * The directory of a path and its last component (in `name`, FS_NAME_MAX + 1 bytes), for rename's
 * new name: INVALID_ARGUMENT if that is empty, `.` or `..`.
 */
status_t fs_client_parent(const struct fs_walk_context *context, handle_t dir, const char *path,
                          size_t length, handle_t *parent, char *name);
/* rename(2), both paths; flags: enum fs_rename_flags. CROSS_DEVICE between file systems. */
status_t fs_client_rename(const struct fs_walk_context *context, handle_t old_dir,
                          const char *old_path, size_t old_length, handle_t new_dir,
                          const char *new_path, size_t new_length, uint32_t flags);
/* link(2); flags: FS_O_NOFOLLOW for the existing name. */
status_t fs_client_link(const struct fs_walk_context *context, handle_t old_dir,
                        const char *old_path, size_t old_length, handle_t new_dir,
                        const char *new_path, size_t new_length, uint32_t flags);

/* ---- on an open node: never cut short by kicks ---- */
status_t fs_client_stat(handle_t node, struct fs_attr *attr);
status_t fs_client_setattr(handle_t node, uint32_t mask, const struct fs_attr *attr,
                           struct fs_attr *result);
/* Inline transfers of any length, in pieces; *done counts what was moved before an error or the end. */
status_t fs_client_read(handle_t node, uint64_t offset, void *to, size_t length, size_t *done);
status_t fs_client_write(handle_t node, uint64_t offset, const void *from, size_t length,
                         size_t *done, uint64_t *end);
/* One bulk transfer through the VMO given by fs_client_buffer, at most its size. */
status_t fs_client_buffer(handle_t node, handle_t vmo, uint32_t size); /* vmo is borrowed */
status_t fs_client_read_bulk(handle_t node, uint64_t offset, uint32_t length, uint32_t *done);
status_t fs_client_write_bulk(handle_t node, uint64_t offset, uint32_t length, uint32_t *done,
                              uint64_t *end);
/* What one message says of a directory's entries, see fs_readdir; no bytes at their end. */
struct fs_listing {
    const uint8_t *records;
    uint32_t length, change, mount;
    bool last, attributes;
    uint8_t own[MESSAGE_BYTES] __attribute__((aligned(8))); /* the records of a message */
};
/* Room for longer listings: memory that the file system writes to, and a copy of it that it cannot reach. */
struct fs_list_room {
    handle_t vmo;
    uint8_t *records; /* aligned to 8 bytes */
    uint32_t size;    /* at most FS_LISTING_MAX */
};
status_t fs_client_list(handle_t node, uint64_t cookie, bool attributes,
                        struct fs_listing *listing);
/* As much as there is room for; the listing lasts until the room is used again. */
status_t fs_client_list_into(handle_t node, uint64_t cookie, bool attributes,
                             const struct fs_list_room *room, struct fs_listing *listing);
/* The record at *at, which moves behind it; NULL: it was the last. *attr: what it tells; NULL, if it does not. */
const struct fs_dirent *fs_listing_next(const struct fs_listing *listing, uint32_t *at,
                                        const struct fs_dirent_attr **attr);
status_t fs_client_vmo(handle_t node, uint32_t prot, handle_t *vmo, uint64_t *size, bool *coherent);
/* A VMO of its own with what that one contains now: a clone, or a copy of one whose pages come and go. */
status_t fs_client_freeze(handle_t vmo, uint64_t size, handle_t *frozen);
status_t fs_client_position(handle_t node, uint32_t whence, int64_t delta, uint64_t *before,
                            uint64_t *after);
status_t fs_client_modified(handle_t node);
/* Events of the node into a copy of this write end; mask 0: no longer. */
status_t fs_client_watch(handle_t node, handle_t stream, uint32_t id, uint32_t mask);
status_t fs_client_sync(handle_t node, bool data_only);
/* An advisory lock. INTERRUPTED (FS_LOCK_WAIT only): it may have been set. reply: NULL except for TEST. */
status_t fs_client_lock(handle_t node, const struct fs_lock_request *request,
                        struct fs_lock_reply *reply);
status_t fs_client_reopen(handle_t node, uint32_t flags, handle_t *result);
/* Extended attributes, by enum fs_xattr_op; vmo: of at least size bytes, or none with size 0; borrowed. */
status_t fs_client_xattr(handle_t node, uint32_t op, uint32_t flags, const char *name, handle_t vmo,
                         uint32_t size, uint32_t *result);
status_t fs_client_statfs(handle_t node, struct fs_statistics *statistics);
/* Absolute path of a directory, terminated; NAME_TOO_LONG if it does not fit. */
status_t fs_client_name_of(handle_t directory, char *path, size_t size);
/* Cover the directory with a file system whose root directory is `mounted` (borrowed), named `path`. */
status_t fs_client_mount(handle_t directory, handle_t parent, handle_t mounted, const char *path);

#endif
