/* SPDX-License-Identifier: MIT */
/* Ports: messages, badges, moved handles, deferred replies, cancellation, ends of either side. */
#include <kernel/selftest/user/test.h>

#include <string.h>

/* A thread or child that makes one call. */
struct client {
    handle_t port;
    ktime_t deadline;
    uint32_t flags;
    struct message message;
    volatile status_t status;
    volatile bool done;
};

static uint32_t client_run(void *argument)
{
    struct client *client = argument;

    client->status = port_call(client->port, &client->message, client->deadline, client->flags);
    client->done = true;
    return 0;
}

static void client_init(struct client *client, handle_t port)
{
    memset(client, 0, sizeof *client);
    client->port = port;
    client->deadline = DEADLINE_NEVER;
    client->message.label = 100;
}

static void set_text(struct message *message, const char *text)
{
    message->size = (uint16_t)(strlen(text) + 1);
    memcpy(message->data, text, message->size);
}

static void message_and_reply_carry_their_data(void)
{
    static struct client client;
    static struct message message;
    handle_t port, thread;

    EXPECT_OK(port_create(&port));
    client_init(&client, port);
    set_text(&client.message, "question");
    thread = thread_start(client_run, &client);
    EXPECT(thread);
    EXPECT_OK(port_receive(port, &message, soon()));
    EXPECT(message.label == 100 && message.badge == 0 && message.token != 0);
    EXPECT(message.size == 9 && !strcmp((char *)message.data, "question"));
    message.label = 7;
    set_text(&message, "the answer");
    EXPECT_OK(port_reply(port, message.token, &message));
    EXPECT(thread_join(thread));
    EXPECT_OK(client.status);
    EXPECT(client.message.label == 7 && client.message.size == 11 && client.message.token == 0);
    EXPECT(!strcmp((char *)client.message.data, "the answer"));
    EXPECT_OK(handle_close(port));
}

static void largest_message_arrives_whole(void)
{
    static struct client client;
    static struct message message;
    handle_t port, thread;

    EXPECT_OK(port_create(&port));
    client_init(&client, port);
    client.message.size = MESSAGE_BYTES;
    for (uint32_t i = 0; i < MESSAGE_BYTES; i++)
        client.message.data[i] = (uint8_t)(i * 7);
    thread = thread_start(client_run, &client);
    EXPECT(thread);
    EXPECT_OK(port_receive(port, &message, soon()));
    EXPECT(message.size == MESSAGE_BYTES);
    for (uint32_t i = 0; i < MESSAGE_BYTES; i++)
        EXPECT(message.data[i] == (uint8_t)(i * 7));
    EXPECT_OK(port_reply(port, message.token, &message));
    EXPECT(thread_join(thread));
    EXPECT_OK(client.status);
    EXPECT_OK(handle_close(port));
}

static void badge_is_seen_by_the_receiver(void)
{
    static struct client client;
    static struct message message;
    struct handle_info info;
    handle_t port, badge, second, thread;

    EXPECT_OK(port_create(&port));
    EXPECT_OK(port_badge(port, 0xabcd, &badge));
    EXPECT_OK(handle_info(badge, &info));
    EXPECT(info.type == OBJECT_PORT && info.badge == 0xabcd && !(info.rights & RIGHT_RECEIVE));
    EXPECT_STATUS(port_badge(port, 0xabcd, &second), ERR_ALREADY_EXISTS);
    EXPECT_STATUS(port_badge(port, 0, &second), ERR_INVALID_ARGUMENT);
    EXPECT_STATUS(port_badge(badge, 5, &second), ERR_ACCESS_DENIED);
    EXPECT_BAD_ADDRESS(port_badge(port, 6, bad));
    EXPECT_STATUS(port_receive(badge, &message, DEADLINE_POLL), ERR_ACCESS_DENIED);
    client_init(&client, badge);
    thread = thread_start(client_run, &client);
    EXPECT(thread);
    EXPECT_OK(port_receive(port, &message, soon()));
    EXPECT(message.badge == 0xabcd);
    EXPECT_OK(port_reply(port, message.token, &message));
    EXPECT(thread_join(thread));
    EXPECT_OK(handle_close(badge));
    EXPECT_OK(handle_close(port));
}

