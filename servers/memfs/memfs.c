/* SPDX-License-Identifier: MIT */
#include <fs/fold.h>

#include "memfs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>
#include <atomik/time.h>
#include <ipc/call.h>

#define COOKIE_DOT    1
#define COOKIE_DOTDOT 2
#define COOKIE_FIRST  3
#define TMPFS_MAGIC   0x01021994

struct memfs_limits memfs_limits;
static uint64_t last_ino;
static uint64_t used_pages, used_nodes;

static uint64_t pages_of(uint64_t size)
{
    return (size + PAGE_MASK) / PAGE_SIZE;
}

static uint32_t type_of(const struct memfs_node *node)
{
    return node->mode & FS_TYPE_MASK;
}

static bool is_directory(const struct memfs_node *node)
{
    return type_of(node) == FS_TYPE_DIRECTORY;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

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
    if (is_directory(node)) {
        node->nlink = 1; /* its own `.` */
        node->directory.next_cookie = COOKIE_FIRST;
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

static void free_node(struct memfs_node *node)
{
    memfs_xattrs_free(node);
    used_nodes--;
    switch (type_of(node)) {
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
    return is_directory(node) ? node->directory.parent != NULL : node->nlink > 0;
}

static void op_release(struct fs_node *base)
{
    struct memfs_node *node = memfs_node_of(base);
    if (!is_named(node))
        free_node(node);
}

static void touch(struct memfs_node *node)
{
    node->mtime = node->ctime = time_realtime();
}

/* ---- names ----------------------------------------------------------------------------------- */

struct memfs_entry *memfs_find(struct memfs_node *directory, const char *name, size_t length,
                               bool nocase)
{
    /* Without case, so that both kinds of look-up use the same bucket. */
    uint32_t hash = fs_name_hash(name, length);
    struct memfs_entry *similar = NULL;
    if (directory->directory.bucket_count == 0)
        return NULL;
    struct memfs_entry *entry =
        directory->directory.buckets[hash & (directory->directory.bucket_count - 1)];
    for (; entry != NULL; entry = entry->in_bucket) {
        if (entry->hash != hash)
            continue;
        if (entry->length == length && memcmp(entry->name, name, length) == 0)
            return entry;
        if (nocase && similar == NULL && fs_names_same(entry->name, entry->length, name, length))
            similar = entry;
    }
    return similar;
}

static status_t grow_buckets(struct memfs_node *directory)
{
    uint32_t count =
        directory->directory.bucket_count == 0 ? 8 : directory->directory.bucket_count * 2;
    struct memfs_entry **buckets = calloc(count, sizeof *buckets);
    if (buckets == NULL)
        return directory->directory.bucket_count == 0 ? ERR_NO_MEMORY : OK;
    for (struct memfs_entry *entry = directory->directory.first; entry != NULL;
         entry = entry->next) {
        entry->in_bucket = buckets[entry->hash & (count - 1)];
        buckets[entry->hash & (count - 1)] = entry;
    }
    free(directory->directory.buckets);
    directory->directory.buckets = buckets;
    directory->directory.bucket_count = count;
    return OK;
}

static void link_entry(struct memfs_node *directory, struct memfs_entry *entry)
{
    struct memfs_entry **bucket =
        &directory->directory.buckets[entry->hash & (directory->directory.bucket_count - 1)];
    entry->in_bucket = *bucket;
    *bucket = entry;
    entry->cookie = directory->directory.next_cookie++;
    entry->next = NULL;
    entry->previous = directory->directory.last;
    if (entry->previous != NULL)
        entry->previous->next = entry;
    else
        directory->directory.first = entry;
    directory->directory.last = entry;
    directory->directory.entry_count++;
}

static void unlink_entry(struct memfs_node *directory, struct memfs_entry *entry)
{
    struct memfs_entry **link =
        &directory->directory.buckets[entry->hash & (directory->directory.bucket_count - 1)];
    while (*link != entry)
        link = &(*link)->in_bucket;
    *link = entry->in_bucket;
    if (entry->previous != NULL)
        entry->previous->next = entry->next;
    else
        directory->directory.first = entry->next;
    if (entry->next != NULL)
        entry->next->previous = entry->previous;
    else
        directory->directory.last = entry->previous;
    if (directory->directory.hint == entry)
        directory->directory.hint = NULL;
    directory->directory.entry_count--;
}

/* What naming a node in a directory does to both. */
static void attach(struct memfs_node *directory, struct memfs_entry *entry, struct memfs_node *node)
{
    entry->node = node;
    node->nlink++;
    if (is_directory(node)) {
        node->directory.parent = directory;
        node->directory.self = entry;
        directory->nlink++; /* the child's `..` */
    }
}

static void detach(struct memfs_node *directory, struct memfs_entry *entry)
{
    struct memfs_node *node = entry->node;
    node->nlink--;
    if (is_directory(node)) {
        node->directory.parent = NULL;
        node->directory.self = NULL;
        directory->nlink--;
    }
    entry->node = NULL;
}

status_t memfs_add_entry(struct memfs_node *directory, const char *name, size_t length,
                         struct memfs_node *node)
{
    if (directory->directory.parent == NULL)
        return ERR_NOT_FOUND; /* removed, but still open */
    if (directory->directory.entry_count >= directory->directory.bucket_count &&
        grow_buckets(directory) != OK)
        return ERR_NO_MEMORY;
    struct memfs_entry *entry = malloc(sizeof *entry + length);
    if (entry == NULL)
        return ERR_NO_MEMORY;
    entry->hash = fs_name_hash(name, length);
    entry->length = (uint16_t)length;
    memcpy(entry->name, name, length);
    link_entry(directory, entry);
    attach(directory, entry, node);
    touch(directory);
    return OK;
}

/* ---- attributes ------------------------------------------------------------------------------ */

static uint64_t size_of(const struct memfs_node *node)
{
    switch (type_of(node)) {
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
    if (type_of(node) != FS_TYPE_FILE)
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

/* Running out of memory is running out of space here. */
static status_t space_status(status_t status)
{
    return status == ERR_NO_MEMORY || status == ERR_LIMIT_REACHED ? ERR_NO_SPACE : status;
}

/* ---- content --------------------------------------------------------------------------------- */

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
    if (type_of(node) != FS_TYPE_FILE)
        return is_directory(node) ? ERR_IS_DIRECTORY : ERR_INVALID_ARGUMENT;
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
            return space_status(status);
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
        return space_status(status);
    status = vmo_write(node->file.vmo, offset, from, length);
    if (status != OK) {
        status_t undone = set_size(node, old);
        assert(undone == OK); /* shrinking needs no memory */
        return space_status(status);
    }
    touch(node);
    *done = length;
    return OK;
}

static status_t op_content(struct fs_node *base, void *data, uint32_t prot, handle_t *vmo,
                           uint64_t *size, bool *coherent)
{
    struct memfs_node *node = memfs_node_of(base);
    uint32_t rights = RIGHT_DUPLICATE | RIGHT_TRANSFER | RIGHT_MAP | RIGHT_READ;
    (void)data;
    if (type_of(node) != FS_TYPE_FILE)
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
    touch(memfs_node_of(base));
    return OK;
}

/* ---- names: operations ----------------------------------------------------------------------- */

static status_t op_lookup(struct fs_node *base, const char *name, size_t length, bool nocase,
                          struct fs_node **child)
{
    struct memfs_entry *entry = memfs_find(memfs_node_of(base), name, length, nocase);
    if (entry == NULL)
        return ERR_NOT_FOUND;
    *child = fs_node_get(&entry->node->base);
    return OK;
}

static status_t op_create(struct fs_node *base, const struct fs_new *new, struct fs_node **child)
{
    struct memfs_node *node = memfs_new_node(base->server, new->mode, new->uid, new->gid);
    if (node == NULL)
        return ERR_NO_SPACE;
    node->rdev = new->rdev;
    if (type_of(node) == FS_TYPE_LINK) {
        node->link.target = malloc(new->target_length);
        node->link.length = new->target_length;
        if (node->link.target == NULL) {
            used_nodes--;
            free(node);
            return ERR_NO_SPACE;
        }
        memcpy(node->link.target, new->target, new->target_length);
    }
    status_t status = memfs_add_entry(memfs_node_of(base), new->name, new->name_length, node);
    if (status != OK) {
        free_node(node);
        return space_status(status);
    }
    *child = &node->base;
    return OK;
}

static status_t op_link(struct fs_node *directory, const char *name, size_t length,
                        struct fs_node *base)
{
    struct memfs_node *node = memfs_node_of(base);
    status_t status = memfs_add_entry(memfs_node_of(directory), name, length, node);
    if (status == OK)
        node->ctime = time_realtime();
    return status;
}

status_t memfs_unlink(struct fs_node *base, const char *name, size_t length, struct fs_node *child)
{
    struct memfs_node *directory = memfs_node_of(base), *node = memfs_node_of(child);
    struct memfs_entry *entry = memfs_find(directory, name, length, false);
    if (entry == NULL || entry->node != node)
        entry = memfs_find(directory, name, length, true); /* the walk ignored case */
    if (entry == NULL || entry->node != node)
        return ERR_NOT_FOUND;
    if (is_directory(node) && node->directory.entry_count > 0)
        return ERR_NOT_EMPTY;
    unlink_entry(directory, entry);
    detach(directory, entry);
    free(entry);
    touch(directory);
    node->ctime = time_realtime();
    return OK;
}

static status_t exchange(const struct fs_rename *rename)
{
    struct memfs_node *old_directory = memfs_node_of(rename->old_directory);
    struct memfs_node *new_directory = memfs_node_of(rename->new_directory);
    struct memfs_entry *old =
        memfs_find(old_directory, rename->old_name, rename->old_length, false);
    struct memfs_entry *new =
        memfs_find(new_directory, rename->new_name, rename->new_length, false);
    if (old == NULL || new == NULL)
        return ERR_NOT_FOUND;
    struct memfs_node *old_node = old->node, *new_node = new->node;
    detach(old_directory, old);
    detach(new_directory, new);
    attach(old_directory, old, new_node);
    attach(new_directory, new, old_node);
    touch(old_directory);
    touch(new_directory);
    return OK;
}

/* Out of memory, the node keeps its old name; the one it was to replace is gone by then. */
static status_t op_rename(const struct fs_rename *rename)
{
    struct memfs_node *old_directory = memfs_node_of(rename->old_directory);
    struct memfs_node *new_directory = memfs_node_of(rename->new_directory);
    struct memfs_node *node = memfs_node_of(rename->node);
    if (rename->exchange)
        return exchange(rename);
    struct memfs_entry *old =
        memfs_find(old_directory, rename->old_name, rename->old_length, false);
    if (old == NULL || old->node != node)
        return ERR_NOT_FOUND;
    if (rename->replaced != NULL) {
        status_t status = memfs_unlink(rename->new_directory, rename->new_name, rename->new_length,
                                       rename->replaced);
        if (status != OK)
            return status;
    }
    detach(old_directory, old);
    status_t status = memfs_add_entry(new_directory, rename->new_name, rename->new_length, node);
    if (status != OK) {
        attach(old_directory, old, node);
        return status;
    }
    unlink_entry(old_directory, old);
    free(old);
    touch(old_directory);
    node->ctime = time_realtime();
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

static status_t op_parent(struct fs_node *base, struct fs_node **parent)
{
    struct memfs_node *node = memfs_node_of(base);
    if (node->directory.parent == NULL)
        return ERR_NOT_FOUND;
    *parent = fs_node_get(&node->directory.parent->base);
    return OK;
}

static status_t op_name(struct fs_node *base, char *to, size_t size, size_t *length)
{
    const struct memfs_node *node = memfs_node_of(base);
    if (node->directory.self == NULL)
        return ERR_NOT_FOUND;
    if (node->directory.self->length > size)
        return ERR_NAME_TOO_LONG;
    memcpy(to, node->directory.self->name, node->directory.self->length);
    *length = node->directory.self->length;
    return OK;
}

/* The first entry behind a cookie; enumerations usually go on where the last one stopped. */
static struct memfs_entry *entry_after(struct memfs_node *directory, uint64_t cookie)
{
    struct memfs_entry *entry = directory->directory.hint;
    if (entry == NULL || entry->cookie > cookie)
        entry = directory->directory.first;
    while (entry != NULL && entry->cookie <= cookie)
        entry = entry->next;
    return entry;
}

static status_t op_read_directory(struct fs_node *base, void *data, uint64_t cookie,
                                  struct fs_entries *entries)
{
    struct memfs_node *directory = memfs_node_of(base);
    struct memfs_node *parent = directory->directory.parent;
    (void)data;
    if (parent == NULL)
        return OK; /* removed: nothing is left, not even `.` */
    if (cookie < COOKIE_DOT &&
        !fs_entries_add(entries, base->ino, COOKIE_DOT, FS_TYPE_DIRECTORY, ".", 1))
        return OK;
    if (cookie < COOKIE_DOTDOT &&
        !fs_entries_add(entries, parent->base.ino, COOKIE_DOTDOT, FS_TYPE_DIRECTORY, "..", 2))
        return OK;
    struct memfs_entry *entry = entry_after(directory, cookie);
    for (; entry != NULL; entry = entry->next) {
        directory->directory.hint = entry;
        if (!fs_entries_add(entries, entry->node->base.ino, entry->cookie, entry->node->mode,
                            entry->name, entry->length))
            break;
    }
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
    .lookup = op_lookup,
    .attributes = op_attributes,
    .set_attributes = op_set_attributes,
    .create = op_create,
    .link = op_link,
    .unlink = memfs_unlink,
    .rename = op_rename,
    .read_link = op_read_link,
    .parent = op_parent,
    .name = op_name,
    .read_directory = op_read_directory,
    .read = op_read,
    .write = op_write,
    .content = op_content,
    .modified = op_modified,
    .statistics = op_statistics,
    .xattr = memfs_xattr,
    .release = op_release,
};
