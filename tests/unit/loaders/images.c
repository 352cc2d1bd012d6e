/* SPDX-License-Identifier: MIT */
/* The images of images.h. */
#include "tests/unit/loaders/images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loaders/bytes.h"

uint8_t image_pattern(uint32_t offset)
{
    return (uint8_t)(offset * 7 + (offset >> 8) * 13 + 1);
}

static void fill(struct image *image, uint32_t from)
{
    for (uint32_t i = from; i < image->size; i++)
        image->bytes[i] = image_pattern(i);
}

struct image image_new(uint32_t size)
{
    struct image image = {.bytes = malloc(size ? size : 1), .size = size};

    if (image.bytes == NULL)
        abort();
    fill(&image, 0);
    return image;
}

void image_free(struct image *image)
{
    free(image->bytes);
    image->bytes = NULL;
}

void image_resize(struct image *image, uint32_t size)
{
    struct image resized = image_new(size);

    memcpy(resized.bytes, image->bytes, size < image->size ? size : image->size);
    free(image->bytes);
    *image = resized;
}

static bool read_image(void *context, uint32_t offset, void *buffer, uint32_t length)
{
    const struct image *image = context;

    if (!load_inside(offset, length, image->size)) {
        fprintf(stderr, "reader asked for %#x+%#x of %#x\n", offset, length, image->size);
        abort();
    }
    memcpy(buffer, image->bytes + offset, length);
    return true;
}

struct load_reader image_reader(const struct image *image)
{
    return (struct load_reader){
        .read = read_image,
        .context = (void *)image,
        .size = image->size,
    };
}

struct elf32_header *elf_header(const struct image *image)
{
    return (struct elf32_header *)image->bytes;
}

struct elf32_segment *elf_segment(const struct image *image, uint32_t index)
{
    return (struct elf32_segment *)(image->bytes + sizeof(struct elf32_header)) + index;
}

static void put_elf_header(struct image *image, uint16_t type, uint32_t entry, uint16_t count)
{
    *elf_header(image) = (struct elf32_header){
        .magic = {0x7f, 'E', 'L', 'F'},
        .class = ELF_CLASS_32,
        .byte_order = ELF_LITTLE_ENDIAN,
        .ident_version = ELF_VERSION,
        .type = type,
        .machine = ELF_MACHINE_386,
        .version = ELF_VERSION,
        .entry = entry,
        .program_headers = sizeof(struct elf32_header),
        .header_size = sizeof(struct elf32_header),
        .program_header_size = sizeof(struct elf32_segment),
        .program_header_count = count,
    };
}

static const struct elf32_segment elf_stack = {
    .type = ELF_SEGMENT_STACK,
    .flags = ELF_SEGMENT_READ | ELF_SEGMENT_WRITE,
    .align = 16,
};

struct image elf_image(void)
{
    struct image image = image_new(0x1600);
    struct elf32_segment *segments = elf_segment(&image, 0);

    put_elf_header(&image, ELF_TYPE_EXEC, 0x08048100, 3);
    segments[0] = (struct elf32_segment){
        .type = ELF_SEGMENT_LOAD,
        .address = 0x08048000,
        .file_size = 0x1234,
        .memory_size = 0x1234,
        .flags = ELF_SEGMENT_READ | ELF_SEGMENT_EXEC,
        .align = 0x1000,
    };
    segments[1] = (struct elf32_segment){
        .type = ELF_SEGMENT_LOAD,
        .offset = 0x1300,
        .address = 0x0804a300,
        .file_size = 0x200,
        .memory_size = 0x2000,
        .flags = ELF_SEGMENT_READ | ELF_SEGMENT_WRITE,
        .align = 0x1000,
    };
    segments[2] = elf_stack;
    return image;
}

struct elf32_segment *elf_set_loads(struct image *image, uint32_t count)
{
    struct elf32_segment *segments = elf_segment(image, 0);

    elf_header(image)->program_header_count = (uint16_t)count;
    memset(segments, 0, count * sizeof(*segments));
    for (uint32_t i = 0; i < count; i++)
        segments[i].type = ELF_SEGMENT_LOAD;
    return segments;
}

static void put_pie_contents(struct image *image)
{
    static const struct elf32_note note = {
        .name_size = sizeof(ELF_ATOMIK_NOTE_NAME),
        .text_size = 6,
        .type = ELF_ATOMIK_NOTE_PERSONALITY,
    };

    memset(image->bytes + ELF_PIE_NOTE, 0, 32);
    memcpy(image->bytes + ELF_PIE_NOTE, &note, sizeof(note));
    memcpy(image->bytes + ELF_PIE_NOTE + 12, ELF_ATOMIK_NOTE_NAME, 7);
    memcpy(image->bytes + ELF_PIE_NOTE + 20, "native", 6);
    memcpy(image->bytes + ELF_PIE_INTERP, "/lib/ld-linux.so.2", ELF_PIE_INTERP_ROOM);
}

