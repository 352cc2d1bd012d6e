/* SPDX-License-Identifier: MIT */
/* libFuzzer target: whatever elf32_plan accepts holds the plan's invariants and loads right. */
#include <stdlib.h>

#include "loaders/elf32/elf32.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/loaders/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct load_plan plan;
    struct fuzz_file file;
    struct load_reader reader = fuzz_reader(&file, data, size);
    uint8_t *memory;

    if (elf32_plan(&reader, &plan) != LOAD_OK)
        return 0;
    check_plan(&plan, reader.size);
    if (plan.image_size > FUZZ_LARGEST_IMAGE)
        return 0;
    memory = apply_plan(&plan, &reader);
    check_elf_memory(&plan, memory, data);
    free(memory);
    return 0;
}
