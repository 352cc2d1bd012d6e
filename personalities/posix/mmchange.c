/* SPDX-License-Identifier: MIT */
/* What is mapped already: moved and grown, given back, made durable. */
#include "calls.h"
#include "mm.h"
#include "mmlimit.h"
#include "task.h"

/* ---- mremap -------------------------------------------------------------------------------------- */

static uint64_t offset_of(const struct mapping_info *info)
{
    return info->offset_low | (uint64_t)info->offset_high << 32;
}

/* Maps what continues `info` at address. Lock held. */
static status_t map_continuation(const struct mapping_info *info, uint32_t old_end,
                                 uint32_t address, uint32_t length)
{
    struct map_request map = {.address = address,
                              .length = length,
                              .prot = info->prot,
                              .flags = MAP_FLAG_FIXED | MAP_FLAG_NOREPLACE |
                                       (info->flags & MAP_FLAG_SHARED),
                              .tag = info->tag};
    if (info->vmo_id != 0 && info->vmo_id != mm_own()->restored_from) {
        uint64_t offset = offset_of(info) + (old_end - info->address);
        map.vmo = inode_vmo_by_id(info->vmo_id);
        if (map.vmo == HANDLE_NONE)
            return ERR_NO_MEMORY;
        map.offset_low = (uint32_t)offset;
        map.offset_high = (uint32_t)(offset >> 32);
    }
    return space_map(mm_own()->space, &map);
}

/* A free range for length bytes, found by mapping and unmapping it. Lock held. */
static uint32_t find_place(uint32_t length)
{
    struct map_request map = {
        .length = length, .prot = PROT_R, .flags = MAP_FLAG_TOPDOWN, .limit = MMAP_TOP};
    if (space_map(mm_own()->space, &map) != OK ||
        space_unmap(mm_own()->space, map.address, length) != OK)
        return 0;
    return map.address;
}

/* Moves [address, +old) to `to` and lets it grow to `new` bytes there. Lock held. */
static int32_t move_mapping(const struct mapping_info *info, uint32_t address, uint32_t old,
                            uint32_t new, uint32_t to)
{
    if (new > old) {
        status_t status = map_continuation(info, address + old, to + old, new - old);
        if (status != OK)
            return -ENOMEM;
    }
    uint32_t moved = MIN(old, new);
    bool locked = mm_is_locked(mm_own(), address, address + old);
    if (space_move(mm_own()->space, address, moved, to) != OK) {
        if (new > old)
            ignore(space_unmap(mm_own()->space, to + old, new - old));
        return -ENOMEM;
    }
    if (new < old)
        ignore(space_unmap(mm_own()->space, address + new, old - new));
    mm_unmapped(mm_own(), address, address + old);
    mm_mapped(mm_own(), to, to + new, locked);
    return (int32_t)to;
}

static int32_t remap(uint32_t address, uint32_t old, uint32_t new, uint32_t flags, uint32_t wanted)
{
    struct mapping_info info;
    if (space_query(mm_own()->space, address, &info) != OK || !mm_range_mapped(address, old))
        return -EFAULT;
    if (flags & MREMAP_FIXED) {
        if (!mm_range_valid(wanted, new) || (wanted < address + old && address < wanted + new))
            return -EINVAL;
        ignore(space_unmap(mm_own()->space, wanted, new));
        return move_mapping(&info, address, old, new, wanted);
    }
    if (new <= old) {
        if (new < old) {
            ignore(space_unmap(mm_own()->space, address + new, old - new));
            mm_unmapped(mm_own(), address + new, address + old);
        }
        return (int32_t)address;
    }
    bool locked = mm_is_locked(mm_own(), address, address + old);
    int error = mm_may_map(self()->process, new - old, 0,
                           (info.prot & PROT_W) && !(info.flags & MAP_FLAG_SHARED), locked);
    if (error < 0)
        return error;
    if (mm_range_valid(address, new) && !mm_range_taken(address + old, new - old) &&
        map_continuation(&info, address + old, address + old, new - old) == OK) {
        mm_mapped(mm_own(), address + old, address + new, locked);
        return (int32_t)address;
    }
    if (!(flags & MREMAP_MAYMOVE))
        return -ENOMEM;
    uint32_t to = find_place(new);
    return to ? move_mapping(&info, address, old, new, to) : -ENOMEM;
}

