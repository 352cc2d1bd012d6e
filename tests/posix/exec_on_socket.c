/* SPDX-License-Identifier: MIT */
/*
 * A program with a socket as its standard input and output: exec_on_socket PROGRAM ARGUMENT... sends
 * it two lines and prints what it answers. Without arguments it runs /bin/cat.
 */
#include "show.h"

#include <sys/socket.h>

int main(int argc, char **argv)
{
    static char *cat[] = {"/bin/cat", NULL};
    char **program = argc > 1 ? argv + 1 : cat, buffer[256];
    int ends[2];
    long length;
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 0);
        dup2(ends[1], 1);
        execvp(program[0], program);
        say("%s: %s", program[0], strerrorname_np(errno));
        _exit(127);
    }
    close(ends[1]);
    need(write(ends[0], "line one\nline two\n", 18));
    need(shutdown(ends[0], SHUT_WR));
    while ((length = read(ends[0], buffer, sizeof buffer)) > 0) {
        if (write(1, buffer, (size_t)length) != length)
            return 1;
    }
    say("end of data: %ld", length);
    show_end("program", child);
    return 0;
}
