/* SPDX-License-Identifier: MIT */
/* Client of console drivers and byte channels (abi/protocols/console.def). */
#ifndef IPC_CONSOLECLIENT_H
#define IPC_CONSOLECLIENT_H

#include <atomik/objects.h>

struct console_channel {
    handle_t port, input, output; /* driver; read end; write end */
};

/* Waits for the driver of that name and takes its streams over. */
status_t console_client_open(handle_t init, const char *name, struct console_channel *channel);

#endif
