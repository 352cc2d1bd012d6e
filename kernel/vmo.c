/* SPDX-License-Identifier: MIT */
/*
 * Memory objects. Whenever a page of a VMO is replaced or dropped, every mapping that may show the
 * old one loses its page table entry first; the next access faults it in anew.
 */
#include <kernel/pager.h>
#include <kernel/space.h>
#include <kernel/thread.h>

static void vmo_destroy(struct object *object)
{
    struct vmo *vmo = vmo_from_object(object);
    pager_destroy(vmo);
    heap_free(vmo->dma);
    pagemap_destroy(&vmo->pages, &vmo->object);
    heap_free(vmo);
}

static const struct object_ops vmo_ops = {.name = "vmo", .destroy = vmo_destroy};

struct vmo *vmo_from_object(struct object *object)
{
    return list_entry(object, struct vmo, object);
}

struct object *vmo_object(struct vmo *vmo)
{
    return &vmo->object;
}

uint64_t vmo_size(struct vmo *vmo)
{
    return vmo->size;
}

static status_t vmo_make(uint32_t flags, uint64_t size, struct process *charge, struct vmo **result)
{
    if (size > (uint64_t)PAGEMAP_LIMIT * PAGE_SIZE)
        return ERR_OUT_OF_RANGE;
    struct object *object;
    status_t status = object_new(sizeof(struct vmo), &vmo_ops, OBJECT_VMO, charge, &object);
    if (status != OK)
        return status;
    struct vmo *vmo = vmo_from_object(object);
    vmo->flags = flags;
    vmo->size = size;
    list_init(&vmo->mappings);
    *result = vmo;
    return OK;
}

static void zap_page(struct vmo *vmo, uint32_t index)
{
    struct list *item;
    list_for_each (item, &vmo->mappings)
        mapping_zap_vmo_page(list_entry(item, struct mapping, vmo_link), index);
}

status_t vmo_put_page(struct vmo *vmo, uint32_t index, struct page *page)
{
    zap_page(vmo, index);
    frame_hold(page);
    status_t status = pagemap_set(&vmo->pages, index, page, &vmo->object);
    if (status != OK)
        frame_release(page);
    return status;
}

struct page *vmo_common_page(struct vmo *vmo, uint32_t index, bool freeze)
{
    struct page *page = vmo_is_plain(vmo) ? pagemap_get(&vmo->pages, index) : NULL;
    if (freeze && page != NULL && page->references == 1)
        vmo_write_protect(vmo, index, 1);
    return page;
}

/* Put a run of frames in. On success their references pass to the VMO, else they stay the caller's. */
static status_t fill_with_frames(struct vmo *vmo, struct page *first)
{
    uint32_t count = pages_of(vmo->size);
    for (uint32_t i = 0; i < count; i++) {
        status_t status = vmo_put_page(vmo, i, first + i);
        if (status != OK)
            return status;
    }
    for (uint32_t i = 0; i < count; i++)
        frame_release(first + i);
    return OK;
}

static status_t fill_contiguous(struct vmo *vmo)
{
    uint32_t count = pages_of(vmo->size);
    struct page *first = frame_alloc_contiguous(count, UINT32_MAX);
    if (first == NULL)
        return ERR_NO_MEMORY;
    vmo->physical = frame_address(first);
    for (uint32_t i = 0; i < count; i++)
        arch_zero_page(arch_direct(vmo->physical + i * PAGE_SIZE));
    status_t status = fill_with_frames(vmo, first);
    for (uint32_t i = 0; status != OK && i < count; i++)
        frame_release(first + i);
    return status;
}

status_t vmo_new(uint32_t flags, uint64_t size, struct process *charge, struct vmo **result)
{
    struct vmo *vmo;
    if ((flags & ~(uint32_t)(VMO_CONTIGUOUS | VMO_CONTENT)) ||
        (flags & VMO_CONTIGUOUS && (size == 0 || size > 64u << 20)))
        return ERR_INVALID_ARGUMENT;
    status_t status = vmo_make(flags, size, charge, &vmo);
    if (status != OK)
        return status;
    if (flags & VMO_CONTIGUOUS) {
        status = fill_contiguous(vmo);
        if (status != OK) {
            object_release(&vmo->object);
            return status;
        }
    }
    *result = vmo;
    return OK;
}

