/* SPDX-License-Identifier: MIT */
/*
 * Virtio block devices (Virtual I/O Device 1.0, section 5.2) on lib/block. A request is a chain of a
 * header, the data and a status byte; header and status lie in a page of slots, one for each request
 * that is with the device.
 */
#include <stdio.h>
#include <string.h>

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <block/block.h>
#include <dma/dma.h>
#include <virtio/virtio.h>

#define SLOTS       64u
#define NO_SLOT     UINT32_MAX
#define SECTORS_MAX 2048u /* of one request */

enum virtio_blk_feature {
    FEATURE_READ_ONLY = 1u << 5,
    FEATURE_BLOCK_SIZE = 1u << 6,
    FEATURE_FLUSH = 1u << 9,
    FEATURE_DISCARD = 1u << 13
};
enum virtio_blk_config { CONFIG_CAPACITY = 0, CONFIG_BLOCK_SIZE = 20 };
enum virtio_blk_type { TYPE_IN = 0, TYPE_OUT = 1, TYPE_FLUSH = 4, TYPE_DISCARD = 11 };
enum virtio_blk_status { STATUS_OK = 0, STATUS_UNSUPPORTED = 2, STATUS_NONE = 0xff };

/* As the device reads and writes it. */
struct slot {
    uint32_t type, reserved;
    uint64_t sector;
    struct { /* TYPE_DISCARD's data */
        uint64_t sector;
        uint32_t count, flags;
    } range;
    uint8_t status;
    uint8_t padding[31];
};
_Static_assert(sizeof(struct slot) == 64, "slots fill the page");

struct disk {
    struct block_disk base;
    struct virtio_device device;
    struct virtio_queue queue;
    struct dma_memory memory; /* struct slot[SLOTS] */
    struct block_request *requests[SLOTS];
    uint32_t submitted; /* since the last kick */
};

static struct block_server server;
static struct disk disks[BLOCK_DISKS_MAX];

/* ---- requests ------------------------------------------------------------------------------------ */

static uint32_t find_slot(const struct disk *disk)
{
    for (uint32_t i = 0; i < SLOTS; i++)
        if (disk->requests[i] == NULL)
            return i;
    return NO_SLOT;
}

static volatile struct slot *slot_of(const struct disk *disk, uint32_t index)
{
    return (volatile struct slot *)disk->memory.data + index;
}

static uint32_t physical_of(const struct disk *disk, uint32_t index, size_t offset)
{
    return disk->memory.physical + index * sizeof(struct slot) + (uint32_t)offset;
}

static void fill_slot(volatile struct slot *slot, const struct block_request *request)
{
    static const uint32_t types[] = {[BLOCK_REQUEST_READ] = TYPE_IN,
                                     [BLOCK_REQUEST_WRITE] = TYPE_OUT,
                                     [BLOCK_REQUEST_DISCARD] = TYPE_DISCARD,
                                     [BLOCK_REQUEST_FLUSH] = TYPE_FLUSH};
    bool data = request->op == BLOCK_REQUEST_READ || request->op == BLOCK_REQUEST_WRITE;
    slot->type = types[request->op];
    slot->reserved = 0;
    slot->sector = data ? request->sector : 0;
    slot->range.sector = request->sector;
    slot->range.count = request->count;
    slot->range.flags = 0;
    slot->status = STATUS_NONE;
}

static status_t start(struct block_disk *base, struct block_request *request)
{
    struct disk *disk = base->context;
    uint32_t index = find_slot(disk), out = 1, in = 1;
    struct virtio_buffer data = {request->physical, request->count * BLOCK_SECTOR}, buffers[3];
    if (index == NO_SLOT)
        return ERR_SHOULD_WAIT;
    struct virtio_buffer status = {physical_of(disk, index, offsetof(struct slot, status)), 1};
    fill_slot(slot_of(disk, index), request);
    buffers[0] = (struct virtio_buffer){physical_of(disk, index, 0), 16};
    if (request->op == BLOCK_REQUEST_DISCARD)
        data = (struct virtio_buffer){physical_of(disk, index, offsetof(struct slot, range)), 16};
    if (request->op != BLOCK_REQUEST_FLUSH) {
        buffers[1] = data;
        out += request->op != BLOCK_REQUEST_READ;
        in += request->op == BLOCK_REQUEST_READ;
    }
    buffers[out + in - 1] = status;
    status_t result = virtio_submit(&disk->queue, buffers, out, in, request);
    if (result != OK)
        return result;
    request->slot = index;
    disk->requests[index] = request;
    disk->submitted++;
    return OK;
}

