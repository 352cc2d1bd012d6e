/* SPDX-License-Identifier: MIT */
/* Futexes: what else than the system calls uses them. */
#ifndef POSIX_FUTEX_H
#define POSIX_FUTEX_H

#include "core.h"

/* At the end of a thread: its robust list and its clear_child_tid word. */
void futex_thread_end(struct thread *thread);
/* Wake up to count waiters of a word; the number woken. */
int futex_wake_word(user_t word, uint32_t count, bool shared);

/* restart_syscall of an interrupted wait. */
int32_t futex_restart(struct thread *thread);

#endif
