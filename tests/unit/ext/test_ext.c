/* SPDX-License-Identifier: MIT */
/*
 * lib/ext on images that mke2fs makes: random operations against a model, with e2fsck's word on the
 * result; power cuts at any write; damage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "disk.h"
#include "exercise.h"
#include "model.h"
#include "test_xattr.h"

#include <ext/format.h>
#include <ext/journal_format.h>

#define DEFAULT_HASH (EXT_SUPER_OFFSET + offsetof(struct ext_super, hash_version))

static const char *const kinds[] = {
    "-t ext4 -b 4096",
    "-t ext4 -b 1024",
    "-t ext4 -b 2048 -I 128 -O ^metadata_csum,uninit_bg",
    "-t ext4 -b 1024 -O ^64bit,^flex_bg,^resize_inode -g 1024",
    "-t ext4 -b 4096 -O metadata_csum_seed,sparse_super2",
    "-t ext3 -b 1024",
    "-t ext2 -b 4096",
    "-t ext2 -b 1024 -O ^dir_index,^filetype,^sparse_super,^resize_inode",
    "-t ext4 -b 1024 -O ^has_journal,^metadata_csum", /* with the hash below */
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static struct ext_fs *mount_disk(struct disk *disk)
{
    struct ext_device device = disk_device(disk);
    struct ext_fs *fs = NULL;
    assert_int_equal(ext_mount(&device, 0, &fs), OK);
    assert_false(ext_is_read_only(fs));
    return fs;
}

static void random_work(const char *kind, uint32_t kibibytes, uint32_t steps, uint32_t seed,
                        uint32_t padding)
{
    static struct model model;
    struct disk disk;
    disk_make(&disk, kind, kibibytes);
    disk_seed(seed);
    if (strstr(kind, "^has_journal") != NULL)
        disk.bytes[DEFAULT_HASH] = seed % 2 ? EXT_HASH_TEA : EXT_HASH_LEGACY;
    struct ext_fs *fs = mount_disk(&disk);
    model_start(&model);
    model.name_padding = padding;
    for (uint32_t i = 0; i < steps; i++) {
        assert_true(model_step(&model, fs));
        if (disk_random() % 100 == 0)
            assert_int_equal(ext_commit(fs), OK);
        if (disk_random() % 400 != 0)
            continue;
        assert_true(model_agrees(&model, fs));
        assert_int_equal(ext_unmount(fs), OK);
        fs = mount_disk(&disk);
    }
    assert_true(model_agrees(&model, fs));
    assert_int_equal(ext_unmount(fs), OK);
    assert_true(disk_is_clean(&disk, kind));
    fs = mount_disk(&disk);
    assert_true(model_agrees(&model, fs));
    assert_int_equal(ext_unmount(fs), OK);
    model_end(&model);
    disk_free(&disk);
}

static void random_operations_are_those_of_the_model(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < KINDS; i++)
        random_work(kinds[i], 16384, 3000, i + 1, 3);
}

static void a_full_disk_changes_nothing(void **state)
{
    (void)state;
    random_work("-t ext4 -b 1024 -J size=1", 5120, 4000, 77, 3);
    random_work("-t ext2 -b 1024", 2048, 4000, 78, 3);
}

static void reserved_inodes_may_fill_more_than_a_group(void **state)
{
    (void)state;
    random_work("-t ext2 -b 1024 -O ^resize_inode,extents,64bit -g 256 -N 512", 16384, 3000, 79, 3);
}