static void last_close_of_a_badge_sends_a_notice(void)
{
    static struct message message;
    handle_t port, badge, copy, again;

    EXPECT_OK(port_create(&port));
    EXPECT_OK(port_badge(port, 9, &badge));
    EXPECT_OK(handle_duplicate(badge, RIGHT_SAME, &copy));
    EXPECT_OK(handle_close(badge));
    EXPECT_STATUS(port_receive(port, &message, DEADLINE_POLL), ERR_SHOULD_WAIT);
    EXPECT_OK(handle_close(copy));
    EXPECT(signals_of(port) & SIGNAL_READABLE);
    EXPECT_STATUS(port_badge(port, 9, &again), ERR_ALREADY_EXISTS);
    EXPECT_OK(port_receive(port, &message, DEADLINE_POLL));
    EXPECT(message.label == NOTICE_BADGE_CLOSED && message.badge == 9 && message.token == 0);
    EXPECT(!(signals_of(port) & SIGNAL_READABLE));
    EXPECT_OK(port_badge(port, 9, &again));
    EXPECT_OK(handle_close(port));
    EXPECT(signals_of(again) & SIGNAL_PEER_CLOSED);
    EXPECT_OK(handle_close(again));
}

static void notice_of_a_badge_comes_after_its_calls(void)
{
    static struct client client;
    static struct message message;
    handle_t port, badge, thread;

    EXPECT_OK(port_create(&port));
    EXPECT_OK(port_badge(port, 3, &badge));
    client_init(&client, badge);
    thread = thread_start(client_run, &client);
    EXPECT(thread);
    sleep_ms(5);
    EXPECT_OK(handle_close(badge));
    EXPECT_OK(port_receive(port, &message, soon()));
    EXPECT(message.label == 100 && message.badge == 3);
    uint32_t token = message.token;
    EXPECT_STATUS(port_receive(port, &message, DEADLINE_POLL), ERR_SHOULD_WAIT);
    message.size = message.handle_count = 0;
    EXPECT_OK(port_reply(port, token, &message));
    EXPECT(thread_join(thread));
    EXPECT_OK(port_receive(port, &message, soon()));
    EXPECT(message.label == NOTICE_BADGE_CLOSED && message.badge == 3);
    EXPECT_OK(handle_close(port));
}

static void handles_move_with_the_message(void)
{
    static struct client client;
    static struct message message;
    struct handle_info info;
    handle_t port, thread, event, narrow;

    EXPECT_OK(port_create(&port));
    EXPECT_OK(event_create(0, &event));
    EXPECT_OK(handle_duplicate(event, RIGHT_WAIT | RIGHT_TRANSFER, &narrow));
    client_init(&client, port);
    client.message.handle_count = 2;
    client.message.handles[0] = event;
    client.message.handles[1] = narrow;
    thread = thread_start(client_run, &client);
    EXPECT(thread);
    EXPECT_OK(port_receive(port, &message, soon()));
    EXPECT(message.handle_count == 2 && !is_open(event) && !is_open(narrow));
    EXPECT_OK(handle_info(message.handles[0], &info));
    EXPECT(info.type == OBJECT_EVENT && info.rights == RIGHT_ALL);
    EXPECT_OK(handle_info(message.handles[1], &info));
    EXPECT(info.rights == (RIGHT_WAIT | RIGHT_TRANSFER));
    EXPECT_OK(event_signal(message.handles[0], 0, SIGNAL_SET));
    /* and back again with the reply */
    message.label = 0;
    EXPECT_OK(port_reply(port, message.token, &message));
    EXPECT(!is_open(message.handles[0]));
    EXPECT(thread_join(thread));
    EXPECT_OK(client.status);
    EXPECT(client.message.handle_count == 2);
    EXPECT(signals_of(client.message.handles[0]) == SIGNAL_SET);
    EXPECT_OK(handle_close(client.message.handles[0]));
    EXPECT_OK(handle_close(client.message.handles[1]));
    EXPECT_OK(handle_close(port));
}

static void handles_of_a_queued_message_are_locked_and_come_back(void)
{
    static struct client client;
    handle_t port, thread, event;

    EXPECT_OK(port_create(&port));
    EXPECT_OK(event_create(0, &event));
    client_init(&client, port);
    client.deadline = now() + 60 * MS;
    client.message.handle_count = 1;
    client.message.handles[0] = event;
    thread = thread_start(client_run, &client);
    EXPECT(thread);
    sleep_ms(10);
    EXPECT(!is_open(event));
    EXPECT_STATUS(handle_close(event), ERR_BAD_HANDLE);
    EXPECT(thread_join(thread));
    EXPECT_STATUS(client.status, ERR_TIMED_OUT);
    EXPECT_OK(handle_close(event));
    EXPECT_OK(handle_close(port));
}

