/* SPDX-License-Identifier: MIT */
/* Memory objects and address spaces through the kernel calls. */
#include <kernel/selftest/user/test.h>

#include <string.h>

static status_t map(handle_t vmo, uint32_t length, uint32_t prot, uint32_t flags, uint8_t **place)
{
    struct map_request request = {.vmo = vmo, .length = length, .prot = prot, .flags = flags};
    status_t status = space_map(HANDLE_SELF, &request);

    *place = (uint8_t *)request.address;
    return status;
}

static status_t unmap(void *place, uint32_t length)
{
    return space_unmap(HANDLE_SELF, (uintptr_t)place, length);
}

static void anonymous_memory_reads_zero_and_keeps_what_is_written(void)
{
    uint8_t *memory;

    EXPECT_OK(map(HANDLE_NONE, 8 * PAGE_SIZE, PROT_R | PROT_W, 0, &memory));
    for (uint32_t i = 0; i < 8 * PAGE_SIZE; i += 1000)
        EXPECT(memory[i] == 0);
    memory[5000] = 42;
    EXPECT(memory[5000] == 42);
    EXPECT_OK(space_discard(HANDLE_SELF, (uintptr_t)memory, 8 * PAGE_SIZE));
    EXPECT(memory[5000] == 0);
    EXPECT_OK(unmap(memory, 8 * PAGE_SIZE));
}

static void vmo_data_is_read_and_written_within_its_size(void)
{
    char buffer[16] = "0123456789abcde";
    handle_t vmo;

    EXPECT_OK(vmo_create(0, 5000, &vmo));
    EXPECT_OK(vmo_write(vmo, 4090, buffer, 16)); /* across a page boundary */
    memset(buffer, 0, sizeof buffer);
    EXPECT_OK(vmo_read(vmo, 4090, buffer, 16));
    EXPECT(!memcmp(buffer, "0123456789abcde", 16));
    EXPECT_STATUS(vmo_read(vmo, 4990, buffer, 16), ERR_OUT_OF_RANGE);
    EXPECT_STATUS(vmo_write(vmo, 5000, buffer, 1), ERR_OUT_OF_RANGE);
    EXPECT_STATUS(vmo_read(vmo, UINT64_MAX - 4, buffer, 16), ERR_OUT_OF_RANGE);
    EXPECT_BAD_ADDRESS(vmo_read(vmo, 0, bad, 16));
    EXPECT_BAD_ADDRESS(vmo_write(vmo, 0, bad, 16));
    EXPECT_OK(handle_close(vmo));
}

static void shared_mapping_shows_the_object_private_one_does_not_change_it(void)
{
    uint8_t *shared, *private, byte = 7;
    handle_t vmo;

    EXPECT_OK(vmo_create(0, PAGE_SIZE, &vmo));
    EXPECT_OK(vmo_write(vmo, 10, &byte, 1));
    EXPECT_OK(map(vmo, PAGE_SIZE, PROT_R | PROT_W, MAP_FLAG_SHARED, &shared));
    EXPECT_OK(map(vmo, PAGE_SIZE, PROT_R | PROT_W, 0, &private));
    EXPECT(shared[10] == 7 && private[10] == 7);
    shared[11] = 8;
    EXPECT(private[11] == 8);
    private[12] = 9;
    EXPECT(shared[12] == 0);
    shared[13] = 1; /* after its own copy, private no longer follows */
    EXPECT(private[13] == 0);
    EXPECT_OK(unmap(shared, PAGE_SIZE));
    EXPECT_OK(unmap(private, PAGE_SIZE));
    EXPECT_OK(handle_close(vmo));
}

static void clone_keeps_what_the_original_was(void)
{
    uint8_t byte = 1;
    handle_t vmo, clone;

    EXPECT_OK(vmo_create(0, 3 * PAGE_SIZE, &vmo));
    EXPECT_OK(vmo_write(vmo, PAGE_SIZE, &byte, 1));
    EXPECT_OK(vmo_clone(vmo, PAGE_SIZE, 2 * PAGE_SIZE, &clone));
    byte = 2;
    EXPECT_OK(vmo_write(vmo, PAGE_SIZE, &byte, 1));
    EXPECT_OK(vmo_read(clone, 0, &byte, 1));
    EXPECT(byte == 1);
    byte = 3;
    EXPECT_OK(vmo_write(clone, 0, &byte, 1));
    EXPECT_OK(vmo_read(vmo, PAGE_SIZE, &byte, 1));
    EXPECT(byte == 2);
    EXPECT_OK(handle_close(clone));
    EXPECT_OK(handle_close(vmo));
}

