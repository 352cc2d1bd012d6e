/* SPDX-License-Identifier: MIT */
/* What the formats share; see plan.h. */
#include <loaders/elf32/elf32.h>
#include <loaders/pe/pe.h>
#include <loaders/plan.h>

enum load_error load_plan_any(const struct load_reader *reader, struct load_plan *plan)
{
    enum load_error error = elf32_plan(reader, plan);
    return error == LOAD_NOT_RECOGNISED ? pe_plan(reader, plan) : error;
}

const char *load_error_text(enum load_error error)
{
    switch (error) {
    case LOAD_OK:
        return "no error";
    case LOAD_NOT_RECOGNISED:
        return "not an executable image";
    case LOAD_TRUNCATED:
        return "image is cut short";
    case LOAD_BAD_FORMAT:
        return "image is malformed";
    case LOAD_UNSUPPORTED:
        return "image is of an unsupported kind";
    case LOAD_BAD_ADDRESS:
        return "image has impossible addresses";
    case LOAD_TOO_COMPLEX:
        return "image has too many parts";
    }
    return "unknown error";
}

enum load_error load_plan_add(struct load_plan *plan, const struct load_segment *segment)
{
    if (plan->segment_count == LOAD_MAX_SEGMENTS)
        return LOAD_TOO_COMPLEX;
    if (segment->length == 0 || segment->length > UINT32_MAX - segment->address)
        return LOAD_BAD_ADDRESS;
    if (plan->segment_count > 0) {
        const struct load_segment *last = &plan->segments[plan->segment_count - 1];
        if (segment->address < last->address + last->length)
            return LOAD_BAD_ADDRESS;
    }
    plan->segments[plan->segment_count++] = *segment;
    return LOAD_OK;
}
