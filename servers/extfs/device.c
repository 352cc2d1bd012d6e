/* SPDX-License-Identifier: MIT */
/* The block device under lib/ext: whole sectors through a session's buffer. */
#include <string.h>

#include <atomik/startup.h>
#include <atomik/time.h>
#include <ipc/blockclient.h>

#include "extfs.h"

#define BUFFER_BYTES   (256u << 10)
#define TRANSFER_BYTES (512u << 10)

static struct block_session session;
static struct block_session transfers; /* for the contents of files, whose memory is its buffer */
static uint8_t edge[PAGE_SIZE]; /* a sector of the device, where a range begins or ends inside it */

/* The part of [offset, offset + length) in the sector that `offset` is in. */
static uint32_t part_of(uint64_t offset, uint32_t length, uint32_t *skip)
{
    uint32_t size = session.info.sector_size;
    *skip = (uint32_t)offset & (size - 1);
    return length < size - *skip ? length : size - *skip;
}

/* A disk that has been pulled out is an error of the file that was asked for, not a missing file. */
static status_t as_io_error(status_t status)
{
    return status == ERR_NO_DEVICE ? ERR_IO_ERROR : status;
}

static struct block_extent collected[BLOCK_EXTENTS_MAX];
static uint32_t collected_count;
static status_t collected_status; /* of what was collected and sent since the last drain */

static void send_collected(void)
{
    if (collected_count == 0)
        return;
    status_t status = block_client_transfer(&transfers, BLOCK_WRITE, 0, collected, collected_count);
    collected_count = 0;
    if (collected_status == OK)
        collected_status = as_io_error(status);
}

status_t device_drain(void)
{
    send_collected();
    status_t status = collected_status;
    collected_status = OK;
    return status;
}

static void collect(const struct block_extent *extent)
{
    if (collected_count > 0) {
        struct block_extent *last = &collected[collected_count - 1];
        if (last->sector + last->count == extent->sector &&
            last->offset + (last->count << BLOCK_SECTOR_SHIFT) == extent->offset) {
            last->count += extent->count;
            return;
        }
    }
    if (collected_count == BLOCK_EXTENTS_MAX)
        send_collected();
    collected[collected_count++] = *extent;
}

static status_t read_edge(uint64_t offset)
{
    uint32_t size = session.info.sector_size;
    send_collected();
    return block_client_read(&session, (offset & ~(uint64_t)(size - 1)) >> BLOCK_SECTOR_SHIFT, edge,
                             size >> BLOCK_SECTOR_SHIFT);
}

/* How much of the range, from its start on, is whole sectors; 0: it begins inside one or ends there. */
static uint32_t whole(uint64_t offset, uint32_t length)
{
    uint32_t mask = session.info.sector_size - 1;
    return offset & mask ? 0 : length & ~mask;
}

/* Is it memory that the device reaches? Then where in there. */
static bool in_buffer(const void *at, uint32_t length, uint32_t *offset)
{
    uint32_t from = (uint32_t)((uintptr_t)at - (uintptr_t)transfers.data);
    *offset = from;
    return from < transfers.buffer_size && length <= transfers.buffer_size - from &&
           from % BLOCK_SECTOR == 0;
}

static status_t move_whole(enum block_op op, uint64_t offset, void *data, uint32_t length)
{
    struct block_extent extent = {.sector = offset >> BLOCK_SECTOR_SHIFT,
                                  .count = length >> BLOCK_SECTOR_SHIFT};
    bool direct = in_buffer(data, length, &extent.offset);
    if (direct && op == BLOCK_WRITE) {
        collect(&extent);
        return OK;
    }
    send_collected();
    if (direct)
        return block_client_transfer(&transfers, op, 0, &extent, 1);
    return op == BLOCK_READ ? block_client_read(&session, extent.sector, data, extent.count)
                            : block_client_write(&session, extent.sector, data, extent.count);
}

static status_t device_read(void *context, uint64_t offset, void *to, uint32_t length)
{
    uint8_t *at = to;
    (void)context;
    while (length > 0) {
        uint32_t skip = 0, count = whole(offset, length);
        status_t status;
        if (count > 0) {
            status = move_whole(BLOCK_READ, offset, at, count);
        } else {
            count = part_of(offset, length, &skip);
            status = read_edge(offset);
            memcpy(at, edge + skip, count);
        }
        if (status != OK)
            return as_io_error(status);
        at += count;
        offset += count;
        length -= count;
    }
    return OK;
}

static status_t write_part(uint64_t offset, const uint8_t *from, uint32_t skip, uint32_t count)
{
    uint32_t size = session.info.sector_size;
    status_t status = read_edge(offset);
    if (status != OK)
        return status;
    memcpy(edge + skip, from, count);
    return block_client_write(&session, (offset & ~(uint64_t)(size - 1)) >> BLOCK_SECTOR_SHIFT,
                              edge, size >> BLOCK_SECTOR_SHIFT);
}

static status_t device_write(void *context, uint64_t offset, const void *from, uint32_t length)
{
    const uint8_t *at = from;
    (void)context;
    while (length > 0) {
        uint32_t skip = 0, count = whole(offset, length);
        status_t status;
        if (count > 0) {
            status = move_whole(BLOCK_WRITE, offset, (void *)(uintptr_t)at, count);
        } else {
            count = part_of(offset, length, &skip);
            status = write_part(offset, at, skip, count);
        }
        if (status != OK)
            return as_io_error(status);
        at += count;
        offset += count;
        length -= count;
    }
    return OK;
}

static status_t device_flush(void *context)
{
    (void)context;
    send_collected();
    return as_io_error(block_client_flush(&session));
}

static uint64_t device_now(void *context)
{
    (void)context;
    return (uint64_t)time_realtime();
}

status_t device_open(const char *name, bool read_only, struct ext_device *device)
{
    uint32_t flags = BLOCK_OPEN_EXCLUSIVE | (read_only ? 0u : BLOCK_OPEN_WRITE);
    status_t status =
        block_client_open(startup_handle(STARTUP_INIT), name, flags, BUFFER_BYTES, &session);
    if (status == OK)
        status = block_client_open(startup_handle(STARTUP_INIT), name,
                                   read_only ? 0 : BLOCK_OPEN_WRITE, TRANSFER_BYTES, &transfers);
    if (status != OK)
        return status;
    *device = (struct ext_device){.size = session.info.sectors << BLOCK_SECTOR_SHIFT,
                                  .read = device_read,
                                  .write = read_only ? NULL : device_write,
                                  .flush = device_flush,
                                  .now = device_now};
    return OK;
}

uint8_t *device_buffer(uint32_t *size)
{
    *size = transfers.buffer_size & ~(uint32_t)PAGE_MASK;
    return transfers.data;
}
