/* SPDX-License-Identifier: MIT */
/* Signals: what is pending, what is done about it, and their delivery to guests. */
#ifndef POSIX_SIGNALS_H
#define POSIX_SIGNALS_H

#include "core.h"

struct process;
struct thread;

/* A pending signal with its information; standard signals are queued at most once. */
struct queued_signal {
    struct list link;
    siginfo_t info;
};
#define SIGNALS_STOP \
    (SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))
#define SIGNALS_FAULT                                                                      \
    (SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) | \
     SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSYS))

struct pending {
    uint64_t set;
    struct list queue;
};
/* Actions. Shared by CLONE_SIGHAND. */
struct sighand {
    uint32_t references;
    struct linux_sigaction actions[SIGNAL_COUNT]; /* [signal - 1] */
};

void pending_init(struct pending *pending);
void pending_clear(struct pending *pending);
struct sighand *sighand_copy(const struct sighand *from);
void sighand_clear(struct sighand *sighand);
void sighand_release(struct sighand *sighand);

/* ---- sending; lock held ---- */
siginfo_t signal_info(uint32_t signal, int32_t code);
siginfo_t signal_info_user(uint32_t signal, int32_t code, struct process *sender);
void signal_process(struct process *process, const siginfo_t *info);
void signal_thread(struct thread *thread, const siginfo_t *info);
/* A signal of the kernel's, without information. */
void signal_simple(struct process *process, uint32_t signal);
/* All local members of a group; the number of them. */
uint32_t signal_group(uint32_t pgid, const siginfo_t *info);
/* Cannot be ignored or blocked. */
void signal_force(struct thread *thread, const siginfo_t *info);
/* A fault of the guest, forced like that. */
void signal_fault(struct thread *thread, uint32_t signal, int32_t code, uint32_t address);

/* Whether the calling process may signal this one. */
bool may_signal(struct process *target);

/* ---- receiving ---- */
bool signal_waiting(struct thread *thread); /* a signal that is not blocked is pending */
uint64_t signal_pending_set(struct thread *thread);
void signal_recalculate(struct thread *thread);
bool signal_is_ignored(struct process *process, uint32_t signal);
/* Take the next pending signal of `set`; 0 if there is none. Lock held. */
uint32_t signal_take(struct thread *thread, uint64_t set, siginfo_t *info);
/*
 * Before the guest runs again: ends and stops the thread, runs default actions, sets up handlers
 * and settles whether an interrupted system call is issued again. Called without the lock.
 */
void signal_deliver(struct thread *thread);
void signal_set_mask(struct thread *thread, uint64_t mask); /* lock held */

/* ---- frames (sigframe.c) ---- */
int sigframe_push(struct thread *thread, const struct linux_sigaction *action,
                  const siginfo_t *info, uint64_t mask);
int sigframe_pop(struct thread *thread);
int sigframe_pop_rt(struct thread *thread);

#endif
