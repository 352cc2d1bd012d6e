/* SPDX-License-Identifier: MIT */
/*
 * The journal (JBD2) as it is on the disk: a ring of blocks behind its super block, big-endian.
 *
 *   transaction:  descriptor, blocks of metadata, ... , [revoke], commit
 */
#ifndef EXT_JOURNAL_FORMAT_H
#define EXT_JOURNAL_FORMAT_H

#include <stdint.h>

#define JOURNAL_MAGIC 0xC03B3998u
enum journal_block {
    JOURNAL_DESCRIPTOR = 1,
    JOURNAL_COMMIT,
    JOURNAL_SUPER_1,
    JOURNAL_SUPER_2,
    JOURNAL_REVOKE
};
enum journal_incompat {
    JOURNAL_HAS_REVOKE = 1,
    JOURNAL_64BIT = 2,
    JOURNAL_ASYNC_COMMIT = 4,
    JOURNAL_CSUM_2 = 8,
    JOURNAL_CSUM_3 = 0x10,
    JOURNAL_FAST_COMMIT = 0x20,
};
#define JOURNAL_KNOWN                                                                              \
    (JOURNAL_HAS_REVOKE | JOURNAL_64BIT | JOURNAL_ASYNC_COMMIT | JOURNAL_CSUM_2 | JOURNAL_CSUM_3 | \
     JOURNAL_FAST_COMMIT)
#define JOURNAL_CRC32C 4u
enum journal_tag_flags { TAG_ESCAPED = 1, TAG_SAME_UUID = 2, TAG_DELETED = 4, TAG_LAST = 8 };

struct journal_header {
    uint32_t magic, type, sequence;
};
struct journal_super {
    struct journal_header header;
    uint32_t block_size, block_count, first;
    uint32_t sequence, start; /* of the first transaction; start 0: there is none */
    uint32_t error;
    uint32_t compat, incompat, ro_compat;
    uint8_t uuid[16];
    uint32_t users, copy_of_super, max_transaction, max_transaction_data;
    uint8_t checksum_type, padding_1[3];
    uint32_t fast_commit_blocks, head, padding_2[40];
    uint32_t checksum;
    uint8_t user_uuids[768];
};
_Static_assert(sizeof(struct journal_super) == 1024, "journal super block");
_Static_assert(__builtin_offsetof(struct journal_super, checksum) == 0xFC, "journal super block");

struct journal_tag3 { /* with JOURNAL_CSUM_3 */
    uint32_t block, flags, block_hi, checksum;
};
struct journal_tag { /* without; block_hi is there with JOURNAL_64BIT */
    uint32_t block;
    uint16_t checksum, flags;
    uint32_t block_hi;
};
struct journal_revoke {
    struct journal_header header;
    uint32_t length; /* bytes in use, with this header */
};
struct journal_commit {
    struct journal_header header;
    uint8_t checksum_type, checksum_size, padding[2];
    uint32_t checksum[8];
    uint64_t seconds;
    uint32_t nanoseconds;
};
_Static_assert(__builtin_offsetof(struct journal_commit, checksum) == 16, "commit block");

/*
 * With JOURNAL_FAST_COMMIT the journal's last blocks, so many, are no part of the ring: the first is
 * not used, and what begins in the second has been committed since the transaction before `sequence`, if
 * it begins with this.
 */
#define FAST_COMMIT_BLOCKS 256u /* if the super block has 0 */
#define FAST_COMMIT_HEAD   9u
struct fast_commit_head { /* little-endian */
    uint16_t tag, length;
    uint32_t features, sequence;
};

#endif
