/* SPDX-License-Identifier: MIT */
/*
 * A 9P2000.L client (the protocol as diod documents it) over one virtio queue, one request at a
 * time. Functions return OK or the host's errno mapped to our codes. Fids are chosen by the caller.
 */
#ifndef HOSTFS_P9_H
#define HOSTFS_P9_H

#include <atomik/types.h>
#include <fs/fs.h>
#include <protocols/fs.h>

#define P9_ROOT_FID 0
#define P9_DATA_MAX (256u << 10) /* bytes of one read or write */

struct p9_qid {
    uint8_t type; /* 0x80 directory, 0x02 symbolic link, 0 file */
    uint32_t version;
    uint64_t path;
};

/* Mount tag of the device must equal `tag`. NO_DEVICE if there is none. */
status_t p9_connect(const char *tag);

/* newfid = fid walked by one name. */
status_t p9_walk(uint32_t fid, uint32_t newfid, const char *name, uint32_t length,
                 struct p9_qid *qid);
/* newfid = the same file as fid, for another open. */
status_t p9_clone(uint32_t fid, uint32_t newfid);
void p9_clunk(uint32_t fid);
status_t p9_clunk_status(uint32_t fid); /* what was written through an attribute's fid counts now */
/* newfid = the value of an attribute of fid or, with an empty name, the list of names. */
status_t p9_xattr_walk(uint32_t fid, uint32_t newfid, const char *name, uint32_t length,
                       uint64_t *size);
/* fid, a clone, becomes the value to be written. */
status_t p9_xattr_create(uint32_t fid, const char *name, uint32_t length, uint32_t size,
                         uint32_t flags);
/* An operation on extended attributes (xattr.c). */
status_t p9_xattr(uint32_t fid, struct fs_xattr *call);
status_t p9_getattr(uint32_t fid, struct fs_attr *attr, struct p9_qid *qid);
status_t p9_setattr(uint32_t fid, uint32_t mask,
                    const struct fs_attr *attr); /* enum fs_attr_mask */
status_t p9_open(uint32_t fid, uint32_t linux_flags);
/* fid, a directory, becomes the new open file. */
status_t p9_create(uint32_t fid, const char *name, uint32_t length, uint32_t linux_flags,
                   uint32_t mode);
status_t p9_read(uint32_t fid, uint64_t offset, void *buffer, uint32_t length, uint32_t *done);
status_t p9_write(uint32_t fid, uint64_t offset, const void *buffer, uint32_t length,
                  uint32_t *done);
status_t p9_mkdir(uint32_t fid, const char *name, uint32_t length, uint32_t mode);
status_t p9_symlink(uint32_t fid, const char *name, uint32_t length, const char *target,
                    uint32_t target_length);
status_t p9_readlink(uint32_t fid, char *target, uint32_t size, uint32_t *length);
status_t p9_link(uint32_t directory, uint32_t fid, const char *name, uint32_t length);
status_t p9_unlink(uint32_t directory, const char *name, uint32_t length, bool is_directory);
status_t p9_rename(uint32_t from, const char *name, uint32_t length, uint32_t to,
                   const char *new_name, uint32_t new_length);
status_t p9_fsync(uint32_t fid, bool data_only);
status_t p9_statfs(uint32_t fid, struct fs_statistics *statistics);

/* Directory entries after `cookie`, raw; p9_next_entry takes one off. */
status_t p9_readdir(uint32_t fid, uint64_t cookie, uint8_t *buffer, uint32_t length,
                    uint32_t *done);
struct p9_entry {
    struct p9_qid qid;
    uint64_t cookie;
    uint8_t type; /* DT_* */
    const char *name;
    uint32_t name_length;
};
/* False at the end or if what is there is malformed. */
bool p9_next_entry(const uint8_t **at, const uint8_t *end, struct p9_entry *entry);

#endif
