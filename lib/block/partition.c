/* SPDX-License-Identifier: MIT */
/* Partition tables; see partition.h. */
#include "partition.h"

#include <string.h>

#define SECTOR_MAX       4096
#define MBR_DISK         440 /* the disk's own number */
#define MBR_ENTRIES      446
#define MBR_ENTRY_SIZE   16
#define MBR_SIGNATURE    510
#define LOGICAL_FIRST    5
#define GPT_ENTRY_MIN    128u
#define GPT_ENTRIES_MAX  1024u
#define GPT_HEADER_BYTES 92u

enum mbr_type {
    MBR_EMPTY = 0,
    MBR_EXTENDED = 0x05,
    MBR_EXTENDED_LBA = 0x0f,
    MBR_EXTENDED_LINUX = 0x85,
    MBR_PROTECTIVE = 0xee
};

struct mbr_entry {
    uint8_t status, type;
    uint32_t start, count; /* sectors of the disk's own size */
};

/* Where partitions are collected. */
struct found {
    const struct partition_disk *disk;
    struct partition *partitions;
    uint32_t count, signature;
};

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t get64(const uint8_t *at)
{
    return get32(at) | (uint64_t)get32(at + 4) << 32;
}

/* `start` and `sectors` in the disk's own sectors. */
static void add(struct found *found, uint32_t number, uint8_t type, uint64_t start,
                uint64_t sectors)
{
    uint32_t scale = found->disk->sector_size / 512;
    if (start == 0 || sectors == 0 || start >= found->disk->sectors ||
        sectors > found->disk->sectors - start || found->count == PARTITIONS_MAX)
        return;
    found->partitions[found->count++] = (struct partition){.start = start * scale,
                                                           .sectors = sectors * scale,
                                                           .number = number,
                                                           .type = type,
                                                           .signature = found->signature};
}

/* ---- MBR --------------------------------------------------------------------------------------- */

static bool is_extended(uint8_t type)
{
    return type == MBR_EXTENDED || type == MBR_EXTENDED_LBA || type == MBR_EXTENDED_LINUX;
}

static struct mbr_entry mbr_entry(const uint8_t *sector, uint32_t index)
{
    const uint8_t *at = sector + MBR_ENTRIES + (size_t)index * MBR_ENTRY_SIZE;
    return (struct mbr_entry){at[0], at[4], get32(at + 8), get32(at + 12)};
}

/* The boot sector of a file system has the signature too, and other bytes where a table has zeros. */
static bool is_mbr(const uint8_t *sector)
{
    if (sector[MBR_SIGNATURE] != 0x55 || sector[MBR_SIGNATURE + 1] != 0xaa)
        return false;
    for (uint32_t i = 0; i < 4; i++)
        if (mbr_entry(sector, i).status & 0x7f)
            return false;
    return true;
}

/*
 * The chain of an extended partition: each link has a logical partition, relative to itself, and the
 * next link, relative to the extended partition. Links only go forward, so that the chain ends.
 */
static status_t find_logical(struct found *found, const struct mbr_entry *extended)
{
    uint8_t sector[SECTOR_MAX];
    uint64_t at = extended->start, end = at + extended->count;
    for (uint32_t number = LOGICAL_FIRST; number < LOGICAL_FIRST + PARTITIONS_MAX; number++) {
        if (at >= found->disk->sectors || at >= end)
            return OK;
        status_t status = found->disk->read(found->disk->context, at, sector);
        if (status != OK)
            return status;
        if (!is_mbr(sector))
            return OK;
        struct mbr_entry logical = mbr_entry(sector, 0), next = mbr_entry(sector, 1);
        if (logical.type != MBR_EMPTY && !is_extended(logical.type) && logical.start != 0 &&
            at + logical.start + logical.count <= end)
            add(found, number, logical.type, at + logical.start, logical.count);
        if (!is_extended(next.type) || (uint64_t)extended->start + next.start <= at)
            return OK;
        at = (uint64_t)extended->start + next.start;
    }
    return OK;
}

static status_t find_mbr(struct found *found, const uint8_t *sector)
{
    struct mbr_entry extended = {.type = MBR_EMPTY};
    found->signature = get32(sector + MBR_DISK);
    for (uint32_t i = 0; i < 4; i++) {
        struct mbr_entry entry = mbr_entry(sector, i);
        if (is_extended(entry.type) && extended.type == MBR_EMPTY && entry.start != 0)
            extended = entry;
        if (entry.type != MBR_EMPTY)
            add(found, i + 1, entry.type, entry.start, entry.count);
    }
    return extended.type != MBR_EMPTY ? find_logical(found, &extended) : OK;
}

