/* SPDX-License-Identifier: MIT */
/* Mounting and unmounting: the super block and the group descriptors, checked. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define KNOWN_INCOMPAT                                                                  \
    (EXT_FILETYPE | EXT_RECOVER | EXT_META_BG | EXT_EXTENTS | EXT_64BIT | EXT_FLEX_BG | \
     EXT_CSUM_SEED | EXT_INLINE_DATA)
/* With others, and with these incompatible ones, the file system is mounted read-only. */
#define WRITABLE_RO_COMPAT                                                              \
    (EXT_SPARSE_SUPER | EXT_LARGE_FILE | EXT_HUGE_FILE | EXT_GDT_CSUM | EXT_DIR_NLINK | \
     EXT_EXTRA_ISIZE | EXT_METADATA_CSUM)
#define READ_ONLY_INCOMPAT (EXT_META_BG | EXT_INLINE_DATA)
#define GROUPS_MAX         (1u << 20)
#define CRC32C_TYPE        1u
#define BLOCK_SHIFT_MAX    2u  /* 4 KiB */
#define CLUSTER_SHIFT_MAX  16u /* a group's blocks are still counted in 32 bits */

/* ---- the super block -------------------------------------------------------------------------------- */

static bool is_power_of_two(uint32_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

static bool take_sizes(struct ext_fs *fs, const struct ext_super *super)
{
    fs->block_bits = 10 + super->log_block_size;
    fs->block_size = 1u << fs->block_bits;
    fs->blocks_per_group = super->blocks_per_group;
    fs->inodes_per_group = super->inodes_per_group;
    fs->inode_count = super->inodes_count;
    fs->inode_size = super->rev_level == 0 ? EXT_OLD_INODE : super->inode_size;
    fs->first_ino = super->rev_level == 0 ? 11 : super->first_ino;
    fs->desc_size = fs->incompat & EXT_64BIT ? super->desc_size : 32;
    fs->first_data_block = super->first_data_block;
    fs->reserved_gdt_blocks = super->reserved_gdt_blocks;
    bool begins_at_zero = fs->block_size != 1024 || (fs->ro_compat & EXT_BIGALLOC);
    return fs->first_data_block == (begins_at_zero ? 0u : 1u) && is_power_of_two(fs->inode_size) &&
           fs->inode_size >= EXT_OLD_INODE && fs->inode_size <= fs->block_size &&
           is_power_of_two(fs->desc_size) &&
           (fs->desc_size == 32 || (fs->desc_size >= 64 && fs->desc_size <= 1024)) &&
           (fs->incompat & EXT_64BIT) == (fs->desc_size >= 64 ? EXT_64BIT : 0u);
}

/* A bitmap has a bit for each block of a group; with bigalloc, for each cluster. */
static bool is_group_size(const struct ext_fs *fs, const struct ext_super *super)
{
    uint32_t bits = fs->block_size * 8, blocks = fs->blocks_per_group;
    if (!(fs->ro_compat & EXT_BIGALLOC))
        return blocks >= 8 && blocks <= bits && blocks % 8 == 0;
    uint32_t shift = super->log_cluster_size - super->log_block_size;
    return super->log_cluster_size >= super->log_block_size && shift <= CLUSTER_SHIFT_MAX &&
           super->clusters_per_group >= 8 && super->clusters_per_group <= bits &&
           blocks == super->clusters_per_group << shift;
}

static bool take_counts(struct ext_fs *fs, const struct ext_super *super)
{
    uint32_t bits = fs->block_size * 8;
    fs->block_count = ext_wide(fs, super->blocks_count_lo, super->blocks_count_hi);
    if (!is_group_size(fs, super) || fs->inodes_per_group < 8 || fs->inodes_per_group > bits ||
        fs->inodes_per_group % 8 != 0 || fs->block_count < 16 ||
        fs->block_count > fs->device.size >> fs->block_bits)
        return false;
    uint64_t groups =
        (fs->block_count - fs->first_data_block + fs->blocks_per_group - 1) / fs->blocks_per_group;
    if (groups > GROUPS_MAX || groups * fs->inodes_per_group != fs->inode_count)
        return false;
    fs->group_count = (uint32_t)groups;
    return fs->first_ino >= 11 && fs->first_ino <= fs->inode_count;
}

static status_t take_super(struct ext_fs *fs, struct ext_super *super)
{
    if (super->magic != EXT_MAGIC || super->rev_level > 1)
        return ERR_NOT_SUPPORTED;
    if (super->rev_level == 1) {
        fs->compat = super->compat;
        fs->incompat = super->incompat;
        fs->ro_compat = super->ro_compat;
    }
    fs->checksums = fs->ro_compat & EXT_METADATA_CSUM;
    if ((fs->incompat & ~(uint32_t)KNOWN_INCOMPAT) || super->log_block_size > BLOCK_SHIFT_MAX)
        return ERR_NOT_SUPPORTED;
    if ((fs->ro_compat & ~(uint32_t)WRITABLE_RO_COMPAT) || (fs->incompat & READ_ONLY_INCOMPAT))
        fs->read_only = true;
    if (fs->checksums && (super->checksum_type != CRC32C_TYPE || !ext_super_checksum(super, false)))
        return ERR_IO_ERROR;
    if (fs->checksums)
        fs->seed =
            fs->incompat & EXT_CSUM_SEED ? super->checksum_seed : ext_crc32c(~0u, super->uuid, 16);
    fs->hash_flags = super->flags;
    return take_sizes(fs, super) && take_counts(fs, super) ? OK : ERR_IO_ERROR;
}

static status_t read_super(struct ext_fs *fs)
{
    struct ext_super *super = malloc(sizeof *super);
    if (super == NULL)
        return ERR_NO_MEMORY;
    status_t status = ERR_NOT_SUPPORTED;
    if (fs->device.size >= 2 * EXT_SUPER_OFFSET)
        status =
            fs->device.read(fs->device.context, EXT_SUPER_OFFSET, super, (uint32_t)sizeof *super);
    if (status == OK)
        status = take_super(fs, super);
    free(super);
    if (status == OK)
        status = ext_get(fs, fs->block_size == 1024 ? 1 : 0, KIND_SUPER, 0, &fs->super_buffer);
    return status;
}

/* Into its place, past the journal: only while nothing is in the journal, and for what concerns it. */
static status_t write_super(struct ext_fs *fs)
{
    if (fs->checksums)
        ext_super_checksum(ext_super_of(fs), true);
    status_t status = ext_device_write(fs, fs->super_buffer->block, 1, fs->super_buffer->data);
    return status == OK ? fs->device.flush(fs->device.context) : status;
}

/* ---- groups ----------------------------------------------------------------------------------------- */

static bool is_power_of(uint32_t value, uint32_t base)
{
    while (value > 1 && value % base == 0)
        value /= base;
    return value == 1;
}

bool ext_group_has_super(const struct ext_fs *fs, uint32_t group)
{
    const struct ext_super *super = ext_super_of(fs);
    if (group == 0)
        return true;
    if (fs->compat & EXT_SPARSE_SUPER2)
        return group == super->backup_bgs[0] || group == super->backup_bgs[1];
    if (group == 1 || !(fs->ro_compat & EXT_SPARSE_SUPER))
        return true;
    return is_power_of(group, 3) || is_power_of(group, 5) || is_power_of(group, 7);
}

uint32_t ext_group_blocks(const struct ext_fs *fs, uint32_t group)
{
    uint64_t first = fs->first_data_block + (uint64_t)group * fs->blocks_per_group;
    uint64_t left = fs->block_count - first;
    return left < fs->blocks_per_group ? (uint32_t)left : fs->blocks_per_group;
}

static uint64_t descriptors_place(const struct ext_fs *fs, uint32_t number)
{
    uint32_t first = number * (fs->block_size / fs->desc_size);
    if (!(fs->incompat & EXT_META_BG) || number < ext_super_of(fs)->first_meta_bg)
        return (uint64_t)(fs->block_size == 1024) + 1 + number; /* behind the super block */
    return fs->first_data_block + (uint64_t)first * fs->blocks_per_group +
           ext_group_has_super(fs, first);
}

static bool is_valid_desc(struct ext_fs *fs, uint32_t group, struct ext_group_desc *desc)
{
    uint64_t table = ext_wide(fs, desc->inode_table_lo, desc->inode_table_hi);
    uint64_t length = (uint64_t)fs->inodes_per_group * fs->inode_size / fs->block_size;
    /* With wrong checksums what there is can still be read, as on Linux. */
    return (ext_group_checksum(fs, group, desc, false) || fs->read_only) &&
           ext_block_is_valid(fs, ext_wide(fs, desc->block_bitmap_lo, desc->block_bitmap_hi)) &&
           ext_block_is_valid(fs, ext_wide(fs, desc->inode_bitmap_lo, desc->inode_bitmap_hi)) &&
           ext_block_is_valid(fs, table) && table + length <= fs->block_count;
}

/* seed: the first group of the block. */
bool ext_groups_are_valid(struct ext_fs *fs, struct ext_buffer *buffer)
{
    uint32_t count = fs->block_size / fs->desc_size;
    for (uint32_t i = 0; i < count && buffer->seed + i < fs->group_count; i++)
        if (!is_valid_desc(fs, buffer->seed + i,
                           (struct ext_group_desc *)(buffer->data + i * fs->desc_size)))
            return false;
    return true;
}

status_t ext_group(struct ext_fs *fs, uint32_t group, struct ext_buffer **buffer,
                   struct ext_group_desc **desc)
{
    uint32_t count = fs->block_size / fs->desc_size;
    status_t status = ext_get(fs, descriptors_place(fs, group / count), KIND_GROUPS,
                              group / count * count, buffer);
    if (status == OK)
        *desc = (struct ext_group_desc *)((*buffer)->data + group % count * fs->desc_size);
    return status;
}

static status_t count_free(struct ext_fs *fs, uint64_t *blocks, uint64_t *inodes)
{
    *blocks = *inodes = 0;
    for (uint32_t group = 0; group < fs->group_count; group++) {
        struct ext_buffer *buffer;
        struct ext_group_desc *desc;
        status_t status = ext_group(fs, group, &buffer, &desc);
        if (status != OK)
            return status;
        *blocks += ext_halves(fs, desc->free_blocks_lo, desc->free_blocks_hi);
        *inodes += ext_halves(fs, desc->free_inodes_lo, desc->free_inodes_hi);
        ext_put(fs, buffer);
    }
    return OK;
}

/* What is free is a sum over all groups: it is counted anew where it cannot be right, so that nothing wraps later. */
static status_t check_counts(struct ext_fs *fs)
{
    struct ext_super *super = ext_super_of(fs);
    uint64_t blocks, inodes;
    if (ext_wide(fs, super->free_blocks_lo, super->free_blocks_hi) <= fs->block_count &&
        super->free_inodes <= fs->inode_count)
        return OK;
    status_t status = count_free(fs, &blocks, &inodes);
    if (status != OK)
        return status;
    if (blocks > fs->block_count || inodes > fs->inode_count)
        return ext_damaged(fs);
    super->free_blocks_lo = (uint32_t)blocks;
    super->free_blocks_hi = fs->desc_size >= 64 ? (uint32_t)(blocks >> 32) : 0;
    super->free_inodes = (uint32_t)inodes;
    return OK;
}

/* ---- mount ------------------------------------------------------------------------------------------ */

static status_t open_journal(struct ext_fs *fs, bool asked_read_only)
{
    if (!(fs->compat & EXT_HAS_JOURNAL))
        return fs->incompat & EXT_RECOVER ? ext_damaged(fs) : OK;
    status_t status = ext_journal_open(fs);
    if (status == ERR_READ_ONLY && asked_read_only)
        return OK;
    if (status != OK)
        return status;
    /* A replay has written past the cache. */
    ext_put(fs, fs->super_buffer);
    ext_buffers_end(fs);
    return read_super(fs);
}

/* From here on the file system is in use. */
static status_t begin_writing(struct ext_fs *fs)
{
    struct ext_super *super = ext_super_of(fs);
    if (fs->journal != NULL)
        super->incompat |= EXT_RECOVER;
    else
        super->state &= (uint16_t)~EXT_STATE_VALID;
    super->mtime = super->wtime = (uint32_t)(ext_now(fs) / 1000000000u);
    super->mount_count++;
    status_t status = write_super(fs);
    return status == OK ? ext_orphans_release(fs) : status;
}

static status_t mount(struct ext_fs *fs, bool read_only)
{
    status_t status = read_super(fs);
    if (status == OK)
        status = open_journal(fs, read_only);
    fs->read_only |= read_only;
    if (status == OK)
        status = check_counts(fs);
    if (status != OK)
        return status;
    fs->generation = (uint32_t)(ext_now(fs) >> 10);
    /* One that is damaged can still be read. */
    if (!fs->read_only && (ext_super_of(fs)->state & EXT_STATE_ERROR))
        fs->read_only = true;
    return fs->read_only ? OK : begin_writing(fs);
}

status_t ext_mount(const struct ext_device *device, uint32_t flags, struct ext_fs **result)
{
    struct ext_fs *fs = calloc(1, sizeof *fs);
    if (fs == NULL)
        return ERR_NO_MEMORY;
    fs->device = *device;
    fs->lru.newer = fs->lru.older = &fs->lru;
    fs->buffers = (struct table){fs->buckets, EXT_BUCKETS};
    fs->bounce = malloc(EXT_BLOCK_MAX);
    status_t status = fs->bounce == NULL ? ERR_NO_MEMORY : mount(fs, flags & EXT_MOUNT_READ_ONLY);
    if (status == OK)
        *result = fs;
    else
        ext_abandon(fs);
    return status;
}

static status_t end_writing(struct ext_fs *fs)
{
    struct ext_super *super = ext_super_of(fs);
    super->incompat &= ~(uint32_t)EXT_RECOVER;
    super->state |= fs->damaged ? EXT_STATE_ERROR : EXT_STATE_VALID;
    super->wtime = (uint32_t)(ext_now(fs) / 1000000000u);
    return write_super(fs);
}

status_t ext_unmount(struct ext_fs *fs)
{
    bool writing = !fs->read_only || fs->damaged;
    status_t status = ext_commit(fs);
    if (status == OK)
        status = ext_checkpoint(fs);
    if (status == OK && writing)
        status = end_writing(fs);
    ext_abandon(fs);
    return status;
}

void ext_abandon(struct ext_fs *fs)
{
    ext_buffers_end(fs);
    ext_journal_end(fs);
    free(fs->freed);
    free(fs->bounce);
    free(fs);
}

/* ---- small things ----------------------------------------------------------------------------------- */

bool ext_is_read_only(const struct ext_fs *fs)
{
    return fs->read_only;
}

void ext_get_statistics(struct ext_fs *fs, struct ext_statistics *statistics)
{
    const struct ext_super *super = ext_super_of(fs);
    uint64_t reserved = ext_wide(fs, super->r_blocks_count_lo, super->r_blocks_count_hi);
    uint64_t unused = ext_wide(fs, super->free_blocks_lo, super->free_blocks_hi);
    *statistics = (struct ext_statistics){
        .blocks = fs->block_count,
        .blocks_free = unused,
        .blocks_available = unused > reserved ? unused - reserved : 0,
        .files = fs->inode_count,
        .files_free = super->free_inodes,
        .block_size = fs->block_size,
        .read_only = fs->read_only,
    };
}
