/* SPDX-License-Identifier: MIT */
#include <ipc/blockclient.h>

#include <stdio.h>
#include <string.h>

#include <atomik/syscall.h>
#include <ipc/call.h>
#include <ipc/initclient.h>

#define RETRY_DELAY (20 * NS_PER_MS)

/* ---- names ------------------------------------------------------------------------------------- */

static bool skip(const char **name, const char *prefix)
{
    size_t length = strlen(prefix);
    if (strncmp(*name, prefix, length) != 0)
        return false;
    *name += length;
    return true;
}

static status_t look_up(handle_t init, const char *name, handle_t *device)
{
    char full[sizeof BLOCK_PARTITION_PREFIX + BLOCK_NAME_MAX];
    bool by_number = skip(&name, BLOCK_PARTUUID);
    const char *prefix = by_number ? BLOCK_PARTITION_PREFIX : BLOCK_NAME_PREFIX;
    if (!by_number)
        skip(&name, BLOCK_NAME_PREFIX);
    if (*name == 0 || strlen(name) >= BLOCK_NAME_MAX)
        return ERR_NOT_FOUND;
    (void)snprintf(full, sizeof full, "%s%s", prefix, name);
    return init_name_lookup(init, full, false, device);
}

/* Asks the device of that name something that needs no words. */
static status_t ask(handle_t init, const char *name, uint32_t label, void *reply, uint32_t size)
{
    struct ipc ipc;
    handle_t device;
    status_t status = look_up(init, name, &device);
    if (status != OK)
        return status;
    ipc_begin(&ipc, label, NULL, 0);
    ipc.flags = CALL_UNINTERRUPTIBLE;
    status = ipc_call(&ipc, device, reply, size);
    handle_drop(&device);
    if (status == OK)
        ipc_drop(&ipc);
    return status;
}

status_t block_client_info(handle_t init, const char *name, struct block_info *info)
{
    struct block_info_reply reply;
    status_t status = ask(init, name, LABEL_block_info, &reply, sizeof reply);
    if (status != OK)
        return status;
    *info = reply.info;
    info->name[sizeof info->name - 1] = info->model[sizeof info->model - 1] = 0;
    return OK;
}

status_t block_client_statistics(handle_t init, const char *name,
                                 struct block_statistics *statistics)
{
    struct block_statistics_reply reply;
    status_t status = ask(init, name, LABEL_block_statistics, &reply, sizeof reply);
    if (status == OK)
        *statistics = reply.statistics;
    return status;
}

/* ---- sessions ---------------------------------------------------------------------------------- */

/* What block_open answers. */
struct opened {
    handle_t session, buffer;
    uint32_t buffer_size;
    struct block_info info;
};

static bool is_sane(const struct opened *opened)
{
    uint32_t size = opened->info.sector_size;
    return opened->session != HANDLE_NONE && opened->buffer != HANDLE_NONE &&
           opened->buffer_size >= BLOCK_BUFFER_MIN && opened->buffer_size <= BLOCK_BUFFER_MAX &&
           size >= BLOCK_SECTOR && size <= PAGE_SIZE && (size & (size - 1)) == 0 &&
           opened->info.sectors <= UINT64_MAX / BLOCK_SECTOR;
}

static status_t open_device(handle_t init, const char *name, uint32_t flags, uint32_t buffer_size,
                            struct opened *opened)
{
    struct block_open_request request = {.flags = flags, .buffer_size = buffer_size};
    struct block_open_reply reply;
    struct ipc ipc;
    handle_t device;
    status_t status = look_up(init, name, &device);
    if (status != OK)
        return status;
    ipc_begin(&ipc, LABEL_block_open, &request, sizeof request);
    ipc.flags = CALL_UNINTERRUPTIBLE;
    status = ipc_call(&ipc, device, &reply, sizeof reply);
    handle_drop(&device);
    if (status != OK)
        return status;
    *opened = (struct opened){.session = ipc_take(&ipc, 0),
                              .buffer = ipc_take(&ipc, 1),
                              .buffer_size = reply.buffer_size,
                              .info = reply.info};
    ipc_drop(&ipc);
    opened->info.name[BLOCK_NAME_MAX - 1] = 0;
    opened->info.model[sizeof opened->info.model - 1] = 0;
    if (is_sane(opened))
        return OK;
    handle_drop(&opened->session);
    handle_drop(&opened->buffer);
    return ERR_IO_ERROR;
}

