/* SPDX-License-Identifier: MIT */
/* Interval timers, POSIX timers, timerfd, signalfd, clocks of processor time. */
#include "show.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static volatile int count[65];
static volatile int last_code, last_value, last_overrun;

static void note(int signal, siginfo_t *info, void *context)
{
    (void)context;
    count[signal]++;
    last_code = info->si_code;
    last_value = info->si_value.sival_int;
    last_overrun = info->si_overrun;
}

static void handle(int signal)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART};
    need(sigaction(signal, &action, NULL));
}

static void burn_ms(int ms)
{
    int64_t end = clock_ms(CLOCK_PROCESS_CPUTIME_ID) + ms;
    while (clock_ms(CLOCK_PROCESS_CPUTIME_ID) < end)
        ;
}

static void interval_timers(void)
{
    struct itimerval value = {{0, 0}, {0, 20000}}, old = {{9, 9}, {9, 9}};
    handle(SIGVTALRM);
    handle(SIGPROF);
    handle(SIGALRM);
    show(setitimer(ITIMER_VIRTUAL, &value, &old));
    say("old %ld %ld", (long)old.it_value.tv_sec, (long)old.it_value.tv_usec);
    value.it_interval.tv_usec = 10000;
    show(setitimer(ITIMER_PROF, &value, NULL));
    sleep_ms(60);
    say("asleep: virtual %d, prof %d", count[SIGVTALRM], count[SIGPROF]);
    burn_ms(300);
    say("busy: virtual %d, prof several %d", count[SIGVTALRM], count[SIGPROF] >= 3);
    value = (struct itimerval){{0, 0}, {0, 0}};
    show(setitimer(ITIMER_PROF, &value, &old));
    say("interval %ld", (long)old.it_interval.tv_usec);
    show(getitimer(ITIMER_VIRTUAL, &old));
    say("left %ld", (long)old.it_value.tv_usec);
    show(setitimer(3, &value, NULL));
    value.it_value.tv_usec = 1000000;
    show(setitimer(ITIMER_REAL, &value, NULL));
    show(alarm(100));
    show(alarm(0));
}

static void posix_timers(void)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec value = {{0, 0}, {0, 10000000}}, old;
    event.sigev_value.sival_int = 77;
    handle(SIGUSR1);
    handle(SIGRTMIN);
    show(timer_create(CLOCK_MONOTONIC, &event, &timer));
    show(timer_settime(timer, 0, &value, NULL));
    sleep_ms(60);
    say("count %d, code %d, value %d, overrun %d", count[SIGUSR1], last_code, last_value,
        last_overrun);
    /* Blocked, the signal is queued once and counts what it missed. */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    need(sigprocmask(SIG_BLOCK, &set, NULL));
    value.it_interval.tv_nsec = 10000000;
    show(timer_settime(timer, 0, &value, NULL));
    sleep_ms(105);
    count[SIGUSR1] = 0;
    value = (struct itimerspec){{0, 0}, {0, 0}};
    need(sigprocmask(SIG_UNBLOCK, &set, NULL));
    show(timer_settime(timer, 0, &value, &old));
    say("signals after the wait at most two %d, overrun some %d, interval %ld",
        count[SIGUSR1] <= 2 && count[SIGUSR1] >= 1, timer_getoverrun(timer) >= 0,
        old.it_interval.tv_nsec);
    show(timer_gettime(timer, &old));
    say("left %ld", old.it_value.tv_nsec);
    show(timer_delete(timer));
    show(syscall(SYS_timer_delete, 12345));
    event.sigev_signo = 99;
    show(timer_create(CLOCK_MONOTONIC, &event, &timer));
    event.sigev_signo = SIGUSR1;
    show(timer_create(99, &event, &timer));
    show(timer_create(CLOCK_MONOTONIC_COARSE, &event, &timer));

    event.sigev_signo = SIGRTMIN;
    show(timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer));
    value = (struct itimerspec){{0, 0}, {0, 20000000}};
    show(timer_settime(timer, 0, &value, NULL));
    sleep_ms(50);
    say("asleep %d", count[SIGRTMIN]);
    burn_ms(200);
    say("busy %d", count[SIGRTMIN]);
    show(timer_delete(timer));
    event.sigev_notify = SIGEV_THREAD_ID;
    event._sigev_un._tid = (int)syscall(SYS_gettid);
    show(timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer));
    show(timer_settime(timer, 0, &value, NULL));
    burn_ms(200);
    say("busy %d", count[SIGRTMIN]);
    show(timer_delete(timer));
    event._sigev_un._tid = 1;
    show(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
}

