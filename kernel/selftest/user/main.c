/* SPDX-License-Identifier: MIT */
/* The test program's runner and the helpers of test.h. */
#include <kernel/selftest/user/report.h>
#include <kernel/selftest/user/test.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STACK_SIZE      16384
#define IMAGE_BASE      0x00400000u
#define CHILD_STACK_TOP 0x08000000u
#define STACK_SLACK     64 /* call stubs load six words, however many arguments there are */

void *const bad_pointers[BAD_POINTERS] = {
    NULL, (void *)0x10000000,                              /* mapped by nobody */
    (void *)SERVER_BASE, (void *)(KERNEL_BASE + 0x100000), /* the kernel itself */
};
handle_t child_given[CHILD_GIVEN];

extern char end_of_program[];
void test_main(void);
void thread_entry(void);

/* For strdup and strndup of lib/libc/string.c, which nothing here calls: there is no heap. */
void *malloc(size_t size)
{
    (void)size;
    return NULL;
}

/* ---- the runner ---- */

static uint32_t passed, failed;
static char running[96];
static bool running_failed;
static struct system_info system_before;
static struct process_info process_before;

void print(const char *text)
{
    if (log_write(text, strlen(text)) != OK)
        __builtin_trap();
}

void test_fail(const char *file, int line, const char *text, int32_t got)
{
    char message[256];

    running_failed = true;
    snprintf(message, sizeof message, "FAIL %s: %s:%d: %s (%d)", running, file, line, text,
             (int)got);
    print(message);
}

static bool counts_are_back(void)
{
    struct system_info system;
    struct process_info process;

    return system_info(&system) == OK && process_info(HANDLE_SELF, &process) == OK &&
           system.objects == system_before.objects && system.threads == system_before.threads &&
           system.processes == system_before.processes && process.handles == process_before.handles;
}

static void check_leaks(void)
{
    struct system_info system;
    struct process_info process;
    char text[128];

    for (uint32_t i = 0; i < 20 && !counts_are_back(); i++)
        sleep_ms(10); /* what ended last may not be quite gone */
    if (counts_are_back())
        return;
    if (system_info(&system) != OK || process_info(HANDLE_SELF, &process) != OK)
        return;
    snprintf(text, sizeof text, "leak: %d handles, %d objects, %d threads, %d processes",
             (int)(process.handles - process_before.handles),
             (int)(system.objects - system_before.objects),
             (int)(system.threads - system_before.threads),
             (int)(system.processes - system_before.processes));
    test_fail(__FILE__, __LINE__, text, 0);
}

void test_begin(const char *prefix, const char *name)
{
    snprintf(running, sizeof running, "%s%s", prefix, name);
    running_failed = false;
    if (system_info(&system_before) != OK || process_info(HANDLE_SELF, &process_before) != OK)
        __builtin_trap();
}

void test_end(void)
{
    char line[128];

    if (!running_failed)
        check_leaks();
    if (running_failed) {
        failed++;
        return;
    }
    passed++;
    snprintf(line, sizeof line, "PASS %s", running);
    print(line);
}

void test_group(const struct test *tests, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        test_begin("", tests[i].name);
        tests[i].run();
        test_end();
    }
}

void test_main(void)
{
    test_handles();
    test_processes();
    test_ports();
    test_streams();
    test_waiting();
    test_memory();
    test_system();
    test_every_call();
    test_guests();
    while (process_exit(REPORT(passed, failed)) != OK)
        ;
}

/* ---- time and signals ---- */

ktime_t now(void)
{
    ktime_t time = 0;

    if (clock_get(CLOCK_MONOTONIC_NS, &time) != OK)
        __builtin_trap();
    return time;
}

ktime_t soon(void)
{
    return now() + 2000 * MS;
}

void sleep_ms(uint32_t ms)
{
    if (wait_any(NULL, 0, now() + ms * MS) != ERR_TIMED_OUT)
        print("a sleep ended early");
}

uint32_t signals_of(handle_t handle)
{
    struct handle_info info = {0};

    return handle_info(handle, &info) == OK ? info.signals : UINT32_MAX;
}

bool is_open(handle_t handle)
{
    struct handle_info info;

    return handle_info(handle, &info) == OK;
}

