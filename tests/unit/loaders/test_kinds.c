/* SPDX-License-Identifier: MIT */
/* All kinds of images together: which one is recognised, and what is said of the others. */
#include "loaders/pe/pe.h"
#include "tests/unit/loaders/expect.h"

static struct load_plan plan;

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
        cmocka_unit_test(any_image_is_recognised),
        cmocka_unit_test(script_is_not_recognised),
        cmocka_unit_test(broken_elf_is_not_tried_as_another_kind),
        cmocka_unit_test(each_error_has_its_own_text),
    };

    return cmocka_run_group_tests_name("kinds", tests, NULL, NULL);
}
