/* SPDX-License-Identifier: MIT */
/*
 * Contents of files. A file that is read or written gets a VMO with all of it, and that VMO is the file
 * from then on. Before anybody may write, a clone is made: pages that the two do not share any more are
 * what the device lacks. Writing back gives them to lib/ext, which allocates blocks only then, so that
 * what is written in small pieces lies together.
 */
#include <string.h>

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/time.h>
#include <ipc/call.h>

#include "extfs.h"

#define BITS_BYTES  1024u /* of one comparison: 8192 pages */
#define CHUNK_BYTES (256u << 10)

static struct link dirty_nodes;
static uint8_t chunk[CHUNK_BYTES];
static uint64_t grown_total; /* of all nodes */
uint32_t last_generation;

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
    return node->content != HANDLE_NONE ? pages_of(node->size) : 0;
}

bool content_has_writers(const struct node *node)
{
    struct vmo_info info;
    return node->clean != HANDLE_NONE && vmo_info(node->content, &info) == OK && info.writers > 0;
}

/* ---- reading -------------------------------------------------------------------------------------- */

static bool is_zero(const uint8_t *bytes, uint32_t length)
{
    return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0);
}

/* Holes stay holes: pages of zeros are not written. */
static status_t put_chunk(handle_t vmo, uint64_t at, uint32_t length)
{
    for (uint32_t done = 0, run; done < length; done += run) {
        uint32_t page = length - done < PAGE_SIZE ? length - done : PAGE_SIZE;
        run = page;
        if (is_zero(chunk + done, page))
            continue;
        while (done + run < length) {
            page = length - done - run < PAGE_SIZE ? length - done - run : PAGE_SIZE;
            if (is_zero(chunk + done + run, page))
                break;
            run += page;
        }
        status_t status = vmo_write(vmo, at + done, chunk + done, run);
        if (status != OK)
            return status;
    }
    return OK;
}

static status_t read_all(const struct node *node, handle_t vmo, uint64_t size)
{
    uint32_t done;
    for (uint64_t at = 0; at < size; at += done) {
        status_t status = ext_read(fs, node->ino, at, chunk, CHUNK_BYTES, &done);
        if (status == OK && done == 0)
            status = ERR_IO_ERROR;
        if (status == OK)
            status = put_chunk(vmo, at, done);
        if (status != OK)
            return status;
    }
    return OK;
}

static status_t load(struct node *node, uint64_t size)
{
    handle_t vmo;
    status_t status = vmo_create(VMO_CONTENT, size, &vmo);
    if (status != OK)
        return status;
    status = read_all(node, vmo, size);
    if (status != OK) {
        handle_drop(&vmo);
        return status;
    }
    node->content = vmo;
    node->size = node->disk_size = size;
    return OK;
}

/* May its VMO be, or grow, that large? A sixteenth of memory is left to programs. */
static bool has_room(const struct node *node, uint64_t size)
{
    struct system_info info;
    uint32_t more = pages_of(size) - content_pages(node);
    if (pages_of(size) <= content_pages(node))
        return true;
    if (size > (uint64_t)content_largest() * PAGE_SIZE)
        return false;
    for (uint32_t tries = 0; tries < 2; tries++) {
        if (system_info(&info) != OK || info.free_pages > info.total_pages / 16 + more)
            return true;
        nodes_trim(0);
    }
    return false;
}

status_t content_load(struct node *node)
{
    struct ext_attributes attributes;
    if (node->content != HANDLE_NONE)
        return OK;
    if (node->direct || node->type != FS_TYPE_FILE)
        return ERR_NOT_SUPPORTED;
    status_t status = ext_get_attributes(fs, node->ino, &attributes);
    if (status != OK)
        return status;
    if (!has_room(node, attributes.size))
        return ERR_NOT_SUPPORTED;
    status = load(node, attributes.size);
    return status == ERR_NO_MEMORY ? ERR_NOT_SUPPORTED : status;
}

/* ---- writing back --------------------------------------------------------------------------------- */

status_t content_begin_write(struct node *node)
{
    if (ext_is_read_only(fs))
        return ERR_READ_ONLY;
    if (node->clean != HANDLE_NONE || node->content == HANDLE_NONE)
        return OK;
    status_t status = vmo_clone(node->content, 0, node->size, &node->clean);
    if (status == OK)
        list_add(&dirty_nodes, &node->dirty);
    return status;
}

static status_t write_run(struct node *node, uint64_t at, uint64_t end)
{
    uint32_t done;
    end = end < node->size ? end : node->size;
    for (; at < end; at += done) {
        uint32_t count = end - at < CHUNK_BYTES ? (uint32_t)(end - at) : CHUNK_BYTES;
        status_t status = vmo_read(node->content, at, chunk, count);
        if (status == OK)
            status = ext_write(fs, node->ino, at, chunk, count, &done);
        if (status != OK)
            return status;
        if (at + done > node->disk_size)
            node->disk_size = at + done;
    }
    return OK;
}

static bool bit(const uint8_t *bits, uint32_t index)
{
    return bits[index / 8] >> index % 8 & 1;
}

