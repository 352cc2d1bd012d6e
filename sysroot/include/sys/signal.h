/* SPDX-License-Identifier: MIT */
/* Signals: numbers and structures of the kernel interface. */
#ifndef _SYS_SIGNAL_H
#define _SYS_SIGNAL_H

#include <sys/_pthreadtypes.h>
#include <sys/_sigset.h>
#include <sys/_timespec.h>
#include <sys/cdefs.h>
#include <sys/features.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if !defined(_SIGSET_T_DECLARED)
#define _SIGSET_T_DECLARED
typedef __sigset_t sigset_t;
#endif

#define SIGHUP    1
#define SIGINT    2
#define SIGQUIT   3
#define SIGILL    4
#define SIGTRAP   5
#define SIGABRT   6
#define SIGIOT    6
#define SIGBUS    7
#define SIGFPE    8
#define SIGKILL   9
#define SIGUSR1   10
#define SIGSEGV   11
#define SIGUSR2   12
#define SIGPIPE   13
#define SIGALRM   14
#define SIGTERM   15
#define SIGSTKFLT 16
#define SIGCHLD   17
#define SIGCLD    17
#define SIGCONT   18
#define SIGSTOP   19
#define SIGTSTP   20
#define SIGTTIN   21
#define SIGTTOU   22
#define SIGURG    23
#define SIGXCPU   24
#define SIGXFSZ   25
#define SIGVTALRM 26
#define SIGPROF   27
#define SIGWINCH  28
#define SIGIO     29
#define SIGPOLL   29
#define SIGPWR    30
#define SIGSYS    31
#define NSIG      65
#define _NSIG     65
/* Two signals before these are the library's own: cancellation and timers that call functions. */
#define SIGRTMIN 35
#define SIGRTMAX 64

union sigval {
    int sival_int;
    void *sival_ptr;
};

#define SIGEV_SIGNAL    0
#define SIGEV_NONE      1
#define SIGEV_THREAD    2
#define SIGEV_THREAD_ID 4

struct sigevent {
    union sigval sigev_value;
    int sigev_signo;
    int sigev_notify;
    union {
        int __pad[13];
        int __tid;
        struct {
            void (*__function)(union sigval);
            pthread_attr_t *__attributes;
        } __call;
    } __sigev;
};
#define sigev_notify_function   __sigev.__call.__function
#define sigev_notify_attributes __sigev.__call.__attributes
#define sigev_notify_thread_id  __sigev.__tid

typedef struct {
    int si_signo, si_errno, si_code;
    union {
        int __pad[29];
        struct {
            int __pid;
            unsigned int __uid;
            union sigval __value;
        } __kill;
        struct {
            int __id, __overrun;
            union sigval __value;
        } __timer;
        struct {
            int __pid;
            unsigned int __uid;
            int __status;
            long __utime, __stime;
        } __child;
        struct {
            void *__address;
        } __fault;
        struct {
            long __band;
            int __fd;
        } __poll;
        struct {
            void *__address;
            int __number;
            unsigned int __arch;
        } __sys;
    } __si;
} siginfo_t;
#define si_pid       __si.__kill.__pid
#define si_uid       __si.__kill.__uid
#define si_value     __si.__kill.__value
#define si_int       __si.__kill.__value.sival_int
#define si_ptr       __si.__kill.__value.sival_ptr
#define si_timerid   __si.__timer.__id
#define si_overrun   __si.__timer.__overrun
#define si_status    __si.__child.__status
#define si_utime     __si.__child.__utime
#define si_stime     __si.__child.__stime
#define si_addr      __si.__fault.__address
#define si_band      __si.__poll.__band
#define si_fd        __si.__poll.__fd
#define si_call_addr __si.__sys.__address
#define si_syscall   __si.__sys.__number
#define si_arch      __si.__sys.__arch

