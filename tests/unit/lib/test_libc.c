/* SPDX-License-Identifier: MIT */
/* Our C library's functions, here named our_*, do what the host's do. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int our_snprintf(char *to, size_t size, const char *format, ...);
void *our_memcpy(void *to, const void *from, size_t length);
void *our_memmove(void *to, const void *from, size_t length);
void *our_memset(void *to, int byte, size_t length);
int our_memcmp(const void *a, const void *b, size_t length);
char *our_strstr(const char *text, const char *part);
char *our_strrchr(const char *text, int byte);
size_t our_strspn(const char *text, const char *set);
size_t our_strcspn(const char *text, const char *set);
char *our_strncpy(char *to, const char *from, size_t max);
size_t our_strlcpy(char *to, const char *from, size_t size);
int our_strcasecmp(const char *a, const char *b);
void our_qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *));
long our_strtol(const char *text, char **end, int base);
unsigned long long our_strtoull(const char *text, char **end, int base);

/* What the library under test calls elsewhere. */
void log_printf(const char *format, ...);
void process_end(int code);
const char *environment_get(const char *name);

void log_printf(const char *format, ...)
{
    (void)format;
}

void process_end(int code)
{
    exit(code);
}

const char *environment_get(const char *name)
{
    (void)name;
    return NULL;
}

#define SAME(...)                                                       \
    do {                                                                \
        char ours[128], theirs[128];                                    \
        assert_int_equal(our_snprintf(ours, sizeof ours, __VA_ARGS__),  \
                         snprintf(theirs, sizeof theirs, __VA_ARGS__)); \
        assert_string_equal(ours, theirs);                              \
    } while (0)

static void formats_print_as_the_hosts(void **state)
{
    (void)state;
    SAME("%d|%5d|%-5d|%05d|%+d|% d", -42, 7, 7, -7, 7, 7);
    SAME("%u %x %X %#x %o %#o", 42u, 0xbeefu, 0xbeefu, 255u, 8u, 8u);
    SAME("%lld %llu %llx", LLONG_MIN, ULLONG_MAX, 0x123456789abcdefull);
    SAME("%hhu %hu %hhd", 300, 70000, 200);
    SAME("%s|%10s|%-10s|%.2s|%.*s", "abc", "abc", "abc", "abc", 1, "abc");
    SAME("%c%%%5c%-5c|", 'a', 'b', 'c');
    SAME("%.5d|%8.3x|%-8.3u|%.0d|%.0d", 42, 10u, 10u, 0, 1);
    SAME("%zu %jd %td", (size_t)99, (intmax_t)-99, (ptrdiff_t)-5);
    SAME("%*d|%-*d|%*d", 6, 42, 6, 42, -6, 42);
    SAME("%d %d", INT_MIN, INT_MAX);
    SAME("%010d|%+05d|%-05d|", 123, 5, 5);
}

static void output_is_cut_to_the_size_and_measured_whole(void **state)
{
    char text[5] = "xxxx";
    (void)state;
    assert_int_equal(our_snprintf(text, sizeof text, "%s", "abcdefgh"), 8);
    assert_string_equal(text, "abcd");
    assert_int_equal(our_snprintf(NULL, 0, "%d", 12345), 5);
}

