/* SPDX-License-Identifier: MIT */
/* Handles: lookup, rights, duplication. */
#include <kernel/selftest/user/test.h>

static void closed_handle_is_bad(void)
{
    handle_t event;

    EXPECT_OK(event_create(0, &event));
    EXPECT_OK(handle_close(event));
    EXPECT_STATUS(handle_close(event), ERR_BAD_HANDLE);
    EXPECT_STATUS(handle_close(HANDLE_NONE), ERR_BAD_HANDLE);
    EXPECT_STATUS(handle_close(0xfffffffc), ERR_BAD_HANDLE);
}

static void value_between_handles_is_bad(void)
{
    handle_t event;

    EXPECT_OK(event_create(0, &event));
    for (uint32_t i = 1; i < 4; i++)
        EXPECT_STATUS(handle_close(event + i), ERR_BAD_HANDLE);
    EXPECT_OK(handle_close(event));
}

static void info_tells_type_rights_and_signals(void)
{
    struct handle_info info;
    handle_t event;

    EXPECT_OK(event_create(SIGNAL_SET, &event));
    EXPECT_OK(handle_info(event, &info));
    EXPECT(info.type == OBJECT_EVENT && info.rights == RIGHT_ALL);
    EXPECT(info.signals == SIGNAL_SET && info.badge == 0 && info.object_id != 0);
    EXPECT_BAD_ADDRESS(handle_info(event, bad));
    EXPECT_OK(handle_close(event));
}

static void duplicate_names_the_same_object_with_fewer_rights(void)
{
    struct handle_info first, second;
    handle_t event, copy;

    EXPECT_OK(event_create(0, &event));
    EXPECT_OK(handle_duplicate(event, RIGHT_WAIT, &copy));
    EXPECT(copy != event);
    EXPECT_OK(handle_info(event, &first));
    EXPECT_OK(handle_info(copy, &second));
    EXPECT(first.object_id == second.object_id && second.rights == RIGHT_WAIT);
    EXPECT_STATUS(event_signal(copy, 0, SIGNAL_SET), ERR_ACCESS_DENIED);
    EXPECT_OK(handle_close(event));
    EXPECT(signals_of(copy) == 0);
    EXPECT_OK(handle_close(copy));
}

static void same_rights_keeps_them(void)
{
    struct handle_info info;
    handle_t event, copy;

    EXPECT_OK(event_create(0, &event));
    EXPECT_OK(handle_duplicate(event, RIGHT_SAME, &copy));
    EXPECT_OK(handle_info(copy, &info));
    EXPECT(info.rights == RIGHT_ALL);
    EXPECT_OK(handle_close(event));
    EXPECT_OK(handle_close(copy));
}

static void rights_cannot_be_widened(void)
{
    handle_t event, less, more;

    EXPECT_OK(event_create(0, &event));
    EXPECT_OK(handle_duplicate(event, RIGHT_WAIT | RIGHT_DUPLICATE, &less));
    EXPECT_STATUS(handle_duplicate(less, RIGHT_WAIT | RIGHT_SIGNAL, &more), ERR_ACCESS_DENIED);
    EXPECT_STATUS(handle_duplicate(event, 1u << 20, &more), ERR_INVALID_ARGUMENT);
    EXPECT_OK(handle_close(less));
    EXPECT_OK(handle_close(event));
}

static void duplication_needs_its_right(void)
{
    handle_t event, fixed, copy;

    EXPECT_OK(event_create(0, &event));
    EXPECT_OK(handle_duplicate(event, RIGHT_WAIT, &fixed));
    EXPECT_STATUS(handle_duplicate(fixed, RIGHT_SAME, &copy), ERR_ACCESS_DENIED);
    EXPECT_OK(handle_close(fixed));
    EXPECT_OK(handle_close(event));
}

static void result_that_cannot_be_written_leaves_no_handle(void)
{
    handle_t event;

    EXPECT_OK(event_create(0, &event));
    EXPECT_BAD_ADDRESS(handle_duplicate(event, RIGHT_SAME, bad));
    EXPECT_BAD_ADDRESS(event_create(0, bad));
    EXPECT_BAD_ADDRESS(timer_create(bad));
    EXPECT_BAD_ADDRESS(port_create(bad));
    EXPECT_OK(handle_close(event));
}

static void table_of_handles_can_grow_large(void)
{
    static handle_t handles[2000];
    handle_t event;

    EXPECT_OK(event_create(SIGNAL_SET, &event));
    for (uint32_t i = 0; i < 2000; i++)
        EXPECT_OK(handle_duplicate(event, RIGHT_SAME, &handles[i]));
    EXPECT(signals_of(handles[1999]) == SIGNAL_SET);
    for (uint32_t i = 0; i < 2000; i++)
        EXPECT_OK(handle_close(handles[i]));
    EXPECT_OK(handle_close(event));
}

void test_handles(void)
{
    static const struct test tests[] = {
        TEST(closed_handle_is_bad),
        TEST(value_between_handles_is_bad),
        TEST(info_tells_type_rights_and_signals),
        TEST(duplicate_names_the_same_object_with_fewer_rights),
        TEST(same_rights_keeps_them),
        TEST(rights_cannot_be_widened),
        TEST(duplication_needs_its_right),
        TEST(result_that_cannot_be_written_leaves_no_handle),
        TEST(table_of_handles_can_grow_large),
    };
    test_group(tests, sizeof tests / sizeof tests[0]);
}