static void a_paged_object_has_what_its_pager_supplies(void)
{
    handle_t port, vmo;
    uint8_t data[PAGE_SIZE + 10], byte = 0, bits[1], states[3], *memory;
    struct vmo_info info;

    memset(data, 7, sizeof data);
    EXPECT_OK(port_create(&port));
    EXPECT_OK(port_paged_vmo(port, 5, 3 * PAGE_SIZE, &vmo));
    EXPECT_STATUS(vmo_read(vmo, 0, &byte, 1), ERR_SHOULD_WAIT); /* we are the pager */
    EXPECT_STATUS(vmo_write(vmo, 0, &byte, 1), ERR_SHOULD_WAIT);
    EXPECT_OK(vmo_supply(vmo, 0, data, sizeof data));
    EXPECT_OK(vmo_read(vmo, PAGE_SIZE + 9, &byte, 1));
    EXPECT(byte == 7);
    EXPECT_OK(vmo_read(vmo, PAGE_SIZE + 10, &byte, 1));
    EXPECT(byte == 0);
    EXPECT_STATUS(vmo_read(vmo, 2 * PAGE_SIZE, &byte, 1), ERR_SHOULD_WAIT);
    EXPECT_STATUS(vmo_supply(vmo, 100, data, 1), ERR_INVALID_ARGUMENT);
    EXPECT_STATUS(vmo_supply(vmo, 3 * PAGE_SIZE, data, 1), ERR_OUT_OF_RANGE);
    EXPECT_BAD_ADDRESS(vmo_supply(vmo, 2 * PAGE_SIZE, bad, 1));
    EXPECT_STATUS(vmo_clone(vmo, 0, PAGE_SIZE, &port), ERR_NOT_SUPPORTED);
    EXPECT_OK(vmo_take_dirty(vmo, 0, bits, 1));
    EXPECT(bits[0] == 0);
    byte = 9;
    EXPECT_OK(vmo_write(vmo, PAGE_SIZE, &byte, 1));
    memset(data, 1, sizeof data);
    EXPECT_OK(vmo_supply(vmo, 0, data, sizeof data)); /* they are there: nothing changes */
    EXPECT_OK(vmo_read(vmo, PAGE_SIZE, &byte, 1));
    EXPECT(byte == 9);
    EXPECT_OK(map(vmo, 3 * PAGE_SIZE, PROT_R, MAP_FLAG_SHARED, &memory));
    EXPECT(memory[PAGE_SIZE] == 9 && memory[0] == 7);
    EXPECT_OK(space_present(HANDLE_SELF, (uintptr_t)memory, states, 3));
    EXPECT(states[2] == PAGE_OBJECT); /* not zero: unknown */
    EXPECT_OK(unmap(memory, 3 * PAGE_SIZE));
    EXPECT_OK(handle_close(vmo));
    EXPECT_OK(handle_close(port));
    EXPECT_OK(vmo_create(0, PAGE_SIZE, &vmo));
    EXPECT_STATUS(vmo_take_dirty(vmo, 0, bits, 1), ERR_WRONG_TYPE);
    EXPECT_OK(vmo_info(vmo, &info));
    EXPECT(!info.paged);
    EXPECT_OK(handle_close(vmo));
}

static uint32_t dirty_pages(handle_t vmo)
{
    struct vmo_info info = {0};
    return vmo_info(vmo, &info) == OK ? info.dirty : UINT32_MAX;
}

