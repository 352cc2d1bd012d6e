/* SPDX-License-Identifier: MIT */
/*
 * PE32 images into load plans, base relocations, exports.
 *
 * The first segment is the headers, read-only; then one per section, in order. A section whose
 * bytes start on a page of the file can be mapped; with a file alignment of 0x200, which is what
 * most linkers choose, it is copied. An image whose section alignment is below a page is laid out
 * in memory as in the file, so it becomes a single copied segment with all rights: its sections'
 * rights cannot be told apart by page.
 *
 * Sizes are understood as Windows does: a section's memory size is its virtual size, or its raw
 * size if that is 0; the bytes of the file fill at most the pages of that size; where they start is
 * rounded down to a sector. Shared sections are planned like any other, hence private.
 */
#include "loaders/pe/pe.h"

#include "loaders/bytes.h"
#include "loaders/pe/pe_format.h"

/* Bounds the work that a table of names, each long and without an end, can cause. */
#define MAX_EXPORT_NAME 4096

struct pe_loader {
    const struct load_reader *reader;
    struct load_plan *plan;
    uint32_t pe_offset;
    struct pe_headers headers;
    uint32_t image_size; /* rounded up to pages */
    uint32_t end;        /* RVA, page aligned, behind the segments so far */
};

static uint64_t section_table(const struct pe_loader *loader)
{
    return (uint64_t)loader->pe_offset + PE_OPTIONAL_HEADER + loader->headers.optional_header_size;
}

static uint64_t section_table_end(const struct pe_loader *loader)
{
    return section_table(loader) +
           loader->headers.section_count * (uint64_t)sizeof(struct pe_section);
}

static enum load_error check_file_header(const struct pe_headers *headers)
{
    if (headers->signature != PE_SIGNATURE || headers->machine != PE_MACHINE_I386)
        return LOAD_UNSUPPORTED;
    if ((headers->characteristics & PE_EXECUTABLE) == 0)
        return LOAD_BAD_FORMAT;
    if (headers->section_count >= LOAD_MAX_SEGMENTS)
        return LOAD_TOO_COMPLEX;
    if (headers->magic == PE_MAGIC_PE32_PLUS)
        return LOAD_UNSUPPORTED;
    return headers->magic == PE_MAGIC_PE32 ? LOAD_OK : LOAD_BAD_FORMAT;
}

static enum load_error check_alignment(const struct pe_headers *headers)
{
    if (!load_is_power_of_two(headers->section_align) || !load_is_power_of_two(headers->file_align))
        return LOAD_BAD_FORMAT;
    if (headers->file_align > headers->section_align)
        return LOAD_BAD_FORMAT;
    if (headers->section_align < LOAD_PAGE && headers->section_align != headers->file_align)
        return LOAD_BAD_FORMAT;
    return LOAD_OK;
}

/* What the optional header says about the whole image. */
static enum load_error check_image(const struct pe_loader *loader)
{
    const struct pe_headers *headers = &loader->headers;
    uint64_t image_size = load_page_up(headers->image_size), table_end = section_table_end(loader);

    if (headers->image_size == 0 || headers->headers_size == 0 ||
        headers->headers_size > headers->image_size)
        return LOAD_BAD_FORMAT;
    if (table_end > load_page_up(headers->headers_size))
        return LOAD_BAD_FORMAT;
    if (headers->image_base % PE_BASE_ALIGN != 0)
        return LOAD_BAD_ADDRESS;
    if (image_size > UINT32_MAX - headers->image_base)
        return LOAD_BAD_ADDRESS;
    if (headers->headers_size > loader->reader->size)
        return LOAD_TRUNCATED;
    return LOAD_OK;
}

static enum load_error read_headers(struct pe_loader *loader)
{
    struct pe_dos_header dos;
    enum load_error error;

