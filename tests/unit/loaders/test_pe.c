/* SPDX-License-Identifier: MIT */
/*
 * What pe_plan, pe_relocate and the export functions make of good images, then images with one
 * mistake each; these tests are named after the mistake.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loaders/bytes.h"
#include "loaders/pe/pe.h"
#include "tests/unit/loaders/check.h"
#include "tests/unit/loaders/images.h"

static struct load_plan plan;

static enum load_error plan_it(const struct image *image)
{
    struct load_reader reader = image_reader(image);

    memset(&plan, 0xa5, sizeof(plan));
    return pe_plan(&reader, &plan);
}

static void accept(struct image *image)
{
    assert_int_equal(plan_it(image), LOAD_OK);
    check_plan(&plan, image->size);
    image_free(image);
}

static void reject(struct image *image, enum load_error error)
{
    assert_int_equal(plan_it(image), error);
    image_free(image);
}

/* The memory of an image that must be acceptable; the caller frees it. */
static uint8_t *load(struct image *image)
{
    struct load_reader reader = image_reader(image);
    uint8_t *memory;

    assert_int_equal(plan_it(image), LOAD_OK);
    memory = apply_plan(&plan, &reader);
    image_free(image);
    return memory;
}

static void expect_segment(uint32_t index, uint32_t rva, uint32_t length, uint32_t file_offset,
                           uint32_t file_length, unsigned prot, bool mappable)
{
    const struct load_segment *segment = &plan.segments[index];

    assert_true(index < plan.segment_count);
    assert_int_equal(segment->address, PE_BASE + rva);
    assert_int_equal(segment->length, length);
    assert_int_equal(segment->file_length, file_length);
    if (file_length > 0)
        assert_int_equal(segment->file_offset, file_offset);
    assert_int_equal(segment->prot, prot);
    assert_int_equal(segment->mappable, mappable);
}

#define RX (LOAD_READ | LOAD_EXEC)
#define RW (LOAD_READ | LOAD_WRITE)

static void small_file_alignment_is_copied(void **state)
{
    struct image image = pe_image();

    (void)state;
    accept(&image);
    assert_int_equal(plan.kind, LOAD_PE32);
    assert_true(plan.relocatable);
    assert_int_equal(plan.preferred_base, PE_BASE);
    assert_int_equal(plan.image_size, 0x6000);
    assert_int_equal(plan.base_align, 0x10000);
    assert_int_equal(plan.entry, PE_BASE + 0x1000);
    assert_int_equal(plan.segment_count, 5);
    expect_segment(0, 0, 0x1000, 0, 0x400, LOAD_READ, true);
    expect_segment(1, 0x1000, 0x1000, 0x400, 0x200, RX, false);
    expect_segment(2, 0x2000, 0x2000, 0x600, 0x200, RW, false);
    expect_segment(3, 0x4000, 0x1000, 0x800, 0x200, LOAD_READ, false);
    expect_segment(4, 0x5000, 0x1000, 0xa00, 0x200, LOAD_READ, false);
}

static void page_file_alignment_is_mapped(void **state)
{
    struct image image = pe_mappable_image();

    (void)state;
    accept(&image);
    assert_int_equal(plan.segment_count, 5);
    expect_segment(0, 0, 0x1000, 0, 0x1000, LOAD_READ, true);
    expect_segment(1, 0x1000, 0x1000, 0x1000, 0x1000, RX, true);
    expect_segment(2, 0x2000, 0x2000, 0x2000, 0x1000, RW, true);
}

static void small_section_alignment_is_one_copied_segment(void **state)
{
    struct image image = pe_flat_image();

    (void)state;
    accept(&image);
    assert_int_equal(plan.segment_count, 1);
    expect_segment(0, 0, 0x1000, 0, 0x800, LOAD_READ | LOAD_WRITE | LOAD_EXEC, false);
    assert_int_equal(plan.entry, PE_BASE + 0x420);
}

