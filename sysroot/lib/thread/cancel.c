/* SPDX-License-Identifier: MIT */
/*
 * Cancellation. pthread_cancel sets `cancelled` and sends a signal of the library's own. Its handler acts
 * at once when the thread may be cancelled anywhere; when the thread is inside a cancellation point that
 * has not made its call yet, or is blocked in it, the handler moves the thread to where it acts. In any
 * other place the next cancellation point sees `cancelled`.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <ucontext.h>

#include "system.h"
#include "thread.h"

long __atomik_cancel_call(long number, long a, long b, long c, long d, long e, long f);
long __atomik_cancel_asm(volatile int *cancelled, long number, long a, long b, long c, long d,
                         long e, long f);
long __atomik_cancel_now(void);
extern const char __atomik_cancel_begin[], __atomik_cancel_end[], __atomik_cancel_act[];

/* Ends the thread. With cancellation held back (a condition variable that must take its mutex first) it
 * gives the error that tells its caller to do so. */
long __atomik_cancel_now(void)
{
    struct __atomik_thread *self = thread_self();
    if (self->cancel_disabled == 2) {
        self->cancel_disabled = PTHREAD_CANCEL_DISABLE;
        return -ECANCELED;
    }
    self->cancel_disabled = PTHREAD_CANCEL_DISABLE;
    self->cancel_async = PTHREAD_CANCEL_DEFERRED;
    __atomik_thread_end(PTHREAD_CANCELED);
}

long __atomik_cancel_call(long number, long a, long b, long c, long d, long e, long f)
{
    struct __atomik_thread *self = thread_self();
    if (self->cancel_disabled == PTHREAD_CANCEL_DISABLE || self->cancel_acting)
        return __atomik_call6(number, a, b, c, d, e, f);
    long raw = __atomik_cancel_asm(&self->cancelled, number, a, b, c, d, e, f);
    if (raw == -EINTR && number != SYS_close && self->cancelled &&
        self->cancel_disabled != PTHREAD_CANCEL_DISABLE)
        raw = __atomik_cancel_now();
    return raw;
}

static void handle_cancel(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    struct __atomik_thread *self = thread_self();
    ucontext_t *machine = context;
    const char *at = (const char *)(uintptr_t)machine->uc_mcontext.gregs[REG_EIP];
    if (!self->cancelled || self->cancel_disabled == PTHREAD_CANCEL_DISABLE)
        return;
    if (at >= __atomik_cancel_begin && at < __atomik_cancel_end) {
        machine->uc_mcontext.gregs[REG_EIP] = (greg_t)(uintptr_t)__atomik_cancel_act;
        return;
    }
    if (self->cancel_async && !self->cancel_disabled) {
        pthread_sigmask(SIG_SETMASK, &machine->uc_sigmask, NULL);
        __atomik_cancel_now();
    }
}

static void install_handler(void)
{
    struct sigaction action = {.sa_sigaction = handle_cancel, .sa_flags = SA_SIGINFO | SA_RESTART};
    extern int __atomik_sigaction(int, const struct sigaction *, struct sigaction *);
    memset(&action.sa_mask, 0xff, sizeof action.sa_mask);
    __atomik_sigaction(SIGNAL_CANCEL, &action, NULL);
}

int pthread_cancel(pthread_t thread)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install_handler);
    thread->cancelled = 1;
    if (thread == pthread_self()) {
        if (!thread->cancel_disabled && thread->cancel_async)
            __atomik_cancel_now();
        return 0;
    }
    return pthread_kill(thread, SIGNAL_CANCEL);
}
