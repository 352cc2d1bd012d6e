/* SPDX-License-Identifier: MIT */
/* Memory that devices reach; see dma.h. */
#include <dma/dma.h>

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <ipc/call.h>

static status_t map(struct dma_memory *memory)
{
    struct map_request request = {.vmo = memory->vmo,
                                  .length = memory->length,
                                  .prot = PROT_R | PROT_W,
                                  .flags = MAP_FLAG_SHARED};
    struct vmo_info info;
    status_t status = vmo_info(memory->vmo, &info);
    if (status == OK)
        status = space_map(HANDLE_SELF, &request);
    if (status != OK)
        return status;
    memory->physical = info.physical;
    memory->data = (uint8_t *)(uintptr_t)request.address;
    return OK;
}

status_t dma_alloc(uint32_t length, struct dma_memory *memory)
{
    struct dma_memory new = {.length = (length + PAGE_MASK) & ~PAGE_MASK};
    status_t status = vmo_create(VMO_CONTIGUOUS, new.length, &new.vmo);
    if (status != OK)
        return status;
    status = map(&new);
    if (status != OK)
        handle_drop(&new.vmo);
    else
        *memory = new;
    return status;
}

void dma_free(struct dma_memory *memory)
{
    status_t status = space_unmap(HANDLE_SELF, (uint32_t)(uintptr_t)memory->data, memory->length);
    if (status != OK)
        log_printf("memory of a device stays: %s", status_text(status));
    handle_drop(&memory->vmo);
    *memory = (struct dma_memory){.vmo = HANDLE_NONE};
}

void dma_reset_done(void)
{
    status_t status = dma_settle(0);
    if (status != OK)
        log_printf("memory of devices is kept: %s", status_text(status));
}
