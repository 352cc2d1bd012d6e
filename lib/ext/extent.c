/* SPDX-License-Identifier: MIT */
/*
 * Files mapped by extents: a B+ tree whose root is in the inode and whose leaves hold runs of blocks.
 * The key of an index entry is that of the first entry below it. Insertion goes down the tree; when
 * the leaf is full, one split or one more level is made, and it goes down again.
 */
#include <string.h>

#include "internal.h"

#define ROOT_LIMIT    4u
#define TRIES         (2 * EXT_EXTENT_DEPTH_MAX + 2)
#define TRIM_RESERVE  32u /* blocks that freeing one more extent may change */
#define WRITTEN_MAX   EXT_EXTENT_LENGTH
#define UNWRITTEN_MAX (EXT_EXTENT_LENGTH - 1)

struct step {
    struct ext_buffer *buffer; /* NULL: the root */
    struct ext_extent_header *header;
    int32_t at; /* the last entry that is not behind what is looked for; -1: all are */
};
struct path {
    struct step step[EXT_EXTENT_DEPTH_MAX + 1];
    uint32_t depth;
};

static struct ext_extent *extents(const struct step *step)
{
    return (struct ext_extent *)(step->header + 1);
}

static struct ext_extent_index *indexes(const struct step *step)
{
    return (struct ext_extent_index *)(step->header + 1);
}

static uint32_t length_of(const struct ext_extent *extent)
{
    return extent->length > EXT_EXTENT_LENGTH ? extent->length - EXT_EXTENT_LENGTH : extent->length;
}

static bool is_unwritten(const struct ext_extent *extent)
{
    return extent->length > EXT_EXTENT_LENGTH;
}

static uint64_t start_of(const struct ext_extent *extent)
{
    return extent->start_lo | (uint64_t)extent->start_hi << 32;
}

static void set_extent(struct ext_extent *extent, uint32_t logical, uint32_t count,
                       uint64_t physical, bool unwritten)
{
    extent->logical = logical;
    extent->length = (uint16_t)(count + (unwritten ? EXT_EXTENT_LENGTH : 0));
    extent->start_lo = (uint32_t)physical;
    extent->start_hi = (uint16_t)(physical >> 32);
}

static uint32_t node_limit(const struct ext_fs *fs)
{
    return (fs->block_size - (uint32_t)sizeof(struct ext_extent_header)) /
           (uint32_t)sizeof(struct ext_extent);
}

void ext_extent_init(struct ext_inode *inode)
{
    struct ext_extent_header *root = (struct ext_extent_header *)inode->block;
    *root = (struct ext_extent_header){.magic = EXT_EXTENT_MAGIC, .limit = ROOT_LIMIT};
    inode->flags |= EXT_MAPPED_BY_EXTENTS;
}

/* ---- going down ------------------------------------------------------------------------------------- */

static void end_path(struct ext_fs *fs, struct path *path)
{
    for (uint32_t i = 0; i <= path->depth && i <= EXT_EXTENT_DEPTH_MAX; i++)
        if (path->step[i].buffer != NULL)
            ext_put(fs, path->step[i].buffer);
}

static bool is_sound(const struct ext_fs *fs, const struct step *step, uint32_t depth)
{
    uint32_t most = step->buffer != NULL ? node_limit(fs) : ROOT_LIMIT;
    return step->header->magic == EXT_EXTENT_MAGIC && step->header->depth == depth &&
           step->header->limit >= 2 && step->header->limit <= most &&
           step->header->count <= step->header->limit && (depth == 0 || step->header->count > 0);
}

/* All entries have their key at the same place. */
static void find_in_step(struct step *step, uint32_t logical)
{
    int32_t low = 0, high = step->header->count;
    while (low < high) {
        int32_t middle = (low + high) / 2;
        if (extents(step)[middle].logical <= logical)
            low = middle + 1;
        else
            high = middle;
    }
    step->at = low - 1;
}

