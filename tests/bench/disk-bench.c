/* SPDX-License-Identifier: MIT */
/*
 * Speed of a file system on a disk: `disk-bench DIRECTORY BUSYBOX` prints `name nanoseconds ns` for each
 * test, on Linux and on Atomik alike. The directory has the file `source.tar`.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BIG   (256u << 20)
#define BLOCK 65536u
#define FILES 10000u

static char block[BLOCK];

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void must(int right, const char *what)
{
    if (right)
        return;
    perror(what);
    exit(1);
}

static double began;

static void begin(void)
{
    sync();
    began = now();
}

static void end(const char *name)
{
    printf("%s %.0f ns\n", name, now() - began);
    fflush(stdout);
}

static void run(const char *program, char *const words[], int quiet)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);
        if (quiet)
            dup2(null, 1);
        execv(program, words);
        _exit(127);
    }
    must(waitpid(child, &status, 0) == child && status == 0, words[0]);
}

static void sequential(void)
{
    memset(block, 'x', sizeof block);
    begin();
    int fd = open("big", O_RDWR | O_CREAT | O_TRUNC, 0644);
    for (unsigned at = 0; at < BIG; at += BLOCK)
        must(write(fd, block, BLOCK) == BLOCK, "write");
    must(fsync(fd) == 0, "fsync");
    end("write-256MiB");
    begin();
    must(lseek(fd, 0, SEEK_SET) == 0, "lseek");
    for (unsigned at = 0; at < BIG; at += BLOCK)
        must(read(fd, block, BLOCK) == BLOCK, "read");
    end("read-256MiB");
    close(fd);
    must(unlink("big") == 0, "unlink");
}

static void small_files(void)
{
    char name[32];
    must(mkdir("small", 0755) == 0, "mkdir");
    begin();
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "small/%u", i);
        int fd = open(name, O_WRONLY | O_CREAT, 0644);
        must(fd >= 0 && write(fd, block, 1000) == 1000, name);
        close(fd);
    }
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "small/%u", i);
        must(unlink(name) == 0, name);
    }
    sync();
    end("small-files-10000");
}

int main(int argc, char **argv)
{
    must(argc == 3 && chdir(argv[1]) == 0, "directory");
    sequential();
    begin();
    run(argv[2], (char *[]){"tar", "xf", "source.tar", NULL}, 0);
    sync();
    end("tar-x");
    begin();
    run(argv[2], (char *[]){"find", ".", NULL}, 1);
    end("find");
    begin();
    run(argv[2], (char *[]){"find", ".", "-type", "f", "-exec", argv[2], "cat", "{}", "+", NULL},
        1);
    end("cat-all");
    small_files();
    return 0;
}