static void allocation_by_clusters_can_be_read(void **state)
{
    (void)state;
    static const char path[] = "tests/unit/ext/disk.c", *const kinds[] = {"-b 1024 -C 16384",
                                                                          "-b 4096 -C 65536"};
    static uint8_t here[65536], there[sizeof here];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(here, 1, sizeof here, file);
    fclose(file);
    for (uint32_t i = 0; i < 2; i++) {
        struct disk disk;
        char options[256];
        snprintf(options, sizeof options, "-t ext4 -O bigalloc %s -d tests/unit/ext", kinds[i]);
        disk_make(&disk, options, 16384);
        struct ext_device device = disk_device(&disk);
        struct ext_fs *fs;
        uint32_t ino, length;
        assert_int_equal(ext_mount(&device, 0, &fs), OK);
        assert_true(ext_is_read_only(fs));
        assert_int_equal(ext_lookup(fs, EXT_ROOT, "disk.c", 6, &ino), OK);
        assert_int_equal(ext_read(fs, ino, 0, there, sizeof there, &length), OK);
        assert_int_equal(length, size);
        assert_memory_equal(here, there, size);
        assert_int_equal(ext_unmount(fs), OK);
        assert_true(disk_is_clean(&disk, options));
        disk_free(&disk);
    }
}

/* ---- content in inodes ---------------------------------------------------------------------------- */

#define INLINE_TREE                                                                           \
    "mkdir %1$s/d %1$s/many && for i in 1 59 60 61 100 150 5000; do "                         \
    "head -c $i tests/unit/ext/disk.c >%1$s/f$i; done && touch %1$s/d/one %1$s/d/another && " \
    "ln -s %2$s %1$s/link && cd %1$s/many && seq -f a-longer-name-%%g 40 | xargs touch"
#define LINK_70 "0123456789/123456789/123456789/123456789/123456789/123456789/123456789"

static uint32_t look_up(struct ext_fs *fs, uint32_t directory, const char *name)
{
    uint32_t ino = 0;
    assert_int_equal(ext_lookup(fs, directory, name, strlen(name), &ino), OK);
    return ino;
}

static bool count_name(void *context, uint32_t ino, uint64_t cookie, uint32_t mode,
                       const char *name, size_t length)
{
    (void)ino, (void)cookie, (void)mode, (void)name, (void)length;
    ++*(uint32_t *)context;
    return true;
}

static uint32_t count_names(struct ext_fs *fs, uint32_t directory)
{
    uint32_t count = 0;
    assert_int_equal(ext_read_directory(fs, directory, 0, count_name, &count), OK);
    return count;
}

/* The first bytes of disk.c; small ones take no block. */
static void check_inline_file(struct ext_fs *fs, uint32_t size, const char *expected)
{
    static char found[6000];
    struct ext_attributes attributes;
    char name[16];
    uint32_t done;
    snprintf(name, sizeof name, "f%u", (unsigned)size);
    uint32_t ino = look_up(fs, EXT_ROOT, name);
    assert_int_equal(ext_get_attributes(fs, ino, &attributes), OK);
    assert_int_equal(attributes.size, size);
    assert_true(size > 100 || attributes.blocks == 0);
    assert_int_equal(ext_read(fs, ino, 0, found, sizeof found, &done), OK);
    assert_int_equal(done, size);
    assert_memory_equal(found, expected, size);
    assert_int_equal(ext_read(fs, ino, size - 1, found, sizeof found, &done), OK);
    assert_int_equal(done, 1);
    assert_int_equal(found[0], expected[size - 1]);
    size_t length;
    assert_int_equal(ext_list_xattrs(fs, ino, NULL, 0, &length), OK);
    assert_int_equal(length, 0);
}

