/* SPDX-License-Identifier: MIT */
/* What the files of lib/block share. */
#ifndef BLOCK_INTERNAL_H
#define BLOCK_INTERNAL_H

#include <block/block.h>
#include <dma/dma.h>
#include <service/loop.h>

#define BADGE_FIRST  2u /* 1 is the service's own name */
#define DEVICES_MAX  160u
#define SESSIONS_MAX 128u

/*
 * A disk or partition under its name: badge BADGE_FIRST + its index. It keeps the place for good: init
 * has its handle, and a partition of that name that is found again is this one.
 */
struct block_device {
    struct block_disk *disk; /* NULL: the place is free, and so are all behind it */
    uint64_t start, sectors;
    uint32_t number; /* 0: the whole disk */
    bool present;
    uint32_t opens, exclusive; /* sessions */
};

/* badge BADGE_FIRST + DEVICES_MAX + its index. */
struct block_session {
    struct block_device *device; /* NULL: free */
    uint32_t flags;
    uint32_t calls; /* under way */
    bool closed;    /* freed with its last call */
    bool outdated;  /* the medium that it was opened on is not there any more */
    struct dma_memory buffer;
};

enum block_stage { STAGE_BARRIER, STAGE_DATA, STAGE_DURABLE, STAGE_DONE };

/* A call of a client, or of this library for itself, that waits for its requests. */
struct block_call {
    struct block_disk *disk;
    struct block_session *session; /* NULL: our own */
    uint32_t token;                /* 0: nobody waits for the answer */
    uint32_t flags;                /* enum block_transfer_flags */
    enum block_stage stage;
    uint32_t left; /* requests of this stage that have not ended */
    status_t status;
    struct block_call *next; /* of all calls */
    uint32_t count;
    struct block_request flush;
    struct block_request requests[]; /* of STAGE_DATA */
};

extern struct block_device block_devices[DEVICES_MAX];
extern struct block_session block_sessions[SESSIONS_MAX];

/* ---- queue.c ---- */
/* Room for `count` requests; NULL. */
struct block_call *block_call_new(struct block_disk *disk, uint32_t count);
/* Begins its first stage; it is answered and freed when the last has ended. */
void block_call_begin(struct block_call *call);
/* Give waiting requests to the devices. */
void block_pump(struct block_server *server);
void block_calls_cancel(uint32_t token);
/* One sector of the disk's own, without serving anybody meanwhile. */
status_t block_read_now(struct block_server *server, struct block_disk *disk, uint64_t sector,
                        void *to);
uint32_t block_in_flight(const struct block_server *server);
/* Waits for interrupts, and for messages if `messages`, and serves the interrupts. */
void block_wait(struct block_server *server, bool messages, ktime_t deadline);

/* ---- device.c ---- */
/* Read the partition table and register what is there. */
status_t block_scan(struct block_server *server, struct block_disk *disk);
uint32_t block_partition_count(const struct block_disk *disk);
/* Is it open, or a partition of it? */
bool block_partitions_open(const struct block_disk *disk);
/* Would an exclusive session be one of two? */
bool block_is_taken(const struct block_device *device);
void block_device_info(const struct block_device *device, struct block_info *info);

/* ---- session.c ---- */
status_t block_session_open(struct block_server *server, struct block_device *device,
                            uint32_t flags, uint32_t size, handle_t *handle,
                            struct block_session **session);
void block_session_close(struct block_session *session);
/* All of the disk are of a medium that is not there any more. */
void block_sessions_outdated(struct block_disk *disk);
/* What a request on an outdated session gets. */
status_t block_outdated_status(const struct block_disk *disk);
void block_session_call_ended(struct block_session *session);

extern struct service block_service;

#endif
