/* SPDX-License-Identifier: MIT */
/*
 * What holds for every row of calls.def is derived from it: each call that takes a handle refuses
 * values that are none, objects of another type and handles without rights; each call refuses
 * addresses it may not touch; and no sequence of random calls by a process without privileges
 * stops the kernel or leaves anything behind.
 */
#include <kernel/selftest/user/test.h>

#include <string.h>

enum kind { KIND_NONE, KIND_handle, KIND_u32, KIND_addr, KIND_u64, KIND_pointer };

struct argument {
    uint32_t word;
    enum kind kind;
};

struct row {
    uint32_t number;
    const char *name;
    struct argument arguments[7];
};

static const struct row rows[] = {
#define IN(word, kind, name)                   {word, KIND_##kind},
#define OUT(word, type, name)                  {word, KIND_pointer},
#define INOUT(word, type, name)                {word, KIND_pointer},
#define BUFIN(word, name)                      {word, KIND_pointer},
#define BUFOUT(word, name)                     {word, KIND_pointer},
#define SYSCALL(number, call, arguments, text) {number, #call, {arguments}},
#include <atomik/calls.def>
#undef SYSCALL
};
#define ROWS (sizeof rows / sizeof rows[0])

/* Big enough and zero, for whatever a call wants to read or write. */
static uint8_t scratch[8192] __attribute__((aligned(16)));

static bool starts_with(const char *name, const char *prefix)
{
    return !strncmp(name, prefix, strlen(prefix));
}

/* Calls that end the caller or the machine, and those of server threads, whose first check differs. */
static bool left_out(const struct row *row)
{
    static const char *const names[] = {"process_exit", "thread_exit",  "system_power",
                                        "guest_",       "space_attach", "clock_set"};

    for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (starts_with(row->name, names[i]))
            return true;
    return false;
}

static void fill_words(const struct row *row, uint32_t words[6])
{
    memset(words, 0, 6 * sizeof words[0]);
    memset(scratch, 0, sizeof scratch);
    for (uint32_t i = 0; row->arguments[i].kind; i++) {
        const struct argument *argument = &row->arguments[i];
        if (argument->kind == KIND_pointer)
            words[argument->word] = (uintptr_t)scratch;
        else if (argument->kind == KIND_u32)
            words[argument->word] = 16;
        else if (argument->kind == KIND_addr)
            words[argument->word] = (uintptr_t)scratch;
    }
}

static bool takes_handle(const struct row *row)
{
    return row->arguments[0].kind == KIND_handle;
}

static void refuses_bad_handles(const struct row *row)
{
    static const uint32_t values[] = {3, 0xdeadbeec, 0x7ffffffc, 0xfffffffc, KERNEL_BASE};
    uint32_t words[6];

    for (uint32_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        fill_words(row, words);
        words[0] = values[i];
        EXPECT_STATUS(raw_call(row->number, words), ERR_BAD_HANDLE);
    }
}

static void refuses_other_types(const struct row *row)
{
    uint32_t words[6];
    handle_t other;

    if (starts_with(row->name, "event"))
        EXPECT_OK(timer_create(&other));
    else
        EXPECT_OK(event_create(0, &other));
    fill_words(row, words);
    words[0] = other;
    EXPECT_STATUS(raw_call(row->number, words), ERR_WRONG_TYPE);
    EXPECT_OK(handle_close(other));
}

/* One handle of every type, without any right. */
struct weak {
    handle_t handles[OBJECT_TYPE_COUNT];
    struct child child;
};

static status_t weaken(handle_t *slot, handle_t strong)
{
    status_t status = handle_duplicate(strong, 0, slot);

    return status == OK ? handle_close(strong) : status;
}

static uint32_t end_at_once(void *unused)
{
    (void)unused;
    return 0;
}

