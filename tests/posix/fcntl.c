/* SPDX-License-Identifier: MIT */
/* fcntl: pipe sizes, owners and SIGIO, locks of open files; close_range; openat2 and other calls. */
#include "show.h"

#include <linux/membarrier.h>
#include <linux/openat2.h>
#include <sys/timex.h>

static void pipe_sizes(void)
{
    int fds[2];
    static char block[70000];
    need(pipe2(fds, O_NONBLOCK));
    show(fcntl(fds[0], F_GETPIPE_SZ));
    show(fcntl(fds[1], F_SETPIPE_SZ, 5000));
    show(fcntl(fds[0], F_GETPIPE_SZ));
    show(write(fds[1], block, 6000));
    show(fcntl(fds[1], F_SETPIPE_SZ, 4096));
    for (int i = 0; i < 6000; i++)
        block[i] = (char)(i % 101);
    read(fds[0], block + 10000, 6000);
    write(fds[1], block, 6000);
    read(fds[0], block + 10000, 1000);
    show(fcntl(fds[1], F_SETPIPE_SZ, 65536));
    show(read(fds[0], block + 11000, 5000));
    say("kept %d", memcmp(block, block + 10000, 6000) == 0);
    show(fcntl(fds[1], F_SETPIPE_SZ, 1 << 20));
    show(fcntl(0, F_SETPIPE_SZ, 4096));
    show(fcntl(fds[1], F_SETPIPE_SZ, 0x80000001u));
}

static volatile int seen, seen_fd, seen_band, seen_code;
static void note(int signal, siginfo_t *info, void *context)
{
    (void)context;
    seen = signal;
    seen_fd = info->si_fd;
    seen_band = (int)info->si_band;
    seen_code = info->si_code;
}

static void wait_seen(const char *text, int fd)
{
    for (int i = 0; i < 100 && !seen; i++)
        sleep_ms(5);
    if (seen == SIGIO)
        say("%s: SIGIO", text);
    else
        say("%s: signal %d, fd %d, band %#x, code %d", text, seen, seen ? seen_fd == fd : 0,
            seen ? seen_band : 0, seen ? seen_code : 0);
    seen = 0;
}

static void owners(void)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct f_owner_ex owner = {F_OWNER_TID, 0};
    int fds[2];
    char byte;
    need(pipe(fds));
    need(sigaction(SIGIO, &action, NULL));
    need(sigaction(SIGRTMIN + 1, &action, NULL));
    show(fcntl(fds[0], F_GETOWN));
    show(fcntl(fds[0], F_GETSIG));
    show(fcntl(fds[0], F_SETOWN, getpid()));
    show(fcntl(fds[0], F_GETOWN) == getpid());
    show(fcntl(fds[0], F_SETFL, O_ASYNC));
    show(fcntl(fds[0], F_GETFL) & O_ASYNC);
    write(fds[1], "x", 1);
    wait_seen("data", fds[0]);
    write(fds[1], "x", 1);
    wait_seen("more data", fds[0]);
    read(fds[0], &byte, 1);
    wait_seen("a read", fds[0]);
    show(fcntl(fds[0], F_SETFL, 0));
    write(fds[1], "x", 1);
    wait_seen("no longer", fds[0]);
    owner.pid = (pid_t)syscall(SYS_gettid);
    show(fcntl(fds[0], F_SETOWN_EX, &owner));
    owner.pid = 0;
    show(fcntl(fds[0], F_GETOWN_EX, &owner));
    say("type %d own %d", owner.type, owner.pid == getpid());
    owner.type = 77;
    show(fcntl(fds[0], F_SETOWN_EX, &owner));
    show(fcntl(fds[0], F_SETSIG, 99));
    show(fcntl(fds[0], F_SETOWN, -getpgrp()));
    show(fcntl(fds[0], F_GETOWN) == -getpgrp());
}

static int lock(int fd, int command, int type, int start, int length)
{
    struct flock64 range = {.l_type = (short)type, .l_start = start, .l_len = length};
    return (int)syscall(SYS_fcntl64, fd, command, &range);
}

