/* SPDX-License-Identifier: MIT */
/* Processes and threads: creation, privileges, limits, ends, kicks, exceptions. */
#include <kernel/selftest/user/test.h>

#include <string.h>

#define REQUIRE(condition)   \
    do {                     \
        if (!(condition))    \
            return __LINE__; \
    } while (0)

static uint32_t return_argument(void *argument)
{
    return (uintptr_t)argument;
}

static void exit_code_of_the_last_thread_is_the_process_s(void)
{
    struct child child;

    EXPECT_OK(child_create(NULL, &child));
    EXPECT(!(signals_of(child.process) & SIGNAL_TERMINATED));
    EXPECT_OK(child_start(&child, return_argument, (void *)77));
    EXPECT_STATUS(child_join(&child), 77);
}

static uint32_t exit_process(void *argument)
{
    return process_exit((uintptr_t)argument) == OK ? 1 : 2;
}

static void process_exit_ends_with_its_code(void)
{
    struct child child;

    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(child_start(&child, exit_process, (void *)0x1234567));
    EXPECT_STATUS(child_join(&child), 0x1234567);
}

static uint32_t sleep_long(void *unused)
{
    (void)unused;
    return wait_any(NULL, 0, DEADLINE_NEVER) == ERR_INTERRUPTED ? 5 : 6;
}

static volatile bool go_on = true;

static uint32_t spin(void *unused)
{
    (void)unused;
    while (go_on)
        ;
    return 0;
}

static void killed_process_ends_while_it_sleeps(void)
{
    struct child child;

    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(child_start(&child, sleep_long, NULL));
    sleep_ms(10);
    EXPECT_OK(process_kill(child.process, 9));
    EXPECT_STATUS(child_join(&child), 9);
}

static void killed_process_ends_while_it_runs(void)
{
    struct child child;

    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(child_start(&child, spin, NULL));
    sleep_ms(20);
    EXPECT_OK(process_kill(child.process, 10));
    EXPECT_STATUS(child_join(&child), 10);
}

static void killed_process_without_threads_ends_at_once(void)
{
    struct child child;
    struct process_info info;

    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(process_kill(child.process, 11));
    EXPECT(signals_of(child.process) & SIGNAL_TERMINATED);
    EXPECT_OK(process_info(child.process, &info));
    EXPECT(info.terminated && info.handles == 0 && info.threads == 0);
    EXPECT_STATUS(child_start(&child, spin, NULL), ERR_BAD_STATE);
    EXPECT_STATUS(child_join(&child), 11);
}

static void give_to_an_ended_process_is_refused(void)
{
    struct child child;
    handle_t event, value;

    EXPECT_OK(event_create(0, &event));
    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(process_kill(child.process, 3));
    EXPECT_STATUS(process_give(child.process, event, RIGHT_SAME, &value), ERR_BAD_STATE);
    EXPECT_STATUS(child_join(&child), 3);
    EXPECT_OK(handle_close(event));
}

static uint32_t signal_given_event(void *unused)
{
    (void)unused;
    REQUIRE(event_signal(child_given[0], 0, SIGNAL_SET) == OK);
    REQUIRE(event_signal(child_given[1], 0, SIGNAL_SET) == ERR_ACCESS_DENIED);
    return 0;
}

static void given_handle_moves_with_the_rights_asked_for(void)
{
    struct child child;
    handle_t event, first, second;

    EXPECT_OK(event_create(0, &event));
    EXPECT_OK(handle_duplicate(event, RIGHT_SAME, &first));
    EXPECT_OK(handle_duplicate(event, RIGHT_SAME, &second));
    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(child_give(&child, 0, first));
    EXPECT(!is_open(first));
    EXPECT_OK(process_give(child.process, second, RIGHT_WAIT, &child_given[1]));
    EXPECT_OK(child_start(&child, signal_given_event, NULL));
    EXPECT_OK(wait_for(event, SIGNAL_SET, soon()));
    EXPECT_STATUS(child_join(&child), 0);
    EXPECT_OK(handle_close(event));
}