static void small_content_in_inodes_can_be_read(void **state)
{
    static const uint32_t sizes[] = {1, 59, 60, 61, 100, 150, 5000};
    static char expected[5000], text[100];
    char tree[] = "/tmp/atomik-ext-XXXXXX", words[1000];
    struct disk disk;
    struct ext_fs *fs;
    size_t length;
    (void)state;
    FILE *file = fopen("tests/unit/ext/disk.c", "rb");
    assert_non_null(file);
    assert_int_equal(fread(expected, 1, sizeof expected, file), sizeof expected);
    fclose(file);
    assert_non_null(mkdtemp(tree));
    snprintf(words, sizeof words, INLINE_TREE, tree, LINK_70);
    assert_int_equal(system(words), 0);
    snprintf(words, sizeof words, "-t ext4 -O inline_data -d %s", tree);
    disk_make(&disk, words, 16384);
    snprintf(words, sizeof words, "rm -r %s", tree);
    assert_int_equal(system(words), 0);
    struct ext_device device = disk_device(&disk);
    assert_int_equal(ext_mount(&device, 0, &fs), OK);
    assert_true(ext_is_read_only(fs));
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        check_inline_file(fs, sizes[i], expected);
    uint32_t d = look_up(fs, EXT_ROOT, "d");
    assert_int_equal(look_up(fs, d, ".."), EXT_ROOT);
    assert_int_equal(look_up(fs, d, "."), d);
    look_up(fs, d, "another");
    assert_int_equal(count_names(fs, d), 4);
    assert_int_equal(count_names(fs, look_up(fs, EXT_ROOT, "many")), 42);
    assert_int_equal(ext_read_link(fs, look_up(fs, EXT_ROOT, "link"), text, sizeof text, &length),
                     OK);
    assert_int_equal(length, strlen(LINK_70));
    assert_memory_equal(text, LINK_70, length);
    assert_int_equal(ext_unmount(fs), OK);
    disk_free(&disk);
}

/* ---- fast commits -------------------------------------------------------------------------------- */

static uint32_t big(uint32_t value)
{
    return __builtin_bswap32(value);
}

/* The journal of a new disk is in one piece; its super block. */
static struct journal_super *journal_of(const struct disk *disk)
{
    for (uint64_t at = 0; at < disk->size; at += 1024) {
        struct journal_super *super = (struct journal_super *)(disk->bytes + at);
        if (super->header.magic == big(JOURNAL_MAGIC) && super->header.type == big(JOURNAL_SUPER_2))
            return super;
    }
    fail_msg("there is no journal");
    return NULL;
}

/* A disk whose journal is to be replayed and has a place for fast commits, as Linux leaves it. */
static struct fast_commit_head *make_fast_commits(struct disk *disk)
{
    enum { FAST_BLOCKS = 64 };
    uint32_t ino;
    disk_make(disk,
              "-t ext4 -b 1024 -J size=2 -E packed_meta_blocks=1 -O ^metadata_csum,fast_commit",
              6144);
    struct ext_fs *fs = mount_disk(disk);
    const struct ext_create kept = {.name = "kept", .length = 4, .mode = 0100644};
    assert_int_equal(ext_create(fs, EXT_ROOT, &kept, &ino), OK);
    assert_int_equal(ext_commit(fs), OK);
    uint8_t *in_use = malloc(disk->size);
    memcpy(in_use, disk->bytes, disk->size);
    assert_int_equal(ext_unmount(fs), OK);
    memcpy(disk->bytes, in_use, disk->size);
    free(in_use);
    struct journal_super *super = journal_of(disk);
    super->incompat |= big(JOURNAL_FAST_COMMIT);
    super->fast_commit_blocks = big(FAST_BLOCKS);
    uint32_t first = big(super->block_count) - FAST_BLOCKS + 1;
    return (struct fast_commit_head *)((uint8_t *)super + first * 1024);
}

static status_t mount_copy(const struct disk *disk)
{
    struct disk copy = {.size = disk->size, .bytes = malloc(disk->size), .time = disk->time};
    struct ext_device device = disk_device(&copy);
    struct ext_fs *fs;
    uint32_t ino;
    memcpy(copy.bytes, disk->bytes, disk->size);
    status_t status = ext_mount(&device, 0, &fs);
    if (status == OK) {
        assert_int_equal(ext_lookup(fs, EXT_ROOT, "kept", 4, &ino), OK);
        assert_int_equal(ext_unmount(fs), OK);
        assert_true(disk_is_clean(&copy, "fast commits"));
    } else {
        assert_memory_equal(copy.bytes, disk->bytes, disk->size);
    }
    disk_free(&copy);
    return status;
}

