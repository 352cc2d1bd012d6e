/* SPDX-License-Identifier: MIT */
/* Commands that are carried out while the driver waits: finding out what is there. */
#include "ata.h"

#include <string.h>

#include <atomik/ioport.h>
#include <atomik/time.h>

#define PATIENCE NS_PER_S

static uint8_t read_status(const struct channel *channel)
{
    return ioport_read8(channel->ports + ATA_STATUS);
}

/* The device needs 400 ns before its status is that of the last command. */
static void settle(const struct channel *channel)
{
    for (uint32_t i = 0; i < 4; i++)
        (void)ioport_read8(channel->control);
}

bool channel_wait(struct channel *channel, uint8_t *status)
{
    ktime_t end = time_monotonic() + PATIENCE;
    settle(channel);
    do {
        *status = read_status(channel);
        if (*status == 0xff)
            return false; /* nothing there */
        if (!(*status & STATUS_BUSY))
            return true;
    } while (time_monotonic() < end);
    return false;
}

void channel_reset(struct channel *channel)
{
    uint8_t status;
    ioport_write8(channel->control, CONTROL_RESET | CONTROL_NO_INTERRUPT);
    settle(channel);
    ioport_write8(channel->control, 0);
    time_sleep(2 * NS_PER_MS);
    (void)channel_wait(channel, &status);
}

void device_select(struct device *device)
{
    ioport_write8(device->channel->ports + ATA_DEVICE, (uint8_t)(0xa0 | device->number << 4));
    settle(device->channel);
}

static bool read_words(struct channel *channel, uint16_t *words, uint32_t count)
{
    uint8_t status;
    if (!channel_wait(channel, &status) || !(status & STATUS_DATA) || (status & STATUS_ERROR))
        return false;
    for (uint32_t i = 0; i < count; i++)
        words[i] = ioport_read16(channel->ports + ATA_DATA);
    return true;
}

/* With interrupts off; what is asked for is a disk first, then, if it says so, something else. */
static bool identify(struct device *device, uint16_t words[256])
{
    struct channel *channel = device->channel;
    uint8_t status;
    device_select(device);
    for (uint32_t reg = ATA_COUNT; reg <= ATA_HIGH; reg++)
        ioport_write8((uint16_t)(channel->ports + reg), 0);
    ioport_write8(channel->ports + ATA_COMMAND, COMMAND_IDENTIFY);
    if (!channel_wait(channel, &status) || status == 0)
        return false;
    uint8_t middle = ioport_read8(channel->ports + ATA_MIDDLE);
    uint8_t high = ioport_read8(channel->ports + ATA_HIGH);
    device->optical = middle == 0x14 && high == 0xeb;
    if (device->optical)
        ioport_write8(channel->ports + ATA_COMMAND, COMMAND_IDENTIFY_PACKET);
    else if (middle != 0 || high != 0)
        return false;
    return read_words(channel, words, 256);
}

bool device_identify(struct device *device, uint16_t words[256])
{
    ioport_write8(device->channel->control, CONTROL_NO_INTERRUPT);
    bool found = identify(device, words);
    (void)read_status(device->channel);
    ioport_write8(device->channel->control, 0);
    return found;
}

static bool packet_now(struct device *device, const uint8_t packet[PACKET_LENGTH], void *to,
                       uint32_t length)
{
    struct channel *channel = device->channel;
    uint8_t status;
    device_select(device);
    ioport_write8(channel->ports + ATA_FEATURES, 0);
    ioport_write8(channel->ports + ATA_MIDDLE, (uint8_t)length);
    ioport_write8(channel->ports + ATA_HIGH, (uint8_t)(length >> 8));
    ioport_write8(channel->ports + ATA_COMMAND, COMMAND_PACKET);
    if (!channel_wait(channel, &status) || !(status & STATUS_DATA))
        return false;
    for (uint32_t i = 0; i < PACKET_LENGTH; i += 2)
        ioport_write16(channel->ports + ATA_DATA, (uint16_t)(packet[i] | packet[i + 1] << 8));
    if (length > 0)
        return read_words(channel, to, length / 2);
    return channel_wait(channel, &status) && !(status & STATUS_ERROR);
}

static bool packet_run_now(void *context, const uint8_t packet[PACKET_LENGTH], void *to,
                           uint32_t length)
{
    struct device *device = context;
    ioport_write8(device->channel->control, CONTROL_NO_INTERRUPT);
    bool done = packet_now(device, packet, to, length);
    (void)read_status(device->channel);
    ioport_write8(device->channel->control, 0);
    return done;
}

status_t device_look(struct block_disk *disk)
{
    struct device *device = disk->context;
    if (device->channel->request != NULL)
        return ERR_SHOULD_WAIT;
    return ata_look_at_medium(packet_run_now, device, &disk->info);
}
