/* SPDX-License-Identifier: MIT */
/* Nodes: their lives, attributes and contents. See memfs.h; the names of directories are in entries.c. */
#include "memfs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>
#include <atomik/time.h>
#include <ipc/call.h>

#define TMPFS_MAGIC 0x01021994

struct memfs_limits memfs_limits;
static uint64_t last_ino;
static uint64_t used_pages, used_nodes;

static uint64_t pages_of(uint64_t size)
{
    return (size + PAGE_MASK) / PAGE_SIZE;
}

/* ---- nodes ---- */

struct memfs_node *memfs_new_node(struct fs_server *server, uint32_t mode, uint32_t uid,
                                  uint32_t gid)
{
    if (memfs_limits.nodes != 0 && used_nodes >= memfs_limits.nodes)
        return NULL;
    struct memfs_node *node = calloc(1, sizeof *node);
    if (node == NULL)
        return NULL;
    used_nodes++;
    fs_node_init(server, &node->base, ++last_ino);
    node->base.type = mode & FS_TYPE_MASK;
    node->mode = mode;
    node->uid = uid;
    node->gid = gid;
    node->atime = node->mtime = node->ctime = node->btime = time_realtime();
    if (memfs_is_directory(node)) {
        node->nlink = 1; /* its own `.` */
        node->directory.next_cookie = MEMFS_FIRST_COOKIE;
    }
    return node;
}

struct memfs_node *memfs_new_root(struct fs_server *server)
{
    struct memfs_node *root = memfs_new_node(server, FS_TYPE_DIRECTORY | 0755, 0, 0);
    if (root != NULL) {
        root->directory.parent = root;
        root->nlink = 2;
    }
    return root;
}

void memfs_free_node(struct memfs_node *node)
{
    memfs_xattrs_free(node);
    used_nodes--;
    switch (memfs_type(node)) {
    case FS_TYPE_DIRECTORY:
        free(node->directory.buckets);
        break;
    case FS_TYPE_FILE:
        handle_drop(&node->file.vmo);
        used_pages -= node->file.archive == HANDLE_NONE ? pages_of(node->file.size) : 0;
        break;
    case FS_TYPE_LINK:
        free(node->link.target);
        break;
    }
    free(node);
}

/* A node lives while it has names or references. A removed directory keeps nlink 1 for its `.`. */
static bool is_named(const struct memfs_node *node)
{
    return memfs_is_directory(node) ? node->directory.parent != NULL : node->nlink > 0;
}

static void op_release(struct fs_node *base)
{
    struct memfs_node *node = memfs_node_of(base);
    if (!is_named(node))
        memfs_free_node(node);
}

void memfs_touch(struct memfs_node *node)
{
    node->mtime = node->ctime = time_realtime();
}

/* ---- attributes ---- */

static uint64_t size_of(const struct memfs_node *node)
{
    switch (memfs_type(node)) {
    case FS_TYPE_FILE:
        return node->file.size;
    case FS_TYPE_LINK:
        return node->link.length;
    case FS_TYPE_DIRECTORY:
        return PAGE_SIZE;
    default:
        return 0;
    }
}

/* Pages that are there; a file that is still in the archive has all of them. */
static uint32_t pages_in_use(const struct memfs_node *node)
{
    struct vmo_info info;
    if (memfs_type(node) != FS_TYPE_FILE)
        return 0;
    if (node->file.vmo != HANDLE_NONE && vmo_info(node->file.vmo, &info) == OK)
        return info.committed;
    return (uint32_t)((node->file.size + PAGE_MASK) / PAGE_SIZE);
}

static status_t op_attributes(struct fs_node *base, struct fs_attr *attr)
{
    const struct memfs_node *node = memfs_node_of(base);
    uint64_t size = size_of(node);
    *attr = (struct fs_attr){
        .ino = base->ino,
        .size = size,
        .blocks = (uint64_t)pages_in_use(node) * (PAGE_SIZE / 512),
        .atime = node->atime,
        .mtime = node->mtime,
        .ctime = node->ctime,
        .btime = node->btime,
        .mode = node->mode,
        .nlink = is_named(node) ? node->nlink : 0,
        .uid = node->uid,
        .gid = node->gid,
        .rdev = node->rdev,
    };
    return OK;
}

