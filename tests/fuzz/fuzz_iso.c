/* SPDX-License-Identifier: MIT */
/* libFuzzer target: an ISO 9660 image that may be anything is walked with each kind of names. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/iso/walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct image {
    const uint8_t *bytes;
    size_t size;
};

static status_t image_read(void *context, uint64_t offset, void *to, uint32_t length)
{
    const struct image *image = context;
    if (offset > image->size || length > image->size - offset)
        abort();
    memcpy(to, image->bytes + offset, length);
    return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct iso_volume volume;
    struct image image = {data, size};
    struct iso_device device = {image_read, &image, size};
    for (uint32_t flags = 0; flags <= (ISO_NO_ROCK_RIDGE | ISO_NO_JOLIET); flags++) {
        struct iso_walk walk = {&volume, NULL, NULL, 500, 8};
        struct iso_entry root;
        if (iso_open(&volume, &device, flags) == OK && iso_root(&volume, &root) == OK)
            iso_walk_directory(&walk, &root, "");
    }
    return 0;
}