static void fast_commits_that_are_to_be_replayed_are_refused_and_others_do_not_matter(void **state)
{
    struct disk disk;
    (void)state;
    struct fast_commit_head *head = make_fast_commits(&disk);
    uint32_t first = big(journal_of(&disk)->sequence), refused = 0;
    assert_int_equal(mount_copy(&disk), OK);
    for (uint32_t sequence = first - 1; sequence < first + 10; sequence++) {
        *head = (struct fast_commit_head){FAST_COMMIT_HEAD, 8, 0, sequence};
        status_t status = mount_copy(&disk);
        assert_true(status == OK || status == ERR_NOT_SUPPORTED);
        refused += status != OK;
    }
    assert_int_equal(refused, 1); /* the one behind the last transaction */
    disk_free(&disk);
}

/* Three transactions, and a byte of one block of the journal changed: only the last commit may be missing. */
static void a_journal_that_lost_what_was_durable_is_refused(void **state)
{
    struct disk disk;
    uint32_t ino, refused = 0, mounted = 0;
    (void)state;
    disk_make(&disk, "-t ext4 -b 1024 -J size=1 -E packed_meta_blocks=1", 6144);
    struct ext_fs *fs = mount_disk(&disk);
    for (const char *name = "kept\0two\0three\0"; *name != 0; name += strlen(name) + 1) {
        struct ext_create create = {.name = name, .length = strlen(name), .mode = 0100644};
        assert_int_equal(ext_create(fs, EXT_ROOT, &create, &ino), OK);
        assert_int_equal(ext_commit(fs), OK);
    }
    uint8_t *in_use = malloc(disk.size);
    memcpy(in_use, disk.bytes, disk.size);
    assert_int_equal(ext_unmount(fs), OK);
    memcpy(disk.bytes, in_use, disk.size);
    const struct journal_super *super = journal_of(&disk);
    uint8_t *ring = (uint8_t *)journal_of(&disk) + 1024;
    uint32_t last = big(super->sequence) + 2;
    assert_int_equal(mount_copy(&disk), OK);
    for (uint8_t *block = ring;; block += 1024) {
        const struct journal_header *header = (const struct journal_header *)block;
        bool is_last = big(header->magic) == JOURNAL_MAGIC && big(header->type) == JOURNAL_COMMIT &&
                       big(header->sequence) == last;
        block[100] ^= 1;
        assert_int_equal(mount_copy(&disk), is_last ? OK : ERR_IO_ERROR);
        block[100] ^= 1;
        (*(is_last ? &mounted : &refused))++;
        if (is_last)
            break;
    }
    assert_true(refused >= 9 && mounted == 1);
    free(in_use);
    disk_free(&disk);
}

static void what_is_not_known_is_refused_as_such(void **state)
{
    (void)state;
    static const char *const unknown[] = {"-t ext4 -b 8192", "-t ext4 -O casefold"};
    for (uint32_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        struct disk disk;
        disk_make(&disk, unknown[i], 16384);
        struct ext_device device = disk_device(&disk);
        struct ext_fs *fs;
        assert_int_equal(ext_mount(&device, 0, &fs), ERR_NOT_SUPPORTED);
        disk_free(&disk);
    }
}

/* ---- large ones ------------------------------------------------------------------------------------- */

static void many_names(const char *kind, uint32_t count)
{
    struct disk disk;
    char name[64];
    uint32_t ino;
    bool last;
    disk_make(&disk, kind, 24576);
    if (strstr(kind, "^has_journal") != NULL)
        disk.bytes[DEFAULT_HASH] = EXT_HASH_TEA;
    struct ext_fs *fs = mount_disk(&disk);
    struct ext_create create = {.name = "d", .length = 1, .mode = 0040755};
    uint32_t directory;
    assert_int_equal(ext_create(fs, EXT_ROOT, &create, &directory), OK);
    create = (struct ext_create){.name = "f", .length = 1, .mode = 0100644};
    assert_int_equal(ext_create(fs, EXT_ROOT, &create, &ino), OK);
    for (uint32_t i = 0; i < count; i++) {
        size_t length = (size_t)snprintf(name, sizeof name, "a name that is long, %u \xe4", i);
        assert_int_equal(ext_link(fs, directory, name, length, ino), OK);
    }
    assert_int_equal(ext_unmount(fs), OK);
    assert_true(disk_is_clean(&disk, kind));
    fs = mount_disk(&disk);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t found;
        size_t length = (size_t)snprintf(name, sizeof name, "a name that is long, %u \xe4", i);
        assert_int_equal(ext_lookup(fs, directory, name, length, &found), OK);
        if (i % 3 != 0)
            assert_int_equal(ext_unlink(fs, directory, name, length, &last), OK);
    }
    assert_int_equal(ext_unmount(fs), OK);
    assert_true(disk_is_clean(&disk, kind));
    disk_free(&disk);
}

