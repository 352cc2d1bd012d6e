/* SPDX-License-Identifier: MIT */
/*
 * on-terminal FILE COMMAND...: run a command under a terminal of its own. What comes in is typed there, what appears is written
 * to FILE; ends with the command's exit code. For tests of programs that a person sits in front of.
 */
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Both ways until the terminal is closed by its last user. */
static void pass_on(int terminal, FILE *screen)
{
    struct pollfd ends[2] = {{.fd = terminal, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    char buffer[4096];
    ssize_t got;

    while (poll(ends, 2, -1) > 0) {
        if (ends[0].revents) {
            if ((got = read(terminal, buffer, sizeof buffer)) <= 0)
                return;
            fwrite(buffer, 1, (size_t)got, screen);
        }
        if (ends[1].revents) {
            if ((got = read(0, buffer, sizeof buffer)) <= 0)
                ends[1].fd = -1;
            else if (write(terminal, buffer, (size_t)got) != got)
                return;
        }
    }
}

int main(int count, char **words)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    int terminal, status;
    FILE *screen = count < 3 ? NULL : fopen(words[1], "w");
    pid_t child;

    if (!screen || (child = forkpty(&terminal, NULL, NULL, &size)) < 0) {
        perror("on-terminal");
        return 125;
    }
    if (child == 0) {
        execvp(words[2], words + 2);
        _exit(127);
    }
    pass_on(terminal, screen);
    fclose(screen);
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return 126;
    return WEXITSTATUS(status);
}
