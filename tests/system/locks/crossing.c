/* SPDX-License-Identifier: MIT */
/*
 * Locks of one file that a Unix and a Windows program have open at once: `crossing FILE LOCKER`, where
 * LOCKER is locker.c. Prints what is asked on either side and what comes of it.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOON 300 /* ms: what should not come by then does not come */

static pid_t locker;
static int to, from, file;

static void start(const char *program, const char *name)
{
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || (locker = fork()) < 0)
        exit(1);
    if (locker == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execl(program, program, name, NULL);
        _exit(1);
    }
    close(in[0]);
    close(out[1]);
    to = in[1];
    from = out[0];
}

/* ---- the Windows side ---- */

static void send(const char *command)
{
    dprintf(to, "%s\n", command);
}

static void answer(const char *command)
{
    char text[100] = "";
    ssize_t length = read(from, text, sizeof text - 1);
    text[length > 0 ? strcspn(text, "\r\n") : 0] = 0;
    printf("nt %s: %s\n", command, text);
}

static void nt(const char *command)
{
    send(command);
    answer(command);
}

static int has_answered(void)
{
    struct pollfd item = {.fd = from, .events = POLLIN};
    return poll(&item, 1, SOON) == 1;
}

/* ---- the Unix side ---- */

static struct flock range(short type, off_t at, off_t length)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = length};
}

static void unix_lock(const char *what, int command, short type, off_t at, off_t length)
{
    struct flock lock = range(type, at, length);
    int result = fcntl(file, command, &lock);
    printf("unix %s %d %d: %s\n", what, (int)at, (int)length, result == 0 ? "0" : strerror(errno));
}

static void in_each_others_way(void)
{
    struct flock lock = range(F_WRLCK, 5, 1);
    char bytes[4] = "";
    nt("a exclusive 0 10");
    unix_lock("write lock", F_SETLK, F_WRLCK, 5, 1);
    unix_lock("read lock", F_SETLK, F_RDLCK, 9, 5);
    unix_lock("description's lock", F_OFD_SETLK, F_WRLCK, 0, 1);
    unix_lock("write lock", F_SETLK, F_WRLCK, 10, 5);
    fcntl(file, F_GETLK, &lock);
    printf("in the way: type %d, %d %d, of the locker: %d\n", lock.l_type, (int)lock.l_start,
           (int)lock.l_len, lock.l_pid == locker);
    printf("flock: %d\n", flock(file, LOCK_EX | LOCK_NB));
    printf("read, write: %d %d\n", (int)pread(file, bytes, 4, 0), (int)pwrite(file, bytes, 4, 0));
    nt("b read 0 4");
    nt("b write 9 4");
    nt("a read 0 4");
    nt("a exclusive 12 1");
    nt("b write 12 2");
    unix_lock("unlock", F_SETLK, F_UNLCK, 10, 5);
    nt("a exclusive 12 1");
    nt("a unlock 12 1");
}

static void sharing(void)
{
    unix_lock("read lock", F_SETLK, F_RDLCK, 20, 5);
    nt("a shared 22 10");
    nt("b exclusive 24 1");
    nt("b write 26 1");
    unix_lock("write lock", F_SETLK, F_WRLCK, 30, 1);
    nt("a unlock 22 10");
    unix_lock("write lock", F_SETLK, F_WRLCK, 30, 1);
}

static void waiting(void)
{
    int status;
    send("b wait 20 5");
    printf("nt waits: %d\n", !has_answered());
    unix_lock("unlock", F_SETLK, F_UNLCK, 0, 0);
    answer("b wait 20 5");
    pid_t child = fork();
    if (child == 0) {
        struct flock lock = range(F_WRLCK, 5, 20);
        _exit(fcntl(file, F_SETLKW, &lock) == 0 ? 7 : 1);
    }
    usleep(SOON * 1000);
    nt("b unlock 20 5");
    usleep(SOON * 1000);
    printf("unix waits: %d\n", waitpid(child, &status, WNOHANG) == 0);
    nt("a unlock 0 10");
    waitpid(child, &status, 0);
    printf("unix has it: %d\n", WEXITSTATUS(status) == 7);
}

static void ending(const char *name)
{
    unix_lock("write lock", F_SETLK, F_WRLCK, 0, 100);
    send("a wait 50 1");
    printf("nt waits: %d\n", !has_answered());
    close(open(name, O_RDONLY)); /* any close of the file drops the process's locks */
    answer("a wait 50 1");
    close(to); /* the locker ends */
    waitpid(locker, NULL, 0);
    unix_lock("write lock", F_SETLK, F_WRLCK, 50, 1);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    setvbuf(stdout, NULL, _IONBF, 0);
    file = open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (ftruncate(file, 100) != 0)
        return 1;
    start(argv[2], argv[1]);
    in_each_others_way();
    sharing();
    waiting();
    ending(argv[1]);
    return 0;
}