static void message_with_a_wrong_handle_is_refused_whole(void)
{
    static struct message message;
    handle_t port, event, fixed;

    EXPECT_OK(port_create(&port));
    EXPECT_OK(event_create(0, &event));
    EXPECT_OK(handle_duplicate(event, RIGHT_WAIT, &fixed));
    memset(&message, 0, sizeof message);
    message.handle_count = 2;
    message.handles[0] = event;
    message.handles[1] = fixed; /* no RIGHT_TRANSFER */
    EXPECT_STATUS(port_call(port, &message, DEADLINE_POLL, 0), ERR_ACCESS_DENIED);
    message.handles[1] = event; /* twice */
    EXPECT_STATUS(port_call(port, &message, DEADLINE_POLL, 0), ERR_BAD_HANDLE);
    message.handles[1] = 0xfffffff0;
    EXPECT_STATUS(port_call(port, &message, DEADLINE_POLL, 0), ERR_BAD_HANDLE);
    EXPECT(is_open(event) && is_open(fixed));
    message.handle_count = MESSAGE_HANDLES + 1;
    EXPECT_STATUS(port_call(port, &message, DEADLINE_POLL, 0), ERR_TOO_LARGE);
    message.handle_count = 0;
    message.size = MESSAGE_BYTES + 1;
    EXPECT_STATUS(port_call(port, &message, DEADLINE_POLL, 0), ERR_TOO_LARGE);
    message.size = 0;
    EXPECT_STATUS(port_call(port, &message, DEADLINE_POLL, 2), ERR_INVALID_ARGUMENT);
    EXPECT_BAD_ADDRESS(port_call(port, bad, DEADLINE_POLL, 0));
    EXPECT_OK(handle_close(event));
    EXPECT_OK(handle_close(fixed));
    EXPECT_OK(handle_close(port));
}

static void receive_into_a_bad_buffer_leaves_the_message(void)
{
    static struct client client;
    static struct message message;
    handle_t port, thread, event;

    EXPECT_OK(port_create(&port));
    EXPECT_OK(event_create(0, &event));
    client_init(&client, port);
    client.message.handle_count = 1;
    client.message.handles[0] = event;
    thread = thread_start(client_run, &client);
    EXPECT(thread);
    sleep_ms(5);
    EXPECT_BAD_ADDRESS(port_receive(port, bad, DEADLINE_POLL));
    EXPECT_OK(port_receive(port, &message, DEADLINE_POLL));
    EXPECT(message.handle_count == 1);
    EXPECT_OK(handle_close(message.handles[0]));
    message.handle_count = 0;
    EXPECT_BAD_ADDRESS(port_reply(port, message.token, bad));
    EXPECT_OK(port_reply(port, message.token, &message));
    EXPECT(thread_join(thread));
    EXPECT_OK(client.status);
    EXPECT_OK(handle_close(port));
}

static void timeout_after_receive_sends_a_cancel_notice(void)
{
    static struct client client;
    static struct message message;
    handle_t port, badge, thread;

    EXPECT_OK(port_create(&port));
    EXPECT_OK(port_badge(port, 77, &badge));
    client_init(&client, badge);
    client.deadline = now() + 30 * MS;
    thread = thread_start(client_run, &client);
    EXPECT(thread);
    EXPECT_OK(port_receive(port, &message, soon()));
    uint32_t token = message.token, word;
    EXPECT(thread_join(thread));
    EXPECT_STATUS(client.status, ERR_TIMED_OUT);
    EXPECT_OK(port_receive(port, &message, soon()));
    EXPECT(message.label == NOTICE_CANCELLED && message.token == 0 && message.badge == 77);
    memcpy(&word, message.data, sizeof word);
    EXPECT(message.size == 4 && word == token);
    message.handle_count = 0;
    EXPECT_STATUS(port_reply(port, token, &message), ERR_CANCELLED);
    EXPECT_OK(handle_close(badge));
    EXPECT_OK(handle_close(port));
}