status_t memfs_space_status(status_t status)
{
    return status == ERR_NO_MEMORY || status == ERR_LIMIT_REACHED ? ERR_NO_SPACE : status;
}

/* ---- content ---- */

/*
 * Make the VMO. In the archive, the last page of a file also holds what follows it: the clone is
 * made of whole pages and then cut, which clears the rest of the last page.
 */
static status_t need_vmo(struct memfs_node *node)
{
    if (node->file.vmo != HANDLE_NONE)
        return OK;
    if (node->file.archive == HANDLE_NONE || node->file.size == 0)
        return vmo_create(VMO_CONTENT, node->file.size, &node->file.vmo);
    if (node->file.packed_length != 0)
        return memfs_unpack_file(node, &node->file.vmo);
    uint64_t pages = (node->file.size + PAGE_MASK) & ~(uint64_t)PAGE_MASK;
    handle_t vmo;
    status_t status = vmo_clone(node->file.archive, node->file.archive_offset, pages, &vmo);
    if (status != OK)
        return status;
    status = vmo_set_size(vmo, node->file.size);
    if (status != OK) {
        handle_drop(&vmo);
        return status;
    }
    node->file.vmo = vmo;
    return OK;
}

static status_t set_size(struct memfs_node *node, uint64_t size)
{
    if (memfs_type(node) != FS_TYPE_FILE)
        return memfs_is_directory(node) ? ERR_IS_DIRECTORY : ERR_INVALID_ARGUMENT;
    if (size > FILE_SIZE_MAX)
        return ERR_FILE_TOO_LARGE;
    if (size == node->file.size)
        return OK;
    bool counts =
        node->file.archive == HANDLE_NONE; /* what came with the archive is not written here */
    uint64_t before = counts ? pages_of(node->file.size) : 0, after = counts ? pages_of(size) : 0;
    if (memfs_limits.bytes != 0 && after > before &&
        used_pages - before + after > memfs_limits.bytes / PAGE_SIZE)
        return ERR_NO_SPACE;
    status_t status = need_vmo(node);
    if (status == OK)
        status = vmo_set_size(node->file.vmo, size);
    if (status != OK)
        return status;
    used_pages = used_pages - before + after;
    node->file.size = size;
    return OK;
}

static status_t op_set_attributes(struct fs_node *base, uint32_t mask, const struct fs_attr *attr)
{
    struct memfs_node *node = memfs_node_of(base);
    uint64_t now = time_realtime();
    if (mask & FS_ATTR_SIZE) {
        status_t status = set_size(node, attr->size);
        if (status != OK)
            return memfs_space_status(status);
        node->mtime = now;
    }
    if (mask & FS_ATTR_MODE)
        node->mode = (node->mode & FS_TYPE_MASK) | (attr->mode & 07777);
    if (mask & FS_ATTR_UID)
        node->uid = attr->uid;
    if (mask & FS_ATTR_GID)
        node->gid = attr->gid;
    if (mask & (FS_ATTR_ATIME | FS_ATTR_ATIME_NOW))
        node->atime = mask & FS_ATTR_ATIME_NOW ? now : attr->atime;
    if (mask & (FS_ATTR_MTIME | FS_ATTR_MTIME_NOW))
        node->mtime = mask & FS_ATTR_MTIME_NOW ? now : attr->mtime;
    if (mask & FS_ATTR_BTIME)
        node->btime = attr->btime;
    node->ctime = now;
    return OK;
}

