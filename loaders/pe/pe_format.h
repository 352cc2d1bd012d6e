/* SPDX-License-Identifier: MIT */
/*
 * The PE32 file format, as far as a loader reads it (Microsoft's "PE Format").
 *
 *      0  +----------------------+
 *         | pe_dos_header    64  |  pe_offset = offset of the next
 *         +----------------------+
 *         | pe_headers      120  |  signature, file header, optional header
 *         | pe_directory      8  |  one per data directory: export, import, ...
 *         +----------------------+  at 24 + optional_header_size from the signature:
 *         | pe_section       40  |  one per section
 *         |  ...                 |
 *         +----------------------+  headers_size
 *         | the sections' bytes  |
 *         +----------------------+
 *
 * An RVA is an address less the image's base. The names differ from <winnt.h>'s, so that a test
 * can include both and compare.
 */
#ifndef LOADERS_PE_FORMAT_H
#define LOADERS_PE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

enum {
    PE_DOS_MAGIC = 0x5a4d,     /* "MZ" */
    PE_SIGNATURE = 0x00004550, /* "PE\0\0" */
    PE_MACHINE_I386 = 0x14c,
    PE_MAGIC_PE32 = 0x10b,
    PE_MAGIC_PE32_PLUS = 0x20b,
    PE_RELOCS_STRIPPED = 0x0001, /* characteristics of the file */
    PE_EXECUTABLE = 0x0002,
    PE_DLL = 0x2000,
    PE_MAX_DIRECTORIES = 16,
    PE_DIRECTORY_EXPORT = 0,
    PE_DIRECTORY_RELOC = 5,
    PE_SECTOR = 0x200, /* where a section's bytes start is rounded down to this */
    PE_BASE_ALIGN = 0x10000,
};

struct pe_dos_header {
    uint16_t magic;
    uint16_t real_mode[29];
    uint32_t pe_offset;
};
_Static_assert(sizeof(struct pe_dos_header) == 64, "DOS header");
_Static_assert(offsetof(struct pe_dos_header, pe_offset) == 60, "DOS header");

struct pe_directory {
    uint32_t rva, size;
};
_Static_assert(sizeof(struct pe_directory) == 8, "data directory");

/* Signature, file header and the optional header without its directories. */
struct pe_headers {
    uint32_t signature;

    uint16_t machine, section_count;
    uint32_t timestamp, symbol_table, symbol_count;
    uint16_t optional_header_size, characteristics;

    uint16_t magic; /* the optional header begins here */
    uint8_t linker_major, linker_minor;
    uint32_t code_size, initialized_size, uninitialized_size;
    uint32_t entry, code_base, data_base;
    uint32_t image_base, section_align, file_align;
    uint16_t os_major, os_minor, image_major, image_minor;
    uint16_t subsystem_major, subsystem_minor;
    uint32_t win32_version;
    uint32_t image_size, headers_size, checksum;
    uint16_t subsystem, dll_characteristics;
    uint32_t stack_reserve, stack_commit, heap_reserve, heap_commit;
    uint32_t loader_flags, directory_count;
};
_Static_assert(offsetof(struct pe_headers, machine) == 4, "PE file header");
_Static_assert(offsetof(struct pe_headers, magic) == 24, "PE optional header");
_Static_assert(offsetof(struct pe_headers, image_base) == 24 + 28, "PE optional header");
_Static_assert(offsetof(struct pe_headers, image_size) == 24 + 56, "PE optional header");
_Static_assert(offsetof(struct pe_headers, stack_reserve) == 24 + 72, "PE optional header");
_Static_assert(sizeof(struct pe_headers) == 24 + 96, "PE headers without directories");

#define PE_OPTIONAL_HEADER offsetof(struct pe_headers, magic)
#define PE_OPTIONAL_SIZE   (sizeof(struct pe_headers) - PE_OPTIONAL_HEADER)

enum {
    PE_SECTION_EXEC = 0x20000000,
    PE_SECTION_READ = 0x40000000,
};
#define PE_SECTION_WRITE 0x80000000u /* does not fit an enumerator */

struct pe_section {
    char name[8];
    uint32_t virtual_size, virtual_address; /* size 0: raw_size counts */
    uint32_t raw_size, raw_offset;          /* in the file; offset 0: no bytes there */
    uint32_t relocations, line_numbers;
    uint16_t relocation_count, line_number_count;
    uint32_t characteristics; /* PE_SECTION_READ, ... */
};
_Static_assert(sizeof(struct pe_section) == 40, "PE section header");
_Static_assert(offsetof(struct pe_section, characteristics) == 36, "PE section header");

/* Base relocations: blocks of one header and (size - 8) / 2 entries of type << 12 | offset. */
struct pe_reloc_block {
    uint32_t page_rva;
    uint32_t size;
};
_Static_assert(sizeof(struct pe_reloc_block) == 8, "PE relocation block");

enum pe_reloc_type {
    PE_RELOC_ABSOLUTE = 0, /* padding */
    PE_RELOC_HIGH = 1,
    PE_RELOC_LOW = 2,
    PE_RELOC_HIGHLOW = 3,
};

struct pe_export_directory {
    uint32_t characteristics, timestamp;
    uint16_t major, minor;
    uint32_t name, ordinal_base;
    uint32_t function_count, name_count;
    uint32_t functions; /* RVA of uint32_t[function_count]: RVAs */
    uint32_t names;     /* RVA of uint32_t[name_count]: RVAs of names, sorted */
    uint32_t ordinals;  /* RVA of uint16_t[name_count]: indexes into functions */
};
_Static_assert(sizeof(struct pe_export_directory) == 40, "PE export directory");
_Static_assert(offsetof(struct pe_export_directory, functions) == 28, "PE export directory");

#endif
