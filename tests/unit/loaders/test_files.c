/* SPDX-License-Identifier: MIT */
/*
 * Plans the files named as arguments, which must all be images that load: one test per file. What
 * the plan loads is compared with the file, PE images are relocated and their exports looked up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loaders/bytes.h"
#include "loaders/pe/pe.h"
#include "tests/unit/loaders/check.h"
#include "tests/unit/loaders/images.h"

static struct image read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct image image;
    long size;

    if (file == NULL)
        fail_msg("%s: cannot be opened", path);
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    image = image_new((uint32_t)size);
    assert_int_equal(fread(image.bytes, 1, image.size, file), image.size);
    fclose(file);
    return image;
}

static struct pe_section section_at(const struct image *image, uint32_t pe, uint32_t index)
{
    uint32_t at = pe + PE_OPTIONAL_HEADER + load_get16(image->bytes + pe + 20);
    struct pe_section section;

    memcpy(&section, image->bytes + at + index * sizeof(section), sizeof(section));
    return section;
}

/* Every section's bytes are where the section says. */
static void check_pe_memory(const struct image *image, const uint8_t *memory)
{
    uint32_t pe = load_get32(image->bytes + 0x3c);
    uint32_t count = load_get16(image->bytes + pe + 6);

    for (uint32_t i = 0; i < count; i++) {
        struct pe_section section = section_at(image, pe, i);
        uint32_t size = section.virtual_size ? section.virtual_size : section.raw_size;
        uint32_t bytes = section.raw_offset == 0 ? 0 : load_min(section.raw_size, size);

        assert_memory_equal(memory + section.virtual_address, image->bytes + section.raw_offset,
                            bytes);
        for (uint32_t j = bytes; j < size; j++)
            assert_int_equal(memory[section.virtual_address + j], 0);
    }
}

/* Relocating there and back again must give the image that it was, and touch something between. */
static void check_relocation(const struct load_plan *plan, uint8_t *memory)
{
    uint8_t *before = malloc(plan->image_size);

    assert_non_null(before);
    memcpy(before, memory, plan->image_size);
    assert_int_equal(pe_relocate(plan, 0x10000, memory), LOAD_OK);
    if (plan->reloc_size > sizeof(struct pe_reloc_block) + 4)
        assert_memory_not_equal(memory, before, plan->image_size);
    assert_int_equal(pe_relocate(plan, -0x10000u, memory), LOAD_OK);
    assert_memory_equal(memory, before, plan->image_size);
    free(before);
}

static void file_plans(void **state)
{
    static struct load_plan plan;
    struct image image = read_file(*state);
    struct load_reader reader = image_reader(&image);
    enum load_error error = load_plan_any(&reader, &plan);
    uint8_t *memory;

    if (error != LOAD_OK)
        fail_msg("%s: %s", (const char *)*state, load_error_text(error));
    check_plan(&plan, image.size);
    memory = apply_plan(&plan, &reader);
    if (plan.kind == LOAD_ELF32) {
        check_elf_memory(&plan, memory, image.bytes);
    } else {
        check_pe_memory(&image, memory);
        if (plan.relocatable)
            check_relocation(&plan, memory);
        assert_true(check_exports(&plan, memory, UINT32_MAX) >= 0);
    }
    free(memory);
    image_free(&image);
}

int main(int argc, char **argv)
{
    struct CMUnitTest *tests = calloc((size_t)argc, sizeof(*tests));
    int failed;

    if (argc < 2 || tests == NULL) {
        fprintf(stderr, "usage: %s IMAGE...\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        const char *slash = strrchr(argv[i], '/');

        tests[i - 1] = (struct CMUnitTest){
            .name = slash != NULL ? slash + 1 : argv[i],
            .test_func = file_plans,
            .initial_state = argv[i],
        };
    }
    failed = _cmocka_run_group_tests("files", tests, (size_t)argc - 1, NULL, NULL);
    free(tests);
    return failed;
}
