/* SPDX-License-Identifier: MIT */
/* Nodes: found by the place of their entries. */
#include "node.h"

#include <stdlib.h>
#include <string.h>

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/time.h>
#include <ipc/call.h>

#define BUCKETS  256u
#define ROOT_INO 1u
#define AGAIN    (1ull << 40) /* a number that an unlinked file still has */

static struct table_link *buckets[BUCKETS];
static struct table nodes = {buckets, BUCKETS};    /* by the place of the entry */
static struct list nameless = LIST_INIT(nameless); /* those that have none any more */
static uint32_t last_generation;

static struct node *node_of_link(struct table_link *link)
{
    return link != NULL ? container_of(link, struct node, by_position) : NULL;
}

static struct node *find(uint64_t position)
{
    return node_of_link(table_find(&nodes, position));
}

uint64_t node_number(uint64_t position)
{
    struct node *node = find(position);
    return node != NULL ? node->base.ino : position / FAT_ENTRY_SIZE;
}

static bool is_taken(uint64_t ino)
{
    list_each(node, &nameless, struct node, nameless)
    {
        if (node->base.ino == ino)
            return true;
    }
    for (uint32_t i = 0; i < BUCKETS; i++)
        for (struct table_link *link = buckets[i]; link != NULL; link = link->next)
            if (node_of_link(link)->base.ino == ino)
                return true;
    return false;
}

/* Nobody else's: a renamed or removed file keeps the number of its old place. */
static uint64_t free_number(uint64_t position)
{
    static uint64_t again;
    uint64_t ino = position / FAT_ENTRY_SIZE;
    return is_taken(ino) ? ino + AGAIN * ++again : ino;
}

status_t node_root(struct node **root)
{
    struct node *node = calloc(1, sizeof *node);
    if (node == NULL)
        return ERR_NO_MEMORY;
    fs_node_init(&server, &node->base, ROOT_INO);
    node->directory = true;
    node->chain = (struct fat_chain){.first = volume.root_cluster, .fixed = volume.bits != 32};
    *root = node;
    return OK;
}

/* Its name in text; one that has no long form in UTF-8 is known by its short one. */
static status_t set_name(struct node *node, const struct fat_entry *entry)
{
    char text[FAT_NAME_MAX + 1];
    uint16_t units[13];
    size_t length = name_format(entry->units, entry->unit_count, text);
    if (length == 0)
        length = name_format(units, name_from_short(entry->bytes, units), text);
    char *copy = strdup(text);
    if (copy == NULL)
        return ERR_NO_MEMORY;
    free(node->name);
    node->name = copy;
    node->name_length = length;
    return OK;
}

static void take_entry(struct node *node, const struct fat_entry *entry)
{
    node->slot = entry->slot;
    node->first_slot = entry->first_slot;
    node->position = entry->position;
    memcpy(node->bytes, entry->bytes, FAT_ENTRY_SIZE);
}

status_t node_get(struct node *directory, const struct fat_entry *entry, struct node **result)
{
    struct node *node = find(entry->position);
    if (node != NULL) {
        fs_content_use(&node->content);
        fs_node_get(&node->base);
        *result = node;
        return OK;
    }
    node = calloc(1, sizeof *node);
    status_t status = node == NULL ? ERR_NO_MEMORY : set_name(node, entry);
    if (status != OK) {
        free(node);
        return status;
    }
    fs_node_init(&server, &node->base, free_number(entry->position));
    node->generation = ++last_generation;
    take_entry(node, entry);
    node->directory = (entry->bytes[11] & FAT_DIRECTORY) != 0;
    node->size = node->directory ? 0 : entry_size(entry->bytes);
    node->chain.first = entry_cluster(&volume, entry->bytes);
    node->parent = node_of(fs_node_get(&directory->base));
    table_add(&nodes, &node->by_position, node->position);
    *result = node;
    return OK;
}

status_t node_move(struct node *node, struct node *directory, const struct fat_entry *entry)
{
    status_t status = set_name(node, entry);
    table_remove(&nodes, &node->by_position);
    take_entry(node, entry);
    table_add(&nodes, &node->by_position, node->position);
    struct node *old = node->parent;
    node->parent = node_of(fs_node_get(&directory->base));
    fs_node_put(&old->base);
    return status;
}

void node_unlink(struct node *node)
{
    table_remove(&nodes, &node->by_position);
    node->content.nameless = true;
    list_append(&nameless, &node->nameless);
}

status_t node_store(struct node *node)
{
    if (node->name == NULL || node->content.nameless)
        return OK;
    /* What has clusters but no bytes so far has none for others. */
    entry_set_cluster(node->bytes,
                      node->directory || node->size > 0 ? node->chain.first : FAT_CHAIN_END);
    entry_set_size(node->bytes, node->size);
    return cache_write(&volume.cache, node->position, node->bytes, FAT_ENTRY_SIZE);
}

void node_changed(struct node *node)
{
    uint64_t time = time_realtime();
    entry_set_time(node->bytes, 22, time);
    entry_set_accessed(node->bytes, time);
    node->bytes[11] |= node->directory ? 0 : FAT_ARCHIVE;
}

static void free_clusters(struct node *node)
{
    status_t status = volume.read_only ? OK : chain_shrink(&volume, &node->chain, 0);
    if (status != OK)
        log_printf("%s: its clusters are lost: %s", node->name, status_text(status));
}

void nodes_end(void)
{
    list_each(node, &nameless, struct node, nameless) free_clusters(node);
}

void node_forget(struct node *node)
{
    struct node *parent = node->parent;
    fs_content_close(&node->content);
    if (node->content.nameless) {
        free_clusters(node);
        list_remove(&node->nameless);
    } else {
        table_remove(&nodes, &node->by_position);
    }
    free(node->name);
    free(node);
    if (parent != NULL)
        fs_node_put(&parent->base);
}

void node_release(struct fs_node *base)
{
    struct node *node = node_of(base);
    if (!fs_content_rest(&node->content))
        node_forget(node);
}
