/* SPDX-License-Identifier: MIT */
/*
 * A disk in memory: `ramdisk MIB` is block/ram0, zero-filled, gone with the driver. Pages are used as they
 * are written; discarded ones are given back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <block/block.h>

#define MIB_MAX 1024u

static handle_t memory;

/* The memory is reached through kernel calls: what there is no page for is an error, not a fault. */
static status_t start(struct block_disk *disk, struct block_request *request)
{
    uint64_t at = request->sector * BLOCK_SECTOR;
    uint32_t length = request->count * BLOCK_SECTOR;
    status_t status = OK;
    if (request->op == BLOCK_REQUEST_READ)
        status = vmo_read(memory, at, request->data, length);
    else if (request->op == BLOCK_REQUEST_WRITE)
        status = vmo_write(memory, at, request->data, length);
    else if (request->op == BLOCK_REQUEST_DISCARD)
        status = vmo_discard(memory, at, length);
    block_request_end(disk, request, status == OK ? OK : ERR_IO_ERROR);
    return OK;
}

int main(int argc, char **argv)
{
    static const struct block_driver driver = {.start = start, .max_sectors = 2048};
    static struct block_server server;
    static struct block_disk disk = {.driver = &driver,
                                     .info = {.sector_size = PAGE_SIZE,
                                              .flags = BLOCK_CAN_DISCARD,
                                              .name = "ram0",
                                              .model = "memory"}};
    uint32_t mebibytes = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
    block_server_init(&server);
    if (mebibytes == 0 || mebibytes > MIB_MAX)
        process_fail("size in MiB", ERR_INVALID_ARGUMENT);
    disk.info.sectors = (uint64_t)mebibytes << (20 - BLOCK_SECTOR_SHIFT);
    status_t status = vmo_create(VMO_CONTENT, (uint64_t)mebibytes << 20, &memory);
    if (status == OK)
        status = block_server_add(&server, &disk);
    if (status != OK)
        process_fail("ram disk", status);
    block_server_run(&server);
}
