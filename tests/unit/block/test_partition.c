/* SPDX-License-Identifier: MIT */
/* Partition tables as sfdisk writes them, and damaged ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/block/partition.h"

#define SECTORS 16384u

static uint8_t image[SECTORS * 512];
static char path[] = "/tmp/test_partition.XXXXXX";

static status_t read_sector(void *context, uint64_t sector, void *to)
{
    (void)context;
    assert_true(sector < SECTORS);
    memcpy(to, image + sector * 512, 512);
    return OK;
}

static void make(const char *table)
{
    char command[512];
    snprintf(command, sizeof command,
             "rm -f %s; truncate -s %u %s; printf '%s' | /sbin/sfdisk -q %s", path, SECTORS * 512,
             path, table, path);
    assert_int_equal(system(command), 0);
    FILE *file = fopen(path, "rb");
    assert_int_equal(fread(image, 1, sizeof image, file), sizeof image);
    fclose(file);
    unlink(path);
}

static uint32_t find(struct partition partitions[PARTITIONS_MAX])
{
    struct partition_disk disk = {read_sector, NULL, SECTORS, 512};
    uint32_t count;
    assert_int_equal(partitions_find(&disk, partitions, &count), OK);
    return count;
}

static void test_primary_and_logical(void **state)
{
    struct partition found[PARTITIONS_MAX];
    (void)state;
    make("label: dos\\n2048,1000,c\\n4096,8192,5\\n4160,1000,83\\n6208,1000,83\\n");
    assert_int_equal(find(found), 4);
    assert_int_equal(found[0].number, 1);
    assert_int_equal(found[0].start, 2048);
    assert_int_equal(found[0].sectors, 1000);
    assert_int_equal(found[2].number, 5);
    assert_int_equal(found[2].start, 4160);
    assert_int_equal(found[3].number, 6);
    assert_int_equal(found[3].start, 6208);
}

static void test_a_chain_of_logical_ones_that_leads_back_ends(void **state)
{
    struct partition found[PARTITIONS_MAX];
    (void)state;
    make("label: dos\\n2048,1000,c\\n4096,8192,5\\n4160,1000,83\\n6208,1000,83\\n");
    uint8_t *next = image + 4096 * 512 + 446 + 16 + 8; /* the first link's second entry */
    memset(next, 0, 4);
    assert_int_equal(find(found), 3);
}

static void test_gpt(void **state)
{
    struct partition found[PARTITIONS_MAX];
    (void)state;
    make("label: gpt\\n2048,1000\\n4096,1000\\n");
    assert_int_equal(find(found), 2);
    assert_int_equal(found[1].start, 4096);
    assert_int_equal(found[1].sectors, 1000);
    image[512 + 20] ^= 1; /* the first header: the one at the end counts */
    assert_int_equal(find(found), 2);
    image[(SECTORS - 1) * 512 + 20] ^= 1;
    assert_int_equal(find(found), 0);
}

static void test_gpt_entries_with_a_wrong_checksum(void **state)
{
    struct partition found[PARTITIONS_MAX];
    (void)state;
    make("label: gpt\\n2048,1000\\n");
    image[2 * 512 + 32] ^= 1;
    assert_int_equal(find(found), 1); /* from the copy */
    assert_int_equal(found[0].start, 2048);
}

static void test_what_does_not_lie_on_the_disk_is_left_out(void **state)
{
    struct partition found[PARTITIONS_MAX];
    (void)state;
    make("label: dos\\n2048,1000,c\\n4096,1000,83\\n");
    memset(image + 446 + 12, 0xff, 4); /* its length */
    assert_int_equal(find(found), 1);
    assert_int_equal(found[0].number, 2);
}

static void test_a_boot_sector_of_a_file_system_is_no_table(void **state)
{
    struct partition found[PARTITIONS_MAX];
    (void)state;
    memset(image, 0x6f, 512);
    image[510] = 0x55;
    image[511] = 0xaa;
    assert_int_equal(find(found), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_primary_and_logical),
        cmocka_unit_test(test_a_chain_of_logical_ones_that_leads_back_ends),
        cmocka_unit_test(test_gpt),
        cmocka_unit_test(test_gpt_entries_with_a_wrong_checksum),
        cmocka_unit_test(test_what_does_not_lie_on_the_disk_is_left_out),
        cmocka_unit_test(test_a_boot_sector_of_a_file_system_is_no_table),
    };
    if (mkstemp(path) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
