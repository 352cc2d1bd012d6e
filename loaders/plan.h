/* SPDX-License-Identifier: MIT */
/*
 * The load plan: what a loader makes of the bytes of an executable image, and what whoever builds
 * the address space (the kernel's as_load, the nt server) works from.
 *
 * A loader is a pure function: bytes in through a reader, a checked plan out. It allocates nothing
 * and keeps nothing. A plan that was returned with LOAD_OK holds these invariants:
 *
 *   - segments are page aligned, sorted by address and disjoint; none touches the last page of the
 *     4 GiB, so address + length never wraps;
 *   - every segment lies in [preferred_base, preferred_base + image_size), and pages of that span
 *     that no segment covers are to be reserved without access;
 *   - file_offset + file_length lies inside the file and file_length <= length;
 *   - a non-zero entry lies in a segment.
 *
 * All addresses are those at preferred_base (0 for most PIEs). To place a relocatable image at
 * another base, add (base - preferred_base) to each of them; that difference must be a multiple of
 * base_align. A PE then needs pe_relocate as well.
 *
 * What a segment must look like once it is loaded: file_length bytes of the file at `address`, and
 * zeros from there to address + length. For a mappable segment whose file_length is not a multiple
 * of the page size that means a private copy of the last page, cleared from file_length on.
 *
 * When a loader fails, the plan's contents mean nothing. A plan is some 2 KiB: it does not belong
 * on a kernel stack.
 */
#ifndef LOADERS_PLAN_H
#define LOADERS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_MAX_SEGMENTS     96
#define LOAD_PERSONALITY_SIZE 16

#define LOAD_CHECKED __attribute__((warn_unused_result))

enum load_kind {
    LOAD_ELF32 = 1,
    LOAD_PE32 = 2,
};

enum load_prot {
    LOAD_READ = 1,
    LOAD_WRITE = 2,
    LOAD_EXEC = 4,
};

enum load_error {
    LOAD_OK = 0,
    LOAD_NOT_RECOGNISED = -1, /* not an image of this kind; or no such export, or no more of them */
    LOAD_TRUNCATED = -2,      /* the file ends before the data that it promises */
    LOAD_BAD_FORMAT = -3,     /* contradicts its own format */
    LOAD_UNSUPPORTED = -4,    /* well formed, but not something that we load */
    LOAD_BAD_ADDRESS = -5,    /* an address that wraps, is misaligned or lies outside the image */
    LOAD_TOO_COMPLEX = -6,    /* more parts than a plan can hold */
};

/* `read` copies exactly `length` bytes or returns false. It is only asked for ranges inside `size`. */
struct load_reader {
    bool (*read)(void *context, uint32_t offset, void *buffer, uint32_t length);
    void *context;
    uint32_t size;
};

struct load_segment {
    uint32_t address;     /* page aligned */
    uint32_t length;      /* page multiple: the whole range to map */
    uint32_t file_offset; /* means something if file_length > 0; page aligned if mappable */
    uint32_t file_length; /* bytes from the file, starting at address; the rest reads as zero */
    uint8_t prot;         /* set of enum load_prot; 0 means no access */
    bool mappable; /* the file's pages can be mapped; otherwise file_length bytes are copied */
};

struct load_plan {
    enum load_kind kind;
    bool relocatable;        /* may be placed elsewhere than at preferred_base */
    uint32_t preferred_base; /* lowest address, page aligned */
    uint32_t image_size;     /* page multiple: the span of all segments */
    uint32_t base_align;     /* another base must differ from the preferred one by a multiple */
    uint32_t entry;          /* 0 = none: a library without one */

    /* PE. The sizes are requests, passed on as they stand. */
    uint32_t stack_reserve, stack_commit, heap_reserve, heap_commit;
    uint16_t subsystem, characteristics, dll_characteristics;
    uint16_t os_major, os_minor, subsystem_major, subsystem_minor, machine;
    uint32_t checksum, headers_size;
    uint32_t export_rva, export_size, reloc_rva, reloc_size; /* inside the image; 0, 0 = none */

    /* ELF */
    uint32_t interp_offset, interp_length; /* the path's place in the file, without NUL; 0 = none */
    uint32_t phdr_address;                 /* of the program headers in memory; 0 = not loaded */
    uint32_t phdr_count, phdr_entry_size;
    bool executable_stack;
    uint32_t tls_address, tls_offset; /* of the initial image, in memory and in the file */
    uint32_t tls_file_size, tls_mem_size, tls_align; /* tls_mem_size 0 = no TLS */
    char personality[LOAD_PERSONALITY_SIZE];         /* named by an Atomik note, else "" */

    uint32_t segment_count;
    struct load_segment segments[LOAD_MAX_SEGMENTS];
};

/* Tries every loader in turn; LOAD_NOT_RECOGNISED when the file is of no known kind. */
LOAD_CHECKED enum load_error load_plan_any(const struct load_reader *reader,
                                           struct load_plan *plan);

/* A few words for a message; never NULL. */
const char *load_error_text(enum load_error error);

#endif
