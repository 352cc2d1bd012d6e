/* SPDX-License-Identifier: MIT */
/* Terminals as open files and as controlling terminals of sessions. */
#ifndef POSIX_TTY_H
#define POSIX_TTY_H

#include <protocols/tty.h>

#include "core.h"

struct file;
struct file_ops;
struct process;
struct session;

#define TTY_DEVICES 5u  /* st_dev of terminals */
#define PTS_DEVICE  20u /* st_dev of /dev/pts */
#define PTS_MAJOR   136u

/* One opened terminal of the terminal server; several descriptions may share it. */
struct tty {
    uint32_t references;
    handle_t terminal, event;
    uint32_t kind, number; /* enum tty_kind */
};
extern const struct file_ops tty_ops;
/* Takes the handles; NULL: they are closed. */
struct tty *tty_new(handle_t terminal, handle_t event);
void tty_hold(struct tty *tty);
void tty_release(struct tty *tty);
uint32_t tty_rdev(const struct tty *tty);
/* A file for it, called by this device number; takes over the reference. */
struct file *tty_file_of(struct tty *tty, uint32_t flags, uint32_t rdev);
/* The session leader has ended: hang up, give the terminal up, release it. */
void tty_leader_ended(struct tty *tty, uint32_t sid);
/* The session gives its terminal up; its foreground group is told. Releases it. */
void tty_give_up(struct tty *tty, uint32_t sid);
/* If the terminal belongs to the process's session, it becomes its controlling terminal here too. */
void tty_adopt(struct file *file, struct process *process);
/* A session leader without a terminal gets the one it opens. */
void tty_claim_if_leader(struct tty *tty, uint32_t flags);
/* The tty of a file, or NULL if the file is no terminal. */
struct tty *tty_of(struct file *file);
/* Foreground group of the controlling terminal as of now, 0 if there is none; without the lock. */
uint32_t tty_foreground(struct process *process);
/* A line on the main terminal and in the log, by a thread without the lock. */
void tty_announce(const char *line);
/* Opens the calling process's controlling terminal. */
int tty_open_controlling(uint32_t flags, struct file **result);
/* Whether the calling process may change the terminal now: 0, or what job control answers. */
int tty_check_foreground(struct tty *tty);
/* A call to the terminal server, made again if that was restarted. */
status_t tty_server_call(status_t (*call)(handle_t tty, void *context), void *context);

/* ---- ttyioctl.c ---- */
int tty_ioctl(struct file *file, uint32_t request, user_t argument);

/* ---- pty.c ---- */
int pty_open_master(uint32_t flags, struct file **result);
int pty_open_number(uint32_t number, uint32_t flags, struct file **result);
bool pty_exists(uint32_t number);
bool pty_next(uint32_t *number); /* the lowest from *number on; false: none */
int pty_ioctl(struct tty *master, uint32_t request, user_t argument);

#endif
