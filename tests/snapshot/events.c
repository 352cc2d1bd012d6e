/* SPDX-License-Identifier: MIT */
/*
 * One round after the other waits with epoll for a timerfd, reads an eventfd that counts, a signalfd with
 * a blocked signal, and is interrupted by an interval timer and a POSIX timer. Prints each round.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 20

static volatile sig_atomic_t alarms, timers;

static void on_alarm(int signal)
{
    (void)signal;
    alarms++;
}

static void on_timer(int signal)
{
    (void)signal;
    timers++;
}

static void watch(int instance, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(instance, EPOLL_CTL_ADD, fd, &event);
}

/* Which of the descriptors is ready; waits through interruptions. */
static int ready(int instance)
{
    struct epoll_event event;
    while (epoll_wait(instance, &event, 1, -1) != 1)
        ;
    return event.data.fd;
}

static void wait_for_signals(int count)
{
    sigset_t none, both, old;
    sigemptyset(&none);
    sigemptyset(&both);
    sigaddset(&both, SIGALRM);
    sigaddset(&both, SIGUSR2);
    sigprocmask(SIG_BLOCK, &both, &old);
    while (alarms < count || timers < count)
        sigsuspend(&old);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

int main(void)
{
    sigset_t blocked;
    timer_t timer;
    struct sigevent notify = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    int instance = epoll_create1(0), clock = timerfd_create(CLOCK_MONOTONIC, 0);
    int counter = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    signal(SIGALRM, on_alarm);
    signal(SIGUSR2, on_timer);
    int signals = signalfd(-1, &blocked, 0);
    if (instance < 0 || clock < 0 || counter < 0 || signals < 0 ||
        timer_create(CLOCK_MONOTONIC, &notify, &timer) < 0)
        return 1;
    watch(instance, clock);
    watch(instance, counter);
    for (int round = 1; round <= ROUNDS; round++) {
        struct itimerspec soon = {.it_value.tv_nsec = 5000000};
        struct itimerval alarm_soon = {.it_value.tv_usec = 8000};
        struct signalfd_siginfo info;
        uint64_t count, two = 2;
        timerfd_settime(clock, 0, &soon, NULL);
        timer_settime(timer, 0, &soon, NULL);
        setitimer(ITIMER_REAL, &alarm_soon, NULL);
        if (ready(instance) != clock || read(clock, &count, 8) != 8)
            return 2;
        printf("round %d: %llu expired", round, (unsigned long long)count);
        if (write(counter, &two, 8) != 8)
            return 3;
        for (int i = 0; i < 2; i++)
            if (ready(instance) != counter || read(counter, &count, 8) != 8 || count != 1)
                return 4;
        kill(getpid(), SIGUSR1);
        if (read(signals, &info, sizeof info) != sizeof info)
            return 5;
        wait_for_signals(round);
        printf(", counted, signal %u, %d alarms, %d timers\n", info.ssi_signo, (int)alarms,
               (int)timers);
        fflush(stdout);
    }
    puts("end");
    return 0;
}
