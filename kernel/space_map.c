/* SPDX-License-Identifier: MIT */
/*
 * Changes of an address space's map. Each first checks everything and splits mappings at the ends
 * of the range, which can fail but changes nothing that a program could see; then it acts.
 */
#include <kernel/log.h>
#include <kernel/space.h>
#include <kernel/thread.h>

#define INFORMATIONAL (MAP_FLAG_GROWSDOWN | MAP_FLAG_GUARD)
#define KNOWN_FLAGS                                                                               \
    (MAP_FLAG_SHARED | MAP_FLAG_FIXED | MAP_FLAG_NOREPLACE | MAP_FLAG_TOPDOWN | MAP_FLAG_COMMIT | \
     MAP_FLAG_UNCACHED | INFORMATIONAL)
#define KEPT_FLAGS (MAP_FLAG_SHARED | MAP_FLAG_UNCACHED | INFORMATIONAL)

/* ---- finding room -------------------------------------------------------------------------------- */

static uint32_t align_up(uint32_t value, uint32_t align)
{
    return (value + align - 1) & ~(align - 1);
}

/* The range does not wrap. */
static bool is_free(const struct space *space, uint32_t start, uint32_t length)
{
    uint32_t index = space_find(space, start);
    return index == space->count || space->mappings[index]->start >= start + length;
}

/* The lowest free range at or above `from`. */
static bool find_upwards(const struct space *space, uint32_t from, uint32_t limit, uint32_t length,
                         uint32_t align, uint32_t *result)
{
    uint32_t start = align_up(from, align);
    for (uint32_t index = space_find(space, start);; index++) {
        uint32_t end = index < space->count ? space->mappings[index]->start : limit;
        end = end < limit ? end : limit;
        if (start >= from && end > start && end - start >= length) {
            *result = start;
            return true;
        }
        if (index >= space->count || space->mappings[index]->end >= limit)
            return false;
        start = align_up(space->mappings[index]->end, align);
    }
}

static bool find_downwards(const struct space *space, uint32_t from, uint32_t limit,
                           uint32_t length, uint32_t align, uint32_t *result)
{
    uint32_t end = limit, index = space_find(space, limit - 1);
    if (index < space->count && space->mappings[index]->start < end)
        end = space->mappings[index]->start;
    for (;; index--) {
        uint32_t start = index > 0 ? space->mappings[index - 1]->end : from;
        start = start > from ? start : from;
        if (end > start && end - start >= length) {
            *result = (end - length) & ~(align - 1);
            if (*result >= start)
                return true;
        }
        if (index == 0)
            return false;
        end = space->mappings[index - 1]->start < end ? space->mappings[index - 1]->start : end;
        if (end <= from)
            return false;
    }
}

static status_t choose(const struct space *space, struct map_request *request)
{
    uint32_t limit =
        request->limit && request->limit < space->limit ? request->limit : space->limit;
    uint32_t align = request->align > PAGE_SIZE ? request->align : PAGE_SIZE, from = space->base;
    uint32_t hint = request->address & ~(align - 1);
    if ((align & (align - 1)) || limit <= from || request->length > limit - from)
        return (align & (align - 1)) ? ERR_INVALID_ARGUMENT : ERR_NO_MEMORY;
    /* Page 0 stays free for null pointers, and some room above it too. */
    from = space->kind == SPACE_SERVER ? from : 0x10000;
    if (hint >= from && hint < limit && request->length <= limit - hint &&
        is_free(space, hint, request->length)) {
        request->address = hint;
        return OK;
    }
    bool found = request->flags & MAP_FLAG_TOPDOWN
                     ? find_downwards(space, from, limit, request->length, align, &request->address)
                     : find_upwards(space, from, limit, request->length, align, &request->address);
    return found ? OK : ERR_NO_MEMORY;
}

/* ---- map -------------------------------------------------------------------------------------------- */

static status_t check_request(const struct vmo *vmo, uint32_t rights,
                              const struct map_request *request)
{
    uint32_t prot = request->prot, needed = RIGHT_MAP | RIGHT_READ;
    if ((request->flags & ~KNOWN_FLAGS) || (prot & ~(uint32_t)(PROT_R | PROT_W | PROT_X)) ||
        (request->offset_low & PAGE_MASK))
        return ERR_INVALID_ARGUMENT;
    if (request->length == 0)
        return ERR_INVALID_ARGUMENT;
    if (vmo == NULL)
        return request->flags & MAP_FLAG_SHARED ? ERR_INVALID_ARGUMENT : OK;
    if (prot & PROT_X)
        needed |= RIGHT_EXECUTE;
    if ((prot & PROT_W) && (request->flags & MAP_FLAG_SHARED))
        needed |= RIGHT_WRITE;
    if ((rights & needed) != needed)
        return ERR_ACCESS_DENIED;
    if ((vmo->flags & VMO_PHYSICAL) && !(request->flags & MAP_FLAG_SHARED))
        return ERR_NOT_SUPPORTED;
    uint64_t offset = (uint64_t)request->offset_high << 32 | request->offset_low;
    return offset > (uint64_t)PAGEMAP_LIMIT * PAGE_SIZE - request->length ? ERR_OUT_OF_RANGE : OK;
}

