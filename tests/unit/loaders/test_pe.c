/* SPDX-License-Identifier: MIT */
/* What pe_plan makes of good images, then images with one mistake each; these tests are named after the mistake. */
#include "loaders/pe/pe.h"
#include "tests/unit/loaders/expect.h"

static struct load_plan plan;

static void accept(struct image *image)
{
    free(expect_loaded(pe_plan, image, &plan));
}

static void reject(struct image *image, enum load_error error)
{
    expect_refused(pe_plan, image, error);
}

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
    expect_segment(&plan, 0, PE_BASE + 0, 0x1000, 0, 0x400, LOAD_READ, true);
    expect_segment(&plan, 1, PE_BASE + 0x1000, 0x1000, 0x400, 0x200, RX, false);
    expect_segment(&plan, 2, PE_BASE + 0x2000, 0x2000, 0x600, 0x200, RW, false);
    expect_segment(&plan, 3, PE_BASE + 0x4000, 0x1000, 0x800, 0x200, LOAD_READ, false);
    expect_segment(&plan, 4, PE_BASE + 0x5000, 0x1000, 0xa00, 0x200, LOAD_READ, false);
}

static void page_file_alignment_is_mapped(void **state)
{
    struct image image = pe_mappable_image();

    (void)state;
    accept(&image);
    assert_int_equal(plan.segment_count, 5);
    expect_segment(&plan, 0, PE_BASE + 0, 0x1000, 0, 0x1000, LOAD_READ, true);
    expect_segment(&plan, 1, PE_BASE + 0x1000, 0x1000, 0x1000, 0x1000, RX, true);
    expect_segment(&plan, 2, PE_BASE + 0x2000, 0x2000, 0x2000, 0x1000, RW, true);
}

static void small_section_alignment_is_one_copied_segment(void **state)
{
    struct image image = pe_flat_image();

    (void)state;
    accept(&image);
    assert_int_equal(plan.segment_count, 1);
    expect_segment(&plan, 0, PE_BASE + 0, 0x1000, 0, 0x800, LOAD_READ | LOAD_WRITE | LOAD_EXEC,
                   false);
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
    expect_segment(&plan, 1, PE_BASE + 0x1000, 0x1000, 0x400, 0x200, RX, false);
}

static void raw_size_above_virtual_size_is_cut_at_the_page(void **state)
{
    struct image image = pe_mappable_image();

    (void)state;
    pe_section_at(&image, PE_TEXT)->raw_size = 0x3000;
    accept(&image);
    expect_segment(&plan, 1, PE_BASE + 0x1000, 0x1000, 0x1000, 0x1000, RX, true);
}

static void section_without_bytes_is_zeros(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_section_at(&image, PE_DATA)->raw_offset = 0;
    accept(&image);
    expect_segment(&plan, 2, PE_BASE + 0x2000, 0x2000, 0, 0, RW, false);

    image = pe_image();
    pe_section_at(&image, PE_DATA)->raw_size = 0;
    accept(&image);
    expect_segment(&plan, 2, PE_BASE + 0x2000, 0x2000, 0, 0, RW, false);
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
    expect_segment(&plan, 2, PE_BASE + 0x2000, 0x2000, 0x600, 0x110, RW, false);
}

static void discardable_section_is_loaded(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_section_at(&image, PE_RELOC)->characteristics |= 0x02000000;
    accept(&image);
    expect_segment(&plan, 4, PE_BASE + 0x5000, 0x1000, 0xa00, 0x200, LOAD_READ, false);
}

static void section_without_rights_has_none(void **state)
{
    struct image image = pe_image();

    (void)state;
    pe_section_at(&image, PE_DATA)->characteristics = 0;
    accept(&image);
    expect_segment(&plan, 2, PE_BASE + 0x2000, 0x2000, 0x600, 0x200, 0, false);
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
    };

    return cmocka_run_group_tests_name("pe", tests, NULL, NULL);
}
