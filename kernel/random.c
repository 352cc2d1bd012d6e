/* SPDX-License-Identifier: MIT */
/*
 * The random generator: ChaCha20 (RFC 8439) with a key that is replaced by the generator's own
 * output after every request, so that what was given out cannot be computed from a later state.
 *
 * Entropy: processor jitter and the clock at start, then the time of every interrupt. It is folded
 * into a pool, and the pool into the key at the next request.
 */
#include <kernel/calls.h>
#include <kernel/memory.h>

#define REQUEST_MAX   65536u
#define KEY_WORDS     8
#define BLOCK_WORDS   16
#define START_SAMPLES 256

static uint32_t key[KEY_WORDS], pool[KEY_WORDS];
static uint32_t pool_next;
static uint64_t block_counter;

static uint32_t rotate(uint32_t value, uint32_t bits)
{
    return value << bits | value >> (32 - bits);
}

static void quarter_round(uint32_t *s, int a, int b, int c, int d)
{
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 7);
}

static void next_block(uint32_t out[BLOCK_WORDS])
{
    static const uint32_t constant[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    uint32_t start[BLOCK_WORDS];

    __builtin_memcpy(start, constant, sizeof constant);
    __builtin_memcpy(start + 4, key, sizeof key);
    block_counter++;
    start[12] = (uint32_t)block_counter;
    start[13] = (uint32_t)(block_counter >> 32);
    start[14] = start[15] = 0;
    __builtin_memcpy(out, start, sizeof start);
    for (int i = 0; i < 10; i++) {
        for (int column = 0; column < 4; column++)
            quarter_round(out, column, 4 + column, 8 + column, 12 + column);
        quarter_round(out, 0, 5, 10, 15);
        quarter_round(out, 1, 6, 11, 12);
        quarter_round(out, 2, 7, 8, 13);
        quarter_round(out, 3, 4, 9, 14);
    }
    for (int i = 0; i < BLOCK_WORDS; i++)
        out[i] += start[i];
}

static void replace_key(void)
{
    uint32_t block[BLOCK_WORDS];

    for (int i = 0; i < KEY_WORDS; i++) {
        key[i] ^= pool[i];
        pool[i] = 0;
    }
    next_block(block);
    __builtin_memcpy(key, block, sizeof key);
}

/* Cheap: interrupts call it. */
void random_stir(uint32_t value)
{
    uint32_t *word = &pool[pool_next++ % KEY_WORDS];

    *word = rotate(*word, 5) ^ (value + arch_entropy());
}

void random_init(void)
{
    uint64_t seconds = arch_rtc_read();

    random_stir((uint32_t)seconds);
    for (int i = 0; i < START_SAMPLES; i++) {
        random_stir((uint32_t)arch_clock_now());
        if (i % KEY_WORDS == KEY_WORDS - 1)
            replace_key();
    }
}

status_t call_random_get(user_t buffer, uint32_t length)
{
    uint32_t block[BLOCK_WORDS];
    status_t status = OK;

    if (length > REQUEST_MAX)
        return ERR_TOO_LARGE;
    random_stir(length);
    replace_key();
    while (length && status == OK) {
        uint32_t count = length < sizeof block ? length : sizeof block;
        next_block(block);
        status = user_write(buffer, block, count);
        buffer.address += count;
        length -= count;
    }
    __builtin_memset(block, 0, sizeof block);
    replace_key();
    return status;
}