static void what_is_written_to_a_paged_object_is_dirty_until_it_is_written_back(void)
{
    handle_t port, vmo;
    uint8_t byte = 1, bits[2], *memory;

    EXPECT_OK(port_create(&port));
    EXPECT_OK(port_paged_vmo(port, 1, 0, &vmo));
    EXPECT_OK(vmo_set_size(vmo, 16 * PAGE_SIZE)); /* grown: zero, and nothing to ask for */
    EXPECT_OK(vmo_read(vmo, 5 * PAGE_SIZE, &byte, 1));
    EXPECT(byte == 0);
    EXPECT_OK(map(vmo, 16 * PAGE_SIZE, PROT_R | PROT_W, MAP_FLAG_SHARED, &memory));
    EXPECT(memory[3 * PAGE_SIZE] == 0);
    memory[3 * PAGE_SIZE] = 1;
    byte = 2;
    EXPECT_OK(vmo_write(vmo, 9 * PAGE_SIZE, &byte, 1));
    EXPECT(dirty_pages(vmo) == 2);
    EXPECT_OK(vmo_take_dirty(vmo, 0, bits, 2));
    EXPECT(bits[0] == 1u << 3 && bits[1] == 1u << 1 && dirty_pages(vmo) == 2);
    memory[3 * PAGE_SIZE + 1] = 2; /* while it is being written back */
    EXPECT_OK(vmo_written(vmo, 0, 16, 1));
    EXPECT(dirty_pages(vmo) == 1);
    EXPECT_OK(vmo_take_dirty(vmo, 0, bits, 2));
    EXPECT(bits[0] == 1u << 3 && bits[1] == 0);
    EXPECT_OK(vmo_written(vmo, 0, 16, 0)); /* that failed */
    EXPECT_OK(vmo_take_dirty(vmo, 0, bits, 2));
    EXPECT(bits[0] == 1u << 3);
    EXPECT_OK(vmo_written(vmo, 0, 16, 1));
    EXPECT(dirty_pages(vmo) == 0);
    EXPECT_OK(vmo_discard(vmo, 3 * PAGE_SIZE, PAGE_SIZE));
    EXPECT_STATUS(vmo_read(vmo, 3 * PAGE_SIZE, &byte, 1), ERR_SHOULD_WAIT);
    memory[10 * PAGE_SIZE] = 1;
    EXPECT_OK(vmo_set_size(vmo, PAGE_SIZE)); /* takes a dirty one along */
    EXPECT(dirty_pages(vmo) == 0);
    EXPECT_OK(vmo_set_size(vmo, 12 * PAGE_SIZE));
    EXPECT(memory[10 * PAGE_SIZE] == 0);
    EXPECT_OK(unmap(memory, 16 * PAGE_SIZE));
    EXPECT_OK(handle_close(vmo));
    EXPECT_OK(handle_close(port));
}

/* Reads a page by a mapping, another by a call, writes a third, and one that the pager refuses. */
static uint32_t use_pages(void *unused)
{
    uint8_t *memory, byte = 0;

    (void)unused;
    if (map(child_given[0], 4 * PAGE_SIZE, PROT_R | PROT_W, MAP_FLAG_SHARED, &memory) != OK)
        return 1;
    if (memory[10] != 'a')
        return 2;
    if (vmo_read(child_given[0], PAGE_SIZE + 10, &byte, 1) != OK || byte != 'b')
        return 3;
    memory[2 * PAGE_SIZE + 11] = 'x';
    if (memory[2 * PAGE_SIZE + 10] != 'c')
        return 4;
    return vmo_read(child_given[0], 3 * PAGE_SIZE, &byte, 1) == ERR_IO_ERROR ? 42 : 5;
}

static bool supply_pages(handle_t port, handle_t vmo)
{
    static struct message message;
    static uint8_t data[PAGE_SIZE];
    struct page_notice notice;
    for (uint32_t i = 0; i < 4; i++) {
        if (port_receive(port, &message, soon()) != OK || message.label != NOTICE_PAGE ||
            message.badge != 77)
            return false;
        memcpy(&notice, message.data, sizeof notice);
        if (notice.index != i || notice.wants != PAGE_WANT_CONTENT)
            return false;
        memset(data, 'a' + (int)i, sizeof data);
        if (i < 3 && vmo_supply(vmo, (uint64_t)i * PAGE_SIZE, data, sizeof data) != OK)
            return false;
        if (vmo_answer(vmo, i, 1, i < 3 ? OK : (uint32_t)ERR_IO_ERROR) != OK)
            return false;
    }
    return true;
}

static void whoever_uses_a_page_waits_for_its_pager(void)
{
    handle_t port, vmo, given;
    struct child child;
    uint8_t bits[1];

    EXPECT_OK(port_create(&port));
    EXPECT_OK(port_paged_vmo(port, 77, 4 * PAGE_SIZE, &vmo));
    EXPECT_OK(handle_duplicate(vmo, RIGHT_ALL, &given));
    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(child_give(&child, 0, given));
    EXPECT_OK(child_start(&child, use_pages, NULL));
    EXPECT(supply_pages(port, vmo));
    EXPECT_STATUS(child_join(&child), 42);
    EXPECT_OK(vmo_take_dirty(vmo, 0, bits, 1));
    EXPECT(bits[0] == 1u << 2);
    EXPECT_OK(handle_close(port));
    EXPECT_OK(handle_close(vmo));
}