static void give_needs_the_transfer_right(void)
{
    struct child child;
    handle_t event, fixed, value;

    EXPECT_OK(event_create(0, &event));
    EXPECT_OK(handle_duplicate(event, RIGHT_WAIT, &fixed));
    EXPECT_OK(child_create(NULL, &child));
    EXPECT_STATUS(process_give(child.process, fixed, RIGHT_SAME, &value), ERR_ACCESS_DENIED);
    EXPECT_STATUS(process_give(child.process, event, 1u << 25, &value), ERR_INVALID_ARGUMENT);
    EXPECT_BAD_ADDRESS(process_give(child.process, event, RIGHT_SAME, bad));
    EXPECT(is_open(fixed) && is_open(event));
    EXPECT_OK(process_kill(child.process, 0));
    EXPECT_STATUS(child_join(&child), 0);
    EXPECT_OK(handle_close(fixed));
    EXPECT_OK(handle_close(event));
}

static status_t try_create(struct process_request *request)
{
    handle_t process, space;
    status_t status = process_create(request, &process, &space);

    if (status == OK && (handle_close(process) != OK || handle_close(space) != OK))
        return ERR_BAD_STATE;
    return status;
}

/* In a child with modest privileges. */
static uint32_t try_to_widen(void *unused)
{
    struct process_request request = {.name = "wide"}, wide;

    (void)unused;
    child_privileges(&request.privileges);
    REQUIRE(try_create(&request) == OK);
    wide = request;
    wide.privileges.flags |= PRIVILEGE_POWER;
    REQUIRE(try_create(&wide) == ERR_ACCESS_DENIED);
    wide = request;
    wide.privileges.ports[0] = (struct io_range){0x60, 1};
    REQUIRE(try_create(&wide) == ERR_ACCESS_DENIED);
    wide = request;
    wide.privileges.physical[3] = (struct io_range){0xa0, 1};
    REQUIRE(try_create(&wide) == ERR_ACCESS_DENIED);
    wide = request;
    wide.privileges.irq_lines = 2;
    REQUIRE(try_create(&wide) == ERR_ACCESS_DENIED);
    wide = request;
    wide.privileges.max_pages++;
    REQUIRE(try_create(&wide) == ERR_ACCESS_DENIED);
    wide = request;
    wide.privileges.max_handles++;
    REQUIRE(try_create(&wide) == ERR_ACCESS_DENIED);
    wide = request;
    wide.flags = PROCESS_SERVER;
    REQUIRE(try_create(&wide) == ERR_ACCESS_DENIED);
    return 0;
}

static void privileges_are_never_widened(void)
{
    struct child child;

    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(child_start(&child, try_to_widen, NULL));
    EXPECT_STATUS(child_join(&child), 0);
}

/* In a child that acts for user 5, and still does in a message and in its own children. */
static uint32_t try_to_be_the_system(void *unused)
{
    static struct message message = {.principal = 0};
    struct process_request request = {.name = "other"};

    (void)unused;
    child_privileges(&request.privileges);
    REQUIRE(try_create(&request) == ERR_ACCESS_DENIED);
    request.privileges.principal = 6;
    REQUIRE(try_create(&request) == ERR_ACCESS_DENIED);
    request.privileges.principal = 5;
    REQUIRE(try_create(&request) == OK);
    REQUIRE(port_call(child_given[0], &message, soon(), 0) == OK);
    REQUIRE(message.principal == 0);
    return 0;
}