    if (loader->reader->size < sizeof(dos.magic))
        return LOAD_NOT_RECOGNISED;
    error = load_read(loader->reader, 0, &dos.magic, sizeof(dos.magic));
    if (error != LOAD_OK)
        return error;
    if (dos.magic != PE_DOS_MAGIC)
        return LOAD_NOT_RECOGNISED;
    error = load_read(loader->reader, 0, &dos, sizeof(dos));
    if (error == LOAD_OK)
        error = load_read(loader->reader, dos.pe_offset, &loader->headers, sizeof(loader->headers));
    if (error != LOAD_OK)
        return error;
    loader->pe_offset = dos.pe_offset;
    error = check_file_header(&loader->headers);
    if (error == LOAD_OK)
        error = check_alignment(&loader->headers);
    if (error == LOAD_OK)
        error = check_image(loader);
    return error;
}

static void fill_plan(struct pe_loader *loader)
{
    const struct pe_headers *headers = &loader->headers;
    struct load_plan *plan = loader->plan;

    loader->image_size = (uint32_t)load_page_up(headers->image_size);
    load_zero(plan, sizeof(*plan));
    plan->kind = LOAD_PE32;
    plan->relocatable = (headers->characteristics & PE_RELOCS_STRIPPED) == 0;
    plan->preferred_base = headers->image_base;
    plan->image_size = loader->image_size;
    plan->base_align = PE_BASE_ALIGN;
    plan->entry = headers->entry != 0 ? headers->image_base + headers->entry : 0;
    plan->stack_reserve = headers->stack_reserve;
    plan->stack_commit = headers->stack_commit;
    plan->heap_reserve = headers->heap_reserve;
    plan->heap_commit = headers->heap_commit;
    plan->subsystem = headers->subsystem;
    plan->characteristics = headers->characteristics;
    plan->dll_characteristics = headers->dll_characteristics;
    plan->os_major = headers->os_major;
    plan->os_minor = headers->os_minor;
    plan->subsystem_major = headers->subsystem_major;
    plan->subsystem_minor = headers->subsystem_minor;
    plan->machine = headers->machine;
    plan->checksum = headers->checksum;
    plan->headers_size = headers->headers_size;
}

/* An absent or empty directory comes out as 0, 0. */
static enum load_error read_directory(const struct pe_loader *loader, uint32_t index, uint32_t *rva,
                                      uint32_t *size)
{
    uint32_t count = load_min(loader->headers.directory_count, PE_MAX_DIRECTORIES);
    struct pe_directory directory;
    enum load_error error;

    if (PE_OPTIONAL_SIZE + count * sizeof(directory) > loader->headers.optional_header_size)
        return LOAD_BAD_FORMAT;
    if (index >= count)
        return LOAD_OK;
    error =
        load_read(loader->reader,
                  (uint64_t)loader->pe_offset + sizeof(loader->headers) + index * sizeof(directory),
                  &directory, sizeof(directory));
    if (error != LOAD_OK || directory.rva == 0 || directory.size == 0)
        return error;
    if (!load_inside(directory.rva, directory.size, loader->image_size))
        return LOAD_BAD_ADDRESS;
    *rva = directory.rva;
    *size = directory.size;
    return LOAD_OK;
}

static void push_segment(struct pe_loader *loader, uint32_t rva, struct load_segment segment)
{
    struct load_plan *plan = loader->plan;

    segment.address = loader->headers.image_base + rva;
    segment.mappable = segment.mappable && segment.file_length > 0;
    plan->segments[plan->segment_count++] = segment;
    loader->end = rva + segment.length;
}

/* With the table of sections, even where the headers' size leaves it out: programs look at it. */
static void map_headers(struct pe_loader *loader)
{
    uint32_t size = loader->headers.headers_size, pages = (uint32_t)load_page_up(size);
    uint64_t table_end =
        section_table(loader) + loader->headers.section_count * (uint64_t)sizeof(struct pe_section);

    if (table_end > size)
        size = (uint32_t)load_min(load_min(table_end, pages), (uint32_t)loader->reader->size);
    push_segment(loader, 0,
                 (struct load_segment){
                     .length = pages,
                     .file_length = size,
                     .prot = LOAD_READ,
                     .mappable = true,
                 });
}

