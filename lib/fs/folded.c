/* SPDX-License-Identifier: MIT */
/*
 * Look-ups without case in file systems that know exact names only. The first one in a directory reads all of its names
 * into a table by their folded hash; from then on the table follows every change that goes through this library. Where
 * others may change the files too (!ops->sole) it is good as long as the directory's time of change is the same.
 *
 * The tables of the directories that were looked in last are kept; one of very many names is not.
 */
#include <stdlib.h>
#include <string.h>

#include "fold.h"
#include "internal.h"
#include "short_name.h"

#define TABLES_MAX  32u
#define NAMES_MAX   16384u /* of one table */
#define BUCKETS_MIN 64u
#define PIECE_BYTES 4096u

struct folded_name {
    struct folded_name *next; /* in its bucket */
    uint32_t hash;
    uint16_t length;
    char text[];
};

static struct table {
    uint64_t ino, mtime;
    uint32_t used; /* when, in look-ups; 0: the place is free */
    uint32_t count, bucket_count;
    struct folded_name **buckets;
} tables[TABLES_MAX];
static uint32_t clock;

static void table_free(struct table *table)
{
    for (uint32_t i = 0; i < table->bucket_count; i++)
        for (struct folded_name *name = table->buckets[i], *next; name != NULL; name = next) {
            next = name->next;
            free(name);
        }
    free(table->buckets);
    *table = (struct table){.used = 0};
}

static struct table *table_find(uint64_t ino)
{
    for (uint32_t i = 0; i < TABLES_MAX; i++)
        if (tables[i].used != 0 && tables[i].ino == ino)
            return &tables[i];
    return NULL;
}

static struct table *table_oldest(void)
{
    struct table *oldest = &tables[0];
    for (uint32_t i = 1; i < TABLES_MAX; i++)
        if (tables[i].used < oldest->used)
            oldest = &tables[i];
    return oldest;
}

/* ---- names ----------------------------------------------------------------------------------------- */

static bool grow(struct table *table)
{
    uint32_t count = table->bucket_count == 0 ? BUCKETS_MIN : table->bucket_count * 4;
    struct folded_name **buckets = calloc(count, sizeof(struct folded_name *));
    if (buckets == NULL)
        return table->bucket_count != 0;
    for (uint32_t i = 0; i < table->bucket_count; i++)
        for (struct folded_name *name = table->buckets[i], *next; name != NULL; name = next) {
            next = name->next;
            name->next = buckets[name->hash % count];
            buckets[name->hash % count] = name;
        }
    free(table->buckets);
    table->buckets = buckets;
    table->bucket_count = count;
    return true;
}

static status_t add(struct table *table, const char *text, size_t length)
{
    if (table->count == NAMES_MAX)
        return ERR_LIMIT_REACHED;
    if (table->count >= table->bucket_count && !grow(table))
        return ERR_NO_MEMORY;
    struct folded_name *name = malloc(sizeof *name + length);
    if (name == NULL)
        return ERR_NO_MEMORY;
    name->hash = fs_name_hash(text, length);
    name->length = (uint16_t)length;
    memcpy(name->text, text, length);
    struct folded_name **bucket = &table->buckets[name->hash % table->bucket_count];
    name->next = *bucket;
    *bucket = name;
    table->count++;
    return OK;
}

static const struct folded_name *find(const struct table *table, const char *text, size_t length)
{
    uint32_t hash = fs_name_hash(text, length);
    if (table->count == 0)
        return NULL;
    struct folded_name *name = table->buckets[hash % table->bucket_count];
    while (name != NULL &&
           !(name->hash == hash && fs_names_same(name->text, name->length, text, length)))
        name = name->next;
    return name;
}

static void remove_name(struct table *table, const char *text, size_t length)
{
    if (table->count == 0)
        return;
    struct folded_name **link = &table->buckets[fs_name_hash(text, length) % table->bucket_count];
    for (struct folded_name *name; (name = *link) != NULL; link = &name->next)
        if (name->length == length && memcmp(name->text, text, length) == 0) {
            *link = name->next;
            free(name);
            table->count--;
            return;
        }
}

/* ---- reading a directory ----------------------------------------------------------------------------- */

/* What looks at each name; an error ends the enumeration. */
typedef status_t name_taker(void *context, const char *name, size_t length);

static status_t take_piece(const struct fs_entries *entries, const uint8_t *from, name_taker *taker,
                           void *context, uint64_t *cookie)
{
    for (const uint8_t *at = from; at < entries->at;) {
        const struct fs_dirent *entry = (const struct fs_dirent *)at;
        status_t status = taker(context, entry->name, entry->name_length);
        if (status != OK)
            return status;
        *cookie = entry->cookie;
        at += entry->record_length;
    }
    return OK;
}

