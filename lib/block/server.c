/* SPDX-License-Identifier: MIT */
/* The block protocol's requests, checked, and the loop. */
#include <string.h>

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/time.h>
#include <ipc/call.h>

#include "internal.h"

#define CHECK_PERIOD     NS_PER_S
#define LOOK_PATIENCE    (10 * NS_PER_S)
#define LOOK_PERIOD      (10 * NS_PER_MS)
#define MESSAGES_AT_ONCE 64

struct service block_service;
static struct block_server *the_server;

static struct block_device *device_of(const struct message *message)
{
    uint32_t index = message->badge - BADGE_FIRST;
    if (message->badge < BADGE_FIRST || index >= DEVICES_MAX)
        return NULL;
    return block_devices[index].disk != NULL ? &block_devices[index] : NULL;
}

static struct block_session *session_of_badge(uint32_t badge)
{
    uint32_t index = badge - BADGE_FIRST - DEVICES_MAX;
    if (badge < BADGE_FIRST + DEVICES_MAX || index >= SESSIONS_MAX)
        return NULL;
    struct block_session *session = &block_sessions[index];
    return session->device != NULL && !session->closed ? session : NULL;
}

/* The device of either kind of handle. */
static struct block_device *any_device(const struct message *message)
{
    struct block_session *session = session_of_badge(message->badge);
    return session != NULL ? session->device : device_of(message);
}

static bool is_there(const struct block_device *device)
{
    return device->present && !device->disk->gone;
}

/* After this the disk's info is that of the medium in the drive. */
static void look_at_medium(struct block_disk *disk)
{
    ktime_t end = time_monotonic() + LOOK_PATIENCE;
    status_t status = OK;
    if (disk->driver->look == NULL || disk->gone)
        return;
    while ((status = disk->driver->look(disk)) == ERR_SHOULD_WAIT && time_monotonic() < end)
        block_wait(the_server, false, time_monotonic() + LOOK_PERIOD);
    if (status == ERR_NO_MEDIUM || status == ERR_WRONG_MEDIUM)
        block_sessions_outdated(disk);
}

/* May this session ask its device for something? */
static status_t check_session(struct block_session *session)
{
    if (session == NULL)
        return ERR_BAD_HANDLE;
    if (!is_there(session->device))
        return ERR_NO_DEVICE;
    if (!session->outdated)
        return OK;
    look_at_medium(session->device->disk);
    return block_outdated_status(session->device->disk);
}

/* ---- on any handle ------------------------------------------------------------------------------- */

static status_t handle_info_request(struct service *service, struct message *message)
{
    struct block_device *device = any_device(message);
    (void)service;
    if (device == NULL)
        return ERR_BAD_HANDLE;
    if (!is_there(device))
        return ERR_NO_DEVICE;
    look_at_medium(device->disk);
    struct block_info_reply *reply = service_reply(message, sizeof *reply);
    block_device_info(device, &reply->info);
    return OK;
}

static status_t handle_statistics(struct service *service, struct message *message)
{
    struct block_device *device = any_device(message);
    (void)service;
    if (device == NULL)
        return ERR_BAD_HANDLE;
    struct block_statistics_reply *reply = service_reply(message, sizeof *reply);
    reply->statistics = device->disk->statistics;
    return OK;
}

static status_t handle_rescan(struct service *service, struct message *message)
{
    struct block_device *device = any_device(message);
    (void)service;
    if (device == NULL)
        return ERR_BAD_HANDLE;
    if (device->number != 0)
        return ERR_INVALID_ARGUMENT;
    if (!is_there(device))
        return ERR_NO_DEVICE;
    if (block_partitions_open(device->disk))
        return ERR_BUSY;
    struct block_disk *disk = device->disk;
    status_t status = block_scan(the_server, disk);
    if (status != OK)
        return status;
    struct block_rescan_reply *reply = service_reply(message, sizeof *reply);
    reply->partitions = block_partition_count(disk);
    return OK;
}

static status_t may_open(const struct block_device *device, uint32_t flags)
{
    if (!is_there(device))
        return ERR_NO_DEVICE;
    if (flags & ~(uint32_t)(BLOCK_OPEN_WRITE | BLOCK_OPEN_EXCLUSIVE))
        return ERR_INVALID_ARGUMENT;
    look_at_medium(device->disk);
    if ((device->disk->info.flags & BLOCK_REMOVABLE) && device->disk->info.sectors == 0)
        return ERR_NO_MEDIUM;
    if ((flags & BLOCK_OPEN_WRITE) && (device->disk->info.flags & BLOCK_READ_ONLY))
        return ERR_READ_ONLY;
    if ((flags & BLOCK_OPEN_EXCLUSIVE) && block_is_taken(device))
        return ERR_BUSY;
    return OK;
}

