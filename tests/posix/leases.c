/* SPDX-License-Identifier: MIT */
/* Leases: when one is given, who is told of a break, who waits for it. */
#include "show.h"

static volatile sig_atomic_t told;
static void note(int signal, siginfo_t *info, void *context)
{
    (void)context;
    (void)info;
    told = signal;
}

static void given(int fd)
{
    int other = need(open("file", O_RDONLY)), pipes[2];
    show(fcntl(fd, F_GETLEASE));
    show(fcntl(fd, F_SETLEASE, F_RDLCK)); /* we may write ourselves */
    show(fcntl(other, F_SETLEASE, F_WRLCK));
    show(fcntl(fd, F_SETLEASE, F_UNLCK));
    show(fcntl(fd, F_SETLEASE, 9));
    close(other);
    show(fcntl(fd, F_SETLEASE, F_WRLCK));
    show(fcntl(fd, F_GETLEASE));
    show(fcntl(fd, F_SETLEASE, F_UNLCK));
    show(fcntl(fd, F_SETLEASE, F_UNLCK));
    need(pipe(pipes));
    show(fcntl(pipes[0], F_SETLEASE, F_RDLCK));
    other = need(open("file", O_RDONLY));
    close(fd);
    show(fcntl(other, F_SETLEASE, F_RDLCK));
    close(other);
}

/* Another process opens the file; we answer the signal by `answer`. */
static void broken(const char *text, int type, int flags, int answer)
{
    int fd = need(open("file", O_RDONLY));
    told = 0;
    need(fcntl(fd, F_SETSIG, SIGUSR1));
    show(fcntl(fd, F_SETLEASE, type));
    pid_t pid = need(fork());
    if (pid == 0) {
        close(fd);
        int other = open("file", flags | O_NONBLOCK);
        say("%s: without waiting: %s", text, other < 0 ? strerrorname_np(errno) : "open");
        if (other >= 0)
            _exit(0);
        other = open("file", flags);
        say("%s: with waiting: %s", text, other < 0 ? strerrorname_np(errno) : "open");
        _exit(0);
    }
    for (int i = 0; i < 100 && !told; i++)
        sleep_ms(5);
    say("%s: told %d, lease becomes %d", text, (int)told, fcntl(fd, F_GETLEASE));
    if (told) {
        sleep_ms(100);
        say("%s: the lease is now: %d", text, answer);
        need(fcntl(fd, F_SETLEASE, answer));
    }
    show_end(text, pid);
    say("%s: afterwards %d", text, fcntl(fd, F_GETLEASE));
    close(fd);
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART};
    int fd = need(open("file", O_RDWR | O_CREAT, 0600));
    need(sigaction(SIGUSR1, &action, NULL));
    given(fd);
    broken("a reader against a reader", F_RDLCK, O_RDONLY, F_UNLCK);
    broken("a writer against a reader", F_RDLCK, O_WRONLY, F_UNLCK);
    broken("a reader against a writer", F_WRLCK, O_RDONLY, F_RDLCK);
    broken("a writer against a writer", F_WRLCK, O_WRONLY, F_UNLCK);
    return 0;
}
