/* SPDX-License-Identifier: MIT */
/* Contents of files; see content.h. One thread, one file system in a process. */
#include <fs/content.h>
#include <stdlib.h>
#include <string.h>

#include <atomik/log.h>
#include <atomik/syscall.h>
#include <atomik/startup.h>
#include <atomik/time.h>
#include <ipc/call.h>

#include "internal.h"

#define BITS_BYTES   1024u /* of one look for dirty pages: 8192 */
#define WINDOW_FIRST 8u    /* pages that are read for who does not read in order */
#define SMALL_PAGES  16u   /* a file that has no more is read at once */
#define TEXT_LENGTH  64u
#define QUEUE_MOST   128u

static const struct fs_store *store;
static handle_t port;
static struct fs_content **contents; /* by key; NULL: free */
static uint32_t content_capacity, content_hint;
static struct fs_content *written; /* those that may be dirty */

static uint32_t pages_of(uint64_t bytes)
{
    return (uint32_t)((bytes + PAGE_MASK) / PAGE_SIZE);
}

/* ---- the table ------------------------------------------------------------------------------------ */

static bool grow_table(void)
{
    uint32_t capacity = content_capacity ? content_capacity * 2 : 256;
    struct fs_content **grown = realloc(contents, capacity * sizeof(struct fs_content *));
    if (grown == NULL)
        return false;
    memset(grown + content_capacity, 0,
           (capacity - content_capacity) * sizeof(struct fs_content *));
    contents = grown;
    content_capacity = capacity;
    return true;
}

static bool take_key(struct fs_content *content)
{
    for (uint32_t i = 0; i < content_capacity; i++) {
        uint32_t key = (content_hint + i) % content_capacity;
        if (contents[key] != NULL)
            continue;
        content_hint = key + 1;
        content->key = key;
        contents[key] = content;
        return true;
    }
    content_hint = content_capacity;
    return grow_table() && take_key(content);
}

static void note_written(struct fs_content *content)
{
    if (content->may_be_dirty)
        return;
    content->may_be_dirty = true;
    content->previous_written = NULL;
    content->next_written = written;
    if (written != NULL)
        written->previous_written = content;
    written = content;
}

static void leave_written(struct fs_content *content)
{
    if (!content->may_be_dirty)
        return;
    if (content->previous_written != NULL)
        content->previous_written->next_written = content->next_written;
    else
        written = content->next_written;
    if (content->next_written != NULL)
        content->next_written->previous_written = content->previous_written;
    content->may_be_dirty = false;
}

/* ---- reading -------------------------------------------------------------------------------------- */

/* Fills the buffer from the page on: what the file system has, and zeros behind it. */
static status_t read_pages(struct fs_content *content, uint32_t first, uint32_t count)
{
    uint64_t at = (uint64_t)first * PAGE_SIZE;
    uint32_t length = count * PAGE_SIZE, done = 0, part;
    while (done < length && at + done < content->stored) {
        uint64_t there = content->stored - at - done;
        uint32_t wanted = length - done < there ? length - done : (uint32_t)there;
        status_t status = store->read(content, at + done, store->buffer + done, wanted, &part);
        if (status == OK && part == 0)
            status = ERR_IO_ERROR;
        if (status != OK)
            return status;
        done += part;
    }
    memset(store->buffer + done, 0, length - done);
    return OK;
}

static status_t supply(struct fs_content *content, uint32_t first, uint32_t count)
{
    uint64_t at = (uint64_t)first * PAGE_SIZE;
    status_t status = read_pages(content, first, count);
    if (status != OK)
        return status;
    status = vmo_supply(content->vmo, at, store->buffer, count * PAGE_SIZE);
    if (status != ERR_NO_MEMORY || written == NULL)
        return status;
    /* Writing back needs the buffer; afterwards there are clean pages to take. */
    if (fs_contents_flush() != OK)
        return ERR_NO_MEMORY;
    status = read_pages(content, first, count);
    return status == OK ? vmo_supply(content->vmo, at, store->buffer, count * PAGE_SIZE) : status;
}

