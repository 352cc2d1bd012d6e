/* SPDX-License-Identifier: MIT */
/* Doubly linked lists: a head and links of the same type; an unlinked link points at itself. */
#ifndef NT_LIST_H
#define NT_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *previous;
};

#define container_of(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))
#define list_each(item, head, type, member)                                              \
    for (type *item = container_of((head)->next, type, member); &item->member != (head); \
         item = container_of(item->member.next, type, member))
/* The body may remove `item`. */
#define list_each_safe(item, after, head, type, member)               \
    for (type *item = container_of((head)->next, type, member),       \
              *after = container_of(item->member.next, type, member); \
         &item->member != (head);                                     \
         item = after, after = container_of(after->member.next, type, member))

static inline void list_init(struct list *list)
{
    list->next = list->previous = list;
}
static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}
static inline void list_append(struct list *head, struct list *link)
{
    link->previous = head->previous;
    link->next = head;
    head->previous->next = link;
    head->previous = link;
}
static inline void list_remove(struct list *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    list_init(link);
}

#endif
