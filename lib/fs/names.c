/* SPDX-License-Identifier: MIT */
/*
 * What names led to, absent ones among them, for file systems whose look-ups cost something (ops->costly_lookup)
 * and that nobody else changes. An entry holds its directory and what it leads to; all changes of names
 * come through path.c, which says them here. The least lately used entries go.
 */
#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>

#include "internal.h"

#define BUCKETS         1024u
#define ENTRIES_MAX     8192u
#define PAGES_PER_ENTRY 8u /* of the machine's memory */

struct fs_name {
    struct fs_name *in_bucket, *newer, *older;
    struct fs_name *next_in, *previous_in; /* of the directory */
    struct fs_node *directory, *child;     /* NULL: there is no such name */
    uint32_t hash, length;
    char name[];
};

static struct fs_name *buckets[BUCKETS];
static struct fs_name *newest, *oldest;
static uint32_t count;

static uint32_t limit(void)
{
    static uint32_t most;
    struct system_info info;
    if (most == 0) {
        most = system_info(&info) == OK ? info.total_pages / PAGES_PER_ENTRY : 1024;
        most = most < ENTRIES_MAX ? most : ENTRIES_MAX;
    }
    return most;
}

static uint32_t hash_of(const struct fs_node *directory, const char *name, size_t length)
{
    uint32_t hash = (uint32_t)directory->ino * 2654435761u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    return hash ^ hash >> 15;
}

static struct fs_name *find(const struct fs_node *directory, const char *name, size_t length)
{
    uint32_t hash = hash_of(directory, name, length);
    struct fs_name *entry = buckets[hash % BUCKETS];
    while (entry != NULL && (entry->hash != hash || entry->directory != directory ||
                             entry->length != length || memcmp(entry->name, name, length) != 0))
        entry = entry->in_bucket;
    return entry;
}

static void leave_ages(struct fs_name *entry)
{
    *(entry->newer != NULL ? &entry->newer->older : &newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &oldest) = entry->newer;
}

static void make_newest(struct fs_name *entry)
{
    entry->newer = NULL;
    entry->older = newest;
    *(newest != NULL ? &newest->newer : &oldest) = entry;
    newest = entry;
}

static void drop(struct fs_name *entry)
{
    struct fs_name **link = &buckets[entry->hash % BUCKETS];
    while (*link != entry)
        link = &(*link)->in_bucket;
    *link = entry->in_bucket;
    leave_ages(entry);
    *(entry->previous_in != NULL ? &entry->previous_in->next_in : &entry->directory->names) =
        entry->next_in;
    if (entry->next_in != NULL)
        entry->next_in->previous_in = entry->previous_in;
    count--;
    fs_node_put(entry->child);
    fs_node_put(entry->directory);
    free(entry);
}

void fs_name_set(struct fs_node *directory, const char *name, size_t length, struct fs_node *child)
{
    fs_name_drop(directory, name, length);
    if (!directory->server->ops->costly_lookup || directory->gone)
        return;
    struct fs_name *entry = malloc(sizeof *entry + length);
    if (entry == NULL)
        return;
    *entry = (struct fs_name){.directory = fs_node_get(directory),
                              .child = child != NULL ? fs_node_get(child) : NULL,
                              .hash = hash_of(directory, name, length),
                              .length = (uint32_t)length,
                              .next_in = directory->names};
    memcpy(entry->name, name, length);
    if (entry->next_in != NULL)
        entry->next_in->previous_in = entry;
    directory->names = entry;
    entry->in_bucket = buckets[entry->hash % BUCKETS];
    buckets[entry->hash % BUCKETS] = entry;
    make_newest(entry);
    count++;
    while (count > limit())
        drop(oldest);
}

void fs_name_drop(struct fs_node *directory, const char *name, size_t length)
{
    struct fs_name *entry = directory->names != NULL ? find(directory, name, length) : NULL;
    if (entry != NULL)
        drop(entry);
}

void fs_names_drop_all(struct fs_node *directory)
{
    fs_node_get(directory);
    directory->gone = true; /* who still has it open finds nothing that could be remembered */
    while (directory->names != NULL)
        drop(directory->names);
    fs_node_put(directory);
}

/* In a damaged file system a directory may be in itself: a walk could not tell that from a name that is not there. */
static status_t ask(struct fs_node *directory, const char *name, size_t length, bool nocase,
                    struct fs_node **child)
{
    status_t status = directory->server->ops->lookup(directory, name, length, nocase, child);
    if (status != OK || *child != directory)
        return status;
    fs_node_put(*child);
    return ERR_IO_ERROR;
}

status_t fs_lookup(struct fs_node *directory, const char *name, size_t length, bool nocase,
                   struct fs_node **child)
{
    const struct fs_ops *ops = directory->server->ops;
    if (!ops->costly_lookup || (nocase && ops->folds))
        return ask(directory, name, length, nocase, child);
    struct fs_name *entry = directory->names != NULL ? find(directory, name, length) : NULL;
    if (entry != NULL) {
        leave_ages(entry);
        make_newest(entry);
        if (entry->child == NULL)
            return ERR_NOT_FOUND;
        *child = fs_node_get(entry->child);
        return OK;
    }
    status_t status = ask(directory, name, length, nocase, child);
    if (status == OK || status == ERR_NOT_FOUND)
        fs_name_set(directory, name, length, status == OK ? *child : NULL);
    return status;
}
