/* SPDX-License-Identifier: MIT */
/* What elf32_plan accepts and with which result, then images with one mistake each; these tests are named after the mistake. */
#include "loaders/elf32/elf32.h"
#include "tests/unit/loaders/expect.h"

static struct load_plan plan;

static void accept(struct image *image)
{
    expect_elf(elf32_plan, image, &plan);
}

static void reject(struct image *image, enum load_error error)
{
    expect_refused(elf32_plan, image, error);
}

static void static_executable_plans(void **state)
{
    struct image image = elf_image();

    (void)state;
    accept(&image);
    assert_int_equal(plan.kind, LOAD_ELF32);
    assert_false(plan.relocatable);
    assert_int_equal(plan.preferred_base, 0x08048000);
    assert_int_equal(plan.image_size, 0x5000);
    assert_int_equal(plan.entry, 0x08048100);
    assert_int_equal(plan.interp_length, 0);
    assert_int_equal(plan.phdr_address, 0x08048034);
    assert_int_equal(plan.phdr_count, 3);
    assert_int_equal(plan.phdr_entry_size, 32);
    assert_int_equal(plan.tls_mem_size, 0);
    assert_false(plan.executable_stack);
    assert_string_equal(plan.personality, "");
    assert_int_equal(plan.segment_count, 2);
    /* All of the file's last page, since nothing behind the segment has to be zero ... */
    expect_segment(&plan, 0, 0x08048000, 0x2000, 0, 0x1600, RX, true);
    /* ... and here only up to the bss. */
    expect_segment(&plan, 1, 0x0804a000, 0x3000, 0x1000, 0x500, RW, true);
}

static void pie_with_requests_plans(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    accept(&image);
    assert_true(plan.relocatable);
    assert_int_equal(plan.preferred_base, 0);
    assert_int_equal(plan.image_size, 0x3000);
    assert_int_equal(plan.base_align, 0x1000);
    assert_int_equal(plan.interp_offset, ELF_PIE_INTERP);
    assert_int_equal(plan.interp_length, 18);
    assert_int_equal(plan.phdr_address, 0x34);
    assert_int_equal(plan.tls_address, 0x1000);
    assert_int_equal(plan.tls_offset, 0x1000);
    assert_int_equal(plan.tls_file_size, 0x10);
    assert_int_equal(plan.tls_mem_size, 0x40);
    assert_int_equal(plan.tls_align, 8);
    assert_string_equal(plan.personality, "native");
}

static void stack_is_executable_unless_asked_otherwise(void **state)
{
    struct image image = elf_image();

    (void)state;
    elf_segment(&image, 2)->type = 0;
    accept(&image);
    assert_true(plan.executable_stack);

    image = elf_image();
    elf_segment(&image, 2)->flags |= ELF_SEGMENT_EXEC;
    accept(&image);
    assert_true(plan.executable_stack);
}

static void larger_alignment_is_asked_of_the_base(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    elf_segment(&image, 2)->align = 0x10000;
    accept(&image);
    assert_int_equal(plan.base_align, 0x10000);
}

static void headers_outside_segments_have_no_address(void **state)
{
    struct image image = elf_image();

    (void)state;
    elf_segment(&image, 0)->offset = 0x1000;
    elf_segment(&image, 0)->file_size = 0x600;
    accept(&image);
    assert_int_equal(plan.phdr_address, 0);
}

/* Such as a segment that holds a copy of the table: then PT_PHDR says where. */
static void phdr_segment_gives_address_when_no_load_covers_the_table(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    elf_segment(&image, 2)->offset = 0x1000;
    elf_segment(&image, 2)->file_size = 0x400;
    elf_segment(&image, 0)->address = 0x180;
    accept(&image);
    assert_int_equal(plan.phdr_address, 0x180);
}

static void bss_only_segment_needs_no_file(void **state)
{
    struct image image = elf_image();

    (void)state;
    elf_segment(&image, 1)->file_size = 0;
    elf_segment(&image, 1)->offset = 0xfffff300;
    reject(&image, LOAD_TRUNCATED);

    image = elf_image();
    elf_segment(&image, 1)->file_size = 0;
    elf_segment(&image, 1)->offset = 0;
    accept(&image);
    expect_segment(&plan, 1, 0x0804a000, 0x3000, 0, 0, RW, false);
}

