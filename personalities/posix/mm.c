/* SPDX-License-Identifier: MIT */
/*
 * Guest memory: address spaces, the break, mmap and its relatives.
 *
 *   0x00001000            programs, heap after them (brk grows up)
 *   ... MMAP_TOP          mappings, the highest free range first
 *   STACK_TOP             the stack's end; 8 MiB below it are the stack's
 *   VDSO_ADDRESS          one page that never changes: the system call entry and sigreturn
 */
#include <ipc/call.h>
#include <string.h>

#include "aio.h"
#include "calls.h"
#include "file.h"
#include "mm.h"
#include "mmlimit.h"
#include "task.h"

#define NAMES_MAX   1024
#define MMAP_BOTTOM 0x10000u

static uint32_t page_up(uint32_t value)
{
    return (value + PAGE_MASK) & ~PAGE_MASK;
}

/* ---- the vDSO page ----------------------------------------------------------------------------- */

static const uint8_t vdso_code[] = {
    /* 0x00 __kernel_vsyscall */ 0xcd,
    0x80,
    0xc3,
    0x90,
    0x90,
    0x90,
    0x90,
    0x90,
    0x90,
    0x90,
    0x90,
    0x90,
    0x90,
    0x90,
    0x90,
    0x90,
    /* 0x10 __kernel_sigreturn */ 0x58,
    0xb8,
    0x77,
    0,
    0,
    0,
    0xcd,
    0x80,
    0x90,
    0x90,
    0x90,
    0x90,
    0x90,
    0x90,
    0x90,
    0x90,
    /* 0x20 __kernel_rt_sigreturn */ 0xb8,
    0xad,
    0,
    0,
    0,
    0xcd,
    0x80,
};
uint32_t vdso_syscall = VDSO_ADDRESS, vdso_sigreturn = VDSO_ADDRESS + 0x10,
         vdso_rt_sigreturn = VDSO_ADDRESS + 0x20;
static handle_t vdso_vmo;

int mm_init_vdso(void)
{
    status_t status = vmo_create(0, PAGE_SIZE, &vdso_vmo);
    if (status == OK)
        status = vmo_write(vdso_vmo, 0, vdso_code, sizeof vdso_code);
    return errno_of(status);
}

int mm_map_vdso(struct mm *mm)
{
    struct map_request request = {.vmo = vdso_vmo,
                                  .address = VDSO_ADDRESS,
                                  .length = PAGE_SIZE,
                                  .prot = PROT_R | PROT_X,
                                  .flags = MAP_FLAG_FIXED,
                                  .tag = TAG_VDSO};
    return errno_of(space_map(mm->space, &request));
}

/* ---- names of mappings --------------------------------------------------------------------------- */

static char *names[NAMES_MAX];
static uint32_t name_count;

/* Lock held. The names stay for ever; there are only as many as files that were ever mapped. */
uint32_t mapping_tag(const char *path)
{
    if (!path)
        return TAG_NONE;
    for (uint32_t i = 0; i < name_count; i++) {
        if (strcmp(names[i], path) == 0)
            return TAG_FIRST_NAME + i;
    }
    if (name_count == NAMES_MAX || !(names[name_count] = text_copy(path)))
        return TAG_NONE;
    return TAG_FIRST_NAME + name_count++;
}

static const char *const fixed[] = {"", "[heap]", "[stack]", "[vdso]"};

uint32_t mapping_tag_named(const char *name)
{
    for (uint32_t tag = TAG_HEAP; tag < TAG_FIRST_NAME; tag++)
        if (strcmp(name, fixed[tag]) == 0)
            return tag;
    return *name ? mapping_tag(name) : TAG_NONE;
}

const char *mapping_name(uint32_t tag)
{
    if (tag < TAG_FIRST_NAME)
        return fixed[tag];
    return tag - TAG_FIRST_NAME < name_count ? names[tag - TAG_FIRST_NAME] : "";
}

/* ---- address spaces ------------------------------------------------------------------------------ */

int mm_new(struct mm **result)
{
    struct mm *mm = allocate(sizeof *mm);
    if (!mm)
        return -ENOMEM;
    mm->references = 1;
    list_init(&mm->locked);
    list_init(&mm->aio);
    status_t status = space_create(&mm->space);
    if (status != OK) {
        release(mm);
        return errno_of(status);
    }
    *result = mm;
    return 0;
}

