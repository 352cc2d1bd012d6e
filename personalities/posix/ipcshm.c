/* SPDX-License-Identifier: MIT */
/*
 * System V shared memory. A segment is a VMO; an attachment is a shared mapping of it. Nothing counts
 * attachments: whoever has to know looks at the mappings of all processes, so that fork, exec, munmap
 * and the end of a process need no book-keeping. A removed segment lives while it is mapped anywhere.
 */
#include <linux/shm.h>
#include <stdio.h>
#include <string.h>

#include "calls.h"
#include "ipc.h"
#include "procinfo.h"
#include "snapshot/save.h"
#include "sysctl.h"
#include "task.h"

#define MODE_DEST   01000u /* will go with its last attachment */
#define MODE_LOCKED 02000u

struct segment {
    struct ipc_object object;
    handle_t vmo;
    uint32_t vmo_id, size, last;
    uint64_t attached, detached, changed;
};

static void destroy(struct ipc_object *object)
{
    struct segment *segment = (struct segment *)object;
    close_handle(segment->vmo);
    release(segment);
}
static struct ipc_kind segments = {.destroy = destroy, .next_id = &sysctl.shm_next_id};
static uint32_t total_pages, doomed;

static struct segment *segment_at(uint32_t index)
{
    return (struct segment *)ipc_at(&segments, index);
}

static uint32_t pages_of(uint32_t size)
{
    return (size + PAGE_MASK) / PAGE_SIZE;
}

/* ---- attachments --------------------------------------------------------------------------------------- */

/* Mappings of a segment's beginning in one address space. */
static uint32_t attachments_in(const struct mm *mm, const struct segment *segment)
{
    struct mapping_info info;
    uint32_t at = 0, count = 0;
    while (space_query(mm->space, at, &info) == OK && info.address < GUEST_LIMIT) {
        at = info.address + info.length;
        if (info.vmo_id == segment->vmo_id && info.offset_low == 0)
            count++;
    }
    return count;
}

/* Address spaces that several processes share (vfork, CLONE_VM) count once. */
static bool seen_before(const struct process *process)
{
    if (process->mm->references == 1)
        return false;
    process_each(other, bucket)
    {
        if (other == process)
            return false;
        if (other->mm == process->mm)
            return true;
    }
    return false;
}

static uint32_t attachments(const struct segment *segment)
{
    uint32_t count = 0;
    process_each(process, bucket)
    {
        if (process->mm && !seen_before(process))
            count += attachments_in(process->mm, segment);
    }
    return count;
}

static void remove_segment(struct segment *segment)
{
    if (segment->object.mode & MODE_DEST)
        doomed--;
    total_pages -= pages_of(segment->size);
    ipc_remove(&segments, &segment->object);
}

void shm_reap(void)
{
    for (uint32_t i = 0; doomed > 0 && i < segments.capacity; i++) {
        struct segment *segment = segment_at(i);
        if (segment && (segment->object.mode & MODE_DEST) && attachments(segment) == 0)
            remove_segment(segment);
    }
}

/* ---- shmget ------------------------------------------------------------------------------------------------ */

static int32_t create(int32_t key, uint32_t size, uint32_t flags)
{
    struct vmo_info info;
    if (size == 0 || size > sysctl.shm_max || (flags & SHM_HUGETLB))
        return -EINVAL;
    if (total_pages + pages_of(size) > sysctl.shm_all)
        return -ENOSPC;
    struct segment *segment = allocate(sizeof *segment);
    if (!segment)
        return -ENOMEM;
    int32_t id = -ENOMEM;
    if (vmo_create(0, pages_of(size) * PAGE_SIZE, &segment->vmo) == OK &&
        vmo_info(segment->vmo, &info) == OK)
        id = ipc_add(&segments, &segment->object, key, flags, sysctl.shm_mni);
    if (id < 0) {
        destroy(&segment->object);
        return id;
    }
    segment->vmo_id = info.id;
    segment->size = size;
    segment->changed = ipc_time();
    total_pages += pages_of(size);
    return id;
}

