/* SPDX-License-Identifier: MIT */
/* The medium under lib/iso: any range of bytes, through the whole sectors that it lies in. */
#include "isofs.h"

#include <string.h>

#include <atomik/startup.h>
#include <ipc/blockclient.h>

#define BUFFER_SIZE     (256u << 10)
#define DRIVER_PATIENCE (2 * NS_PER_S)

static struct block_session session;

/* As much of the range as the buffer takes. */
static status_t read_some(uint64_t offset, uint8_t *to, uint32_t length, uint32_t *done)
{
    uint32_t size = session.info.sector_size, skip = (uint32_t)(offset % size);
    uint32_t most = session.buffer_size - session.buffer_size % size - skip;
    uint32_t part = length < most ? length : most;
    uint32_t bytes = (skip + part + size - 1) / size * size;
    struct block_extent extent = {.sector = (offset - skip) / BLOCK_SECTOR,
                                  .count = bytes / BLOCK_SECTOR};
    status_t status = block_client_transfer(&session, BLOCK_READ, 0, &extent, 1);
    if (status == OK)
        memcpy(to, session.data + skip, part);
    *done = part;
    return status;
}

static status_t device_read(void *context, uint64_t offset, void *to, uint32_t length)
{
    uint8_t *at = to;
    (void)context;
    while (length > 0) {
        uint32_t done;
        status_t status = read_some(offset, at, length, &done);
        if (status != OK)
            return status;
        offset += done;
        at += done;
        length -= done;
    }
    return OK;
}

status_t device_open(const char *name, struct iso_device *device)
{
    status_t status =
        block_client_open_late(startup_handle(STARTUP_INIT), name, BLOCK_OPEN_EXCLUSIVE,
                               BUFFER_SIZE, DRIVER_PATIENCE, &session);
    if (status == OK)
        *device =
            (struct iso_device){.read = device_read, .size = session.info.sectors * BLOCK_SECTOR};
    return status;
}