static void header_fields_are_passed_on(void **state)
{
    struct image image = pe_image();

    (void)state;
    accept(&image);
    assert_int_equal(plan.stack_reserve, 0x200000);
    assert_int_equal(plan.stack_commit, 0x1000);
    assert_int_equal(plan.heap_reserve, 0x100000);
    assert_int_equal(plan.heap_commit, 0x1000);
    assert_int_equal(plan.subsystem, 3);
    assert_int_equal(plan.characteristics, PE_EXECUTABLE);
    assert_int_equal(plan.dll_characteristics, 0x140);
    assert_int_equal(plan.os_major, 4);
    assert_int_equal(plan.subsystem_major, 5);
    assert_int_equal(plan.subsystem_minor, 1);
    assert_int_equal(plan.machine, PE_MACHINE_I386);
    assert_int_equal(plan.checksum, 0x1234);
    assert_int_equal(plan.headers_size, 0x400);
    assert_int_equal(plan.export_rva, 0x4000);
    assert_int_equal(plan.export_size, 0x100);
    assert_int_equal(plan.reloc_rva, 0x5000);
    assert_int_equal(plan.reloc_size, 0x10);
}

static void virtual_size_zero_means_raw_size(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_section_at(&image, PE_TEXT)->virtual_size = 0;
    accept(&image);
    expect_segment(1, 0x1000, 0x1000, 0x400, 0x200, RX, false);
}

static void raw_size_above_virtual_size_is_cut_at_the_page(void **state)
{
    struct image image = pe_mappable_image();

    (void)state;
    pe_section_at(&image, PE_TEXT)->raw_size = 0x3000;
    accept(&image);
    expect_segment(1, 0x1000, 0x1000, 0x1000, 0x1000, RX, true);
}

static void section_without_bytes_is_zeros(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_section_at(&image, PE_DATA)->raw_offset = 0;
    accept(&image);
    expect_segment(2, 0x2000, 0x2000, 0, 0, RW, false);

    image = pe_image();
    pe_section_at(&image, PE_DATA)->raw_size = 0;
    accept(&image);
    expect_segment(2, 0x2000, 0x2000, 0, 0, RW, false);
}

static void section_without_any_size_is_ignored(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_section_at(&image, PE_DATA)->virtual_size = 0;
    pe_section_at(&image, PE_DATA)->raw_size = 0;
    accept(&image);
    assert_int_equal(plan.segment_count, 4);
}

static void raw_offset_is_rounded_down_to_a_sector(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_section_at(&image, PE_DATA)->raw_offset = 0x610;
    pe_section_at(&image, PE_DATA)->raw_size = 0x100;
    accept(&image);
    expect_segment(2, 0x2000, 0x2000, 0x600, 0x110, RW, false);
}

static void discardable_section_is_loaded(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_section_at(&image, PE_RELOC)->characteristics |= 0x02000000;
    accept(&image);
    expect_segment(4, 0x5000, 0x1000, 0xa00, 0x200, LOAD_READ, false);
}

static void section_without_rights_has_none(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_section_at(&image, PE_DATA)->characteristics = 0;
    accept(&image);
    expect_segment(2, 0x2000, 0x2000, 0x600, 0x200, 0, false);
}

static void library_needs_no_entry(void **state)
{
    struct image image = pe_mappable_image();

    (void)state;
    pe_header(&image)->entry = 0;
    accept(&image);
    assert_int_equal(plan.entry, 0);
}

static void fewer_directories_count_as_empty(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_header(&image)->directory_count = 5;
    accept(&image);
    assert_int_equal(plan.export_rva, 0x4000);
    assert_int_equal(plan.reloc_rva, 0);
    assert_int_equal(plan.reloc_size, 0);
}

static void file_empty(void **state)
{
    struct image image = image_new(0);

    (void)state;
    reject(&image, LOAD_NOT_RECOGNISED);
}

static void magic_wrong(void **state)
{
    struct image image = pe_image();

    (void)state;
    image.bytes[0] = 'Z';
    reject(&image, LOAD_NOT_RECOGNISED);
}

static void file_cut_anywhere(void **state)
{
    struct image whole = pe_image();

    (void)state;
    for (uint32_t size = 2; size < 0xc00; size++) {
        struct image cut = pe_image();

        image_resize(&cut, size);
        reject(&cut, LOAD_TRUNCATED);
    }
    accept(&whole);
}

static void signature_of_another_dos_format(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_header(&image)->signature = 0x454e; /* NE: a 16-bit Windows program */
    reject(&image, LOAD_UNSUPPORTED);
}

static void pe_offset_past_end(void **state)
{
    static const uint32_t offsets[] = {0xc00, 0xbff, 0x7fffffff, 0xffffffff, 0xffffff80};

    (void)state;
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        struct image image = pe_image();

        memcpy(image.bytes + 0x3c, &offsets[i], 4);
        reject(&image, LOAD_TRUNCATED);
    }
}

