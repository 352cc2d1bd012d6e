/* SPDX-License-Identifier: MIT */
/* The driver's side of a console: two streams, connected again when the driver was restarted. */
#include <atomik/syscall.h>
#include <ipc/call.h>
#include <protocols/console.h>

#include "server.h"
#include "terminal.h"

static void disconnect(struct terminal *terminal)
{
    handle_drop(&terminal->input);
    handle_drop(&terminal->output);
}

void console_connect(struct terminal *terminal)
{
    struct message message = {.label = LABEL_console_connect};
    handle_t driver = lookup_console(terminal->console);
    if (driver == HANDLE_NONE)
        return;
    status_t status = port_call(driver, &message, DEADLINE_NEVER, 0);
    handle_drop(&driver);
    if (status != OK || message.label != OK || message.handle_count != 2)
        return;
    disconnect(terminal);
    terminal->input = message.handles[0];
    terminal->output = message.handles[1];
    const struct console_connect_reply *reply = (const void *)message.data;
    if (message.size >= sizeof *reply && reply->size.rows != 0)
        terminal->size = reply->size;
}

void console_push(struct terminal *terminal)
{
    while (terminal_output_pending(terminal)) {
        uint32_t from = terminal->out_tail % OUTPUT_QUEUE, done = 0;
        uint32_t count = terminal->out_head - terminal->out_tail;
        if (count > OUTPUT_QUEUE - from)
            count = OUTPUT_QUEUE - from;
        if (count > 2048)
            count = 2048;
        status_t status =
            stream_write(terminal->output, terminal->out + from, count, &done, DEADLINE_POLL);
        if (status == ERR_PEER_CLOSED)
            disconnect(terminal);
        if (status != OK)
            return;
        terminal->out_tail += done;
    }
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