static status_t go_down(struct ext_ref *ref, uint32_t logical, struct path *path)
{
    struct ext_fs *fs = ref->fs;
    memset(path, 0, sizeof *path);
    struct step *step = &path->step[0];
    step->header = (struct ext_extent_header *)ref->inode->block;
    uint32_t depth = step->header->depth;
    if (depth > EXT_EXTENT_DEPTH_MAX)
        return ext_damaged(fs);
    for (;; step++, depth--, path->depth++) {
        if (!is_sound(fs, step, depth))
            break;
        find_in_step(step, logical);
        if (depth == 0)
            return OK;
        if (step->at < 0)
            step->at = 0; /* before everything: to the left */
        const struct ext_extent_index *index = &indexes(step)[step->at];
        uint64_t block = index->leaf_lo | (uint64_t)index->leaf_hi << 32;
        if (!ext_block_is_valid(fs, block))
            break;
        status_t status =
            ext_get(fs, block, KIND_EXTENTS, ext_inode_seed(fs, ref->ino, ref->inode->generation),
                    &step[1].buffer);
        if (status != OK) {
            end_path(fs, path);
            return status;
        }
        step[1].header = (struct ext_extent_header *)step[1].buffer->data;
    }
    end_path(fs, path);
    return ext_damaged(fs);
}

/* The first mapped block behind this leaf's entry `at`. */
static uint32_t next_logical(const struct path *path)
{
    for (int32_t level = (int32_t)path->depth; level >= 0; level--) {
        const struct step *step = &path->step[level];
        if (step->at + 1 < step->header->count)
            return extents(step)[step->at + 1].logical;
    }
    return UINT32_MAX;
}

status_t ext_extent_map(struct ext_ref *ref, uint32_t logical, uint32_t count,
                        struct ext_mapping *mapping)
{
    struct path path;
    status_t status = go_down(ref, logical, &path);
    if (status != OK)
        return status;
    const struct step *leaf = &path.step[path.depth];
    const struct ext_extent *extent = leaf->at >= 0 ? &extents(leaf)[leaf->at] : NULL;
    *mapping = (struct ext_mapping){.count = count};
    if (extent != NULL && logical - extent->logical < length_of(extent)) {
        uint32_t offset = logical - extent->logical, left = length_of(extent) - offset;
        mapping->physical = start_of(extent) + offset;
        mapping->unwritten = is_unwritten(extent);
        mapping->count = left < count ? left : count;
        if (start_of(extent) == 0)
            status = ext_damaged(ref->fs);
    } else {
        uint32_t next = next_logical(&path);
        if (next <= logical)
            status = ext_damaged(ref->fs);
        else if (next - logical < count)
            mapping->count = next - logical;
    }
    end_path(ref->fs, &path);
    return status;
}

/* ---- inserting -------------------------------------------------------------------------------------- */

static status_t change_step(struct ext_ref *ref, struct step *step)
{
    return step->buffer != NULL ? ext_change(ref->fs, step->buffer) : ext_inode_change(ref);
}

static status_t new_node(struct ext_ref *ref, struct ext_buffer **buffer)
{
    struct ext_fs *fs = ref->fs;
    uint64_t block;
    uint32_t count;
    status_t status = ext_allocate_blocks(fs, ext_inode_goal(ref), 1, &block, &count);
    if (status == OK)
        status = ext_get_new(fs, block, KIND_EXTENTS,
                             ext_inode_seed(fs, ref->ino, ref->inode->generation), buffer);
    if (status != OK)
        return status;
    struct ext_extent_header *header = (struct ext_extent_header *)(*buffer)->data;
    header->magic = EXT_EXTENT_MAGIC;
    header->limit = (uint16_t)node_limit(fs);
    ext_inode_add_blocks(ref, 1);
    return OK;
}

/* At position `at` of a node that has room and is changed. */
static void insert_entry(struct step *step, int32_t at, const struct ext_extent *entry)
{
    struct ext_extent *all = extents(step);
    memmove(all + at + 1, all + at, (size_t)(step->header->count - at) * sizeof *all);
    all[at] = *entry;
    step->header->count++;
}

static void index_to(struct ext_extent *entry, uint32_t logical, uint64_t block)
{
    struct ext_extent_index index = {
        .logical = logical, .leaf_lo = (uint32_t)block, .leaf_hi = (uint16_t)(block >> 32)};
    memcpy(entry, &index, sizeof index);
}