static void kick_cancels_a_call(void)
{
    static struct client client;
    static struct message message;
    handle_t port, thread;

    EXPECT_OK(port_create(&port));
    client_init(&client, port);
    thread = thread_start(client_run, &client);
    EXPECT(thread);
    sleep_ms(5);
    EXPECT_OK(thread_kick(thread));
    EXPECT(thread_join(thread));
    EXPECT_STATUS(client.status, ERR_INTERRUPTED);
    EXPECT_STATUS(port_receive(port, &message, DEADLINE_POLL), ERR_SHOULD_WAIT);
    EXPECT_OK(handle_close(port));
}

static void kick_does_not_cancel_an_uninterruptible_call(void)
{
    static struct client client;
    static struct message message;
    handle_t port, thread;

    EXPECT_OK(port_create(&port));
    client_init(&client, port);
    client.flags = CALL_UNINTERRUPTIBLE;
    thread = thread_start(client_run, &client);
    EXPECT(thread);
    EXPECT_OK(port_receive(port, &message, soon()));
    EXPECT_OK(thread_kick(thread));
    sleep_ms(5);
    EXPECT(!client.done);
    EXPECT_OK(port_reply(port, message.token, &message));
    EXPECT(thread_join(thread));
    EXPECT_OK(client.status);
    EXPECT_OK(handle_close(port));
}

static void end_of_the_receiver_fails_queued_and_received_calls(void)
{
    static struct client first, second;
    static struct message message;
    handle_t port, badge, caller, threads[2], event;

    EXPECT_OK(port_create(&port));
    EXPECT_OK(port_badge(port, 1, &badge));
    EXPECT_OK(handle_duplicate(port, RIGHT_CALL | RIGHT_WAIT, &caller));
    EXPECT_OK(event_create(0, &event));
    client_init(&first, badge);
    client_init(&second, caller);
    second.message.handle_count = 1;
    second.message.handles[0] = event;
    threads[0] = thread_start(client_run, &first);
    EXPECT_OK(port_receive(port, &message, soon()));
    threads[1] = thread_start(client_run, &second);
    sleep_ms(5);
    EXPECT_OK(handle_close(port));
    EXPECT(thread_join(threads[0]) && thread_join(threads[1]));
    EXPECT_STATUS(first.status, ERR_PEER_CLOSED);
    EXPECT_STATUS(second.status, ERR_PEER_CLOSED);
    EXPECT_OK(handle_close(event)); /* it came back */
    EXPECT(signals_of(badge) & SIGNAL_PEER_CLOSED);
    EXPECT(signals_of(caller) & SIGNAL_PEER_CLOSED);
    message.size = message.handle_count = 0;
    EXPECT_STATUS(port_call(badge, &message, DEADLINE_NEVER, 0), ERR_PEER_CLOSED);
    EXPECT_STATUS(port_call(caller, &message, DEADLINE_NEVER, 0), ERR_PEER_CLOSED);
    EXPECT_OK(handle_close(badge));
    EXPECT_OK(handle_close(caller));
}

static uint32_t receive_only(void *argument)
{
    struct client *client = argument;

    client->status = port_receive(client->port, &client->message, DEADLINE_NEVER);
    return 0;
}

static void close_by_another_thread_wakes_the_receiver(void)
{
    static struct client client;
    handle_t port, thread;

    EXPECT_OK(port_create(&port));
    client_init(&client, port);
    thread = thread_start(receive_only, &client);
    EXPECT(thread);
    sleep_ms(5);
    EXPECT_OK(handle_close(port));
    EXPECT(thread_join(thread));
    EXPECT_STATUS(client.status, ERR_PEER_CLOSED);
}

static void replies_may_come_in_any_order(void)
{
    static struct client clients[3];
    static struct message message;
    handle_t port, threads[3];
    uint32_t tokens[3], labels[3];

    EXPECT_OK(port_create(&port));
    for (uint32_t i = 0; i < 3; i++) {
        client_init(&clients[i], port);
        clients[i].message.label = i;
        threads[i] = thread_start(client_run, &clients[i]);
        EXPECT(threads[i]);
    }
    for (uint32_t i = 0; i < 3; i++) {
        EXPECT_OK(port_receive(port, &message, soon()));
        tokens[i] = message.token;
        labels[i] = message.label;
    }
    EXPECT(tokens[0] != tokens[1] && tokens[1] != tokens[2] && tokens[0] != tokens[2]);
    for (uint32_t i = 3; i-- > 0;) {
        message.label = labels[i] + 10;
        EXPECT_OK(port_reply(port, tokens[i], &message));
    }
    for (uint32_t i = 0; i < 3; i++) {
        EXPECT(thread_join(threads[i]));
        EXPECT(clients[i].message.label == i + 10);
    }
    EXPECT_OK(handle_close(port));
}

