/* SPDX-License-Identifier: MIT */
/*
 * What files and paths do, established through the protocol: two memfs servers, the second one
 * mounted at /mnt of the first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <archive/cpio.h>
#include <atomik/syscall.h>
#include <fs/fold.h>
#include <fs/short_name.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>

#include "kernel.h"
#include "memfs.h"

static struct fs_server first, second;
static handle_t first_root, second_root;
static struct fs_walk_context context;
static struct fs_path_result result;

/* ---- helpers --------------------------------------------------------------------------------- */

static handle_t start_server(struct fs_server *server)
{
    handle_t port = kernel_port(server), root;
    struct memfs_node *node = memfs_new_root(server);
    assert_int_equal(fs_server_init(server, port, &memfs_ops, &node->base), OK);
    assert_int_equal(port_badge(port, FS_BADGE_ROOT, &root), OK);
    return root;
}

static status_t run(uint32_t op, const char *path, uint32_t flags, uint32_t mode, const char *extra)
{
    struct fs_path_args args = {.op = op, .flags = flags, .mode = mode, .extra = extra};
    args.extra_length = extra == NULL ? 0 : strlen(extra);
    return fs_client_path(&context, HANDLE_NONE, path, strlen(path), &args, &result);
}

static status_t make_directory(const char *path)
{
    return run(FS_OP_MKDIR, path, 0, 0755, NULL);
}

static handle_t open_file(const char *path, uint32_t flags)
{
    assert_int_equal(run(FS_OP_OPEN, path, flags, 0644, NULL), OK);
    return result.node;
}

static void make_file(const char *path, const char *content)
{
    size_t done;
    handle_t node = open_file(path, FS_O_WRITE | FS_O_CREATE | FS_O_TRUNCATE);
    assert_int_equal(fs_client_write(node, FS_POSITION, content, strlen(content), &done, NULL), OK);
    handle_drop(&node);
}

static void expect_content(const char *path, const char *content)
{
    char bytes[256];
    size_t done;
    handle_t node = open_file(path, FS_O_READ);
    assert_int_equal(fs_client_read(node, 0, bytes, sizeof bytes, &done), OK);
    assert_int_equal(done, strlen(content));
    assert_memory_equal(bytes, content, done);
    handle_drop(&node);
}

static status_t stat_path(const char *path, uint32_t flags)
{
    return run(FS_OP_STAT, path, flags, 0, NULL);
}

static status_t rename_path(const char *from, const char *to, uint32_t flags)
{
    return fs_client_rename(&context, HANDLE_NONE, from, strlen(from), HANDLE_NONE, to, strlen(to),
                            flags);
}

static void expect_name(const char *path, const char *name)
{
    char text[256];
    handle_t node = open_file(path, FS_O_NODE | FS_O_DIRECTORY);
    assert_int_equal(fs_client_name_of(node, text, sizeof text), OK);
    assert_string_equal(text, name);
    handle_drop(&node);
}

static int set_up(void **state)
{
    (void)state;
    first_root = start_server(&first);
    second_root = start_server(&second);
    context = (struct fs_walk_context){.root = first_root, .cwd = first_root};
    assert_int_equal(fs_client_root(&context), OK);
    assert_int_equal(make_directory("/mnt"), OK);
    handle_t directory = open_file("/mnt", FS_O_NODE);
    assert_int_equal(fs_client_mount(directory, first_root, second_root, "/mnt"), OK);
    handle_drop(&directory);
    return 0;
}

/* What is not freed by this has lost a reference: the leak checker says so. */
static void empty_directory(struct memfs_node *directory)
{
    while (directory->directory.first != NULL) {
        struct memfs_entry *entry = directory->directory.first;
        struct fs_node *node = fs_node_get(&entry->node->base);
        if ((entry->node->mode & FS_TYPE_MASK) == FS_TYPE_DIRECTORY)
            empty_directory(entry->node);
        assert_int_equal(memfs_unlink(&directory->base, entry->name, entry->length, node), OK);
        fs_node_put(node);
    }
}

static void free_tree(struct fs_server *server)
{
    struct memfs_node *root = (struct memfs_node *)server->root;
    empty_directory(root);
    free(root->directory.buckets);
    free(root);
}

