/* SPDX-License-Identifier: MIT */
/*
 * Carries a load plan out: file pages are mapped privately from the image's VMO, what cannot be
 * mapped is copied, the rest is anonymous memory. Nothing stays mapped if a part fails.
 */
#include <kernel/space.h>
#include <loaders/plan.h>

#define PIE_BASE \
    0x56555000u /* where Linux puts a position-independent program without randomisation */

static bool read_image(void *context, uint32_t offset, void *buffer, uint32_t length)
{
    struct vmo *vmo = context;
    return offset <= vmo->size && length <= vmo->size - offset &&
           vmo_copy_out(vmo, offset, buffer, length) == OK;
}

static uint32_t prot_of(const struct load_segment *segment)
{
    return (segment->prot & LOAD_READ ? PROT_R : 0u) | (segment->prot & LOAD_WRITE ? PROT_W : 0u) |
           (segment->prot & LOAD_EXEC ? PROT_X : 0u);
}

/* Where the image goes: where it must, where the caller says, or the first free place. */
static status_t choose_base(struct space *space, const struct load_plan *plan, uint32_t base,
                            uint32_t flags, uint32_t *result)
{
    struct map_request probe = {.address = flags & LOAD_AT_BASE ? base : plan->preferred_base,
                                .length = plan->image_size};
    if ((base & PAGE_MASK) || plan->image_size > GUEST_LIMIT)
        return ERR_BAD_EXECUTABLE;
    if (!plan->relocatable && (flags & LOAD_AT_BASE) && base != plan->preferred_base)
        return ERR_INVALID_ARGUMENT;
    if ((flags & LOAD_AT_BASE) && (base - plan->preferred_base) % plan->base_align)
        return ERR_INVALID_ARGUMENT;
    if (plan->relocatable && !(flags & LOAD_AT_BASE) && plan->kind == LOAD_ELF32)
        probe.address = PIE_BASE;
    bool fixed = !plan->relocatable || (flags & LOAD_AT_BASE);
    probe.flags = fixed ? MAP_FLAG_FIXED | MAP_FLAG_NOREPLACE : MAP_FLAG_TOPDOWN;
    probe.align = plan->base_align; /* a preferred base is a multiple of it, too */
    status_t status = space_map_vmo(space, NULL, RIGHT_ALL, &probe);
    if (status != OK)
        return status == ERR_INVALID_ARGUMENT ? ERR_BAD_EXECUTABLE : status;
    *result = probe.address;
    return OK;
}

static status_t map_piece(struct space *space, struct vmo *vmo, uint32_t address, uint32_t length,
                          uint32_t offset, uint32_t prot)
{
    struct map_request request = {.address = address,
                                  .length = length,
                                  .offset_low = offset,
                                  .prot = prot,
                                  .flags = MAP_FLAG_FIXED};
    return length == 0 ? OK : space_map_vmo(space, vmo, RIGHT_ALL, &request);
}

/*
 * Clears what lies in a file page behind the file's part of a segment. Images are mostly padded with
 * zeros there, and a page that is not touched stays shared.
 */
static status_t clear_tail(struct space *space, uint32_t address, uint32_t length)
{
    static const char zeros[256];
    char seen[sizeof zeros];
    uint32_t done;
    while (length > 0) {
        uint32_t count = length < sizeof zeros ? length : (uint32_t)sizeof zeros;
        status_t status = space_copy_out(space, address, seen, count, &done);
        if (status == OK && __builtin_memcmp(seen, zeros, count) != 0)
            status = space_copy_in(space, address, zeros, count, &done);
        if (status != OK)
            return status;
        address += count;
        length -= count;
    }
    return OK;
}

static status_t map_file_part(struct space *space, struct vmo *vmo,
                              const struct load_segment *segment, uint32_t address)
{
    uint32_t file_pages = (segment->file_length + PAGE_MASK) & ~PAGE_MASK;
    status_t status =
        map_piece(space, vmo, address, file_pages, segment->file_offset, prot_of(segment));
    if (status == OK)
        status =
            clear_tail(space, address + segment->file_length, file_pages - segment->file_length);
    if (status == OK)
        status = map_piece(space, NULL, address + file_pages, segment->length - file_pages, 0,
                           prot_of(segment));
    return status;
}

