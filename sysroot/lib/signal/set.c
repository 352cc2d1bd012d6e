/* SPDX-License-Identifier: MIT */
/* Sets of signals. */
#include <errno.h>
#include <signal.h>

static int bad(int signal)
{
    if (signal > 0 && signal < NSIG)
        return 0;
    errno = EINVAL;
    return 1;
}

int sigemptyset(sigset_t *set)
{
    *set = (sigset_t){{0, 0}};
    return 0;
}

/* Without the signals that are the library's own: 32, 33, 34. */
int sigfillset(sigset_t *set)
{
    *set = (sigset_t){{0x7fffffff, 0xfffffffc}};
    return 0;
}

int sigaddset(sigset_t *set, int signal)
{
    if (bad(signal))
        return -1;
    set->__bits[(signal - 1) / 32] |= 1UL << (signal - 1) % 32;
    return 0;
}

int sigdelset(sigset_t *set, int signal)
{
    if (bad(signal))
        return -1;
    set->__bits[(signal - 1) / 32] &= ~(1UL << (signal - 1) % 32);
    return 0;
}

int sigismember(const sigset_t *set, int signal)
{
    if (bad(signal))
        return -1;
    return set->__bits[(signal - 1) / 32] >> (signal - 1) % 32 & 1;
}

int sigisemptyset(const sigset_t *set)
{
    return !(set->__bits[0] | set->__bits[1]);
}

int sigorset(sigset_t *result, const sigset_t *a, const sigset_t *b)
{
    for (int i = 0; i < 2; i++)
        result->__bits[i] = a->__bits[i] | b->__bits[i];
    return 0;
}

int sigandset(sigset_t *result, const sigset_t *a, const sigset_t *b)
{
    for (int i = 0; i < 2; i++)
        result->__bits[i] = a->__bits[i] & b->__bits[i];
    return 0;
}
