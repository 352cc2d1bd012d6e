/* SPDX-License-Identifier: MIT */
/* The service side of the console protocol; see console.h. */
#include "console.h"

#include <atomik/syscall.h>
#include <ipc/call.h>

/* Where bytes of an earlier connection are counted, which nobody asks for. */
static uint32_t nobodys_counter;

static status_t map_progress(handle_t vmo, struct console_progress **progress)
{
    struct map_request request = {
        .vmo = vmo, .length = PAGE_SIZE, .prot = PROT_R | PROT_W, .flags = MAP_FLAG_SHARED};
    status_t status = space_map(HANDLE_SELF, &request);
    if (status == OK)
        *progress = (struct console_progress *)(uintptr_t)request.address;
    return status;
}

/* A new page for each connection: the last one's may still be read. */
static status_t new_progress(struct console *console, handle_t *vmo)
{
    struct console_progress *old = console->progress;
    status_t status = vmo_create(0, PAGE_SIZE, vmo);
    if (status != OK)
        return status;
    status = map_progress(*vmo, &console->progress);
    if (status != OK) {
        handle_drop(vmo);
        return status;
    }
    console->counter = &nobodys_counter;
    return old == NULL ? OK : space_unmap(HANDLE_SELF, (uint32_t)(uintptr_t)old, PAGE_SIZE);
}

void console_count(struct console *console)
{
    console->counter = &nobodys_counter;
}

static status_t new_streams(handle_t keys[2], handle_t shown[2])
{
    status_t status = stream_create(CONSOLE_STREAM_CAPACITY, &keys[0], &keys[1]);
    if (status != OK)
        return status;
    status = stream_create(CONSOLE_STREAM_CAPACITY, &shown[0], &shown[1]);
    if (status != OK) {
        handle_drop(&keys[0]);
        handle_drop(&keys[1]);
    }
    return status;
}

static status_t connect(struct console *console, struct message *message)
{
    handle_t keys[2], shown[2], progress = HANDLE_NONE; /* read end, write end */
    status_t status = console->counter != NULL ? new_progress(console, &progress) : OK;
    if (status == OK)
        status = new_streams(keys, shown);
    if (status != OK) {
        handle_drop(&progress);
        return status;
    }
    handle_drop(&console->keys);
    handle_drop(&console->shown);
    console->keys = keys[1];
    console->shown = shown[0];
    message->handles[0] = keys[0];
    message->handles[1] = shown[1];
    message->handles[2] = progress;
    message->handle_count = progress != HANDLE_NONE ? 3 : 2;
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
    if (console->progress != NULL)
        console->counter = &console->progress->shown;
    if (console->shown == HANDLE_NONE)
        return 0;
    status_t status = stream_read(console->shown, bytes, length, &done, DEADLINE_POLL);
    if (status == OK && done == 0) /* the other side is gone */
        handle_drop(&console->shown);
    return status == OK ? done : 0;
}
