/* SPDX-License-Identifier: MIT */
/* The PE32 file format (Microsoft PE/COFF specification), little-endian as in the file. */
#ifndef LOADERS_PE_FORMAT_H
#define LOADERS_PE_FORMAT_H

#include <stdint.h>

struct pe_dos_header {
    uint16_t magic;
    uint8_t unused[58];
    uint32_t pe_offset;
};

struct pe_file_header {
    uint32_t signature;
    uint16_t machine, section_count;
    uint32_t time_stamp, symbol_table, symbol_count;
    uint16_t optional_size, characteristics;
};

struct pe_directory {
    uint32_t rva, size;
};

#define PE_DIRECTORIES 16
struct pe_optional_header {
    uint16_t magic;
    uint8_t linker_major, linker_minor;
    uint32_t code_size, data_size, bss_size, entry, code_base, data_base;
    uint32_t image_base, section_alignment, file_alignment;
    uint16_t os_major, os_minor, image_major, image_minor, subsystem_major, subsystem_minor;
    uint32_t win32_version, image_size, headers_size, checksum;
    uint16_t subsystem, dll_characteristics;
    uint32_t stack_reserve, stack_commit, heap_reserve, heap_commit, loader_flags, directory_count;
    struct pe_directory directories[PE_DIRECTORIES];
};

struct pe_section {
    char name[8];
    uint32_t virtual_size, rva, raw_size, raw_offset, relocations, line_numbers;
    uint16_t relocation_count, line_number_count;
    uint32_t characteristics;
};

struct pe_export_directory {
    uint32_t flags, time_stamp;
    uint16_t major, minor;
    uint32_t name, ordinal_base, function_count, name_count, functions, names, ordinals;
};

struct pe_reloc_block {
    uint32_t rva, size; /* size counts this header */
};

_Static_assert(sizeof(struct pe_dos_header) == 64, "DOS header");
_Static_assert(sizeof(struct pe_file_header) == 24, "signature and COFF header");
_Static_assert(sizeof(struct pe_optional_header) == 224, "optional header of PE32");
_Static_assert(sizeof(struct pe_section) == 40, "section header");
_Static_assert(sizeof(struct pe_export_directory) == 40, "export directory");

enum { PE_DOS_MAGIC = 0x5a4d, PE_SIGNATURE = 0x4550, PE_MACHINE_I386 = 0x14c, PE_MAGIC_PE32 = 0x10b };
enum { PE_FILE_RELOCS_STRIPPED = 1, PE_FILE_EXECUTABLE = 2, PE_FILE_DLL = 0x2000 };
enum { PE_SECTION_EXECUTE = 0x20000000, PE_SECTION_READ = 0x40000000, PE_SECTION_BSS = 0x80 };
#define PE_SECTION_WRITE 0x80000000u
enum { PE_EXPORT = 0, PE_BASERELOC = 5 };
enum { PE_REL_ABSOLUTE = 0, PE_REL_HIGH = 1, PE_REL_LOW = 2, PE_REL_HIGHLOW = 3 };

#endif
