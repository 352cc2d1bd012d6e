/* SPDX-License-Identifier: MIT */
/*
 * random and its states: the additive generator x[i] = x[i-3] + x[i-31] and its shorter relatives, which
 * give the same numbers for the same seed as on other systems.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "thread.h"

static const struct {
    unsigned char degree, separation;
} kinds[] = {{0, 0}, {7, 3}, {15, 1}, {31, 3}, {63, 1}};
static const unsigned short sizes[] = {8, 32, 64, 128, 256};

static volatile int random_lock;
static uint32_t standard[32]; /* word 0: kind and position */
static uint32_t *state = standard;
static unsigned kind = 3, front, back;

static uint32_t next_word(void)
{
    uint32_t *words = state + 1;
    if (kind == 0) {
        words[0] = (words[0] * 1103515245U + 12345U) & 0x7fffffff;
        return words[0];
    }
    words[front] += words[back];
    uint32_t result = words[front] >> 1;
    front = (front + 1) % kinds[kind].degree;
    back = (back + 1) % kinds[kind].degree;
    return result;
}

static void seed(unsigned value)
{
    int32_t word = value ? (int32_t)value : 1;
    state[1] = (uint32_t)word;
    if (kind == 0)
        return;
    unsigned degree = kinds[kind].degree;
    for (unsigned i = 1; i < degree; i++) {
        word = (int32_t)(16807 * (int64_t)(word % 127773) - 2836 * (int64_t)(word / 127773));
        if (word < 0)
            word += 0x7fffffff;
        state[1 + i] = (uint32_t)word;
    }
    front = kinds[kind].separation;
    back = 0;
    for (unsigned i = 0; i < degree * 10; i++)
        next_word();
}

static void ensure_seeded(void)
{
    if (state == standard && state[1] == 0)
        seed(1);
}

long random(void)
{
    lock(&random_lock);
    ensure_seeded();
    long result = (long)next_word();
    unlock(&random_lock);
    return result;
}

void srandom(unsigned value)
{
    lock(&random_lock);
    seed(value);
    unlock(&random_lock);
}

static char *save(void)
{
    ensure_seeded();
    state[0] = kind | back << 8;
    return (char *)state;
}

char *initstate(unsigned value, char *memory, size_t size)
{
    if (size < sizes[0]) {
        errno = EINVAL;
        return NULL;
    }
    lock(&random_lock);
    char *old = save();
    kind = 0;
    while (kind < 4 && size >= sizes[kind + 1])
        kind++;
    state = (uint32_t *)(void *)memory;
    seed(value);
    save();
    unlock(&random_lock);
    return old;
}

char *setstate(char *memory)
{
    uint32_t *words = (uint32_t *)(void *)memory;
    unsigned wanted = words[0] & 0xff;
    if (wanted > 4) {
        errno = EINVAL;
        return NULL;
    }
    lock(&random_lock);
    char *old = save();
    state = words;
    kind = wanted;
    back = words[0] >> 8;
    front = wanted ? (back + kinds[wanted].separation) % kinds[wanted].degree : 0;
    unlock(&random_lock);
    return old;
}
