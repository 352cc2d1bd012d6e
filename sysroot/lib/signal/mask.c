/* SPDX-License-Identifier: MIT */
/* Blocking signals, and waiting for blocked ones. The library's own signals are never blocked. */
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "system.h"
#include "thread.h"

enum { WORD = sizeof(sigset_t) };

void __atomik_block_all(sigset_t *old)
{
    static const sigset_t all = {{~0UL, ~0UL}};
    CALL(rt_sigprocmask, SIG_SETMASK, &all, old, WORD);
}

void __atomik_restore_mask(const sigset_t *old)
{
    CALL(rt_sigprocmask, SIG_SETMASK, old, 0, WORD);
}

static sigset_t without_ours(const sigset_t *set)
{
    return (sigset_t){{set->__bits[0] & 0x7fffffff, set->__bits[1] & ~3UL}};
}

int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
    sigset_t mine;
    if (set) {
        mine = without_ours(set);
        set = &mine;
    }
    int error = (int)-CALL(rt_sigprocmask, how, set, old, WORD);
    if (!error && old)
        *old = without_ours(old);
    return error;
}

int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
    int error = pthread_sigmask(how, set, old);
    if (error)
        errno = error;
    return error ? -1 : 0;
}

int sigpending(sigset_t *set)
{
    return (int)RESULT(CALL(rt_sigpending, set, WORD));
}

int sigsuspend(const sigset_t *set)
{
    sigset_t mine = without_ours(set);
    return (int)RESULT(CANCEL(rt_sigsuspend, &mine, WORD));
}

int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info,
                 const struct timespec *restrict timeout)
{
    sigset_t mine = without_ours(set);
    int result = (int)RESULT(CANCEL(rt_sigtimedwait_time64, &mine, info, timeout, WORD));
    if (result > 0 && info && info->si_code == SI_TKILL)
        info->si_code = SI_USER; /* raise is one way of sending it like any other */
    return result;
}

int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info)
{
    return sigtimedwait(set, info, NULL);
}

int sigwait(const sigset_t *restrict set, int *restrict signal)
{
    int number;
    do
        number = sigtimedwait(set, NULL, NULL);
    while (number < 0 && errno == EINTR);
    if (number < 0)
        return errno;
    *signal = number;
    return 0;
}

/* ---- System V's and BSD's names ---- */

static int change_one(int how, int signal)
{
    sigset_t set = {{0, 0}};
    return sigaddset(&set, signal) < 0 ? -1 : sigprocmask(how, &set, NULL);
}

int sighold(int signal)
{
    return change_one(SIG_BLOCK, signal);
}

int sigrelse(int signal)
{
    return change_one(SIG_UNBLOCK, signal);
}

int sigignore(int signal)
{
    struct sigaction action = {.sa_handler = SIG_IGN};
    return sigaction(signal, &action, NULL);
}

int sigpause(int signal)
{
    sigset_t set;
    sigprocmask(SIG_SETMASK, NULL, &set);
    return sigdelset(&set, signal) < 0 ? -1 : sigsuspend(&set);
}

_sig_func_ptr sigset(int signal, _sig_func_ptr handler)
{
    struct sigaction new = {.sa_handler = handler}, old;
    sigset_t was;
    sigprocmask(SIG_SETMASK, NULL, &was);
    bool held = sigismember(&was, signal) == 1;
    if (sigaction(signal, handler == SIG_HOLD ? NULL : &new, &old) < 0)
        return SIG_ERR;
    if (change_one(handler == SIG_HOLD ? SIG_BLOCK : SIG_UNBLOCK, signal) < 0)
        return SIG_ERR;
    return held ? SIG_HOLD : old.sa_handler;
}

int sigblock(int mask)
{
    sigset_t set = {{(unsigned)mask, 0}}, old;
    sigprocmask(SIG_BLOCK, &set, &old);
    return (int)old.__bits[0];
}

int sigsetmask(int mask)
{
    sigset_t set = {{(unsigned)mask, 0}}, old;
    sigprocmask(SIG_SETMASK, &set, &old);
    return (int)old.__bits[0];
}

int siggetmask(void)
{
    return sigblock(0);
}
