/* SPDX-License-Identifier: MIT */
/*
 * Virtio devices on the PCI bus: found, reset, their features agreed on. A device that has the legacy
 * interface is used through that; a modern one describes, in capabilities of its configuration space,
 * where in which memory range its registers are.
 */
#include "transport.h"

#include <atomik/ioport.h>
#include <atomik/syscall.h>
#include <ipc/call.h>
#include <pci/pci.h>

#define PCI_VENDOR_VIRTIO 0x1af4
#define PCI_DEVICE_FIRST  0x1000
#define PCI_DEVICE_LAST   0x103f
#define PCI_MODERN        0x1040 /* and the kind */
#define LEGACY_PORTS      64u

enum legacy_register {
    LEGACY_HOST_FEATURES = 0,
    LEGACY_GUEST_FEATURES = 4,
    LEGACY_QUEUE_ADDRESS = 8,
    LEGACY_QUEUE_SIZE = 12,
    LEGACY_QUEUE_SELECT = 14,
    LEGACY_QUEUE_NOTIFY = 16,
    LEGACY_STATUS = 18,
    LEGACY_ISR = 19,
    LEGACY_CONFIG = 20
};
enum common_register {
    COMMON_FEATURE_SELECT = 0,
    COMMON_FEATURE = 4,
    COMMON_GUEST_SELECT = 8,
    COMMON_GUEST_FEATURE = 12,
    COMMON_STATUS = 20,
    COMMON_QUEUE_SELECT = 22,
    COMMON_QUEUE_SIZE = 24,
    COMMON_QUEUE_ENABLE = 28,
    COMMON_QUEUE_NOTIFY = 30,
    COMMON_QUEUE_DESCRIPTORS = 32,
    COMMON_QUEUE_AVAILABLE = 40,
    COMMON_QUEUE_USED = 48,
    COMMON_LENGTH = 56
};
enum { CAPABILITY_VENDOR = 9, CAPABILITY_NEXT_MAX = 48 };
enum window_kind { WINDOW_COMMON = 1, WINDOW_NOTIFY, WINDOW_ISR, WINDOW_CONFIG };
enum { STATUS_ACKNOWLEDGE = 1, STATUS_DRIVER = 2, STATUS_DRIVER_OK = 4, STATUS_FEATURES_OK = 8 };
#define FEATURE_VERSION_1 1u /* in the second word */

static uint8_t read8(const struct pci_window *window, uint32_t offset)
{
    return offset < window->length ? window->at[offset] : 0xff;
}

static uint16_t read16(const struct pci_window *window, uint32_t offset)
{
    return offset + 2 <= window->length ? *(volatile uint16_t *)(window->at + offset) : 0xffff;
}

static uint32_t read32(const struct pci_window *window, uint32_t offset)
{
    return offset + 4 <= window->length ? *(volatile uint32_t *)(window->at + offset) : UINT32_MAX;
}

static void write16(const struct pci_window *window, uint32_t offset, uint16_t value)
{
    if (offset + 2 <= window->length)
        *(volatile uint16_t *)(window->at + offset) = value;
}

static void write32(const struct pci_window *window, uint32_t offset, uint32_t value)
{
    if (offset + 4 <= window->length)
        *(volatile uint32_t *)(window->at + offset) = value;
}

/* ---- the bus ------------------------------------------------------------------------------------- */

