/* SPDX-License-Identifier: MIT */
/*
 * PE32 to load plan. The headers are the first segment; each section is one, mapped from the file
 * where its bytes lie on page boundaries there (images linked for it, such as Wine's) and copied
 * otherwise. The gap behind a section belongs to it, as SizeOfImage counts it.
 */
#include "pe.h"

#include "pe_format.h"

#define EXPORTS_MAX 65536u

struct pe_headers {
    uint32_t offset; /* of struct pe_file_header */
    struct pe_file_header file;
    struct pe_optional_header optional;
};

static void clear(void *to, uint32_t count)
{
    uint8_t *at = to;
    while (count-- > 0)
        *at++ = 0;
}

static void copy(void *to, const void *from, uint32_t count)
{
    uint8_t *at = to;
    const uint8_t *source = from;
    while (count-- > 0)
        *at++ = *source++;
}

static bool is_power_of_two(uint32_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

static enum load_error read_headers(const struct load_reader *reader, struct pe_headers *headers)
{
    struct pe_dos_header dos;
    uint16_t magic;
    if (reader->size < 2 || !reader->read(reader->context, 0, &magic, 2) || magic != PE_DOS_MAGIC)
        return LOAD_NOT_RECOGNISED;
    if (!reader->read(reader->context, 0, &dos, sizeof dos))
        return LOAD_TRUNCATED;
    headers->offset = dos.pe_offset;
    if (!load_range_ok(dos.pe_offset, sizeof headers->file, reader->size) ||
        !reader->read(reader->context, dos.pe_offset, &headers->file, sizeof headers->file))
        return LOAD_TRUNCATED;
    if (headers->file.signature != PE_SIGNATURE)
        return LOAD_NOT_RECOGNISED; /* a DOS or 16-bit program */
    if (headers->file.machine != PE_MACHINE_I386)
        return LOAD_UNSUPPORTED;
    /* A header may leave out directories at its end: they are then empty. */
    uint32_t fixed = (uint32_t)offsetof(struct pe_optional_header, directories), size = headers->file.optional_size;
    if (size < fixed)
        return LOAD_BAD_FORMAT;
    if (size > sizeof headers->optional)
        size = sizeof headers->optional;
    clear(&headers->optional, sizeof headers->optional);
    if (!reader->read(reader->context, dos.pe_offset + (uint32_t)sizeof headers->file, &headers->optional, size))
        return LOAD_TRUNCATED;
    return LOAD_OK;
}

static enum load_error check_optional(const struct pe_headers *headers)
{
    const struct pe_optional_header *optional = &headers->optional;
    if (optional->magic != PE_MAGIC_PE32)
        return LOAD_UNSUPPORTED;
    if (!(headers->file.characteristics & PE_FILE_EXECUTABLE))
        return LOAD_BAD_FORMAT;
    if (!is_power_of_two(optional->section_alignment) || !is_power_of_two(optional->file_alignment))
        return LOAD_BAD_FORMAT;
    if (optional->section_alignment < LOAD_PAGE)
        return LOAD_UNSUPPORTED; /* drivers only: protections could not be kept */
    if (optional->image_size == 0 || load_page_up(optional->image_size) == 0 || optional->image_base % LOAD_PAGE != 0)
        return LOAD_BAD_FORMAT;
    if (load_page_up(optional->image_size) > UINT32_MAX - optional->image_base)
        return LOAD_BAD_ADDRESS;
    if (optional->headers_size == 0 || optional->headers_size > optional->image_size)
        return LOAD_BAD_FORMAT;
    if (optional->entry >= optional->image_size)
        return LOAD_BAD_ADDRESS;
    return LOAD_OK;
}

static void take_directory(const struct pe_headers *headers, uint32_t index, uint32_t *rva, uint32_t *size)
{
    const struct pe_optional_header *optional = &headers->optional;
    *rva = *size = 0;
    if (index >= optional->directory_count || !load_range_ok(optional->directories[index].rva, optional->directories[index].size, optional->image_size))
        return; /* one that leaves the image counts as absent */
    *rva = optional->directories[index].rva;
    *size = optional->directories[index].size;
}

static void take_fields(const struct pe_headers *headers, struct load_plan *plan)
{
    const struct pe_optional_header *optional = &headers->optional;
    clear(plan, sizeof *plan);
    plan->kind = LOAD_PE32;
    plan->preferred_base = optional->image_base;
    plan->image_size = load_page_up(optional->image_size);
    plan->entry = optional->entry ? optional->image_base + optional->entry : 0;
    plan->stack_reserve = optional->stack_reserve;
    plan->stack_commit = optional->stack_commit;
    plan->heap_reserve = optional->heap_reserve;
    plan->heap_commit = optional->heap_commit;
    plan->subsystem = optional->subsystem;
    plan->characteristics = headers->file.characteristics;
    plan->dll_characteristics = optional->dll_characteristics;
    plan->machine = headers->file.machine;
    plan->os_major = optional->os_major;
    plan->os_minor = optional->os_minor;
    plan->subsystem_major = optional->subsystem_major;
    plan->subsystem_minor = optional->subsystem_minor;
    plan->checksum = optional->checksum;
    plan->headers_size = optional->headers_size;
    take_directory(headers, PE_EXPORT, &plan->export_rva, &plan->export_size);
    take_directory(headers, PE_BASERELOC, &plan->reloc_rva, &plan->reloc_size);
    plan->relocatable = plan->reloc_size != 0 && !(headers->file.characteristics & PE_FILE_RELOCS_STRIPPED);
}

static enum load_error add_headers(const struct load_reader *reader, struct load_plan *plan)
{
    struct load_segment segment = {.address = plan->preferred_base, .prot = LOAD_READ, .mappable = true};
    segment.length = load_page_up(plan->headers_size);
    segment.file_length = plan->headers_size < reader->size ? plan->headers_size : reader->size;
    return load_plan_add(plan, &segment);
}

static uint8_t protection(uint32_t characteristics)
{
    return (uint8_t)((characteristics & PE_SECTION_READ ? LOAD_READ : 0) |
                     (characteristics & PE_SECTION_WRITE ? LOAD_WRITE : 0) |
                     (characteristics & PE_SECTION_EXECUTE ? LOAD_EXEC : 0));
}

/* Raw data: the loader rounds the offset down to 512 bytes whatever the file alignment says. */
static enum load_error section_bytes(const struct load_reader *reader, const struct pe_section *section, uint32_t size, struct load_segment *segment)
{
    uint32_t offset = section->raw_offset & ~511u;
    uint32_t count = section->raw_size < size ? section->raw_size : size;
    if (section->raw_offset == 0 || count == 0)
        return LOAD_OK;
    if (!load_range_ok(offset, count, reader->size))
        return LOAD_TRUNCATED;
    segment->file_offset = offset;
    segment->file_length = count;
    segment->mappable = offset % LOAD_PAGE == 0;
    return LOAD_OK;
}

static enum load_error add_section(const struct load_reader *reader, struct load_plan *plan, const struct pe_section *section)
{
    uint32_t size = section->virtual_size ? section->virtual_size : section->raw_size;
    if (size == 0)
        return LOAD_OK;
    if (section->rva % LOAD_PAGE != 0 || !load_range_ok(section->rva, size, plan->image_size))
        return LOAD_BAD_ADDRESS;
    size = load_page_up(size);
    if (!load_range_ok(section->rva, size, plan->image_size))
        return LOAD_BAD_ADDRESS;
    struct load_segment segment = {.address = plan->preferred_base + section->rva, .length = size,
                                   .prot = protection(section->characteristics), .mappable = true};
    enum load_error error = section_bytes(reader, section, size, &segment);
    return error == LOAD_OK ? load_plan_add(plan, &segment) : error;
}

enum load_error pe_plan(const struct load_reader *reader, struct load_plan *plan)
{
    struct pe_headers headers;
    struct pe_section section;
    enum load_error error = read_headers(reader, &headers);
    if (error == LOAD_OK)
        error = check_optional(&headers);
    if (error != LOAD_OK)
        return error;
    take_fields(&headers, plan);
    error = add_headers(reader, plan);
    uint32_t table = headers.offset + (uint32_t)sizeof headers.file + headers.file.optional_size;
    for (uint32_t i = 0; error == LOAD_OK && i < headers.file.section_count; i++) {
        if (!load_range_ok(table, sizeof section, reader->size) || !reader->read(reader->context, table, &section, sizeof section))
            return LOAD_TRUNCATED;
        error = add_section(reader, plan, &section);
        table += (uint32_t)sizeof section;
    }
    return error;
}

/* ---- relocation --------------------------------------------------------------------------------- */

static enum load_error relocate_at(uint8_t *image, uint32_t image_size, uint32_t rva, uint32_t type, uint32_t delta)
{
    uint32_t value = 0, width = type == PE_REL_HIGHLOW ? 4 : 2;
    if (type == PE_REL_ABSOLUTE)
        return LOAD_OK;
    if (type != PE_REL_HIGHLOW && type != PE_REL_HIGH && type != PE_REL_LOW)
        return LOAD_UNSUPPORTED;
    if (!load_range_ok(rva, width, image_size))
        return LOAD_BAD_ADDRESS;
    copy(&value, image + rva, width);
    value += type == PE_REL_HIGH ? delta >> 16 : delta;
    copy(image + rva, &value, width);
    return LOAD_OK;
}

static enum load_error relocate_block(const struct load_plan *plan, uint32_t at, const struct pe_reloc_block *block, uint32_t delta, uint8_t *image)
{
    for (uint32_t offset = sizeof *block; offset + 2 <= block->size; offset += 2) {
        uint16_t entry;
        copy(&entry, image + at + offset, 2);
        if (block->rva > plan->image_size)
            return LOAD_BAD_ADDRESS;
        enum load_error error = relocate_at(image, plan->image_size, block->rva + (entry & 0xfff), entry >> 12, delta);
        if (error != LOAD_OK)
            return error;
    }
    return LOAD_OK;
}

enum load_error pe_relocate(const struct load_plan *plan, uint32_t delta, uint8_t *image)
{
    uint32_t at = plan->reloc_rva, left = plan->reloc_size;
    struct pe_reloc_block block;
    if (delta == 0)
        return LOAD_OK;
    if (!plan->relocatable)
        return LOAD_UNSUPPORTED;
    while (left >= sizeof block) {
        copy(&block, image + at, sizeof block);
        if (block.size == 0)
            return LOAD_OK; /* some linkers end the table so */
        if (block.size < sizeof block || block.size > left)
            return LOAD_BAD_FORMAT;
        enum load_error error = relocate_block(plan, at, &block, delta, image);
        if (error != LOAD_OK)
            return error;
        at += block.size;
        left -= block.size;
    }
    return LOAD_OK;
}

/* ---- exports -------------------------------------------------------------------------------------- */

static enum load_error read_directory(const uint8_t *image, uint32_t image_size, const struct load_plan *plan, struct pe_export_directory *directory)
{
    if (plan->export_size < sizeof *directory)
        return LOAD_NOT_RECOGNISED;
    if (!load_range_ok(plan->export_rva, sizeof *directory, image_size))
        return LOAD_BAD_ADDRESS;
    copy(directory, image + plan->export_rva, sizeof *directory);
    if (directory->name_count > EXPORTS_MAX || directory->function_count > EXPORTS_MAX)
        return LOAD_BAD_FORMAT;
    if (!load_range_ok(directory->names, directory->name_count * 4, image_size) ||
        !load_range_ok(directory->ordinals, directory->name_count * 2, image_size) ||
        !load_range_ok(directory->functions, directory->function_count * 4, image_size))
        return LOAD_BAD_ADDRESS;
    return LOAD_OK;
}

static bool terminated(const uint8_t *image, uint32_t image_size, uint32_t rva)
{
    while (rva < image_size)
        if (image[rva++] == 0)
            return true;
    return false;
}

static enum load_error export_of(const uint8_t *image, uint32_t image_size, const struct pe_export_directory *directory, uint32_t index, struct pe_export *export)
{
    uint32_t name;
    uint16_t ordinal;
    copy(&name, image + directory->names + index * 4, 4);
    copy(&ordinal, image + directory->ordinals + index * 2, 2);
    if (ordinal >= directory->function_count || !terminated(image, image_size, name))
        return LOAD_BAD_FORMAT;
    export->name = (const char *)image + name;
    copy(&export->rva, image + directory->functions + ordinal * 4u, 4);
    return export->rva < image_size ? LOAD_OK : LOAD_BAD_ADDRESS;
}

enum load_error pe_export_at(const uint8_t *image, uint32_t image_size, const struct load_plan *plan, uint32_t index, struct pe_export *export)
{
    struct pe_export_directory directory;
    enum load_error error = read_directory(image, image_size, plan, &directory);
    if (error != LOAD_OK)
        return error;
    return index < directory.name_count ? export_of(image, image_size, &directory, index, export) : LOAD_NOT_RECOGNISED;
}

static bool names_equal(const char *a, const char *b)
{
    while (*a != 0 && *a == *b)
        a++, b++;
    return *a == *b;
}

enum load_error pe_find_export(const uint8_t *image, uint32_t image_size, const struct load_plan *plan, const char *name, uint32_t *rva)
{
    struct pe_export_directory directory;
    struct pe_export export;
    enum load_error error = read_directory(image, image_size, plan, &directory);
    for (uint32_t i = 0; error == LOAD_OK && i < directory.name_count; i++) {
        error = export_of(image, image_size, &directory, i, &export);
        if (error == LOAD_OK && names_equal(export.name, name)) {
            *rva = export.rva;
            return LOAD_OK;
        }
    }
    return error == LOAD_OK ? LOAD_NOT_RECOGNISED : error;
}
