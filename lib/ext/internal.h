/* SPDX-License-Identifier: MIT */
/*
 * What the files of lib/ext share. In the order of reading: buffer.c (blocks in memory, operations),
 * journal.c and recover.c (transactions), super.c, checksum.c, alloc.c, inode.c, extent.c and
 * indirect.c under map.c (where a file's blocks are), file.c, hash.c, directory.c, index.c, names.c,
 * xattr.c, xattr_set.c.
 */
#ifndef EXT_INTERNAL_H
#define EXT_INTERNAL_H

#include <atomik/list.h>
#include <atomik/table.h>
#include <ext/ext.h>
#include <ext/format.h>

#define EXT_BLOCK_MAX       4096u
#define EXT_BUCKETS         1024u
#define EXT_OPERATION_LIMIT 96u /* blocks that one operation changes at most */
#define EXT_TYPE_MASK       0170000u
#define EXT_TYPE_DIRECTORY  0040000u
#define EXT_TYPE_FILE       0100000u
#define EXT_TYPE_LINK       0120000u
#define EXT_TYPE_BLOCK      0060000u
#define EXT_TYPE_CHARACTER  0020000u
#define EXT_TYPE_FIFO       0010000u
#define EXT_TYPE_SOCKET     0140000u

static inline bool ext_is_dots(const char *name, size_t length)
{
    return name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'));
}

/* What a block is decides how its checksum is made; plain ones have none. */
enum ext_kind {
    KIND_PLAIN,
    KIND_SUPER,
    KIND_GROUPS,
    KIND_BLOCK_BITMAP,
    KIND_INODE_BITMAP,
    KIND_INODES,
    KIND_DIRECTORY,
    KIND_EXTENTS,
    KIND_XATTR,
};

/*
 * A block of metadata. changed: in the list of the operation that runs, `before` is how it was (of a new block: NULL).
 * dirty: in the running transaction. committed: in the journal, but not yet in its place. A block that
 * is any of these stays in memory.
 */
struct ext_saved {
    struct ext_saved *older;
    uint32_t offset, length;
    uint8_t bytes[];
};
struct ext_buffer {
    struct table_link by_block;
    struct ext_buffer *newer, *older; /* by last use */
    struct ext_buffer *next_changed, *next_dirty, *next_committed;
    uint64_t block;
    uint32_t references, kind,
        seed;          /* seed: of the checksum; for bitmaps the group, for inodes the first */
    uint32_t unsealed; /* of inodes: a bit for each whose checksum is to be made */
    uint32_t verified; /* checksum seen to be right; of inodes: a bit for each */
    bool valid, changed, dirty, committed, was_dirty;
    struct ext_saved *before; /* newest first */
    uint8_t
        *frozen; /* block bitmaps: as at the start of the transaction, if any were freed since */
    uint8_t *data;
};

struct ext_run { /* of blocks of the journal on the device */
    uint32_t logical, length;
    uint64_t physical;
};
struct ext_journal {
    struct ext_run *runs;
    uint32_t run_count;
    uint32_t first, end; /* the ring */
    uint32_t fast;       /* where fast commits begin; 0: there is no place for them */
    uint32_t head;       /* where the next transaction begins */
    uint32_t used;       /* blocks of the ring that are not to be overwritten */
    uint32_t sequence;   /* of the next transaction */
    uint32_t incompat, seed;
    bool started;   /* its super block says that there are transactions */
    uint8_t *super; /* a block, big-endian */
    uint8_t *space; /* blocks that are being put together */
};

struct ext_hashed { /* length 0: none */
    uint32_t length, version, hash;
    char name[EXT_NAME_MAX];
};
/* Bits of a bitmap of which none can be allocated, so that the search for the next does not begin anew. */
struct ext_taken {
    uint32_t group, from, end;
};

struct ext_fs {
    struct ext_device device;
    uint32_t block_size, block_bits;
    uint64_t block_count;
    uint32_t first_data_block, blocks_per_group, inodes_per_group, group_count, inode_count;
    uint32_t inode_size, desc_size, first_ino, reserved_gdt_blocks;
    uint32_t compat, incompat, ro_compat, seed, hash_flags;
    bool read_only, damaged, checksums;
    bool aborted; /* a commit has failed: nothing more is written */
    uint32_t generation;
    struct ext_buffer *super_buffer;

    struct table buffers; /* by their blocks */
    struct table_link *buckets[EXT_BUCKETS];
    struct ext_buffer lru; /* list head */
    uint32_t buffer_count, committed_count, dirty_count, changed_count;
    struct ext_buffer *changed, *dirty, *committed;
    bool operation; /* one runs */