static void a_large_directory_has_an_index(void **state)
{
    (void)state;
    many_names("-t ext4 -b 1024", 12000);
    many_names("-t ext4 -b 4096", 20000);
    many_names("-t ext2 -b 1024 -O ^has_journal", 6000);
    many_names("-t ext2 -b 1024 -O ^dir_index", 300);
}

/* Every other block of a file, from the end on: as many extents, or tables of tables, as can be. */
static void holes(const char *kind, uint32_t blocks, uint64_t far)
{
    struct disk disk;
    uint8_t block[1024], found[1024];
    uint32_t ino, done;
    disk_make(&disk, kind, 16384);
    struct ext_fs *fs = mount_disk(&disk);
    struct ext_create create = {.name = "f", .length = 1, .mode = 0100644};
    assert_int_equal(ext_create(fs, EXT_ROOT, &create, &ino), OK);
    memset(block, 'x', sizeof block);
    assert_int_equal(ext_write(fs, ino, far, block, sizeof block, &done), OK);
    for (uint32_t i = blocks; i-- > 0;)
        assert_int_equal(
            ext_write(fs, ino, (uint64_t)(i * 2) * sizeof block, block, sizeof block, &done), OK);
    assert_int_equal(ext_unmount(fs), OK);
    assert_true(disk_is_clean(&disk, kind));
    fs = mount_disk(&disk);
    for (uint32_t i = 0; i < blocks * 2; i++) {
        memset(block, i % 2 ? 0 : 'x', sizeof block);
        assert_int_equal(ext_read(fs, ino, (uint64_t)i * sizeof block, found, sizeof found, &done),
                         OK);
        assert_memory_equal(block, found, sizeof found);
    }
    assert_int_equal(ext_truncate(fs, ino, blocks * sizeof block + 5), OK);
    assert_int_equal(ext_commit(fs), OK);
    assert_int_equal(ext_unmount(fs), OK);
    assert_true(disk_is_clean(&disk, kind));
    disk_free(&disk);
}

static void files_may_have_many_holes(void **state)
{
    (void)state;
    holes("-t ext4 -b 1024", 4000, 3000000000u);
    holes("-t ext2 -b 1024", 4000, 3000000000u);
}

/* ---- power cuts ------------------------------------------------------------------------------------- */

#define KEPT_MAX   64
#define KEPT_BYTES 3000

struct kept {
    uint32_t count, durable_at[KEPT_MAX]; /* how many writes there were when it was */
};

static void fill_kept(uint8_t *bytes, uint32_t number)
{
    for (uint32_t i = 0; i < KEPT_BYTES; i++)
        bytes[i] = (uint8_t)(number * 7 + i / 3);
}

/* A file that is made durable and then left alone. */
static void keep_one(struct ext_fs *fs, const struct disk *disk, struct kept *kept)
{
    char name[32];
    uint8_t bytes[KEPT_BYTES];
    uint32_t ino, done;
    struct ext_create create = {.name = name, .mode = 0100644};
    create.length = (size_t)snprintf(name, sizeof name, ".keep-%u", kept->count);
    fill_kept(bytes, kept->count);
    assert_int_equal(ext_create(fs, EXT_ROOT, &create, &ino), OK);
    assert_int_equal(ext_write(fs, ino, 0, bytes, sizeof bytes, &done), OK);
    assert_int_equal(ext_commit(fs), OK);
    kept->durable_at[kept->count++] = disk->write_count;
}

