/* SPDX-License-Identifier: MIT */
/* The boot sector, and the table of clusters. */
#include <string.h>

#include "bytes.h"
#include "fat.h"

#define BOOT_SIZE   512u
#define STATE_DIRTY 1u
#define UNKNOWN     UINT32_MAX

enum boot_field {
    BOOT_SECTOR_SIZE = 11,
    BOOT_CLUSTER_SECTORS = 13,
    BOOT_RESERVED = 14,
    BOOT_FATS = 16,
    BOOT_ROOT_ENTRIES = 17,
    BOOT_SECTORS16 = 19,
    BOOT_MEDIA = 21,
    BOOT_FAT_SECTORS16 = 22,
    BOOT_SECTORS32 = 32,
    BOOT_FAT_SECTORS32 = 36,
    BOOT_FLAGS32 = 40,
    BOOT_VERSION32 = 42,
    BOOT_ROOT32 = 44,
    BOOT_INFO32 = 48,
    BOOT_STATE16 = 37,
    BOOT_STATE32 = 65,
    BOOT_SERIAL16 = 39,
    BOOT_SERIAL32 = 67
};
enum { INFO_LEAD = 0, INFO_SIGNATURE = 484, INFO_FREE = 488, INFO_NEXT = 492 };

/* ---- the boot sector ----------------------------------------------------------------------------- */

