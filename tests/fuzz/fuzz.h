/* SPDX-License-Identifier: MIT */
/* What the loaders' fuzz targets share: the input as a file that aborts on reads outside it. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdlib.h>
#include <string.h>

#include "loaders/bytes.h"

/* Larger ones are planned, but not loaded: clearing memory is not what is to be fuzzed. */
#define FUZZ_LARGEST_IMAGE 0x40000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_file {
    const uint8_t *data;
    uint32_t size;
};

static bool fuzz_read(void *context, uint32_t offset, void *buffer, uint32_t length)
{
    const struct fuzz_file *file = context;

    if (!load_inside(offset, length, file->size))
        abort();
    memcpy(buffer, file->data + offset, length);
    return true;
}

static inline struct load_reader fuzz_reader(struct fuzz_file *file, const uint8_t *data,
                                             size_t size)
{
    *file = (struct fuzz_file){.data = data, .size = (uint32_t)size};
    return (struct load_reader){.read = fuzz_read, .context = file, .size = file->size};
}

#endif
