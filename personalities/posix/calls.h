/* SPDX-License-Identifier: MIT */
/*
 * What is derived from syscalls.def for everyone: prototypes of the handlers. A handler returns its
 * result or -errno (or one of the ERESTART codes); it is called without the server lock.
 */
#ifndef POSIX_CALLS_H
#define POSIX_CALLS_H

#include "core.h"

#define KIND_TYPE_fd   uint32_t
#define KIND_TYPE_i32  int32_t
#define KIND_TYPE_u32  uint32_t
#define KIND_TYPE_hex  uint32_t
#define KIND_TYPE_ptr  user_t
#define KIND_TYPE_str  user_t
#define KIND_TYPE_sig  uint32_t
#define KIND_TYPE_mode uint32_t
#define KIND_TYPE_pid  int32_t
#define KIND_TYPE_off  uint64_t

/* Each argument expands to ", type name"; these drop the comma before the first one. */
#define ARGUMENTS_DROP(first, ...)                             __VA_ARGS__
#define ARGUMENTS_NONE(first)                                  void
#define ARGUMENTS_PICK(_0, _1, _2, _3, _4, _5, _6, which, ...) which
#define ARGUMENTS(...)                                                                          \
    ARGUMENTS_PICK(__VA_ARGS__, ARGUMENTS_DROP, ARGUMENTS_DROP, ARGUMENTS_DROP, ARGUMENTS_DROP, \
                   ARGUMENTS_DROP, ARGUMENTS_DROP, ARGUMENTS_NONE, )                            \
    (__VA_ARGS__)

#define FULL
#define PARTIAL(what)
#define A(word, kind, name) , KIND_TYPE_##kind name
#define SYSCALL(number, name, handler, arguments, support, text) \
    int32_t handler(ARGUMENTS(_ arguments));
#define MISSING(number, name, error, text)
#include "syscalls.def"
/* Only behind ipc(2). */
int32_t sys_semtimedop(int32_t id, user_t operations, uint32_t count, user_t timeout);
#undef SYSCALL
#undef MISSING
#undef A
#undef FULL
#undef PARTIAL

#define SYSCALL_LIMIT 460

/* Runs a system call of the current thread; its result as the guest will see it. */
void syscall_init(void);
typedef int32_t syscall_thunk(const struct registers *regs);
extern syscall_thunk *const syscall_thunks[SYSCALL_LIMIT];
int32_t syscall_unknown(uint32_t number);
const char *syscall_name(uint32_t number); /* NULL: there is none */
/* The same with a decoded line to thread's process->trace. */
int32_t syscall_traced(uint32_t number, const struct registers *regs);

#endif
