/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: an image of ext2, ext3 or ext4, used in all ways. With FUZZ_BASE=FILE and
 * FUZZ_PLACE=OFFSET in the environment the input is what stands at that place in the image of that file,
 * for parts that are small in large images: a journal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/ext/exercise.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct image {
    uint8_t *bytes;
    size_t size;
};

static struct image base;
static size_t base_place;

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

static void load_base(const char *name)
{
    FILE *file = fopen(name, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        abort();
    base.size = (size_t)ftell(file);
    base.bytes = malloc(base.size);
    rewind(file);
    if (base.bytes == NULL || fread(base.bytes, 1, base.size, file) != base.size)
        abort();
    fclose(file);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *name = getenv("FUZZ_BASE"), *place = getenv("FUZZ_PLACE");
    (void)argc, (void)argv;
    if (name == NULL || place == NULL)
        return 0;
    load_base(name);
    base_place = strtoul(place, NULL, 0);
    return base_place < base.size ? 0 : 1;
}

/* The input as an image, or in one. */
static struct image make_image(const uint8_t *data, size_t size)
{
    struct image image = {malloc(size + base.size + 1), size};
    if (base.bytes != NULL) {
        image.size = base.size;
        memcpy(image.bytes, base.bytes, base.size);
        size = size < base.size - base_place ? size : base.size - base_place;
    }
    memcpy(image.bytes + base_place, data, size);
    return image;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image image = make_image(data, size);
    struct ext_device device = {&image,      image.size,  image_read,
                                image_write, image_flush, image_now};
    exercise_image(&device);
    free(image.bytes);
    return 0;
}
