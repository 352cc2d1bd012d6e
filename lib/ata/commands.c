/* SPDX-License-Identifier: MIT */
/* What is common to all that speaks to ATA devices; see commands.h. */
#include <ata/commands.h>

#include <string.h>

enum identity_word {
    WORD_MODEL = 27,
    WORD_CAPABILITIES = 49,
    WORD_SECTORS = 60,
    WORD_SETS = 83,
    WORD_SETS_ON = 85,
    WORD_SECTORS48 = 100,
    WORD_SECTOR_SIZE = 106
};
enum { CAPABLE_DMA = 1 << 8, SET_WIDE = 1 << 10, SET_WRITE_CACHE = 1 << 5 };
/* The word is one of a device that knows it if its upper two bits are 01. */
enum { SIZE_MASK = 3 << 14 | 1 << 12, SIZE_IS_ANOTHER = 1 << 14 | 1 << 12 };

/* Packets that a drive with a medium may refuse at first, only to say that it is another one. */
#define NEWS_MAX 4u

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

bool ata_has_dma(const uint16_t words[IDENTITY_WORDS])
{
    return (words[WORD_CAPABILITIES] & CAPABLE_DMA) != 0;
}

bool ata_describe_disk(const uint16_t words[IDENTITY_WORDS], struct block_info *info, bool *wide)
{
    *wide = (words[WORD_SETS] & SET_WIDE) != 0;
    info->sectors = words[WORD_SECTORS] | (uint32_t)words[WORD_SECTORS + 1] << 16;
    if (*wide)
        info->sectors = words[WORD_SECTORS48] | (uint32_t)words[WORD_SECTORS48 + 1] << 16 |
                        (uint64_t)words[WORD_SECTORS48 + 2] << 32;
    else if (info->sectors > ATA_SECTORS_28)
        info->sectors = ATA_SECTORS_28;
    info->sector_size = BLOCK_SECTOR;
    info->flags = words[WORD_SETS_ON] & SET_WRITE_CACHE ? BLOCK_WRITE_CACHE : 0;
    copy_model(words, info->model, sizeof info->model);
    return (words[WORD_SECTOR_SIZE] & SIZE_MASK) != SIZE_IS_ANOTHER;
}

void ata_describe_drive(const uint16_t words[IDENTITY_WORDS], struct block_info *info)
{
    info->sector_size = OPTICAL_SECTOR;
    info->flags = BLOCK_READ_ONLY | BLOCK_REMOVABLE | BLOCK_OPTICAL;
    copy_model(words, info->model, sizeof info->model);
}

static uint64_t capacity_of(ata_packet_function *run, void *device)
{
    const uint8_t capacity[PACKET_LENGTH] = {PACKET_CAPACITY};
    uint8_t answer[PACKET_CAPACITY_ANSWER];
    if (!run(device, capacity, answer, sizeof answer))
        return 0;
    uint32_t last = (uint32_t)answer[0] << 24 | (uint32_t)answer[1] << 16 |
                    (uint32_t)answer[2] << 8 | answer[3];
    return ((uint64_t)last + 1) * (OPTICAL_SECTOR / BLOCK_SECTOR);
}

/* A drive with news refuses everything until it was asked for them. */
static bool is_ready(ata_packet_function *run, void *device)
{
    const uint8_t ready[PACKET_LENGTH] = {PACKET_TEST_READY},
                  sense[PACKET_LENGTH] = {PACKET_REQUEST_SENSE, 0, 0, 0, PACKET_SENSE_ANSWER};
    uint8_t answer[PACKET_SENSE_ANSWER];
    if (run(device, ready, NULL, 0))
        return true;
    (void)run(device, sense, answer,
              sizeof answer); /* what it says, the next packet's result says too */
    return false;
}

status_t ata_look_at_medium(ata_packet_function *run, void *device, struct block_info *info)
{
    uint32_t news = 0;
    while (news < NEWS_MAX && !is_ready(run, device))
        news++;
    if (news == 0 && info->sectors != 0)
        return OK;
    info->sectors = capacity_of(run, device);
    return info->sectors != 0 ? ERR_WRONG_MEDIUM : ERR_NO_MEDIUM;
}

/* A drive that was reset says UNIT ATTENTION too: nobody knows then what was done to it meanwhile. */
status_t ata_packet_status(uint8_t error)
{
    switch (error >> 4) {
    case SENSE_NOT_READY:
        return ERR_NO_MEDIUM;
    case SENSE_UNIT_ATTENTION:
        return ERR_WRONG_MEDIUM;
    default:
        return ERR_IO_ERROR;
    }
}

enum ata_command ata_dma_command(enum block_request_op op, bool wide)
{
    if (op == BLOCK_REQUEST_FLUSH)
        return wide ? COMMAND_FLUSH_EXT : COMMAND_FLUSH;
    if (op == BLOCK_REQUEST_WRITE)
        return wide ? COMMAND_WRITE_DMA_EXT : COMMAND_WRITE_DMA;
    return wide ? COMMAND_READ_DMA_EXT : COMMAND_READ_DMA;
}

void ata_read_packet(const struct block_request *request, uint8_t packet[PACKET_LENGTH])
{
    uint32_t sector = (uint32_t)(request->sector / (OPTICAL_SECTOR / BLOCK_SECTOR));
    uint32_t count = request->count / (OPTICAL_SECTOR / BLOCK_SECTOR);
    const uint8_t words[PACKET_LENGTH] = {PACKET_READ,
                                          0,
                                          (uint8_t)(sector >> 24),
                                          (uint8_t)(sector >> 16),
                                          (uint8_t)(sector >> 8),
                                          (uint8_t)sector,
                                          0,
                                          (uint8_t)(count >> 8),
                                          (uint8_t)count};
    memcpy(packet, words, sizeof words);
}
