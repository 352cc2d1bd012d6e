/* SPDX-License-Identifier: MIT */
/* Relocation: what it changes, then tables with one mistake each. */
#include "loaders/pe/pe.h"
#include "tests/unit/loaders/expect.h"

static struct load_plan plan;

/* The memory of an image that must be acceptable; the caller frees it. */
static uint8_t *load(struct image *image)
{
    return expect_loaded(pe_plan, image, &plan);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };

    return cmocka_run_group_tests_name("pe relocation", tests, NULL, NULL);
}
