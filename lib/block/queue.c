/* SPDX-License-Identifier: MIT */
/*
 * Calls and their requests. A call has up to three stages, each begun when the requests of the one
 * before have ended: a flush before (BLOCK_BARRIER), the data, a flush after (BLOCK_DURABLE). A device
 * without a write cache needs neither flush. Ending a request never starts one: what comes next goes
 * into the queue, which block_pump empties from the loop, so nothing here recurses.
 */
#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>
#include <atomik/time.h>

#include "internal.h"

#define READ_NOW_PATIENCE (10 * NS_PER_S)

static struct block_call *calls;

struct block_call *block_call_new(struct block_disk *disk, uint32_t count)
{
    struct block_call *call = calloc(1, sizeof *call + count * sizeof call->requests[0]);
    if (call == NULL)
        return NULL;
    call->disk = disk;
    call->count = count;
    call->next = calls;
    calls = call;
    return call;
}

static void call_free(struct block_call *call)
{
    struct block_call **link = &calls;
    while (*link != call)
        link = &(*link)->next;
    *link = call->next;
    free(call);
}

static void append(struct block_disk *disk, struct block_request *request)
{
    request->next = NULL;
    request->begun = time_monotonic();
    if (disk->first == NULL)
        disk->first = request;
    else
        disk->last->next = request;
    disk->last = request;
}

/* ---- stages ------------------------------------------------------------------------------------ */

static void answer(struct block_call *call)
{
    if (call->token != 0)
        service_answer_status(&block_service, call->token, call->status);
    if (call->session != NULL) {
        block_session_call_ended(call->session);
        call_free(call);
    } /* our own: block_read_now looks at it and frees it */
}

static bool has_cache(const struct block_disk *disk)
{
    return (disk->info.flags & BLOCK_WRITE_CACHE) != 0;
}

/* The requests of the stage go into the queue; false: there are none. */
static bool begin_stage(struct block_call *call)
{
    if (call->stage == STAGE_DATA) {
        for (uint32_t i = 0; i < call->count; i++) {
            call->requests[i].call = call;
            append(call->disk, &call->requests[i]);
        }
        call->left = call->count;
        return call->count > 0;
    }
    uint32_t flag = call->stage == STAGE_BARRIER ? BLOCK_BARRIER : BLOCK_DURABLE;
    if (!(call->flags & flag) || !has_cache(call->disk))
        return false;
    call->flush = (struct block_request){.op = BLOCK_REQUEST_FLUSH, .call = call};
    append(call->disk, &call->flush);
    call->left = 1;
    return true;
}

static void advance(struct block_call *call)
{
    while (call->stage != STAGE_DONE && call->status == OK && !begin_stage(call))
        call->stage++;
    if (call->status != OK)
        call->stage = STAGE_DONE;
    if (call->stage == STAGE_DONE)
        answer(call);
}

void block_call_begin(struct block_call *call)
{
    call->stage = STAGE_BARRIER;
    call->status = OK;
    advance(call);
}

static void count(struct block_disk *disk, const struct block_request *request, status_t status)
{
    struct block_statistics *statistics = &disk->statistics;
    uint64_t took = time_monotonic() - request->begun;
    if (status != OK)
        statistics->errors++;
    if (request->op == BLOCK_REQUEST_READ) {
        statistics->reads++;
        statistics->sectors_read += request->count;
        statistics->read_time += took;
    } else if (request->op == BLOCK_REQUEST_WRITE) {
        statistics->writes++;
        statistics->sectors_written += request->count;
        statistics->write_time += took;
    } else if (request->op == BLOCK_REQUEST_FLUSH) {
        statistics->flushes++;
    }
}

static bool is_outdated(const struct block_call *call)
{
    return call->session != NULL && call->session->outdated;
}

/* Requests behind the first that has failed for it may have reached the new medium. */
static status_t medium_status(struct block_disk *disk, const struct block_call *call,
                              status_t status)
{
    if (status == ERR_NO_MEDIUM || status == ERR_WRONG_MEDIUM)
        block_sessions_outdated(disk);
    return status == OK && is_outdated(call) ? block_outdated_status(disk) : status;
}