/* Takes everything away by the protocol and sees that no node or handle was lost. */
static int tear_down(void **state)
{
    (void)state;
    context.uid = 0;
    handle_t directory = open_file("/mnt", FS_O_NODE | FS_O_COVERED);
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_fs_unmount, NULL, 0);
    assert_int_equal(ipc_call(&ipc, directory, NULL, 0), OK);
    handle_drop(&directory);
    handle_drop(&second.parent);
    free_tree(&first);
    free_tree(&second);
    handle_drop(&first.changes_vmo);
    handle_drop(&second.changes_vmo);
    handle_drop(&first_root);
    handle_drop(&second_root);
    handle_drop(&first.service.port);
    handle_drop(&second.service.port);
    free(first.opens);
    free(second.opens);
    assert_int_equal(kernel_handle_count(), 0);
    return 0;
}

/* ---- damage ---------------------------------------------------------------------------------- */

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

/* ---- paths ----------------------------------------------------------------------------------- */

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

/* ---- names ----------------------------------------------------------------------------------- */

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

/* ---- content --------------------------------------------------------------------------------- */

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

/* ---- permissions, locks ---------------------------------------------------------------------- */

static void modes_bind_everybody_but_root(void **state)
{
    (void)state;
    assert_int_equal(make_directory("/d"), OK);
    make_file("/d/f", "x");
    context.uid = context.gid = 1000;
    assert_int_equal(run(FS_OP_OPEN, "/d/f", FS_O_WRITE, 0, NULL), ERR_ACCESS_DENIED);
    assert_int_equal(run(FS_OP_UNLINK, "/d/f", 0, 0, NULL), ERR_ACCESS_DENIED);
    assert_int_equal(make_directory("/d/x"), ERR_ACCESS_DENIED);
    context.uid = context.gid = 0;
    assert_int_equal(run(FS_OP_MKDIR, "/tmp", 0, 01777, NULL), OK);
    make_file("/tmp/roots", "x");
    context.uid = 1000;
    make_file("/tmp/mine", "x");
    assert_int_equal(run(FS_OP_UNLINK, "/tmp/roots", 0, 0, NULL), ERR_NOT_PERMITTED);
    assert_int_equal(run(FS_OP_UNLINK, "/tmp/mine", 0, 0, NULL), OK);
    assert_int_equal(run(FS_OP_MKNOD, "/tmp/null", 0, FS_TYPE_CHARACTER | 0666, NULL),
                     ERR_NOT_PERMITTED);
    handle_t node = open_file("/tmp/roots", FS_O_READ);
    struct fs_attr attr = {.mode = 0777};
    assert_int_equal(fs_client_setattr(node, FS_ATTR_MODE, &attr, NULL), ERR_NOT_PERMITTED);
    handle_drop(&node);
}

static status_t lock(handle_t node, uint32_t op, uint32_t type, uint64_t start, uint64_t length,
                     uint32_t owner, struct fs_lock_reply *reply)
{
    struct fs_lock_request request = {
        .op = op, .type = type, .start = start, .length = length, .owner = owner};
    struct message message = {.label = LABEL_fs_lock, .size = sizeof request};
    memcpy(message.data, &request, sizeof request);
    status_t status = port_call(node, &message, DEADLINE_NEVER, 0);
    memcpy(reply, message.data, sizeof *reply);
    if (status == ERR_SHOULD_WAIT)
        reply->owner = message.token;
    return status == OK ? (status_t)message.label : status;
}

