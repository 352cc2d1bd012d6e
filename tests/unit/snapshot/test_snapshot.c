/* SPDX-License-Identifier: MIT */
/* Snapshots are read as they were written, and no damage goes unnoticed or does harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <snapshot/snapshot.h>

#define FILE_ROOM (1u << 20)

static uint8_t file[FILE_ROOM];
static uint64_t file_size;

static status_t file_read(void *context, uint64_t offset, void *to, uint32_t length)
{
    (void)context;
    if (offset > file_size || length > file_size - offset)
        return ERR_IO_ERROR;
    memcpy(to, file + offset, length);
    return OK;
}

static status_t file_write(void *context, uint64_t offset, const void *from, uint32_t length)
{
    (void)context;
    if (offset > FILE_ROOM || length > FILE_ROOM - offset)
        return ERR_NO_SPACE;
    memcpy(file + offset, from, length);
    if (offset + length > file_size)
        file_size = offset + length;
    return OK;
}

static const struct snap_source source = {.read = file_read, .context = NULL};
static const struct snap_sink sink = {.write = file_write, .context = NULL};

static void add_memory(struct snapshot *snapshot, uint32_t address, uint32_t pages, uint8_t fill)
{
    struct snap_bytes bytes = {.memory = malloc(pages * PAGE_SIZE)};
    memset(bytes.memory, fill, pages * PAGE_SIZE);
    snap_add_load(snapshot, address, pages * PAGE_SIZE, pages * PAGE_SIZE, 6, &bytes);
}

static void write_sample(void)
{
    struct core_prstatus status = {.pid = 42, .regs = {.eip = 0x8048000, .eax = 7}};
    struct snapshot snapshot;
    uint64_t size;
    snap_init(&snapshot);
    snap_note_begin(&snapshot, SNAP_HEADER);
    snap_put_u32(&snapshot, SNAP_HEADER_MAJOR, SNAP_MAJOR);
    snap_put_text(&snapshot, SNAP_HEADER_PERSONALITY, "posix");
    snap_note_standard(&snapshot, "CORE", CORE_PRSTATUS, &status, sizeof status);
    snap_note_begin(&snapshot, SNAP_OBJECT);
    snap_put_u32(&snapshot, SNAP_OBJECT_ID, 3);
    snap_put_text(&snapshot, SNAP_OBJECT_PATH, "/tmp/x");
    snap_put_u64(&snapshot, SNAP_OBJECT_OFFSET, 1ull << 33);
    snap_put_u32(&snapshot, SNAP_OBJECT_QUEUE, snap_add_blob_copy(&snapshot, "queued", 6));
    add_memory(&snapshot, 0x8048000, 2, 0xaa);
    snap_add_load(&snapshot, 0x8050000, PAGE_SIZE, 0, 6, NULL);
    add_memory(&snapshot, 0xbff0000, 1, 0x55);
    memset(file, 0, sizeof file);
    file_size = 0;
    assert_int_equal(snap_write(&snapshot, &sink, &size), OK);
    file_size = size;
    snap_free(&snapshot);
}

static status_t open_sample(struct snapshot *snapshot)
{
    const char *problem = NULL;
    status_t status = snap_read(snapshot, &source, file_size, &problem);
    if (status == ERR_BAD_EXECUTABLE)
        assert_non_null(problem);
    return status;
}

static enum snap_verdict verdict(void)
{
    enum snap_verdict result = SNAP_DAMAGED;
    struct snapshot snapshot;
    const char *what = NULL;
    if (snap_read(&snapshot, &source, file_size, &what) != OK)
        return SNAP_DAMAGED;
    if (snap_verify(&snapshot, &source, true, &result, &what) != OK)
        result = SNAP_DAMAGED;
    snap_free(&snapshot);
    return result;
}

static void test_what_is_written_is_read(void **state)
{
    struct snapshot snapshot;
    char text[16], queue[6];
    uint8_t byte;
    (void)state;
    write_sample();
    assert_int_equal(open_sample(&snapshot), OK);
    const struct snap_note *object = snap_next(&snapshot, SNAP_OBJECT, NULL);
    assert_true(snap_get_text(object, SNAP_OBJECT_PATH, text, sizeof text));
    assert_string_equal(text, "/tmp/x");
    assert_true(snap_get_u64(object, SNAP_OBJECT_OFFSET, 0) == 1ull << 33);
    const struct snap_blob *blob =
        snap_find_blob(&snapshot, snap_get_u32(object, SNAP_OBJECT_QUEUE, 0));
    assert_int_equal(snap_bytes_read(&blob->bytes, 0, queue, 6), OK);
    assert_memory_equal(queue, "queued", 6);
    assert_int_equal(snap_read_memory(&snapshot, 0x8049fff, &byte, 1), OK);
    assert_int_equal(byte, 0xaa);
    assert_int_equal(snap_read_memory(&snapshot, 0x8050123, &byte, 1), OK);
    assert_int_equal(byte, 0);
    assert_int_equal(snap_read_memory(&snapshot, 0x804a000, &byte, 1), ERR_OUT_OF_RANGE);
    snap_free(&snapshot);
    assert_int_equal(verdict(), SNAP_VERIFIED);
}

static void test_a_missing_field_has_the_default(void **state)
{
    struct snapshot snapshot;
    char text[4];
    (void)state;
    write_sample();
    assert_int_equal(open_sample(&snapshot), OK);
    const struct snap_note *header = snap_next(&snapshot, SNAP_HEADER, NULL);
    assert_int_equal(snap_get_u32(header, SNAP_HEADER_FLAGS, 77), 77);
    assert_false(snap_get_text(header, SNAP_HEADER_REASON, text, sizeof text));
    assert_true(snap_get_text(header, SNAP_HEADER_PERSONALITY, text, sizeof text));
    assert_string_equal(text, "pos");
    assert_null(snap_next(&snapshot, SNAP_CRASH, NULL));
    snap_free(&snapshot);
}

/* Reading from a file that is being written to would not do: into a copy. */
static void rewrite(struct snapshot *snapshot)
{
    uint8_t *before = malloc(file_size);
    uint64_t size;
    memcpy(before, file, file_size);
    for (uint32_t i = 0; i < snapshot->load_count; i++)
        if (snapshot->loads[i].bytes.source) {
            uint8_t *memory = malloc(snapshot->loads[i].file_size);
            memcpy(memory, before + snapshot->loads[i].bytes.offset, snapshot->loads[i].file_size);
            snapshot->loads[i].bytes = (struct snap_bytes){.memory = memory};
        }
    for (uint32_t i = 0; i < snapshot->blob_count; i++)
        if (snapshot->blobs[i].bytes.source) {
            uint8_t *memory = malloc(snapshot->blobs[i].size + 1);
            memcpy(memory, before + snapshot->blobs[i].bytes.offset, snapshot->blobs[i].size);
            snapshot->blobs[i].bytes = (struct snap_bytes){.memory = memory};
        }
    file_size = 0;
    assert_int_equal(snap_write(snapshot, &sink, &size), OK);
    file_size = size;
    free(before);
}