status_t wait_for(handle_t handle, uint32_t signals, ktime_t deadline)
{
    struct wait_item item = {handle, signals, 0};

    return wait_any(&item, 1, deadline);
}

/* ---- threads ---- */

static struct slot {
    uint32_t (*entry)(void *);
    void *argument;
    handle_t thread; /* 0: free */
    uint8_t stack[STACK_SIZE] __attribute__((aligned(16)));
} slots[THREADS];

handle_t thread_start(uint32_t (*entry)(void *), void *argument)
{
    for (uint32_t i = 0; i < THREADS; i++) {
        struct slot *slot = &slots[i];
        if (slot->thread)
            continue;
        slot->entry = entry;
        slot->argument = argument;
        if (thread_create(HANDLE_SELF, (uintptr_t)thread_entry,
                          (uintptr_t)(slot->stack + STACK_SIZE - STACK_SLACK), (uintptr_t)slot,
                          &slot->thread) != OK)
            return slot->thread = HANDLE_NONE;
        return slot->thread;
    }
    return HANDLE_NONE;
}

bool thread_join(handle_t thread)
{
    bool ended = wait_for(thread, SIGNAL_TERMINATED, soon()) == OK;

    for (uint32_t i = 0; i < THREADS && ended; i++)
        if (slots[i].thread == thread)
            slots[i].thread = HANDLE_NONE;
    return handle_close(thread) == OK && ended;
}

/* ---- children ---- */

static struct slot child_slot;

void child_privileges(struct privileges *privileges)
{
    *privileges = (struct privileges){
        .flags = PRIVILEGE_CREATE_PROCESS,
        .max_pages = 2000,
        .max_threads = 8,
        .max_handles = 64,
        .max_objects = 64,
    };
}

status_t child_create(const struct privileges *privileges, struct child *child)
{
    struct process_request request = {.name = "child"};

    if (privileges)
        request.privileges = *privileges;
    else
        child_privileges(&request.privileges);
    return process_create(&request, &child->process, &child->space);
}

status_t child_give(struct child *child, uint32_t index, handle_t handle)
{
    return process_give(child->process, handle, RIGHT_SAME, &child_given[index]);
}

static status_t map_copy(struct child *child)
{
    uint32_t length = ((uintptr_t)end_of_program - IMAGE_BASE + PAGE_MASK) & ~PAGE_MASK;
    struct map_request request = {
        .address = IMAGE_BASE,
        .length = length,
        .prot = PROT_R | PROT_W | PROT_X,
        .flags = MAP_FLAG_FIXED,
    };
    status_t status = vmo_create(0, length, &request.vmo);

    if (status != OK)
        return status;
    status = vmo_write(request.vmo, 0, (void *)IMAGE_BASE, (uintptr_t)end_of_program - IMAGE_BASE);
    if (status == OK)
        status = space_map(child->space, &request);
    if (handle_close(request.vmo) != OK)
        return ERR_BAD_STATE;
    return status;
}

status_t child_start(struct child *child, uint32_t (*entry)(void *), void *argument)
{
    struct map_request stack = {
        .address = CHILD_STACK_TOP - STACK_SIZE,
        .length = STACK_SIZE,
        .prot = PROT_R | PROT_W,
        .flags = MAP_FLAG_FIXED,
    };

    child_slot.entry = entry;
    child_slot.argument = argument;
    status_t status = map_copy(child);
    if (status == OK)
        status = space_map(child->space, &stack);
    if (status == OK)
        status = thread_create(child->process, (uintptr_t)thread_entry,
                               CHILD_STACK_TOP - STACK_SLACK, (uintptr_t)&child_slot, NULL);
    return status;
}

int32_t child_join(struct child *child)
{
    struct process_info info;
    int32_t code = -1;

    if (wait_for(child->process, SIGNAL_TERMINATED, soon()) == OK &&
        process_info(child->process, &info) == OK)
        code = info.exit_code;
    if (code == -1 && process_kill(child->process, 0) != OK)
        print("a child cannot be killed");
    if (handle_close(child->process) != OK || handle_close(child->space) != OK)
        return -1;
    return code;
}
