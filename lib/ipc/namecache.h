/* SPDX-License-Identifier: MIT */
/*
 * Names that a personality remembers: what fs_path answered for STAT, and for OPEN of regular files
 * for reading, absent names among them. An answer is given again while nothing that its walk passed
 * has changed, which the file system says in a page of memory (struct fs_changes in
 * protocols/fs.h): so a remembered answer is exactly what the server would answer now, and no message
 * is needed. File systems that do not give out such a page are asked every time.
 *
 * An OPEN is remembered with a handle of the open node. Whoever finds it gets a duplicate: several
 * opens then share one open node. That is right as long as they do not use its position or bulk
 * buffer; before they do, they get a node of their own with fs_reopen and FS_O_SAME. One that denies
 * writing is remembered if it does so by a claim (claims.h), and until that is withdrawn.
 *
 * The cache has a lock of its own and calls no server except for the page, once per file system.
 */
#ifndef IPC_NAMECACHE_H
#define IPC_NAMECACHE_H

#include <ipc/claims.h>
#include <ipc/fsclient.h>
#include <protocols/fs.h>

#define FS_PATH_CACHED 128 /* paths of up to that many bytes with the NUL are remembered */

/* All that an answer depends on, beside the files themselves. */
struct name_key {
    uint64_t ino, root_ino; /* of the directory that the path starts at; of the caller's root */
    uint32_t device, root_device;
    uint32_t op, flags, uid, gid; /* no supplementary groups: their answers are not remembered */
    bool power;
    const char *path;
    uint32_t length;
};

struct name_answer {
    uint32_t walk;  /* DONE, ABSOLUTE or ABSENT of enum fs_walk */
    uint32_t links; /* followed on the way */
    struct fs_attr attr;
    handle_t node;             /* DONE of an OPEN: the caller's */
    struct fs_claim *claim;    /* and with FS_O_DENY_WRITE: used, to be ended by the caller */
    char rest[FS_PATH_CACHED]; /* ABSOLUTE: the path to go on with, terminated */
};

/* Whether answers of this kind are remembered at all; of FS_O_DENY_WRITE only those with a claim are. */
bool namecache_takes(uint32_t op, uint32_t flags);
bool namecache_find(const struct name_key *key, struct name_answer *answer);
/*
 * Remember a reply of `directory`; its tail is what is left of an absolute path. `node` stays the caller's,
 * and so does the use of `claim` (NULL: the node has none).
 */
void namecache_add(const struct name_key *key, handle_t directory,
                   const struct fs_path_reply *reply, const void *tail, uint32_t tail_length,
                   handle_t node, struct fs_claim *claim);
/* The page of the file system that a directory belongs to, which stays mapped. NULL: there is none. */
const volatile struct fs_changes *namecache_changes(uint32_t device, handle_t directory);
/*
 * A name was made in a directory, and the reply to that also tells what the directory is like: as of a STAT of
 * the path without its last component. key: of the whole path.
 */
void namecache_add_above(const struct name_key *key, handle_t directory,
                         const struct fs_path_reply *reply, const void *tail, uint32_t tail_length);
/*
 * What the listing of a directory told of its entries, as STATs of names in the directory: key without path
 * and length, for a user who may search there. Looking for a longer path finds them too.
 */
void namecache_add_entries(struct name_key key, handle_t directory,
                           const struct fs_listing *listing);
/* Whether that is worth its time: whether what was told so before has been asked for. */
bool namecache_wants_entries(void);
/*
 * Whether there is something of that name, as far as that is known: its own attributes and entries may have
 * changed since. key: of a STAT.
 */
bool namecache_exists(const struct name_key *key);
/*
 * Attributes that are asked for after namecache_now are right as long as nothing has changed there
 * (namecache_unchanged). False: that cannot be told of this file system.
 */
bool namecache_now(uint32_t device, uint32_t *change);
bool namecache_unchanged(uint64_t ino, uint32_t device, uint32_t change);
/* A file was removed: close its remembered nodes, so that its memory comes back. */
void namecache_forget(uint64_t ino, uint32_t device);
/* The same for all files of a file system, which is to be unmounted. */
void namecache_forget_device(uint32_t device);

#endif