static status_t copy_file_part(struct space *space, struct vmo *vmo,
                               const struct load_segment *segment, uint32_t address)
{
    char buffer[512];
    uint32_t moved = 0, done;
    status_t status = map_piece(space, NULL, address, segment->length, 0, prot_of(segment));
    while (status == OK && moved < segment->file_length) {
        uint32_t count = segment->file_length - moved;
        count = count < sizeof buffer ? count : (uint32_t)sizeof buffer;
        status = vmo_copy_out(vmo, segment->file_offset + moved, buffer, count);
        if (status == OK)
            status = space_copy_in(space, address + moved, buffer, count, &done);
        moved += count;
    }
    return status;
}

static status_t map_segments(struct space *space, struct vmo *vmo, const struct load_plan *plan,
                             uint32_t delta)
{
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct load_segment *segment = &plan->segments[i];
        uint32_t address = segment->address + delta;
        status_t status = segment->mappable ? map_file_part(space, vmo, segment, address)
                                            : copy_file_part(space, vmo, segment, address);
        if (status != OK)
            return status;
    }
    return OK;
}

/* Gaps between the segments of an ELF image are not part of it; a PE image is one range throughout. */
static void unmap_gaps(struct space *space, const struct load_plan *plan, uint32_t base,
                       uint32_t delta)
{
    uint32_t at = base;
    for (uint32_t i = 0; i < plan->segment_count && plan->kind == LOAD_ELF32; i++) {
        uint32_t start = plan->segments[i].address + delta;
        if (start > at)
            (void)!space_unmap_range(space, at, start - at);
        at = start + plan->segments[i].length;
    }
}

static uint32_t end_of_data(const struct load_plan *plan)
{
    uint32_t end = plan->preferred_base + plan->image_size;
    for (uint32_t i = plan->segment_count; i-- > 0;)
        if (plan->segments[i].prot & LOAD_WRITE)
            return plan->segments[i].address + plan->segments[i].length;
    return end;
}

static void fill_result(const struct load_plan *plan, uint32_t base, uint32_t delta,
                        struct load_result *result)
{
    *result = (struct load_result){
        .kind = plan->kind,
        .base = base,
        .size = plan->image_size,
        .delta = delta,
        .entry = plan->entry ? plan->entry + delta : 0,
        .phdr = plan->phdr_address ? plan->phdr_address + delta : 0,
        .phdr_count = plan->phdr_count,
        .phdr_entry_size = plan->phdr_entry_size,
        .interp_offset = plan->interp_offset,
        .interp_length = plan->interp_length,
        .stack_reserve = plan->stack_reserve,
        .stack_commit = plan->stack_commit,
        .heap_reserve = plan->heap_reserve,
        .heap_commit = plan->heap_commit,
        .subsystem = plan->subsystem,
        .characteristics = plan->characteristics,
        .dll_characteristics = plan->dll_characteristics,
        .executable_stack = plan->executable_stack,
        .brk = end_of_data(plan) + delta,
        .tls_address = plan->tls_mem_size ? plan->tls_address + delta : 0,
        .tls_file_size = plan->tls_file_size,
        .tls_mem_size = plan->tls_mem_size,
        .tls_align = plan->tls_align,
    };
    __builtin_memcpy(result->personality, plan->personality, sizeof result->personality);
}

static status_t carry_out(struct space *space, struct vmo *vmo, const struct load_plan *plan,
                          uint32_t base, uint32_t flags, struct load_result *result)
{
    uint32_t place = plan->preferred_base;
    if (!(flags & LOAD_RESERVE_ONLY)) {
        status_t status = choose_base(space, plan, base, flags, &place);
        if (status != OK)
            return status;
        status = map_segments(space, vmo, plan, place - plan->preferred_base);
        if (status != OK) {
            (void)!space_unmap_range(space, place, plan->image_size);
            return status;
        }
        unmap_gaps(space, plan, place, place - plan->preferred_base);
    }
    fill_result(plan, place, place - plan->preferred_base, result);
    return OK;
}

status_t space_load_image(struct space *space, struct vmo *vmo, uint32_t base, uint32_t flags,
                          struct load_result *result)
{
    uint32_t size = vmo->size > UINT32_MAX ? UINT32_MAX : (uint32_t)vmo->size;
    struct load_reader reader = {.read = read_image, .context = vmo, .size = size};
    if (flags & ~(uint32_t)(LOAD_AT_BASE | LOAD_RESERVE_ONLY))
        return ERR_INVALID_ARGUMENT;
    struct load_plan *plan = heap_alloc(sizeof *plan);
    if (plan == NULL)
        return ERR_NO_MEMORY;
    status_t status = load_plan_any(&reader, plan) == LOAD_OK ? OK : ERR_BAD_EXECUTABLE;
    if (status == OK)
        status = carry_out(space, vmo, plan, base, flags, result);
    heap_free(plan);
    return status;
}
