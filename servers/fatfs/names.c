/* SPDX-License-Identifier: MIT */
/* Operations on names. */
#include <string.h>

#include <atomik/time.h>

#include "node.h"

#define COOKIE_DOTS 2u /* `.` and `..`; then slots */

static bool is_root(const struct node *node)
{
    return node->name == NULL;
}

/* What `..` says: 0 for the root. */
static uint32_t cluster_of_parent(const struct node *directory)
{
    return is_root(directory) ? FAT_CHAIN_END : directory->chain.first;
}

status_t fat_lookup(struct fs_node *base, const char *text, size_t length, bool nocase,
                    struct fs_node **child)
{
    struct fat_name name;
    struct fat_entry entry;
    struct node *node;
    (void)nocase; /* names of FAT have none */
    status_t status = name_parse(&name, text, length);
    if (status == ERR_INVALID_ARGUMENT)
        return ERR_NOT_FOUND;
    if (status == OK)
        status = directory_find(&volume, &node_of(base)->chain, &name, &entry);
    if (status == OK)
        status = node_get(node_of(base), &entry, &node);
    if (status == OK)
        *child = &node->base;
    return status;
}

static status_t touch(struct node *directory)
{
    if (is_root(directory))
        return OK;
    node_changed(directory);
    return node_store(directory);
}

status_t fat_create(struct fs_node *base, const struct fs_new *new, struct fs_node **child)
{
    struct node *directory = node_of(base), *node;
    uint32_t type = new->mode &FS_TYPE_MASK, cluster = FAT_CHAIN_END;
    uint8_t bytes[FAT_ENTRY_SIZE] = {0};
    struct fat_name name;
    struct fat_entry entry;
    uint64_t time = time_realtime();
    if (volume.read_only)
        return ERR_READ_ONLY;
    if (type != FS_TYPE_FILE && type != FS_TYPE_DIRECTORY)
        return ERR_NOT_PERMITTED;
    status_t status = name_parse(&name, new->name, new->name_length);
    if (status == OK && type == FS_TYPE_DIRECTORY)
        status = directory_make(&volume, cluster_of_parent(directory), time, &cluster);
    if (status != OK)
        return status;
    bytes[11] = type == FS_TYPE_DIRECTORY ? FAT_DIRECTORY : FAT_ARCHIVE;
    entry_set_cluster(bytes, cluster);
    entry_set_time(bytes, 14, time);
    entry_set_time(bytes, 22, time);
    entry_set_accessed(bytes, time);
    status = directory_add(&volume, &directory->chain, &name, bytes, &entry);
    if (status != OK) {
        if (cluster != FAT_CHAIN_END && fat_cut(&volume, FAT_CHAIN_END, cluster) != OK)
            return ERR_IO_ERROR;
        return status;
    }
    memcpy(entry.units, name.units, name.length * sizeof name.units[0]);
    entry.unit_count = name.length;
    status = node_get(directory, &entry, &node);
    if (status == OK)
        status = change_done(touch(directory));
    if (status == OK)
        *child = &node->base;
    return status;
}

/* FAT has no second names. */
status_t fat_link(struct fs_node *directory, const char *name, size_t length, struct fs_node *node)
{
    (void)directory;
    (void)name;
    (void)length;
    (void)node;
    return volume.read_only ? ERR_READ_ONLY : ERR_NOT_PERMITTED;
}

static status_t check_empty(struct node *node)
{
    bool empty = true;
    status_t status = node->directory ? directory_is_empty(&volume, &node->chain, &empty) : OK;
    return status != OK ? status : empty ? OK : ERR_NOT_EMPTY;
}

static status_t remove_entry(struct node *directory, struct node *node)
{
    status_t status = directory_remove(&volume, &directory->chain, node->first_slot, node->slot);
    if (status == OK)
        node_unlink(node);
    return status;
}

status_t fat_unlink(struct fs_node *base, const char *name, size_t length, struct fs_node *child)
{
    struct node *directory = node_of(base), *node = node_of(child);
    (void)name;
    (void)length;
    if (volume.read_only)
        return ERR_READ_ONLY;
    status_t status = check_empty(node);
    if (status == OK)
        status = remove_entry(directory, node);
    return change_done(status == OK ? touch(directory) : status);
}

