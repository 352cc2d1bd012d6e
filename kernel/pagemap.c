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

/* The part of chunk `chunk` that lies in [first, end): from *low to below *high. */
static void bounds(uint32_t chunk, uint32_t first, uint32_t end, uint32_t *low, uint32_t *high)
{
    uint32_t base = chunk * PAGEMAP_CHUNK;
    *low = first > base ? first - base : 0;
    *high = end - base < PAGEMAP_CHUNK ? end - base : PAGEMAP_CHUNK;
}

static uint32_t drop_in_chunk(struct page **pages, uint32_t low, uint32_t high)
{
    uint32_t dropped = 0;
    for (uint32_t i = low; i < high; i++) {
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
    uint32_t end = first + count < first ? UINT32_MAX : first + count, dropped = 0, low, high;
    for (uint32_t chunk = first / PAGEMAP_CHUNK;
         chunk < map->chunk_count && chunk * PAGEMAP_CHUNK < end; chunk++) {
        if (map->chunks[chunk] == NULL)
            continue;
        bounds(chunk, first, end, &low, &high);
        dropped += drop_in_chunk(map->chunks[chunk], low, high);
        if (low == 0 && high == PAGEMAP_CHUNK) {
            heap_free(map->chunks[chunk]);
            map->chunks[chunk] = NULL;
        }
    }
    map->committed -= dropped;
    process_uncharge_pages(account->owner, dropped);
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
    uint32_t end = first + count < first ? UINT32_MAX : first + count, low, high,
             total = pagemap_count(from, first, count);
    status_t status = process_charge_pages(account->owner, total);
    if (status != OK)
        return status;
    for (uint32_t chunk = first / PAGEMAP_CHUNK;
         status == OK && chunk < from->chunk_count && chunk * PAGEMAP_CHUNK < end; chunk++) {
        if (from->chunks[chunk] == NULL)
            continue;
        bounds(chunk, first, end, &low, &high);
        status = share_pages(to, chunk * PAGEMAP_CHUNK + low - first, from->chunks[chunk] + low,
                             high - low);
    }
    if (status != OK) {
        process_uncharge_pages(account->owner, total - to->committed);
        pagemap_destroy(to, account);
    }
    return status;
}

uint32_t pagemap_count(const struct pagemap *map, uint32_t first, uint32_t count)
{
    uint32_t end = first + count < first ? UINT32_MAX : first + count, present = 0, low, high;
    for (uint32_t chunk = first / PAGEMAP_CHUNK;
         chunk < map->chunk_count && chunk * PAGEMAP_CHUNK < end; chunk++) {
        if (map->chunks[chunk] == NULL)
            continue;
        bounds(chunk, first, end, &low, &high);
        for (uint32_t i = low; i < high; i++)
            present += map->chunks[chunk][i] != NULL;
    }
    return present;
}
