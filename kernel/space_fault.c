/* SPDX-License-Identifier: MIT */
/*
 * Page faults, and everything else that needs a page of a space to be there.
 *
 * A page table entry is writable only if the mapping is and the page has one reference. So the
 * first write to a page shared with a clone faults and gets a page of its own.
 */
#include <kernel/pager.h>
#include <kernel/space.h>
#include <kernel/thread.h>

#define FAULT_AROUND 16u  /* pages, aligned */
#define SMALL_PAGES  512u /* of its own: a space that has no more is a small program's */

static struct page *zero_page; /* shown by private mappings where nothing has been written */

/* Roughly: an overlay that several mappings share counts in parts. */
static bool is_small(const struct space *space)
{
    uint32_t pages = 0;
    for (uint32_t i = 0; i < space->count && pages <= SMALL_PAGES; i++) {
        const struct overlay *overlay = space->mappings[i]->overlay;
        if (overlay != NULL)
            pages += overlay->pages.committed / overlay->references;
    }
    return pages <= SMALL_PAGES;
}

uint32_t space_use(const struct space *space)
{
    const struct process *owner = space->object.owner;
    if (frame_available(FRAME_FOR_PROGRAM))
        return FRAME_FOR_PROGRAM;
    if (space->kind != SPACE_GUEST &&
        (owner == NULL || (owner->privileges.flags & PRIVILEGE_RESERVE)))
        return FRAME_FOR_SERVER;
    return is_small(space) ? FRAME_FOR_SMALL : FRAME_FOR_PROGRAM;
}

uint32_t mapping_bits(const struct mapping *mapping, bool writable)
{
    uint32_t bits = ARCH_READ;
    if (writable && (mapping->prot & PROT_W))
        bits |= ARCH_WRITE;
    if (mapping->prot & PROT_X)
        bits |= ARCH_EXEC;
    if (mapping->space->kind == SPACE_SERVER)
        bits |= ARCH_SUPERVISOR;
    if (mapping->flags & MAP_FLAG_UNCACHED)
        bits |= ARCH_UNCACHED;
    return bits;
}

void mapping_zap_vmo_page(struct mapping *mapping, uint32_t index)
{
    uint32_t pages = (mapping->end - mapping->start) / PAGE_SIZE;
    if (index >= mapping->vmo_index && index - mapping->vmo_index < pages)
        arch_unmap(&mapping->space->arch, mapping->start + (index - mapping->vmo_index) * PAGE_SIZE,
                   1);
}

static status_t show(struct mapping *mapping, uint32_t address, struct page *page, bool writable)
{
    return arch_map(&mapping->space->arch, address, frame_address(page),
                    mapping_bits(mapping, writable) | space_use(mapping->space));
}

static status_t show_zero(struct mapping *mapping, uint32_t address)
{
    if (zero_page == NULL)
        zero_page = frame_alloc(FRAME_ZERO); /* of all spaces */
    return zero_page != NULL ? show(mapping, address, zero_page, false) : ERR_NO_MEMORY;
}

/* Gives the mapping a page of its own, `offset` pages from its start: a copy of `source`, or zeroed. */
static status_t own_page(struct mapping *mapping, uint32_t offset, struct page *source,
                         struct page **result)
{
    status_t status = mapping_own_overlay(mapping);
    if (status != OK)
        return status;
    struct page *page = frame_alloc_as(source, space_use(mapping->space));
    if (page == NULL)
        return ERR_NO_MEMORY;
    status = pagemap_set(&mapping->overlay->pages, mapping->overlay_index + offset, page,
                         &mapping->space->object);
    if (status != OK) {
        frame_release(page);
        return status;
    }
    *result = page;
    return OK;
}

/* The page that the mapping shows `offset` pages from its start, if there is one, and who may write it. */
static struct page *present_page(const struct mapping *mapping, uint32_t offset, bool *writable)
{
    struct page *page = mapping_own_page(mapping, offset);
    *writable = true;
    if (page == NULL && mapping->vmo != NULL) {
        page = pagemap_get(&mapping->vmo->pages, mapping->vmo_index + offset);
        *writable =
            mapping_is_shared(mapping) && page != NULL && pager_lets_write(mapping->vmo, page);
    }
    *writable = *writable && page != NULL && page->references == 1;
    return page;
}

