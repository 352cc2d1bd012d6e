/* SPDX-License-Identifier: MIT */
/* Where paths lead: directories, links, mount points; and what a damaged directory is. */
#include "fixture.h"

static void a_path_walks_through_directories(void **state)
{
    (void)state;
    assert_int_equal(make_directory("/a"), OK);
    assert_int_equal(make_directory("/a/b/"), OK);
    make_file("/a/b/f", "hello");
    expect_content("//a/./b/../b//f", "hello");
    assert_int_equal(stat_path("/a/x/f", 0), ERR_NOT_FOUND);
    assert_int_equal(stat_path("/a/b/f/g", 0), ERR_NOT_DIRECTORY);
    assert_int_equal(stat_path("/a/b/f/", 0), ERR_NOT_DIRECTORY);
    assert_int_equal(stat_path("/a/b/", 0), OK);
    assert_int_equal(make_directory("/a"), ERR_ALREADY_EXISTS);
    assert_int_equal(make_directory("/"), ERR_ALREADY_EXISTS);
    expect_name("/a/b", "/a/b");
    expect_name("/", "/");
}

static void dotdot_stays_at_the_root(void **state)
{
    (void)state;
    assert_int_equal(make_directory("/jail"), OK);
    assert_int_equal(make_directory("/jail/in"), OK);
    expect_name("/../../jail", "/jail");
    handle_t jail = open_file("/jail", FS_O_NODE);
    struct fs_walk_context inside = {.root = jail, .cwd = jail};
    struct fs_attr attr, out;
    assert_int_equal(fs_client_root(&inside), OK);
    assert_int_equal(fs_client_stat_path(&inside, HANDLE_NONE, "in/../../..", 11, 0, &attr), OK);
    assert_int_equal(fs_client_stat(jail, &out), OK);
    assert_int_equal(attr.ino, out.ino);
    handle_drop(&jail);
}

static void symbolic_links_are_followed(void **state)
{
    (void)state;
    assert_int_equal(make_directory("/d"), OK);
    make_file("/d/f", "data");
    assert_int_equal(run(FS_OP_SYMLINK, "/rel", 0, 0, "d"), OK);
    assert_int_equal(run(FS_OP_SYMLINK, "/d/abs", 0, 0, "/d/f"), OK);
    assert_int_equal(run(FS_OP_SYMLINK, "/d/up", 0, 0, "../rel/f"), OK);
    expect_content("/rel/f", "data");
    expect_content("/d/abs", "data");
    expect_content("/rel/up", "data");
    assert_int_equal(stat_path("/rel", FS_O_NOFOLLOW), OK);
    assert_int_equal(result.attr.mode & FS_TYPE_MASK, FS_TYPE_LINK);
    assert_int_equal(stat_path("/rel/", FS_O_NOFOLLOW), OK);
    assert_int_equal(result.attr.mode & FS_TYPE_MASK, FS_TYPE_DIRECTORY);
    assert_int_equal(run(FS_OP_READLINK, "/d/up", 0, 0, NULL), OK);
    assert_int_equal(result.text_length, 8);
    assert_memory_equal(result.text, "../rel/f", 8);
    assert_int_equal(run(FS_OP_OPEN, "/rel", FS_O_READ | FS_O_NOFOLLOW, 0, NULL), ERR_SYMLINK_LOOP);
    assert_int_equal(run(FS_OP_RMDIR, "/rel/", 0, 0, NULL),
                     ERR_NOT_EMPTY); /* the directory, not the link */
}

static void a_loop_of_links_ends(void **state)
{
    (void)state;
    assert_int_equal(run(FS_OP_SYMLINK, "/x", 0, 0, "y"), OK);
    assert_int_equal(run(FS_OP_SYMLINK, "/y", 0, 0, "/x"), OK);
    assert_int_equal(stat_path("/x", 0), ERR_SYMLINK_LOOP);
    assert_int_equal(stat_path("/x/z", 0), ERR_SYMLINK_LOOP);
}

static void a_file_can_be_made_through_a_dangling_link(void **state)
{
    (void)state;
    assert_int_equal(run(FS_OP_SYMLINK, "/to", 0, 0, "new"), OK);
    assert_int_equal(stat_path("/to", 0), ERR_NOT_FOUND);
    make_file("/to", "made");
    expect_content("/new", "made");
    assert_int_equal(run(FS_OP_OPEN, "/to", FS_O_WRITE | FS_O_CREATE | FS_O_EXCLUSIVE, 0644, NULL),
                     ERR_ALREADY_EXISTS);
}

