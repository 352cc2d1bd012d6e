/* SPDX-License-Identifier: MIT */
/*
 * Client of block drivers (abi/protocols/block.def), for file servers and personalities.
 *
 * A session is one opened disk or partition with a buffer that the device reads and writes by
 * itself. `data` is where it is mapped; block_client_transfer moves extents between it and the device,
 * many at once. block_client_read and block_client_write copy from and to other memory in pieces of the
 * buffer. One thread at a time per session; who wants more opens more.
 *
 * A driver that dies is started again by init: the call then waits for it (at most
 * BLOCK_CLIENT_PATIENCE), opens the device anew, with the buffer's content, and repeats what was not
 * answered: a transfer that is repeated as a whole gives the same result. If the device is another one
 * then (its size, place or medium), the session is dead: NO_DEVICE from there on. `data` does not move.
 */
#ifndef IPC_BLOCKCLIENT_H
#define IPC_BLOCKCLIENT_H

#include <atomik/objects.h>
#include <atomik/time.h>
#include <protocols/block.h>

#define BLOCK_CLIENT_PATIENCE (30 * NS_PER_S)

struct block_session {
    uint8_t *data; /* the buffer */
    uint32_t buffer_size;
    struct block_info info;
    /* private */
    handle_t init, handle;
    uint32_t flags;
    bool dead;
};

/* `name` as "block/vda1", "vda1" or "PARTUUID=41544f4d-01"; flags: enum block_open_flags. NOT_FOUND: there is no such device. */
status_t block_client_open(handle_t init, const char *name, uint32_t flags, uint32_t buffer_size,
                           struct block_session *session);
/* The same for who may be up before the driver is: waits for the name, at most so long. */
status_t block_client_open_late(handle_t init, const char *name, uint32_t flags,
                                uint32_t buffer_size, ktime_t patience,
                                struct block_session *session);
void block_client_close(struct block_session *session);

/* `count` extents at once (more than BLOCK_EXTENTS_MAX: in several calls, in order). */
status_t block_client_transfer(struct block_session *session, enum block_op op, uint32_t flags,
                               const struct block_extent *extents, uint32_t count);
/* Any range in whole sectors of info.sector_size; they overwrite the buffer. */
status_t block_client_read(struct block_session *session, uint64_t sector, void *to,
                           uint32_t count);
status_t block_client_write(struct block_session *session, uint64_t sector, const void *from,
                            uint32_t count);
/* All that was written, by anybody, is on the medium. */
status_t block_client_flush(struct block_session *session);
status_t block_client_discard(struct block_session *session, uint64_t sector, uint64_t count);
/* Without a session. */
status_t block_client_info(handle_t init, const char *name, struct block_info *info);
status_t block_client_statistics(handle_t init, const char *name,
                                 struct block_statistics *statistics);
status_t block_client_rescan(struct block_session *session, uint32_t *partitions);

#endif
