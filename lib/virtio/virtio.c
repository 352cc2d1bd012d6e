/* SPDX-License-Identifier: MIT */
/* Virtio over PCI; see virtio.h. */
#include "virtio.h"

#include <atomik/ioport.h>
#include <atomik/syscall.h>
#include <pci/pci.h>
#include <stdlib.h>
#include <string.h>

#define PCI_VENDOR_VIRTIO 0x1af4
#define PCI_DEVICE_FIRST  0x1000
#define PCI_DEVICE_LAST   0x103f
enum virtio_register {
    VIRTIO_HOST_FEATURES = 0,
    VIRTIO_GUEST_FEATURES = 4,
    VIRTIO_QUEUE_ADDRESS = 8,
    VIRTIO_QUEUE_SIZE = 12,
    VIRTIO_QUEUE_SELECT = 14,
    VIRTIO_QUEUE_NOTIFY = 16,
    VIRTIO_STATUS = 18,
    VIRTIO_ISR = 19,
    VIRTIO_CONFIG = 20,
    VIRTIO_IO_SIZE = 64
};
enum { STATUS_ACKNOWLEDGE = 1, STATUS_DRIVER = 2, STATUS_DRIVER_OK = 4 };
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

/* ---- PCI --------------------------------------------------------------------------------------- */

/* `slot` is bus, device and function in one number, function 0 of every device of bus 0. */
static bool is_kind(uint32_t slot, uint32_t kind)
{
    uint32_t id = pci_read(slot, PCI_ID);
    uint32_t device = id >> 16;
    return (id & 0xffff) == PCI_VENDOR_VIRTIO && device >= PCI_DEVICE_FIRST &&
           device <= PCI_DEVICE_LAST && pci_read(slot, PCI_SUBSYSTEM) >> 16 == kind;
}

static status_t find_device(uint32_t kind, uint32_t nth, uint32_t *slot)
{
    for (uint32_t device = 0; device < 32; device++) {
        *slot = device << 3;
        if (is_kind(*slot, kind) && nth-- == 0)
            return OK;
    }
    return ERR_NO_DEVICE;
}

/* ---- the device ---------------------------------------------------------------------------------- */

static void negotiate(struct virtio_device *device, uint32_t wanted)
{
    ioport_write8(device->io_base + VIRTIO_STATUS, 0);
    ioport_write8(device->io_base + VIRTIO_STATUS, STATUS_ACKNOWLEDGE);
    ioport_write8(device->io_base + VIRTIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    device->features = ioport_read32(device->io_base + VIRTIO_HOST_FEATURES) & wanted;
    ioport_write32(device->io_base + VIRTIO_GUEST_FEATURES, device->features);
}

status_t virtio_find(uint32_t kind, uint32_t nth, struct virtio_device *device)
{
    uint32_t slot;
    status_t status = pci_open();
    if (status == OK)
        status = find_device(kind, nth, &slot);
    if (status != OK)
        return status;
    uint32_t bar = pci_read(slot, PCI_BAR0);
    if (!(bar & 1))
        return ERR_NOT_SUPPORTED;
    pci_enable(slot, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
    *device = (struct virtio_device){.slot = slot, .io_base = (uint16_t)(bar & 0xfffc)};
    device->config = device->io_base + VIRTIO_CONFIG;
    return pci_take_ports(device->io_base, VIRTIO_IO_SIZE);
}

status_t virtio_begin(struct virtio_device *device, uint32_t wanted)
{
    status_t status = irq_create(pci_read(device->slot, PCI_INTERRUPT) & 0xff, &device->irq);
    if (status == OK)
        negotiate(device, wanted);
    return status;
}

status_t virtio_open(uint32_t kind, uint32_t nth, uint32_t wanted, struct virtio_device *device)
{
    status_t status = virtio_find(kind, nth, device);
    return status == OK ? virtio_begin(device, wanted) : status;
}

void virtio_start(struct virtio_device *device)
{
    ioport_write8(device->io_base + VIRTIO_STATUS,
                  STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK);
}

uint8_t virtio_acknowledge(struct virtio_device *device)
{
    uint8_t causes = ioport_read8(device->io_base + VIRTIO_ISR);
    if (irq_ack(device->irq) != OK)
        return causes;
    return causes;
}

/* Nothing answers on the bus any more: all bits are read as 1. */
bool virtio_is_there(const struct virtio_device *device)
{
    return ioport_read8(device->io_base + VIRTIO_STATUS) != 0xff;
}

uint8_t virtio_config8(const struct virtio_device *device, uint16_t offset)
{
    return ioport_read8(device->config + offset);
}

uint16_t virtio_config16(const struct virtio_device *device, uint16_t offset)
{
    return ioport_read16(device->config + offset);
}

uint32_t virtio_config32(const struct virtio_device *device, uint16_t offset)
{
    return ioport_read32(device->config + offset);
}

status_t virtio_memory_alloc(uint32_t length, struct virtio_memory *memory)
{
    struct map_request request = {.prot = PROT_R | PROT_W, .flags = MAP_FLAG_SHARED};
    struct vmo_info info;
    length = (length + PAGE_MASK) & ~PAGE_MASK;
    status_t status = vmo_create(VMO_CONTIGUOUS, length, &memory->vmo);
    if (status == OK)
        status = vmo_info(memory->vmo, &info);
    request.vmo = memory->vmo;
    request.length = length;
    if (status == OK)
        status = space_map(HANDLE_SELF, &request);
    if (status != OK)
        return status;
    memory->physical = info.physical;
    memory->length = length;
    memory->data = (uint8_t *)request.address;
    return OK;
}

/* ---- queues ---------------------------------------------------------------------------------------- */

static uint32_t used_offset(uint32_t size)
{
    uint32_t end = size * sizeof(struct virtq_descriptor) + (3 + size) * sizeof(uint16_t);
    return (end + PAGE_MASK) & ~PAGE_MASK;
}

status_t virtio_queue_open(struct virtio_device *device, uint16_t index, struct virtio_queue *queue)
{
    struct virtio_memory memory;
    ioport_write16(device->io_base + VIRTIO_QUEUE_SELECT, index);
    uint16_t size = ioport_read16(device->io_base + VIRTIO_QUEUE_SIZE);
    if (size == 0 || size > QUEUE_SIZE_MAX || (size & (size - 1)))
        return ERR_NO_DEVICE;
    status_t status = virtio_memory_alloc(used_offset(size) + 3 * sizeof(uint16_t) +
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
    ioport_write32(device->io_base + VIRTIO_QUEUE_ADDRESS, memory.physical / PAGE_SIZE);
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
    ioport_write16(queue->device->io_base + VIRTIO_QUEUE_NOTIFY, queue->index);
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
    if (queue->used[1] == queue->used_seen)
        return NULL;
    barrier();
    volatile struct virtq_used_element *elements =
        (volatile struct virtq_used_element *)(queue->used + 2);
    uint32_t id = elements[queue->used_seen % queue->size].id;
    *length = elements[queue->used_seen % queue->size].length;
    queue->used_seen++;
    if (id >= queue->size || queue->cookies[id] == NULL)
        return NULL; /* a device that names a chain we did not submit */
    void *cookie = queue->cookies[id];
    queue->cookies[id] = NULL;
    free_chain(queue, (uint16_t)id);
    return cookie;
}
