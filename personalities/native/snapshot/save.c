/* SPDX-License-Identifier: MIT */
/* Taking a snapshot: the standstill, the order of the parts, the file, and who waits for it. See save.h. */
#include "save.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atomik/log.h>
#include <atomik/syscall.h>
#include <atomik/thread.h>
#include <atomik/time.h>
#include <ipc/initclient.h>

/*
 * For calls that come to their end by themselves: both, for the clock of a machine whose host is busy runs on
 * while nobody in it gets anywhere.
 */
#define GRACE         (2 * NS_PER_MS)
#define GRACE_ROUNDS  20u
#define PATIENCE      (5 * NS_PER_S)  /* for the threads to come to a standstill */
#define HOLD_PATIENCE (30 * NS_PER_S) /* for the others of a tree */
#define SIGNAL_KILL   9u

void save_refuse(struct save *save, status_t status, const char *format, ...)
{
    char text[160];
    va_list arguments;
    if (save->status != OK)
        return;
    save->status = status;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_printf("snapshot of process %u: %s", (unsigned)save->process->pid, text);
}

/* ---- standstill ---------------------------------------------------------------------------------- */

/* OK: all threads stand still. SHOULD_WAIT: one does not. */
static status_t all_stand_still(handle_t process)
{
    struct thread_context context = {.id = 0};
    status_t status;
    do
        status = process_thread(process, context.id, &context);
    while (status == OK);
    return status == ERR_NOT_FOUND ? OK : status;
}

/* First by themselves at the end of their calls; then waits are cut short, as often as it takes. */
static status_t stand_still(struct save *save)
{
    handle_t process = save->process->program.process;
    ktime_t start = time_monotonic();
    status_t status = process_set(process, PROCESS_SUSPENDED, 1);
    for (uint32_t round = 0; status == OK; round++) {
        status = all_stand_still(process);
        if (status != ERR_SHOULD_WAIT)
            break;
        ktime_t now = time_monotonic();
        if (now - start > PATIENCE) {
            save_refuse(save, ERR_BUSY, "a call of one of its threads does not end");
            return ERR_BUSY;
        }
        status = process_set(process, PROCESS_SUSPENDED,
                             now - start > GRACE && round >= GRACE_ROUNDS ? 2 : 1);
        if (status == OK && wait_any(NULL, 0, now + NS_PER_MS / 4) == ERR_INTERRUPTED)
            continue;
    }
    return status;
}

static void go_on(struct native_process *process)
{
    native_lock();
    process->saving = false;
    /* After an error it has ended. */
    (void)!native_resume(process);
    native_unlock();
}

/* ---- noting down --------------------------------------------------------------------------------- */

static void put_crash(struct save *save)
{
    struct snapshot *snapshot = &save->snapshot;
    const struct exception_message *crash = save->crash;
    snap_note_begin(snapshot, SNAP_CRASH);
    snap_put_u32(snapshot, SNAP_CRASH_SIGNAL, program_exception_signal(crash->vector));
    snap_put_u32(snapshot, SNAP_CRASH_ADDRESS, crash->address);
    snap_put_u32(snapshot, SNAP_CRASH_TID, crash->thread_id);
    snap_put_u32(snapshot, SNAP_CRASH_VECTOR, crash->vector);
    snap_put_u32(snapshot, SNAP_CRASH_ERROR, crash->error);
}

static void put_header(struct save *save)
{
    struct snapshot *snapshot = &save->snapshot;
    char text[96];
    capture_header(snapshot, "native", save->flags, NULL, save->crash != NULL);
    snprintf(text, sizeof text, "Atomik snapshot of native process %u\n",
             (unsigned)save->process->pid);
    snap_note_begin(snapshot, SNAP_TEXT);
    snap_put_text(snapshot, SNAP_TEXT_TEXT, text);
    if (save->crash != NULL)
        put_crash(save);
}

static void *copy_array(const struct save *save, uint32_t address, uint32_t count, uint32_t size)
{
    uint32_t done = 0;
    void *copy = count < 4096 ? calloc(count + 1, size) : NULL;
    if (copy != NULL && count > 0 &&
        (space_read(save->process->program.space, address, copy, count * size, &done) != OK ||
         done != count * size))
        memset(copy, 0, count * size);
    return copy;
}

