/* SPDX-License-Identifier: MIT */
/* Kernel memory: single facts that a random walk (test_model.c) rarely meets, and paged objects. */
#include <stdarg.h>
#include <stdio.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "machine.h"
#include <kernel/ipc.h>
#include <kernel/pager.h>
#include <kernel/space.h>
#include <kernel/vmo.h>

#include "test_model.h"

#define BASE 0x00100000u

static void page_limit_of_the_owner_stops_writes(void **state)
{
    (void)state;
    struct vmo *vmo;
    uint32_t value = 1, limit = machine_process.privileges.max_pages;

    machine_process.privileges.max_pages = machine_process.page_count + 2;
    assert_int_equal(vmo_new(0, 8 * PAGE_SIZE, &machine_process, &vmo), OK);
    assert_int_equal(vmo_copy_in(vmo, 0, &value, sizeof value, FRAME_FOR_PROGRAM), OK);
    assert_int_equal(vmo_copy_in(vmo, PAGE_SIZE, &value, sizeof value, FRAME_FOR_PROGRAM), OK);
    assert_int_equal(vmo_copy_in(vmo, 2 * PAGE_SIZE, &value, sizeof value, FRAME_FOR_PROGRAM),
                     ERR_LIMIT_REACHED);
    object_release(vmo_object(vmo));
    machine_process.privileges.max_pages = limit;
}

static void requests_that_wrap_or_leave_the_space_are_refused(void **state)
{
    (void)state;
    static const struct map_request bad[] = {
        {.address = 0, .length = PAGE_SIZE, .flags = MAP_FLAG_FIXED},
        {.address = GUEST_LIMIT - PAGE_SIZE, .length = 2 * PAGE_SIZE, .flags = MAP_FLAG_FIXED},
        {.address = 0xfffff000u, .length = PAGE_SIZE, .flags = MAP_FLAG_FIXED},
        {.address = PAGE_SIZE, .length = 0xffffffffu, .flags = MAP_FLAG_FIXED},
        {.address = PAGE_SIZE + 1, .length = PAGE_SIZE, .flags = MAP_FLAG_FIXED},
        {.length = 0},
        {.length = 0xfffff001u},
        {.length = PAGE_SIZE, .align = 3 * PAGE_SIZE},
        {.length = PAGE_SIZE, .offset_low = 1},
        {.length = PAGE_SIZE, .prot = 8},
        {.length = PAGE_SIZE, .flags = 1u << 30},
        {.length = PAGE_SIZE, .limit = PAGE_SIZE},
        {.length = PAGE_SIZE, .limit = 0x12000, .align = 0x80000000u},
        {.length = GUEST_LIMIT},
    };
    struct space *space;

    assert_int_equal(space_new(SPACE_NATIVE, NULL, &machine_process, &space), OK);
    for (uint32_t i = 0; i < COUNT(bad); i++) {
        struct map_request request = bad[i];
        if (space_map_vmo(space, NULL, RIGHT_ALL, &request) == OK)
            fail_msg("request %u was accepted at %x", i, request.address);
        assert_int_equal(space->count, 0);
    }
    static const uint32_t ranges[][2] = {
        {0, PAGE_SIZE},
        {GUEST_LIMIT, PAGE_SIZE},
        {PAGE_SIZE, 0xfffff001u},
        {PAGE_SIZE, 0},
        {PAGE_SIZE, 0xffffffffu},
        {0xfffff000u, 0x2000},
        {PAGE_SIZE + 1, PAGE_SIZE},
        {PAGE_SIZE, GUEST_LIMIT},
    };
    for (uint32_t i = 0; i < COUNT(ranges); i++) {
        assert_int_not_equal(space_unmap_range(space, ranges[i][0], ranges[i][1]), OK);
        assert_int_not_equal(space_protect_range(space, ranges[i][0], ranges[i][1], PROT_R), OK);
        assert_int_not_equal(space_discard_range(space, ranges[i][0], ranges[i][1]), OK);
        assert_int_not_equal(space_tag_range(space, ranges[i][0], ranges[i][1], 1, 0), OK);
        assert_int_not_equal(space_move_range(space, ranges[i][0], ranges[i][1], 0x10000), OK);
    }
    object_release(space_object(space));
}