static void who_acts_for_a_user_is_not_believed(void **state)
{
    const struct fs_attr theirs = {.mode = 04755, .uid = 0}, own = {.mode = 0600};
    struct fs_attr attr;
    handle_t again;
    (void)state;
    make_file("/secret", "x");
    handle_t roots = open_file("/secret", FS_O_READ | FS_O_WRITE);
    assert_int_equal(fs_client_setattr(roots, FS_ATTR_MODE, &own, NULL), OK);
    assert_int_equal(make_directory("/open"), OK);
    handle_t directory = open_file("/open", FS_O_READ | FS_O_DIRECTORY);
    assert_int_equal(
        fs_client_setattr(directory, FS_ATTR_MODE, &(struct fs_attr){.mode = 0777}, NULL), OK);

    kernel_principal = 7; /* and it still says that it is root: context.uid is 0 */
    assert_int_equal(run(FS_OP_OPEN, "/secret", FS_O_READ, 0, NULL), ERR_ACCESS_DENIED);
    assert_int_equal(run(FS_OP_UNLINK, "/secret", 0, 0, NULL), ERR_ACCESS_DENIED);
    handle_t named = open_file("/secret", FS_O_NODE);
    assert_int_equal(fs_client_reopen(named, FS_O_READ, &again), ERR_ACCESS_DENIED);
    assert_int_equal(fs_client_reopen(roots, FS_O_READ, &again), ERR_ACCESS_DENIED);
    assert_int_equal(fs_client_setattr(roots, FS_ATTR_MODE | FS_ATTR_CHECKED, &theirs, NULL),
                     ERR_NOT_PERMITTED);
    assert_int_equal(fs_client_mount(directory, first_root, second_root, "/open"),
                     ERR_NOT_PERMITTED);
    handle_t made = open_file("/open/made", FS_O_WRITE | FS_O_CREATE);
    assert_int_equal(fs_client_stat(made, &attr), OK);
    assert_int_equal(attr.uid, 7);
    assert_int_equal(attr.gid, 7);
    assert_int_equal(fs_client_setattr(made, FS_ATTR_MODE, &own, NULL), OK);
    assert_int_equal(fs_client_setattr(made, FS_ATTR_UID | FS_ATTR_CHECKED, &theirs, NULL),
                     ERR_NOT_PERMITTED);
    kernel_principal = 0;
    handle_drop(&made);
    handle_drop(&named);
    handle_drop(&directory);
    handle_drop(&roots);
}

static void locks_exclude_and_wait(void **state)
{
    struct fs_lock_reply reply;
    (void)state;
    make_file("/f", "x");
    handle_t node = open_file("/f", FS_O_READ | FS_O_WRITE);
    assert_int_equal(lock(node, 1, 2, 10, 10, 1, &reply), OK);
    assert_int_equal(lock(node, 1, 1, 15, 1, 2, &reply), ERR_BUSY);
    assert_int_equal(lock(node, 1, 1, 20, 1, 2, &reply), OK);
    assert_int_equal(lock(node, 0, 1, 0, 0, 2, &reply), OK);
    assert_int_equal(reply.type, 2);
    assert_int_equal(reply.start, 10);
    assert_int_equal(lock(node, 2, 2, 12, 1, 3, &reply), ERR_SHOULD_WAIT);
    uint32_t waiting = reply.owner;
    assert_int_equal(lock(node, 1, 0, 11, 2, 1, &reply), OK); /* splits the first lock */
    assert_int_equal(kernel_answered_token, waiting);
    assert_int_equal(kernel_answered_status, OK);
    assert_int_equal(lock(node, 1, 1, 12, 1, 2, &reply), ERR_BUSY);
    assert_int_equal(lock(node, 1, 2, 19, 1, 2, &reply), ERR_BUSY);
    assert_int_equal(lock(node, 2, 2, 12, 1, 1, &reply), ERR_SHOULD_WAIT);
    kernel_cancel(&first, reply.owner);
    kernel_answered_token = 0;
    assert_int_equal(lock(node, 3, 0, 0, 0, 3, &reply), OK);
    assert_int_equal(kernel_answered_token, 0);
    handle_drop(&node);
}

/* ---- archives -------------------------------------------------------------------------------- */

static uint8_t archive[3 * 4096 + 4096];
static size_t archive_length;