static status_t make_weak(struct weak *weak)
{
    handle_t strong, second;
    handle_t *h = weak->handles;
    status_t status = child_create(NULL, &weak->child);

#define STEP(call)    \
    if (status == OK) \
    status = (call)
    STEP(handle_duplicate(weak->child.process, 0, &h[OBJECT_PROCESS]));
    STEP(handle_duplicate(weak->child.space, 0, &h[OBJECT_SPACE]));
    STEP(vmo_create(0, PAGE_SIZE, &strong));
    STEP(weaken(&h[OBJECT_VMO], strong));
    STEP(port_create(&strong));
    STEP(weaken(&h[OBJECT_PORT], strong));
    STEP(stream_create(16, &strong, &second));
    STEP(weaken(&h[OBJECT_STREAM], strong));
    STEP(handle_close(second));
    STEP(event_create(0, &strong));
    STEP(weaken(&h[OBJECT_EVENT], strong));
    STEP(timer_create(&strong));
    STEP(weaken(&h[OBJECT_TIMER], strong));
    STEP(irq_create(5, &strong));
    STEP(weaken(&h[OBJECT_IRQ], strong));
    STEP(ioports_create(0x80, 1, &strong));
    STEP(weaken(&h[OBJECT_IOPORTS], strong));
#undef STEP
    handle_t thread = thread_start(end_at_once, NULL);
    if (status == OK)
        status = handle_duplicate(thread, 0, &h[OBJECT_THREAD]);
    return thread_join(thread) ? status : ERR_BAD_STATE;
}

static handle_t weak_for(const struct weak *weak, const char *name)
{
    static const struct {
        const char *prefix;
        enum object_type type;
    } types[] = {
        {"thread_create", OBJECT_PROCESS},
        {"process", OBJECT_PROCESS},
        {"thread", OBJECT_THREAD},
        {"space", OBJECT_SPACE},
        {"vmo", OBJECT_VMO},
        {"port", OBJECT_PORT},
        {"stream", OBJECT_STREAM},
        {"event", OBJECT_EVENT},
        {"timer", OBJECT_TIMER},
        {"irq", OBJECT_IRQ},
        {"ioports", OBJECT_IOPORTS},
        {"handle_duplicate", OBJECT_EVENT},
    };

    for (uint32_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (starts_with(name, types[i].prefix))
            return weak->handles[types[i].type];
    return HANDLE_NONE;
}

/* Every call but those that only tell what anybody who has the handle may know. */
static bool needs_rights(const struct row *row)
{
    return takes_handle(row) && strcmp(row->name, "handle_close") &&
           strcmp(row->name, "handle_info") && strcmp(row->name, "stream_info") &&
           strcmp(row->name, "vmo_info");
}

static void check_rights(const struct weak *weak, const struct row *row)
{
    uint32_t words[6];

    fill_words(row, words);
    words[0] = weak_for(weak, row->name);
    EXPECT(words[0]);
    EXPECT_STATUS(raw_call(row->number, words), ERR_ACCESS_DENIED);
}

static void test_rights(void)
{
    struct weak weak = {0};

    if (make_weak(&weak) != OK) {
        test_begin("refuses_handles_without_rights", "");
        test_fail(__FILE__, __LINE__, "cannot make the objects", 0);
        test_end();
        return;
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        if (left_out(&rows[i]) || !needs_rights(&rows[i]))
            continue;
        test_begin("refuses_handles_without_rights:", rows[i].name);
        check_rights(&weak, &rows[i]);
        test_end();
    }
    for (uint32_t i = 0; i < OBJECT_TYPE_COUNT; i++)
        if (weak.handles[i] && handle_close(weak.handles[i]) != OK)
            print("a handle of the rights test has gone");
    status_t status = process_kill(weak.child.process, 0);
    int32_t code = child_join(&weak.child);
    if (status != OK || code != 0) {
        test_begin("refuses_handles_without_rights", "");
        test_fail(__FILE__, __LINE__, "the child has gone", status ? status : code);
        test_end();
    }
}

/* Each pointer in turn is bad while the others are good: no success, nothing left behind. */
static void refuses_bad_pointers(const struct row *row)
{
    uint32_t words[6];

    for (uint32_t i = 0; row->arguments[i].kind; i++) {
        if (row->arguments[i].kind != KIND_pointer)
            continue;
        for (uint32_t p = 1; p < BAD_POINTERS; p++) { /* 0 may mean that nothing is wanted */
            fill_words(row, words);
            words[row->arguments[i].word] = (uintptr_t)bad_pointers[p];
            EXPECT(raw_call(row->number, words) != OK);
        }
    }
}

static bool has_pointer(const struct row *row)
{
    for (uint32_t i = 0; row->arguments[i].kind; i++)
        if (row->arguments[i].kind == KIND_pointer)
            return true;
    return false;
}

/* ---- random calls ---- */

#define RANDOM_CALLS 30000

static uint32_t random_state;

static uint32_t random_number(uint32_t below)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % below;
}

