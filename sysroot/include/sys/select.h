/* SPDX-License-Identifier: MIT */
#ifndef _SYS_SELECT_H
#define _SYS_SELECT_H

#include <sys/_sigset.h>
#include <sys/_timespec.h>
#include <sys/_timeval.h>
#include <sys/cdefs.h>

#ifdef __cplusplus
extern "C" {
#endif

#if !defined(_SIGSET_T_DECLARED)
#define _SIGSET_T_DECLARED
typedef __sigset_t sigset_t;
#endif

#define FD_SETSIZE 1024
#define NFDBITS    32
typedef unsigned long fd_mask;
typedef struct fd_set {
    fd_mask fds_bits[FD_SETSIZE / NFDBITS];
} fd_set;
#define _SYS_TYPES_FD_SET

#define FD_SET(fd, set)   ((void)((set)->fds_bits[(fd) / NFDBITS] |= 1UL << ((fd) % NFDBITS)))
#define FD_CLR(fd, set)   ((void)((set)->fds_bits[(fd) / NFDBITS] &= ~(1UL << ((fd) % NFDBITS))))
#define FD_ISSET(fd, set) (((set)->fds_bits[(fd) / NFDBITS] & 1UL << ((fd) % NFDBITS)) != 0)
#define FD_ZERO(set)      ((void)__builtin_memset((set), 0, sizeof *(set)))

int select(int, fd_set *__restrict, fd_set *__restrict, fd_set *__restrict,
           struct timeval *__restrict);
int pselect(int, fd_set *__restrict, fd_set *__restrict, fd_set *__restrict,
            const struct timespec *__restrict, const sigset_t *__restrict);

#ifdef __cplusplus
}
#endif

#endif
