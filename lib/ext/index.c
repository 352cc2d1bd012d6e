/* SPDX-License-Identifier: MIT */
/*
 * The index of a large directory: a tree by the hash of names, of one or two levels. Block 0 is its
 * root; an entry's hash is the least one below it, the first entry of a node has none. When names of
 * equal hash did not fit into one leaf, the hash of the next one has bit 0 set.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define LEVELS_MAX 2u
#define TRIES      8u
#define BLOCK_MASK 0x0FFFFFFFu

struct frame {
    struct ext_buffer *buffer;
    struct ext_index_entry *entries;
    uint32_t at;
};
struct probe {
    struct frame frame[LEVELS_MAX];
    uint32_t levels; /* frames in use */
    uint32_t hash, version;
};

static struct ext_index_count *count_of(const struct frame *frame)
{
    return (struct ext_index_count *)frame->entries;
}

static uint32_t limit_of(const struct ext_fs *fs, uint32_t offset)
{
    uint32_t tail = fs->checksums ? (uint32_t)sizeof(struct ext_index_tail) : 0;
    return (fs->block_size - offset - tail) / (uint32_t)sizeof(struct ext_index_entry);
}

uint32_t ext_index_offset(const struct ext_fs *fs, const uint8_t *block)
{
    const struct ext_entry *first = (const struct ext_entry *)block;
    const struct ext_entry *second = (const struct ext_entry *)(block + 12);
    const struct ext_index_info *info =
        (const struct ext_index_info *)(block + EXT_INDEX_INFO_OFFSET);
    if (first->record_length == fs->block_size)
        return EXT_INDEX_NODE_OFFSET;
    if (first->record_length == 12 && second->record_length == fs->block_size - 12 &&
        info->reserved == 0 && info->info_length == sizeof *info)
        return EXT_INDEX_ROOT_OFFSET;
    return 0;
}

/* ---- looking up ------------------------------------------------------------------------------------- */

static void end_probe(struct ext_fs *fs, struct probe *probe)
{
    while (probe->levels > 0)
        ext_put(fs, probe->frame[--probe->levels].buffer);
}

static void find_in_frame(struct frame *frame, uint32_t hash)
{
    uint32_t low = 1, high = count_of(frame)->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (frame->entries[middle].hash > hash)
            high = middle;
        else
            low = middle + 1;
    }
    frame->at = low - 1;
}

/* One more frame: a block of the index. */
static status_t push_frame(struct ext_ref *directory, struct probe *probe, uint32_t logical,
                           uint32_t offset)
{
    struct ext_fs *fs = directory->fs;
    struct frame *frame = &probe->frame[probe->levels];
    status_t status = ext_directory_block(directory, logical, &frame->buffer);
    if (status != OK)
        return status;
    probe->levels++;
    frame->entries = (struct ext_index_entry *)(frame->buffer->data + offset);
    const struct ext_index_count *count = count_of(frame);
    if (ext_index_offset(fs, frame->buffer->data) != offset || count->count == 0 ||
        count->count > count->limit || count->limit != limit_of(fs, offset))
        return ext_damaged(fs);
    frame->at = 0;
    return OK;
}

static uint32_t block_of(const struct frame *frame)
{
    return frame->entries[frame->at].block & BLOCK_MASK;
}

static status_t start_probe(struct ext_ref *directory, const char *name, size_t length,
                            struct probe *probe)
{
    status_t status = push_frame(directory, probe, 0, EXT_INDEX_ROOT_OFFSET);
    if (status != OK)
        return status;
    const struct ext_index_info *info =
        (const struct ext_index_info *)(probe->frame[0].buffer->data + EXT_INDEX_INFO_OFFSET);
    if (info->hash_version > EXT_HASH_TEA || info->levels >= LEVELS_MAX || info->flags != 0)
        return ERR_NOT_SUPPORTED;
    probe->version = info->hash_version;
    probe->hash = ext_hash_name(directory->fs, probe->version, name, length);
    find_in_frame(&probe->frame[0], probe->hash);
    if (info->levels == 0)
        return OK;
    status = push_frame(directory, probe, block_of(&probe->frame[0]), EXT_INDEX_NODE_OFFSET);
    if (status == OK)
        find_in_frame(&probe->frame[1], probe->hash);
    return status;
}

/* To the leaf that the name's hash leads to. With an error nothing is held. */
static status_t probe_index(struct ext_ref *directory, const char *name, size_t length,
                            struct probe *probe)
{
    probe->levels = 0;
    status_t status = start_probe(directory, name, length, probe);
    if (status != OK)
        end_probe(directory->fs, probe);
    return status;
}

