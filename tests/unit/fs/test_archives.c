/* SPDX-License-Identifier: MIT */
/* Boot archives become files; damaged ones are refused. */
#include "fixture.h"

#include <archive/cpio.h>

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

int test_archives(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_archive_becomes_files),
        cmocka_unit_test(a_cut_off_archive_is_refused),
        cmocka_unit_test(damaged_headers_are_refused),
        TEST(entries_cannot_leave_the_archives_root),
    };
    return cmocka_run_group_tests_name("archives", tests, NULL, NULL);
}
