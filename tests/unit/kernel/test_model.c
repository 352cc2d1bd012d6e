/* SPDX-License-Identifier: MIT */
/*
 * Memory objects and address spaces against a model: random operations are carried out by the
 * kernel's code and by the few lines of the model, and every page of every space must then read as
 * the model says.
 */
#include <stdarg.h>
#include <stdio.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "machine.h"
#include <kernel/space.h>
#include <kernel/vmo.h>

#include "test_model.h"

#define BASE      0x00100000u
#define PAGES     40u
#define SPACES    4u
#define VMOS      12u
#define VMO_PAGES 24u
#define HALF \
    2048u /* sizes are multiples of half a page; each half has one word that is looked at */

struct model_vmo {
    bool handle; /* the test holds the object */
    struct vmo *vmo;
    uint32_t halves;
    uint32_t words[VMO_PAGES * 2];
};

struct model_page {
    bool mapped, shared, own;
    uint32_t prot, tag;
    int vmo; /* -1: anonymous */
    uint32_t index;
    uint32_t words[2];
};

struct model_space {
    struct space *space;
    struct model_page pages[PAGES];
};

static struct model_vmo vmos[VMOS];
static struct model_space spaces[SPACES];
static bool starving;
static uint32_t seed;

static uint32_t chance(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(seed >> 4) * below) >> 28);
}

/* Memory may run out only when the test took it away; then nothing may have changed. */
static bool done(status_t status)
{
    if (status == OK)
        return true;
    if (!starving || status != ERR_NO_MEMORY)
        fail_msg("status %d, seed %u", status, seed);
    return false;
}

static uint32_t address_of(uint32_t page)
{
    return BASE + page * PAGE_SIZE;
}

/* ---- the model ---- */

static bool in_vmo(const struct model_page *page)
{
    return page->index < (vmos[page->vmo].halves + 1) / 2;
}

/* The words that a page shows, or NULL if it cannot be read. */
static const uint32_t *model_words(const struct model_page *page)
{
    static const uint32_t zeros[2];

    if (page->own)
        return page->words;
    if (page->vmo < 0)
        return zeros;
    return in_vmo(page) ? &vmos[page->vmo].words[page->index * 2] : NULL;
}

static void model_write(struct model_page *page, uint32_t half, uint32_t value)
{
    if (page->shared) {
        vmos[page->vmo].words[page->index * 2 + half] = value;
        return;
    }
    if (!page->own) {
        memcpy(page->words, model_words(page), sizeof page->words);
        page->own = true;
    }
    page->words[half] = value;
}

static bool vmo_in_use(int vmo)
{
    for (uint32_t s = 0; s < SPACES; s++)
        for (uint32_t p = 0; spaces[s].space && p < PAGES; p++)
            if (spaces[s].pages[p].mapped && spaces[s].pages[p].vmo == vmo)
                return true;
    return false;
}

static int free_vmo(void)
{
    for (int i = 0; i < (int)VMOS; i++)
        if (!vmos[i].handle && !vmo_in_use(i))
            return i;
    return -1;
}

static int some_vmo(void)
{
    int vmo = (int)chance(VMOS);

    return vmos[vmo].handle ? vmo : -1;
}

/* ---- comparing ---- */

static void check_entry(const struct model_space *space, uint32_t page)
{
    const struct model_page *model = &space->pages[page];
    paddr_t frame;
    uint32_t bits;

    if (!machine_entry(space->space, address_of(page), &frame, &bits))
        return;
    assert_true(model->mapped && model->prot);
    assert_non_null(model_words(model));
    if (bits & ARCH_WRITE) {
        assert_true(model->prot & PROT_W);
        assert_int_equal(frame_of(frame)->references, 1);
    }
}

static void check_page(const struct model_space *space, uint32_t page)
{
    const struct model_page *model = &space->pages[page];
    const uint32_t *words = model->mapped ? model_words(model) : NULL;
    const char *view;

    check_entry(space, page);
    view = machine_access(space->space, address_of(page), false);
    if (!model->mapped || !model->prot || !words) {
        assert_null(view);
        return;
    }
    if (!view && starving)
        return;
    assert_non_null(view);
    for (uint32_t half = 0; half < 2; half++) {
        uint32_t seen;
        memcpy(&seen, view + half * HALF, sizeof seen);
        if (seen != words[half])
            fail_msg("page %u half %u: %x, not %x; seed %u", page, half, seen, words[half], seed);
    }
}