static void object_sizes_and_offsets_do_not_wrap(void **state)
{
    (void)state;
    struct vmo *vmo, *clone;
    char byte = 0;

    assert_int_not_equal(vmo_new(0, UINT64_MAX, &machine_process, &vmo), OK);
    assert_int_not_equal(vmo_new(VMO_CONTIGUOUS, 0, &machine_process, &vmo), OK);
    assert_int_equal(vmo_new(0, 3 * PAGE_SIZE, &machine_process, &vmo), OK);
    assert_int_equal(vmo_copy_in(vmo, UINT64_MAX, &byte, 1, FRAME_FOR_PROGRAM), ERR_OUT_OF_RANGE);
    assert_int_equal(vmo_copy_in(vmo, 3 * PAGE_SIZE, &byte, 1, FRAME_FOR_PROGRAM),
                     ERR_OUT_OF_RANGE);
    assert_int_not_equal(
        vmo_new_clone(vmo, UINT64_MAX & ~(uint64_t)PAGE_MASK, 2 * PAGE_SIZE, NULL, &clone), OK);
    assert_int_not_equal(vmo_new_clone(vmo, 0, UINT64_MAX, NULL, &clone), OK);
    assert_int_not_equal(vmo_resize(vmo, UINT64_MAX), OK);
    assert_int_not_equal(vmo_drop(vmo, PAGE_SIZE, UINT64_MAX & ~(uint64_t)PAGE_MASK), OK);
    assert_int_not_equal(vmo_drop(vmo, 0x100000000000ull, PAGE_SIZE), OK);
    assert_int_equal(vmo_size(vmo), 3 * PAGE_SIZE);
    object_release(vmo_object(vmo));
}

static void rights_of_the_handle_bound_a_mapping(void **state)
{
    (void)state;
    struct vmo *vmo;
    struct space *space;
    struct map_request request = {
        .length = PAGE_SIZE, .prot = PROT_R | PROT_W, .flags = MAP_FLAG_SHARED};
    uint32_t word = 5, copied;

    assert_int_equal(vmo_new(0, PAGE_SIZE, &machine_process, &vmo), OK);
    assert_int_equal(space_new(SPACE_NATIVE, NULL, &machine_process, &space), OK);
    assert_int_equal(space_map_vmo(space, vmo, RIGHT_MAP | RIGHT_READ, &request),
                     ERR_ACCESS_DENIED);
    assert_int_equal(space_map_vmo(space, vmo, RIGHT_READ | RIGHT_WRITE, &request),
                     ERR_ACCESS_DENIED);
    request.prot = PROT_R;
    assert_int_equal(space_map_vmo(space, vmo, RIGHT_MAP | RIGHT_READ, &request), OK);
    assert_int_equal(space_protect_range(space, request.address, PAGE_SIZE, PROT_R | PROT_W),
                     ERR_ACCESS_DENIED);
    assert_int_equal(space_protect_range(space, request.address, PAGE_SIZE, PROT_R | PROT_X),
                     ERR_ACCESS_DENIED);
    assert_int_not_equal(space_copy_in(space, request.address, &word, sizeof word, &copied), OK);
    object_release(space_object(space));
    object_release(vmo_object(vmo));
}

static void heap_blocks_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    char *blocks[300];
    uint32_t sizes[300], unused = machine_unused_frames();

    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 300; i++) {
            sizes[i] = 1 + (i * 37 + round * 11) % (i % 50 == 0 ? 20000 : 1500);
            blocks[i] = heap_alloc(sizes[i]);
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % 16, 0);
            for (uint32_t at = 0; at < sizes[i]; at++)
                assert_int_equal(blocks[i][at], 0);
            memset(blocks[i], (int)i, sizes[i]);
        }
        for (uint32_t i = 0; i < 300; i++) {
            for (uint32_t at = 0; at < sizes[i]; at++)
                assert_int_equal((uint8_t)blocks[i][at], (uint8_t)i);
            heap_free(blocks[i]);
        }
    }
    assert_int_equal(machine_unused_frames(), unused);
    assert_null(heap_alloc((1u << 20) + 1));
    assert_null(heap_alloc(UINT32_MAX));
}

