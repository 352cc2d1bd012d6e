/* SPDX-License-Identifier: MIT */
/*
 * The descendants of a process that is saved with its tree: Windows processes become members, those of
 * other personalities are held by these. A frozen parent has no new children.
 */
#include <personalities/nt/process.h>
#include <personalities/nt/snapshot/save.h>

#include <atomik/time.h>

#define CHILDREN_MAX 256u /* of one process */
#define END_LOOK     (NS_PER_S / 1000)

static bool is_child(const struct nt_process *process, const struct nt_process *parent)
{
    return process->pid && process->ppid == parent->pid && !process->exited && !process->exiting;
}

/* By number: they may end while the lock is given up. */
static uint32_t children(const struct save *save, bool foreign, uint32_t pids[CHILDREN_MAX])
{
    uint32_t count = 0;
    list_each(process, &nt_processes, struct nt_process, link)
    {
        if (is_child(process, save->process) && process->foreign == foreign && count < CHILDREN_MAX)
            pids[count++] = process->pid;
    }
    return count;
}

static status_t add_member(struct save_group *group, uint32_t pid)
{
    struct nt_process *process = process_by_pid(pid);
    if (!process)
        return OK; /* it has ended */
    object_hold(&process->object);
    status_t status = process_freeze(process, time_monotonic() + SAVE_PATIENCE);
    struct save *save = status == OK ? save_new(group, process) : NULL;
    if (save)
        save->frozen = true;
    else if (status == OK)
        process_thaw(process);
    object_release(&process->object);
    return save || status == ERR_NO_PROCESS ? OK : status == OK ? ERR_NO_MEMORY : status;
}

static status_t add_children(struct save *save)
{
    uint32_t pids[CHILDREN_MAX], count = children(save, false, pids);
    status_t status = count == CHILDREN_MAX ? ERR_LIMIT_REACHED : OK;
    for (uint32_t i = 0; i < count && status == OK; i++)
        status = add_member(save->group, pids[i]);
    return status;
}

static bool has_ended(uint32_t pid)
{
    nt_lock();
    const struct nt_process *process = process_by_pid(pid);
    bool ended = !process || process->exited;
    nt_unlock();
    return ended;
}

static status_t hold_children(struct save *save)
{
    struct save_group *group = save->group;
    uint32_t pids[CHILDREN_MAX], count = children(save, true, pids);
    status_t status = count == CHILDREN_MAX ? ERR_LIMIT_REACHED : OK;
    for (uint32_t i = 0; i < count && status == OK; i++) {
        status = BLOCKING(capture_hold(&group->held, nt_init, pids[i], group->flags, group->uid,
                                       group->directory, has_ended));
        if (status == ERR_NO_PROCESS)
            status = OK; /* it has ended meanwhile */
    }
    return status;
}

static const struct save *member_of(const struct save_group *group, uint32_t pid)
{
    const struct save *save = group->members;
    while (save && save->process->pid != pid)
        save = save->next;
    return save;
}

/* Whether a child of the tree is neither in the snapshot nor has ended. */
static bool has_ending_child(const struct save_group *group)
{
    list_each(process, &nt_processes, struct nt_process, link)
    {
        if (process->pid && !process->exited && member_of(group, process->ppid) &&
            !save_has(group, process))
            return true;
    }
    return false;
}

/* Children that were about to end have done so: what their parents wait for is in the snapshot. */
static status_t wait_for_ends(const struct save_group *group)
{
    ktime_t deadline = time_monotonic() + SAVE_PATIENCE;
    while (has_ending_child(group)) {
        if (time_monotonic() >= deadline)
            return ERR_TIMED_OUT;
        nt_unlock();
        time_sleep(END_LOOK);
        nt_lock();
    }
    return OK;
}

status_t save_add_descendants(struct save_group *group)
{
    status_t status = OK;
    for (struct save *save = group->members; save && status == OK; save = save->next)
        status = add_children(save);
    for (struct save *save = group->members; save && status == OK; save = save->next)
        status = hold_children(save);
    return status == OK ? wait_for_ends(group) : status;
}

bool save_has(const struct save_group *group, const struct nt_process *process)
{
    const struct save *save = group->members;
    while (save && save->process != process)
        save = save->next;
    return save || (process->foreign && capture_is_held(group->held, process->pid));
}

void save_children(struct save *save)
{
    if (!save->group->directory)
        return;
    list_each(process, &nt_processes, struct nt_process, link)
    {
        if (!is_child(process, save->process) || !save_has(save->group, process))
            continue;
        snap_note_begin(&save->snapshot, SNAP_CHILD);
        snap_put_u32(&save->snapshot, SNAP_CHILD_PID, process->pid);
    }
}