/* The end of the pager is the end of the wait. */
static uint32_t read_until_gone(void *unused)
{
    uint8_t byte;

    (void)unused;
    return vmo_read(child_given[0], 0, &byte, 1) == ERR_PEER_CLOSED &&
                   vmo_write(child_given[0], 0, &byte, 1) == ERR_PEER_CLOSED
               ? 42
               : 1;
}

static void pages_of_a_pager_that_is_gone_are_an_error(void)
{
    static struct message message;
    handle_t port, vmo;
    struct child child;

    EXPECT_OK(port_create(&port));
    EXPECT_OK(port_paged_vmo(port, 1, PAGE_SIZE, &vmo));
    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(child_give(&child, 0, vmo));
    EXPECT_OK(child_start(&child, read_until_gone, NULL));
    EXPECT_OK(port_receive(port, &message, soon()));
    EXPECT_OK(handle_close(port));
    EXPECT_STATUS(child_join(&child), 42);
}

static void pages_that_are_there_are_told_from_those_that_are_not(void)
{
    uint8_t *memory, states[4], byte = 1;
    handle_t vmo;

    EXPECT_OK(vmo_create(0, 4 * PAGE_SIZE, &vmo));
    EXPECT_OK(vmo_write(vmo, PAGE_SIZE, &byte, 1));
    EXPECT_OK(map(vmo, 4 * PAGE_SIZE, PROT_R | PROT_W, 0, &memory));
    memory[3 * PAGE_SIZE] = 1;
    EXPECT_OK(space_present(HANDLE_SELF, (uintptr_t)memory, states, 4));
    EXPECT(states[0] == 0 && states[1] == PAGE_OBJECT && states[2] == 0 && states[3] == PAGE_OWN);
    EXPECT_OK(unmap(memory, 4 * PAGE_SIZE));
    EXPECT_OK(space_present(HANDLE_SELF, (uintptr_t)memory, states, 4));
    EXPECT(states[1] == 0 && states[3] == 0);
    EXPECT_STATUS(space_present(HANDLE_SELF, (uintptr_t)memory + 1, states, 1),
                  ERR_INVALID_ARGUMENT);
    EXPECT_STATUS(space_present(HANDLE_SELF, 0, states, PRESENT_MAX + 1), ERR_INVALID_ARGUMENT);
    EXPECT_STATUS(space_present(HANDLE_SELF, 0xfffff000, states, 2), ERR_INVALID_ARGUMENT);
    EXPECT_OK(handle_close(vmo));
}

/* Pages of a space become an object's; what either side writes after that the other does not see. */
static void pages_are_shared_until_somebody_writes(void)
{
    uint8_t *memory, *view, byte = 9;
    uint32_t page, done = 77;
    handle_t file, vmo, space;

    EXPECT_OK(vmo_create(0, 2 * PAGE_SIZE, &file));
    EXPECT_OK(vmo_write(file, PAGE_SIZE, "file", 4));
    EXPECT_OK(map(file, 2 * PAGE_SIZE, PROT_R | PROT_W, 0, &memory));
    memory[0] = 1; /* a page of its own; the other is the object's */
    page = (uint32_t)memory / PAGE_SIZE;
    EXPECT_OK(space_clone(HANDLE_SELF, &space));
    EXPECT_OK(vmo_create(0, 4 * PAGE_SIZE, &vmo));
    EXPECT_OK(map(vmo, 4 * PAGE_SIZE, PROT_R | PROT_W, MAP_FLAG_SHARED, &view));
    view[PAGE_SIZE] = 5; /* gives way */
    EXPECT_OK(vmo_share(vmo, 1, space, page, 3, &done));
    EXPECT(done == 2); /* behind them is nothing */
    EXPECT(view[PAGE_SIZE] == 1 && memcmp(&view[2 * PAGE_SIZE], "file", 4) == 0);
    EXPECT_OK(vmo_shared(vmo, 1, space, page, 3, &done));
    EXPECT(done == 2);
    memory[0] = 2;
    EXPECT_OK(vmo_write(file, PAGE_SIZE, &byte, 1));
    EXPECT(view[PAGE_SIZE] == 1 && view[2 * PAGE_SIZE] == 'f' && memory[PAGE_SIZE] == 9);
    EXPECT_OK(vmo_shared(vmo, 1, space, page, 1, &done));
    EXPECT(done == 1); /* the clone has not written */
    EXPECT_OK(vmo_shared(vmo, 2, file, 1, 1, &done));
    EXPECT(done == 0); /* the file has */
    view[PAGE_SIZE] = 3;
    EXPECT_OK(vmo_shared(vmo, 1, space, page, 1, &done));
    EXPECT(done == 0 && memory[0] == 2);
    EXPECT_OK(handle_close(space));
    EXPECT_OK(handle_close(file));
    EXPECT_OK(unmap(memory, 2 * PAGE_SIZE));
    EXPECT_OK(unmap(view, 4 * PAGE_SIZE));
    EXPECT_OK(handle_close(vmo));
}