static void whom_a_process_acts_for_is_told_and_kept(void)
{
    static struct message message;
    struct privileges privileges;
    struct child child;
    handle_t port, caller;

    child_privileges(&privileges);
    privileges.principal = 5;
    EXPECT_OK(port_create(&port));
    EXPECT_OK(port_badge(port, 1, &caller));
    EXPECT_OK(child_create(&privileges, &child));
    EXPECT_OK(child_give(&child, 0, caller));
    EXPECT_OK(child_start(&child, try_to_be_the_system, NULL));
    EXPECT_OK(port_receive(port, &message, soon()));
    EXPECT(message.principal == 5);
    EXPECT_OK(port_reply(port, message.token, &message));
    EXPECT_STATUS(child_join(&child), 0);
    EXPECT_OK(port_receive(port, &message, soon()));
    EXPECT(message.label == NOTICE_BADGE_CLOSED && message.principal == 0);
    EXPECT_OK(handle_close(port));
}

static uint32_t try_privileged_calls(void *unused)
{
    struct process_request request = {.name = "none"};
    struct process_info info;
    handle_t handle;
    uint32_t done, next;
    char buffer[16];

    (void)unused;
    REQUIRE(try_create(&request) == ERR_ACCESS_DENIED);
    REQUIRE(process_next(0, &info) == ERR_ACCESS_DENIED);
    REQUIRE(system_power(POWER_OFF) == ERR_ACCESS_DENIED);
    REQUIRE(clock_set(0) == ERR_ACCESS_DENIED);
    REQUIRE(irq_create(5, &handle) == ERR_ACCESS_DENIED);
    REQUIRE(ioports_create(0x60, 1, &handle) == ERR_ACCESS_DENIED);
    REQUIRE(vmo_create_physical(0xa0000, 4096, &handle) == ERR_ACCESS_DENIED);
    REQUIRE(vmo_create(VMO_CONTIGUOUS, 4096, &handle) == ERR_ACCESS_DENIED);
    REQUIRE(log_read(0, buffer, sizeof buffer, &done, &next) == ERR_ACCESS_DENIED);
    REQUIRE(thread_set(HANDLE_SELF, THREAD_PRIORITY, PRIORITY_DRIVER) == ERR_ACCESS_DENIED);
    REQUIRE(thread_set(HANDLE_SELF, THREAD_PRIORITY, PRIORITY_NORMAL - 1) == OK);
    REQUIRE(thread_set(HANDLE_SELF, THREAD_SLICE, SLICE_NORMAL + 1) == ERR_ACCESS_DENIED);
    REQUIRE(thread_set(HANDLE_SELF, THREAD_SLICE, 1) == OK);
    return 0;
}

static void calls_that_need_a_privilege_are_refused_without_it(void)
{
    struct privileges privileges;
    struct child child;

    child_privileges(&privileges);
    privileges.flags = 0;
    EXPECT_OK(child_create(&privileges, &child));
    EXPECT_OK(child_start(&child, try_privileged_calls, NULL));
    EXPECT_STATUS(child_join(&child), 0);
}

static uint32_t run_into_limits(void *unused)
{
    handle_t handle, first;
    status_t status;
    uint32_t count = 0;

    (void)unused;
    REQUIRE(event_create(0, &first) == OK);
    for (count = 0; (status = event_create(0, &handle)) == OK; count++)
        REQUIRE(count < 64);
    REQUIRE(status == ERR_LIMIT_REACHED);
    for (count = 0; (status = handle_duplicate(first, RIGHT_SAME, &handle)) == OK; count++)
        REQUIRE(count < 64);
    REQUIRE(status == ERR_NO_HANDLES);
    return 0;
}

static void limits_of_objects_and_handles_hold(void)
{
    struct privileges privileges;
    struct child child;

    child_privileges(&privileges);
    privileges.max_objects = 32;
    privileges.max_handles = 40;
    EXPECT_OK(child_create(&privileges, &child));
    EXPECT_OK(child_start(&child, run_into_limits, NULL));
    EXPECT_STATUS(child_join(&child), 0);
}