static void test_changes_are_kept(void **state)
{
    struct snapshot snapshot;
    uint8_t bytes[4];
    char text[32];
    (void)state;
    write_sample();
    assert_int_equal(open_sample(&snapshot), OK);
    struct snap_note *object = snap_next(&snapshot, SNAP_OBJECT, NULL);
    assert_int_equal(snap_set(object, SNAP_OBJECT_PATH, "/a/longer/path", 14), OK);
    assert_int_equal(snap_write_memory(&snapshot, 0x8048ffe, "ABCD", 4), OK);
    assert_int_equal(snap_write_memory(&snapshot, 0x8050ffc, "last", 4), OK);
    assert_int_equal(snap_write_memory(&snapshot, 0x8050ffd, "over", 4), ERR_OUT_OF_RANGE);
    assert_int_equal(snap_replace_blob(&snapshot, 1, "new", 3), OK);
    rewrite(&snapshot);
    snap_free(&snapshot);
    assert_int_equal(verdict(), SNAP_VERIFIED);
    assert_int_equal(open_sample(&snapshot), OK);
    assert_true(snap_get_text(snap_next(&snapshot, SNAP_OBJECT, NULL), SNAP_OBJECT_PATH, text, 32));
    assert_string_equal(text, "/a/longer/path");
    assert_int_equal(snap_read_memory(&snapshot, 0x8048ffe, bytes, 4), OK);
    assert_memory_equal(bytes, "ABCD", 4);
    assert_int_equal(snap_find_blob(&snapshot, 1)->size, 3);
    snap_free(&snapshot);
}