static void put_entry(const char *name, uint32_t ino, uint32_t mode, uint32_t nlink,
                      const char *data, bool page)
{
    bool packed = strstr(name, "packed") != NULL;
    size_t size = strlen(data), name_size = strlen(name) + 1;
    if (page)
        name_size = 4096 - (archive_length + 110) % 4096;
    snprintf((char *)archive + archive_length, 111,
             "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", ino, mode, 0u, 0u, nlink,
             1u, (unsigned)size, 0u, 0u, packed ? CPIO_PACKED : 0u, packed ? 5u : 0u,
             (unsigned)name_size, 0u);
    archive_length += 110;
    memset(archive + archive_length, 0, name_size);
    memcpy(archive + archive_length, name, strlen(name));
    archive_length = (archive_length + name_size + 3) & ~(size_t)3;
    memcpy(archive + archive_length, data, size);
    archive_length = (archive_length + size + 3) & ~(size_t)3;
}

static void make_archive(void)
{
    archive_length = 0;
    put_entry("etc", 1, FS_TYPE_DIRECTORY | 0750, 2, "", false);
    put_entry("etc/motd", 2, FS_TYPE_FILE | 0644, 2, "welcome", true);
    put_entry("bin/link", 3, FS_TYPE_LINK | 0777, 1, "../etc/motd", false);
    put_entry("hard", 2, FS_TYPE_FILE | 0644, 2, "", false);
    /* A block with the fixed codes that holds "hello". */
    put_entry("packed", 4, FS_TYPE_FILE | 0644, 1, "\xcb\x48\xcd\xc9\xc9\x07", false);
    put_entry("TRAILER!!!", 0, 0, 1, "", false);
}

static void an_archive_becomes_files(void **state)
{
    handle_t vmo;
    (void)state;
    make_archive();
    assert_int_equal(vmo_create(0, sizeof archive, &vmo), OK);
    assert_int_equal(vmo_write(vmo, 0, archive, sizeof archive), OK);
    assert_int_equal(memfs_unpack((struct memfs_node *)first.root, archive, archive_length, vmo),
                     OK);
    expect_content("/etc/motd", "welcome");
    expect_content("/bin/link", "welcome");
    expect_content("/packed", "hello");
    make_file("/hard", "changed");
    expect_content("/etc/motd", "changed");
    assert_int_equal(stat_path("/etc", 0), OK);
    assert_int_equal(result.attr.mode, FS_TYPE_DIRECTORY | 0750);
    /* A file's last page ends with zeros, not with the archive's next header. */
    handle_t node = open_file("/etc/motd", FS_O_READ | FS_O_WRITE), content;
    assert_int_equal(fs_client_vmo(node, PROT_R, &content, NULL, NULL), OK);
    struct fs_attr attr = {.size = 200};
    char bytes[200];
    assert_int_equal(fs_client_setattr(node, FS_ATTR_SIZE, &attr, NULL), OK);
    assert_int_equal(vmo_read(content, 0, bytes, sizeof bytes), OK);
    for (size_t i = 7; i < sizeof bytes; i++)
        assert_int_equal(bytes[i], 0);
    handle_drop(&content);
    handle_drop(&node);
    handle_drop(&vmo);
}

static status_t read_all(const void *bytes, size_t length)
{
    struct cpio_entry entry;
    size_t offset = 0;
    status_t status;
    while ((status = cpio_next(bytes, length, &offset, &entry)) == OK)
        assert_true(entry.data_offset + entry.data_length <= length);
    return status;
}

static void a_cut_off_archive_is_refused(void **state)
{
    (void)state;
    make_archive();
    assert_int_equal(read_all(archive, archive_length), ERR_NOT_FOUND);
    for (size_t length = 0; length < archive_length - 124; length++) {
        uint8_t *copy =
            malloc(length + 1); /* exact, so that the sanitizer sees every byte too far */
        uint8_t *exact = realloc(copy, length == 0 ? 1 : length);
        memcpy(exact, archive, length);
        assert_int_equal(read_all(exact, length), ERR_INVALID_ARGUMENT);
        free(exact);
    }
}

