/* SPDX-License-Identifier: MIT */
/*
 * Reader of cpio archives (format "newc") in memory. Every field is checked; a broken archive gives
 * an error, never an access outside it.
 *
 * An entry: "070701", 13 fields of 8 hexadecimal digits, the name with its NULs (padded to 4 from
 * the entry's start), the data (padded to 4). The entry named TRAILER!!! is the last.
 *
 * An ordinary file with rdev_major CPIO_PACKED has DEFLATE data (archive/inflate.h) that unpack to
 * rdev_minor bytes. The format leaves both fields of ordinary files unused.
 */
#ifndef ARCHIVE_CPIO_H
#define ARCHIVE_CPIO_H

#include <atomik/types.h>

#define CPIO_PACKED 0x7a

struct cpio_entry {
    const char *name; /* not terminated; as in the archive, a leading "./" or "/" is left off */
    size_t name_length;
    uint32_t ino, mode, uid, gid, nlink, mtime;
    uint32_t rdev_major, rdev_minor;
    size_t data_offset, data_length; /* in the archive */
};

/*
 * The entry at *offset, which moves on to the next. NOT_FOUND: the end. INVALID_ARGUMENT: not a cpio
 * archive, or cut off. Begin with *offset = 0.
 */
status_t cpio_next(const void *archive, size_t length, size_t *offset, struct cpio_entry *entry);

/* The entry with this path (no leading slash), or NOT_FOUND. */
status_t cpio_find(const void *archive, size_t length, const char *path, struct cpio_entry *entry);

#endif
