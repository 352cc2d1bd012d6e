/* SPDX-License-Identifier: MIT */
/*
 * Contents of files when caching: fs/content.h over 9P. The host knows files by their names, so one
 * that may lose its last name is held open (`data_fid`) and can only be read and written from then on:
 * what it is cut to is kept here (`host_size`), and what the host has behind that does not count.
 */
#include <stdio.h>
#include <string.h>

#include <atomik/time.h>

#include "hostfs.h"

#define IDLE_MAX 8192u

static uint8_t buffer[P9_DATA_MAX] __attribute__((aligned(PAGE_SIZE)));

static struct node *node_of_content(const struct fs_content *content)
{
    return container_of((uintptr_t)content, struct node, content);
}

static void touch(struct node *node)
{
    node->attr.mtime = node->attr.ctime = (uint64_t)time_realtime();
    node->times_changed = true;
}

/* ---- the host's file ----------------------------------------------------------------------------- */

static status_t open_data(struct node *node, uint32_t flags)
{
    uint32_t fid;
    status_t status = fid_open(node, flags, &fid);
    if (status != OK)
        return status;
    data_close(node);
    node->data_fid = fid;
    node->data_open = true;
    node->data_write = flags == OPEN_BOTH;
    return OK;
}

status_t data_open(struct node *node, bool write)
{
    if (node->data_open && (node->data_write || !write))
        return OK;
    return open_data(node, write ? OPEN_BOTH : OPEN_READ);
}

void data_close(struct node *node)
{
    if (node->data_open)
        fid_close(node->data_fid);
    node->data_open = node->data_write = false;
}

/* ---- for fs/content.c ---------------------------------------------------------------------------- */

static status_t store_read(struct fs_content *content, uint64_t at, void *to, uint32_t length,
                           uint32_t *done)
{
    struct node *node = node_of_content(content);
    uint64_t there = at < node->host_size ? node->host_size - at : 0;
    if (there == 0) {
        memset(to, 0, length);
        *done = length;
        return OK;
    }
    status_t status = data_open(node, false);
    if (status != OK)
        return status;
    return p9_read(node->data_fid, at, to, length < there ? length : (uint32_t)there, done);
}

/* What lies between the end of the file on the host and `end` may be old there: zeros. */
static status_t fill_up(struct node *node, uint64_t end)
{
    static const uint8_t zeros[PAGE_SIZE];
    uint32_t done;
    for (; node->host_size < end; node->host_size += done) {
        uint64_t left = end - node->host_size;
        uint32_t count = left < sizeof zeros ? (uint32_t)left : (uint32_t)sizeof zeros;
        status_t status = p9_write(node->data_fid, node->host_size, zeros, count, &done);
        if (status == OK && done == 0)
            status = ERR_IO_ERROR;
        if (status != OK)
            return status;
    }
    return OK;
}

static status_t store_write(struct fs_content *content, uint64_t at, const void *from,
                            uint32_t length, uint32_t *done)
{
    struct node *node = node_of_content(content);
    status_t status = data_open(node, true);
    if (status == OK && content->nameless)
        status = fill_up(node, at);
    if (status == OK)
        status = p9_write(node->data_fid, at, from, length, done);
    if (status == OK && *done == 0)
        status = ERR_IO_ERROR;
    if (status == OK && at + *done > node->host_size)
        node->host_size = at + *done;
    return status;
}

static status_t store_set_size(struct fs_content *content, uint64_t size)
{
    struct node *node = node_of_content(content);
    struct fs_attr wanted = {.size = size};
    if (content->nameless) {
        node->host_size = size < node->host_size ? size : node->host_size;
        return OK;
    }
    status_t status = p9_setattr(node->fid, FS_ATTR_SIZE, &wanted);
    if (status == OK)
        node->host_size = size;
    return status;
}

static status_t store_stored(struct fs_content *content, bool any)
{
    struct node *node = node_of_content(content);
    if (any && !node->times_changed)
        touch(node); /* through a mapping, at some time */
    if (content->nameless || !node->times_changed)
        return OK;
    status_t status = p9_setattr(node->fid, FS_ATTR_ATIME | FS_ATTR_MTIME, &node->attr);
    if (status != OK)
        return status;
    node->times_changed = false;
    if (content->writers == 0)
        data_close(node);
    return OK;
}

static void store_name(const struct fs_content *content, char *to, size_t size)
{
    (void)snprintf(to, size, "%s", node_of_content(content)->name);
}

static void store_forget(struct fs_content *content)
{
    node_rest(node_of_content(content));
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
                                          .buffer_size = sizeof buffer};
    fs_content_init(&server, &store);
}

/* ---- for the operations -------------------------------------------------------------------------- */

status_t content_load(struct node *node)
{
    if (node->content.vmo != HANDLE_NONE)
        return OK;
    if (node->direct)
        return ERR_NOT_SUPPORTED;
    status_t status = node->host_size > 0 ? data_open(node, false) : OK;
    if (status == OK)
        status = fs_content_open(&node->content, node->host_size);
    node->direct = status == ERR_NOT_SUPPORTED;
    return status;
}

status_t content_resize(struct node *node, uint64_t size)
{
    status_t status = content_load(node);
    if (status == OK)
        status = fs_content_resize(&node->content, size);
    if (status != OK)
        return status == ERR_OUT_OF_RANGE ? ERR_FILE_TOO_LARGE : status;
    node->attr.size = size;
    node->attr.blocks = (size + PAGE_MASK) / PAGE_SIZE * (PAGE_SIZE / 512);
    touch(node);
    return OK;
}

status_t content_read(struct node *node, uint64_t offset, void *to, uint32_t length, uint32_t *done)
{
    status_t status = content_load(node);
    if (status == OK)
        return fs_content_read(&node->content, offset, to, length, done);
    if (status == ERR_NOT_SUPPORTED)
        status = data_open(node, false);
    return status == OK ? p9_read(node->data_fid, offset, to, length, done) : status;
}

static status_t write_direct(struct node *node, uint64_t offset, const void *from, uint32_t length,
                             uint32_t *done)
{
    status_t status = data_open(node, true);
    if (status == OK)
        status = p9_write(node->data_fid, offset, from, length, done);
    if (status != OK)
        return status;
    if (offset + *done > node->attr.size)
        node->attr.size = node->host_size = offset + *done;
    node->attr.mtime = node->attr.ctime = (uint64_t)time_realtime();
    return OK;
}

status_t content_write(struct node *node, uint64_t offset, const void *from, uint32_t length,
                       uint32_t *done)
{
    status_t status = content_load(node);
    if (status == ERR_NOT_SUPPORTED)
        return write_direct(node, offset, from, length, done);
    if (status == OK && offset + length > node->attr.size)
        status = content_resize(node, offset + length);
    if (status == OK)
        status = fs_content_write(&node->content, offset, from, length);
    if (status != OK)
        return status;
    touch(node);
    *done = length;
    return OK;
}
