/* SPDX-License-Identifier: MIT */
/* Terminals as open files and as controlling terminals of sessions. */
#ifndef POSIX_TTY_H
#define POSIX_TTY_H

#include "core.h"

struct file;
struct process;
struct session;

/* One opened terminal of the terminal server; several descriptions may share it. */
struct tty {
    uint32_t references;
    handle_t terminal, event;
};
struct tty *tty_new(handle_t terminal,
                    handle_t event); /* takes the handles; NULL: they are closed */
void tty_hold(struct tty *tty);
void tty_release(struct tty *tty);
/* The session leader has ended: hang up the foreground group, give the terminal up, release it. */
void tty_leader_ended(struct tty *tty, uint32_t sid);
/* If the terminal belongs to the process's session, it becomes its controlling terminal here too. */
void tty_adopt(struct file *file, struct process *process);
/* The tty of a file, or NULL if the file is no terminal. */
struct tty *tty_of(struct file *file);
/* Foreground group of the controlling terminal as of now, 0 if there is none; without the lock. */
uint32_t tty_foreground(struct process *process);
/* A line on the main terminal and in the log, by a thread without the lock. */
void tty_announce(const char *line);
/* Opens the calling process's controlling terminal. */
int tty_open_controlling(uint32_t flags, struct file **result);

#endif
