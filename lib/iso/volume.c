/* SPDX-License-Identifier: MIT */
/* The volume descriptors, sectors of directories, and content. */
#include <string.h>

#include "internal.h"

#define DESCRIPTORS_AT  16u /* sectors */
#define DESCRIPTORS_MAX 64u

enum descriptor_type { PRIMARY = 1, SUPPLEMENTARY = 2, TERMINATOR = 255 };
enum descriptor_at {
    DESCRIPTOR_BLOCKS = 80,
    DESCRIPTOR_ESCAPES = 88,
    DESCRIPTOR_BLOCK_SIZE = 128,
    DESCRIPTOR_ROOT = 156,
};

status_t iso_metadata(struct iso_volume *volume, uint64_t position, void *to, uint32_t length)
{
    uint64_t start = position - position % ISO_SECTOR;
    struct iso_sector *sector = &volume->cache[start / ISO_SECTOR % ISO_CACHE];
    if (start >= volume->device.size || volume->device.size - start < ISO_SECTOR ||
        length > ISO_SECTOR - (position - start))
        return ERR_IO_ERROR;
    if (sector->position != start + 1) {
        sector->position = 0;
        status_t status =
            volume->device.read(volume->device.context, start, sector->bytes, ISO_SECTOR);
        if (status != OK)
            return status;
        sector->position = start + 1;
    }
    memcpy(to, sector->bytes + (position - start), length);
    return OK;
}

/* ---- descriptors --------------------------------------------------------------------------------- */

static bool is_joliet(const uint8_t *descriptor)
{
    const uint8_t *at = descriptor + DESCRIPTOR_ESCAPES;
    return at[0] == '%' && at[1] == '/' && (at[2] == '@' || at[2] == 'C' || at[2] == 'E');
}

static status_t take_descriptor(struct iso_volume *volume, const uint8_t *descriptor)
{
    const uint8_t *root = descriptor + DESCRIPTOR_ROOT;
    uint32_t size = iso_le16(descriptor + DESCRIPTOR_BLOCK_SIZE);
    if ((size != 512 && size != 1024 && size != ISO_SECTOR) || root[RECORD_LENGTH] < RECORD_MIN ||
        !(root[RECORD_FLAGS] & RECORD_DIRECTORY))
        return ERR_NOT_SUPPORTED;
    volume->block_size = size;
    volume->size = (uint64_t)iso_le32(descriptor + DESCRIPTOR_BLOCKS) * size;
    if (volume->size > volume->device.size)
        volume->size = volume->device.size;
    volume->root = (struct iso_directory){
        ((uint64_t)iso_le32(root + RECORD_EXTENT) + root[RECORD_ATTRIBUTES]) * size,
        iso_le32(root + RECORD_SIZE)};
    return volume->root.start % ISO_SECTOR == 0 ? OK : ERR_NOT_SUPPORTED;
}

/* The system use area of the root's own record, where Rock Ridge begins. */
static status_t find_rock_ridge(struct iso_volume *volume, bool *found)
{
    uint8_t record[RECORD_MAX];
    *found = false;
    status_t status = iso_metadata(volume, volume->root.start, record, RECORD_MAX);
    if (status != OK || record[RECORD_LENGTH] < RECORD_MIN)
        return status;
    uint32_t at = RECORD_NAME + record[RECORD_NAME_LENGTH];
    at += at & 1;
    if (at < record[RECORD_LENGTH])
        *found = rock_begins(record + at, record[RECORD_LENGTH] - at, &volume->skip);
    return OK;
}

static status_t read_descriptors(struct iso_volume *volume, uint8_t *primary, uint8_t *joliet)
{
    uint8_t sector[ISO_SECTOR];
    bool found = false;
    for (uint32_t i = 0; i < DESCRIPTORS_MAX; i++) {
        status_t status =
            iso_metadata(volume, (uint64_t)(DESCRIPTORS_AT + i) * ISO_SECTOR, sector, ISO_SECTOR);
        if (status != OK)
            return found ? OK : ERR_NOT_SUPPORTED;
        if (memcmp(sector + 1, "CD001", 5) != 0 || sector[0] == TERMINATOR)
            break;
        if (sector[0] == PRIMARY && !found) {
            memcpy(primary, sector, ISO_SECTOR);
            found = true;
        } else if (sector[0] == SUPPLEMENTARY && joliet[0] == 0 && is_joliet(sector)) {
            memcpy(joliet, sector, ISO_SECTOR);
        }
    }
    return found ? OK : ERR_NOT_SUPPORTED;
}

status_t iso_open(struct iso_volume *volume, const struct iso_device *device, uint32_t flags)
{
    static uint8_t primary[ISO_SECTOR], joliet[ISO_SECTOR]; /* large; opened once at a time */
    bool rock_ridge = false;
    memset(volume, 0, sizeof *volume);
    volume->device = *device;
    joliet[0] = 0;
    status_t status = read_descriptors(volume, primary, joliet);
    if (status == OK)
        status = take_descriptor(volume, primary);
    if (status == OK && !(flags & ISO_NO_ROCK_RIDGE))
        status = find_rock_ridge(volume, &rock_ridge);
    if (status != OK || rock_ridge) {
        volume->names = ISO_ROCK_RIDGE;
        return status;
    }
    if (joliet[0] == 0 || (flags & ISO_NO_JOLIET))
        return OK;
    volume->names = ISO_JOLIET;
    return take_descriptor(volume, joliet);
}

/* ---- content ------------------------------------------------------------------------------------- */

/* A piece of one extent. */
static status_t read_extent(struct iso_volume *volume, const struct iso_extent *extent,
                            uint64_t offset, uint8_t *to, uint32_t length)
{
    uint64_t start = extent->start + offset;
    if (start > volume->device.size || length > volume->device.size - start)
        return ERR_IO_ERROR;
    return volume->device.read(volume->device.context, start, to, length);
}

status_t iso_read(struct iso_volume *volume, const struct iso_entry *entry, uint64_t offset,
                  void *to, uint32_t length, uint32_t *done)
{
    uint64_t begin = 0;
    *done = 0;
    for (uint32_t i = 0; i < entry->extent_count && *done < length; i++) {
        const struct iso_extent *extent = &entry->extents[i];
        uint64_t at = offset + *done - begin;
        begin += extent->length;
        if (at >= extent->length)
            continue;
        uint64_t left = extent->length - at;
        uint32_t part = length - *done < left ? length - *done : (uint32_t)left;
        status_t status = read_extent(volume, extent, at, (uint8_t *)to + *done, part);
        if (status != OK)
            return status;
        *done += part;
    }
    return OK;
}