/* One field of the headers each: where, how wide, what to put there and what must come of it. */
static void header_field_wrong(void **state)
{
#define FIELD(name) offsetof(struct pe_headers, name), sizeof(((struct pe_headers *)0)->name)
    static const struct {
        size_t offset, size;
        uint32_t value;
        enum load_error error;
    } cases[] = {
        {FIELD(machine), 0x8664, LOAD_UNSUPPORTED},
        {FIELD(characteristics), 0, LOAD_BAD_FORMAT},
        {FIELD(section_count), LOAD_MAX_SEGMENTS, LOAD_TOO_COMPLEX},
        {FIELD(section_count), 0xffff, LOAD_TOO_COMPLEX},
        {FIELD(section_count), 40, LOAD_TRUNCATED}, /* the table runs into what is none */
        {FIELD(optional_header_size), 95, LOAD_BAD_FORMAT},
        {FIELD(optional_header_size), 96, LOAD_BAD_FORMAT}, /* no room for the directories */
        {FIELD(optional_header_size), 0xffff, LOAD_BAD_FORMAT},
        {FIELD(magic), 0x20b, LOAD_UNSUPPORTED},
        {FIELD(magic), 0x107, LOAD_BAD_FORMAT},
        {FIELD(section_align), 0, LOAD_BAD_FORMAT},
        {FIELD(section_align), 0x1800, LOAD_BAD_FORMAT},
        {FIELD(section_align), 0x800, LOAD_BAD_FORMAT}, /* below a page, but not file_align */
        {FIELD(section_align), 0x2000, LOAD_BAD_ADDRESS},
        {FIELD(file_align), 0, LOAD_BAD_FORMAT},
        {FIELD(file_align), 0x2000, LOAD_BAD_FORMAT},
        {FIELD(image_base), 0x00401000, LOAD_BAD_ADDRESS},
        {FIELD(image_size), 0, LOAD_BAD_FORMAT},
        {FIELD(image_size), 0x3ff, LOAD_BAD_FORMAT},
        {FIELD(image_size), 0x5000, LOAD_BAD_ADDRESS},
        {FIELD(image_size), 0xffc00000, LOAD_BAD_ADDRESS},
        {FIELD(image_size), 0xffffffff, LOAD_BAD_ADDRESS},
        {FIELD(headers_size), 0, LOAD_BAD_FORMAT},
        {FIELD(headers_size), 0x1001, LOAD_TRUNCATED},
        {FIELD(entry), 0, LOAD_BAD_ADDRESS},
        {FIELD(entry), 0x6000, LOAD_BAD_ADDRESS},
        {FIELD(entry), 0xffc00000, LOAD_BAD_ADDRESS},
    };
#undef FIELD

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct image image = pe_image();

        memcpy((uint8_t *)pe_header(&image) + cases[i].offset, &cases[i].value, cases[i].size);
        reject(&image, cases[i].error);
    }
}

static void image_ends_at_the_address_space_end(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_header(&image)->image_base = 0xffff0000;
    pe_header(&image)->image_size = 0x10000;
    reject(&image, LOAD_BAD_ADDRESS);

    image = pe_image();
    pe_header(&image)->image_base = 0xffff0000;
    pe_header(&image)->image_size = 0xf000;
    accept(&image);
}

static void optional_header_cut_short(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_header(&image)->directory_count = 0;
    pe_header(&image)->optional_header_size = PE_OPTIONAL_SIZE - 1;
    reject(&image, LOAD_BAD_FORMAT);
}

static void headers_larger_than_file(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_header(&image)->headers_size = 0xc01;
    reject(&image, LOAD_TRUNCATED);
}

static void headers_overlap_first_section(void **state)
{
    struct image image = pe_mappable_image();

    (void)state;
    pe_header(&image)->headers_size = 0x1001;
    reject(&image, LOAD_BAD_FORMAT);
}

static void directory_outside_image(void **state)
{
    static const struct pe_directory wrong[] = {
        {0x6000, 1}, {0x5000, 0x1001}, {0xffffffff, 0xffffffff}, {1, 0xffffffff}};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct image image = pe_image();

        *pe_directory_at(&image, PE_DIRECTORY_EXPORT) = wrong[i];
        reject(&image, LOAD_BAD_ADDRESS);

        image = pe_image();
        *pe_directory_at(&image, PE_DIRECTORY_RELOC) = wrong[i];
        reject(&image, LOAD_BAD_ADDRESS);
    }
}

