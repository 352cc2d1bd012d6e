/* SPDX-License-Identifier: MIT */
/* See p9_wire.h. The two buffers are physically contiguous: the device reads and fills them. */
#include "p9_wire.h"

#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/thread.h>
#include <dma/dma.h>
#include <string.h>
#include <virtio/virtio.h>

#define HEADER 7u
#define LOOKS  1000 /* at the reply before waiting for it: most are there within microseconds */
#define NO_TAG 0xffffu

static struct virtio_device device;
static struct virtio_queue queue;
static handle_t completion; /* an event: the device has interrupted */
static struct dma_memory request, reply;
static uint32_t request_length, reply_length, reply_at;
static bool reply_short;

/* ---- building and reading ---------------------------------------------------------------------- */

void wire_put(const void *bytes, uint32_t count)
{
    if (count > request.length - request_length)
        process_fail("9p request too long", ERR_TOO_LARGE);
    memcpy(request.data + request_length, bytes, count);
    request_length += count;
}

void wire_put8(uint8_t value)
{
    wire_put(&value, 1);
}
void wire_put16(uint16_t value)
{
    wire_put(&value, 2);
}
void wire_put32(uint32_t value)
{
    wire_put(&value, 4);
}
void wire_put64(uint64_t value)
{
    wire_put(&value, 8);
}

void wire_put_string(const char *text, uint32_t length)
{
    wire_put16((uint16_t)length);
    wire_put(text, length);
}

void wire_get(void *bytes, uint32_t count)
{
    if (count > reply_length - reply_at) {
        memset(bytes, 0, count);
        reply_short = true;
        return;
    }
    memcpy(bytes, reply.data + reply_at, count);
    reply_at += count;
}

uint8_t wire_get8(void)
{
    uint8_t value;
    wire_get(&value, 1);
    return value;
}
uint16_t wire_get16(void)
{
    uint16_t value;
    wire_get(&value, 2);
    return value;
}
uint32_t wire_get32(void)
{
    uint32_t value;
    wire_get(&value, 4);
    return value;
}
uint64_t wire_get64(void)
{
    uint64_t value;
    wire_get(&value, 8);
    return value;
}

void wire_begin(uint8_t type)
{
    request_length = 4;
    wire_put8(type);
    wire_put16(type == TVERSION ? NO_TAG : 1);
}

static status_t status_of_errno(uint32_t number)
{
    static const struct {
        uint32_t number;
        status_t status;
    } table[] = {
        /* The first row with an errno gives the status that best names it. */
        {2, ERR_NOT_FOUND},
        {17, ERR_ALREADY_EXISTS},
        {13, ERR_ACCESS_DENIED},
        {1, ERR_NOT_PERMITTED},
        {20, ERR_NOT_DIRECTORY},
        {21, ERR_IS_DIRECTORY},
        {39, ERR_NOT_EMPTY},
        {22, ERR_INVALID_ARGUMENT},
        {28, ERR_NO_SPACE},
        {30, ERR_READ_ONLY},
        {31, ERR_TOO_MANY_LINKS},
        {18, ERR_CROSS_DEVICE},
        {40, ERR_SYMLINK_LOOP},
        {36, ERR_NAME_TOO_LONG},
        {27, ERR_FILE_TOO_LARGE},
        {26, ERR_TEXT_BUSY},
        {16, ERR_BUSY},
        {95, ERR_NOT_SUPPORTED},
        {38, ERR_NOT_IMPLEMENTED},
        {12, ERR_NO_MEMORY},
        {24, ERR_NO_HANDLES},
        {29, ERR_ILLEGAL_SEEK},
        {61, ERR_NO_ATTRIBUTE},
        {34, ERR_OUT_OF_RANGE},
    };
    for (uint32_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].number == number)
            return table[i].status;
    return ERR_IO_ERROR;
}

