/* SPDX-License-Identifier: MIT */
/* CRC-32C (Castagnoli), reflected, as in RFC 3720 appendix B.4. */
#include "internal.h"

#define POLYNOMIAL 0x82f63b78u

static uint32_t table[256];

static void make_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (uint32_t bit = 0; bit < 8; bit++)
            value = value & 1 ? value >> 1 ^ POLYNOMIAL : value >> 1;
        table[i] = value;
    }
}

uint32_t snap_crc32c(uint32_t crc, const void *data, uint32_t length)
{
    const uint8_t *at = data;
    if (table[255] == 0)
        make_table(); /* the last entry is the last to be made, and anyone makes the same */
    crc = ~crc;
    while (length-- > 0)
        crc = crc >> 8 ^ table[(uint8_t)(crc ^ *at++)];
    return ~crc;
}
