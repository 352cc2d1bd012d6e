/* SPDX-License-Identifier: MIT */
/* Pseudo terminals as controlling terminals: sessions, groups, keys, window size, hanging up. */
#include "show.h"

#include <termios.h>

static int master, number;
static char path[32];

static void new_terminal(void)
{
    int unlock = 0;
    master = need(open("/dev/ptmx", O_RDWR | O_NOCTTY));
    need(ioctl(master, TIOCGPTN, &number));
    need(ioctl(master, TIOCSPTLCK, &unlock));
    snprintf(path, sizeof path, "/dev/pts/%d", number);
}

/* A child that leads a session on the terminal. It speaks on descriptor 1, which is not the terminal. */
static pid_t lead(void (*run)(int terminal))
{
    pid_t child = fork();
    if (child)
        return child;
    need(setsid());
    int terminal = need(open(path, O_RDWR));
    close(master);
    run(terminal);
    _exit(0);
}

static volatile int seen[65];
static void note(int signal)
{
    seen[signal]++;
}

static void wait_for(int signal)
{
    for (int i = 0; i < 200 && !seen[signal]; i++)
        sleep_ms(10);
    say("signal %d: %d", signal, seen[signal]);
    seen[signal] = 0;
}

static void groups(int terminal)
{
    pid_t group = -1;
    int session = -1;
    show(ioctl(terminal, TIOCGPGRP, &group));
    say("own group %d", group == getpgrp());
    show(ioctl(terminal, TIOCGSID, &session));
    say("own session %d", session == getsid(0));
    int again = open("/dev/tty", O_RDWR);
    say("/dev/tty %s", again < 0 ? strerrorname_np(errno) : "opens");
    close(again);
    pid_t child = fork();
    if (child == 0) {
        need(setpgid(0, 0));
        signal(SIGTTOU, SIG_IGN);
        show(tcsetpgrp(terminal, getpid()));
        show(tcgetpgrp(terminal) == getpid());
        signal(SIGTTIN, SIG_IGN);
        show(tcsetpgrp(terminal, getppid()));
        char byte;
        show(read(terminal, &byte, 1));
        signal(SIGTTIN, SIG_DFL);
        show(read(terminal, &byte, 1));
        say("byte %c", byte);
        _exit(3);
    }
    int status;
    need(waitpid(child, &status, WUNTRACED));
    say("stopped %d by %d", WIFSTOPPED(status), WIFSTOPPED(status) ? WSTOPSIG(status) : 0);
    show(tcsetpgrp(terminal, child));
    show(write(master, "x", 1)); /* closed here */
    ioctl(terminal, TIOCSTI, "q");
    ioctl(terminal, TIOCSTI, "\n");
    need(kill(child, SIGCONT));
    show_end("child", child);
    show(tcsetpgrp(terminal, 12345678));
    signal(SIGHUP, note);
    signal(SIGCONT, note);
    signal(SIGTTOU, SIG_IGN);
    show(tcsetpgrp(terminal, getpgrp()));
    show(ioctl(terminal, TIOCNOTTY));
    wait_for(SIGHUP);
    wait_for(SIGCONT);
    show(open("/dev/tty", O_RDWR));
    show(ioctl(terminal, TIOCGPGRP, &group));
    show(ioctl(terminal, TIOCSCTTY, 0));
    show(ioctl(terminal, TIOCGPGRP, &group));
}

static void keys(int terminal)
{
    signal(SIGINT, note);
    signal(SIGQUIT, note);
    signal(SIGTSTP, note);
    signal(SIGWINCH, note);
    write(terminal, "ready", 5);
    wait_for(SIGINT);
    write(terminal, "2", 1);
    wait_for(SIGQUIT);
    write(terminal, "3", 1);
    wait_for(SIGTSTP);
    write(terminal, "4", 1);
    wait_for(SIGWINCH);
    struct winsize size;
    show(ioctl(terminal, TIOCGWINSZ, &size));
    say("rows %d", size.ws_row);
}

static void type_keys(void)
{
    char bytes[64];
    struct winsize size = {50, 60, 0, 0};
    read(master, bytes, 64);
    write(master, "\003", 1);
    while (read(master, bytes, 64) > 0 && !memchr(bytes, '2', 64))
        ;
    write(master, "\034", 1);
    while (read(master, bytes, 64) > 0 && !memchr(bytes, '3', 64))
        ;
    write(master, "\032", 1);
    while (read(master, bytes, 64) > 0 && !memchr(bytes, '4', 64))
        ;
    ioctl(master, TIOCSWINSZ, &size);
}

static void hung_up(int terminal)
{
    char byte;
    signal(SIGHUP, note);
    signal(SIGCONT, note);
    write(terminal, "r", 1);
    wait_for(SIGHUP);
    wait_for(SIGCONT);
    show(read(terminal, &byte, 1));
    show(write(terminal, "x", 1));
    show(open("/dev/tty", O_RDWR));
    pid_t group;
    show(ioctl(terminal, TIOCGPGRP, &group));
    show_poll("hung up", terminal, POLLIN | POLLOUT, 0);
}

/* The leader ends while a child still has the terminal open. */
static int report;
static void leaver(int terminal)
{
    int ready[2];
    char byte;
    need(pipe(ready));
    pid_t child = fork();
    if (child == 0) {
        signal(SIGHUP, note);
        write(ready[1], "r", 1);
        wait_for(SIGHUP);
        show(write(terminal, "still here", 10));
        show(open("/dev/tty", O_RDWR));
        show(ioctl(terminal, TIOCSCTTY, 0));
        write(report, "d", 1);
        _exit(0);
    }
    read(ready[0], &byte, 1);
}

static void leader_ends(void)
{
    char byte, bytes[8];
    int ends[2];
    need(pipe(ends));
    report = ends[1];
    new_terminal();
    pid_t child = lead(leaver);
    close(ends[1]);
    show_end("leader", child);
    while (read(ends[0], &byte, 1) == 1 && byte != 'd')
        ;
    long count;
    while ((count = read(master, bytes, 8)) > 0)
        ;
    say("master: %s", strerrorname_np(errno));
    close(master);
}

int main(void)
{
    char bytes[256];
    new_terminal();
    pid_t child = lead(groups);
    show_end("groups", child);
    close(master);

    new_terminal();
    child = lead(keys);
    type_keys();
    show_end("keys", child);
    close(master);

    new_terminal();
    child = lead(hung_up);
    read(master, bytes, 1);
    close(master);
    show_end("hung up", child);

    leader_ends();
    return 0;
}
