/* SPDX-License-Identifier: MIT */
/* Extended attributes: random ones on random files agree with a list in memory, and e2fsck finds nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "disk.h"
#include "test_xattr.h"

#define FILES      6u
#define ATTRIBUTES 12u
#define VALUE_MAX  1400u

struct attribute {
    bool is_set;
    uint32_t size;
    uint8_t value[VALUE_MAX];
};
static struct attribute known[FILES][ATTRIBUTES];
static uint32_t inodes[FILES];

static size_t name_of(uint32_t index, char name[64])
{
    static const char *const prefixes[] = {"user.", "trusted.", "security.", "user.long-name-of-"};
    return (size_t)snprintf(name, 64, "%sattribute%u", prefixes[index % 4], index);
}

static void make_files(struct ext_fs *fs)
{
    for (uint32_t i = 0; i < FILES; i++) {
        char name[8] = "file";
        struct ext_create create = {.name = name, .length = 5, .mode = i % 2 ? 0040755 : 0100644};
        name[4] = (char)('0' + i);
        assert_int_equal(ext_create(fs, EXT_ROOT, &create, &inodes[i]), OK);
    }
    memset(known, 0, sizeof known);
}

static void set_one(struct ext_fs *fs, uint32_t file, uint32_t index)
{
    struct attribute *attribute = &known[file][index], wanted = {.is_set = true};
    char name[64];
    size_t length = name_of(index, name);
    wanted.size = disk_random() % (disk_random() % 8 == 0 ? VALUE_MAX : 40);
    for (uint32_t i = 0; i < wanted.size; i++)
        wanted.value[i] = (uint8_t)disk_random();
    uint32_t flags = disk_random() % 4 == 0   ? EXT_XATTR_CREATE
                     : disk_random() % 4 == 0 ? EXT_XATTR_REPLACE
                                              : 0;
    status_t status =
        ext_set_xattr(fs, inodes[file], name, length, wanted.value, wanted.size, flags);
    if (flags == EXT_XATTR_CREATE && attribute->is_set)
        assert_int_equal(status, ERR_ALREADY_EXISTS);
    else if (flags == EXT_XATTR_REPLACE && !attribute->is_set)
        assert_int_equal(status, ERR_NOT_FOUND);
    else if (status == OK)
        *attribute = wanted;
    else
        assert_int_equal(status, ERR_NO_SPACE);
}

static void remove_one(struct ext_fs *fs, uint32_t file, uint32_t index)
{
    char name[64];
    size_t length = name_of(index, name);
    status_t status = ext_remove_xattr(fs, inodes[file], name, length);
    assert_int_equal(status, known[file][index].is_set ? OK : ERR_NOT_FOUND);
    known[file][index].is_set = false;
}

static void check_file(struct ext_fs *fs, uint32_t file)
{
    uint8_t value[VALUE_MAX], names[2000];
    size_t length, listed = 0, expected = 0;
    assert_int_equal(ext_list_xattrs(fs, inodes[file], names, sizeof names, &listed), OK);
    for (uint32_t i = 0; i < ATTRIBUTES; i++) {
        char name[64];
        size_t name_length = name_of(i, name);
        status_t status =
            ext_get_xattr(fs, inodes[file], name, name_length, value, sizeof value, &length);
        if (!known[file][i].is_set) {
            assert_int_equal(status, ERR_NOT_FOUND);
            continue;
        }
        assert_int_equal(status, OK);
        assert_int_equal(length, known[file][i].size);
        assert_memory_equal(value, known[file][i].value, length);
        expected += name_length + 1;
    }
    assert_int_equal(listed, expected);
}

static void check_all(struct ext_fs *fs)
{
    for (uint32_t file = 0; file < FILES; file++)
        check_file(fs, file);
}

static void run(const char *options, uint32_t steps)
{
    struct disk disk = {0};
    struct ext_fs *fs;
    disk_make(&disk, options, 2048);
    struct ext_device device = disk_device(&disk);
    assert_int_equal(ext_mount(&device, 0, &fs), OK);
    make_files(fs);
    for (uint32_t step = 0; step < steps; step++) {
        uint32_t file = disk_random() % FILES, index = disk_random() % ATTRIBUTES;
        if (disk_random() % 3 == 0)
            remove_one(fs, file, index);
        else
            set_one(fs, file, index);
        check_file(fs, file);
        if (step % 100 == 0)
            assert_int_equal(ext_commit(fs), OK);
    }
    assert_int_equal(ext_unmount(fs), OK);
    assert_true(disk_is_clean(&disk, options));
    assert_int_equal(ext_mount(&device, 0, &fs), OK);
    check_all(fs);
    bool last;
    for (uint32_t i = 0; i < FILES; i += 2) { /* the files go, and their blocks */
        char name[8] = "file";
        name[4] = (char)('0' + i);
        assert_int_equal(ext_unlink(fs, EXT_ROOT, name, 5, &last), OK);
        assert_int_equal(ext_release(fs, inodes[i]), OK);
    }
    assert_int_equal(ext_unmount(fs), OK);
    assert_true(disk_is_clean(&disk, options));
    disk_free(&disk);
}

void attributes_are_what_was_set(void **state)
{
    (void)state;
    run("-t ext4 -b 1024", 1500);
    run("-t ext4 -b 4096 -I 256", 1500);
    run("-t ext3 -b 1024 -I 128", 800);
    run("-t ext2 -b 2048 -I 512 -O ^ext_attr", 800);
}