    uint64_t *freed; /* blocks of metadata that the transaction has freed: to be revoked */
    uint32_t freed_count, freed_capacity, freed_before;
    bool any_freed, any_freed_before; /* blocks that become free with the commit */
    struct ext_journal *journal;
    struct ext_hashed hashed;
    struct ext_taken taken_blocks, taken_inodes;
    uint8_t *bounce; /* a block, for parts of blocks */
};

static inline struct ext_super *ext_super_of(const struct ext_fs *fs)
{
    return (struct ext_super *)(fs->super_buffer->data +
                                (fs->block_size == 1024 ? 0 : EXT_SUPER_OFFSET));
}
static inline uint64_t ext_now(struct ext_fs *fs)
{
    return fs->device.now(fs->device.context);
}
static inline bool ext_block_is_valid(const struct ext_fs *fs, uint64_t block)
{
    return block > fs->first_data_block && block < fs->block_count;
}

/* ---- checksum.c ---- */
uint32_t ext_crc32c(uint32_t crc, const void *bytes, size_t length);
uint16_t ext_crc16(uint16_t crc, const void *bytes, size_t length);
bool ext_super_checksum(struct ext_super *super, bool set);
bool ext_group_checksum(struct ext_fs *fs, uint32_t group, struct ext_group_desc *desc, bool set);
bool ext_inode_checksum(struct ext_fs *fs, uint32_t ino, struct ext_inode *inode, bool set);
uint32_t ext_inode_seed(struct ext_fs *fs, uint32_t ino, uint32_t generation);
/* Is the buffer's checksum right? Bitmaps: by the group's descriptor. */
status_t ext_verify(struct ext_fs *fs, struct ext_buffer *buffer);
/* Set the checksums of all dirty buffers, before they are written. */
status_t ext_seal(struct ext_fs *fs);

/* ---- buffer.c ---- */
status_t ext_device_read(struct ext_fs *fs, uint64_t block, uint32_t count, void *to);
status_t ext_device_write(struct ext_fs *fs, uint64_t block, uint32_t count, const void *from);
status_t ext_damaged(struct ext_fs *fs); /* ERR_IO_ERROR */
/* The content of a block, its checksum verified as that of its kind. */
status_t ext_get(struct ext_fs *fs, uint64_t block, uint32_t kind, uint32_t seed,
                 struct ext_buffer **buffer);
/* A block that was just allocated: zeros, changed already. */
status_t ext_get_new(struct ext_fs *fs, uint64_t block, uint32_t kind, uint32_t seed,
                     struct ext_buffer **buffer);
/* Blocks of a table from this one on, as far as none of them is in memory. */
void ext_read_ahead(struct ext_fs *fs, uint64_t block, uint64_t end, uint32_t kind, uint32_t seed,
                    uint32_t seed_step);
struct ext_buffer *ext_find(struct ext_fs *fs, uint64_t block);
void ext_put(struct ext_fs *fs, struct ext_buffer *buffer);
/* Before every change of a buffer, or of a part of it, or of the super block. */
status_t ext_change(struct ext_fs *fs, struct ext_buffer *buffer);
status_t ext_change_part(struct ext_fs *fs, struct ext_buffer *buffer, uint32_t offset,
                         uint32_t length);
status_t ext_change_super(struct ext_fs *fs);
void ext_forget(struct ext_fs *fs, uint64_t block);
void ext_buffers_end(struct ext_fs *fs);
/* Keep the cache within its bounds. */
void ext_trim(struct ext_fs *fs);

/* An operation: everything it changes, or nothing. Again after a commit if space that is about to
 * become free would help. */
typedef status_t ext_operation(struct ext_fs *fs, void *arguments);
status_t ext_run(struct ext_fs *fs, ext_operation *operation, void *arguments);

/* ---- journal.c, recover.c ---- */
status_t ext_journal_open(struct ext_fs *fs); /* replays */
status_t ext_journal_commit(struct ext_fs *fs);
/* Everything committed is in its place, the ring is empty. */
status_t ext_checkpoint(struct ext_fs *fs);
uint32_t ext_transaction_limit(const struct ext_fs *fs);
void ext_journal_end(struct ext_fs *fs);
status_t ext_recover(struct ext_fs *fs);
uint64_t ext_journal_place(const struct ext_journal *journal, uint32_t block);
uint32_t ext_tag_size(uint32_t incompat);
status_t ext_journal_write_super(struct ext_fs *fs, uint32_t start, uint32_t sequence);

