/* SPDX-License-Identifier: MIT */
/*
 * Circular doubly linked lists with the link inside the element. A head and a link are of one type; one
 * that is in no list is an empty list of its own, so removing it twice is harmless.
 */
#ifndef ATOMIK_LIST_H
#define ATOMIK_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *previous;
};

#define LIST_INIT(name)  \
    {                    \
        &(name), &(name) \
    }
#define container_of(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))
/* For each `type *item` of the list; the body may remove the item, and no other one. */
#define list_each(item, head, type, member)                           \
    for (type *item = container_of((head)->next, type, member),       \
              *next_ = container_of(item->member.next, type, member); \
         &item->member != (head);                                     \
         item = next_, next_ = container_of(next_->member.next, type, member))

static inline void list_init(struct list *list)
{
    list->next = list->previous = list;
}
static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}
/* In front of `position`: at the end of a list if that is its head. */
static inline void list_append(struct list *position, struct list *link)
{
    link->previous = position->previous;
    link->next = position;
    position->previous->next = link;
    position->previous = link;
}
static inline void list_prepend(struct list *head, struct list *link)
{
    list_append(head->next, link);
}
static inline void list_remove(struct list *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    list_init(link);
}

#endif
