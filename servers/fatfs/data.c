/* SPDX-License-Identifier: MIT */
/* Content and attributes of files. */
#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>

#include "node.h"

#define PIECE 65536u

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
    uint64_t size = node->directory ? directory_size(node) : node->size;
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
                             .nlink = node->unlinked ? 0 : 1,
                             .uid = options.uid,
                             .gid = options.gid};
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

static status_t set_size(struct node *node, uint64_t size)
{
    status_t status = OK;
    if (node->directory)
        return ERR_IS_DIRECTORY;
    if (size > FAT_FILE_MAX)
        return ERR_FILE_TOO_LARGE;
    if (size > node->size)
        status = chain_grow(&volume, &node->chain, size);
    if (status == OK && size > node->size)
        status = zero(node, node->size, (uint32_t)size);
    if (status != OK)
        return status;
    bool shorter = size < node->size;
    node->size = (uint32_t)size;
    node_changed(node);
    if (!shorter)
        return node_store(node);
    /* The entry first: its chain may be too long for its size, never too short. */
    uint32_t first = node->chain.first;
    node->chain.first = size == 0 ? FAT_CHAIN_END : first;
    status = node_store(node);
    node->chain.first = first;
    return status == OK ? chain_shrink(&volume, &node->chain, size) : status;
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
        status = set_size(node, attr->size);
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

status_t fat_read(struct fs_node *base, void *data, uint64_t offset, void *to, uint32_t length,
                  uint32_t *done)
{
    struct node *node = node_of(base);
    (void)data;
    *done = 0;
    if (offset >= node->size)
        return OK;
    if (length > node->size - offset)
        length = node->size - (uint32_t)offset;
    status_t status = chain_read(&volume, &node->chain, (uint32_t)offset, to, length);
    if (status == OK)
        *done = length;
    return status;
}

/* Room up to offset + length or, when the volume is nearly full, for as much as there is. */
static status_t make_room(struct node *node, uint64_t offset, uint32_t *length)
{
    uint64_t end = offset + *length;
    if (end <= node->size)
        return OK;
    status_t status = chain_grow(&volume, &node->chain, end);
    if (status != ERR_NO_SPACE)
        return status;
    uint64_t have = ((uint64_t)node->size + volume.cluster_size - 1) / volume.cluster_size;
    uint64_t most = (have + volume.free_clusters) * volume.cluster_size;
    if (most <= offset)
        return ERR_NO_SPACE;
    *length = (uint32_t)(most - offset);
    return chain_grow(&volume, &node->chain, most);
}

status_t fat_write(struct fs_node *base, void *data, uint64_t offset, const void *from,
                   uint32_t length, uint32_t *done)
{
    struct node *node = node_of(base);
    (void)data;
    *done = 0;
    if (volume.read_only)
        return ERR_READ_ONLY;
    if (length == 0)
        return OK;
    if (offset >= FAT_FILE_MAX)
        return ERR_FILE_TOO_LARGE;
    if (length > FAT_FILE_MAX - offset)
        length = FAT_FILE_MAX - (uint32_t)offset;
    status_t status = make_room(node, offset, &length);
    if (status == OK && offset > node->size)
        status = zero(node, node->size, (uint32_t)offset);
    if (status == OK)
        status = chain_write(&volume, &node->chain, (uint32_t)offset, from, length);
    if (status != OK)
        return status;
    if (offset + length > node->size)
        node->size = (uint32_t)offset + length;
    node_changed(node);
    status = change_done(node_store(node));
    if (status == OK)
        *done = length;
    return status;
}

static status_t fill(struct node *node, handle_t vmo)
{
    static uint8_t piece[PIECE];
    for (uint32_t at = 0; at < node->size;) {
        uint32_t part = node->size - at < PIECE ? node->size - at : PIECE;
        status_t status = chain_read(&volume, &node->chain, at, piece, part);
        if (status == OK)
            status = vmo_write(vmo, at, piece, part);
        if (status != OK)
            return status;
        at += part;
    }
    return OK;
}

/* What is larger than an eighth of the memory is only read and written by messages. */
static bool is_too_large(const struct node *node)
{
    struct system_info info;
    return system_info(&info) == OK && node->size / PAGE_SIZE > info.total_pages / 8;
}

/* A copy as of now, for execution and private mappings. */
status_t fat_content(struct fs_node *base, void *data, uint32_t prot, handle_t *vmo, uint64_t *size,
                     bool *coherent)
{
    const uint32_t rights =
        RIGHT_READ | RIGHT_EXECUTE | RIGHT_MAP | RIGHT_DUPLICATE | RIGHT_TRANSFER;
    struct node *node = node_of(base);
    status_t status = OK;
    (void)data;
    if ((prot & PROT_W) || is_too_large(node))
        return ERR_NOT_SUPPORTED;
    if (node->content == HANDLE_NONE) {
        handle_t copy;
        status = vmo_create(VMO_CONTENT, node->size, &copy);
        if (status == OK && (status = fill(node, copy)) != OK)
            handle_drop(&copy);
        if (status != OK)
            return status == ERR_NO_MEMORY ? ERR_NOT_SUPPORTED : status;
        node->content = copy;
    }
    *size = node->size;
    *coherent = false;
    return handle_duplicate(node->content, rights, vmo);
}
