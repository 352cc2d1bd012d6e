/* SPDX-License-Identifier: MIT */
/* Taking a snapshot: the order of the parts, and the file. See save.h. */
#include <personalities/nt/snapshot/save.h>

#include <atomik/log.h>
#include <atomik/thread.h>
#include <atomik/time.h>
#include <ipc/call.h>
#include <ipc/initclient.h>
#include <personalities/nt/process.h>

#include <stdio.h>
#include <stdlib.h>

#define HOLD_PATIENCE (30 * NS_PER_S) /* for the others of a tree */
#define SIGNAL_KILL   9u

struct job {
    uint32_t pid, flags, request, uid;
    handle_t file;
};

void save_refuse(struct save *save, status_t status, const char *why)
{
    if (save->status != OK)
        return;
    save->status = status;
    log_printf("snapshot of process %u: %s", save->process->pid, why);
}

void save_text(struct save *save, uint16_t tag, struct text text)
{
    char *utf8 = text.chars ? text_to_utf8(text) : NULL;
    if (utf8)
        snap_put_text(&save->snapshot, tag, utf8);
    else if (text.chars)
        save->snapshot.failed = true;
    free(utf8);
}

/* ---- noting down ------------------------------------------------------------------------------- */

static void put_header(struct save *save)
{
    struct snapshot *snapshot = &save->snapshot;
    const struct nt_process *process = save->process;
    char text[96];
    capture_header(snapshot, "nt", save->group->flags,
                   save->group->directory ? save->group->uuid : NULL, save->crash.thread != NULL);
    snprintf(text, sizeof text, "Atomik snapshot of Windows process %u, %u threads\n", process->pid,
             process->thread_count);
    snap_note_begin(snapshot, SNAP_TEXT);
    snap_put_text(snapshot, SNAP_TEXT_TEXT, text);
}

static void put_crash(struct save *save)
{
    struct snapshot *snapshot = &save->snapshot;
    const struct saved_crash *crash = &save->crash;
    snap_note_begin(snapshot, SNAP_CRASH);
    snap_put_u32(snapshot, SNAP_CRASH_CODE, crash->code);
    snap_put_u32(snapshot, SNAP_CRASH_ADDRESS, crash->address);
    snap_put_u32(snapshot, SNAP_CRASH_TID, crash->thread->tid);
    snap_put_u32(snapshot, SNAP_CRASH_VECTOR, crash->vector);
    snap_put_u32(snapshot, SNAP_CRASH_ERROR, crash->error);
}

static void note_state(struct save *save)
{
    if (save->process->debug)
        save_refuse(save, ERR_BUSY, "it has a debugger");
    put_header(save);
    if (save->crash.thread)
        put_crash(save);
    save_threads(save);
    save_process(save);
    save_children(save);
    if (save->status == OK)
        save->status = space_clone(save->process->space, &save->space);
    if (save->status != OK)
        return;
    save_mappings(save);
    save_handles(save);
    save_objects(save);
    save_locks(save);
    save_operations(save);
    if (save->snapshot.failed && save->status == OK)
        save->status = ERR_NO_MEMORY;
}

static status_t note_all(struct save_group *group)
{
    for (struct save *save = group->members; save; save = save->next) {
        note_state(save);
        if (save->status != OK)
            return save->status;
    }
    return OK;
}

status_t save_freeze(struct save_group *group)
{
    struct save *root = group->members;
    status_t status = process_freeze(root->process, time_monotonic() + SAVE_PATIENCE);
    root->frozen = status == OK;
    if (status == OK && group->directory)
        status = save_add_descendants(group);
    if (status == OK)
        status = note_all(group);
    if (status == OK)
        return OK;
    (void)!BLOCKING(capture_release(&group->held, nt_init, CAPTURE_CANCEL));
    group->flags &= ~(uint32_t)SNAPSHOT_STOP;
    save_thaw(group);
    return status;
}

void save_thaw(struct save_group *group)
{
    for (struct save *save = group->members; save; save = save->next) {
        if (!save->frozen)
            continue;
        save->frozen = false;
        if (group->flags & SNAPSHOT_STOP)
            process_terminate_signal(save->process, SIGNAL_KILL);
        process_thaw(save->process);
    }
}

status_t save_take(struct save_group *group)
{
    status_t status = save_freeze(group);
    if (status == OK)
        save_thaw(group);
    return status;
}

/* ---- the whole ---------------------------------------------------------------------------------- */

struct save_group *save_group_new(uint32_t flags, handle_t directory)
{
    struct save_group *group = calloc(1, sizeof *group);
    if (!group)
        return NULL;
    group->flags = flags;
    group->directory = directory;
    capture_uuid(group->uuid);
    return group;
}

struct save *save_new(struct save_group *group, struct nt_process *process)
{
    struct save **last = &group->members, *save = calloc(1, sizeof *save);
    if (!save)
        return NULL;
    snap_init(&save->snapshot);
    object_hold(&process->object);
    save->group = group;
    save->process = process;
    while (*last)
        last = &(*last)->next;
    *last = save;
    return save;
}