static uint32_t create_threads(void *unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 3; i++)
        REQUIRE(thread_start(sleep_long, NULL) != HANDLE_NONE);
    REQUIRE(thread_create(HANDLE_SELF, (uintptr_t)sleep_long, 0x500000, 0, NULL) ==
            ERR_LIMIT_REACHED);
    return process_exit(0) == OK ? 0 : __LINE__;
}

static void limit_of_threads_holds(void)
{
    struct privileges privileges;
    struct child child;

    child_privileges(&privileges);
    privileges.max_threads = 4;
    EXPECT_OK(child_create(&privileges, &child));
    EXPECT_OK(child_start(&child, create_threads, NULL));
    EXPECT_STATUS(child_join(&child), 0);
}

static uint32_t allocate_memory(void *unused)
{
    struct map_request request = {.length = 64 << 20, .prot = PROT_R | PROT_W};
    volatile uint8_t *memory;

    (void)unused;
    REQUIRE(space_map(HANDLE_SELF, &request) == OK);
    memory = (volatile uint8_t *)request.address;
    for (uint32_t i = 0; i < request.length; i += PAGE_SIZE)
        memory[i] = 1;
    return 0;
}

static void process_that_exceeds_its_memory_dies_alone(void)
{
    struct child child;

    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(child_start(&child, allocate_memory, NULL));
    EXPECT_STATUS(child_join(&child), 139);
}

static void process_info_knows_name_and_counts(void)
{
    struct process_info info;
    struct child child;

    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(child_start(&child, sleep_long, NULL));
    EXPECT_OK(process_info(child.process, &info));
    EXPECT(!strcmp(info.name, "child") && info.threads == 1 && !info.terminated);
    EXPECT_BAD_ADDRESS(process_info(child.process, bad));
    EXPECT_OK(process_kill(child.process, 0));
    EXPECT_STATUS(child_join(&child), 0);
}

static void process_next_lists_every_process_once(void)
{
    struct process_info info = {0};
    struct system_info system;
    struct child child;
    uint32_t count = 0, last = 0;

    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(system_info(&system));
    while (process_next(info.id, &info) == OK) {
        EXPECT(info.id > last);
        last = info.id;
        count++;
    }
    EXPECT(count == system.processes && count >= 2);
    EXPECT_STATUS(process_next(UINT32_MAX, &info), ERR_NOT_FOUND);
    EXPECT_OK(process_kill(child.process, 0));
    EXPECT_STATUS(child_join(&child), 0);
}

static void thread_start_addresses_are_checked(void)
{
    handle_t thread;

    EXPECT_STATUS(thread_create(HANDLE_SELF, KERNEL_BASE, 0x500000, 0, &thread),
                  ERR_INVALID_ARGUMENT);
    EXPECT_STATUS(thread_create(HANDLE_SELF, SERVER_BASE, 0x500000, 0, &thread),
                  ERR_INVALID_ARGUMENT);
    EXPECT_STATUS(thread_create(HANDLE_SELF, 0x400000, KERNEL_BASE, 0, &thread),
                  ERR_INVALID_ARGUMENT);
    EXPECT_STATUS(thread_create(HANDLE_SELF, 0, 0x500000, 0, &thread), ERR_INVALID_ARGUMENT);
}

static void thread_ends_with_its_code_and_signals(void)
{
    struct thread_info info;
    handle_t thread = thread_start(return_argument, (void *)42);

    EXPECT(thread);
    EXPECT_OK(wait_for(thread, SIGNAL_TERMINATED, soon()));
    EXPECT_OK(thread_info(thread, &info));
    EXPECT(info.state == THREAD_DEAD && info.exit_code == 42);
    EXPECT_BAD_ADDRESS(thread_info(thread, bad));
    EXPECT_OK(thread_set(thread, THREAD_PRIORITY, 3));
    EXPECT_OK(thread_kick(thread));
    EXPECT(thread_join(thread));
}