static void check_kept(struct ext_fs *fs, const struct kept *kept, uint32_t cut)
{
    for (uint32_t i = 0; i < kept->count && kept->durable_at[i] <= cut; i++) {
        char name[32];
        uint8_t bytes[KEPT_BYTES], found[KEPT_BYTES];
        uint32_t ino, done;
        size_t length = (size_t)snprintf(name, sizeof name, ".keep-%u", i);
        fill_kept(bytes, i);
        assert_int_equal(ext_lookup(fs, EXT_ROOT, name, length, &ino), OK);
        assert_int_equal(ext_read(fs, ino, 0, found, sizeof found, &done), OK);
        assert_int_equal(done, sizeof found);
        assert_memory_equal(found, bytes, sizeof found);
    }
}

static bool is_lucky(uint32_t number)
{
    (void)number;
    return disk_random() % 2;
}

static void check_cut(const struct disk *recorded, const uint8_t *base, const struct kept *kept,
                      uint32_t cut, const char *kind)
{
    struct disk disk;
    disk_cut(recorded, base, cut, is_lucky, &disk);
    if (cut % 2) /* the other reader of journals */
        assert_true(disk_replay(&disk, kind));
    struct ext_fs *fs = mount_disk(&disk);
    check_kept(fs, kept, cut);
    assert_int_equal(ext_unmount(fs), OK);
    assert_true(disk_is_clean(&disk, kind));
    disk_free(&disk);
}

static void cut_power(const char *kind, uint32_t steps, uint32_t cuts, uint32_t seed)
{
    static struct model model;
    struct kept kept = {0};
    struct disk disk;
    disk_make(&disk, kind, 16384);
    disk_seed(seed);
    uint8_t *base = malloc(disk.size);
    memcpy(base, disk.bytes, disk.size);
    disk_start_recording(&disk);
    struct ext_fs *fs = mount_disk(&disk);
    model_start(&model);
    model.largest_file = 60000;
    for (uint32_t i = 0; i < steps; i++) {
        assert_true(model_step(&model, fs));
        if (i % 40 == 0 && kept.count < KEPT_MAX)
            keep_one(fs, &disk, &kept);
    }
    for (uint32_t i = 0; i < cuts; i++)
        check_cut(&disk, base, &kept, disk_random() % (disk.write_count + 1), kind);
    ext_abandon(fs);
    model_end(&model);
    free(base);
    disk_free(&disk);
}

static void a_power_cut_loses_nothing_that_was_committed(void **state)
{
    (void)state;
    cut_power("-t ext4 -b 1024 -J size=1", 2500, 60, 5);
    cut_power("-t ext4 -b 4096 -J size=4", 1200, 30, 6);
    cut_power("-t ext3 -b 1024 -J size=1", 2500, 60, 7);
}

/* ---- disks that fail -------------------------------------------------------------------------------- */

/* From some write on all of them fail: errors, and what was durable before still is. */
static void fail_writes(const char *kind, uint32_t seed)
{
    static struct model model;
    struct kept kept = {0};
    struct disk disk;
    disk_make(&disk, kind, 16384);
    disk_seed(seed);
    struct ext_fs *fs = mount_disk(&disk);
    model_start(&model);
    for (uint32_t i = 0; i < 400; i++) {
        assert_true(model_step(&model, fs));
        if (i % 40 == 0)
            keep_one(fs, &disk, &kept);
    }
    disk.writes_left = 1 + disk_random() % 150;
    for (uint32_t i = 0; i < 2000 && !disk.failing; i++) {
        struct ext_create create = {.mode = 0100644};
        char name[32];
        uint32_t ino, done;
        create.name = name;
        create.length = (size_t)snprintf(name, sizeof name, "new-%u", i);
        if (ext_create(fs, EXT_ROOT, &create, &ino) == OK &&
            ext_write(fs, ino, 0, name, sizeof name, &done) == OK && ext_commit(fs) == OK)
            assert_false(disk.failing);
    }
    assert_true(disk.failing);
    bool dirty = ext_is_dirty(fs);
    assert_true(ext_commit(fs) != OK || !dirty);
    assert_int_not_equal(ext_unmount(fs), OK);
    disk.failing = false;
    fs = mount_disk(&disk);
    check_kept(fs, &kept, UINT32_MAX);
    assert_int_equal(ext_unmount(fs), OK);
    assert_true(disk_is_clean(&disk, kind));
    model_end(&model);
    disk_free(&disk);
}

