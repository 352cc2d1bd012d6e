/* SPDX-License-Identifier: MIT */
/* Client of the terminal server (abi/protocols/tty.def). Reads, writes and drains are interruptible. */
#ifndef IPC_TTYCLIENT_H
#define IPC_TTYCLIENT_H

#include <atomik/objects.h>
#include <protocols/tty.h>

/* tty: the server, as looked up under "tty". */
status_t tty_client_open(handle_t tty, uint32_t index, handle_t *terminal, handle_t *event);
status_t tty_client_read(handle_t terminal, void *to, size_t length, uint32_t flags, uint32_t pgid,
                         uint32_t sid, size_t *done);
/* All of it, in pieces; *done counts what was written before an error. */
status_t tty_client_write(handle_t terminal, const void *from, size_t length, uint32_t flags,
                          uint32_t pgid, uint32_t sid, size_t *done);
status_t tty_client_get_attributes(handle_t terminal, struct tty_attributes *attributes);
status_t tty_client_set_attributes(handle_t terminal, const struct tty_attributes *attributes,
                                   uint32_t when);
status_t tty_client_get_size(handle_t terminal, struct tty_size *size);
status_t tty_client_set_size(handle_t terminal, const struct tty_size *size);
status_t tty_client_get_group(handle_t terminal, uint32_t *pgid, uint32_t *sid);
status_t tty_client_set_group(handle_t terminal, uint32_t pgid, uint32_t sid);
status_t tty_client_set_session(handle_t terminal, uint32_t sid, uint32_t pgid, bool steal);
status_t tty_client_flush(handle_t terminal, bool input, bool output);
status_t tty_client_drain(handle_t terminal);
status_t tty_client_queued(handle_t terminal, uint32_t *input, uint32_t *output);
status_t tty_client_flow(handle_t terminal, uint32_t action);
status_t tty_client_break(handle_t terminal);
status_t tty_client_input(handle_t terminal, const void *bytes, size_t length);
status_t tty_client_describe(handle_t terminal, uint32_t *kind, uint32_t *number, bool *locked,
                             bool *packet);
status_t tty_client_hangup(handle_t terminal);
status_t tty_client_signal(handle_t master, uint32_t signal);
/* Pseudo terminals: the first two and the last are called on the server. */
status_t pty_client_create(handle_t tty, handle_t *master, handle_t *event, uint32_t *number);
status_t pty_client_open(handle_t tty, uint32_t number, handle_t *terminal, handle_t *event);
status_t pty_client_open_peer(handle_t master, handle_t *terminal, handle_t *event);
#define PTY_UNCHANGED 2u
status_t pty_client_set(handle_t master, uint32_t locked, uint32_t packet);
/* The state of a pseudo terminal, malloc'ed; and back. */
status_t pty_client_export(handle_t master, uint8_t **state, uint32_t *size);
status_t pty_client_import(handle_t master, const uint8_t *state, uint32_t size);
status_t pty_client_create_at(handle_t tty, uint32_t number, handle_t *master, handle_t *event);
status_t pty_client_next(handle_t tty, uint32_t from, uint32_t *number);

#endif
