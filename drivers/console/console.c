/* SPDX-License-Identifier: MIT */
/* The service side of the console protocol; see console.h. */
#include "console.h"

#include <atomik/syscall.h>
#include <ipc/call.h>

static status_t connect(struct console *console, struct message *message)
{
    handle_t keys_read, keys_write, shown_read, shown_write;
    status_t status = stream_create(CONSOLE_STREAM_CAPACITY, &keys_read, &keys_write);
    if (status != OK)
        return status;
    status = stream_create(CONSOLE_STREAM_CAPACITY, &shown_read, &shown_write);
    if (status != OK) {
        handle_drop(&keys_read);
        handle_drop(&keys_write);
        return status;
    }
    handle_drop(&console->keys);
    handle_drop(&console->shown);
    console->keys = keys_write;
    console->shown = shown_read;
    message->handles[0] = keys_read;
    message->handles[1] = shown_write;
    message->handle_count = 2;
    ((struct console_connect_reply *)message->data)->size = console->size;
    message->size = sizeof(struct console_connect_reply);
    return OK;
}

static void drop_handles(struct message *message)
{
    for (uint32_t i = 0; i < message->handle_count; i++)
        handle_drop(&message->handles[i]);
    message->handle_count = 0;
}

bool __attribute__((weak))
console_other(struct console *console, uint32_t token, const struct message *message)
{
    (void)console, (void)token, (void)message;
    return false;
}

void console_serve(struct console *console)
{
    struct message message;
    while (port_receive(console->service, &message, DEADLINE_POLL) == OK) {
        uint32_t token = message.token, label = message.label;
        drop_handles(&message);
        bool user = message.principal != 0; /* a console is the terminal server's */
        if (token == 0 || (!user && console_other(console, token, &message)))
            continue;
        message.size = 0;
        message.label = (uint32_t)(user                             ? ERR_NOT_PERMITTED
                                   : label == LABEL_console_connect ? connect(console, &message)
                                                                    : ERR_NOT_IMPLEMENTED);
        if (port_reply(console->service, token, &message) != OK)
            drop_handles(&message);
    }
}

void console_type(struct console *console, const uint8_t *bytes, uint32_t count)
{
    uint32_t done;
    if (console->keys != HANDLE_NONE &&
        stream_write(console->keys, bytes, count, &done, DEADLINE_POLL) != OK)
        return; /* nobody reads: keys typed into a full queue are lost, as on any terminal */
}

uint32_t console_take(struct console *console, uint8_t *bytes, uint32_t length)
{
    uint32_t done = 0;
    if (console->shown == HANDLE_NONE)
        return 0;
    status_t status = stream_read(console->shown, bytes, length, &done, DEADLINE_POLL);
    if (status == OK && done == 0) /* the other side is gone */
        handle_drop(&console->shown);
    return status == OK ? done : 0;
}