static void damaged_headers_are_refused(void **state)
{
    static const char *const fields[] = {"ino", "mode", "uid", "gid", "nlink", "mtime", "size"};
    (void)state;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        make_archive();
        archive[6 + 8 * i] = 'g';
        assert_int_equal(read_all(archive, archive_length), ERR_INVALID_ARGUMENT);
    }
    make_archive();
    memcpy(archive + 6 + 8 * 6, "FFFFFFFF", 8); /* data beyond the end */
    assert_int_equal(read_all(archive, archive_length), ERR_INVALID_ARGUMENT);
    make_archive();
    memcpy(archive + 6 + 8 * 11, "00000000", 8); /* a name without even its end */
    assert_int_equal(read_all(archive, archive_length), ERR_INVALID_ARGUMENT);
    make_archive();
    memcpy(archive + 6 + 8 * 11, "00000003", 8); /* a name that does not end */
    assert_int_equal(read_all(archive, archive_length), ERR_INVALID_ARGUMENT);
}

static void entries_cannot_leave_the_archives_root(void **state)
{
    (void)state;
    archive_length = 0;
    put_entry("a/../../out", 1, FS_TYPE_DIRECTORY | 0755, 2, "", false);
    put_entry("./good", 1, FS_TYPE_DIRECTORY | 0755, 2, "", false);
    put_entry("TRAILER!!!", 0, 0, 1, "", false);
    assert_int_equal(
        memfs_unpack((struct memfs_node *)first.root, archive, archive_length, HANDLE_NONE), OK);
    assert_int_equal(stat_path("/out", 0), ERR_NOT_FOUND);
    assert_int_equal(stat_path("/good", 0), OK);
}

/* ---- names and attributes of NT ----------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
    bool result = fs_names_same(a, strlen(a), b, strlen(b));
    if (result)
        assert_int_equal(fs_name_hash(a, strlen(a)), fs_name_hash(b, strlen(b)));
    return result;
}

static void letters_of_all_alphabets_fold(void **state)
{
    (void)state;
    assert_true(same("ReadMe.TXT", "README.txt"));
    assert_true(same("gr\u00f6\u00dfe", "GR\u00d6\u00dfE"));
    assert_true(same("\u03b1\u03c9\u0434\u0454\u01c6", "\u0391\u03a9\u0414\u0404\u01c4"));
    assert_true(same("\u1e9b\u0171\U00010428", "\u1e60\u0170\U00010400"));
    assert_false(same("stra\u00dfe", "STRASSE"));
    assert_false(same("\u0131", "I")); /* no letter of ASCII has company outside of it */
    assert_false(same("\u017f", "s"));
    assert_true(same("a\xff\xc3", "A\xff\xc3")); /* what is no UTF-8 is itself */
    assert_false(same("\xe4", "\xc4"));
    assert_false(same("a", "ab"));
}

static const char *short_of(const char *name)
{
    static char made[FS_SHORT_MAX + 1];
    made[fs_short_name(name, strlen(name), made)] = 0;
    return made;
}

static void short_names_are_made_of_long_ones(void **state)
{
    (void)state;
    assert_string_equal(short_of("README.TXT"), "");
    assert_string_equal(short_of("a-b_c~1.c"), "");
    const char *cases[] = {"A long name.text", "x.y.z",    "name with spaces", ".profile",
                           "\u00e4\u00f6.txt", "abcdefghi"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *made = short_of(cases[i]);
        assert_true(strlen(made) >= 8 && made[4] == '~' && fs_is_short_name(made, strlen(made)));
    }
    assert_memory_equal(short_of("A long name.text"), "ALON~", 5);
    assert_string_equal(short_of("A long name.text") + 8, ".TEX");
}

static void who_denies_writing_and_who_writes_exclude_each_other(void **state)
{
    (void)state;
    make_file("/file", "x");
    handle_t writer = open_file("/file", FS_O_WRITE);
    assert_int_equal(run(FS_OP_OPEN, "/file", FS_O_READ | FS_O_DENY_WRITE, 0, NULL), ERR_TEXT_BUSY);
    handle_drop(&writer);
    handle_t denier = open_file("/file", FS_O_READ | FS_O_DENY_WRITE);
    handle_t reader = open_file("/file", FS_O_READ),
             other = open_file("/file", FS_O_READ | FS_O_DENY_WRITE);
    assert_int_equal(run(FS_OP_OPEN, "/file", FS_O_WRITE, 0, NULL), ERR_TEXT_BUSY);
    assert_int_equal(run(FS_OP_OPEN, "/file", FS_O_WRITE | FS_O_TRUNCATE, 0, NULL), ERR_TEXT_BUSY);
    expect_content("/file", "x");
    handle_drop(&reader);
    handle_drop(&denier);
    assert_int_equal(run(FS_OP_OPEN, "/file", FS_O_WRITE, 0, NULL), ERR_TEXT_BUSY);
    handle_drop(&other);
    writer = open_file("/file", FS_O_WRITE | FS_O_DENY_WRITE);
    assert_int_equal(run(FS_OP_OPEN, "/file", FS_O_WRITE, 0, NULL), ERR_TEXT_BUSY);
    handle_drop(&writer);
}

