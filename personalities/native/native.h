/* SPDX-License-Identifier: MIT */
/* Processes of the native personality: start, signals, end, crash reports. */
#ifndef NATIVE_NATIVE_H
#define NATIVE_NATIVE_H

#include <atomik/objects.h>
#include <program/program.h>
#include <protocols/init.h>

/*
 * A running program. Made by the event thread, ended by the watch thread; the list is under
 * process_lock.
 */
struct native_process {
    struct native_process *next;
    uint32_t pid;
    struct program program;
    handle_t image;           /* VMO of the program file: its symbols */
    struct start_fd error_fd; /* descriptor 2 as it was at the start, for crash reports */
    handle_t error_handle;
    bool has_terminal;
    uint32_t signal; /* that ended it, or 0 */
    bool stopped;
    char *command; /* argv, NUL-separated */
    size_t command_length;
};

extern handle_t native_init;    /* our private handle to init */
extern handle_t exception_port; /* where faults of our programs arrive, badge = pid */

/* Load the program that the event describes; on success it runs. The handles stay the caller's. */
status_t native_start(const struct proc_event *event, handle_t handles[4],
                      struct native_process **result);
void native_free(struct native_process *process);

/* Where a program crashed: text for its error output. */
void crash_report(struct native_process *process, const struct exception_message *exception);

#endif