static void kick_interrupts_a_sleep(void)
{
    struct thread_info info;
    handle_t thread = thread_start(sleep_long, NULL);

    EXPECT(thread);
    sleep_ms(10);
    EXPECT_OK(thread_kick(thread));
    EXPECT_OK(wait_for(thread, SIGNAL_TERMINATED, soon()));
    EXPECT_OK(thread_info(thread, &info));
    EXPECT(info.exit_code == 5);
    EXPECT(thread_join(thread));
}

static volatile uint32_t word;

static uint32_t wait_uninterruptibly(void *unused)
{
    (void)unused;
    REQUIRE(futex_wait((uintptr_t)&word, 0, soon(), CALL_UNINTERRUPTIBLE) == OK);
    REQUIRE(wait_any(NULL, 0, soon()) == ERR_INTERRUPTED);
    REQUIRE(wait_any(NULL, 0, now() + 10 * MS) == ERR_TIMED_OUT);
    return 7;
}

static void kick_of_an_uninterruptible_wait_stays_pending_and_comes_once(void)
{
    struct thread_info info;
    uint32_t woken;

    word = 0;
    handle_t thread = thread_start(wait_uninterruptibly, NULL);
    EXPECT(thread);
    sleep_ms(10);
    EXPECT_OK(thread_kick(thread));
    sleep_ms(10);
    word = 1;
    EXPECT_OK(futex_wake((uintptr_t)&word, 1, &woken));
    EXPECT(woken == 1);
    EXPECT_OK(wait_for(thread, SIGNAL_TERMINATED, soon()));
    EXPECT_OK(thread_info(thread, &info));
    EXPECT_STATUS(info.exit_code, 7);
    EXPECT(thread_join(thread));
}

static void priorities_out_of_range_are_refused(void)
{
    EXPECT_STATUS(thread_set(HANDLE_SELF, THREAD_PRIORITY, 0), ERR_OUT_OF_RANGE);
    EXPECT_STATUS(thread_set(HANDLE_SELF, THREAD_PRIORITY, PRIORITY_COUNT), ERR_OUT_OF_RANGE);
    EXPECT_STATUS(thread_set(HANDLE_SELF, THREAD_SLICE, 0), ERR_OUT_OF_RANGE);
    EXPECT_STATUS(thread_set(HANDLE_SELF, THREAD_SLICE, SLICE_MAX + 1), ERR_OUT_OF_RANGE);
    EXPECT_STATUS(thread_set(HANDLE_SELF, 99, 1), ERR_INVALID_ARGUMENT);
    EXPECT_OK(thread_set(HANDLE_SELF, THREAD_PRIORITY, PRIORITY_NORMAL));
    EXPECT_OK(thread_yield(0));
    EXPECT_STATUS(thread_yield(1), ERR_INVALID_ARGUMENT);
}

static uint32_t read_tls(void *unused)
{
    static uint32_t area[4] = {0x11, 0x22, 0x33, 0x44};
    uint32_t value;

    (void)unused;
    REQUIRE(thread_tls((uintptr_t)area) == OK);
    __asm__ volatile("movl %%gs:8, %0" : "=r"(value));
    REQUIRE(value == 0x33);
    REQUIRE(thread_yield(0) == OK);
    REQUIRE(wait_any(NULL, 0, now() + 5 * MS) == ERR_TIMED_OUT);
    __asm__ volatile("movl %%gs:12, %0" : "=r"(value));
    REQUIRE(value == 0x44);
    REQUIRE(thread_tls(KERNEL_BASE) == ERR_BAD_ADDRESS);
    return 8;
}

static void tls_base_belongs_to_the_thread(void)
{
    struct thread_info info;
    handle_t thread = thread_start(read_tls, NULL);

    EXPECT(thread);
    EXPECT_OK(wait_for(thread, SIGNAL_TERMINATED, soon()));
    EXPECT_OK(thread_info(thread, &info));
    EXPECT_STATUS(info.exit_code, 8);
    EXPECT(thread_join(thread));
}

