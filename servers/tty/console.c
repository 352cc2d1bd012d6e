/* SPDX-License-Identifier: MIT */
/*
 * The driver's side of a console: two streams, connected again when the driver was restarted. Output stays
 * in the queue until the driver has counted it as shown, so that the next driver gets what the last one has
 * left.
 */
#include <atomik/syscall.h>
#include <ipc/call.h>
#include <protocols/console.h>

#include "server.h"
#include "terminal.h"

/* The queue gets room for what has been shown; all that was sent, if the driver does not count. */
static void note_shown(struct terminal *terminal)
{
    uint32_t with_driver = terminal->out_sent - terminal->out_tail, done = with_driver;
    if (terminal->progress != NULL) {
        uint32_t shown = terminal->progress->shown;
        done = shown - terminal->shown;
        terminal->shown = shown;
    }
    terminal->out_tail += done < with_driver ? done : with_driver;
}

static void disconnect(struct terminal *terminal)
{
    note_shown(terminal);
    terminal->out_sent = terminal->out_tail;
    handle_drop(&terminal->input);
    handle_drop(&terminal->output);
    if (terminal->progress != NULL &&
        space_unmap(HANDLE_SELF, (uint32_t)(uintptr_t)terminal->progress, PAGE_SIZE) == OK)
        terminal->progress = NULL;
}

/* A driver whose count cannot be seen is one that does not count. */
static void take_progress(struct terminal *terminal, handle_t vmo)
{
    struct map_request request = {
        .vmo = vmo, .length = PAGE_SIZE, .prot = PROT_R, .flags = MAP_FLAG_SHARED};
    struct vmo_info info;
    terminal->shown = 0;
    if (vmo_info(vmo, &info) == OK && (info.size_high != 0 || info.size_low >= PAGE_SIZE) &&
        space_map(HANDLE_SELF, &request) == OK)
        terminal->progress = (const struct console_progress *)(uintptr_t)request.address;
}

void console_connect(struct terminal *terminal)
{
    struct message message = {.label = LABEL_console_connect};
    handle_t driver = lookup_console(terminal->console);
    if (driver == HANDLE_NONE)
        return;
    status_t status = port_call(driver, &message, DEADLINE_NEVER, 0);
    handle_drop(&driver);
    if (status != OK || message.label != OK || message.handle_count < 2)
        return;
    disconnect(terminal);
    terminal->input = message.handles[0];
    terminal->output = message.handles[1];
    if (message.handle_count > 2) {
        take_progress(terminal, message.handles[2]);
        handle_drop(&message.handles[2]);
    }
    const struct console_connect_reply *reply = (const void *)message.data;
    if (message.size >= sizeof *reply && reply->size.rows != 0)
        terminal->size = reply->size;
}

void console_push(struct terminal *terminal)
{
    note_shown(terminal);
    while (terminal_output_pending(terminal)) {
        uint32_t from = terminal->out_sent % OUTPUT_QUEUE, done = 0;
        uint32_t count = terminal_unsent(terminal);
        if (count > OUTPUT_QUEUE - from)
            count = OUTPUT_QUEUE - from;
        if (count > 2048)
            count = 2048;
        status_t status =
            stream_write(terminal->output, terminal->out + from, count, &done, DEADLINE_POLL);
        if (status == ERR_PEER_CLOSED) {
            console_pull(terminal); /* what has been typed before; disconnects at the end of it */
            disconnect(terminal);
        }
        if (status != OK)
            break;
        terminal->out_sent += done;
    }
    note_shown(terminal);
}

/* A key that acts at once must get through, so a full line discipline drops what else is typed. */
void console_pull(struct terminal *terminal)
{
    uint8_t bytes[256];
    uint32_t done;
    while (terminal->input != HANDLE_NONE) {
        status_t status = stream_read(terminal->input, bytes, sizeof bytes, &done, DEADLINE_POLL);
        if (status == ERR_SHOULD_WAIT)
            return;
        if (status != OK || done == 0) {
            disconnect(terminal);
            return;
        }
        for (uint32_t i = 0; i < done; i++)
            ldisc_input(&terminal->ldisc, bytes[i]);
        terminal->news |= TTY_READABLE;
    }
}