/* Finds the place; what a fixed request replaces stays until everything that can fail is done. */
static status_t place(struct space *space, struct map_request *request)
{
    if (!(request->flags & MAP_FLAG_FIXED))
        return choose(space, request);
    if (!space_range_ok(space, request->address, request->length))
        return ERR_INVALID_ARGUMENT;
    if (is_free(space, request->address, request->length))
        return OK;
    return request->flags & MAP_FLAG_NOREPLACE ? ERR_ALREADY_EXISTS : OK;
}

static status_t split_ends(struct space *space, uint32_t start, uint32_t end)
{
    status_t status = space_split(space, start);
    return status == OK ? space_split(space, end) : status;
}

/* Both ends of the range are boundaries of mappings. */
static void remove_between(struct space *space, uint32_t start, uint32_t end)
{
    uint32_t index = space_find(space, start);
    if (index < space->count && space->mappings[index]->start < end)
        arch_unmap(&space->arch, start, (end - start) / PAGE_SIZE);
    while (index < space->count && space->mappings[index]->start < end)
        space_remove(space, index);
}

static struct mapping *mapping_new(struct space *space, struct vmo *vmo, uint32_t rights,
                                   const struct map_request *request)
{
    uint64_t offset = (uint64_t)request->offset_high << 32 | request->offset_low;
    struct mapping *mapping = heap_alloc(sizeof *mapping);
    if (mapping == NULL)
        return NULL;
    *mapping = (struct mapping){
        .space = space,
        .start = request->address,
        .end = request->address + request->length,
        .prot = request->prot,
        .flags = request->flags & KEPT_FLAGS,
        .tag = request->tag,
        .rights = rights,
        .vmo = vmo,
        .vmo_index = (uint32_t)(offset / PAGE_SIZE),
    };
    if (vmo != NULL && (vmo->flags & VMO_PHYSICAL))
        mapping->flags |= MAP_FLAG_UNCACHED;
    return mapping;
}

/* All of space_map_vmo that can fail and that nobody sees. */
static status_t prepare(struct space *space, struct vmo *vmo, uint32_t rights,
                        struct map_request *request, struct mapping **result)
{
    status_t status = check_request(vmo, rights, request);
    if (status == OK)
        status = place(space, request);
    if (status == OK)
        status = split_ends(space, request->address, request->address + request->length);
    if (status == OK)
        status = space_reserve(space);
    if (status != OK)
        return status;
    struct mapping *mapping = mapping_new(space, vmo, rights, request);
    if (mapping == NULL)
        return ERR_NO_MEMORY;
    if (request->flags & MAP_FLAG_COMMIT)
        status = mapping_commit(mapping);
    if (status != OK)
        mapping_abandon(mapping);
    else
        *result = mapping;
    return status;
}

status_t space_map_vmo(struct space *space, struct vmo *vmo, uint32_t rights,
                       struct map_request *request)
{
    struct map_request wanted = *request;
    struct mapping *mapping;
    if (wanted.length > SERVER_LIMIT)
        return ERR_INVALID_ARGUMENT;
    wanted.length = (wanted.length + PAGE_MASK) & ~PAGE_MASK;
    status_t status = prepare(space, vmo, rights, &wanted, &mapping);
    if (status != OK)
        return status;
    uint32_t start = mapping->start, end = mapping->end;
    if (vmo != NULL)
        object_hold(&vmo->object); /* what is replaced may hold the last other reference */
    remove_between(space, start, end);
    space_insert(space, mapping);
    if (vmo != NULL)
        object_release(&vmo->object);
    /* Entries in the page tables are a convenience: a fault makes them as well. */
    for (uint32_t at = start; (wanted.flags & MAP_FLAG_COMMIT) && at < end; at += PAGE_SIZE)
        if (space_fault(space, at, mapping->prot & PROT_W, false) != OK)
            break;
    space_merge(space, start, end);
    *request = wanted;
    return OK;
}

/* ---- the other changes -------------------------------------------------------------------------------- */

status_t space_unmap_range(struct space *space, uint32_t address, uint32_t length)
{
    length = (length + PAGE_MASK) & ~PAGE_MASK;
    if (!space_range_ok(space, address, length))
        return ERR_INVALID_ARGUMENT;
    status_t status = split_ends(space, address, address + length);
    if (status == OK)
        remove_between(space, address, address + length);
    return status;
}

static bool mapped_throughout(const struct space *space, uint32_t start, uint32_t end)
{
    for (uint32_t index = space_find(space, start); start < end; index++) {
        if (index == space->count || space->mappings[index]->start > start)
            return false;
        start = space->mappings[index]->end;
    }
    return true;
}

