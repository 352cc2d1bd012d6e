/* SPDX-License-Identifier: MIT */
/*
 * Which blocks and inodes are free: bitmaps, and counts of them in descriptors and super block.
 *
 * A block that is freed stays unusable until the transaction has committed: after a power cut before
 * that, it is still what it was. So a bitmap in which blocks were freed keeps its state from before
 * (frozen), and allocation takes only what is free in both.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static bool bit_is_set(const uint8_t *bits, uint32_t at)
{
    return bits[at / 8] >> at % 8 & 1;
}

static void set_bits(uint8_t *bits, uint32_t from, uint32_t end)
{
    for (; from < end; from++)
        bits[from / 8] |= (uint8_t)(1u << from % 8);
}

/* ---- counts ----------------------------------------------------------------------------------------- */

/* Add to a count that is kept in two halves; false: it would leave 0..limit. */
static bool add_halves(const struct ext_fs *fs, uint16_t *low, uint16_t *high, int32_t more,
                       uint32_t limit)
{
    bool wide = fs->desc_size >= 64;
    int64_t count = (int64_t)(*low | (wide ? (uint32_t)*high << 16 : 0)) + more;
    if (count < 0 || count > limit)
        return false;
    *low = (uint16_t)count;
    if (wide)
        *high = (uint16_t)(count >> 16);
    return true;
}

static status_t count_blocks(struct ext_fs *fs, struct ext_group_desc *desc, int32_t more)
{
    status_t status = ext_change_super(fs);
    if (status != OK)
        return status;
    struct ext_super *super = ext_super_of(fs);
    int64_t unused = (int64_t)ext_wide(fs, super->free_blocks_lo, super->free_blocks_hi) + more;
    if (unused < 0 || (uint64_t)unused > fs->block_count ||
        !add_halves(fs, &desc->free_blocks_lo, &desc->free_blocks_hi, more, fs->blocks_per_group))
        return ext_damaged(fs);
    super->free_blocks_lo = (uint32_t)unused;
    if (fs->desc_size >= 64)
        super->free_blocks_hi = (uint32_t)((uint64_t)unused >> 32);
    return OK;
}

static status_t count_inodes(struct ext_fs *fs, struct ext_group_desc *desc, int32_t more,
                             bool directory)
{
    status_t status = ext_change_super(fs);
    if (status != OK)
        return status;
    struct ext_super *super = ext_super_of(fs);
    int64_t unused = (int64_t)super->free_inodes + more;
    if (unused < 0 || unused > fs->inode_count ||
        !add_halves(fs, &desc->free_inodes_lo, &desc->free_inodes_hi, more, fs->inodes_per_group) ||
        (directory &&
         !add_halves(fs, &desc->used_dirs_lo, &desc->used_dirs_hi, -more, fs->inodes_per_group)))
        return ext_damaged(fs);
    super->free_inodes = (uint32_t)unused;
    return OK;
}

/* ---- bitmaps ---------------------------------------------------------------------------------------- */

struct bitmap {
    struct ext_buffer *buffer, *groups;
    struct ext_group_desc *desc;
};

static void put_bitmap(struct ext_fs *fs, struct bitmap *bitmap)
{
    ext_put(fs, bitmap->buffer);
    ext_put(fs, bitmap->groups);
}

/* The bits of one area of blocks, as far as it lies in the group. */
static void set_area(const struct ext_fs *fs, uint8_t *bits, uint32_t group, uint64_t block,
                     uint64_t count)
{
    uint64_t first = fs->first_data_block + (uint64_t)group * fs->blocks_per_group;
    for (; count > 0; count--, block++)
        if (block >= first && block - first < fs->blocks_per_group)
            set_bits(bits, (uint32_t)(block - first), (uint32_t)(block - first) + 1);
}

/* Of a group in which no block of data was ever used: what is not data is computed. */
static void fill_block_bitmap(const struct ext_fs *fs, uint32_t group,
                              const struct ext_group_desc *desc, uint8_t *bits)
{
    uint64_t first = fs->first_data_block + (uint64_t)group * fs->blocks_per_group;
    uint32_t descs = fs->block_size / fs->desc_size;
    memset(bits, 0, fs->block_size);
    if (ext_group_has_super(fs, group))
        set_area(fs, bits, group, first,
                 1 + (fs->group_count + descs - 1) / descs + fs->reserved_gdt_blocks);
    set_area(fs, bits, group, ext_wide(fs, desc->block_bitmap_lo, desc->block_bitmap_hi), 1);
    set_area(fs, bits, group, ext_wide(fs, desc->inode_bitmap_lo, desc->inode_bitmap_hi), 1);
    set_area(fs, bits, group, ext_wide(fs, desc->inode_table_lo, desc->inode_table_hi),
             (uint64_t)fs->inodes_per_group * fs->inode_size / fs->block_size);
    set_bits(bits, ext_group_blocks(fs, group), fs->block_size * 8);
}