static void end(struct block_disk *disk, struct block_request *request, status_t status)
{
    struct block_call *call = request->call;
    status = medium_status(disk, call, status);
    count(disk, request, status);
    if (status != OK && call->status == OK)
        call->status = status;
    if (--call->left > 0)
        return;
    call->stage++;
    advance(call);
}

void block_request_end(struct block_disk *disk, struct block_request *request, status_t status)
{
    disk->statistics.in_flight--;
    end(disk, request, status);
}

/* ---- the devices --------------------------------------------------------------------------------- */

static status_t start(struct block_disk *disk, struct block_request *request)
{
    if (disk->gone)
        return ERR_NO_DEVICE;
    return is_outdated(request->call) ? block_outdated_status(disk)
                                      : disk->driver->start(disk, request);
}

static bool pump_disk(struct block_disk *disk)
{
    bool started = false;
    while (disk->first != NULL) {
        struct block_request *request = disk->first;
        disk->first = request->next;
        disk->statistics.in_flight++;
        status_t status = start(disk, request);
        if (status == ERR_SHOULD_WAIT) {
            disk->statistics.in_flight--;
            request->next = disk->first;
            disk->last = disk->first == NULL ? request : disk->last;
            disk->first = request;
            break;
        }
        started = true; /* a driver that works at once has ended and freed the request by now */
        if (status != OK)
            block_request_end(disk, request, status);
    }
    return started;
}

void block_pump(struct block_server *server)
{
    for (uint32_t i = 0; i < server->disk_count; i++) {
        struct block_disk *disk = server->disks[i];
        while (disk->first != NULL && pump_disk(disk))
            if (disk->driver->kick != NULL && !disk->gone)
                disk->driver->kick(disk);
    }
}

void block_calls_cancel(uint32_t token)
{
    for (struct block_call *call = calls; call != NULL; call = call->next)
        if (call->token == token)
            call->token = 0;
}

uint32_t block_in_flight(const struct block_server *server)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < server->disk_count; i++)
        sum += server->disks[i]->statistics.in_flight;
    return sum;
}

void block_disk_gone(struct block_disk *disk)
{
    disk->gone = true;
}

void block_wait(struct block_server *server, bool messages, ktime_t deadline)
{
    struct wait_item items[BLOCK_INTERRUPTS_MAX + 1];
    uint32_t count = server->interrupt_count;
    for (uint32_t i = 0; i < count; i++)
        items[i] = (struct wait_item){.handle = server->interrupts[i].irq, .wanted = SIGNAL_IRQ};
    if (messages)
        items[count++] = (struct wait_item){.handle = server->port, .wanted = SIGNAL_READABLE};
    status_t status = wait_any(items, count, deadline);
    if (status != OK && status != ERR_INTERRUPTED && status != ERR_TIMED_OUT)
        return;
    for (uint32_t i = 0; i < server->interrupt_count; i++)
        if (items[i].observed & SIGNAL_IRQ)
            server->interrupts[i].function(server->interrupts[i].context);
}

status_t block_read_now(struct block_server *server, struct block_disk *disk, uint64_t sector,
                        void *to)
{
    static struct dma_memory memory; /* of one page */
    status_t status = memory.data != NULL ? OK : dma_alloc(PAGE_SIZE, &memory);
    struct block_call *call = status == OK ? block_call_new(disk, 1) : NULL;
    if (call == NULL)
        return status != OK ? status : ERR_NO_MEMORY;
    uint32_t scale = disk->info.sector_size / BLOCK_SECTOR;
    call->requests[0] = (struct block_request){.op = BLOCK_REQUEST_READ,
                                               .sector = sector * scale,
                                               .count = scale,
                                               .physical = memory.physical,
                                               .data = memory.data};
    ktime_t end_of_patience = time_monotonic() + READ_NOW_PATIENCE;
    block_call_begin(call);
    block_pump(server);
    while (call->stage != STAGE_DONE && time_monotonic() < end_of_patience) {
        block_wait(server, false, time_monotonic() + 10 * NS_PER_MS);
        block_pump(server);
    }
    if (call->stage != STAGE_DONE) {
        memory = (struct dma_memory){.vmo = HANDLE_NONE}; /* the device may still write there */
        return ERR_TIMED_OUT;
    }
    status = call->status;
    if (status == OK)
        memcpy(to, memory.data, disk->info.sector_size);
    call_free(call);
    return status;
}
