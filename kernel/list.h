/* SPDX-License-Identifier: MIT */
/* Circular doubly linked lists with the link inside the element. */
#ifndef KERNEL_LIST_H
#define KERNEL_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *previous;
};

#define list_entry(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
#define list_for_each(item, head) \
    for ((item) = (head)->next; (item) != (head); (item) = (item)->next)
#define list_for_each_safe(item, following, head)                             \
    for ((item) = (head)->next, (following) = (item)->next; (item) != (head); \
         (item) = (following), (following) = (item)->next)

static inline void list_init(struct list *head)
{
    head->next = head->previous = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_insert_before(struct list *position, struct list *item)
{
    item->next = position;
    item->previous = position->previous;
    position->previous->next = item;
    position->previous = item;
}

static inline void list_append(struct list *head, struct list *item)
{
    list_insert_before(head, item);
}

static inline void list_prepend(struct list *head, struct list *item)
{
    list_insert_before(head->next, item);
}

/* The removed item becomes an empty list of its own, so removing it again is harmless. */
static inline void list_remove(struct list *item)
{
    item->previous->next = item->next;
    item->next->previous = item->previous;
    list_init(item);
}

static inline struct list *list_first(const struct list *head)
{
    return list_empty(head) ? NULL : head->next;
}

#endif