int mm_clone(struct mm *mm, struct mm **result)
{
    struct mm *clone = allocate(sizeof *clone);
    if (!clone)
        return -ENOMEM;
    *clone = *mm;
    clone->references = 1;
    list_init(&clone->locked); /* neither locks nor contexts are inherited */
    clone->lock_all = false;
    list_init(&clone->aio);
    clone->exe = mm->exe ? text_copy(mm->exe) : NULL;
    clone->program = mm->program ? handle_copy(mm->program) : HANDLE_NONE;
    if (ldt_clone(clone) < 0 || space_clone(mm->space, &clone->space) != OK) {
        release(clone->ldt);
        close_handle(clone->program);
        release(clone->exe);
        release(clone);
        return -ENOMEM;
    }
    *result = clone;
    return 0;
}

void mm_release(struct mm *mm)
{
    if (!mm || --mm->references != 0)
        return;
    mm_forget_locks(mm);
    aio_forget(mm);
    close_handle(mm->space);
    close_handle(mm->program);
    release(mm->ldt);
    release(mm->exe);
    release(mm);
}

static struct mm *own_mm(void)
{
    return self()->process->mm;
}

static handle_t own_space(void)
{
    return own_mm()->space;
}

uint32_t limit_of(struct process *process, uint32_t resource)
{
    return (uint32_t)MIN(process->limits[resource].current, UINT32_MAX);
}

/* Whether anything is mapped in [address, address + length). */
static bool range_taken(uint32_t address, uint32_t length)
{
    struct mapping_info info;
    return space_query(own_space(), address, &info) == OK && info.address < address + length;
}

/* Whether all of [address, address + length) is mapped. */
static bool range_mapped(uint32_t address, uint32_t length)
{
    struct mapping_info info;
    uint32_t end = address + length;
    while (address < end) {
        if (space_query(own_space(), address, &info) != OK || info.address > address)
            return false;
        address = info.address + info.length;
    }
    return true;
}

static bool range_valid(uint32_t address, uint32_t length)
{
    return !(address & PAGE_MASK) && length <= GUEST_LIMIT && address <= GUEST_LIMIT - length;
}

/* ---- the break ----------------------------------------------------------------------------------- */

static status_t grow_heap(struct mm *mm, uint32_t from, uint32_t to)
{
    struct map_request request = {.address = from,
                                  .length = to - from,
                                  .prot = PROT_R | PROT_W,
                                  .flags = MAP_FLAG_FIXED | MAP_FLAG_NOREPLACE,
                                  .tag = TAG_HEAP};
    return space_map(mm->space, &request);
}

int32_t sys_brk(user_t wanted)
{
    struct mm *mm = own_mm();
    uint32_t address = wanted.address;
    server_lock();
    uint32_t old_end = page_up(mm->brk_end), new_end = page_up(address);
    bool valid = address >= mm->brk_start && address < GUEST_LIMIT - PAGE_SIZE &&
                 address - mm->brk_start <= limit_of(self()->process, RLIMIT_DATA);
    if (valid && new_end > old_end) {
        valid = mm_may_map(self()->process, new_end - old_end, 0, true, false) == 0 &&
                grow_heap(mm, old_end, new_end) == OK;
        if (valid)
            mm_mapped(mm, old_end, new_end, false);
    } else if (valid && new_end < old_end) {
        valid = space_unmap(mm->space, new_end, old_end - new_end) == OK;
        if (valid)
            mm_unmapped(mm, new_end, old_end);
    }
    if (valid)
        mm->brk_end = address;
    int32_t result = (int32_t)mm->brk_end;
    server_unlock();
    return result;
}

/* ---- mmap ---------------------------------------------------------------------------------------- */

struct mmap_request {
    uint32_t address, length, prot, flags, fd;
    uint64_t offset;
};

static uint32_t kernel_prot(uint32_t prot)
{
    uint32_t result = 0;
    if (prot & (PROT_READ | PROT_WRITE))
        result |= PROT_R; /* a writable page is readable on this processor */
    if (prot & PROT_WRITE)
        result |= PROT_W;
    if (prot & PROT_EXEC)
        result |= PROT_R | PROT_X;
    return result;
}

