/* SPDX-License-Identifier: MIT */
/* Kernel calls on address spaces and memory objects (calls.def 40-67). */
#include <kernel/calls.h>
#include <kernel/ipc.h>
#include <kernel/pager.h>
#include <kernel/space.h>

/* Pieces that space_read and the like move at a time: large enough, and small on the kernel stack. */
#define PIECE 512u

#define DIRTY_BYTES_MAX 4096u  /* of one vmo_take_dirty */
#define FIRMWARE_FRAMES 0x100u /* below 1 MiB */

/* HANDLE_SELF: the caller's own space; for a server its window. */
static status_t get_space(handle_t handle, uint32_t rights, struct space **space)
{
    struct object *object;
    if (handle == HANDLE_SELF) {
        *space = current->process->space;
        return OK;
    }
    status_t status = handle_get(current->process, handle, OBJECT_SPACE, rights, &object);
    if (status == OK)
        *space = space_from_object(object);
    return status;
}

/* What frames of an object are for that the calling process writes to: see object_use. */
static uint32_t own_use(void)
{
    return current->process->privileges.flags & PRIVILEGE_RESERVE ? FRAME_FOR_SMALL
                                                                  : FRAME_FOR_PROGRAM;
}

static status_t get_vmo(handle_t handle, uint32_t rights, struct vmo **vmo)
{
    struct object *object;
    status_t status = handle_get(current->process, handle, OBJECT_VMO, rights, &object);
    if (status == OK)
        *vmo = vmo_from_object(object);
    return status;
}

/*
 * SHOULD_WAIT from the memory code: the pager of a paged object has the page. The dispatcher waits for
 * it and makes the whole call again, which these calls allow.
 */

/* ---- spaces ------------------------------------------------------------------------------------- */

status_t call_space_create(user_t result)
{
    struct space *space;
    if (!is_server(current->process))
        return ERR_ACCESS_DENIED;
    status_t status = space_new(SPACE_GUEST, current->process->space, current->process, &space);
    return status == OK ? handle_return(&space->object, RIGHT_ALL, result) : status;
}

status_t call_space_clone(handle_t handle, user_t result)
{
    struct space *space, *clone;
    status_t status = get_space(handle, RIGHT_READ, &space);
    if (status != OK)
        return status;
    bool guest = space->kind == SPACE_GUEST;
    if (space->kind == SPACE_SERVER || (guest && !is_server(current->process)))
        return ERR_NOT_SUPPORTED;
    status =
        space_new(space->kind, guest ? current->process->space : NULL, current->process, &clone);
    if (status != OK)
        return status;
    status = space_fork(space, clone);
    if (status != OK) {
        object_release(&clone->object);
        return status;
    }
    return handle_return(&clone->object, RIGHT_ALL, result);
}

status_t call_space_attach(handle_t handle)
{
    struct space *space = current->process->space;
    if (!is_server(current->process))
        return ERR_ACCESS_DENIED;
    if (handle != HANDLE_NONE) {
        status_t status = get_space(handle, RIGHT_MANAGE, &space);
        if (status != OK)
            return status;
        if (space->kind != SPACE_GUEST)
            return ERR_WRONG_TYPE;
        if (space->server != current->process->space)
            return ERR_ACCESS_DENIED; /* it shows another server's window */
    }
    thread_set_space(space);
    return OK;
}

status_t call_space_map(handle_t handle, user_t request_at)
{
    struct map_request request;
    struct space *space;
    struct vmo *vmo = NULL;
    uint32_t rights = RIGHT_ALL;
    status_t status = user_read(&request, request_at, sizeof request);
    if (status == OK)
        status = get_space(handle, RIGHT_MAP, &space);
    if (status == OK && request.vmo != HANDLE_NONE) {
        struct handle_entry *entry;
        status = get_vmo(request.vmo, RIGHT_MAP, &vmo);
        if (status == OK)
            status = handle_get_entry(current->process, request.vmo, &entry);
        if (status == OK)
            rights = entry->rights;
    }
    if (status == OK)
        status = space_map_vmo(space, vmo, rights, &request);
    if (status != OK)
        return status;
    status = user_write(request_at, &request, sizeof request);
    if (status != OK)
        (void)!space_unmap_range(space, request.address, request.length);
    return status;
}

