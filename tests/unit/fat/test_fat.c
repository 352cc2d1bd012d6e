/* SPDX-License-Identifier: MIT */
/* FAT on the host: volumes that mkfs.vfat has made, used in memory and then looked over by fsck.fat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/fat/disk.h"

struct image {
    struct disk disk;
    struct fat_device device;
    struct fat_volume volume;
    struct fat_chain root;
};

static char path[] = "/tmp/test_fat.XXXXXX";

static void run(const char *format, ...)
{
    char command[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    assert_int_equal(system(command), 0);
}

static void mount(struct image *image)
{
    image->device = disk_device(&image->disk);
    assert_int_equal(fat_open(&image->volume, &image->device, 256, false), OK);
    image->root =
        (struct fat_chain){.first = image->volume.root_cluster, .fixed = image->volume.bits != 32};
}

static void make(struct image *image, unsigned bits, unsigned kilobytes, unsigned sectors)
{
    run("rm -f %s; /sbin/mkfs.vfat -F %u -s %u -C %s %u >/dev/null", path, bits, sectors, path,
        kilobytes);
    image->disk.size = (size_t)kilobytes * 1024;
    image->disk.bytes = malloc(image->disk.size);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(image->disk.bytes, 1, image->disk.size, file), image->disk.size);
    fclose(file);
    mount(image);
    assert_int_equal(image->volume.bits, bits);
}

/* Everything is written; fsck.fat finds nothing to say. */
static void check(struct image *image)
{
    assert_int_equal(fat_finish(&image->volume), OK);
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(image->disk.bytes, 1, image->disk.size, file), image->disk.size);
    fclose(file);
    run("/sbin/fsck.fat -n %s >/tmp/test_fat.log || { cat /tmp/test_fat.log; exit 1; }", path);
}

static void end(struct image *image)
{
    check(image);
    fat_close(&image->volume);
    free(image->disk.bytes);
    unlink(path);
}

static void add(struct image *image, struct fat_chain *directory, const char *text,
                struct fat_chain *chain, struct fat_entry *entry)
{
    uint8_t bytes[FAT_ENTRY_SIZE] = {0};
    struct fat_name name;
    assert_int_equal(name_parse(&name, text, strlen(text)), OK);
    bytes[11] = FAT_ARCHIVE;
    entry_set_time(bytes, 22, 1700000000ull * 1000000000);
    assert_int_equal(directory_add(&image->volume, directory, &name, bytes, entry), OK);
    *chain = (struct fat_chain){.first = FAT_CHAIN_END};
}

static status_t find(struct image *image, const char *text, struct fat_entry *entry)
{
    struct fat_name name;
    status_t status = name_parse(&name, text, strlen(text));
    return status == OK ? directory_find(&image->volume, &image->root, &name, entry) : status;
}

static void store(struct image *image, struct fat_entry *entry, const struct fat_chain *chain,
                  uint32_t size)
{
    entry_set_cluster(entry->bytes, chain->first);
    entry_set_size(entry->bytes, size);
    assert_int_equal(
        cache_write(&image->volume.cache, entry->position, entry->bytes, FAT_ENTRY_SIZE), OK);
}

static void fill(struct image *image, const char *name, uint32_t size, uint8_t seed)
{
    struct fat_chain chain;
    struct fat_entry entry;
    uint8_t *bytes = malloc(size + 1);
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251 + seed);
    add(image, &image->root, name, &chain, &entry);
    assert_int_equal(chain_grow(&image->volume, &chain, size), OK);
    assert_int_equal(chain_write(&image->volume, &chain, 0, bytes, size), OK);
    store(image, &entry, &chain, size);
    free(bytes);
}

static void compare(struct image *image, const char *name, uint32_t size, uint8_t seed)
{
    struct fat_entry entry;
    uint8_t *bytes = malloc(size + 1);
    assert_int_equal(find(image, name, &entry), OK);
    assert_int_equal(entry_size(entry.bytes), size);
    struct fat_chain chain = {.first = entry_cluster(&image->volume, entry.bytes)};
    assert_int_equal(chain_read(&image->volume, &chain, 0, bytes, size), OK);
    for (uint32_t i = 0; i < size; i++)
        assert_int_equal(bytes[i], (uint8_t)(i * 7 + i / 251 + seed));
    free(bytes);
}