static void test_an_unknown_field_is_kept(void **state)
{
    struct snapshot snapshot;
    uint32_t length = 0;
    (void)state;
    write_sample();
    assert_int_equal(open_sample(&snapshot), OK);
    assert_int_equal(snap_set(snap_next(&snapshot, SNAP_HEADER, NULL), 0x7777, "future", 6), OK);
    rewrite(&snapshot);
    snap_free(&snapshot);
    assert_int_equal(open_sample(&snapshot), OK);
    assert_int_equal(
        snap_set(snap_next(&snapshot, SNAP_HEADER, NULL), SNAP_HEADER_FLAGS, "\1\0\0\0", 4), OK);
    assert_memory_equal(snap_get(snap_next(&snapshot, SNAP_HEADER, NULL), 0x7777, &length),
                        "future", 6);
    assert_int_equal(length, 6);
    snap_free(&snapshot);
}

static void test_memory_edited_by_another_tool_is_told_from_damage(void **state)
{
    struct snapshot snapshot;
    (void)state;
    write_sample();
    assert_int_equal(open_sample(&snapshot), OK);
    uint64_t memory = snapshot.loads[0].bytes.offset, blob = snapshot.blobs[0].bytes.offset;
    snap_free(&snapshot);
    file[memory + 5] ^= 1;
    assert_int_equal(verdict(), SNAP_MEMORY_CHANGED);
    file[memory + 5] ^= 1;
    file[blob] ^= 1;
    assert_int_equal(verdict(), SNAP_DAMAGED);
}

static void test_a_flipped_bit_anywhere_but_in_padding_is_noticed(void **state)
{
    struct snapshot snapshot;
    (void)state;
    write_sample();
    assert_int_equal(open_sample(&snapshot), OK);
    uint64_t memory = snapshot.loads[0].bytes.offset;
    snap_free(&snapshot);
    uint64_t notes_end = memory;
    while (notes_end > 0 && file[notes_end - 1] == 0)
        notes_end--;
    for (uint64_t at = 0; at < notes_end; at++) {
        file[at] ^= 0x10;
        if (verdict() == SNAP_VERIFIED)
            fail_msg("byte %#x of %#x", (unsigned)at, (unsigned)notes_end);
        file[at] ^= 0x10;
    }
}

static void test_a_file_cut_anywhere_is_refused(void **state)
{
    uint64_t whole;
    (void)state;
    write_sample();
    whole = file_size;
    for (file_size = 0; file_size < whole; file_size += file_size < 4096 ? 1 : 509) {
        struct snapshot snapshot;
        if (open_sample(&snapshot) == OK) {
            snap_free(&snapshot);
            assert_true(verdict() != SNAP_VERIFIED);
        }
    }
}

static void test_random_damage_does_no_harm(void **state)
{
    static uint8_t good[FILE_ROOM];
    (void)state;
    write_sample();
    memcpy(good, file, file_size);
    srand(1);
    for (uint32_t round = 0; round < 20000; round++) {
        struct snapshot snapshot;
        memcpy(file, good, 2048);
        for (uint32_t i = 0; i < 1 + round % 8; i++)
            file[(uint32_t)rand() % 1400] = (uint8_t)(rand() >> 4);
        if (open_sample(&snapshot) == OK)
            snap_free(&snapshot);
    }
}

static void test_an_unfinished_write_is_no_snapshot(void **state)
{
    struct snapshot snapshot;
    (void)state;
    write_sample();
    memset(file, 0, 52); /* the header is written last */
    assert_int_equal(open_sample(&snapshot), ERR_BAD_EXECUTABLE);
}

static void test_too_many_segments_are_refused(void **state)
{
    struct snapshot snapshot;
    uint64_t size;
    (void)state;
    snap_init(&snapshot);
    for (uint32_t i = 0; i < SNAP_HEADERS_MAX; i++)
        snap_add_load(&snapshot, i * 2 * PAGE_SIZE, PAGE_SIZE, 0, 4, NULL);
    assert_int_equal(snap_write(&snapshot, &sink, &size), ERR_TOO_LARGE);
    snap_free(&snapshot);
}

static void test_crc_is_castagnolis(void **state)
{
    (void)state;
    assert_int_equal(snap_crc32c(0, "123456789", 9), 0xe3069283); /* RFC 3720's check value */
}

