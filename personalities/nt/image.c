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

/* ---- reading and checking ---- */

static bool read_image(void *context, uint32_t offset, void *buffer, uint32_t length)
{
    return vmo_read(*(handle_t *)context, offset, buffer, length) == OK;
}

/* Tell what ntdll tells apart: no MZ at all, or MZ with something else behind it. */
static NTSTATUS bad_image_status(handle_t vmo, uint64_t size)
{
    IMAGE_DOS_HEADER dos;
    uint32_t signature;
    if (size < 2 || vmo_read(vmo, 0, &dos, 2) != OK || dos.e_magic != IMAGE_DOS_SIGNATURE)
        return STATUS_INVALID_IMAGE_NOT_MZ;
    if (size < sizeof dos || vmo_read(vmo, 0, &dos, sizeof dos) != OK)
        return STATUS_INVALID_IMAGE_PROTECT;
    if ((uint32_t)dos.e_lfanew > size - 4 || vmo_read(vmo, dos.e_lfanew, &signature, 4) != OK ||
        signature != IMAGE_NT_SIGNATURE)
        return STATUS_INVALID_IMAGE_PROTECT;
    return STATUS_INVALID_IMAGE_FORMAT;
}

static bool needs_layout(const struct load_plan *plan)
{
    for (uint32_t i = 0; i < plan->segment_count; i++)
        if (plan->segments[i].file_length && !plan->segments[i].mappable)
            return true;
    return false;
}

static status_t copy_range(handle_t to, uint32_t to_offset, handle_t from, uint32_t from_offset,
                           uint32_t length)
{
    uint8_t *buffer = malloc(65536);
    status_t status = buffer ? OK : ERR_NO_MEMORY;
    while (status == OK && length) {
        uint32_t part = length < 65536 ? length : 65536;
        status = vmo_read(from, from_offset, buffer, part);
        if (status == OK)
            status = vmo_write(to, to_offset, buffer, part);
        to_offset += part;
        from_offset += part;
        length -= part;
    }
    free(buffer);
    return status;
}

/*
 * Lay the image out in a VMO of its own: for files whose sections do not begin at page boundaries. The
 * file's own content is not needed any more then.
 */
static status_t make_layout(struct image *image)
{
    const struct load_plan *plan = &image->plan;
    status_t status = vmo_create(0, plan->image_size, &image->layout);
    for (uint32_t i = 0; status == OK && i < plan->segment_count; i++) {
        const struct load_segment *segment = &plan->segments[i];
        status = copy_range(image->layout, segment->address - plan->preferred_base, image->vmo,
                            segment->file_offset, segment->file_length);
    }
    if (status != OK)
        handle_drop(&image->layout);
    else
        handle_drop(&image->vmo);
    return status;
}

static void read_marks(struct image *image)
{
    static const char mark[] = "Wine builtin DLL";
    char bytes[sizeof mark];
    image->builtin = vmo_read(image->vmo, sizeof(IMAGE_DOS_HEADER), bytes, sizeof bytes) == OK &&
                     memcmp(bytes, mark, sizeof mark) == 0;
}

static NTSTATUS image_read(struct image *image)
{
    struct load_reader reader = {
        .read = read_image, .context = &image->vmo, .size = (uint32_t)image->file_size};
    if (image->file_size > UINT32_MAX)
        return STATUS_INVALID_IMAGE_FORMAT;
    if (pe_plan(&reader, &image->plan) != LOAD_OK)
        return bad_image_status(image->vmo, image->file_size);
    read_marks(image);
    if (needs_layout(&image->plan))
        return nt_status(make_layout(image));
    return STATUS_SUCCESS;
}

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
    list_each_safe(image, after, &images, struct image, link)
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

static NTSTATUS image_load(struct image *image, handle_t node)
{
    uint64_t size;
    bool coherent;
    status_t status = BLOCKING(fs_client_vmo(node, PROT_R | PROT_X, &image->vmo, &size, &coherent));
    if (status != OK)
        return nt_status(status);
    image->file_size = size;
    NTSTATUS error = BLOCKING(image_read(image));
    if (error)
        handle_drop(&image->vmo);
    return error;
}

NTSTATUS image_open(handle_t node, struct image **result)
{
    struct fs_attr attr;
    status_t status = BLOCKING(fs_client_stat(node, &attr));
    if (status != OK)
        return nt_status(status);
    struct image *image = cache_find(&attr);
    if (image) {
        image_hold(image);
        *result = image;
        return STATUS_SUCCESS;
    }
    image = calloc(1, sizeof *image);
    if (!image)
        return STATUS_NO_MEMORY;
    list_init(&image->link);
    NTSTATUS error = image_load(image, node);
    if (error == STATUS_NO_MEMORY) {
        cache_trim(0, 0);
        error = image_load(image, node);
    }
    if (error) {
        image_free(image);
        return error;
    }
    image->ino = attr.ino;
    image->device = attr.device;
    image->mtime = attr.mtime;
    image->file_size = attr.size;
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
        wanted = vm_search(process, size, false);
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
