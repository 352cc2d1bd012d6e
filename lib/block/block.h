/* SPDX-License-Identifier: MIT */
/*
 * A block driver, all but the device: the protocol (abi/protocols/block.def), sessions and their
 * buffers, queues, partitions, names. A driver finds its disks, fills a table and runs:
 *
 *     static const struct block_driver driver = {.start = my_start, .max_sectors = 256};
 *     block_server_init(&server);
 *     block_server_interrupt(&server, irq, my_interrupt, my_device);
 *     block_server_add(&server, &my_disk);       reads the partition table, registers the names
 *     block_server_run(&server);
 *
 * One thread. Requests wait in the queue of their disk until `start` takes them; the driver ends each
 * with block_request_end, from its interrupt function or at once, in any order.
 */
#ifndef BLOCK_BLOCK_H
#define BLOCK_BLOCK_H

#include <atomik/objects.h>
#include <protocols/block.h>

#define BLOCK_DISKS_MAX      16 /* vda to vdp: so many device numbers with partitions there are */
#define BLOCK_INTERRUPTS_MAX BLOCK_DISKS_MAX

struct block_disk;
struct block_call;

enum block_request_op {
    BLOCK_REQUEST_READ,
    BLOCK_REQUEST_WRITE,
    BLOCK_REQUEST_DISCARD,
    BLOCK_REQUEST_FLUSH
};

/* One piece of work for the device: consecutive sectors and consecutive memory. */
struct block_request {
    enum block_request_op op;
    uint64_t sector;   /* of BLOCK_SECTOR bytes, on the disk; lies on it, in its own sectors */
    uint32_t count;    /* of BLOCK_SECTOR bytes, at most max_sectors */
    uint32_t physical; /* where the data is for the device */
    uint8_t *data;     /* and for the driver */
    uint32_t slot;     /* the driver's */
    /* private */
    struct block_request *next;
    struct block_call *call;
    ktime_t begun;
};

struct block_driver {
    /* OK: taken. SHOULD_WAIT: no room, until a request has ended. Other errors: the request's result. */
    status_t (*start)(struct block_disk *disk, struct block_request *request);
    /* After the last `start` of a round; may be NULL. */
    void (*kick)(struct block_disk *disk);
    /* About once a second while requests are with the device: is it still there? May be NULL. */
    void (*check)(struct block_disk *disk);
    /*
     * Is the medium still the one that was there? NO_MEDIUM, WRONG_MEDIUM: no, and info.sectors says what is there
     * now. SHOULD_WAIT: something is under way. NULL: it cannot be changed.
     */
    status_t (*look)(struct block_disk *disk);
    uint32_t max_sectors; /* of one request, of BLOCK_SECTOR bytes */
};

struct block_partition; /* a registered device: the disk or a partition of it */

struct block_disk {
    const struct block_driver *driver;
    void *context;          /* the driver's */
    struct block_info info; /* sectors, sector_size, flags, name, model: set by the driver */
    /* private */
    struct block_request *first, *last;
    struct block_statistics statistics;
    bool gone;
};

struct block_server {
    handle_t port, init;
    struct block_disk *disks[BLOCK_DISKS_MAX];
    uint32_t disk_count;
    struct block_interrupt {
        handle_t irq;
        void (*function)(void *context); /* serves the device, then acknowledges the line */
        void *context;
    } interrupts[BLOCK_INTERRUPTS_MAX];
    uint32_t interrupt_count;
};

/* Takes the service's port; ends the program if that cannot be. */
void block_server_init(struct block_server *server);
status_t block_server_interrupt(struct block_server *server, handle_t irq,
                                void (*function)(void *context), void *context);
/* A disk without a name gets the first one that no driver has: sda, sdb, ...; an optical drive sr0, ... */
status_t block_server_add(struct block_server *server, struct block_disk *disk);
void block_server_run(struct block_server *server) __attribute__((noreturn));

/* NO_MEDIUM, WRONG_MEDIUM: what was opened is not in the drive any more, see `look`. */
void block_request_end(struct block_disk *disk, struct block_request *request, status_t status);
/* The device is not there any more: every request gets NO_DEVICE, those with it must be ended first. */
void block_disk_gone(struct block_disk *disk);

#endif