static void empty_segment_is_ignored(void **state)
{
    struct image image = elf_image();

    (void)state;
    elf_segment(&image, 1)->file_size = 0;
    elf_segment(&image, 1)->memory_size = 0;
    accept(&image);
    assert_int_equal(plan.segment_count, 1);
}

static void library_needs_no_entry(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    elf_header(&image)->entry = 0;
    accept(&image);
    assert_int_equal(plan.entry, 0);
}

static void offset_not_congruent_to_the_page_is_copied(void **state)
{
    struct image image = elf_image();

    (void)state;
    elf_segment(&image, 1)->align = 4;
    elf_segment(&image, 1)->offset = 0x1310;
    accept(&image);
    expect_segment(&plan, 1, 0x0804a000, 0x3000, 0x1010, 0x500, RW, false);
}

/*
 * Two PT_LOADs of an image that meet in the page 0x10001000: `first` and `second` say where each
 * lies; the file has 0x4000 bytes.
 */
static struct image meeting_image(struct elf32_segment first, struct elf32_segment second)
{
    struct image image = elf_image();
    struct elf32_segment *segments;

    image_resize(&image, 0x4000);
    segments = elf_set_loads(&image, 2);
    segments[0] = first;
    segments[1] = second;
    elf_header(&image)->entry = first.address;
    return image;
}

#define LOAD(offset, address, file_size, memory_size, flags)                                    \
    ((struct elf32_segment){ELF_SEGMENT_LOAD, offset, address, address, file_size, memory_size, \
                            flags, 4})

static void shared_page_of_one_file_run_gets_both_rights(void **state)
{
    struct image image = meeting_image(LOAD(0, 0x10000000, 0x1800, 0x1800, 5),
                                       LOAD(0x1800, 0x10001800, 0x1000, 0x2000, 6));

    (void)state;
    accept(&image);
    assert_int_equal(plan.segment_count, 3);
    expect_segment(&plan, 0, 0x10000000, 0x1000, 0, 0x1000, RX, true);
    expect_segment(&plan, 1, 0x10001000, 0x1000, 0x1000, 0x1000, RWX, true);
    expect_segment(&plan, 2, 0x10002000, 0x2000, 0x2000, 0x800, RW, true);
}

static void shared_page_with_the_later_ones_rights_joins_it(void **state)
{
    struct image image = meeting_image(LOAD(0, 0x10000000, 0x1800, 0x1800, 4),
                                       LOAD(0x1800, 0x10001800, 0x1000, 0x2000, 6));

    (void)state;
    accept(&image);
    assert_int_equal(plan.segment_count, 2);
    expect_segment(&plan, 0, 0x10000000, 0x1000, 0, 0x1000, LOAD_READ, true);
    expect_segment(&plan, 1, 0x10001000, 0x3000, 0x1000, 0x1800, RW, true);
}

static void segment_inside_the_shared_page_leaves_nothing_over(void **state)
{
    struct image image = meeting_image(LOAD(0x1000, 0x10001000, 0x800, 0x800, 5),
                                       LOAD(0x1800, 0x10001800, 0x100, 0x200, 6));

    (void)state;
    accept(&image);
    assert_int_equal(plan.segment_count, 1);
    expect_segment(&plan, 0, 0x10001000, 0x1000, 0x1000, 0x900, RWX, true);
}

static void bss_shares_the_page_of_the_bytes_before(void **state)
{
    struct image image =
        meeting_image(LOAD(0, 0x10000000, 0x1800, 0x1800, 4), LOAD(0, 0x10001800, 0, 0x2000, 6));

    (void)state;
    accept(&image);
    assert_int_equal(plan.segment_count, 2);
    expect_segment(&plan, 0, 0x10000000, 0x1000, 0, 0x1000, LOAD_READ, true);
    expect_segment(&plan, 1, 0x10001000, 0x3000, 0x1000, 0x800, RW, true);
}

static void bss_shares_the_page_of_bss_before(void **state)
{
    struct image image =
        meeting_image(LOAD(0, 0x10000000, 0x800, 0x1800, 4), LOAD(0, 0x10001800, 0, 0x2000, 6));

    (void)state;
    accept(&image);
    expect_segment(&plan, 0, 0x10000000, 0x1000, 0, 0x800, LOAD_READ, true);
    expect_segment(&plan, 1, 0x10001000, 0x3000, 0, 0, RW, false);
}

