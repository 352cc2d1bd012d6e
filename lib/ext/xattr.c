/* SPDX-License-Identifier: MIT */
/* Extended attributes: behind the fields of the inode, and in a block that inodes may share. */
#include <string.h>

#include "internal.h"

static const struct {
    uint8_t index;
    const char *prefix;
} prefixes[] = {
    {1, "user."},
    {2, "system.posix_acl_access"},
    {3, "system.posix_acl_default"},
    {4, "trusted."},
    {6, "security."},
    {7, "system."},
};

/* The wanted attribute as it is stored: a number for the beginning of its name, and the rest. */
struct wanted {
    uint8_t index;
    const char *name;
    size_t length;
    uint8_t *to;
    size_t size, *value_length;
};

static status_t take_value(const struct wanted *wanted, const uint8_t *value, uint32_t length)
{
    *wanted->value_length = length;
    if (wanted->size == 0)
        return OK;
    if (length > wanted->size)
        return ERR_OUT_OF_RANGE;
    memcpy(wanted->to, value, length);
    return OK;
}

/* Entries from `first` to `end` at most; their values lie at offsets from `base`. */
static status_t search(struct ext_fs *fs, const uint8_t *base, const uint8_t *first,
                       const uint8_t *end, const struct wanted *wanted)
{
    const uint8_t *at = first;
    for (;;) {
        struct ext_xattr_entry entry;
        if ((size_t)(end - at) < 4 || (at[0] == 0 && at[1] == 0 && at[2] == 0 && at[3] == 0))
            return ERR_NOT_FOUND;
        if ((size_t)(end - at) < sizeof entry)
            return ext_damaged(fs);
        memcpy(&entry, at, sizeof entry);
        uint32_t length = ((uint32_t)sizeof entry + entry.name_length + 3u) & ~3u;
        if ((size_t)(end - at) < length)
            return ext_damaged(fs);
        if (entry.name_index == wanted->index && entry.name_length == wanted->length &&
            memcmp(at + sizeof entry, wanted->name, wanted->length) == 0) {
            if (entry.value_ino != 0)
                return ERR_NOT_SUPPORTED;
            if (entry.value_offset > end - base ||
                entry.value_size > (size_t)(end - base) - entry.value_offset)
                return ext_damaged(fs);
            return take_value(wanted, base + entry.value_offset, entry.value_size);
        }
        at += length;
    }
}

static status_t search_inode(struct ext_ref *ref, const struct wanted *wanted)
{
    struct ext_fs *fs = ref->fs;
    const uint8_t *bytes = (const uint8_t *)ref->inode, *end = bytes + fs->inode_size;
    uint32_t magic;
    if (fs->inode_size <= EXT_OLD_INODE ||
        EXT_OLD_INODE + ref->inode->extra_size + sizeof magic > fs->inode_size)
        return ERR_NOT_FOUND;
    const uint8_t *header = bytes + EXT_OLD_INODE + ref->inode->extra_size;
    memcpy(&magic, header, sizeof magic);
    if (magic != EXT_XATTR_MAGIC)
        return ERR_NOT_FOUND;
    return search(fs, header + 4, header + 4, end, wanted);
}

static uint64_t block_of(const struct ext_ref *ref)
{
    return ref->inode->xattr_lo |
           (ref->fs->desc_size >= 64 ? (uint64_t)ref->inode->xattr_hi << 32 : 0);
}

static status_t get_block(struct ext_ref *ref, struct ext_buffer **buffer)
{
    struct ext_fs *fs = ref->fs;
    if (!ext_block_is_valid(fs, block_of(ref)))
        return ext_damaged(fs);
    status_t status = ext_get(fs, block_of(ref), KIND_XATTR, 0, buffer);
    if (status != OK)
        return status;
    const struct ext_xattr_header *header = (const struct ext_xattr_header *)(*buffer)->data;
    if (header->magic == EXT_XATTR_MAGIC && header->blocks == 1)
        return OK;
    ext_put(fs, *buffer);
    return ext_damaged(fs);
}

static status_t search_block(struct ext_ref *ref, const struct wanted *wanted)
{
    struct ext_buffer *buffer;
    if (block_of(ref) == 0)
        return ERR_NOT_FOUND;
    status_t status = get_block(ref, &buffer);
    if (status != OK)
        return status;
    status = search(ref->fs, buffer->data, buffer->data + sizeof(struct ext_xattr_header),
                    buffer->data + ref->fs->block_size, wanted);
    ext_put(ref->fs, buffer);
    return status;
}

status_t ext_get_xattr(struct ext_fs *fs, uint32_t ino, const char *name, size_t length, void *to,
                       size_t size, size_t *value_length)
{
    struct wanted wanted = {.to = to, .size = size, .value_length = value_length};
    struct ext_ref ref;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0] && wanted.index == 0; i++) {
        size_t prefix = strlen(prefixes[i].prefix);
        if (length < prefix || memcmp(name, prefixes[i].prefix, prefix) != 0)
            continue;
        wanted.index = prefixes[i].index;
        wanted.name = name + prefix;
        wanted.length = length - prefix;
    }
    if (wanted.index == 0)
        return ERR_NOT_FOUND;
    status_t status = ext_open(fs, ino, &ref);
    if (status != OK)
        return status;
    status = search_inode(&ref, &wanted);
    if (status == ERR_NOT_FOUND)
        status = search_block(&ref, &wanted);
    ext_close(&ref);
    return status;
}

/* The inode goes: its block of attributes has one owner less. */
status_t ext_xattr_release(struct ext_ref *ref)
{
    struct ext_fs *fs = ref->fs;
    struct ext_buffer *buffer;
    if (block_of(ref) == 0)
        return OK;
    status_t status = get_block(ref, &buffer);
    if (status != OK)
        return status;
    struct ext_xattr_header *header = (struct ext_xattr_header *)buffer->data;
    if (header->references > 1) {
        status = ext_change(fs, buffer);
        if (status == OK)
            header->references--;
    } else {
        status = ext_free_blocks(fs, buffer->block, 1, true);
    }
    ext_put(fs, buffer);
    if (status == OK) {
        ref->inode->xattr_lo = ref->inode->xattr_hi = 0;
        ext_inode_add_blocks(ref, -1);
    }
    return status;
}