static uint8_t section_prot(const struct pe_section *section)
{
    return (section->characteristics & PE_SECTION_READ ? LOAD_READ : 0) |
           (section->characteristics & PE_SECTION_WRITE ? LOAD_WRITE : 0) |
           (section->characteristics & PE_SECTION_EXEC ? LOAD_EXEC : 0);
}

static uint32_t memory_size(const struct pe_section *section)
{
    return section->virtual_size != 0 ? section->virtual_size : section->raw_size;
}

/* Where the section's bytes are in the file. The result is inside the file. */
static enum load_error section_bytes(const struct pe_loader *loader,
                                     const struct pe_section *section, uint32_t *offset,
                                     uint64_t *length)
{
    uint32_t lead = section->raw_offset % PE_SECTOR;

    *offset = section->raw_offset - lead;
    *length = 0;
    if (section->raw_offset == 0 || section->raw_size == 0)
        return LOAD_OK;
    *length = (uint64_t)lead + section->raw_size;
    return load_inside(*offset, *length, loader->reader->size) ? LOAD_OK : LOAD_TRUNCATED;
}

static enum load_error map_section(struct pe_loader *loader, const struct pe_section *section)
{
    uint64_t pages = load_page_up(memory_size(section));
    struct load_segment segment = {.prot = section_prot(section)};
    uint64_t bytes;
    enum load_error error = section_bytes(loader, section, &segment.file_offset, &bytes);

    if (error != LOAD_OK || pages == 0)
        return error;
    if ((section->virtual_address & (loader->headers.section_align - 1)) != 0)
        return LOAD_BAD_ADDRESS;
    if (!load_inside(section->virtual_address, pages, loader->image_size))
        return LOAD_BAD_ADDRESS;
    if (section->virtual_address < loader->end)
        return LOAD_BAD_FORMAT;
    segment.length = (uint32_t)pages;
    segment.file_length = load_min(bytes, segment.length);
    segment.mappable = load_page_offset(segment.file_offset) == 0;
    push_segment(loader, section->virtual_address, segment);
    return LOAD_OK;
}

/* With alignment below a page, memory is the file: only checks that the section agrees. */
static enum load_error check_flat_section(struct pe_loader *loader,
                                          const struct pe_section *section)
{
    uint32_t size = memory_size(section);

    if (!load_inside(section->virtual_address, size, loader->image_size))
        return LOAD_BAD_ADDRESS;
    if (section->raw_size == 0 || section->raw_offset == 0)
        return LOAD_OK;
    if (!load_inside(section->raw_offset, section->raw_size, loader->reader->size))
        return LOAD_TRUNCATED;
    return section->raw_offset == section->virtual_address ? LOAD_OK : LOAD_UNSUPPORTED;
}

static void map_flat(struct pe_loader *loader)
{
    push_segment(loader, 0,
                 (struct load_segment){
                     .length = loader->image_size,
                     .file_length = load_min(loader->reader->size, loader->headers.image_size),
                     .prot = LOAD_READ | LOAD_WRITE | LOAD_EXEC,
                 });
}

static enum load_error map_sections(struct pe_loader *loader)
{
    bool flat = loader->headers.section_align < LOAD_PAGE;

    if (flat)
        map_flat(loader);
    else
        map_headers(loader);
    for (uint32_t i = 0; i < loader->headers.section_count; i++) {
        struct pe_section section;
        enum load_error error = load_read(
            loader->reader, section_table(loader) + i * sizeof(section), &section, sizeof(section));

        if (error == LOAD_OK)
            error = flat ? check_flat_section(loader, &section) : map_section(loader, &section);
        if (error != LOAD_OK)
            return error;
    }
    return LOAD_OK;
}

/* Only a library can do without an entry point. */
static enum load_error check_entry(const struct load_plan *plan)
{
    if (plan->entry == 0)
        return plan->characteristics & PE_DLL ? LOAD_OK : LOAD_BAD_ADDRESS;
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct load_segment *segment = &plan->segments[i];