static void what_was_durable_survives_a_disk_that_fails(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 8; seed++)
        fail_writes("-t ext4 -b 1024 -J size=1", seed);
}

/* ---- damage ----------------------------------------------------------------------------------------- */

/* Where metadata is: the front, and wherever there is something else than zeros. */
static void damage(struct disk *disk)
{
    uint32_t flips = 1 + disk_random() % 20;
    while (flips > 0) {
        uint64_t at = disk_random() % (disk_random() % 2 ? disk->size : 131072);
        if (disk->bytes[at] == 0 && disk_random() % 8 != 0)
            continue;
        if (disk_random() % 2)
            disk->bytes[at] ^= (uint8_t)(1u << disk_random() % 8);
        else
            disk->bytes[at] = disk_random() % 2 ? 0xFF : (uint8_t)disk_random();
        flips--;
    }
    if (disk_random() % 10 == 0)
        disk->size -= disk_random() % (disk->size / 2);
}

static void damaged_images(const char *kind, uint32_t count, uint32_t seed)
{
    static struct model model;
    struct disk disk, copy;
    disk_make(&disk, kind, 3072);
    disk_seed(seed);
    struct ext_fs *fs = mount_disk(&disk);
    model_start(&model);
    model.name_padding = 60;
    model.largest_file = 30000;
    for (uint32_t i = 0; i < 500; i++)
        assert_true(model_step(&model, fs));
    uint8_t *in_use = malloc(disk.size); /* with a journal to replay */
    assert_int_equal(ext_commit(fs), OK);
    memcpy(in_use, disk.bytes, disk.size);
    assert_int_equal(ext_unmount(fs), OK);
    for (uint32_t i = 0; i < count; i++) {
        copy = (struct disk){.size = disk.size, .bytes = malloc(disk.size), .time = disk.time};
        memcpy(copy.bytes, i % 2 ? in_use : disk.bytes, disk.size);
        damage(&copy);
        struct ext_device device = disk_device(&copy);
        exercise_image(&device);
        disk_free(&copy);
    }
    model_end(&model);
    free(in_use);
    disk_free(&disk);
}

static void damage_is_an_error_and_nothing_worse(void **state)
{
    (void)state;
    damaged_images("-t ext4 -b 1024 -O ^metadata_csum -J size=1", 80, 91);
    damaged_images("-t ext4 -b 1024 -J size=1", 40, 92);
    damaged_images("-t ext2 -b 1024", 60, 93);
    damaged_images("-t ext3 -b 1024 -J size=1", 40, 94);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations_are_those_of_the_model),
        cmocka_unit_test(a_full_disk_changes_nothing),
        cmocka_unit_test(reserved_inodes_may_fill_more_than_a_group),
        cmocka_unit_test(allocation_by_clusters_can_be_read),
        cmocka_unit_test(small_content_in_inodes_can_be_read),
        cmocka_unit_test(fast_commits_that_are_to_be_replayed_are_refused_and_others_do_not_matter),
        cmocka_unit_test(a_journal_that_lost_what_was_durable_is_refused),
        cmocka_unit_test(what_is_not_known_is_refused_as_such),
        cmocka_unit_test(a_large_directory_has_an_index),
        cmocka_unit_test(files_may_have_many_holes),
        cmocka_unit_test(a_power_cut_loses_nothing_that_was_committed),
        cmocka_unit_test(what_was_durable_survives_a_disk_that_fails),
        cmocka_unit_test(attributes_are_what_was_set),
        cmocka_unit_test(damage_is_an_error_and_nothing_worse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
