/* SPDX-License-Identifier: MIT */
/* The answers of query calls. */
#ifndef NT_ANSWER_H
#define NT_ANSWER_H

#include <personalities/nt/nt.h>

/* The answer of a query call: class in args[at], then buffer, length, returned length. */
struct answer {
    uint32_t buffer, length, returned;
};

static inline NTSTATUS give(const struct answer *answer, const void *bytes, uint32_t size)
{
    return guest_return(answer->buffer, answer->length, answer->returned, bytes, size);
}

static inline NTSTATUS give32(const struct answer *answer, uint32_t value)
{
    return give(answer, &value, sizeof value);
}

/* Information classes that have one size. */
struct class_size {
    uint32_t class, size;
};
/* Whether the length that a call gives (args[1] class, args[3] length) is not a wrong one. */
static inline bool class_fits(const struct class_size *sizes, uint32_t count,
                              const struct call *call)
{
    for (uint32_t i = 0; i < count; i++)
        if (sizes[i].class == call->args[1])
            return sizes[i].size == call->args[3];
    return true;
}

/* ---- lists of the system (system_lists.c) ---- */
NTSTATUS system_processes(const struct answer *answer, bool extended);
NTSTATUS system_handles(const struct answer *answer, bool extended);

/* ---- the processor (processors.c) ---- */
/* SystemLogicalProcessorInformation */
NTSTATUS system_logical_processors(const struct answer *answer);
/*
 * A set of processors (args[2], length in args[3]) must name the only one there is; of threads others in
 * it are ignored.
 */
NTSTATUS processor_check_affinity(struct call *call, bool others_allowed);

#endif
