/* SPDX-License-Identifier: MIT */
/* The volume's device: a session with a block driver. */
#include <string.h>

#include <atomik/startup.h>
#include <ipc/blockclient.h>

#include "node.h"

#define BUFFER_SIZE     (256u << 10)
#define DRIVER_PATIENCE (2 * NS_PER_S)

static struct block_session session;

/* As many runs as fit into the buffer, in one call. */
static status_t transfer_some(bool write, const struct fat_run *runs, uint32_t count,
                              uint32_t *taken)
{
    struct block_extent extents[BLOCK_EXTENTS_MAX] = {{0}};
    uint32_t used = 0, n = 0;
    while (n < count && n < BLOCK_EXTENTS_MAX && runs[n].length <= session.buffer_size - used) {
        extents[n] = (struct block_extent){.sector = runs[n].offset / BLOCK_SECTOR,
                                           .count = runs[n].length / BLOCK_SECTOR,
                                           .offset = used};
        if (write)
            memcpy(session.data + used, runs[n].data, runs[n].length);
        used += runs[n++].length;
    }
    status_t status =
        block_client_transfer(&session, write ? BLOCK_WRITE : BLOCK_READ, 0, extents, n);
    for (uint32_t i = 0; i < n && !write && status == OK; i++)
        memcpy(runs[i].data, session.data + extents[i].offset, runs[i].length);
    *taken = n;
    return status;
}

static status_t transfer(void *context, bool write, const struct fat_run *runs, uint32_t count)
{
    (void)context;
    while (count > 0) {
        uint32_t taken;
        status_t status = transfer_some(write, runs, count, &taken);
        if (status != OK)
            return status;
        runs += taken;
        count -= taken;
    }
    return OK;
}

static status_t flush(void *context)
{
    (void)context;
    return block_client_flush(&session);
}

status_t device_open(const char *name, bool read_only, struct fat_device *device)
{
    uint32_t flags = BLOCK_OPEN_EXCLUSIVE | (read_only ? 0 : BLOCK_OPEN_WRITE);
    status_t status = block_client_open_late(startup_handle(STARTUP_INIT), name, flags, BUFFER_SIZE,
                                             DRIVER_PATIENCE, &session);
    if (status != OK)
        return status;
    *device = (struct fat_device){.transfer = transfer,
                                  .flush = flush,
                                  .size = session.info.sectors * BLOCK_SECTOR,
                                  .sector_size = session.info.sector_size};
    return OK;
}