status_t call_space_unmap(handle_t handle, uint32_t address, uint32_t length)
{
    struct space *space;
    status_t status = get_space(handle, RIGHT_MAP, &space);
    return status == OK ? space_unmap_range(space, address, length) : status;
}

status_t call_space_protect(handle_t handle, uint32_t address, uint32_t length, uint32_t prot)
{
    struct space *space;
    status_t status = get_space(handle, RIGHT_MAP, &space);
    return status == OK ? space_protect_range(space, address, length, prot) : status;
}

status_t call_space_move(handle_t handle, uint32_t address, uint32_t length, uint32_t new_address)
{
    struct space *space;
    status_t status = get_space(handle, RIGHT_MAP, &space);
    return status == OK ? space_move_range(space, address, length, new_address) : status;
}

status_t call_space_discard(handle_t handle, uint32_t address, uint32_t length)
{
    struct space *space;
    status_t status = get_space(handle, RIGHT_MAP, &space);
    return status == OK ? space_discard_range(space, address, length) : status;
}

status_t call_space_tag(handle_t handle, uint32_t address, uint32_t length, uint32_t tag,
                        uint32_t flags)
{
    struct space *space;
    status_t status = get_space(handle, RIGHT_MAP, &space);
    return status == OK ? space_tag_range(space, address, length, tag, flags) : status;
}

static uint32_t own_pages(const struct mapping *mapping)
{
    const struct overlay *overlay = mapping->overlay;
    if (overlay == NULL || overlay->references == 1)
        return overlay != NULL ? overlay->pages.committed : 0;
    return pagemap_count(&overlay->pages, mapping->overlay_index,
                         (mapping->end - mapping->start) / PAGE_SIZE);
}

status_t call_space_query(handle_t handle, uint32_t address, user_t result)
{
    struct space *space;
    status_t status = get_space(handle, RIGHT_READ, &space);
    if (status != OK)
        return status;
    uint32_t index = space_find(space, address);
    if (index == space->count)
        return ERR_NOT_FOUND;
    const struct mapping *mapping = space->mappings[index];
    uint64_t offset = (uint64_t)mapping->vmo_index * PAGE_SIZE;
    struct mapping_info info = {.address = mapping->start,
                                .length = mapping->end - mapping->start,
                                .prot = mapping->prot,
                                .flags = mapping->flags,
                                .tag = mapping->tag,
                                .vmo_id = mapping->vmo ? mapping->vmo->object.id : 0,
                                .offset_low = (uint32_t)offset,
                                .offset_high = (uint32_t)(offset >> 32),
                                .private_pages = own_pages(mapping)};
    return user_write(result, &info, sizeof info);
}

/*
 * Moves bytes between the caller and a space or, where that is NULL, an object, piece by piece. *done
 * counts; it is less than length after OK where the space has no more.
 */
static status_t move(bool in, struct space *space, struct vmo *vmo, uint64_t at, user_t buffer,
                     uint32_t length, uint32_t *done)
{
    char piece[PIECE];
    status_t status = OK;
    uint32_t count = 0, got = 0;
    for (*done = 0; status == OK && got == count && *done < length;) {
        user_t here = {buffer.address + *done};
        uint64_t there = at + *done;
        count = got = length - *done < PIECE ? length - *done : PIECE;
        if (in)
            status = user_read(piece, here, count);
        if (status == OK && space)
            status = in ? space_copy_in(space, (uint32_t)there, piece, count, &got)
                        : space_copy_out(space, (uint32_t)there, piece, count, &got);
        else if (status == OK)
            status = in ? vmo_copy_in(vmo, there, piece, count, own_use())
                        : vmo_copy_out(vmo, there, piece, count);
        if (status == OK && !in)
            status = user_write(here, piece, got);
        if (status == OK)
            *done += got;
    }
    return status;
}

