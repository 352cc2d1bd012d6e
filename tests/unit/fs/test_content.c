/* SPDX-License-Identifier: MIT */
/* Reading and writing, positions, memory of the client's, watches. */
#include "fixture.h"

static void what_truncation_cuts_off_reads_as_zero_later(void **state)
{
    char bytes[8];
    size_t done;
    struct fs_attr attr = {.size = 2};
    (void)state;
    make_file("/f", "abcdef");
    handle_t node = open_file("/f", FS_O_READ | FS_O_WRITE);
    assert_int_equal(fs_client_setattr(node, FS_ATTR_SIZE, &attr, NULL), OK);
    attr.size = 5;
    assert_int_equal(fs_client_setattr(node, FS_ATTR_SIZE, &attr, NULL), OK);
    assert_int_equal(fs_client_read(node, 0, bytes, sizeof bytes, &done), OK);
    assert_int_equal(done, 5);
    assert_memory_equal(bytes, "ab\0\0\0", 5);
    handle_drop(&node);
}

static void appending_goes_to_the_end_whatever_the_position(void **state)
{
    size_t done;
    uint64_t before, after;
    (void)state;
    make_file("/f", "one");
    handle_t node = open_file("/f", FS_O_WRITE | FS_O_APPEND);
    assert_int_equal(fs_client_write(node, FS_POSITION, "two", 3, &done, NULL), OK);
    assert_int_equal(fs_client_position(node, 0, 0, &before, &after), OK);
    assert_int_equal(before, 6);
    assert_int_equal(fs_client_write(node, FS_POSITION, "three", 5, &done, NULL), OK);
    assert_int_equal(fs_client_position(node, 2, -1, &before, &after), OK);
    assert_int_equal(after, 10);
    assert_int_equal(fs_client_position(node, 0, -1, &before, &after), ERR_INVALID_ARGUMENT);
    handle_drop(&node);
    expect_content("/f", "onetwothree");
}

/* The next record of the stream's content: its events, 0 at the end. */
static uint32_t next_event(const uint8_t **at, const uint8_t *end, char *name)
{
    struct fs_event event;
    if (*at == end)
        return 0;
    memcpy(&event, *at, sizeof event);
    strcpy(name, event.name_length ? (const char *)*at + sizeof event : "");
    *at += sizeof event + event.name_length;
    return event.events;
}

static void watches_tell_what_changes_until_they_end(void **state)
{
    char name[FS_NAME_MAX + 1];
    uint32_t length, events, last = 0;
    (void)state;
    handle_t stream = kernel_stream(), root = open_file("/", FS_O_READ);
    assert_int_equal(fs_client_watch(root, root, 1, FS_EVENT_CREATE), ERR_WRONG_TYPE);
    assert_int_equal(fs_client_watch(root, stream, 1, FS_EVENT_CREATE | FS_EVENT_MODIFY), OK);
    handle_t node = open_file("/watched", FS_O_READ | FS_O_WRITE | FS_O_CREATE);
    assert_int_equal(fs_client_modified(node), OK);
    assert_int_equal(fs_client_modified(node), OK); /* like the last: not repeated */
    const uint8_t *at = kernel_stream_take(stream, &length), *end = at + length;
    assert_int_equal(next_event(&at, end, name), FS_EVENT_CREATE);
    assert_string_equal(name, "watched");
    assert_int_equal(next_event(&at, end, name), FS_EVENT_MODIFY);
    assert_string_equal(name, "watched");
    assert_int_equal(next_event(&at, end, name), 0);
    for (uint32_t i = 2; i < 12; i++) /* more than fits: the loss is told once */
        assert_int_equal(fs_client_watch(root, stream, i, FS_EVENT_MODIFY), OK);
    assert_int_equal(fs_client_modified(node), OK);
    at = kernel_stream_take(stream, &length), end = at + length;
    while ((events = next_event(&at, end, name)) != 0)
        last = events;
    assert_int_equal(last, FS_EVENT_OVERFLOW);
    for (uint32_t i = 1; i < 12; i++)
        assert_int_equal(fs_client_watch(root, stream, i, 0), OK);
    assert_int_equal(fs_client_modified(node), OK);
    kernel_stream_take(stream, &length);
    assert_int_equal(length, 0);
    handle_drop(&node);
    handle_drop(&root);
    handle_drop(&stream);
}

static void bulk_transfers_go_through_the_clients_memory(void **state)
{
    static char data[100000], back[100000];
    handle_t vmo;
    uint32_t done;
    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 7);
    assert_int_equal(vmo_create(0, sizeof data, &vmo), OK);
    assert_int_equal(vmo_write(vmo, 0, data, sizeof data), OK);
    handle_t node = open_file("/f", FS_O_READ | FS_O_WRITE | FS_O_CREATE);
    assert_int_equal(fs_client_write_bulk(node, 0, 1, &done, NULL), ERR_BAD_STATE);
    assert_int_equal(fs_client_buffer(node, vmo, sizeof data), OK);
    assert_int_equal(fs_client_write_bulk(node, 5, sizeof data, &done, NULL), OK);
    assert_int_equal(done, sizeof data);
    assert_int_equal(vmo_set_size(vmo, 10),
                     OK); /* a client that takes its memory away hurts only itself */
    assert_int_equal(fs_client_read_bulk(node, 5, sizeof data, &done), ERR_OUT_OF_RANGE);
    assert_int_equal(vmo_set_size(vmo, sizeof data), OK);
    assert_int_equal(fs_client_read_bulk(node, 5, sizeof data, &done), OK);
    assert_int_equal(vmo_read(vmo, 0, back, sizeof back), OK);
    assert_memory_equal(data, back, sizeof data);
    handle_drop(&vmo);
    handle_drop(&node);
}

static void a_node_without_the_right_flags_gives_nothing(void **state)
{
    char byte;
    size_t done;
    handle_t vmo;
    (void)state;
    make_file("/f", "x");
    handle_t node = open_file("/f", FS_O_NODE);
    assert_int_equal(fs_client_read(node, 0, &byte, 1, &done), ERR_BAD_HANDLE);
    handle_drop(&node);
    node = open_file("/f", FS_O_READ);
    assert_int_equal(fs_client_write(node, 0, "y", 1, &done, NULL), ERR_BAD_HANDLE);
    assert_int_equal(fs_client_vmo(node, PROT_R | PROT_W, &vmo, NULL, NULL), ERR_BAD_HANDLE);
    handle_drop(&node);
    node = open_file("/", FS_O_READ);
    assert_int_equal(fs_client_read(node, 0, &byte, 1, &done), ERR_IS_DIRECTORY);
    handle_drop(&node);
}

int test_content(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_truncation_cuts_off_reads_as_zero_later),
        TEST(appending_goes_to_the_end_whatever_the_position),
        TEST(watches_tell_what_changes_until_they_end),
        TEST(bulk_transfers_go_through_the_clients_memory),
        TEST(a_node_without_the_right_flags_gives_nothing),
    };
    return cmocka_run_group_tests_name("content", tests, NULL, NULL);
}