static bool may_have(const struct mapping *mapping, uint32_t prot)
{
    if (mapping->vmo == NULL)
        return true;
    if ((prot & PROT_X) && !(mapping->rights & RIGHT_EXECUTE))
        return false;
    return !((prot & PROT_W) && mapping_is_shared(mapping) && !(mapping->rights & RIGHT_WRITE));
}

status_t space_protect_range(struct space *space, uint32_t address, uint32_t length, uint32_t prot)
{
    length = (length + PAGE_MASK) & ~PAGE_MASK;
    if (!space_range_ok(space, address, length) || (prot & ~(uint32_t)(PROT_R | PROT_W | PROT_X)))
        return ERR_INVALID_ARGUMENT;
    uint32_t end = address + length;
    if (!mapped_throughout(space, address, end))
        return ERR_NO_MEMORY;
    for (uint32_t i = space_find(space, address);
         i < space->count && space->mappings[i]->start < end; i++)
        if (!may_have(space->mappings[i], prot))
            return ERR_ACCESS_DENIED;
    status_t status = split_ends(space, address, end);
    if (status != OK)
        return status;
    /* Whoever gains a right takes a fault for it. Execution is not a bit of i386 page tables. */
    if (prot == 0)
        arch_unmap(&space->arch, address, length / PAGE_SIZE);
    else if (!(prot & PROT_W))
        arch_write_protect(&space->arch, address, length / PAGE_SIZE);
    for (uint32_t i = space_find(space, address);
         i < space->count && space->mappings[i]->start < end; i++)
        space->mappings[i]->prot = prot;
    space_merge(space, address, end);
    return OK;
}

static uint32_t count_between(const struct space *space, uint32_t start, uint32_t end)
{
    uint32_t index = space_find(space, start), first = index;
    while (index < space->count && space->mappings[index]->start < end)
        index++;
    return index - first;
}

status_t space_move_range(struct space *space, uint32_t address, uint32_t length,
                          uint32_t new_address)
{
    length = (length + PAGE_MASK) & ~PAGE_MASK;
    if (!space_range_ok(space, address, length) || !space_range_ok(space, new_address, length))
        return ERR_INVALID_ARGUMENT;
    if (!is_free(space, new_address, length))
        return ERR_ALREADY_EXISTS;
    if (!mapped_throughout(space, address, address + length))
        return ERR_NO_MEMORY;
    status_t status = split_ends(space, address, address + length);
    if (status != OK)
        return status;
    arch_unmap(&space->arch, address, length / PAGE_SIZE);
    /* Take them out one by one and put them in at the new place; the array has room for each. */
    for (uint32_t left = count_between(space, address, address + length); left > 0; left--) {
        struct mapping *mapping = space_take_out(space, space_find(space, address));
        uint32_t size = mapping->end - mapping->start;
        mapping->start = new_address + (mapping->start - address);
        mapping->end = mapping->start + size;
        list_remove(&mapping->vmo_link);
        space_insert(space, mapping);
        if (mapping->vmo != NULL)
            object_release(&mapping->vmo->object); /* space_insert took another reference */
    }
    space_merge(space, new_address, new_address + length);
    return OK;
}

status_t space_discard_range(struct space *space, uint32_t address, uint32_t length)
{
    length = (length + PAGE_MASK) & ~PAGE_MASK;
    if (!space_range_ok(space, address, length))
        return ERR_INVALID_ARGUMENT;
    uint32_t end = address + length;
    arch_unmap(&space->arch, address, length / PAGE_SIZE);
    for (uint32_t i = space_find(space, address);
         i < space->count && space->mappings[i]->start < end; i++) {
        struct mapping *mapping = space->mappings[i];
        uint32_t from = mapping->start > address ? mapping->start : address,
                 to = mapping->end < end ? mapping->end : end;
        if (mapping->overlay != NULL)
            pagemap_drop(&mapping->overlay->pages,
                         mapping->overlay_index + (from - mapping->start) / PAGE_SIZE,
                         (to - from) / PAGE_SIZE, &space->object);
    }
    return OK;
}

status_t space_tag_range(struct space *space, uint32_t address, uint32_t length, uint32_t tag,
                         uint32_t flags)
{
    length = (length + PAGE_MASK) & ~PAGE_MASK;
    if (!space_range_ok(space, address, length) || (flags & ~(uint32_t)INFORMATIONAL))
        return ERR_INVALID_ARGUMENT;
    uint32_t end = address + length;
    status_t status = split_ends(space, address, end);
    if (status != OK)
        return status;
    for (uint32_t i = space_find(space, address);
         i < space->count && space->mappings[i]->start < end; i++) {
        space->mappings[i]->tag = tag;
        if (flags != 0)
            space->mappings[i]->flags = (space->mappings[i]->flags & ~INFORMATIONAL) | flags;
    }
    space_merge(space, address, end);
    return OK;
}