static status_t move_space(bool in, handle_t handle, uint32_t address, user_t buffer,
                           uint32_t length, user_t done_at)
{
    uint32_t done = 0;
    struct space *space;
    status_t status = get_space(handle, in ? RIGHT_WRITE : RIGHT_READ, &space);
    if (status == OK)
        status = move(in, space, NULL, address, buffer, length, &done);
    if (status == ERR_SHOULD_WAIT || (status != OK && done == 0))
        return status;
    return user_write(done_at, &done, sizeof done);
}

status_t call_space_read(handle_t handle, uint32_t address, user_t buffer, uint32_t length,
                         user_t done)
{
    return move_space(false, handle, address, buffer, length, done);
}

status_t call_space_write(handle_t handle, uint32_t address, user_t buffer, uint32_t length,
                          user_t done)
{
    return move_space(true, handle, address, buffer, length, done);
}

status_t call_space_load(handle_t handle, handle_t image, uint32_t base, uint32_t flags,
                         user_t result_at)
{
    struct load_result result;
    struct space *space;
    struct vmo *vmo;
    status_t status = get_space(handle, RIGHT_MAP, &space);
    if (status == OK)
        status = get_vmo(image, RIGHT_READ | RIGHT_EXECUTE, &vmo);
    if (status == OK)
        status = user_check(result_at, sizeof result);
    if (status == OK)
        status = space_load_image(space, vmo, base, flags, &result);
    if (status != OK && current->page_need.vmo != NULL)
        status = ERR_SHOULD_WAIT; /* and not a bad image */
    return status == OK ? user_write(result_at, &result, sizeof result) : status;
}

status_t call_space_object(handle_t handle, uint32_t address, user_t id_at, user_t offset_at)
{
    struct space *space;
    status_t status = get_space(handle, RIGHT_READ, &space);
    struct mapping *mapping = status == OK ? space_mapping_at(space, address) : NULL;
    if (mapping == NULL)
        return status == OK ? ERR_BAD_ADDRESS : status;
    /* Private memory is named by its space: it is nobody else's, whatever it came from. */
    bool shared = mapping_is_shared(mapping);
    uint32_t id = shared ? mapping->vmo->object.id : space->object.id;
    uint64_t offset = address;
    if (shared)
        offset = (uint64_t)mapping->vmo_index * PAGE_SIZE + (address - mapping->start);
    status = user_write(id_at, &id, sizeof id);
    return status == OK ? user_write(offset_at, &offset, sizeof offset) : status;
}

status_t call_space_pages(handle_t handle, user_t mapped_at, user_t resident_at)
{
    uint32_t mapped = 0, resident = 0;
    struct space *space;
    status_t status = get_space(handle, RIGHT_READ, &space);
    if (status != OK)
        return status;
    for (uint32_t i = 0; i < space->count; i++) {
        const struct mapping *mapping = space->mappings[i];
        uint32_t pages = (mapping->end - mapping->start) / PAGE_SIZE;
        mapped += pages;
        resident += own_pages(mapping);
        if (mapping->vmo != NULL)
            resident += pagemap_count(&mapping->vmo->pages, mapping->vmo_index, pages);
    }
    status = user_write(mapped_at, &mapped, sizeof mapped);
    return status == OK ? user_write(resident_at, &resident, sizeof resident) : status;
}

static uint8_t page_state(struct space *space, uint32_t address)
{
    const struct mapping *mapping = space_mapping_at(space, address);
    uint8_t state = 0;
    if (mapping == NULL)
        return 0;
    uint32_t page = (address - mapping->start) / PAGE_SIZE;
    const struct page *own = mapping_own_page(mapping, page);
    if (own != NULL)
        state |= own->references > 2 ? PAGE_OWN | PAGE_COMMON : PAGE_OWN;
    if (mapping->vmo != NULL &&
        (pagemap_get(&mapping->vmo->pages, mapping->vmo_index + page) != NULL ||
         pager_lacks(mapping->vmo, mapping->vmo_index + page)))
        state |= PAGE_OBJECT;
    return state;
}