static void objects_that_are_no_plain_memory_share_no_pages(void)
{
    uint32_t done = 77;
    handle_t port, vmo, paged, reader, bad = 0x7ffc;
    uint8_t byte = 1;

    EXPECT_OK(vmo_create(0, 2 * PAGE_SIZE + 1, &vmo));
    EXPECT_OK(vmo_write(vmo, 0, &byte, 1));
    EXPECT_OK(port_create(&port));
    EXPECT_OK(port_paged_vmo(port, 1, 2 * PAGE_SIZE, &paged));
    EXPECT_OK(vmo_supply(paged, 0, &byte, 1));
    EXPECT_STATUS(vmo_share(paged, 0, vmo, 0, 1, &done), ERR_NOT_SUPPORTED);
    EXPECT_OK(vmo_share(vmo, 1, paged, 0, 1, &done));
    EXPECT(done == 0);
    EXPECT_OK(vmo_share(vmo, 1, vmo, 0, 1, &done));
    EXPECT(done == 1);
    EXPECT_OK(vmo_share(vmo, 0, vmo, 0xffffffff, 2, &done));
    EXPECT(done == 0);
    EXPECT_STATUS(vmo_share(vmo, 2, vmo, 0, 1, &done), ERR_OUT_OF_RANGE); /* not a whole page */
    EXPECT_STATUS(vmo_share(vmo, 1, vmo, 0, 0xffffffff, &done), ERR_OUT_OF_RANGE);
    EXPECT_STATUS(vmo_share(vmo, 0xffffffff, vmo, 0, 1, &done), ERR_OUT_OF_RANGE);
    EXPECT_STATUS(vmo_share(vmo, 0, port, 0, 1, &done), ERR_WRONG_TYPE);
    EXPECT_STATUS(vmo_share(port, 0, vmo, 0, 1, &done), ERR_WRONG_TYPE);
    EXPECT_STATUS(vmo_share(vmo, 0, bad, 0, 1, &done), ERR_BAD_HANDLE);
    EXPECT_OK(handle_duplicate(vmo, RIGHT_READ, &reader));
    EXPECT_STATUS(vmo_share(reader, 0, vmo, 0, 1, &done), ERR_ACCESS_DENIED);
    EXPECT_OK(vmo_shared(reader, 0, vmo, 0, 1, &done));
    EXPECT(done == 1);
    EXPECT_OK(handle_close(reader));
    EXPECT_OK(handle_close(paged));
    EXPECT_OK(handle_close(port));
    EXPECT_OK(handle_close(vmo));
}

static void rights_of_the_vmo_bound_the_mapping(void)
{
    handle_t vmo, reader;
    uint8_t *memory;

    EXPECT_OK(vmo_create(0, PAGE_SIZE, &vmo));
    EXPECT_OK(handle_duplicate(vmo, RIGHT_READ | RIGHT_MAP, &reader));
    EXPECT_STATUS(map(reader, PAGE_SIZE, PROT_R | PROT_W, MAP_FLAG_SHARED, &memory),
                  ERR_ACCESS_DENIED);
    EXPECT_STATUS(map(reader, PAGE_SIZE, PROT_R | PROT_X, MAP_FLAG_SHARED, &memory),
                  ERR_ACCESS_DENIED);
    EXPECT_OK(map(reader, PAGE_SIZE, PROT_R, MAP_FLAG_SHARED, &memory));
    EXPECT_STATUS(space_protect(HANDLE_SELF, (uintptr_t)memory, PAGE_SIZE, PROT_R | PROT_W),
                  ERR_ACCESS_DENIED);
    EXPECT_OK(unmap(memory, PAGE_SIZE));
    EXPECT_STATUS(vmo_write(reader, 0, "x", 1), ERR_ACCESS_DENIED);
    EXPECT_STATUS(vmo_set_size(reader, 0), ERR_ACCESS_DENIED);
    EXPECT_OK(handle_close(reader));
    EXPECT_OK(handle_close(vmo));
}

