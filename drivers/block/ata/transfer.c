/* SPDX-License-Identifier: MIT */
/*
 * Requests: by DMA where controller and device can, else word by word, one sector with each
 * interrupt. A command that takes more than ten seconds is given up with a reset of its channel.
 */
#include "ata.h"

#include <atomik/ioport.h>
#include <atomik/log.h>
#include <atomik/syscall.h>

#define GIVE_UP_AFTER 10u    /* checks, one a second */
#define BOUNDARY      65536u /* no piece of memory of the bus master crosses one */
#define LAST_PIECE    0x80000000u

enum { MASTER_START = 1, MASTER_TO_MEMORY = 8 };
enum { MASTER_FAILED = 2, MASTER_INTERRUPT = 4 };

/* ---- the bus master ------------------------------------------------------------------------------ */

static void fill_table(struct channel *channel, uint32_t physical, uint32_t length)
{
    uint32_t *entry = channel->table;
    while (length > 0) {
        uint32_t part = BOUNDARY - physical % BOUNDARY;
        part = part < length ? part : length;
        *entry++ = physical;
        *entry++ = (part & 0xffff) | (part == length ? LAST_PIECE : 0); /* 64 KiB are 0 */
        physical += part;
        length -= part;
    }
}

static void master_prepare(struct channel *channel, const struct block_request *request)
{
    fill_table(channel, request->physical, request->count * BLOCK_SECTOR);
    ioport_write8(channel->master + MASTER_COMMAND, 0);
    ioport_write32(channel->master + MASTER_TABLE, channel->table_physical);
    ioport_write8(channel->master + MASTER_STATUS,
                  ioport_read8(channel->master + MASTER_STATUS) | MASTER_FAILED | MASTER_INTERRUPT);
}

static void master_start(struct channel *channel, const struct block_request *request)
{
    ioport_write8(channel->master + MASTER_COMMAND,
                  MASTER_START | (request->op == BLOCK_REQUEST_READ ? MASTER_TO_MEMORY : 0));
}

/* True: the device had asked for an interrupt; *failed: the transfer has gone wrong. */
static bool master_stop(struct channel *channel, bool *failed)
{
    uint8_t status = ioport_read8(channel->master + MASTER_STATUS);
    if (!(status & MASTER_INTERRUPT))
        return false;
    ioport_write8(channel->master + MASTER_COMMAND, 0);
    ioport_write8(channel->master + MASTER_STATUS, status | MASTER_FAILED | MASTER_INTERRUPT);
    *failed = (status & MASTER_FAILED) != 0;
    return true;
}

/* ---- commands ------------------------------------------------------------------------------------ */

static void set_address(struct channel *channel, uint64_t sector, uint32_t count)
{
    ioport_write8(channel->ports + ATA_COUNT, (uint8_t)count);
    ioport_write8(channel->ports + ATA_LOW, (uint8_t)sector);
    ioport_write8(channel->ports + ATA_MIDDLE, (uint8_t)(sector >> 8));
    ioport_write8(channel->ports + ATA_HIGH, (uint8_t)(sector >> 16));
}

static uint8_t command_for(const struct device *device, const struct block_request *request,
                           bool wide)
{
    bool write = request->op == BLOCK_REQUEST_WRITE;
    if (request->op == BLOCK_REQUEST_FLUSH)
        return (uint8_t)ata_dma_command(request->op, device->wide);
    if (device->dma)
        return (uint8_t)ata_dma_command(request->op, wide);
    return wide ? (write ? COMMAND_WRITE_EXT : COMMAND_READ_EXT)
                : (write ? COMMAND_WRITE : COMMAND_READ);
}

static void issue(struct device *device, const struct block_request *request)
{
    struct channel *channel = device->channel;
    bool wide = request->sector + request->count > ATA_SECTORS_28;
    uint32_t top = wide ? 0 : (uint32_t)(request->sector >> 24) & 15;
    ioport_write8(channel->ports + ATA_DEVICE, (uint8_t)(0xe0 | device->number << 4 | top));
    if (wide)
        set_address(channel, request->sector >> 24, request->count >> 8);
    set_address(channel, request->sector, request->count);
    ioport_write8(channel->ports + ATA_COMMAND, command_for(device, request, wide));
}

static void move_words(struct channel *channel, struct block_request *request, uint32_t length)
{
    uint16_t *words = (uint16_t *)(void *)(request->data + channel->done);
    uint32_t left = request->count * BLOCK_SECTOR - channel->done;
    length = length < left ? length : left;
    for (uint32_t i = 0; i < length / 2; i++) {
        if (request->op == BLOCK_REQUEST_READ)
            words[i] = ioport_read16(channel->ports + ATA_DATA);
        else
            ioport_write16(channel->ports + ATA_DATA, words[i]);
    }
    channel->done += length;
}

/* The first sector of a write without DMA goes without an interrupt before it. */
static status_t begin_words(struct channel *channel, struct block_request *request)
{
    uint8_t status;
    if (request->op != BLOCK_REQUEST_WRITE)
        return OK;
    if (!channel_wait(channel, &status) || !(status & STATUS_DATA))
        return ERR_IO_ERROR;
    move_words(channel, request, BLOCK_SECTOR);
    return OK;
}

static status_t take(struct device *device, struct block_request *request)
{
    struct channel *channel = device->channel;
    uint8_t status;
    device_select(device);
    if (!channel_wait(channel, &status))
        return status == 0xff ? ERR_NO_DEVICE : ERR_IO_ERROR;
    channel->request = request;
    channel->device = device;
    channel->done = channel->checks = 0;
    return OK;
}

