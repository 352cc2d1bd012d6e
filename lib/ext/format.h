/* SPDX-License-Identifier: MIT */
/*
 * What ext2, ext3 and ext4 look like on the disk. Numbers are little-endian, as every machine that
 * this is compiled for has them; those of the journal (journal_format.h) are big-endian.
 *
 *   block group g:  [super block][group descriptors][reserved] | block bitmap | inode bitmap |
 *                   inode table | data
 *
 * The parts in brackets are in group 0 and, as copies, in some others. With flex_bg the bitmaps and
 * tables of several groups lie together in the first of them: where they are, descriptors say.
 */
#ifndef EXT_FORMAT_H
#define EXT_FORMAT_H

#include <stdint.h>

#define EXT_SUPER_OFFSET 1024u
#define EXT_MAGIC        0xEF53u
#define EXT_ROOT_INO     2u
#define EXT_NAME_MAX     255u
#define EXT_LINK_MAX     65000u

enum ext_compat {
    EXT_HAS_JOURNAL = 4,
    EXT_ATTR = 8,
    EXT_DIR_INDEX = 0x20,
    EXT_SPARSE_SUPER2 = 0x200
};
enum ext_incompat {
    EXT_FILETYPE = 2,
    EXT_RECOVER = 4, /* the journal holds what is not in place */
    EXT_META_BG = 0x10,
    EXT_EXTENTS = 0x40,
    EXT_64BIT = 0x80,
    EXT_FLEX_BG = 0x200,
    EXT_CSUM_SEED = 0x2000,
    EXT_INLINE_DATA = 0x8000,
};
enum ext_ro_compat {
    EXT_SPARSE_SUPER = 1,
    EXT_LARGE_FILE = 2,
    EXT_HUGE_FILE = 8,
    EXT_GDT_CSUM = 0x10,
    EXT_DIR_NLINK = 0x20,
    EXT_EXTRA_ISIZE = 0x40,
    EXT_BIGALLOC = 0x200,
    EXT_METADATA_CSUM = 0x400,
};
enum ext_state { EXT_STATE_VALID = 1, EXT_STATE_ERROR = 2 };
enum ext_super_flags { EXT_SIGNED_HASH = 1, EXT_UNSIGNED_HASH = 2 };

struct ext_super {
    uint32_t inodes_count, blocks_count_lo, r_blocks_count_lo, free_blocks_lo;
    uint32_t free_inodes, first_data_block, log_block_size, log_cluster_size;
    uint32_t blocks_per_group, clusters_per_group, inodes_per_group, mtime;
    uint32_t wtime;
    uint16_t mount_count, max_mount_count, magic, state, errors, minor_rev;
    uint32_t last_check, check_interval, creator_os, rev_level;
    uint16_t def_resuid, def_resgid;
    uint32_t first_ino;
    uint16_t inode_size, block_group_nr;
    uint32_t compat, incompat, ro_compat;
    uint8_t uuid[16], volume_name[16], last_mounted[64];
    uint32_t algorithm_bitmap;
    uint8_t prealloc_blocks, prealloc_dir_blocks;
    uint16_t reserved_gdt_blocks;
    uint8_t journal_uuid[16];
    uint32_t journal_ino, journal_device, last_orphan, hash_seed[4];
    uint8_t hash_version, journal_backup_type;
    uint16_t desc_size;
    uint32_t default_mount_options, first_meta_bg, mkfs_time, journal_blocks[17];
    uint32_t blocks_count_hi, r_blocks_count_hi, free_blocks_hi;
    uint16_t min_extra_isize, want_extra_isize;
    uint32_t flags;
    uint16_t raid_stride, mmp_interval;
    uint32_t mmp_block[2];
    uint32_t raid_stripe_width;
    uint8_t log_groups_per_flex, checksum_type, encryption_level, reserved_pad;
    uint8_t not_used_1[0x24C - 0x178];
    uint32_t backup_bgs[2];
    uint8_t not_used_2[0x270 - 0x254];
    uint32_t checksum_seed;
    uint8_t not_used_3[0x3FC - 0x274];
    uint32_t checksum;
};
_Static_assert(sizeof(struct ext_super) == 1024, "super block");
_Static_assert(__builtin_offsetof(struct ext_super, first_ino) == 0x54, "super block");
_Static_assert(__builtin_offsetof(struct ext_super, hash_seed) == 0xEC, "super block");
_Static_assert(__builtin_offsetof(struct ext_super, blocks_count_hi) == 0x150, "super block");
_Static_assert(__builtin_offsetof(struct ext_super, checksum_type) == 0x175, "super block");

enum ext_group_flags { EXT_INODE_UNINIT = 1, EXT_BLOCK_UNINIT = 2 };

