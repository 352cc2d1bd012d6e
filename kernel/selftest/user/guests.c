/* SPDX-License-Identifier: MIT */
/*
 * Personality servers: starts the ring-1 program of server/, which tests guests from inside and
 * reports here; and what happens when a server dies.
 */
#include <kernel/selftest/user/server/protocol.h>
#include <kernel/selftest/user/test.h>

#include <string.h>

#define STACK_SIZE  65536u
#define STACK_SLACK 64

/* The server's ELF file, built into this program (server_image.S). */
extern const char server_image[], server_image_end[];

/* A server process with its port and, if it is given, the handle of its first thread. */
struct server {
    struct child child;
    handle_t port;
};

static status_t load_image(struct server *server, uint32_t *entry)
{
    struct load_result loaded;
    handle_t vmo;
    uint32_t length = (uintptr_t)server_image_end - (uintptr_t)server_image;
    status_t status = vmo_create(0, length, &vmo);

    if (status != OK)
        return status;
    for (uint32_t done = 0; done < length && status == OK; done += PAGE_SIZE) {
        uint32_t part = length - done < PAGE_SIZE ? length - done : PAGE_SIZE;
        status = vmo_write(vmo, done, server_image + done, part);
    }
    if (status == OK)
        status = space_load(server->child.space, vmo, 0, 0, &loaded);
    if (status == OK)
        *entry = loaded.entry;
    return handle_close(vmo) == OK ? status : ERR_BAD_STATE;
}

static status_t server_start(struct server *server, enum server_task task)
{
    struct process_request request = {.name = "server", .flags = PROCESS_SERVER};
    struct map_request stack = {.length = STACK_SIZE, .prot = PROT_R | PROT_W};
    handle_t badge, given;
    uint32_t entry;

    child_privileges(&request.privileges);
    request.privileges.max_pages = 10000;
    status_t status = process_create(&request, &server->child.process, &server->child.space);
    if (status == OK)
        status = load_image(server, &entry);
    if (status == OK)
        status = space_map(server->child.space, &stack);
    if (status == OK)
        status = port_create(&server->port);
    if (status == OK)
        status = port_badge(server->port, 1, &badge);
    if (status == OK)
        status = process_give(server->child.process, badge, RIGHT_SAME, &given);
    if (status == OK)
        status =
            thread_create(server->child.process, entry, stack.address + STACK_SIZE - STACK_SLACK,
                          TASK_ARGUMENT(given, task), NULL);
    return status;
}

/* One report of the server becomes a test's begin, failure or end. False: there are no more. */
static bool take_report(struct message *message)
{
    const char *text = (const char *)message->data;

    switch (message->label) {
    case REPORT_BEGIN:
        test_begin("guest:", text);
        return true;
    case REPORT_FAIL:
        test_fail("kernel/selftest/user", 0, text, 0);
        return true;
    case REPORT_END:
        test_end();
        return true;
    default:
        return false;
    }
}

static void relay_reports(struct server *server)
{
    static struct message message;
    bool more = true;

    while (more) {
        EXPECT_OK(port_receive(server->port, &message, soon()));
        EXPECT(message.token); /* a notice here: the server has died */
        more = take_report(&message);
        message.size = message.handle_count = 0;
        EXPECT_OK(port_reply(server->port, message.token, &message));
    }
}

static void run_server_tests(void)
{
    struct server server = {0};

    if (server_start(&server, TASK_TESTS) != OK) {
        test_begin("server_starts", "");
        test_fail(__FILE__, __LINE__, "cannot start the server", 0);
        test_end();
        return;
    }
    relay_reports(&server);
    /* Its handles close here, which is no leak: so this comes before the counts are taken. */
    int32_t code = child_join(&server.child);
    status_t status = handle_close(server.port);
    test_begin("", "test_server_ends_by_itself");
    if (code != 0 || status != OK)
        test_fail(__FILE__, __LINE__, "the server did not end well", code);
    test_end();
}

static void killed_server_takes_its_running_guest_with_it(void)
{
    struct server server;

    EXPECT_OK(server_start(&server, TASK_SPIN_GUEST));
    sleep_ms(30);
    EXPECT(!(signals_of(server.child.process) & SIGNAL_TERMINATED));
    EXPECT_OK(process_kill(server.child.process, 9));
    EXPECT_STATUS(child_join(&server.child), 9);
    EXPECT_OK(handle_close(server.port));
}

static void fault_of_the_server_itself_ends_it_alone(void)
{
    struct server server;

    EXPECT_OK(server_start(&server, TASK_WRITE_NOTHING));
    EXPECT_STATUS(child_join(&server.child), 139);
    EXPECT_OK(handle_close(server.port));
}

static void server_has_no_kernel_privilege(void)
{
    struct server server;

    EXPECT_OK(server_start(&server, TASK_PRIVILEGED));
    EXPECT_STATUS(child_join(&server.child), 139);
    EXPECT_OK(handle_close(server.port));
}

void test_guests(void)
{
    static const struct test tests[] = {
        TEST(killed_server_takes_its_running_guest_with_it),
        TEST(fault_of_the_server_itself_ends_it_alone),
        TEST(server_has_no_kernel_privilege),
    };

    run_server_tests();
    test_group(tests, sizeof tests / sizeof tests[0]);
}