static void test_names_of_fields_are_found(void **state)
{
    (void)state;
    assert_int_equal(snap_note_named("descriptor", 10)->type, SNAP_FD);
    assert_null(snap_note_named("descriptors", 11));
    assert_int_equal(snap_field_named(SNAP_OBJECT, "offset", 6)->tag, SNAP_OBJECT_OFFSET);
    assert_int_equal(snap_field_info(SNAP_VMA, SNAP_VMA_PROT)->kind, SNAP_KIND_hex);
    assert_null(snap_field_info(SNAP_VMA, 999));
}

static void test_files_of_a_process_are_told_as_linux_tells_them(void **state)
{
    static const uint32_t rows[] = {2, PAGE_SIZE, 0x1000, 0x3000, 0, 0x8000, 0x9000, 5};
    static const char names[] = "/bin/a\0/lib/b";
    struct snap_files files = {.count = 0};
    struct snapshot snapshot;
    uint64_t size;
    (void)state;
    snap_init(&snapshot);
    snap_note_begin(&snapshot, SNAP_HEADER);
    snap_put_u32(&snapshot, SNAP_HEADER_MAJOR, SNAP_MAJOR);
    snap_note_begin(&snapshot, SNAP_PROCESS);
    snap_put_command(&snapshot, "a\0-b\0c d", sizeof "a\0-b\0c d");
    snap_files_add(&files, 0x1000, 0x3000, 0, "/bin/a");
    snap_files_add(&files, 0x8000, 0x9000, 5, "/lib/b");
    snap_files_end(&snapshot, &files);
    snap_note_begin(&snapshot, SNAP_PROCESS);
    snap_put_command(&snapshot, "whole", 5); /* nothing ends the last word */
    snap_put_command(&snapshot, "", 0);
    snap_files_end(&snapshot, &files); /* of a process without any */
    file_size = 0;
    assert_int_equal(snap_write(&snapshot, &sink, &size), OK);
    file_size = size;
    snap_free(&snapshot);

    char text[16];
    assert_int_equal(open_sample(&snapshot), OK);
    const struct snap_note *process = snap_next(&snapshot, SNAP_PROCESS, NULL);
    assert_true(snap_get_text(process, SNAP_PROCESS_COMMAND, text, sizeof text));
    assert_string_equal(text, "a -b c d");
    assert_true(snap_get_text(snap_next(&snapshot, SNAP_PROCESS, process), SNAP_PROCESS_COMMAND,
                              text, sizeof text));
    assert_string_equal(text, "whole");
    const struct snap_note *note = snap_next_standard(&snapshot, CORE_FILE, NULL);
    assert_int_equal(note->size, sizeof rows + sizeof names);
    assert_memory_equal(note->data, rows, sizeof rows);
    assert_memory_equal(note->data + sizeof rows, names, sizeof names);
    note = snap_next_standard(&snapshot, CORE_FILE, note);
    assert_int_equal(note->size, 2 * sizeof rows[0]);
    snap_free(&snapshot);
}

/* ---- deltas -------------------------------------------------------------------------------------- */

#define MEMORY      0x8048000u
#define DELTA_PAGES 8u

/* A snapshot of eight pages, of which `changed` (a bit each) are not as usual, in a file of its own. */
struct one {
    struct snapshot snapshot;
    uint8_t *bytes;
    struct snap_source source;
};

static status_t one_read(void *context, uint64_t offset, void *to, uint32_t length)
{
    memcpy(to, (const uint8_t *)context + offset, length);
    return OK;
}

static void one_open(struct one *one, uint32_t changed, uint8_t uuid)
{
    struct snap_bytes bytes = {.memory = malloc(DELTA_PAGES * PAGE_SIZE)};
    struct snapshot built;
    const char *problem;
    uint64_t size;
    for (uint32_t i = 0; i < DELTA_PAGES; i++)
        memset(bytes.memory + i * PAGE_SIZE, changed >> i & 1 ? 0x80 | uuid : (int)i + 1,
               PAGE_SIZE);
    snap_init(&built);
    snap_note_begin(&built, SNAP_HEADER);
    snap_put_u32(&built, SNAP_HEADER_MAJOR, SNAP_MAJOR);
    snap_put(&built, SNAP_HEADER_UUID, &uuid, 1);
    snap_add_load(&built, MEMORY, DELTA_PAGES * PAGE_SIZE, DELTA_PAGES * PAGE_SIZE, 6, &bytes);
    snap_add_load(&built, MEMORY + DELTA_PAGES * PAGE_SIZE, PAGE_SIZE, 0, 6, NULL);
    file_size = 0;
    assert_int_equal(snap_write(&built, &sink, &size), OK);
    snap_free(&built);
    one->bytes = malloc(size);
    memcpy(one->bytes, file, size);
    one->source = (struct snap_source){.read = one_read, .context = one->bytes};
    assert_int_equal(snap_read(&one->snapshot, &one->source, size, &problem), OK);
}