/* Bytes of `page` from `from` on are beyond the end of an object and must read as zero. */
static void clear_tail(struct page *page, uint32_t from)
{
    char *view = arch_map_temporary(frame_address(page));
    __builtin_memset(view + from, 0, PAGE_SIZE - from);
    arch_unmap_temporary(view);
}

status_t vmo_new_from_frames(paddr_t start, uint64_t size, uint32_t flags, struct vmo **result)
{
    struct vmo *vmo;
    struct page *first = frame_of(start);
    if ((start & PAGE_MASK) || first == NULL || size == 0)
        return ERR_INVALID_ARGUMENT;
    status_t status = vmo_make(flags, size, NULL, &vmo);
    if (status != OK)
        return status;
    status = fill_with_frames(vmo, first);
    if (status != OK) {
        object_release(&vmo->object);
        return status;
    }
    if (size & PAGE_MASK)
        clear_tail(first + (pages_of(size) - 1), (uint32_t)size & PAGE_MASK);
    *result = vmo;
    return OK;
}

status_t vmo_new_physical(paddr_t start, uint32_t length, struct process *charge,
                          struct vmo **result)
{
    status_t status = vmo_make(VMO_PHYSICAL, length, charge, result);
    if (status == OK)
        (*result)->physical = start;
    return status;
}

/* ---- memory of devices ---------------------------------------------------------------------------- */

static struct list unsettled = {&unsettled,
                                &unsettled}; /* struct dma.link; each holds its object */

status_t vmo_note_dma(struct vmo *vmo, const char *name)
{
    vmo->dma = heap_alloc(sizeof *vmo->dma);
    if (vmo->dma == NULL)
        return ERR_NO_MEMORY;
    vmo->dma->vmo = vmo;
    list_init(&vmo->dma->link);
    __builtin_memcpy(vmo->dma->name, name, NAME_LENGTH);
    return OK;
}

void vmo_owner_ended(struct vmo *vmo)
{
    if (vmo->dma == NULL || !list_empty(&vmo->dma->link))
        return;
    object_hold(&vmo->object);
    list_append(&unsettled, &vmo->dma->link);
}

void vmo_settle_dma(const char *name)
{
    struct list *item, *following;
    list_for_each_safe(item, following, &unsettled)
    {
        struct dma *dma = list_entry(item, struct dma, link);
        if (__builtin_memcmp(dma->name, name, NAME_LENGTH) != 0)
            continue;
        list_remove(item);
        object_release(&dma->vmo->object);
    }
}

/* ---- pages ---------------------------------------------------------------------------------------- */

static void mark_used(const struct vmo *vmo, struct page *page)
{
    if (vmo->pager != NULL)
        page->flags |= PAGE_USED;
}

status_t vmo_page(struct vmo *vmo, uint32_t index, bool write, uint32_t use, struct page **result)
{
    struct page *page = pagemap_get(&vmo->pages, index);
    uint32_t flags = page != NULL ? page->flags : 0;
    status_t status = OK;
    if (page == NULL && pager_lacks(vmo, index))
        return pager_need_page(vmo, index);
    if (vmo->pager != NULL && write && use != FRAME_FOR_KERNEL)
        status = pager_begin_write(vmo, index, page);
    if (status != OK)
        return status;
    if (page != NULL && !(write && page->references > 1)) {
        if (vmo->pager != NULL && write)
            pager_note_write(vmo, index, page, flags);
        mark_used(vmo, page);
        *result = page;
        return OK;
    }
    if ((vmo->flags & VMO_CONTENT) && use != FRAME_FOR_KERNEL)
        use = FRAME_FOR_FILE;
    struct page *fresh = frame_alloc_as(page, use);
    if (fresh == NULL)
        return vmo->pager != NULL ? pager_no_memory(vmo, index) : ERR_NO_MEMORY;
    zap_page(vmo, index); /* the old page, or the zero page a private mapping showed instead */
    status = pagemap_set(&vmo->pages, index, fresh, &vmo->object);
    if (status != OK) {
        frame_release(fresh);
        return status;
    }
    if (vmo->pager != NULL)
        pager_note_write(vmo, index, fresh, flags);
    *result = fresh;
    return OK;
}

