/* SPDX-License-Identifier: MIT */
/* lib/archive/inflate on data that zlib made, and on the same data cut off and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <archive/inflate.h>

/* 40 times "packed ", 300 zeros, "end": a block with the fixed codes, and a run of zeros in it. */
static const uint8_t fixed[] = {0x2b, 0x48, 0x4c, 0xce, 0x4e, 0x4d, 0x51, 0x28, 0x18, 0xa5, 0x50,
                                0x29, 0x86, 0x51, 0x40, 0x34, 0x48, 0xcd, 0x4b, 0x01, 0x00};
#define FIXED_LENGTH (40 * 7 + 300 + 3)

/* The text of fill_random(): a block with codes of its own. */
static const uint8_t dynamic[] = {
    0x05, 0xc1, 0x01, 0x01, 0x00, 0x30, 0x0c, 0xc3, 0x20, 0xad, 0xa4, 0x9f, 0x7f, 0x0b, 0x07, 0x4f,
    0x25, 0x76, 0x1b, 0xce, 0xe3, 0xa0, 0x5a, 0x11, 0x1a, 0xe7, 0x29, 0x35, 0x79, 0x57, 0x77, 0xe7,
    0x69, 0xeb, 0x89, 0xb7, 0xf6, 0x0e, 0x3a, 0xa1, 0x59, 0x15, 0xe6, 0x82, 0xe2, 0x4d, 0x06, 0x8e,
    0xa6, 0x68, 0xa6, 0x79, 0x27, 0x3a, 0x63, 0xb6, 0xec, 0xbd, 0x7b, 0x22, 0x88, 0x82, 0x0b, 0x00,
    0xba, 0xf7, 0xca, 0x59, 0xaf, 0xe0, 0x8c, 0x5a, 0x12, 0x04, 0x18, 0x81, 0xd1, 0x2b, 0x96, 0xf7,
    0x9a, 0xe8, 0xc9, 0x42, 0xa8, 0x3b, 0x0c, 0xe2, 0xdd, 0x34, 0x8b, 0x05, 0x03, 0x28, 0xc7, 0xe4,
    0x50, 0x3b, 0x42, 0x30, 0x30, 0x6d, 0x84, 0x2b, 0x33, 0x35, 0x88, 0xb4, 0xf1, 0xe0, 0x86, 0xb0,
    0x07, 0xb8, 0x7a, 0xd5, 0x3d, 0x2a, 0xbb, 0x7b, 0x68, 0x6e, 0x46, 0x17, 0xbc, 0x79, 0x0e, 0x8b,
    0x95, 0x5a, 0x8b, 0x55, 0xf5, 0x90, 0x3d, 0xcc, 0x04, 0xad, 0x90, 0x4d, 0x42, 0x9c, 0xd7, 0x69,
    0xa7, 0xe0, 0x91, 0x6e, 0x25, 0xc3, 0xf0, 0x34, 0x18, 0x0f, 0xcf, 0xa1, 0x79, 0x8d, 0x47, 0x1f};
#define DYNAMIC_LENGTH 600

static const uint8_t stored[] = {1, 5, 0, 0xfa, 0xff, 'h', 'e', 'l', 'l', 'o'};

static void fill_random(char *text)
{
    uint32_t state = 1;
    for (int i = 0; i < DYNAMIC_LENGTH; i++) {
        state = (state * 1103515245u + 12345u) & 0x7fffffff;
        text[i] = "aaaaaaaabbbbccde"[state >> 16 & 15];
    }
}

/* Unpack from and to blocks of exactly the right size, so that the sanitizers see any step outside. */
static status_t unpack(const uint8_t *packed, size_t packed_length, size_t length, char **result)
{
    uint8_t *input = malloc(packed_length + (packed_length == 0));
    char *output = calloc(1, length + (length == 0));
    memcpy(input, packed, packed_length);
    status_t status = inflate(input, packed_length, output, length);
    free(input);
    if (result != NULL)
        *result = output;
    else
        free(output);
    return status;
}

static void each_kind_of_block_is_unpacked(void **state)
{
    char expected[FIXED_LENGTH + DYNAMIC_LENGTH] = {0}, *got;
    (void)state;
    for (int i = 0; i < 40; i++)
        memcpy(expected + 7 * i, "packed ", 7);
    memcpy(expected + FIXED_LENGTH - 3, "end", 3);
    assert_int_equal(unpack(fixed, sizeof fixed, FIXED_LENGTH, &got), OK);
    assert_memory_equal(got, expected, FIXED_LENGTH);
    free(got);
    fill_random(expected);
    assert_int_equal(unpack(dynamic, sizeof dynamic, DYNAMIC_LENGTH, &got), OK);
    assert_memory_equal(got, expected, DYNAMIC_LENGTH);
    free(got);
    assert_int_equal(unpack(stored, sizeof stored, 5, &got), OK);
    assert_memory_equal(got, "hello", 5);
    free(got);
}

static void another_length_is_refused(void **state)
{
    (void)state;
    for (size_t length = 0; length < FIXED_LENGTH + 2; length++)
        if (length != FIXED_LENGTH)
            assert_int_equal(unpack(fixed, sizeof fixed, length, NULL), ERR_INVALID_ARGUMENT);
    assert_int_equal(unpack(stored, sizeof stored, 4, NULL), ERR_INVALID_ARGUMENT);
    assert_int_equal(unpack(stored, sizeof stored, 6, NULL), ERR_INVALID_ARGUMENT);
}

static void cut_off_data_are_refused(void **state)
{
    (void)state;
    for (size_t length = 0; length + 1 < sizeof fixed; length++)
        assert_int_equal(unpack(fixed, length, FIXED_LENGTH, NULL), ERR_INVALID_ARGUMENT);
    for (size_t length = 0; length + 1 < sizeof dynamic; length++)
        assert_int_equal(unpack(dynamic, length, DYNAMIC_LENGTH, NULL), ERR_INVALID_ARGUMENT);
    for (size_t length = 0; length < sizeof stored; length++)
        assert_int_equal(unpack(stored, length, 5, NULL), ERR_INVALID_ARGUMENT);
}

/* Damaged data may unpack to something else, but never outside the buffers. */
static void damaged_data_stay_inside(void **state)
{
    uint8_t damaged[sizeof dynamic];
    (void)state;
    for (size_t bit = 0; bit < 8 * sizeof dynamic; bit++) {
        memcpy(damaged, dynamic, sizeof dynamic);
        damaged[bit / 8] ^= (uint8_t)(1 << bit % 8);
        (void)unpack(damaged, sizeof damaged, DYNAMIC_LENGTH, NULL);
    }
    srand(1);
    for (int round = 0; round < 20000; round++) {
        for (size_t i = 0; i < sizeof damaged; i++)
            damaged[i] = (uint8_t)rand();
        (void)unpack(damaged, sizeof damaged, DYNAMIC_LENGTH, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_block_is_unpacked),
        cmocka_unit_test(another_length_is_refused),
        cmocka_unit_test(cut_off_data_are_refused),
        cmocka_unit_test(damaged_data_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
