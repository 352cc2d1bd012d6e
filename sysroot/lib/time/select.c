/* SPDX-License-Identifier: MIT */
/* Waiting for descriptors. */
#include <errno.h>
#include <poll.h>
#include <sys/select.h>
#include <sys/signalfd.h>

#include "system.h"

int pselect(int count, fd_set *restrict readable, fd_set *restrict writable,
            fd_set *restrict exceptional, const struct timespec *restrict timeout,
            const sigset_t *restrict mask)
{
    struct timespec copy;
    long masked[2] = {(long)mask, sizeof(sigset_t)};
    if (timeout)
        copy = *timeout; /* the call writes the rest into it */
    return (int)RESULT(CANCEL(pselect6_time64, count, readable, writable, exceptional,
                              timeout ? &copy : NULL, mask ? masked : NULL));
}

int select(int count, fd_set *restrict readable, fd_set *restrict writable,
           fd_set *restrict exceptional, struct timeval *restrict timeout)
{
    struct timespec rest;
    if (timeout) {
        if (timeout->tv_sec < 0 || timeout->tv_usec < 0) {
            errno = EINVAL;
            return -1;
        }
        rest.tv_sec = timeout->tv_sec + timeout->tv_usec / 1000000;
        rest.tv_nsec = timeout->tv_usec % 1000000 * 1000;
    }
    long raw =
        CANCEL(pselect6_time64, count, readable, writable, exceptional, timeout ? &rest : NULL, 0);
    if (timeout)
        *timeout = (struct timeval){rest.tv_sec, rest.tv_nsec / 1000};
    return (int)RESULT(raw);
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    return (int)RESULT(CANCEL(poll, fds, count, timeout));
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    struct timespec copy;
    if (timeout)
        copy = *timeout;
    return (int)RESULT(
        CANCEL(ppoll_time64, fds, count, timeout ? &copy : NULL, mask, sizeof(sigset_t)));
}

int signalfd(int fd, const sigset_t *mask, int flags)
{
    return (int)RESULT(CALL(signalfd4, fd, mask, sizeof(sigset_t), flags));
}