        if (plan->entry >= segment->address && plan->entry - segment->address < segment->length)
            return LOAD_OK;
    }
    return LOAD_BAD_ADDRESS;
}

enum load_error pe_plan(const struct load_reader *reader, struct load_plan *plan)
{
    struct pe_loader loader = {.reader = reader, .plan = plan};
    enum load_error error = read_headers(&loader);

    if (error != LOAD_OK)
        return error;
    fill_plan(&loader);
    error = read_directory(&loader, PE_DIRECTORY_EXPORT, &plan->export_rva, &plan->export_size);
    if (error == LOAD_OK)
        error = read_directory(&loader, PE_DIRECTORY_RELOC, &plan->reloc_rva, &plan->reloc_size);
    if (error == LOAD_OK)
        error = map_sections(&loader);
    if (error == LOAD_OK)
        error = check_entry(plan);
    return error;
}

static enum load_error apply_entry(const struct load_plan *plan, uint32_t delta, uint8_t *image,
                                   uint32_t page_rva, uint16_t entry)
{
    enum pe_reloc_type type = entry >> 12;
    uint64_t at = (uint64_t)page_rva + (entry & 0xfff);

    if (type == PE_RELOC_ABSOLUTE)
        return LOAD_OK;
    if (type > PE_RELOC_HIGHLOW)
        return LOAD_UNSUPPORTED;
    if (!load_inside(at, type == PE_RELOC_HIGHLOW ? 4 : 2, plan->image_size))
        return LOAD_BAD_ADDRESS;
    image += at;
    if (type == PE_RELOC_HIGHLOW)
        load_put32(image, load_get32(image) + delta);
    else if (type == PE_RELOC_HIGH)
        load_put16(image, (uint16_t)(load_get16(image) + (delta >> 16)));
    else
        load_put16(image, (uint16_t)(load_get16(image) + delta));
    return LOAD_OK;
}

/* The table may lie among the bytes that it changes, so each field is read once, then checked. */
enum load_error pe_relocate(const struct load_plan *plan, uint32_t delta, uint8_t *image)
{
    uint32_t at = plan->reloc_rva;
    uint32_t left = plan->reloc_size;

    if (delta == 0)
        return LOAD_OK;
    if (!plan->relocatable)
        return LOAD_UNSUPPORTED;
    if (!load_inside(at, left, plan->image_size))
        return LOAD_BAD_ADDRESS;
    while (left > 0) {
        struct pe_reloc_block block;

        if (left < sizeof(block))
            return LOAD_BAD_FORMAT;
        block.page_rva = load_get32(image + at);
        block.size = load_get32(image + at + 4);
        if (block.page_rva == 0 && block.size == 0)
            return LOAD_OK; /* some linkers pad the table with zeros */
        if (block.size < sizeof(block) || block.size > left || block.size % 2 != 0)
            return LOAD_BAD_FORMAT;
        for (uint32_t i = sizeof(block); i < block.size; i += 2) {
            enum load_error error =
                apply_entry(plan, delta, image, block.page_rva, load_get16(image + at + i));

            if (error != LOAD_OK)
                return error;
        }
        at += block.size;
        left -= block.size;
    }
    return LOAD_OK;
}

/* An export directory whose three tables lie in the image. */
struct pe_exports {
    const uint8_t *image;
    uint32_t size;
    struct pe_export_directory directory;
};

