/* SPDX-License-Identifier: MIT */
/* Circular lists of what a file server keeps: a struct link is a place in one; all zero is in none. */
#ifndef FS_LIST_H
#define FS_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *previous, *next;
};
#define LINK_ENTRY(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline void list_start(struct link *head)
{
    head->previous = head->next = head;
}
static inline bool list_is_empty(const struct link *head)
{
    return head->next == NULL || head->next == head;
}
static inline void list_add(struct link *head, struct link *link)
{
    link->previous = head->previous;
    link->next = head;
    head->previous->next = link;
    head->previous = link;
}
static inline void list_take(struct link *link)
{
    if (link->next == NULL)
        return;
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->previous = link->next = NULL;
}

#endif