/* ---- exceptions ---- */

static uint32_t write_kernel(void *unused)
{
    (void)unused;
    *(volatile uint32_t *)KERNEL_BASE = 1;
    return 1;
}

static uint32_t read_nothing(void *unused)
{
    (void)unused;
    return *(volatile uint32_t *)bad_pointers[0];
}

static uint32_t execute_hlt(void *unused)
{
    (void)unused;
    __asm__ volatile("hlt");
    return 1;
}

static uint32_t use_port(void *unused)
{
    (void)unused;
    __asm__ volatile("outb %%al, $0x80" ::"a"(0));
    return 1;
}

static uint32_t divide_by_zero(void *unused)
{
    (void)unused;
    __asm__ volatile("xorl %%ecx, %%ecx; movl %%ecx, %%edx; movl $1, %%eax; divl %%ecx" ::
                         : "eax", "ecx", "edx");
    return 1;
}

static void exception_without_port_kills_the_process_alone(void)
{
    static uint32_t (*const faults[])(void *) = {write_kernel, read_nothing, execute_hlt, use_port,
                                                 divide_by_zero};
    struct child child;

    for (uint32_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        EXPECT_OK(child_create(NULL, &child));
        EXPECT_OK(child_start(&child, faults[i], NULL));
        EXPECT_STATUS(child_join(&child), 139);
    }
}

static uint32_t breakpoint_then_return(void *unused)
{
    uint32_t value = 1;

    (void)unused;
    __asm__ volatile("int3" : "+a"(value));
    return value;
}

static status_t set_exception_port(struct child *child, handle_t *port)
{
    status_t status = port_create(port);

    return status == OK ? process_set(child->process, PROCESS_EXCEPTION_PORT, *port) : status;
}

static void exception_port_can_resume_with_other_registers(void)
{
    struct message message;
    struct child child;
    handle_t port;

    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(set_exception_port(&child, &port));
    EXPECT_OK(child_start(&child, breakpoint_then_return, NULL));
    EXPECT_OK(port_receive(port, &message, soon()));
    const struct exception_message *exception = (void *)message.data;
    EXPECT(message.label == NOTICE_EXCEPTION && message.token);
    EXPECT(exception->vector == 3);
    struct exception_reply reply = {.action = EXCEPTION_RESUME, .regs = exception->regs};
    reply.regs.eax = 55;
    reply.regs.cs = 8; /* must not get through */
    reply.regs.eflags |= 0x3000;
    message.label = 0;
    message.size = sizeof reply;
    message.handle_count = 0;
    memcpy(message.data, &reply, sizeof reply);
    EXPECT_OK(port_reply(port, message.token, &message));
    EXPECT_STATUS(child_join(&child), 55);
    EXPECT_OK(handle_close(port));
}

static void exception_port_can_refuse(void)
{
    struct message message;
    struct child child;
    handle_t port;

    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(set_exception_port(&child, &port));
    EXPECT_OK(child_start(&child, read_nothing, NULL));
    EXPECT_OK(port_receive(port, &message, soon()));
    const struct exception_message *exception = (void *)message.data;
    EXPECT(exception->vector == 14 && exception->address == 0);
    message.size = message.handle_count = 0;
    EXPECT_OK(port_reply(port, message.token, &message));
    EXPECT_STATUS(child_join(&child), 139);
    EXPECT_OK(handle_close(port));
}

static void closed_exception_port_ends_the_faulting_process(void)
{
    struct message message;
    struct child child;
    handle_t port;

    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(set_exception_port(&child, &port));
    EXPECT_OK(child_start(&child, read_nothing, NULL));
    EXPECT_OK(port_receive(port, &message, soon()));
    EXPECT_OK(handle_close(port));
    EXPECT_STATUS(child_join(&child), 139);
}

