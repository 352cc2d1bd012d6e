/* SPDX-License-Identifier: MIT */
/* Disks and optical drives of a PCI IDE controller; see ata.h. */
#include "ata.h"

#include <stdio.h>
#include <string.h>

#include <atomik/ioport.h>
#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <pci/pci.h>
#include <virtio/virtio.h>

#define CLASS_IDE    0x0101u
#define BAR_MASTER   0x20
#define MASTER_PORTS 16u

enum identify_word {
    WORD_MODEL = 27,
    WORD_CAPABILITIES = 49,
    WORD_SECTORS = 60,
    WORD_SETS = 83,
    WORD_SETS_ON = 85,
    WORD_SECTORS48 = 100
};
enum { CAPABLE_DMA = 1 << 8, SET_WIDE = 1 << 10, SET_WRITE_CACHE = 1 << 5 };

static struct block_server server;
static struct channel channels[CHANNELS];
static struct device devices[CHANNELS * DEVICES];
static uint32_t disks, drives;

static void copy_model(const uint16_t *words, char *to, size_t size)
{
    size_t length = 0;
    for (uint32_t i = 0; i < 20 && length + 2 < size; i++) {
        to[length++] = (char)(words[WORD_MODEL + i] >> 8);
        to[length++] = (char)words[WORD_MODEL + i];
    }
    while (length > 0 && to[length - 1] == ' ')
        length--;
    to[length] = 0;
}

static void describe_disk(struct device *device, const uint16_t *words)
{
    struct block_info *info = &device->disk.info;
    device->wide = (words[WORD_SETS] & SET_WIDE) != 0;
    info->sectors = words[WORD_SECTORS] | (uint32_t)words[WORD_SECTORS + 1] << 16;
    if (device->wide)
        info->sectors = words[WORD_SECTORS48] | (uint32_t)words[WORD_SECTORS48 + 1] << 16 |
                        (uint64_t)words[WORD_SECTORS48 + 2] << 32;
    info->sector_size = BLOCK_SECTOR;
    info->flags = words[WORD_SETS_ON] & SET_WRITE_CACHE ? BLOCK_WRITE_CACHE : 0;
    (void)snprintf(info->name, sizeof info->name, "sd%c", (char)('a' + disks++));
}

/* An empty drive is one of 0 sectors. The first packets only say that the medium has been changed. */
static void describe_drive(struct device *device)
{
    struct block_info *info = &device->disk.info;
    const uint8_t ready[PACKET_LENGTH] = {PACKET_TEST_READY},
                  capacity[PACKET_LENGTH] = {PACKET_CAPACITY};
    uint8_t answer[8];
    for (uint32_t i = 0; i < 4 && !packet_read_now(device, ready, NULL, 0); i++)
        continue;
    info->sector_size = OPTICAL_SECTOR;
    info->flags = BLOCK_READ_ONLY | BLOCK_REMOVABLE | BLOCK_OPTICAL;
    if (packet_read_now(device, capacity, answer, sizeof answer)) {
        uint32_t last = (uint32_t)answer[0] << 24 | (uint32_t)answer[1] << 16 |
                        (uint32_t)answer[2] << 8 | answer[3];
        info->sectors = ((uint64_t)last + 1) * (OPTICAL_SECTOR / BLOCK_SECTOR);
    }
    (void)snprintf(info->name, sizeof info->name, "sr%u", (unsigned)drives++);
}

static void add_device(struct channel *channel, uint32_t number)
{
    static uint16_t words[256];
    struct device *device = &devices[(channel - channels) * DEVICES + number];
    device->channel = channel;
    device->number = number;
    if (!device_identify(device, words))
        return;
    device->dma = channel->master != 0 && (words[WORD_CAPABILITIES] & CAPABLE_DMA);
    device->disk.driver = device->optical ? &atapi_driver : &ata_driver;
    device->disk.context = device;
    copy_model(words, device->disk.info.model, sizeof device->disk.info.model);
    if (device->optical)
        describe_drive(device);
    else
        describe_disk(device, words);
    status_t status = block_server_add(&server, &device->disk);
    if (status != OK)
        log_printf("%s: %s", device->disk.info.name, status_text(status));
}

/* Without memory for its table the channel goes without DMA. */
static void prepare_master(struct channel *channel, uint16_t master)
{
    struct virtio_memory memory;
    if (master == 0 || virtio_memory_alloc(PAGE_SIZE, &memory) != OK)
        return;
    ioport_write8(master + MASTER_COMMAND, 0); /* what a driver before this one began */
    channel->master = master;
    channel->table = (uint32_t *)(void *)memory.data;
    channel->table_physical = memory.physical;
}

static status_t open_channel(uint32_t index, uint16_t master)
{
    static const uint16_t ports[CHANNELS] = {0x1f0, 0x170}, control[CHANNELS] = {0x3f6, 0x376};
    static const uint32_t lines[CHANNELS] = {14, 15};
    struct channel *channel = &channels[index];
    channel->ports = ports[index];
    channel->control = control[index];
    status_t status = pci_take_ports(channel->ports, 8);
    if (status == OK)
        status = pci_take_ports(channel->control, 1);
    if (status == OK)
        status = irq_create(lines[index], &channel->irq);
    if (status != OK)
        return status;
    prepare_master(channel, master);
    if (ioport_read8(channel->ports + ATA_STATUS) == 0xff)
        return OK; /* nothing is connected */
    channel_reset(channel);
    status = block_server_interrupt(&server, channel->irq, channel_interrupt, channel);
    for (uint32_t number = 0; number < DEVICES && status == OK; number++)
        add_device(channel, number);
    return status;
}

static uint16_t find_master(uint32_t slot, bool wanted)
{
    uint32_t bar = pci_read(slot, BAR_MASTER);
    if (!wanted || !(bar & 1) || (bar & 0xfff0) == 0)
        return 0;
    pci_enable(slot, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
    return pci_take_ports(bar & 0xfff0, MASTER_PORTS) == OK ? (uint16_t)(bar & 0xfff0) : 0;
}

/* An argument `pio` does without DMA. */
int main(int argc, char **argv)
{
    uint32_t slot;
    block_server_init(&server);
    status_t status = pci_open();
    if (status == OK)
        status = pci_find_class(CLASS_IDE, 0, &slot);
    if (status != OK)
        process_fail("no IDE controller", status);
    uint16_t master = find_master(slot, argc < 2 || strcmp(argv[1], "pio") != 0);
    for (uint32_t i = 0; i < CHANNELS; i++) {
        status = open_channel(i, master != 0 ? (uint16_t)(master + i * 8) : 0);
        if (status != OK)
            log_printf("IDE channel %u: %s", (unsigned)i, status_text(status));
    }
    if (server.disk_count == 0)
        process_fail("no IDE disk", ERR_NO_DEVICE);
    virtio_settle(); /* both channels have been reset */
    block_server_run(&server);
}
