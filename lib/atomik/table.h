/* SPDX-License-Identifier: MIT */
/*
 * Hash tables with the link inside the element, by a number that does not change while it is in the table.
 * The table allocates nothing; `count` buckets, a power of two, are its owner's.
 */
#ifndef ATOMIK_TABLE_H
#define ATOMIK_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_link {
    struct table_link *next;
    uint64_t key;
};
struct table {
    struct table_link **buckets;
    uint32_t count;
};

/* Numbers often differ in a few bits that are not the lowest: all of them count. */
static inline struct table_link **table_bucket(const struct table *table, uint64_t key)
{
    uint32_t mixed = ((uint32_t)key ^ (uint32_t)(key >> 32)) * 0x9e3779b1u;
    return &table->buckets[(mixed ^ mixed >> 16) & (table->count - 1)];
}

/* One that has the key, or the next such after `link`; NULL: there is none. */
static inline struct table_link *table_next(const struct table_link *link, uint64_t key)
{
    struct table_link *at = link->next;
    while (at != NULL && at->key != key)
        at = at->next;
    return at;
}
static inline struct table_link *table_find(const struct table *table, uint64_t key)
{
    struct table_link *first = *table_bucket(table, key);
    return first == NULL || first->key == key ? first : table_next(first, key);
}

static inline void table_add(struct table *table, struct table_link *link, uint64_t key)
{
    struct table_link **bucket = table_bucket(table, key);
    link->key = key;
    link->next = *bucket;
    *bucket = link;
}

/* Nothing happens if it is not in the table, under the key that it has. */
static inline void table_remove(struct table *table, struct table_link *link)
{
    struct table_link **at = table_bucket(table, link->key);
    while (*at != NULL && *at != link)
        at = &(*at)->next;
    if (*at == link)
        *at = link->next;
}

#endif