static uint32_t random_word(void)
{
    switch (random_number(10)) {
    case 0:
    case 1:
    case 2:
        return (1 + random_number(40)) << 2; /* probably a handle */
    case 3:
    case 4:
        return (uintptr_t)scratch + random_number(64) * 4;
    case 5:
        return random_number(20);
    case 6:
        return 1u << random_number(32);
    case 7:
        return (uintptr_t)bad_pointers[random_number(BAD_POINTERS)];
    case 8:
        return 0x20000000 + random_number(64) * PAGE_SIZE;
    default:
        return random_state;
    }
}

/* Those that would end the run itself rather than show anything. */
static bool ends_the_run(const struct row *row)
{
    return left_out(row) || starts_with(row->name, "process_kill") ||
           starts_with(row->name, "thread_kick") || starts_with(row->name, "thread_create") ||
           starts_with(row->name, "log_write");
}

static bool may_wait_for_ever(const struct row *row)
{
    for (uint32_t i = 0; row->arguments[i].kind; i++)
        if (row->arguments[i].kind == KIND_u64)
            return true;
    return false;
}

static uint32_t call_at_random(void *seed)
{
    uint32_t words[6];

    random_state = (uintptr_t)seed;
    for (uint32_t i = 0; i < RANDOM_CALLS; i++) {
        const struct row *row = &rows[random_number(ROWS)];
        if (ends_the_run(row))
            continue;
        for (uint32_t w = 0; w < 6; w++)
            words[w] = random_word();
        /* Deadlines: poll; and the space calls leave the program itself alone. */
        if (may_wait_for_ever(row) && !starts_with(row->name, "vmo"))
            for (uint32_t a = 0; row->arguments[a].kind; a++)
                if (row->arguments[a].kind == KIND_u64)
                    words[row->arguments[a].word] = words[row->arguments[a].word + 1] = 0;
        if (starts_with(row->name, "space_") && words[1] < 0x10000000)
            words[1] |= 0x20000000;
        status_t status = raw_call(row->number, words);
        if (status > 0 || status < -100)
            return 1000 + row->number;
    }
    return 0;
}

static void random_calls_harm_nobody(void)
{
    struct privileges privileges;
    struct child child;

    child_privileges(&privileges);
    for (uint32_t seed = 1; seed <= 6; seed++) {
        EXPECT_OK(child_create(&privileges, &child));
        EXPECT_OK(child_start(&child, call_at_random, (void *)(uintptr_t)(seed * 7919)));
        EXPECT_OK(wait_for(child.process, SIGNAL_TERMINATED, now() + 20000 * MS));
        int32_t code = child_join(&child);
        /* 139: it has unmapped or overwritten its own memory, which is its right. */
        if (code != 139)
            EXPECT_STATUS(code, 0);
    }
}

void test_every_call(void)
{
    static const struct test tests[] = {TEST(random_calls_harm_nobody)};

    for (uint32_t i = 0; i < ROWS; i++) {
        if (left_out(&rows[i]) || !takes_handle(&rows[i]))
            continue;
        test_begin("refuses_bad_handles:", rows[i].name);
        refuses_bad_handles(&rows[i]);
        test_end();
        if (starts_with(rows[i].name, "handle_"))
            continue;
        test_begin("refuses_other_types:", rows[i].name);
        refuses_other_types(&rows[i]);
        test_end();
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        if (left_out(&rows[i]) || !has_pointer(&rows[i]))
            continue;
        test_begin("refuses_bad_pointers:", rows[i].name);
        refuses_bad_pointers(&rows[i]);
        test_end();
    }
    test_rights();
    test_group(tests, sizeof tests / sizeof tests[0]);
}
