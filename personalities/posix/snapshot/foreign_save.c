/* SPDX-License-Identifier: MIT */
/* Taking a tree together with processes of other personalities, below it and above. See foreign.h. */
#include <ipc/initclient.h>

#include "../file.h"
#include "../server.h"
#include "../task.h"
#include "foreign.h"
#include "save.h"

#define REMOTE_MAX    128u
#define HOLD_PATIENCE (30 * NS_PER_SEC)

/* ---- below -------------------------------------------------------------------------------------- */

/* Their numbers: those of a frozen process do not change, but for ends. */
static uint32_t remote_children(const struct save *save, uint32_t pids[REMOTE_MAX])
{
    uint32_t count = 0;
    server_lock();
    struct process *process = process_find(save->pid);
    if (process)
        list_each(child, &process->children, struct process, sibling_link)
        {
            if (child->state == PROCESS_REMOTE && count < REMOTE_MAX)
                pids[count++] = child->pid;
        }
    server_unlock();
    return count;
}

/* Whether its parent can be told so: it is a zombie, or nobody wants to know. */
static bool has_ended(uint32_t pid)
{
    server_lock();
    const struct process *process = process_find(pid);
    bool ended = !process || process->state == PROCESS_ZOMBIE;
    server_unlock();
    return ended;
}

status_t foreign_hold(struct save_group *group, handle_t directory)
{
    status_t status = OK;
    for (struct save *save = group->members; save && status == OK; save = save->next) {
        uint32_t pids[REMOTE_MAX], count = remote_children(save, pids);
        for (uint32_t i = 0; i < count && status == OK; i++) {
            status = capture_hold(&group->held, server.init, pids[i], group->flags, group->uid,
                                  directory, has_ended);
            if (status == ERR_NO_PROCESS)
                status = OK; /* it has ended meanwhile */
        }
    }
    return status;
}

/* ---- above -------------------------------------------------------------------------------------- */

static struct save_hold *holds; /* with the lock */

/* All of the tree stand still now: what waits in its pipes. */
static void save_queues_again(struct save *save)
{
    struct snap_note *note = snap_next(&save->snapshot, SNAP_OBJECT, NULL);
    for (; note; note = snap_next(&save->snapshot, SNAP_OBJECT, note)) {
        uint32_t id = snap_get_u32(note, SNAP_OBJECT_ID, 0);
        const struct file *file =
            id && id <= save->group->object_count ? save->group->objects[id - 1].file : NULL;
        if (file && file->handle && snap_get_u32(note, SNAP_OBJECT_STREAM, 0))
            capture_queue(&save->snapshot, note, file->handle);
    }
}

status_t foreign_wait_for_release(struct save_group *group)
{
    struct save_hold *hold = group->hold, **link = &holds;
    struct snapshot_result none = {0};
    uint32_t request = hold->request;
    ktime_t deadline = deadline_after(HOLD_PATIENCE);
    server_lock();
    hold->request = 0;
    hold->next = holds;
    holds = hold;
    server_unlock();
    ignore(init_snapshot_answer(server.init, request, OK, &none));
    server_lock();
    while (!hold->released && now() < deadline) {
        server_unlock();
        ignore(futex_wait((uintptr_t)&hold->released, 0, deadline, CALL_UNINTERRUPTIBLE));
        server_lock();
    }
    while (*link != hold)
        link = &(*link)->next;
    *link = hold->next;
    server_unlock();
    group->flags |= hold->flags & SNAPSHOT_STOP;
    for (struct save *save = group->members; save; save = save->next)
        save_queues_again(save);
    return hold->released && !(hold->flags & SNAPSHOT_CANCEL) ? OK : ERR_CANCELLED;
}

void foreign_release_event(uint32_t pid, uint32_t flags, uint32_t request)
{
    server_lock();
    struct save_hold *hold = holds;
    while (hold && (hold->pid != pid || hold->released))
        hold = hold->next;
    if (hold) {
        hold->flags = flags;
        hold->request = request;
        hold->released = 1;
        ignore(futex_wake((uintptr_t)&hold->released, 1, NULL));
    }
    server_unlock();
    if (!hold)
        ignore(init_snapshot_answer(server.init, request, ERR_NO_PROCESS, NULL));
}
