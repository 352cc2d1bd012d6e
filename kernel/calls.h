/* SPDX-License-Identifier: MIT */
/*
 * The handlers of all kernel calls, `status_t call_NAME(...)`, derived from abi/atomik/calls.def.
 * Values come by value; everything that the caller passes by address is a user_t, which only
 * user_read and user_write can follow. Handlers run on the calling thread's kernel stack; the
 * caller is `current`. Results are written to the caller only on success.
 */
#ifndef KERNEL_CALLS_H
#define KERNEL_CALLS_H

#include <atomik/calls.h>
#include <kernel/memory.h>
#include <kernel/thread.h>

#define HANDLER_KIND_handle handle_t
#define HANDLER_KIND_u32    uint32_t
#define HANDLER_KIND_addr   uint32_t
#define HANDLER_KIND_u64    uint64_t

/* Each argument expands to ", type name"; HANDLER_DROP removes the dummy and the first comma. */
#define HANDLER_DROP_(first, ...) __VA_ARGS__
#define HANDLER_DROP(...)         HANDLER_DROP_(__VA_ARGS__)
#define IN(word, kind, name)      , HANDLER_KIND_##kind name
#define OUT(word, type, name)     , user_t name
#define INOUT(word, type, name)   , user_t name
#define BUFIN(word, name)         , user_t name
#define BUFOUT(word, name)        , user_t name
#define SYSCALL(number, call, arguments, text) \
    status_t call_##call(HANDLER_DROP(_ arguments)) __attribute__((warn_unused_result));
#include <atomik/calls.def>
#undef SYSCALL
#undef IN
#undef OUT
#undef INOUT
#undef BUFIN
#undef BUFOUT

/* ---- what several handlers need ---- */
/*
 * For calls that create an object: adds a handle for it to the current process, stores its value at
 * `result` and drops the creator's reference, also on failure: the object is gone then.
 */
status_t handle_return(struct object *object, uint32_t rights, user_t result);
/* A handle can be added and its value stored at `result`. */
status_t handle_room(user_t result);
/* Handles for two new objects, for which there is room; without them after an error. */
status_t handle_return_two(struct object *first, struct object *second, const uint32_t rights[2],
                           user_t first_at, user_t second_at);
/* That `length` bytes (at most 32) can be written there now; nothing is changed. */
status_t user_probe(user_t at, uint32_t length);
/* HANDLE_SELF is the current process or thread. */
status_t handle_get_process(handle_t handle, uint32_t rights, struct process **process);
status_t handle_get_thread(handle_t handle, uint32_t rights, struct thread **thread);

#endif