/* Calls visit(view of the page, buffer position, length) for each piece of a byte range. */
static status_t for_each_piece(struct vmo *vmo, uint64_t offset, char *buffer, uint32_t length,
                               bool write, uint32_t use)
{
    if (offset > vmo->size || length > vmo->size - offset)
        return ERR_OUT_OF_RANGE;
    if (vmo->flags & VMO_PHYSICAL)
        return ERR_NOT_SUPPORTED;
    while (length > 0) {
        uint32_t within = (uint32_t)offset & PAGE_MASK, count = PAGE_SIZE - within;
        struct page *page = pagemap_get(&vmo->pages, (uint32_t)(offset / PAGE_SIZE));
        count = count < length ? count : length;
        status_t status = OK;
        if (write)
            status = vmo_page(vmo, (uint32_t)(offset / PAGE_SIZE), true, use, &page);
        else if (page == NULL && pager_lacks(vmo, (uint32_t)(offset / PAGE_SIZE)))
            status = pager_need_page(vmo, (uint32_t)(offset / PAGE_SIZE));
        if (status != OK)
            return status;
        if (page != NULL)
            mark_used(vmo, page);
        char *view = page != NULL ? arch_map_temporary(frame_address(page)) : NULL;
        if (write)
            __builtin_memcpy(view + within, buffer, count);
        else if (view != NULL)
            __builtin_memcpy(buffer, view + within, count);
        else
            __builtin_memset(buffer, 0, count);
        if (view != NULL)
            arch_unmap_temporary(view);
        offset += count;
        buffer += count;
        length -= count;
    }
    return OK;
}

status_t vmo_copy_out(struct vmo *vmo, uint64_t offset, void *kernel_buffer, uint32_t length)
{
    return for_each_piece(vmo, offset, kernel_buffer, length, false, FRAME_FOR_KERNEL);
}

status_t vmo_copy_in(struct vmo *vmo, uint64_t offset, const void *kernel_buffer, uint32_t length,
                     uint32_t use)
{
    return for_each_piece(vmo, offset, (char *)(uintptr_t)kernel_buffer, length, true, use);
}

uint32_t vmo_writers(const struct vmo *vmo)
{
    const struct list *item;
    uint32_t count = 0;
    list_for_each (item, &vmo->mappings) {
        const struct mapping *mapping = list_entry(item, struct mapping, vmo_link);
        count += mapping->space->kind != SPACE_SERVER && mapping_is_shared(mapping) &&
                 (mapping->rights & RIGHT_WRITE);
    }
    return count;
}

/* ---- clone, size, discard ---------------------------------------------------------------------------- */

/* Where a mapping shows pages of the range, if it does. */
static bool part_of(const struct mapping *mapping, uint32_t first, uint32_t count,
                    uint32_t *address, uint32_t *pages)
{
    uint64_t start = mapping->vmo_index, end = start + (mapping->end - mapping->start) / PAGE_SIZE;
    uint64_t from = first > start ? first : start, to = (uint64_t)first + count;
    to = to < end ? to : end;
    if (from >= to)
        return false;
    *address = mapping->start + (uint32_t)(from - start) * PAGE_SIZE;
    *pages = (uint32_t)(to - from);
    return true;
}

/* From now on the pages are shared with a clone: shared mappings must fault before they write. */
void vmo_write_protect(struct vmo *vmo, uint32_t first, uint32_t count)
{
    struct list *item;
    list_for_each (item, &vmo->mappings) {
        struct mapping *mapping = list_entry(item, struct mapping, vmo_link);
        uint32_t address, pages;
        if (mapping_is_shared(mapping) && part_of(mapping, first, count, &address, &pages))
            arch_write_protect(&mapping->space->arch, address, pages);
    }
}

