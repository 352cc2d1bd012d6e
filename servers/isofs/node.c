/* SPDX-License-Identifier: MIT */
/* Nodes by their numbers, and the contents of files: fs/content.h over lib/iso. */
#include "isofs.h"

#include <stdio.h>
#include <stdlib.h>

#include <atomik/startup.h>
#include <atomik/syscall.h>

#define BUCKETS     256u
#define IDLE_MAX    4096u
#define BUFFER_SIZE (256u << 10)

static struct table_link *buckets[BUCKETS];
static struct table nodes = {buckets, BUCKETS};
static uint8_t buffer[BUFFER_SIZE] __attribute__((aligned(PAGE_SIZE)));

static struct node *node_of_content(const struct fs_content *content)
{
    return container_of((uintptr_t)content, struct node, content);
}

static void forget(struct node *node)
{
    struct node *parent = node->parent;
    table_remove(&nodes, &node->by_ino);
    fs_content_close(&node->content);
    free(node);
    if (parent != NULL)
        fs_node_put(&parent->node);
}

void node_release(struct fs_node *base)
{
    struct node *node = node_of(base);
    if (!fs_content_rest(&node->content))
        forget(node);
}

/* ---- look-up --------------------------------------------------------------------------------------- */

/* In a damaged image one place may be two things. */
static struct node *find(uint64_t ino, uint32_t type)
{
    struct table_link *link = table_find(&nodes, ino);
    while (link != NULL && container_of(link, struct node, by_ino)->node.type != type)
        link = table_next(link, ino);
    return link != NULL ? container_of(link, struct node, by_ino) : NULL;
}

status_t node_get(struct node *directory, const struct iso_entry *entry, struct node **result)
{
    uint64_t ino = number_of(entry);
    uint32_t type = entry->mode & FS_TYPE_MASK;
    struct node *node = find(ino, type);
    if (node != NULL) {
        fs_content_use(&node->content);
        fs_node_get(&node->node);
        *result = node;
        return OK;
    }
    node = calloc(1, sizeof *node);
    if (node == NULL)
        return ERR_NO_MEMORY;
    fs_node_init(&server, &node->node, ino);
    node->node.type = type;
    node->entry = *entry;
    if (directory != NULL && is_directory(entry))
        node->parent = node_of(fs_node_get(&directory->node));
    table_add(&nodes, &node->by_ino, ino);
    *result = node;
    return OK;
}

/* ---- contents -------------------------------------------------------------------------------------- */

static status_t store_read(struct fs_content *content, uint64_t at, void *to, uint32_t length,
                           uint32_t *done)
{
    return iso_read(&volume, &node_of_content(content)->entry, at, to, length, done);
}

static void store_forget(struct fs_content *content)
{
    forget(node_of_content(content));
}

static void store_name(const struct fs_content *content, char *to, size_t size)
{
    const struct iso_entry *entry = &node_of_content(content)->entry;
    (void)snprintf(to, size, "%.*s", (int)entry->name_length, entry->name);
}

void contents_init(void)
{
    static const struct fs_store store = {.read = store_read,
                                          .name = store_name,
                                          .forget = store_forget,
                                          .idle_max = IDLE_MAX,
                                          .buffer = buffer,
                                          .buffer_size = BUFFER_SIZE};
    fs_content_init(&server, &store);
}

status_t node_content(struct node *node)
{
    return node->node.type == FS_TYPE_FILE ? fs_content_open(&node->content, node->entry.size)
                                           : ERR_NOT_SUPPORTED;
}
