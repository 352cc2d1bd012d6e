/* SPDX-License-Identifier: MIT */
/* libFuzzer target: what pe_plan accepts holds the plan's invariants, loads, relocates, exports. */
#include <stdlib.h>

#include "loaders/pe/pe.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/loaders/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct load_plan plan;
    struct fuzz_file file;
    struct load_reader reader = fuzz_reader(&file, data, size);
    uint8_t *memory;

    if (pe_plan(&reader, &plan) != LOAD_OK)
        return 0;
    check_plan(&plan, reader.size);
    if (plan.image_size > FUZZ_LARGEST_IMAGE)
        return 0;
    memory = apply_plan(&plan, &reader);
    check_exports(&plan, memory, 100);
    if (pe_relocate(&plan, 0x12340000, memory) == LOAD_OK)
        check_exports(&plan, memory, 100);
    free(memory);
    return 0;
}
