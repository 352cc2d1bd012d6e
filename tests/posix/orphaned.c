/* SPDX-License-Identifier: MIT */
/* A process group with a stopped member hears SIGHUP and SIGCONT when it loses its last parent outside, and only then. */
#include "show.h"

#include <sys/socket.h>

static pid_t stopped_child(void)
{
    int status;
    pid_t child = need(fork());
    if (child == 0)
        for (;;)
            pause();
    need(kill(child, SIGSTOP));
    need(waitpid(child, &status, WUNTRACED));
    say("stopped %d", WIFSTOPPED(status));
    return child;
}

static void end_a_member(void)
{
    pid_t child = need(fork());
    if (child == 0)
        _exit(0);
    show_end("member", child);
}

/* In an orphaned group a member ends that was in nobody's way. */
static void orphaned_already(void)
{
    need(setsid());
    pid_t child = stopped_child();
    end_a_member();
    say("alive");
    need(kill(child, SIGKILL));
    show_end("stopped child", child);
    _exit(0);
}

/* The session's leader is the only parent that the group of its child has outside. */
static void loses_its_parent(int report)
{
    need(setsid());
    if (need(fork()) != 0) {
        char byte;
        need(read(report, &byte, 1));
        _exit(0);
    }
    need(setpgid(0, 0));
    signal(SIGHUP, SIG_IGN);
    pid_t child = stopped_child();
    end_a_member();
    int status;
    say("still stopped %d", waitpid(child, &status, WCONTINUED | WNOHANG) == 0);
    need(write(report, "e", 1));
    need(waitpid(child, &status, WCONTINUED));
    say("continued %d", WIFCONTINUED(status));
    need(kill(child, SIGKILL));
    show_end("child", child);
    need(write(report, "d", 1));
    _exit(0);
}

int main(void)
{
    int ends[2];
    char byte;
    pid_t child = need(fork());
    if (child == 0)
        orphaned_already();
    show_end("orphaned already", child);
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    child = need(fork());
    if (child == 0)
        loses_its_parent(ends[1]);
    close(ends[1]);
    need(read(ends[0], &byte, 1));
    need(write(ends[0], "g", 1)); /* the leader may end */
    need(read(ends[0], &byte, 1));
    say("done %c", byte);
    show_end("leader", child);
    return 0;
}
