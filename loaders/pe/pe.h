/* SPDX-License-Identifier: MIT */
#ifndef LOADERS_PE_H
#define LOADERS_PE_H

#include <loaders/plan.h>

/* PE32 images for i386, programs and DLLs. On an error *plan is undefined. */
enum load_error pe_plan(const struct load_reader *reader, struct load_plan *plan);

/*
 * Add `delta` at every place the relocation directory names. `image` holds plan->image_size mapped,
 * writable bytes. Every block is checked; on an error part of the relocations may have been done.
 */
enum load_error pe_relocate(const struct load_plan *plan, uint32_t delta, uint8_t *image);

/* RVA of a named export; NOT_RECOGNISED if there is none of this name. */
enum load_error pe_find_export(const uint8_t *image, uint32_t image_size, const struct load_plan *plan,
                               const char *name, uint32_t *rva);

struct pe_export {
    const char *name; /* inside the image, NUL-terminated within it */
    uint32_t rva;
};
/* The index-th named export, index from 0; NOT_RECOGNISED past the last one. */
enum load_error pe_export_at(const uint8_t *image, uint32_t image_size, const struct load_plan *plan, uint32_t index,
                             struct pe_export *export);

#endif
