/* SPDX-License-Identifier: MIT */
/* Extended attributes: behind the fields of the inode, and in a block that inodes may share. */
#include <string.h>

#include "internal.h"

#define XATTR_SYSTEM 7u

static const struct {
    uint8_t index;
    const char *prefix;
} prefixes[] = {
    {1, "user."},
    {2, "system.posix_acl_access"},
    {3, "system.posix_acl_default"},
    {4, "trusted."},
    {6, "security."},
    {XATTR_SYSTEM, "system."},
};

bool ext_xattr_split(const char *name, size_t length, struct ext_xattr_name *split)
{
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t prefix = strlen(prefixes[i].prefix);
        if (length < prefix || length - prefix > UINT8_MAX ||
            memcmp(name, prefixes[i].prefix, prefix) != 0)
            continue;
        *split = (struct ext_xattr_name){prefixes[i].index, name + prefix, length - prefix};
        return true;
    }
    return false;
}

const char *ext_xattr_prefix(uint8_t index)
{
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (prefixes[i].index == index)
            return prefixes[i].prefix;
    return NULL;
}

bool ext_xattr_is_content(const struct ext_xattr_name *name)
{
    return name->index == XATTR_SYSTEM && name->length == 4 && memcmp(name->text, "data", 4) == 0;
}

/* ---- areas: a part of an inode, and a block ---------------------------------------------------------- */

status_t ext_xattr_next(struct ext_fs *fs, const struct ext_xattr_area *area, const uint8_t **at,
                        struct ext_xattr_name *name, const uint8_t **value, uint32_t *size,
                        uint32_t *value_ino)
{
    struct ext_xattr_entry entry;
    size_t left = (size_t)(area->end - *at), whole = (size_t)(area->end - area->base);
    if (left < 4 || ((*at)[0] == 0 && (*at)[1] == 0 && (*at)[2] == 0 && (*at)[3] == 0))
        return ERR_NOT_FOUND;
    if (left < sizeof entry)
        return ext_damaged(fs);
    memcpy(&entry, *at, sizeof entry);
    uint32_t length = ((uint32_t)sizeof entry + entry.name_length + 3u) & ~3u;
    if (left < length)
        return ext_damaged(fs);
    bool inside = entry.value_offset <= whole && entry.value_size <= whole - entry.value_offset;
    if (entry.value_ino == 0 && !inside)
        return ext_damaged(fs);
    *name = (struct ext_xattr_name){entry.name_index, (const char *)*at + sizeof entry,
                                    entry.name_length};
    *value = inside ? area->base + entry.value_offset : area->base;
    *size = entry.value_size;
    *value_ino = entry.value_ino;
    *at += length;
    return OK;
}

bool ext_xattr_inode_area(const struct ext_ref *ref, struct ext_xattr_area *area)
{
    struct ext_fs *fs = ref->fs;
    const uint8_t *bytes = (const uint8_t *)ref->inode;
    if (fs->inode_size <= EXT_OLD_INODE || (ref->inode->extra_size & 3) != 0 ||
        EXT_OLD_INODE + ref->inode->extra_size + 4u + 4u > fs->inode_size)
        return false;
    area->base = area->first = bytes + EXT_OLD_INODE + ref->inode->extra_size + 4;
    area->end = bytes + fs->inode_size;
    return true;
}

bool ext_xattr_inode_is_used(const struct ext_ref *ref)
{
    struct ext_xattr_area area;
    uint32_t magic;
    if (!ext_xattr_inode_area(ref, &area))
        return false;
    memcpy(&magic, area.base - sizeof magic, sizeof magic);
    return magic == EXT_XATTR_MAGIC;
}

uint64_t ext_xattr_block(const struct ext_ref *ref)
{
    return ref->inode->xattr_lo |
           (ref->fs->desc_size >= 64 ? (uint64_t)ref->inode->xattr_hi << 32 : 0);
}

status_t ext_xattr_get_block(struct ext_ref *ref, struct ext_buffer **buffer,
                             struct ext_xattr_area *area)
{
    struct ext_fs *fs = ref->fs;
    uint64_t block = ext_xattr_block(ref);
    if (!ext_block_is_valid(fs, block))
        return ext_damaged(fs);
    status_t status = ext_get(fs, block, KIND_XATTR, 0, buffer);
    if (status != OK)
        return status;
    const uint8_t *data = (*buffer)->data;
    const struct ext_xattr_header *header = (const struct ext_xattr_header *)data;
    *area = (struct ext_xattr_area){data, data + sizeof *header, data + fs->block_size};
    if (header->magic == EXT_XATTR_MAGIC && header->blocks == 1)
        return OK;
    ext_put(fs, *buffer);
    return ext_damaged(fs);
}

/* ---- getting ----------------------------------------------------------------------------------------- */

struct wanted {
    struct ext_xattr_name name;
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

static status_t search(struct ext_fs *fs, const struct ext_xattr_area *area,
                       const struct wanted *wanted)
{
    const uint8_t *at = area->first, *value;
    struct ext_xattr_name name;
    uint32_t size, value_ino;
    for (;;) {
        status_t status = ext_xattr_next(fs, area, &at, &name, &value, &size, &value_ino);
        if (status != OK)
            return status;
        if (name.index == wanted->name.index && name.length == wanted->name.length &&
            memcmp(name.text, wanted->name.text, name.length) == 0)
            return value_ino != 0 ? ERR_NOT_SUPPORTED : take_value(wanted, value, size);
    }
}

static status_t search_block(struct ext_ref *ref, const struct wanted *wanted)
{
    struct ext_buffer *buffer;
    struct ext_xattr_area area;
    if (ext_xattr_block(ref) == 0)
        return ERR_NOT_FOUND;
    status_t status = ext_xattr_get_block(ref, &buffer, &area);
    if (status != OK)
        return status;
    status = search(ref->fs, &area, wanted);
    ext_put(ref->fs, buffer);
    return status;
}

status_t ext_get_xattr(struct ext_fs *fs, uint32_t ino, const char *name, size_t length, void *to,
                       size_t size, size_t *value_length)
{
    struct wanted wanted = {.to = to, .size = size, .value_length = value_length};
    struct ext_xattr_area area;
    struct ext_ref ref;
    if (!ext_xattr_split(name, length, &wanted.name) || ext_xattr_is_content(&wanted.name))
        return ERR_NOT_FOUND;
    status_t status = ext_open(fs, ino, &ref);
    if (status != OK)
        return status;
    status = ERR_NOT_FOUND;
    if (ext_xattr_inode_is_used(&ref) && ext_xattr_inode_area(&ref, &area))
        status = search(fs, &area, &wanted);
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
    struct ext_xattr_area area;
    if (ext_xattr_block(ref) == 0)
        return OK;
    status_t status = ext_xattr_get_block(ref, &buffer, &area);
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