static void choose_place(const struct mmap_request *request, struct map_request *map)
{
    if (request->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        map->address = request->address;
        map->flags |= MAP_FLAG_FIXED;
        if (request->flags & MAP_FIXED_NOREPLACE)
            map->flags |= MAP_FLAG_NOREPLACE;
        return;
    }
    uint32_t hint = request->address & ~PAGE_MASK;
    if (hint >= MMAP_BOTTOM && range_valid(hint, map->length) && !range_taken(hint, map->length)) {
        map->address = hint;
        map->flags |= MAP_FLAG_FIXED | MAP_FLAG_NOREPLACE;
        return;
    }
    map->flags |= MAP_FLAG_TOPDOWN;
    map->limit = MMAP_TOP;
}

static int32_t map_it(const struct mmap_request *request, handle_t vmo, const char *name)
{
    struct map_request map = {.vmo = vmo,
                              .length = page_up(request->length),
                              .offset_low = (uint32_t)request->offset,
                              .offset_high = (uint32_t)(request->offset >> 32),
                              .prot = kernel_prot(request->prot)};
    if (request->flags & MAP_SHARED)
        map.flags |= MAP_FLAG_SHARED;
    if (request->flags & MAP_GROWSDOWN)
        map.flags |= MAP_FLAG_GROWSDOWN;
    if (request->flags & (MAP_POPULATE | MAP_LOCKED))
        map.flags |= MAP_FLAG_COMMIT;
    bool data = (request->prot & PROT_WRITE) && !(request->flags & MAP_SHARED);
    bool locked = request->flags & MAP_LOCKED;
    server_lock();
    int error = mm_may_map(self()->process, map.length, request->flags & MAP_FIXED ? map.length : 0,
                           data, locked);
    if (error < 0) {
        server_unlock();
        return error;
    }
    map.tag = mapping_tag(name);
    choose_place(request, &map);
    status_t status = space_map(own_space(), &map);
    if (status == ERR_ALREADY_EXISTS && !(request->flags & MAP_FIXED_NOREPLACE)) {
        map.flags =
            (map.flags & ~(uint32_t)(MAP_FLAG_FIXED | MAP_FLAG_NOREPLACE)) | MAP_FLAG_TOPDOWN;
        map.limit = MMAP_TOP;
        status = space_map(own_space(), &map);
    }
    if (status == OK)
        mm_mapped(own_mm(), map.address, map.address + map.length, locked);
    server_unlock();
    if (status == OK)
        return (int32_t)map.address;
    return status == ERR_ALREADY_EXISTS ? -EEXIST : status == ERR_ACCESS_DENIED ? -EACCES : -ENOMEM;
}

/* What is mapped with it does not become writable. */
static int only_reading(handle_t *vmo)
{
    handle_t less;
    status_t status = handle_duplicate(*vmo, RIGHT_MAP | RIGHT_READ | RIGHT_EXECUTE, &less);
    if (status != OK)
        return errno_of(status);
    close_handle(*vmo);
    *vmo = less;
    return 0;
}

/* `writable`: whether a shared one may become so. */
static int32_t map_anonymous(const struct mmap_request *request, bool writable)
{
    struct mmap_request anonymous = *request;
    handle_t vmo = HANDLE_NONE;
    anonymous.offset = 0;
    if (request->flags & MAP_SHARED) {
        status_t status = vmo_create(0, page_up(request->length), &vmo);
        if (status != OK)
            return -ENOMEM;
    }
    int32_t result = vmo && !writable ? only_reading(&vmo) : 0;
    if (result == 0)
        result = map_it(&anonymous, vmo, vmo ? "/dev/zero (deleted)" : NULL);
    close_handle(vmo);
    return result;
}

static int32_t map_file(const struct mmap_request *request)
{
    struct file *file = fd_get(request->fd);
    handle_t vmo = HANDLE_NONE;
    bool shared = request->flags & MAP_SHARED;
    if (!file)
        return -EBADF;
    int32_t result;
    if (file->flags & O_PATH)
        result = -EBADF;
    else if (!file_readable(file) ||
             (shared && (request->prot & PROT_WRITE) && (file->flags & O_ACCMODE) != O_RDWR))
        result = -EACCES;
    else if (file->ops->vmo == NULL)
        result = -ENODEV;
    else
        result = file->ops->vmo(file, kernel_prot(request->prot), shared, &vmo);
    if (result == 0)
        result = vmo ? map_it(request, vmo, file->path)
                     : map_anonymous(request, file_writable(file)); /* /dev/zero has no VMO */
    close_handle(vmo);
    file_release(file);
    return result;
}

