/* SPDX-License-Identifier: MIT */
/*
 * ext2, ext3 and ext4 over a device of a few functions. Pure code: no kernel call, no thread, memory
 * from malloc. One call at a time.
 *
 * Everything a call changes it changes in blocks of metadata that are held in memory (buffer.c). A
 * call that fails puts them back as they were. Those of successful calls make up the running
 * transaction, which ext_commit makes durable as a whole through the journal. Contents of files go
 * to the device at once, before the transaction that makes them reachable.
 *
 * The image is hostile: what does not add up is ERR_IO_ERROR, and from the first such finding on
 * nothing is written to the file system any more (ERR_READ_ONLY).
 */
#ifndef EXT_EXT_H
#define EXT_EXT_H

#include <atomik/types.h>

struct ext_device {
    void *context;
    uint64_t size; /* bytes */
    status_t (*read)(void *context, uint64_t offset, void *to, uint32_t length);
    status_t (*write)(void *context, uint64_t offset, const void *from, uint32_t length);
    status_t (*flush)(void *context); /* what was written before is durable */
    uint64_t (*now)(void *context);   /* ns since 1970 */
};

struct ext_fs;

#define EXT_ROOT 2u

enum ext_mount_flags { EXT_MOUNT_READ_ONLY = 1 };

struct ext_attributes {
    uint64_t size, blocks;                /* blocks of 512 bytes */
    uint64_t atime, mtime, ctime, crtime; /* crtime 0: the inode has no place for it */
    uint32_t mode, nlink, uid, gid, rdev, generation;
};
enum ext_attribute_mask {
    EXT_SET_MODE = 1,
    EXT_SET_UID = 2,
    EXT_SET_GID = 4,
    EXT_SET_ATIME = 8,
    EXT_SET_MTIME = 16,
    EXT_SET_CTIME = 32,
    EXT_SET_CRTIME = 64,
};
struct ext_statistics {
    uint64_t blocks, blocks_free, blocks_available, files, files_free;
    uint32_t block_size;
    bool read_only;
};
struct ext_create {
    const char *name;
    size_t length;
    uint32_t mode, uid, gid, rdev;
    const char *target; /* of a symbolic link */
    size_t target_length;
};

/* A journal that holds something is replayed first, even when mounting read-only on a device that can
 * be written. */
status_t ext_mount(const struct ext_device *device, uint32_t flags, struct ext_fs **fs);
/* Durable and marked clean; frees everything, also after an error. */
status_t ext_unmount(struct ext_fs *fs);
/* Free everything and write nothing. */
void ext_abandon(struct ext_fs *fs);
/* Everything that was done until now is durable. Once it has failed it fails for good. */
status_t ext_commit(struct ext_fs *fs);
/* Is there anything to commit? */
bool ext_is_dirty(const struct ext_fs *fs);
bool ext_is_read_only(const struct ext_fs *fs);
void ext_get_statistics(struct ext_fs *fs, struct ext_statistics *statistics);

status_t ext_get_attributes(struct ext_fs *fs, uint32_t ino, struct ext_attributes *attributes);
status_t ext_set_attributes(struct ext_fs *fs, uint32_t ino, uint32_t mask,
                            const struct ext_attributes *attributes);
status_t ext_read_link(struct ext_fs *fs, uint32_t ino, char *to, size_t size, size_t *length);
/* Full name with its prefix, as in "user.x". size 0: only the length of the value. */
status_t ext_get_xattr(struct ext_fs *fs, uint32_t ino, const char *name, size_t length, void *to,
                       size_t size, size_t *value_length);

/* NOT_SUPPORTED: a prefix that is not known. NO_SPACE: all of them do not fit into inode and block. */
enum ext_xattr_flags { EXT_XATTR_CREATE = 1, EXT_XATTR_REPLACE = 2 };
status_t ext_set_xattr(struct ext_fs *fs, uint32_t ino, const char *name, size_t length,
                       const void *value, size_t size, uint32_t flags);
status_t ext_remove_xattr(struct ext_fs *fs, uint32_t ino, const char *name, size_t length);
/* Names, each with its NUL, as many as fit; *length: of all. */
status_t ext_list_xattrs(struct ext_fs *fs, uint32_t ino, void *to, size_t size, size_t *length);

/* ---- contents ---- */
status_t ext_read(struct ext_fs *fs, uint32_t ino, uint64_t offset, void *to, uint32_t length,
                  uint32_t *done);
/* Stops early only with an error; *done says how far it came also then. */
status_t ext_write(struct ext_fs *fs, uint32_t ino, uint64_t offset, const void *from,
                   uint32_t length, uint32_t *done);
/* The same where zeros follow what is written, up to the end of its last block: it need not be copied. */
status_t ext_write_padded(struct ext_fs *fs, uint32_t ino, uint64_t offset, const void *from,
                          uint32_t length, uint32_t *done);
status_t ext_truncate(struct ext_fs *fs, uint32_t ino, uint64_t size);

/* ---- names ---- */
status_t ext_lookup(struct ext_fs *fs, uint32_t directory, const char *name, size_t length,
                    uint32_t *ino);
/* One entry: false ends the enumeration before it. `cookie` is where to go on after it. */
typedef bool ext_entry_taker(void *context, uint32_t ino, uint64_t cookie, uint32_t mode,
                             const char *name, size_t length);
status_t ext_read_directory(struct ext_fs *fs, uint32_t directory, uint64_t cookie,
                            ext_entry_taker *take, void *context);
status_t ext_create(struct ext_fs *fs, uint32_t directory, const struct ext_create *create,
                    uint32_t *ino);
status_t ext_link(struct ext_fs *fs, uint32_t directory, const char *name, size_t length,
                  uint32_t ino);
/* Of anything; the inode stays until ext_release when that was its last name (*last). */
status_t ext_unlink(struct ext_fs *fs, uint32_t directory, const char *name, size_t length,
                    bool *last);
struct ext_rename {
    uint32_t old_directory, new_directory;
    const char *old_name, *new_name;
    size_t old_length, new_length;
    bool exchange;
};
/* *replaced: what has lost its last name and waits for ext_release, or 0. */
status_t ext_rename(struct ext_fs *fs, const struct ext_rename *rename, uint32_t *replaced);
/* An inode without names is used no longer: it and its blocks become free. */
status_t ext_release(struct ext_fs *fs, uint32_t ino);

#endif
