/* SPDX-License-Identifier: MIT */
/*
 * A disk in memory for tests of lib/ext, made by mke2fs and judged by e2fsck. It can record what is
 * written, to be replayed up to a power cut.
 */
#ifndef TEST_EXT_DISK_H
#define TEST_EXT_DISK_H

#include <ext/ext.h>

struct disk_write {
    uint64_t offset;
    uint32_t length; /* 0: a flush */
    uint8_t *data;
};
struct disk {
    uint8_t *bytes;
    uint64_t size;
    bool recording;
    uint32_t writes_left; /* before each one fails; 0: none does */
    bool failing;
    uint64_t time;
    struct disk_write *writes;
    uint32_t write_count, write_capacity;
};

/* With mke2fs and these options. */
void disk_make(struct disk *disk, const char *options, uint32_t kibibytes);
void disk_free(struct disk *disk);
struct ext_device disk_device(struct disk *disk);
/* e2fsck -fn finds nothing. */
bool disk_is_clean(const struct disk *disk, const char *why);
/* e2fsck -p: replays the journal and releases orphans; anything else it finds is a failure. */
bool disk_replay(struct disk *disk, const char *why);
void disk_start_recording(struct disk *disk);
/* What is on the disk after a power cut behind `count` records: all up to the last flush, and of those
 * behind it the ones that `lucky` names. base: the disk when recording began. */
void disk_cut(const struct disk *recorded, const uint8_t *base, uint32_t count,
              bool (*lucky)(uint32_t), struct disk *result);
uint32_t disk_random(void);
void disk_seed(uint32_t seed);

#endif
