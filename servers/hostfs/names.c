/* SPDX-License-Identifier: MIT */
/*
 * What names in directories are known to lead to; NULL is the knowledge that there is nothing. A name
 * holds no references: it goes with its directory or with what it leads to, whichever goes first.
 */
#include <stdlib.h>
#include <string.h>

#include "hostfs.h"

#define NAME_BUCKETS 4096
#define ABSENT_MAX   16384 /* names known to lead nowhere */

struct name {
    struct name *in_bucket;
    struct list sibling,
        alias; /* in directory->children; in child->names or, for NULL, in absent */
    struct node *directory, *child;
    uint32_t hash;
    uint16_t length;
    char text[];
};

static struct name *buckets[NAME_BUCKETS];
static struct list absent = LIST_INIT(absent); /* oldest first */
static uint32_t absent_count;

static uint32_t hash_of(const struct node *directory, const char *text, size_t length)
{
    uint32_t hash = 2166136261u ^ (uint32_t)(uintptr_t)directory;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)text[i]) * 16777619u;
    return hash;
}

static struct name *find(const struct node *directory, const char *text, size_t length,
                         uint32_t hash)
{
    struct name *name = buckets[hash % NAME_BUCKETS];
    while (name != NULL && !(name->hash == hash && name->directory == directory &&
                             name->length == length && memcmp(name->text, text, length) == 0))
        name = name->in_bucket;
    return name;
}

/* Out of the list of what it leads to. */
static void detach(struct name *name)
{
    list_remove(&name->alias);
    absent_count -= name->child == NULL;
}

static void drop(struct name *name)
{
    struct name **link = &buckets[name->hash % NAME_BUCKETS];
    while (*link != name)
        link = &(*link)->in_bucket;
    *link = name->in_bucket;
    list_remove(&name->sibling);
    detach(name);
    free(name);
}

status_t name_find(const struct node *directory, const char *text, size_t length,
                   struct node **child)
{
    struct name *name = find(directory, text, length, hash_of(directory, text, length));
    if (name == NULL)
        return ERR_NOT_IMPLEMENTED;
    *child = name->child;
    return name->child != NULL ? OK : ERR_NOT_FOUND;
}

static struct name *name_new(struct node *directory, const char *text, size_t length, uint32_t hash)
{
    struct name *name = calloc(1, sizeof *name + length);
    if (name == NULL)
        return NULL;
    name->directory = directory;
    name->hash = hash;
    name->length = (uint16_t)length;
    memcpy(name->text, text, length);
    name->in_bucket = buckets[hash % NAME_BUCKETS];
    buckets[hash % NAME_BUCKETS] = name;
    list_append(&directory->children, &name->sibling);
    return name;
}

void name_set(struct node *directory, const char *text, size_t length, struct node *child)
{
    uint32_t hash = hash_of(directory, text, length);
    struct name *name = find(directory, text, length, hash);
    if (name != NULL)
        detach(name);
    else
        name = name_new(directory, text, length, hash);
    if (name == NULL)
        return;
    name->child = child;
    list_append(child != NULL ? &child->names : &absent, &name->alias);
    absent_count += child == NULL;
    if (absent_count > ABSENT_MAX)
        drop(container_of(absent.next, struct name, alias));
}

void names_forget(struct node *node)
{
    while (!list_empty(&node->children))
        drop(container_of(node->children.next, struct name, sibling));
    while (!list_empty(&node->names))
        drop(container_of(node->names.next, struct name, alias));
}

struct node *name_other(struct node *node, const struct node *directory, const char *text,
                        size_t length, const char **other, size_t *other_length)
{
    list_each(name, &node->names, struct name, alias)
    {
        if (name->directory == directory && name->length == length &&
            memcmp(name->text, text, length) == 0)
            continue;
        *other = name->text;
        *other_length = name->length;
        return name->directory;
    }
    return NULL;
}
