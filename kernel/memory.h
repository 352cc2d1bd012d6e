/* SPDX-License-Identifier: MIT */
/*
 * Memory: frames, the kernel heap, memory objects (VMOs) and address spaces.
 *
 * A VMO is a sparse array of reference-counted pages. Sharing is only by page reference: a clone
 * refers to the same pages, and a page that has more than one reference is never written; the
 * writer gets its own copy first. A mapping shows a VMO either shared (writes go to the VMO's
 * page) or private. A private mapping has an overlay, a nameless VMO that holds the pages it has
 * written or zero-filled and that is looked into before the source VMO; so fork clones overlays
 * and there are never chains deeper than one.
 */
#ifndef KERNEL_MEMORY_H
#define KERNEL_MEMORY_H

#include <kernel/arch.h>
#include <kernel/list.h>
#include <kernel/log.h>
#include <kernel/object.h>

/* ---- frames ---- */
struct page {
    uint32_t references; /* 0 = free, FRAME_RESERVED = not RAM */
    struct page *next;   /* free list; of a frame in use: the owner's (heap run length) */
    union {
        struct page *previous;
        uint32_t flags; /* of a frame in use: enum page_flags, if it is in a paged object */
    };
};
#define FRAME_RESERVED UINT32_MAX
enum frame_flags { FRAME_LOW = 1 /* below 896 MiB, direct-mapped */, FRAME_ZERO = 2 };
/*
 * What a frame is for, or'ed into the flags. Each use leaves more of low memory alone than the one
 * before: whatever programs and files have taken, servers still get their own pages and the kernel
 * its structures, and a small program can run beside one that has eaten everything.
 */
enum frame_use {
    FRAME_FOR_KERNEL = 0 << 8,  /* takes all there is */
    FRAME_FOR_SERVER = 1 << 8,  /* processes with PRIVILEGE_RESERVE */
    FRAME_FOR_SMALL = 2 << 8,   /* small programs; new threads, processes and spaces */
    FRAME_FOR_PROGRAM = 3 << 8, /* all other programs */
    FRAME_FOR_FILE = 4 << 8,    /* VMO_CONTENT */
    FRAME_USE_MASK = 7 << 8,
};
/* From boot_info; keeps kernel image and modules out of the free list, with one reference each. */
void frame_init(void);
struct page *frame_alloc(uint32_t flags); /* NULL when out; one reference */
/* With the content of `source`, or zeroed where that is NULL. */
struct page *frame_alloc_as(struct page *source, uint32_t flags);
/* The first of a run, each with one reference. */
struct page *frame_alloc_contiguous(uint32_t pages, paddr_t limit);
bool frame_available(uint32_t use);  /* low frames are left for this use */
bool frame_is_short(uint32_t slack); /* the content of files can hardly grow */
static inline void frame_hold(struct page *page)
{
    assert(page->references != 0 && page->references < FRAME_RESERVED - 1);
    page->references++;
}
void frame_release(struct page *page); /* frees with the last reference */
paddr_t frame_address(const struct page *page);
struct page *frame_of(paddr_t address); /* NULL if not RAM */
uint32_t frame_total(void), frame_free_count(void);
uint32_t frame_limit(void); /* no frame from this number on is RAM */

/* ---- heap: lowmem, zeroed; sizes up to 1 MiB; NULL when out ---- */
void *heap_alloc(uint32_t size);
void heap_free(void *pointer);
uint32_t heap_pages(void);

/* ---- user memory of the current thread; BAD_ADDRESS ---- */
typedef struct {
    uint32_t address;
} user_t;
status_t user_read(void *to, user_t from, uint32_t length);
status_t user_write(user_t to, const void *from, uint32_t length);
/* A range within what the current mode may name: < GUEST_LIMIT; servers: also their window. */
status_t user_check(user_t at, uint32_t length);

/* ---- VMOs ---- */
struct vmo;
struct page_need { /* see pager.h */
    struct vmo *vmo;
    uint32_t index, wants;
};
struct vmo *vmo_from_object(struct object *object);
struct object *vmo_object(struct vmo *vmo);
status_t vmo_new(uint32_t flags, uint64_t size, struct process *charge, struct vmo **result);
/* Boot modules: takes over the frames, on success only. */
status_t vmo_new_from_frames(paddr_t start, uint64_t size, uint32_t flags, struct vmo **result);
status_t vmo_new_physical(paddr_t start, uint32_t length, struct process *charge,
                          struct vmo **result);
status_t vmo_new_clone(struct vmo *vmo, uint64_t offset, uint64_t length, struct process *charge,
                       struct vmo **result);
uint64_t vmo_size(struct vmo *vmo);
status_t vmo_copy_out(struct vmo *vmo, uint64_t offset, void *kernel_buffer, uint32_t length);
status_t vmo_copy_in(struct vmo *vmo, uint64_t offset, const void *kernel_buffer, uint32_t length,
                     uint32_t use);

/* ---- address spaces ---- */
struct space;
struct space *space_from_object(struct object *object);
struct object *space_object(struct space *space);
struct arch_space *space_arch(struct space *space);
enum space_kind {
    SPACE_NATIVE /* 0..GUEST_LIMIT */,
    SPACE_SERVER /* window, supervisor pages */,
    SPACE_GUEST /* 0..GUEST_LIMIT, shows a server's window */
};
/* server: the SPACE_SERVER space for a guest, else NULL. One reference. */
status_t space_new(enum space_kind kind, struct space *server, struct process *charge,
                   struct space **result);
/* Drops all mappings; called when its process ends, also implied by the last release. */
void space_clear(struct space *space);
status_t space_map_vmo(struct space *space, struct vmo *vmo /* NULL anonymous */, uint32_t rights,
                       struct map_request *request);
status_t space_unmap_range(struct space *space, uint32_t address, uint32_t length);
/* Resolve a fault in this space. BAD_ADDRESS: no mapping allows it; NO_MEMORY, LIMIT_REACHED. */
status_t space_fault(struct space *space, uintptr_t address, bool write, bool fetch);
/* Kernel view of a page of the space, made present and writable: for frame pages. The page is held. */
status_t space_pin_page(struct space *space, uint32_t address, struct page **page);
status_t space_copy_out(struct space *space, uint32_t address, void *kernel_buffer, uint32_t length,
                        uint32_t *done);
status_t space_copy_in(struct space *space, uint32_t address, const void *kernel_buffer,
                       uint32_t length, uint32_t *done);
/* Check and map an image (loaders/); used by space_load and for init. */
status_t space_load_image(struct space *space, struct vmo *vmo, uint32_t base, uint32_t flags,
                          struct load_result *result);

#endif
