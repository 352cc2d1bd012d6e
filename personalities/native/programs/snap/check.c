/* SPDX-License-Identifier: MIT */
/*
 * Whether a snapshot hangs together, before an edited one takes the place of the old: what no process can
 * be like is refused here, with the reason; what cannot be had at the restore (a file, a number) there.
 */
#include "snap.h"

#include <string.h>

#define PAGE        4096u
#define GUEST_END   0xa0000000u
#define SELECTOR    3u /* of ring 3 */
#define USER_EFLAGS 0x00254fd7u

static uint32_t get(const struct snap_note *note, uint16_t tag)
{
    return snap_get_u32(note, tag, 0);
}

/* ---- registers ---------------------------------------------------------------------------------- */

static const char *selectors_problem(const struct core_registers *regs)
{
    const uint32_t selectors[] = {regs->cs, regs->ss, regs->ds, regs->es, regs->fs, regs->gs};
    for (uint32_t i = 0; i < sizeof selectors / sizeof *selectors; i++) {
        bool none = selectors[i] <= SELECTOR && i >= 2;
        if (!none && ((selectors[i] & SELECTOR) != SELECTOR || selectors[i] > UINT16_MAX))
            return "a segment register that programs may not have";
    }
    return NULL;
}

static const char *thread_problem(const struct snapshot *snapshot)
{
    const struct snap_note *note = snap_next_standard(snapshot, CORE_PRSTATUS, NULL);
    const struct snap_note *thread = snap_next(snapshot, SNAP_THREAD, NULL);
    for (; note != NULL; note = snap_next_standard(snapshot, CORE_PRSTATUS, note)) {
        struct core_prstatus status;
        uint32_t length;
        if (thread == NULL || note->size != sizeof status)
            return "registers without a thread";
        memcpy(&status, note->data, sizeof status);
        bool fresh = snap_get(thread, SNAP_THREAD_CONTEXT, &length) != NULL;
        const char *problem = fresh ? NULL : selectors_problem(&status.regs);
        if (problem != NULL)
            return problem;
        if (status.regs.eflags & ~USER_EFLAGS)
            return "flags that programs may not have";
        if (status.pid != get(thread, SNAP_THREAD_TID))
            return "a thread whose number is not that of its registers";
        thread = snap_next(snapshot, SNAP_THREAD, thread);
    }
    return thread != NULL ? "a thread without registers" : NULL;
}

/* ---- memory --------------------------------------------------------------------------------------- */

static const char *mapping_problem(const struct snapshot *snapshot)
{
    const struct snap_note *note = snap_next(snapshot, SNAP_VMA, NULL), *other;
    for (; note != NULL; note = snap_next(snapshot, SNAP_VMA, note)) {
        uint32_t start = get(note, SNAP_VMA_START), end = get(note, SNAP_VMA_END);
        if (start >= end || start % PAGE != 0 || end % PAGE != 0 || end > GUEST_END)
            return "a mapping with impossible bounds";
        if (get(note, SNAP_VMA_PROT) > 7)
            return "a mapping with an impossible protection";
        other = snap_next(snapshot, SNAP_VMA, note); /* they are in the order of their addresses */
        if (other != NULL && get(other, SNAP_VMA_START) < end)
            return "mappings that overlap, or are out of order";
    }
    return NULL;
}

/* ---- objects -------------------------------------------------------------------------------------- */

static bool has_object(const struct snapshot *snapshot, uint32_t id)
{
    const struct snap_note *note = snap_next(snapshot, SNAP_OBJECT, NULL);
    while (note != NULL && get(note, SNAP_OBJECT_ID) != id)
        note = snap_next(snapshot, SNAP_OBJECT, note);
    return note != NULL;
}

static const char *object_problem(const struct snapshot *snapshot)
{
    const struct snap_note *note = snap_next(snapshot, SNAP_OBJECT, NULL), *other;
    for (; note != NULL; note = snap_next(snapshot, SNAP_OBJECT, note)) {
        uint32_t id = get(note, SNAP_OBJECT_ID), queue = get(note, SNAP_OBJECT_QUEUE);
        if (queue != 0 && snap_find_blob(snapshot, queue) == NULL)
            return "a queue without its bytes";
        for (other = snap_next(snapshot, SNAP_OBJECT, note); other != NULL;
             other = snap_next(snapshot, SNAP_OBJECT, other))
            if (get(other, SNAP_OBJECT_ID) == id)
                return "two objects of one number";
    }
    return NULL;
}

/* In a tree an object may be in the snapshot of another process. */
static const char *descriptor_problem(const struct snapshot *snapshot)
{
    const struct snap_note *note = snap_next(snapshot, SNAP_FD, NULL), *other;
    uint32_t length;
    bool tree =
        snap_get(snap_next(snapshot, SNAP_HEADER, NULL), SNAP_HEADER_GROUP, &length) != NULL;
    for (; note != NULL; note = snap_next(snapshot, SNAP_FD, note)) {
        if (!tree && !has_object(snapshot, get(note, SNAP_FD_OBJECT)))
            return "a descriptor of nothing";
        for (other = snap_next(snapshot, SNAP_FD, note); other != NULL;
             other = snap_next(snapshot, SNAP_FD, other))
            if (get(other, SNAP_FD_FD) == get(note, SNAP_FD_FD))
                return "two descriptors of one number";
    }
    return NULL;
}

static const char *content_problem(const struct snapshot *snapshot)
{
    const struct snap_note *note = snap_next(snapshot, SNAP_FILEDATA, NULL);
    for (; note != NULL; note = snap_next(snapshot, SNAP_FILEDATA, note))
        if (get(note, SNAP_FILEDATA_OBJECT) != 0 &&
            snap_find_blob(snapshot, get(note, SNAP_FILEDATA_BLOB)) == NULL)
            return "the content of a file without its bytes";
    return NULL;
}

const char *snap_problem(const struct snapshot *snapshot)
{
    static const char *(*const checks[])(const struct snapshot *) = {
        thread_problem, mapping_problem, object_problem, descriptor_problem, content_problem,
    };
    for (uint32_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        const char *problem = checks[i](snapshot);
        if (problem != NULL)
            return problem;
    }
    return NULL;
}
