/* SPDX-License-Identifier: MIT */
/* Disks and partitions under their names. */
#include <stdio.h>
#include <string.h>

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <ipc/call.h>
#include <ipc/initclient.h>

#include "internal.h"
#include "partition.h"

#define NAMES_MAX 26u /* of a kind */

struct block_device block_devices[DEVICES_MAX];

static void name_of(const struct block_disk *disk, uint32_t number, char name[BLOCK_NAME_MAX])
{
    size_t length = strlen(disk->info.name);
    char last = length > 0 ? disk->info.name[length - 1] : 0;
    if (number == 0)
        (void)snprintf(name, BLOCK_NAME_MAX, "%s", disk->info.name);
    else
        (void)snprintf(name, BLOCK_NAME_MAX, last >= '0' && last <= '9' ? "%sp%u" : "%s%u",
                       disk->info.name, (unsigned)number);
}

/* The name that does not depend on where the disk is attached. Of two disks with one number the first has it. */
static void register_number(struct block_server *server, const struct partition *partition,
                            handle_t handle)
{
    char name[sizeof BLOCK_PARTITION_PREFIX + BLOCK_NAME_MAX];
    (void)snprintf(name, sizeof name, BLOCK_PARTITION_PREFIX "%08x-%02x",
                   (unsigned)partition->signature, (unsigned)partition->number);
    status_t status = init_name_register(server->init, name, handle);
    if (status != OK)
        log_printf("%s: %s", name, status_text(status));
}

static status_t register_name(struct block_server *server, const char *name, handle_t handle)
{
    char full[sizeof BLOCK_NAME_PREFIX + BLOCK_NAME_MAX];
    (void)snprintf(full, sizeof full, BLOCK_NAME_PREFIX "%s", name);
    return init_name_register(server->init, full, handle);
}

/* The first name of the disk's kind that no driver has; it is the disk's from now on. */
static status_t register_first_name(struct block_server *server, struct block_disk *disk,
                                    handle_t handle)
{
    status_t status = ERR_ALREADY_EXISTS;
    for (uint32_t nth = 0; nth < NAMES_MAX && status == ERR_ALREADY_EXISTS; nth++) {
        if (disk->info.flags & BLOCK_OPTICAL)
            (void)snprintf(disk->info.name, BLOCK_NAME_MAX, "sr%u", (unsigned)nth);
        else
            (void)snprintf(disk->info.name, BLOCK_NAME_MAX, "sd%c", (char)('a' + nth));
        status = register_name(server, disk->info.name, handle);
    }
    return status;
}

/* A new place, with its name in init's table. partition NULL: the whole disk. */
static status_t device_register(struct block_server *server, struct block_device *device,
                                struct block_disk *disk, const struct partition *partition)
{
    char name[BLOCK_NAME_MAX];
    uint32_t number = partition != NULL ? partition->number : 0;
    handle_t handle;
    status_t status =
        port_badge(server->port, BADGE_FIRST + (uint32_t)(device - block_devices), &handle);
    if (status != OK)
        return status;
    *device = (struct block_device){.disk = disk, .number = number};
    name_of(disk, number, name);
    status = disk->info.name[0] == 0 ? register_first_name(server, disk, handle)
                                     : register_name(server, name, handle);
    if (status == OK && partition != NULL && partition->signature != 0)
        register_number(server, partition, handle);
    handle_drop(&handle);
    if (status != OK)
        log_printf("%s: its name: %s", name, status_text(status));
    return status;
}

static status_t device_note(struct block_server *server, struct block_disk *disk,
                            const struct partition *partition)
{
    uint32_t number = partition != NULL ? partition->number : 0;
    struct block_device *device = block_devices;
    while (device < block_devices + DEVICES_MAX && device->disk != NULL &&
           (device->disk != disk || device->number != number))
        device++;
    if (device == block_devices + DEVICES_MAX)
        return ERR_LIMIT_REACHED;
    if (device->disk == NULL) {
        status_t status = device_register(server, device, disk, partition);
        if (status != OK)
            return status;
    }
    device->start = partition != NULL ? partition->start : 0;
    device->sectors = partition != NULL ? partition->sectors : disk->info.sectors;
    device->present = true;
    return OK;
}

/* ---- partitions ---------------------------------------------------------------------------------- */

struct reader {
    struct block_server *server;
    struct block_disk *disk;
};

static status_t read_sector(void *context, uint64_t sector, void *to)
{
    struct reader *reader = context;
    return block_read_now(reader->server, reader->disk, sector, to);
}

static status_t note_partitions(struct block_server *server, struct block_disk *disk)
{
    static struct partition partitions[PARTITIONS_MAX];
    struct reader reader = {server, disk};
    struct partition_disk description = {.read = read_sector,
                                         .context = &reader,
                                         .sectors = disk->info.sectors /
                                                    (disk->info.sector_size / BLOCK_SECTOR),
                                         .sector_size = disk->info.sector_size};
    uint32_t count;
    status_t status = partitions_find(&description, partitions, &count);
    for (uint32_t i = 0; status == OK && i < count; i++)
        status = device_note(server, disk, &partitions[i]);
    return status;
}

status_t block_scan(struct block_server *server, struct block_disk *disk)
{
    for (struct block_device *device = block_devices;
         device < block_devices + DEVICES_MAX && device->disk != NULL; device++)
        if (device->disk == disk && device->number != 0)
            device->present = false;
    disk->info.generation++;
    status_t status = device_note(server, disk, NULL);
    if (status != OK || disk->info.sectors == 0 || (disk->info.flags & BLOCK_OPTICAL))
        return status;
    return note_partitions(server, disk);
}

uint32_t block_partition_count(const struct block_disk *disk)
{
    uint32_t count = 0;
    for (const struct block_device *device = block_devices;
         device < block_devices + DEVICES_MAX && device->disk != NULL; device++)
        count += device->disk == disk && device->number != 0 && device->present;
    return count;
}

bool block_partitions_open(const struct block_disk *disk)
{
    for (const struct block_device *device = block_devices;
         device < block_devices + DEVICES_MAX && device->disk != NULL; device++)
        if (device->disk == disk && device->number != 0 && device->opens > 0)
            return true;
    return false;
}

bool block_is_taken(const struct block_device *wanted)
{
    for (const struct block_device *device = block_devices;
         device < block_devices + DEVICES_MAX && device->disk != NULL; device++)
        if (device->disk == wanted->disk && device->exclusive > 0 &&
            (device == wanted || device->number == 0 || wanted->number == 0))
            return true;
    return false;
}

void block_device_info(const struct block_device *device, struct block_info *info)
{
    *info = device->disk->info;
    info->start = device->start;
    info->sectors = device->number == 0 ? info->sectors : device->sectors;
    info->partition = device->number;
    info->flags |= device->number != 0 ? BLOCK_PARTITION : 0;
    name_of(device->disk, device->number, info->name);
}
