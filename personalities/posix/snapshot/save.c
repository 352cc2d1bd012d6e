/* SPDX-License-Identifier: MIT */
/*
 * Taking a snapshot. The process is frozen, what is known of it is noted down, its address space is
 * cloned, and it runs again; the pages are copied from the clone into the file after that. So it
 * stands still for as long as a fork takes, whatever its size.
 *
 * A tree is taken as a whole: all of its processes are frozen, parents first, so that no child is
 * missed, and each is written to a file of its own.
 */
#include "save.h"

#include <atomik/time.h>
#include <capture/capture.h>
#include <ipc/call.h>
#include <ipc/initclient.h>
#include <stdio.h>
#include <stdlib.h>

#include "../aio.h"
#include "../file.h"
#include "../ipc.h"
#include "../server.h"
#include "../socket.h"
#include "../task.h"
#include "../traps.h"
#include "foreign.h"
#include "freeze.h"
#include "kinds.h"
#include "record.h"

#define PATIENCE     (5 * NS_PER_SEC) /* for the threads to come to a boundary */
#define END_LOOK     (NS_PER_SEC / 1000)
#define CHILDREN_MAX 512u /* of one process in a tree */

struct job {
    uint32_t pid, flags, request, uid;
    handle_t file, log;
};

/* ---- noting down ------------------------------------------------------------------------------------ */

static void put_header(struct save *save, const struct process *process)
{
    struct snapshot *snapshot = &save->snapshot;
    char text[160];
    capture_header(snapshot, "posix", save->group->flags,
                   save->group->flags & SNAPSHOT_TREE ? save->group->uuid : NULL,
                   save->group->crash != NULL);
    snprintf(text, sizeof text, "Atomik snapshot of Unix process %u (%s), %u threads\n",
             process->pid, process->comm, process->thread_count);
    snap_note_begin(snapshot, SNAP_TEXT);
    snap_put_text(snapshot, SNAP_TEXT_TEXT, text);
}

static void put_crash(struct save *save)
{
    struct snapshot *snapshot = &save->snapshot;
    const struct crash *crash = save->group->crash;
    snap_note_begin(snapshot, SNAP_CRASH);
    snap_put_u32(snapshot, SNAP_CRASH_SIGNAL, (uint32_t)crash->info.si_signo);
    snap_put_u32(snapshot, SNAP_CRASH_CODE, (uint32_t)crash->info.si_code);
    snap_put_u32(snapshot, SNAP_CRASH_ADDRESS, (uint32_t)crash->info.si_addr);
    snap_put_u32(snapshot, SNAP_CRASH_TID, crash->tid);
    snap_put_u32(snapshot, SNAP_CRASH_VECTOR, crash->vector);
    snap_put_u32(snapshot, SNAP_CRASH_ERROR, crash->error);
}

/* The children that a restore of the tree makes again: those that are members, and zombies. */
static void put_children(struct save *save, struct process *process)
{
    struct snapshot *snapshot = &save->snapshot;
    list_each(child, &process->children, struct process, sibling_link)
    {
        if (child->state == PROCESS_REMOTE && !capture_is_held(save->group->held, child->pid))
            continue;
        snap_note_begin(snapshot, SNAP_CHILD);
        snap_put_u32(snapshot, SNAP_CHILD_PID, child->pid);
        if (child->state != PROCESS_ZOMBIE)
            continue;
        snap_put_u32(snapshot, SNAP_CHILD_STATUS, (uint32_t)child->exit_status);
        snap_put_u32(snapshot, SNAP_CHILD_PGID, child->pgid);
    }
}

/* What seccomp forbids it would be free to do after a restore. */
static bool has_filters(struct process *process)
{
    list_each(thread, &process->threads, struct thread, link)
    {
        if (thread->seccomp_mode)
            return true;
    }
    return false;
}

/* Who may look into a process may have it as a whole. A program with set-id bits is not its user's. */
static bool may_take(uint32_t uid, const struct process *process)
{
    return uid == 0 || (process->dumpable && has_only_uid(&process->credentials, uid));
}

/* Everything that only the lock keeps as it is. */
static status_t note_state(struct save *save, struct process *process)
{
    if (!process)
        return ERR_NO_PROCESS;
    if (!may_take(save->group->uid, process))
        return ERR_NOT_PERMITTED;
    if (has_filters(process))
        return ERR_NOT_SUPPORTED;
    put_header(save, process);
    if (save->group->crash)
        put_crash(save);
    save_threads(save, process);
    save_process(save, process);
    if (save->group->flags & SNAPSHOT_TREE)
        put_children(save, process);
    save_signals(save, process);
    timers_save(process, &save->snapshot);
    save_descriptors(save, process);
    traps_save(save, process);
    shm_save(save, process);
    sem_save(save, process);
    msg_save(save, process);
    aio_save(process->mm, &save->snapshot);
    save->root = handle_copy(process->fs->root);
    save->cwd = process->fs->cwd ? handle_copy(process->fs->cwd) : HANDLE_NONE;
    save->live = handle_copy(process->mm->space);
    save->restored_from = process->mm->restored_from;
    status_t status = space_clone(process->mm->space, &save->space);
    return save->snapshot.failed ? ERR_NO_MEMORY : status;
}

