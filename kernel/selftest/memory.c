/* SPDX-License-Identifier: MIT */
/*
 * Memory with real page tables. What does not need them is checked on the host, against a model
 * (tests/unit/kernel). Every test must leave as many unused frames as it found.
 */
#include <kernel/log.h>
#include <kernel/selftest/selftest.h>
#include <kernel/space.h>
#include <kernel/thread.h>

#define PLACE 0x10000000u
#define PAGES 8u

static uint32_t unused_before;

static void begin(void)
{
    unused_before = frame_free_count() + heap_pages();
}

static bool nothing_leaked(void)
{
    return frame_free_count() + heap_pages() == unused_before;
}

static struct space *make_space(void)
{
    struct space *space;

    return space_new(SPACE_NATIVE, NULL, NULL, &space) == OK ? space : NULL;
}

static bool map(struct space *space, struct vmo *vmo, uint32_t address, uint32_t pages,
                uint32_t flags)
{
    struct map_request request = {
        .address = address,
        .length = pages * PAGE_SIZE,
        .prot = PROT_R | PROT_W,
        .flags = MAP_FLAG_FIXED | flags,
    };

    return space_map_vmo(space, vmo, RIGHT_ALL, &request) == OK;
}

static void drop(struct space *space)
{
    object_release(space_object(space));
}

/* What the processor does with the current page tables; no fault is resolved for a kernel thread. */
static bool store(uint32_t address, uint32_t value)
{
    return arch_copy_user((void *)address, &value, sizeof value);
}

static bool load(uint32_t address, uint32_t *value)
{
    return arch_copy_user(value, (const void *)address, sizeof *value);
}

/* The same after the fault that it would have taken. */
static bool fault_store(struct space *space, uint32_t address, uint32_t value)
{
    return space_fault(space, address, true, false) == OK && store(address, value);
}

static bool fault_load(struct space *space, uint32_t address, uint32_t *value)
{
    return space_fault(space, address, false, false) == OK && load(address, value);
}

static bool holds(struct space *space, uint32_t address, uint32_t wanted)
{
    uint32_t value, done;

    return space_copy_out(space, address, &value, sizeof value, &done) == OK &&
           done == sizeof value && value == wanted;
}

static void page_appears_with_the_first_access_and_goes_with_the_mapping(void)
{
    struct space *space = make_space();
    uint32_t value = 1;

    EXPECT(space && map(space, NULL, PLACE, PAGES, 0));
    thread_set_space(space);
    EXPECT(!load(PLACE, &value));
    EXPECT(fault_load(space, PLACE, &value) && value == 0);
    EXPECT(!store(PLACE, 1)); /* still the page of zeros that all share */
    EXPECT(fault_store(space, PLACE, 77) && load(PLACE, &value) && value == 77);
    EXPECT(space_fault(space, PLACE + PAGES * PAGE_SIZE, false, false) != OK);
    EXPECT(space_unmap_range(space, PLACE, PAGE_SIZE) == OK);
    EXPECT(!load(PLACE, &value) && space_fault(space, PLACE, false, false) != OK);
    thread_set_space(NULL);
    drop(space);
}

static void protection_holds_for_the_processor(void)
{
    struct space *space = make_space();
    uint32_t value;

    EXPECT(space && map(space, NULL, PLACE, PAGES, 0));
    thread_set_space(space);
    EXPECT(fault_store(space, PLACE, 5));
    EXPECT(space_protect_range(space, PLACE, PAGE_SIZE, PROT_R) == OK);
    EXPECT(!store(PLACE, 6) && space_fault(space, PLACE, true, false) != OK);
    EXPECT(fault_load(space, PLACE, &value) && value == 5 && !store(PLACE, 6));
    EXPECT(space_protect_range(space, PLACE, PAGE_SIZE, 0) == OK);
    EXPECT(!load(PLACE, &value) && space_fault(space, PLACE, false, false) != OK);
    EXPECT(space_protect_range(space, PLACE, PAGE_SIZE, PROT_R | PROT_W) == OK);
    EXPECT(fault_store(space, PLACE, 6) && load(PLACE, &value) && value == 6);
    thread_set_space(NULL);
    drop(space);
}

