/* SPDX-License-Identifier: MIT */
/*
 * Lines for whoever sits at the main terminal, and for the log. Only for threads that may call other
 * servers; the terminal server's own end is told by the log alone.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <atomik/log.h>
#include <ipc/call.h>
#include <ipc/ttyclient.h>

#include "init.h"

static void write_terminal(const char *text, size_t length)
{
    handle_t tty, terminal, event;
    size_t done;
    mutex_lock(&init_lock);
    tty = name_get("tty");
    mutex_unlock(&init_lock);
    if (tty == HANDLE_NONE)
        return;
    if (tty_client_open(tty, 0, &terminal, &event) == OK) {
        if (tty_client_write(terminal, text, length, TTY_NONBLOCK, 0, 0, &done) != OK)
            LOG_ONCE("the terminal takes no messages");
        handle_drop(&terminal);
        handle_drop(&event);
    }
    handle_drop(&tty);
}

void announce(const char *format, ...)
{
    static const char prefix[] = "init: ";
    char text[256];
    const size_t before = sizeof prefix - 1, space = sizeof text - before - 1; /* and a new line */
    va_list arguments;
    memcpy(text, prefix, before);
    va_start(arguments, format);
    int length = vsnprintf(text + before, space, format, arguments);
    va_end(arguments);
    if (length > (int)space - 1)
        length = (int)space - 1;
    log_printf("%.*s", length, text + before);
    text[before + (size_t)length] = '\n';
    write_terminal(text,
                   before + (size_t)length + 1); /* at once, so that nothing comes in between */
}
