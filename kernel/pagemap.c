/* SPDX-License-Identifier: MIT */
/* Sparse arrays of pages; see pagemap.h. */
#include <kernel/pagemap.h>
#include <kernel/thread.h>

static status_t grow_table(struct pagemap *map, uint32_t wanted)
{
    uint32_t count = map->chunk_count ? map->chunk_count : 8;
    while (count < wanted)
        count *= 2;
    struct page ***table = heap_alloc(count * sizeof *table);
    if (table == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < map->chunk_count; i++)
        table[i] = map->chunks[i];
    heap_free(map->chunks);
    map->chunks = table;
    map->chunk_count = count;
    return OK;
}

static status_t slot(struct pagemap *map, uint32_t index, struct page ***result)
{
    uint32_t chunk = index / PAGEMAP_CHUNK;
    if (index >= PAGEMAP_LIMIT)
        return ERR_OUT_OF_RANGE;
    if (chunk >= map->chunk_count && grow_table(map, chunk + 1) != OK)
        return ERR_NO_MEMORY;
    if (map->chunks[chunk] == NULL)
        map->chunks[chunk] = heap_alloc(PAGEMAP_CHUNK * sizeof(struct page *));
    if (map->chunks[chunk] == NULL)
        return ERR_NO_MEMORY;
    *result = &map->chunks[chunk][index % PAGEMAP_CHUNK];
    return OK;
}

status_t pagemap_set(struct pagemap *map, uint32_t index, struct page *page, struct object *account)
{
    struct page **place;
    status_t status = slot(map, index, &place);
    if (status != OK)
        return status;
    if (*place != NULL) {
        frame_release(*place);
    } else {
        status = process_charge_pages(account->owner, 1);
        if (status != OK)
            return status;
        map->committed++;
    }
    *place = page;
    return OK;
}

uint32_t pagemap_next(const struct pagemap *map, uint32_t index, uint32_t end)
{
    while (index < end) {
        uint32_t chunk = index / PAGEMAP_CHUNK;
        if (chunk >= map->chunk_count)
            return end;
        if (map->chunks[chunk] != NULL)
            return index;
        index = (chunk + 1) * PAGEMAP_CHUNK;
    }
    return end;
}

/* The next places in [*at, end) that lie in one chunk, *count of them, behind which *at moves; NULL: no more. */
static struct page **next_places(const struct pagemap *map, uint32_t *at, uint32_t end,
                                 uint32_t *count)
{
    uint32_t index = pagemap_next(map, *at, end), within = index % PAGEMAP_CHUNK;
    if (index >= end)
        return NULL;
    *count = end - index < PAGEMAP_CHUNK - within ? end - index : PAGEMAP_CHUNK - within;
    *at = index + *count;
    return map->chunks[index / PAGEMAP_CHUNK] + within;
}

static uint32_t end_of(uint32_t first, uint32_t count)
{
    return first + count < first ? UINT32_MAX : first + count;
}

static uint32_t drop_places(struct page **pages, uint32_t count)
{
    uint32_t dropped = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (pages[i] == NULL)
            continue;
        frame_release(pages[i]);
        pages[i] = NULL;
        dropped++;
    }
    return dropped;
}

void pagemap_drop(struct pagemap *map, uint32_t first, uint32_t count, struct object *account)
{
    uint32_t end = end_of(first, count), at = first, dropped = 0, part;
    struct page **pages;
    while ((pages = next_places(map, &at, end, &part)) != NULL) {
        dropped += drop_places(pages, part);
        if (part == PAGEMAP_CHUNK) {
            heap_free(pages);
            map->chunks[at / PAGEMAP_CHUNK - 1] = NULL;
        }
    }
    map->committed -= dropped;
    process_uncharge_pages(account->owner, dropped);
}

void pagemap_take_out(struct pagemap *map, uint32_t index, struct object *account)
{
    uint32_t chunk = index / PAGEMAP_CHUNK;
    struct page **pages = map->chunks[chunk];
    frame_release(pages[index % PAGEMAP_CHUNK]);
    pages[index % PAGEMAP_CHUNK] = NULL;
    map->committed--;
    process_uncharge_pages(account->owner, 1);
    for (uint32_t i = 0; i < PAGEMAP_CHUNK; i++)
        if (pages[i] != NULL)
            return;
    heap_free(pages);
    map->chunks[chunk] = NULL;
}

void pagemap_destroy(struct pagemap *map, struct object *account)
{
    pagemap_drop(map, 0, UINT32_MAX, account);
    for (uint32_t chunk = 0; chunk < map->chunk_count; chunk++)
        heap_free(map->chunks[chunk]);
    heap_free(map->chunks);
    *map = (struct pagemap){0};
}

/* Into slots of `to` from `at` on; what is shared is in to->committed. */
static status_t share_pages(struct pagemap *to, uint32_t at, struct page *const *pages,
                            uint32_t count)
{
    struct page **place = NULL; /* of `at`, if known */
    for (uint32_t i = 0; i < count; i++, at++) {
        if (pages[i] == NULL) {
            place = NULL;
            continue;
        }
        status_t status = place && at % PAGEMAP_CHUNK ? OK : slot(to, at, &place);
        if (status != OK)
            return status;
        frame_hold(pages[i]);
        *place++ = pages[i];
        to->committed++;
    }
    return OK;
}

status_t pagemap_share(struct pagemap *to, const struct pagemap *from, uint32_t first,
                       uint32_t count, struct object *account)
{
    uint32_t end = end_of(first, count), at = first, part;
    uint32_t total = pagemap_count(from, first, count);
    struct page *const *pages;
    status_t status = process_charge_pages(account->owner, total);
    if (status != OK)
        return status;
    while (status == OK && (pages = next_places(from, &at, end, &part)) != NULL)
        status = share_pages(to, at - part - first, pages, part);
    if (status != OK) {
        process_uncharge_pages(account->owner, total - to->committed);
        pagemap_destroy(to, account);
    }
    return status;
}

uint32_t pagemap_count(const struct pagemap *map, uint32_t first, uint32_t count)
{
    uint32_t end = end_of(first, count), at = first, present = 0, part;
    struct page *const *pages;
    while ((pages = next_places(map, &at, end, &part)) != NULL)
        for (uint32_t i = 0; i < part; i++)
            present += pages[i] != NULL;
    return present;
}