static status_t handle_open(struct service *service, struct message *message)
{
    const uint32_t rights = RIGHT_READ | RIGHT_WRITE | RIGHT_MAP | RIGHT_TRANSFER | RIGHT_DUPLICATE;
    struct block_device *device = device_of(message);
    const struct block_open_request *request =
        service_request(message, sizeof *request, NULL, NULL);
    struct block_session *session;
    handle_t handle, vmo;
    (void)service;
    if (device == NULL)
        return ERR_BAD_HANDLE;
    if (request == NULL)
        return ERR_INVALID_ARGUMENT;
    status_t status = may_open(device, request->flags);
    if (status == OK)
        status = block_session_open(the_server, device, request->flags, request->buffer_size,
                                    &handle, &session);
    if (status != OK)
        return status;
    status = handle_duplicate(session->buffer.vmo, rights, &vmo);
    if (status != OK) {
        handle_drop(&handle); /* the notice that it is closed frees the session */
        return status;
    }
    struct block_open_reply *reply = service_reply(message, sizeof *reply);
    block_device_info(device, &reply->info);
    reply->buffer_size = session->buffer.length;
    service_handle(message, handle);
    service_handle(message, vmo);
    return OK;
}

/* ---- on a session -------------------------------------------------------------------------------- */

static status_t check_extent(const struct block_session *session, uint32_t op,
                             const struct block_extent *extent)
{
    const struct block_device *device = session->device;
    uint64_t sectors = device->number == 0 ? device->disk->info.sectors : device->sectors;
    uint32_t mask = device->disk->info.sector_size / BLOCK_SECTOR - 1;
    if (extent->count == 0 || (extent->sector & mask) != 0 || (extent->count & mask) != 0)
        return ERR_INVALID_ARGUMENT;
    if (extent->sector >= sectors || extent->count > sectors - extent->sector)
        return ERR_OUT_OF_RANGE;
    if (op == BLOCK_DISCARD)
        return extent->count <= BLOCK_DISCARD_MAX ? OK : ERR_INVALID_ARGUMENT;
    uint32_t most = session->buffer.length / BLOCK_SECTOR;
    if (extent->offset % BLOCK_SECTOR != 0 || extent->count > most ||
        extent->offset / BLOCK_SECTOR > most - extent->count)
        return ERR_INVALID_ARGUMENT;
    return OK;
}

static status_t check_transfer(const struct block_session *session,
                               const struct block_transfer_request *request,
                               const struct block_extent *extents, uint32_t tail_length)
{
    const struct block_disk *disk = session->device->disk;
    if (request->op > BLOCK_DISCARD || request->count == 0 || request->count > BLOCK_EXTENTS_MAX ||
        tail_length < request->count * sizeof *extents ||
        (request->flags & ~(uint32_t)(BLOCK_BARRIER | BLOCK_DURABLE)))
        return ERR_INVALID_ARGUMENT;
    if (request->op != BLOCK_READ && !(session->flags & BLOCK_OPEN_WRITE))
        return ERR_READ_ONLY;
    if (request->op == BLOCK_DISCARD && !(disk->info.flags & BLOCK_CAN_DISCARD))
        return ERR_NOT_SUPPORTED;
    for (uint32_t i = 0; i < request->count; i++) {
        status_t status = check_extent(session, request->op, &extents[i]);
        if (status != OK)
            return status;
    }
    return OK;
}

static uint32_t pieces_of(const struct block_extent *extents, uint32_t count, uint32_t most)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += (extents[i].count + most - 1) / most;
    return sum;
}

/* Cuts the extents into what the device takes at once. */
static void fill(struct block_call *call, const struct block_session *session, uint32_t op,
                 const struct block_extent *extents, uint32_t count)
{
    static const enum block_request_op ops[] = {BLOCK_REQUEST_READ, BLOCK_REQUEST_WRITE,
                                                BLOCK_REQUEST_DISCARD};
    struct block_request *request = call->requests;
    uint32_t most = session->device->disk->driver->max_sectors;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t at = 0; at < extents[i].count; at += most) {
            uint32_t offset = op == BLOCK_DISCARD ? 0 : extents[i].offset + at * BLOCK_SECTOR;
            uint32_t left = extents[i].count - at;
            *request++ =
                (struct block_request){.op = ops[op],
                                       .sector = session->device->start + extents[i].sector + at,
                                       .count = left < most ? left : most,
                                       .physical = session->buffer.physical + offset,
                                       .data = session->buffer.data + offset};
        }
    }
}

