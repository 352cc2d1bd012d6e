/* SPDX-License-Identifier: MIT */
#ifndef _SYS_WAIT_H
#define _SYS_WAIT_H

#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WNOHANG    1
#define WUNTRACED  2
#define WSTOPPED   2
#define WEXITED    4
#define WCONTINUED 8
#define WNOWAIT    0x1000000

#define WEXITSTATUS(status)      (((status) >> 8) & 0xff)
#define WTERMSIG(status)         ((status)&0x7f)
#define WSTOPSIG(status)         WEXITSTATUS(status)
#define WIFEXITED(status)        (WTERMSIG(status) == 0)
#define WIFSIGNALED(status)      ((((status)&0x7f) + 1) >> 1 > 0 && ((status)&0x7f) != 0x7f)
#define WIFSTOPPED(status)       (((status)&0xff) == 0x7f)
#define WIFCONTINUED(status)     ((status) == 0xffff)
#define WCOREDUMP(status)        ((status)&0x80)
#define W_EXITCODE(code, signal) ((code) << 8 | (signal))
#define W_STOPCODE(signal)       ((signal) << 8 | 0x7f)

typedef enum { P_ALL = 0, P_PID = 1, P_PGID = 2, P_PIDFD = 3 } idtype_t;

pid_t wait(int *);
pid_t waitpid(pid_t, int *, int);
int waitid(idtype_t, id_t, siginfo_t *, int);
pid_t wait3(int *, int, struct rusage *);
pid_t wait4(pid_t, int *, int, struct rusage *);

#ifdef _COMPILING_NEWLIB
pid_t _wait(int *);
#endif

#ifdef __cplusplus
}
#endif

#endif
