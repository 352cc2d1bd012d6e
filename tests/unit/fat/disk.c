/* SPDX-License-Identifier: MIT */
/* See disk.h. */
#include "tests/unit/fat/disk.h"

#include <stdlib.h>
#include <string.h>

#define SECTOR 512u

static status_t transfer(void *context, bool write, const struct fat_run *runs, uint32_t count)
{
    const struct disk *disk = context;
    for (uint32_t i = 0; i < count; i++) {
        if (runs[i].length % SECTOR != 0 || runs[i].offset % SECTOR != 0 ||
            runs[i].offset > disk->size || runs[i].length > disk->size - runs[i].offset)
            abort();
        if (write)
            memcpy(disk->bytes + runs[i].offset, runs[i].data, runs[i].length);
        else
            memcpy(runs[i].data, disk->bytes + runs[i].offset, runs[i].length);
    }
    return OK;
}

static status_t flush(void *context)
{
    (void)context;
    return OK;
}

struct fat_device disk_device(struct disk *disk)
{
    return (struct fat_device){transfer, flush, disk, disk->size, SECTOR};
}
