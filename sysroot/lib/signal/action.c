/* SPDX-License-Identifier: MIT */
/* Signal handlers. The kernel interface's structure differs in order from struct sigaction, and wants to
 * know where a handler returns to. */
#include <errno.h>
#include <signal.h>

#include "system.h"
#include "thread.h"

struct kernel_action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    sigset_t mask;
};
enum { SA_RESTORER = 0x04000000 };

void __atomik_return(void);
void __atomik_return_info(void);

int __atomik_sigaction(int signal, const struct sigaction *new, struct sigaction *old);
int __atomik_sigaction(int signal, const struct sigaction *new, struct sigaction *old)
{
    struct kernel_action given, was;
    if (new) {
        bool info = new->sa_flags &SA_SIGINFO;
        given = (struct kernel_action){new->sa_handler, (unsigned long)new->sa_flags | SA_RESTORER,
                                       info ? __atomik_return_info : __atomik_return, new->sa_mask};
    }
    long raw = CALL(rt_sigaction, signal, new ? &given : NULL, old ? &was : NULL, sizeof(sigset_t));
    if (raw == 0 && old) {
        old->sa_handler = was.handler;
        old->sa_flags = (int)(was.flags & ~(unsigned long)SA_RESTORER);
        old->sa_mask = was.mask;
        old->sa_restorer = was.restorer;
    }
    return (int)RESULT(raw);
}

static int is_ours(int signal)
{
    return signal >= SIGNAL_CANCEL - 1 && signal <= SIGNAL_TIMER;
}

int sigaction(int signal, const struct sigaction *restrict new, struct sigaction *restrict old)
{
    if (is_ours(signal)) {
        errno = EINVAL;
        return -1;
    }
    return __atomik_sigaction(signal, new, old);
}

static sigset_t interrupting; /* signals for which siginterrupt was asked */

_sig_func_ptr signal(int number, _sig_func_ptr handler)
{
    struct sigaction new = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;
    if (number > 0 && number < NSIG && sigismember(&interrupting, number))
        new.sa_flags = 0;
    if (sigaction(number, &new, &old) < 0)
        return SIG_ERR;
    return old.sa_handler;
}

int siginterrupt(int number, int interrupt)
{
    struct sigaction action;
    if (sigaction(number, NULL, &action) < 0)
        return -1;
    action.sa_flags = interrupt ? action.sa_flags & ~SA_RESTART : action.sa_flags | SA_RESTART;
    if (interrupt)
        sigaddset(&interrupting, number);
    else
        sigdelset(&interrupting, number);
    return sigaction(number, &action, NULL);
}
