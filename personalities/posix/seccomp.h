/* SPDX-License-Identifier: MIT */
/* seccomp: what system calls a thread may still make. */
#ifndef POSIX_SECCOMP_H
#define POSIX_SECCOMP_H

#include "core.h"

struct thread;
struct seccomp_filter;

/* Whether the call is made; if not, *result is what it answers. Does not return if the thread ends. */
bool seccomp_allows(struct thread *thread, uint32_t number, const struct registers *regs,
                    int32_t *result);
/* A new thread is bound by what binds the one that made it. Lock held. */
void seccomp_inherit(struct thread *child, const struct thread *parent);
void seccomp_release(struct seccomp_filter *filters);
int32_t seccomp_set_mode(uint32_t mode, user_t program); /* PR_SET_SECCOMP */

#endif
