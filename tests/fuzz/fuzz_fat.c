/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: a volume that may be anything is opened, listed, read and changed. Nothing outside
 * it is touched, everything ends, and what it says of itself stays true.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fat/disk.h"

#define DEPTH_MAX 3
#define READ_MAX  65536u
#define STEPS_MAX 20000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_file(struct fat_volume *volume, const struct fat_entry *entry)
{
    static uint8_t content[READ_MAX];
    struct fat_chain chain = {.first = entry_cluster(volume, entry->bytes)};
    uint32_t size = entry_size(entry->bytes);
    (void)chain_read(volume, &chain, 0, content, size < READ_MAX ? size : READ_MAX);
}

static void walk(uint32_t *steps, struct fat_volume *volume, struct fat_chain *chain,
                 uint32_t depth)
{
    struct fat_entry entry;
    char text[FAT_NAME_MAX + 1];
    for (uint32_t slot = 0; (*steps)++ < STEPS_MAX; slot = entry.slot + 1) {
        if (directory_next(volume, chain, slot, &entry) != OK)
            return;
        if (entry.slot < slot || entry.first_slot > entry.slot || entry.unit_count > FAT_NAME_UNITS)
            abort();
        size_t length = name_format(entry.units, entry.unit_count, text);
        if (length > FAT_NAME_MAX || (length > 0 && strlen(text) != length))
            abort();
        struct fat_chain inner = {.first = entry_cluster(volume, entry.bytes)};
        if (!(entry.bytes[11] & FAT_DIRECTORY))
            read_file(volume, &entry);
        else if (depth < DEPTH_MAX)
            walk(steps, volume, &inner, depth + 1);
    }
}

static void change(struct fat_volume *volume, struct fat_chain *root)
{
    static const char text[] = "a file with a long name";
    uint8_t bytes[FAT_ENTRY_SIZE] = {0};
    struct fat_name name;
    struct fat_entry entry;
    struct fat_chain chain = {.first = FAT_CHAIN_END};
    bytes[11] = FAT_ARCHIVE;
    if (name_parse(&name, text, sizeof text - 1) != OK)
        abort();
    if (directory_find(volume, root, &name, &entry) == OK) {
        struct fat_chain old = {.first = entry_cluster(volume, entry.bytes)};
        (void)directory_remove(volume, root, entry.first_slot, entry.slot);
        (void)chain_shrink(volume, &old, 0);
    }
    if (directory_add(volume, root, &name, bytes, &entry) != OK)
        return;
    if (chain_grow(volume, &chain, 3000) == OK &&
        chain_write(volume, &chain, 0, text, sizeof text) == OK)
        (void)chain_shrink(volume, &chain, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fat_volume volume;
    struct disk disk = {.size = size & ~(size_t)511};
    uint32_t steps = 0;
    if (disk.size == 0)
        return 0;
    disk.bytes = malloc(disk.size);
    memcpy(disk.bytes, data, disk.size);
    struct fat_device device = disk_device(&disk);
    if (fat_open(&volume, &device, 64, false) == OK) {
        struct fat_chain root = {.first = volume.root_cluster, .fixed = volume.bits != 32};
        walk(&steps, &volume, &root, 0);
        change(&volume, &root);
        (void)fat_finish(&volume);
        fat_close(&volume);
    }
    free(disk.bytes);
    return 0;
}
