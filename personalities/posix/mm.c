/* SPDX-License-Identifier: MIT */
/*
 * Guest memory: address spaces, the break, mmap. (mremap and advice: mmchange.c.)
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

uint32_t limit_of(struct process *process, uint32_t resource)
{
    return (uint32_t)MIN(process->limits[resource].current, UINT32_MAX);
}

bool mm_range_taken(uint32_t address, uint32_t length)
{
    struct mapping_info info;
    return space_query(mm_own()->space, address, &info) == OK && info.address < address + length;
}

bool mm_range_mapped(uint32_t address, uint32_t length)
{
    struct mapping_info info;
    uint32_t end = address + length;
    while (address < end) {
        if (space_query(mm_own()->space, address, &info) != OK || info.address > address)
            return false;
        address = info.address + info.length;
    }
    return true;
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
    struct mm *mm = mm_own();
    uint32_t address = wanted.address;
    server_lock();
    uint32_t old_end = mm_page_up(mm->brk_end), new_end = mm_page_up(address);
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
    if (hint >= MMAP_BOTTOM && mm_range_valid(hint, map->length) &&
        !mm_range_taken(hint, map->length)) {
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
                              .length = mm_page_up(request->length),
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
    status_t status = space_map(mm_own()->space, &map);
    if (status == ERR_ALREADY_EXISTS && !(request->flags & MAP_FIXED_NOREPLACE)) {
        map.flags =
            (map.flags & ~(uint32_t)(MAP_FLAG_FIXED | MAP_FLAG_NOREPLACE)) | MAP_FLAG_TOPDOWN;
        map.limit = MMAP_TOP;
        status = space_map(mm_own()->space, &map);
    }
    if (status == OK)
        mm_mapped(mm_own(), map.address, map.address + map.length, locked);
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
        status_t status = vmo_create(0, mm_page_up(request->length), &vmo);
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
    if (fixed && !mm_range_valid(request.address, mm_page_up(request.length)))
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
    return space_query(mm_own()->space, start, &info) == OK && info.address < start &&
           info.address + info.length > end;
}

int32_t sys_munmap(user_t address, uint32_t length)
{
    if (length == 0 || length > GUEST_LIMIT || !mm_range_valid(address.address, mm_page_up(length)))
        return -EINVAL;
    uint32_t start = address.address, end = start + mm_page_up(length);
    server_lock();
    int result = is_inside(start, end) && !mm_may_split(mm_own())
                     ? -ENOMEM
                     : errno_of(space_unmap(mm_own()->space, start, end - start));
    if (result == 0)
        mm_unmapped(mm_own(), start, end);
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
    if (length > GUEST_LIMIT || !mm_range_valid(address.address, mm_page_up(length)) ||
        address.address < USER_BASE)
        return -ENOMEM;
    status_t status =
        space_protect(mm_own()->space, address.address, mm_page_up(length), kernel_prot(prot));
    return status == ERR_ACCESS_DENIED ? -EACCES : errno_of(status);
}