static void section_past_file_end(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_section_at(&image, PE_RELOC)->raw_size = 0x201;
    reject(&image, LOAD_TRUNCATED);

    image = pe_image();
    pe_section_at(&image, PE_RELOC)->raw_offset = 0xc00;
    reject(&image, LOAD_TRUNCATED);
}

static void section_file_range_wraps(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_section_at(&image, PE_DATA)->raw_offset = 0xfffffe00;
    pe_section_at(&image, PE_DATA)->raw_size = 0x400;
    reject(&image, LOAD_TRUNCATED);

    image = pe_image();
    pe_section_at(&image, PE_DATA)->raw_size = 0xfffffa00;
    reject(&image, LOAD_TRUNCATED);
}

static void section_past_image_end(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_section_at(&image, PE_RELOC)->virtual_size = 0x1001;
    reject(&image, LOAD_BAD_ADDRESS);
}

static void section_wraps_address_space(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_section_at(&image, PE_RELOC)->virtual_address = 0xfffff000;
    pe_section_at(&image, PE_RELOC)->virtual_size = 0x2000;
    reject(&image, LOAD_BAD_ADDRESS);

    image = pe_image();
    pe_section_at(&image, PE_RELOC)->virtual_size = 0xffffffff;
    reject(&image, LOAD_BAD_ADDRESS);
}

static void section_misaligned(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_section_at(&image, PE_RELOC)->virtual_address = 0x4800;
    reject(&image, LOAD_BAD_ADDRESS);
}

static void sections_overlap(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_section_at(&image, PE_DATA)->virtual_size = 0x2001;
    reject(&image, LOAD_BAD_FORMAT);
}

static void sections_unsorted(void **state)
{
    struct image image = pe_image();
    struct pe_section first = *pe_section_at(&image, PE_TEXT);

    (void)state;
    *pe_section_at(&image, PE_TEXT) = *pe_section_at(&image, PE_DATA);
    *pe_section_at(&image, PE_DATA) = first;
    reject(&image, LOAD_BAD_FORMAT);
}

static void entry_between_sections(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_header(&image)->image_size = 0x8000;
    pe_section_at(&image, PE_RELOC)->virtual_address = 0x7000;
    pe_header(&image)->entry = 0x5800;
    reject(&image, LOAD_BAD_ADDRESS);
}

static void flat_section_not_at_its_file_offset(void **state)
{
    struct image image = pe_flat_image();

    (void)state;
    pe_section_at(&image, PE_TEXT)->virtual_address = 0x600;
    reject(&image, LOAD_UNSUPPORTED);
}

static void flat_section_without_bytes(void **state)
{
    struct image image = pe_flat_image();

    (void)state;
    pe_section_at(&image, PE_DATA)->raw_size = 0;
    pe_section_at(&image, PE_DATA)->raw_offset = 0x123;
    accept(&image);
}

static void flat_section_past_file_end(void **state)
{
    struct image image = pe_flat_image();

    (void)state;
    pe_section_at(&image, PE_DATA)->raw_size = 0x201;
    reject(&image, LOAD_TRUNCATED);
}

static void flat_section_past_image_end(void **state)
{
    struct image image = pe_flat_image();

    (void)state;
    pe_section_at(&image, PE_DATA)->virtual_size = 0xa01;
    reject(&image, LOAD_BAD_ADDRESS);
}

/* ---- relocation ---- */

#define DELTA 0x12348000u

static void relocations_change_what_they_name_and_nothing_else(void **state)
{
    struct image image = pe_image();
    uint8_t *memory = load(&image);
    uint8_t *expected = malloc(plan.image_size);

    (void)state;
    memcpy(expected, memory, plan.image_size);
    load_put32(expected + PE_FIX_HIGHLOW, load_get32(memory + PE_FIX_HIGHLOW) + DELTA);
    load_put16(expected + PE_FIX_HIGH, (uint16_t)(load_get16(memory + PE_FIX_HIGH) + 0x1234));
    load_put16(expected + PE_FIX_LOW, (uint16_t)(load_get16(memory + PE_FIX_LOW) + 0x8000));
    assert_int_equal(pe_relocate(&plan, DELTA, memory), LOAD_OK);
    assert_memory_equal(memory, expected, plan.image_size);
    free(expected);
    free(memory);
}

