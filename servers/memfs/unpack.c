/* SPDX-License-Identifier: MIT */
/* Boot archives become nodes. A later archive adds to what earlier ones made and replaces files. */
#include <stdlib.h>
#include <string.h>

#include <archive/cpio.h>
#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/time.h>

#include "memfs.h"

/* Files with several names, to be found again by the archive's number. */
struct hard_link {
    struct hard_link *next;
    uint32_t ino;
    struct memfs_node *node;
};

struct unpack {
    struct memfs_node *root;
    const char *bytes;
    handle_t archive;
    struct hard_link *links;
};

/* The directory of a path, made as far as it is missing; *name is the last component. */
static status_t find_directory(struct unpack *unpack, const char *path, size_t length,
                               struct memfs_node **directory, const char **name,
                               size_t *name_length)
{
    struct memfs_node *at = unpack->root;
    const char *end = path + length;
    for (;;) {
        const char *slash = memchr(path, '/', (size_t)(end - path));
        size_t part = (size_t)((slash != NULL ? slash : end) - path);
        if (part == 0 || part > FS_NAME_MAX || (part <= 2 && memcmp(path, "..", part) == 0))
            return ERR_INVALID_ARGUMENT;
        if (slash == NULL) {
            *directory = at;
            *name = path;
            *name_length = part;
            return OK;
        }
        struct memfs_entry *entry = memfs_find(at, path, part, false);
        if (entry == NULL) {
            struct memfs_node *made =
                memfs_new_node(at->base.server, FS_TYPE_DIRECTORY | 0755, 0, 0);
            status_t status = made == NULL ? ERR_NO_MEMORY : memfs_add_entry(at, path, part, made);
            if (status != OK)
                return status;
            fs_node_put(&made->base);
            at = made;
        } else if ((entry->node->mode & FS_TYPE_MASK) == FS_TYPE_DIRECTORY) {
            at = entry->node;
        } else {
            return ERR_NOT_DIRECTORY;
        }
        path = slash + 1;
    }
}

static status_t set_content(struct unpack *unpack, struct memfs_node *node,
                            const struct cpio_entry *entry)
{
    uint32_t type = node->mode & FS_TYPE_MASK;
    if (type == FS_TYPE_LINK) {
        node->link.target = malloc(entry->data_length + 1);
        if (node->link.target == NULL)
            return ERR_NO_MEMORY;
        memcpy(node->link.target, unpack->bytes + entry->data_offset, entry->data_length);
        node->link.length = entry->data_length;
    }
    if (type == FS_TYPE_FILE && entry->data_length > 0) {
        bool packed = entry->rdev_major == CPIO_PACKED;
        if ((!packed && entry->data_offset % PAGE_SIZE != 0) || entry->rdev_minor > FILE_SIZE_MAX)
            return ERR_INVALID_ARGUMENT;
        node->file.archive = unpack->archive;
        node->file.archive_offset = entry->data_offset;
        node->file.size = packed ? entry->rdev_minor : entry->data_length;
        node->file.packed_length = packed ? (uint32_t)entry->data_length : 0;
    } else {
        node->rdev = entry->rdev_major << 8 | entry->rdev_minor;
    }
    node->atime = node->mtime = node->ctime = entry->mtime * NS_PER_S;
    return OK;
}

static struct memfs_node *known_link(struct unpack *unpack, const struct cpio_entry *entry)
{
    if (entry->nlink < 2 || (entry->mode & FS_TYPE_MASK) == FS_TYPE_DIRECTORY)
        return NULL;
    for (struct hard_link *link = unpack->links; link != NULL; link = link->next)
        if (link->ino == entry->ino)
            return link->node;
    return NULL;
}

static status_t remember_link(struct unpack *unpack, const struct cpio_entry *entry,
                              struct memfs_node *node)
{
    if (entry->nlink < 2 || (entry->mode & FS_TYPE_MASK) == FS_TYPE_DIRECTORY)
        return OK;
    struct hard_link *link = malloc(sizeof *link);
    if (link == NULL)
        return ERR_NO_MEMORY;
    *link = (struct hard_link){unpack->links, entry->ino, node};
    unpack->links = link;
    return OK;
}

static status_t add_node(struct unpack *unpack, const struct cpio_entry *entry,
                         struct memfs_node *directory, const char *name, size_t length)
{
    struct memfs_node *node = known_link(unpack, entry);
    if (node != NULL) {
        if (entry->data_length > 0 &&
            node->file.size == 0) { /* cpio may put the data at any of the names */
            status_t status = set_content(unpack, node, entry);
            if (status != OK)
                return status;
        }
        return memfs_add_entry(directory, name, length, node);
    }
    node = memfs_new_node(directory->base.server, entry->mode, entry->uid, entry->gid);
    if (node == NULL)
        return ERR_NO_MEMORY;
    status_t status = set_content(unpack, node, entry);
    if (status == OK)
        status = memfs_add_entry(directory, name, length, node);
    if (status == OK)
        status = remember_link(unpack, entry, node);
    fs_node_put(&node->base);
    return status;
}

static bool known_type(uint32_t mode)
{
    switch (mode & FS_TYPE_MASK) {
    case FS_TYPE_FILE:
    case FS_TYPE_DIRECTORY:
    case FS_TYPE_LINK:
    case FS_TYPE_CHARACTER:
    case FS_TYPE_BLOCK:
    case FS_TYPE_FIFO:
        return true;
    default:
        return false;
    }
}

static status_t unpack_entry(struct unpack *unpack, const struct cpio_entry *entry)
{
    struct memfs_node *directory;
    const char *name;
    size_t length;
    if (entry->name_length == 0 || (entry->name_length == 1 && entry->name[0] == '.'))
        return OK; /* the root itself */
    if (!known_type(entry->mode))
        return ERR_NOT_SUPPORTED;
    status_t status =
        find_directory(unpack, entry->name, entry->name_length, &directory, &name, &length);
    if (status != OK)
        return status;
    struct memfs_entry *existing = memfs_find(directory, name, length, false);
    if (existing == NULL)
        return add_node(unpack, entry, directory, name, length);
    bool was_directory = (existing->node->mode & FS_TYPE_MASK) == FS_TYPE_DIRECTORY;
    if ((entry->mode & FS_TYPE_MASK) == FS_TYPE_DIRECTORY && was_directory) {
        existing->node->mode = entry->mode;
        return OK;
    }
    struct fs_node *old = fs_node_get(&existing->node->base);
    status = memfs_unlink(&directory->base, name, length, old);
    fs_node_put(old);
    return status == OK ? add_node(unpack, entry, directory, name, length) : status;
}

status_t memfs_unpack(struct memfs_node *root, const void *bytes, size_t length, handle_t archive)
{
    struct unpack unpack = {.root = root, .bytes = bytes, .archive = archive};
    size_t offset = 0;
    for (;;) {
        struct cpio_entry entry;
        status_t status = cpio_next(bytes, length, &offset, &entry);
        if (status == OK) {
            status = unpack_entry(&unpack, &entry);
            if (status == OK)
                continue;
            log_printf("%.*s: %s", (int)entry.name_length, entry.name, status_text(status));
            if (status != ERR_NO_MEMORY)
                continue; /* the rest of the archive is still worth having */
        }
        while (unpack.links != NULL) {
            struct hard_link *link = unpack.links;
            unpack.links = link->next;
            free(link);
        }
        return status == ERR_NOT_FOUND ? OK : status;
    }
}
