/* SPDX-License-Identifier: MIT */
/* A sparse array of page references, indexed by page number. Holds one reference to each page in it. */
#ifndef KERNEL_PAGEMAP_H
#define KERNEL_PAGEMAP_H

#include <kernel/memory.h>

#define PAGEMAP_CHUNK 32u
/* Bounded by the largest heap block for the chunk table: 32 GiB. */
#define PAGEMAP_LIMIT ((1u << 18) * PAGEMAP_CHUNK)

struct pagemap {
    struct page ***chunks; /* NULL or PAGEMAP_CHUNK pointers each */
    uint32_t chunk_count;
    uint32_t committed; /* pages present; charged to `account`'s owner */
};

/* NULL: absent. */
static inline struct page *pagemap_get(const struct pagemap *map, uint32_t index)
{
    uint32_t chunk = index / PAGEMAP_CHUNK;
    if (chunk >= map->chunk_count || map->chunks[chunk] == NULL)
        return NULL;
    return map->chunks[chunk][index % PAGEMAP_CHUNK];
}

/* The first index from this one on, below `end`, where a page may be; `end` if there is none. */
uint32_t pagemap_next(const struct pagemap *map, uint32_t index, uint32_t end);

/* Put a page in (the map takes over one reference), in place of one that is there already. */
status_t pagemap_set(struct pagemap *map, uint32_t index, struct page *page,
                     struct object *account);
/* Drop the pages of [first, first + count). */
void pagemap_drop(struct pagemap *map, uint32_t first, uint32_t count, struct object *account);
/* Drop the page at index, which is there. */
void pagemap_take_out(struct pagemap *map, uint32_t index, struct object *account);
void pagemap_destroy(struct pagemap *map, struct object *account);
/* Share the pages of `from`'s range into the empty map `to`, starting at index 0. */
status_t pagemap_share(struct pagemap *to, const struct pagemap *from, uint32_t first,
                       uint32_t count, struct object *account);
uint32_t pagemap_count(const struct pagemap *map, uint32_t first, uint32_t count);

#endif