struct ext_group_desc { /* the second half is there with EXT_64BIT */
    uint32_t block_bitmap_lo, inode_bitmap_lo, inode_table_lo;
    uint16_t free_blocks_lo, free_inodes_lo, used_dirs_lo, flags;
    uint32_t exclude_bitmap_lo;
    uint16_t block_bitmap_csum_lo, inode_bitmap_csum_lo, itable_unused_lo, checksum;
    uint32_t block_bitmap_hi, inode_bitmap_hi, inode_table_hi;
    uint16_t free_blocks_hi, free_inodes_hi, used_dirs_hi, itable_unused_hi;
    uint32_t exclude_bitmap_hi;
    uint16_t block_bitmap_csum_hi, inode_bitmap_csum_hi;
    uint32_t reserved;
};
_Static_assert(sizeof(struct ext_group_desc) == 64, "group descriptor");
_Static_assert(__builtin_offsetof(struct ext_group_desc, block_bitmap_hi) == 32, "its old half");

enum ext_inode_flags {
    EXT_IMMUTABLE = 0x10,
    EXT_APPEND = 0x20,
    EXT_INDEXED = 0x1000, /* directory with a hash tree */
    EXT_HUGE = 0x40000,   /* blocks counts file system blocks */
    EXT_MAPPED_BY_EXTENTS = 0x80000,
    EXT_INLINE = 0x10000000, /* with EXT_INLINE_DATA: block[] is content */
};
#define EXT_DIRECT_BLOCKS 12u
#define EXT_OLD_INODE     128u

struct ext_inode {
    uint16_t mode, uid_lo;
    uint32_t size_lo, atime, ctime, mtime, dtime; /* dtime: the next one of the orphan list */
    uint16_t gid_lo, links;
    uint32_t blocks_lo, flags, version;
    uint32_t block[15];
    uint32_t generation, xattr_lo, size_hi, obsolete;
    uint16_t blocks_hi, xattr_hi, uid_hi, gid_hi, checksum_lo, reserved;
    /* With inodes of 256 bytes and more, as far as extra_size says: */
    uint16_t extra_size, checksum_hi;
    uint32_t ctime_extra, mtime_extra, atime_extra, crtime, crtime_extra, version_hi, project;
};
_Static_assert(sizeof(struct ext_inode) == 160, "inode");
_Static_assert(__builtin_offsetof(struct ext_inode, extra_size) == EXT_OLD_INODE, "inode");

/* ---- extents: a tree of nodes, the root in the inode's block[] --------------------------------- */

#define EXT_EXTENT_MAGIC     0xF30Au
#define EXT_EXTENT_DEPTH_MAX 5u
#define EXT_EXTENT_LENGTH    32768u /* longer: not written yet, by that much less */

struct ext_extent_header {
    uint16_t magic, count, limit, depth;
    uint32_t generation;
};
struct ext_extent {
    uint32_t logical;
    uint16_t length, start_hi;
    uint32_t start_lo;
};
struct ext_extent_index {
    uint32_t logical, leaf_lo;
    uint16_t leaf_hi, unused;
};
_Static_assert(sizeof(struct ext_extent_header) == 12 && sizeof(struct ext_extent) == 12 &&
                   sizeof(struct ext_extent_index) == 12,
               "extents");

/* ---- directories ---------------------------------------------------------------------------------- */

struct ext_entry {
    uint32_t ino;
    uint16_t record_length;
    uint8_t name_length, type;
    char name[];
};
_Static_assert(sizeof(struct ext_entry) == 8, "directory entry");
#define EXT_ENTRY_SIZE(name_length) ((8u + (name_length) + 3u) & ~3u)

/* At the end of a directory's block with checksums: it looks like an unused entry. */
struct ext_entry_tail {
    uint32_t ino;
    uint16_t record_length;
    uint8_t name_length, type;
    uint32_t checksum;
};
#define EXT_TAIL_TYPE       0xDEu
#define EXT_ENTRY_DIRECTORY 2u /* type, with EXT_FILETYPE */

enum ext_hash { EXT_HASH_LEGACY, EXT_HASH_HALF_MD4, EXT_HASH_TEA };

/* The index in block 0 of a directory (behind `.` and `..`) and in blocks of its own. */
struct ext_index_info {
    uint32_t reserved;
    uint8_t hash_version, info_length, levels, flags;
};
#define EXT_INDEX_INFO_OFFSET 24u
#define EXT_INDEX_ROOT_OFFSET 32u
#define EXT_INDEX_NODE_OFFSET 8u
struct ext_index_entry { /* the first one's hash is a struct ext_index_count */
    uint32_t hash, block;
};
struct ext_index_count {
    uint16_t limit, count;
};
struct ext_index_tail {
    uint32_t reserved, checksum;
};

/* ---- extended attributes ------------------------------------------------------------------------- */

#define EXT_XATTR_MAGIC 0xEA020000u
struct ext_xattr_header { /* of a block; in an inode there is the magic number alone */
    uint32_t magic, references, blocks, hash, checksum, reserved[3];
};
struct ext_xattr_entry {
    uint8_t name_length, name_index;
    uint16_t value_offset;
    uint32_t value_ino, value_size, hash;
    char name[];
};
_Static_assert(sizeof(struct ext_xattr_header) == 32 && sizeof(struct ext_xattr_entry) == 16,
               "extended attributes");

#endif