/* What the program tells about itself; it may have overwritten it. */
static void read_startup(struct save *save)
{
    struct startup_info *info = &save->startup;
    uint32_t done = 0;
    if (space_read(save->process->program.space, save->process->program.startup, info, sizeof *info,
                   &done) != OK ||
        done != sizeof *info || info->magic != STARTUP_MAGIC)
        *info = (struct startup_info){0};
    save->granted = copy_array(save, info->handles, info->handle_count, sizeof *save->granted);
    save->files = copy_array(save, info->files, info->file_count, sizeof *save->files);
    if (save->granted == NULL || save->files == NULL)
        save_refuse(save, ERR_NO_MEMORY, "no memory for what it was given");
}

static void note_state(struct save *save)
{
    struct vmo_info program;
    if (vmo_info(save->process->image, &program) == OK)
        save->program_memory = program.id;
    read_startup(save);
    put_header(save);
    save_threads(save);
    save_process(save);
    if (save->directory != HANDLE_NONE)
        save_children(save);
    if (save->status == OK)
        save->status = space_clone(save->process->program.space, &save->space);
    if (save->status == OK)
        save_take_handles(save);
    if (save->status != OK)
        return;
    save_mappings(save);
    save_handles(save);
    if (save->snapshot.failed && save->status == OK)
        save->status = ERR_NO_MEMORY;
}

status_t save_freeze(struct save *save)
{
    save->status = stand_still(save);
    if (save->status == OK && save->directory != HANDLE_NONE)
        save->status = save_hold_children(save);
    if (save->status == OK)
        note_state(save);
    if (save->status == OK)
        return OK;
    (void)!capture_release(&save->held, native_init, CAPTURE_CANCEL);
    go_on(save->process);
    return save->status;
}

void save_thaw(struct save *save)
{
    struct native_process *process = save->process;
    if (save->flags & SNAPSHOT_STOP) {
        native_lock();
        if (process_kill(process->program.process, 128 + SIGNAL_KILL) == OK)
            process->signal = SIGNAL_KILL;
        native_unlock();
    }
    go_on(process);
}

/* ---- the whole ---------------------------------------------------------------------------------- */

struct save *save_new(struct native_process *process, uint32_t flags)
{
    struct save *save = calloc(1, sizeof *save);
    if (save == NULL)
        return NULL;
    snap_init(&save->snapshot);
    save->process = process;
    save->flags = flags;
    return save;
}

status_t save_write(struct save *save, handle_t file, uint64_t *size)
{
    save_memory(save);
    capture_contents_put(save->contents, &save->snapshot);
    return save->directory != HANDLE_NONE
               ? capture_write_member(&save->snapshot, file, save->uid, save->process->pid, size)
               : capture_write(&save->snapshot, file, size);
}

void save_free(struct save *save)
{
    for (uint32_t i = 0; i < save->handle_count; i++)
        handle_drop(&save->handles[i].own);
    free(save->handles);
    free(save->loose);
    free(save->granted);
    free(save->files);
    capture_contents_free(&save->contents);
    handle_drop(&save->space);
    snap_free(&save->snapshot);
    native_release(save->process);
    free(save);
}

/* ---- for init -------------------------------------------------------------------------------------- */

struct job {
    uint32_t pid, flags, request, uid;
    handle_t file;
};
/* One that stands still until the others of its tree are noted down too, or its patience ends. */
struct native_hold {
    handle_t released; /* event */
    uint32_t flags, request;
};

/*
 * The first answer is given; waits for the release, whose request becomes the job's. CANCELLED: nobody
 * wants it any more.
 */