static status_t write_pages(struct node *node, const uint8_t *bits, uint32_t first, uint32_t count,
                            bool *any)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t start = i;
        while (i < count && bit(bits, i))
            i++;
        if (i == start)
            continue;
        *any = true;
        status_t status = write_run(node, (uint64_t)(first + start) * PAGE_SIZE,
                                    (uint64_t)(first + i) * PAGE_SIZE);
        if (status != OK)
            return status;
    }
    return OK;
}

static status_t write_changed(struct node *node, bool *any)
{
    uint8_t bits[BITS_BYTES];
    uint32_t pages = pages_of(node->size);
    for (uint32_t first = 0; first < pages; first += BITS_BYTES * 8) {
        uint32_t count = pages - first < BITS_BYTES * 8 ? pages - first : BITS_BYTES * 8;
        status_t status = vmo_compare(node->content, node->clean, first, bits, (count + 7) / 8);
        if (status == OK)
            status = write_pages(node, bits, first, count, any);
        if (status != OK)
            return status;
    }
    return OK;
}

static status_t set_disk_size(struct node *node)
{
    status_t status = ext_truncate(fs, node->ino, node->size);
    if (status == OK)
        node->disk_size = node->size;
    return status;
}

static status_t write_back(struct node *node)
{
    bool any = false;
    status_t status = node->disk_size > node->size ? set_disk_size(node) : OK;
    if (status == OK)
        status = write_changed(node, &any);
    if (status == OK && node->disk_size < node->size)
        status = set_disk_size(node);
    if (status == OK && any && node->changed_at == 0)
        node->changed_at = (uint64_t)time_realtime(); /* through a mapping, at some time */
    if (status != OK || node->changed_at == 0)
        return status;
    struct ext_attributes times = {.mtime = node->changed_at, .ctime = node->changed_at};
    status = ext_set_attributes(fs, node->ino, EXT_SET_MTIME | EXT_SET_CTIME, &times);
    if (status == OK)
        node->changed_at = 0;
    return status;
}

static void stop_writing(struct node *node)
{
    handle_drop(&node->clean);
    list_take(&node->dirty);
    grown_total -= node->grown;
    node->grown = 0;
}

status_t content_flush(struct node *node)
{
    if (node->clean == HANDLE_NONE || node->unlinked)
        return OK;
    status_t status = write_back(node);
    bool failed_before = node->failed;
    node->failed = status != OK;
    if (status != OK && failed_before)
        return status;
    if (status != OK) {
        log_printf("writing inode %u back: %s", (unsigned)node->ino, status_text(status));
        return status;
    }
    grown_total -= node->grown;
    node->grown = 0;
    if (node->writers == 0 && !content_has_writers(node)) {
        stop_writing(node);
        return OK;
    }
    handle_t clean;
    status = vmo_clone(node->content, 0, node->size, &clean);
    if (status != OK)
        return status; /* the older clone remains: more is written the next time */
    handle_drop(&node->clean);
    node->clean = clean;
    return OK;
}

status_t contents_flush(void)
{
    status_t first = OK;
    struct link *next;
    for (struct link *at = dirty_nodes.next; at != &dirty_nodes; at = next) {
        next = at->next;
        /* What cannot be written now is tried again. */
        status_t status = content_flush(LINK_ENTRY(at, struct node, dirty));
        if (first == OK)
            first = status;
    }
    return first;
}

void content_drop(struct node *node)
{
    stop_writing(node);
    handle_drop(&node->content);
}

/* ---- transfers ------------------------------------------------------------------------------------ */

void content_touch(struct node *node)
{
    node->changed_at = (uint64_t)time_realtime();
}

/* The file outgrows its VMO: what is in there goes to the device, which has the truth from now on. */
static status_t go_direct(struct node *node)
{
    if (node->unlinked && node->clean != HANDLE_NONE)
        return ERR_NO_SPACE; /* what was written is in memory only */
    status_t status = content_flush(node);
    if (status != OK)
        return status;
    content_drop(node);
    node->direct = true;
    node->generation = ++last_generation; /* VMOs that others have are not this file any more */
    return ERR_NOT_SUPPORTED;
}

/* Blocks are allocated when it is written back; that there are some is seen to now. */
static status_t promise_space(struct node *node, uint64_t bytes)
{
    struct ext_statistics statistics;
    ext_get_statistics(fs, &statistics);
    if (grown_total + bytes > statistics.blocks_free * statistics.block_size)
        return ERR_NO_SPACE;
    grown_total += bytes;
    node->grown += bytes;
    return OK;
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
    node->size = size;
    content_touch(node);
    return OK;
}

status_t content_read(struct node *node, uint64_t offset, void *to, uint32_t length, uint32_t *done)
{
    *done = 0;
    if (offset >= node->size)
        return OK;
    uint64_t left = node->size - offset;
    *done = length < left ? length : (uint32_t)left;
    return vmo_read(node->content, offset, to, *done);
}

status_t content_write(struct node *node, uint64_t offset, const void *from, uint32_t length,
                       uint32_t *done)
{
    status_t status = content_begin_write(node);
    uint64_t end = offset + length, start = offset > node->size ? offset : node->size;
    if (status == OK && end > node->size) {
        status = promise_space(node, end - start);
        if (status == OK)
            status = content_resize(node, end);
    }
    if (status == OK)
        status = vmo_write(node->content, offset, from, length);
    if (status != OK)
        return status;
    content_touch(node);
    *done = length;
    return OK;
}