static void three_segments_in_one_page_plan(void **state)
{
    struct image image = elf_image();
    struct elf32_segment *segments;

    (void)state;
    image_resize(&image, 0x4000);
    segments = elf_set_loads(&image, 3);
    segments[0] = LOAD(0x1000, 0x10001000, 0x400, 0x400, 4);
    segments[1] = LOAD(0x1400, 0x10001400, 0x400, 0x400, 5);
    segments[2] = LOAD(0x1800, 0x10001800, 0x1000, 0x2000, 6);
    elf_header(&image)->entry = 0x10001400;
    accept(&image);
    assert_int_equal(plan.segment_count, 2);
    expect_segment(&plan, 0, 0x10001000, 0x1000, 0x1000, 0x1000, RWX, true);
    expect_segment(&plan, 1, 0x10002000, 0x2000, 0x2000, 0x800, RW, true);
}

static void shared_page_of_uncongruent_run_is_copied(void **state)
{
    struct image image = meeting_image(LOAD(0x100, 0x10000000, 0x1800, 0x1800, 5),
                                       LOAD(0x1900, 0x10001800, 0x1000, 0x2000, 6));

    (void)state;
    accept(&image);
    expect_segment(&plan, 0, 0x10000000, 0x1000, 0x100, 0x1000, RX, false);
    expect_segment(&plan, 1, 0x10001000, 0x1000, 0x1100, 0x1000, RWX, false);
    expect_segment(&plan, 2, 0x10002000, 0x2000, 0x2100, 0x800, RW, false);
}

static void shared_page_from_two_places_of_the_file(void **state)
{
    struct image image = meeting_image(LOAD(0, 0x10000000, 0x1800, 0x1800, 5),
                                       LOAD(0x2800, 0x10001800, 0x1000, 0x2000, 6));

    (void)state;
    reject(&image, LOAD_UNSUPPORTED);
}

static void file_bytes_behind_bss_in_one_page(void **state)
{
    struct image image = meeting_image(LOAD(0, 0x10000000, 0x1400, 0x1600, 5),
                                       LOAD(0x1800, 0x10001800, 0x1000, 0x2000, 6));

    (void)state;
    reject(&image, LOAD_UNSUPPORTED);
}

static void page_begins_before_the_file(void **state)
{
    struct image image = elf_image();

    (void)state;
    elf_segment(&image, 1)->align = 4;
    elf_segment(&image, 1)->offset = 0x2fc;
    reject(&image, LOAD_UNSUPPORTED);
}

static void file_empty(void **state)
{
    struct image image = image_new(0);

    (void)state;
    reject(&image, LOAD_NOT_RECOGNISED);
}

static void magic_wrong(void **state)
{
    struct image image = elf_image();

    (void)state;
    image.bytes[1] = 'e';
    reject(&image, LOAD_NOT_RECOGNISED);
}

/* Whatever the length at which the file is cut, the loader says so and reads no further. */
static void file_cut_anywhere(void **state)
{
    struct image whole = elf_pie_image();

    (void)state;
    for (uint32_t size = 4; size < 0x1400; size++) {
        struct image cut = elf_pie_image();

        image_resize(&cut, size);
        reject(&cut, LOAD_TRUNCATED);
    }
    accept(&whole);
}

static bool refuse_read(void *context, uint32_t offset, void *buffer, uint32_t length)
{
    uint32_t *allowed = context;
    struct image image = elf_pie_image();

    memcpy(buffer, image.bytes + offset, length);
    image_free(&image);
    return (*allowed)-- > 0;
}

static void read_fails_anywhere(void **state)
{
    enum load_error error = LOAD_TRUNCATED;
    uint32_t reads = 0;

    (void)state;
    for (; error != LOAD_OK; reads++) {
        uint32_t allowed = reads;
        struct load_reader reader = {refuse_read, &allowed, 0x1400};

        error = elf32_plan(&reader, &plan);
        assert_true(error == LOAD_OK || error == LOAD_TRUNCATED);
    }
    assert_true(reads > 8);
}