/* The next leaf, if names of this hash go on there; else NOT_FOUND. */
static status_t next_leaf(struct ext_ref *directory, struct probe *probe)
{
    struct frame *frame = &probe->frame[probe->levels - 1];
    if (++frame->at < count_of(frame)->count)
        return (frame->entries[frame->at].hash & ~1u) == probe->hash ? OK : ERR_NOT_FOUND;
    if (probe->levels == 1)
        return ERR_NOT_FOUND;
    frame = &probe->frame[0];
    if (++frame->at >= count_of(frame)->count ||
        (frame->entries[frame->at].hash & ~1u) != probe->hash)
        return ERR_NOT_FOUND;
    ext_put(directory->fs, probe->frame[1].buffer);
    probe->levels = 1;
    return push_frame(directory, probe, block_of(frame), EXT_INDEX_NODE_OFFSET);
}

static status_t leaf_has(struct ext_ref *directory, uint32_t logical, const char *name,
                         size_t length, bool *has)
{
    struct ext_buffer *buffer;
    status_t status = ext_directory_block(directory, logical, &buffer);
    if (status != OK)
        return status;
    *has = ext_block_find(directory->fs, buffer->data, name, length) != NULL;
    ext_put(directory->fs, buffer);
    return OK;
}

status_t ext_index_find(struct ext_ref *directory, const char *name, size_t length,
                        uint32_t *logical)
{
    struct probe probe;
    bool has = false;
    status_t status = probe_index(directory, name, length, &probe);
    while (status == OK && !has) {
        *logical = block_of(&probe.frame[probe.levels - 1]);
        status = leaf_has(directory, *logical, name, length, &has);
        if (status == OK && !has)
            status = next_leaf(directory, &probe);
    }
    end_probe(directory->fs, &probe);
    return status;
}

/* ---- making ----------------------------------------------------------------------------------------- */

static void start_node(const struct ext_fs *fs, uint8_t *block, uint32_t offset)
{
    struct ext_index_count count = {.limit = (uint16_t)limit_of(fs, offset)};
    if (offset == EXT_INDEX_NODE_OFFSET) {
        memset(block, 0, fs->block_size);
        ((struct ext_entry *)block)->record_length = (uint16_t)fs->block_size;
    }
    memcpy(block + offset, &count, sizeof count);
}

/* All entries behind `..` into another block. */
static status_t move_entries(struct ext_fs *fs, const uint8_t *from, uint8_t *to)
{
    const struct ext_entry *parent = (const struct ext_entry *)(from + 12);
    for (uint32_t at = 12u + parent->record_length; at < ext_directory_space(fs);) {
        const struct ext_entry *entry = (const struct ext_entry *)(from + at);
        if (entry->ino != 0 &&
            !ext_block_insert(fs, to, entry->name, entry->name_length, entry->ino, 0))
            return ext_damaged(fs);
        if (entry->ino != 0) {
            struct ext_entry *moved = ext_block_find(fs, to, entry->name, entry->name_length);
            if (moved != NULL)
                moved->type = entry->type;
        }
        at += entry->record_length;
    }
    return OK;
}

static bool begins_with_dots(const uint8_t *block)
{
    const struct ext_entry *first = (const struct ext_entry *)block;
    const struct ext_entry *second = (const struct ext_entry *)(block + 12);
    return first->ino != 0 && first->record_length == 12 && first->name_length == 1 &&
           second->ino != 0 && second->name_length == 2;
}

static void make_root(struct ext_fs *fs, uint8_t *block, uint32_t leaf)
{
    struct ext_entry *parent = (struct ext_entry *)(block + 12);
    struct ext_index_info info = {.info_length = sizeof info};
    uint8_t version = ext_super_of(fs)->hash_version;
    info.hash_version = version <= EXT_HASH_TEA ? version : EXT_HASH_HALF_MD4;
    parent->record_length = (uint16_t)(fs->block_size - 12);
    memset(block + EXT_INDEX_INFO_OFFSET, 0, fs->block_size - EXT_INDEX_INFO_OFFSET);
    memcpy(block + EXT_INDEX_INFO_OFFSET, &info, sizeof info);
    start_node(fs, block, EXT_INDEX_ROOT_OFFSET);
    struct frame frame = {.entries = (struct ext_index_entry *)(block + EXT_INDEX_ROOT_OFFSET)};
    count_of(&frame)->count = 1;
    frame.entries[0].block = leaf;
}