int32_t sys_shmget(int32_t key, uint32_t size, uint32_t flags)
{
    int32_t result;
    server_lock();
    shm_reap();
    struct segment *segment = (struct segment *)ipc_get(&segments, key, flags, &result);
    if (segment)
        result = size > segment->size ? -EINVAL : (int32_t)segment->object.id;
    else if (result == 0)
        result = create(key, size, flags);
    server_unlock();
    return result;
}

/* ---- shmat, shmdt ---------------------------------------------------------------------------------------- */

static int32_t map_segment(struct segment *segment, uint32_t address, uint32_t flags)
{
    struct map_request map = {.vmo = segment->vmo,
                              .length = pages_of(segment->size) * PAGE_SIZE,
                              .prot = PROT_R | (flags & SHM_RDONLY ? 0 : PROT_W) |
                                      (flags & SHM_EXEC ? PROT_X : 0),
                              .flags = MAP_FLAG_SHARED};
    char name[32];
    snprintf(name, sizeof name, "/SYSV%08x (deleted)", (unsigned)segment->object.key);
    map.tag = mapping_tag(name);
    if (address == 0) {
        map.flags |= MAP_FLAG_TOPDOWN;
        map.limit = MMAP_TOP;
    } else {
        map.address = address;
        map.flags |= MAP_FLAG_FIXED | (flags & SHM_REMAP ? 0 : MAP_FLAG_NOREPLACE);
    }
    status_t status = space_map(self()->process->mm->space, &map);
    if (status == OK)
        return (int32_t)map.address;
    return status == ERR_NO_MEMORY && address == 0 ? -ENOMEM : -EINVAL;
}

int32_t sys_shmat(int32_t id, user_t where, uint32_t flags)
{
    uint32_t address = where.address;
    if (id < 0 || (address == 0 && (flags & SHM_REMAP)))
        return -EINVAL;
    if (address & PAGE_MASK) {
        if (!(flags & SHM_RND))
            return -EINVAL;
        address &= ~PAGE_MASK;
        if (address == 0)
            return -EINVAL;
    }
    server_lock();
    struct segment *segment = (struct segment *)ipc_find(&segments, (uint32_t)id);
    uint32_t wanted = 4 | (flags & SHM_RDONLY ? 0 : 2) | (flags & SHM_EXEC ? 1 : 0);
    int32_t result = segment ? ipc_check(&segment->object, wanted) : -EINVAL;
    if (result == 0)
        result = map_segment(segment, address, flags);
    if (result > 0 || result < -4095) {
        segment->attached = ipc_time();
        segment->last = self()->process->pid;
    }
    server_unlock();
    return result;
}

static struct segment *by_vmo(uint32_t vmo_id)
{
    for (uint32_t i = 0; i < segments.capacity; i++) {
        if (segment_at(i) && segment_at(i)->vmo_id == vmo_id)
            return segment_at(i);
    }
    return NULL;
}

/* Unmaps what is left there of the attachment that began at `address`. */
static void unmap_segment(const struct segment *segment, uint32_t address)
{
    handle_t space = self()->process->mm->space;
    struct mapping_info info;
    uint32_t at = address, end = address + pages_of(segment->size) * PAGE_SIZE;
    while (at < end && space_query(space, at, &info) == OK && info.address < end) {
        at = info.address + info.length;
        if (info.vmo_id == segment->vmo_id && info.address - info.offset_low == address)
            ignore(space_unmap(space, info.address, info.length));
    }
}

int32_t sys_shmdt(user_t where)
{
    struct mapping_info info;
    if (where.address & PAGE_MASK)
        return -EINVAL;
    server_lock();
    struct segment *segment = NULL;
    if (space_query(self()->process->mm->space, where.address, &info) == OK &&
        info.address == where.address && info.vmo_id != 0 && info.offset_low == 0)
        segment = by_vmo(info.vmo_id);
    if (segment) {
        unmap_segment(segment, where.address);
        segment->detached = ipc_time();
        segment->last = self()->process->pid;
        shm_reap();
    }
    server_unlock();
    return segment ? 0 : -EINVAL;
}