static void unknown_calls_are_not_implemented(void)
{
    const uint32_t words[6] = {0};

    EXPECT_STATUS(raw_call(0, words), ERR_NOT_IMPLEMENTED);
    EXPECT_STATUS(raw_call(127, words), ERR_NOT_IMPLEMENTED);
    EXPECT_STATUS(raw_call(128, words), ERR_NOT_IMPLEMENTED);
    EXPECT_STATUS(raw_call(UINT32_MAX, words), ERR_NOT_IMPLEMENTED);
}

static uint32_t count_up(void *event)
{
    for (;;) {
        if (event_signal((handle_t)(uintptr_t)event, 0, SIGNAL_SET) != OK)
            return 1;
        sleep_ms(1);
    }
}

static void suspended_process_does_nothing_until_it_goes_on(void)
{
    struct child child;
    handle_t event, copy;

    EXPECT_OK(event_create(0, &event));
    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(handle_duplicate(event, RIGHT_SAME, &copy));
    EXPECT_OK(child_give(&child, 0, copy));
    EXPECT_OK(process_set(child.process, PROCESS_SUSPENDED, 1));
    EXPECT_OK(child_start(&child, count_up, (void *)(uintptr_t)child_given[0]));
    for (uint32_t i = 0; i < 2; i++) {
        EXPECT_STATUS(wait_for(event, SIGNAL_SET, now() + 30 * MS), ERR_TIMED_OUT);
        EXPECT_OK(process_set(child.process, PROCESS_SUSPENDED, 0));
        EXPECT_OK(wait_for(event, SIGNAL_SET, soon()));
        EXPECT_OK(process_set(child.process, PROCESS_SUSPENDED, 1));
        EXPECT_OK(event_signal(event, SIGNAL_SET, 0));
    }
    EXPECT_STATUS(process_set(child.process, PROCESS_SUSPENDED, 3), ERR_INVALID_ARGUMENT);
    EXPECT_OK(process_kill(child.process, 9));
    EXPECT_STATUS(child_join(&child), 9);
    EXPECT_OK(handle_close(event));
}

static uint32_t wait_for_given(void *event)
{
    return wait_for((handle_t)(uintptr_t)event, SIGNAL_SET, DEADLINE_NEVER) == OK ? 5 : 6;
}

/* The only thread of a process, when it stands still. */
static status_t stand_still(handle_t process, struct thread_context *context)
{
    status_t status = process_set(process, PROCESS_SUSPENDED, 1);

    for (uint32_t i = 0; i < 100 && status == OK; i++) {
        sleep_ms(1);
        status = process_thread(process, 0, context);
        if (status != ERR_SHOULD_WAIT)
            return status;
        status = process_set(process, PROCESS_SUSPENDED, 2);
    }
    return status;
}

static void leave(void)
{
    (void)!thread_exit(5); /* the last thread gives the process its code */
}

/* A wait is cut short, seen as about to begin, and begins again. Beside it a thread starts in a state of our choice. */
static void waits_are_made_again_after_a_standstill(void)
{
    struct child child;
    struct thread_context context;
    handle_t event, given, thread, value = 0, own;

    EXPECT_OK(event_create(0, &event));
    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(handle_duplicate(event, RIGHT_SAME, &given));
    EXPECT_OK(child_give(&child, 0, given));
    EXPECT_OK(child_start(&child, wait_for_given, (void *)(uintptr_t)child_given[0]));
    sleep_ms(5);
    EXPECT_OK(stand_still(child.process, &context));
    EXPECT(context.regs.eax == CALL_wait_any);
    EXPECT_STATUS(process_thread(child.process, context.id, &context), ERR_NOT_FOUND);
    EXPECT_OK(process_handle(child.process, child_given[0] - 1, &value, &own));
    EXPECT(value == child_given[0]);
    EXPECT_STATUS(process_put(child.process, own, value), ERR_ALREADY_EXISTS);
    EXPECT_STATUS(process_put(child.process, own, 0), ERR_INVALID_ARGUMENT);
    EXPECT_OK(process_put(child.process, own, value + 40));
    context.regs.eip = (uintptr_t)leave;
    context.regs.esp -= 1024; /* below what the first thread uses of its stack */
    EXPECT_OK(thread_create_at(child.process, &context, &thread));
    EXPECT_OK(event_signal(event, 0, SIGNAL_SET));
    EXPECT_OK(process_set(child.process, PROCESS_SUSPENDED, 0));
    EXPECT_OK(wait_for(thread, SIGNAL_TERMINATED, soon()));
    EXPECT_OK(handle_close(thread));
    EXPECT_STATUS(child_join(&child), 5);
    EXPECT_OK(handle_close(event));
}

