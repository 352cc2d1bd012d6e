/* SPDX-License-Identifier: MIT */
/* Process descriptors and clone3. */
#include "show.h"

#include <linux/sched.h>
#include <sys/epoll.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static long pidfd_open_(pid_t pid, unsigned flags)
{
    return syscall(SYS_pidfd_open, pid, flags);
}

static long send_(int fd, int signal)
{
    return syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0);
}

static long clone3_(struct clone_args *args)
{
    return syscall(SYS_clone3, args, sizeof *args);
}

static void descriptors(void)
{
    int ends[2], hold[2];
    char byte;
    need(pipe(ends));
    need(pipe(hold));
    pid_t child = fork();
    if (child == 0) {
        close(hold[1]);
        read(hold[0], &byte, 1);
        _exit(7);
    }
    close(hold[0]);
    int fd = (int)need(pidfd_open_(child, 0));
    show(fcntl(fd, F_GETFD));
    show_poll("alive", fd, POLLIN | POLLOUT, 0);
    show(read(fd, &byte, 1));
    show(send_(fd, 0));
    show(send_(fd, 99));
    show(send_(1, 0));
    int copy = (int)syscall(SYS_pidfd_getfd, fd, ends[1], 0);
    say("got %d", copy >= 0);
    show(write(copy, "x", 1));
    show(read(ends[0], &byte, 1));
    show(syscall(SYS_pidfd_getfd, fd, 99, 0));
    siginfo_t info = {.si_pid = 0};
    show(waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG));
    say("nothing yet %d", info.si_pid == 0);
    int epoll = need(epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN};
    show(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    close(hold[1]);
    show(epoll_wait(epoll, &event, 1, 5000));
    show_poll("ended", fd, POLLIN | POLLOUT, 0);
    show(send_(fd, 0));
    show(waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
    say("code %d status %d own child %d", info.si_code, info.si_status, info.si_pid == child);
    show(send_(fd, 0));
    show(waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
    show(waitid(P_PIDFD, 1, &info, WEXITED));
    show(pidfd_open_(child, 0));
    show(pidfd_open_(-1, 0));
    show(pidfd_open_(getpid(), 1));
    show_ok(pidfd_open_(getpid(), O_NONBLOCK));
}

static void handler(int signal)
{
    (void)signal;
}

static void clones(void)
{
    int pidfd = -1;
    struct clone_args args = {.flags = CLONE_PIDFD, .exit_signal = SIGCHLD};
    args.pidfd = (uintptr_t)&pidfd;
    long child = clone3_(&args);
    if (child == 0)
        _exit(5);
    say("pidfd %d", pidfd >= 0);
    show_poll("child", pidfd, POLLIN, 5000);
    show_end("child", (pid_t)child);
    signal(SIGUSR1, handler);
    args = (struct clone_args){.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
    child = clone3_(&args);
    if (child == 0) {
        kill(getpid(), SIGUSR1);
        _exit(5);
    }
    show_end("handlers cleared", (pid_t)child);
    args = (struct clone_args){.flags = SIGCHLD};
    show(clone3_(&args));
    args = (struct clone_args){.exit_signal = 200};
    show(clone3_(&args));
    args = (struct clone_args){.stack = 4096, .exit_signal = SIGCHLD};
    show(clone3_(&args));
    args = (struct clone_args){.flags = CLONE_THREAD, .exit_signal = 0};
    show(clone3_(&args));
    show(syscall(SYS_clone3, &args, 10));
    show(syscall(SYS_clone3, &args, 10000));
    show(syscall(SYS_clone3, 8, sizeof args));
}

int main(void)
{
    descriptors();
    clones();
    return 0;
}
