/* SPDX-License-Identifier: MIT */
/*
 * Files mapped as in ext2: twelve blocks in the inode, then tables of blocks, tables of tables, and
 * tables of those.
 */
#include "internal.h"

#define TRIM_RESERVE 16u
#define LEVELS       3u

static uint32_t per_table(const struct ext_fs *fs)
{
    return fs->block_size / 4;
}

/* How many blocks of the file one entry of a table at that level stands for. */
static uint64_t span_of(const struct ext_fs *fs, uint32_t level)
{
    uint64_t span = 1;
    while (level-- > 0)
        span *= per_table(fs);
    return span;
}

/* Which entry of the inode a block hangs on; *rest: its place below that. LEVELS + 1: too far. */
static uint32_t root_entry(const struct ext_fs *fs, uint32_t logical, uint32_t *entry,
                           uint64_t *rest)
{
    *rest = logical;
    *entry = logical;
    if (logical < EXT_DIRECT_BLOCKS)
        return 0;
    *rest -= EXT_DIRECT_BLOCKS;
    for (uint32_t level = 1; level <= LEVELS; level++) {
        *entry = EXT_DIRECT_BLOCKS + level - 1;
        if (*rest < span_of(fs, level))
            return level;
        *rest -= span_of(fs, level);
    }
    return LEVELS + 1;
}

static status_t get_table(struct ext_ref *ref, uint32_t block, struct ext_buffer **table)
{
    if (!ext_block_is_valid(ref->fs, block))
        return ext_damaged(ref->fs);
    return ext_get(ref->fs, block, KIND_PLAIN, 0, table);
}

/* ---- reading ---------------------------------------------------------------------------------------- */

/* Entries from slots[at] on that are alike. */
static void map_run(const uint32_t *slots, uint32_t at, uint32_t end, uint32_t count,
                    struct ext_mapping *mapping)
{
    uint32_t first = slots[at], length = 1;
    while (length < count && at + length < end &&
           slots[at + length] == (first == 0 ? 0 : first + length))
        length++;
    *mapping = (struct ext_mapping){.physical = first, .count = length};
}

static void map_hole(uint64_t left, uint32_t count, struct ext_mapping *mapping)
{
    *mapping = (struct ext_mapping){.count = left < count ? (uint32_t)left : count};
}

status_t ext_indirect_map(struct ext_ref *ref, uint32_t logical, uint32_t count,
                          struct ext_mapping *mapping)
{
    struct ext_fs *fs = ref->fs;
    uint64_t rest;
    uint32_t entry, level = root_entry(fs, logical, &entry, &rest);
    if (level == 0) {
        map_run(ref->inode->block, logical, EXT_DIRECT_BLOCKS, count, mapping);
        return OK;
    }
    if (level > LEVELS)
        return ERR_FILE_TOO_LARGE;
    uint32_t block = ref->inode->block[entry];
    for (;; level--) {
        struct ext_buffer *table;
        if (block == 0) {
            map_hole(span_of(fs, level) - rest, count, mapping);
            return OK;
        }
        status_t status = get_table(ref, block, &table);
        if (status != OK)
            return status;
        const uint32_t *slots = (const uint32_t *)table->data;
        uint64_t span = span_of(fs, level - 1);
        uint32_t at = (uint32_t)(rest / span);
        if (level == 1)
            map_run(slots, at, per_table(fs), count, mapping);
        block = slots[at];
        rest %= span;
        ext_put(fs, table);
        if (level == 1)
            return OK;
    }
}

/* ---- inserting -------------------------------------------------------------------------------------- */

/* The table that the slot names, made if there is none. What holds the slot is changed already. */
static status_t need_table(struct ext_ref *ref, uint32_t *slot, struct ext_buffer **table)
{
    uint64_t block;
    uint32_t count;
    if (*slot != 0) {
        status_t status = get_table(ref, *slot, table);
        if (status == OK && (status = ext_change(ref->fs, *table)) != OK)
            ext_put(ref->fs, *table);
        return status;
    }
    status_t status = ext_allocate_blocks(ref->fs, ext_inode_goal(ref), 1, &block, &count);
    if (status == OK && block > UINT32_MAX)
        status = ERR_NO_SPACE;
    if (status == OK)
        status = ext_get_new(ref->fs, block, KIND_PLAIN, 0, table);
    if (status != OK)
        return status;
    *slot = (uint32_t)block;
    ext_inode_add_blocks(ref, 1);
    return OK;
}

