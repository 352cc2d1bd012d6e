/* SPDX-License-Identifier: MIT */
/* Crash reports go to the error output that the program was started with, or to the log. */
#include <stdio.h>
#include <string.h>

#include <atomik/log.h>
#include <atomik/syscall.h>
#include <atomik/time.h>
#include <ipc/fsclient.h>
#include <ipc/ttyclient.h>

#include "native.h"

struct report {
    char text[4096];
    size_t length;
};

static void add_line(void *context, const char *line)
{
    struct report *report = context;
    size_t room = sizeof report->text - report->length;
    int length = snprintf(report->text + report->length, room, "%s\n", line);
    report->length += (size_t)length < room ? (size_t)length : room - 1;
}

/* A second is enough for anything that takes bytes at all; a full pipe must not hold us up. */
static status_t write_to_program(const struct native_process *process, const char *text,
                                 size_t length)
{
    uint32_t done;
    size_t written;
    switch (process->error_fd.kind) {
    case FD_STREAM_WRITE:
        return stream_write(process->error_handle, text, (uint32_t)length, &done,
                            time_monotonic() + NS_PER_S);
    case FD_TTY:
        return tty_client_write(process->error_handle, text, length, TTY_NONBLOCK, 0, 0, &written);
    case FD_FILE:
        return fs_client_write(process->error_handle, FS_POSITION, text, length, &written, NULL);
    default:
        return ERR_BAD_HANDLE;
    }
}

void native_say(const struct native_process *process, const char *text, size_t length)
{
    if (write_to_program(process, text, length) != OK)
        log_printf("%s", text);
}

void crash_report(struct native_process *process, const struct exception_message *exception)
{
    static struct report report; /* only the watch thread reports */
    const char *name = process->command_length > 0 ? process->command : "?";
    report.length = 0;
    program_crash_report(name, process->pid, exception, process->program.space, process->image,
                         add_line, &report);
    native_say(process, report.text, report.length);
}
