/* SPDX-License-Identifier: MIT */
/*
 * The descendants of a restored process. Each is a new process with the number it had, if that is free,
 * below the process that its parent has become; groups and sessions are those of the members they were
 * of, or the root's. A child that had ended without being waited for is one again.
 */
#include <ipc/initclient.h>
#include <string.h>

#include "../file.h"
#include "../server.h"
#include "../task.h"
#include "foreign.h"
#include "restore.h"

#define BEGIN_POLL (NS_PER_SEC / 100)

static uint32_t saved_number(const struct restore *restore, uint16_t tag)
{
    return snap_get_u32(snap_next(&restore->snapshot, SNAP_PROCESS, NULL), tag, 0);
}

/* A group or session number: that of the member that led it, else what the root has now. */
static uint32_t map_number(const struct restore_group *group, uint32_t old, uint32_t present)
{
    const struct restore *leader = restore_member(group, old);
    return leader && leader != group->members && leader->pid ? leader->pid : present;
}

uint32_t restore_group_number(const struct restore_group *group, const struct snapshot *snapshot,
                              uint16_t tag, uint32_t present)
{
    return map_number(group, snap_get_u32(snap_next(snapshot, SNAP_PROCESS, NULL), tag, 0),
                      present);
}

/* Lock held. */
static int join_groups(struct restore *restore, struct process *process)
{
    const struct process *root = process_find(restore->group->members->pid);
    uint32_t pgid = saved_number(restore, SNAP_PROCESS_PGID);
    uint32_t sid = saved_number(restore, SNAP_PROCESS_SID);
    process->pgid = map_number(restore->group, pgid, root->pgid);
    process->session = session_get(map_number(restore->group, sid, root->session->sid), true);
    if (!process->session)
        return -ENOMEM;
    struct proc_record record = {
        .pid = process->pid, .pgid = process->pgid, .sid = process->session->sid};
    return errno_of(init_proc_set(server.init, process->pid, PROC_PGID | PROC_SID, &record, NULL));
}

/* ---- a member's first thread ---------------------------------------------------------------------------- */

/* Until the others are ready as well; the group is there for as long as somebody waits. */
static void wait_for_others(struct restore_group *group)
{
    server_lock();
    group->beginning--;
    group->waiting++;
    wait_queue_wake(&group->begun, WAKE_ALL);
    while (!group->running)
        wait_queue_sleep_until_end(&group->begun, deadline_after(BEGIN_POLL));
    group->waiting--;
    wait_queue_wake(&group->begun, WAKE_ALL);
    server_unlock();
}

static void member_begin(struct thread *thread)
{
    struct restore *restore = thread->begin_argument;
    server_lock();
    int error = restore_threads(restore, thread->process);
    if (error < 0)
        process_end_all(thread->process, SIGKILL);
    server_unlock();
    if (error == 0)
        restore_begin(restore);
    wait_for_others(restore->group);
    if (error == 0)
        restore_start(restore);
    thread->attention = 1;
}

/* ---- making them ---------------------------------------------------------------------------------------- */

int restore_number(const struct restore_group *group, uint32_t old_pid, uint32_t parent,
                   uint32_t *pid)
{
    const struct process *root = process_find(group->members->pid);
    return errno_of(init_proc_create(server.init, parent, 0, 0, root->credentials.uid, old_pid,
                                     root->comm, pid));
}

void restore_give_back(uint32_t pid)
{
    ignore(init_proc_exit(server.init, pid, SIGKILL));
    ignore(init_proc_reap(server.init, pid));
}

/* Those of the member that it shares them with, or its own. Lock held. */
static struct fs_context *directories(const struct restore *restore, const struct process *root)
{
    const struct restore *with =
        restore->shares[2] ? restore_member(restore->group, restore->shares[2]) : NULL;
    const struct process *process = with && with->pid ? process_find(with->pid) : NULL;
    if (!process || !process->fs)
        return fs_context_copy(root->fs);
    process->fs->references++;
    return process->fs;
}

/* Lock held. */
static int fill(struct restore *restore, struct process *process, struct process *parent)
{
    struct process *root = self()->process;
    restore->pid = process->pid;
    process->fs = directories(restore, root);
    int error = process->fs ? join_groups(restore, process) : -ENOMEM;
    if (error < 0)
        return error;
    credentials_copy(&process->credentials, &restore->group->restorer);
    process->mm = restore->mm;
    process->files = restore->files;
    process->sighand = restore->sighand;
    restore->mm = NULL;
    restore->files = NULL;
    restore->sighand = NULL;
    restore_state(restore, process);
    process_set_parent(process, parent);
    return 0;
}