static void memory_moves_whatever_overlap_and_alignment(void **state)
{
    uint8_t ours[160], theirs[160];
    (void)state;
    for (size_t from = 0; from < 40; from += 3)
        for (size_t to = 0; to < 40; to += 3)
            for (size_t length = 0; length < 100; length += 7) {
                for (size_t i = 0; i < sizeof ours; i++)
                    ours[i] = theirs[i] = (uint8_t)i;
                our_memmove(ours + to, ours + from, length);
                memmove(theirs + to, theirs + from, length);
                assert_memory_equal(ours, theirs, sizeof ours);
            }
    for (size_t length = 0; length < 100; length++) {
        our_memset(ours + 3, (int)length, length);
        memset(theirs + 3, (int)length, length);
        assert_memory_equal(ours + 3, theirs + 3, length);
        our_memcpy(ours, theirs + 1, length);
        assert_memory_equal(ours, theirs + 1, length);
    }
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void comparisons_see_bytes_as_unsigned(void **state)
{
    (void)state;
    assert_int_equal(sign(our_memcmp("abcd\x80", "abcd\x7f", 5)), 1);
    assert_int_equal(sign(our_memcmp("abcdefgh", "abcdefgi", 8)), -1);
    assert_int_equal(our_memcmp("abcdefgh", "abcdefgh", 8), 0);
    assert_int_equal(our_strcasecmp("HeLLo", "hEllO"), 0);
    assert_int_equal(sign(our_strcasecmp("a", "B")), -1);
}

static void searches_find_what_the_hosts_find(void **state)
{
    const char *text = "one two two three";
    (void)state;
    assert_ptr_equal(our_strstr(text, "two"), strstr(text, "two"));
    assert_ptr_equal(our_strstr(text, "four"), NULL);
    assert_ptr_equal(our_strstr(text, ""), text);
    assert_ptr_equal(our_strrchr(text, 't'), strrchr(text, 't'));
    assert_ptr_equal(our_strrchr(text, 0), text + strlen(text));
    assert_int_equal(our_strspn(text, "eno "), strspn(text, "eno "));
    assert_int_equal(our_strcspn(text, "tw"), strcspn(text, "tw"));
}

static void copies_fill_and_end_as_they_should(void **state)
{
    char ours[8], theirs[8];
    (void)state;
    our_strncpy(ours, "abc", sizeof ours);
    strncpy(theirs, "abc", sizeof theirs);
    assert_memory_equal(ours, theirs, sizeof ours);
    assert_int_equal(our_strlcpy(ours, "abcdefghij", sizeof ours), 10);
    assert_string_equal(ours, "abcdefg");
}

static void numbers_are_parsed_as_by_the_host(void **state)
{
    static const char *const texts[] = {"0",   "42", "-42", "  +7x", "0x1f",     "0xg",
                                        "077", "z",  "",    "-",     "123456789"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        for (int base = 0; base <= 36; base = base == 0 ? 2 : base + 7) {
            char *ours, *theirs;
            assert_int_equal(our_strtol(texts[i], &ours, base), strtol(texts[i], &theirs, base));
            assert_ptr_equal(ours, theirs);
        }
    assert_true(our_strtoull("18446744073709551615", NULL, 10) == ULLONG_MAX);
    assert_true(our_strtoull("18446744073709551616", NULL, 10) == ULLONG_MAX);
    assert_true(our_strtol("99999999999999999999", NULL, 10) == LONG_MAX);
    assert_true(our_strtol("-99999999999999999999", NULL, 10) == LONG_MIN);
}

static int compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void sorting_orders_every_length(void **state)
{
    (void)state;
    for (size_t count = 0; count < 70; count++) {
        int ours[70] = {0}, theirs[70] = {0};
        for (size_t i = 0; i < count; i++)
            ours[i] = theirs[i] = (int)(i * 7919 % 31);
        our_qsort(ours, count, sizeof(int), compare_ints);
        qsort(theirs, count, sizeof(int), compare_ints);
        assert_memory_equal(ours, theirs, count * sizeof(int));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_print_as_the_hosts),
        cmocka_unit_test(output_is_cut_to_the_size_and_measured_whole),
        cmocka_unit_test(memory_moves_whatever_overlap_and_alignment),
        cmocka_unit_test(comparisons_see_bytes_as_unsigned),
        cmocka_unit_test(searches_find_what_the_hosts_find),
        cmocka_unit_test(copies_fill_and_end_as_they_should),
        cmocka_unit_test(numbers_are_parsed_as_by_the_host),
        cmocka_unit_test(sorting_orders_every_length),
    };
    return cmocka_run_group_tests_name("C library", tests, NULL, NULL);
}
