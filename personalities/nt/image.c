/* SPDX-License-Identifier: MIT */
/* PE images. See image.h. */
#include <personalities/nt/image.h>

#include <ipc/call.h>

#include <stdlib.h>
#include <string.h>

#define CACHE_MAX       64                        /* images kept although nobody uses them */
#define CACHE_PAGES_MAX ((16u << 20) / PAGE_SIZE) /* what their own layouts may take */

static struct list images = {&images, &images};
static uint32_t unused_images, unused_pages;

/* ---- the cache ---- */

static uint32_t own_pages(const struct image *image)
{
    return image->layout ? image->plan.image_size / PAGE_SIZE : 0;
}

void image_hold(struct image *image)
{
    if (image->references++ == 0) {
        unused_images--;
        unused_pages -= own_pages(image);
    }
}

static void image_free(struct image *image)
{
    list_remove(&image->link);
    handle_drop(&image->vmo);
    handle_drop(&image->layout);
    free(image);
}

static void cache_trim(uint32_t count_max, uint32_t pages_max)
{
    list_each(image, &images, struct image, link)
    {
        if (unused_images <= count_max && unused_pages <= pages_max)
            return;
        if (image->references == 0) {
            unused_images--;
            unused_pages -= own_pages(image);
            image_free(image);
        }
    }
}

void image_release(struct image *image)
{
    if (!image || --image->references > 0)
        return;
    unused_images++;
    unused_pages += own_pages(image);
    list_remove(&image->link);
    list_append(&images, &image->link);
    cache_trim(CACHE_MAX, CACHE_PAGES_MAX);
}

static struct image *cache_find(const struct fs_attr *attr)
{
    list_each(image, &images, struct image,
              link) if (image->ino == attr->ino && image->device == attr->device &&
                        image->mtime == attr->mtime && image->file_size == attr->size) return image;
    return NULL;
}

NTSTATUS image_open(handle_t node, const struct fs_attr *attr, struct image **result)
{
    struct image *image = cache_find(attr);
    if (image) {
        image_hold(image);
        *result = image;
        return STATUS_SUCCESS;
    }
    image = calloc(1, sizeof *image);
    if (!image)
        return STATUS_NO_MEMORY;
    list_init(&image->link);
    NTSTATUS error = BLOCKING(image_load(image, node, attr->size));
    if (error == STATUS_NO_MEMORY) {
        cache_trim(0, 0);
        error = BLOCKING(image_load(image, node, attr->size));
    }
    if (error) {
        image_free(image);
        return error;
    }
    image->ino = attr->ino;
    image->device = attr->device;
    image->mtime = attr->mtime;
    image->file_size = attr->size;
    image->references = 1;
    list_append(&images, &image->link);
    *result = image;
    return STATUS_SUCCESS;
}

/* ---- mapping ---- */

static uint32_t segment_protect(uint8_t prot)
{
    if (prot & LOAD_EXEC)
        return prot & LOAD_WRITE ? PAGE_EXECUTE_WRITECOPY : PAGE_EXECUTE_READ;
    if (prot & LOAD_WRITE)
        return PAGE_WRITECOPY;
    return prot & LOAD_READ ? PAGE_READONLY : PAGE_NOACCESS;
}

static status_t map_part(handle_t space, handle_t vmo, uint32_t address, uint32_t length,
                         uint32_t offset, uint32_t prot)
{
    struct map_request request = {.vmo = vmo,
                                  .address = address,
                                  .length = length,
                                  .offset_low = offset,
                                  .prot = prot,
                                  .flags = MAP_FLAG_FIXED};
    return length ? space_map(space, &request) : OK;
}

/* The bytes behind the file's part of its last page read as zero. */
static status_t clear_tail(handle_t space, uint32_t address)
{
    static const uint8_t zeros[PAGE_SIZE];
    uint32_t length = -address & PAGE_MASK, done;
    return length ? space_write(space, address, zeros, length, &done) : OK;
}

static status_t map_segment(handle_t space, const struct image *image,
                            const struct load_segment *segment, uint32_t address, uint32_t prot)
{
    if (image->layout)
        return map_part(space, image->layout, address, segment->length,
                        segment->address - image->plan.preferred_base, prot);
    uint32_t file_pages = (segment->file_length + PAGE_MASK) & ~PAGE_MASK;
    status_t status = map_part(space, image->vmo, address, file_pages, segment->file_offset, prot);
    if (status == OK)
        status = map_part(space, HANDLE_NONE, address + file_pages, segment->length - file_pages, 0,
                          prot);
    if (status == OK)
        status = clear_tail(space, address + segment->file_length);
    return status;
}

