/* SPDX-License-Identifier: MIT */
/* Sessions and their buffers: contiguous memory, shared with the client, that the device reaches. */
#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>

#include "internal.h"

struct block_session block_sessions[SESSIONS_MAX];

static status_t memory_map(struct block_memory *memory)
{
    struct map_request request = {.vmo = memory->vmo,
                                  .length = memory->length,
                                  .prot = PROT_R | PROT_W,
                                  .flags = MAP_FLAG_SHARED};
    struct vmo_info info;
    status_t status = vmo_info(memory->vmo, &info);
    if (status == OK)
        status = space_map(HANDLE_SELF, &request);
    if (status != OK)
        return status;
    memory->physical = info.physical;
    memory->data = (uint8_t *)(uintptr_t)request.address;
    return OK;
}

status_t block_memory_alloc(uint32_t length, struct block_memory *memory)
{
    struct block_memory new = {.length = (length + PAGE_MASK) & ~PAGE_MASK};
    status_t status = vmo_create(VMO_CONTIGUOUS, new.length, &new.vmo);
    if (status != OK)
        return status;
    status = memory_map(&new);
    if (status != OK)
        handle_drop(&new.vmo);
    else
        *memory = new;
    return status;
}

static void memory_free(struct block_memory *memory)
{
    if (memory->data != NULL &&
        space_unmap(HANDLE_SELF, (uint32_t)(uintptr_t)memory->data, memory->length) == OK)
        memory->data = NULL;
    handle_drop(&memory->vmo);
}

/* As much as there is in one piece. */
static status_t buffer_alloc(uint32_t size, struct block_memory *memory)
{
    status_t status;
    if (size > BLOCK_BUFFER_MAX)
        size = BLOCK_BUFFER_MAX;
    do {
        if (size < BLOCK_BUFFER_MIN)
            size = BLOCK_BUFFER_MIN;
        status = block_memory_alloc(size, memory);
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
    struct block_memory buffer;
    status_t status = buffer_alloc(size, &buffer);
    if (status != OK)
        return status;
    uint32_t badge = BADGE_FIRST + DEVICES_MAX + (uint32_t)(session - block_sessions);
    status = port_badge(server->port, badge, handle);
    if (status != OK) {
        memory_free(&buffer);
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
    memory_free(&session->buffer);
    *session = (struct block_session){.device = NULL};
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