status_t ext_index_make(struct ext_ref *directory)
{
    struct ext_fs *fs = directory->fs;
    struct ext_buffer *root, *leaf;
    uint32_t logical;
    status_t status = ext_directory_block(directory, 0, &root);
    if (status != OK)
        return status;
    status = begins_with_dots(root->data) ? ext_change(fs, root) : ERR_NOT_SUPPORTED;
    if (status == OK)
        status = ext_directory_append(directory, &logical, &leaf);
    if (status == OK) {
        status = move_entries(fs, root->data, leaf->data);
        ext_put(fs, leaf);
    }
    if (status == OK) {
        make_root(fs, root->data, logical);
        directory->inode->flags |= EXT_INDEXED;
    }
    ext_put(fs, root);
    return status;
}

/* ---- splitting -------------------------------------------------------------------------------------- */

static void insert_index(struct frame *frame, uint32_t hash, uint32_t block)
{
    struct ext_index_count *count = count_of(frame);
    struct ext_index_entry *at = frame->entries + frame->at + 1;
    memmove(at + 1, at, (count->count - frame->at - 1) * sizeof *at);
    *at = (struct ext_index_entry){hash, block};
    count->count++;
}

/* The root's entries go into a node of their own: one more level. */
static status_t deepen(struct ext_ref *directory, struct probe *probe)
{
    struct ext_fs *fs = directory->fs;
    struct frame *root = &probe->frame[0];
    struct ext_buffer *buffer;
    uint32_t logical, count = count_of(root)->count;
    status_t status = ext_change(fs, root->buffer);
    if (status == OK)
        status = ext_directory_append(directory, &logical, &buffer);
    if (status != OK)
        return status;
    start_node(fs, buffer->data, EXT_INDEX_NODE_OFFSET);
    struct frame node = {.entries =
                             (struct ext_index_entry *)(buffer->data + EXT_INDEX_NODE_OFFSET)};
    memcpy(node.entries + 1, root->entries + 1, (count - 1) * sizeof *node.entries);
    node.entries[0].block = root->entries[0].block;
    count_of(&node)->count = (uint16_t)count;
    count_of(root)->count = 1;
    root->entries[0].block = logical;
    ((struct ext_index_info *)(root->buffer->data + EXT_INDEX_INFO_OFFSET))->levels = 1;
    ext_put(fs, buffer);
    return OK;
}

/* The upper half of a full node goes into a new one. */
static status_t split_node(struct ext_ref *directory, struct probe *probe)
{
    struct ext_fs *fs = directory->fs;
    struct frame *root = &probe->frame[0], *full = &probe->frame[1];
    struct ext_buffer *buffer;
    uint32_t logical, count = count_of(full)->count, from = count / 2;
    if (count_of(root)->count == count_of(root)->limit)
        return ERR_NO_SPACE;
    status_t status = ext_change(fs, root->buffer);
    if (status == OK)
        status = ext_change(fs, full->buffer);
    if (status == OK)
        status = ext_directory_append(directory, &logical, &buffer);
    if (status != OK)
        return status;
    start_node(fs, buffer->data, EXT_INDEX_NODE_OFFSET);
    struct frame node = {.entries =
                             (struct ext_index_entry *)(buffer->data + EXT_INDEX_NODE_OFFSET)};
    memcpy(node.entries + 1, full->entries + from + 1, (count - from - 1) * sizeof *node.entries);
    node.entries[0].block = full->entries[from].block;
    count_of(&node)->count = (uint16_t)(count - from);
    count_of(full)->count = (uint16_t)from;
    insert_index(root, full->entries[from].hash, logical);
    ext_put(fs, buffer);
    return OK;
}

struct name {
    uint32_t hash;
    uint16_t offset, size;
};

static int by_hash(const void *a, const void *b)
{
    const struct name *left = a, *right = b;
    if (left->hash != right->hash)
        return left->hash < right->hash ? -1 : 1;
    return (int)left->offset - (int)right->offset;
}

static uint32_t list_names(struct ext_fs *fs, const struct probe *probe, const uint8_t *block,
                           struct name *names)
{
    uint32_t count = 0;
    for (uint32_t at = 0; at < ext_directory_space(fs);) {
        const struct ext_entry *entry = (const struct ext_entry *)(block + at);
        if (entry->ino != 0)
            names[count++] =
                (struct name){ext_hash_name(fs, probe->version, entry->name, entry->name_length),
                              (uint16_t)at, (uint16_t)EXT_ENTRY_SIZE(entry->name_length)};
        at += entry->record_length;
    }
    qsort(names, count, sizeof *names, by_hash);
    return count;
}

