/* SPDX-License-Identifier: MIT */
/* The inodes that somebody uses, and those whose contents are remembered, by their numbers. */
#include <stdlib.h>

#include <atomik/log.h>
#include <atomik/startup.h>

#include "extfs.h"

#define BUCKETS 1024u

static struct table_link *buckets[BUCKETS];
static struct table nodes = {buckets, BUCKETS};

static struct node *node_of_link(struct table_link *link)
{
    return link != NULL ? container_of(link, struct node, by_ino) : NULL;
}

status_t node_get(uint32_t ino, struct node **result)
{
    struct node *node = node_of_link(table_find(&nodes, ino));
    struct ext_attributes attributes;
    if (node != NULL) {
        fs_content_use(&node->content);
        fs_node_get(&node->node);
        *result = node;
        return OK;
    }
    status_t status = ext_get_attributes(fs, ino, &attributes);
    if (status != OK)
        return status;
    if (attributes.nlink == 0)
        return ERR_IO_ERROR; /* a name leads to what has none */
    node = calloc(1, sizeof *node);
    if (node == NULL)
        return ERR_NO_MEMORY;
    fs_node_init(&server, &node->node, ino);
    node->ino = ino;
    node->generation = ++last_generation;
    node->type = node->node.type = attributes.mode & FS_TYPE_MASK;
    node->known = attributes;
    node->is_known = true;
    table_add(&nodes, &node->by_ino, ino);
    *result = node;
    return OK;
}

status_t node_attributes(struct node *node, const struct ext_attributes **attributes)
{
    status_t status = node->is_known ? OK : ext_get_attributes(fs, node->ino, &node->known);
    node->is_known = status == OK;
    *attributes = &node->known;
    return status;
}

static void free_inode(struct node *node)
{
    status_t status = ext_release(fs, node->ino);
    if (status != OK)
        log_printf("inode %u: %s", (unsigned)node->ino, status_text(status));
}

void node_forget(struct node *node)
{
    content_close(node);
    table_remove(&nodes, &node->by_ino);
    if (node->content.nameless)
        free_inode(node);
    free(node);
}

void node_release(struct fs_node *fs_node)
{
    struct node *node = node_of(fs_node);
    if (!fs_content_rest(&node->content))
        node_forget(node);
}

void nodes_end(void)
{
    for (uint32_t i = 0; i < BUCKETS; i++)
        for (struct table_link *link = buckets[i]; link != NULL; link = link->next) {
            struct node *node = node_of_link(link);
            if (node->content.nameless) {
                node->content.nameless = false;
                free_inode(node);
            }
        }
}