static void timer_files(void)
{
    uint64_t ticks = 0;
    struct itimerspec value = {{0, 20000000}, {0, 20000000}}, old;
    int fd = need(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    show(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
    show(timerfd_create(CLOCK_MONOTONIC, 4));
    show(read(fd, &ticks, 8));
    show(timerfd_settime(fd, 0, &value, &old));
    say("old %ld", old.it_value.tv_nsec);
    show(read(fd, &ticks, 8));
    show(read(fd, &ticks, 4));
    show_poll("running", fd, POLLIN | POLLOUT, 0);
    show_poll("expired", fd, POLLIN | POLLOUT, 1000);
    sleep_ms(70);
    show(read(fd, &ticks, 8));
    say("several ticks %d", ticks >= 3);
    show(timerfd_gettime(fd, &old));
    say("interval %ld", old.it_interval.tv_nsec);
    value = (struct itimerspec){{0, 0}, {0, 0}};
    show(timerfd_settime(fd, 0, &value, NULL));
    show_poll("stopped", fd, POLLIN, 60);
    value.it_value = (struct timespec){0, 1};
    show(timerfd_settime(fd, TFD_TIMER_ABSTIME, &value, NULL));
    show_poll("long past", fd, POLLIN, 100);
    show(read(fd, &ticks, 8));
    say("ticks %llu", (unsigned long long)ticks);
    value.it_value.tv_nsec = 1000000000;
    show(timerfd_settime(fd, 0, &value, NULL));
    show(timerfd_settime(1, 0, &value, NULL));
    close(fd);
}

static void signal_files(void)
{
    struct signalfd_siginfo info[4];
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGRTMIN + 3);
    sigaddset(&set, SIGKILL);
    need(sigprocmask(SIG_BLOCK, &set, NULL));
    int fd = need(signalfd(-1, &set, SFD_NONBLOCK)), epoll = need(epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN};
    need(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    show(read(fd, info, sizeof info));
    show(read(fd, info, 100));
    show_poll("nothing", fd, POLLIN | POLLOUT, 0);
    show(epoll_wait(epoll, &event, 1, 0));
    kill(getpid(), SIGUSR2);
    kill(getpid(), SIGUSR2);
    union sigval value = {.sival_int = 42};
    sigqueue(getpid(), SIGRTMIN + 3, value);
    sigqueue(getpid(), SIGRTMIN + 3, value);
    show_poll("pending", fd, POLLIN | POLLOUT, 0);
    show(epoll_wait(epoll, &event, 1, 0));
    long size = show(read(fd, info, sizeof info));
    for (int i = 0; i < (int)(size / (long)sizeof *info); i++)
        say("signal %d code %d own pid %d value %d", info[i].ssi_signo, info[i].ssi_code,
            info[i].ssi_pid == (unsigned)getpid(), info[i].ssi_int);
    show_poll("read", fd, POLLIN, 0);
    show(epoll_wait(epoll, &event, 1, 0));
    sigaddset(&set, SIGCHLD);
    need(sigprocmask(SIG_BLOCK, &set, NULL));
    show(signalfd(fd, &set, 0) == fd);
    show(signalfd(1, &set, 0));
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(30);
        _exit(9);
    }
    show(epoll_wait(epoll, &event, 1, 5000));
    show(read(fd, info, sizeof info));
    say("signal %d code %d status %d child %d", info[0].ssi_signo, info[0].ssi_code,
        info[0].ssi_status, info[0].ssi_pid == (unsigned)child);
    show_end("child", child);
    close(fd);
}

static void *busy(void *clock)
{
    pthread_getcpuclockid(pthread_self(), clock);
    burn_ms(60);
    sleep_ms(300);
    return NULL;
}

static void clocks(void)
{
    clockid_t clock;
    pthread_t thread;
    show(clock_getcpuclockid(getpid(), &clock));
    say("own time runs %d", clock_ms(clock) > 0);
    pthread_create(&thread, NULL, busy, &clock);
    sleep_ms(250);
    say("the thread's time: %d", clock_ms(clock) >= 50 && clock_ms(clock) < 400);
    pthread_join(thread, NULL);
    struct timespec time;
    show(clock_gettime(clock, &time));
    show(clock_gettime(77, &time));
    show(clock_getres(CLOCK_PROCESS_CPUTIME_ID, &time));
    say("%ld", time.tv_nsec);
    time = (struct timespec){0, 1};
    show(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &time, NULL));
}

int main(void)
{
    interval_timers();
    posix_timers();
    timer_files();
    signal_files();
    clocks();
    return 0;
}