/* As much of the window as there is; the page alone if not all of it can be read. */
static status_t supply_window(struct fs_content *content, uint32_t index, uint32_t *count)
{
    uint32_t end = pages_of(content->size), most = store->buffer_size / PAGE_SIZE;
    *count = content->window < most ? content->window : most;
    if (index >= end)
        return ERR_OUT_OF_RANGE;
    *count = *count < end - index ? *count : end - index;
    status_t status = supply(content, index, *count);
    if (status == OK || *count == 1)
        return status;
    *count = 1;
    return supply(content, index, 1);
}

static void answer(struct fs_content *content, uint32_t first, uint32_t count, status_t status)
{
    if (vmo_answer(content->vmo, first, count, (uint32_t)status) != OK)
        log_printf("pages cannot be answered for");
}

static void content_wanted(struct fs_content *content, uint32_t index)
{
    bool in_order = index == content->next;
    uint32_t count, more;
    content->window = in_order ? content->window * 2 : WINDOW_FIRST;
    if (content->window > store->buffer_size / PAGE_SIZE)
        content->window = store->buffer_size / PAGE_SIZE;
    status_t status = supply_window(content, index, &count);
    answer(content, index, status == OK ? count : 1, status == ERR_OUT_OF_RANGE ? OK : status);
    if (status != OK)
        return;
    content->next = index + count;
    /* What comes next is read while that is used. */
    if (in_order && content->next < pages_of(content->size) &&
        supply_window(content, content->next, &more) == OK) {
        answer(content, content->next, more, OK);
        content->next += more;
    }
}

/* ---- writing back ---------------------------------------------------------------------------------- */

/* Pages that were given to the file system, and what of its buffer they take until it has drained. */
static struct queued {
    struct fs_content *content;
    uint32_t first, count;
} queue[QUEUE_MOST];
static uint32_t queue_count, queue_bytes;

static void say_error(struct fs_content *content, const char *what, status_t status)
{
    char name[TEXT_LENGTH];
    store->name(content, name, sizeof name);
    log_printf("%s%s: %s", what, name, status_text(status));
}

static void note_error(struct fs_content *content, status_t status)
{
    if (content->error == OK)
        say_error(content, "writing back ", status);
    content->error = status;
}

static void tell_written(struct fs_content *content, uint32_t first, uint32_t count,
                         status_t status)
{
    if (vmo_written(content->vmo, first, count, status == OK) != OK)
        log_printf("pages cannot be told to be written");
    if (status == OK)
        return;
    note_written(content);
    note_error(content, status);
}

static status_t drain(void)
{
    status_t status = store->drain != NULL ? store->drain() : OK;
    for (uint32_t i = 0; i < queue_count; i++)
        tell_written(queue[i].content, queue[i].first, queue[i].count, status);
    queue_count = queue_bytes = 0;
    return status;
}

static status_t store_part(struct fs_content *content, uint64_t at, uint32_t length, uint32_t *done)
{
    uint32_t whole = (length + PAGE_MASK) & ~(uint32_t)PAGE_MASK;
    uint8_t *buffer = store->buffer + queue_bytes;
    status_t status = vmo_read(content->vmo, at, buffer, length);
    if (status != OK)
        return status;
    memset(buffer + length, 0, whole - length);
    queue_bytes += whole;
    status = store->write(content, at, buffer, length, done);
    if (status == OK && at + *done > content->stored)
        content->stored = at + *done;
    return status;
}

static status_t store_run(struct fs_content *content, uint32_t first, uint32_t count)
{
    uint64_t at = (uint64_t)first * PAGE_SIZE, end = at + (uint64_t)count * PAGE_SIZE;
    uint32_t done;
    status_t status = OK;
    end = end < content->size ? end : content->size;
    if (queue_count == QUEUE_MOST)
        status = drain();
    for (; status == OK && at < end; at += done) {
        if (queue_bytes == store->buffer_size && (status = drain()) != OK)
            break;
        uint32_t room = store->buffer_size - queue_bytes;
        status = store_part(content, at, end - at < room ? (uint32_t)(end - at) : room, &done);
    }
    if (status == OK)
        queue[queue_count++] = (struct queued){content, first, count};
    return status;
}

