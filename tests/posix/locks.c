/* SPDX-License-Identifier: MIT */
/* Record locks and flock: who is in whose way, what is merged and cut, waiting, deadlock, closing. */
#include "show.h"

#include <sys/file.h>

static int lock(int fd, int command, int type, long start, long length)
{
    struct flock lock = {
        .l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return fcntl(fd, command, &lock);
}

/* What another process is told. */
static void ask(const char *text, int type, long start, long length)
{
    pid_t parent = getpid(), pid = need(fork());
    if (pid == 0) {
        struct flock lock = {.l_type = (short)type, .l_start = start, .l_len = length};
        int fd = need(open("file", O_RDWR));
        if (fcntl(fd, F_GETLK, &lock) < 0)
            say("%s: %s", text, strerrorname_np(errno));
        else if (lock.l_type == F_UNLCK)
            say("%s: free", text);
        else
            say("%s: type %d %ld+%ld whence %d by %s", text, lock.l_type, (long)lock.l_start,
                (long)lock.l_len, lock.l_whence,
                lock.l_pid == parent ? "the parent"
                : lock.l_pid == -1   ? "a description"
                                     : "?");
        _exit(0);
    }
    need(waitpid(pid, NULL, 0));
}

static void records(int fd)
{
    show(lock(fd, F_SETLK, F_WRLCK, 10, 10));
    ask("inside", F_RDLCK, 15, 1);
    ask("before", F_WRLCK, 0, 10);
    show(lock(fd, F_SETLK, F_WRLCK, 20, 10));
    ask("two become one", F_RDLCK, 0, 0);
    show(lock(fd, F_SETLK, F_RDLCK, 14, 2));
    ask("reader beside", F_RDLCK, 14, 2);
    ask("writer", F_WRLCK, 14, 2);
    ask("left part", F_RDLCK, 0, 0);
    show(lock(fd, F_SETLK, F_UNLCK, 0, 12));
    ask("cut", F_RDLCK, 0, 0);
    show(lock(fd, F_SETLK, F_WRLCK, 100, 0));
    ask("to the end", F_RDLCK, 1000000, 1);
    int other = need(open("file", O_RDONLY));
    show(lock(other, F_SETLK, F_WRLCK, 0, 1));
    close(other);
    ask("a close drops all", F_WRLCK, 0, 0);
    show(lock(fd, F_SETLK, F_WRLCK, -1, 1));
    show(lock(fd, F_SETLK, 7, 0, 1));
    show(lock(fd, F_GETLK, F_UNLCK, 0, 1));
}

static void waiting(int fd)
{
    int fds[2];
    char byte;
    need(pipe(fds));
    need(lock(fd, F_SETLK, F_WRLCK, 0, 1));
    pid_t pid = need(fork());
    if (pid == 0) {
        show(lock(fd, F_SETLK, F_WRLCK, 0, 1));
        need(lock(fd, F_SETLK, F_WRLCK, 1, 1));
        write(fds[1], "x", 1);
        show(lock(fd, F_SETLKW, F_WRLCK, 0, 1));
        _exit(5);
    }
    need(read(fds[0], &byte, 1));
    sleep_ms(100);
    show(lock(fd, F_SETLKW, F_WRLCK, 1, 1)); /* it waits for us */
    need(lock(fd, F_SETLK, F_UNLCK, 0, 1));
    show_end("the child", pid);
    show(lock(fd, F_SETLK, F_WRLCK, 1, 1)); /* gone with it */
    need(lock(fd, F_SETLK, F_UNLCK, 0, 0));
}

static void nothing(int signal)
{
    (void)signal;
}

static void interrupted(int fd)
{
    struct sigaction action = {.sa_handler = nothing};
    need(sigaction(SIGALRM, &action, NULL));
    need(lock(fd, F_SETLK, F_WRLCK, 0, 1));
    pid_t pid = need(fork());
    if (pid == 0) {
        struct itimerval timer = {.it_value = {0, 50000}};
        setitimer(ITIMER_REAL, &timer, NULL);
        show(lock(fd, F_SETLKW, F_WRLCK, 0, 1));
        _exit(0);
    }
    show_end("interrupted", pid);
    need(lock(fd, F_SETLK, F_UNLCK, 0, 0));
}

static void descriptions(int fd)
{
    int other = need(open("file", O_RDWR));
    struct flock range = {.l_type = F_WRLCK, .l_start = 3, .l_len = 4};
    show(fcntl(fd, F_OFD_SETLK, &range));
    show(fcntl(other, F_OFD_SETLK, &range));
    ask("of a description", F_WRLCK, 0, 0);
    show(lock(other, F_SETLK, F_WRLCK, 3, 1));
    close(other);
    ask("stays", F_WRLCK, 0, 0);
    range.l_type = F_UNLCK;
    show(fcntl(fd, F_OFD_SETLK, &range));
    range.l_pid = 1;
    show(fcntl(fd, F_OFD_SETLK, &range));
}

static void whole_files(int fd)
{
    int other = need(open("file", O_RDONLY)), copy = need(dup(fd));
    show(flock(fd, LOCK_SH));
    show(flock(other, LOCK_SH | LOCK_NB));
    show(flock(fd, LOCK_EX | LOCK_NB));
    show(flock(other, LOCK_UN));
    show(flock(fd, LOCK_EX | LOCK_NB));
    show(flock(other, LOCK_SH | LOCK_NB));
    show(lock(fd, F_SETLK, F_WRLCK, 0, 0)); /* the other kind */
    show(lock(fd, F_SETLK, F_UNLCK, 0, 0));
    pid_t pid = need(fork());
    if (pid == 0) {
        close(fd);
        sleep_ms(100);
        _exit(0);
    }
    close(fd);
    show(flock(other, LOCK_EX | LOCK_NB)); /* the copy holds it */
    close(copy);
    show(flock(other, LOCK_EX | LOCK_NB)); /* the child does */
    show_end("the child", pid);
    show(flock(other, LOCK_EX | LOCK_NB));
    show(flock(other, LOCK_UN));
    show(flock(other, 16));
    show(flock(99, LOCK_SH));
    close(other);
}

int main(void)
{
    int fd = need(open("file", O_RDWR | O_CREAT, 0644));
    records(fd);
    waiting(fd);
    interrupted(fd);
    descriptions(fd);
    whole_files(fd);
    return 0;
}
