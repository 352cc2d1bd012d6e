/* SPDX-License-Identifier: MIT */
/*
 * What the programs of tests/posix share. They print facts, one a line, and decide nothing: the same
 * output on Linux and here is the test. So nothing is printed that differs from run to run (numbers of
 * processes, addresses, times) and every process prints through an unbuffered stream.
 */
#ifndef TESTS_POSIX_SHOW_H
#define TESTS_POSIX_SHOW_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A line of output, written in one piece. */
__attribute__((format(printf, 1, 2), unused)) static void say(const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    if (length > (int)sizeof line - 2)
        length = sizeof line - 2;
    line[length++] = '\n';
    if (write(1, line, (size_t)length) != length)
        _exit(99);
}

/* A call and its result: the value, or the name of the error. Returns the result. */
__attribute__((unused)) static long show_result(const char *text, long result)
{
    int error = errno;
    if (result == -1)
        say("%s: %s", text, strerrorname_np(error));
    else
        say("%s: %ld", text, result);
    errno = error;
    return result;
}
#define show(call) show_result(#call, (long)(call))

/* The same for calls whose value differs from run to run (descriptors, addresses, processes). */
__attribute__((unused)) static long show_success(const char *text, long result)
{
    int error = errno;
    say("%s: %s", text, result == -1 ? strerrorname_np(error) : "ok");
    errno = error;
    return result;
}
#define show_ok(call) show_success(#call, (long)(call))

/* For what a program needs and does not test: ends it when it fails. */
#define need(call)                                                            \
    ({                                                                        \
        __typeof__(call) need_result = (call);                                \
        if ((long)need_result == -1) {                                        \
            say("%s:%d: %s: %s", __FILE__, __LINE__, #call, strerror(errno)); \
            _exit(98);                                                        \
        }                                                                     \
        need_result;                                                          \
    })

__attribute__((unused)) static void sleep_ms(int ms)
{
    struct timespec span = {ms / 1000, ms % 1000 * 1000000L};
    while (nanosleep(&span, &span) < 0 && errno == EINTR)
        ;
}

__attribute__((unused)) static int64_t clock_ms(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* How a child ended: waits for it. */
__attribute__((unused)) static void show_end(const char *text, pid_t pid)
{
    int status = 0;
    pid_t result;
    while ((result = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
        ;
    if (result != pid)
        say("%s: %s", text, strerrorname_np(errno));
    else if (WIFSIGNALED(status))
        say("%s: signal %d", text, WTERMSIG(status));
    else
        say("%s: exit %d", text, WEXITSTATUS(status));
}

/* poll() of one descriptor, at once or within a time: what it reports, by name. */
__attribute__((unused)) static void show_poll(const char *text, int fd, int events, int timeout)
{
    static const struct {
        int bit;
        const char *name;
    } names[] = {{POLLIN, "IN"},         {POLLPRI, "PRI"},       {POLLOUT, "OUT"},
                 {POLLERR, "ERR"},       {POLLHUP, "HUP"},       {POLLNVAL, "NVAL"},
                 {POLLRDHUP, "RDHUP"},   {POLLRDNORM, "RDNORM"}, {POLLRDBAND, "RDBAND"},
                 {POLLWRNORM, "WRNORM"}, {POLLWRBAND, "WRBAND"}};
    struct pollfd item = {fd, (short)events, 0};
    char line[128] = "";
    int result = poll(&item, 1, timeout);
    if (result < 0) {
        say("%s: %s", text, strerrorname_np(errno));
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (item.revents & names[i].bit) {
            strcat(line, " ");
            strcat(line, names[i].name);
        }
    }
    say("%s:%s", text, line[0] ? line : " nothing");
}

#endif