static void check_mappings(const struct model_space *space)
{
    uint32_t covered = 0;

    for (uint32_t i = 0; i < space->space->count; i++) {
        const struct mapping *mapping = space->space->mappings[i];
        assert_true(mapping->start < mapping->end);
        assert_true(i == 0 || space->space->mappings[i - 1]->end <= mapping->start);
        for (uint32_t at = mapping->start; at < mapping->end; at += PAGE_SIZE, covered++) {
            const struct model_page *model = &space->pages[(at - BASE) / PAGE_SIZE];
            assert_true(at >= BASE && at < address_of(PAGES) && model->mapped);
            assert_int_equal(mapping->prot, model->prot);
            assert_int_equal(mapping->tag, model->tag);
            assert_ptr_equal(mapping->vmo, model->vmo < 0 ? NULL : vmos[model->vmo].vmo);
        }
    }
    for (uint32_t p = 0; p < PAGES; p++)
        covered -= space->pages[p].mapped;
    assert_int_equal(covered, 0);
}

static void check_all(void)
{
    for (uint32_t s = 0; s < SPACES; s++) {
        if (!spaces[s].space)
            continue;
        check_mappings(&spaces[s]);
        for (uint32_t p = 0; p < PAGES; p++)
            check_page(&spaces[s], p);
    }
}

/* ---- operations on spaces ---- */

struct range {
    uint32_t first, count;
};

static struct range some_range(void)
{
    uint32_t first = chance(PAGES);

    return (struct range){first, 1 + chance(chance(2) ? PAGES - first : (PAGES - first + 3) / 4)};
}

static void do_map(struct model_space *space)
{
    struct range range = some_range();
    int vmo = chance(3) ? some_vmo() : -1;
    bool shared = vmo >= 0 && chance(2);
    struct map_request request = {
        .address = address_of(range.first),
        .length = range.count * PAGE_SIZE - chance(2) * 100,
        .offset_low = vmo >= 0 ? chance(VMO_PAGES / 2) * PAGE_SIZE : 0,
        .prot = chance(8),
        .flags = (shared ? MAP_FLAG_SHARED : 0) | MAP_FLAG_FIXED,
        .tag = chance(3),
    };
    bool taken = false;

    if (vmo < 0 && chance(4) == 0 && (request.prot & PROT_R))
        request.flags |= MAP_FLAG_COMMIT;
    if (chance(4) == 0)
        request.flags |= MAP_FLAG_NOREPLACE;
    for (uint32_t p = range.first; p < range.first + range.count; p++)
        taken |= space->pages[p].mapped;
    status_t status =
        space_map_vmo(space->space, vmo >= 0 ? vmos[vmo].vmo : NULL, RIGHT_ALL, &request);
    if (status == ERR_ALREADY_EXISTS) {
        assert_true(taken && (request.flags & MAP_FLAG_NOREPLACE));
        return;
    }
    if (!done(status))
        return;
    assert_false(taken && (request.flags & MAP_FLAG_NOREPLACE));
    for (uint32_t i = 0; i < range.count; i++)
        space->pages[range.first + i] = (struct model_page){
            .mapped = true,
            .shared = shared,
            .prot = request.prot,
            .tag = request.tag,
            .vmo = vmo,
            .index = request.offset_low / PAGE_SIZE + i,
        };
}

/* Without FIXED the kernel chooses: inside the bounds, aligned, and free. */
static void do_map_anywhere(struct model_space *space)
{
    uint32_t length = 1 + chance(6), align = chance(2) ? 4 * PAGE_SIZE : 0;
    struct map_request request = {
        .length = length * PAGE_SIZE,
        .prot = PROT_R | PROT_W,
        .flags = chance(2) ? MAP_FLAG_TOPDOWN : 0,
        .limit = address_of(PAGES),
        .align = align,
        .address = address_of(chance(PAGES)),
        .tag = 9,
    };
    uint32_t hint = request.address;

    status_t status = space_map_vmo(space->space, NULL, RIGHT_ALL, &request);
    if (status == ERR_NO_MEMORY)
        return; /* full: with everything below BASE free this cannot be, but for starvation */
    assert_int_equal(status, OK);
    assert_true(request.address + request.length <= address_of(PAGES));
    assert_false(align && (request.address & (align - 1)));
    if (request.address < BASE) { /* outside what the model knows */
        assert_int_equal(space_unmap_range(space->space, request.address, request.length), OK);
        return;
    }
    for (uint32_t i = 0; i < length; i++) {
        struct model_page *page = &space->pages[(request.address - BASE) / PAGE_SIZE + i];
        assert_false(page->mapped);
        *page = (struct model_page){.mapped = true, .prot = PROT_R | PROT_W, .vmo = -1, .tag = 9};
    }
    (void)hint;
}

