/* SPDX-License-Identifier: MIT */
/*
 * FAT12, FAT16 and FAT32 with long names (Microsoft's "FAT: General Overview of On-Disk Format" 1.03 and
 * ECMA-107), apart from the server: everything here works on a struct fat_device and builds on the
 * host too, for the unit tests and the fuzzer.
 *
 *     offset 0        reserved_end        root (FAT12/16)     data_start
 *     | boot sector .. | FAT 1 | FAT 2 .. | root directory ..  | cluster 2 | cluster 3 | ...
 *
 * All positions are bytes on the volume. A cluster number that comes from the medium is checked in
 * fat_next, the only place that reads one as a link; a chain longer than the volume has clusters is a
 * loop. What is wrong on the medium is IO_ERROR.
 */
#ifndef FATFS_FAT_H
#define FATFS_FAT_H

#include <atomik/list.h>
#include <atomik/table.h>
#include <atomik/types.h>

#define FAT_NAME_MAX      255 /* bytes of UTF-8 */
#define FAT_NAME_UNITS    255 /* of UTF-16 */
#define FAT_ENTRY_SIZE    32u
#define FAT_CLUSTER_FIRST 2u
#define FAT_CHAIN_END     0u /* what fat_next says after the last cluster, and a file without any has */
#define FAT_FILE_MAX      0xffffffffu
#define FAT_DIRECTORY_MAX 65536u /* slots */

/* ---- the device and its cache (cache.c) ---- */

struct fat_run {
    uint64_t offset; /* whole sectors */
    uint8_t *data;
    uint32_t length;
};
struct fat_device {
    status_t (*transfer)(void *context, bool write, const struct fat_run *runs, uint32_t count);
    status_t (*flush)(void *context);
    void *context;
    uint64_t size;
    uint32_t sector_size;
};

struct fat_page;
struct fat_cache {
    const struct fat_device *device;
    struct table pages; /* by their offsets */
    struct fat_page *newest, *oldest;
    uint32_t page_count, page_limit, dirty_count;
    uint64_t sequential; /* where a read that goes on would begin */
    status_t failed;     /* writing back has failed since the last flush */
};

status_t cache_open(struct fat_cache *cache, const struct fat_device *device, uint32_t pages);
void cache_close(struct fat_cache *cache);
status_t cache_read(struct fat_cache *cache, uint64_t offset, void *to, uint32_t length);
/* from NULL: zeros. */
status_t cache_write(struct fat_cache *cache, uint64_t offset, const void *from, uint32_t length);
/* Everything goes to the device and, with `medium`, from its own cache onto the medium. */
status_t cache_flush(struct fat_cache *cache, bool medium);

/* ---- the volume (volume.c) ---- */

struct fat_volume {
    struct fat_cache cache;
    uint32_t bits; /* 12, 16 or 32 */
    uint32_t sector_size, cluster_size;
    uint32_t clusters; /* numbers 2..clusters + 1 */
    uint64_t fat_start, fat_size;
    uint32_t fat_count, fat_active;
    bool fat_mirrored;
    uint64_t root_start; /* FAT12/16 */
    uint32_t root_slots;
    uint32_t root_cluster; /* FAT32 */
    uint64_t data_start;
    uint64_t info_start; /* FSInfo, 0: none */
    uint32_t free_clusters, next_free;
    uint32_t serial;
    bool read_only, was_dirty, marked;
};

/* INVALID_ARGUMENT: no FAT volume. Marks it as in use unless read_only. */
status_t fat_open(struct fat_volume *volume, const struct fat_device *device, uint32_t pages,
                  bool read_only);
/* Writes everything. */
status_t fat_sync(struct fat_volume *volume);
/* The same, and the volume is marked as left in order. */
status_t fat_finish(struct fat_volume *volume);
void fat_close(struct fat_volume *volume); /* memory only */

static inline uint64_t fat_position(const struct fat_volume *volume, uint32_t cluster)
{
    return volume->data_start + (uint64_t)(cluster - FAT_CLUSTER_FIRST) * volume->cluster_size;
}
static inline bool fat_is_cluster(const struct fat_volume *volume, uint32_t cluster)
{
    return cluster >= FAT_CLUSTER_FIRST && cluster - FAT_CLUSTER_FIRST < volume->clusters;
}
/* The cluster after this one, or FAT_CHAIN_END. */
status_t fat_next(struct fat_volume *volume, uint32_t cluster, uint32_t *next);
/* A new cluster at the end of a chain (`last` FAT_CHAIN_END: it begins one). NO_SPACE. */
status_t fat_extend(struct fat_volume *volume, uint32_t last, uint32_t *cluster);
/* Free the clusters after `last`, which becomes the end; or with `last` FAT_CHAIN_END all from `first` on. */
status_t fat_cut(struct fat_volume *volume, uint32_t last, uint32_t first);

/* ---- chains as files (chain.c) ---- */

