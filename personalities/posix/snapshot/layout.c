/* SPDX-License-Identifier: MIT */
/*
 * What an address space has beside its mappings, both ways: the program break, where arguments are,
 * descriptors of segments, locked ranges, contexts of asynchronous I/O.
 */
#include <stdlib.h>
#include <string.h>

#include "../aio.h"
#include "../cred.h"
#include "../mmlimit.h"
#include "../task.h"
#include "restore.h"
#include "save.h"

struct range {
    uint32_t start, end;
};

/* ---- saving ----------------------------------------------------------------------------------------- */

static void put_locked(struct snapshot *snapshot, const struct mm *mm)
{
    struct range *ranges = NULL;
    uint32_t count = 0, at = 0;
    list_each(each, &mm->locked, const struct locked_range, link) count++;
    snap_put_u32(snapshot, SNAP_PROCESS_LOCK_ALL, mm->lock_all);
    if (count > 0 && !(ranges = malloc(count * sizeof *ranges))) {
        snapshot->failed = true;
        return;
    }
    list_each(each, &mm->locked, const struct locked_range, link)
    {
        ranges[at++] = (struct range){each->start, each->end};
    }
    if (count > 0)
        snap_put(snapshot, SNAP_PROCESS_LOCKED, ranges, count * sizeof *ranges);
    free(ranges);
}

void save_layout(struct save *save, const struct mm *mm)
{
    struct snapshot *snapshot = &save->snapshot;
    snap_put_text(snapshot, SNAP_PROCESS_EXE, mm->exe);
    snap_put_u32(snapshot, SNAP_PROCESS_BRK_START, mm->brk_start);
    snap_put_u32(snapshot, SNAP_PROCESS_BRK, mm->brk_end);
    snap_put_u32(snapshot, SNAP_PROCESS_STACK_TOP, mm->stack_top);
    snap_put_u32(snapshot, SNAP_PROCESS_ARGUMENTS, mm->arguments);
    snap_put_u32(snapshot, SNAP_PROCESS_ARGUMENTS_END, mm->arguments_end);
    snap_put_u32(snapshot, SNAP_PROCESS_ENVIRONMENT_END, mm->environment_end);
    snap_put_u32(snapshot, SNAP_PROCESS_BARRIERS, mm->barrier_registered);
    if (mm->ldt_count > 0)
        snap_put(snapshot, SNAP_PROCESS_LDT, mm->ldt, mm->ldt_count * sizeof *mm->ldt);
    put_locked(snapshot, mm);
}

/* ---- restoring -------------------------------------------------------------------------------------- */

/* Each descriptor is checked as one of modify_ldt is. */
static int take_ldt(struct mm *mm, const struct snap_note *process)
{
    uint32_t length = 0;
    const uint8_t *data = snap_get(process, SNAP_PROCESS_LDT, &length);
    struct descriptor descriptor;
    int error = 0;
    if (!data || length % sizeof descriptor || length / sizeof descriptor > LDT_MAX_ENTRIES)
        return data ? -ENOEXEC : 0;
    for (uint32_t i = 0; error == 0 && i < length / sizeof descriptor; i++) {
        memcpy(&descriptor, data + i * sizeof descriptor, sizeof descriptor);
        if (descriptor.low | descriptor.high)
            error = ldt_set(mm, i, descriptor);
    }
    return error < 0 ? restore_refuse(error, "an impossible segment", 0) : 0;
}

/* As far as the restoring process may lock memory. */
static void take_locked(const struct restore *restore, struct mm *mm,
                        const struct snap_note *process)
{
    uint32_t length = 0;
    const uint8_t *data = snap_get(process, SNAP_PROCESS_LOCKED, &length);
    const struct process *own = self()->process;
    uint64_t left = restorer_can(restore, CAP_IPC_LOCK) ? UINT64_MAX
                                                        : own->limits[RLIMIT_MEMLOCK].current,
             size;
    for (uint32_t at = 0; data && at + sizeof(struct range) <= length; at += sizeof(struct range)) {
        struct range range;
        memcpy(&range, data + at, sizeof range);
        size = range.end - range.start;
        if (range.start >= range.end || range.end > GUEST_LIMIT || size > left)
            continue;
        left -= size;
        mm_mapped(mm, range.start & ~PAGE_MASK, range.end & ~PAGE_MASK, true);
    }
    mm->lock_all = left > 0 && snap_get_u32(process, SNAP_PROCESS_LOCK_ALL, 0);
}

static void take_places(struct mm *mm, const struct snap_note *process)
{
    char path[FS_NAME_MAX + 1];
    mm->brk_start = snap_get_u32(process, SNAP_PROCESS_BRK_START, 0);
    mm->brk_end = snap_get_u32(process, SNAP_PROCESS_BRK, mm->brk_start);
    mm->stack_top = snap_get_u32(process, SNAP_PROCESS_STACK_TOP, STACK_TOP);
    mm->arguments = snap_get_u32(process, SNAP_PROCESS_ARGUMENTS, 0);
    mm->arguments_end = snap_get_u32(process, SNAP_PROCESS_ARGUMENTS_END, 0);
    mm->environment_end = snap_get_u32(process, SNAP_PROCESS_ENVIRONMENT_END, 0);
    mm->barrier_registered = snap_get_u32(process, SNAP_PROCESS_BARRIERS, 0);
    if (snap_get_text(process, SNAP_PROCESS_EXE, path, sizeof path))
        mm->exe = text_copy(path);
}

int restore_layout(struct restore *restore)
{
    const struct snap_note *process = snap_next(&restore->snapshot, SNAP_PROCESS, NULL);
    const struct snap_note *auxv = snap_next_standard(&restore->snapshot, CORE_AUXV, NULL);
    struct mm *mm = restore->mm;
    take_places(mm, process);
    if (auxv && auxv->size <= sizeof mm->auxv) {
        memcpy(mm->auxv, auxv->data, auxv->size);
        mm->auxv_size = auxv->size / 4;
    }
    int error = take_ldt(mm, process);
    if (error == 0)
        error = aio_restore(mm, &restore->snapshot);
    server_lock();
    if (error == 0)
        take_locked(restore, mm, process);
    server_unlock();
    return error;
}