/*
 * The line may be shared with other devices, so their interrupts must be acknowledged while nothing
 * is asked of ours: that is the only thing this thread does.
 */
static void interrupt_thread(void *unused)
{
    struct wait_item item = {.handle = device.irq, .wanted = SIGNAL_IRQ};
    (void)unused;
    for (;;) {
        status_t status = wait_any(&item, 1, DEADLINE_NEVER);
        if (status != OK && status != ERR_INTERRUPTED)
            process_fail("9p interrupt", status);
        virtio_acknowledge(&device);
        if (event_signal(completion, 0, SIGNAL_SET) != OK)
            process_fail("9p interrupt", ERR_BAD_HANDLE);
    }
}

static void wait_for_device(void)
{
    struct wait_item item = {.handle = completion, .wanted = SIGNAL_SET};
    status_t status = wait_any(&item, 1, DEADLINE_NEVER);
    if (status == OK || status == ERR_INTERRUPTED)
        status = event_signal(completion, SIGNAL_SET, 0);
    if (status != OK)
        process_fail("9p wait", status);
}

/* Until the reply is there; its length. Many come at once: the device is looked at before waiting. */
static uint32_t await_reply(void)
{
    uint32_t length = 0;
    for (uint32_t i = 0; i < LOOKS; i++)
        if (virtio_take(&queue, &length) != NULL)
            return length;
    virtio_interrupts(&queue, true);
    while (virtio_take(&queue, &length) == NULL)
        wait_for_device();
    virtio_interrupts(&queue, false);
    return length;
}

status_t wire_transact(void)
{
    struct virtio_buffer buffers[2] = {{request.physical, request_length},
                                       {reply.physical, reply.length}};
    uint8_t type = request.data[4];
    memcpy(request.data, &request_length, 4);
    status_t status = virtio_submit(&queue, buffers, 1, 1, &queue);
    if (status != OK)
        return status;
    virtio_kick(&queue);
    uint32_t length = await_reply();
    reply_length = length < reply.length ? length : reply.length;
    reply_at = 0;
    reply_short = false;
    uint32_t size = wire_get32();
    uint8_t answer = wire_get8();
    (void)wire_get16();
    if (reply_short || size < HEADER || size > reply_length)
        return ERR_IO_ERROR;
    reply_length = size;
    if (answer == TLERROR + 1)
        return status_of_errno(wire_get32());
    return answer == type + 1 ? OK : ERR_IO_ERROR;
}

status_t wire_finish(void)
{
    return reply_short ? ERR_IO_ERROR : OK;
}

/* ---- connecting ---- */

static bool tag_is(const char *tag)
{
    uint16_t length = virtio_config16(&device, 0);
    if (length != strlen(tag))
        return false;
    for (uint16_t i = 0; i < length; i++)
        if (virtio_config8(&device, (uint16_t)(2 + i)) != (uint8_t)tag[i])
            return false;
    return true;
}

static status_t find_device(const char *tag)
{
    for (uint32_t nth = 0; nth < 8; nth++) {
        status_t status = virtio_find(VIRTIO_9P, nth, &device);
        if (status != OK)
            return status;
        if (tag_is(tag)) /* others may be in use by another server: they are not touched */
            return virtio_begin(&device, 1);
    }
    return ERR_NO_DEVICE;
}

status_t wire_connect(const char *tag)
{
    status_t status = find_device(tag);
    if (status == OK)
        status = virtio_queue_open(&device, 0, &queue);
    if (status == OK)
        status = dma_alloc(WIRE_SIZE_MAX, &request);
    if (status == OK)
        status = dma_alloc(WIRE_SIZE_MAX, &reply);
    if (status != OK)
        return status;
    status = event_create(0, &completion);
    if (status == OK)
        status = thread_spawn(interrupt_thread, NULL, 0, NULL);
    if (status != OK)
        return status;
    dma_reset_done();
    virtio_start(&device);
    virtio_interrupts(&queue, false);
    return OK;
}