status_t call_space_present(handle_t handle, uint32_t address, user_t states, uint32_t pages)
{
    uint8_t piece[PIECE];
    struct space *space;
    status_t status = get_space(handle, RIGHT_READ, &space);
    if (status != OK)
        return status;
    if ((address & PAGE_MASK) || pages > PRESENT_MAX || address > UINT32_MAX - pages * PAGE_SIZE)
        return ERR_INVALID_ARGUMENT;
    for (uint32_t done = 0; done < pages;) {
        uint32_t count = pages - done < PIECE ? pages - done : PIECE;
        for (uint32_t i = 0; i < count; i++)
            piece[i] = page_state(space, address + (done + i) * PAGE_SIZE);
        status = user_write((user_t){states.address + done}, piece, count);
        if (status != OK)
            return status;
        done += count;
    }
    return OK;
}

/* ---- memory objects ---------------------------------------------------------------------------------- */

status_t call_vmo_create(uint32_t flags, uint64_t size, user_t result)
{
    struct vmo *vmo;
    if ((flags & VMO_CONTIGUOUS) && !(current->process->privileges.flags & PRIVILEGE_DMA))
        return ERR_ACCESS_DENIED;
    status_t status = vmo_new(flags, size, current->process, &vmo);
    /* Files' pages lie everywhere: some go, until there is a run. */
    while (status == ERR_NO_MEMORY && (flags & VMO_CONTIGUOUS) && pager_reclaim(512) > 0)
        status = vmo_new(flags, size, current->process, &vmo);
    if (status == OK && (flags & VMO_CONTIGUOUS)) {
        status = vmo_note_dma(vmo, current->process->name);
        if (status != OK)
            object_release(&vmo->object);
    }
    return status == OK ? handle_return(&vmo->object, RIGHT_ALL, result) : status;
}

status_t call_vmo_clone(handle_t handle, uint64_t offset, uint64_t length, user_t result)
{
    struct vmo *vmo, *clone;
    status_t status = get_vmo(handle, RIGHT_READ, &vmo);
    if (status == OK)
        status = vmo_new_clone(vmo, offset, length, current->process, &clone);
    return status == OK ? handle_return(&clone->object, RIGHT_ALL, result) : status;
}

static status_t move_vmo(bool in, handle_t handle, uint64_t offset, user_t buffer, uint32_t length)
{
    uint32_t done;
    struct vmo *vmo;
    status_t status = get_vmo(handle, in ? RIGHT_WRITE : RIGHT_READ, &vmo);
    if (status == OK && (offset > vmo->size || length > vmo->size - offset))
        status = ERR_OUT_OF_RANGE;
    return status == OK ? move(in, NULL, vmo, offset, buffer, length, &done) : status;
}

status_t call_vmo_read(handle_t handle, uint64_t offset, user_t buffer, uint32_t length)
{
    return move_vmo(false, handle, offset, buffer, length);
}

status_t call_vmo_write(handle_t handle, uint64_t offset, user_t buffer, uint32_t length)
{
    return move_vmo(true, handle, offset, buffer, length);
}

status_t call_vmo_set_size(handle_t handle, uint64_t size)
{
    struct vmo *vmo;
    status_t status = get_vmo(handle, RIGHT_MANAGE, &vmo);
    return status == OK ? vmo_resize(vmo, size) : status;
}