struct image elf_pie_image(void)
{
    struct image image = image_new(0x1400);
    const struct elf32_segment segments[] = {
        {ELF_SEGMENT_PHDR, 0x34, 0x34, 0x34, 7 * 32, 7 * 32, ELF_SEGMENT_READ, 4},
        {ELF_SEGMENT_INTERP, ELF_PIE_INTERP, ELF_PIE_INTERP, ELF_PIE_INTERP, ELF_PIE_INTERP_ROOM,
         ELF_PIE_INTERP_ROOM, ELF_SEGMENT_READ, 1},
        {ELF_SEGMENT_LOAD, 0, 0, 0, 0x800, 0x800, ELF_SEGMENT_READ | ELF_SEGMENT_EXEC, 0x1000},
        {ELF_SEGMENT_LOAD, 0x1000, 0x1000, 0x1000, 0x400, 0x1400,
         ELF_SEGMENT_READ | ELF_SEGMENT_WRITE, 0x1000},
        {ELF_SEGMENT_TLS, 0x1000, 0x1000, 0x1000, 0x10, 0x40, ELF_SEGMENT_READ, 8},
        {ELF_SEGMENT_NOTE, ELF_PIE_NOTE, ELF_PIE_NOTE, ELF_PIE_NOTE, 28, 28, ELF_SEGMENT_READ, 4},
        elf_stack,
    };

    put_elf_header(&image, ELF_TYPE_DYN, 0x400, sizeof(segments) / sizeof(segments[0]));
    memcpy(elf_segment(&image, 0), segments, sizeof(segments));
    put_pie_contents(&image);
    return image;
}

/* The headers stand at 0x80, right behind a DOS header and what would be its program. */
#define PE_OFFSET 0x80u

struct pe_headers *pe_header(const struct image *image)
{
    return (struct pe_headers *)(image->bytes + PE_OFFSET);
}

struct pe_directory *pe_directory_at(const struct image *image, uint32_t index)
{
    return (struct pe_directory *)(pe_header(image) + 1) + index;
}

struct pe_section *pe_section_at(const struct image *image, uint32_t index)
{
    return (struct pe_section *)pe_directory_at(image, PE_MAX_DIRECTORIES) + index;
}

static void put_pe_headers(struct image *image, uint32_t headers_size, uint32_t section_align,
                           uint32_t file_align, uint32_t image_size)
{
    struct pe_dos_header dos = {.magic = PE_DOS_MAGIC, .pe_offset = PE_OFFSET};

    memset(image->bytes, 0, headers_size);
    memcpy(image->bytes, &dos, sizeof(dos));
    *pe_header(image) = (struct pe_headers){
        .signature = PE_SIGNATURE,
        .machine = PE_MACHINE_I386,
        .section_count = PE_SECTIONS,
        .optional_header_size = PE_OPTIONAL_SIZE + PE_MAX_DIRECTORIES * 8,
        .characteristics = PE_EXECUTABLE,
        .magic = PE_MAGIC_PE32,
        .entry = 0x1000,
        .image_base = PE_BASE,
        .section_align = section_align,
        .file_align = file_align,
        .os_major = 4,
        .subsystem_major = 5,
        .subsystem_minor = 1,
        .image_size = image_size,
        .headers_size = headers_size,
        .checksum = 0x1234,
        .subsystem = 3,
        .dll_characteristics = 0x140,
        .stack_reserve = 0x200000,
        .stack_commit = 0x1000,
        .heap_reserve = 0x100000,
        .heap_commit = 0x1000,
        .directory_count = PE_MAX_DIRECTORIES,
    };
    *pe_directory_at(image, PE_DIRECTORY_EXPORT) = (struct pe_directory){0x4000, 0x100};
    *pe_directory_at(image, PE_DIRECTORY_RELOC) = (struct pe_directory){0x5000, 0x10};
}

static void put_section(struct image *image, uint32_t index, const char *name, uint32_t rva,
                        uint32_t virtual_size, uint32_t raw_offset, uint32_t raw_size,
                        uint32_t rights)
{
    struct pe_section *section = pe_section_at(image, index);

    *section = (struct pe_section){
        .virtual_size = virtual_size,
        .virtual_address = rva,
        .raw_size = raw_size,
        .raw_offset = raw_offset,
        .characteristics = rights,
    };
    memcpy(section->name, name, strlen(name));
}

