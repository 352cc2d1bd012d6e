/* SPDX-License-Identifier: MIT */
/* The file that a snapshot is written into. */
#include "capture.h"

#include <atomik/time.h>
#include <ipc/call.h>
#include <protocols/init.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BULK_SIZE 65536u
#define SUFFIX    ".new" /* of the name until the file is complete */
#define PATH_ROOM 512u

status_t capture_output_open(struct capture_output *output, handle_t file)
{
    struct map_request map = {
        .length = BULK_SIZE, .prot = PROT_R | PROT_W, .flags = MAP_FLAG_SHARED};
    *output = (struct capture_output){.file = file};
    status_t status = vmo_create(0, BULK_SIZE, &output->vmo);
    map.vmo = output->vmo;
    if (status == OK)
        status = space_map(HANDLE_SELF, &map);
    if (status == OK)
        output->view = (uint8_t *)map.address;
    return status == OK ? fs_client_buffer(file, output->vmo, BULK_SIZE) : status;
}

void capture_output_close(struct capture_output *output)
{
    /* Both are the server's own: there is nothing that can fail. */
    if (output->view)
        (void)!space_unmap(HANDLE_SELF, (uintptr_t)output->view, BULK_SIZE);
    handle_drop(&output->vmo);
}

status_t capture_output_write(void *context, uint64_t offset, const void *from, uint32_t length)
{
    struct capture_output *output = context;
    const uint8_t *at = from;
    while (length > 0) {
        uint32_t part = length < BULK_SIZE ? length : BULK_SIZE, done = 0;
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

/* ---- the whole ---- */

static status_t write_by_messages(struct snapshot *snapshot, handle_t file, uint64_t *size)
{
    struct capture_output output;
    status_t status = capture_output_open(&output, file);
    const struct snap_sink sink = {.write = capture_output_write, .context = &output};
    if (status == OK)
        status = snap_write(snapshot, &sink, size);
    capture_output_close(&output);
    return status;
}

status_t capture_write(struct snapshot *snapshot, handle_t file, uint64_t *size)
{
    struct capture_memory_file content;
    if (!capture_memory_file_open(&content, file))
        return write_by_messages(snapshot, file, size);
    status_t status = snap_write(snapshot, &content.sink, size);
    capture_memory_file_close(&content);
    return status;
}

status_t capture_file(const struct fs_walk_context *walk, const char *name,
                      status_t (*write)(void *context, handle_t file), void *context)
{
    char temporary[PATH_ROOM];
    struct fs_path_args unlink = {.op = FS_OP_UNLINK};
    struct fs_path_result ignored;
    handle_t file;
    int length = snprintf(temporary, sizeof temporary, "%s" SUFFIX, name);
    if (length >= (int)sizeof temporary)
        return ERR_NAME_TOO_LONG;
    status_t status = fs_client_open(
        walk, HANDLE_NONE, temporary, (size_t)length,
        FS_O_READ | FS_O_WRITE | FS_O_CREATE | FS_O_TRUNCATE | FS_O_NOFOLLOW, 0700, &file, NULL);
    if (status != OK)
        return status;
    status = write(context, file);
    if (status == OK)
        status = fs_client_sync(file, false);
    handle_drop(&file);
    if (status == OK)
        status = fs_client_rename(walk, HANDLE_NONE, temporary, (size_t)length, HANDLE_NONE, name,
                                  strlen(name), 0);
    if (status != OK)
        (void)!fs_client_path(walk, HANDLE_NONE, temporary, (size_t)length, &unlink, &ignored);
    return status;
}

void capture_uuid(uint8_t uuid[16])
{
    (void)!random_get(uuid, 16);
    uuid[6] = (uuid[6] & 0x0f) | 0x40;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

void capture_header(struct snapshot *snapshot, const char *personality, uint32_t flags,
                    const uint8_t *group, bool crash)
{
    uint8_t uuid[16];
    snapshot->undigested = flags & SNAPSHOT_UNDIGESTED;
    capture_uuid(uuid);
    snap_note_begin(snapshot, SNAP_HEADER);
    snap_put_u32(snapshot, SNAP_HEADER_MAJOR, SNAP_MAJOR);
    snap_put_u32(snapshot, SNAP_HEADER_MINOR, SNAP_MINOR);
    snap_put_text(snapshot, SNAP_HEADER_PERSONALITY, personality);
    snap_put(snapshot, SNAP_HEADER_UUID, uuid, sizeof uuid);
    if (group)
        snap_put(snapshot, SNAP_HEADER_GROUP, group, sizeof uuid);
    snap_put_text(snapshot, SNAP_HEADER_REASON, crash ? "crash" : "manual");
    snap_put_u64(snapshot, SNAP_HEADER_REALTIME, time_realtime());
    snap_put_u64(snapshot, SNAP_HEADER_MONOTONIC, time_monotonic());
    snap_put_u32(snapshot, SNAP_HEADER_FLAGS, 0);
}

void capture_queue(struct snapshot *snapshot, struct snap_note *note, handle_t read_end)
{
    uint32_t queued = 0, capacity = 0, done = 0, id = snap_get_u32(note, SNAP_OBJECT_QUEUE, 0);
    status_t status = stream_info(read_end, &queued, &capacity);
    uint8_t *bytes = malloc(queued + 1);
    if (status == OK && bytes != NULL && queued > 0)
        status = stream_peek(read_end, bytes, queued, &done);
    if (status == OK && bytes != NULL && id != 0)
        status = snap_replace_blob(snapshot, id, bytes, done);
    else if (status == OK && bytes != NULL && done > 0) {
        id = snap_add_blob_copy(snapshot, bytes, done);
        status = snap_set(note, SNAP_OBJECT_QUEUE, &id, sizeof id);
    }
    snapshot->failed |= status != OK || bytes == NULL;
    free(bytes);
}