status_t call_vmo_info(handle_t handle, user_t result)
{
    struct vmo *vmo;
    status_t status = get_vmo(handle, 0, &vmo);
    if (status != OK)
        return status;
    bool dma = current->process->privileges.flags & PRIVILEGE_DMA;
    struct vmo_info info = {.size_low = (uint32_t)vmo->size,
                            .size_high = (uint32_t)(vmo->size >> 32),
                            .committed = vmo->pages.committed,
                            .flags = vmo->flags & (VMO_CONTIGUOUS | VMO_CONTENT),
                            .physical = dma ? vmo->physical : 0,
                            .id = vmo->object.id,
                            .writers = vmo_writers(vmo),
                            .paged = vmo->pager != NULL};
    if (vmo->pager != NULL) {
        info.dirty = vmo->pager->dirty;
        info.dirty_first = vmo->pager->dirty_first;
        info.dirty_end = vmo->pager->dirty_end;
    }
    return user_write(result, &info, sizeof info);
}

status_t call_vmo_discard(handle_t handle, uint64_t offset, uint64_t length)
{
    struct vmo *vmo;
    status_t status = get_vmo(handle, RIGHT_WRITE, &vmo);
    if (status == OK && vmo->pager != NULL && vmo->object.owner != current->process)
        return ERR_NOT_SUPPORTED;
    return status == OK ? vmo_drop(vmo, offset, length) : status;
}

/* ---- pages of several ------------------------------------------------------------------------------ */

/* Pages of a space or an object, until there is none: they are shared with the VMO, or as far as they are. */
static status_t for_pages(bool share, handle_t handle, uint32_t first, handle_t from,
                          uint32_t from_first, uint32_t count, user_t done_at)
{
    uint32_t done = 0;
    struct object *source;
    struct vmo *vmo;
    status_t status = get_vmo(handle, share ? RIGHT_WRITE : RIGHT_READ, &vmo);
    if (status == OK)
        status = handle_get(current->process, from, OBJECT_NONE, RIGHT_READ, &source);
    if (status == OK && source->type != OBJECT_SPACE && source->type != OBJECT_VMO)
        status = ERR_WRONG_TYPE;
    if (status == OK && (first > vmo->size / PAGE_SIZE || count > vmo->size / PAGE_SIZE - first))
        status = ERR_OUT_OF_RANGE;
    if (status == OK && !vmo_is_plain(vmo))
        status = ERR_NOT_SUPPORTED;
    if (status != OK)
        return status;
    for (; status == OK && done < count; done += status == OK) {
        uint32_t index = from_first + done;
        struct page *page = source->type == OBJECT_VMO
                                ? vmo_common_page(vmo_from_object(source), index, share)
                                : space_common_page(space_from_object(source), index, share);
        if (page == NULL || (!share && page != pagemap_get(&vmo->pages, first + done)))
            break;
        if (share)
            status = vmo_put_page(vmo, first + done, page);
    }
    return status == OK || done > 0 ? user_write(done_at, &done, sizeof done) : status;
}

status_t call_vmo_share(handle_t handle, uint32_t first, handle_t from, uint32_t from_first,
                        uint32_t count, user_t done)
{
    return for_pages(true, handle, first, from, from_first, count, done);
}

status_t call_vmo_shared(handle_t handle, uint32_t first, handle_t from, uint32_t from_first,
                         uint32_t count, user_t done)
{
    return for_pages(false, handle, first, from, from_first, count, done);
}

/* ---- paged objects --------------------------------------------------------------------------------- */

status_t call_port_paged_vmo(handle_t handle, uint32_t key, uint64_t size, user_t result)
{
    struct object *port;
    struct vmo *vmo;
    status_t status = port_get_receiver(handle, &port);
    if (status == OK)
        status = pager_new_vmo(port, key, size, current->process, &vmo);
    return status == OK ? handle_return(&vmo->object, RIGHT_ALL, result) : status;
}

static status_t get_paged(handle_t handle, struct vmo **vmo)
{
    status_t status = get_vmo(handle, RIGHT_MANAGE, vmo);
    return status == OK && (*vmo)->pager == NULL ? ERR_WRONG_TYPE : status;
}