static void one_close(struct one *one)
{
    snap_free(&one->snapshot);
    free(one->bytes);
}

static void check_memory(const struct snapshot *snapshot, uint32_t changed, uint8_t uuid)
{
    static uint8_t page[PAGE_SIZE];
    for (uint32_t i = 0; i < DELTA_PAGES; i++) {
        assert_int_equal(snap_read_memory(snapshot, MEMORY + i * PAGE_SIZE, page, PAGE_SIZE), OK);
        assert_int_equal(page[i], changed >> i & 1 ? 0x80 | uuid : i + 1);
        assert_memory_equal(page, page + 1, PAGE_SIZE - 1);
    }
}

/* As a file in memory takes pages of a source that it can share pages with; at times it cannot. */
static uint32_t share(void *context, uint64_t offset, const struct snap_source *from, uint64_t at,
                      uint32_t length, const uint8_t **view)
{
    static uint32_t calls;
    (void)context;
    if (++calls % 3 == 0 || offset + length > FILE_ROOM ||
        from->read(from->context, at, file + offset, length) != OK)
        return 0;
    if (offset + length > file_size)
        file_size = offset + length;
    *view = file + offset;
    return length;
}

/* A merged snapshot, written into a file that shares what it can, is the same. */
static void check_written(struct snapshot *merged, uint32_t changed, uint8_t uuid)
{
    const struct snap_sink sharing = {.write = file_write, .share = share};
    enum snap_verdict verdict;
    struct snapshot again;
    const char *problem;
    uint64_t size;
    file_size = 0;
    assert_int_equal(snap_write(merged, &sharing, &size), OK);
    assert_int_equal(snap_read(&again, &source, size, &problem), OK);
    assert_int_equal(snap_verify(&again, &source, true, &verdict, &problem), OK);
    assert_int_equal(verdict, SNAP_VERIFIED);
    check_memory(&again, changed, uuid);
    snap_free(&again);
}

static void test_a_delta_and_its_base_are_what_it_was(void **state)
{
    (void)state;
    for (uint32_t changed = 0; changed < 1u << DELTA_PAGES; changed += 7) {
        struct snap_merge merge;
        struct one base, next;
        const char *problem;
        uint32_t bytes = 0;
        one_open(&base, 0x0f, 1);
        one_open(&next, changed, 2);
        assert_int_equal(snap_make_delta(&next.snapshot, &base.snapshot, "base.snap", NULL), OK);
        assert_true(snap_is_delta(&next.snapshot) && snap_is_base(&next.snapshot, &base.snapshot));
        assert_false(snap_is_base(&next.snapshot, &next.snapshot));
        for (uint32_t i = 0; i < next.snapshot.load_count; i++)
            bytes += next.snapshot.loads[i].file_size;
        assert_int_equal(bytes, PAGE_SIZE * (uint32_t)__builtin_popcount((changed | 0x0f) & 0xff));
        assert_int_equal(snap_merge_begin(&merge, &next.snapshot, &base.snapshot, &problem), OK);
        assert_false(snap_is_delta(&next.snapshot));
        assert_int_equal(next.snapshot.load_count, 2);
        assert_int_equal(next.snapshot.loads[1].file_size, 0);
        check_memory(&next.snapshot, changed, 2);
        check_written(&next.snapshot, changed, 2);
        snap_merge_end(&merge);
        one_close(&base);
        one_close(&next);
    }
}

/* The first half of what is equal is known. */
static uint32_t find_common(const struct snap_source *one, uint64_t offset,
                            const struct snap_source *other, uint64_t other_offset, uint32_t length)
{
    const uint8_t *bytes = (const uint8_t *)one->context + offset,
                  *others = (const uint8_t *)other->context + other_offset;
    uint32_t same = 0;
    while (same < length && memcmp(bytes + same, others + same, PAGE_SIZE) == 0)
        same += PAGE_SIZE;
    return same / 2 / PAGE_SIZE * PAGE_SIZE;
}