static void file_locks(void)
{
    int a = need(open("file", O_CREAT | O_RDWR, 0600)), b = need(open("file", O_RDWR)), c = dup(a);
    show(lock(a, F_OFD_SETLK, F_WRLCK, 0, 10));
    show(lock(b, F_OFD_SETLK, F_WRLCK, 5, 10));
    show(lock(b, F_OFD_SETLK, F_WRLCK, 10, 10));
    show(lock(c, F_OFD_SETLK, F_RDLCK, 0, 10));
    show(lock(b, F_OFD_SETLK, F_RDLCK, 0, 5));
    show(lock(b, F_SETLK, F_WRLCK, 0, 1));
    struct flock64 range = {.l_type = F_WRLCK, .l_start = 10, .l_len = 1};
    show(syscall(SYS_fcntl64, a, F_OFD_GETLK, &range));
    say("type %d start %d length %d pid %d", range.l_type, (int)range.l_start, (int)range.l_len,
        range.l_pid);
    range = (struct flock64){.l_type = F_WRLCK, .l_pid = 5};
    show(syscall(SYS_fcntl64, a, F_OFD_SETLK, &range));
    close(c);
    show(lock(b, F_OFD_SETLK, F_WRLCK, 5, 5));
    close(a);
    show(lock(b, F_OFD_SETLK, F_WRLCK, 5, 5));
    pid_t child = fork();
    if (child == 0) {
        show(lock(b, F_OFD_SETLK, F_WRLCK, 5, 5));
        int other = need(open("file", O_RDWR));
        show(lock(other, F_OFD_SETLK, F_WRLCK, 5, 5));
        _exit(0);
    }
    show_end("child", child);
    unlink("file");
}

/* Two processes that would wait for one another: the second is told. */
static void deadlock(void)
{
    int ready[2], file = need(open("file", O_CREAT | O_RDWR, 0600));
    char byte;
    need(pipe(ready));
    show(lock(file, F_SETLK64, F_WRLCK, 0, 1));
    pid_t child = fork();
    if (child == 0) {
        need(lock(file, F_SETLK64, F_WRLCK, 10, 1));
        write(ready[1], "r", 1);
        show(lock(file, F_SETLKW64, F_WRLCK, 0, 1));
        _exit(0);
    }
    read(ready[0], &byte, 1);
    sleep_ms(50);
    show(lock(file, F_SETLK64, F_WRLCK, 10, 1));
    show(lock(file, F_SETLKW64, F_WRLCK, 10, 1));
    show(lock(file, F_SETLK64, F_UNLCK, 0, 1));
    show_end("child", child);
    unlink("file");
}

static void ranges(void)
{
    int fds[3];
    for (int i = 0; i < 3; i++)
        fds[i] = need(open("/dev/null", O_RDONLY));
    show(syscall(SYS_close_range, fds[0], fds[1], 4));
    show(fcntl(fds[0], F_GETFD));
    show(fcntl(fds[2], F_GETFD));
    show(syscall(SYS_close_range, fds[1], 0xffffffffu, 2));
    show(fcntl(fds[0], F_GETFD));
    show(fcntl(fds[1], F_GETFD));
    show(syscall(SYS_close_range, 5, 4, 0));
    show(syscall(SYS_close_range, 5, 6, 1));
}

static long open2(const char *path, struct open_how how, size_t size)
{
    return syscall(SYS_openat2, AT_FDCWD, path, &how, size);
}

static void others(void)
{
    struct open_how how = {.flags = O_CREAT | O_WRONLY, .mode = 0640};
    struct stat status;
    show_ok(open2("new", how, sizeof how));
    need(stat("new", &status));
    say("mode %o", status.st_mode & 0777);
    show(open2("new", how, 8));
    how.mode = 010000;
    show(open2("new", how, sizeof how));
    how = (struct open_how){.flags = O_RDONLY, .mode = 0600};
    show(open2("new", how, sizeof how));
    how = (struct open_how){.flags = 1ull << 40};
    show(open2("new", how, sizeof how));
    how = (struct open_how){.resolve = 1ull << 40};
    show(open2("new", how, sizeof how));
    unlink("new");
    show(syscall(SYS_membarrier, 999, 0, 0));
    show(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 1, 0));
    show(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
    show(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
    show(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
    unsigned cpu = 99, node = 99;
    show(syscall(SYS_getcpu, &cpu, &node, NULL));
    say("node %u", node);
}

int main(void)
{
    pipe_sizes();
    owners();
    file_locks();
    deadlock();
    ranges();
    others();
    return 0;
}
