/* SPDX-License-Identifier: MIT */
/* Uses everything that lib/iso offers on an image that may be anything; `found` hears of every entry. */
#ifndef TESTS_UNIT_ISO_WALK_H
#define TESTS_UNIT_ISO_WALK_H

#include "lib/iso/iso.h"

struct iso_walk {
    struct iso_volume *volume;
    void (*found)(void *context, const char *path, const struct iso_entry *entry,
                  const char *content, size_t length);
    void *context;
    uint32_t steps_left, depth_left;
};
void iso_walk_directory(struct iso_walk *walk, const struct iso_entry *directory, const char *path);

#endif
