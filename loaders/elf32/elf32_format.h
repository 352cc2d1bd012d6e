/* SPDX-License-Identifier: MIT */
/*
 * The ELF32 file format, as far as a loader reads it (System V gABI, chapters 4 and 5).
 *
 *      0  +----------------------+
 *         | elf32_header     52  |  program_headers = offset of the table below
 *         +----------------------+
 *         | elf32_segment    32  |  one per segment: where it lies in the file and in memory
 *         |  ...                 |
 *         +----------------------+
 *         | the segments' bytes  |  a note segment: elf32_note, name, padding, text, padding, ...
 *         +----------------------+
 *
 * The names differ from <elf.h>'s, so that a host test can include both and compare.
 */
#ifndef LOADERS_ELF32_FORMAT_H
#define LOADERS_ELF32_FORMAT_H

#include <stddef.h>
#include <stdint.h>

enum {
    ELF_CLASS_32 = 1,
    ELF_LITTLE_ENDIAN = 1,
    ELF_VERSION = 1,
    ELF_TYPE_EXEC = 2,
    ELF_TYPE_DYN = 3,
    ELF_MACHINE_386 = 3,
};

/* The first 16 bytes are the same in every ELF file, so the other classes can be told apart. */
struct elf32_header {
    uint8_t magic[4]; /* 0x7f "ELF" */
    uint8_t class, byte_order, ident_version, os_abi;
    uint8_t padding[8];
    uint16_t type, machine;
    uint32_t version;
    uint32_t entry;
    uint32_t program_headers; /* file offset */
    uint32_t section_headers;
    uint32_t flags;
    uint16_t header_size;
    uint16_t program_header_size, program_header_count;
    uint16_t section_header_size, section_header_count, section_names;
};
_Static_assert(sizeof(struct elf32_header) == 52, "ELF32 file header");
_Static_assert(offsetof(struct elf32_header, type) == 16, "ELF32 file header");
_Static_assert(offsetof(struct elf32_header, entry) == 24, "ELF32 file header");
_Static_assert(offsetof(struct elf32_header, program_header_count) == 44, "ELF32 file header");

enum elf32_segment_type {
    ELF_SEGMENT_LOAD = 1,
    ELF_SEGMENT_INTERP = 3,
    ELF_SEGMENT_NOTE = 4,
    ELF_SEGMENT_PHDR = 6,
    ELF_SEGMENT_TLS = 7,
    ELF_SEGMENT_STACK = 0x6474e551,
};

enum {
    ELF_SEGMENT_EXEC = 1,
    ELF_SEGMENT_WRITE = 2,
    ELF_SEGMENT_READ = 4,
};

struct elf32_segment {
    uint32_t type; /* enum elf32_segment_type */
    uint32_t offset, address, physical_address;
    uint32_t file_size, memory_size;
    uint32_t flags; /* ELF_SEGMENT_READ, ... */
    uint32_t align;
};
_Static_assert(sizeof(struct elf32_segment) == 32, "ELF32 program header");
_Static_assert(offsetof(struct elf32_segment, file_size) == 16, "ELF32 program header");

struct elf32_note {
    uint32_t name_size, text_size; /* without padding; the name's size counts its NUL */
    uint32_t type;
};
_Static_assert(sizeof(struct elf32_note) == 12, "ELF note");

/* Our note: the text is the name of the personality that runs the program. */
#define ELF_ATOMIK_NOTE_NAME        "Atomik"
#define ELF_ATOMIK_NOTE_PERSONALITY 1

#endif