/* Of the descriptor, and of `count` bits. */
static status_t change_both(struct ext_fs *fs, struct bitmap *bitmap, uint32_t from, uint32_t count)
{
    uint32_t offset = (uint32_t)((uint8_t *)bitmap->desc - bitmap->groups->data);
    uint32_t first = from / 8, end = (from + count + 7) / 8;
    status_t status = ext_change_part(fs, bitmap->groups, offset, fs->desc_size);
    return status == OK ? ext_change_part(fs, bitmap->buffer, first, end - first) : status;
}

static status_t initialise(struct ext_fs *fs, struct bitmap *bitmap, uint32_t group, bool blocks)
{
    status_t status = change_both(fs, bitmap, 0, fs->block_size * 8);
    if (status != OK)
        return status;
    if (blocks) {
        fill_block_bitmap(fs, group, bitmap->desc, bitmap->buffer->data);
        bitmap->desc->flags &= (uint16_t)~EXT_BLOCK_UNINIT;
    } else {
        memset(bitmap->buffer->data, 0, fs->block_size);
        set_bits(bitmap->buffer->data, fs->inodes_per_group, fs->block_size * 8);
        bitmap->desc->flags &= (uint16_t)~EXT_INODE_UNINIT;
    }
    return OK;
}

static status_t get_bitmap(struct ext_fs *fs, uint32_t group, bool blocks, struct bitmap *bitmap)
{
    status_t status = ext_group(fs, group, &bitmap->groups, &bitmap->desc);
    if (status != OK)
        return status;
    const struct ext_group_desc *desc = bitmap->desc;
    uint64_t place = blocks ? ext_wide(fs, desc->block_bitmap_lo, desc->block_bitmap_hi)
                            : ext_wide(fs, desc->inode_bitmap_lo, desc->inode_bitmap_hi);
    status =
        ext_get(fs, place, blocks ? KIND_BLOCK_BITMAP : KIND_INODE_BITMAP, group, &bitmap->buffer);
    if (status != OK) {
        ext_put(fs, bitmap->groups);
        return status;
    }
    bool checked = fs->checksums || (fs->ro_compat & EXT_GDT_CSUM);
    if (checked && (desc->flags & (blocks ? EXT_BLOCK_UNINIT : EXT_INODE_UNINIT)))
        status = initialise(fs, bitmap, group, blocks);
    if (status != OK)
        put_bitmap(fs, bitmap);
    return status;
}

/* ---- blocks ----------------------------------------------------------------------------------------- */

static bool is_free(const struct ext_buffer *buffer, uint32_t at)
{
    return !bit_is_set(buffer->data, at) &&
           (buffer->frozen == NULL || !bit_is_set(buffer->frozen, at));
}

/* The first run of free bits in [from, end), at most `wanted` long; 0: there is none. */
static uint32_t find_run(const struct ext_buffer *buffer, uint32_t from, uint32_t end,
                         uint32_t wanted, uint32_t *start)
{
    while (from < end) {
        if (from % 8 == 0 && buffer->data[from / 8] == 0xFF) {
            from += 8;
            continue;
        }
        if (!is_free(buffer, from)) {
            from++;
            continue;
        }
        uint32_t count = 1;
        while (count < wanted && from + count < end && is_free(buffer, from + count))
            count++;
        *start = from;
        return count;
    }
    return 0;
}

/* Where to go on searching, if from there on nothing is free for a while. */
static uint32_t skip_taken(const struct ext_taken *taken, uint32_t group, uint32_t from)
{
    return taken->group == group && from >= taken->from && from < taken->end ? taken->end : from;
}

static void note_taken(struct ext_taken *taken, uint32_t group, uint32_t from, uint32_t end)
{
    bool goes_on = taken->group == group && from >= taken->from && from <= taken->end;
    *taken = (struct ext_taken){group, goes_on ? taken->from : from, end};
}

/* ERR_NO_SPACE: not in this group. */
static status_t allocate_in_group(struct ext_fs *fs, uint32_t group, uint32_t from, uint32_t wanted,
                                  uint64_t *block, uint32_t *count)
{
    struct bitmap bitmap;
    uint32_t start = 0;
    status_t status = get_bitmap(fs, group, true, &bitmap);
    if (status != OK)
        return status;
    *count = 0;
    from = skip_taken(&fs->taken_blocks, group, from);
    if (ext_halves(fs, bitmap.desc->free_blocks_lo, bitmap.desc->free_blocks_hi) > 0)
        *count = find_run(bitmap.buffer, from, ext_group_blocks(fs, group), wanted, &start);
    status = *count == 0 ? ERR_NO_SPACE : change_both(fs, &bitmap, start, *count);
    if (status == OK)
        status = count_blocks(fs, bitmap.desc, -(int32_t)*count);
    if (status == OK) {
        set_bits(bitmap.buffer->data, start, start + *count);
        note_taken(&fs->taken_blocks, group, from, start + *count);
        if (bitmap.buffer->frozen != NULL) /* freed again, it waits for the commit as well */
            set_bits(bitmap.buffer->frozen, start, start + *count);
        *block = fs->first_data_block + (uint64_t)group * fs->blocks_per_group + start;
    }
    put_bitmap(fs, &bitmap);
    return status;
}