#define MAP_FLAGS_KNOWN                                                                      \
    (MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_DENYWRITE | MAP_EXECUTABLE | \
     MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_FIXED_NOREPLACE)

static int32_t do_mmap(const struct mmap_request *given)
{
    struct mmap_request request = *given;
    uint32_t type = request.flags & MAP_TYPE;
    bool fixed = request.flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    if (!(request.flags & MAP_ANONYMOUS) && fd_flag(request.fd, -1) < 0)
        return -EBADF;
    if (type == MAP_SHARED_VALIDATE && (request.flags & ~(uint32_t)MAP_FLAGS_KNOWN))
        return -EOPNOTSUPP;
    if (type == MAP_SHARED_VALIDATE)
        request.flags = (request.flags & ~(uint32_t)MAP_TYPE) | MAP_SHARED;
    else if (type != MAP_SHARED && type != MAP_PRIVATE)
        return -EINVAL;
    if (request.length == 0 || (request.offset & PAGE_MASK))
        return -EINVAL;
    if (request.length > GUEST_LIMIT)
        return -ENOMEM;
    if (fixed && !range_valid(request.address, page_up(request.length)))
        return request.address & PAGE_MASK ? -EINVAL : -ENOMEM;
    if (fixed && request.address < USER_BASE)
        return -EPERM;
    return request.flags & MAP_ANONYMOUS ? map_anonymous(&request, true) : map_file(&request);
}

int32_t sys_mmap2(user_t address, uint32_t length, uint32_t prot, uint32_t flags, uint32_t fd,
                  uint32_t page)
{
    struct mmap_request request = {address.address, length, prot, flags, fd, (uint64_t)page << 12};
    return do_mmap(&request);
}

int32_t sys_old_mmap(user_t arguments)
{
    uint32_t words[6];
    if (copy_in(words, arguments, sizeof words) < 0)
        return -EFAULT;
    struct mmap_request request = {words[0], words[1], words[2], words[3], words[4], words[5]};
    return do_mmap(&request);
}

/* Whether a hole there makes two mappings of one. */
static bool is_inside(uint32_t start, uint32_t end)
{
    struct mapping_info info;
    return space_query(own_space(), start, &info) == OK && info.address < start &&
           info.address + info.length > end;
}

int32_t sys_munmap(user_t address, uint32_t length)
{
    if (length == 0 || length > GUEST_LIMIT || !range_valid(address.address, page_up(length)))
        return -EINVAL;
    uint32_t start = address.address, end = start + page_up(length);
    server_lock();
    int result = is_inside(start, end) && !mm_may_split(own_mm())
                     ? -ENOMEM
                     : errno_of(space_unmap(own_space(), start, end - start));
    if (result == 0)
        mm_unmapped(own_mm(), start, end);
    server_unlock();
    return result;
}

int32_t sys_mprotect(user_t address, uint32_t length, uint32_t prot)
{
    if (address.address & PAGE_MASK)
        return -EINVAL;
    if (prot &
        ~(uint32_t)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP))
        return -EINVAL;
    if (length == 0)
        return 0;
    if (length > GUEST_LIMIT || !range_valid(address.address, page_up(length)) ||
        address.address < USER_BASE)
        return -ENOMEM;
    status_t status =
        space_protect(own_space(), address.address, page_up(length), kernel_prot(prot));
    return status == ERR_ACCESS_DENIED ? -EACCES : errno_of(status);
}

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
    if (info->vmo_id != 0 && info->vmo_id != own_mm()->restored_from) {
        uint64_t offset = offset_of(info) + (old_end - info->address);
        map.vmo = inode_vmo_by_id(info->vmo_id);
        if (map.vmo == HANDLE_NONE)
            return ERR_NO_MEMORY;
        map.offset_low = (uint32_t)offset;
        map.offset_high = (uint32_t)(offset >> 32);
    }
    return space_map(own_space(), &map);
}

/* A free range for length bytes, found by mapping and unmapping it. Lock held. */
static uint32_t find_place(uint32_t length)
{
    struct map_request map = {
        .length = length, .prot = PROT_R, .flags = MAP_FLAG_TOPDOWN, .limit = MMAP_TOP};
    if (space_map(own_space(), &map) != OK || space_unmap(own_space(), map.address, length) != OK)
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
    bool locked = mm_is_locked(own_mm(), address, address + old);
    if (space_move(own_space(), address, moved, to) != OK) {
        if (new > old)
            ignore(space_unmap(own_space(), to + old, new - old));
        return -ENOMEM;
    }
    if (new < old)
        ignore(space_unmap(own_space(), address + new, old - new));
    mm_unmapped(own_mm(), address, address + old);
    mm_mapped(own_mm(), to, to + new, locked);
    return (int32_t)to;
}