#define SI_USER       0
#define SI_KERNEL     128
#define SI_QUEUE      (-1)
#define SI_TIMER      (-2)
#define SI_MESGQ      (-3)
#define SI_ASYNCIO    (-4)
#define SI_SIGIO      (-5)
#define SI_TKILL      (-6)
#define ILL_ILLOPC    1
#define ILL_ILLOPN    2
#define ILL_ILLADR    3
#define ILL_ILLTRP    4
#define ILL_PRVOPC    5
#define ILL_PRVREG    6
#define ILL_COPROC    7
#define ILL_BADSTK    8
#define FPE_INTDIV    1
#define FPE_INTOVF    2
#define FPE_FLTDIV    3
#define FPE_FLTOVF    4
#define FPE_FLTUND    5
#define FPE_FLTRES    6
#define FPE_FLTINV    7
#define FPE_FLTSUB    8
#define SEGV_MAPERR   1
#define SEGV_ACCERR   2
#define BUS_ADRALN    1
#define BUS_ADRERR    2
#define BUS_OBJERR    3
#define TRAP_BRKPT    1
#define TRAP_TRACE    2
#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_DUMPED    3
#define CLD_TRAPPED   4
#define CLD_STOPPED   5
#define CLD_CONTINUED 6
#define POLL_IN       1
#define POLL_OUT      2
#define POLL_MSG      3
#define POLL_ERR      4
#define POLL_PRI      5
#define POLL_HUP      6

#define SA_NOCLDSTOP 1
#define SA_NOCLDWAIT 2
#define SA_SIGINFO   4
#define SA_ONSTACK   0x08000000
#define SA_RESTART   0x10000000
#define SA_NODEFER   0x40000000
#define SA_NOMASK    SA_NODEFER
#define SA_RESETHAND 0x80000000
#define SA_ONESHOT   SA_RESETHAND

typedef void (*_sig_func_ptr)(int);

struct sigaction {
    union {
        _sig_func_ptr __handler;
        void (*__action)(int, siginfo_t *, void *);
    } __function;
    sigset_t sa_mask;
    int sa_flags;
    void (*sa_restorer)(void);
};
#define sa_handler   __function.__handler
#define sa_sigaction __function.__action

#define SIG_BLOCK   0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2
#define SIG_HOLD    ((_sig_func_ptr)2)

#define SS_ONSTACK  1
#define SS_DISABLE  2
#define MINSIGSTKSZ 2048
#define SIGSTKSZ    8192

typedef struct sigaltstack {
    void *ss_sp;
    int ss_flags;
    size_t ss_size;
} stack_t;

int kill(pid_t, int);
int killpg(pid_t, int);
int tgkill(pid_t, pid_t, int);
int sigaction(int, const struct sigaction *__restrict, struct sigaction *__restrict);
int sigaddset(sigset_t *, int);
int sigdelset(sigset_t *, int);
int sigismember(const sigset_t *, int);
int sigfillset(sigset_t *);
int sigemptyset(sigset_t *);
int sigisemptyset(const sigset_t *);
int sigorset(sigset_t *, const sigset_t *, const sigset_t *);
int sigandset(sigset_t *, const sigset_t *, const sigset_t *);
int sigprocmask(int, const sigset_t *__restrict, sigset_t *__restrict);
int sigpending(sigset_t *);
int sigsuspend(const sigset_t *);
int sigwait(const sigset_t *__restrict, int *__restrict);
int sigwaitinfo(const sigset_t *__restrict, siginfo_t *__restrict);
int sigtimedwait(const sigset_t *__restrict, siginfo_t *__restrict,
                 const struct timespec *__restrict);
int sigqueue(pid_t, int, union sigval);
int sigaltstack(const stack_t *__restrict, stack_t *__restrict);
int siginterrupt(int, int);
int sighold(int);
int sigrelse(int);
int sigignore(int);
int sigpause(int);
_sig_func_ptr sigset(int, _sig_func_ptr);
void psiginfo(const siginfo_t *, const char *);
int pthread_sigmask(int, const sigset_t *__restrict, sigset_t *__restrict);
int pthread_kill(pthread_t, int);
int pthread_sigqueue(pthread_t, int, union sigval);
/* BSD's masks of 32 signals. */
int sigblock(int);
int sigsetmask(int);
int siggetmask(void);
#define sigmask(sig) (1U << ((sig)-1))
extern const char *const sys_siglist[];

#ifdef _COMPILING_NEWLIB
int _kill(pid_t, int);
#endif

#ifdef __cplusplus
}
#endif

#include <sys/ucontext.h>

#ifndef _SIGNAL_H_
#include <signal.h> /* some programs include only this header */
#endif

#endif