static status_t handle_transfer(struct service *service, struct message *message)
{
    struct block_session *session = session_of_badge(message->badge);
    struct block_extent extents[BLOCK_EXTENTS_MAX];
    struct block_transfer_request request;
    (void)service;
    status_t status = check_session(session);
    if (status != OK)
        return status;
    if (message->size < sizeof request)
        return ERR_INVALID_ARGUMENT;
    memcpy(&request, message->data, sizeof request);
    uint32_t length = message->size - (uint32_t)sizeof request;
    memcpy(extents, message->data + sizeof request,
           length < sizeof extents ? length : sizeof extents);
    status = check_transfer(session, &request, extents, length);
    if (status != OK)
        return status;
    struct block_disk *disk = session->device->disk;
    struct block_call *call =
        block_call_new(disk, pieces_of(extents, request.count, disk->driver->max_sectors));
    if (call == NULL)
        return ERR_NO_MEMORY;
    fill(call, session, request.op, extents, request.count);
    call->session = session;
    call->token = message->token;
    call->flags = request.op == BLOCK_READ ? request.flags & BLOCK_BARRIER : request.flags;
    session->calls++;
    block_call_begin(call);
    return SERVICE_DEFERRED;
}

static status_t handle_flush(struct service *service, struct message *message)
{
    struct block_session *session = session_of_badge(message->badge);
    (void)service;
    status_t status = check_session(session);
    if (status != OK)
        return status;
    struct block_call *call = block_call_new(session->device->disk, 0);
    if (call == NULL)
        return ERR_NO_MEMORY;
    call->session = session;
    call->token = message->token;
    call->flags = BLOCK_BARRIER;
    session->calls++;
    block_call_begin(call);
    return SERVICE_DEFERRED;
}

/* ---- the loop ------------------------------------------------------------------------------------ */

static const struct service_entry entries[] = {{LABEL_block_info, handle_info_request},
                                               {LABEL_block_open, handle_open},
                                               {LABEL_block_transfer, handle_transfer},
                                               {LABEL_block_flush, handle_flush},
                                               {LABEL_block_rescan, handle_rescan},
                                               {LABEL_block_statistics, handle_statistics},
                                               {0, NULL}};

/* A disk's bytes know nothing of who may see them. */
static const uint32_t for_system[] = {LABEL_block_open, LABEL_block_rescan, 0};

static void badge_closed(struct service *service, uint32_t badge)
{
    struct block_session *session = session_of_badge(badge);
    (void)service;
    if (session != NULL)
        block_session_close(session);
}

static void cancelled(struct service *service, uint32_t token)
{
    (void)service;
    block_calls_cancel(token);
}

void block_server_init(struct block_server *server)
{
    *server = (struct block_server){.port = startup_handle(STARTUP_SERVICE),
                                    .init = startup_handle(STARTUP_INIT)};
    block_service = (struct service){.port = server->port,
                                     .entries = entries,
                                     .for_system = for_system,
                                     .badge_closed = badge_closed,
                                     .cancelled = cancelled};
    the_server = server;
    if (server->port == HANDLE_NONE || server->init == HANDLE_NONE)
        process_fail("not started by init", ERR_BAD_HANDLE);
}

status_t block_server_interrupt(struct block_server *server, handle_t irq,
                                void (*function)(void *context), void *context)
{
    if (server->interrupt_count == BLOCK_INTERRUPTS_MAX)
        return ERR_LIMIT_REACHED;
    server->interrupts[server->interrupt_count++] =
        (struct block_interrupt){.irq = irq, .function = function, .context = context};
    return OK;
}

status_t block_server_add(struct block_server *server, struct block_disk *disk)
{
    if (server->disk_count == BLOCK_DISKS_MAX)
        return ERR_LIMIT_REACHED;
    server->disks[server->disk_count++] = disk;
    status_t status = block_scan(server, disk);
    if (status != OK)
        log_printf("%s: its partition table: %s", disk->info.name, status_text(status));
    return OK;
}

static void check_disks(struct block_server *server)
{
    for (uint32_t i = 0; i < server->disk_count; i++) {
        struct block_disk *disk = server->disks[i];
        if (disk->statistics.in_flight > 0 && !disk->gone && disk->driver->check != NULL)
            disk->driver->check(disk);
    }
}

void block_server_run(struct block_server *server)
{
    static struct message message;
    ktime_t checked = time_monotonic();
    for (;;) {
        bool busy = block_in_flight(server) > 0;
        block_wait(server, true, busy ? checked + CHECK_PERIOD : DEADLINE_NEVER);
        for (uint32_t i = 0; i < MESSAGES_AT_ONCE; i++) {
            if (port_receive(server->port, &message, DEADLINE_POLL) != OK)
                break;
            service_dispatch(&block_service, &message);
        }
        block_pump(server);
        if (busy && time_monotonic() >= checked + CHECK_PERIOD) {
            check_disks(server);
            block_pump(server);
            checked = time_monotonic();
        } else if (!busy) {
            checked = time_monotonic();
        }
    }
}