static void no_delta_changes_nothing(void **state)
{
    struct image image = pe_image();
    uint8_t *memory = load(&image);
    uint8_t *expected = malloc(plan.image_size);

    (void)state;
    memcpy(expected, memory, plan.image_size);
    plan.relocatable = false;
    assert_int_equal(pe_relocate(&plan, 0, memory), LOAD_OK);
    assert_memory_equal(memory, expected, plan.image_size);
    free(expected);
    free(memory);
}

static void relocations_stripped(void **state)
{
    struct image image = pe_image();
    uint8_t *memory;

    (void)state;
    pe_header(&image)->characteristics |= PE_RELOCS_STRIPPED;
    memory = load(&image);
    assert_false(plan.relocatable);
    assert_int_equal(pe_relocate(&plan, DELTA, memory), LOAD_UNSUPPORTED);
    free(memory);
}

static void no_relocations_but_not_stripped(void **state)
{
    struct image image = pe_image();
    uint8_t *memory;

    (void)state;
    *pe_directory_at(&image, PE_DIRECTORY_RELOC) = (struct pe_directory){0, 0};
    memory = load(&image);
    assert_true(plan.relocatable);
    assert_int_equal(pe_relocate(&plan, DELTA, memory), LOAD_OK);
    free(memory);
}

/* Relocates an image whose relocation table is `size` bytes long and begins with these words. */
static enum load_error relocate_words(uint32_t size, uint32_t page_rva, uint32_t block_size,
                                      uint16_t entry)
{
    struct image image = pe_image();
    uint8_t *table = image.bytes + 0xa00;
    enum load_error error;
    uint8_t *memory;

    pe_directory_at(&image, PE_DIRECTORY_RELOC)->size = size;
    load_put32(table, page_rva);
    load_put32(table + 4, block_size);
    load_put16(table + 8, entry);
    memory = load(&image);
    error = pe_relocate(&plan, DELTA, memory);
    free(memory);
    return error;
}

static void reloc_block_size_zero(void **state)
{
    (void)state;
    assert_int_equal(relocate_words(16, 0x1000, 0, 0), LOAD_BAD_FORMAT);
}

static void reloc_block_of_zeros_ends_the_table(void **state)
{
    (void)state;
    assert_int_equal(relocate_words(16, 0, 0, 0), LOAD_OK);
}

static void reloc_block_smaller_than_its_header(void **state)
{
    (void)state;
    assert_int_equal(relocate_words(16, 0x1000, 7, 0), LOAD_BAD_FORMAT);
}

static void reloc_block_size_odd(void **state)
{
    (void)state;
    assert_int_equal(relocate_words(16, 0x1000, 11, 0), LOAD_BAD_FORMAT);
}

static void reloc_block_past_table_end(void **state)
{
    (void)state;
    assert_int_equal(relocate_words(16, 0x1000, 18, 0), LOAD_BAD_FORMAT);
    assert_int_equal(relocate_words(16, 0x1000, 0xfffffffe, 0), LOAD_BAD_FORMAT);
}

static void reloc_table_ends_in_block_header(void **state)
{
    (void)state;
    assert_int_equal(relocate_words(7, 0x1000, 16, 0), LOAD_BAD_FORMAT);
}

static void reloc_table_ends_with_the_image(void **state)
{
    struct image image = pe_image();
    uint8_t *memory;

    (void)state;
    *pe_directory_at(&image, PE_DIRECTORY_RELOC) = (struct pe_directory){0x5ffc, 4};
    memory = load(&image);
    assert_int_equal(pe_relocate(&plan, DELTA, memory), LOAD_BAD_FORMAT);
    free(memory);
}

/* No plan of ours says so; one that was kept in memory and damaged may. */
static void reloc_table_outside_image(void **state)
{
    struct image image = pe_image();
    uint8_t *memory = load(&image);

    (void)state;
    plan.reloc_size = 0x1001;
    assert_int_equal(pe_relocate(&plan, DELTA, memory), LOAD_BAD_ADDRESS);
    free(memory);
}

static void reloc_type_unknown(void **state)
{
    (void)state;
    assert_int_equal(relocate_words(16, 0x1000, 16, 10 << 12), LOAD_UNSUPPORTED);
    assert_int_equal(relocate_words(16, 0x1000, 16, 4 << 12), LOAD_UNSUPPORTED);
}

static void reloc_target_past_image_end(void **state)
{
    (void)state;
    assert_int_equal(relocate_words(10, 0x5000, 10, 3 << 12 | 0xffc), LOAD_OK);
    assert_int_equal(relocate_words(10, 0x5000, 10, 3 << 12 | 0xffd), LOAD_BAD_ADDRESS);
    assert_int_equal(relocate_words(10, 0x5000, 10, 1 << 12 | 0xffe), LOAD_OK);
    assert_int_equal(relocate_words(10, 0x5000, 10, 1 << 12 | 0xfff), LOAD_BAD_ADDRESS);
}

