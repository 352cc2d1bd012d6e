/* SPDX-License-Identifier: MIT */
/*
 * Content that lies in its inode (the feature inline_data), of what is small: the first bytes where the map would be,
 * the rest in the attribute system.data. Only read: with the feature a file system is mounted read-only.
 *
 * A directory begins with the number of its parent, which stands for `.` and `..`; entries follow. They are looked at as a
 * block that is put together: with both of these in front and an unused entry behind.
 */
#include <string.h>

#include "internal.h"

#define DOT_SIZE  EXT_ENTRY_SIZE(1u)
#define DOTS_SIZE (DOT_SIZE + EXT_ENTRY_SIZE(2u))

bool ext_is_inline(const struct ext_ref *ref)
{
    return (ref->fs->incompat & EXT_INLINE_DATA) && (ref->inode->flags & EXT_INLINE);
}

/* What is not in the map's place; *size 0: nothing. */
static status_t find_rest(struct ext_ref *ref, const uint8_t **rest, uint32_t *size)
{
    struct ext_xattr_area area;
    struct ext_xattr_name name;
    uint32_t value_ino;
    status_t status = OK;
    *size = 0;
    if (!ext_xattr_inode_area(ref, &area) || !ext_xattr_inode_is_used(ref))
        return OK;
    for (const uint8_t *at = area.first; status == OK;) {
        status = ext_xattr_next(ref->fs, &area, &at, &name, rest, size, &value_ino);
        if (status == OK && ext_xattr_is_content(&name))
            return value_ino == 0 ? OK : ext_damaged(ref->fs);
    }
    *size = 0;
    return status == ERR_NOT_FOUND ? OK : status;
}

status_t ext_inline_read(struct ext_ref *ref, uint64_t offset, uint8_t *to, uint32_t length)
{
    const uint8_t *parts[2] = {(const uint8_t *)ref->inode->block, NULL};
    uint32_t sizes[2] = {sizeof ref->inode->block, 0};
    status_t status = find_rest(ref, &parts[1], &sizes[1]);
    if (status != OK)
        return status;
    memset(to, 0, length); /* a file may be longer than what there is of it */
    for (uint32_t i = 0; i < 2 && length > 0; i++) {
        if (offset >= sizes[i]) {
            offset -= sizes[i];
            continue;
        }
        uint32_t there = sizes[i] - (uint32_t)offset, part = length < there ? length : there;
        memcpy(to, parts[i] + offset, part);
        to += part;
        length -= part;
        offset = 0;
    }
    return OK;
}

static void put_entry(uint8_t *at, uint32_t ino, uint32_t size, const char *name)
{
    struct ext_entry *entry = (struct ext_entry *)at;
    *entry = (struct ext_entry){.ino = ino,
                                .record_length = (uint16_t)size,
                                .name_length = (uint8_t)strlen(name),
                                .type = ino != 0 ? EXT_ENTRY_DIRECTORY : 0};
    memcpy(entry->name, name, entry->name_length);
}

status_t ext_inline_directory(struct ext_ref *ref, uint8_t *block)
{
    const uint8_t *rest;
    struct ext_fs *fs = ref->fs;
    uint32_t parent, here = sizeof ref->inode->block - sizeof parent, size;
    status_t status = find_rest(ref, &rest, &size);
    if (status != OK)
        return status;
    uint32_t end = DOTS_SIZE + here + size;
    if (end + sizeof(struct ext_entry) > fs->block_size)
        return ext_damaged(fs);
    memcpy(&parent, ref->inode->block, sizeof parent);
    put_entry(block, ref->ino, DOT_SIZE, ".");
    put_entry(block + DOT_SIZE, parent, DOTS_SIZE - DOT_SIZE, "..");
    memcpy(block + DOTS_SIZE, &ref->inode->block[1], here);
    memcpy(block + DOTS_SIZE + here, rest, size);
    put_entry(block + end, 0, fs->block_size - end, "");
    return ext_directory_is_valid(fs, block) ? OK : ext_damaged(fs);
}