status_t call_vmo_supply(handle_t handle, uint64_t offset, user_t buffer, uint32_t length)
{
    struct vmo *vmo;
    status_t status = get_paged(handle, &vmo);
    if (status == OK && (offset & PAGE_MASK))
        status = ERR_INVALID_ARGUMENT;
    if (status == OK &&
        (offset > vmo->size || length > ((vmo->size + PAGE_MASK) & ~(uint64_t)PAGE_MASK) - offset))
        status = ERR_OUT_OF_RANGE;
    for (uint32_t done = 0; status == OK && done < length; done += PAGE_SIZE) {
        pager_relieve();
        status = pager_supply(vmo, (uint32_t)((offset + done) / PAGE_SIZE),
                              (user_t){buffer.address + done}, length - done);
    }
    return status;
}

status_t call_vmo_answer(handle_t handle, uint32_t first, uint32_t count, uint32_t answer)
{
    struct vmo *vmo;
    status_t status = get_paged(handle, &vmo);
    if (status == OK)
        pager_answer(vmo, first, count, (status_t)answer);
    return status;
}

status_t call_vmo_take_dirty(handle_t handle, uint32_t first, user_t bits, uint32_t length)
{
    struct vmo *vmo;
    status_t status = get_paged(handle, &vmo);
    if (status == OK && (length > DIRTY_BYTES_MAX || first > PAGEMAP_LIMIT - 8 * length))
        status = ERR_OUT_OF_RANGE;
    for (uint32_t done = 0; status == OK && done < length; done++) {
        uint8_t byte = 0;
        /* Written first, so that no page is taken that nobody hears of. */
        status = user_write((user_t){bits.address + done}, &byte, 1);
        for (uint32_t i = 0; status == OK && i < 8; i++)
            byte |= (uint8_t)(pager_take(vmo, first + done * 8 + i) << i);
        if (status == OK && byte != 0)
            status = user_write((user_t){bits.address + done}, &byte, 1);
    }
    return status;
}

status_t call_vmo_written(handle_t handle, uint32_t first, uint32_t count, uint32_t done)
{
    struct vmo *vmo;
    status_t status = get_paged(handle, &vmo);
    if (status == OK && (first > PAGEMAP_LIMIT || count > PAGEMAP_LIMIT - first))
        status = ERR_OUT_OF_RANGE;
    if (status == OK)
        pager_written(vmo, first, count, done != 0);
    return status;
}

status_t call_dma_settle(uint32_t reserved)
{
    (void)reserved;
    if (!(current->process->privileges.flags & PRIVILEGE_DMA))
        return ERR_ACCESS_DENIED;
    vmo_settle_dma(current->process->name);
    return OK;
}

static bool holds_ram(uint32_t first, uint32_t end)
{
    end = end < frame_limit() ? end : frame_limit();
    for (; first < end; first++)
        if (frame_of(first * PAGE_SIZE) != NULL)
            return true;
    return false;
}

status_t call_vmo_create_physical(uint32_t address, uint32_t length, user_t result)
{
    const struct privileges *privileges = &current->process->privileges;
    struct vmo *vmo;
    if (((address | length) & PAGE_MASK) || length == 0 || length > 0u - address)
        return ERR_INVALID_ARGUMENT;
    uint32_t first = address / PAGE_SIZE, count = length / PAGE_SIZE;
    /*
     * RAM is nobody's device: whoever could map it could change the kernel. Who was given a range
     * by name may also look at what firmware left below 1 MiB, where the kernel keeps nothing.
     */
    bool named = privilege_range(privileges->physical, first, count);
    uint32_t checked = named && first < FIRMWARE_FRAMES ? FIRMWARE_FRAMES : first;
    if (!(named || (privileges->flags & PRIVILEGE_PCI)) || holds_ram(checked, first + count))
        return ERR_ACCESS_DENIED;
    status_t status = vmo_new_physical(address, length, current->process, &vmo);
    return status == OK ? handle_return(&vmo->object, RIGHT_ALL, result) : status;
}
