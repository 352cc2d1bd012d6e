/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: the ordered array of mappings, splitting and merging, overlays, creation, fork and
 * end. Faults are in space_fault.c, changes of the map in space_map.c.
 */
#include <kernel/log.h>
#include <kernel/space.h>
#include <kernel/thread.h>

static void space_destroy(struct object *object)
{
    struct space *space = space_from_object(object);
    arch_space_destroy(&space->arch); /* first: so the page tables need not be emptied */
    space_clear(space);
    if (space->server != NULL)
        object_release(&space->server->object);
    heap_free(space->mappings);
    heap_free(space);
}

static const struct object_ops space_ops = {.name = "space", .destroy = space_destroy};

struct space *space_from_object(struct object *object)
{
    return list_entry(object, struct space, object);
}

struct object *space_object(struct space *space)
{
    return &space->object;
}

struct arch_space *space_arch(struct space *space)
{
    return &space->arch;
}

status_t space_new(enum space_kind kind, struct space *server, struct process *charge,
                   struct space **result)
{
    struct object *object;
    status_t status = ERR_NO_MEMORY;
    if (frame_available(FRAME_FOR_SMALL))
        status = object_new(sizeof **result, &space_ops, OBJECT_SPACE, charge, &object);
    if (status != OK)
        return status;
    struct space *space = space_from_object(object);
    status = arch_space_init(&space->arch, server != NULL ? &server->arch : NULL);
    if (status != OK) {
        object_cancel(object);
        return status;
    }
    space->kind = kind;
    space->server = server;
    if (server != NULL)
        object_hold(&server->object);
    space->base = kind == SPACE_SERVER ? SERVER_BASE : PAGE_SIZE;
    space->limit = kind == SPACE_SERVER ? SERVER_LIMIT : GUEST_LIMIT;
    *result = space;
    return OK;
}

/* ---- overlays ------------------------------------------------------------------------------------ */

status_t mapping_own_overlay(struct mapping *mapping)
{
    static uint32_t last_id = 0x80000000u; /* apart from object ids */
    if (mapping->overlay != NULL)
        return OK;
    struct overlay *overlay = heap_alloc(sizeof *overlay);
    if (overlay == NULL)
        return ERR_NO_MEMORY;
    overlay->references = 1;
    overlay->id = ++last_id;
    mapping->overlay = overlay;
    mapping->overlay_index = 0;
    return OK;
}

static uint32_t page_count(const struct mapping *mapping)
{
    return (mapping->end - mapping->start) / PAGE_SIZE;
}

static void release_overlay(struct mapping *mapping)
{
    struct overlay *overlay = mapping->overlay;
    if (overlay == NULL)
        return;
    mapping->overlay = NULL;
    if (--overlay->references > 0) {
        pagemap_drop(&overlay->pages, mapping->overlay_index, page_count(mapping),
                     &mapping->space->object);
        return;
    }
    pagemap_destroy(&overlay->pages, &mapping->space->object);
    heap_free(overlay);
}

/* ---- the array ------------------------------------------------------------------------------------- */

