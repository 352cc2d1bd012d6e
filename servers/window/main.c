/* SPDX-License-Identifier: MIT */
/*
 * Passes the size of the host's terminal window on to the main terminal. The host command sends a
 * struct tty_size over the channel "atomik.window" whenever its window has changed; terminals' own
 * rules then tell the foreground programs.
 */
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <ipc/call.h>
#include <ipc/consoleclient.h>
#include <ipc/initclient.h>
#include <ipc/ttyclient.h>
#include <protocols/tty.h>

#define MAIN_TERMINAL 0

static status_t read_size(handle_t sizes, struct tty_size *size)
{
    uint8_t *at = (uint8_t *)size, *end = at + sizeof *size;
    while (at < end) {
        uint32_t done;
        status_t status = stream_read(sizes, at, (uint32_t)(end - at), &done, DEADLINE_NEVER);
        if (status != OK)
            return status;
        if (done == 0)
            return ERR_PEER_CLOSED;
        at += done;
    }
    return OK;
}

/* The terminal is opened for each change: the terminal server may have been started again since. */
static status_t resize(handle_t init, const struct tty_size *size)
{
    handle_t tty, terminal, event;
    status_t status = init_name_lookup(init, "tty", true, &tty);
    if (status != OK)
        return status;
    status = tty_client_open(tty, MAIN_TERMINAL, &terminal, &event);
    handle_drop(&tty);
    if (status != OK)
        return status;
    status = tty_client_set_size(terminal, size);
    handle_drop(&terminal);
    handle_drop(&event);
    return status;
}

int main(void)
{
    handle_t init = startup_handle(STARTUP_INIT);
    struct console_channel window;
    struct tty_size size;
    status_t status = console_client_open(init, "port/atomik.window", &window);
    while (status == OK) {
        status = read_size(window.input, &size);
        if (status == OK && size.rows > 0 && size.columns > 0)
            status = resize(init, &size);
    }
    process_fail("window size", status);
}
