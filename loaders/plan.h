/* SPDX-License-Identifier: MIT */
/*
 * The load plan: what elf32 and pe make of the bytes of an image. Pure functions, no allocation, no
 * I/O but through the reader. Every offset and size of the image is checked before it is used, so
 * that whoever carries a plan out may trust it.
 *
 * Invariants of a plan that came with LOAD_OK: segments are in ascending order, page-aligned,
 * disjoint and inside [preferred_base, preferred_base + image_size), which does not wrap;
 * file_length <= length; the file range lies inside the image.
 */
#ifndef LOADERS_PLAN_H
#define LOADERS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_MAX_SEGMENTS 96
#define LOAD_PAGE 4096u

enum load_kind { LOAD_ELF32 = 1, LOAD_PE32 = 2 };
enum load_prot { LOAD_READ = 1, LOAD_WRITE = 2, LOAD_EXEC = 4 };

enum load_error {
    LOAD_OK = 0,
    LOAD_NOT_RECOGNISED = -1, /* no magic number of ours */
    LOAD_TRUNCATED = -2,      /* a structure or its data lies past the end of the file */
    LOAD_BAD_FORMAT = -3,     /* a field contradicts another or the standard */
    LOAD_UNSUPPORTED = -4,    /* well formed, for another machine or of a kind we do not load */
    LOAD_BAD_ADDRESS = -5,    /* segments wrap, overlap or leave the image */
    LOAD_TOO_COMPLEX = -6,    /* more segments or relocations than a plan holds */
};

struct load_reader {
    /* Fails if [offset, offset + length) is not inside the file. */
    bool (*read)(void *context, uint32_t offset, void *buffer, uint32_t length);
    void *context;
    uint32_t size; /* of the file in bytes */
};

struct load_segment {
    uint32_t address;     /* page aligned; absolute at preferred_base */
    uint32_t length;      /* whole pages */
    uint32_t file_offset; /* of the first byte */
    uint32_t file_length; /* bytes from the file, starting at address; the rest of length is zero */
    uint8_t prot;         /* enum load_prot */
    bool mappable;        /* file_offset is page aligned: pages can be mapped instead of copied */
};

struct load_plan {
    enum load_kind kind;
    bool relocatable; /* may be placed elsewhere: ELF ET_DYN, PE with relocations */
    uint32_t preferred_base, image_size;
    uint32_t entry; /* absolute at preferred_base; PE: 0 = none */
    /* PE */
    uint32_t stack_reserve, stack_commit, heap_reserve, heap_commit;
    uint16_t subsystem, characteristics, dll_characteristics, machine;
    uint16_t os_major, os_minor, subsystem_major, subsystem_minor;
    uint32_t checksum, headers_size;
    uint32_t export_rva, export_size, reloc_rva, reloc_size;
    /* ELF */
    uint32_t interp_offset, interp_length; /* path in the file, without its NUL; length 0 = none */
    uint32_t phdr_address, phdr_count, phdr_entry_size;
    bool executable_stack;
    uint32_t tls_offset, tls_address, tls_file_size, tls_mem_size, tls_align;
    char personality[16]; /* of an "Atomik" note, else "" */

    uint32_t segment_count;
    struct load_segment segments[LOAD_MAX_SEGMENTS];
};

/* Tries every format; NOT_RECOGNISED if none knows the magic number. */
enum load_error load_plan_any(const struct load_reader *reader, struct load_plan *plan);
const char *load_error_text(enum load_error error);

/* Adds a segment behind the others; checks the invariants above except the image's bounds. */
enum load_error load_plan_add(struct load_plan *plan, const struct load_segment *segment);

/* [start, start + length) lies inside [0, limit) and does not wrap. */
static inline bool load_range_ok(uint32_t start, uint32_t length, uint32_t limit)
{
    return start <= limit && length <= limit - start;
}

static inline uint32_t load_page_down(uint32_t value)
{
    return value & ~(LOAD_PAGE - 1);
}

/* Overflows to 0 for the last page of the address space; callers check. */
static inline uint32_t load_page_up(uint32_t value)
{
    return (value + LOAD_PAGE - 1) & ~(LOAD_PAGE - 1);
}

#endif