/* Not to read, or initialise, the bitmaps of full groups. */
static bool has_free_blocks(struct ext_fs *fs, uint32_t group)
{
    struct ext_buffer *groups;
    struct ext_group_desc *desc;
    if (ext_group(fs, group, &groups, &desc) != OK)
        return false;
    bool any = ext_halves(fs, desc->free_blocks_lo, desc->free_blocks_hi) > 0;
    ext_put(fs, groups);
    return any;
}

status_t ext_allocate_blocks(struct ext_fs *fs, uint64_t goal, uint32_t wanted, uint64_t *block,
                             uint32_t *count)
{
    if (!ext_block_is_valid(fs, goal))
        goal = fs->first_data_block + 1;
    uint64_t offset = goal - fs->first_data_block;
    uint32_t first = (uint32_t)(offset / fs->blocks_per_group);
    for (uint32_t i = 0; i <= fs->group_count; i++) {
        uint32_t group = (first + i) % fs->group_count;
        if (!has_free_blocks(fs, group))
            continue;
        status_t status =
            allocate_in_group(fs, group, i == 0 ? (uint32_t)(offset % fs->blocks_per_group) : 0,
                              wanted, block, count);
        if (status == OK && !ext_block_is_valid(fs, *block))
            return ext_damaged(fs);
        if (status != ERR_NO_SPACE)
            return status;
    }
    return ERR_NO_SPACE;
}

static status_t remember_freed(struct ext_fs *fs, uint64_t block, uint32_t count)
{
    if (fs->freed_count + count > fs->freed_capacity) {
        uint32_t capacity = (fs->freed_count + count) * 2 + 64;
        uint64_t *freed = realloc(fs->freed, capacity * sizeof *freed);
        if (freed == NULL)
            return ERR_NO_MEMORY;
        fs->freed = freed;
        fs->freed_capacity = capacity;
    }
    while (count-- > 0)
        fs->freed[fs->freed_count++] = block++;
    return OK;
}

static status_t freeze(struct ext_fs *fs, struct ext_buffer *buffer)
{
    fs->any_freed = true;
    if (buffer->frozen != NULL)
        return OK;
    buffer->frozen = malloc(fs->block_size);
    if (buffer->frozen == NULL)
        return ERR_NO_MEMORY;
    memcpy(buffer->frozen, buffer->data, fs->block_size);
    return OK;
}

static status_t free_in_group(struct ext_fs *fs, uint32_t group, uint32_t from, uint32_t count)
{
    struct bitmap bitmap;
    status_t status = get_bitmap(fs, group, true, &bitmap);
    if (status != OK)
        return status;
    status = change_both(fs, &bitmap, from, count);
    if (status == OK)
        status = freeze(fs, bitmap.buffer);
    if (status == OK)
        status = count_blocks(fs, bitmap.desc, (int32_t)count);
    for (uint32_t at = from; status == OK && at < from + count; at++) {
        if (!bit_is_set(bitmap.buffer->data, at))
            status = ext_damaged(fs);
        bitmap.buffer->data[at / 8] &= (uint8_t) ~(1u << at % 8);
    }
    put_bitmap(fs, &bitmap);
    return status;
}

status_t ext_free_blocks(struct ext_fs *fs, uint64_t block, uint32_t count, bool metadata)
{
    if (!ext_block_is_valid(fs, block) || count > fs->block_count - block)
        return ext_damaged(fs);
    status_t status = metadata ? remember_freed(fs, block, count) : OK;
    while (status == OK && count > 0) {
        uint64_t offset = block - fs->first_data_block;
        uint32_t from = (uint32_t)(offset % fs->blocks_per_group);
        uint32_t here = fs->blocks_per_group - from;
        here = here < count ? here : count;
        status = free_in_group(fs, (uint32_t)(offset / fs->blocks_per_group), from, here);
        block += here;
        count -= here;
    }
    return status;
}

/* ---- inodes ----------------------------------------------------------------------------------------- */

