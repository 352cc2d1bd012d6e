/* SPDX-License-Identifier: MIT */
/*
 * Circular doubly linked lists with the link inside the element. A removed item is an empty list
 * of its own, so that removing it twice is harmless.
 */
#ifndef POSIX_LIST_H
#define POSIX_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *previous;
};

#define LIST_INIT(name)  \
    {                    \
        &(name), &(name) \
    }
#define list_entry(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
/* Walks a list of `type`; the current item may be removed in the body. */
#define list_each(item, head, type, member)                               \
    for (struct list *at_ = (head)->next, *next_ = at_->next;             \
         at_ != (head) && ((item) = list_entry(at_, type, member), true); \
         at_ = next_, next_ = at_->next)

static inline void list_init(struct list *head)
{
    head->next = head->previous = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_append(struct list *head, struct list *item)
{
    item->next = head;
    item->previous = head->previous;
    head->previous->next = item;
    head->previous = item;
}

static inline void list_prepend(struct list *head, struct list *item)
{
    list_append(head->next, item);
}

static inline void list_remove(struct list *item)
{
    item->previous->next = item->next;
    item->next->previous = item->previous;
    list_init(item);
}

#endif