int32_t sys_mremap(user_t address, uint32_t old, uint32_t new, uint32_t flags, user_t wanted)
{
    if ((flags & ~(uint32_t)(MREMAP_MAYMOVE | MREMAP_FIXED)) || (address.address & PAGE_MASK) ||
        new == 0 || new > GUEST_LIMIT || old > GUEST_LIMIT || old == 0 ||
        ((flags & MREMAP_FIXED) && !(flags & MREMAP_MAYMOVE)))
        return -EINVAL;
    if (!mm_range_valid(address.address, mm_page_up(old)))
        return -EFAULT;
    server_lock();
    int32_t result =
        remap(address.address, mm_page_up(old), mm_page_up(new), flags, wanted.address);
    server_unlock();
    return result;
}

/* ---- advice -------------------------------------------------------------------------------------- */

/* Memory as a snapshot had it does not come again, as a file's content does: it is zero from now on. Lock held. */
static status_t forget_restored(uint32_t address, uint32_t end)
{
    uint32_t restored_from = mm_own()->restored_from;
    struct mapping_info info;
    status_t status = OK;
    while (restored_from != 0 && status == OK && address < end &&
           space_query(mm_own()->space, address, &info) == OK && info.address < end) {
        uint32_t start = MAX(info.address, address);
        address = info.address + info.length;
        struct map_request map = {.address = start,
                                  .length = MIN(address, end) - start,
                                  .prot = info.prot,
                                  .flags = info.flags | MAP_FLAG_FIXED,
                                  .tag = info.tag};
        if (info.vmo_id == restored_from)
            status = space_map(mm_own()->space, &map);
    }
    return status;
}

/* Lock held. */
static int32_t discard(uint32_t address, uint32_t length)
{
    if (mm_is_locked(mm_own(), address, address + length))
        return -EINVAL;
    status_t status = space_discard(mm_own()->space, address, length);
    return errno_of(status == OK ? forget_restored(address, address + length) : status);
}

int32_t sys_madvise(user_t address, uint32_t length, uint32_t advice)
{
    if (!mm_range_valid(address.address, mm_page_up(MIN(length, GUEST_LIMIT))) ||
        length > GUEST_LIMIT)
        return -EINVAL;
    length = mm_page_up(length);
    switch (advice) {
    case MADV_DONTNEED:
    case MADV_FREE:
        if (length == 0)
            return 0;
        if (!mm_range_mapped(address.address, length))
            return -ENOMEM;
        server_lock();
        int32_t result = discard(address.address, length);
        server_unlock();
        return result;
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_DONTFORK:
    case MADV_DOFORK:
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
    case MADV_COLD:
        return length == 0 || mm_range_mapped(address.address, length) ? 0 : -ENOMEM;
    }
    return -EINVAL;
}

/* Makes the files durable that are mapped shared in [address, end). */
static int sync_mapped(uint32_t address, uint32_t end)
{
    struct mapping_info info;
    int result = 0;
    while (result == 0 && address < end && space_query(mm_own()->space, address, &info) == OK &&
           info.address < end) {
        if (info.vmo_id != 0 && (info.flags & MAP_FLAG_SHARED))
            result = inode_sync(info.vmo_id);
        address = info.address + info.length;
    }
    return result;
}

int32_t sys_msync(user_t address, uint32_t length, uint32_t flags)
{
    if ((flags & ~(uint32_t)(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) ||
        (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
        return -EINVAL;
    if (length > GUEST_LIMIT || !mm_range_valid(address.address, mm_page_up(length)))
        return address.address & PAGE_MASK ? -EINVAL : -ENOMEM;
    if (!mm_range_mapped(address.address, mm_page_up(length)))
        return -ENOMEM;
    server_lock();
    bool locked = (flags & MS_INVALIDATE) &&
                  mm_is_locked(mm_own(), address.address, address.address + mm_page_up(length));
    server_unlock();
    if (locked)
        return -EBUSY;
    return flags & MS_SYNC ? sync_mapped(address.address, address.address + mm_page_up(length)) : 0;
}