/* Neighbours that are present come along: they are likely to be next, and a fault costs more. */
static void fault_around(struct mapping *mapping, uint32_t address)
{
    uint32_t first = address & ~(FAULT_AROUND * PAGE_SIZE - 1),
             last = first + (FAULT_AROUND - 1) * PAGE_SIZE,
             bits = mapping_bits(mapping, true) | space_use(mapping->space);
    if (mapping->prot == 0)
        return; /* the kernel looks at one page; the program may see none */
    first = first > mapping->start ? first : mapping->start;
    last = last < mapping->end - PAGE_SIZE ? last : mapping->end - PAGE_SIZE;
    for (uint32_t at = first; at <= last; at += PAGE_SIZE) {
        bool writable;
        if (at == address || arch_query(&mapping->space->arch, at, NULL, NULL))
            continue;
        struct page *page = present_page(mapping, (at - mapping->start) / PAGE_SIZE, &writable);
        if (page != NULL && arch_map(&mapping->space->arch, at, frame_address(page),
                                     writable ? bits : bits & ~ARCH_WRITE) != OK)
            return;
    }
}

static bool inside_vmo(const struct mapping *mapping, uint32_t index)
{
    return index < pages_of(mapping->vmo->size);
}

static status_t fault_private(struct mapping *mapping, uint32_t address, bool write)
{
    uint32_t offset = (address - mapping->start) / PAGE_SIZE;
    struct page *page = mapping_own_page(mapping, offset);
    if (page != NULL && !(write && page->references > 1)) {
        if (!write)
            fault_around(mapping, address);
        return show(mapping, address, page, page->references == 1);
    }
    if (page == NULL && mapping->vmo != NULL) {
        if (!inside_vmo(mapping, mapping->vmo_index + offset))
            return ERR_BAD_ADDRESS;
        page = pagemap_get(&mapping->vmo->pages, mapping->vmo_index + offset);
        if (page == NULL && pager_lacks(mapping->vmo, mapping->vmo_index + offset))
            return pager_need_page(mapping->vmo, mapping->vmo_index + offset);
        if (page != NULL && mapping->vmo->pager != NULL)
            page->flags |= PAGE_USED;
        if (page != NULL && !write) {
            fault_around(mapping, address);
            return show(mapping, address, page, false);
        }
    }
    if (!write)
        return show_zero(mapping, address);
    status_t status = own_page(mapping, offset, page, &page);
    return status == OK ? show(mapping, address, page, true) : status;
}

/*
 * Objects hold what servers keep on behalf of programs (buffers, images): there may be as many as
 * programs like, so they do not get the servers' own reserve.
 */
static uint32_t object_use(const struct space *space)
{
    uint32_t use = space_use(space);
    return use > FRAME_FOR_SMALL ? use : FRAME_FOR_SMALL;
}

static status_t fault_shared(struct mapping *mapping, uint32_t address, bool write)
{
    uint32_t index = mapping->vmo_index + (address - mapping->start) / PAGE_SIZE;
    struct vmo *vmo = mapping->vmo;
    struct page *page;
    if (!inside_vmo(mapping, index))
        return ERR_BAD_ADDRESS;
    if (vmo->flags & VMO_PHYSICAL)
        return arch_map(&mapping->space->arch, address, vmo->physical + index * PAGE_SIZE,
                        mapping_bits(mapping, true) | space_use(mapping->space));
    if (!write && pagemap_get(&vmo->pages, index) == NULL && !pager_lacks(vmo, index))
        return show_zero(mapping, address); /* whoever writes takes it out of all mappings */
    status_t status = vmo_page(vmo, index, write, object_use(mapping->space), &page);
    if (status != OK)
        return status;
    if (!write)
        fault_around(mapping, address);
    return show(mapping, address, page, page->references == 1 && pager_lets_write(vmo, page));
}

status_t mapping_commit(struct mapping *mapping)
{
    uint32_t pages = (mapping->end - mapping->start) / PAGE_SIZE;
    bool write = mapping->prot & PROT_W, shared = mapping_is_shared(mapping);
    status_t status = OK;
    if (mapping->vmo != NULL && pages > 0 && !inside_vmo(mapping, mapping->vmo_index + pages - 1))
        return ERR_OUT_OF_RANGE;
    if ((mapping->vmo != NULL &&
         ((mapping->vmo->flags & VMO_PHYSICAL) || mapping->vmo->pager != NULL)) ||
        (!write && !shared))
        return OK; /* a paged object's pages come when they are needed */
    for (uint32_t i = 0; status == OK && i < pages; i++) {
        struct page *page = NULL;
        if (mapping->vmo != NULL)
            page = pagemap_get(&mapping->vmo->pages, mapping->vmo_index + i);
        status = shared ? vmo_page(mapping->vmo, mapping->vmo_index + i, write,
                                   object_use(mapping->space), &page)
                        : own_page(mapping, i, page, &page);
    }
    return status;
}