static void fork_copies_what_either_side_writes(void)
{
    struct space *space = make_space(), *clone = make_space();
    uint32_t value;

    EXPECT(space && clone && map(space, NULL, PLACE, PAGES, 0));
    thread_set_space(space);
    EXPECT(fault_store(space, PLACE, 1) && fault_store(space, PLACE + PAGE_SIZE, 2));
    EXPECT(space_fork(space, clone) == OK);
    EXPECT(!store(PLACE, 10)); /* the processor was told, too */
    EXPECT(fault_store(space, PLACE, 10));
    EXPECT(holds(clone, PLACE, 1));
    thread_set_space(clone);
    EXPECT(fault_store(clone, PLACE + PAGE_SIZE, 20));
    EXPECT(fault_load(clone, PLACE, &value) && value == 1);
    EXPECT(holds(space, PLACE + PAGE_SIZE, 2) && holds(space, PLACE, 10));
    thread_set_space(NULL);
    drop(clone);
    drop(space);
}

static void last_owner_of_a_page_writes_without_a_copy(void)
{
    struct space *space = make_space(), *clone = make_space();
    paddr_t before, after;

    EXPECT(space && clone && map(space, NULL, PLACE, 1, 0));
    EXPECT(space_fault(space, PLACE, true, false) == OK);
    EXPECT(arch_query(space_arch(space), PLACE, &before, NULL));
    EXPECT(space_fork(space, clone) == OK);
    drop(clone);
    EXPECT(space_fault(space, PLACE, true, false) == OK);
    EXPECT(arch_query(space_arch(space), PLACE, &after, NULL) && before == after);
    drop(space);
}

static void clone_of_an_object_keeps_its_contents(void)
{
    struct space *space = make_space();
    struct vmo *vmo, *clone;
    uint32_t value = 3;

    EXPECT(space && vmo_new(0, PAGES * PAGE_SIZE, NULL, &vmo) == OK);
    EXPECT(map(space, vmo, PLACE, PAGES, MAP_FLAG_SHARED));
    thread_set_space(space);
    EXPECT(fault_store(space, PLACE, 3));
    EXPECT(vmo_new_clone(vmo, 0, PAGES * PAGE_SIZE, NULL, &clone) == OK);
    EXPECT(!store(PLACE, 4) && fault_store(space, PLACE, 4));
    EXPECT(vmo_copy_out(vmo, 0, &value, sizeof value) == OK && value == 4);
    EXPECT(vmo_copy_out(clone, 0, &value, sizeof value) == OK && value == 3);
    thread_set_space(NULL);
    drop(space);
    object_release(vmo_object(vmo));
    object_release(vmo_object(clone));
}

static void shrunk_object_leaves_its_mappings(void)
{
    struct space *space = make_space();
    struct vmo *vmo;
    uint32_t value;

    EXPECT(space && vmo_new(0, 2 * PAGE_SIZE, NULL, &vmo) == OK);
    EXPECT(map(space, vmo, PLACE, 2, MAP_FLAG_SHARED));
    thread_set_space(space);
    EXPECT(fault_store(space, PLACE + 8, 1) && fault_store(space, PLACE + PAGE_SIZE, 2));
    EXPECT(vmo_resize(vmo, 8) == OK);
    EXPECT(!load(PLACE + PAGE_SIZE, &value));
    EXPECT(space_fault(space, PLACE + PAGE_SIZE, false, false) != OK);
    EXPECT(fault_load(space, PLACE + 8, &value) && value == 0);
    thread_set_space(NULL);
    drop(space);
    object_release(vmo_object(vmo));
}

static void guests_see_the_window_of_their_server(void)
{
    struct space *server, *guest;
    paddr_t in_server, in_guest;
    uint32_t value, bits, place = SERVER_BASE + 0x800000;

    EXPECT(space_new(SPACE_SERVER, NULL, NULL, &server) == OK);
    EXPECT(space_new(SPACE_GUEST, server, NULL, &guest) == OK);
    EXPECT(map(server, NULL, place, 1, 0));
    thread_set_space(guest);
    EXPECT(!map(guest, NULL, place, 1, 0));  /* the window is not the guest's */
    EXPECT(!map(server, NULL, PLACE, 1, 0)); /* nor the rest the server's */
    EXPECT(space_fault(server, place, true, false) == OK);
    EXPECT(arch_window_sync(space_arch(guest), place) &&
           !arch_window_sync(space_arch(guest), place));
    EXPECT(store(place, 9) && load(place, &value) && value == 9);
    EXPECT(arch_query(space_arch(server), place, &in_server, &bits) && (bits & ARCH_SUPERVISOR));
    EXPECT(arch_query(space_arch(guest), place, &in_guest, &bits) && (bits & ARCH_SUPERVISOR));
    EXPECT(in_server == in_guest);
    EXPECT(space_unmap_range(server, place, PAGE_SIZE) == OK && !load(place, &value));
    thread_set_space(NULL);
    drop(server);
    drop(guest);
}

