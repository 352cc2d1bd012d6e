/* SPDX-License-Identifier: MIT */
/*
 * Parallel ATA and ATAPI (ATA/ATAPI-6) on a PCI IDE controller in compatibility mode with bus mastering
 * (SFF-8038i). A channel has two devices and carries out one command at a time.
 */
#ifndef ATA_ATA_H
#define ATA_ATA_H

#include <ata/commands.h>

#define CHANNELS 2u
#define DEVICES  2u /* on a channel */

enum ata_register { /* from the channel's first port */
                    ATA_DATA,
                    ATA_ERROR,
                    ATA_FEATURES = 1,
                    ATA_COUNT,
                    ATA_LOW,
                    ATA_MIDDLE,
                    ATA_HIGH,
                    ATA_DEVICE,
                    ATA_STATUS,
                    ATA_COMMAND = 7
};
enum ata_control { CONTROL_NO_INTERRUPT = 2, CONTROL_RESET = 4 };

enum master_register { MASTER_COMMAND = 0, MASTER_STATUS = 2, MASTER_TABLE = 4 };

struct channel {
    uint16_t ports, control, master; /* first port of each; master 0: no DMA */
    handle_t irq;
    uint32_t *table; /* of the bus master: address, length and flags of each piece of memory */
    uint32_t table_physical;
    struct block_request *request; /* that is with a device, or NULL */
    struct device *device;         /* whose it is */
    uint32_t done;                 /* bytes, without DMA */
    uint32_t checks;               /* seconds it has taken */
};

struct device {
    struct block_disk disk;
    struct channel *channel;
    uint32_t number;         /* 0 or 1 */
    bool optical, dma, wide; /* wide: 48-bit addresses */
};

/* ---- command.c: the registers ---- */
void channel_reset(struct channel *channel);
/* Wait, at most a second, until the device is not busy. False: it stays so. */
bool channel_wait(struct channel *channel, uint8_t *status);
void device_select(struct device *device);
/* Identification data or the answer to a packet, without interrupts; only while nothing is under way. */
bool device_identify(struct device *device, uint16_t words[256]);
/* What is in an optical drive: `look` of struct block_driver. */
status_t device_look(struct block_disk *disk);

/* ---- transfer.c: requests of lib/block ---- */
extern const struct block_driver ata_driver, atapi_driver;
void channel_interrupt(void *channel);

#endif