/* ---- super.c ---- */
status_t ext_group(struct ext_fs *fs, uint32_t group, struct ext_buffer **buffer,
                   struct ext_group_desc **desc);
static inline uint64_t ext_wide(const struct ext_fs *fs, uint32_t low, uint32_t high)
{
    return fs->desc_size >= 64 ? low | (uint64_t)high << 32 : low;
}
static inline uint32_t ext_halves(const struct ext_fs *fs, uint16_t low, uint16_t high)
{
    return fs->desc_size >= 64 ? low | (uint32_t)high << 16 : low;
}
bool ext_groups_are_valid(struct ext_fs *fs, struct ext_buffer *buffer);
bool ext_group_has_super(const struct ext_fs *fs, uint32_t group);
uint32_t ext_group_blocks(const struct ext_fs *fs, uint32_t group);

/* ---- alloc.c ---- */
status_t ext_allocate_blocks(struct ext_fs *fs, uint64_t goal, uint32_t wanted, uint64_t *block,
                             uint32_t *count);
status_t ext_free_blocks(struct ext_fs *fs, uint64_t block, uint32_t count, bool metadata);
status_t ext_allocate_inode(struct ext_fs *fs, uint32_t parent, bool directory, uint32_t *ino);
status_t ext_free_inode(struct ext_fs *fs, uint32_t ino, bool directory);

/* Bits have become free otherwise. */
static inline void ext_search_anew(struct ext_fs *fs)
{
    fs->taken_blocks = fs->taken_inodes = (struct ext_taken){0};
}

/* ---- inode.c ---- */
struct ext_ref {
    struct ext_fs *fs;
    uint32_t ino;
    struct ext_buffer *buffer;
    struct ext_inode *inode; /* in there */
};
status_t ext_open(struct ext_fs *fs, uint32_t ino, struct ext_ref *ref);
/* A free one's place, zeros; in an operation. */
status_t ext_open_new(struct ext_fs *fs, uint32_t ino, struct ext_ref *ref);
void ext_close(struct ext_ref *ref);
status_t ext_inode_change(struct ext_ref *ref);
void ext_inode_changed(
    struct ext_ref *ref); /* after the change: its checksum is made with the commit */
enum ext_times { TOUCH_ATIME = 1, TOUCH_MTIME = 2, TOUCH_CTIME = 4, TOUCH_CREATED = 8 };
void ext_touch(struct ext_ref *ref, uint32_t times, uint64_t when);
uint64_t ext_inode_size(const struct ext_ref *ref);
void ext_inode_set_size(struct ext_ref *ref, uint64_t size);
void ext_inode_add_blocks(struct ext_ref *ref, int64_t blocks);
bool ext_is_type(const struct ext_ref *ref, uint32_t type);
bool ext_link_is_fast(const struct ext_ref *ref);
uint64_t ext_inode_goal(const struct ext_ref *ref);
status_t ext_orphan_add(struct ext_ref *ref);
status_t ext_orphan_remove(struct ext_ref *ref);
status_t ext_orphans_release(struct ext_fs *fs);

/* ---- map.c, extent.c, indirect.c: all of them in logical blocks of the file ---- */
struct ext_mapping {
    uint64_t physical; /* 0: a hole */
    uint32_t count;    /* blocks from there on that are alike */
    bool unwritten;    /* reads as zeros */
    bool fresh;        /* allocated by this call */
};
status_t ext_map(struct ext_ref *ref, uint32_t logical, uint32_t count,
                 struct ext_mapping *mapping);
/* Allocates what is missing; in an operation, the inode changed. */
status_t ext_map_for_write(struct ext_ref *ref, uint32_t logical, uint32_t count,
                           struct ext_mapping *mapping);
/* Free blocks from `first` on, the last ones first. *more: stopped, to go on in another operation. */
status_t ext_map_trim(struct ext_ref *ref, uint32_t first, bool *more);
uint64_t ext_map_limit(const struct ext_ref *ref); /* largest file, bytes */

status_t ext_extent_map(struct ext_ref *ref, uint32_t logical, uint32_t count,
                        struct ext_mapping *mapping);
status_t ext_extent_insert(struct ext_ref *ref, uint32_t logical, uint32_t count, uint64_t physical,
                           bool unwritten);
status_t ext_extent_written(struct ext_ref *ref, uint32_t logical, uint32_t count);
status_t ext_extent_trim(struct ext_ref *ref, uint32_t first, bool metadata, bool *more);
void ext_extent_init(struct ext_inode *inode);
status_t ext_indirect_map(struct ext_ref *ref, uint32_t logical, uint32_t count,
                          struct ext_mapping *mapping);
