/* SPDX-License-Identifier: MIT */
/*
 * Prints what is never the same twice: the time, random bytes, what another one writes into a file, and
 * how often an alarm interrupted it. With an argument it reads through a null pointer in the end if the
 * file begins with an x.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t alarms;
static volatile int *nowhere;

static void on_alarm(int signal)
{
    (void)signal;
    alarms++;
}

static void print_random(void)
{
    unsigned char bytes[8] = "";
    int fd = open("/dev/urandom", O_RDONLY);
    if (read(fd, bytes, sizeof bytes) != sizeof bytes)
        exit(1);
    close(fd);
    for (unsigned i = 0; i < sizeof bytes; i++)
        printf("%02x", bytes[i]);
    putchar('\n');
}

static char first_of(const char *path)
{
    int fd = open(path, O_RDONLY);
    char *content = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    char first = content == MAP_FAILED ? '?' : content[0];
    close(fd);
    return first;
}

int main(int argc, char **argv)
{
    struct timespec now;
    struct itimerval soon = {.it_value.tv_usec = 3000};
    signal(SIGALRM, on_alarm);
    for (int round = 0; round < 5; round++) {
        clock_gettime(CLOCK_REALTIME, &now);
        printf("%lld.%09ld of %d\n", (long long)now.tv_sec, now.tv_nsec, (int)getpid());
        print_random();
        setitimer(ITIMER_REAL, &soon, NULL);
        pause();
        free(memset(malloc(300000), round, 300000));
    }
    printf("%d alarms\n", (int)alarms);
    fflush(stdout);
    if (argc > 1 && first_of(argv[1]) == 'x')
        printf("%d\n", *nowhere);
    return 3;
}
