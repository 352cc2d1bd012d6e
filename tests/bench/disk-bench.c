/* SPDX-License-Identifier: MIT */
/*
 * Speed of a file system on a disk: `disk-bench DIRECTORY BUSYBOX` prints `name nanoseconds ns` for each
 * test, on Linux and on Atomik alike. The directory has the file `source.tar`. `disk-bench DIRECTORY BUSYBOX
 * TEST...` runs only the tests that are named (find and cat-all need what tar-x leaves).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

#define BIG   (256u << 20)
#define BLOCK 65536u
#define FILES 10000u

static char block[BLOCK];
static char *busybox;

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

static void untar(void)
{
    begin();
    run(busybox, (char *[]){"tar", "xf", "source.tar", NULL}, 0);
    sync();
    end("tar-x");
}

static void find(void)
{
    begin();
    run(busybox, (char *[]){"find", ".", NULL}, 1);
    end("find");
}

static void cat_all(void)
{
    begin();
    run(busybox, (char *[]){"find", ".", "-type", "f", "-exec", busybox, "cat", "{}", "+", NULL},
        1);
    end("cat-all");
}

static const struct test {
    const char *name;
    void (*run)(void);
} tests[] = {{"sequential", sequential},
             {"tar-x", untar},
             {"find", find},
             {"cat-all", cat_all},
             {"small-files", small_files}};

static int is_named(const char *name, char **names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return 1;
    return count == 0;
}

int main(int argc, char **argv)
{
    must(argc >= 3 && chdir(argv[1]) == 0, "directory");
    busybox = argv[2];
    for (unsigned i = 0; i < sizeof tests / sizeof tests[0]; i++)
        if (is_named(tests[i].name, argv + 3, argc - 3))
            tests[i].run();
    return 0;
}
