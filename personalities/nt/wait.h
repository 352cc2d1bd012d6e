/* SPDX-License-Identifier: MIT */
/*
 * Waiting. A thread that waits has a block on each object; whoever changes an object calls
 * object_changed, which satisfies on behalf of the waiters, in the order in which they came.
 * That makes a pulse reach those who wait, and a signal cannot be lost.
 */
#ifndef NT_WAIT_H
#define NT_WAIT_H

#include <personalities/nt/nt.h>

/* The object may have become signalled: satisfy the waits that it ends. */
void object_changed(struct object *object);

/*
 * Wait for any or all of `count` objects (held by the caller; at most MAXIMUM_WAIT_OBJECTS), up to
 * `deadline` (FILETIME; 0 = never). Returns the NTSTATUS of the wait: index, STATUS_ABANDONED +
 * index, STATUS_TIMEOUT, STATUS_USER_APC (one is queued and alertable), STATUS_RESTART_CALL.
 */
NTSTATUS wait_objects(struct nt_thread *thread, struct object **objects, uint32_t count, bool all,
                      bool alertable, uint64_t deadline);
/* A wait that an APC ended goes on in the APC; the call returns STATUS_USER_APC after it. */
NTSTATUS wait_return(struct call *call, NTSTATUS status);
/* Sleep until `wake` moves, the deadline, or a reason to stop; the lock is given up meanwhile. */
void thread_sleep(struct nt_thread *thread, uint64_t deadline);
void thread_wake(struct nt_thread *thread);

/*
 * A time-out argument as a deadline: guest address of a LARGE_INTEGER or 0. A call that was
 * restarted keeps the deadline that it had at first.
 */
NTSTATUS wait_deadline(struct nt_thread *thread, uint32_t guest, uint64_t *deadline, bool *poll);
/* The thread must end, stop or suspend: a blocking call unwinds with STATUS_RESTART_CALL. */
bool thread_attention(const struct nt_thread *thread);
/* Queue an APC; wakes an alertable wait. */
NTSTATUS apc_queue(struct nt_thread *thread, uint32_t function, uint32_t a1, uint32_t a2,
                   uint32_t a3);
/* The same with an owner, who can take back what has not run. */
NTSTATUS apc_queue_for(struct nt_thread *thread, const void *owner, uint32_t function, uint32_t a1,
                       uint32_t a2, uint32_t a3);
void apc_withdraw(struct nt_thread *thread, const void *owner);

/* Events made by the server itself, for waits on things that are no NT objects. */
extern const struct nt_type event_type, mutant_type, semaphore_type, timer_type, completion_type,
    keyed_event_type;
void event_set(struct object *event, bool signaled);
/* A completion packet, for a file that a port is bound to. */
NTSTATUS completion_post(struct object *port, uint32_t key, uint32_t value, NTSTATUS status,
                         uint32_t information);
/* Release a mutant or a semaphore once. */
NTSTATUS mutant_release_one(struct nt_thread *thread, struct object *object);
NTSTATUS semaphore_release_one(struct object *object);
/* Give up what the thread owns: mutants become abandoned. */
void mutants_abandon(struct nt_thread *thread);

#endif