static void contiguous_object_is_contiguous(void)
{
    struct space *space = make_space();
    struct vmo *vmo;
    paddr_t first, frame;

    EXPECT(space && vmo_new(VMO_CONTIGUOUS, PAGES * PAGE_SIZE, NULL, &vmo) == OK);
    EXPECT(map(space, vmo, PLACE, PAGES, MAP_FLAG_SHARED | MAP_FLAG_COMMIT));
    EXPECT(arch_query(space_arch(space), PLACE, &first, NULL) && first == vmo->physical);
    for (uint32_t i = 0; i < PAGES; i++)
        EXPECT(arch_query(space_arch(space), PLACE + i * PAGE_SIZE, &frame, NULL) &&
               frame == first + i * PAGE_SIZE);
    drop(space);
    object_release(vmo_object(vmo));
}

static void device_memory_is_mapped_uncached_and_never_freed(void)
{
    struct space *space = make_space();
    struct vmo *vmo;
    paddr_t frame;
    uint32_t bits;

    EXPECT(space && vmo_new_physical(0xb8000, 2 * PAGE_SIZE, NULL, &vmo) == OK);
    EXPECT(!map(space, vmo, PLACE, 2, 0)); /* a private copy of a device means nothing */
    EXPECT(map(space, vmo, PLACE, 3, MAP_FLAG_SHARED));
    EXPECT(space_fault(space, PLACE + PAGE_SIZE, true, false) == OK);
    EXPECT(arch_query(space_arch(space), PLACE + PAGE_SIZE, &frame, &bits));
    EXPECT(frame == 0xb9000 && (bits & ARCH_UNCACHED) && (bits & ARCH_WRITE));
    EXPECT(space_fault(space, PLACE + 2 * PAGE_SIZE, false, false) != OK);
    drop(space);
    object_release(vmo_object(vmo));
}

static void number_of_mappings_is_bounded(void)
{
    struct space *space = make_space();
    uint32_t count = 0;

    EXPECT(space);
    /* Every second page, so that they do not merge. */
    while (count <= MAPPINGS_MAX && map(space, NULL, PLACE + count * 2 * PAGE_SIZE, 1, 0))
        count++;
    EXPECT(count == MAPPINGS_MAX);
    EXPECT(space_unmap_range(space, PLACE, PAGE_SIZE) == OK);
    EXPECT(map(space, NULL, PLACE, 1, 0));
    drop(space);
}

/* ---- out of memory ---- */

static struct page *taken;

static void starve(uint32_t leave)
{
    struct page *page;

    while (frame_free_count() > leave &&
           ((page = frame_alloc(0)) || (page = frame_alloc(FRAME_LOW)))) {
        page->next = taken;
        taken = page;
    }
}

static void feed(void)
{
    while (taken) {
        struct page *page = taken;
        taken = page->next;
        page->next = NULL;
        frame_release(page);
    }
}

/* All that a program can make the kernel allocate; true if every step succeeded. */
static bool allocate_everywhere(void)
{
    struct space *space = make_space(), *clone = make_space();
    struct vmo *vmo = NULL, *copy = NULL;
    uint32_t word = 1;
    bool all = space && clone && vmo_new(0, PAGES * PAGE_SIZE, NULL, &vmo) == OK &&
               vmo_copy_in(vmo, 0, &word, sizeof word, FRAME_FOR_SERVER) == OK &&
               vmo_new_clone(vmo, 0, PAGE_SIZE, NULL, &copy) == OK &&
               vmo_copy_in(vmo, 0, &word, sizeof word, FRAME_FOR_SERVER) == OK &&
               map(space, vmo, PLACE, PAGES, MAP_FLAG_SHARED) &&
               map(space, vmo, 2 * PLACE, PAGES, 0) &&
               map(space, NULL, 3 * PLACE, PAGES, MAP_FLAG_COMMIT) &&
               space_fault(space, PLACE, true, false) == OK &&
               space_fault(space, 2 * PLACE, true, false) == OK &&
               space_unmap_range(space, 3 * PLACE + PAGE_SIZE, PAGE_SIZE) == OK &&
               space_fork(space, clone) == OK && space_fault(clone, 2 * PLACE, true, false) == OK &&
               space_fault(clone, 2 * PLACE + PAGE_SIZE, false, false) == OK;

    if (copy)
        object_release(vmo_object(copy));
    if (vmo)
        object_release(vmo_object(vmo));
    if (space)
        drop(space);
    if (clone)
        drop(clone);
    return all;
}

