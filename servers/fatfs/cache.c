/* SPDX-License-Identifier: MIT */
/*
 * The cache of a volume: pages of 4 KiB in a hash table and a list by age. Written pages stay until
 * cache_flush, or until half of the cache is dirty. A read that goes on where the last one ended
 * fetches a longer run. A page that cannot be written stays dirty, and the next flush says so.
 */
#include <stdlib.h>
#include <string.h>

#include "fat.h"

#define PAGE      PAGE_SIZE
#define RUNS_MAX  48u
#define AHEAD_MAX 32u /* pages */

struct fat_page {
    struct table_link by_offset;
    struct fat_page *newer, *older;
    uint64_t offset;
    bool dirty;
    uint8_t data[PAGE];
};

status_t cache_open(struct fat_cache *cache, const struct fat_device *device, uint32_t pages)
{
    if (pages < 2 * AHEAD_MAX)
        pages = 2 * AHEAD_MAX;
    *cache = (struct fat_cache){.device = device, .page_limit = pages, .pages.count = 64};
    while (cache->pages.count < pages)
        cache->pages.count *= 2;
    cache->pages.buckets = calloc(cache->pages.count, sizeof *cache->pages.buckets);
    return cache->pages.buckets != NULL ? OK : ERR_NO_MEMORY;
}

void cache_close(struct fat_cache *cache)
{
    while (cache->newest != NULL) {
        struct fat_page *page = cache->newest;
        cache->newest = page->older;
        free(page);
    }
    free(cache->pages.buckets);
    cache->pages.buckets = NULL;
}

static struct fat_page *find(struct fat_cache *cache, uint64_t offset)
{
    struct table_link *link = table_find(&cache->pages, offset);
    return link != NULL ? container_of(link, struct fat_page, by_offset) : NULL;
}

static void unlink_age(struct fat_cache *cache, struct fat_page *page)
{
    *(page->newer != NULL ? &page->newer->older : &cache->newest) = page->older;
    *(page->older != NULL ? &page->older->newer : &cache->oldest) = page->newer;
}

static void link_newest(struct fat_cache *cache, struct fat_page *page)
{
    page->newer = NULL;
    page->older = cache->newest;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = page;
    cache->newest = page;
}

static void touch(struct fat_cache *cache, struct fat_page *page)
{
    if (cache->newest == page)
        return;
    unlink_age(cache, page);
    link_newest(cache, page);
}

/* ---- writing back ------------------------------------------------------------------------------ */

static uint32_t length_at(const struct fat_cache *cache, uint64_t offset)
{
    uint64_t left = cache->device->size - offset;
    return left < PAGE ? (uint32_t)left : PAGE;
}

static int by_offset(const void *a, const void *b)
{
    const struct fat_page *first = *(struct fat_page *const *)a,
                          *second = *(struct fat_page *const *)b;
    return first->offset < second->offset ? -1 : first->offset > second->offset;
}

static status_t write_pages(struct fat_cache *cache, struct fat_page **pages, uint32_t count)
{
    struct fat_run runs[RUNS_MAX] = {{0}};
    for (uint32_t i = 0; i < count; i++)
        runs[i] = (struct fat_run){.offset = pages[i]->offset,
                                   .data = pages[i]->data,
                                   .length = length_at(cache, pages[i]->offset)};
    status_t status = cache->device->transfer(cache->device->context, true, runs, count);
    for (uint32_t i = 0; i < count && status == OK; i++) {
        pages[i]->dirty = false;
        cache->dirty_count--;
    }
    return status;
}

/* All dirty pages, in the order of the medium. */
static status_t write_back(struct fat_cache *cache)
{
    if (cache->dirty_count == 0)
        return OK;
    uint32_t count = 0, total = cache->dirty_count;
    struct fat_page **pages = malloc(total * sizeof(struct fat_page *));
    status_t status = OK;
    if (pages == NULL)
        return ERR_NO_MEMORY;
    for (struct fat_page *page = cache->newest; page != NULL && count < total; page = page->older)
        if (page->dirty)
            pages[count++] = page;
    qsort(pages, count, sizeof(struct fat_page *), by_offset);
    for (uint32_t at = 0; at < count; at += RUNS_MAX) {
        uint32_t part = count - at < RUNS_MAX ? count - at : RUNS_MAX;
        status_t one = write_pages(cache, pages + at, part);
        status = status == OK ? one : status;
    }
    free(pages);
    return status;
}

status_t cache_flush(struct fat_cache *cache, bool medium)
{
    status_t status = write_back(cache);
    if (status == OK && medium)
        status = cache->device->flush(cache->device->context);
    if (status == OK && medium && cache->failed != OK) {
        status = cache->failed; /* said once; what failed then has been written now */
        cache->failed = OK;
    }
    return status;
}

/* ---- pages --------------------------------------------------------------------------------------- */

/* A page to be filled: a new one or the oldest clean one. Its place in the table is the caller's. */
static status_t take(struct fat_cache *cache, struct fat_page **result)
{
    if (cache->page_count < cache->page_limit) {
        struct fat_page *page = malloc(sizeof *page);
        if (page != NULL) {
            cache->page_count++;
            *result = page;
            return OK;
        }
    }
    struct fat_page *page = cache->oldest;
    while (page != NULL && page->dirty)
        page = page->newer;
    if (page == NULL)
        return ERR_NO_MEMORY;
    unlink_age(cache, page);
    table_remove(&cache->pages, &page->by_offset);
    *result = page;
    return OK;
}

