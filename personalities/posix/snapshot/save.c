/* SPDX-License-Identifier: MIT */
/*
 * Taking a snapshot. The process is frozen, what is known of it is noted down, its address space is
 * cloned, and it runs again; the pages are copied from the clone into the file after that. So it
 * stands still for as long as a fork takes, whatever its size.
 */
#include "save.h"

#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <ipc/initclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../file.h"
#include "../server.h"
#include "../task.h"
#include "freeze.h"

#define PATIENCE  (5 * NS_PER_SEC) /* for the threads to come to a boundary */
#define BULK_SIZE 65536u

struct job {
    uint32_t pid, flags, request;
    handle_t file;
};

/* ---- the file -------------------------------------------------------------------------------------- */

/* Writes go through a buffer shared with the file server, so that a snapshot is not many small messages. */
struct output {
    handle_t file, vmo;
    uint8_t *view;
};

static status_t output_open(struct output *output, handle_t file)
{
    struct map_request map = {
        .length = BULK_SIZE, .prot = PROT_R | PROT_W, .flags = MAP_FLAG_SHARED};
    *output = (struct output){.file = file};
    status_t status = vmo_create(0, BULK_SIZE, &output->vmo);
    map.vmo = output->vmo;
    if (status == OK)
        status = space_map(HANDLE_SELF, &map);
    if (status == OK)
        output->view = (uint8_t *)map.address;
    return status == OK ? fs_client_buffer(file, output->vmo, BULK_SIZE) : status;
}

static void output_close(struct output *output)
{
    if (output->view)
        ignore(space_unmap(HANDLE_SELF, (uintptr_t)output->view, BULK_SIZE));
    close_handle(output->vmo);
}

static status_t output_write(void *context, uint64_t offset, const void *from, uint32_t length)
{
    struct output *output = context;
    const uint8_t *at = from;
    while (length > 0) {
        uint32_t part = MIN(length, BULK_SIZE), done = 0;
        uint64_t end;
        memcpy(output->view, at, part);
        status_t status = fs_client_write_bulk(output->file, offset, part, &done, &end);
        if (status != OK || done == 0)
            return status != OK ? status : ERR_NO_SPACE;
        at += done;
        offset += done;
        length -= done;
    }
    return OK;
}

/* ---- noting down ------------------------------------------------------------------------------------ */

static void put_header(struct save *save, const struct process *process)
{
    struct snapshot *snapshot = &save->snapshot;
    uint8_t uuid[16];
    char text[160];
    ignore(random_get(uuid, sizeof uuid));
    uuid[6] = (uuid[6] & 0x0f) | 0x40; /* RFC 4122, version 4 */
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
    snap_note_begin(snapshot, SNAP_HEADER);
    snap_put_u32(snapshot, SNAP_HEADER_MAJOR, SNAP_MAJOR);
    snap_put_u32(snapshot, SNAP_HEADER_MINOR, SNAP_MINOR);
    snap_put_text(snapshot, SNAP_HEADER_PERSONALITY, "posix");
    snap_put(snapshot, SNAP_HEADER_UUID, uuid, sizeof uuid);
    snap_put_text(snapshot, SNAP_HEADER_REASON, save->crash ? "crash" : "manual");
    snap_put_u64(snapshot, SNAP_HEADER_REALTIME, wall_clock());
    snap_put_u64(snapshot, SNAP_HEADER_MONOTONIC, now());
    snap_put_u32(snapshot, SNAP_HEADER_FLAGS, 0);
    snprintf(text, sizeof text, "Atomik snapshot of Unix process %u (%s), %u threads\n",
             process->pid, process->comm, process->thread_count);
    snap_note_begin(snapshot, SNAP_TEXT);
    snap_put_text(snapshot, SNAP_TEXT_TEXT, text);
}