static status_t resolve(struct mapping *mapping, uint32_t address, bool write)
{
    address &= ~PAGE_MASK;
    return mapping_is_shared(mapping) ? fault_shared(mapping, address, write)
                                      : fault_private(mapping, address, write);
}

status_t space_fault(struct space *space, uintptr_t address, bool write, bool fetch)
{
    struct mapping *mapping = space_mapping_at(space, address);
    (void)fetch; /* without NX the processor does not tell, and readable is executable */
    if (mapping == NULL || !(mapping->prot & (write ? PROT_W : PROT_R | PROT_X | PROT_W)))
        return ERR_BAD_ADDRESS;
    return resolve(mapping, address, write);
}

struct page *space_common_page(struct space *space, uint32_t index, bool freeze)
{
    uint32_t address = index * PAGE_SIZE;
    const struct mapping *mapping =
        index < GUEST_LIMIT / PAGE_SIZE ? space_mapping_at(space, address) : NULL;
    if (mapping == NULL)
        return NULL;
    uint32_t offset = (address - mapping->start) / PAGE_SIZE;
    struct page *own = mapping_own_page(mapping, offset);
    if (own == NULL)
        return mapping->vmo ? vmo_common_page(mapping->vmo, mapping->vmo_index + offset, freeze)
                            : NULL;
    if (freeze && own->references == 1)
        arch_write_protect(&space->arch, address, 1);
    return own;
}

/* ---- access from the kernel ----------------------------------------------------------------------- */

/* The page that holds address, made present; writable without being shared if `write`. */
static status_t page_at(struct space *space, uint32_t address, bool write, paddr_t *frame)
{
    struct mapping *mapping = space_mapping_at(space, address);
    uint32_t bits;
    if (mapping == NULL)
        return ERR_BAD_ADDRESS;
    if (write && mapping_is_shared(mapping) && !(mapping->rights & RIGHT_WRITE))
        return ERR_ACCESS_DENIED; /* it would change an object that the handle only let read */
    if (!write && arch_query(&space->arch, address & ~PAGE_MASK, frame, &bits))
        return OK;
    /* A page table entry made here may be writable only if the mapping is: show() sees to that. */
    status_t status = resolve(mapping, address, write);
    if (status != OK)
        return status;
    return arch_query(&space->arch, address & ~PAGE_MASK, frame, &bits) ? OK : ERR_BAD_ADDRESS;
}

/* A mapping without any access has no page table entries; what was looked at goes again. */
static void hide_again(struct space *space, uint32_t address)
{
    struct mapping *mapping = space_mapping_at(space, address);
    if (mapping != NULL && mapping->prot == 0)
        arch_unmap(&space->arch, address & ~PAGE_MASK, 1);
}

static status_t copy(struct space *space, uint32_t address, char *buffer, uint32_t length,
                     bool write, uint32_t *done)
{
    *done = 0;
    while (*done < length) {
        uint32_t at = address + *done, within = at & PAGE_MASK, count = PAGE_SIZE - within;
        paddr_t frame;
        count = count < length - *done ? count : length - *done;
        status_t status = page_at(space, at, write, &frame);
        if (status != OK)
            return *done > 0 && status != ERR_SHOULD_WAIT ? OK : status;
        char *view = arch_map_temporary(frame & ~PAGE_MASK);
        if (write)
            __builtin_memcpy(view + within, buffer + *done, count);
        else
            __builtin_memcpy(buffer + *done, view + within, count);
        arch_unmap_temporary(view);
        hide_again(space, at);
        *done += count;
    }
    return OK;
}

status_t space_copy_out(struct space *space, uint32_t address, void *kernel_buffer, uint32_t length,
                        uint32_t *done)
{
    return copy(space, address, kernel_buffer, length, false, done);
}

status_t space_copy_in(struct space *space, uint32_t address, const void *kernel_buffer,
                       uint32_t length, uint32_t *done)
{
    return copy(space, address, (char *)(uintptr_t)kernel_buffer, length, true, done);
}

status_t space_pin_page(struct space *space, uint32_t address, struct page **page)
{
    paddr_t frame;
    status_t status = page_at(space, address, true, &frame);
    if (status != OK)
        return status;
    *page = frame_of(frame & ~PAGE_MASK);
    if (*page == NULL)
        return ERR_BAD_ADDRESS;
    frame_hold(*page);
    return OK;
}