static void put(struct fat_cache *cache, struct fat_page *page, uint64_t offset)
{
    page->offset = offset;
    page->dirty = false;
    table_add(&cache->pages, &page->by_offset, offset);
    link_newest(cache, page);
}

static void give_up(struct fat_cache *cache, struct fat_page **pages, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        free(pages[i]);
        cache->page_count--;
    }
}

/* Fetch the page at offset and what follows it, `count` at most, until one that is there. */
static status_t fetch(struct fat_cache *cache, uint64_t offset, uint32_t count)
{
    struct fat_page *pages[AHEAD_MAX];
    struct fat_run runs[AHEAD_MAX];
    uint32_t taken = 0;
    while (taken < count) {
        uint64_t at = offset + (uint64_t)taken * PAGE;
        if (at >= cache->device->size || find(cache, at) != NULL ||
            take(cache, &pages[taken]) != OK)
            break;
        runs[taken] = (struct fat_run){
            .offset = at, .data = pages[taken]->data, .length = length_at(cache, at)};
        memset(pages[taken]->data + runs[taken].length, 0, PAGE - runs[taken].length);
        taken++;
    }
    if (taken == 0)
        return ERR_NO_MEMORY;
    status_t status = cache->device->transfer(cache->device->context, false, runs, taken);
    if (status != OK && taken > 1) { /* perhaps only what nobody asked for */
        status = cache->device->transfer(cache->device->context, false, runs, 1);
        give_up(cache, pages + 1, taken - 1);
        taken = 1;
    }
    if (status != OK) {
        give_up(cache, pages, taken);
        return status;
    }
    for (uint32_t i = taken; i-- > 0;)
        put(cache, pages[i], offset + (uint64_t)i * PAGE);
    return OK;
}

static status_t page_at(struct fat_cache *cache, uint64_t offset, uint32_t ahead,
                        struct fat_page **page)
{
    *page = find(cache, offset);
    if (*page == NULL) {
        if (cache->dirty_count > cache->page_limit / 2) {
            status_t status = write_back(cache);
            if (status != OK)
                cache->failed = status;
        }
        status_t status = fetch(cache, offset, ahead);
        if (status != OK)
            return status;
        *page = find(cache, offset);
    }
    touch(cache, *page);
    return OK;
}

static uint32_t ahead_for(const struct fat_cache *cache, uint64_t offset, uint32_t length)
{
    uint32_t pages = (uint32_t)(offset % PAGE + length + PAGE - 1) / PAGE;
    if (offset == cache->sequential)
        pages = AHEAD_MAX;
    return pages < AHEAD_MAX ? pages : AHEAD_MAX;
}

static bool is_inside(const struct fat_cache *cache, uint64_t offset, uint32_t length)
{
    return offset <= cache->device->size && length <= cache->device->size - offset;
}

status_t cache_read(struct fat_cache *cache, uint64_t offset, void *to, uint32_t length)
{
    uint8_t *at = to;
    if (!is_inside(cache, offset, length))
        return ERR_IO_ERROR;
    uint32_t ahead = ahead_for(cache, offset, length);
    if (length >= PAGE)
        cache->sequential = offset + length;
    while (length > 0) {
        struct fat_page *page;
        uint32_t within = (uint32_t)(offset % PAGE);
        uint32_t part = PAGE - within < length ? PAGE - within : length;
        status_t status = page_at(cache, offset - within, ahead, &page);
        if (status != OK)
            return status;
        memcpy(at, page->data + within, part);
        at += part;
        offset += part;
        length -= part;
    }
    return OK;
}

/* A page that is written as a whole need not be read. */
static status_t page_for_write(struct fat_cache *cache, uint64_t offset, bool whole,
                               struct fat_page **page)
{
    *page = find(cache, offset);
    if (*page != NULL || !whole)
        return page_at(cache, offset, 1, page);
    if (cache->dirty_count > cache->page_limit / 2) {
        status_t status = write_back(cache);
        if (status != OK)
            cache->failed = status;
    }
    status_t status = take(cache, page);
    if (status == OK)
        put(cache, *page, offset);
    return status;
}

status_t cache_write(struct fat_cache *cache, uint64_t offset, const void *from, uint32_t length)
{
    const uint8_t *at = from;
    if (!is_inside(cache, offset, length))
        return ERR_IO_ERROR;
    while (length > 0) {
        struct fat_page *page;
        uint32_t within = (uint32_t)(offset % PAGE);
        uint32_t part = PAGE - within < length ? PAGE - within : length;
        status_t status = page_for_write(cache, offset - within, part == PAGE, &page);
        if (status != OK)
            return status;
        if (at != NULL)
            memcpy(page->data + within, at, part);
        else
            memset(page->data + within, 0, part);
        cache->dirty_count += !page->dirty;
        page->dirty = true;
        at = at != NULL ? at + part : NULL;
        offset += part;
        length -= part;
    }
    return OK;
}
