/* SPDX-License-Identifier: MIT */
/* Where the blocks of a file are, whichever way the inode says it. */
#include "internal.h"

static bool has_map(const struct ext_ref *ref)
{
    return !ext_is_inline(ref) &&
           (ext_is_type(ref, EXT_TYPE_FILE) || ext_is_type(ref, EXT_TYPE_DIRECTORY) ||
            (ext_is_type(ref, EXT_TYPE_LINK) && !ext_link_is_fast(ref)));
}

static bool by_extents(const struct ext_ref *ref)
{
    return ref->inode->flags & EXT_MAPPED_BY_EXTENTS;
}

uint64_t ext_map_limit(const struct ext_ref *ref)
{
    uint64_t per_block = ref->fs->block_size / 4, blocks = UINT32_MAX;
    if (!by_extents(ref))
        blocks = EXT_DIRECT_BLOCKS + per_block + per_block * per_block +
                 per_block * per_block * per_block;
    return (blocks < UINT32_MAX ? blocks : UINT32_MAX) << ref->fs->block_bits;
}

status_t ext_map(struct ext_ref *ref, uint32_t logical, uint32_t count, struct ext_mapping *mapping)
{
    if (!has_map(ref))
        return ext_damaged(ref->fs);
    status_t status = by_extents(ref) ? ext_extent_map(ref, logical, count, mapping)
                                      : ext_indirect_map(ref, logical, count, mapping);
    if (status == OK && mapping->physical != 0 &&
        (!ext_block_is_valid(ref->fs, mapping->physical) ||
         mapping->count > ref->fs->block_count - mapping->physical))
        status = ext_damaged(ref->fs);
    return status;
}

/* Behind the block before this one, or near the inode. */
static uint64_t goal_of(struct ext_ref *ref, uint32_t logical)
{
    struct ext_mapping before;
    if (logical > 0 && ext_map(ref, logical - 1, 1, &before) == OK && before.physical != 0)
        return before.physical + 1;
    return ext_inode_goal(ref);
}

static status_t fill_hole(struct ext_ref *ref, uint32_t logical, struct ext_mapping *mapping)
{
    uint32_t wanted = mapping->count < EXT_EXTENT_LENGTH ? mapping->count : EXT_EXTENT_LENGTH;
    status_t status = ext_allocate_blocks(ref->fs, goal_of(ref, logical), wanted,
                                          &mapping->physical, &mapping->count);
    if (status != OK)
        return status;
    mapping->fresh = true;
    ext_inode_add_blocks(ref, mapping->count);
    if (by_extents(ref))
        return ext_extent_insert(ref, logical, mapping->count, mapping->physical, false);
    return ext_indirect_insert(ref, logical, mapping->count, mapping->physical);
}

status_t ext_map_for_write(struct ext_ref *ref, uint32_t logical, uint32_t count,
                           struct ext_mapping *mapping)
{
    status_t status = ext_map(ref, logical, count, mapping);
    if (status == OK)
        status = ext_inode_change(ref);
    if (status != OK)
        return status;
    if (mapping->physical == 0)
        return fill_hole(ref, logical, mapping);
    if (!mapping->unwritten)
        return OK;
    mapping->unwritten = false;
    mapping->fresh = true;
    return ext_extent_written(ref, logical, mapping->count);
}

status_t ext_map_trim(struct ext_ref *ref, uint32_t first, bool *more)
{
    bool metadata = !ext_is_type(ref, EXT_TYPE_FILE);
    *more = false;
    if (!has_map(ref))
        return OK;
    status_t status = ext_inode_change(ref);
    if (status != OK)
        return status;
    return by_extents(ref) ? ext_extent_trim(ref, first, metadata, more)
                           : ext_indirect_trim(ref, first, metadata, more);
}
