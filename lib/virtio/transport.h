/* SPDX-License-Identifier: MIT */
/* The registers of a virtio device as its queues need them, whichever interface it has. */
#ifndef VIRTIO_TRANSPORT_H
#define VIRTIO_TRANSPORT_H

#include "virtio.h"

/* Select a queue; how many descriptors it has, at most `most` where that can be chosen. */
uint16_t transport_queue_size(struct virtio_device *device, uint16_t index, uint16_t most);
/* The selected queue lies at `physical`, its rings at these offsets. */
void transport_queue_enable(struct virtio_queue *queue, uint32_t physical, uint32_t available,
                            uint32_t used);
void transport_notify(struct virtio_queue *queue);

#endif