/* A block of these entries of another one. */
static void pack(struct ext_fs *fs, const uint8_t *from, const struct name *names, uint32_t count,
                 uint8_t *to)
{
    uint32_t at = 0, last = 0;
    memset(to, 0, fs->block_size);
    for (uint32_t i = 0; i < count; at += names[i++].size) {
        memcpy(to + at, from + names[i].offset, names[i].size);
        ((struct ext_entry *)(to + at))->record_length = names[i].size;
        last = at;
    }
    ((struct ext_entry *)(to + last))->record_length = (uint16_t)(ext_directory_space(fs) - last);
    ext_directory_tail(fs, to);
}

/* Where the second half, by size, begins. */
static uint32_t middle_of(const struct ext_fs *fs, const struct name *names, uint32_t count)
{
    uint32_t size = 0, middle = count;
    while (middle > 1 && size + names[middle - 1].size / 2u <= fs->block_size / 2)
        size += names[--middle].size;
    return middle == count ? count - 1 : middle;
}

struct split_space { /* too much for a stack of a server */
    struct name names[EXT_BLOCK_MAX / 12 + 1];
    uint8_t old[EXT_BLOCK_MAX];
};

static status_t split_full_leaf(struct ext_ref *directory, struct probe *probe,
                                struct ext_buffer *leaf, struct split_space *space)
{
    struct ext_fs *fs = directory->fs;
    struct frame *parent = &probe->frame[probe->levels - 1];
    struct ext_buffer *buffer;
    uint32_t logical, count = list_names(fs, probe, leaf->data, space->names);
    if (count < 2)
        return ext_damaged(fs);
    uint32_t middle = middle_of(fs, space->names, count);
    uint32_t hash = space->names[middle].hash;
    status_t status = ext_change(fs, leaf);
    if (status == OK)
        status = ext_change(fs, parent->buffer);
    if (status == OK)
        status = ext_directory_append(directory, &logical, &buffer);
    if (status != OK)
        return status;
    memcpy(space->old, leaf->data, fs->block_size);
    pack(fs, space->old, space->names, middle, leaf->data);
    pack(fs, space->old, space->names + middle, count - middle, buffer->data);
    insert_index(parent, hash | (hash == space->names[middle - 1].hash), logical);
    ext_put(fs, buffer);
    return OK;
}

static status_t split_leaf(struct ext_ref *directory, struct probe *probe, struct ext_buffer *leaf)
{
    struct frame *parent = &probe->frame[probe->levels - 1];
    if (count_of(parent)->count == count_of(parent)->limit)
        return probe->levels == 1 ? deepen(directory, probe) : split_node(directory, probe);
    struct split_space *space = malloc(sizeof *space);
    if (space == NULL)
        return ERR_NO_MEMORY;
    status_t status = split_full_leaf(directory, probe, leaf, space);
    free(space);
    return status;
}

/* SHOULD_WAIT: there was no room, some has been made. */
static status_t try_add(struct ext_ref *directory, const char *name, size_t length, uint32_t ino,
                        uint32_t mode)
{
    struct ext_fs *fs = directory->fs;
    struct probe probe;
    struct ext_buffer *leaf;
    status_t status = probe_index(directory, name, length, &probe);
    if (status != OK)
        return status;
    status = ext_directory_block(directory, block_of(&probe.frame[probe.levels - 1]), &leaf);
    if (status == OK && ext_index_offset(fs, leaf->data) != 0 && fs->checksums) {
        ext_put(fs, leaf);
        status = ext_damaged(fs);
    }
    if (status == OK) {
        status = ext_change(fs, leaf);
        if (status == OK && !ext_block_insert(fs, leaf->data, name, length, ino, mode)) {
            status = split_leaf(directory, &probe, leaf);
            status = status == OK ? ERR_SHOULD_WAIT : status;
        }
        ext_put(fs, leaf);
    }
    end_probe(fs, &probe);
    return status;
}

status_t ext_index_add(struct ext_ref *directory, const char *name, size_t length, uint32_t ino,
                       uint32_t mode)
{
    status_t status = ERR_SHOULD_WAIT;
    for (uint32_t tries = 0; status == ERR_SHOULD_WAIT && tries < TRIES; tries++)
        status = try_add(directory, name, length, ino, mode);
    return status == ERR_SHOULD_WAIT ? ERR_NO_SPACE : status;
}