static void do_unmap(struct model_space *space)
{
    struct range range = some_range();

    if (done(space_unmap_range(space->space, address_of(range.first), range.count * PAGE_SIZE)))
        for (uint32_t p = range.first; p < range.first + range.count; p++)
            space->pages[p].mapped = false;
}

static bool all_mapped(const struct model_space *space, struct range range)
{
    for (uint32_t p = range.first; p < range.first + range.count; p++)
        if (!space->pages[p].mapped)
            return false;
    return true;
}

static void do_protect(struct model_space *space)
{
    struct range range = some_range();
    uint32_t prot = chance(8);
    bool mapped = all_mapped(space, range);
    status_t status =
        space_protect_range(space->space, address_of(range.first), range.count * PAGE_SIZE, prot);

    if (!mapped) {
        assert_int_equal(status, ERR_NO_MEMORY);
        return;
    }
    if (done(status))
        for (uint32_t p = range.first; p < range.first + range.count; p++)
            space->pages[p].prot = prot;
}

static void do_tag(struct model_space *space)
{
    struct range range = some_range();
    uint32_t tag = chance(3);

    if (done(space_tag_range(space->space, address_of(range.first), range.count * PAGE_SIZE, tag,
                             0)))
        for (uint32_t p = range.first; p < range.first + range.count; p++)
            space->pages[p].tag = tag;
}

static void do_move(struct model_space *space)
{
    struct range from = some_range();
    uint32_t to = chance(PAGES - from.count + 1);
    struct model_page moved[PAGES];
    bool taken = false, mapped = all_mapped(space, from);

    for (uint32_t p = to; p < to + from.count; p++)
        taken |= space->pages[p].mapped;
    status_t status = space_move_range(space->space, address_of(from.first), from.count * PAGE_SIZE,
                                       address_of(to));
    if (taken || !mapped) {
        assert_int_not_equal(status, OK);
        return;
    }
    if (!done(status))
        return;
    memcpy(moved, &space->pages[from.first], from.count * sizeof *moved);
    for (uint32_t i = 0; i < from.count; i++)
        space->pages[from.first + i].mapped = false;
    memcpy(&space->pages[to], moved, from.count * sizeof *moved);
}

static void do_discard(struct model_space *space)
{
    struct range range = some_range();

    if (done(space_discard_range(space->space, address_of(range.first), range.count * PAGE_SIZE)))
        for (uint32_t p = range.first; p < range.first + range.count; p++)
            space->pages[p].own = false;
}

static void do_fork(struct model_space *space)
{
    struct model_space *clone = &spaces[chance(SPACES)];
    struct space *made;

    if (clone->space || !done(space_new(SPACE_NATIVE, NULL, &machine_process, &made)))
        return;
    if (!done(space_fork(space->space, made))) {
        object_release(space_object(made));
        return;
    }
    *clone = *space;
    clone->space = made;
}

static void do_end(struct model_space *space)
{
    if (space == &spaces[0] && chance(8))
        return;
    object_release(space_object(space->space));
    memset(space, 0, sizeof *space);
}

static void do_write(struct model_space *space)
{
    uint32_t page = chance(PAGES), half = chance(2), value = seed;
    struct model_page *model = &space->pages[page];
    char *view = machine_access(space->space, address_of(page) + half * HALF, true);
    bool allowed = model->mapped && (model->prot & PROT_W) && model_words(model);

    if (!view && allowed && starving)
        return;
    assert_int_equal(view != NULL, allowed);
    if (!view)
        return;
    memcpy(view, &value, sizeof value);
    model_write(model, half, value);
}

static void do_read(struct model_space *space)
{
    check_page(space, chance(PAGES));
}

