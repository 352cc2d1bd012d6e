/* SPDX-License-Identifier: MIT */
/* A program that runs is not written to, and one that is written to does not run. */
#include "show.h"

#include <sys/sendfile.h>

static void copy_self(const char *to)
{
    struct stat status;
    int in = need(open("/proc/self/exe", O_RDONLY)), out = need(open(to, O_WRONLY | O_CREAT, 0755));
    need(fstat(in, &status));
    for (off_t left = status.st_size; left > 0;)
        left -= need((int)sendfile(out, in, NULL, (size_t)left));
    close(in);
    close(out);
}

/* Runs it with its input from a pipe, which it reads to the end; the other end. */
static int start(const char *program, pid_t *child)
{
    int ends[2], ready[2];
    char byte;
    need(pipe(ends));
    need(pipe(ready));
    if ((*child = need(fork())) == 0) {
        dup2(ends[0], 0);
        dup2(ready[1], 1);
        close(ends[1]);
        execl(program, program, "--wait", (char *)NULL);
        _exit(errno);
    }
    close(ends[0]);
    close(ready[1]);
    need((int)read(ready[0], &byte, 1));
    close(ready[0]);
    return ends[1];
}

static int run(const char *program)
{
    int status;
    pid_t child = need(fork());
    if (child == 0) {
        execl(program, program, "--exit", (char *)NULL);
        _exit(errno == ETXTBSY ? 99 : 98);
    }
    need(waitpid(child, &status, 0));
    return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    pid_t child;
    char byte;
    if (argc > 1 && strcmp(argv[1], "--exit") == 0)
        return 0;
    if (argc > 1) {
        if (write(1, "r", 1) == 1)
            return (int)read(0, &byte, 1);
        return 1;
    }
    copy_self("p");
    int hold = start("./p", &child);
    show(open("p", O_WRONLY));
    show(open("p", O_RDWR | O_TRUNC));
    show(open("p", O_WRONLY | O_CREAT, 0644));
    show(truncate("p", 0));
    show(run("./p"));
    show(rename("p", "q"));
    show(open("q", O_WRONLY));
    close(hold);
    waitpid(child, NULL, 0);
    int fd = need(open("q", O_WRONLY));
    show(run("./q"));
    close(fd);
    show(run("./q"));
    show(truncate("q", 0));
    unlink("q");
    return 0;
}
