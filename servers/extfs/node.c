/* SPDX-License-Identifier: MIT */
/* The inodes that somebody uses, and those whose contents are remembered, by their numbers. */
#include <stdlib.h>

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>

#include "extfs.h"

#define BUCKETS       1024u
#define IDLE_MAX      8192u
#define IDLE_PER_PAGE 4u /* of the machine's memory: one idle node for so many pages */

static struct node *buckets[BUCKETS];
static struct link idle;
static uint32_t idle_count, nameless_count; /* of the idle ones */

void nodes_init(void)
{
    list_start(&idle);
}

static struct node **bucket_of(uint32_t ino)
{
    return &buckets[(ino ^ ino >> 10) % BUCKETS];
}

static struct node *find(uint32_t ino)
{
    struct node *node = *bucket_of(ino);
    while (node != NULL && node->ino != ino)
        node = node->in_bucket;
    return node;
}

static void leave_idle(struct node *node)
{
    list_take(&node->idle);
    idle_count--;
    nameless_count -= node->unlinked;
}

static void enter_idle(struct node *node)
{
    list_add(&idle, &node->idle);
    idle_count++;
    nameless_count += node->unlinked;
}

status_t node_get(uint32_t ino, struct node **result)
{
    struct node *node = find(ino);
    struct ext_attributes attributes;
    if (node != NULL) {
        if (node->idle.next != NULL)
            leave_idle(node);
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
    node->in_bucket = *bucket_of(ino);
    *bucket_of(ino) = node;
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

static void forget(struct node *node)
{
    struct node **link = bucket_of(node->ino);
    content_close(node);
    while (*link != node)
        link = &(*link)->in_bucket;
    *link = node->in_bucket;
    if (node->unlinked)
        free_inode(node);
    free(node);
}

/* ---- bounds --------------------------------------------------------------------------------------- */

static uint32_t total_pages(void)
{
    static uint32_t total;
    struct system_info info;
    if (total == 0)
        total = system_info(&info) == OK ? info.total_pages : 4096;
    return total;
}

static bool is_too_much(void)
{
    uint32_t limit = total_pages() / IDLE_PER_PAGE;
    return idle_count > (limit < IDLE_MAX ? limit : IDLE_MAX);
}

/* What programs map stays, whether it has a name or not. */
void nodes_trim(void)
{
    struct link *next;
    bool too_much = is_too_much();
    for (struct link *at = idle.next; at != &idle && (too_much || nameless_count > 0); at = next) {
        struct node *node = LINK_ENTRY(at, struct node, idle);
        next = at->next;
        if (!(node->unlinked || too_much) || fs_content_is_used(&node->content) ||
            fs_content_flush(&node->content) != OK)
            continue; /* later; an error has been logged */
        leave_idle(node);
        forget(node);
        too_much = is_too_much();
    }
}

void node_unlinked(struct node *node)
{
    node->unlinked = node->content.nameless = true;
}

void node_release(struct fs_node *fs_node)
{
    struct node *node = node_of(fs_node);
    if (node->content.vmo == HANDLE_NONE ||
        (node->unlinked && !fs_content_is_used(&node->content))) {
        forget(node);
        return;
    }
    enter_idle(node);
    if (is_too_much())
        nodes_trim();
}

void nodes_end(void)
{
    for (uint32_t i = 0; i < BUCKETS; i++)
        for (struct node *node = buckets[i]; node != NULL; node = node->in_bucket)
            if (node->unlinked) {
                node->unlinked = false;
                free_inode(node);
            }
}