/* One field of the header each: where, how wide, what to put there and what must come of it. */
static void header_field_wrong(void **state)
{
    static const struct {
        size_t offset, size;
        uint32_t value;
        enum load_error error;
    } cases[] = {
        {offsetof(struct elf32_header, class), 1, 2, LOAD_UNSUPPORTED},
        {offsetof(struct elf32_header, byte_order), 1, 2, LOAD_UNSUPPORTED},
        {offsetof(struct elf32_header, ident_version), 1, 0, LOAD_BAD_FORMAT},
        {offsetof(struct elf32_header, version), 4, 2, LOAD_BAD_FORMAT},
        {offsetof(struct elf32_header, machine), 2, 62, LOAD_UNSUPPORTED},
        {offsetof(struct elf32_header, type), 2, 1, LOAD_UNSUPPORTED},
        {offsetof(struct elf32_header, type), 2, 4, LOAD_UNSUPPORTED},
        {offsetof(struct elf32_header, program_header_size), 2, 56, LOAD_BAD_FORMAT},
        {offsetof(struct elf32_header, program_header_count), 2, 0, LOAD_BAD_FORMAT},
        {offsetof(struct elf32_header, program_header_count), 2, 0xffff, LOAD_TOO_COMPLEX},
        {offsetof(struct elf32_header, entry), 4, 0, LOAD_BAD_ADDRESS},
        {offsetof(struct elf32_header, entry), 4, 0x08047fff, LOAD_BAD_ADDRESS},
        {offsetof(struct elf32_header, entry), 4, 0x0804d000, LOAD_BAD_ADDRESS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct image image = elf_image();

        memcpy(image.bytes + cases[i].offset, &cases[i].value, cases[i].size);
        reject(&image, cases[i].error);
    }
}

static void phdr_table_past_end(void **state)
{
    struct image image = elf_image();

    (void)state;
    elf_header(&image)->program_headers = image.size - 95;
    reject(&image, LOAD_TRUNCATED);
}

static void phdr_table_ends_past_end(void **state)
{
    struct image image = elf_image();

    (void)state;
    elf_header(&image)->program_headers = image.size - 64;
    memset(image.bytes + image.size - 64, 0, 64);
    reject(&image, LOAD_TRUNCATED);
}

static void phdr_table_wraps(void **state)
{
    struct image image = elf_image();

    (void)state;
    elf_header(&image)->program_headers = 0xffffffe0;
    reject(&image, LOAD_TRUNCATED);
}

static void no_load_segment(void **state)
{
    struct image image = elf_image();

    (void)state;
    elf_segment(&image, 0)->type = 0;
    elf_segment(&image, 1)->type = 0;
    reject(&image, LOAD_BAD_FORMAT);
}

static void segment_past_file_end(void **state)
{
    struct image image = elf_image();

    (void)state;
    elf_segment(&image, 1)->file_size = 0x301;
    reject(&image, LOAD_TRUNCATED);
}

static void segment_file_range_wraps(void **state)
{
    struct image image = elf_image();

    (void)state;
    elf_segment(&image, 1)->offset = 0xfffff300;
    elf_segment(&image, 1)->file_size = 0x1000;
    reject(&image, LOAD_TRUNCATED);
}

static void segment_file_size_above_memory_size(void **state)
{
    struct image image = elf_image();

    (void)state;
    elf_segment(&image, 1)->memory_size = 0x1ff;
    reject(&image, LOAD_BAD_FORMAT);
}

static void segment_with_bytes_but_no_memory(void **state)
{
    struct image image = elf_image();

    (void)state;
    elf_segment(&image, 1)->memory_size = 0;
    reject(&image, LOAD_BAD_FORMAT);
}

static void segment_wraps_address_space(void **state)
{
    struct image image = elf_image();

    (void)state;
    elf_segment(&image, 1)->memory_size = 0xfffffff0;
    reject(&image, LOAD_BAD_ADDRESS);
}

static void segment_in_last_page(void **state)
{
    struct image image = elf_image();

    (void)state;
    elf_segment(&image, 1)->address = 0xfffff300;
    elf_segment(&image, 1)->memory_size = 0x200;
    reject(&image, LOAD_BAD_ADDRESS);
}

static void segments_overlap(void **state)
{
    struct image image = elf_image();

    (void)state;
    elf_segment(&image, 0)->memory_size = 0x2301;
    reject(&image, LOAD_BAD_FORMAT);
}

static void segments_unsorted(void **state)
{
    struct image image = elf_image();
    struct elf32_segment first = *elf_segment(&image, 0);

    (void)state;
    *elf_segment(&image, 0) = *elf_segment(&image, 1);
    *elf_segment(&image, 1) = first;
    reject(&image, LOAD_BAD_FORMAT);
}

static void segment_alignment_not_power_of_two(void **state)
{
    struct image image = elf_image();

    (void)state;
    elf_segment(&image, 1)->align = 0x1800;
    reject(&image, LOAD_BAD_FORMAT);

    image = elf_image();
    elf_segment(&image, 1)->align = 0x300; /* to which address and offset are congruent */
    reject(&image, LOAD_BAD_FORMAT);
}

static void segment_offset_not_congruent_to_alignment(void **state)
{
    struct image image = elf_image();

    (void)state;
    elf_segment(&image, 1)->offset = 0x1310;
    reject(&image, LOAD_BAD_FORMAT);
}

static void too_many_segments(void **state)
{
    struct image image = elf_image();
    struct elf32_segment *segments;

    (void)state;
    image_resize(&image, 0x4000);
    segments = elf_set_loads(&image, LOAD_MAX_SEGMENTS + 1);
    for (uint32_t i = 0; i <= LOAD_MAX_SEGMENTS; i++)
        segments[i] = LOAD(0x1000, 0x08048000 + i * 0x2000, 0x1000, 0x1000, 5);
    reject(&image, LOAD_TOO_COMPLEX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(static_executable_plans),
        cmocka_unit_test(pie_with_requests_plans),
        cmocka_unit_test(stack_is_executable_unless_asked_otherwise),
        cmocka_unit_test(larger_alignment_is_asked_of_the_base),
        cmocka_unit_test(headers_outside_segments_have_no_address),
        cmocka_unit_test(phdr_segment_gives_address_when_no_load_covers_the_table),
        cmocka_unit_test(bss_only_segment_needs_no_file),
        cmocka_unit_test(empty_segment_is_ignored),
        cmocka_unit_test(library_needs_no_entry),
        cmocka_unit_test(offset_not_congruent_to_the_page_is_copied),
        cmocka_unit_test(shared_page_of_one_file_run_gets_both_rights),
        cmocka_unit_test(shared_page_with_the_later_ones_rights_joins_it),
        cmocka_unit_test(segment_inside_the_shared_page_leaves_nothing_over),
        cmocka_unit_test(bss_shares_the_page_of_the_bytes_before),
        cmocka_unit_test(bss_shares_the_page_of_bss_before),
        cmocka_unit_test(three_segments_in_one_page_plan),
        cmocka_unit_test(shared_page_of_uncongruent_run_is_copied),
        cmocka_unit_test(shared_page_from_two_places_of_the_file),
        cmocka_unit_test(file_bytes_behind_bss_in_one_page),
        cmocka_unit_test(page_begins_before_the_file),
        cmocka_unit_test(file_empty),
        cmocka_unit_test(magic_wrong),
        cmocka_unit_test(file_cut_anywhere),
        cmocka_unit_test(read_fails_anywhere),
        cmocka_unit_test(header_field_wrong),
        cmocka_unit_test(phdr_table_past_end),
        cmocka_unit_test(phdr_table_ends_past_end),
        cmocka_unit_test(phdr_table_wraps),
        cmocka_unit_test(no_load_segment),
        cmocka_unit_test(segment_past_file_end),
        cmocka_unit_test(segment_file_range_wraps),
        cmocka_unit_test(segment_file_size_above_memory_size),
        cmocka_unit_test(segment_with_bytes_but_no_memory),
        cmocka_unit_test(segment_wraps_address_space),
        cmocka_unit_test(segment_in_last_page),
        cmocka_unit_test(segments_overlap),
        cmocka_unit_test(segments_unsorted),
        cmocka_unit_test(segment_alignment_not_power_of_two),
        cmocka_unit_test(segment_offset_not_congruent_to_alignment),
        cmocka_unit_test(too_many_segments),
    };

    return cmocka_run_group_tests_name("elf32", tests, NULL, NULL);
}
