/* SPDX-License-Identifier: MIT */
/* Attributes of files, and what their chains hold. */
#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>

#include "node.h"

status_t change_done(status_t status)
{
    return status == OK && options.sync ? fat_sync(&volume) : status;
}

/* ---- attributes ---------------------------------------------------------------------------------- */

static uint32_t mode_of(const struct node *node)
{
    uint32_t mode = 0777 & ~(node->directory ? options.directory_mask : options.file_mask);
    if (!node->directory && (node->bytes[11] & FAT_READ_ONLY))
        mode &= ~0222u;
    return mode | (node->directory ? FS_TYPE_DIRECTORY : FS_TYPE_FILE);
}

/* A directory's size is that of its chain; the root of FAT12 and FAT16 has its own. */
static uint64_t directory_size(struct node *node)
{
    uint64_t position, size = volume.cluster_size;
    if (node->chain.fixed)
        return volume.root_slots * FAT_ENTRY_SIZE;
    while (size < FAT_DIRECTORY_MAX * FAT_ENTRY_SIZE &&
           chain_position(&volume, &node->chain, (uint32_t)size, &position) == OK)
        size += volume.cluster_size;
    return size;
}

status_t fat_attributes(struct fs_node *base, struct fs_attr *attr)
{
    struct node *node = node_of(base);
    uint64_t size = node->directory ? directory_size(node) : content_size(node);
    uint64_t clusters = (size + volume.cluster_size - 1) / volume.cluster_size;
    *attr = (struct fs_attr){.ino = base->ino,
                             .size = size,
                             .blocks = clusters * (volume.cluster_size / 512),
                             .atime = entry_accessed(node->bytes),
                             .mtime = entry_time(node->bytes, 22),
                             .ctime = entry_time(node->bytes, 22),
                             .btime = entry_time(node->bytes, 14),
                             .dos = FS_DOS_KNOWN | (node->bytes[11] & FS_DOS_MASK),
                             .mode = mode_of(node),
                             .nlink = node->content.nameless ? 0 : 1,
                             .uid = options.uid,
                             .gid = options.gid,
                             .generation = node->generation};
    return OK;
}

/* As Linux: beside what the masks take away, all of the bits r and x that there can be, and all or none of the bits w. */
static status_t set_mode(struct node *node, uint32_t mode)
{
    mode &= ~(node->directory ? options.directory_mask : options.file_mask);
    uint32_t allowed = 0777 & ~(node->directory ? options.directory_mask : options.file_mask);
    uint32_t writable = allowed & 0222;
    if ((mode & 07777 & ~0222u) != (allowed & ~0222u))
        return ERR_NOT_PERMITTED;
    if ((mode & 0222) != writable && ((mode & 0222) != 0 || node->directory))
        return ERR_NOT_PERMITTED;
    if (node->directory || node->name == NULL)
        return OK;
    if (mode & 0222)
        node->bytes[11] &= (uint8_t)~FAT_READ_ONLY;
    else
        node->bytes[11] |= FAT_READ_ONLY;
    return OK;
}

static status_t zero(struct node *node, uint32_t from, uint32_t to)
{
    return to > from ? chain_write(&volume, &node->chain, from, NULL, to - from) : OK;
}

status_t chain_set_size(struct node *node, uint64_t size)
{
    status_t status = OK;
    if (size > node->size)
        status = chain_grow(&volume, &node->chain, size);
    if (status == OK && size > node->size)
        status = zero(node, node->size, (uint32_t)size);
    if (status != OK)
        return status;
    bool shorter = size < node->size;
    node->size = (uint32_t)size;
    /* The entry first: its chain may be too long for its size, never too short. */
    status = node_store(node);
    return status == OK && shorter ? chain_shrink(&volume, &node->chain, size) : status;
}

static void set_times(struct node *node, uint32_t mask, const struct fs_attr *attr)
{
    uint64_t now;
    if (clock_get(CLOCK_REALTIME_NS, &now) != OK)
        return;
    if (mask & (FS_ATTR_MTIME | FS_ATTR_MTIME_NOW))
        entry_set_time(node->bytes, 22, mask & FS_ATTR_MTIME_NOW ? now : attr->mtime);
    if (mask & (FS_ATTR_ATIME | FS_ATTR_ATIME_NOW))
        entry_set_accessed(node->bytes, mask & FS_ATTR_ATIME_NOW ? now : attr->atime);
}

status_t fat_set_attributes(struct fs_node *base, uint32_t mask, const struct fs_attr *attr)
{
    struct node *node = node_of(base);
    status_t status = OK;
    if (volume.read_only)
        return ERR_READ_ONLY;
    if (((mask & FS_ATTR_UID) && attr->uid != options.uid) ||
        ((mask & FS_ATTR_GID) && attr->gid != options.gid))
        return ERR_NOT_PERMITTED;
    if (mask & FS_ATTR_MODE)
        status = set_mode(node, attr->mode);
    if (status == OK && (mask & FS_ATTR_SIZE))
        status = node->directory ? ERR_IS_DIRECTORY : content_resize(node, attr->size);
    /* What was written through a mapping is from before, also if it is written back later. */
    if (status == OK && (mask & FS_ATTR_MTIME) && !node->touched)
        status = fs_content_flush(&node->content);
    if (status != OK)
        return status;
    set_times(node, mask, attr);
    if ((mask & FS_ATTR_DOS) && node->name != NULL)
        node->bytes[11] =
            (uint8_t)((node->bytes[11] & ~(FS_DOS_MASK & 0xff)) | (attr->dos & FS_DOS_MASK & 0xff));
    if (mask & FS_ATTR_BTIME)
        entry_set_time(node->bytes, 14, attr->btime);
    return change_done(node_store(node));
}

/* ---- content ------------------------------------------------------------------------------------- */

status_t chain_get(struct node *node, uint64_t at, void *to, uint32_t length, uint32_t *done)
{
    *done = 0;
    if (at >= node->size)
        return OK;
    if (length > node->size - at)
        length = node->size - (uint32_t)at;
    status_t status = chain_read(&volume, &node->chain, (uint32_t)at, to, length);
    if (status == OK)
        *done = length;
    return status;
}

status_t chain_put(struct node *node, uint64_t at, const void *from, uint32_t length,
                   uint32_t *done)
{
    uint64_t end = at + length;
    *done = 0;
    status_t status = end > node->size ? chain_grow(&volume, &node->chain, end) : OK;
    if (status == OK && at > node->size)
        status = zero(node, node->size, (uint32_t)at);
    if (status == OK)
        status = chain_write(&volume, &node->chain, (uint32_t)at, from, length);
    if (status == OK && end > node->size) {
        node->size = (uint32_t)end;
        status = node_store(node);
    }
    if (status == OK)
        *done = length;
    return status;
}