/* Like a debugger: protection does not count. */
static void do_copy_in(struct model_space *space)
{
    uint32_t page = chance(PAGES), half = chance(2), value = seed, copied;
    struct model_page *model = &space->pages[page];
    status_t status =
        space_copy_in(space->space, address_of(page) + half * HALF, &value, sizeof value, &copied);

    if (!model->mapped || !model_words(model)) {
        assert_int_not_equal(status, OK);
        return;
    }
    if (done(status)) {
        assert_int_equal(copied, sizeof value);
        model_write(model, half, value);
    }
}

static void do_copy_out(struct model_space *space)
{
    uint32_t page = chance(PAGES), value, copied;
    const struct model_page *model = &space->pages[page];
    status_t status =
        space_copy_out(space->space, address_of(page) + HALF, &value, sizeof value, &copied);

    if (!model->mapped || !model_words(model)) {
        assert_int_not_equal(status, OK);
    } else if (done(status)) {
        assert_int_equal(copied, sizeof value);
        assert_int_equal(value, model_words(model)[1]);
    }
}

/* ---- operations on objects ---- */

static void do_vmo_new(void)
{
    int i = free_vmo();
    uint32_t halves = 1 + chance(VMO_PAGES * 2);

    if (i < 0)
        return;
    memset(&vmos[i], 0, sizeof vmos[i]);
    vmos[i].halves = halves;
    vmos[i].handle = done(vmo_new(0, (uint64_t)halves * HALF, &machine_process, &vmos[i].vmo));
}

static void do_vmo_clone(void)
{
    int from = some_vmo(), to = free_vmo();

    if (from < 0 || to < 0 || !vmos[from].halves)
        return;
    uint32_t pages = (vmos[from].halves + 1) / 2, first = chance(pages);
    uint32_t halves = 1 + chance(vmos[from].halves - first * 2);
    memset(&vmos[to], 0, sizeof vmos[to]);
    vmos[to].handle = done(vmo_new_clone(vmos[from].vmo, (uint64_t)first * PAGE_SIZE,
                                         (uint64_t)halves * HALF, &machine_process, &vmos[to].vmo));
    vmos[to].halves = halves;
    memcpy(vmos[to].words, &vmos[from].words[first * 2], halves * sizeof(uint32_t));
}

/* A page of a space or another object becomes one of an object too. */
static void do_vmo_share(void)
{
    int to = some_vmo(), from = some_vmo();
    struct model_space *space = &spaces[chance(SPACES)];
    uint32_t page = chance(PAGES), index = chance(VMO_PAGES), at = chance(VMO_PAGES);
    const struct model_page *model = &space->pages[page];
    const uint32_t *words = NULL;
    struct page *common = NULL;

    if (to < 0 || (at + 1) * 2 > vmos[to].halves)
        return;
    if (chance(2) && from >= 0 && index < (vmos[from].halves + 1) / 2) {
        common = vmo_common_page(vmos[from].vmo, index, true);
        words = &vmos[from].words[index * 2];
    } else if (space->space && model->mapped && model_words(model)) {
        common = space_common_page(space->space, address_of(page) / PAGE_SIZE, true);
        words = model_words(model);
    }
    if (common && done(vmo_put_page(vmos[to].vmo, at, common)))
        memmove(&vmos[to].words[at * 2], words, 2 * sizeof *words);
}

static void do_vmo_close(void)
{
    int i = some_vmo();

    if (i < 0)
        return;
    object_release(vmo_object(vmos[i].vmo));
    vmos[i].handle = false;
}

static void do_vmo_write(void)
{
    int i = some_vmo();
    uint32_t half, value = seed;

    if (i < 0 || !vmos[i].halves)
        return;
    half = chance(vmos[i].halves);
    if (done(vmo_copy_in(vmos[i].vmo, (uint64_t)half * HALF, &value, sizeof value,
                         FRAME_FOR_PROGRAM)))
        vmos[i].words[half] = value;
}

static void do_vmo_read(void)
{
    int i = some_vmo();
    uint32_t half, value;

    if (i < 0)
        return;
    half = chance(VMO_PAGES * 2);
    status_t status = vmo_copy_out(vmos[i].vmo, (uint64_t)half * HALF, &value, sizeof value);
    if (half >= vmos[i].halves) {
        assert_int_equal(status, ERR_OUT_OF_RANGE);
        return;
    }
    assert_int_equal(status, OK);
    assert_int_equal(value, vmos[i].words[half]);
}