/* ---- the members ------------------------------------------------------------------------------------ */

static status_t add_member(struct save_group *group, uint32_t pid)
{
    struct save **last = &group->members, *save = allocate(sizeof *save);
    if (!save)
        return ERR_NO_MEMORY;
    while (*last)
        last = &(*last)->next;
    *last = save;
    save->group = group;
    save->pid = pid;
    status_t status = process_freeze(pid, deadline_after(PATIENCE));
    if (status != OK)
        save->pid = 0; /* there is nothing to thaw */
    return status;
}

/* Each member's children become members behind it. A frozen parent has no new ones. Lock held. */
static status_t add_descendants(struct save_group *group)
{
    for (struct save *save = group->members; save; save = save->next) {
        const struct process *process = process_find(save->pid);
        uint32_t pids[CHILDREN_MAX], count = 0;
        if (!process)
            return ERR_NO_PROCESS;
        list_each(child, &process->children, struct process, sibling_link)
        {
            if (child->state != PROCESS_ALIVE)
                continue;
            if (count == CHILDREN_MAX)
                return ERR_LIMIT_REACHED;
            pids[count++] = child->pid;
        }
        for (uint32_t i = 0; i < count; i++) {
            status_t status = add_member(group, pids[i]);
            if (status != OK && status != ERR_NO_PROCESS)
                return status;
        }
    }
    return OK;
}

static bool is_member(const struct save_group *group, uint32_t pid)
{
    const struct save *save = group->members;
    while (save && save->pid != pid)
        save = save->next;
    return save;
}

/* Those that ended before they stood still are no members any more. */
static void drop_ended(struct save_group *group)
{
    for (struct save **link = &group->members; *link;) {
        struct save *save = *link;
        if (save->pid != 0) {
            link = &save->next;
            continue;
        }
        *link = save->next;
        release(save);
    }
}

/* Whether a child of the tree is neither in the snapshot nor has ended. Lock held. */
static bool has_ending_child(const struct save_group *group)
{
    for (const struct save *save = group->members; save; save = save->next) {
        struct process *process = process_find(save->pid);
        if (!process)
            continue;
        list_each(child, &process->children, struct process, sibling_link)
        {
            if (child->state != PROCESS_ZOMBIE && !capture_is_held(group->held, child->pid) &&
                !is_member(group, child->pid))
                return true;
        }
    }
    return false;
}

/* Children that were about to end have done so: what their parents wait for is in the snapshot. */
static status_t wait_for_ends(const struct save_group *group)
{
    ktime_t deadline = deadline_after(PATIENCE);
    for (;;) {
        server_lock();
        bool ending = has_ending_child(group);
        server_unlock();
        if (!ending)
            return OK;
        if (now() >= deadline)
            return ERR_TIMED_OUT;
        time_sleep(END_LOOK);
    }
}

/* A recording begins, and so does a process that was held for it. Lock held. */
static status_t begin_recording(struct save_group *group)
{
    struct process *process = process_find(group->members->pid);
    handle_t log = group->log;
    group->log = HANDLE_NONE;
    status_t status = process ? record_begin(process, log) : ERR_NO_PROCESS;
    if (status == OK && process->held) {
        process->held = false;
        process_thaw(process->pid);
    }
    return status;
}

static void thaw_all(struct save_group *group, bool stop)
{
    for (struct save *save = group->members; save; save = save->next) {
        struct process *process = process_find(save->pid);
        if (process && stop)
            process_end_all(process, SIGKILL);
        process_thaw(save->pid);
    }
}

/* The numbers of a tree that ended are free for its restore. Its first process is its parent's to reap. */
static void wait_until_gone(const struct save_group *group)
{
    ktime_t deadline = deadline_after(PATIENCE);
    struct proc_record record;
    for (const struct save *save = group->members->next; save; save = save->next)
        while (now() < deadline &&
               init_proc_info(server.init, save->pid, false, &record, NULL, 0) == OK)
            time_sleep(END_LOOK);
}

static status_t take(struct save_group *group, uint32_t pid, handle_t directory,
                     struct snapshot_result *result)
{
    ktime_t start = now();
    server_lock();
    status_t status = add_member(group, pid);
    if (status == OK && (group->flags & SNAPSHOT_TREE))
        status = add_descendants(group);
    drop_ended(group);
    server_unlock();
    if (status == OK && (group->flags & SNAPSHOT_TREE))
        status = foreign_hold(group, directory);
    if (status == OK && (group->flags & SNAPSHOT_TREE))
        status = wait_for_ends(group);
    server_lock();
    for (struct save *save = group->members; save && status == OK; save = save->next)
        status = note_state(save, process_find(save->pid));
    server_unlock();
    for (struct save *save = group->members; save && status == OK; save = save->next) {
        status = save_directories(save);
        save_mappings(save);
        save_objects(save);
        if (status == OK && !(group->flags & SNAPSHOT_STOP))
            status = save_shared(save);
    }
    if (status == OK && group->hold)
        status = foreign_wait_for_release(group);
    bool stop = status == OK && (group->flags & SNAPSHOT_STOP);
    server_lock();
    if (status == OK && group->log)
        status = begin_recording(group);
    thaw_all(group, stop && status == OK);
    server_unlock();
    status_t released = capture_release(&group->held, server.init,
                                        status != OK ? CAPTURE_CANCEL
                                        : stop       ? CAPTURE_STOP
                                                     : CAPTURE_GO_ON);
    if (status == OK)
        status = released;
    result->pause = now() - start;
    if (stop && status == OK)
        wait_until_gone(group);
    return status;
}

