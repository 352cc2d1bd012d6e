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

#define PATIENCE (5 * NS_PER_S) /* for the threads to come to a standstill */

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
    uint8_t uuid[16];
    char text[96];
    capture_uuid(uuid);
    snap_note_begin(snapshot, SNAP_HEADER);
    snap_put_u32(snapshot, SNAP_HEADER_MAJOR, SNAP_MAJOR);
    snap_put_u32(snapshot, SNAP_HEADER_MINOR, SNAP_MINOR);
    snap_put_text(snapshot, SNAP_HEADER_PERSONALITY, "nt");
    snap_put(snapshot, SNAP_HEADER_UUID, uuid, sizeof uuid);
    snap_put_text(snapshot, SNAP_HEADER_REASON, "manual");
    snap_put_u64(snapshot, SNAP_HEADER_REALTIME, time_realtime());
    snap_put_u64(snapshot, SNAP_HEADER_MONOTONIC, time_monotonic());
    snap_put_u32(snapshot, SNAP_HEADER_FLAGS, 0);
    snprintf(text, sizeof text, "Atomik snapshot of Windows process %u, %u threads\n", process->pid,
             process->thread_count);
    snap_note_begin(snapshot, SNAP_TEXT);
    snap_put_text(snapshot, SNAP_TEXT_TEXT, text);
}

static void note_state(struct save *save)
{
    struct nt_process *process = save->process;
    if (process->debug)
        save_refuse(save, ERR_BUSY, "it has a debugger");
    put_header(save);
    save_threads(save);
    save_process(save);
    save->status = save->status != OK ? save->status : space_clone(process->space, &save->space);
    if (save->status != OK)
        return;
    save_mappings(save);
    save_handles(save);
    save_objects(save);
}

/* With the lock, which is released while threads come to a standstill. */
static void take(struct save *save, struct snapshot_result *result)
{
    struct nt_process *process = save->process;
    ktime_t start = time_monotonic();
    save->status = process_freeze(process, start + PATIENCE);
    if (save->status != OK)
        return;
    note_state(save);
    if (save->snapshot.failed && save->status == OK)
        save->status = ERR_NO_MEMORY;
    if (save->status == OK && (save->flags & SNAPSHOT_STOP))
        process_terminate_signal(process, 9);
    process_thaw(process);
    result->pause = time_monotonic() - start;
}

/* ---- the whole ---------------------------------------------------------------------------------- */

static status_t write_out(struct save *save, handle_t file, struct snapshot_result *result)
{
    struct capture_output output;
    status_t status = capture_output_open(&output, file);
    struct snap_sink sink = {capture_output_write, &output};
    save_memory(save);
    save_contents(save);
    if (status == OK)
        status = snap_write(&save->snapshot, &sink, &result->size);
    capture_output_close(&output);
    return status;
}

static void release_all(struct save *save)
{
    for (uint32_t i = 0; i < save->object_count; i++)
        object_release(save->objects[i].object);
    free(save->objects);
    free(save->files);
    while (save->contents) {
        struct saved_content *content = save->contents;
        save->contents = content->next;
        handle_drop(&content->vmo);
        free(content);
    }
    handle_drop(&save->space);
    snap_free(&save->snapshot);
    object_release(&save->process->object);
    free(save);
}

static status_t snapshot_take(uint32_t pid, uint32_t flags, handle_t file,
                              struct snapshot_result *result)
{
    ktime_t start = time_monotonic();
    struct nt_process *process = process_by_pid(pid);
    struct save *save = process && !process->foreign ? calloc(1, sizeof *save) : NULL;
    if (!save)
        return process && !process->foreign ? ERR_NO_MEMORY : ERR_NO_PROCESS;
    snap_init(&save->snapshot);
    object_hold(&process->object);
    save->process = process;
    save->flags = flags;
    take(save, result);
    status_t status = save->status;
    if (status == OK)
        status = BLOCKING(write_out(save, file, result));
    release_all(save);
    result->time = time_monotonic() - start;
    return status;
}

static void save_thread(void *argument)
{
    struct job job = *(struct job *)argument;
    struct snapshot_result result = {0};
    free(argument);
    nt_lock();
    status_t status = job.flags & SNAPSHOT_TREE
                          ? ERR_NOT_IMPLEMENTED
                          : snapshot_take(job.pid, job.flags, job.file, &result);
    nt_unlock();
    handle_drop(&job.file);
    (void)!init_snapshot_answer(nt_init, job.request, status, &result);
}

void snapshot_event(uint32_t pid, uint32_t flags, uint32_t request, handle_t *file)
{
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
