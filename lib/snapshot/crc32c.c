/* SPDX-License-Identifier: MIT */
/* CRC-32C (Castagnoli), reflected, as in RFC 3720 appendix B.4. */
#include "internal.h"

#define POLYNOMIAL 0x82f63b78u

#define SLICES 8u

/* Little endian, as all that this runs on. */
typedef uint32_t __attribute__((may_alias, aligned(1))) word_t;

/* table[0] for a byte; table[n] for one with n zero bytes behind it, so that eight bytes go in one step. */
static uint32_t table[SLICES][256];

static void make_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (uint32_t bit = 0; bit < 8; bit++)
            value = value & 1 ? value >> 1 ^ POLYNOMIAL : value >> 1;
        table[0][i] = value;
    }
    for (uint32_t slice = 1; slice < SLICES; slice++)
        for (uint32_t i = 0; i < 256; i++)
            table[slice][i] = table[slice - 1][i] >> 8 ^ table[0][(uint8_t)table[slice - 1][i]];
}

/* Four bytes that have `behind` others behind them. */
static inline uint32_t four(uint32_t bytes, uint32_t behind)
{
    return table[behind + 3][(uint8_t)bytes] ^ table[behind + 2][(uint8_t)(bytes >> 8)] ^
           table[behind + 1][(uint8_t)(bytes >> 16)] ^ table[behind][bytes >> 24];
}

uint32_t snap_crc32c(uint32_t crc, const void *data, uint32_t length)
{
    const uint8_t *at = data;
    if (table[SLICES - 1][255] == 0)
        make_table(); /* the last entry is the last to be made, and anyone makes the same */
    crc = ~crc;
    for (; length >= SLICES; at += SLICES, length -= SLICES) {
        const word_t *words = (const word_t *)at;
        crc = four(crc ^ words[0], 4) ^ four(words[1], 0);
    }
    while (length-- > 0)
        crc = crc >> 8 ^ table[0][(uint8_t)(crc ^ *at++)];
    return ~crc;
}