uint32_t space_find(const struct space *space, uint32_t address)
{
    uint32_t low = 0, high = space->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (space->mappings[middle]->end > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct mapping *space_mapping_at(struct space *space, uint32_t address)
{
    struct mapping *recent = space->recent < space->count ? space->mappings[space->recent] : NULL;
    if (recent != NULL && address >= recent->start && address < recent->end)
        return recent;
    uint32_t index = space_find(space, address);
    if (index == space->count || space->mappings[index]->start > address)
        return NULL;
    space->recent = index;
    return space->mappings[index];
}

bool space_range_ok(const struct space *space, uint32_t address, uint32_t length)
{
    return !((address | length) & PAGE_MASK) && length != 0 && address >= space->base &&
           address < space->limit && length <= space->limit - address;
}

status_t space_reserve(struct space *space)
{
    if (space->count < space->capacity)
        return OK;
    if (space->count >= MAPPINGS_MAX)
        return ERR_LIMIT_REACHED;
    if (!frame_available(space_use(space)))
        return ERR_NO_MEMORY;
    uint32_t capacity = space->capacity ? space->capacity * 2 : 16;
    struct mapping **mappings = heap_alloc(capacity * sizeof *mappings);
    if (mappings == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < space->count; i++)
        mappings[i] = space->mappings[i];
    heap_free(space->mappings);
    space->mappings = mappings;
    space->capacity = capacity;
    return OK;
}

/* The caller has reserved room. */
void space_insert(struct space *space, struct mapping *mapping)
{
    uint32_t index = space_find(space, mapping->start);
    assert(space->count < space->capacity);
    for (uint32_t i = space->count; i > index; i--)
        space->mappings[i] = space->mappings[i - 1];
    space->mappings[index] = mapping;
    space->count++;
    mapping->space = space;
    list_init(&mapping->vmo_link);
    if (mapping->vmo != NULL) {
        object_hold(&mapping->vmo->object);
        list_append(&mapping->vmo->mappings, &mapping->vmo_link);
    }
}

void mapping_abandon(struct mapping *mapping)
{
    release_overlay(mapping);
    heap_free(mapping);
}

static void free_mapping(struct mapping *mapping)
{
    if (mapping->vmo != NULL) {
        list_remove(&mapping->vmo_link);
        object_release(&mapping->vmo->object);
    }
    mapping_abandon(mapping);
}

struct mapping *space_take_out(struct space *space, uint32_t index)
{
    struct mapping *mapping = space->mappings[index];
    space->count--;
    for (uint32_t i = index; i < space->count; i++)
        space->mappings[i] = space->mappings[i + 1];
    return mapping;
}

void space_remove(struct space *space, uint32_t index)
{
    free_mapping(space_take_out(space, index));
}

status_t space_split(struct space *space, uint32_t address)
{
    struct mapping *mapping = space_mapping_at(space, address);
    if (mapping == NULL || mapping->start == address)
        return OK;
    status_t status = space_reserve(space);
    if (status != OK)
        return status;
    struct mapping *upper = heap_alloc(sizeof *upper);
    if (upper == NULL)
        return ERR_NO_MEMORY;
    uint32_t skipped = (address - mapping->start) / PAGE_SIZE;
    *upper = *mapping;
    upper->start = address;
    upper->vmo_index += skipped;
    upper->overlay_index += skipped;
    if (upper->overlay != NULL)
        upper->overlay->references++;
    mapping->end = address;
    space_insert(space, upper);
    return OK;
}

static bool continues(const struct mapping *lower, const struct mapping *upper)
{
    uint32_t pages = page_count(lower);
    if (lower->end != upper->start || lower->prot != upper->prot || lower->flags != upper->flags ||
        lower->tag != upper->tag || lower->rights != upper->rights || lower->vmo != upper->vmo)
        return false;
    if (lower->vmo != NULL && lower->vmo_index + pages != upper->vmo_index)
        return false;
    /* Without an overlay of its own the upper part can use the lower's, unless a third part does. */
    if (upper->overlay == NULL)
        return lower->overlay == NULL || lower->overlay->references == 1;
    return lower->overlay == upper->overlay && lower->overlay_index + pages == upper->overlay_index;
}

/* Merge the mapping at index with the one above it, if one continues the other. */
static bool merge_at(struct space *space, uint32_t index)
{
    if (index + 1 >= space->count || !continues(space->mappings[index], space->mappings[index + 1]))
        return false;
    struct mapping *lower = space->mappings[index], *upper = space->mappings[index + 1];
    lower->end = upper->end;
    if (upper->overlay != NULL) {
        upper->overlay->references--;
        upper->overlay = NULL; /* its pages are the lower's now */
    }
    space_remove(space, index + 1);
    return true;
}

void space_merge(struct space *space, uint32_t start, uint32_t end)
{
    uint32_t index = space_find(space, start);
    if (index > 0)
        index--;
    while (index < space->count && space->mappings[index]->start <= end)
        if (!merge_at(space, index))
            index++;
}

/* ---- end and fork -------------------------------------------------------------------------------------- */

void space_clear(struct space *space)
{
    arch_unmap(&space->arch, space->base, (space->limit - space->base) / PAGE_SIZE);
    while (space->count > 0)
        free_mapping(space->mappings[--space->count]);
}

static status_t clone_mapping(struct space *clone, struct mapping *mapping)
{
    struct mapping *copy = frame_available(FRAME_FOR_SMALL) ? heap_alloc(sizeof *copy) : NULL;
    if (copy == NULL)
        return ERR_NO_MEMORY;
    *copy = *mapping;
    copy->overlay = NULL;
    copy->overlay_index = 0;
    space_insert(clone, copy);
    if (mapping->overlay == NULL || mapping->overlay->pages.committed == 0)
        return OK;
    status_t status = mapping_own_overlay(copy);
    if (status != OK)
        return status;
    if (mapping->prot & PROT_W)
        arch_write_protect(&mapping->space->arch, mapping->start, page_count(mapping));
    return pagemap_share(&copy->overlay->pages, &mapping->overlay->pages, mapping->overlay_index,
                         page_count(mapping), &clone->object);
}

/* On an error the clone is released by the caller, with what has been copied so far. */
status_t space_fork(struct space *space, struct space *clone)
{
    clone->mappings = heap_alloc((space->count + 4) * sizeof *clone->mappings);
    if (clone->mappings == NULL)
        return ERR_NO_MEMORY;
    clone->capacity = space->count + 4;
    for (uint32_t i = 0; i < space->count; i++) {
        status_t status = clone_mapping(clone, space->mappings[i]);
        if (status != OK)
            return status;
    }
    return arch_ldt_clone(&clone->arch, &space->arch);
}