/* With checksums, the end of a table that was never used is not looked at by others. */
static void use_inode_table(const struct ext_fs *fs, struct ext_group_desc *desc, uint32_t index)
{
    uint32_t unused = ext_halves(fs, desc->itable_unused_lo, desc->itable_unused_hi);
    uint32_t left = fs->inodes_per_group - (index + 1);
    if (unused <= left)
        return;
    desc->itable_unused_lo = (uint16_t)left;
    if (fs->desc_size >= 64)
        desc->itable_unused_hi = (uint16_t)(left >> 16);
}

/* The reserved ones fill the first groups, if these are small. */
static uint32_t first_usable_inode(const struct ext_fs *fs, uint32_t group)
{
    uint64_t before = (uint64_t)group * fs->inodes_per_group, reserved = fs->first_ino - 1;
    if (reserved <= before)
        return 0;
    return reserved - before < fs->inodes_per_group ? (uint32_t)(reserved - before)
                                                    : fs->inodes_per_group;
}

static status_t allocate_inode_in(struct ext_fs *fs, uint32_t group, bool directory, uint32_t *ino)
{
    struct bitmap bitmap;
    status_t status = get_bitmap(fs, group, false, &bitmap);
    if (status != OK)
        return status;
    uint32_t at, from = first_usable_inode(fs, group);
    from = at = skip_taken(&fs->taken_inodes, group, from);
    while (at < fs->inodes_per_group && bit_is_set(bitmap.buffer->data, at))
        at = at % 8 == 0 && bitmap.buffer->data[at / 8] == 0xFF ? at + 8 : at + 1;
    status = at >= fs->inodes_per_group ? ERR_NO_SPACE : change_both(fs, &bitmap, at, 1);
    if (status == OK)
        status = count_inodes(fs, bitmap.desc, -1, directory);
    if (status == OK) {
        set_bits(bitmap.buffer->data, at, at + 1);
        note_taken(&fs->taken_inodes, group, from, at + 1);
        use_inode_table(fs, bitmap.desc, at);
        *ino = group * fs->inodes_per_group + at + 1;
    }
    put_bitmap(fs, &bitmap);
    return status;
}

static uint32_t free_inodes_of(struct ext_fs *fs, uint32_t group, uint32_t *directories)
{
    struct ext_buffer *groups;
    struct ext_group_desc *desc;
    if (ext_group(fs, group, &groups, &desc) != OK)
        return 0;
    uint32_t count = ext_halves(fs, desc->free_inodes_lo, desc->free_inodes_hi);
    if (directories != NULL)
        *directories = ext_halves(fs, desc->used_dirs_lo, desc->used_dirs_hi);
    ext_put(fs, groups);
    return count;
}

/* Directories at the top are spread; what is in a directory lies near it. */
static uint32_t first_group(struct ext_fs *fs, uint32_t parent, bool directory)
{
    uint32_t best = (parent - 1) / fs->inodes_per_group, fewest = UINT32_MAX;
    if (!directory || parent != EXT_ROOT)
        return best;
    uint32_t average = ext_super_of(fs)->free_inodes / fs->group_count;
    for (uint32_t group = 0; group < fs->group_count; group++) {
        uint32_t directories = 0, unused = free_inodes_of(fs, group, &directories);
        if (unused > 0 && unused >= average && directories < fewest && has_free_blocks(fs, group)) {
            fewest = directories;
            best = group;
        }
    }
    return best;
}

status_t ext_allocate_inode(struct ext_fs *fs, uint32_t parent, bool directory, uint32_t *ino)
{
    uint32_t first = first_group(fs, parent, directory);
    for (uint32_t i = 0; i < fs->group_count; i++) {
        uint32_t group = (first + i) % fs->group_count;
        if (free_inodes_of(fs, group, NULL) == 0)
            continue;
        status_t status = allocate_inode_in(fs, group, directory, ino);
        if (status != ERR_NO_SPACE)
            return status;
    }
    return ERR_NO_SPACE;
}

status_t ext_free_inode(struct ext_fs *fs, uint32_t ino, bool directory)
{
    struct bitmap bitmap;
    uint32_t group = (ino - 1) / fs->inodes_per_group, at = (ino - 1) % fs->inodes_per_group;
    status_t status = get_bitmap(fs, group, false, &bitmap);
    if (status != OK)
        return status;
    status = change_both(fs, &bitmap, at, 1);
    if (status == OK && !bit_is_set(bitmap.buffer->data, at))
        status = ext_damaged(fs);
    if (status == OK)
        status = count_inodes(fs, bitmap.desc, 1, directory);
    if (status == OK) {
        bitmap.buffer->data[at / 8] &= (uint8_t) ~(1u << at % 8);
        fs->taken_inodes.end = fs->taken_inodes.group == group && at < fs->taken_inodes.end
                                   ? at
                                   : fs->taken_inodes.end;
    }
    put_bitmap(fs, &bitmap);
    return status;
}
