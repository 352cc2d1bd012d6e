/* SPDX-License-Identifier: MIT */
/* The ELF32 file format (System V ABI, chapters 4 and 5), little-endian as in the file. */
#ifndef LOADERS_ELF32_FORMAT_H
#define LOADERS_ELF32_FORMAT_H

#include <stdint.h>

struct elf32_header {
    uint8_t magic[4], class, data, ident_version, os_abi, abi_version, padding[7];
    uint16_t type, machine;
    uint32_t version, entry, phdr_offset, shdr_offset, flags;
    uint16_t header_size, phdr_size, phdr_count, shdr_size, shdr_count, string_section;
};

struct elf32_phdr {
    uint32_t type, offset, address, physical, file_size, mem_size, flags, align;
};

struct elf32_note {
    uint32_t name_size, desc_size, type;
};

_Static_assert(sizeof(struct elf32_header) == 52, "ELF header");
_Static_assert(sizeof(struct elf32_phdr) == 32, "program header");

enum { ELF_CLASS_32 = 1, ELF_DATA_LITTLE = 1, ELF_TYPE_EXEC = 2, ELF_TYPE_DYN = 3, ELF_MACHINE_386 = 3 };
enum {
    ELF_PT_LOAD = 1, ELF_PT_INTERP = 3, ELF_PT_NOTE = 4, ELF_PT_PHDR = 6, ELF_PT_TLS = 7,
    ELF_PT_GNU_STACK = 0x6474e551
};
enum { ELF_PF_X = 1, ELF_PF_W = 2, ELF_PF_R = 4 };

#endif
