/* SPDX-License-Identifier: MIT */
/*
 * One request to a server and its reply. A reply's label is a status_t; what it carries is present
 * only with OK.
 */
#ifndef IPC_CALL_H
#define IPC_CALL_H

#include <atomik/objects.h>

/*
 * A request under construction and, afterwards, the reply. Large (1 KiB): use one per nesting level.
 *
 *     struct ipc ipc;
 *     ipc_begin(&ipc, LABEL_fs_stat, NULL, 0);
 *     status = ipc_call(&ipc, node, &reply, sizeof reply);
 */
struct ipc {
    struct message message;
    uint32_t flags;      /* CALL_* of port_call; ipc_begin sets 0 */
    const uint8_t *tail; /* of the reply, into message.data */
    uint32_t tail_length;
};

void ipc_begin(struct ipc *ipc, uint32_t label, const void *request, uint32_t size);
/* Append tail bytes; TOO_LARGE if the message is full. */
status_t ipc_tail(struct ipc *ipc, const void *bytes, uint32_t length);
/* Add a handle that moves to the server if it receives the request. */
void ipc_handle(struct ipc *ipc, handle_t handle);
/* Add a duplicate of a handle: the caller keeps its own. */
status_t ipc_handle_copy(struct ipc *ipc, handle_t handle);

/*
 * Call. With OK, `reply` (size bytes, may be 0) is filled, ipc->tail describes the rest, and the
 * handles of the reply are the caller's (ipc_take). Any error: no handle of the reply or request is
 * left over. INTERRUPTED (a kick, unless ipc->flags has CALL_UNINTERRUPTIBLE) means not carried
 * out, or the result is lost. IO_ERROR: the reply is shorter than the protocol says.
 */
status_t ipc_call(struct ipc *ipc, handle_t port, void *reply, uint32_t size);
status_t ipc_call_until(struct ipc *ipc, handle_t port, void *reply, uint32_t size,
                        ktime_t deadline);

/* A call whose reply is a handle: IO_ERROR if it has none. */
status_t ipc_call_for_handle(struct ipc *ipc, handle_t port, void *reply, uint32_t size,
                             handle_t *handle);

/* The index-th handle of the reply, now the caller's, or HANDLE_NONE; ipc_drop closes the others. */
handle_t ipc_take(struct ipc *ipc, uint32_t index);
void ipc_drop(struct ipc *ipc);

/* Close a handle if it is one, and forget it. */
void handle_drop(handle_t *handle);
/* A handle with the same rights, or HANDLE_NONE. */
handle_t handle_copy(handle_t handle);

#endif
