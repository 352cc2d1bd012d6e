/* SPDX-License-Identifier: MIT */
/*
 * The terminal server: two terminals, one per console driver. Terminal 0 is the main console, the
 * serial line if the kernel command line says console=serial, else the screen. One thread; every
 * wait is in the loop below. A console driver that is away is looked for every RECONNECT.
 */
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <ipc/call.h>
#include <ipc/initclient.h>
#include <string.h>

#include "server.h"
#include "terminal.h"

#define TERMINALS 2
#define RECONNECT 20000000ull /* ns */

static struct terminal terminals[TERMINALS];
static handle_t init_port, service;
static uint32_t
    opens; /* makes the badges of open terminals unique: badge = opens * TERMINALS + index */

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

/* Fills *message with a handle to the terminal; false leaves an error in the label. */
static void open_terminal(struct message *message)
{
    struct tty_open_request request = *(struct tty_open_request *)message->data;
    handle_t terminal, event;
    message->size = 0;
    if (request.index >= TERMINALS) {
        message->label = (uint32_t)ERR_NO_DEVICE;
        return;
    }
    status_t status = port_badge(service, ++opens * TERMINALS + request.index, &terminal);
    if (status == OK) {
        status = handle_duplicate(terminals[request.index].event,
                                  RIGHT_WAIT | RIGHT_TRANSFER | RIGHT_DUPLICATE, &event);
        if (status != OK)
            handle_drop(&terminal);
    }
    message->label = (uint32_t)status;
    if (status != OK)
        return;
    message->handles[0] = terminal;
    message->handles[1] = event;
    message->handle_count = 2;
    message->size = sizeof(struct tty_open_reply);
    ((struct tty_open_reply *)message->data)->index = request.index;
}

static void refuse_handles(struct message *message)
{
    for (uint32_t i = 0; i < message->handle_count; i++)
        handle_drop(&message->handles[i]);
    message->handle_count = 0;
}

static void handle_message(struct message *message)
{
    uint32_t token = message->token;
    bool answered = true;
    refuse_handles(message);
    if (token == 0) {
        if (message->label == NOTICE_CANCELLED)
            for (uint32_t i = 0; i < TERMINALS; i++)
                terminal_cancel(&terminals[i], *(uint32_t *)message->data);
        return;
    }
    if (message->label == LABEL_tty_open)
        open_terminal(message);
    else if (message->badge >= TERMINALS)
        answered = terminal_request(&terminals[message->badge % TERMINALS], service, message);
    else
        message->label = (uint32_t)ERR_NOT_IMPLEMENTED;
    if (answered && port_reply(service, token, message) != OK)
        refuse_handles(message); /* the caller is gone */
}

static void drain_messages(void)
{
    struct message message;
    while (port_receive(service, &message, DEADLINE_POLL) == OK)
        handle_message(&message);
}

static void wait_for_work(void)
{
    struct wait_item items[1 + 2 * TERMINALS] = {{.handle = service, .wanted = SIGNAL_READABLE}};
    ktime_t deadline = DEADLINE_NEVER;
    uint32_t count = 1;
    uint64_t now = 0;
    for (uint32_t i = 0; i < TERMINALS; i++) {
        struct terminal *terminal = &terminals[i];
        ktime_t due = terminal_deadline(terminal);
        if (terminal->input == HANDLE_NONE && clock_get(CLOCK_MONOTONIC_NS, &now) == OK &&
            now + RECONNECT < due)
            due = now + RECONNECT;
        deadline = due < deadline ? due : deadline;
        if (terminal->input != HANDLE_NONE)
            items[count++] = (struct wait_item){.handle = terminal->input,
                                                .wanted = SIGNAL_READABLE | SIGNAL_PEER_CLOSED};
        if (terminal_output_pending(terminal))
            items[count++] = (struct wait_item){.handle = terminal->output,
                                                .wanted = SIGNAL_WRITABLE | SIGNAL_PEER_CLOSED};
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

int main(void)
{
    bool serial = serial_is_main();
    init_port = startup_handle(STARTUP_INIT);
    service = startup_handle(STARTUP_SERVICE);
    terminal_init(&terminals[0], serial ? "console/serial" : "console/vga");
    terminal_init(&terminals[1], serial ? "console/vga" : "console/serial");
    for (;;) {
        for (uint32_t i = 0; i < TERMINALS; i++) {
            if (terminals[i].input == HANDLE_NONE)
                terminal_connect(&terminals[i]);
            terminal_run(&terminals[i], service);
        }
        wait_for_work();
        drain_messages();
    }
}