status_t ext_indirect_insert(struct ext_ref *ref, uint32_t logical, uint32_t count,
                             uint64_t physical);
status_t ext_indirect_trim(struct ext_ref *ref, uint32_t first, bool metadata, bool *more);

/* ---- directory.c ---- */
/* The block of a directory; its entries are checked. An index block is one unused entry to look at. */
status_t ext_directory_block(struct ext_ref *directory, uint32_t logical,
                             struct ext_buffer **buffer);
status_t ext_directory_append(struct ext_ref *directory, uint32_t *logical,
                              struct ext_buffer **buffer);
uint32_t ext_directory_space(const struct ext_fs *fs); /* of a block, without its tail */
void ext_directory_tail(const struct ext_fs *fs, uint8_t *block);
bool ext_directory_is_valid(const struct ext_fs *fs, const uint8_t *block);
struct ext_entry *ext_block_find(struct ext_fs *fs, uint8_t *block, const char *name,
                                 size_t length);
/* False: no room. */
bool ext_block_insert(struct ext_fs *fs, uint8_t *block, const char *name, size_t length,
                      uint32_t ino, uint32_t mode);
status_t ext_entry_add(struct ext_ref *directory, const char *name, size_t length, uint32_t ino,
                       uint32_t mode);
status_t ext_entry_remove(struct ext_ref *directory, const char *name, size_t length);
/* Another inode under the same name. */
status_t ext_entry_set(struct ext_ref *directory, const char *name, size_t length, uint32_t ino,
                       uint32_t mode);
status_t ext_entry_find(struct ext_ref *directory, const char *name, size_t length, uint32_t *ino);
status_t ext_directory_is_empty(struct ext_ref *directory, bool *empty);

/* ---- inline.c ---- */
bool ext_is_inline(const struct ext_ref *ref);
/* Of an inode that is inline; zeros behind what there is. */
status_t ext_inline_read(struct ext_ref *ref, uint64_t offset, uint8_t *to, uint32_t length);
/* The only block of a directory that has none; its entries are checked. */
status_t ext_inline_directory(struct ext_ref *ref, uint8_t *block);

/* ---- hash.c, index.c ---- */
uint32_t ext_hash_name(struct ext_fs *fs, uint32_t version, const char *name, size_t length);
/* ERR_NOT_SUPPORTED: the index is of a kind that is not known; look through all blocks. */
status_t ext_index_find(struct ext_ref *directory, const char *name, size_t length,
                        uint32_t *logical);
status_t ext_index_add(struct ext_ref *directory, const char *name, size_t length, uint32_t ino,
                       uint32_t mode);
/* The directory's only block becomes a leaf of a new index. */
status_t ext_index_make(struct ext_ref *directory);
/* Of a block of an index: where its entries are; 0 for a leaf. */
uint32_t ext_index_offset(const struct ext_fs *fs, const uint8_t *block);

/* ---- xattr.c ---- */
/* As it is stored: a number for the beginning, and the rest. */
struct ext_xattr_name {
    uint8_t index;
    const char *text;
    size_t length;
};
/* Where attributes lie: entries from `first` on; offsets of values count from `base`. */
struct ext_xattr_area {
    const uint8_t *base, *first, *end;
};
bool ext_xattr_split(const char *name, size_t length, struct ext_xattr_name *split);
const char *ext_xattr_prefix(uint8_t index); /* NULL: none that is known */
/* The one that is a part of the content (inline.c), and for nobody to see. */
bool ext_xattr_is_content(const struct ext_xattr_name *name);
/* The entry at *at, which moves behind it. NOT_FOUND: no more. */
status_t ext_xattr_next(struct ext_fs *fs, const struct ext_xattr_area *area, const uint8_t **at,
                        struct ext_xattr_name *name, const uint8_t **value, uint32_t *size,
                        uint32_t *value_ino);
/* Has the inode room for attributes, and any in it? */
bool ext_xattr_inode_area(const struct ext_ref *ref, struct ext_xattr_area *area);
bool ext_xattr_inode_is_used(const struct ext_ref *ref);
uint64_t ext_xattr_block(const struct ext_ref *ref); /* 0: none */
status_t ext_xattr_get_block(struct ext_ref *ref, struct ext_buffer **buffer,
                             struct ext_xattr_area *area);
/* The inode does without its block, which has one owner less. */
status_t ext_xattr_release(struct ext_ref *ref);

#endif
