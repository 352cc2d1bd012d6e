/* SPDX-License-Identifier: MIT */
/* The file that a snapshot is written into, and read from. */
#include "capture.h"

#include <atomik/time.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>
#include <stdlib.h>
#include <string.h>

#define BULK_SIZE 65536u

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

status_t capture_write(struct snapshot *snapshot, handle_t file, uint64_t *size)
{
    struct capture_output output;
    status_t status = capture_output_open(&output, file);
    struct snap_sink sink = {capture_output_write, &output};
    if (status == OK)
        status = snap_write(snapshot, &sink, size);
    capture_output_close(&output);
    return status;
}

void capture_uuid(uint8_t uuid[16])
{
    (void)!random_get(uuid, 16);
    uuid[6] = (uuid[6] & 0x0f) | 0x40;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

void capture_header(struct snapshot *snapshot, const char *personality, const uint8_t *group,
                    bool crash)
{
    uint8_t uuid[16];
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

static status_t read_image(void *context, uint64_t offset, void *to, uint32_t length)
{
    return vmo_read(((const struct capture_image *)context)->vmo, offset, to, length);
}

static status_t image_open(struct capture_image *image, uint64_t *size)
{
    struct vmo_info info;
    status_t status = vmo_info(image->vmo, &info);
    image->source = (struct snap_source){read_image, image};
    *size = status == OK ? info.size_low | (uint64_t)info.size_high << 32 : 0;
    return status;
}

status_t capture_read(struct snapshot *snapshot, struct capture_image *image, bool accept_edited,
                      const char **problem)
{
    enum snap_verdict verdict;
    const struct snap_source *source = &image->source;
    uint64_t size;
    *problem = NULL;
    status_t status = image_open(image, &size);
    if (status != OK)
        return status;
    status = snap_verify(source, size, &verdict, problem);
    if (status == OK && verdict == SNAP_DAMAGED)
        status = ERR_BAD_EXECUTABLE;
    if (status == OK && verdict != SNAP_VERIFIED && !accept_edited) {
        *problem =
            "its memory was edited by another tool: --accept-edited restores it all the same";
        status = ERR_NOT_PERMITTED;
    }
    return status == OK ? snap_read(snapshot, source, size, problem) : status;
}

bool capture_recognise(handle_t vmo)
{
    static const uint8_t magic[4] = {0x7f, 'E', 'L', 'F'};
    struct elf32_ehdr ehdr;
    return vmo_read(vmo, 0, &ehdr, sizeof ehdr) == OK &&
           memcmp(ehdr.ident, magic, sizeof magic) == 0 && ehdr.type == ELF_ET_CORE &&
           ehdr.machine == ELF_EM_386;
}

bool capture_personality(handle_t vmo, char *to, uint32_t size)
{
    struct capture_image image = {.vmo = vmo};
    struct snapshot snapshot;
    const char *problem;
    uint64_t length;
    if (image_open(&image, &length) != OK ||
        snap_read(&snapshot, &image.source, length, &problem) != OK)
        return false;
    bool known = snap_get_personality(&snapshot, to, size);
    snap_free(&snapshot);
    return known;
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
