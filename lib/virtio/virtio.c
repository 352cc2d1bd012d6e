/* SPDX-License-Identifier: MIT */
/* Queues of a virtio device; see virtio.h. */
#include "transport.h"

#include <dma/dma.h>
#include <stdlib.h>

enum { DESCRIPTOR_NEXT = 1, DESCRIPTOR_WRITE = 2 };
#define QUEUE_SIZE_MAX 1024
#define NO_DESCRIPTOR  0xffff

struct virtq_descriptor {
    uint32_t address_low, address_high, length;
    uint16_t flags, next;
};
struct virtq_used_element {
    uint32_t id, length;
};

static inline void barrier(void)
{
    __asm__ volatile("lock; addl $0, (%%esp)" : : : "memory");
}

/* ---- queues ---------------------------------------------------------------------------------------- */

static uint32_t used_offset(uint32_t size)
{
    uint32_t end = size * sizeof(struct virtq_descriptor) + (3 + size) * sizeof(uint16_t);
    return (end + PAGE_MASK) & ~PAGE_MASK;
}

status_t virtio_queue_open(struct virtio_device *device, uint16_t index, struct virtio_queue *queue)
{
    struct dma_memory memory;
    uint16_t size = transport_queue_size(device, index, QUEUE_SIZE_MAX);
    if (size == 0 || size > QUEUE_SIZE_MAX || (size & (size - 1)))
        return ERR_NO_DEVICE;
    status_t status = dma_alloc(used_offset(size) + 3 * sizeof(uint16_t) +
                                    size * sizeof(struct virtq_used_element),
                                &memory);
    if (status != OK)
        return status;
    *queue =
        (struct virtio_queue){.device = device, .index = index, .size = size, .free_count = size};
    queue->cookies = calloc(size, sizeof *queue->cookies);
    if (queue->cookies == NULL)
        return ERR_NO_MEMORY;
    queue->descriptors = (volatile struct virtq_descriptor *)memory.data;
    queue->available = (volatile uint16_t *)(memory.data + size * sizeof(struct virtq_descriptor));
    queue->used = (volatile uint16_t *)(memory.data + used_offset(size));
    for (uint16_t i = 0; i < size; i++)
        queue->descriptors[i].next = (uint16_t)(i + 1 < size ? i + 1 : NO_DESCRIPTOR);
    transport_queue_enable(queue, memory.physical,
                           (uint32_t)((volatile uint8_t *)queue->available - memory.data),
                           used_offset(size));
    return OK;
}

status_t virtio_submit(struct virtio_queue *queue, const struct virtio_buffer *buffers,
                       uint32_t out, uint32_t in, void *cookie)
{
    uint32_t count = out + in;
    if (count == 0 || count > queue->free_count)
        return ERR_SHOULD_WAIT;
    uint16_t head = queue->free_head, at = head;
    for (uint32_t i = 0; i < count; i++) {
        volatile struct virtq_descriptor *descriptor = &queue->descriptors[at];
        descriptor->address_low = buffers[i].physical;
        descriptor->address_high = 0;
        descriptor->length = buffers[i].length;
        descriptor->flags =
            (uint16_t)((i + 1 < count ? DESCRIPTOR_NEXT : 0) | (i >= out ? DESCRIPTOR_WRITE : 0));
        at = descriptor->next;
    }
    queue->free_head = at;
    queue->free_count -= (uint16_t)count;
    queue->cookies[head] = cookie;
    queue->available[2 + queue->available_index % queue->size] = head;
    barrier();
    queue->available[1] = ++queue->available_index;
    return OK;
}

void virtio_kick(struct virtio_queue *queue)
{
    barrier();
    transport_notify(queue);
}

void virtio_interrupts(struct virtio_queue *queue, bool wanted)
{
    enum { NO_INTERRUPT = 1 };
    queue->available[0] = wanted ? 0 : NO_INTERRUPT;
    barrier();
}

/* Puts a chain back on the free list. */
static void free_chain(struct virtio_queue *queue, uint16_t head)
{
    uint16_t at = head, count = 1;
    while ((queue->descriptors[at].flags & DESCRIPTOR_NEXT) && count < queue->size) {
        at = queue->descriptors[at].next;
        count++;
    }
    queue->descriptors[at].next = queue->free_head;
    queue->free_head = head;
    queue->free_count += count;
}

void *virtio_take(struct virtio_queue *queue, uint32_t *length)
{
    volatile struct virtq_used_element *elements =
        (volatile struct virtq_used_element *)(queue->used + 2);
    while (queue->used[1] != queue->used_seen) {
        barrier();
        uint32_t id = elements[queue->used_seen % queue->size].id;
        *length = elements[queue->used_seen % queue->size].length;
        queue->used_seen++;
        if (id >= queue->size || queue->cookies[id] == NULL)
            continue; /* a device that names a chain we did not submit */
        void *cookie = queue->cookies[id];
        queue->cookies[id] = NULL;
        free_chain(queue, (uint16_t)id);
        return cookie;
    }
    return NULL;
}