static void hundred_processes_leave_nothing_behind(void)
{
    struct system_info before, after;
    struct child child;

    EXPECT_OK(system_info(&before));
    for (uint32_t i = 0; i < 100; i++) {
        EXPECT_OK(child_create(NULL, &child));
        EXPECT_OK(child_start(&child, return_argument, (void *)i));
        EXPECT_STATUS(child_join(&child), i);
        if (i == 4)
            EXPECT_OK(system_info(&before));
    }
    EXPECT_OK(system_info(&after));
    EXPECT(after.free_pages + 8 >= before.free_pages);
}

/* Each holds the only handle to the one before; the kernel must not recurse along them. */
static void long_chain_of_processes_goes_with_its_last_handle(void)
{
    struct child child, previous = {0};
    handle_t value;

    for (uint32_t i = 0; i < 300; i++) {
        EXPECT_OK(child_create(NULL, &child));
        EXPECT_OK(handle_close(child.space));
        if (i)
            EXPECT_OK(process_give(child.process, previous.process, RIGHT_SAME, &value));
        previous = child;
    }
    EXPECT_OK(handle_close(child.process));
}

void test_processes(void)
{
    static const struct test tests[] = {
        TEST(exit_code_of_the_last_thread_is_the_process_s),
        TEST(process_exit_ends_with_its_code),
        TEST(killed_process_ends_while_it_sleeps),
        TEST(killed_process_ends_while_it_runs),
        TEST(killed_process_without_threads_ends_at_once),
        TEST(give_to_an_ended_process_is_refused),
        TEST(given_handle_moves_with_the_rights_asked_for),
        TEST(give_needs_the_transfer_right),
        TEST(privileges_are_never_widened),
        TEST(whom_a_process_acts_for_is_told_and_kept),
        TEST(calls_that_need_a_privilege_are_refused_without_it),
        TEST(limits_of_objects_and_handles_hold),
        TEST(limit_of_threads_holds),
        TEST(process_that_exceeds_its_memory_dies_alone),
        TEST(process_info_knows_name_and_counts),
        TEST(process_next_lists_every_process_once),
        TEST(thread_start_addresses_are_checked),
        TEST(thread_ends_with_its_code_and_signals),
        TEST(kick_interrupts_a_sleep),
        TEST(kick_of_an_uninterruptible_wait_stays_pending_and_comes_once),
        TEST(priorities_out_of_range_are_refused),
        TEST(tls_base_belongs_to_the_thread),
        TEST(exception_without_port_kills_the_process_alone),
        TEST(exception_port_can_resume_with_other_registers),
        TEST(exception_port_can_refuse),
        TEST(closed_exception_port_ends_the_faulting_process),
        TEST(unknown_calls_are_not_implemented),
        TEST(suspended_process_does_nothing_until_it_goes_on),
        TEST(waits_are_made_again_after_a_standstill),
        TEST(hundred_processes_leave_nothing_behind),
        TEST(long_chain_of_processes_goes_with_its_last_handle),
    };
    test_group(tests, sizeof tests / sizeof tests[0]);
}
