/* SPDX-License-Identifier: MIT */
/*
 * A pretend kernel for tests of servers: handles, VMOs and ports in this process. port_call runs
 * the server that owns the port at once; client and servers share one handle table.
 */
#ifndef TEST_KERNEL_H
#define TEST_KERNEL_H

#include <fs/fs.h>

/* A port whose requests go to this server. */
handle_t kernel_port(struct fs_server *server);
/* A stream to write to, and what has been written since it was last looked at. */
#define KERNEL_STREAM_SIZE 256u
handle_t kernel_stream(void);
const uint8_t *kernel_stream_take(handle_t stream, uint32_t *length);
/* Handles open now, to see that none is lost. */
unsigned kernel_handle_count(void);
/* The server is told that a waiting call has gone. */
void kernel_cancel(struct fs_server *server, uint32_t token);
/* What a deferred call was answered: its token and status. */
extern uint32_t kernel_answered_token;
extern status_t kernel_answered_status;

/* Whom the caller of port_call acts for, see struct privileges. */
extern uint32_t kernel_principal;

#endif
