/* SPDX-License-Identifier: MIT */
/*
 * Virtio over PCI (Virtual I/O Device 1.0, section 4.1), the modern interface in memory and the legacy
 * one in I/O ports (section 4.1.4.8 and the 0.9.5 draft), for drivers: find a device, set its queues up, submit buffers, take them back. One thread per
 * device. Everything the device writes is checked before it is used as an index or a length.
 */
#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include <atomik/types.h>
#include <pci/pci.h>

enum virtio_device_id { VIRTIO_BLOCK = 2, VIRTIO_CONSOLE = 3, VIRTIO_9P = 9 }; /* subsystem ids */

struct virtio_device {
    uint32_t slot; /* on the bus: device and function */
    bool modern;
    uint16_t io_base;                              /* legacy: its ports */
    struct pci_window common, notify, isr, config; /* modern: its registers */
    uint32_t notify_multiplier;
    uint32_t features;
    handle_t irq;
};

struct virtio_queue {
    struct virtio_device *device;
    uint16_t index, size;
    uint16_t notify_offset; /* modern */
    uint16_t free_head, free_count, used_seen, available_index;
    volatile struct virtq_descriptor *descriptors;
    volatile uint16_t *available; /* flags, index, ring[size] */
    volatile uint16_t *used;      /* flags, index, then struct virtq_used_element[size] */
    void **cookies;               /* per head descriptor */
};

/* A piece of memory for the device: physically contiguous. */
struct virtio_buffer {
    uint32_t physical, length;
};

/* The nth device of a kind, reset, acknowledged, with `wanted` features negotiated. NO_DEVICE. */
status_t virtio_open(uint32_t kind, uint32_t nth, uint32_t wanted, struct virtio_device *device);
/* The same in two steps, for who must look at the configuration first: nothing is changed by find. */
status_t virtio_find(uint32_t kind, uint32_t nth, struct virtio_device *device);
status_t virtio_begin(struct virtio_device *device, uint32_t wanted);
status_t virtio_queue_open(struct virtio_device *device, uint16_t index,
                           struct virtio_queue *queue);
void virtio_start(struct virtio_device *device); /* all queues are set up: DRIVER_OK */

/* `out` buffers are read by the device, then `in` buffers written. SHOULD_WAIT: queue full. */
status_t virtio_submit(struct virtio_queue *queue, const struct virtio_buffer *buffers,
                       uint32_t out, uint32_t in, void *cookie);
void virtio_kick(struct virtio_queue *queue);
/* Whether the device interrupts when it has finished a chain; look (virtio_take) after turning it on. */
void virtio_interrupts(struct virtio_queue *queue, bool wanted);
/* The next finished chain's cookie and the bytes written, or NULL. */
void *virtio_take(struct virtio_queue *queue, uint32_t *length);
/* Reads and clears the interrupt status; then acknowledges the interrupt line. */
uint8_t virtio_acknowledge(struct virtio_device *device);

/* False once it has been taken out of the machine. */
bool virtio_is_there(const struct virtio_device *device);

uint8_t virtio_config8(const struct virtio_device *device, uint16_t offset);
uint16_t virtio_config16(const struct virtio_device *device, uint16_t offset);
uint32_t virtio_config32(const struct virtio_device *device, uint16_t offset);

#endif