static bool bit(const uint8_t *bits, uint32_t index)
{
    return bits[index / 8] >> index % 8 & 1;
}

/* The pages of the bits have been taken: they wait for the drain, or from the first error on are dirty again. */
static status_t store_taken(struct fs_content *content, const uint8_t *bits, uint32_t first,
                            uint32_t count)
{
    status_t status = OK;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t start = i;
        while (i < count && bit(bits, i))
            i++;
        if (i == start)
            continue;
        if (status == OK)
            status = store_run(content, first + start, i - start);
        if (status != OK)
            tell_written(content, first + start, i - start, status);
    }
    return status;
}

static status_t store_dirty(struct fs_content *content, const struct vmo_info *info)
{
    uint8_t bits[BITS_BYTES];
    status_t status = OK;
    for (uint32_t first = info->dirty_first; status == OK && first < info->dirty_end;
         first += BITS_BYTES * 8) {
        uint32_t left = info->dirty_end - first;
        uint32_t count = left < BITS_BYTES * 8 ? left : BITS_BYTES * 8;
        status = vmo_take_dirty(content->vmo, first, bits, (count + 7) / 8);
        if (status == OK)
            status = store_taken(content, bits, first, (count + 7) / 8 * 8);
    }
    return status;
}

static status_t write_back(struct fs_content *content, const struct vmo_info *info)
{
    status_t status = info->dirty > 0 ? store_dirty(content, info) : OK;
    if (status == OK && content->stored < content->size) {
        status = store->set_size(content, content->size);
        if (status == OK)
            content->stored = content->size;
    }
    return status == OK ? store->stored(content, info->dirty > 0) : status;
}

/* All but the drain. */
static status_t start_flush(struct fs_content *content)
{
    struct vmo_info info;
    status_t status = vmo_info(content->vmo, &info);
    if (status == OK)
        status = write_back(content, &info);
    if (status != OK) {
        note_error(content, status);
        return status;
    }
    if (content->writers == 0 && info.writers == 0)
        leave_written(content);
    return OK;
}

static status_t flush(struct fs_content *content)
{
    status_t status = start_flush(content), drained = drain();
    return status == OK ? drained : status;
}

status_t fs_content_flush(struct fs_content *content)
{
    return content->may_be_dirty && !content->nameless ? flush(content) : OK;
}

status_t fs_content_sync(struct fs_content *content)
{
    status_t before = content->error, status = fs_content_flush(content);
    content->error = OK;
    return status == OK ? before : status;
}

/* Many contents in few transfers. */
static status_t flush_all(bool nameless)
{
    status_t first = OK;
    struct fs_content *next;
    for (struct fs_content *content = written; content != NULL; content = next) {
        next = content->next_written;
        status_t status = content->nameless && !nameless ? OK : start_flush(content);
        if (first == OK)
            first = status;
    }
    status_t drained = drain();
    return first == OK ? drained : first;
}

status_t fs_contents_flush(void)
{
    return flush_all(false);
}

/* Its memory is needed and it cannot be stored. */
static void give_up(struct fs_content *content)
{
    uint8_t bits[BITS_BYTES];
    uint32_t pages = pages_of(content->size);
    for (uint32_t first = 0; first < pages; first += BITS_BYTES * 8)
        if (vmo_take_dirty(content->vmo, first, bits, sizeof bits) != OK ||
            vmo_written(content->vmo, first, BITS_BYTES * 8, 1) != OK)
            return;
    say_error(content, "what was written is lost: ", content->error);
}

/* What cannot be stored with the others nor alone makes room all the same. */
static void clean_wanted(struct fs_content *content)
{
    note_written(content); /* whoever waits writes to it next */
    struct fs_content *next, *left = flush_all(true) == OK ? NULL : written;
    for (; left != NULL; left = next) {
        next = left->next_written;
        if (flush(left) != OK)
            give_up(left);
    }
    /* Who waits looks again in any case. */
    if (vmo_written(content->vmo, 0, 0, 1) != OK)
        log_printf("nobody can be told that pages are clean");
}

/* ---- what the kernel asks for ----------------------------------------------------------------------- */

