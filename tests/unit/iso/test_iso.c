/* SPDX-License-Identifier: MIT */
/* ISO 9660 on the host: images that genisoimage and xorriso have made of a small tree, read in memory, whole and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "walk.h"

#define LISTING_MAX 65536

struct image {
    uint8_t *bytes;
    size_t size;
    struct iso_volume volume;
    char listing[LISTING_MAX];
    size_t listed;
};

static char top[] = "/tmp/test_iso.XXXXXX";

static void run(const char *format, ...)
{
    char command[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    assert_int_equal(system(command), 0);
}

static status_t image_read(void *context, uint64_t offset, void *to, uint32_t length)
{
    struct image *image = context;
    if (offset > image->size || length > image->size - offset)
        abort();
    memcpy(to, image->bytes + offset, length);
    return OK;
}

static struct image *load(const char *maker)
{
    char path[64];
    struct image *image = calloc(1, sizeof *image);
    run("%s -quiet -o %s/image %s/tree 2>/dev/null", maker, top, top);
    snprintf(path, sizeof path, "%s/image", top);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    image->size = (size_t)ftell(file);
    image->bytes = malloc(image->size);
    rewind(file);
    assert_int_equal(fread(image->bytes, 1, image->size, file), image->size);
    fclose(file);
    return image;
}

static void unload(struct image *image)
{
    free(image->bytes);
    free(image);
}

static status_t mount(struct image *image, uint32_t flags)
{
    struct iso_device device = {image_read, image, image->size};
    return iso_open(&image->volume, &device, flags);
}

static void note(void *context, const char *path, const struct iso_entry *entry,
                 const char *content, size_t length)
{
    struct image *image = context;
    int shown = length > 20 ? 20 : (int)length;
    image->listed += (size_t)snprintf(
        image->listing + image->listed, LISTING_MAX - image->listed, "%s %o %u [%.*s]\n", path,
        (unsigned)entry->mode, (unsigned)(entry->mode & 040000 ? 0 : entry->size), shown, content);
    assert_true(image->listed < LISTING_MAX);
}

static const char *list(struct image *image)
{
    struct iso_entry root;
    struct iso_walk walk = {&image->volume, note, image, 10000, 20};
    image->listed = 0;
    assert_int_equal(iso_root(&image->volume, &root), OK);
    iso_walk_directory(&walk, &root, "");
    return image->listing;
}

static bool shows(struct image *image, const char *line)
{
    return strstr(image->listing, line) != NULL;
}

static int make_tree(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(top));
    run("cd %s && mkdir -p tree/a/b/c/d/e/f/g/h/i/j 'tree/Long directory name of many letters' && "
        "cd tree && "
        "printf deep >a/b/c/d/e/f/g/h/i/j/file && printf one >'Long directory name of many "
        "letters/Mixed.Case.text' && "
        "ln -s a/../a/./b link && ln -s /etc/passwd absolute && chmod 751 a && printf small >x && "
        "chmod 640 x && "
        "ln -s $(printf 'y%%.0s' $(seq 240))/$(printf 'z%%.0s' $(seq 240)) far && touch -d "
        "'2001-02-03 04:05:06 UTC' x &&"
        " mkdir many && for i in $(seq 200); do echo $i >many/file-number-$i; done",
        top);
    return 0;
}

static int remove_tree(void **state)
{
    (void)state;
    run("rm -r %s", top);
    return 0;
}

static void test_rock_ridge_shows_what_the_tree_has(void **state)
{
    struct image *image = load("genisoimage -R -J");
    (void)state;
    assert_int_equal(mount(image, 0), OK);
    assert_int_equal(image->volume.names, ISO_ROCK_RIDGE);
    list(image);
    assert_true(shows(image, "/x 100640 5 [small]\n"));
    assert_true(shows(image, "/a 40751 0 []\n"));
    assert_true(shows(image, "/link 120777 0 [a/../a/./b]\n"));
    assert_true(shows(image, "/absolute 120777 0 [/etc/passwd]\n"));
    assert_true(
        shows(image, "/Long directory name of many letters/Mixed.Case.text 100644 3 [one]\n"));
    assert_true(shows(image, "/a/b/c/d/e/f/g/h/i/j/file 100644 4 [deep]\n"));
    assert_true(shows(image, "/many/file-number-200 100644 4 [200\n]"));
    unload(image);
}

static void test_long_link_and_time(void **state)
{
    struct image *image = load("xorrisofs -R"); /* genisoimage writes long links wrongly */
    struct iso_entry root, entry = {.next = 0};
    char target[ISO_LINK_MAX];
    size_t length = 0;
    uint32_t seen = 0;
    (void)state;
    assert_int_equal(mount(image, 0), OK);
    assert_int_equal(iso_root(&image->volume, &root), OK);
    struct iso_directory place = iso_directory_of(&root);
    while (iso_next(&image->volume, &place, entry.next, &entry) == OK) {
        if (strcmp(entry.name, "x") == 0) {
            assert_int_equal(entry.mtime / 1000000000, 981173106);
            seen++;
        }
        if (strcmp(entry.name, "far") == 0) {
            assert_int_equal(iso_link(&image->volume, &entry, target, &length), OK);
            assert_int_equal(length, 481);
            assert_true(target[0] == 'y' && target[240] == '/' && target[480] == 'z');
            seen++;
        }
    }
    assert_int_equal(seen, 2);
    unload(image);
}

