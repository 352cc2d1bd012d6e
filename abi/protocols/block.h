/* SPDX-License-Identifier: MIT */
/* Structures and constants of the block protocol (block.def). */
#ifndef ATOMIK_PROTOCOLS_BLOCK_H
#define ATOMIK_PROTOCOLS_BLOCK_H

#include <protocols/message.h>

#define BLOCK_NAME_PREFIX "block/" /* of the names in init's name service */
#define BLOCK_NAME_MAX    16       /* of a device, with its NUL: "vda1" */
/*
 * A partition of a disk with an MBR that has a number is there as "partition/41544f4d-01" too: the disk's
 * number and the partition's, both hexadecimal; wherever the disk is attached. Clients write PARTUUID=.
 */
#define BLOCK_PARTITION_PREFIX "partition/"
#define BLOCK_PARTUUID         "PARTUUID="

/* The unit of all sector numbers and counts, whatever the device's own sectors are. */
#define BLOCK_SECTOR       512u
#define BLOCK_SECTOR_SHIFT 9

#define BLOCK_BUFFER_MIN  65536u
#define BLOCK_BUFFER_MAX  (1u << 20)
#define BLOCK_EXTENTS_MAX 48u
#define BLOCK_DISCARD_MAX (1u << 20) /* sectors of one extent of BLOCK_DISCARD */

enum block_flags {
    BLOCK_READ_ONLY = 1,
    BLOCK_PARTITION = 2,
    BLOCK_REMOVABLE = 4,    /* a medium that may be changed: CD */
    BLOCK_CAN_DISCARD = 8,  /* BLOCK_DISCARD is more than NOT_SUPPORTED */
    BLOCK_WRITE_CACHE = 16, /* what is written is safe only after a flush */
    BLOCK_OPTICAL = 32,
};

struct block_info {
    uint64_t sectors; /* of BLOCK_SECTOR bytes */
    uint64_t start;   /* of a partition, on its disk */
    uint32_t
        sector_size; /* the device's own: extents are multiples of it; a power of two, 512..4096 */
    uint32_t flags;  /* enum block_flags */
    uint32_t partition; /* its number, 0: the whole disk */
    uint32_t
        generation; /* another number: the partition table was read again, or the medium is another */
    char name[BLOCK_NAME_MAX];
    char model[32];
};

enum block_open_flags {
    BLOCK_OPEN_WRITE = 1,
    BLOCK_OPEN_EXCLUSIVE = 2, /* nobody else opens it exclusively: file systems do */
};

enum block_op {
    BLOCK_READ,
    BLOCK_WRITE,
    BLOCK_DISCARD, /* the content does not matter any more; `offset` is unused */
};

enum block_transfer_flags {
    BLOCK_BARRIER = 1, /* first, all that was answered before is put on the medium */
    BLOCK_DURABLE = 2, /* answered when the data itself is on the medium */
};

struct block_extent {
    uint64_t
        sector;     /* of BLOCK_SECTOR bytes, on the opened device; a multiple of its sector size */
    uint32_t count; /* of BLOCK_SECTOR bytes, not 0 */
    uint32_t offset; /* into the buffer, a multiple of BLOCK_SECTOR */
};

struct block_statistics {
    uint64_t reads, sectors_read, writes, sectors_written, flushes, errors;
    uint64_t read_time, write_time; /* ns, of all requests together */
    uint32_t in_flight, reserved;
};

#define PROTOCOL <protocols/block.def>
#include <protocols/expand.def>

_Static_assert(sizeof(struct block_extent) == 16, "wire layout");
_Static_assert(sizeof(struct block_transfer_request) +
                       BLOCK_EXTENTS_MAX * sizeof(struct block_extent) <=
                   MESSAGE_BYTES,
               "a request fits into a message");

#endif
