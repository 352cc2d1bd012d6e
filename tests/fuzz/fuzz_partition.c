/* SPDX-License-Identifier: MIT */
/* libFuzzer target: whatever a partition table says, what is found lies on the disk. */
#include <stdlib.h>
#include <string.h>

#include "lib/block/partition.h"

struct image {
    const uint8_t *bytes;
    uint64_t sectors;
    uint32_t sector_size, reads;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static status_t read_sector(void *context, uint64_t sector, void *to)
{
    struct image *image = context;
    if (sector >= image->sectors || image->reads++ > 3000)
        abort();
    memcpy(to, image->bytes + sector * image->sector_size, image->sector_size);
    return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct partition found[PARTITIONS_MAX];
    uint32_t count;
    for (uint32_t sector_size = 512; sector_size <= 4096; sector_size *= 8) {
        struct image image = {data, size / sector_size, sector_size, 0};
        struct partition_disk disk = {read_sector, &image, image.sectors, sector_size};
        if (partitions_find(&disk, found, &count) != OK || count > PARTITIONS_MAX)
            abort();
        uint64_t end = image.sectors * (sector_size / 512);
        for (uint32_t i = 0; i < count; i++)
            if (found[i].start == 0 || found[i].sectors == 0 || found[i].number == 0 ||
                found[i].start >= end || found[i].sectors > end - found[i].start)
                abort();
    }
    return 0;
}