static status_t each_name(struct fs_node *directory, name_taker *taker, void *context)
{
    static uint8_t piece[PIECE_BYTES] __attribute__((aligned(8))); /* one thread */
    const struct fs_ops *ops = directory->server->ops;
    void *data = NULL;
    uint64_t cookie = 0;
    status_t status = OK;
    if (ops->open != NULL)
        status = ops->open(directory, FS_O_READ | FS_O_DIRECTORY, &data);
    if (status != OK)
        return status;
    for (;;) {
        struct fs_entries entries = {.at = piece, .end = piece + sizeof piece};
        status = ops->read_directory(directory, data, cookie, &entries);
        if (status == OK)
            status = take_piece(&entries, piece, taker, context, &cookie);
        if (status != OK || entries.count == 0)
            break;
    }
    if (ops->close != NULL)
        ops->close(directory, data);
    return status;
}

static status_t add_name(void *context, const char *name, size_t length)
{
    return add(context, name, length);
}

struct search {
    const char *name;
    size_t length;
    char *found;
    size_t *found_length;
};

/* BUSY ends the enumeration: it is found. */
static status_t take_found(const struct search *search, const char *name, size_t length)
{
    memcpy(search->found, name, length);
    *search->found_length = length;
    return ERR_BUSY;
}

static status_t compare_name(void *context, const char *name, size_t length)
{
    const struct search *search = context;
    bool same = fs_names_same(name, length, search->name, search->length);
    return same ? take_found(search, name, length) : OK;
}

static status_t compare_short(void *context, const char *name, size_t length)
{
    const struct search *search = context;
    char made[FS_SHORT_MAX];
    size_t size = fs_short_name(name, length, made);
    bool same = size > 0 && fs_names_same(made, size, search->name, search->length);
    return same ? take_found(search, name, length) : OK;
}

/* Through all names of the directory. */
static status_t scan(struct fs_node *directory, name_taker *compare, struct search *search)
{
    status_t status = each_name(directory, compare, search);
    return status == OK ? ERR_NOT_FOUND : status == ERR_BUSY ? OK : status;
}

/* ---- the table of a directory ------------------------------------------------------------------------ */

static uint64_t time_of(struct fs_node *directory)
{
    struct fs_attr attr;
    return directory->server->ops->sole || fs_attributes(directory, &attr) != OK ? 0 : attr.mtime;
}

static status_t table_of(struct fs_node *directory, struct table **result)
{
    struct table *table = table_find(directory->ino);
    uint64_t mtime = time_of(directory);
    if (table != NULL && table->mtime != mtime)
        table_free(table);
    else if (table != NULL) {
        *result = table;
        table->used = ++clock;
        return OK;
    }
    table = table_oldest();
    table_free(table);
    *table = (struct table){.ino = directory->ino, .mtime = mtime, .used = ++clock};
    status_t status = each_name(directory, add_name, table);
    if (status != OK)
        table_free(table);
    *result = table;
    return status;
}

static status_t find_in_table(struct fs_node *directory, struct search *search)
{
    struct table *table;
    status_t status = table_of(directory, &table);
    if (status == ERR_LIMIT_REACHED || status == ERR_NO_MEMORY)
        return scan(directory, compare_name, search);
    if (status != OK)
        return status;
    const struct folded_name *same = find(table, search->name, search->length);
    if (same == NULL)
        return ERR_NOT_FOUND;
    return take_found(search, same->text, same->length) == ERR_BUSY ? OK : ERR_IO_ERROR;
}

status_t fs_folded_find(struct fs_node *directory, const char *name, size_t length, char *found,
                        size_t *found_length)
{
    const struct fs_ops *ops = directory->server->ops;
    struct search search = {name, length, found, found_length};
    if (ops->read_directory == NULL)
        return ERR_NOT_FOUND;
    status_t status = ops->folds ? ERR_NOT_FOUND : find_in_table(directory, &search);
    if (status == ERR_NOT_FOUND && fs_is_short_name(name, length))
        status = scan(directory, compare_short, &search);
    return status;
}

void fs_folded_added(struct fs_node *directory, const char *name, size_t length)
{
    struct table *table = table_find(directory->ino);
    if (table == NULL)
        return;
    remove_name(table, name, length); /* what it replaces */
    if (add(table, name, length) != OK)
        table_free(table);
    else
        table->mtime = time_of(directory);
}

void fs_folded_removed(struct fs_node *directory, const char *name, size_t length)
{
    struct table *table = table_find(directory->ino);
    if (table == NULL)
        return;
    remove_name(table, name, length);
    table->mtime = time_of(directory);
}

void fs_folded_forget(const struct fs_node *directory)
{
    struct table *table = table_find(directory->ino);
    if (table != NULL)
        table_free(table);
}