static void contiguous_runs_are_contiguous_and_below_the_limit(void **state)
{
    (void)state;
    uint32_t unused = machine_unused_frames();
    struct page *low = frame_alloc_contiguous(16, 0x1000000),
                *any = frame_alloc_contiguous(100, UINT32_MAX);

    assert_non_null(low);
    assert_non_null(any);
    assert_true(frame_address(low) + 16 * PAGE_SIZE <= 0x1000000);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(frame_address(any + i), frame_address(any) + i * PAGE_SIZE);
        frame_release(any + i);
    }
    for (uint32_t i = 0; i < 16; i++)
        frame_release(low + i);
    assert_null(frame_alloc_contiguous(LOW_FRAMES, UINT32_MAX));
    assert_null(frame_alloc_contiguous(0, UINT32_MAX));
    assert_int_equal(machine_unused_frames(), unused);
}

static void mappings_that_continue_each_other_become_one(void **state)
{
    (void)state;
    struct space *space;

    assert_int_equal(space_new(SPACE_NATIVE, NULL, &machine_process, &space), OK);
    for (uint32_t i = 0; i < 8; i++) {
        struct map_request request = {.address = BASE + i * PAGE_SIZE,
                                      .length = PAGE_SIZE,
                                      .prot = PROT_R | PROT_W,
                                      .flags = MAP_FLAG_FIXED};
        assert_int_equal(space_map_vmo(space, NULL, RIGHT_ALL, &request), OK);
        assert_non_null(machine_access(space, request.address, true));
    }
    assert_int_equal(space->count, 1);
    assert_int_equal(space_protect_range(space, BASE + 2 * PAGE_SIZE, PAGE_SIZE, PROT_R), OK);
    assert_int_equal(space->count, 3);
    assert_int_equal(space_protect_range(space, BASE + 2 * PAGE_SIZE, PAGE_SIZE, PROT_R | PROT_W),
                     OK);
    assert_int_equal(space->count, 1);
    object_release(space_object(space));
}

static void guest_keeps_its_servers_space(void **state)
{
    (void)state;
    struct space *server, *guest;
    uint32_t objects = object_total();

    assert_int_equal(space_new(SPACE_SERVER, NULL, &machine_process, &server), OK);
    assert_int_equal(space_new(SPACE_GUEST, server, &machine_process, &guest), OK);
    object_release(space_object(server));
    assert_int_equal(object_total(), objects + 2);
    object_release(space_object(guest));
    assert_int_equal(object_total(), objects);
}

/* ---- paged objects --------------------------------------------------------------------------------- */

static struct object pretend_port = {.references = 1};

/* A page of the test's that lies where the kernel's 32-bit addresses reach. */
static user_t page_of_bytes(char byte)
{
    static char *bytes;
    if (bytes == NULL)
        bytes = machine_ram(0);
    memset(bytes, byte, PAGE_SIZE);
    return (user_t){(uint32_t)(uintptr_t)bytes};
}

static void clean_pages_are_taken_back_and_dirty_ones_stay(void **state)
{
    (void)state;
    struct vmo *vmo;
    char byte = 'x';
    uint32_t before = machine_unused_frames();

    assert_int_equal(pager_new_vmo(&pretend_port, 1, 64 * PAGE_SIZE, &machine_process, &vmo), OK);
    assert_int_equal(vmo_copy_out(vmo, 0, &byte, 1), ERR_SHOULD_WAIT);
    assert_true(current->page_need.vmo == vmo && current->page_need.index == 0);
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(pager_supply(vmo, i, page_of_bytes('a'), PAGE_SIZE), OK);
    byte = 'x';
    assert_int_equal(vmo_copy_in(vmo, 5 * PAGE_SIZE, &byte, 1, FRAME_FOR_PROGRAM), OK);
    assert_int_equal(vmo->pager->dirty, 1);
    assert_int_equal(pager_reclaim(1000), 63);
    assert_int_equal(vmo_copy_out(vmo, 6 * PAGE_SIZE, &byte, 1), ERR_SHOULD_WAIT);
    assert_int_equal(vmo_copy_out(vmo, 5 * PAGE_SIZE, &byte, 1), OK);
    assert_int_equal(byte, 'x');
    assert_true(pager_take(vmo, 5));
    assert_int_equal(pager_reclaim(1000), 0); /* being written back */
    pager_written(vmo, 5, 1, true);
    assert_int_equal(vmo->pager->dirty, 0);
    assert_int_equal(pager_reclaim(1000), 1);
    assert_int_equal(vmo->pages.committed, 0);
    object_release(vmo_object(vmo));
    assert_int_equal(machine_unused_frames(), before);
}

