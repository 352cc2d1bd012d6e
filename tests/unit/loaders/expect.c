/* SPDX-License-Identifier: MIT */
/* See expect.h. */
#include "tests/unit/loaders/expect.h"

enum load_error plan_image(planner *planner, const struct image *image, struct load_plan *plan)
{
    struct load_reader reader = image_reader(image);

    memset(plan, 0xa5, sizeof(*plan));
    return planner(&reader, plan);
}

void expect_refused(planner *planner, struct image *image, enum load_error error)
{
    struct load_plan plan = {0};

    assert_int_equal(plan_image(planner, image, &plan), error);
    image_free(image);
}

uint8_t *expect_loaded(planner *planner, struct image *image, struct load_plan *plan)
{
    struct load_reader reader = image_reader(image);
    uint8_t *memory;

    assert_int_equal(plan_image(planner, image, plan), LOAD_OK);
    check_plan(plan, image->size);
    memory = apply_plan(plan, &reader);
    image_free(image);
    return memory;
}

void expect_elf(planner *planner, struct image *image, struct load_plan *plan)
{
    uint8_t *file = malloc(image->size), *memory;

    memcpy(file, image->bytes, image->size);
    memory = expect_loaded(planner, image, plan);
    check_elf_memory(plan, memory, file);
    free(memory);
    free(file);
}

void expect_segment(const struct load_plan *plan, uint32_t index, uint32_t address, uint32_t length,
                    uint32_t file_offset, uint32_t file_length, unsigned prot, bool mappable)
{
    const struct load_segment *segment = &plan->segments[index];

    assert_true(index < plan->segment_count);
    assert_int_equal(segment->address, address);
    assert_int_equal(segment->length, length);
    assert_int_equal(segment->file_length, file_length);
    if (file_length > 0)
        assert_int_equal(segment->file_offset, file_offset);
    assert_int_equal(segment->prot, prot);
    assert_int_equal(segment->mappable, mappable);
}