static void bad_ranges_are_refused(void)
{
    struct map_request request = {.length = PAGE_SIZE, .prot = PROT_R};
    struct mapping_info info;

    EXPECT_BAD_ADDRESS(space_map(HANDLE_SELF, bad));
    request.length = 0;
    EXPECT_STATUS(space_map(HANDLE_SELF, &request), ERR_INVALID_ARGUMENT);
    request = (struct map_request){
        .address = KERNEL_BASE, .length = PAGE_SIZE, .prot = PROT_R, .flags = MAP_FLAG_FIXED};
    EXPECT(space_map(HANDLE_SELF, &request) < 0);
    request.address = SERVER_BASE;
    EXPECT(space_map(HANDLE_SELF, &request) < 0);
    request.address = GUEST_LIMIT - PAGE_SIZE;
    request.length = 2 * PAGE_SIZE;
    EXPECT(space_map(HANDLE_SELF, &request) < 0);
    request.address = 0;
    EXPECT(space_map(HANDLE_SELF, &request) < 0);
    EXPECT(space_unmap(HANDLE_SELF, KERNEL_BASE, PAGE_SIZE) < 0);
    EXPECT(space_unmap(HANDLE_SELF, 0x20000000, 0xf0000000) < 0);
    EXPECT_STATUS(space_protect(HANDLE_SELF, 0x20000000, PAGE_SIZE, PROT_R), ERR_NO_MEMORY);
    EXPECT_STATUS(space_query(HANDLE_SELF, GUEST_LIMIT, &info), ERR_NOT_FOUND);
    EXPECT_BAD_ADDRESS(space_query(HANDLE_SELF, 0x400000, bad));
}

static void mappings_of_a_range_can_be_split_moved_and_queried(void)
{
    struct mapping_info info;
    uint8_t *memory;

    EXPECT_OK(map(HANDLE_NONE, 4 * PAGE_SIZE, PROT_R | PROT_W, 0, &memory));
    memset(memory, 5, 4 * PAGE_SIZE);
    EXPECT_OK(space_protect(HANDLE_SELF, (uintptr_t)memory + PAGE_SIZE, PAGE_SIZE, PROT_R));
    EXPECT_OK(space_query(HANDLE_SELF, (uintptr_t)memory + PAGE_SIZE, &info));
    EXPECT(info.length == PAGE_SIZE && info.prot == PROT_R && info.private_pages == 1);
    EXPECT_OK(space_move(HANDLE_SELF, (uintptr_t)memory, 4 * PAGE_SIZE, 0x30000000));
    EXPECT(*(volatile uint8_t *)0x30001000 == 5 && *(volatile uint8_t *)0x30003fff == 5);
    EXPECT_OK(space_unmap(HANDLE_SELF, 0x30001000, PAGE_SIZE));
    EXPECT_OK(space_query(HANDLE_SELF, 0x30001000, &info));
    EXPECT(info.address == 0x30002000);
    EXPECT_OK(space_unmap(HANDLE_SELF, 0x30000000, 4 * PAGE_SIZE));
}

static void other_space_can_be_read_and_written(void)
{
    struct map_request request = {.length = 2 * PAGE_SIZE, .prot = PROT_R, .tag = 7};
    struct child child;
    char text[8] = "";
    uint32_t done;

    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(space_map(child.space, &request));
    uint32_t place = request.address + PAGE_SIZE - 3;
    EXPECT_OK(space_write(child.space, place, "abcdefg", 8, &done));
    EXPECT(done == 8);
    EXPECT_OK(space_read(child.space, place, text, 8, &done));
    EXPECT(done == 8 && !strcmp(text, "abcdefg"));
    EXPECT_OK(space_read(child.space, request.address + 2 * PAGE_SIZE - 4, text, 8, &done));
    EXPECT(done == 4); /* as far as it is mapped */
    EXPECT_BAD_ADDRESS(space_read(child.space, place, bad, 8, &done));
    EXPECT_BAD_ADDRESS(space_write(child.space, place, bad, 8, &done));
    EXPECT_BAD_ADDRESS(space_read(child.space, place, text, 8, bad));
    EXPECT_OK(process_kill(child.process, 0));
    EXPECT_STATUS(child_join(&child), 0);
}

