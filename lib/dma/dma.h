/* SPDX-License-Identifier: MIT */
/* Memory that a driver shares with its devices: contiguous, at a physical address that does not change. */
#ifndef DMA_DMA_H
#define DMA_DMA_H

#include <atomik/types.h>

struct dma_memory {
    handle_t vmo;
    uint32_t physical, length;
    uint8_t *data;
};

/* At least `length` bytes, in whole pages, zeroed. */
status_t dma_alloc(uint32_t length, struct dma_memory *memory);
/* Only when no device can reach it any more. */
void dma_free(struct dma_memory *memory);
/*
 * All devices of this driver have been reset: the memory that a dead predecessor gave them is free.
 * Without it that memory is kept, for a device that may still write there.
 */
void dma_reset_done(void);

#endif