static void running_out_of_memory_is_an_error_and_leaks_nothing(void)
{
    uint32_t failures = 0;
    bool all = false;

    EXPECT(allocate_everywhere());
    for (uint32_t leave = 0; leave < 1000 && !all; leave += leave < 64 ? 1 : 100) {
        begin();
        starve(leave);
        all = allocate_everywhere();
        failures += !all;
        feed();
        EXPECT(nothing_leaked());
    }
    EXPECT(all && failures > 10);
}

static void take_all(uint32_t use)
{
    struct page *page;

    while ((page = frame_alloc(use))) {
        page->next = taken;
        taken = page;
    }
}

static void each_use_leaves_memory_for_the_next(void)
{
    static const uint32_t uses[] = {FRAME_FOR_FILE, FRAME_FOR_PROGRAM, FRAME_FOR_SMALL,
                                    FRAME_FOR_SERVER};

    for (uint32_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
        struct page *page;
        bool others = true;
        take_all(uses[i]);
        bool refused = !frame_alloc(uses[i] | FRAME_LOW) && !frame_available(uses[i]);
        for (uint32_t next = i + 1; next < sizeof uses / sizeof uses[0]; next++) {
            page = frame_alloc(uses[next]);
            others = others && page;
            if (page)
                frame_release(page);
        }
        void *block = heap_alloc(100);
        heap_free(block);
        feed();
        EXPECT(refused && others && block);
    }
}

static void fault_without_memory_says_so(void)
{
    struct space *space = make_space();

    EXPECT(space && map(space, NULL, PLACE, PAGES, 0));
    take_all(FRAME_FOR_SERVER);
    status_t status = space_fault(space, PLACE, true, false);
    status_t elsewhere = space_fault(space, 2 * PLACE, true, false);
    void *block = heap_alloc(4 * PAGE_SIZE);
    feed();
    EXPECT(status == ERR_NO_MEMORY && elsewhere == ERR_BAD_ADDRESS && block);
    heap_free(block);
    EXPECT(space_fault(space, PLACE, true, false) == OK);
    drop(space);
}

/* ---- the group ---- */

/* Runs `test` between two counts of the unused frames. */
#define COUNTED(test)                \
    static void counted_##test(void) \
    {                                \
        begin();                     \
        test();                      \
        EXPECT(nothing_leaked());    \
    }
COUNTED(page_appears_with_the_first_access_and_goes_with_the_mapping)
COUNTED(protection_holds_for_the_processor)
COUNTED(fork_copies_what_either_side_writes)
COUNTED(last_owner_of_a_page_writes_without_a_copy)
COUNTED(clone_of_an_object_keeps_its_contents)
COUNTED(shrunk_object_leaves_its_mappings)
COUNTED(guests_see_the_window_of_their_server)
COUNTED(contiguous_object_is_contiguous)
COUNTED(device_memory_is_mapped_uncached_and_never_freed)
COUNTED(number_of_mappings_is_bounded)
COUNTED(each_use_leaves_memory_for_the_next)
COUNTED(fault_without_memory_says_so)
#undef COUNTED

#define TEST(name)            \
    {                         \
#name, counted_##name \
    }
static const struct selftest tests[] = {
    TEST(page_appears_with_the_first_access_and_goes_with_the_mapping),
    TEST(protection_holds_for_the_processor),
    TEST(fork_copies_what_either_side_writes),
    TEST(last_owner_of_a_page_writes_without_a_copy),
    TEST(clone_of_an_object_keeps_its_contents),
    TEST(shrunk_object_leaves_its_mappings),
    TEST(guests_see_the_window_of_their_server),
    TEST(contiguous_object_is_contiguous),
    TEST(device_memory_is_mapped_uncached_and_never_freed),
    TEST(number_of_mappings_is_bounded),
    TEST(each_use_leaves_memory_for_the_next),
    TEST(fault_without_memory_says_so),
    {"running_out_of_memory_is_an_error_and_leaks_nothing",
     running_out_of_memory_is_an_error_and_leaks_nothing},
};

void selftest_memory(void)
{
    /* Once before anything is counted: the page of zeros and one slab of each size stay. */
    if (!allocate_everywhere())
        log_print("memory self-test: cannot begin\n");
    selftest_group(tests, sizeof tests / sizeof *tests);
}