static void kick(struct block_disk *base)
{
    struct disk *disk = base->context;
    if (disk->submitted > 0)
        virtio_kick(&disk->queue);
    disk->submitted = 0;
}

static void finish(struct disk *disk, struct block_request *request, status_t status)
{
    disk->requests[request->slot] = NULL;
    block_request_end(&disk->base, request, status);
}

static void serve(void *context)
{
    struct disk *disk = context;
    struct block_request *request;
    uint32_t length;
    (void)virtio_acknowledge(&disk->device);
    while ((request = virtio_take(&disk->queue, &length)) != NULL) {
        uint8_t status = slot_of(disk, request->slot)->status;
        finish(disk, request,
               status == STATUS_OK            ? OK
               : status == STATUS_UNSUPPORTED ? ERR_NOT_SUPPORTED
                                              : ERR_IO_ERROR);
    }
}

/* A device that was pulled out says nothing more. */
static void check(struct block_disk *base)
{
    struct disk *disk = base->context;
    if (virtio_is_there(&disk->device))
        return;
    log_printf("%s is gone", base->info.name);
    block_disk_gone(base);
    for (uint32_t i = 0; i < SLOTS; i++)
        if (disk->requests[i] != NULL)
            finish(disk, disk->requests[i], ERR_NO_DEVICE);
}

static const struct block_driver driver = {
    .start = start, .kick = kick, .check = check, .max_sectors = SECTORS_MAX};

/* ---- set-up -------------------------------------------------------------------------------------- */

/* What the device says of itself, checked. */
static status_t describe(struct disk *disk, uint32_t nth)
{
    struct virtio_device *device = &disk->device;
    struct block_info *info = &disk->base.info;
    info->sectors = virtio_config32(device, CONFIG_CAPACITY) |
                    (uint64_t)virtio_config32(device, CONFIG_CAPACITY + 4) << 32;
    info->sector_size = device->features & FEATURE_BLOCK_SIZE
                            ? virtio_config32(device, CONFIG_BLOCK_SIZE)
                            : BLOCK_SECTOR;
    if (info->sector_size < BLOCK_SECTOR || info->sector_size > PAGE_SIZE ||
        (info->sector_size & (info->sector_size - 1)) != 0 || info->sectors > UINT64_MAX >> 9)
        return ERR_NOT_SUPPORTED;
    info->sectors &= ~(uint64_t)(info->sector_size / BLOCK_SECTOR - 1);
    info->flags = (device->features & FEATURE_READ_ONLY ? BLOCK_READ_ONLY : 0) |
                  (device->features & FEATURE_FLUSH ? BLOCK_WRITE_CACHE : 0) |
                  (device->features & FEATURE_DISCARD ? BLOCK_CAN_DISCARD : 0);
    (void)snprintf(info->name, sizeof info->name, "vd%c", (char)('a' + nth));
    (void)snprintf(info->model, sizeof info->model, "virtio disk");
    return OK;
}

static status_t open_disk(struct disk *disk, uint32_t nth)
{
    const uint32_t wanted =
        FEATURE_READ_ONLY | FEATURE_BLOCK_SIZE | FEATURE_FLUSH | FEATURE_DISCARD;
    status_t status = virtio_open(VIRTIO_BLOCK, nth, wanted, &disk->device);
    if (status == OK)
        status = virtio_queue_open(&disk->device, 0, &disk->queue);
    if (status == OK)
        status = dma_alloc(SLOTS * sizeof(struct slot), &disk->memory);
    if (status == OK)
        status = describe(disk, nth);
    if (status != OK)
        return status;
    disk->base.driver = &driver;
    disk->base.context = disk;
    virtio_start(&disk->device);
    status = block_server_interrupt(&server, disk->device.irq, serve, disk);
    return status == OK ? block_server_add(&server, &disk->base) : status;
}

static void open_disks(void)
{
    static struct virtio_device further;
    for (uint32_t nth = 0; nth < BLOCK_DISKS_MAX; nth++) {
        status_t status = open_disk(&disks[nth], nth);
        if (status == ERR_NO_DEVICE)
            return;
        if (status != OK)
            log_printf("virtio disk %u: %s", (unsigned)nth, status_text(status));
    }
    if (virtio_find(VIRTIO_BLOCK, BLOCK_DISKS_MAX, &further) != ERR_NO_DEVICE)
        log_printf("there are more than %u virtio disks: the others are not used",
                   (unsigned)BLOCK_DISKS_MAX);
}

int main(void)
{
    block_server_init(&server);
    open_disks();
    if (server.disk_count == 0)
        process_fail("no virtio disk", ERR_NO_DEVICE);
    dma_reset_done();
    block_server_run(&server);
}