static void reloc_target_wraps(void **state)
{
    (void)state;
    assert_int_equal(relocate_words(10, 0xfffff004, 10, 3 << 12 | 0xffc), LOAD_BAD_ADDRESS);
}

/* The entry's target is the header of the next block: whatever that becomes, it is checked. */
static void reloc_changes_its_own_table(void **state)
{
    (void)state;
    assert_int_equal(relocate_words(16, 0x5000, 10, 3 << 12 | 10), LOAD_BAD_FORMAT);
}

/* ---- exports ---- */

static enum load_error find(const uint8_t *memory, const char *name, uint32_t *rva)
{
    return pe_find_export(memory, plan.image_size, &plan, name, rva);
}

static void exports_are_found_by_name(void **state)
{
    struct image image = pe_image();
    uint8_t *memory = load(&image);
    uint32_t rva = 0;

    (void)state;
    assert_int_equal(find(memory, "alpha", &rva), LOAD_OK);
    assert_int_equal(rva, PE_ALPHA);
    assert_int_equal(find(memory, "beta", &rva), LOAD_OK);
    assert_int_equal(rva, PE_BETA);
    assert_int_equal(find(memory, "gamma", &rva), LOAD_UNSUPPORTED);
    assert_int_equal(find(memory, "alph", &rva), LOAD_NOT_RECOGNISED);
    assert_int_equal(find(memory, "alphaa", &rva), LOAD_NOT_RECOGNISED);
    assert_int_equal(find(memory, "", &rva), LOAD_NOT_RECOGNISED);
    assert_int_equal(find(memory, "zeta", &rva), LOAD_NOT_RECOGNISED);
    assert_int_equal(rva, PE_BETA);
    free(memory);
}

static void exports_are_enumerated_in_order(void **state)
{
    static const char *const names[] = {"alpha", "beta", "gamma"};
    static const uint32_t rvas[] = {PE_ALPHA, PE_BETA, 0x40a0};
    struct image image = pe_image();
    uint8_t *memory = load(&image);
    uint32_t cursor = 0, rva;
    const char *name;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pe_export_next(memory, plan.image_size, &plan, &cursor, &name, &rva),
                         LOAD_OK);
        assert_string_equal(name, names[i]);
        assert_int_equal(rva, rvas[i]);
        assert_int_equal(pe_is_forwarder(&plan, rva), i == 2);
    }
    assert_int_equal(pe_export_next(memory, plan.image_size, &plan, &cursor, &name, &rva),
                     LOAD_NOT_RECOGNISED);
    free(memory);
}

static void image_without_exports(void **state)
{
    struct image image = pe_image();
    uint8_t *memory;
    uint32_t rva;

    (void)state;
    pe_directory_at(&image, PE_DIRECTORY_EXPORT)->size = 0;
    memory = load(&image);
    assert_int_equal(find(memory, "alpha", &rva), LOAD_NOT_RECOGNISED);
    free(memory);
}

/* Puts `value` into a 32-bit word of the export section, then looks a name up and enumerates. */
static void reject_export_word(uint32_t offset, uint32_t value, enum load_error error)
{
    struct image image = pe_image();
    uint32_t cursor = 0, rva;
    const char *name;
    uint8_t *memory;

    load_put32(image.bytes + 0x800 + offset, value);
    memory = load(&image);
    assert_int_equal(find(memory, "alpha", &rva), error);
    assert_int_equal(pe_export_next(memory, plan.image_size, &plan, &cursor, &name, &rva), error);
    free(memory);
}

static void export_directory_too_small(void **state)
{
    struct image image = pe_image();
    uint8_t *memory;
    uint32_t rva;

    (void)state;
    pe_directory_at(&image, PE_DIRECTORY_EXPORT)->size = 39;
    memory = load(&image);
    assert_int_equal(find(memory, "alpha", &rva), LOAD_BAD_FORMAT);
    free(memory);
}

static void export_directory_outside_what_is_mapped(void **state)
{
    struct image image = pe_image();
    uint8_t *memory = load(&image);
    uint8_t *shorter;
    uint32_t rva;

    (void)state;
    shorter = malloc(0x4027);
    assert_non_null(shorter);
    memcpy(shorter, memory, 0x4027);
    assert_int_equal(pe_find_export(shorter, 0x4027, &plan, "alpha", &rva), LOAD_BAD_ADDRESS);
    free(shorter);
    free(memory);
}

