/* SPDX-License-Identifier: MIT */
/* The list of loaders, and the words for their errors. */
#include "loaders/plan.h"

#include "loaders/elf32/elf32.h"
#include "loaders/pe/pe.h"

enum load_error load_plan_any(const struct load_reader *reader, struct load_plan *plan)
{
    enum load_error error = elf32_plan(reader, plan);

    if (error == LOAD_NOT_RECOGNISED)
        error = pe_plan(reader, plan);
    return error;
}

const char *load_error_text(enum load_error error)
{
    switch (error) {
    case LOAD_OK:
        return "no error";
    case LOAD_NOT_RECOGNISED:
        return "not recognised";
    case LOAD_TRUNCATED:
        return "file is truncated";
    case LOAD_BAD_FORMAT:
        return "malformed image";
    case LOAD_UNSUPPORTED:
        return "unsupported kind of image";
    case LOAD_BAD_ADDRESS:
        return "address outside the image or the address space";
    case LOAD_TOO_COMPLEX:
        return "too many parts";
    }
    return "unknown loader error";
}
