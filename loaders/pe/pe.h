/* SPDX-License-Identifier: MIT */
/*
 * PE32 for i386. pe_plan works on the file; the other functions work on the mapped image: the
 * plan's segments loaded at image[address - preferred_base], image_size readable bytes, which must
 * not change meanwhile. Nothing in the mapped bytes is believed without a check.
 */
#ifndef LOADERS_PE_PE_H
#define LOADERS_PE_PE_H

#include "loaders/plan.h"

LOAD_CHECKED enum load_error pe_plan(const struct load_reader *reader, struct load_plan *plan);

/*
 * Adds `delta` (base - preferred_base, modulo 2^32) at every place that the base relocations name.
 * `image` is plan->image_size writable bytes. After an error it is relocated in part: throw it away.
 */
LOAD_CHECKED enum load_error pe_relocate(const struct load_plan *plan, uint32_t delta,
                                         uint8_t *image);

/*
 * Finds an export by its name. LOAD_NOT_RECOGNISED: there is none of that name.
 * LOAD_UNSUPPORTED: it is forwarded to another DLL and has no address here.
 */
LOAD_CHECKED enum load_error pe_find_export(const uint8_t *image, uint32_t image_size,
                                            const struct load_plan *plan, const char *name,
                                            uint32_t *rva);

/*
 * Enumerates the named exports in the order of the name table. *cursor starts at 0 and is advanced;
 * LOAD_NOT_RECOGNISED ends the enumeration. `name` points into the image.
 */
LOAD_CHECKED enum load_error pe_export_next(const uint8_t *image, uint32_t image_size,
                                            const struct load_plan *plan, uint32_t *cursor,
                                            const char **name, uint32_t *rva);

/* Whether an export's rva is that of a forwarder text ("NTDLL.RtlAllocateHeap") instead of code. */
static inline bool pe_is_forwarder(const struct load_plan *plan, uint32_t rva)
{
    return rva - plan->export_rva < plan->export_size;
}

#endif
