/* SPDX-License-Identifier: MIT */
/* Sending signals, and their names. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "system.h"
#include "thread.h"

int kill(pid_t pid, int signal)
{
    return (int)RESULT(CALL(kill, pid, signal));
}

int killpg(pid_t group, int signal)
{
    if (group < 0) {
        errno = EINVAL;
        return -1;
    }
    return kill(-group, signal);
}

int tgkill(pid_t process, pid_t thread, int signal)
{
    return (int)RESULT(CALL(tgkill, process, thread, signal));
}

int raise(int signal)
{
    return (int)RESULT(CALL(tgkill, getpid(), gettid(), signal));
}

int sigqueue(pid_t pid, int signal, union sigval value)
{
    siginfo_t info = {.si_signo = signal, .si_code = SI_QUEUE};
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value = value;
    return (int)RESULT(CALL(rt_sigqueueinfo, pid, signal, &info));
}

int sigaltstack(const stack_t *restrict new, stack_t *restrict old)
{
    return (int)RESULT(CALL(sigaltstack, new, old));
}

void abort(void)
{
    sigset_t set = {{0, 0}};
    sigaddset(&set, SIGABRT);
    raise(SIGABRT);
    /* Blocked, or its handler returned. */
    signal(SIGABRT, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(SIGABRT);
    for (;;)
        _exit(127);
}

const char *const sys_siglist[NSIG] = {
    [SIGHUP] = "Hangup",
    [SIGINT] = "Interrupt",
    [SIGQUIT] = "Quit",
    [SIGILL] = "Illegal instruction",
    [SIGTRAP] = "Trace/breakpoint trap",
    [SIGABRT] = "Aborted",
    [SIGBUS] = "Bus error",
    [SIGFPE] = "Floating point exception",
    [SIGKILL] = "Killed",
    [SIGUSR1] = "User defined signal 1",
    [SIGSEGV] = "Segmentation fault",
    [SIGUSR2] = "User defined signal 2",
    [SIGPIPE] = "Broken pipe",
    [SIGALRM] = "Alarm clock",
    [SIGTERM] = "Terminated",
    [SIGSTKFLT] = "Stack fault",
    [SIGCHLD] = "Child exited",
    [SIGCONT] = "Continued",
    [SIGSTOP] = "Stopped (signal)",
    [SIGTSTP] = "Stopped",
    [SIGTTIN] = "Stopped (tty input)",
    [SIGTTOU] = "Stopped (tty output)",
    [SIGURG] = "Urgent I/O condition",
    [SIGXCPU] = "CPU time limit exceeded",
    [SIGXFSZ] = "File size limit exceeded",
    [SIGVTALRM] = "Virtual timer expired",
    [SIGPROF] = "Profiling timer expired",
    [SIGWINCH] = "Window changed",
    [SIGIO] = "I/O possible",
    [SIGPWR] = "Power failure",
    [SIGSYS] = "Bad system call",
};

char *strsignal(int signal)
{
    static char text[32];
    if (signal > 0 && signal < NSIG && sys_siglist[signal])
        return (char *)(uintptr_t)sys_siglist[signal];
    const char *kind = signal >= SIGRTMIN && signal <= SIGRTMAX ? "Real-time" : "Unknown";
    snprintf(text, sizeof text, "%s signal %d", kind,
             signal >= SIGRTMIN && signal <= SIGRTMAX ? signal - SIGRTMIN : signal);
    return text;
}

void psignal(int signal, const char *prefix)
{
    int saved = errno;
    if (prefix && *prefix)
        fprintf(stderr, "%s: %s\n", prefix, strsignal(signal));
    else
        fprintf(stderr, "%s\n", strsignal(signal));
    errno = saved;
}

void psiginfo(const siginfo_t *info, const char *prefix)
{
    psignal(info->si_signo, prefix);
}
