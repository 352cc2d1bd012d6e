/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the kernel interface share. The program runs as the first process, with all
 * privileges, and goes through the real trap path. After every test the counts of handles, objects,
 * threads and processes must be what they were: a test that leaks fails.
 */
#ifndef KERNEL_SELFTEST_USER_TEST_H
#define KERNEL_SELFTEST_USER_TEST_H

#include <atomik/syscall.h>

struct test {
    const char *name;
    void (*run)(void);
};
#define TEST(name)  \
    {               \
#name, name \
    }
void test_group(const struct test *tests, uint32_t count);
/* One test with a name of two parts. */
void test_begin(const char *prefix, const char *name);
void test_end(void);
void test_fail(const char *file, int line, const char *text, int32_t got);

#define EXPECT(condition)                                 \
    do {                                                  \
        if (!(condition)) {                               \
            test_fail(__FILE__, __LINE__, #condition, 0); \
            return;                                       \
        }                                                 \
    } while (0)
#define EXPECT_STATUS(call, wanted)                                        \
    do {                                                                   \
        int32_t got_ = (int32_t)(call);                                    \
        if (got_ != (int32_t)(wanted)) {                                   \
            test_fail(__FILE__, __LINE__, #call " is not " #wanted, got_); \
            return;                                                        \
        }                                                                  \
    } while (0)
#define EXPECT_OK(call) EXPECT_STATUS(call, OK)

#define MS 1000000ull
ktime_t now(void);
ktime_t soon(void); /* long enough for anything that will happen, short enough to fail */
void sleep_ms(uint32_t ms);
uint32_t signals_of(handle_t handle);
bool is_open(handle_t handle);
status_t wait_for(handle_t handle, uint32_t signals, ktime_t deadline);
void print(const char *text);

/* Threads of the program: at most THREADS at a time. */
#define THREADS 8
handle_t thread_start(uint32_t (*entry)(void *), void *argument);
bool thread_join(handle_t thread); /* waits for its end and closes the handle */

/*
 * Children: processes that run a function in a copy of this program as it is when they start; what
 * the function returns is the exit code. Handles are given (and gone here) before, and their values
 * in the child are in child_given.
 */
#define CHILD_GIVEN 4
extern handle_t child_given[CHILD_GIVEN];
struct child {
    handle_t process, space;
};
void child_privileges(struct privileges *privileges); /* modest limits, only CREATE_PROCESS */
status_t child_create(const struct privileges *privileges, struct child *child);
status_t child_give(struct child *child, uint32_t index, handle_t handle);
status_t child_start(struct child *child, uint32_t (*entry)(void *), void *argument);
/* Waits for the end; -1 if it does not come. Closes the handles. */
int32_t child_join(struct child *child);

status_t raw_call(uint32_t number, const uint32_t words[6]);

/* Addresses that no call may accept. */
#define BAD_POINTERS 4
extern void *const bad_pointers[BAD_POINTERS];
#define EXPECT_BAD_ADDRESS(call)                         \
    do {                                                 \
        for (uint32_t p_ = 0; p_ < BAD_POINTERS; p_++) { \
            void *bad = bad_pointers[p_];                \
            EXPECT_STATUS(call, ERR_BAD_ADDRESS);        \
        }                                                \
    } while (0)

void test_handles(void), test_processes(void), test_ports(void), test_streams(void),
    test_waiting(void), test_memory(void), test_system(void), test_every_call(void),
    test_guests(void);

#endif