/* `at` NULL: anywhere. */
static status_t map_buffer(const struct opened *opened, uint8_t *at, uint8_t **data)
{
    struct map_request request = {.vmo = opened->buffer,
                                  .address = (uint32_t)(uintptr_t)at,
                                  .length = opened->buffer_size,
                                  .prot = PROT_R | PROT_W,
                                  .flags = MAP_FLAG_SHARED | (at ? MAP_FLAG_FIXED : 0)};
    status_t status = space_map(HANDLE_SELF, &request);
    if (status == OK)
        *data = (uint8_t *)(uintptr_t)request.address;
    return status;
}

status_t block_client_open(handle_t init, const char *name, uint32_t flags, uint32_t buffer_size,
                           struct block_session *session)
{
    struct opened opened;
    uint8_t *data;
    status_t status = open_device(init, name, flags, buffer_size, &opened);
    if (status != OK)
        return status;
    status = map_buffer(&opened, NULL, &data);
    handle_drop(&opened.buffer);
    if (status != OK) {
        handle_drop(&opened.session);
        return status;
    }
    *session = (struct block_session){.data = data,
                                      .buffer_size = opened.buffer_size,
                                      .info = opened.info,
                                      .init = init,
                                      .handle = opened.session,
                                      .flags = flags};
    return OK;
}

status_t block_client_open_late(handle_t init, const char *name, uint32_t flags,
                                uint32_t buffer_size, ktime_t patience,
                                struct block_session *session)
{
    ktime_t end = time_monotonic() + patience;
    status_t status;
    while ((status = block_client_open(init, name, flags, buffer_size, session)) == ERR_NOT_FOUND &&
           time_monotonic() < end)
        time_sleep(RETRY_DELAY);
    return status;
}

void block_client_close(struct block_session *session)
{
    if (session->data != NULL &&
        space_unmap(HANDLE_SELF, (uint32_t)(uintptr_t)session->data, session->buffer_size) == OK)
        session->data = NULL;
    handle_drop(&session->handle);
    session->dead = true;
}

/* ---- a driver that has died -------------------------------------------------------------------- */

static bool is_same(const struct block_info *old, const struct block_info *new)
{
    return old->sectors == new->sectors && old->start == new->start &&
           old->sector_size == new->sector_size &&
           old->partition == new->partition &&strcmp(old->model, new->model) == 0 &&
           ((old->flags ^ new->flags) & (BLOCK_READ_ONLY | BLOCK_OPTICAL)) == 0;
}

/* The new buffer takes the place of the old one, with its content. */
static status_t replace(struct block_session *session, struct opened *opened)
{
    uint8_t *data, *kept = session->data;
    status_t status = OK;
    if (!is_same(&session->info, &opened->info) || opened->buffer_size < session->buffer_size)
        return ERR_NO_DEVICE;
    opened->buffer_size = session->buffer_size;
    status = vmo_write(opened->buffer, 0, kept, session->buffer_size);
    if (status == OK)
        status = map_buffer(opened, kept, &data);
    if (status != OK)
        return status;
    handle_drop(&session->handle);
    session->handle = opened->session;
    opened->session = HANDLE_NONE;
    session->info = opened->info;
    return OK;
}

static status_t reconnect(struct block_session *session)
{
    ktime_t end = time_monotonic() + BLOCK_CLIENT_PATIENCE;
    struct opened opened;
    for (;;) {
        status_t status = open_device(session->init, session->info.name, session->flags,
                                      session->buffer_size, &opened);
        if (status == OK) {
            status = replace(session, &opened);
            handle_drop(&opened.session);
            handle_drop(&opened.buffer);
            return status;
        }
        bool coming =
            status == ERR_NOT_FOUND || status == ERR_PEER_CLOSED || status == ERR_NO_MEMORY;
        if (!coming || time_monotonic() >= end)
            return ERR_NO_DEVICE;
        time_sleep(RETRY_DELAY);
    }
}

