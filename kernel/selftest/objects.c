/* SPDX-License-Identifier: MIT */
/* Objects, handle tables and charges, seen from inside the kernel. */
#include <kernel/ipc.h>
#include <kernel/log.h>
#include <kernel/selftest/selftest.h>

static uint32_t destroyed, last_handles;

static void count_destroy(struct object *object)
{
    (void)object;
    destroyed++;
}

static void count_last_handle(struct object *object)
{
    (void)object;
    last_handles++;
}

static const struct object_ops counting_ops = {
    .name = "test",
    .destroy = count_destroy,
    .last_handle = count_last_handle,
};

static struct process *make_process(struct process *creator, uint32_t max_handles,
                                    uint32_t max_objects)
{
    struct process_request request = {
        .name = "test",
        .privileges = {.flags = PRIVILEGE_CREATE_PROCESS,
                       .max_pages = 1000,
                       .max_threads = 4,
                       .max_handles = max_handles,
                       .max_objects = max_objects},
    };
    struct process *process;

    return process_create_object(&request, creator, &process) == OK ? process : NULL;
}

static void drop(struct process *process)
{
    process_terminate(process, 0);
    object_release(&process->object);
}

static void object_is_destroyed_with_its_last_reference(void)
{
    struct object object;
    uint32_t before = object_total();

    destroyed = last_handles = 0;
    EXPECT(object_init(&object, &counting_ops, OBJECT_EVENT, NULL) == OK);
    EXPECT(object_total() == before + 1);
    handle_count(&object, RIGHT_ALL);
    object_release(&object);
    EXPECT(destroyed == 0);
    handle_uncount(&object, RIGHT_ALL);
    EXPECT(last_handles == 1 && destroyed == 1);
    EXPECT(object_total() == before);
}

static void handle_table_grows_to_its_limit_and_no_further(void)
{
    struct process *process = make_process(NULL, 100, 100);
    struct object object;
    handle_t handles[100], handle;

    EXPECT(process);
    EXPECT(object_init(&object, &counting_ops, OBJECT_EVENT, NULL) == OK);
    for (uint32_t i = 0; i < 100; i++)
        EXPECT(handle_add(process, &object, RIGHT_READ, &handles[i]) == OK);
    EXPECT(handle_add(process, &object, RIGHT_READ, &handle) == ERR_NO_HANDLES);
    EXPECT(object.handles == 100);
    EXPECT(handle_remove(process, handles[50]) == OK);
    EXPECT(handle_add(process, &object, RIGHT_READ, &handle) == OK);
    EXPECT(handle == handles[50]);
    drop(process);
    EXPECT(object.handles == 0 && object.references == 1);
    object_release(&object);
}

static void locked_handle_is_nobodys_until_it_is_unlocked(void)
{
    struct process *process = make_process(NULL, 100, 100);
    struct object object, *found;
    uint32_t rights;
    handle_t handle;

    EXPECT(process);
    EXPECT(object_init(&object, &counting_ops, OBJECT_EVENT, NULL) == OK);
    EXPECT(handle_add(process, &object, RIGHT_TRANSFER | RIGHT_READ, &handle) == OK);
    EXPECT(handle_lock(process, handle, &found, &rights) == OK);
    EXPECT(found == &object && rights == (RIGHT_TRANSFER | RIGHT_READ));
    EXPECT(handle_get(process, handle, OBJECT_NONE, 0, &found) == ERR_BAD_HANDLE);
    EXPECT(handle_remove(process, handle) == ERR_BAD_HANDLE);
    EXPECT(handle_lock(process, handle, &found, &rights) == ERR_BAD_HANDLE);
    handle_unlock(process, handle);
    EXPECT(handle_get(process, handle, OBJECT_EVENT, RIGHT_READ, &found) == OK);
    EXPECT(handle_get(process, handle, OBJECT_TIMER, RIGHT_READ, &found) == ERR_WRONG_TYPE);
    EXPECT(handle_get(process, handle, OBJECT_EVENT, RIGHT_WRITE, &found) == ERR_ACCESS_DENIED);
    drop(process);
    object_release(&object);
}

static void object_limit_of_a_process_holds(void)
{
    struct process *process = make_process(NULL, 10, 2); /* its space is the first object */
    struct object first, second;

    EXPECT(process);
    EXPECT(object_init(&first, &counting_ops, OBJECT_EVENT, process) == OK);
    EXPECT(object_init(&second, &counting_ops, OBJECT_EVENT, process) == ERR_LIMIT_REACHED);
    object_release(&first);
    EXPECT(object_init(&second, &counting_ops, OBJECT_EVENT, process) == OK);
    object_release(&second);
    drop(process);
}

static void objects_of_an_ended_process_are_charged_to_its_creator(void)
{
    struct process *creator = make_process(NULL, 10, 10);
    struct process *process = make_process(creator, 10, 10);
    struct object object;

    EXPECT(creator && process);
    uint32_t before = creator->object_count;
    EXPECT(object_init(&object, &counting_ops, OBJECT_EVENT, process) == OK);
    EXPECT(process_charge_pages(process, 3) == OK);
    uint32_t pages = process->page_count, had = creator->page_count;
    process_terminate(process, 0);
    EXPECT(object.owner == creator && creator->object_count == before + 1);
    EXPECT(creator->page_count <= had + pages && creator->page_count >= had + 3);
    process_uncharge_pages(object.owner, 3);
    object_release(&process->object);
    EXPECT(creator->object_count == before);
    object_release(&object);
    EXPECT(creator->object_count == before - 1);
    drop(creator);
}

static void process_that_was_never_started_ends_with_its_creator(void)
{
    uint32_t processes = process_total(), objects = object_total();
    struct process *creator = make_process(NULL, 10, 10);
    struct process *process = make_process(creator, 10, 10);
    handle_t handle;

    EXPECT(creator && process);
    EXPECT(handle_add(process, &process->object, RIGHT_ALL, &handle) == OK);
    object_release(&process->object);
    EXPECT(process_total() == processes + 2);
    drop(creator);
    EXPECT(process_total() == processes);
    EXPECT(object_total() == objects);
}

static void page_charge_stops_at_the_limit(void)
{
    struct process *process = make_process(NULL, 10, 10);

    EXPECT(process);
    uint32_t left = 1000 - process->page_count;
    EXPECT(process_charge_pages(process, left + 1) == ERR_LIMIT_REACHED);
    EXPECT(process_charge_pages(process, left) == OK);
    EXPECT(process_charge_pages(process, 1) == ERR_LIMIT_REACHED);
    EXPECT(process_charge_pages(process, UINT32_MAX) == ERR_LIMIT_REACHED);
    process_uncharge_pages(process, left);
    drop(process);
}

void selftest_objects(void)
{
#define TEST(name)  \
    {               \
#name, name \
    }
    static const struct selftest tests[] = {
        TEST(object_is_destroyed_with_its_last_reference),
        TEST(handle_table_grows_to_its_limit_and_no_further),
        TEST(locked_handle_is_nobodys_until_it_is_unlocked),
        TEST(object_limit_of_a_process_holds),
        TEST(objects_of_an_ended_process_are_charged_to_its_creator),
        TEST(process_that_was_never_started_ends_with_its_creator),
        TEST(page_charge_stops_at_the_limit),
    };
#undef TEST
    selftest_group(tests, sizeof tests / sizeof tests[0]);
}
