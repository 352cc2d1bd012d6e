/* SPDX-License-Identifier: MIT */
/*
 * Contents of files: fs/content.h over chains. What a file grows by has its clusters at once, so that there
 * is room when it is written back; until then the entry says `node->size`, and the chain is longer than that.
 */
#include <stdio.h>

#include "node.h"

#define BUFFER_SIZE (128u * 1024)
#define IDLE_MAX    1024u

static uint8_t buffer[BUFFER_SIZE] __attribute__((aligned(PAGE_SIZE)));

static struct node *node_of_content(const struct fs_content *content)
{
    return container_of((uintptr_t)content, struct node, content);
}

/* ---- for fs/content.c ------------------------------------------------------------------------------ */

static status_t store_read(struct fs_content *content, uint64_t at, void *to, uint32_t length,
                           uint32_t *done)
{
    return chain_get(node_of_content(content), at, to, length, done);
}

static status_t store_write(struct fs_content *content, uint64_t at, const void *from,
                            uint32_t length, uint32_t *done)
{
    return chain_put(node_of_content(content), at, from, length, done);
}

static status_t store_set_size(struct fs_content *content, uint64_t size)
{
    return chain_set_size(node_of_content(content), size);
}

static status_t store_stored(struct fs_content *content, bool any)
{
    struct node *node = node_of_content(content);
    if (any && !node->touched) /* through a mapping, at some time */
        node_changed(node);
    node->touched = false;
    return node_store(node);
}

static void store_name(const struct fs_content *content, char *to, size_t size)
{
    (void)snprintf(to, size, "%s", node_of_content(content)->name);
}

static void store_forget(struct fs_content *content)
{
    node_forget(node_of_content(content));
}

void content_init(void)
{
    static const struct fs_store store = {.read = store_read,
                                          .write = store_write,
                                          .set_size = store_set_size,
                                          .stored = store_stored,
                                          .name = store_name,
                                          .forget = store_forget,
                                          .idle_max = IDLE_MAX,
                                          .buffer = buffer,
                                          .buffer_size = BUFFER_SIZE};
    fs_content_init(&server, &store);
}

/* ---- for the operations ----------------------------------------------------------------------------- */

/* NOT_SUPPORTED: too large for a VMO. */
static status_t load(struct node *node)
{
    if (node->directory)
        return ERR_IS_DIRECTORY;
    return node->content.vmo != HANDLE_NONE ? OK : fs_content_open(&node->content, node->size);
}

uint64_t content_size(const struct node *node)
{
    return node->content.vmo != HANDLE_NONE ? node->content.size : node->size;
}

/* Written now; it is put on the medium later, or with the option `sync` at once. */
static status_t touch(struct node *node)
{
    node_changed(node);
    node->touched = true;
    fs_content_begin_write(&node->content);
    status_t status = options.sync ? fs_content_flush(&node->content) : OK;
    return change_done(status == OK ? node_store(node) : status);
}

/* Files without names that nobody uses any more may still be there. */
static status_t grow(struct node *node, uint64_t size)
{
    status_t status = chain_grow(&volume, &node->chain, size);
    if (status != ERR_NO_SPACE)
        return status;
    fs_contents_trim();
    return chain_grow(&volume, &node->chain, size);
}

status_t content_resize(struct node *node, uint64_t size)
{
    if (size > FAT_FILE_MAX)
        return ERR_FILE_TOO_LARGE;
    status_t status = load(node);
    if (status == OK && size > node->content.size)
        status = grow(node, size);
    if (status != OK)
        return status;
    bool shorter = size < node->content.size;
    status = fs_content_resize(&node->content, size);
    if (status != OK || shorter) {
        status_t shrunk = chain_shrink(&volume, &node->chain, node->content.size);
        status = status == OK ? shrunk : status;
    }
    return status == OK ? touch(node) : status;
}

/* The volume is nearly full: as much as there is room for. */
static status_t grow_to_the_end(struct node *node, uint64_t offset, uint32_t *length)
{
    uint64_t have = ((uint64_t)node->content.size + volume.cluster_size - 1) / volume.cluster_size;
    uint64_t most = (have + volume.free_clusters) * volume.cluster_size;
    if (most <= offset)
        return ERR_NO_SPACE;
    *length = most - offset < *length ? (uint32_t)(most - offset) : *length;
    return content_resize(node, offset + *length);
}

status_t fat_write(struct fs_node *base, void *data, uint64_t offset, const void *from,
                   uint32_t length, uint32_t *done)
{
    struct node *node = node_of(base);
    (void)data;
    *done = 0;
    if (volume.read_only)
        return ERR_READ_ONLY;
    if (length == 0)
        return OK;
    if (offset >= FAT_FILE_MAX)
        return ERR_FILE_TOO_LARGE;
    if (length > FAT_FILE_MAX - offset)
        length = FAT_FILE_MAX - (uint32_t)offset;
    status_t status = load(node);
    if (status == OK && offset + length > node->content.size) {
        status = content_resize(node, offset + length);
        if (status == ERR_NO_SPACE)
            status = grow_to_the_end(node, offset, &length);
    }
    if (status == OK)
        status = fs_content_write(&node->content, offset, from, length);
    if (status == OK)
        status = touch(node);
    if (status == OK)
        *done = length;
    return status;
}

status_t fat_read(struct fs_node *base, void *data, uint64_t offset, void *to, uint32_t length,
                  uint32_t *done)
{
    struct node *node = node_of(base);
    (void)data;
    *done = 0;
    status_t status = load(node);
    return status == OK ? fs_content_read(&node->content, offset, to, length, done) : status;
}

status_t fat_content(struct fs_node *base, void *data, uint32_t prot, handle_t *vmo, uint64_t *size,
                     bool *coherent)
{
    struct node *node = node_of(base);
    (void)data;
    if ((prot & PROT_W) && (volume.read_only || options.sync))
        return volume.read_only ? ERR_READ_ONLY : ERR_NOT_SUPPORTED;
    status_t status = load(node);
    return status == OK ? fs_content_give(&node->content, prot, vmo, size, coherent) : status;
}

status_t fat_open_node(struct fs_node *base, uint32_t flags, void **data)
{
    struct node *node = node_of(base);
    return node->directory ? OK : fs_content_opened(&node->content, flags, volume.read_only, data);
}

void fat_close_node(struct fs_node *base, void *data)
{
    fs_content_closed(&node_of(base)->content, data);
}

status_t fat_modified(struct fs_node *base)
{
    return touch(node_of(base));
}