/* ---- shmctl -------------------------------------------------------------------------------------------------- */

static int32_t put_status(uint32_t id, uint32_t command, user_t to)
{
    struct shmid64_ds status = {.shm_segsz = 0};
    int32_t error;
    struct segment *segment = (struct segment *)ipc_stat(&segments, id, command != IPC_STAT,
                                                         command == SHM_STAT_ANY, &error);
    if (!segment)
        return error;
    ipc_fill(&segment->object, &status.shm_perm);
    status.shm_segsz = segment->size;
    status.shm_atime = (uint32_t)segment->attached;
    status.shm_dtime = (uint32_t)segment->detached;
    status.shm_ctime = (uint32_t)segment->changed;
    status.shm_cpid = (int32_t)segment->object.creator;
    status.shm_lpid = (int32_t)segment->last;
    status.shm_nattch = attachments(segment);
    if (copy_out(to, &status, sizeof status) < 0)
        return -EFAULT;
    return command == IPC_STAT ? 0 : (int32_t)segment->object.id;
}

static int32_t put_limits(user_t to)
{
    struct shminfo64 info = {.shmmax = sysctl.shm_max,
                             .shmmin = 1,
                             .shmmni = sysctl.shm_mni,
                             .shmseg = sysctl.shm_mni,
                             .shmall = sysctl.shm_all};
    return copy_out(to, &info, sizeof info) < 0 ? -EFAULT : (int32_t)ipc_highest(&segments);
}

static int32_t put_use(user_t to)
{
    struct shm_info info = {.used_ids = (int)segments.count, .shm_tot = total_pages};
    for (uint32_t i = 0; i < segments.capacity; i++) {
        struct vmo_info vmo;
        if (segment_at(i) && vmo_info(segment_at(i)->vmo, &vmo) == OK)
            info.shm_rss += vmo.committed;
    }
    return copy_out(to, &info, sizeof info) < 0 ? -EFAULT : (int32_t)ipc_highest(&segments);
}

static int32_t lock_memory(struct segment *segment, bool lock)
{
    uint32_t euid = self()->process->credentials.euid;
    if (!capable(CAP_IPC_LOCK) && euid != segment->object.uid && euid != segment->object.cuid)
        return -EPERM;
    segment->object.mode = (segment->object.mode & ~MODE_LOCKED) | (lock ? MODE_LOCKED : 0);
    return 0;
}

static void doom(struct segment *segment)
{
    if (!(segment->object.mode & MODE_DEST))
        doomed++;
    segment->object.mode |= MODE_DEST;
    segment->object.key = IPC_PRIVATE;
    shm_reap();
}

static int32_t change(struct segment *segment, uint32_t command, const struct shmid64_ds *given)
{
    if (command == SHM_LOCK || command == SHM_UNLOCK)
        return lock_memory(segment, command == SHM_LOCK);
    int32_t error = ipc_check_owner(&segment->object);
    if (error < 0)
        return error;
    if (command == IPC_RMID) {
        doom(segment);
        return 0;
    }
    ipc_change(&segment->object, &given->shm_perm);
    segment->changed = ipc_time();
    return 0;
}

static int32_t control(uint32_t id, uint32_t command, user_t argument)
{
    struct shmid64_ds given;
    switch (command) {
    case IPC_STAT:
    case SHM_STAT:
    case SHM_STAT_ANY:
        return put_status(id, command, argument);
    case IPC_INFO:
        return put_limits(argument);
    case SHM_INFO:
        return put_use(argument);
    case IPC_SET:
        if (copy_in(&given, argument, sizeof given) < 0)
            return -EFAULT;
        break;
    case IPC_RMID:
    case SHM_LOCK:
    case SHM_UNLOCK:
        break;
    default:
        return -EINVAL;
    }
    struct segment *segment = (struct segment *)ipc_find(&segments, id);
    return segment ? change(segment, command, &given) : -EINVAL;
}

