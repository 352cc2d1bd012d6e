/* SPDX-License-Identifier: MIT */
/*
 * Small well-formed images, built in memory, for tests to damage and for fuzzers to start from.
 * Each lives in a heap block of exactly its size, so that the address sanitizer sees any byte read
 * beyond it. Bytes that no header claims hold image_pattern(offset).
 */
#ifndef TESTS_UNIT_LOADERS_IMAGES_H
#define TESTS_UNIT_LOADERS_IMAGES_H

#include "loaders/elf32/elf32_format.h"
#include "loaders/pe/pe_format.h"
#include "loaders/plan.h"

struct image {
    uint8_t *bytes;
    uint32_t size;
};

struct image image_new(uint32_t size);
void image_free(struct image *image);
void image_resize(struct image *image, uint32_t size);
uint8_t image_pattern(uint32_t offset);
/* The reader aborts when it is asked for anything outside the image. */
struct load_reader image_reader(const struct image *image);

/* Static executable: text at 0x08048000, data with bss at 0x0804a300, stack not executable. */
struct image elf_image(void);
/* PIE with headers, interpreter, TLS and an Atomik note that names "native". */
struct image elf_pie_image(void);
struct elf32_header *elf_header(const struct image *image);
struct elf32_segment *elf_segment(const struct image *image, uint32_t index);
/* Replaces all program headers: `count` PT_LOADs of zeros for the test to fill in. */
struct elf32_segment *elf_set_loads(struct image *image, uint32_t count);

/* The note of elf_pie_image, the path of its interpreter and their room in the file. */
#define ELF_PIE_NOTE        0x200u
#define ELF_PIE_INTERP      0x240u
#define ELF_PIE_INTERP_ROOM 0x13u

/* Executable of four sections: code, data with bss, exports, relocations; file alignment 0x200. */
struct image pe_image(void);
/* The same shape with file alignment 0x1000: every section can be mapped. */
struct image pe_mappable_image(void);
/* Section alignment 0x200: memory is the file. */
struct image pe_flat_image(void);
struct pe_headers *pe_header(const struct image *image);
struct pe_directory *pe_directory_at(const struct image *image, uint32_t index);
struct pe_section *pe_section_at(const struct image *image, uint32_t index);

enum { PE_TEXT, PE_DATA, PE_EDATA, PE_RELOC, PE_SECTIONS };

#define PE_BASE 0x00400000u
/* What the relocation table of pe_image changes, as RVAs in its code. */
#define PE_FIX_HIGHLOW 0x1010u
#define PE_FIX_HIGH    0x1020u
#define PE_FIX_LOW     0x1030u
/* Its exports: alpha and beta are code, gamma is forwarded. */
#define PE_ALPHA 0x1100u
#define PE_BETA  0x1140u

#endif
