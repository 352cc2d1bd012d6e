/* SPDX-License-Identifier: MIT */
/* The file that a snapshot is written into. */
#include "capture.h"

#include <ipc/call.h>
#include <ipc/fsclient.h>
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

void capture_uuid(uint8_t uuid[16])
{
    (void)!random_get(uuid, 16);
    uuid[6] = (uuid[6] & 0x0f) | 0x40;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
}