static void only_dirty_pages_can_be_written_by_a_mapping(void **state)
{
    (void)state;
    struct vmo *vmo;
    struct space *space;
    struct map_request request = {.address = BASE,
                                  .length = 2 * PAGE_SIZE,
                                  .prot = PROT_R | PROT_W,
                                  .flags = MAP_FLAG_SHARED | MAP_FLAG_FIXED};
    paddr_t frame;
    uint32_t bits;

    assert_int_equal(pager_new_vmo(&pretend_port, 1, 2 * PAGE_SIZE, &machine_process, &vmo), OK);
    assert_int_equal(space_new(SPACE_NATIVE, NULL, &machine_process, &space), OK);
    assert_int_equal(space_map_vmo(space, vmo, RIGHT_ALL, &request), OK);
    assert_int_equal(space_fault(space, BASE, false, false), ERR_SHOULD_WAIT);
    assert_int_equal(pager_supply(vmo, 0, page_of_bytes('a'), PAGE_SIZE), OK);
    assert_int_equal(space_fault(space, BASE, false, false), OK);
    assert_true(machine_entry(space, BASE, &frame, &bits) && !(bits & ARCH_WRITE));
    assert_int_equal(space_fault(space, BASE, true, false), OK);
    assert_true(machine_entry(space, BASE, &frame, &bits) && (bits & ARCH_WRITE));
    assert_true(pager_take(vmo, 0));
    assert_true(machine_entry(space, BASE, &frame, &bits) && !(bits & ARCH_WRITE));
    assert_int_equal(space_fault(space, BASE, true, false), OK);
    pager_written(vmo, 0, 1, true);
    assert_int_equal(vmo->pager->dirty, 1); /* written while it was written back */
    assert_true(pager_take(vmo, 0));
    pager_written(vmo, 0, 1, true);
    assert_true(pager_reclaim(1000) == 1);
    assert_false(machine_entry(space, BASE, &frame, &bits));
    object_release(vmo_object(vmo));
    object_release(space_object(space));
}

static void no_more_than_a_part_of_memory_is_dirty(void **state)
{
    (void)state;
    struct vmo *vmo;
    uint32_t pages = frame_total(), i = 0;
    char byte = 1;
    status_t status = OK;

    assert_int_equal(pager_new_vmo(&pretend_port, 1, 0, &machine_process, &vmo), OK);
    assert_int_equal(vmo_resize(vmo, (uint64_t)pages * PAGE_SIZE), OK);
    while (status == OK && i < pages)
        status = vmo_copy_in(vmo, (uint64_t)i++ * PAGE_SIZE, &byte, 1, FRAME_FOR_PROGRAM);
    assert_int_equal(status, ERR_SHOULD_WAIT);
    assert_int_equal(current->page_need.wants, PAGE_WANT_CLEAN);
    assert_true(i > pages / 16 && i < pages / 4);
    object_release(vmo_object(vmo));
    assert_int_equal(port_pagers(&pretend_port)->dirty, 0);
}

static int start(void **state)
{
    (void)state;
    machine_start();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heap_blocks_are_zeroed_aligned_and_apart),
        cmocka_unit_test(contiguous_runs_are_contiguous_and_below_the_limit),
        cmocka_unit_test(requests_that_wrap_or_leave_the_space_are_refused),
        cmocka_unit_test(object_sizes_and_offsets_do_not_wrap),
        cmocka_unit_test(rights_of_the_handle_bound_a_mapping),
        cmocka_unit_test(page_limit_of_the_owner_stops_writes),
        cmocka_unit_test(mappings_that_continue_each_other_become_one),
        cmocka_unit_test(guest_keeps_its_servers_space),
        cmocka_unit_test(clean_pages_are_taken_back_and_dirty_ones_stay),
        cmocka_unit_test(only_dirty_pages_can_be_written_by_a_mapping),
        cmocka_unit_test(no_more_than_a_part_of_memory_is_dirty),
    };

    return cmocka_run_group_tests(tests, start, NULL) + test_model();
}
