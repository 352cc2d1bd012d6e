/* SPDX-License-Identifier: MIT */
/* Names: renames, links, files without names, directories that change while they are read. */
#include "fixture.h"

static void rename_replaces_and_refuses_as_unix_does(void **state)
{
    (void)state;
    make_file("/f", "f");
    make_file("/g", "g");
    assert_int_equal(make_directory("/d"), OK);
    assert_int_equal(make_directory("/e"), OK);
    assert_int_equal(rename_path("/f", "/g", FS_RENAME_NOREPLACE), ERR_ALREADY_EXISTS);
    assert_int_equal(rename_path("/f", "/g", 0), OK);
    expect_content("/g", "f");
    assert_int_equal(stat_path("/f", 0), ERR_NOT_FOUND);
    assert_int_equal(rename_path("/g", "/d", 0), ERR_IS_DIRECTORY);
    assert_int_equal(rename_path("/d", "/g", 0), ERR_NOT_DIRECTORY);
    assert_int_equal(rename_path("/d", "/e/d", 0), OK);
    assert_int_equal(rename_path("/e", "/e/d/x", 0), ERR_INVALID_ARGUMENT);
    assert_int_equal(make_directory("/h"), OK);
    assert_int_equal(rename_path("/h", "/e", 0), ERR_NOT_EMPTY);
    assert_int_equal(rename_path("/h", "/e/d", 0), OK);
    expect_name("/e/d", "/e/d");
    assert_int_equal(rename_path("/mnt", "/m", 0), ERR_BUSY);
}

static void rename_can_exchange(void **state)
{
    (void)state;
    make_file("/f", "f");
    assert_int_equal(make_directory("/d"), OK);
    make_file("/d/in", "in");
    assert_int_equal(rename_path("/f", "/d", FS_RENAME_EXCHANGE), OK);
    expect_content("/f/in", "in");
    expect_content("/d", "f");
    assert_int_equal(rename_path("/f", "/f/in", FS_RENAME_EXCHANGE), ERR_INVALID_ARGUMENT);
    assert_int_equal(rename_path("/f", "/none", FS_RENAME_EXCHANGE), ERR_NOT_FOUND);
}

static void hard_links_share_and_count(void **state)
{
    (void)state;
    make_file("/f", "shared");
    assert_int_equal(fs_client_link(&context, HANDLE_NONE, "/f", 2, HANDLE_NONE, "/l", 2, 0), OK);
    expect_content("/l", "shared");
    assert_int_equal(stat_path("/f", 0), OK);
    assert_int_equal(result.attr.nlink, 2);
    assert_int_equal(run(FS_OP_UNLINK, "/f", 0, 0, NULL), OK);
    assert_int_equal(stat_path("/l", 0), OK);
    assert_int_equal(result.attr.nlink, 1);
    assert_int_equal(make_directory("/d"), OK);
    assert_int_equal(fs_client_link(&context, HANDLE_NONE, "/d", 2, HANDLE_NONE, "/m", 2, 0),
                     ERR_NOT_PERMITTED);
    assert_int_equal(run(FS_OP_UNLINK, "/d", 0, 0, NULL), ERR_IS_DIRECTORY);
    assert_int_equal(run(FS_OP_RMDIR, "/l", 0, 0, NULL), ERR_NOT_DIRECTORY);
}

static void an_unlinked_file_lives_while_it_is_open(void **state)
{
    char bytes[8];
    size_t done;
    (void)state;
    make_file("/f", "alive");
    handle_t node = open_file("/f", FS_O_READ);
    assert_int_equal(run(FS_OP_UNLINK, "/f", 0, 0, NULL), OK);
    assert_int_equal(fs_client_read(node, 0, bytes, sizeof bytes, &done), OK);
    assert_int_equal(done, 5);
    struct fs_attr attr;
    assert_int_equal(fs_client_stat(node, &attr), OK);
    assert_int_equal(attr.nlink, 0);
    handle_drop(&node);
}

static void a_removed_directory_takes_no_new_names(void **state)
{
    (void)state;
    assert_int_equal(make_directory("/d"), OK);
    handle_t node = open_file("/d", FS_O_NODE);
    assert_int_equal(run(FS_OP_RMDIR, "/d", 0, 0, NULL), OK);
    struct fs_path_args args = {.op = FS_OP_MKDIR, .mode = 0755};
    assert_int_equal(fs_client_path(&context, node, "x", 1, &args, &result), ERR_NOT_FOUND);
    handle_drop(&node);
}

static unsigned count_entries(const char *path, const char *remove, const struct fs_list_room *room)
{
    struct fs_listing listing;
    const struct fs_dirent *entry;
    char victim[64];
    unsigned total = 0;
    uint64_t cookie = 0;
    handle_t node = open_file(path, FS_O_READ);
    for (;;) {
        assert_int_equal(fs_client_list_into(node, cookie, false, room, &listing), OK);
        if (listing.length == 0)
            break;
        for (uint32_t at = 0; (entry = fs_listing_next(&listing, &at, NULL)) != NULL; total++) {
            cookie = entry->cookie;
            if (remove != NULL && entry->name[0] == 'f') {
                snprintf(victim, sizeof victim, "%s/%.*s", path, entry->name_length, entry->name);
                assert_int_equal(run(FS_OP_UNLINK, victim, 0, 0, NULL), OK);
            }
        }
    }
    handle_drop(&node);
    return total;
}

static void a_directory_can_be_emptied_while_it_is_read(void **state)
{
    char path[32];
    (void)state;
    assert_int_equal(make_directory("/d"), OK);
    for (int i = 0; i < 300; i++) {
        snprintf(path, sizeof path, "/d/f%d", i);
        make_file(path, "");
    }
    assert_int_equal(count_entries("/d", NULL, NULL), 302);
    assert_int_equal(count_entries("/d", "all", NULL), 302);
    assert_int_equal(count_entries("/d", NULL, NULL), 2);
}

static void a_listing_through_memory_says_the_same(void **state)
{
    static uint8_t records[FS_LISTING_MAX] __attribute__((aligned(8)));
    struct fs_list_room room = {.records = records};
    struct fs_listing listing;
    char path[32];
    (void)state;
    assert_int_equal(make_directory("/d"), OK);
    for (int i = 0; i < 600; i++) {
        snprintf(path, sizeof path, "/d/f%d", i);
        make_file(path, "");
    }
    assert_int_equal(vmo_create(0, sizeof records, &room.vmo), OK);
    for (room.size = 300; room.size <= sizeof records; room.size += 1000)
        assert_int_equal(count_entries("/d", NULL, &room), 602);
    handle_t node = open_file("/d", FS_O_READ);
    room.size = 16; /* less than any record: that is not the end */
    assert_int_equal(fs_client_list_into(node, 0, false, &room, &listing), ERR_TOO_LARGE);
    room.size = FS_LISTING_MAX + 1;
    assert_int_equal(fs_client_list_into(node, 0, false, &room, &listing), ERR_INVALID_ARGUMENT);
    handle_drop(&node);
    handle_drop(&room.vmo);
}

int test_entries(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rename_replaces_and_refuses_as_unix_does),
        TEST(rename_can_exchange),
        TEST(hard_links_share_and_count),
        TEST(an_unlinked_file_lives_while_it_is_open),
        TEST(a_removed_directory_takes_no_new_names),
        TEST(a_directory_can_be_emptied_while_it_is_read),
        TEST(a_listing_through_memory_says_the_same),
    };
    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