static void export_tables_outside_image(void **state)
{
    static const uint32_t fields[] = {
        offsetof(struct pe_export_directory, functions),
        offsetof(struct pe_export_directory, names),
        offsetof(struct pe_export_directory, ordinals),
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        reject_export_word(fields[i], 0x5fff, LOAD_BAD_ADDRESS);
        reject_export_word(fields[i], 0xffffffff, LOAD_BAD_ADDRESS);
    }
}

static void export_counts_wrap(void **state)
{
    (void)state;
    reject_export_word(offsetof(struct pe_export_directory, function_count), 0x40000001,
                       LOAD_BAD_ADDRESS);
    reject_export_word(offsetof(struct pe_export_directory, name_count), 0x80000001,
                       LOAD_BAD_ADDRESS);
}

static void export_ordinal_past_functions(void **state)
{
    (void)state;
    reject_export_word(0x44, 4, LOAD_BAD_FORMAT);
}

static void export_rva_outside_image(void **state)
{
    (void)state;
    reject_export_word(0x2c, 0x6000, LOAD_BAD_ADDRESS);
}

static void export_name_outside_image(void **state)
{
    struct image image = pe_image();
    uint32_t cursor = 0, rva;
    const char *name;
    uint8_t *memory;

    (void)state;
    load_put32(image.bytes + 0x838, 0x6000);
    load_put32(image.bytes + 0x83c, 0xffffffff);
    memory = load(&image);
    assert_int_equal(find(memory, "alpha", &rva), LOAD_BAD_ADDRESS);
    assert_int_equal(pe_export_next(memory, plan.image_size, &plan, &cursor, &name, &rva),
                     LOAD_BAD_ADDRESS);
    free(memory);
}

static void export_name_unterminated(void **state)
{
    struct image image = pe_image();
    uint32_t cursor = 0, rva;
    const char *name;
    uint8_t *memory;

    (void)state;
    load_put32(image.bytes + 0x838, 0x5ff0);
    load_put32(image.bytes + 0x83c, 0x5ff0);
    memory = load(&image);
    memset(memory + 0x5ff0, 'a', 16);
    assert_int_equal(find(memory, "alpha", &rva), LOAD_BAD_FORMAT);
    assert_int_equal(pe_export_next(memory, plan.image_size, &plan, &cursor, &name, &rva),
                     LOAD_BAD_FORMAT);
    free(memory);
}

static void export_with_no_address_is_passed_over(void **state)
{
    struct image image = pe_image();
    uint32_t cursor = 0, rva;
    const char *name;
    uint8_t *memory;

    (void)state;
    load_put32(image.bytes + 0x82c, 0);
    memory = load(&image);
    assert_int_equal(find(memory, "alpha", &rva), LOAD_NOT_RECOGNISED);
    assert_int_equal(pe_export_next(memory, plan.image_size, &plan, &cursor, &name, &rva), LOAD_OK);
    assert_string_equal(name, "beta");
    free(memory);
}

/* ---- all kinds together ---- */

static void any_image_is_recognised(void **state)
{
    struct image images[] = {elf_image(), elf_pie_image(), pe_image(), pe_mappable_image(),
                             pe_flat_image()};

    (void)state;
    for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
        struct load_reader reader = image_reader(&images[i]);

        assert_int_equal(load_plan_any(&reader, &plan), LOAD_OK);
        assert_int_equal(plan.kind, i < 2 ? LOAD_ELF32 : LOAD_PE32);
        image_free(&images[i]);
    }
}

static void script_is_not_recognised(void **state)
{
    struct image image = image_new(64);
    struct load_reader reader = image_reader(&image);

    (void)state;
    memcpy(image.bytes, "#!/bin/sh\n", 10);
    assert_int_equal(load_plan_any(&reader, &plan), LOAD_NOT_RECOGNISED);
    image_free(&image);
}

static void broken_elf_is_not_tried_as_another_kind(void **state)
{
    struct image image = elf_image();
    struct load_reader reader = image_reader(&image);

    (void)state;
    elf_header(&image)->program_header_count = 0;
    assert_int_equal(load_plan_any(&reader, &plan), LOAD_BAD_FORMAT);
    image_free(&image);
}

