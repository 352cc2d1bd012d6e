/* SPDX-License-Identifier: MIT */
/*
 * Paged memory objects: VMOs whose pages a server supplies (its pager) when they are first needed and
 * writes back when they have been changed. For the memory code, and ports.
 *
 * A page of such an object below `backed` that is not there is not zero but unknown: whoever needs it
 * waits for the pager, which gets the notice NOTICE_PAGE. A page that is there is clean, DIRTY (written
 * since the pager last took it) or BUSY (being written back; also DIRTY if it was written meanwhile).
 * Page table entries let only dirty pages be written. The kernel takes clean pages back when memory is
 * short, so what the pager has written is a cache that never has to be asked to shrink.
 *
 * Nothing waits inside the memory code: it returns SHOULD_WAIT and leaves in current->page_need what
 * is missing; who can wait (traps, kernel calls) calls pager_wait and begins again.
 */
#ifndef KERNEL_PAGER_H
#define KERNEL_PAGER_H

#include <kernel/vmo.h>

enum page_flags { PAGE_DIRTY = 1, PAGE_BUSY = 2, PAGE_USED = 4 /* since the clock last passed */ };

/* Of a port: the objects whose pages are asked of it. */
struct pager_group {
    struct list pagers;   /* struct pager.group_link */
    uint32_t dirty;       /* pages, of all */
    uint32_t clean_waits; /* threads that wait until fewer are dirty */
};

struct pager {
    uint32_t dirty; /* pages that are DIRTY or BUSY; they lie in [dirty_first, dirty_end) */
    uint32_t dirty_first, dirty_end;
    struct vmo *vmo;
    struct object *port;       /* held */
    struct pager_group *group; /* the port's */
    uint32_t key;              /* what the pager knows the object by */
    uint32_t backed;   /* pages below this one that are not there are the pager's to supply */
    bool gone;         /* nobody will supply anything any more */
    struct list waits; /* struct page_wait */
    struct list group_link, clock_link;
    struct port_item item; /* in the port's queue while a wait has not been told */
};

static inline bool pager_lacks(const struct vmo *vmo, uint32_t index)
{
    return vmo->pager != NULL && index < vmo->pager->backed;
}
static inline bool pager_lets_write(const struct vmo *vmo, const struct page *page)
{
    return vmo->pager == NULL || (page->flags & PAGE_DIRTY);
}

/* vmo_page's steps for paged objects. SHOULD_WAIT and others as above. */
status_t pager_need_page(struct vmo *vmo, uint32_t index);
status_t pager_begin_write(struct vmo *vmo, uint32_t index, const struct page *page);
status_t pager_no_memory(struct vmo *vmo, uint32_t index);
void pager_note_write(struct vmo *vmo, uint32_t index, struct page *page, uint32_t old_flags);
/* Before pages of the range are dropped, and with them the object if `all`. */
void pager_forget(struct vmo *vmo, uint32_t first, uint32_t count);
void pager_destroy(struct vmo *vmo);

/*
 * Waits for what page_need names, and clears it. OK: try again. SHOULD_WAIT: it is the caller's own to
 * supply. INTERRUPTED (the kick stays pending), CANCELLED, PEER_CLOSED or what the pager answered.
 */
status_t pager_wait(bool interruptible);

/* ---- for the calls ---- */
status_t pager_new_vmo(struct object *port, uint32_t key, uint64_t size, struct process *charge,
                       struct vmo **result);
/* A page of content where there is none; OK and nothing done where there is one. */
status_t pager_supply(struct vmo *vmo, uint32_t index, user_t from, uint32_t length);
void pager_answer(struct vmo *vmo, uint32_t first, uint32_t count, status_t status);
/* Is the page dirty? Then it is BUSY from now on. */
bool pager_take(struct vmo *vmo, uint32_t index);
void pager_written(struct vmo *vmo, uint32_t first, uint32_t count, bool done);

/* ---- for ports ---- */
/* The next wait that has not been told, as the notice's data. False: there is none. */
bool pager_notice(struct port_item *item, uint32_t *key, struct page_notice *notice);
bool pager_has_notice(const struct port_item *item);
void pager_group_gone(struct pager_group *group);

/* Takes clean pages back if memory is short. Only where no pointer to a page is held. */
void pager_relieve(void);
/* The same whether it is short or not, up to `count`; how many it was. */
uint32_t pager_reclaim(uint32_t count);

#endif