/* A chain of clusters, or the fixed root directory. `at_*` remember where the last access was. */
#define FAT_MARKS 32u
struct fat_chain {
    uint32_t first;                /* FAT_CHAIN_END: none */
    bool fixed;                    /* the root directory of FAT12/16 */
    uint32_t at_index, at_cluster; /* at_cluster 0: nothing is remembered */
    /* Clusters with the indices 1, 2, 3... << mark_shift, where that is known: not 0. */
    uint32_t mark_shift, marks[FAT_MARKS];
};
status_t chain_read(struct fat_volume *volume, struct fat_chain *chain, uint32_t offset, void *to,
                    uint32_t length);
/* The clusters must be there. from NULL: zeros. */
status_t chain_write(struct fat_volume *volume, struct fat_chain *chain, uint32_t offset,
                     const void *from, uint32_t length);
/* Make it long enough for `size` bytes, or no longer than that. New clusters are not zeroed. */
status_t chain_grow(struct fat_volume *volume, struct fat_chain *chain, uint64_t size);
status_t chain_shrink(struct fat_volume *volume, struct fat_chain *chain, uint64_t size);
/* OUT_OF_RANGE: it ends before. */
status_t chain_position(struct fat_volume *volume, struct fat_chain *chain, uint32_t offset,
                        uint64_t *position);

/* ---- names (name.c) ---- */

struct fat_name {
    uint16_t units[FAT_NAME_UNITS + 1];
    uint32_t length;
};
/* From UTF-8, trailing dots cut off. INVALID_ARGUMENT: no name that FAT can have; NAME_TOO_LONG. */
status_t name_parse(struct fat_name *name, const char *text, size_t length);
/* To UTF-8; 0: it does not fit into FAT_NAME_MAX. */
size_t name_format(const uint16_t *units, uint32_t count, char text[FAT_NAME_MAX + 1]);
bool name_equal(const struct fat_name *name, const uint16_t *units, uint32_t count);
/* The name of a short entry, its case flags applied. */
uint32_t name_from_short(const uint8_t *entry, uint16_t units[13]);
uint8_t name_checksum(const uint8_t short_name[11]);
enum short_fit {
    SHORT_BASE,   /* it stands for the name, with a tail */
    SHORT_FOLDED, /* it is the name but for the case of letters */
    SHORT_EXACT,  /* it says it all */
};
enum short_fit name_to_short(const struct fat_name *name, uint8_t short_name[11]);
/* Put "~N" into it; numbers from 10 on take a hash of the name in. */
void name_add_tail(const struct fat_name *name, uint8_t short_name[11], uint32_t number);

/* ---- directories (directory.c) ---- */

enum fat_attribute {
    FAT_READ_ONLY = 1,
    FAT_HIDDEN = 2,
    FAT_SYSTEM = 4,
    FAT_LABEL = 8,
    FAT_DIRECTORY = 16,
    FAT_ARCHIVE = 32,
    FAT_LONG = 15
};

/* An entry as it is found. */
struct fat_entry {
    uint32_t slot, first_slot; /* of the short entry; of the first that belongs to it */
    uint64_t position;         /* of the short entry, on the volume */
    uint8_t bytes[FAT_ENTRY_SIZE];
    uint16_t units[FAT_NAME_UNITS + 1];
    uint32_t unit_count;
};
uint32_t entry_cluster(const struct fat_volume *volume, const uint8_t *entry);
void entry_set_cluster(uint8_t *entry, uint32_t cluster);
uint32_t entry_size(const uint8_t *entry);
void entry_set_size(uint8_t *entry, uint32_t size);
/* Times: ns since 1970; at: 14 creation, 22 modification; access has a date only. */
uint64_t entry_time(const uint8_t *entry, uint32_t at);
void entry_set_time(uint8_t *entry, uint32_t at, uint64_t time);
uint64_t entry_accessed(const uint8_t *entry);
void entry_set_accessed(uint8_t *entry, uint64_t time);

/* The first entry at slot or after, but no label; NOT_FOUND at the end. */
status_t directory_next(struct fat_volume *volume, struct fat_chain *chain, uint32_t slot,
                        struct fat_entry *entry);
status_t directory_find(struct fat_volume *volume, struct fat_chain *chain,
                        const struct fat_name *name, struct fat_entry *entry);
/* bytes: all of the short entry but its name. The name is known to be free. */
status_t directory_add(struct fat_volume *volume, struct fat_chain *chain,
                       const struct fat_name *name, const uint8_t bytes[FAT_ENTRY_SIZE],
                       struct fat_entry *entry);
status_t directory_remove(struct fat_volume *volume, struct fat_chain *chain, uint32_t first_slot,
                          uint32_t slot);
status_t directory_is_empty(struct fat_volume *volume, struct fat_chain *chain, bool *empty);
/* A new directory's first cluster with `.` and `..`; parent FAT_CHAIN_END: the root. */
status_t directory_make(struct fat_volume *volume, uint32_t parent, uint64_t time,
                        uint32_t *cluster);
status_t directory_set_parent(struct fat_volume *volume, struct fat_chain *chain, uint32_t parent);

#endif