static void each_error_has_its_own_text(void **state)
{
    (void)state;
    for (int a = LOAD_TOO_COMPLEX - 1; a <= LOAD_OK; a++) {
        for (int b = LOAD_TOO_COMPLEX - 1; b < a; b++)
            assert_string_not_equal(load_error_text(a), load_error_text(b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_file_alignment_is_copied),
        cmocka_unit_test(page_file_alignment_is_mapped),
        cmocka_unit_test(small_section_alignment_is_one_copied_segment),
        cmocka_unit_test(header_fields_are_passed_on),
        cmocka_unit_test(virtual_size_zero_means_raw_size),
        cmocka_unit_test(raw_size_above_virtual_size_is_cut_at_the_page),
        cmocka_unit_test(section_without_bytes_is_zeros),
        cmocka_unit_test(section_without_any_size_is_ignored),
        cmocka_unit_test(raw_offset_is_rounded_down_to_a_sector),
        cmocka_unit_test(discardable_section_is_loaded),
        cmocka_unit_test(section_without_rights_has_none),
        cmocka_unit_test(library_needs_no_entry),
        cmocka_unit_test(fewer_directories_count_as_empty),
        cmocka_unit_test(file_empty),
        cmocka_unit_test(magic_wrong),
        cmocka_unit_test(file_cut_anywhere),
        cmocka_unit_test(signature_of_another_dos_format),
        cmocka_unit_test(pe_offset_past_end),
        cmocka_unit_test(header_field_wrong),
        cmocka_unit_test(image_ends_at_the_address_space_end),
        cmocka_unit_test(optional_header_cut_short),
        cmocka_unit_test(headers_larger_than_file),
        cmocka_unit_test(headers_overlap_first_section),
        cmocka_unit_test(directory_outside_image),
        cmocka_unit_test(section_past_file_end),
        cmocka_unit_test(section_file_range_wraps),
        cmocka_unit_test(section_past_image_end),
        cmocka_unit_test(section_wraps_address_space),
        cmocka_unit_test(section_misaligned),
        cmocka_unit_test(sections_overlap),
        cmocka_unit_test(sections_unsorted),
        cmocka_unit_test(entry_between_sections),
        cmocka_unit_test(flat_section_not_at_its_file_offset),
        cmocka_unit_test(flat_section_without_bytes),
        cmocka_unit_test(flat_section_past_file_end),
        cmocka_unit_test(flat_section_past_image_end),
        cmocka_unit_test(relocations_change_what_they_name_and_nothing_else),
        cmocka_unit_test(no_delta_changes_nothing),
        cmocka_unit_test(relocations_stripped),
        cmocka_unit_test(no_relocations_but_not_stripped),
        cmocka_unit_test(reloc_block_size_zero),
        cmocka_unit_test(reloc_block_of_zeros_ends_the_table),
        cmocka_unit_test(reloc_block_smaller_than_its_header),
        cmocka_unit_test(reloc_block_size_odd),
        cmocka_unit_test(reloc_block_past_table_end),
        cmocka_unit_test(reloc_table_ends_in_block_header),
        cmocka_unit_test(reloc_table_ends_with_the_image),
        cmocka_unit_test(reloc_table_outside_image),
        cmocka_unit_test(reloc_type_unknown),
        cmocka_unit_test(reloc_target_past_image_end),
        cmocka_unit_test(reloc_target_wraps),
        cmocka_unit_test(reloc_changes_its_own_table),
        cmocka_unit_test(exports_are_found_by_name),
        cmocka_unit_test(exports_are_enumerated_in_order),
        cmocka_unit_test(image_without_exports),
        cmocka_unit_test(export_directory_too_small),
        cmocka_unit_test(export_directory_outside_what_is_mapped),
        cmocka_unit_test(export_tables_outside_image),
        cmocka_unit_test(export_counts_wrap),
        cmocka_unit_test(export_ordinal_past_functions),
        cmocka_unit_test(export_rva_outside_image),
        cmocka_unit_test(export_name_outside_image),
        cmocka_unit_test(export_name_unterminated),
        cmocka_unit_test(export_with_no_address_is_passed_over),
        cmocka_unit_test(any_image_is_recognised),
        cmocka_unit_test(script_is_not_recognised),
        cmocka_unit_test(broken_elf_is_not_tried_as_another_kind),
        cmocka_unit_test(each_error_has_its_own_text),
    };

    return cmocka_run_group_tests_name("pe", tests, NULL, NULL);
}