static int32_t remap(uint32_t address, uint32_t old, uint32_t new, uint32_t flags, uint32_t wanted)
{
    struct mapping_info info;
    if (space_query(own_space(), address, &info) != OK || !range_mapped(address, old))
        return -EFAULT;
    if (flags & MREMAP_FIXED) {
        if (!range_valid(wanted, new) || (wanted < address + old && address < wanted + new))
            return -EINVAL;
        ignore(space_unmap(own_space(), wanted, new));
        return move_mapping(&info, address, old, new, wanted);
    }
    if (new <= old) {
        if (new < old) {
            ignore(space_unmap(own_space(), address + new, old - new));
            mm_unmapped(own_mm(), address + new, address + old);
        }
        return (int32_t)address;
    }
    bool locked = mm_is_locked(own_mm(), address, address + old);
    int error = mm_may_map(self()->process, new - old, 0,
                           (info.prot & PROT_W) && !(info.flags & MAP_FLAG_SHARED), locked);
    if (error < 0)
        return error;
    if (range_valid(address, new) && !range_taken(address + old, new - old) &&
        map_continuation(&info, address + old, address + old, new - old) == OK) {
        mm_mapped(own_mm(), address + old, address + new, locked);
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
    if (!range_valid(address.address, page_up(old)))
        return -EFAULT;
    server_lock();
    int32_t result = remap(address.address, page_up(old), page_up(new), flags, wanted.address);
    server_unlock();
    return result;
}

/* ---- advice -------------------------------------------------------------------------------------- */

/* Memory as a snapshot had it does not come again, as a file's content does: it is zero from now on. Lock held. */
static status_t forget_restored(uint32_t address, uint32_t end)
{
    uint32_t restored_from = own_mm()->restored_from;
    struct mapping_info info;
    status_t status = OK;
    while (restored_from != 0 && status == OK && address < end &&
           space_query(own_space(), address, &info) == OK && info.address < end) {
        uint32_t start = MAX(info.address, address);
        address = info.address + info.length;
        struct map_request map = {.address = start,
                                  .length = MIN(address, end) - start,
                                  .prot = info.prot,
                                  .flags = info.flags | MAP_FLAG_FIXED,
                                  .tag = info.tag};
        if (info.vmo_id == restored_from)
            status = space_map(own_space(), &map);
    }
    return status;
}

/* Lock held. */
static int32_t discard(uint32_t address, uint32_t length)
{
    if (mm_is_locked(own_mm(), address, address + length))
        return -EINVAL;
    status_t status = space_discard(own_space(), address, length);
    return errno_of(status == OK ? forget_restored(address, address + length) : status);
}

int32_t sys_madvise(user_t address, uint32_t length, uint32_t advice)
{
    if (!range_valid(address.address, page_up(MIN(length, GUEST_LIMIT))) || length > GUEST_LIMIT)
        return -EINVAL;
    length = page_up(length);
    switch (advice) {
    case MADV_DONTNEED:
    case MADV_FREE:
        if (length == 0)
            return 0;
        if (!range_mapped(address.address, length))
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
        return length == 0 || range_mapped(address.address, length) ? 0 : -ENOMEM;
    }
    return -EINVAL;
}

/* Makes the files durable that are mapped shared in [address, end). */
static int sync_mapped(uint32_t address, uint32_t end)
{
    struct mapping_info info;
    int result = 0;
    while (result == 0 && address < end && space_query(own_space(), address, &info) == OK &&
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
    if (length > GUEST_LIMIT || !range_valid(address.address, page_up(length)))
        return address.address & PAGE_MASK ? -EINVAL : -ENOMEM;
    if (!range_mapped(address.address, page_up(length)))
        return -ENOMEM;
    server_lock();
    bool locked = (flags & MS_INVALIDATE) &&
                  mm_is_locked(own_mm(), address.address, address.address + page_up(length));
    server_unlock();
    if (locked)
        return -EBUSY;
    return flags & MS_SYNC ? sync_mapped(address.address, address.address + page_up(length)) : 0;
}
