/* SPDX-License-Identifier: MIT */
/*
 * The console: what kernelbase finds behind \Device\ConDrv, on a terminal of the tty server. The
 * tty's line discipline is the line editor; the server translates between UTF-8 and UTF-16.
 */
#ifndef NT_CONSOLE_H
#define NT_CONSOLE_H

#include <personalities/nt/file.h>

enum console_role {
    CONSOLE_ROLE_SERVER,
    CONSOLE_ROLE_REFERENCE,
    CONSOLE_ROLE_CONNECTION,
    CONSOLE_ROLE_INPUT,
    CONSOLE_ROLE_OUTPUT,
};

/* What kernelbase calls CTRL_C_EVENT and CTRL_BREAK_EVENT. */
enum console_event { CONSOLE_CTRL_C, CONSOLE_CTRL_BREAK };

/* Consumes both handles; held. */
struct console *console_new(handle_t terminal, handle_t event);
struct console *console_hold(struct console *console);
void console_release(struct console *console); /* NULL is allowed */
/* A file object on the console. */
NTSTATUS console_file(struct console *console, enum console_role role, ACCESS_MASK access,
                      struct object **file);
/* Byte reads and writes, as ReadFile and WriteFile of a console handle make them. */
NTSTATUS console_read(struct nt_thread *thread, struct nt_file *file, void *to, uint32_t length,
                      uint32_t *done);
NTSTATUS console_write(struct nt_thread *thread, struct nt_file *file, const void *from,
                       uint32_t length, uint32_t *done);
/* What a wait on an input handle waits for; false: something is there already. */
bool console_wait_item(struct nt_file *file, struct wait_item *item);
bool console_readable(struct nt_file *file);
/* Run a program's handlers for an event, in a thread of their own; false: it has no console, or cannot. */
bool console_tell(struct nt_process *process, enum console_event event);
/* The number by which GenerateConsoleCtrlEvent names the programs that were started into one group. */
static inline uint32_t console_group(const struct nt_process *process)
{
    return process->console_group ? process->console_group : process->pid * 4;
}
/* New handles to the terminal and its event. */
void console_descriptor(struct console *console, handle_t *terminal, handle_t *event);

/* ---- for snapshots ---- */
struct snapshot;
struct snap_note;
/* Adds a CONSOLE note; gives the lock up. */
void console_save(struct console *console, struct snapshot *snapshot);
/* Sets the console, and the terminal that it is on now, as the note says. */
void console_restore(struct console *console, const struct snap_note *note);

#endif
