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

/* SystemLogicalProcessorInformation (processors.c) */
NTSTATUS system_logical_processors(const struct answer *answer);

#endif