/* `slot` is bus, device and function in one number, function 0 of every device of bus 0. */
static bool is_kind(uint32_t slot, uint32_t kind)
{
    uint32_t id = pci_read(slot, PCI_ID), device = id >> 16;
    if ((id & 0xffff) != PCI_VENDOR_VIRTIO)
        return false;
    return device == PCI_MODERN + kind ||
           (device >= PCI_DEVICE_FIRST && device <= PCI_DEVICE_LAST &&
            pci_read(slot, PCI_SUBSYSTEM) >> 16 == kind);
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

static status_t take_capability(struct virtio_device *device, uint8_t at, uint32_t head)
{
    struct pci_window *const windows[] = {[WINDOW_COMMON] = &device->common,
                                          [WINDOW_NOTIFY] = &device->notify,
                                          [WINDOW_ISR] = &device->isr,
                                          [WINDOW_CONFIG] = &device->config};
    uint32_t kind = head >> 24;
    if (kind < WINDOW_COMMON || kind > WINDOW_CONFIG || windows[kind]->at != NULL)
        return OK; /* another way to the same, or something else */
    status_t status =
        pci_map(device->slot, pci_read(device->slot, at + 4) & 0xff, pci_read(device->slot, at + 8),
                pci_read(device->slot, at + 12), windows[kind]);
    if (kind == WINDOW_NOTIFY)
        device->notify_multiplier = pci_read(device->slot, at + 16);
    return status;
}

static status_t open_modern(struct virtio_device *device)
{
    uint8_t at = pci_read(device->slot, PCI_CAPABILITIES) & 0xfc;
    pci_enable(device->slot, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    for (uint32_t i = 0; i < CAPABILITY_NEXT_MAX && at >= 0x40 && at < 0xec; i++) {
        uint32_t head = pci_read(device->slot, at);
        status_t status =
            (head & 0xff) == CAPABILITY_VENDOR ? take_capability(device, at, head) : OK;
        if (status != OK)
            return status;
        at = head >> 8 & 0xfc;
    }
    device->modern = true;
    return device->common.length >= COMMON_LENGTH && device->notify.at != NULL &&
                   device->isr.at != NULL
               ? OK
               : ERR_NOT_SUPPORTED;
}

static status_t open_legacy(struct virtio_device *device)
{
    uint32_t bar = pci_read(device->slot, PCI_BAR0);
    if (!(bar & 1))
        return ERR_NOT_SUPPORTED;
    pci_enable(device->slot, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
    device->io_base = (uint16_t)(bar & 0xfffc);
    return pci_take_ports(device->io_base, LEGACY_PORTS);
}

status_t virtio_find(uint32_t kind, uint32_t nth, struct virtio_device *device)
{
    uint32_t slot;
    status_t status = pci_open();
    if (status == OK)
        status = find_device(kind, nth, &slot);
    if (status != OK)
        return status;
    *device = (struct virtio_device){.slot = slot};
    return pci_read(slot, PCI_ID) >> 16 > PCI_DEVICE_LAST ? open_modern(device)
                                                          : open_legacy(device);
}

/* ---- status and features ------------------------------------------------------------------------- */

static void set_status(struct virtio_device *device, uint8_t status)
{
    if (device->modern)
        device->common.at[COMMON_STATUS] = status;
    else
        ioport_write8(device->io_base + LEGACY_STATUS, status);
}

static uint8_t get_status(const struct virtio_device *device)
{
    return device->modern ? read8(&device->common, COMMON_STATUS)
                          : ioport_read8(device->io_base + LEGACY_STATUS);
}

static status_t negotiate_modern(struct virtio_device *device, uint32_t wanted)
{
    const struct pci_window *common = &device->common;
    write32(common, COMMON_FEATURE_SELECT, 1);
    if (!(read32(common, COMMON_FEATURE) & FEATURE_VERSION_1))
        return ERR_NOT_SUPPORTED;
    write32(common, COMMON_FEATURE_SELECT, 0);
    device->features = read32(common, COMMON_FEATURE) & wanted;
    write32(common, COMMON_GUEST_SELECT, 0);
    write32(common, COMMON_GUEST_FEATURE, device->features);
    write32(common, COMMON_GUEST_SELECT, 1);
    write32(common, COMMON_GUEST_FEATURE, FEATURE_VERSION_1);
    set_status(device, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
    return get_status(device) & STATUS_FEATURES_OK ? OK : ERR_NOT_SUPPORTED;
}

static status_t negotiate(struct virtio_device *device, uint32_t wanted)
{
    set_status(device, 0);
    set_status(device, STATUS_ACKNOWLEDGE);
    set_status(device, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    if (device->modern)
        return negotiate_modern(device, wanted);
    device->features = ioport_read32(device->io_base + LEGACY_HOST_FEATURES) & wanted;
    ioport_write32(device->io_base + LEGACY_GUEST_FEATURES, device->features);
    return OK;
}

status_t virtio_begin(struct virtio_device *device, uint32_t wanted)
{
    status_t status = irq_create(pci_read(device->slot, PCI_INTERRUPT) & 0xff, &device->irq);
    return status == OK ? negotiate(device, wanted) : status;
}

status_t virtio_open(uint32_t kind, uint32_t nth, uint32_t wanted, struct virtio_device *device)
{
    status_t status = virtio_find(kind, nth, device);
    return status == OK ? virtio_begin(device, wanted) : status;
}

void virtio_start(struct virtio_device *device)
{
    set_status(device, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK |
                           (device->modern ? STATUS_FEATURES_OK : 0));
}

uint8_t virtio_acknowledge(struct virtio_device *device)
{
    uint8_t causes =
        device->modern ? read8(&device->isr, 0) : ioport_read8(device->io_base + LEGACY_ISR);
    if (irq_ack(device->irq) != OK)
        return causes;
    return causes;
}

/* Nothing answers on the bus any more: all bits are read as 1. */
bool virtio_is_there(const struct virtio_device *device)
{
    return get_status(device) != 0xff;
}

uint8_t virtio_config8(const struct virtio_device *device, uint16_t offset)
{
    return device->modern ? read8(&device->config, offset)
                          : ioport_read8(device->io_base + LEGACY_CONFIG + offset);
}

uint16_t virtio_config16(const struct virtio_device *device, uint16_t offset)
{
    return device->modern ? read16(&device->config, offset)
                          : ioport_read16(device->io_base + LEGACY_CONFIG + offset);
}

uint32_t virtio_config32(const struct virtio_device *device, uint16_t offset)
{
    return device->modern ? read32(&device->config, offset)
                          : ioport_read32(device->io_base + LEGACY_CONFIG + offset);
}

/* ---- queues -------------------------------------------------------------------------------------- */

uint16_t transport_queue_size(struct virtio_device *device, uint16_t index, uint16_t most)
{
    if (!device->modern) {
        ioport_write16(device->io_base + LEGACY_QUEUE_SELECT, index);
        return ioport_read16(device->io_base + LEGACY_QUEUE_SIZE);
    }
    write16(&device->common, COMMON_QUEUE_SELECT, index);
    uint16_t size = read16(&device->common, COMMON_QUEUE_SIZE);
    if (size > most)
        write16(&device->common, COMMON_QUEUE_SIZE, most);
    return size > most ? most : size;
}

static void put_address(const struct pci_window *common, uint32_t at, uint32_t physical)
{
    write32(common, at, physical);
    write32(common, at + 4, 0);
}

void transport_queue_enable(struct virtio_queue *queue, uint32_t physical, uint32_t available,
                            uint32_t used)
{
    const struct virtio_device *device = queue->device;
    if (!device->modern) {
        ioport_write32(device->io_base + LEGACY_QUEUE_ADDRESS, physical / PAGE_SIZE);
        return;
    }
    put_address(&device->common, COMMON_QUEUE_DESCRIPTORS, physical);
    put_address(&device->common, COMMON_QUEUE_AVAILABLE, physical + available);
    put_address(&device->common, COMMON_QUEUE_USED, physical + used);
    queue->notify_offset = read16(&device->common, COMMON_QUEUE_NOTIFY);
    write16(&device->common, COMMON_QUEUE_ENABLE, 1);
}

void transport_notify(struct virtio_queue *queue)
{
    const struct virtio_device *device = queue->device;
    if (device->modern)
        write16(&device->notify, queue->notify_offset * device->notify_multiplier, queue->index);
    else
        ioport_write16(device->io_base + LEGACY_QUEUE_NOTIFY, queue->index);
}