static void token_is_good_once_and_on_its_own_port(void)
{
    static struct client client;
    static struct message message;
    handle_t port, other, thread;

    EXPECT_OK(port_create(&port));
    EXPECT_OK(port_create(&other));
    client_init(&client, port);
    thread = thread_start(client_run, &client);
    EXPECT_OK(port_receive(port, &message, soon()));
    EXPECT_STATUS(port_reply(other, message.token, &message), ERR_CANCELLED);
    EXPECT_STATUS(port_reply(port, message.token + 1, &message), ERR_CANCELLED);
    EXPECT_STATUS(port_reply(port, 0, &message), ERR_INVALID_ARGUMENT);
    EXPECT_OK(port_reply(port, message.token, &message));
    EXPECT_STATUS(port_reply(port, message.token, &message), ERR_CANCELLED);
    EXPECT(thread_join(thread));
    EXPECT_OK(handle_close(port));
    EXPECT_OK(handle_close(other));
}

static void cancelled_reply_keeps_its_handles(void)
{
    static struct message message;
    handle_t port, event;

    EXPECT_OK(port_create(&port));
    EXPECT_OK(event_create(0, &event));
    memset(&message, 0, sizeof message);
    message.handle_count = 1;
    message.handles[0] = event;
    EXPECT_STATUS(port_reply(port, 12345, &message), ERR_CANCELLED);
    EXPECT(is_open(event));
    message.token = 12345;
    EXPECT_STATUS(port_reply_receive(port, &message, DEADLINE_POLL), ERR_SHOULD_WAIT);
    EXPECT(!is_open(event));
    EXPECT_OK(handle_close(port));
}

/* Adds one to the first word of every message until the port closes. */
static uint32_t serve_adding(void *argument)
{
    static struct message message;
    handle_t port = (handle_t)(uintptr_t)argument;
    uint32_t served = 0;

    memset(&message, 0, sizeof message);
    while (port_reply_receive(port, &message, DEADLINE_NEVER) == OK) {
        if (!message.token)
            return served;
        ++*(uint32_t *)message.data;
        served++;
    }
    return 1000000;
}

static void reply_receive_serves_one_call_after_another(void)
{
    static struct message message;
    struct thread_info info;
    handle_t port, badge, thread;

    EXPECT_OK(port_create(&port));
    EXPECT_OK(port_badge(port, 5, &badge));
    thread = thread_start(serve_adding, (void *)(uintptr_t)port);
    EXPECT(thread);
    memset(&message, 0, sizeof message);
    message.size = 4;
    for (uint32_t i = 0; i < 1000; i++) {
        EXPECT_OK(port_call(badge, &message, soon(), 0));
        EXPECT(*(uint32_t *)message.data == i + 1);
    }
    EXPECT_OK(handle_close(badge)); /* the notice ends the server */
    EXPECT_OK(wait_for(thread, SIGNAL_TERMINATED, soon()));
    EXPECT_OK(thread_info(thread, &info));
    EXPECT_STATUS(info.exit_code, 1000);
    EXPECT(thread_join(thread));
    EXPECT_OK(handle_close(port));
}

static uint32_t call_given_port(void *unused)
{
    static struct message message;

    (void)unused;
    memset(&message, 0, sizeof message);
    return (uint32_t)port_call(child_given[0], &message, DEADLINE_NEVER, 0);
}

static void killed_caller_s_call_is_cancelled_and_its_badge_closed(void)
{
    static struct message message;
    struct child child;
    handle_t port, badge;

    EXPECT_OK(port_create(&port));
    EXPECT_OK(port_badge(port, 4, &badge));
    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(child_give(&child, 0, badge));
    EXPECT_OK(child_start(&child, call_given_port, NULL));
    EXPECT_OK(port_receive(port, &message, soon()));
    EXPECT_OK(process_kill(child.process, 9));
    EXPECT_STATUS(child_join(&child), 9);
    EXPECT_OK(port_receive(port, &message, soon()));
    EXPECT(message.label == NOTICE_CANCELLED && message.badge == 4);
    EXPECT_OK(port_receive(port, &message, soon()));
    EXPECT(message.label == NOTICE_BADGE_CLOSED && message.badge == 4);
    EXPECT_OK(handle_close(port));
}

