/* SPDX-License-Identifier: MIT */
/*
 * The terminal server: two consoles, one per console driver, and pseudo terminals. Terminal 0 is the
 * main console, the serial line if the kernel command line says console=serial, else the screen. One
 * thread; every wait is in the loop below. A console driver that is away is looked for every RECONNECT.
 */
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <ipc/call.h>
#include <ipc/initclient.h>
#include <service/loop.h>
#include <string.h>

#include "server.h"
#include "terminal.h"

#define RECONNECT 20000000ull /* ns */

static handle_t init_port, service;

handle_t lookup_console(const char *name)
{
    handle_t handle;
    return init_name_lookup(init_port, name, false, &handle) == OK ? handle : HANDLE_NONE;
}

void signal_processes(int32_t pid, uint32_t signal)
{
    uint32_t count;
    if (init_proc_signal(init_port, pid, signal, 0, &count) != OK)
        return; /* no such group any more: nobody to tell */
}

static void open_console(struct message *message)
{
    struct tty_open_request request = *(struct tty_open_request *)message->data;
    if (message->size < sizeof request || request.index >= CONSOLES) {
        message->label = (uint32_t)ERR_NO_DEVICE;
        message->size = 0;
        return;
    }
    open_answer(terminals[request.index], false, service, message);
    if (message->label != OK)
        return;
    message->size = sizeof(struct tty_open_reply);
    ((struct tty_open_reply *)message->data)->index = request.index;
}

static bool server_request(struct message *message)
{
    if (message->label != LABEL_tty_open)
        return pty_server_request(service, message);
    open_console(message);
    return true;
}

/* Which terminal somebody gets, whose it is, and what is typed at it: not for a program to say. */
static const uint32_t for_system[] = {LABEL_tty_open,        LABEL_pty_open,   LABEL_tty_set_group,
                                      LABEL_tty_set_session, LABEL_tty_hangup, LABEL_tty_input,
                                      LABEL_tty_break,       LABEL_pty_import, 0};

static bool handle_request(struct message *message)
{
    struct open *open = open_of_badge(message->badge);
    if (service_refuses(for_system, message))
        return request_done(message, ERR_NOT_PERMITTED, 0);
    return open ? terminal_request(open, service, message) : server_request(message);
}

static void refuse_handles(struct message *message)
{
    for (uint32_t i = 0; i < message->handle_count; i++)
        handle_drop(&message->handles[i]);
    message->handle_count = 0;
}

static void handle_notice(const struct message *message)
{
    if (message->label == NOTICE_BADGE_CLOSED)
        open_closed(message->badge, service);
    if (message->label != NOTICE_CANCELLED)
        return;
    for (uint32_t i = 0; i < CONSOLES + PTY_MAX; i++)
        if (terminals[i] != NULL)
            terminal_cancel(terminals[i], *(const uint32_t *)message->data);
}

static void handle_message(struct message *message)
{
    uint32_t token = message->token;
    refuse_handles(message);
    if (token == 0) {
        handle_notice(message);
        return;
    }
    if (handle_request(message) && port_reply(service, token, message) != OK)
        refuse_handles(message); /* the caller is gone */
}

static void drain_messages(void)
{
    struct message message;
    while (port_receive(service, &message, DEADLINE_POLL) == OK)
        handle_message(&message);
}

/* What a console has to wait for besides requests; returns the items put. */
static uint32_t console_items(const struct terminal *terminal, struct wait_item *items)
{
    uint32_t count = 0;
    if (terminal->input != HANDLE_NONE)
        items[count++] = (struct wait_item){.handle = terminal->input,
                                            .wanted = SIGNAL_READABLE | SIGNAL_PEER_CLOSED};
    if (terminal_output_pending(terminal))
        items[count++] = (struct wait_item){.handle = terminal->output,
                                            .wanted = SIGNAL_WRITABLE | SIGNAL_PEER_CLOSED};
    return count;
}

static void wait_for_work(void)
{
    struct wait_item items[1 + 2 * CONSOLES] = {{.handle = service, .wanted = SIGNAL_READABLE}};
    ktime_t deadline = DEADLINE_NEVER;
    uint32_t count = 1;
    for (uint32_t i = 0; i < CONSOLES + PTY_MAX; i++) {
        const struct terminal *terminal = terminals[i];
        if (terminal == NULL)
            continue;
        ktime_t due = terminal_deadline(terminal);
        if (terminal->console != NULL && terminal->input == HANDLE_NONE) {
            ktime_t again = monotonic_now() + RECONNECT;
            due = again < due ? again : due;
        }
        deadline = due < deadline ? due : deadline;
        if (i < CONSOLES)
            count += console_items(terminal, items + count);
    }
    status_t status = wait_any(items, count, deadline);
    if (status != OK && status != ERR_TIMED_OUT && status != ERR_INTERRUPTED)
        process_fail("wait_any", status);
}

static bool serial_is_main(void)
{
    char line[512];
    uint32_t length = 0;
    if (system_cmdline(line, sizeof line - 1, &length) != OK)
        return false;
    line[length < sizeof line ? length : sizeof line - 1] = 0;
    return strstr(line, "console=serial") != NULL;
}

static void make_console(uint32_t index, const char *driver)
{
    static struct terminal consoles[CONSOLES];
    consoles[index].console = driver;
    consoles[index].number = index;
    if (!terminal_init(&consoles[index]))
        process_fail("tty: event", ERR_NO_MEMORY);
    terminals[index] = &consoles[index];
}

int main(void)
{
    bool serial = serial_is_main();
    init_port = startup_handle(STARTUP_INIT);
    service = startup_handle(STARTUP_SERVICE);
    make_console(0, serial ? "console/serial" : "console/vga");
    make_console(1, serial ? "console/vga" : "console/serial");
    for (;;) {
        for (uint32_t i = 0; i < CONSOLES + PTY_MAX; i++) {
            if (terminals[i] == NULL)
                continue;
            if (i < CONSOLES && terminals[i]->input == HANDLE_NONE)
                console_connect(terminals[i]);
            terminal_run(terminals[i], service);
        }
        wait_for_work();
        drain_messages();
    }
}