/* ---- the whole -------------------------------------------------------------------------------------- */

static status_t write_out(struct save *save, handle_t file, struct snapshot_result *result)
{
    uint64_t size = 0;
    save_memory(save);
    status_t status = capture_write(&save->snapshot, file, &size);
    result->size += size;
    return status;
}

static status_t write_member(struct save *save, handle_t directory, struct snapshot_result *result)
{
    save_memory(save);
    return capture_write_member(&save->snapshot, directory, save->group->uid, save->pid,
                                &result->size);
}

static void object_free(const struct saved_object *object)
{
    if (object->file)
        file_release(object->file);
    if (!object->socket)
        return;
    server_lock();
    socket_drop(object->socket);
    server_unlock();
}

static void group_free(struct save_group *group)
{
    while (group->members) {
        struct save *save = group->members;
        group->members = save->next;
        close_handle(save->space);
        close_handle(save->live);
        close_handle(save->root);
        close_handle(save->cwd);
        free(save->prefix);
        free(save->used);
        free(save->mappings);
        snap_free(&save->snapshot);
        release(save);
    }
    for (uint32_t i = 0; i < group->object_count; i++)
        object_free(&group->objects[i]);
    free(group->objects);
    while (group->contents) {
        struct saved_content *content = group->contents;
        group->contents = content->next;
        close_handle(content->vmo);
        release(content);
    }
    release(group);
}

static status_t take_into(struct save_group *group, uint32_t pid, handle_t file,
                          struct snapshot_result *result)
{
    ktime_t start = now();
    capture_uuid(group->uuid);
    status_t status = take(group, pid, file, result);
    for (struct save *save = group->members; save && status == OK; save = save->next)
        status = group->flags & SNAPSHOT_TREE ? write_member(save, file, result)
                                              : write_out(save, file, result);
    close_handle(group->log);
    group_free(group);
    result->time = now() - start;
    return status;
}

status_t snapshot_take(uint32_t pid, uint32_t flags, const struct crash *crash, handle_t file,
                       struct snapshot_result *result)
{
    struct save_group *group = allocate(sizeof *group);
    if (!group)
        return ERR_NO_MEMORY;
    group->flags = flags;
    group->crash = crash;
    return take_into(group, pid, file, result);
}

/* An exec has carried it to another personality meanwhile: then it is that one's to save. */
static bool has_gone(uint32_t pid)
{
    server_lock();
    const struct process *process = process_find(pid);
    bool gone = process && process->state == PROCESS_REMOTE;
    server_unlock();
    return gone;
}

static void save_thread(void *argument)
{
    struct job job = *(struct job *)argument;
    struct snapshot_result result = {0};
    struct save_group *group = allocate(sizeof *group);
    release(argument);
    struct save_hold hold = {.pid = job.pid, .request = job.request};
    bool held =
        job.flags & SNAPSHOT_HOLD; /* answered twice: when it stands still, and at the end */
    status_t status = ERR_NO_MEMORY;
    if (group) {
        group->flags = job.flags;
        group->uid = job.uid;
        group->log = job.log;
        group->hold = held ? &hold : NULL;
        status = take_into(group, job.pid, job.file, &result);
    } else {
        close_handle(job.log);
    }
    if (held)
        job.request = hold.request;
    if (status == ERR_NO_PROCESS && !job.log && job.request && has_gone(job.pid))
        status = init_snapshot_for(server.init, job.pid, job.flags, job.uid, job.file, &result);
    close_handle(job.file);
    if (job.request)
        ignore(init_snapshot_answer(server.init, job.request, status, &result));
}

void snapshot_event(const struct proc_event *event, handle_t files[2])
{
    if (event->flags & SNAPSHOT_RELEASE) {
        foreign_release_event(event->pid, event->flags, event->request);
        return;
    }
    struct job *job = allocate(sizeof *job);
    if (job) {
        bool records = event->flags & SNAPSHOT_RECORD;
        *job = (struct job){.pid = event->pid,
                            .flags = event->flags & ~(uint32_t)SNAPSHOT_RECORD,
                            .request = event->request,
                            .uid = event->uid,
                            .file = files[0],
                            .log = records ? files[1] : HANDLE_NONE};
        if (worker_background(save_thread, job)) {
            files[0] = files[1] = HANDLE_NONE;
            return;
        }
        release(job);
    }
    ignore(init_snapshot_answer(server.init, event->request, ERR_NO_MEMORY, NULL));
}
