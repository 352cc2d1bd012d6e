/* SPDX-License-Identifier: MIT */
/* Inside of address spaces; for the memory code only. */
#ifndef KERNEL_SPACE_H
#define KERNEL_SPACE_H

#include <kernel/vmo.h>

/* Pages that private mappings have of their own. Shared by the parts of a mapping that was split. */
struct overlay {
    uint32_t references; /* mappings */
    uint32_t id;         /* object id, for space_object */
    struct pagemap pages;
};

struct mapping {
    struct space *space;
    uint32_t start, end; /* page aligned, end exclusive */
    uint32_t prot, flags, tag;
    uint32_t rights;         /* of the VMO handle: bounds later changes of prot */
    struct vmo *vmo;         /* held, or NULL: anonymous */
    uint32_t vmo_index;      /* page of the VMO at start */
    struct overlay *overlay; /* private mappings, from the first page of their own on */
    uint32_t overlay_index;  /* index in it of start */
    struct list vmo_link;
};

#define MAPPINGS_MAX 65536u
struct space {
    struct object object;
    struct arch_space arch;
    enum space_kind kind;
    struct space *server;      /* held: whose window a guest shows */
    uint32_t base, limit;      /* mappings lie in [base, limit) */
    struct mapping **mappings; /* ascending, disjoint */
    uint32_t count, capacity;
    uint32_t recent; /* where space_mapping_at looks first */
};

/* The index of the first mapping that ends above address. */
uint32_t space_find(const struct space *space, uint32_t address);
/* NULL: none contains it. */
struct mapping *space_mapping_at(struct space *space, uint32_t address);
/* Make `address` the boundary of mappings, splitting the one that contains it. */
status_t space_split(struct space *space, uint32_t address);
/* Aligned, not empty, inside. */
bool space_range_ok(const struct space *space, uint32_t address, uint32_t length);

status_t space_reserve(struct space *space);                         /* room for one more mapping */
void space_insert(struct space *space, struct mapping *mapping);     /* holds its VMO */
struct mapping *space_take_out(struct space *space, uint32_t index); /* keeps its VMO */
/* Frees it; page tables are the caller's affair. */
void space_remove(struct space *space, uint32_t index);
void space_merge(struct space *space, uint32_t start, uint32_t end); /* what touches the range */
status_t space_fork(struct space *space, struct space *clone);

/* Lengths are rounded up to whole pages. Errors as in calls.def. */
status_t space_protect_range(struct space *space, uint32_t address, uint32_t length, uint32_t prot);
status_t space_move_range(struct space *space, uint32_t address, uint32_t length,
                          uint32_t new_address);
status_t space_discard_range(struct space *space, uint32_t address, uint32_t length);
status_t space_tag_range(struct space *space, uint32_t address, uint32_t length, uint32_t tag,
                         uint32_t flags);

/* What vmo_common_page is for an object, of the page that a space shows at index * PAGE_SIZE. */
struct page *space_common_page(struct space *space, uint32_t index, bool freeze);

void mapping_zap_vmo_page(struct mapping *mapping, uint32_t index);
/* Allocates all its pages; it need not be in the array yet. */
status_t mapping_commit(struct mapping *mapping);
void mapping_abandon(struct mapping *mapping); /* frees one that never got into the array */
status_t mapping_own_overlay(struct mapping *mapping);
uint32_t mapping_bits(const struct mapping *mapping, bool writable);
/* What frames for its memory and its page tables are for: enum frame_use. */
uint32_t space_use(const struct space *space);

/* The page of its own that it has `offset` pages from its start, or NULL. */
static inline struct page *mapping_own_page(const struct mapping *mapping, uint32_t offset)
{
    const struct overlay *overlay = mapping->overlay;
    return overlay ? pagemap_get(&overlay->pages, mapping->overlay_index + offset) : NULL;
}

static inline bool mapping_is_shared(const struct mapping *mapping)
{
    return mapping->flags & MAP_FLAG_SHARED;
}

#endif