/* The new entry first, then the one that it replaces goes, then the old one: never none. */
status_t fat_rename(const struct fs_rename *rename)
{
    struct node *old = node_of(rename->old_directory), *new = node_of(rename->new_directory);
    struct node *node = node_of(rename->node);
    uint32_t slot = node->slot, first_slot = node->first_slot;
    struct fat_name name;
    struct fat_entry entry;
    if (volume.read_only)
        return ERR_READ_ONLY;
    if (rename->exchange)
        return ERR_INVALID_ARGUMENT;
    status_t status = name_parse(&name, rename->new_name, rename->new_length);
    if (status == OK && rename->replaced != NULL && rename->replaced != rename->node)
        status = check_empty(node_of(rename->replaced));
    /* What is renamed over another file replaces it with its content, also if the power goes. */
    if (status == OK && rename->replaced != NULL)
        status = fs_content_flush(&node->content);
    if (status == OK)
        status = directory_add(&volume, &new->chain, &name, node->bytes, &entry);
    if (status == OK && rename->replaced != NULL && rename->replaced != rename->node)
        status = remove_entry(new, node_of(rename->replaced));
    if (status == OK)
        status = directory_remove(&volume, &old->chain, first_slot, slot);
    if (status == OK && node->directory && old != new)
        status = directory_set_parent(&volume, &node->chain, cluster_of_parent(new));
    if (status != OK)
        return status;
    memcpy(entry.units, name.units, name.length * sizeof name.units[0]);
    entry.unit_count = name.length;
    status = node_move(node, new, &entry);
    if (status == OK)
        status = touch(old);
    return change_done(status == OK && old != new ? touch(new) : status);
}

status_t fat_parent(struct fs_node *base, struct fs_node **parent)
{
    struct node *node = node_of(base);
    *parent = fs_node_get(node->parent != NULL ? &node->parent->base : base);
    return OK;
}

status_t fat_name_of(struct fs_node *base, char *to, size_t size, size_t *length)
{
    const struct node *node = node_of(base);
    if (node->content.nameless || node->name == NULL)
        return ERR_NOT_FOUND;
    if (node->name_length > size)
        return ERR_NAME_TOO_LONG;
    memcpy(to, node->name, node->name_length);
    *length = node->name_length;
    return OK;
}

/* ---- listing ------------------------------------------------------------------------------------- */

static bool add_dots(struct node *node, uint64_t *cookie, struct fs_entries *entries)
{
    const struct node *parent = node->parent != NULL ? node->parent : node;
    if (*cookie == 0) {
        if (!fs_entries_add(entries, node->base.ino, 1, FS_TYPE_DIRECTORY, ".", 1))
            return false;
        *cookie = 1;
    }
    if (*cookie == 1) {
        if (!fs_entries_add(entries, parent->base.ino, 2, FS_TYPE_DIRECTORY, "..", 2))
            return false;
        *cookie = 2;
    }
    return true;
}

static bool add_entry(const struct fat_entry *entry, struct fs_entries *entries)
{
    char text[FAT_NAME_MAX + 1];
    uint16_t units[13];
    size_t length = name_format(entry->units, entry->unit_count, text);
    if (length == 0)
        length = name_format(units, name_from_short(entry->bytes, units), text);
    uint32_t type = entry->bytes[11] & FAT_DIRECTORY ? FS_TYPE_DIRECTORY : FS_TYPE_FILE;
    return fs_entries_add(entries, node_number(entry->position), entry->slot + 1 + COOKIE_DOTS,
                          type, text, length);
}

status_t fat_read_directory(struct fs_node *base, void *data, uint64_t cookie,
                            struct fs_entries *entries)
{
    struct node *node = node_of(base);
    struct fat_entry entry;
    (void)data;
    if (!add_dots(node, &cookie, entries))
        return OK;
    if (cookie > FAT_DIRECTORY_MAX + COOKIE_DOTS)
        return OK;
    for (uint32_t slot = (uint32_t)cookie - COOKIE_DOTS;; slot = entry.slot + 1) {
        status_t status = directory_next(&volume, &node->chain, slot, &entry);
        if (status != OK)
            return status == ERR_NOT_FOUND ? OK : status;
        if (entry.bytes[0] != '.' && !add_entry(&entry, entries))
            return OK;
    }
}