static void size_of_a_vmo_can_change(void)
{
    struct vmo_info info;
    uint8_t byte = 9;
    handle_t vmo;

    EXPECT_OK(vmo_create(0, PAGE_SIZE, &vmo));
    EXPECT_OK(vmo_write(vmo, 100, &byte, 1));
    EXPECT_OK(vmo_set_size(vmo, 50));
    EXPECT_OK(vmo_set_size(vmo, 200));
    EXPECT_OK(vmo_read(vmo, 100, &byte, 1));
    EXPECT(byte == 0); /* what was cut off is gone */
    EXPECT_OK(vmo_info(vmo, &info));
    EXPECT(info.size_low == 200 && info.size_high == 0);
    EXPECT_BAD_ADDRESS(vmo_info(vmo, bad));
    EXPECT_OK(handle_close(vmo));
}

static void contiguous_and_physical_memory_know_their_address(void)
{
    struct vmo_info info;
    handle_t vmo;

    EXPECT_OK(vmo_create(VMO_CONTIGUOUS, 4 * PAGE_SIZE, &vmo));
    EXPECT_OK(vmo_info(vmo, &info));
    EXPECT(info.committed == 4 && info.physical % PAGE_SIZE == 0 && info.physical);
    EXPECT_OK(handle_close(vmo));
    EXPECT_OK(vmo_create_physical(0xb8000, PAGE_SIZE, &vmo));
    EXPECT_OK(vmo_info(vmo, &info));
    EXPECT(info.physical == 0xb8000);
    EXPECT_OK(handle_close(vmo));
    EXPECT_STATUS(vmo_create(0x80, PAGE_SIZE, &vmo), ERR_INVALID_ARGUMENT);
}

static void guest_spaces_are_for_servers(void)
{
    handle_t space;

    EXPECT(space_create(&space) < 0);
    EXPECT(space_attach(HANDLE_NONE) < 0);
    EXPECT_STATUS(guest_enter(0), ERR_NOT_SUPPORTED);
}

static void garbage_is_no_executable(void)
{
    struct load_result result;
    struct child child;
    handle_t vmo;

    EXPECT_OK(vmo_create(0, 3 * PAGE_SIZE, &vmo));
    EXPECT_OK(vmo_write(vmo, 0, "\177ELF garbage", 12));
    EXPECT_OK(child_create(NULL, &child));
    EXPECT_STATUS(space_load(child.space, vmo, 0, 0, &result), ERR_BAD_EXECUTABLE);
    EXPECT_OK(process_kill(child.process, 0));
    EXPECT_STATUS(child_join(&child), 0);
    EXPECT_OK(handle_close(vmo));
}

void test_memory(void)
{
    static const struct test tests[] = {
        TEST(anonymous_memory_reads_zero_and_keeps_what_is_written),
        TEST(vmo_data_is_read_and_written_within_its_size),
        TEST(shared_mapping_shows_the_object_private_one_does_not_change_it),
        TEST(clone_keeps_what_the_original_was),
        TEST(a_paged_object_has_what_its_pager_supplies),
        TEST(what_is_written_to_a_paged_object_is_dirty_until_it_is_written_back),
        TEST(whoever_uses_a_page_waits_for_its_pager),
        TEST(pages_of_a_pager_that_is_gone_are_an_error),
        TEST(pages_that_are_there_are_told_from_those_that_are_not),
        TEST(pages_are_shared_until_somebody_writes),
        TEST(objects_that_are_no_plain_memory_share_no_pages),
        TEST(rights_of_the_vmo_bound_the_mapping),
        TEST(bad_ranges_are_refused),
        TEST(mappings_of_a_range_can_be_split_moved_and_queried),
        TEST(other_space_can_be_read_and_written),
        TEST(size_of_a_vmo_can_change),
        TEST(contiguous_and_physical_memory_know_their_address),
        TEST(guest_spaces_are_for_servers),
        TEST(garbage_is_no_executable),
    };
    test_group(tests, sizeof tests / sizeof tests[0]);
}
