/* SPDX-License-Identifier: MIT */
/* A disk in memory, for the test and the fuzzer of FAT: whole sectors that lie on it, or the program ends. */
#ifndef TESTS_UNIT_FAT_DISK_H
#define TESTS_UNIT_FAT_DISK_H

#include "servers/fatfs/fat.h"

struct disk {
    uint8_t *bytes;
    size_t size;
};

struct fat_device disk_device(struct disk *disk);

#endif