/* Opens /file with the claim at the beginning of the VMO. */
static status_t open_claimed(handle_t vmo, handle_t *node)
{
    struct fs_path_args args = {
        .op = FS_OP_OPEN, .flags = FS_O_READ | FS_O_DENY_WRITE, .handle = vmo};
    struct fs_path_result result = {.node = HANDLE_NONE};
    status_t status = fs_client_path(&context, HANDLE_NONE, "/file", 5, &args, &result);
    *node = result.node;
    return status;
}

static struct fs_claim set_uses(handle_t vmo, uint32_t uses)
{
    struct fs_claim claim;
    assert_int_equal(vmo_read(vmo, 0, &claim, sizeof claim), OK);
    assert_int_equal(vmo_write(vmo, offsetof(struct fs_claim, uses), &uses, sizeof uses), OK);
    return claim;
}

static void a_claim_denies_writing_while_it_is_used(void **state)
{
    handle_t vmo, node, other, writer;
    (void)state;
    make_file("/file", "x");
    assert_int_equal(vmo_create(0, PAGE_SIZE, &vmo), OK);
    set_uses(vmo, 1);
    assert_int_equal(open_claimed(vmo, &node), OK);
    assert_int_equal(run(FS_OP_OPEN, "/file", FS_O_WRITE, 0, NULL), ERR_TEXT_BUSY);
    assert_int_equal(set_uses(vmo, 0).withdrawn, 0);
    writer = open_file("/file", FS_O_WRITE);
    assert_int_equal(set_uses(vmo, 1).withdrawn, 1);
    handle_drop(&writer);
    writer = open_file("/file", FS_O_WRITE); /* it has been withdrawn for good */
    assert_int_equal(open_claimed(vmo, &other), ERR_TEXT_BUSY);
    handle_drop(&writer);
    handle_drop(&node);
    handle_drop(&vmo);
}

static void a_claim_whose_memory_is_gone_denies_until_its_node_is_closed(void **state)
{
    handle_t vmo, node, file = open_file("/", FS_O_READ | FS_O_DIRECTORY);
    (void)state;
    make_file("/file", "x");
    assert_int_equal(open_claimed(file, &node), ERR_BAD_HANDLE);
    handle_drop(&file);
    assert_int_equal(vmo_create(0, PAGE_SIZE, &vmo), OK);
    assert_int_equal(open_claimed(vmo, &node), OK);
    assert_int_equal(vmo_set_size(vmo, 0), OK);
    assert_int_equal(run(FS_OP_OPEN, "/file", FS_O_WRITE, 0, NULL), ERR_TEXT_BUSY);
    handle_drop(&node);
    file = open_file("/file", FS_O_WRITE);
    handle_drop(&file);
    handle_drop(&vmo);
}

static void attributes_of_nt_are_an_extended_attribute(void **state)
{
    struct fs_attr attr, wanted = {.dos = 0x22}, result;
    (void)state;
    handle_t node = open_file("/file", FS_O_READ | FS_O_WRITE | FS_O_CREATE | FS_O_NOCASE);
    assert_int_equal(fs_client_stat(node, &attr), OK);
    assert_int_equal(attr.dos, 0);
    assert_int_equal(fs_client_setattr(node, FS_ATTR_DOS, &wanted, &result), OK);
    assert_int_equal(fs_client_stat(node, &attr), OK);
    assert_int_equal(attr.dos, FS_DOS_KNOWN | 0x22);
    handle_drop(&node);
    node = open_file("/file", FS_O_READ);
    assert_int_equal(fs_client_stat(node, &attr), OK);
    assert_int_equal(attr.dos, 0);
    handle_drop(&node);
}