/* What the root holds goes into a node of its own. */
static status_t deepen(struct ext_ref *ref, struct path *path)
{
    struct step *root = &path->step[0];
    struct ext_buffer *buffer;
    if (path->depth == EXT_EXTENT_DEPTH_MAX)
        return ERR_FILE_TOO_LARGE;
    status_t status = ext_inode_change(ref);
    if (status == OK)
        status = new_node(ref, &buffer);
    if (status != OK)
        return status;
    struct step node = {.header = (struct ext_extent_header *)buffer->data};
    node.header->depth = root->header->depth;
    node.header->count = root->header->count;
    memcpy(extents(&node), extents(root), root->header->count * sizeof(struct ext_extent));
    root->header->depth++;
    root->header->count = 1;
    index_to(extents(root), extents(&node)[0].logical, buffer->block);
    ext_put(ref->fs, buffer);
    return OK;
}

/* The upper part of a full node goes into a new one; behind the end, only the last entry does. */
static status_t split(struct ext_ref *ref, struct step *parent, struct step *full)
{
    struct ext_buffer *buffer;
    struct ext_extent index;
    int32_t count = full->header->count, from = full->at >= count - 1 ? count - 1 : count / 2;
    status_t status = change_step(ref, parent);
    if (status == OK)
        status = change_step(ref, full);
    if (status == OK)
        status = new_node(ref, &buffer);
    if (status != OK)
        return status;
    struct step node = {.header = (struct ext_extent_header *)buffer->data};
    node.header->depth = full->header->depth;
    node.header->count = (uint16_t)(count - from);
    memcpy(extents(&node), extents(full) + from, (size_t)(count - from) * sizeof index);
    full->header->count = (uint16_t)from;
    index_to(&index, extents(&node)[0].logical, buffer->block);
    insert_entry(parent, parent->at + 1, &index);
    ext_put(ref->fs, buffer);
    return OK;
}

static status_t make_room(struct ext_ref *ref, struct path *path)
{
    for (uint32_t level = path->depth; level > 0; level--) {
        struct step *parent = &path->step[level - 1];
        if (parent->header->count < parent->header->limit)
            return split(ref, parent, &path->step[level]);
    }
    return deepen(ref, path);
}

/* Is the extent `left` continued by this one? */
static bool continues(const struct ext_extent *left, uint32_t logical, uint32_t count,
                      uint64_t physical, bool unwritten)
{
    return is_unwritten(left) == unwritten && left->logical + length_of(left) == logical &&
           start_of(left) + length_of(left) == physical &&
           length_of(left) + count <= (unwritten ? UNWRITTEN_MAX : WRITTEN_MAX);
}

/* After a new first entry the keys above are wrong. */
static status_t correct_keys(struct ext_ref *ref, struct path *path)
{
    uint32_t logical = extents(&path->step[path->depth])[0].logical;
    for (uint32_t level = path->depth; level > 0; level--) {
        struct step *parent = &path->step[level - 1];
        status_t status = change_step(ref, parent);
        if (status != OK)
            return status;
        indexes(parent)[parent->at].logical = logical;
        if (parent->at > 0)
            break;
    }
    return OK;
}

/* SHOULD_WAIT: the leaf is full. */
static status_t insert_in_leaf(struct ext_ref *ref, struct path *path,
                               const struct ext_extent *entry)
{
    struct step *leaf = &path->step[path->depth];
    struct ext_extent *left = leaf->at >= 0 ? &extents(leaf)[leaf->at] : NULL;
    struct ext_extent *right =
        leaf->at + 1 < leaf->header->count ? &extents(leaf)[leaf->at + 1] : NULL;
    uint32_t count = length_of(entry);
    bool unwritten = is_unwritten(entry);
    bool joins = left != NULL && continues(left, entry->logical, count, start_of(entry), unwritten);
    if (!joins && leaf->header->count == leaf->header->limit)
        return ERR_SHOULD_WAIT;
    if ((left != NULL && left->logical + length_of(left) > entry->logical) ||
        (right != NULL && entry->logical + count > right->logical))
        return ext_damaged(ref->fs);
    status_t status = change_step(ref, leaf);
    if (status != OK)
        return status;
    if (joins) {
        left->length = (uint16_t)(left->length + count);
        return OK;
    }
    insert_entry(leaf, leaf->at + 1, entry);
    return leaf->at < 0 ? correct_keys(ref, path) : OK;
}

