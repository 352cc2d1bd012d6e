/* SPDX-License-Identifier: MIT */
/*
 * Nodes by their numbers, and the contents of files. A file that nobody holds any more is remembered as long as its
 * content has a place in the part of memory that is for that; the one longest unused goes first.
 */
#include "isofs.h"

#include <stdlib.h>

#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <ipc/call.h>

#define BUCKETS     256u
#define CHUNK_BYTES (256u << 10)
#define IDLE_SHARE  8u /* of the machine's memory, for contents that nobody uses */
#define FILE_SHARE  4u /* the largest file that gets a VMO */

static struct node *buckets[BUCKETS];
static struct node *oldest, *youngest;
static uint32_t idle_pages;
static uint8_t chunk[CHUNK_BYTES];

static struct node **bucket_of(uint64_t ino)
{
    return &buckets[(ino / 64 ^ ino / ISO_SECTOR) % BUCKETS];
}

static uint32_t pages_of(const struct node *node)
{
    return node->content != HANDLE_NONE ? (uint32_t)((node->entry.size + PAGE_SIZE - 1) / PAGE_SIZE)
                                        : 0;
}

static uint32_t memory_pages(void)
{
    struct system_info info;
    return system_info(&info) == OK ? info.total_pages : 0;
}

/* ---- those that nobody holds ----------------------------------------------------------------------- */

static void leave_idle(struct node *node)
{
    *(node->older != NULL ? &node->older->younger : &oldest) = node->younger;
    *(node->younger != NULL ? &node->younger->older : &youngest) = node->older;
    node->older = node->younger = NULL;
    node->idle = false;
    idle_pages -= pages_of(node);
}

static void enter_idle(struct node *node)
{
    node->older = youngest;
    *(youngest != NULL ? &youngest->younger : &oldest) = node;
    youngest = node;
    node->idle = true;
    idle_pages += pages_of(node);
}

static void forget(struct node *node)
{
    struct node **link = bucket_of(node->node.ino), *parent = node->parent;
    while (*link != node)
        link = &(*link)->in_bucket;
    *link = node->in_bucket;
    handle_drop(&node->content);
    free(node);
    if (parent != NULL)
        fs_node_put(&parent->node);
}

static void trim(uint32_t pages)
{
    while (idle_pages > pages) {
        struct node *node = oldest;
        leave_idle(node);
        forget(node);
    }
}

void node_release(struct fs_node *base)
{
    struct node *node = node_of(base);
    if (node->content == HANDLE_NONE) {
        forget(node);
        return;
    }
    enter_idle(node);
    trim(memory_pages() / IDLE_SHARE);
}

/* ---- look-up --------------------------------------------------------------------------------------- */

status_t node_get(struct node *directory, const struct iso_entry *entry, struct node **result)
{
    uint64_t ino = number_of(entry);
    uint32_t type = entry->mode & FS_TYPE_MASK;
    struct node *node = *bucket_of(ino);
    /* In a damaged image one place may be two things. */
    while (node != NULL && (node->node.ino != ino || node->node.type != type))
        node = node->in_bucket;
    if (node != NULL) {
        if (node->idle)
            leave_idle(node);
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
    node->in_bucket = *bucket_of(ino);
    *bucket_of(ino) = node;
    *result = node;
    return OK;
}

/* ---- contents -------------------------------------------------------------------------------------- */

static status_t load(const struct node *node, handle_t vmo)
{
    uint32_t done;
    for (uint64_t at = 0; at < node->entry.size; at += done) {
        status_t status = iso_read(&volume, &node->entry, at, chunk, CHUNK_BYTES, &done);
        if (status == OK && done == 0)
            status = ERR_IO_ERROR;
        if (status == OK)
            status = vmo_write(vmo, at, chunk, done);
        if (status != OK)
            return status;
    }
    return OK;
}

static bool has_room(uint64_t size)
{
    struct system_info info;
    uint64_t pages = size / PAGE_SIZE + 1;
    if (system_info(&info) != OK || pages > info.total_pages / FILE_SHARE)
        return false;
    if (info.free_pages > info.total_pages / 16 + pages)
        return true;
    trim(0);
    return system_info(&info) == OK && info.free_pages > info.total_pages / 16 + pages;
}

status_t node_content(struct node *node)
{
    handle_t vmo;
    if (node->content != HANDLE_NONE)
        return OK;
    if (node->node.type != FS_TYPE_FILE || !has_room(node->entry.size))
        return ERR_NOT_SUPPORTED;
    status_t status = vmo_create(VMO_CONTENT, node->entry.size, &vmo);
    if (status == OK) {
        status = load(node, vmo);
        if (status == OK)
            node->content = vmo;
        else
            handle_drop(&vmo);
    }
    return status == ERR_NO_MEMORY ? ERR_NOT_SUPPORTED : status;
}
