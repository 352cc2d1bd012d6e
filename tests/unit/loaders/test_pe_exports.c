/* SPDX-License-Identifier: MIT */
/* Exports of PE images: found by name and enumerated, then tables with one mistake each. */
#include "loaders/pe/pe.h"
#include "tests/unit/loaders/expect.h"

static struct load_plan plan;

/* The memory of an image that must be acceptable; the caller frees it. */
static uint8_t *load(struct image *image)
{
    return expect_loaded(pe_plan, image, &plan);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };

    return cmocka_run_group_tests_name("pe exports", tests, NULL, NULL);
}
