/* SPDX-License-Identifier: MIT */
/* Sessions and their buffers: contiguous memory, shared with the client, that the device reaches. */
#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>

#include "internal.h"

struct block_session block_sessions[SESSIONS_MAX];

/* As much as there is in one piece. */
static status_t buffer_alloc(uint32_t size, struct dma_memory *memory)
{
    status_t status;
    if (size > BLOCK_BUFFER_MAX)
        size = BLOCK_BUFFER_MAX;
    do {
        if (size < BLOCK_BUFFER_MIN)
            size = BLOCK_BUFFER_MIN;
        status = dma_alloc(size, memory);
        if (status == OK || size == BLOCK_BUFFER_MIN)
            return status;
        size /= 2;
    } while (true);
}

status_t block_session_open(struct block_server *server, struct block_device *device,
                            uint32_t flags, uint32_t size, handle_t *handle,
                            struct block_session **result)
{
    struct block_session *session = block_sessions;
    while (session < block_sessions + SESSIONS_MAX && session->device != NULL)
        session++;
    if (session == block_sessions + SESSIONS_MAX)
        return ERR_LIMIT_REACHED;
    struct dma_memory buffer;
    status_t status = buffer_alloc(size, &buffer);
    if (status != OK)
        return status;
    uint32_t badge = BADGE_FIRST + DEVICES_MAX + (uint32_t)(session - block_sessions);
    status = port_badge(server->port, badge, handle);
    if (status != OK) {
        dma_free(&buffer);
        return status;
    }
    *session = (struct block_session){.device = device, .flags = flags, .buffer = buffer};
    device->opens++;
    device->exclusive += (flags & BLOCK_OPEN_EXCLUSIVE) != 0;
    *result = session;
    return OK;
}

static void session_free(struct block_session *session)
{
    session->device->opens--;
    session->device->exclusive -= (session->flags & BLOCK_OPEN_EXCLUSIVE) != 0;
    dma_free(&session->buffer);
    *session = (struct block_session){.device = NULL};
}

/* Who opens the new medium for himself need not wait until those of the old one have gone. */
void block_sessions_outdated(struct block_disk *disk)
{
    for (struct block_session *session = block_sessions; session < block_sessions + SESSIONS_MAX;
         session++) {
        if (session->device == NULL || session->device->disk != disk)
            continue;
        session->outdated = true;
        session->device->exclusive -= (session->flags & BLOCK_OPEN_EXCLUSIVE) != 0;
        session->flags &= ~(uint32_t)BLOCK_OPEN_EXCLUSIVE;
    }
    disk->info.generation++;
}

status_t block_outdated_status(const struct block_disk *disk)
{
    return disk->info.sectors != 0 ? ERR_WRONG_MEDIUM : ERR_NO_MEDIUM;
}

/* The device may still be at work on its buffer. */
void block_session_close(struct block_session *session)
{
    session->closed = true;
    if (session->calls == 0)
        session_free(session);
}

void block_session_call_ended(struct block_session *session)
{
    if (--session->calls == 0 && session->closed)
        session_free(session);
}
