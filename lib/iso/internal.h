/* SPDX-License-Identifier: MIT */
/* What the files of lib/iso share: the layout of a directory record, and its fields of Rock Ridge. */
#ifndef ISO_INTERNAL_H
#define ISO_INTERNAL_H

#include "iso.h"

/*
 * A directory record (ECMA-119 9.1); numbers are there twice, little-endian first:
 *   0 length   1 length of extended attributes   2 extent   10 data length   18 time   25 flags   26 interleave
 *   32 name length   33 name   then, from an even offset on, system use
 */
enum record_at {
    RECORD_LENGTH = 0,
    RECORD_ATTRIBUTES = 1,
    RECORD_EXTENT = 2,
    RECORD_SIZE = 10,
    RECORD_TIME = 18,
    RECORD_FLAGS = 25,
    RECORD_NAME_LENGTH = 32,
    RECORD_NAME = 33,
};
enum record_flags { RECORD_DIRECTORY = 2, RECORD_ASSOCIATED = 4, RECORD_MORE = 0x80 };
#define RECORD_MIN 34u
#define RECORD_MAX 255u

/* What a record's fields of Rock Ridge say. */
struct rock {
    bool has_mode, has_name, moved, is_child;
    uint32_t mode, nlink, uid, gid, rdev;
    uint64_t mtime, atime, ctime; /* 0: not said */
    uint64_t child;               /* CL: the directory is at this block, in another one's place */
    char *name;                   /* ISO_NAME_MAX bytes */
    size_t name_length;
    char *link; /* ISO_LINK_MAX bytes, or NULL: nobody asks */
    size_t link_length;
    bool joins; /* the last component of the link goes on */
};

static inline uint32_t iso_le16(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static inline uint32_t iso_le32(const uint8_t *at)
{
    return iso_le16(at) | iso_le16(at + 2) << 16;
}

/* ---- volume.c ---- */
/* Through the cache; the range lies in one sector. */
status_t iso_metadata(struct iso_volume *volume, uint64_t position, void *to, uint32_t length);

/* ---- rock.c ---- */
/* The fields of a system use area, and of those that continue it. */
status_t rock_read(struct iso_volume *volume, const uint8_t *area, uint32_t length,
                   struct rock *rock);
/* The SP field of the root's own record: is there Rock Ridge, and how much is to be skipped? */
bool rock_begins(const uint8_t *area, uint32_t length, uint32_t *skip);
uint64_t iso_time(const uint8_t at[7]);

/* ---- names.c ---- */
/* Both: 0 if the name cannot be shown. */
size_t name_of_plain(const uint8_t *bytes, uint32_t length, char to[ISO_NAME_MAX + 1]);
size_t name_of_joliet(const uint8_t *bytes, uint32_t length, char to[ISO_NAME_MAX + 1]);

#endif
