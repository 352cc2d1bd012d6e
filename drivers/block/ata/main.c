/* SPDX-License-Identifier: MIT */
/* Disks and optical drives of a PCI IDE controller; see ata.h. */
#include "ata.h"

#include <string.h>

#include <atomik/ioport.h>
#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <dma/dma.h>
#include <pci/pci.h>

#define CLASS_IDE    0x0101u
#define BAR_MASTER   0x20
#define MASTER_PORTS 16u

static struct block_server server;
static struct channel channels[CHANNELS];
static struct device devices[CHANNELS * DEVICES];

static void add_device(struct channel *channel, uint32_t number)
{
    static uint16_t words[IDENTITY_WORDS];
    struct device *device = &devices[(channel - channels) * DEVICES + number];
    device->channel = channel;
    device->number = number;
    if (!device_identify(device, words))
        return;
    device->dma = channel->master != 0 && ata_has_dma(words);
    device->disk.driver = device->optical ? &atapi_driver : &ata_driver;
    device->disk.context = device;
    if (device->optical) {
        ata_describe_drive(words, &device->disk.info);
        (void)device_look(&device->disk); /* a drive may be empty */
    } else if (!ata_describe_disk(words, &device->disk.info, &device->wide)) {
        log_printf("%s: its sectors are not of 512 bytes", device->disk.info.model);
        return;
    }
    status_t status = block_server_add(&server, &device->disk);
    if (status != OK)
        log_printf("%s: %s", device->disk.info.model, status_text(status));
}

/* Without memory for its table the channel goes without DMA. */
static void prepare_master(struct channel *channel, uint16_t master)
{
    struct dma_memory memory;
    if (master == 0 || dma_alloc(PAGE_SIZE, &memory) != OK)
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
    dma_reset_done(); /* both channels have been reset */
    block_server_run(&server);
}
