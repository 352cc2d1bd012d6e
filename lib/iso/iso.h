/* SPDX-License-Identifier: MIT */
/*
 * ISO 9660 (ECMA-119) with Rock Ridge (SUSP 1.12, RRIP 1.12) or Joliet, to read. Pure code over an image that may be
 * anything: every number is checked before it is used, every chain is bounded, nothing is allocated.
 *
 * What is read are directory records. A record is known by the byte position it has in the image, which never changes;
 * a directory is known by where its records begin. Both are the inode numbers: a directory's first record is its own.
 */
#ifndef ISO_ISO_H
#define ISO_ISO_H

#include <atomik/types.h>

#define ISO_NAME_MAX    255
#define ISO_LINK_MAX    4095
#define ISO_EXTENTS_MAX 32
#define ISO_SECTOR      2048u
#define ISO_CACHE       64u /* sectors of directories that are remembered */

struct iso_device {
    /* All of it lies inside the device. */
    status_t (*read)(void *context, uint64_t offset, void *to, uint32_t length);
    void *context;
    uint64_t size;
};

enum iso_names { ISO_PLAIN, ISO_ROCK_RIDGE, ISO_JOLIET };
enum iso_flags { ISO_NO_ROCK_RIDGE = 1, ISO_NO_JOLIET = 2 }; /* use what else there is */

struct iso_extent {
    uint64_t start, length; /* bytes; a file's lie behind one another in it */
};

struct iso_directory {
    uint64_t start, size;
};

/* What a record says. */
struct iso_entry {
    uint64_t position;                    /* of the record */
    uint64_t next;                        /* offset in its directory behind it */
    uint32_t mode, nlink, uid, gid, rdev; /* mode with Unix's type bits; rdev: major << 8 | minor */
    uint64_t size, mtime, atime, ctime;   /* times in ns since 1970 */
    uint32_t extent_count;
    struct iso_extent extents[ISO_EXTENTS_MAX]; /* of a directory: one */
    size_t name_length;
    char name[ISO_NAME_MAX + 1]; /* UTF-8 */
};

struct iso_volume {
    struct iso_device device;
    enum iso_names names;
    uint32_t block_size;
    uint32_t skip; /* bytes of each system use area before the fields (SP) */
    uint64_t size; /* bytes that the volume says it has, at most the device's */
    struct iso_directory root;
    struct iso_sector {
        uint64_t position; /* + 1; 0: free */
        uint8_t bytes[ISO_SECTOR];
    } cache[ISO_CACHE];
};

/* NOT_SUPPORTED: no ISO 9660. */
status_t iso_open(struct iso_volume *volume, const struct iso_device *device, uint32_t flags);
/* The root directory itself. */
status_t iso_root(struct iso_volume *volume, struct iso_entry *entry);
/*
 * The entry at or behind an offset of the directory; `.`, `..` and what is not to be seen are passed over. NOT_FOUND:
 * there is none.
 */
status_t iso_next(struct iso_volume *volume, const struct iso_directory *directory, uint64_t offset,
                  struct iso_entry *entry);
/* The target of a symbolic link; *length at most ISO_LINK_MAX. */
status_t iso_link(struct iso_volume *volume, const struct iso_entry *entry, char *to,
                  size_t *length);
/* Content of a file; less than `length` only at its end. */
status_t iso_read(struct iso_volume *volume, const struct iso_entry *entry, uint64_t offset,
                  void *to, uint32_t length, uint32_t *done);

static inline struct iso_directory iso_directory_of(const struct iso_entry *entry)
{
    return (struct iso_directory){entry->extents[0].start, entry->size};
}

#endif
