/* SPDX-License-Identifier: MIT */
/* What NT knows of names and files: no case, short names, attributes. */
#include "fixture.h"

#include <fs/fold.h>
#include <fs/short_name.h>

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
    make_file("/mnt/Dir/First", "x");
    assert_int_equal(fs_client_link(&context, HANDLE_NONE, "/mnt/Dir/First", 14, HANDLE_NONE,
                                    "/mnt/Dir/Second", 15, 0),
                     OK);
    assert_int_equal(stat_path("/mnt/dir/SECOND", FS_O_NOCASE), OK);
    make_file("/mnt/Dir/A name that is long", "x");
    char path[64] = "/mnt/DIR/";
    path[9 + fs_short_name("A name that is long", 19, path + 9)] = 0;
    assert_int_equal(stat_path(path, FS_O_NOCASE), OK);
    second.ops = &memfs_ops;
}

int test_nt_names(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_of_all_alphabets_fold),
        cmocka_unit_test(short_names_are_made_of_long_ones),
        TEST(attributes_of_nt_are_an_extended_attribute),
        TEST(tables_of_names_follow_every_change),
    };
    return cmocka_run_group_tests_name("names and attributes of NT", tests, NULL, NULL);
}