void restore_discard(struct process *process)
{
    struct files *files = process->files;
    if (process->fs)
        fs_context_release(process->fs);
    mm_release(process->mm);
    process_free(process);
    server_unlock();
    if (files)
        files_release(files);
    server_lock();
}

/* Lock held. */
static int make_process(struct restore *restore, uint32_t pid, struct process *parent)
{
    struct process *process = process_new(pid);
    struct thread *thread;
    if (!process)
        return -ENOMEM;
    int error = fill(restore, process, parent);
    if (error == 0)
        error = thread_new(process, pid, true, &thread);
    if (error < 0) {
        restore->pid = 0;
        restore_discard(process);
        return error;
    }
    restore_stopped(restore, process);
    thread->begin = member_begin;
    thread->begin_argument = restore;
    restore->group->beginning++;
    thread_start(thread);
    return 0;
}

static int make_member(struct restore *restore)
{
    struct restore *above = restore_member(restore->group, restore->old_ppid);
    uint32_t pid;
    if (!above || !above->pid)
        return restore_refuse(-ENOEXEC, "a process without its parent", restore->old_pid);
    int error = restore_number(restore->group, restore->old_pid, above->pid, &pid);
    if (error < 0)
        return error;
    server_lock();
    struct process *parent = process_find(above->pid);
    error = parent ? make_process(restore, pid, parent) : -ESRCH;
    server_unlock();
    if (error < 0)
        restore_give_back(pid);
    return error;
}

/* ---- children that had ended ---------------------------------------------------------------------------- */

/* The group that an ended child was in, which it may have led. */
static uint32_t zombie_group(const struct restore *restore, const struct snap_note *note,
                             uint32_t pid, uint32_t present)
{
    uint32_t old = snap_get_u32(note, SNAP_CHILD_PGID, 0);
    return old != 0 && old == snap_get_u32(note, SNAP_CHILD_PID, 0)
               ? pid
               : map_number(restore->group, old, present);
}

static int make_zombie(struct restore *restore, const struct snap_note *note)
{
    uint32_t pid, old_pid = snap_get_u32(note, SNAP_CHILD_PID, 0);
    int error = restore_number(restore->group, old_pid, restore->pid, &pid);
    if (error < 0)
        return error;
    server_lock();
    struct process *parent = process_find(restore->pid);
    struct process *process = parent ? process_new(pid) : NULL;
    if (process) {
        process->pgid = zombie_group(restore, note, pid, parent->pgid);
        process->session = parent->session;
        session_hold(process->session);
        credentials_copy(&process->credentials, &parent->credentials);
        process->state = PROCESS_ZOMBIE;
        process->exiting = true;
        process->exit_status = (int32_t)snap_get_u32(note, SNAP_CHILD_STATUS, 0);
        process_set_parent(process, parent);
        ignore(init_proc_exit(server.init, pid, process->exit_status));
    }
    server_unlock();
    if (!process)
        restore_give_back(pid);
    return process ? 0 : -ENOMEM;
}

static int make_zombies(struct restore *restore)
{
    const struct snap_note *note = snap_next(&restore->snapshot, SNAP_CHILD, NULL);
    int error = 0;
    for (; note && error == 0; note = snap_next(&restore->snapshot, SNAP_CHILD, note)) {
        uint32_t length;
        if (snap_get(note, SNAP_CHILD_STATUS, &length))
            error = make_zombie(restore, note);
    }
    return error;
}

/* ---- all ------------------------------------------------------------------------------------------------ */

static void wait_until_begun(struct restore_group *group)
{
    server_lock();
    /* Even when it is to end: the group is in use until then. */
    while (group->beginning > 0)
        wait_queue_sleep_until_end(&group->begun, deadline_after(BEGIN_POLL));
    server_unlock();
}

void restore_let_run(struct restore_group *group)
{
    server_lock();
    group->running = true;
    wait_queue_wake(&group->begun, WAKE_ALL);
    while (group->waiting > 0)
        wait_queue_sleep_until_end(&group->begun, deadline_after(BEGIN_POLL));
    server_unlock();
}

int restore_descendants(struct restore_group *group)
{
    int error = 0;
    for (struct restore *each = group->members->next; each && error == 0; each = each->next)
        error = make_member(each);
    /* They may be in groups that members lead. */
    for (struct restore *each = group->members; each && error == 0; each = each->next)
        error = make_zombies(each);
    if (error == 0)
        error = foreign_start(group);
    wait_until_begun(group);
    return error;
}