/* ---- GPT --------------------------------------------------------------------------------------- */

struct gpt {
    uint64_t entries, first, last; /* sectors */
    uint32_t count, entry_size, checksum;
};

static uint32_t crc32(uint32_t crc, const uint8_t *bytes, size_t length)
{
    crc = ~crc;
    while (length-- > 0) {
        crc ^= *bytes++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static bool check_header(const struct partition_disk *disk, uint64_t at, uint8_t *sector,
                         struct gpt *gpt)
{
    uint32_t size = get32(sector + 12), checksum = get32(sector + 16);
    if (memcmp(sector, "EFI PART", 8) != 0 || size < GPT_HEADER_BYTES || size > disk->sector_size)
        return false;
    memset(sector + 16, 0, 4);
    if (crc32(0, sector, size) != checksum || get64(sector + 24) != at)
        return false;
    *gpt = (struct gpt){.first = get64(sector + 40),
                        .last = get64(sector + 48),
                        .entries = get64(sector + 72),
                        .count = get32(sector + 80),
                        .entry_size = get32(sector + 84),
                        .checksum = get32(sector + 88)};
    if (gpt->entry_size < GPT_ENTRY_MIN || gpt->entry_size > disk->sector_size ||
        (gpt->entry_size & (gpt->entry_size - 1)) != 0 || gpt->count > GPT_ENTRIES_MAX)
        return false;
    uint64_t length =
        ((uint64_t)gpt->count * gpt->entry_size + disk->sector_size - 1) / disk->sector_size;
    return gpt->entries >= 1 && gpt->entries < disk->sectors &&
           length <= disk->sectors - gpt->entries && gpt->first <= gpt->last &&
           gpt->last < disk->sectors;
}

static void add_gpt_entry(struct found *found, const struct gpt *gpt, uint32_t index,
                          const uint8_t *entry)
{
    static const uint8_t unused[16];
    uint64_t first = get64(entry + 32), last = get64(entry + 40);
    if (memcmp(entry, unused, sizeof unused) != 0 && first >= gpt->first && last >= first &&
        last <= gpt->last)
        add(found, index + 1, 0, first, last - first + 1);
}

/* The entries, and whether their checksum is right. */
static status_t read_entries(struct found *found, const struct gpt *gpt, bool *valid)
{
    uint8_t sector[SECTOR_MAX];
    uint32_t crc = 0, per_sector = found->disk->sector_size / gpt->entry_size;
    for (uint32_t i = 0; i < gpt->count; i++) {
        const uint8_t *entry = sector + (size_t)(i % per_sector) * gpt->entry_size;
        if (i % per_sector == 0) {
            status_t status =
                found->disk->read(found->disk->context, gpt->entries + i / per_sector, sector);
            if (status != OK)
                return status;
        }
        crc = crc32(crc, entry, gpt->entry_size);
        add_gpt_entry(found, gpt, i, entry);
    }
    *valid = crc == gpt->checksum;
    return OK;
}

static status_t find_gpt_at(struct found *found, uint64_t at, bool *valid)
{
    uint8_t sector[SECTOR_MAX];
    struct gpt gpt;
    *valid = false;
    status_t status = found->disk->read(found->disk->context, at, sector);
    if (status != OK || !check_header(found->disk, at, sector, &gpt))
        return status;
    found->count = 0;
    status = read_entries(found, &gpt, valid);
    if (status != OK || !*valid)
        found->count = 0;
    return status;
}

/* The table at the start of the disk or, if that is damaged, the one at its end. */
static status_t find_gpt(struct found *found)
{
    bool valid;
    status_t status = find_gpt_at(found, 1, &valid);
    if (status == OK && !valid)
        status = find_gpt_at(found, found->disk->sectors - 1, &valid);
    return status;
}

status_t partitions_find(const struct partition_disk *disk,
                         struct partition partitions[PARTITIONS_MAX], uint32_t *count)
{
    uint8_t sector[SECTOR_MAX];
    struct found found = {.disk = disk, .partitions = partitions};
    bool protective = false;
    *count = 0;
    if (disk->sectors < 3 || disk->sector_size > SECTOR_MAX)
        return OK;
    status_t status = disk->read(disk->context, 0, sector);
    if (status != OK || !is_mbr(sector))
        return status;
    for (uint32_t i = 0; i < 4; i++)
        protective = protective || mbr_entry(sector, i).type == MBR_PROTECTIVE;
    status = protective ? find_gpt(&found) : find_mbr(&found, sector);
    if (status == OK)
        *count = found.count;
    return status;
}