status_t ext_extent_insert(struct ext_ref *ref, uint32_t logical, uint32_t count, uint64_t physical,
                           bool unwritten)
{
    struct ext_extent entry;
    set_extent(&entry, logical, count, physical, unwritten);
    for (uint32_t tries = 0; tries < TRIES; tries++) {
        struct path path;
        status_t status = go_down(ref, logical, &path);
        if (status != OK)
            return status;
        status = insert_in_leaf(ref, &path, &entry);
        if (status != ERR_SHOULD_WAIT) {
            end_path(ref->fs, &path);
            return status;
        }
        status = make_room(ref, &path);
        end_path(ref->fs, &path);
        if (status != OK)
            return status;
    }
    return ext_damaged(ref->fs);
}

/* A part of an unwritten extent becomes written: up to three extents. */
status_t ext_extent_written(struct ext_ref *ref, uint32_t logical, uint32_t count)
{
    struct path path;
    status_t status = go_down(ref, logical, &path);
    if (status != OK)
        return status;
    struct step *leaf = &path.step[path.depth];
    struct ext_extent *extent = &extents(leaf)[leaf->at]; /* ext_map has found it there */
    struct ext_extent old = *extent;
    uint32_t offset = logical - old.logical, behind = length_of(&old) - offset - count;
    status = change_step(ref, leaf);
    if (status == OK && offset == 0)
        set_extent(extent, logical, count, start_of(&old), false);
    else if (status == OK)
        set_extent(extent, old.logical, offset, start_of(&old), true);
    end_path(ref->fs, &path);
    if (status == OK && offset > 0)
        status = ext_extent_insert(ref, logical, count, start_of(&old) + offset, false);
    if (status == OK && behind > 0)
        status =
            ext_extent_insert(ref, logical + count, behind, start_of(&old) + offset + count, true);
    return status;
}

/* ---- cutting ---------------------------------------------------------------------------------------- */

/* The last entry of the leaf is gone: empty nodes go as well. */
static status_t remove_last(struct ext_ref *ref, struct path *path)
{
    for (uint32_t level = path->depth;; level--) {
        struct step *step = &path->step[level];
        status_t status = change_step(ref, step);
        if (status != OK)
            return status;
        step->header->count--;
        if (step->header->count > 0)
            return OK;
        if (level == 0) {
            step->header->depth = 0;
            return OK;
        }
        status = ext_free_blocks(ref->fs, step->buffer->block, 1, true);
        if (status != OK)
            return status;
        ext_inode_add_blocks(ref, -1);
    }
}

/* The last extent, or the part of it from `first` on; *done: there is nothing to cut. */
static status_t cut_last(struct ext_ref *ref, struct path *path, uint32_t first, bool metadata,
                         bool *done)
{
    struct step *leaf = &path->step[path->depth];
    if (leaf->at < 0) { /* only an empty root */
        *done = true;
        return path->depth == 0 ? OK : ext_damaged(ref->fs);
    }
    struct ext_extent *last = &extents(leaf)[leaf->at];
    uint32_t length = length_of(last), keep = 0;
    if (last->logical < first)
        keep = first - last->logical;
    if (keep >= length) {
        *done = length > 0;
        return length > 0 ? OK : ext_damaged(ref->fs);
    }
    status_t status = ext_free_blocks(ref->fs, start_of(last) + keep, length - keep, metadata);
    if (status != OK)
        return status;
    ext_inode_add_blocks(ref, -(int64_t)(length - keep));
    if (keep == 0)
        return remove_last(ref, path);
    status = change_step(ref, leaf);
    if (status == OK)
        set_extent(last, last->logical, keep, start_of(last), is_unwritten(last));
    return status;
}

status_t ext_extent_trim(struct ext_ref *ref, uint32_t first, bool metadata, bool *more)
{
    bool done = false;
    while (!done) {
        struct path path;
        if (ref->fs->changed_count + TRIM_RESERVE > EXT_OPERATION_LIMIT) {
            *more = true;
            return OK;
        }
        status_t status = go_down(ref, UINT32_MAX, &path);
        if (status != OK)
            return status;
        status = cut_last(ref, &path, first, metadata, &done);
        end_path(ref->fs, &path);
        if (status != OK)
            return status;
    }
    return OK;
}