static uint32_t receive_and_die(void *unused)
{
    static struct message message;

    (void)unused;
    if (port_receive(child_given[0], &message, DEADLINE_NEVER) != OK)
        return 1;
    return *(volatile uint8_t *)bad_pointers[1]; /* crashes with the call unanswered */
}

static void caller_of_a_crashed_server_gets_peer_closed(void)
{
    static struct message message;
    struct child child;
    handle_t port, badge;

    EXPECT_OK(port_create(&port));
    EXPECT_OK(port_badge(port, 4, &badge));
    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(child_give(&child, 0, port));
    EXPECT_OK(child_start(&child, receive_and_die, NULL));
    memset(&message, 0, sizeof message);
    EXPECT_STATUS(port_call(badge, &message, soon(), 0), ERR_PEER_CLOSED);
    EXPECT_STATUS(child_join(&child), 139);
    EXPECT_OK(handle_close(badge));
}

static uint32_t receive_with_full_table(void *unused)
{
    static struct message message;
    handle_t handle;

    (void)unused;
    while (handle_duplicate(child_given[0], RIGHT_SAME, &handle) == OK)
        ;
    return port_receive(child_given[0], &message, now() + 200 * MS) == ERR_TIMED_OUT ? 0 : 1;
}

static void handles_for_a_full_table_fail_the_sender_alone(void)
{
    static struct message message;
    struct child child;
    handle_t port, badge, event;

    EXPECT_OK(port_create(&port));
    EXPECT_OK(port_badge(port, 4, &badge));
    EXPECT_OK(event_create(0, &event));
    EXPECT_OK(child_create(NULL, &child));
    EXPECT_OK(child_give(&child, 0, port));
    EXPECT_OK(child_start(&child, receive_with_full_table, NULL));
    memset(&message, 0, sizeof message);
    message.handle_count = 1;
    message.handles[0] = event;
    EXPECT_STATUS(port_call(badge, &message, soon(), 0), ERR_NO_HANDLES);
    EXPECT_OK(handle_close(event));
    EXPECT_STATUS(child_join(&child), 0);
    EXPECT_OK(handle_close(badge));
}

static void port_can_be_waited_for(void)
{
    static struct client client;
    static struct message message;
    handle_t port, thread;

    EXPECT_OK(port_create(&port));
    EXPECT_STATUS(wait_for(port, SIGNAL_READABLE, DEADLINE_POLL), ERR_SHOULD_WAIT);
    client_init(&client, port);
    thread = thread_start(client_run, &client);
    EXPECT_OK(wait_for(port, SIGNAL_READABLE, soon()));
    EXPECT_OK(port_receive(port, &message, DEADLINE_POLL));
    EXPECT_OK(port_reply(port, message.token, &message));
    EXPECT(thread_join(thread));
    EXPECT_OK(handle_close(port));
}

void test_ports(void)
{
    static const struct test tests[] = {
        TEST(message_and_reply_carry_their_data),
        TEST(largest_message_arrives_whole),
        TEST(badge_is_seen_by_the_receiver),
        TEST(last_close_of_a_badge_sends_a_notice),
        TEST(notice_of_a_badge_comes_after_its_calls),
        TEST(handles_move_with_the_message),
        TEST(handles_of_a_queued_message_are_locked_and_come_back),
        TEST(message_with_a_wrong_handle_is_refused_whole),
        TEST(receive_into_a_bad_buffer_leaves_the_message),
        TEST(timeout_after_receive_sends_a_cancel_notice),
        TEST(kick_cancels_a_call),
        TEST(kick_does_not_cancel_an_uninterruptible_call),
        TEST(end_of_the_receiver_fails_queued_and_received_calls),
        TEST(close_by_another_thread_wakes_the_receiver),
        TEST(replies_may_come_in_any_order),
        TEST(token_is_good_once_and_on_its_own_port),
        TEST(cancelled_reply_keeps_its_handles),
        TEST(reply_receive_serves_one_call_after_another),
        TEST(killed_caller_s_call_is_cancelled_and_its_badge_closed),
        TEST(caller_of_a_crashed_server_gets_peer_closed),
        TEST(handles_for_a_full_table_fail_the_sender_alone),
        TEST(port_can_be_waited_for),
    };
    test_group(tests, sizeof tests / sizeof tests[0]);
}
