/* SPDX-License-Identifier: MIT */
/*
 * Contents of files. When caching, a file that is read or written gets a VMO with all of it, and that
 * VMO is the file from then on. Before anybody may write, a clone is made: pages that the two do not
 * share any more are what the host lacks. Writing back brings the host's file to the VMO's state,
 * restores the time of the last change, and makes a new clone as long as somebody may go on writing:
 * an open file, or a program that maps the file shared and writable.
 */
#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/time.h>
#include <ipc/call.h>
#include <string.h>

#include "hostfs.h"

#define BITS_BYTES 1024u /* of one comparison: 8192 pages */

static struct link dirty_nodes;

void content_init(void)
{
    list_start(&dirty_nodes);
}

static uint32_t pages_of(uint64_t bytes)
{
    return (uint32_t)((bytes + PAGE_MASK) / PAGE_SIZE);
}

uint32_t content_pages(const struct node *node)
{
    return node->content != HANDLE_NONE ? pages_of(node->attr.size) : 0;
}

bool content_has_writers(const struct node *node)
{
    struct vmo_info info;
    return node->clean != HANDLE_NONE && vmo_info(node->content, &info) == OK && info.writers > 0;
}

/* ---- the host's file ----------------------------------------------------------------------------- */

static status_t open_data(struct node *node, uint32_t flags)
{
    uint32_t fid = fid_new();
    status_t status = p9_clone(node->fid, fid);
    if (status != OK) {
        fid_forget(fid);
        return status;
    }
    status = p9_open(fid, flags);
    if (status != OK) {
        fid_close(fid);
        return status;
    }
    if (node->data_open)
        fid_close(node->data_fid);
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

static void data_close(struct node *node)
{
    if (node->data_open)
        fid_close(node->data_fid);
    node->data_open = node->data_write = false;
}

/* ---- reading ------------------------------------------------------------------------------------- */

static status_t read_into(handle_t vmo, uint32_t fid, uint64_t size)
{
    const uint8_t *data;
    uint32_t done;
    for (uint64_t at = 0; at < size; at += done) {
        uint32_t count = size - at < P9_DATA_MAX ? (uint32_t)(size - at) : P9_DATA_MAX;
        status_t status = p9_read_in_place(fid, at, count, &data, &done);
        if (status == OK && done == 0)
            return OK; /* it has become shorter meanwhile: the rest is zero */
        if (status == OK)
            status = vmo_write(vmo, at, data, done);
        if (status != OK)
            return status;
    }
    return OK;
}

static status_t load(struct node *node, uint32_t fid, uint64_t size)
{
    handle_t vmo;
    status_t status = vmo_create(VMO_CONTENT, size, &vmo);
    if (status == OK) {
        status = read_into(vmo, fid, size);
        if (status != OK)
            handle_drop(&vmo);
    }
    if (status == OK)
        node->content = vmo;
    return status;
}

status_t content_load(struct node *node)
{
    if (node->content != HANDLE_NONE)
        return OK;
    if (node->direct || pages_of(node->host_size) > content_largest())
        return ERR_NOT_SUPPORTED;
    status_t status = node->host_size > 0 ? data_open(node, false) : OK;
    if (status == OK)
        status = load(node, node->data_fid, node->host_size);
    if (status == ERR_NO_MEMORY) {
        nodes_trim(0);
        status = load(node, node->data_fid, node->host_size);
    }
    if (!node->unlinked && node->writers == 0)
        data_close(node);
    return status;
}

status_t content_copy(struct node *node, uint32_t fid, const struct fs_attr *attr)
{
    handle_drop(&node->content);
    status_t status = load(node, fid, attr->size);
    node->attr.size = attr->size;
    node->content_time = attr->mtime;
    return status;
}

/* ---- writing back -------------------------------------------------------------------------------- */

status_t content_begin_write(struct node *node)
{
    if (node->clean != HANDLE_NONE)
        return OK;
    status_t status = vmo_clone(node->content, 0, node->attr.size, &node->clean);
    if (status == OK && !node->unlinked)
        list_add(&dirty_nodes, &node->dirty);
    return status;
}

/* Bytes from `at` on that one request takes, out of a run of changed pages. */
static status_t write_run(struct node *node, uint64_t at, uint64_t end)
{
    uint32_t done;
    end = end < node->attr.size ? end : node->attr.size;
    for (; at < end; at += done) {
        uint32_t count = end - at < P9_DATA_MAX ? (uint32_t)(end - at) : P9_DATA_MAX;
        status_t status = vmo_read(node->content, at, p9_write_space(), count);
        if (status == OK)
            status = p9_write_filled(node->data_fid, at, count, &done);
        if (status == OK && done == 0)
            status = ERR_IO_ERROR;
        if (status != OK)
            return status;
        if (at + done > node->host_size)
            node->host_size = at + done;
    }
    return OK;
}

static bool bit(const uint8_t *bits, uint32_t index)
{
    return bits[index / 8] >> index % 8 & 1;
}

/* Is anything different; with `write`, the host's file is given it. */
static status_t changed_pages(struct node *node, bool write, bool *any)
{
    uint8_t bits[BITS_BYTES];
    uint32_t pages = pages_of(node->attr.size);
    *any = false;
    for (uint32_t first = 0; first < pages; first += BITS_BYTES * 8) {
        uint32_t count = pages - first < BITS_BYTES * 8 ? pages - first : BITS_BYTES * 8;
        status_t status = vmo_compare(node->content, node->clean, first, bits, (count + 7) / 8);
        for (uint32_t i = 0; status == OK && i < count; i++) {
            uint32_t start = i;
            while (i < count && bit(bits, i))
                i++;
            if (i == start)
                continue;
            *any = true;
            if (write)
                status = write_run(node, (uint64_t)(first + start) * PAGE_SIZE,
                                   (uint64_t)(first + i) * PAGE_SIZE);
        }
        if (status != OK || (*any && !write))
            return status;
    }
    return OK;
}

static status_t set_host_size(struct node *node)
{
    struct fs_attr wanted = {.size = node->attr.size};
    status_t status = p9_setattr(node->fid, FS_ATTR_SIZE, &wanted);
    if (status == OK)
        node->host_size = node->attr.size;
    return status;
}

static status_t write_back(struct node *node)
{
    bool any;
    status_t status = changed_pages(node, false, &any);
    if (status == OK && !any && node->host_size == node->attr.size && !node->times_changed)
        return OK;
    if (status == OK && any)
        status = data_open(node, true);
    if (status == OK && node->host_size > node->attr.size)
        status = set_host_size(node);
    if (status == OK && any)
        status = changed_pages(node, true, &any);
    if (status == OK && node->host_size < node->attr.size)
        status = set_host_size(node);
    if (status == OK)
        status = p9_setattr(node->fid, FS_ATTR_ATIME | FS_ATTR_MTIME, &node->attr);
    if (status == OK)
        node->times_changed = false;
    return status;
}

static void stop_writing(struct node *node)
{
    handle_drop(&node->clean);
    list_take(&node->dirty);
    data_close(node);
}

status_t content_flush(struct node *node)
{
    if (node->clean == HANDLE_NONE || node->unlinked)
        return OK;
    status_t status = write_back(node);
    if (status != OK) {
        log_printf("writing %s back: %s", node->name, status_text(status));
        return status;
    }
    if (node->writers == 0 && !content_has_writers(node)) {
        stop_writing(node);
        return OK;
    }
    handle_t clean;
    status = vmo_clone(node->content, 0, node->attr.size, &clean);
    if (status != OK)
        return status; /* the older clone remains: more is written the next time */
    handle_drop(&node->clean);
    node->clean = clean;
    return OK;
}

void contents_flush(void)
{
    struct link *next;
    for (struct link *at = dirty_nodes.next; at != &dirty_nodes; at = next) {
        next = at->next;
        /* What cannot be written now is tried again; the log says so. */
        if (content_flush(LINK_ENTRY(at, struct node, dirty)) != OK)
            continue;
    }
}

void content_drop(struct node *node)
{
    stop_writing(node);
    handle_drop(&node->content);
}

void content_end(struct node *node)
{
    content_drop(node);
}

/* ---- transfers ----------------------------------------------------------------------------------- */

static void touch(struct node *node)
{
    node->attr.mtime = node->attr.ctime = (uint64_t)time_realtime();
    node->times_changed = true;
}

/* The file outgrows its VMO: what is in there goes to the host, whose file is the truth from now on. */
static status_t go_direct(struct node *node)
{
    if (node->unlinked)
        return ERR_NO_SPACE; /* it lives in memory only */
    status_t status = content_flush(node);
    if (status != OK)
        return status;
    content_drop(node);
    node->direct = true;
    return ERR_NOT_SUPPORTED;
}

/* May its VMO grow to that size? A sixteenth of memory is left to programs. */
static bool has_room(const struct node *node, uint64_t size)
{
    struct system_info info;
    uint32_t pages = pages_of(size);
    if (size <= node->attr.size)
        return true;
    if (pages > content_largest())
        return false;
    for (uint32_t tries = 0; tries < 2; tries++) {
        if (system_info(&info) != OK)
            return true;
        if (info.free_pages > info.total_pages / 16 + pages - pages_of(node->attr.size))
            return true;
        nodes_trim(0);
    }
    return false;
}

status_t content_resize(struct node *node, uint64_t size)
{
    status_t status = content_load(node);
    if (status == OK && !has_room(node, size))
        return go_direct(node);
    if (status == OK)
        status = content_begin_write(node);
    if (status == OK)
        status = vmo_set_size(node->content, size);
    if (status != OK)
        return status;
    node->attr.size = size;
    node->attr.blocks = pages_of(size) * (uint64_t)(PAGE_SIZE / 512);
    touch(node);
    return OK;
}

status_t content_read(struct node *node, uint64_t offset, void *to, uint32_t length, uint32_t *done)
{
    *done = 0;
    if (offset >= node->attr.size)
        return OK;
    uint64_t left = node->attr.size - offset;
    *done = length < left ? length : (uint32_t)left;
    return vmo_read(node->content, offset, to, *done);
}

status_t content_write(struct node *node, uint64_t offset, const void *from, uint32_t length,
                       uint32_t *done)
{
    status_t status = content_begin_write(node);
    if (status == OK && offset + length > node->attr.size)
        status = content_resize(node, offset + length);
    if (status == OK)
        status = vmo_write(node->content, offset, from, length);
    if (status != OK)
        return status;
    touch(node);
    *done = length;
    return OK;
}
