/* SPDX-License-Identifier: MIT */
/*
 * What the fuzzers of system calls share: random numbers that follow from a seed alone, and numbers that calls
 * are likely to take for a size, a flag, an address or a mistake.
 */
#ifndef TESTS_FUZZ_RANDOM_H
#define TESTS_FUZZ_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state;
};

static inline void random_seed(struct random *random, uint64_t seed)
{
    random->state = seed * 0x9e3779b97f4a7c15ull + 1;
}

static inline uint32_t random_next(struct random *random)
{
    random->state ^= random->state << 13;
    random->state ^= random->state >> 7;
    random->state ^= random->state << 17;
    return (uint32_t)(random->state >> 16);
}

static inline uint32_t random_below(struct random *random, uint32_t limit)
{
    return random_next(random) % limit;
}

static inline uint32_t random_number(struct random *random)
{
    static const uint32_t edges[] = {
        0,          1,          2,          3,          4,          8,          0x10,     0x18,
        0x20,       0x40,       0x100,      0x1000,     0x2000,     0x3000,     0x10000,  0x100000,
        0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, 0x80100000, 0xc0000000, 0x120089, 0x1f0fff};
    switch (random_below(random, 4)) {
    case 0:
        return edges[random_below(random, sizeof edges / sizeof edges[0])];
    case 1:
        return random_next(random);
    }
    return random_below(random, 64);
}

#endif
