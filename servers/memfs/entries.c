/* SPDX-License-Identifier: MIT */
/*
 * Directories: names in hash tables and in the order they were made, and the operations on them. A node's
 * nlink and a directory's parent follow its entries (attach, detach) and nothing else.
 */
#include "memfs.h"

#include <stdlib.h>
#include <string.h>

#include <atomik/time.h>
#include <fs/fold.h>

#define COOKIE_DOT    1
#define COOKIE_DOTDOT 2

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
    if (memfs_is_directory(node)) {
        node->directory.parent = directory;
        node->directory.self = entry;
        directory->nlink++; /* the child's `..` */
    }
}

static void detach(struct memfs_node *directory, struct memfs_entry *entry)
{
    struct memfs_node *node = entry->node;
    node->nlink--;
    if (memfs_is_directory(node)) {
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
    memfs_touch(directory);
    return OK;
}

/* ---- operations ---- */

status_t memfs_lookup(struct fs_node *base, const char *name, size_t length, bool nocase,
                      struct fs_node **child)
{
    struct memfs_entry *entry = memfs_find(memfs_node_of(base), name, length, nocase);
    if (entry == NULL)
        return ERR_NOT_FOUND;
    *child = fs_node_get(&entry->node->base);
    return OK;
}

status_t memfs_create(struct fs_node *base, const struct fs_new *new, struct fs_node **child)
{
    struct memfs_node *node = memfs_new_node(base->server, new->mode, new->uid, new->gid);
    if (node == NULL)
        return ERR_NO_SPACE;
    node->rdev = new->rdev;
    if (memfs_type(node) == FS_TYPE_LINK) {
        node->link.target = malloc(new->target_length);
        node->link.length = new->target_length;
        if (node->link.target == NULL) {
            memfs_free_node(node);
            return ERR_NO_SPACE;
        }
        memcpy(node->link.target, new->target, new->target_length);
    }
    status_t status = memfs_add_entry(memfs_node_of(base), new->name, new->name_length, node);
    if (status != OK) {
        memfs_free_node(node);
        return memfs_space_status(status);
    }
    *child = &node->base;
    return OK;
}

status_t memfs_link(struct fs_node *directory, const char *name, size_t length,
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
    if (memfs_is_directory(node) && node->directory.entry_count > 0)
        return ERR_NOT_EMPTY;
    unlink_entry(directory, entry);
    detach(directory, entry);
    free(entry);
    memfs_touch(directory);
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
    memfs_touch(old_directory);
    memfs_touch(new_directory);
    return OK;
}

/* Out of memory, the node keeps its old name; the one it was to replace is gone by then. */
status_t memfs_rename(const struct fs_rename *rename)
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
    memfs_touch(old_directory);
    node->ctime = time_realtime();
    return OK;
}

status_t memfs_parent(struct fs_node *base, struct fs_node **parent)
{
    struct memfs_node *node = memfs_node_of(base);
    if (node->directory.parent == NULL)
        return ERR_NOT_FOUND;
    *parent = fs_node_get(&node->directory.parent->base);
    return OK;
}

status_t memfs_name(struct fs_node *base, char *to, size_t size, size_t *length)
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

status_t memfs_read_directory(struct fs_node *base, void *data, uint64_t cookie,
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
