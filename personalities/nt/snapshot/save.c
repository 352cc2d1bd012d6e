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

#define PATIENCE      (5 * NS_PER_S)  /* for the threads to come to a standstill */
#define HOLD_PATIENCE (30 * NS_PER_S) /* for the others of a tree */
#define SIGNAL_KILL   9u

struct job {
    uint32_t pid, flags, request;
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
    capture_header(snapshot, "nt", NULL, save->crash.thread != NULL);
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

status_t save_freeze(struct save *save)
{
    save->status = process_freeze(save->process, time_monotonic() + PATIENCE);
    if (save->status != OK)
        return save->status;
    note_state(save);
    if (save->status != OK)
        process_thaw(save->process);
    return save->status;
}

void save_thaw(struct save *save)
{
    if (save->flags & SNAPSHOT_STOP)
        process_terminate_signal(save->process, SIGNAL_KILL);
    process_thaw(save->process);
}

status_t save_take(struct save *save)
{
    if (save_freeze(save) == OK)
        save_thaw(save);
    return save->status;
}

/* ---- the whole ---------------------------------------------------------------------------------- */

struct save *save_new(struct nt_process *process, uint32_t flags)
{
    struct save *save = calloc(1, sizeof *save);
    if (!save)
        return NULL;
    snap_init(&save->snapshot);
    object_hold(&process->object);
    save->process = process;
    save->flags = flags;
    return save;
}

status_t save_write(struct save *save, handle_t file, uint64_t *size)
{
    save_memory(save);
    capture_contents_put(save->contents, &save->snapshot);
    return capture_write(&save->snapshot, file, size);
}

void save_free(struct save *save)
{
    for (uint32_t i = 0; i < save->object_count; i++)
        object_release(save->objects[i].object);
    free(save->objects);
    free(save->files);
    capture_contents_free(&save->contents);
    handle_drop(&save->space);
    snap_free(&save->snapshot);
    object_release(&save->process->object);
    free(save);
}

/* ---- with others -------------------------------------------------------------------------------- */

/* One that stands still until the others of its tree are noted down too, or its patience ends. */
struct hold {
    struct condition released;
    bool is_released;
    uint32_t flags, request; /* of the release */
};
extern struct mutex nt_mutex;

/* The first answer is given; waits for the release, whose request becomes the job's. */
static void wait_for_release(struct save *save, struct job *job)
{
    struct hold hold = {.is_released = false};
    ktime_t deadline = time_monotonic() + HOLD_PATIENCE;
    struct snapshot_result none = {0};
    save->process->hold = &hold;
    (void)!BLOCKING(init_snapshot_answer(nt_init, job->request, OK, &none));
    job->request = 0;
    while (!hold.is_released && !save->process->exited &&
           condition_wait_until(&hold.released, &nt_mutex, deadline))
        ;
    save->process->hold = NULL;
    save->flags |= hold.flags & SNAPSHOT_STOP;
    job->request = hold.request;
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

static status_t take(struct save *save, struct job *job, struct snapshot_result *result)
{
    ktime_t start = time_monotonic();
    bool hold = job->flags & SNAPSHOT_HOLD;
    if (hold && save->process->hold)
        return ERR_BUSY;
    status_t status = save_freeze(save);
    if (status != OK)
        return status;
    if (hold)
        wait_for_release(save, job);
    if (hold)
        save_queues_again(save);
    save_thaw(save);
    result->pause = time_monotonic() - start;
    if (hold && job->request == 0)
        return ERR_TIMED_OUT; /* nobody wants it any more */
    return BLOCKING(save_write(save, job->file, &result->size));
}

static status_t snapshot_take(struct job *job, struct snapshot_result *result)
{
    ktime_t start = time_monotonic();
    struct nt_process *process = process_by_pid(job->pid);
    if (!process || process->foreign)
        return ERR_NO_PROCESS;
    if (job->flags & SNAPSHOT_TREE)
        return ERR_NOT_IMPLEMENTED;
    struct save *save = save_new(process, job->flags & ~(uint32_t)SNAPSHOT_HOLD);
    if (!save)
        return ERR_NO_MEMORY;
    status_t status = take(save, job, result);
    save_free(save);
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

void snapshot_event(uint32_t pid, uint32_t flags, uint32_t request, handle_t *file)
{
    if (flags & SNAPSHOT_RELEASE) {
        release_event(pid, flags, request);
        return;
    }
    struct job *job = malloc(sizeof *job);
    if (job) {
        *job = (struct job){pid, flags, request, *file};
        if (thread_spawn(save_thread, job, 0, NULL) == OK) {
            *file = HANDLE_NONE;
            return;
        }
        free(job);
    }
    (void)!init_snapshot_answer(nt_init, request, ERR_NO_MEMORY, NULL);
}