status_t save_write(struct save *save, handle_t file, uint64_t *size)
{
    save_memory(save);
    capture_contents_put(save->contents, &save->snapshot);
    if (save->group->directory)
        return capture_write_member(&save->snapshot, file, save->group->uid, save->process->pid,
                                    size);
    return capture_write(&save->snapshot, file, size);
}

static void member_free(struct save *save)
{
    free(save->used);
    free(save->files);
    capture_contents_free(&save->contents);
    handle_drop(&save->space);
    snap_free(&save->snapshot);
    object_release(&save->process->object);
    free(save);
}

void save_group_free(struct save_group *group)
{
    while (group->members) {
        struct save *save = group->members;
        group->members = save->next;
        member_free(save);
    }
    for (uint32_t i = 0; i < group->object_count; i++)
        object_release(group->objects[i].object);
    free(group->objects);
    free(group);
}

/* ---- with others -------------------------------------------------------------------------------- */

/* One that stands still until the others of its tree are noted down too, or its patience ends. */
struct hold {
    struct condition released;
    bool is_released;
    uint32_t flags, request; /* of the release */
};

/*
 * The first answer is given; waits for the release, whose request becomes the job's. CANCELLED: nobody
 * wants it any more.
 */
static status_t wait_for_release(struct save_group *group, struct job *job)
{
    struct nt_process *root = group->members->process;
    struct hold hold = {.is_released = false};
    ktime_t deadline = time_monotonic() + HOLD_PATIENCE;
    struct snapshot_result none = {0};
    root->hold = &hold;
    (void)!BLOCKING(init_snapshot_answer(nt_init, job->request, OK, &none));
    job->request = 0;
    while (!hold.is_released && !root->exited &&
           condition_wait_until(&hold.released, &nt_mutex, deadline))
        ;
    root->hold = NULL;
    group->flags |= hold.flags & SNAPSHOT_STOP;
    job->request = hold.request;
    for (struct save *save = group->members; save; save = save->next)
        save_queues_again(save);
    return !hold.is_released || (hold.flags & SNAPSHOT_CANCEL) ? ERR_CANCELLED : OK;
}

static void release_event(uint32_t pid, uint32_t flags, uint32_t request)
{
    struct nt_process *process = process_by_pid(pid);
    if (!process || !process->hold) {
        (void)!BLOCKING(init_snapshot_answer(nt_init, request, ERR_NO_PROCESS, NULL));
        return;
    }
    process->hold->is_released = true;
    process->hold->flags = flags;
    process->hold->request = request;
    condition_signal(&process->hold->released);
}

static enum capture_end end_of(const struct save_group *group, status_t status)
{
    return status != OK                   ? CAPTURE_CANCEL
           : group->flags & SNAPSHOT_STOP ? CAPTURE_STOP
                                          : CAPTURE_GO_ON;
}

static status_t take(struct save_group *group, struct job *job, struct snapshot_result *result)
{
    ktime_t start = time_monotonic();
    bool hold = job->flags & SNAPSHOT_HOLD;
    if (hold && group->members->process->hold)
        return ERR_BUSY;
    status_t status = save_freeze(group);
    if (status != OK)
        return status;
    if (hold)
        status = wait_for_release(group, job);
    save_thaw(group);
    status_t released = BLOCKING(capture_release(&group->held, nt_init, end_of(group, status)));
    result->pause = time_monotonic() - start;
    for (struct save *save = group->members; save && status == OK; save = save->next)
        status = BLOCKING(save_write(save, job->file, &result->size));
    return status != OK ? status : released;
}

static status_t snapshot_take(struct job *job, struct snapshot_result *result)
{
    ktime_t start = time_monotonic();
    struct nt_process *process = process_by_pid(job->pid);
    if (!process || process->foreign)
        return ERR_NO_PROCESS;
    struct save_group *group =
        save_group_new(job->flags, job->flags & SNAPSHOT_TREE ? job->file : HANDLE_NONE);
    if (!group)
        return ERR_NO_MEMORY;
    group->uid = job->uid;
    status_t status = save_new(group, process) ? take(group, job, result) : ERR_NO_MEMORY;
    save_group_free(group);
    result->time = time_monotonic() - start;
    return status;
}

static void save_thread(void *argument)
{
    struct job job = *(struct job *)argument;
    struct snapshot_result result = {0};
    free(argument);
    nt_lock();
    status_t status = snapshot_take(&job, &result);
    nt_unlock();
    handle_drop(&job.file);
    if (job.request)
        (void)!init_snapshot_answer(nt_init, job.request, status, &result);
}

void snapshot_event(const struct proc_event *event, handle_t *file)
{
    if (event->flags & SNAPSHOT_RELEASE) {
        release_event(event->pid, event->flags, event->request);
        return;
    }
    struct job *job = malloc(sizeof *job);
    if (job) {
        *job = (struct job){event->pid, event->flags, event->request, event->uid, *file};
        if (thread_spawn(save_thread, job, 0, NULL) == OK) {
            *file = HANDLE_NONE;
            return;
        }
        free(job);
    }
    (void)!init_snapshot_answer(nt_init, event->request, ERR_NO_MEMORY, NULL);
}