static void use(unsigned bits, unsigned kilobytes, unsigned sectors)
{
    static const char *const names[] = {
        "A.TXT",    "a long name with spaces.text", "x",       "\xc3\x84rger \xf0\x9f\x98\x80.md",
        ".profile", "no-extension-at-all",          "lower.c", "TWO.DOTS.GZ"};
    struct image image;
    make(&image, bits, kilobytes, sectors);
    uint32_t before = image.volume.free_clusters;
    for (uint32_t i = 0; i < 8; i++)
        fill(&image, names[i], i * 5000 + i, (uint8_t)i);
    check(&image);
    fat_close(&image.volume);
    mount(&image); /* the same, from the medium */
    for (uint32_t i = 0; i < 8; i++)
        compare(&image, names[i], i * 5000 + i, (uint8_t)i);
    struct fat_entry entry;
    assert_int_equal(find(&image, "A LONG NAME WITH SPACES.TEXT", &entry), OK);
    assert_int_equal(find(&image, "\xc3\xa4RGER \xf0\x9f\x98\x80.MD", &entry), OK);
    assert_int_equal(find(&image, "ALONGN~1.TEX", &entry), OK);
    assert_int_equal(find(&image, "absent", &entry), ERR_NOT_FOUND);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(find(&image, names[i], &entry), OK);
        struct fat_chain chain = {.first = entry_cluster(&image.volume, entry.bytes)};
        assert_int_equal(directory_remove(&image.volume, &image.root, entry.first_slot, entry.slot),
                         OK);
        assert_int_equal(chain_shrink(&image.volume, &chain, 0), OK);
    }
    if (!image.root.fixed)
        assert_int_equal(chain_shrink(&image.volume, &image.root, 1), OK);
    assert_int_equal(image.volume.free_clusters, before);
    end(&image);
}

static void test_fat12(void **state)
{
    (void)state;
    use(12, 1440, 1);
}

static void test_fat16(void **state)
{
    (void)state;
    use(16, 16384, 4);
}

static void test_fat32(void **state)
{
    (void)state;
    use(32, 40960, 1);
}

static void test_many_names_share_a_short_one(void **state)
{
    struct image image;
    char name[64];
    (void)state;
    make(&image, 32, 40960, 1);
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "a file of many number %u.text", i);
        fill(&image, name, 0, 0);
    }
    struct fat_entry entry;
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "A FILE OF MANY number %u.text", i);
        assert_int_equal(find(&image, name, &entry), OK);
    }
    end(&image);
}

static void test_full_volume_gives_back_what_it_could_not_use(void **state)
{
    struct image image;
    struct fat_chain chain = {.first = FAT_CHAIN_END};
    (void)state;
    make(&image, 12, 1440, 1);
    uint32_t before = image.volume.free_clusters;
    assert_int_equal(chain_grow(&image.volume, &chain, (uint64_t)(before + 1) * 512), ERR_NO_SPACE);
    assert_int_equal(chain.first, FAT_CHAIN_END);
    assert_int_equal(image.volume.free_clusters, before);
    assert_int_equal(chain_grow(&image.volume, &chain, (uint64_t)before * 512), OK);
    assert_int_equal(image.volume.free_clusters, 0);
    assert_int_equal(chain_shrink(&image.volume, &chain, 0), OK);
    assert_int_equal(image.volume.free_clusters, before);
    end(&image);
}

static void test_a_loop_in_a_directory_ends(void **state)
{
    struct image image;
    struct fat_entry entry;
    (void)state;
    make(&image, 32, 40960, 1);
    for (unsigned i = 0; i < 40; i++) {
        char name[32];
        snprintf(name, sizeof name, "name number %u", i);
        fill(&image, name, 0, 0);
    }
    assert_int_equal(fat_finish(&image.volume), OK);
    uint32_t root = image.volume.root_cluster, next;
    assert_int_equal(fat_next(&image.volume, root, &next), OK);
    uint8_t *link = image.disk.bytes + image.volume.fat_start + next * 4;
    memcpy(link, &root, 4);
    fat_close(&image.volume);
    mount(&image);
    assert_int_equal(find(&image, "absent", &entry), ERR_NOT_FOUND);
    fat_close(&image.volume);
    free(image.disk.bytes);
    unlink(path);
}

static void test_names_that_cannot_be(void **state)
{
    struct fat_name name;
    char longest[300];
    (void)state;
    assert_int_equal(name_parse(&name, "a:b", 3), ERR_INVALID_ARGUMENT);
    assert_int_equal(name_parse(&name, "\xff", 1), ERR_INVALID_ARGUMENT);
    assert_int_equal(name_parse(&name, "...", 3), ERR_INVALID_ARGUMENT);
    memset(longest, 'x', sizeof longest);
    assert_int_equal(name_parse(&name, longest, 256), ERR_NAME_TOO_LONG);
    assert_int_equal(name_parse(&name, longest, 255), OK);
    assert_int_equal(name_parse(&name, "end.", 4), OK);
    assert_int_equal(name.length, 3);
}

static void test_times(void **state)
{
    uint8_t bytes[FAT_ENTRY_SIZE] = {0};
    (void)state;
    for (uint64_t time = 315532800; time < 4291747200ull; time += 86400 * 13 + 3602) {
        uint64_t even = time & ~1ull;
        entry_set_time(bytes, 22, even * 1000000000);
        assert_true(entry_time(bytes, 22) == even * 1000000000);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fat12),
        cmocka_unit_test(test_fat16),
        cmocka_unit_test(test_fat32),
        cmocka_unit_test(test_many_names_share_a_short_one),
        cmocka_unit_test(test_full_volume_gives_back_what_it_could_not_use),
        cmocka_unit_test(test_a_loop_in_a_directory_ends),
        cmocka_unit_test(test_names_that_cannot_be),
        cmocka_unit_test(test_times),
    };
    if (mkstemp(path) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
