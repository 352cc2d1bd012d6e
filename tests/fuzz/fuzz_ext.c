/* SPDX-License-Identifier: MIT */
/* libFuzzer target: an image of ext2, ext3 or ext4, used in all ways. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ext/exercise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct image {
    uint8_t *bytes;
    size_t size;
};

static void check(const struct image *image, uint64_t offset, uint32_t length)
{
    if (length == 0 || length > image->size || offset > image->size - length)
        abort();
}

static status_t image_read(void *context, uint64_t offset, void *to, uint32_t length)
{
    const struct image *image = context;
    check(image, offset, length);
    memcpy(to, image->bytes + offset, length);
    return OK;
}

static status_t image_write(void *context, uint64_t offset, const void *from, uint32_t length)
{
    const struct image *image = context;
    check(image, offset, length);
    memcpy(image->bytes + offset, from, length);
    return OK;
}

static status_t image_flush(void *context)
{
    (void)context;
    return OK;
}

static uint64_t image_now(void *context)
{
    (void)context;
    return 1700000000000000000ull;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image image = {malloc(size + 1), size};
    struct ext_device device = {&image, size, image_read, image_write, image_flush, image_now};
    memcpy(image.bytes, data, size);
    exercise_image(&device);
    free(image.bytes);
    return 0;
}