static void long_paths_are_walked_in_pieces(void **state)
{
    char path[3000] = "", name[202];
    (void)state;
    memset(name, 'n', sizeof name - 1);
    name[0] = '/';
    name[201] = 0;
    for (int i = 0; i < 12; i++) {
        strcat(path, name);
        assert_int_equal(make_directory(path), OK);
    }
    assert_int_equal(stat_path(path, 0), OK);
    strcat(path, "/f");
    make_file(path, "deep");
    expect_content(path, "deep");
}

static void a_name_of_256_bytes_is_too_long(void **state)
{
    char path[258];
    (void)state;
    memset(path, 'a', sizeof path);
    path[0] = '/';
    path[257] = 0;
    assert_int_equal(make_directory(path), ERR_NAME_TOO_LONG);
    path[256] = 0;
    assert_int_equal(make_directory(path), OK);
}

static void mount_points_are_crossed_both_ways(void **state)
{
    (void)state;
    assert_int_equal(make_directory("/mnt/in"), OK);
    make_file("/mnt/in/f", "second");
    make_file("/top", "first");
    expect_content("/mnt/in/../in/f", "second");
    expect_content("/mnt/in/../../top", "first");
    expect_name("/mnt/in", "/mnt/in");
    expect_name("/mnt", "/mnt");
    expect_name("/mnt/..", "/");
    assert_int_equal(run(FS_OP_SYMLINK, "/mnt/abs", 0, 0, "/mnt/in/f"), OK);
    expect_content("/mnt/abs", "second");
    assert_int_equal(rename_path("/top", "/mnt/top", 0), ERR_CROSS_DEVICE);
    assert_int_equal(fs_client_link(&context, HANDLE_NONE, "/top", 4, HANDLE_NONE, "/mnt/l", 6, 0),
                     ERR_CROSS_DEVICE);
    assert_int_equal(run(FS_OP_RMDIR, "/mnt", 0, 0, NULL), ERR_BUSY);
    assert_int_equal(stat_path("/mnt", FS_O_COVERED), OK);
    assert_int_equal(result.attr.device, context.root_device);
    assert_int_equal(stat_path("/mnt", 0), OK);
    assert_int_not_equal(result.attr.device, context.root_device);
}

static void names_are_found_without_case_when_asked(void **state)
{
    (void)state;
    make_file("/Windows", "1");
    make_file("/windows", "2");
    make_file("/Other", "3");
    assert_int_equal(stat_path("/OTHER", 0), ERR_NOT_FOUND);
    assert_int_equal(stat_path("/OTHER", FS_O_NOCASE), OK);
    assert_int_equal(run(FS_OP_OPEN, "/windows", FS_O_READ | FS_O_NOCASE, 0, NULL), OK);
    char byte;
    size_t done;
    assert_int_equal(fs_client_read(result.node, 0, &byte, 1, &done), OK);
    assert_int_equal(byte, '2');
    handle_drop(&result.node);
    assert_int_equal(run(FS_OP_UNLINK, "/oTHER", FS_O_NOCASE, 0, NULL), OK);
    assert_int_equal(stat_path("/Other", 0), ERR_NOT_FOUND);
}

static status_t lookup_self(struct fs_node *directory, const char *name, size_t length, bool nocase,
                            struct fs_node **child)
{
    if (length != 4 || memcmp(name, "self", 4) != 0)
        return memfs_ops.lookup(directory, name, length, nocase, child);
    *child = fs_node_get(directory);
    return OK;
}

static void a_directory_that_is_in_itself_is_an_error(void **state)
{
    struct fs_ops damaged = memfs_ops;
    (void)state;
    damaged.lookup = lookup_self;
    first.ops = &damaged;
    assert_int_equal(stat_path("/self", 0), ERR_IO_ERROR);
    assert_int_equal(stat_path("/self/self/mnt", 0), ERR_IO_ERROR);
    assert_int_equal(run(FS_OP_RMDIR, "/self", 0, 0, NULL), ERR_IO_ERROR);
    assert_int_equal(make_directory("/self"), ERR_IO_ERROR);
    assert_int_equal(stat_path("/mnt", 0), OK);
    first.ops = &memfs_ops;
}

int test_paths(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_path_walks_through_directories),
        TEST(dotdot_stays_at_the_root),
        TEST(symbolic_links_are_followed),
        TEST(a_loop_of_links_ends),
        TEST(a_file_can_be_made_through_a_dangling_link),
        TEST(long_paths_are_walked_in_pieces),
        TEST(a_name_of_256_bytes_is_too_long),
        TEST(mount_points_are_crossed_both_ways),
        TEST(names_are_found_without_case_when_asked),
        TEST(a_directory_that_is_in_itself_is_an_error),
    };
    return cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}