static bool is_power(uint32_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

static status_t check_boot(const uint8_t *boot, const struct fat_device *device)
{
    uint32_t size = get16(boot + BOOT_SECTOR_SIZE);
    if (!is_power(size) || size < 512 || size > 4096 || size < device->sector_size ||
        !is_power(boot[BOOT_CLUSTER_SECTORS]) || get16(boot + BOOT_RESERVED) == 0 ||
        boot[BOOT_FATS] == 0 || boot[BOOT_FATS] > 4 ||
        (boot[BOOT_MEDIA] != 0xf0 && boot[BOOT_MEDIA] < 0xf8))
        return ERR_INVALID_ARGUMENT;
    return OK;
}

/* The fields that only FAT32 has. */
static status_t describe32(struct fat_volume *volume, const uint8_t *boot)
{
    uint32_t flags = get16(boot + BOOT_FLAGS32), info = get16(boot + BOOT_INFO32);
    volume->bits = 32;
    volume->root_cluster = get32(boot + BOOT_ROOT32);
    volume->fat_mirrored = (flags & 0x80) == 0;
    volume->fat_active = volume->fat_mirrored ? 0 : flags & 15;
    volume->serial = get32(boot + BOOT_SERIAL32);
    if (info != 0 && info != 0xffff && info < get16(boot + BOOT_RESERVED))
        volume->info_start = (uint64_t)info * volume->sector_size;
    if (get16(boot + BOOT_VERSION32) != 0 || volume->fat_active >= volume->fat_count ||
        !fat_is_cluster(volume, volume->root_cluster))
        return ERR_INVALID_ARGUMENT;
    return OK;
}

static status_t describe(struct fat_volume *volume, const uint8_t *boot)
{
    uint64_t sectors = get16(boot + BOOT_SECTORS16), fat = get16(boot + BOOT_FAT_SECTORS16);
    bool is32 = fat == 0;
    volume->sector_size = get16(boot + BOOT_SECTOR_SIZE);
    volume->cluster_size = volume->sector_size * boot[BOOT_CLUSTER_SECTORS];
    volume->fat_count = boot[BOOT_FATS];
    volume->fat_mirrored = true;
    volume->root_slots = get16(boot + BOOT_ROOT_ENTRIES);
    sectors = sectors != 0 ? sectors : get32(boot + BOOT_SECTORS32);
    fat = is32 ? get32(boot + BOOT_FAT_SECTORS32) : fat;
    volume->fat_start = (uint64_t)get16(boot + BOOT_RESERVED) * volume->sector_size;
    volume->fat_size = fat * volume->sector_size;
    volume->root_start = volume->fat_start + volume->fat_count * volume->fat_size;
    uint64_t root_size = (uint64_t)volume->root_slots * FAT_ENTRY_SIZE;
    volume->data_start = (volume->root_start + root_size + volume->sector_size - 1) &
                         ~(uint64_t)(volume->sector_size - 1);
    uint64_t end = sectors * volume->sector_size;
    if (fat == 0 || end > volume->cache.device->size || volume->data_start >= end ||
        (is32 ? volume->root_slots != 0 : volume->root_slots == 0))
        return ERR_INVALID_ARGUMENT;
    uint64_t clusters = (end - volume->data_start) / volume->cluster_size;
    volume->bits = is32 ? 32 : clusters > 0xff4 ? 16 : 12;
    uint64_t in_table = volume->fat_size * 8 / volume->bits;
    if (in_table < 3 || clusters == 0)
        return ERR_INVALID_ARGUMENT;
    clusters = clusters < in_table - 2 ? clusters : in_table - 2;
    volume->clusters = clusters < 0x0ffffff5 ? (uint32_t)clusters : 0x0ffffff5;
    if (!is32 && volume->clusters > 0xfff4)
        return ERR_INVALID_ARGUMENT;
    volume->serial = get32(boot + BOOT_SERIAL16);
    return is32 ? describe32(volume, boot) : OK;
}

/* ---- the table ----------------------------------------------------------------------------------- */

static uint64_t entry_at(const struct fat_volume *volume, uint32_t copy, uint32_t cluster)
{
    return volume->fat_start + copy * volume->fat_size +
           (volume->bits == 12 ? (uint64_t)cluster + cluster / 2
                               : (uint64_t)cluster * volume->bits / 8);
}

/* The raw value; the cluster is a valid one. */
static status_t get(struct fat_volume *volume, uint32_t cluster, uint32_t *value)
{
    uint8_t bytes[4] = {0};
    uint32_t length = volume->bits == 32 ? 4 : 2;
    status_t status =
        cache_read(&volume->cache, entry_at(volume, volume->fat_active, cluster), bytes, length);
    if (status != OK)
        return status;
    if (volume->bits == 12)
        *value = cluster & 1 ? get16(bytes) >> 4 : get16(bytes) & 0xfff;
    else
        *value = volume->bits == 16 ? get16(bytes) : get32(bytes) & 0x0fffffff;
    return OK;
}

static status_t put_in_copy(struct fat_volume *volume, uint32_t copy, uint32_t cluster,
                            uint32_t value)
{
    uint8_t bytes[4];
    uint64_t at = entry_at(volume, copy, cluster);
    uint32_t length = volume->bits == 32 ? 4 : 2;
    status_t status = cache_read(&volume->cache, at, bytes, length);
    if (status != OK)
        return status;
    uint32_t old = length == 4 ? get32(bytes) : get16(bytes);
    if (volume->bits == 12)
        put16(bytes, cluster & 1 ? (old & 0xf) | value << 4 : (old & 0xf000) | (value & 0xfff));
    else if (volume->bits == 16)
        put16(bytes, value);
    else
        put32(bytes, (old & 0xf0000000u) | (value & 0x0fffffff));
    return cache_write(&volume->cache, at, bytes, length);
}

static status_t put(struct fat_volume *volume, uint32_t cluster, uint32_t value)
{
    if (!volume->fat_mirrored)
        return put_in_copy(volume, volume->fat_active, cluster, value);
    status_t status = OK;
    for (uint32_t copy = 0; copy < volume->fat_count && status == OK; copy++)
        status = put_in_copy(volume, copy, cluster, value);
    return status;
}

static uint32_t end_mark(const struct fat_volume *volume)
{
    return volume->bits == 12 ? 0xfff : volume->bits == 16 ? 0xffff : 0x0fffffff;
}

status_t fat_next(struct fat_volume *volume, uint32_t cluster, uint32_t *next)
{
    uint32_t value;
    if (!fat_is_cluster(volume, cluster))
        return ERR_IO_ERROR;
    status_t status = get(volume, cluster, &value);
    if (status != OK)
        return status;
    if (value >= end_mark(volume) - 7) {
        *next = FAT_CHAIN_END;
        return OK;
    }
    if (!fat_is_cluster(volume, value))
        return ERR_IO_ERROR; /* free, bad or beyond the end */
    *next = value;
    return OK;
}

/* The next free cluster from the hint on, around the end. */
static status_t find_free(struct fat_volume *volume, uint32_t *cluster)
{
    for (uint32_t i = 0; i < volume->clusters; i++) {
        uint32_t at = FAT_CLUSTER_FIRST +
                      (volume->next_free - FAT_CLUSTER_FIRST + i) % volume->clusters,
                 value;
        status_t status = get(volume, at, &value);
        if (status != OK)
            return status;
        if (value == 0) {
            *cluster = at;
            return OK;
        }
    }
    return ERR_NO_SPACE;
}

status_t fat_extend(struct fat_volume *volume, uint32_t last, uint32_t *cluster)
{
    uint32_t new = FAT_CHAIN_END;
    status_t status = volume->free_clusters == 0 ? ERR_NO_SPACE : find_free(volume, &new);
    if (status == ERR_NO_SPACE)
        volume->free_clusters = 0;
    if (status == OK)
        status = put(volume, new, end_mark(volume));
    if (status == OK && last != FAT_CHAIN_END)
        status = put(volume, last, new);
    if (status != OK)
        return status;
    volume->free_clusters--;
    volume->next_free =
        new + 1 - FAT_CLUSTER_FIRST < volume->clusters ? new + 1 : FAT_CLUSTER_FIRST;
    *cluster = new;
    return OK;
}

status_t fat_cut(struct fat_volume *volume, uint32_t last, uint32_t first)
{
    status_t status = OK;
    uint32_t next = first;
    if (last != FAT_CHAIN_END) {
        status = fat_next(volume, last, &next);
        if (status == OK && next != FAT_CHAIN_END)
            status = put(volume, last, end_mark(volume));
    }
    for (uint32_t i = 0; i < volume->clusters && next != FAT_CHAIN_END && status == OK; i++) {
        uint32_t cluster = next;
        status = fat_next(volume, cluster, &next);
        if (status == OK)
            status = put(volume, cluster, 0);
        if (status == OK)
            volume->free_clusters++;
    }
    return status;
}

static status_t count_free(struct fat_volume *volume)
{
    uint32_t count = 0, value;
    for (uint32_t i = 0; i < volume->clusters; i++) {
        status_t status = get(volume, FAT_CLUSTER_FIRST + i, &value);
        if (status != OK)
            return status;
        count += value == 0;
    }
    volume->free_clusters = count;
    return OK;
}

/* ---- FSInfo and the state ------------------------------------------------------------------------ */

static status_t read_info(struct fat_volume *volume)
{
    uint8_t info[BOOT_SIZE];
    volume->next_free = FAT_CLUSTER_FIRST;
    if (volume->info_start == 0)
        return count_free(volume);
    status_t status = cache_read(&volume->cache, volume->info_start, info, sizeof info);
    if (status != OK)
        return status;
    if (get32(info + INFO_LEAD) != 0x41615252 || get32(info + INFO_SIGNATURE) != 0x61417272) {
        volume->info_start = 0;
        return count_free(volume);
    }
    if (fat_is_cluster(volume, get32(info + INFO_NEXT)))
        volume->next_free = get32(info + INFO_NEXT);
    volume->free_clusters = get32(info + INFO_FREE);
    /* After a crash, and when it cannot be, it is counted. */
    return volume->free_clusters > volume->clusters || volume->was_dirty ? count_free(volume) : OK;
}

static status_t write_info(struct fat_volume *volume)
{
    uint8_t numbers[8];
    if (volume->info_start == 0 || !volume->marked)
        return OK;
    put32(numbers, volume->free_clusters);
    put32(numbers + 4, volume->next_free);
    return cache_write(&volume->cache, volume->info_start + INFO_FREE, numbers, sizeof numbers);
}

/* Whoever finds the mark knows that the volume was not left in order. */
static status_t set_state(struct fat_volume *volume, bool dirty)
{
    uint64_t at = volume->bits == 32 ? BOOT_STATE32 : BOOT_STATE16;
    uint8_t state;
    status_t status = cache_read(&volume->cache, at, &state, 1);
    if (status != OK)
        return status;
    state = (uint8_t)(dirty ? state | STATE_DIRTY : state & ~STATE_DIRTY);
    return cache_write(&volume->cache, at, &state, 1);
}

static status_t mark(struct fat_volume *volume)
{
    status_t status = set_state(volume, true);
    if (status == OK)
        status = cache_flush(&volume->cache, true);
    volume->marked = status == OK;
    return status;
}

status_t fat_sync(struct fat_volume *volume)
{
    if (volume->read_only)
        return OK;
    status_t status = write_info(volume);
    status_t flushed = cache_flush(&volume->cache, true);
    return status != OK ? status : flushed;
}

status_t fat_finish(struct fat_volume *volume)
{
    status_t status = fat_sync(volume);
    if (status != OK || volume->read_only || volume->was_dirty)
        return status;
    status = set_state(volume, false);
    return status == OK ? cache_flush(&volume->cache, true) : status;
}

status_t fat_open(struct fat_volume *volume, const struct fat_device *device, uint32_t pages,
                  bool read_only)
{
    uint8_t boot[BOOT_SIZE];
    *volume = (struct fat_volume){.read_only = read_only};
    status_t status = cache_open(&volume->cache, device, pages);
    if (status != OK)
        return status;
    status = device->size < BOOT_SIZE ? ERR_INVALID_ARGUMENT
                                      : cache_read(&volume->cache, 0, boot, sizeof boot);
    if (status == OK)
        status = check_boot(boot, device);
    if (status == OK)
        status = describe(volume, boot);
    if (status == OK) {
        volume->was_dirty = boot[volume->bits == 32 ? BOOT_STATE32 : BOOT_STATE16] & STATE_DIRTY;
        status = read_info(volume);
    }
    if (status == OK && !read_only)
        status = mark(volume);
    if (status != OK)
        fat_close(volume);
    return status;
}

void fat_close(struct fat_volume *volume)
{
    cache_close(&volume->cache);
}
