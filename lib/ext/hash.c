/* SPDX-License-Identifier: MIT */
/* The hashes by which directories are indexed. */
#include <string.h>

#include "internal.h"

#define HASH_END 0x7FFFFFFFu

/* Up to `words` words of the name, filled up with its length. Whether bytes are signed, the disk says. */
static void words_of(const char *name, size_t length, bool is_signed, uint32_t *to, uint32_t words)
{
    uint32_t pad = (uint32_t)length | (uint32_t)length << 8, value, filled = 0;
    pad |= pad << 16;
    value = pad;
    if (length > words * 4)
        length = words * 4;
    for (size_t i = 0; i < length; i++) {
        uint32_t byte = is_signed ? (uint32_t)(int32_t)(int8_t)name[i] : (uint32_t)(uint8_t)name[i];
        value = byte + (value << 8);
        if (i % 4 == 3) {
            to[filled++] = value;
            value = pad;
        }
    }
    if (filled < words)
        to[filled++] = value;
    while (filled < words)
        to[filled++] = pad;
}

static uint32_t rotate(uint32_t value, uint32_t by)
{
    return value << by | value >> (32 - by);
}

static uint32_t choose(uint32_t x, uint32_t y, uint32_t z)
{
    return z ^ (x & (y ^ z));
}
static uint32_t majority(uint32_t x, uint32_t y, uint32_t z)
{
    return (x & y) + ((x ^ y) & z);
}
static uint32_t parity(uint32_t x, uint32_t y, uint32_t z)
{
    return x ^ y ^ z;
}

struct md4_round {
    uint32_t (*mix)(uint32_t x, uint32_t y, uint32_t z);
    uint32_t constant;
    uint8_t shift[4], word[8];
};

/* The first half of MD4's work, on eight words. */
static void half_md4(uint32_t state[4], const uint32_t in[8])
{
    static const struct md4_round rounds[3] = {
        {choose, 0, {3, 7, 11, 19}, {0, 1, 2, 3, 4, 5, 6, 7}},
        {majority, 0x5A827999u, {3, 5, 9, 13}, {1, 3, 5, 7, 0, 2, 4, 6}},
        {parity, 0x6ED9EBA1u, {3, 9, 11, 15}, {3, 7, 2, 6, 1, 5, 0, 4}},
    };
    uint32_t work[4] = {state[0], state[1], state[2], state[3]};
    for (uint32_t i = 0; i < 24; i++) {
        const struct md4_round *round = &rounds[i / 8];
        uint32_t *a = &work[(4 - i % 4) % 4];
        uint32_t b = work[(5 - i % 4) % 4], c = work[(6 - i % 4) % 4], d = work[(7 - i % 4) % 4];
        *a = rotate(*a + round->mix(b, c, d) + in[round->word[i % 8]] + round->constant,
                    round->shift[i % 4]);
    }
    for (uint32_t i = 0; i < 4; i++)
        state[i] += work[i];
}

static void tea(uint32_t state[4], const uint32_t in[4])
{
    uint32_t sum = 0, x = state[0], y = state[1];
    for (uint32_t i = 0; i < 16; i++) {
        sum += 0x9E3779B9u;
        x += ((y << 4) + in[0]) ^ (y + sum) ^ ((y >> 5) + in[1]);
        y += ((x << 4) + in[2]) ^ (x + sum) ^ ((x >> 5) + in[3]);
    }
    state[0] += x;
    state[1] += y;
}

static uint32_t legacy(const char *name, size_t length, bool is_signed)
{
    uint32_t now = 0x12A3FE2Du, before = 0x37ABE8F9u;
    for (size_t i = 0; i < length; i++) {
        uint32_t byte = is_signed ? (uint32_t)(int32_t)(int8_t)name[i] : (uint32_t)(uint8_t)name[i];
        uint32_t next = before + (now ^ byte * 7152373u);
        if (next & 0x80000000u)
            next -= 0x7FFFFFFFu;
        before = now;
        now = next;
    }
    return now << 1;
}

static uint32_t hash_name(const struct ext_fs *fs, uint32_t version, const char *name,
                          size_t length)
{
    uint32_t state[4] = {0x67452301u, 0xEFCDAB89u, 0x98BADCFEu, 0x10325476u}, in[8], hash;
    const uint32_t *seed = ext_super_of(fs)->hash_seed;
    bool is_signed = !(fs->hash_flags & EXT_UNSIGNED_HASH);
    uint32_t words = version == EXT_HASH_TEA ? 4 : 8;
    if (version == EXT_HASH_LEGACY)
        return legacy(name, length, is_signed) & ~1u;
    if (seed[0] | seed[1] | seed[2] | seed[3])
        for (uint32_t i = 0; i < 4; i++)
            state[i] = seed[i];
    for (size_t at = 0; at < length; at += words * 4) {
        words_of(name + at, length - at, is_signed, in, words);
        if (version == EXT_HASH_TEA)
            tea(state, in);
        else
            half_md4(state, in);
    }
    hash = (version == EXT_HASH_TEA ? state[0] : state[1]) & ~1u;
    return hash == HASH_END << 1 ? (HASH_END - 1) << 1 : hash;
}

/* A name is looked up and then added or removed: the last one is remembered. */
uint32_t ext_hash_name(struct ext_fs *fs, uint32_t version, const char *name, size_t length)
{
    struct ext_hashed *last = &fs->hashed;
    if (length > EXT_NAME_MAX)
        return hash_name(fs, version, name, length);
    if (last->length == length && last->version == version && memcmp(last->name, name, length) == 0)
        return last->hash;
    last->hash = hash_name(fs, version, name, length);
    last->version = version;
    last->length = (uint32_t)length;
    memcpy(last->name, name, length);
    return last->hash;
}