int32_t sys_shmctl(int32_t id, uint32_t command, user_t argument)
{
    if (id < 0)
        return -EINVAL;
    server_lock();
    shm_reap();
    int32_t result = control((uint32_t)id, command, argument);
    server_unlock();
    return result;
}

/* ---- snapshots ------------------------------------------------------------------------------------------------ */

void shm_save(struct save *save, const struct process *process)
{
    for (uint32_t i = 0; i < segments.capacity; i++) {
        const struct segment *segment = segment_at(i);
        bool attached = segment && attachments_in(process->mm, segment) > 0;
        if (!attached && !(segment && segment->object.creator == process->pid))
            continue;
        uint32_t blob = attached ? 0 : save_vmo(save, segment->vmo, segment->size);
        ipc_save(&save->snapshot, &segment->object, "shm", segment->size);
        snap_put_u32(&save->snapshot, SNAP_IPC_OBJECT, segment->vmo_id | SAVED_MEMORY);
        if (blob)
            snap_put_u32(&save->snapshot, SNAP_IPC_BLOB, blob);
    }
}

int32_t shm_restore(const struct snap_note *note, handle_t *vmo, bool *present)
{
    int32_t error;
    struct segment *segment = (struct segment *)ipc_restore(&segments, note, &error);
    uint32_t size = snap_get_u32(note, SNAP_IPC_SIZE, 0);
    *present = segment != NULL;
    if (segment && segment->size != size)
        return -EEXIST;
    if (error == 0 && !segment)
        error = create((int32_t)snap_get_u32(note, SNAP_IPC_KEY, 0), size, 0600);
    sysctl.shm_next_id = UINT32_MAX;
    if (error < 0)
        return error;
    if (!segment) {
        segment = (struct segment *)ipc_find(&segments, snap_get_u32(note, SNAP_IPC_ID, 0));
        ipc_restore_rights(&segment->object, note);
    }
    return errno_of(handle_duplicate(segment->vmo, RIGHT_SAME, vmo));
}

void shm_restore_end(const struct snap_note *note)
{
    struct segment *segment =
        (struct segment *)ipc_find(&segments, snap_get_u32(note, SNAP_IPC_ID, UINT32_MAX));
    if (segment && (snap_get_u32(note, SNAP_IPC_MODE, 0) & MODE_DEST) &&
        ipc_check_owner(&segment->object) == 0)
        doom(segment);
}

/* ---- /proc/sysvipc/shm --------------------------------------------------------------------------------------- */

void proc_sysvipc_shm(const struct internal_node *node, struct text *text)
{
    (void)node;
    text_printf(text,
                "       key      shmid perms       size  cpid  lpid nattch   uid   gid  cuid  "
                "cgid      atime      dtime      ctime        rss       swap\n");
    server_lock();
    for (uint32_t i = 0; i < segments.capacity; i++) {
        struct segment *segment = segment_at(i);
        struct vmo_info vmo = {.committed = 0};
        if (!segment)
            continue;
        const struct ipc_object *object = &segment->object;
        ignore(vmo_info(segment->vmo, &vmo));
        text_printf(text, "%10d %10u  %4o %10u %5u %5u  %5u %5u %5u %5u %5u ", object->key,
                    object->id, object->mode, segment->size, segment->object.creator, segment->last,
                    attachments(segment), object->uid, object->gid, object->cuid, object->cgid);
        text_printf(text, "%10llu %10llu %10llu %10u %10u\n", (unsigned long long)segment->attached,
                    (unsigned long long)segment->detached, (unsigned long long)segment->changed,
                    vmo.committed * PAGE_SIZE, 0);
    }
    server_unlock();
}
