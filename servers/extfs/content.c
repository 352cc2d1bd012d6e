/* SPDX-License-Identifier: MIT */
/*
 * Contents of files: fs/content.h over lib/ext. Blocks are allocated when data is written back, so that
 * what is written in small pieces lies together; that there will be some is promised before (`grown`).
 */
#include <stdio.h>

#include <atomik/time.h>

#include "extfs.h"

#define IDLE_MAX 8192u

static uint64_t grown_total; /* of all nodes */
uint32_t last_generation;

static struct node *node_of_content(const struct fs_content *content)
{
    return container_of((uintptr_t)content, struct node, content);
}

/* ---- for fs/content.c ------------------------------------------------------------------------------ */

static status_t store_read(struct fs_content *content, uint64_t at, void *to, uint32_t length,
                           uint32_t *done)
{
    return ext_read(fs, node_of_content(content)->ino, at, to, length, done);
}

static status_t store_write(struct fs_content *content, uint64_t at, const void *from,
                            uint32_t length, uint32_t *done)
{
    node_changed(&node_of_content(content)->node);
    return ext_write_padded(fs, node_of_content(content)->ino, at, from, length, done);
}

static status_t store_set_size(struct fs_content *content, uint64_t size)
{
    node_changed(&node_of_content(content)->node);
    return ext_truncate(fs, node_of_content(content)->ino, size);
}

static void release_promise(struct node *node)
{
    grown_total -= node->grown;
    node->grown = 0;
}

static void content_now(struct node *node)
{
    node->changed_at = node->changed_ctime = (uint64_t)time_realtime();
}

static status_t store_stored(struct fs_content *content, bool any)
{
    struct node *node = node_of_content(content);
    release_promise(node);
    if (any && node->changed_at == 0)
        content_now(node); /* through a mapping, at some time */
    if (node->changed_at == 0)
        return OK;
    struct ext_attributes times = {.mtime = node->changed_at, .ctime = node->changed_ctime};
    status_t status = ext_set_attributes(fs, node->ino, EXT_SET_MTIME | EXT_SET_CTIME, &times);
    node_changed(&node->node);
    if (status == OK)
        node->changed_at = 0;
    return status;
}

static void store_forget(struct fs_content *content)
{
    node_forget(node_of_content(content));
}

static void store_name(const struct fs_content *content, char *to, size_t size)
{
    (void)snprintf(to, size, "inode %u", (unsigned)node_of_content(content)->ino);
}

void content_init(void)
{
    static struct fs_store store = {.read = store_read,
                                    .write = store_write,
                                    .set_size = store_set_size,
                                    .stored = store_stored,
                                    .name = store_name,
                                    .drain = device_drain,
                                    .forget = store_forget,
                                    .idle_max = IDLE_MAX};
    store.buffer = device_buffer(&store.buffer_size);
    fs_content_init(&server, &store);
}

/* ---- for the operations ----------------------------------------------------------------------------- */

status_t content_load(struct node *node)
{
    const struct ext_attributes *attributes;
    if (node->content.vmo != HANDLE_NONE)
        return OK;
    if (node->direct || node->type != FS_TYPE_FILE)
        return ERR_NOT_SUPPORTED;
    status_t status = node_attributes(node, &attributes);
    if (status == OK)
        status = fs_content_open(&node->content, attributes->size);
    node->direct = status == ERR_NOT_SUPPORTED;
    return status;
}

void content_close(struct node *node)
{
    release_promise(node);
    fs_content_close(&node->content);
}

void content_touch(struct node *node)
{
    content_now(node);
    fs_content_begin_write(&node->content);
}

static bool has_space(uint64_t bytes)
{
    struct ext_statistics statistics;
    ext_get_statistics(fs, &statistics);
    return grown_total + bytes <= statistics.blocks_free * statistics.block_size;
}

/* What is promised and what is written already overlap until all of a file is written back. */
static status_t promise_space(struct node *node, uint64_t bytes)
{
    if (!has_space(bytes) && (fs_contents_flush() != OK || !has_space(bytes)))
        return ERR_NO_SPACE;
    grown_total += bytes;
    node->grown += bytes;
    return OK;
}

status_t content_resize(struct node *node, uint64_t size, bool space)
{
    status_t status = content_load(node);
    if (status == OK && space && size > node->content.size)
        status = promise_space(node, size - node->content.size);
    if (status == OK)
        status = fs_content_resize(&node->content, size);
    if (status == OK)
        content_touch(node);
    return status == ERR_OUT_OF_RANGE ? ERR_FILE_TOO_LARGE : status;
}

status_t content_write(struct node *node, uint64_t offset, const void *from, uint32_t length,
                       uint32_t *done)
{
    uint64_t end = offset + length, size = node->content.size;
    status_t status = OK;
    if (end > size)
        status = promise_space(node, end - (offset > size ? offset : size));
    if (status == OK && end > size)
        status = content_resize(node, end, false);
    if (status == OK)
        status = fs_content_write(&node->content, offset, from, length);
    if (status != OK)
        return status;
    content_touch(node);
    *done = length;
    return OK;
}