static status_t op_read(struct fs_node *base, void *data, uint64_t offset, void *to,
                        uint32_t length, uint32_t *done)
{
    struct memfs_node *node = memfs_node_of(base);
    (void)data;
    *done = 0;
    if (offset >= node->file.size)
        return OK;
    if (length > node->file.size - offset)
        length = (uint32_t)(node->file.size - offset);
    status_t status = length == 0 ? OK : need_vmo(node);
    if (status == OK && length > 0)
        status = vmo_read(node->file.vmo, offset, to, length);
    if (status == OK)
        *done = length;
    return status;
}

static status_t op_write(struct fs_node *base, void *data, uint64_t offset, const void *from,
                         uint32_t length, uint32_t *done)
{
    struct memfs_node *node = memfs_node_of(base);
    uint64_t old = node->file.size;
    (void)data;
    *done = 0;
    if (length == 0)
        return OK;
    status_t status = need_vmo(node);
    if (status == OK && offset + length > old)
        status = set_size(node, offset + length);
    if (status != OK)
        return memfs_space_status(status);
    status = vmo_write(node->file.vmo, offset, from, length);
    if (status != OK) {
        status_t undone = set_size(node, old);
        assert(undone == OK); /* shrinking needs no memory */
        return memfs_space_status(status);
    }
    memfs_touch(node);
    *done = length;
    return OK;
}

static status_t op_content(struct fs_node *base, void *data, uint32_t prot, handle_t *vmo,
                           uint64_t *size, bool *coherent)
{
    struct memfs_node *node = memfs_node_of(base);
    uint32_t rights = RIGHT_DUPLICATE | RIGHT_TRANSFER | RIGHT_MAP | RIGHT_READ;
    (void)data;
    if (memfs_type(node) != FS_TYPE_FILE)
        return ERR_NOT_SUPPORTED;
    status_t status = need_vmo(node);
    if (status != OK)
        return status;
    rights |= prot & PROT_W ? RIGHT_WRITE : 0;
    rights |= prot & PROT_X ? RIGHT_EXECUTE : 0;
    *size = node->file.size;
    *coherent = true;
    return handle_duplicate(node->file.vmo, rights, vmo);
}

static status_t op_modified(struct fs_node *base)
{
    memfs_touch(memfs_node_of(base));
    return OK;
}

static status_t op_read_link(struct fs_node *base, char *to, size_t size, size_t *length)
{
    const struct memfs_node *node = memfs_node_of(base);
    if (node->link.length > size)
        return ERR_NAME_TOO_LONG;
    memcpy(to, node->link.target, node->link.length);
    *length = node->link.length;
    return OK;
}

static status_t op_statistics(struct fs_server *server, struct fs_statistics *statistics)
{
    struct system_info info;
    status_t status = system_info(&info);
    (void)server;
    if (status != OK)
        return status;
    statistics->type = TMPFS_MAGIC;
    statistics->block_size = PAGE_SIZE;
    statistics->blocks = info.total_pages;
    statistics->blocks_free = info.free_pages;
    statistics->files = last_ino + info.free_pages;
    statistics->files_free = info.free_pages;
    statistics->name_max = FS_NAME_MAX;
    if (memfs_limits.bytes != 0) {
        statistics->blocks = memfs_limits.bytes / PAGE_SIZE;
        statistics->blocks_free = statistics->blocks - used_pages;
    }
    if (memfs_limits.nodes != 0) {
        statistics->files = memfs_limits.nodes;
        statistics->files_free = statistics->files - used_nodes;
    }
    return OK;
}

const struct fs_ops memfs_ops = {
    .folds = true,
    .sole = true,
    .lookup = memfs_lookup,
    .attributes = op_attributes,
    .set_attributes = op_set_attributes,
    .create = memfs_create,
    .link = memfs_link,
    .unlink = memfs_unlink,
    .rename = memfs_rename,
    .read_link = op_read_link,
    .parent = memfs_parent,
    .name = memfs_name,
    .read_directory = memfs_read_directory,
    .read = op_read,
    .write = op_write,
    .content = op_content,
    .modified = op_modified,
    .statistics = op_statistics,
    .xattr = memfs_xattr,
    .release = op_release,
};