static void test_joliet_and_plain_names(void **state)
{
    struct image *image = load("genisoimage -J -D");
    (void)state;
    assert_int_equal(mount(image, 0), OK);
    assert_int_equal(image->volume.names, ISO_JOLIET);
    list(image);
    assert_true(
        shows(image, "/Long directory name of many letters/Mixed.Case.text 100555 3 [one]\n"));
    assert_int_equal(mount(image, ISO_NO_JOLIET), OK);
    assert_int_equal(image->volume.names, ISO_PLAIN);
    list(image);
    assert_true(shows(image, "/x 100555 5 [small]\n"));
    unload(image);
}

/* Of two files that lie behind one another: the first gets the mark that the second one's record goes on with it. */
static void test_files_of_several_extents_are_one(void **state)
{
    struct image *image = load("genisoimage -D -l");
    (void)state;
    assert_int_equal(mount(image, 0), OK);
    uint8_t *at = image->bytes + image->volume.root.start;
    uint8_t *many = NULL;
    for (; at[0] != 0; at += at[0])
        if (at[32] == 4 && memcmp(at + 33, "MANY", 4) == 0)
            many = at;
    assert_non_null(many);
    uint32_t block = many[2] | many[3] << 8 | many[4] << 16;
    uint8_t *first = image->bytes + (size_t)block * 2048;
    first += first[0];
    first += first[0]; /* behind its own and `..` */
    uint8_t *second = first + first[0];
    first[25] |= 0x80;
    uint32_t size = first[10] + second[10];
    list(image);
    char line[64];
    snprintf(line, sizeof line, "/many/file_number_1 100555 %u [1\n10\n]", size);
    assert_true(shows(image, line) && !shows(image, "/many/file_number_10 "));
    unload(image);
}

static uint32_t random_state = 1;
static uint32_t random_number(uint32_t below)
{
    random_state = random_state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)random_state * below >> 32);
}

static void test_damage_ends_in_errors_only(void **state)
{
    struct image *image = load("genisoimage -R -J");
    uint8_t *whole = malloc(image->size);
    size_t size = image->size;
    (void)state;
    memcpy(whole, image->bytes, size);
    for (uint32_t round = 0; round < 300; round++) {
        struct iso_entry root;
        struct iso_walk walk = {&image->volume, NULL, NULL, 3000, 12};
        memcpy(image->bytes, whole, size);
        image->size = round % 5 == 0 ? random_number((uint32_t)size) : size;
        for (uint32_t i = random_number(60) + 1; i > 0; i--)
            image->bytes[32768 + random_number(140000)] = (uint8_t)random_number(256);
        if (mount(image, 0) == OK && iso_root(&image->volume, &root) == OK)
            iso_walk_directory(&walk, &root, "");
    }
    free(whole);
    unload(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rock_ridge_shows_what_the_tree_has),
        cmocka_unit_test(test_long_link_and_time),
        cmocka_unit_test(test_joliet_and_plain_names),
        cmocka_unit_test(test_files_of_several_extents_are_one),
        cmocka_unit_test(test_damage_ends_in_errors_only),
    };
    return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