/* The second server becomes one that knows exact names only. */
static status_t lookup_exactly(struct fs_node *directory, const char *name, size_t length,
                               bool nocase, struct fs_node **child)
{
    (void)nocase;
    return memfs_ops.lookup(directory, name, length, false, child);
}

static void tables_of_names_follow_every_change(void **state)
{
    struct fs_ops exact = memfs_ops;
    (void)state;
    exact.lookup = lookup_exactly;
    exact.folds = false;
    second.ops = &exact;
    assert_int_equal(make_directory("/mnt/Dir"), OK);
    for (uint32_t i = 0; i < 300; i++) {
        char path[64];
        snprintf(path, sizeof path, "/mnt/Dir/File%u", i);
        make_file(path, path);
    }
    assert_int_equal(stat_path("/mnt/dir/FILE299", 0), ERR_NOT_FOUND);
    assert_int_equal(stat_path("/mnt/dir/FILE299", FS_O_NOCASE), OK);
    assert_int_equal(stat_path("/mnt/dir/FILE300", FS_O_NOCASE), ERR_NOT_FOUND);
    make_file("/mnt/Dir/File300", "x");
    assert_int_equal(stat_path("/mnt/dir/FILE300", FS_O_NOCASE), OK);
    assert_int_equal(rename_path("/mnt/Dir/File300", "/mnt/Dir/Other", 0), OK);
    assert_int_equal(stat_path("/mnt/dir/FILE300", FS_O_NOCASE), ERR_NOT_FOUND);
    assert_int_equal(stat_path("/mnt/dir/OTHER", FS_O_NOCASE), OK);
    assert_int_equal(run(FS_OP_UNLINK, "/mnt/DIR/oTHER", FS_O_NOCASE, 0, NULL), OK);
    assert_int_equal(stat_path("/mnt/dir/OTHER", FS_O_NOCASE), ERR_NOT_FOUND);
    make_file("/mnt/Dir/A name that is long", "x");
    char path[64] = "/mnt/DIR/";
    path[9 + fs_short_name("A name that is long", 19, path + 9)] = 0;
    assert_int_equal(stat_path(path, FS_O_NOCASE), OK);
    second.ops = &memfs_ops;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
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
        cmocka_unit_test(letters_of_all_alphabets_fold),
        cmocka_unit_test(short_names_are_made_of_long_ones),
        TEST(tables_of_names_follow_every_change),
        TEST(who_denies_writing_and_who_writes_exclude_each_other),
        TEST(a_claim_denies_writing_while_it_is_used),
        TEST(a_claim_whose_memory_is_gone_denies_until_its_node_is_closed),
        TEST(attributes_of_nt_are_an_extended_attribute),
        TEST(rename_replaces_and_refuses_as_unix_does),
        TEST(rename_can_exchange),
        TEST(hard_links_share_and_count),
        TEST(an_unlinked_file_lives_while_it_is_open),
        TEST(a_removed_directory_takes_no_new_names),
        TEST(a_directory_can_be_emptied_while_it_is_read),
        TEST(a_listing_through_memory_says_the_same),
        TEST(what_truncation_cuts_off_reads_as_zero_later),
        TEST(appending_goes_to_the_end_whatever_the_position),
        TEST(watches_tell_what_changes_until_they_end),
        TEST(bulk_transfers_go_through_the_clients_memory),
        TEST(a_node_without_the_right_flags_gives_nothing),
        TEST(modes_bind_everybody_but_root),
        TEST(who_acts_for_a_user_is_not_believed),
        TEST(locks_exclude_and_wait),
        TEST(an_archive_becomes_files),
        TEST(a_directory_that_is_in_itself_is_an_error),
        cmocka_unit_test(a_cut_off_archive_is_refused),
        cmocka_unit_test(damaged_headers_are_refused),
        TEST(entries_cannot_leave_the_archives_root),
    };
    return cmocka_run_group_tests_name("file systems", tests, NULL, NULL);
}
