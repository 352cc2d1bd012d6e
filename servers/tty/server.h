/* SPDX-License-Identifier: MIT */
/* What the terminals need of the rest of the server: init's names and signals. */
#ifndef TTY_SERVER_H
#define TTY_SERVER_H

#include <atomik/types.h>

/* The handle registered under a name now, or HANDLE_NONE. */
handle_t lookup_console(const char *name);
/* Signal a process or, negative, a group; a group without members is no error. */
void signal_processes(int32_t pid, uint32_t signal);

#endif
