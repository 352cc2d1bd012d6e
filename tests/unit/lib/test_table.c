/* SPDX-License-Identifier: MIT */
/* The hash tables of lib/: what was put is found, by its key alone, until it is taken out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <atomik/table.h>

enum { BUCKETS = 8, ITEMS = 64 };

static struct table_link *buckets[BUCKETS];
static struct table table = {buckets, BUCKETS};

/* Numbers as file systems have them: far apart, and alike in their lowest bits. */
static uint64_t key_of(int number)
{
    return (uint64_t)number * 0x100001000ull;
}

static void what_is_put_is_found_until_it_is_taken_out(void **state)
{
    struct table_link items[ITEMS];
    (void)state;
    for (int i = 0; i < ITEMS; i++)
        table_add(&table, &items[i], key_of(i));
    for (int i = 0; i < ITEMS; i += 3)
        table_remove(&table, &items[i]);
    for (int i = 0; i < ITEMS; i++)
        assert_ptr_equal(table_find(&table, key_of(i)), i % 3 ? &items[i] : NULL);
    for (int i = 0; i < ITEMS; i++)
        table_remove(&table, &items[i]);
    for (int i = 0; i < BUCKETS; i++)
        assert_null(buckets[i]);
}

static void some_may_have_one_key(void **state)
{
    struct table_link items[ITEMS];
    uint64_t found = 0;
    int count = 0;
    (void)state;
    for (int i = 0; i < ITEMS; i++)
        table_add(&table, &items[i], key_of(i % 5));
    for (struct table_link *at = table_find(&table, key_of(2)); at != NULL;
         at = table_next(at, key_of(2)), count++)
        found |= 1ull << (at - items);
    assert_int_equal(count, 13);
    for (int i = 0; i < ITEMS; i++)
        assert_int_equal(found >> i & 1, i % 5 == 2);
    for (int i = 0; i < ITEMS; i++)
        table_remove(&table, &items[i]);
}

static void numbers_alike_in_their_lowest_bits_are_spread(void **state)
{
    struct table_link items[ITEMS];
    int used = 0;
    (void)state;
    for (int i = 0; i < ITEMS; i++)
        table_add(&table, &items[i], (uint64_t)i * 4096);
    for (int i = 0; i < BUCKETS; i++)
        used += buckets[i] != NULL;
    assert_int_equal(used, BUCKETS);
    for (int i = 0; i < ITEMS; i++)
        table_remove(&table, &items[i]);
}

static void taking_out_what_is_not_there_is_harmless(void **state)
{
    struct table_link item, other = {.key = 1};
    (void)state;
    table_add(&table, &item, 1);
    table_remove(&table, &other);
    assert_ptr_equal(table_find(&table, 1), &item);
    table_remove(&table, &item);
    table_remove(&table, &item);
    assert_null(table_find(&table, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_found_until_it_is_taken_out),
        cmocka_unit_test(some_may_have_one_key),
        cmocka_unit_test(numbers_alike_in_their_lowest_bits_are_spread),
        cmocka_unit_test(taking_out_what_is_not_there_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
