/* SPDX-License-Identifier: MIT */
/* Linear search, linked lists, and the environment as a whole. */
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct link {
    struct link *next, *previous;
};

void insque(void *element, void *after)
{
    struct link *link = element, *previous = after;
    link->previous = previous;
    link->next = previous ? previous->next : NULL;
    if (link->next)
        link->next->previous = link;
    if (previous)
        previous->next = link;
}

void remque(void *element)
{
    struct link *link = element;
    if (link->next)
        link->next->previous = link->previous;
    if (link->previous)
        link->previous->next = link->next;
}

void *lfind(const void *key, const void *base, size_t *count, size_t width,
            int (*compare)(const void *, const void *))
{
    const char *at = base;
    for (size_t i = 0; i < *count; i++, at += width)
        if (compare(key, at) == 0)
            return (void *)(uintptr_t)at;
    return NULL;
}

void *lsearch(const void *key, void *base, size_t *count, size_t width,
              int (*compare)(const void *, const void *))
{
    void *found = lfind(key, base, count, width, compare);
    if (found)
        return found;
    return memcpy((char *)base + width * (*count)++, key, width);
}

int clearenv(void)
{
    static char *none[1];
    environ = none;
    return 0;
}