/* As many as are in the same table: *done. */
static status_t insert_some(struct ext_ref *ref, uint32_t logical, uint32_t count,
                            uint64_t physical, uint32_t *done)
{
    struct ext_fs *fs = ref->fs;
    struct ext_buffer *table = NULL, *next;
    uint64_t rest;
    uint32_t entry, level = root_entry(fs, logical, &entry, &rest), end = EXT_DIRECT_BLOCKS;
    uint32_t *slots = ref->inode->block;
    if (level > LEVELS)
        return ERR_FILE_TOO_LARGE;
    for (; level > 0; level--) {
        status_t status = need_table(ref, &slots[entry], &next);
        if (table != NULL)
            ext_put(fs, table);
        if (status != OK)
            return status;
        table = next;
        slots = (uint32_t *)table->data;
        end = per_table(fs);
        entry = (uint32_t)(rest / span_of(fs, level - 1));
        rest %= span_of(fs, level - 1);
    }
    for (*done = 0; *done < count && entry + *done < end; ++*done)
        slots[entry + *done] = (uint32_t)(physical + *done);
    if (table != NULL)
        ext_put(fs, table);
    return OK;
}

status_t ext_indirect_insert(struct ext_ref *ref, uint32_t logical, uint32_t count,
                             uint64_t physical)
{
    uint32_t done;
    if (physical + count > UINT32_MAX)
        return ERR_NO_SPACE;
    for (; count > 0; logical += done, physical += done, count -= done) {
        status_t status = insert_some(ref, logical, count, physical, &done);
        if (status != OK)
            return status;
    }
    return OK;
}

/* ---- cutting ---------------------------------------------------------------------------------------- */

struct trim {
    struct ext_ref *ref;
    uint64_t first;
    bool metadata, more;
};

static status_t free_one(struct trim *trim, uint32_t *slot, bool metadata)
{
    status_t status = ext_free_blocks(trim->ref->fs, *slot, 1, metadata);
    if (status != OK)
        return status;
    ext_inode_add_blocks(trim->ref, -1);
    *slot = 0;
    return OK;
}

static status_t trim_slot(struct trim *trim, uint32_t *slot, uint32_t level, uint64_t base);

/* The entries of a table, from its end on. */
static status_t trim_table(struct trim *trim, struct ext_buffer *table, uint32_t level,
                           uint64_t base)
{
    struct ext_fs *fs = trim->ref->fs;
    uint32_t *slots = (uint32_t *)table->data;
    uint64_t span = span_of(fs, level - 1);
    status_t status = ext_change(fs, table);
    for (uint32_t i = per_table(fs); status == OK && !trim->more && i-- > 0;) {
        if (base + (i + 1) * span <= trim->first)
            break;
        if (slots[i] != 0)
            status = trim_slot(trim, &slots[i], level - 1, base + i * span);
    }
    return status;
}

static status_t trim_slot(struct trim *trim, uint32_t *slot, uint32_t level, uint64_t base)
{
    struct ext_fs *fs = trim->ref->fs;
    struct ext_buffer *table;
    if (fs->changed_count + TRIM_RESERVE > EXT_OPERATION_LIMIT) {
        trim->more = true;
        return OK;
    }
    if (level == 0)
        return free_one(trim, slot, trim->metadata);
    status_t status = get_table(trim->ref, *slot, &table);
    if (status != OK)
        return status;
    status = trim_table(trim, table, level, base);
    ext_put(fs, table);
    if (status == OK && !trim->more && base >= trim->first)
        status = free_one(trim, slot, true);
    return status;
}

status_t ext_indirect_trim(struct ext_ref *ref, uint32_t first, bool metadata, bool *more)
{
    struct trim trim = {.ref = ref, .first = first, .metadata = metadata};
    uint32_t *root = ref->inode->block;
    for (uint32_t level = LEVELS + 1; level-- > 1 && !trim.more;) {
        uint32_t *slot = &root[EXT_DIRECT_BLOCKS + level - 1];
        uint64_t base = EXT_DIRECT_BLOCKS;
        for (uint32_t below = 1; below < level; below++)
            base += span_of(ref->fs, below);
        if (*slot == 0 || base + span_of(ref->fs, level) <= first)
            continue;
        status_t status = trim_slot(&trim, slot, level, base);
        if (status != OK)
            return status;
    }
    for (uint32_t i = EXT_DIRECT_BLOCKS; i-- > first && !trim.more;) {
        status_t status = root[i] != 0 ? trim_slot(&trim, &root[i], 0, i) : OK;
        if (status != OK)
            return status;
    }
    *more = trim.more;
    return OK;
}
