/* SPDX-License-Identifier: MIT */
/*
 * Operations on files: how they end, and those that do not end at once.
 *
 * A request stands for an operation that waits in some queue (readers of a pipe, locks that are not
 * granted, changes of a directory). It is on the lists of its file and of the thread that issued it,
 * and ends exactly once: io_finish. On a handle for synchronous use the issuing thread waits for
 * that in io_wait; on others the call has returned STATUS_PENDING, and the end is told through the
 * status block, the event, the file, an APC or the completion port.
 *
 * Whoever ends a request writes the results into the memory of the process that issued it. All
 * requests of a thread are cancelled before it ends, all of a file when its last handle is closed.
 */
#ifndef NT_IO_H
#define NT_IO_H

#include <personalities/nt/alarm.h>
#include <personalities/nt/file.h>

struct io_request {
    struct list link;         /* in the queue of what it waits for */
    struct list file_link;    /* nt_file.requests */
    struct list thread_link;  /* nt_thread.requests */
    struct nt_file *file;     /* held */
    struct nt_thread *thread; /* held */
    struct object *event;     /* held, or NULL */
    struct io_call io;
    uint32_t buffer, length; /* in the guest */
    bool synchronous;        /* the thread waits, and completes the call itself */
    bool committed;          /* a part is done: it cannot be taken back any more */
    bool finished;
    NTSTATUS status;
    uint32_t information;
    /* Called by io_finish, of whatever status, once it is off `link`. May be NULL. */
    void (*ended)(struct io_request *request);
    struct alarm timeout; /* set: ends it with timeout_status */
    NTSTATUS timeout_status;
    void *context; /* of the queue */
    struct made_call made;
};

/* A request for this call; the caller puts it into a queue and then calls io_pending. */
NTSTATUS io_request_new(struct call *call, struct nt_file *file, const struct io_call *io,
                        struct io_request **request);
/*
 * The request is queued: return to the guest with STATUS_PENDING, or wait for its end if the file is
 * for synchronous use. Then the status is that of the request, *information is set and the caller
 * completes as usual. STATUS_RESTART_CALL: it was taken back; all is as before the call.
 */
NTSTATUS io_pending(struct io_request *request, uint32_t *information);
void io_finish(struct io_request *request, NTSTATUS status, uint32_t information);
/* End with a status after a time (FILETIME). */
void io_set_timeout(struct io_request *request, uint64_t due, NTSTATUS status);
/* An operation of a snapshot cannot be made again: its end, told late. */
void io_failed(struct nt_thread *thread, const struct io_call *io, NTSTATUS status);
/* Bytes for the request's buffer, at an offset in it. */
NTSTATUS io_deliver(struct io_request *request, uint32_t offset, const void *bytes,
                    uint32_t length);

/* End all requests of a file, of a thread, or both (NULL: any), with a status; how many there were. */
uint32_t io_cancel_file(struct nt_file *file, struct nt_thread *thread, uint32_t status_block,
                        NTSTATUS status);
void io_cancel_thread(struct nt_thread *thread);

#endif