/* With pages that are known to be the same the delta is what it is without, and damage of the base is found. */
static void compare_with_plain(uint32_t changed, uint32_t damaged)
{
    uint8_t verified[DELTA_PAGES / 8 + 1] = {0};
    struct snap_common common = {.find = find_common, .verified = verified};
    struct one base, next, plain;
    uint32_t *digests;
    bool found;
    one_open(&base, 0, 1);
    one_open(&next, changed, 2);
    one_open(&plain, changed, 2);
    assert_int_equal(snap_page_digests(&base.snapshot, &digests), OK);
    common.digests = digests;
    if (damaged < DELTA_PAGES)
        base.bytes[base.snapshot.loads[0].bytes.offset + damaged * PAGE_SIZE] ^= 1;
    assert_int_equal(snap_make_delta(&next.snapshot, &base.snapshot, "base", &common), OK);
    assert_int_equal(snap_make_delta(&plain.snapshot, &base.snapshot, "base", NULL), OK);
    assert_int_equal(next.snapshot.load_count, plain.snapshot.load_count);
    for (uint32_t i = 0; i < next.snapshot.load_count; i++) {
        assert_int_equal(next.snapshot.loads[i].address, plain.snapshot.loads[i].address);
        assert_int_equal(next.snapshot.loads[i].flags, plain.snapshot.loads[i].flags);
        assert_int_equal(next.snapshot.loads[i].file_size, plain.snapshot.loads[i].file_size);
    }
    assert_int_equal(verified[0], 0xff & ~(1u << damaged));
    assert_int_equal(snap_verify_memory(&base.snapshot, &base.source, digests, verified, &found),
                     OK);
    assert_int_equal(found, damaged < DELTA_PAGES);
    free(digests);
    one_close(&base);
    one_close(&next);
    one_close(&plain);
}

static void test_known_pages_make_the_same_delta(void **state)
{
    (void)state;
    for (uint32_t changed = 0; changed < 1u << DELTA_PAGES; changed += 5)
        compare_with_plain(changed, changed % 11);
}

/* Whatever the flags of a delta's memory are, merging it ends, and reads nothing that is not there. */
static void test_flags_of_memory_may_be_anything(void **state)
{
    static uint8_t page[PAGE_SIZE];
    (void)state;
    for (uint32_t flags = 0; flags < 1u << 6; flags++) {
        struct snapshot delta, empty;
        struct snap_merge merge;
        const char *problem;
        snap_init(&delta);
        snap_init(&empty);
        snap_note_begin(&delta, SNAP_HEADER);
        for (uint32_t i = 0; i < 3; i++)
            snap_add_load(&delta, MEMORY + i * PAGE_SIZE, PAGE_SIZE, 0, flags >> 2 * i << 20, NULL);
        status_t status = snap_merge_begin(&merge, &delta, &empty, &problem);
        assert_true(status == OK || (status == ERR_BAD_EXECUTABLE && problem != NULL));
        if (status == OK && (flags & 1))
            assert_int_equal(snap_read_memory(&delta, MEMORY, page, PAGE_SIZE), ERR_OUT_OF_RANGE);
        snap_merge_end(&merge);
        snap_free(&delta);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_a_missing_field_has_the_default),
        cmocka_unit_test(test_changes_are_kept),
        cmocka_unit_test(test_an_unknown_field_is_kept),
        cmocka_unit_test(test_memory_edited_by_another_tool_is_told_from_damage),
        cmocka_unit_test(test_a_flipped_bit_anywhere_but_in_padding_is_noticed),
        cmocka_unit_test(test_a_file_cut_anywhere_is_refused),
        cmocka_unit_test(test_random_damage_does_no_harm),
        cmocka_unit_test(test_an_unfinished_write_is_no_snapshot),
        cmocka_unit_test(test_too_many_segments_are_refused),
        cmocka_unit_test(test_crc_is_castagnolis),
        cmocka_unit_test(test_names_of_fields_are_found),
        cmocka_unit_test(test_files_of_a_process_are_told_as_linux_tells_them),
        cmocka_unit_test(test_a_delta_and_its_base_are_what_it_was),
        cmocka_unit_test(test_known_pages_make_the_same_delta),
        cmocka_unit_test(test_flags_of_memory_may_be_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
