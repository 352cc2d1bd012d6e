/* SPDX-License-Identifier: MIT */
/*
 * What the loaders share among themselves: reading little-endian fields at any alignment, checked
 * reads of the file, page arithmetic. Not part of the library's interface. Header only, because the
 * kernel has no libc to take memcpy from and links nothing but the loaders' three source files.
 *
 * Structures of the file formats are read straight into C structures of the same layout, so the
 * processor must be little-endian.
 */
#ifndef LOADERS_BYTES_H
#define LOADERS_BYTES_H

#include "loaders/plan.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "formats are read in place");

#define LOAD_PAGE 0x1000u

static inline uint32_t load_page_offset(uint32_t address)
{
    return address & (LOAD_PAGE - 1);
}

static inline uint32_t load_page_down(uint32_t address)
{
    return address & ~(LOAD_PAGE - 1);
}

/* In 64 bits, because the last page's end does not fit in 32. */
static inline uint64_t load_page_up(uint64_t address)
{
    return (address + LOAD_PAGE - 1) & ~(uint64_t)(LOAD_PAGE - 1);
}

static inline bool load_is_power_of_two(uint32_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

static inline uint32_t load_min(uint64_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

/* Whether [start, start + length) lies inside [0, size). */
static inline bool load_inside(uint64_t start, uint64_t length, uint32_t size)
{
    return start <= size && length <= size - start;
}

static inline uint16_t load_get16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t load_get32(const uint8_t *bytes)
{
    return load_get16(bytes) | (uint32_t)load_get16(bytes + 2) << 16;
}

static inline void load_put16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

static inline void load_put32(uint8_t *bytes, uint32_t value)
{
    load_put16(bytes, (uint16_t)value);
    load_put16(bytes + 2, (uint16_t)(value >> 16));
}

static inline void load_zero(void *memory, size_t length)
{
    uint8_t *bytes = memory;

    for (size_t i = 0; i < length; i++)
        bytes[i] = 0;
}

/* The only way to the file's bytes: nothing outside [0, size) is ever asked of the reader. */
LOAD_CHECKED static inline enum load_error load_read(const struct load_reader *reader,
                                                     uint64_t offset, void *buffer, uint32_t length)
{
    if (!load_inside(offset, length, reader->size))
        return LOAD_TRUNCATED;
    return reader->read(reader->context, (uint32_t)offset, buffer, length) ? LOAD_OK
                                                                           : LOAD_TRUNCATED;
}

#endif