static status_t ata_start(struct block_disk *disk, struct block_request *request)
{
    struct device *device = disk->context;
    struct channel *channel = device->channel;
    if (channel->request != NULL)
        return ERR_SHOULD_WAIT;
    bool data = request->op != BLOCK_REQUEST_FLUSH;
    status_t status = take(device, request);
    if (status != OK)
        return status;
    if (data && device->dma)
        master_prepare(channel, request);
    issue(device, request);
    if (data && device->dma)
        master_start(channel, request);
    else if (data)
        status = begin_words(channel, request);
    if (status != OK)
        channel->request = NULL;
    return status;
}

static status_t atapi_start(struct block_disk *disk, struct block_request *request)
{
    struct device *device = disk->context;
    struct channel *channel = device->channel;
    uint8_t packet[PACKET_LENGTH];
    uint8_t ready;
    if (channel->request != NULL)
        return ERR_SHOULD_WAIT;
    if (request->op != BLOCK_REQUEST_READ)
        return ERR_NOT_SUPPORTED;
    ata_read_packet(request, packet);
    status_t status = take(device, request);
    if (status != OK)
        return status;
    if (device->dma)
        master_prepare(channel, request);
    ioport_write8(channel->ports + ATA_FEATURES, device->dma ? 1 : 0);
    ioport_write8(channel->ports + ATA_MIDDLE, (uint8_t)OPTICAL_SECTOR);
    ioport_write8(channel->ports + ATA_HIGH, (uint8_t)(OPTICAL_SECTOR >> 8));
    ioport_write8(channel->ports + ATA_COMMAND, COMMAND_PACKET);
    if (!channel_wait(channel, &ready) || !(ready & STATUS_DATA)) {
        channel->request = NULL;
        return ERR_IO_ERROR;
    }
    for (uint32_t i = 0; i < PACKET_LENGTH; i += 2)
        ioport_write16(channel->ports + ATA_DATA, (uint16_t)(packet[i] | packet[i + 1] << 8));
    if (device->dma)
        master_start(channel, request);
    return OK;
}

/* ---- interrupts ---------------------------------------------------------------------------------- */

static void finish(struct channel *channel, status_t status)
{
    struct block_request *request = channel->request;
    channel->request = NULL;
    block_request_end(&channel->device->disk, request, status);
}

/* Without DMA: the next sector, or the end. */
static void go_on(struct channel *channel, uint8_t status)
{
    struct block_request *request = channel->request;
    uint32_t length = BLOCK_SECTOR;
    if (channel->device->optical && (status & STATUS_DATA))
        length = ioport_read8(channel->ports + ATA_MIDDLE) |
                 (uint32_t)ioport_read8(channel->ports + ATA_HIGH) << 8;
    if (request->op != BLOCK_REQUEST_FLUSH && (status & STATUS_DATA) &&
        channel->done < request->count * BLOCK_SECTOR)
        move_words(channel, request, length);
    else if (request->op == BLOCK_REQUEST_FLUSH || !(status & STATUS_DATA)) {
        bool all =
            request->op == BLOCK_REQUEST_FLUSH || channel->done == request->count * BLOCK_SECTOR;
        finish(channel, all ? OK : ERR_IO_ERROR);
        return;
    }
    /* A disk says nothing after the last sector of a read. */
    if (request->op == BLOCK_REQUEST_READ && !channel->device->optical &&
        channel->done == request->count * BLOCK_SECTOR)
        finish(channel, OK);
}

static status_t failure(const struct channel *channel, uint8_t status)
{
    if (!channel->device->optical || !(status & STATUS_ERROR))
        return ERR_IO_ERROR;
    return ata_packet_status(ioport_read8(channel->ports + ATA_ERROR));
}

static void serve(struct channel *channel)
{
    bool failed = false;
    if (channel->master != 0 && !master_stop(channel, &failed))
        return; /* not this channel's, or nothing new */
    uint8_t status = ioport_read8(channel->ports + ATA_STATUS);
    if (channel->request == NULL || (status & STATUS_BUSY))
        return;
    bool data = channel->request->op != BLOCK_REQUEST_FLUSH;
    if (failed || (status & (STATUS_ERROR | STATUS_FAULT)))
        finish(channel, failure(channel, status));
    else if (data && channel->device->dma)
        finish(channel, OK);
    else
        go_on(channel, status);
}

void channel_interrupt(void *context)
{
    struct channel *channel = context;
    serve(channel);
    if (irq_ack(channel->irq) != OK)
        log_printf("an interrupt line cannot be acknowledged");
}

static void check(struct block_disk *disk)
{
    struct device *device = disk->context;
    struct channel *channel = device->channel;
    if (channel->request == NULL || channel->device != device || ++channel->checks < GIVE_UP_AFTER)
        return;
    log_printf("%s does not answer and is reset", disk->info.name);
    if (channel->master != 0)
        ioport_write8(channel->master + MASTER_COMMAND, 0);
    channel_reset(channel);
    finish(channel, ERR_IO_ERROR);
}

const struct block_driver ata_driver = {
    .start = ata_start, .check = check, .max_sectors = ATA_SECTORS_AT_ONCE_28};
const struct block_driver atapi_driver = {.start = atapi_start,
                                          .check = check,
                                          .look = device_look,
                                          .max_sectors = ATA_SECTORS_AT_ONCE_28};