static NTSTATUS map_segments(struct nt_process *process, const struct image *image,
                             struct allocation *allocation)
{
    const struct load_plan *plan = &image->plan;
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct load_segment *segment = &plan->segments[i];
        uint32_t address = allocation->base + (segment->address - plan->preferred_base);
        uint32_t protect = segment_protect(segment->prot);
        if (map_segment(process->space, image, segment, address, vm_kernel_prot(protect)) != OK)
            return STATUS_NO_MEMORY;
        allocation_set_protect(allocation, address, segment->length, protect);
    }
    return STATUS_SUCCESS;
}

NTSTATUS image_map(struct nt_process *process, struct image *image, struct object *section,
                   bool fixed, uint32_t *base)
{
    uint32_t preferred = image->plan.preferred_base, size = image->plan.image_size;
    uint32_t wanted = *base ? *base : preferred;
    if (!vm_range_free(process, wanted, size) || (wanted & (VM_GRANULARITY - 1))) {
        if (fixed || *base)
            return STATUS_CONFLICTING_ADDRESSES;
        static const struct vm_place anywhere;
        wanted = vm_search(process, size, &anywhere);
        if (!wanted)
            return STATUS_NO_MEMORY;
    }
    /* Pages between the segments are reserved: nothing is there. */
    struct allocation *allocation =
        vm_add(process, wanted, size, MEM_IMAGE, PAGE_EXECUTE_WRITECOPY, section);
    if (!allocation)
        return STATUS_NO_MEMORY;
    allocation_set_protect(allocation, wanted, size, 0);
    NTSTATUS status = map_segments(process, image, allocation);
    if (status) {
        vm_remove(process, allocation);
        return status;
    }
    *base = wanted;
    return wanted == preferred ? STATUS_SUCCESS : STATUS_IMAGE_NOT_AT_BASE;
}

void image_information(const struct image *image, SECTION_IMAGE_INFORMATION *info)
{
    const struct load_plan *plan = &image->plan;
    memset(info, 0, sizeof *info);
    info->TransferAddress = (void *)(plan->entry ? plan->entry : plan->preferred_base);
    info->MaximumStackSize = plan->stack_reserve;
    info->CommittedStackSize = plan->stack_commit;
    info->SubSystemType = plan->subsystem;
    info->MinorSubsystemVersion = plan->subsystem_minor;
    info->MajorSubsystemVersion = plan->subsystem_major;
    info->MajorOperatingSystemVersion = plan->os_major;
    info->MinorOperatingSystemVersion = plan->os_minor;
    info->ImageCharacteristics = plan->characteristics;
    info->DllCharacteristics = plan->dll_characteristics;
    info->Machine = plan->machine;
    info->ImageContainsCode = TRUE;
    info->ImageFlags = image->builtin ? 0x40 : 0; /* Wine's own bit */
    info->ImageFileSize = (uint32_t)image->file_size;
    info->CheckSum = plan->checksum;
}

status_t image_map_server(const struct image *image, uint8_t **mapped)
{
    const struct load_plan *plan = &image->plan;
    struct map_request request = {.length = plan->image_size, .prot = PROT_R};
    status_t status = space_map(HANDLE_SELF, &request);
    if (status != OK)
        return status;
    for (uint32_t i = 0; status == OK && i < plan->segment_count; i++) {
        const struct load_segment *segment = &plan->segments[i];
        uint32_t address = request.address + (segment->address - plan->preferred_base);
        uint32_t file_pages = (segment->file_length + PAGE_MASK) & ~PAGE_MASK;
        status = image->layout ? map_part(HANDLE_SELF, image->layout, address, segment->length,
                                          segment->address - plan->preferred_base, PROT_R)
                               : map_part(HANDLE_SELF, image->vmo, address, file_pages,
                                          segment->file_offset, PROT_R);
    }
    *mapped = (uint8_t *)request.address;
    if (status != OK)
        image_unmap_server(image, *mapped);
    return status;
}

void image_unmap_server(const struct image *image, uint8_t *mapped)
{
    (void)!space_unmap(HANDLE_SELF, (uintptr_t)mapped, image->plan.image_size);
}