static void do_vmo_resize(void)
{
    int i = some_vmo();
    uint32_t halves = chance(VMO_PAGES * 2 + 1);

    if (i < 0 || !done(vmo_resize(vmos[i].vmo, (uint64_t)halves * HALF)))
        return;
    for (uint32_t h = halves; halves < vmos[i].halves && h < VMO_PAGES * 2; h++)
        vmos[i].words[h] = 0;
    vmos[i].halves = halves;
}

static void do_vmo_discard(void)
{
    int i = some_vmo();

    if (i < 0 || vmos[i].halves < 2)
        return;
    uint32_t pages = vmos[i].halves / 2, first = chance(pages), count = 1 + chance(pages - first);
    if (done(vmo_drop(vmos[i].vmo, (uint64_t)first * PAGE_SIZE, (uint64_t)count * PAGE_SIZE)))
        memset(&vmos[i].words[first * 2], 0, count * 2 * sizeof(uint32_t));
}

/* ---- the walk ---- */

static void (*const space_operations[])(struct model_space *) = {
    do_map,   do_map,     do_map,   do_map_anywhere, do_unmap, do_protect, do_protect, do_tag,
    do_move,  do_discard, do_fork,  do_fork,         do_end,   do_write,   do_write,   do_write,
    do_write, do_write,   do_write, do_read,         do_read,  do_read,    do_copy_in, do_copy_out,
};
static void (*const vmo_operations[])(void) = {
    do_vmo_new,  do_vmo_new,    do_vmo_clone,   do_vmo_close, do_vmo_write, do_vmo_write,
    do_vmo_read, do_vmo_resize, do_vmo_discard, do_vmo_share, do_vmo_share,
};

static void step(void)
{
    struct model_space *space = &spaces[chance(SPACES)];

    if (chance(3) == 0)
        vmo_operations[chance(COUNT(vmo_operations))]();
    else if (space->space)
        space_operations[chance(COUNT(space_operations))](space);
    else if (space == &spaces[0])
        if (!done(space_new(SPACE_NATIVE, NULL, &machine_process, &space->space)))
            space->space = NULL;
}

static void end_everything(void)
{
    for (uint32_t s = 0; s < SPACES; s++) {
        if (spaces[s].space)
            object_release(space_object(spaces[s].space));
        memset(&spaces[s], 0, sizeof spaces[s]);
    }
    for (uint32_t i = 0; i < VMOS; i++) {
        if (vmos[i].handle)
            object_release(vmo_object(vmos[i].vmo));
        memset(&vmos[i], 0, sizeof vmos[i]);
    }
}

static void walk(uint32_t from_seed, uint32_t steps, bool hungry)
{
    uint32_t objects = object_total();

    seed = from_seed;
    for (uint32_t i = 0; i < steps; i++) {
        starving = hungry && chance(4) == 0;
        if (starving)
            machine_starve(chance(6));
        step();
        machine_feed();
        starving = false;
        if (i % 16 == 0)
            check_all();
    }
    end_everything();
    assert_int_equal(machine_process.page_count, 0);
    assert_int_equal(machine_process.object_count, 0);
    assert_int_equal(object_total(), objects);
}

static void spaces_and_objects_read_as_the_model_says(void **state)
{
    (void)state;
    uint32_t rounds = getenv("ROUNDS") ? (uint32_t)atoi(getenv("ROUNDS")) : 40;

    walk(1, 500, false); /* what stays: the zero page */
    uint32_t unused = machine_unused_frames();
    for (uint32_t round = 1; round <= rounds; round++) {
        walk(round * 7919, 1500, false);
        assert_int_equal(machine_unused_frames(), unused);
    }
}

static void nothing_changes_or_leaks_when_memory_runs_out(void **state)
{
    (void)state;
    uint32_t rounds = getenv("ROUNDS") ? (uint32_t)atoi(getenv("ROUNDS")) : 40;
    uint32_t unused = machine_unused_frames();

    for (uint32_t round = 1; round <= rounds; round++) {
        walk(round * 104729, 1500, true);
        assert_int_equal(machine_unused_frames(), unused);
    }
}

int test_model(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spaces_and_objects_read_as_the_model_says),
        cmocka_unit_test(nothing_changes_or_leaks_when_memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
