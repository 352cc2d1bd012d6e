/* SPDX-License-Identifier: MIT */
/*
 * Reading of PE images. The pages of a file whose sections begin at page boundaries are mapped as they
 * are. Any other is laid out in a VMO of its own; the file's content is not kept then, and of a large
 * file it is never there as a whole: it goes through a buffer, piece by piece.
 */
#include <personalities/nt/image.h>

#include <ipc/call.h>

#include <stdlib.h>
#include <string.h>

#define LARGE_FILE  (4u << 20)
#define BUFFER_SIZE (256u << 10)

/* Where the bytes of a file come from. */
struct source {
    handle_t node;
    handle_t vmo; /* the whole content, or HANDLE_NONE: it is read from the node */
    handle_t buffer;
    uint8_t *view; /* of the buffer */
    uint64_t size;
};

static bool read_source(void *context, uint32_t offset, void *buffer, uint32_t length)
{
    const struct source *source = context;
    size_t done;
    if (source->vmo)
        return vmo_read(source->vmo, offset, buffer, length) == OK;
    return fs_client_read(source->node, offset, buffer, length, &done) == OK && done == length;
}

/* Tell what ntdll tells apart: no MZ at all, or MZ with something else behind it. */
static NTSTATUS bad_image_status(struct source *source)
{
    IMAGE_DOS_HEADER dos;
    uint32_t signature;
    if (source->size < 2 || !read_source(source, 0, &dos, 2) || dos.e_magic != IMAGE_DOS_SIGNATURE)
        return STATUS_INVALID_IMAGE_NOT_MZ;
    if (source->size < sizeof dos || !read_source(source, 0, &dos, sizeof dos))
        return STATUS_INVALID_IMAGE_PROTECT;
    if ((uint32_t)dos.e_lfanew > source->size - 4 ||
        !read_source(source, dos.e_lfanew, &signature, 4) || signature != IMAGE_NT_SIGNATURE)
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

/* ---- layout ---- */

static status_t buffer_open(struct source *source)
{
    struct map_request request = {
        .length = BUFFER_SIZE, .prot = PROT_R | PROT_W, .flags = MAP_FLAG_SHARED};
    status_t status = vmo_create(0, BUFFER_SIZE, &source->buffer);
    request.vmo = source->buffer;
    if (status == OK)
        status = space_map(HANDLE_SELF, &request);
    if (status != OK)
        return status;
    source->view = (uint8_t *)request.address;
    return source->vmo ? OK : fs_client_buffer(source->node, source->buffer, BUFFER_SIZE);
}

static void buffer_close(struct source *source)
{
    if (source->view)
        (void)!space_unmap(HANDLE_SELF, (uintptr_t)source->view, BUFFER_SIZE);
    handle_drop(&source->buffer);
}

static status_t fill_buffer(struct source *source, uint32_t offset, uint32_t length)
{
    uint32_t done;
    if (source->vmo)
        return vmo_read(source->vmo, offset, source->view, length);
    status_t status = fs_client_read_bulk(source->node, offset, length, &done);
    return status == OK && done != length ? ERR_IO_ERROR : status;
}

static status_t copy_segment(struct source *source, handle_t layout, uint32_t to,
                             const struct load_segment *segment)
{
    status_t status = OK;
    for (uint32_t at = 0; status == OK && at < segment->file_length; at += BUFFER_SIZE) {
        uint32_t left = segment->file_length - at, part = left < BUFFER_SIZE ? left : BUFFER_SIZE;
        status = fill_buffer(source, segment->file_offset + at, part);
        if (status == OK)
            status = vmo_write(layout, to + at, source->view, part);
    }
    return status;
}

static status_t make_layout(struct image *image, struct source *source)
{
    const struct load_plan *plan = &image->plan;
    status_t status = vmo_create(0, plan->image_size, &image->layout);
    if (status == OK)
        status = buffer_open(source);
    for (uint32_t i = 0; status == OK && i < plan->segment_count; i++)
        status = copy_segment(source, image->layout,
                              plan->segments[i].address - plan->preferred_base, &plan->segments[i]);
    buffer_close(source);
    if (status != OK)
        handle_drop(&image->layout);
    return status;
}

/* ---- the whole ---- */

static void read_marks(struct image *image, struct source *source)
{
    static const char mark[] = "Wine builtin DLL";
    char bytes[sizeof mark];
    image->builtin = read_source(source, sizeof(IMAGE_DOS_HEADER), bytes, sizeof bytes) &&
                     memcmp(bytes, mark, sizeof mark) == 0;
}

static status_t open_content(struct source *source)
{
    bool coherent;
    return source->vmo ? OK
                       : fs_client_vmo(source->node, PROT_R | PROT_X, &source->vmo, &source->size,
                                       &coherent);
}

static NTSTATUS load(struct image *image, struct source *source)
{
    struct load_reader reader = {
        .read = read_source, .context = source, .size = (uint32_t)source->size};
    status_t status = source->size > LARGE_FILE ? OK : open_content(source);
    if (status != OK)
        return nt_status(status);
    if (source->size > UINT32_MAX)
        return STATUS_INVALID_IMAGE_FORMAT;
    if (pe_plan(&reader, &image->plan) != LOAD_OK)
        return bad_image_status(source);
    read_marks(image, source);
    image->file_size = source->size;
    return nt_status(needs_layout(&image->plan) ? make_layout(image, source)
                                                : open_content(source));
}

NTSTATUS image_load(struct image *image, handle_t node, uint64_t size)
{
    struct source source = {.node = node, .size = size};
    NTSTATUS status = load(image, &source);
    if (!status && !image->layout)
        image->vmo = source.vmo;
    else
        handle_drop(&source.vmo);
    return status;
}
