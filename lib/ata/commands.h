/* SPDX-License-Identifier: MIT */
/*
 * The commands of ATA and ATAPI devices (ATA/ATAPI-6; packets: MMC-3), whatever carries them to the
 * device: codes, what identification data say, packets of optical drives.
 */
#ifndef ATA_COMMANDS_H
#define ATA_COMMANDS_H

#include <block/block.h>

#define OPTICAL_SECTOR 2048u
#define PACKET_LENGTH  12u
#define IDENTITY_WORDS 256u

/* What commands without EXT reach: 28-bit addresses, and so many sectors with one. */
#define ATA_SECTORS_28         0x0fffffffu
#define ATA_SECTORS_AT_ONCE_28 256u

enum ata_command {
    COMMAND_READ = 0x20,
    COMMAND_READ_EXT = 0x24,
    COMMAND_READ_DMA_EXT = 0x25,
    COMMAND_WRITE = 0x30,
    COMMAND_WRITE_EXT = 0x34,
    COMMAND_WRITE_DMA_EXT = 0x35,
    COMMAND_PACKET = 0xa0,
    COMMAND_IDENTIFY_PACKET = 0xa1,
    COMMAND_READ_DMA = 0xc8,
    COMMAND_WRITE_DMA = 0xca,
    COMMAND_FLUSH = 0xe7,
    COMMAND_FLUSH_EXT = 0xea,
    COMMAND_IDENTIFY = 0xec
};
enum ata_status {
    STATUS_ERROR = 0x01,
    STATUS_DATA = 0x08,
    STATUS_FAULT = 0x20,
    STATUS_READY = 0x40,
    STATUS_BUSY = 0x80
};
enum packet_command {
    PACKET_TEST_READY = 0x00,
    PACKET_REQUEST_SENSE = 0x03,
    PACKET_CAPACITY = 0x25,
    PACKET_READ = 0x28
};
enum sense_key { SENSE_NOT_READY = 2, SENSE_UNIT_ATTENTION = 6 };
enum { PACKET_CAPACITY_ANSWER = 8, PACKET_SENSE_ANSWER = 18 }; /* bytes */

/*
 * What a disk's identification data say. `wide`: it takes commands with 48-bit addresses. False: its
 * sectors are not of 512 bytes.
 */
bool ata_describe_disk(const uint16_t words[IDENTITY_WORDS], struct block_info *info, bool *wide);
bool ata_has_dma(const uint16_t words[IDENTITY_WORDS]);
/* Carries a packet out while the caller waits; its answer of `length` bytes, if any, to `answer`. */
typedef bool ata_packet_function(void *device, const uint8_t packet[PACKET_LENGTH], void *answer,
                                 uint32_t length);
/* An optical drive, all but its medium. */
void ata_describe_drive(const uint16_t words[IDENTITY_WORDS], struct block_info *info);
/* The medium: `look` of struct block_driver. */
status_t ata_look_at_medium(ata_packet_function *run, void *device, struct block_info *info);
/* What a packet has failed with, by the error register. */
status_t ata_packet_status(uint8_t error);
/* A command that moves data by DMA, or flushes. `wide`: with a 48-bit address. */
enum ata_command ata_dma_command(enum block_request_op op, bool wide);
/* READ (10) of an optical medium. */
void ata_read_packet(const struct block_request *request, uint8_t packet[PACKET_LENGTH]);

#endif