static enum load_error open_exports(const uint8_t *image, uint32_t image_size,
                                    const struct load_plan *plan, struct pe_exports *exports)
{
    struct pe_export_directory *directory = &exports->directory;
    uint32_t size = load_min(image_size, plan->image_size);

    if (plan->export_rva == 0)
        return LOAD_NOT_RECOGNISED;
    if (plan->export_size < sizeof(*directory))
        return LOAD_BAD_FORMAT;
    if (!load_inside(plan->export_rva, sizeof(*directory), size))
        return LOAD_BAD_ADDRESS;
    for (uint32_t i = 0; i < sizeof(*directory); i++)
        ((uint8_t *)directory)[i] = image[plan->export_rva + i];
    if (!load_inside(directory->functions, directory->function_count * (uint64_t)4, size) ||
        !load_inside(directory->names, directory->name_count * (uint64_t)4, size) ||
        !load_inside(directory->ordinals, directory->name_count * (uint64_t)2, size))
        return LOAD_BAD_ADDRESS;
    exports->image = image;
    exports->size = size;
    return LOAD_OK;
}

/* The name at `index` of the name table, known to end inside the image. */
static enum load_error export_name(const struct pe_exports *exports, uint32_t index,
                                   const char **name)
{
    uint32_t rva = load_get32(exports->image + exports->directory.names + index * 4);
    uint32_t limit;

    if (rva >= exports->size)
        return LOAD_BAD_ADDRESS;
    limit = load_min(exports->size - rva, MAX_EXPORT_NAME);
    for (uint32_t i = 0; i < limit; i++) {
        if (exports->image[rva + i] == '\0') {
            *name = (const char *)exports->image + rva;
            return LOAD_OK;
        }
    }
    return LOAD_BAD_FORMAT;
}

/* 0 for a hole in the table. */
static enum load_error export_rva(const struct pe_exports *exports, uint32_t index, uint32_t *rva)
{
    uint16_t ordinal = load_get16(exports->image + exports->directory.ordinals + index * 2);
    uint32_t value;

    if (ordinal >= exports->directory.function_count)
        return LOAD_BAD_FORMAT;
    value = load_get32(exports->image + exports->directory.functions + ordinal * 4);
    if (value >= exports->size)
        return LOAD_BAD_ADDRESS;
    *rva = value;
    return LOAD_OK;
}

static int compare_names(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return (uint8_t)*a - (uint8_t)*b;
}

/* Binary search, as Windows does: an image whose names are not sorted cannot be searched. */
static enum load_error find_name(const struct pe_exports *exports, const char *name,
                                 uint32_t *index)
{
    uint32_t low = 0;
    uint32_t high = exports->directory.name_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const char *candidate;
        enum load_error error = export_name(exports, middle, &candidate);
        int order;

        if (error != LOAD_OK)
            return error;
        order = compare_names(name, candidate);
        if (order == 0) {
            *index = middle;
            return LOAD_OK;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return LOAD_NOT_RECOGNISED;
}

enum load_error pe_find_export(const uint8_t *image, uint32_t image_size,
                               const struct load_plan *plan, const char *name, uint32_t *rva)
{
    struct pe_exports exports;
    uint32_t index, value;
    enum load_error error = open_exports(image, image_size, plan, &exports);

    if (error == LOAD_OK)
        error = find_name(&exports, name, &index);
    if (error == LOAD_OK)
        error = export_rva(&exports, index, &value);
    if (error != LOAD_OK)
        return error;
    if (value == 0)
        return LOAD_NOT_RECOGNISED;
    if (pe_is_forwarder(plan, value))
        return LOAD_UNSUPPORTED;
    *rva = value;
    return LOAD_OK;
}

enum load_error pe_export_next(const uint8_t *image, uint32_t image_size,
                               const struct load_plan *plan, uint32_t *cursor, const char **name,
                               uint32_t *rva)
{
    struct pe_exports exports;
    enum load_error error = open_exports(image, image_size, plan, &exports);

    if (error != LOAD_OK)
        return error;
    while (*cursor < exports.directory.name_count) {
        uint32_t index = (*cursor)++;
        const char *found;
        uint32_t value;

        error = export_rva(&exports, index, &value);
        if (error == LOAD_OK && value == 0)
            continue;
        if (error == LOAD_OK)
            error = export_name(&exports, index, &found);
        if (error != LOAD_OK)
            return error;
        *name = found;
        *rva = value;
        return LOAD_OK;
    }
    return LOAD_NOT_RECOGNISED;
}