static status_t wait_for_release(struct save *save, struct job *job)
{
    struct native_hold hold = {.request = 0};
    struct snapshot_result none = {0};
    struct wait_item items[2] = {
        {.wanted = SIGNAL_SET},
        {.handle = save->process->program.process, .wanted = SIGNAL_TERMINATED}};
    uint32_t request = job->request;
    job->request = 0;
    if (event_create(0, &hold.released) != OK) {
        (void)!init_snapshot_answer(native_init, request, ERR_NO_MEMORY, NULL);
        return ERR_CANCELLED;
    }
    native_lock();
    save->process->hold = &hold;
    native_unlock();
    (void)!init_snapshot_answer(native_init, request, OK, &none);
    items[0].handle = hold.released;
    (void)!wait_any(items, 2, time_monotonic() + HOLD_PATIENCE);
    native_lock();
    save->process->hold = NULL;
    native_unlock();
    handle_drop(&hold.released);
    save->flags |= hold.flags & SNAPSHOT_STOP;
    job->request = hold.request;
    save_queues_again(save);
    return job->request == 0 || (hold.flags & SNAPSHOT_CANCEL) ? ERR_CANCELLED : OK;
}

static void release_event(uint32_t pid, uint32_t flags, uint32_t request)
{
    native_lock();
    struct native_process *process = native_find(pid);
    struct native_hold *hold = process != NULL ? process->hold : NULL;
    if (hold != NULL) {
        hold->flags = flags;
        hold->request = request;
        (void)!event_signal(hold->released, 0, SIGNAL_SET);
    }
    native_unlock();
    if (hold == NULL)
        (void)!init_snapshot_answer(native_init, request, ERR_NO_PROCESS, NULL);
}

/* A process that from now on is being saved, and used; NULL: *status says why. */
static struct native_process *begin(uint32_t pid, status_t *status)
{
    native_lock();
    struct native_process *process = native_find(pid);
    *status = process == NULL ? ERR_NO_PROCESS : process->saving ? ERR_BUSY : OK;
    if (*status == OK) {
        process->saving = true;
        native_use(process);
    }
    native_unlock();
    return *status == OK ? process : NULL;
}

static enum capture_end end_of(const struct save *save, status_t status)
{
    return status != OK                  ? CAPTURE_CANCEL
           : save->flags & SNAPSHOT_STOP ? CAPTURE_STOP
                                         : CAPTURE_GO_ON;
}

static status_t take(struct job *job, struct save *save, struct snapshot_result *result)
{
    ktime_t start = time_monotonic();
    status_t status = save_freeze(save);
    if (status != OK)
        return status;
    if (job->flags & SNAPSHOT_HOLD)
        status = wait_for_release(save, job);
    save_thaw(save);
    status_t released = capture_release(&save->held, native_init, end_of(save, status));
    result->pause = time_monotonic() - start;
    if (status == OK)
        status = save_write(save, job->file, &result->size);
    result->time = time_monotonic() - start;
    return status != OK ? status : released;
}

static status_t snapshot_take(struct job *job, struct snapshot_result *result)
{
    status_t status;
    struct native_process *process = begin(job->pid, &status);
    if (process == NULL)
        return status;
    struct save *save = save_new(process, job->flags);
    if (save == NULL) {
        go_on(process);
        native_release(process);
        return ERR_NO_MEMORY;
    }
    save->uid = job->uid;
    save->directory = job->flags & SNAPSHOT_TREE ? job->file : HANDLE_NONE;
    status = take(job, save, result);
    save_free(save);
    return status;
}

static void save_thread(void *argument)
{
    struct job job = *(struct job *)argument;
    struct snapshot_result result = {0};
    free(argument);
    status_t status = snapshot_take(&job, &result);
    handle_drop(&job.file);
    if (job.request != 0)
        (void)!init_snapshot_answer(native_init, job.request, status, &result);
}

void snapshot_event(const struct proc_event *event, handle_t *file)
{
    if (event->flags & SNAPSHOT_RELEASE) {
        release_event(event->pid, event->flags, event->request);
        return;
    }
    struct job *job = malloc(sizeof *job);
    if (job != NULL) {
        *job = (struct job){event->pid, event->flags, event->request, event->uid, *file};
        if (thread_spawn(save_thread, job, 0, NULL) == OK) {
            *file = HANDLE_NONE;
            return;
        }
        free(job);
    }
    (void)!init_snapshot_answer(native_init, event->request, ERR_NO_MEMORY, NULL);
}
