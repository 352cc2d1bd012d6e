/* SPDX-License-Identifier: MIT */
/* What an ELF image asks for beside its segments (interpreter, thread-local storage, notes), with one mistake each. */
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

static void interp_past_file_end(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    elf_segment(&image, 1)->offset = 0x1400 - 4;
    reject(&image, LOAD_TRUNCATED);

    image = elf_pie_image();
    elf_segment(&image, 1)->file_size = 0x1400; /* though the path itself is all there */
    reject(&image, LOAD_TRUNCATED);
}

static void interp_unterminated(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    elf_segment(&image, 1)->file_size--;
    reject(&image, LOAD_BAD_FORMAT);
}

static void interp_longer_than_a_path(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    image_resize(&image, 0x4000);
    memset(image.bytes + 0x2000, 'x', 0x1800);
    image.bytes[0x37ff] = '\0';
    elf_segment(&image, 1)->offset = 0x2000;
    elf_segment(&image, 1)->file_size = 0x1800;
    reject(&image, LOAD_BAD_FORMAT);
}

static void interp_empty(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    image.bytes[ELF_PIE_INTERP] = '\0';
    reject(&image, LOAD_BAD_FORMAT);

    image = elf_pie_image();
    elf_segment(&image, 1)->file_size = 0;
    reject(&image, LOAD_BAD_FORMAT);
}

static void interp_twice(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    *elf_segment(&image, 0) = *elf_segment(&image, 1);
    reject(&image, LOAD_BAD_FORMAT);
}

static void interp_padded_is_cut_at_its_nul(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    memset(image.bytes + ELF_PIE_INTERP + 10, 0, 4);
    accept(&image);
    assert_int_equal(plan.interp_length, 10);
}

static void tls_past_file_end(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    elf_segment(&image, 4)->offset = 0x1400 - 15;
    reject(&image, LOAD_TRUNCATED);
}

static void tls_file_size_above_memory_size(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    elf_segment(&image, 4)->memory_size = 0xf;
    reject(&image, LOAD_BAD_FORMAT);
}

static void tls_alignment_not_power_of_two(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    elf_segment(&image, 4)->align = 12;
    reject(&image, LOAD_BAD_FORMAT);
}

static void tls_wraps_address_space(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    elf_segment(&image, 4)->memory_size = 0xfffff001;
    reject(&image, LOAD_BAD_ADDRESS);
}

static void phdr_segment_outside_memory(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    elf_segment(&image, 2)->offset = 0x1000;
    elf_segment(&image, 2)->file_size = 0x400;
    elf_segment(&image, 0)->address = 0x2fff;
    reject(&image, LOAD_BAD_ADDRESS);
}

static struct elf32_note *pie_note(const struct image *image)
{
    return (struct elf32_note *)(image->bytes + ELF_PIE_NOTE);
}

static void note_segment_past_file_end(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    elf_segment(&image, 5)->file_size = 0x1400;
    reject(&image, LOAD_TRUNCATED);
}

static void note_sizes_wrap(void **state)
{
    static const uint32_t sizes[] = {0x7fffffff, 0xffffffff, 0xfffffffc, 29};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct image image = elf_pie_image();

        pie_note(&image)->name_size = sizes[i];
        accept(&image);
        assert_string_equal(plan.personality, "");

        image = elf_pie_image();
        pie_note(&image)->text_size = sizes[i];
        accept(&image);
        assert_string_equal(plan.personality, "");
    }
}

static void note_of_another_owner_is_skipped(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    memmove(image.bytes + ELF_PIE_NOTE + 0x100, image.bytes + ELF_PIE_NOTE, 28);
    memset(image.bytes + ELF_PIE_NOTE + 0xe0, 0, 0x20);
    *(struct elf32_note *)(image.bytes + 0x2e0) = (struct elf32_note){4, 16, 3};
    memcpy(image.bytes + 0x2e0 + 12, "GNU", 4);
    elf_segment(&image, 5)->offset = 0x2e0;
    elf_segment(&image, 5)->file_size = 0x20 + 28;
    accept(&image);
    assert_string_equal(plan.personality, "native");
}

static void personality_too_long(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    memset(image.bytes + ELF_PIE_NOTE + 20, 'a', 16);
    pie_note(&image)->text_size = 16;
    elf_segment(&image, 5)->file_size = 36;
    reject(&image, LOAD_BAD_FORMAT);

    image = elf_pie_image();
    memset(image.bytes + ELF_PIE_NOTE + 20, 'a', 5);
    image.bytes[ELF_PIE_NOTE + 25] = '\0';
    pie_note(&image)->text_size = 0x100; /* a short name, but in more room than any may have */
    elf_segment(&image, 5)->file_size = 0x200;
    reject(&image, LOAD_BAD_FORMAT);
}

static void first_of_two_personalities_decides(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    memcpy(image.bytes + ELF_PIE_NOTE + 28, image.bytes + ELF_PIE_NOTE, 28);
    memcpy(image.bytes + ELF_PIE_NOTE + 28 + 20, "second", 6);
    elf_segment(&image, 5)->file_size = 56;
    accept(&image);
    assert_string_equal(plan.personality, "native");
}

static void personality_empty(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    pie_note(&image)->text_size = 0;
    reject(&image, LOAD_BAD_FORMAT);
}

static void personality_not_a_name(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    memcpy(image.bytes + ELF_PIE_NOTE + 20, "../foo", 6);
    reject(&image, LOAD_BAD_FORMAT);
}

/* So that no table of notes, however long, keeps a kernel busy. */
static void notes_without_end_are_given_up(void **state)
{
    struct image image = elf_pie_image();

    (void)state;
    image_resize(&image, 0x8000);
    memset(image.bytes + 0x2000, 0, 0x6000);
    /* As far behind as no one looks, after a thousand empty notes. */
    memcpy(image.bytes + 0x2000 + 1000 * 12, image.bytes + ELF_PIE_NOTE, 28);
    elf_segment(&image, 5)->offset = 0x2000;
    elf_segment(&image, 5)->file_size = 0x6000;
    accept(&image);
    assert_string_equal(plan.personality, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interp_past_file_end),
        cmocka_unit_test(interp_unterminated),
        cmocka_unit_test(interp_longer_than_a_path),
        cmocka_unit_test(interp_empty),
        cmocka_unit_test(interp_twice),
        cmocka_unit_test(interp_padded_is_cut_at_its_nul),
        cmocka_unit_test(tls_past_file_end),
        cmocka_unit_test(tls_file_size_above_memory_size),
        cmocka_unit_test(tls_alignment_not_power_of_two),
        cmocka_unit_test(tls_wraps_address_space),
        cmocka_unit_test(phdr_segment_outside_memory),
        cmocka_unit_test(note_segment_past_file_end),
        cmocka_unit_test(note_sizes_wrap),
        cmocka_unit_test(note_of_another_owner_is_skipped),
        cmocka_unit_test(personality_too_long),
        cmocka_unit_test(first_of_two_personalities_decides),
        cmocka_unit_test(personality_empty),
        cmocka_unit_test(personality_not_a_name),
        cmocka_unit_test(notes_without_end_are_given_up),
    };

    return cmocka_run_group_tests_name("elf32 requests", tests, NULL, NULL);
}