/* One request; repeated as a whole on a new driver. `request` is copied for each try. */
static status_t call(struct block_session *session, uint32_t label, const void *request,
                     uint32_t size, const void *tail, uint32_t tail_length, void *reply,
                     uint32_t reply_size)
{
    struct ipc ipc;
    for (;;) {
        if (session->dead)
            return ERR_NO_DEVICE;
        ipc_begin(&ipc, label, request, size);
        ipc.flags = CALL_UNINTERRUPTIBLE;
        status_t status = ipc_tail(&ipc, tail, tail_length);
        if (status == OK)
            status = ipc_call(&ipc, session->handle, reply, reply_size);
        if (status == OK)
            ipc_drop(&ipc);
        if (status != ERR_PEER_CLOSED)
            return status;
        if (reconnect(session) != OK)
            session->dead = true;
    }
}

/* ---- requests ---------------------------------------------------------------------------------- */

status_t block_client_transfer(struct block_session *session, enum block_op op, uint32_t flags,
                               const struct block_extent *extents, uint32_t count)
{
    status_t status = OK;
    while (count > 0 && status == OK) {
        uint32_t part = count < BLOCK_EXTENTS_MAX ? count : BLOCK_EXTENTS_MAX;
        struct block_transfer_request request = {.op = op, .flags = flags, .count = part};
        status = call(session, LABEL_block_transfer, &request, sizeof request, extents,
                      part * sizeof *extents, NULL, 0);
        extents += part;
        count -= part;
    }
    return status;
}

/* Pieces of the buffer, with a copy before or after each. */
static status_t move(struct block_session *session, enum block_op op, uint64_t sector, void *to,
                     const void *from, uint32_t count)
{
    uint8_t *in = to;
    const uint8_t *out = from;
    while (count > 0) {
        uint32_t most = session->buffer_size / BLOCK_SECTOR;
        uint32_t part = count < most ? count : most;
        uint32_t bytes = part * BLOCK_SECTOR;
        struct block_extent extent = {.sector = sector, .count = part};
        if (out != NULL)
            memcpy(session->data, out, bytes);
        status_t status = block_client_transfer(session, op, 0, &extent, 1);
        if (status != OK)
            return status;
        if (in != NULL)
            memcpy(in, session->data, bytes);
        in = in != NULL ? in + bytes : NULL;
        out = out != NULL ? out + bytes : NULL;
        sector += part;
        count -= part;
    }
    return OK;
}

status_t block_client_read(struct block_session *session, uint64_t sector, void *to, uint32_t count)
{
    return move(session, BLOCK_READ, sector, to, NULL, count);
}

status_t block_client_write(struct block_session *session, uint64_t sector, const void *from,
                            uint32_t count)
{
    return move(session, BLOCK_WRITE, sector, NULL, from, count);
}

status_t block_client_flush(struct block_session *session)
{
    return call(session, LABEL_block_flush, NULL, 0, NULL, 0, NULL, 0);
}

status_t block_client_discard(struct block_session *session, uint64_t sector, uint64_t count)
{
    status_t status = OK;
    if (!(session->info.flags & BLOCK_CAN_DISCARD))
        return ERR_NOT_SUPPORTED;
    while (count > 0 && status == OK) {
        uint32_t part = count < BLOCK_DISCARD_MAX ? (uint32_t)count : BLOCK_DISCARD_MAX;
        struct block_extent extent = {.sector = sector, .count = part};
        status = block_client_transfer(session, BLOCK_DISCARD, 0, &extent, 1);
        sector += part;
        count -= part;
    }
    return status;
}

status_t block_client_rescan(struct block_session *session, uint32_t *partitions)
{
    struct block_rescan_reply reply;
    status_t status = call(session, LABEL_block_rescan, NULL, 0, NULL, 0, &reply, sizeof reply);
    if (status == OK)
        *partitions = reply.partitions;
    return status;
}
