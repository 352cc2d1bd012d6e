/* SPDX-License-Identifier: MIT */
/*
 * Digests of pages (abi/snapshot/format.h). All memory of a snapshot is verified before it is used, so what
 * this takes is most of what a restore takes: four instructions for eight bytes.
 */
#include <stdlib.h>

#include "internal.h"

struct sums {
    uint64_t first, second;
};

#ifdef __i386__
/* The halves are exchanged by exchanging what the two registers stand for. */
#define TWO_WORDS(offset)                                           \
    "addl " #offset "(%4), %1\n\tadcl " #offset "+4(%4), %0\n\t"    \
    "addl %1, %2\n\tadcl %0, %3\n\t"                                \
    "addl " #offset "+8(%4), %0\n\tadcl " #offset "+12(%4), %1\n\t" \
    "addl %0, %2\n\tadcl %1, %3\n\t"
#define STEP 128u

static struct sums sum_up(const uint8_t *page)
{
    uint32_t low = 0, high = 0, second_low = 0, second_high = 0;
    for (const uint8_t *end = page + PAGE_SIZE; page < end; page += STEP)
        __asm__(TWO_WORDS(0) TWO_WORDS(16) TWO_WORDS(32) TWO_WORDS(48) TWO_WORDS(64) TWO_WORDS(80)
                    TWO_WORDS(96) TWO_WORDS(112)
                : "+r"(low), "+r"(high), "+r"(second_low), "+r"(second_high)
                : "r"(page), "m"(*(const uint8_t(*)[STEP])page)
                : "cc");
    return (struct sums){(uint64_t)high << 32 | low, (uint64_t)second_high << 32 | second_low};
}
#else
typedef uint64_t __attribute__((may_alias, aligned(1))) word_t;

static uint64_t exchange_halves(uint64_t value)
{
    return value << 32 | value >> 32;
}

static struct sums sum_up(const uint8_t *page)
{
    const word_t *word = (const word_t *)page, *end = word + PAGE_SIZE / sizeof *word;
    struct sums sums = {0, 0};
    for (; word < end; word++) {
        sums.first = exchange_halves(sums.first) + *word;
        sums.second += sums.first;
    }
    return sums;
}
#endif

uint32_t snap_page_digest(const void *page)
{
    struct sums sums = sum_up(page);
    return snap_crc32c(0, &sums, sizeof sums);
}

static bool are_as_written(const struct snapshot *snapshot, const uint32_t *digests)
{
    uint32_t length = 0;
    const struct snap_digest *row = (const void *)snap_get(
        snap_next(snapshot, SNAP_INTEGRITY, NULL), SNAP_INTEGRITY_TABLE, &length);
    for (uint32_t count = length / (uint32_t)sizeof *row; count > 0; count--, row++)
        if (row->kind == SNAP_DIGEST_PAGES && row->index == 0 &&
            row->length == snapshot->digest_bytes)
            return row->crc == snap_crc32c(0, digests, snapshot->digest_bytes);
    return false;
}

uint32_t snap_page_count(const struct snapshot *snapshot)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < snapshot->load_count; i++)
        bytes += snapshot->loads[i].file_size;
    return (uint32_t)(bytes / PAGE_SIZE);
}

status_t snap_page_digests(const struct snapshot *snapshot, uint32_t **digests)
{
    *digests = NULL;
    if (snapshot->digest_bytes != snap_page_count(snapshot) * sizeof **digests)
        return ERR_BAD_EXECUTABLE;
    *digests = malloc(snapshot->digest_bytes + 1);
    if (*digests == NULL)
        return ERR_NO_MEMORY;
    status_t status = snap_bytes_read(&snapshot->digests, 0, *digests, snapshot->digest_bytes);
    return status == OK && !are_as_written(snapshot, *digests) ? ERR_BAD_EXECUTABLE : status;
}
