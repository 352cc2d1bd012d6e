/* SPDX-License-Identifier: MIT */
/* Inside of memory objects; for the space code only. */
#ifndef KERNEL_VMO_H
#define KERNEL_VMO_H

#include <kernel/pagemap.h>

#define VMO_PHYSICAL (1u << 31) /* device memory: no struct page, always there */

struct vmo {
    struct object object;
    uint64_t size;
    uint32_t flags;
    paddr_t physical; /* contiguous and physical VMOs */
    struct pagemap pages;
    struct list mappings; /* struct mapping.vmo_link, private ones too */
    struct pager *pager;  /* of a paged object, else NULL */
    struct dma *dma;      /* of one that devices may reach, else NULL */
};

/*
 * Memory that a program has given to devices, by the program's name. When the program ends the devices
 * may still be at work, so its objects are kept until a successor of that name has reset them
 * (dma_settle).
 */
struct dma {
    struct list link; /* in the list of those whose program has ended */
    struct vmo *vmo;
    char name[NAME_LENGTH];
};
status_t vmo_note_dma(struct vmo *vmo, const char *name);
void vmo_owner_ended(struct vmo *vmo); /* it is passed on to another process */
void vmo_settle_dma(const char *name);

/* Whether its pages are nobody's but the kernel's, which can let others have them too. */
static inline bool vmo_is_plain(const struct vmo *vmo)
{
    return !(vmo->flags & (VMO_PHYSICAL | VMO_CONTIGUOUS)) && vmo->pager == NULL;
}

static inline uint32_t pages_of(uint64_t bytes)
{
    return (uint32_t)((bytes + PAGE_MASK) / PAGE_SIZE);
}

/*
 * The page at index, allocated zeroed if absent; without being shared with a clone if `write`.
 * `use` is the caller's (enum frame_use); content of files leaves more, unless the kernel asks.
 */
status_t vmo_page(struct vmo *vmo, uint32_t index, bool write, uint32_t use, struct page **page);

/* The page at index, if others can have it too. It is to be theirs: whoever writes then copies it (freeze). */
struct page *vmo_common_page(struct vmo *vmo, uint32_t index, bool freeze);
/* A page of something else becomes one of this one too, in place of what was there: whoever writes copies it. */
status_t vmo_put_page(struct vmo *vmo, uint32_t index, struct page *page);

uint32_t vmo_writers(const struct vmo *vmo); /* see struct vmo_info */

/* Page table entries of the range go, in all mappings; or no longer let anybody write. */
void vmo_hide(struct vmo *vmo, uint32_t first, uint32_t count);
void vmo_write_protect(struct vmo *vmo, uint32_t first, uint32_t count);
status_t vmo_resize(struct vmo *vmo, uint64_t size);
status_t vmo_drop(struct vmo *vmo, uint64_t offset, uint64_t length); /* page-aligned range */

#endif