static bool tail_is_clear(struct page *page, uint32_t from)
{
    const char *view = arch_map_temporary(frame_address(page));
    uint32_t at = from;
    while (at < PAGE_SIZE && view[at] == 0)
        at++;
    arch_unmap_temporary((void *)(uintptr_t)view);
    return at == PAGE_SIZE;
}

/* Nothing is to show behind this size in the page that it ends in. */
static status_t zero_tail(struct vmo *vmo, uint64_t size)
{
    uint32_t within = (uint32_t)size & PAGE_MASK, last = (uint32_t)(size / PAGE_SIZE);
    struct page *page = within ? pagemap_get(&vmo->pages, last) : NULL;
    if (page == NULL || tail_is_clear(page, within))
        return OK;
    status_t status = vmo_page(vmo, last, true, FRAME_FOR_KERNEL, &page);
    if (status == OK)
        clear_tail(page, within);
    return status;
}

status_t vmo_new_clone(struct vmo *vmo, uint64_t offset, uint64_t length, struct process *charge,
                       struct vmo **result)
{
    struct vmo *clone;
    if (offset & PAGE_MASK)
        return ERR_INVALID_ARGUMENT;
    if (offset > vmo->size || length > vmo->size - offset)
        return ERR_OUT_OF_RANGE;
    if (!vmo_is_plain(vmo))
        return ERR_NOT_SUPPORTED;
    status_t status = vmo_make(vmo->flags & VMO_CONTENT, length, charge, &clone);
    if (status != OK)
        return status;
    uint32_t first = (uint32_t)(offset / PAGE_SIZE), count = pages_of(length);
    vmo_write_protect(vmo, first, count);
    status = pagemap_share(&clone->pages, &vmo->pages, first, count, &clone->object);
    if (status == OK)
        status = zero_tail(clone, length); /* the original may have more there */
    if (status != OK) {
        object_release(&clone->object);
        return status;
    }
    *result = clone;
    return OK;
}

void vmo_hide(struct vmo *vmo, uint32_t first, uint32_t count)
{
    struct list *item;
    list_for_each (item, &vmo->mappings) {
        struct mapping *mapping = list_entry(item, struct mapping, vmo_link);
        uint32_t address, pages;
        if (part_of(mapping, first, count, &address, &pages))
            arch_unmap(&mapping->space->arch, address, pages);
    }
}

static void drop_range(struct vmo *vmo, uint32_t first, uint32_t count)
{
    vmo_hide(vmo, first, count);
    pager_forget(vmo, first, count);
    pagemap_drop(&vmo->pages, first, count, &vmo->object);
}

status_t vmo_resize(struct vmo *vmo, uint64_t size)
{
    if (vmo->flags & (VMO_PHYSICAL | VMO_CONTIGUOUS))
        return ERR_NOT_SUPPORTED;
    if (size > (uint64_t)PAGEMAP_LIMIT * PAGE_SIZE)
        return ERR_OUT_OF_RANGE;
    if (size < vmo->size) {
        status_t status = zero_tail(vmo, size);
        if (status != OK)
            return status;
        drop_range(vmo, pages_of(size), PAGEMAP_LIMIT - pages_of(size));
        if (vmo->pager != NULL && vmo->pager->backed > pages_of(size))
            vmo->pager->backed = pages_of(size);
    }
    vmo->size = size;
    return OK;
}

status_t vmo_drop(struct vmo *vmo, uint64_t offset, uint64_t length)
{
    if ((offset | length) & PAGE_MASK)
        return ERR_INVALID_ARGUMENT;
    if (offset > vmo->size || length > ((vmo->size + PAGE_MASK) & ~(uint64_t)PAGE_MASK) - offset)
        return ERR_OUT_OF_RANGE;
    if (vmo->flags & (VMO_PHYSICAL | VMO_CONTIGUOUS))
        return ERR_NOT_SUPPORTED;
    drop_range(vmo, (uint32_t)(offset / PAGE_SIZE), (uint32_t)(length / PAGE_SIZE));
    return OK;
}
