/* SPDX-License-Identifier: MIT */
/* The registers of a stopped thread as its tracer sees them: struct user and the register sets. */
#ifndef POSIX_PTREGS_H
#define POSIX_PTREGS_H

#include "core.h"

struct thread;

#define USER_REGISTERS 17u              /* words of struct user_regs_struct */
#define USER_SIZE      284u             /* sizeof(struct user) */
#define USER_DEBUG     (USER_SIZE - 32) /* its u_debugreg */

uint32_t ptregs_get(const struct thread *thread, uint32_t index);
int ptregs_put(struct thread *thread, uint32_t index, uint32_t value);
/* The word at an offset of struct user. */
int ptregs_peek(const struct thread *thread, uint32_t offset, uint32_t *value);
int ptregs_poke(struct thread *thread, uint32_t offset, uint32_t value);
/* A whole set (NT_PRSTATUS, NT_FPREGSET, NT_PRXFPREG, NT_386_TLS) in `set`; its size or -errno. */
#define PTREGS_SET_MAX 512u
int ptregs_get_set(struct thread *thread, uint32_t type, void *set);
/* The first `length` bytes of the set are replaced. */
int ptregs_put_set(struct thread *thread, uint32_t type, const void *set, uint32_t length);

#endif
