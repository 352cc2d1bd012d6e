/* SPDX-License-Identifier: MIT */
/* What the unit tests of the loaders expect of an image, whatever its format; the images are freed. */
#ifndef TESTS_UNIT_LOADERS_EXPECT_H
#define TESTS_UNIT_LOADERS_EXPECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loaders/bytes.h"
#include "tests/unit/loaders/check.h"
#include "tests/unit/loaders/images.h"

#define RX  (LOAD_READ | LOAD_EXEC)
#define RW  (LOAD_READ | LOAD_WRITE)
#define RWX (LOAD_READ | LOAD_WRITE | LOAD_EXEC)

typedef enum load_error planner(const struct load_reader *reader, struct load_plan *plan);

enum load_error plan_image(planner *planner, const struct image *image, struct load_plan *plan);
void expect_refused(planner *planner, struct image *image, enum load_error error);
/* Accepted, and its memory as a loader has it; the caller frees that. */
uint8_t *expect_loaded(planner *planner, struct image *image, struct load_plan *plan);
/* Accepted, and its memory is what a loader of ELF that knows no pages would make. */
void expect_elf(planner *planner, struct image *image, struct load_plan *plan);
void expect_segment(const struct load_plan *plan, uint32_t index, uint32_t address, uint32_t length,
                    uint32_t file_offset, uint32_t file_length, unsigned prot, bool mappable);

#endif