static void page_wanted(struct service *service, uint32_t key, const struct page_notice *notice)
{
    (void)service;
    struct fs_content *content = key < content_capacity ? contents[key] : NULL;
    if (content == NULL)
        return; /* it has been closed since, and whoever waits will hear of that */
    if (notice->wants == PAGE_WANT_CLEAN)
        clean_wanted(content);
    else
        content_wanted(content, notice->index);
}

void fs_content_init(struct fs_server *server, const struct fs_store *of)
{
    store = of;
    port = server->service.port;
    server->service.page = page_wanted;
}

const struct fs_store *fs_content_store(void)
{
    return store;
}

/* ---- contents --------------------------------------------------------------------------------------- */

status_t fs_content_open(struct fs_content *content, uint64_t size)
{
    if (content->vmo != HANDLE_NONE)
        return OK;
    if (!take_key(content))
        return ERR_NO_MEMORY;
    status_t status = port_paged_vmo(port, content->key, size, &content->vmo);
    if (status != OK) {
        contents[content->key] = NULL;
        return status == ERR_OUT_OF_RANGE ? ERR_NOT_SUPPORTED : status;
    }
    content->size = content->stored = size;
    content->next = 0;
    content->window = WINDOW_FIRST / 2;
    content->error = OK;
    uint32_t pages = pages_of(size);
    if (pages > 0 && pages <= SMALL_PAGES && supply(content, 0, pages) != OK)
        return OK; /* whoever uses it gets the error */
    return OK;
}

void fs_content_close(struct fs_content *content)
{
    if (content->vmo == HANDLE_NONE)
        return;
    leave_written(content);
    answer(content, 0, UINT32_MAX, ERR_IO_ERROR);
    contents[content->key] = NULL;
    handle_drop(&content->vmo);
}

void fs_content_begin_write(struct fs_content *content)
{
    if (content->vmo != HANDLE_NONE)
        note_written(content);
}

status_t fs_content_resize(struct fs_content *content, uint64_t size)
{
    status_t status = OK;
    if (size < content->stored) {
        status = store->set_size(content, size);
        if (status == OK)
            content->stored = size;
    }
    if (status == OK)
        status = vmo_set_size(content->vmo, size);
    if (status != OK)
        return status;
    content->size = size;
    note_written(content);
    return OK;
}

/* After SHOULD_WAIT of our own access to a page. */
static status_t make_ready(struct fs_content *content, uint64_t at, uint32_t length)
{
    uint32_t first = (uint32_t)(at / PAGE_SIZE), end = pages_of(at + length), most;
    if (end > pages_of(content->size))
        end = pages_of(content->size);
    most = store->buffer_size / PAGE_SIZE;
    for (uint32_t part; first < end; first += part) {
        part = end - first < most ? end - first : most;
        status_t status = supply(content, first, part);
        if (status != OK)
            return status;
        answer(content, first, part, OK);
    }
    return OK;
}

status_t fs_content_read(struct fs_content *content, uint64_t at, void *to, uint32_t length,
                         uint32_t *done)
{
    *done = 0;
    if (at >= content->size)
        return OK;
    uint64_t left = content->size - at;
    *done = length < left ? length : (uint32_t)left;
    status_t status = vmo_read(content->vmo, at, to, *done);
    if (status != ERR_SHOULD_WAIT)
        return status;
    status = make_ready(content, at, *done);
    return status == OK ? vmo_read(content->vmo, at, to, *done) : status;
}

/* It waits for pages to be there, or for fewer to be dirty: both are seen to. */
status_t fs_content_write(struct fs_content *content, uint64_t at, const void *from,
                          uint32_t length)
{
    note_written(content);
    status_t status = vmo_write(content->vmo, at, from, length);
    for (uint32_t tries = 0; status == ERR_SHOULD_WAIT && tries < 3; tries++) {
        if (tries > 0)
            clean_wanted(content);
        status = make_ready(content, at, length);
        if (status == OK)
            status = vmo_write(content->vmo, at, from, length);
    }
    return status == ERR_SHOULD_WAIT ? ERR_NO_MEMORY : status;
}
