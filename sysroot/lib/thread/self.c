/* SPDX-License-Identifier: MIT */
/* What a thread is told about itself and others: names, signals, scheduling, clocks. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "system.h"
#include "thread.h"

pthread_t pthread_self(void)
{
    return thread_self();
}

#undef pthread_equal
int pthread_equal(pthread_t a, pthread_t b)
{
    return a == b;
}

/* A thread that has ended but is not joined takes signals without effect. */
int pthread_kill(pthread_t thread, int signal)
{
    int tid = thread->tid;
    if (tid == 0)
        return (unsigned)signal > 64 ? EINVAL : 0;
    int error = (int)-CALL(tgkill, getpid(), tid, signal);
    return error == ESRCH ? 0 : error;
}

int pthread_sigqueue(pthread_t thread, int signal, union sigval value)
{
    siginfo_t info = {.si_signo = signal, .si_code = SI_QUEUE};
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value = value;
    return (int)-CALL(rt_tgsigqueueinfo, getpid(), thread->tid, signal, &info);
}

int pthread_getcpuclockid(pthread_t thread, clockid_t *clock)
{
    if (thread->tid == 0)
        return ESRCH;
    *clock = (clockid_t)((-thread->tid - 1) * 8U + 6);
    return 0;
}

int pthread_getschedparam(pthread_t thread, int *restrict policy,
                          struct sched_param *restrict parameter)
{
    long raw = CALL(sched_getparam, thread->tid, parameter);
    if (raw == 0)
        raw = CALL(sched_getscheduler, thread->tid);
    if (raw >= 0)
        *policy = (int)raw;
    return raw < 0 ? (int)-raw : 0;
}

int pthread_setschedparam(pthread_t thread, int policy, const struct sched_param *parameter)
{
    return (int)-CALL(sched_setscheduler, thread->tid, policy, parameter);
}

int pthread_setschedprio(pthread_t thread, int priority)
{
    struct sched_param parameter = {priority};
    return (int)-CALL(sched_setparam, thread->tid, &parameter);
}

static int concurrency;

int pthread_getconcurrency(void)
{
    return concurrency;
}

/* A hint for libraries that schedule threads themselves; kept for getconcurrency. */
int pthread_setconcurrency(int level)
{
    if (level < 0)
        return EINVAL;
    concurrency = level;
    return 0;
}

int pthread_yield(void)
{
    return sched_yield();
}

static int open_name(pthread_t thread, int flags)
{
    char path[48];
    snprintf(path, sizeof path, "/proc/self/task/%d/comm", thread->tid);
    return open(path, flags | O_CLOEXEC);
}

int pthread_setname_np(pthread_t thread, const char *name)
{
    size_t length = strlen(name);
    if (length > 15)
        return ERANGE;
    enum { PR_SET_NAME = 15 };
    if (thread == thread_self())
        return (int)-CALL(prctl, PR_SET_NAME, name);
    int fd = open_name(thread, O_WRONLY);
    if (fd < 0)
        return errno;
    int error = write(fd, name, length) < 0 ? errno : 0;
    close(fd);
    return error;
}

int pthread_getname_np(pthread_t thread, char *name, size_t size)
{
    if (size < 16)
        return ERANGE;
    enum { PR_GET_NAME = 16 };
    if (thread == thread_self())
        return (int)-CALL(prctl, PR_GET_NAME, name);
    int fd = open_name(thread, O_RDONLY);
    if (fd < 0)
        return errno;
    ssize_t length = read(fd, name, size);
    close(fd);
    if (length <= 0)
        return length < 0 ? errno : EIO;
    name[length - 1] = 0;
    return 0;
}

int pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set)
{
    return (int)-CALL(sched_setaffinity, thread->tid, size, set);
}

int pthread_getaffinity_np(pthread_t thread, size_t size, cpu_set_t *set)
{
    long raw = CALL(sched_getaffinity, thread->tid, size, set);
    if (raw < 0)
        return (int)-raw;
    memset((char *)set + raw, 0, size - (size_t)raw);
    return 0;
}
