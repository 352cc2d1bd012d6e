/* SPDX-License-Identifier: MIT */
/*
 * Partition tables: MBR with logical partitions, and GPT (UEFI specification 2.10, chapter 5). Pure
 * code: sectors come through a function, every field is checked, and nothing is allocated. A partition
 * that does not lie on the disk is left out.
 */
#ifndef BLOCK_PARTITION_H
#define BLOCK_PARTITION_H

#include <atomik/types.h>

#define PARTITIONS_MAX 60

struct partition {
    uint64_t start, sectors; /* of 512 bytes */
    uint32_t number;         /* from 1; logical ones from 5 */
    uint8_t type;            /* of an MBR entry; 0: GPT */
    uint32_t signature;      /* of the disk's MBR; 0: it has none, or a GPT */
};

/* A disk to be looked at. */
struct partition_disk {
    /* One sector of the disk's own size. */
    status_t (*read)(void *context, uint64_t sector, void *to);
    void *context;
    uint64_t sectors;     /* of the disk's own size */
    uint32_t sector_size; /* 512..4096, a power of two */
};

/* How many were found, at most PARTITIONS_MAX; 0 without a table. Only errors of `read` are errors. */
status_t partitions_find(const struct partition_disk *disk,
                         struct partition partitions[PARTITIONS_MAX], uint32_t *count);

#endif