static void put_crash(struct save *save)
{
    struct snapshot *snapshot = &save->snapshot;
    const struct crash *crash = save->crash;
    snap_note_begin(snapshot, SNAP_CRASH);
    snap_put_u32(snapshot, SNAP_CRASH_SIGNAL, (uint32_t)crash->info.si_signo);
    snap_put_u32(snapshot, SNAP_CRASH_CODE, (uint32_t)crash->info.si_code);
    snap_put_u32(snapshot, SNAP_CRASH_ADDRESS, (uint32_t)crash->info.si_addr);
    snap_put_u32(snapshot, SNAP_CRASH_TID, crash->tid);
    snap_put_u32(snapshot, SNAP_CRASH_VECTOR, crash->vector);
    snap_put_u32(snapshot, SNAP_CRASH_ERROR, crash->error);
}

/* Everything that only the lock keeps as it is. */
static status_t note_state(struct save *save, struct process *process)
{
    put_header(save, process);
    if (save->crash)
        put_crash(save);
    save_threads(save, process);
    save_process(save, process);
    save_signals(save, process);
    save_descriptors(save, process);
    status_t status = space_clone(process->mm->space, &save->space);
    if (status == OK)
        save_mappings(save);
    return save->snapshot.failed ? ERR_NO_MEMORY : status;
}

/* ---- the whole -------------------------------------------------------------------------------------- */

static status_t take(struct save *save, struct snapshot_result *result)
{
    ktime_t start = now();
    server_lock();
    status_t status = process_freeze(save->pid, deadline_after(PATIENCE));
    if (status != OK) {
        server_unlock();
        return status;
    }
    status = note_state(save, process_find(save->pid));
    server_unlock();
    if (status == OK)
        save_objects(save);
    server_lock();
    struct process *process = process_find(save->pid);
    if (status == OK && process && (save->flags & SNAPSHOT_STOP))
        process_end_all(process, SIGKILL);
    process_thaw(save->pid);
    server_unlock();
    result->pause = now() - start;
    return status;
}

static status_t write_out(struct save *save, handle_t file, struct snapshot_result *result)
{
    struct output output;
    status_t status = output_open(&output, file);
    struct snap_sink sink = {output_write, &output};
    save_memory(save);
    if (status == OK)
        status = snap_write(&save->snapshot, &sink, &result->size);
    output_close(&output);
    return status;
}

static void save_free(struct save *save)
{
    for (uint32_t i = 0; i < save->object_count; i++)
        file_release(save->objects[i].file);
    free(save->objects);
    while (save->contents) {
        struct saved_content *content = save->contents;
        save->contents = content->next;
        close_handle(content->vmo);
        release(content);
    }
    close_handle(save->space);
    snap_free(&save->snapshot);
    release(save);
}

status_t snapshot_take(uint32_t pid, uint32_t flags, const struct crash *crash, handle_t file,
                       struct snapshot_result *result)
{
    struct save *save = allocate(sizeof *save);
    ktime_t start = now();
    if (!save)
        return ERR_NO_MEMORY;
    save->pid = pid;
    save->flags = flags;
    save->crash = crash;
    status_t status = take(save, result);
    if (status == OK)
        status = write_out(save, file, result);
    save_free(save);
    result->time = now() - start;
    return status;
}

static void save_thread(void *argument)
{
    struct job job = *(struct job *)argument;
    struct snapshot_result result = {0};
    release(argument);
    status_t status = snapshot_take(job.pid, job.flags, NULL, job.file, &result);
    close_handle(job.file);
    ignore(init_snapshot_answer(server.init, job.request, status, &result));
}

void snapshot_event(uint32_t pid, uint32_t flags, uint32_t request, handle_t *file)
{
    struct job *job = allocate(sizeof *job);
    if (job) {
        *job = (struct job){pid, flags, request, *file};
        if (worker_background(save_thread, job)) {
            *file = HANDLE_NONE;
            return;
        }
        release(job);
    }
    ignore(init_snapshot_answer(server.init, request, ERR_NO_MEMORY, NULL));
}
