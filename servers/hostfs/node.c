/* SPDX-License-Identifier: MIT */
/*
 * Fids and nodes. One node per host file, found by its qid, so that mount points, locks and contents
 * have one place to be. When caching, a node that nobody holds any more is kept as idle; a directory
 * is held by the nodes below it, so what is forgotten goes leaves first.
 */
#include <stdlib.h>
#include <string.h>

#include "hostfs.h"

#define BUCKETS       8192
#define IDLE_MAX      32768
#define IDLE_PER_PAGE 4 /* pages of memory for each node that is remembered without being used */

static struct table_link *buckets[BUCKETS];
static struct table nodes = {buckets, BUCKETS};
static uint32_t *free_fids, free_fid_count, free_fid_capacity, next_fid = P9_ROOT_FID + 1;
static struct list idle = LIST_INIT(idle);
static uint32_t idle_count, generation;

/* ---- fids ---------------------------------------------------------------------------------------- */

uint32_t fid_new(void)
{
    return free_fid_count > 0 ? free_fids[--free_fid_count] : next_fid++;
}

void fid_forget(uint32_t fid)
{
    if (free_fid_count == free_fid_capacity) {
        uint32_t capacity = free_fid_capacity ? free_fid_capacity * 2 : 64;
        uint32_t *grown = realloc(free_fids, capacity * sizeof *grown);
        if (grown == NULL)
            return; /* one number less to choose from */
        free_fids = grown;
        free_fid_capacity = capacity;
    }
    free_fids[free_fid_count++] = fid;
}

void fid_close(uint32_t fid)
{
    p9_clunk(fid);
    fid_forget(fid);
}

status_t fid_open(const struct node *node, uint32_t flags, uint32_t *result)
{
    uint32_t fid = fid_new();
    status_t status = p9_clone(node->fid, fid);
    if (status != OK) {
        fid_forget(fid);
        return status;
    }
    status = p9_open(fid, flags);
    if (status == OK)
        *result = fid;
    else
        fid_close(fid);
    return status;
}

/* ---- the table ----------------------------------------------------------------------------------- */

static struct node *find_node(uint64_t ino)
{
    struct table_link *link = table_find(&nodes, ino);
    return link != NULL ? container_of(link, struct node, by_ino) : NULL;
}

void node_unhash(struct node *node)
{
    table_remove(&nodes, &node->by_ino);
}

bool node_set_name(struct node *node, const char *name, size_t length)
{
    char *copy = malloc(length + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, name, length);
    copy[length] = 0;
    free(node->name);
    node->name = copy;
    return true;
}

struct node *node_get(struct node *node)
{
    if (!list_empty(&node->idle)) {
        list_remove(&node->idle);
        idle_count--;
    }
    fs_content_use(&node->content);
    fs_node_get(&node->node);
    return node;
}

static status_t learn_attributes(struct node *node)
{
    struct p9_qid qid;
    if (!caching)
        return OK;
    status_t status = p9_getattr(node->fid, &node->attr, &qid);
    if (status == OK)
        owner_learn(node);
    node->attr.generation = ++generation;
    node->host_size = node->attr.size;
    return status;
}

/* Live, a file may have another name on the host than before: the fid is of the one that led here now. */
static void found_again(struct node *node, uint32_t fid, struct node *parent, const char *name,
                        size_t length)
{
    if (caching || is_directory(node)) {
        fid_close(fid);
        return;
    }
    fid_close(node->fid);
    node->fid = fid;
    if (!node_set_name(node, name, length))
        return; /* only who asks for the path of a file sees the old one */
    struct node *old = node->parent;
    node->parent = node_get(parent);
    fs_node_put(&old->node);
}

status_t node_at(uint32_t fid, const struct p9_qid *qid, struct node *parent, const char *name,
                 size_t length, struct node **result)
{
    struct node *node = find_node(qid->path);
    if (node != NULL) {
        found_again(node, fid, parent, name, length);
        *result = node_get(node);
        return OK;
    }
    status_t status = ERR_NO_MEMORY;
    node = calloc(1, sizeof *node);
    if (node == NULL || !node_set_name(node, name, length))
        goto out_fid;
    fs_node_init(&server, &node->node, qid->path);
    node->fid = fid;
    node->type = qid->type;
    list_init(&node->idle);
    list_init(&node->children);
    list_init(&node->names);
    status = learn_attributes(node);
    if (status != OK)
        goto out_fid;
    node->parent = parent != NULL ? node_get(parent) : node;
    table_add(&nodes, &node->by_ino, qid->path);
    *result = node;
    return OK;
out_fid:
    if (node != NULL)
        free(node->name);
    free(node);
    fid_close(fid);
    return status;
}

status_t node_walk(struct node *directory, const char *name, size_t length, struct node **child)
{
    struct p9_qid qid;
    uint32_t fid = fid_new();
    status_t status = p9_walk(directory->fid, fid, name, (uint32_t)length, &qid);
    if (status != OK) {
        fid_forget(fid);
        return status;
    }
    return node_at(fid, &qid, directory, name, length, child);
}

/* ---- forgetting ---------------------------------------------------------------------------------- */

static void node_free(struct node *node)
{
    fs_content_close(&node->content);
    data_close(node);
    entries_forget(node);
    names_forget(node);
    node_unhash(node);
    fid_close(node->fid);
    struct node *parent = node->parent;
    free(node->name);
    free(node);
    if (parent != node)
        fs_node_put(&parent->node);
}

static uint32_t idle_limit(void)
{
    uint32_t limit = fs_memory_pages() / IDLE_PER_PAGE;
    return limit < IDLE_MAX ? limit : IDLE_MAX;
}

static void trim(void)
{
    static bool trimming; /* what is evicted may make its directory idle, which comes here again */
    if (trimming)
        return;
    trimming = true;
    while (idle_count > idle_limit()) {
        struct node *node = container_of(idle.next, struct node, idle);
        list_remove(&node->idle);
        idle_count--;
        node_free(node);
    }
    trimming = false;
}

void node_rest(struct node *node)
{
    if (!caching || node->content.nameless) {
        node_free(node);
        return;
    }
    fs_content_close(&node->content);
    list_append(&idle, &node->idle);
    idle_count++;
    trim();
}

void node_release(struct fs_node *fs_node)
{
    struct node *node = node_of(fs_node);
    if (!node->content.nameless)
        data_close(node); /* else it is all that there is */
    if (!fs_content_rest(&node->content))
        node_rest(node);
}