/* Three names, sorted, with the table of functions in another order. */
static void put_exports(uint8_t *at)
{
    const struct pe_export_directory directory = {
        .name = 0x4080,
        .ordinal_base = 1,
        .function_count = 4,
        .name_count = 3,
        .functions = 0x4028,
        .names = 0x4038,
        .ordinals = 0x4044,
    };
    const uint32_t functions[] = {PE_BETA, PE_ALPHA, 0, 0x40a0};
    const uint32_t names[] = {0x4050, 0x4058, 0x4060};
    const uint16_t ordinals[] = {1, 0, 3};

    memset(at, 0, 0x100);
    memcpy(at, &directory, sizeof(directory));
    memcpy(at + 0x28, functions, sizeof(functions));
    memcpy(at + 0x38, names, sizeof(names));
    memcpy(at + 0x44, ordinals, sizeof(ordinals));
    memcpy(at + 0x50, "alpha", 6);
    memcpy(at + 0x58, "beta", 5);
    memcpy(at + 0x60, "gamma", 6);
    memcpy(at + 0x80, "test.dll", 9);
    memcpy(at + 0xa0, "other.gamma", 12);
}

static void put_relocs(uint8_t *at)
{
    const struct pe_reloc_block block = {0x1000, 16};
    const uint16_t entries[] = {
        PE_RELOC_HIGHLOW << 12 | (PE_FIX_HIGHLOW & 0xfff),
        PE_RELOC_HIGH << 12 | (PE_FIX_HIGH & 0xfff),
        PE_RELOC_LOW << 12 | (PE_FIX_LOW & 0xfff),
        PE_RELOC_ABSOLUTE << 12,
    };

    memcpy(at, &block, sizeof(block));
    memcpy(at + sizeof(block), entries, sizeof(entries));
}

#define RIGHTS_RX (PE_SECTION_READ | PE_SECTION_EXEC)
#define RIGHTS_RW (PE_SECTION_READ | PE_SECTION_WRITE)

struct image pe_image(void)
{
    struct image image = image_new(0xc00);

    put_pe_headers(&image, 0x400, 0x1000, 0x200, 0x6000);
    put_section(&image, PE_TEXT, ".text", 0x1000, 0x1f0, 0x400, 0x200, RIGHTS_RX);
    put_section(&image, PE_DATA, ".data", 0x2000, 0x1800, 0x600, 0x200, RIGHTS_RW);
    put_section(&image, PE_EDATA, ".edata", 0x4000, 0x100, 0x800, 0x200, PE_SECTION_READ);
    put_section(&image, PE_RELOC, ".reloc", 0x5000, 0x10, 0xa00, 0x200, PE_SECTION_READ);
    put_exports(image.bytes + 0x800);
    put_relocs(image.bytes + 0xa00);
    return image;
}

struct image pe_mappable_image(void)
{
    struct image image = image_new(0x5000);

    put_pe_headers(&image, 0x1000, 0x1000, 0x1000, 0x6000);
    pe_header(&image)->characteristics |= PE_DLL;
    put_section(&image, PE_TEXT, ".text", 0x1000, 0xf00, 0x1000, 0x1000, RIGHTS_RX);
    put_section(&image, PE_DATA, ".data", 0x2000, 0x1800, 0x2000, 0x1000, RIGHTS_RW);
    put_section(&image, PE_EDATA, ".edata", 0x4000, 0x100, 0x3000, 0x1000, PE_SECTION_READ);
    put_section(&image, PE_RELOC, ".reloc", 0x5000, 0x10, 0x4000, 0x1000, PE_SECTION_READ);
    put_exports(image.bytes + 0x3000);
    put_relocs(image.bytes + 0x4000);
    return image;
}

struct image pe_flat_image(void)
{
    struct image image = image_new(0x800);

    put_pe_headers(&image, 0x400, 0x200, 0x200, 0x900);
    pe_header(&image)->section_count = 2;
    pe_header(&image)->entry = 0x420;
    memset(pe_directory_at(&image, 0), 0, PE_MAX_DIRECTORIES * 8);
    put_section(&image, PE_TEXT, ".text", 0x400, 0x200, 0x400, 0x200, RIGHTS_RX);
    put_section(&image, PE_DATA, ".data", 0x600, 0x300, 0x600, 0x200, RIGHTS_RW);
    return image;
}
