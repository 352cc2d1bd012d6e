/* SPDX-License-Identifier: MIT */
/* epoll: level and edge triggering, one shot, exclusive, nesting, what closes, many descriptors. */
#include "show.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

static int control(int epoll, int operation, int fd, unsigned events, unsigned data)
{
    struct epoll_event event = {events, {.u32 = data}};
    return epoll_ctl(epoll, operation, fd, &event);
}

static void show_events(const char *text, int epoll, int timeout)
{
    struct epoll_event events[8];
    char line[256] = "";
    int count = epoll_wait(epoll, events, 8, timeout);
    for (int i = 0; i < count; i++)
        sprintf(line + strlen(line), " %u:%#x", events[i].data.u32, events[i].events);
    say("%s: %s%s", text, count < 0 ? strerrorname_np(errno) : "", count == 0 ? "nothing" : line);
}

static void errors(int epoll, int fd)
{
    show(epoll_create1(1));
    show(epoll_create(0));
    show(control(epoll, EPOLL_CTL_MOD, fd, EPOLLIN, 1));
    show(control(epoll, EPOLL_CTL_DEL, fd, EPOLLIN, 1));
    show(control(epoll, EPOLL_CTL_ADD, epoll, EPOLLIN, 1));
    show(control(epoll, EPOLL_CTL_ADD, 99, EPOLLIN, 1));
    show(control(99, EPOLL_CTL_ADD, fd, EPOLLIN, 1));
    show(control(fd, EPOLL_CTL_ADD, epoll, EPOLLIN, 1));
    show(control(epoll, 77, fd, EPOLLIN, 1));
    int file = need(open("file", O_CREAT | O_RDWR, 0600));
    show(control(epoll, EPOLL_CTL_ADD, file, EPOLLIN, 1));
    show(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, (struct epoll_event *)8));
    show(epoll_wait(epoll, (struct epoll_event *)8, 0, 0));
    show(epoll_wait(fd, (struct epoll_event *)8, 1, 0));
    close(file);
    unlink("file");
}

static void triggers(void)
{
    int epoll = need(epoll_create1(EPOLL_CLOEXEC)), ends[2];
    char byte;
    need(pipe(ends));
    errors(epoll, ends[0]);
    show(control(epoll, EPOLL_CTL_ADD, ends[0], EPOLLIN, 1));
    show(control(epoll, EPOLL_CTL_ADD, ends[0], EPOLLIN, 1));
    show_events("empty", epoll, 0);
    write(ends[1], "ab", 2);
    show_events("level", epoll, 0);
    show_events("level again", epoll, 0);
    show(control(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLET, 2));
    show_events("edge after the change", epoll, 0);
    show_events("edge again", epoll, 0);
    read(ends[0], &byte, 1);
    show_events("edge after a part was read", epoll, 0);
    write(ends[1], "c", 1);
    show_events("edge after more came", epoll, 0);
    show_events("edge again", epoll, 0);
    show(control(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT, 3));
    show_events("one shot", epoll, 0);
    write(ends[1], "d", 1);
    show_events("one shot again", epoll, 0);
    show(control(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT, 4));
    show_events("one shot armed again", epoll, 0);
    show(control(epoll, EPOLL_CTL_MOD, ends[0], EPOLLIN, 5));
    show(control(epoll, EPOLL_CTL_ADD, ends[1], EPOLLOUT, 6));
    show_events("both ends", epoll, 0);
    int copy = dup(ends[0]);
    show(control(epoll, EPOLL_CTL_ADD, copy, EPOLLIN, 7));
    show_events("the same file twice", epoll, 0);
    close(copy);
    show_events("one descriptor closed, the file is open", epoll, 0);
    close(ends[0]);
    show_events("closed", epoll, 0);
    close(epoll);
}

static void ends_of_things(void)
{
    int epoll = need(epoll_create1(0)), ends[2], sockets[2];
    need(pipe(ends));
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
    need(control(epoll, EPOLL_CTL_ADD, ends[0], 0, 1));
    need(control(epoll, EPOLL_CTL_ADD, sockets[0], EPOLLIN | EPOLLRDHUP | EPOLLET, 2));
    show_events("nothing yet", epoll, 0);
    close(ends[1]);
    show_events("pipe", epoll, 0);
    shutdown(sockets[1], SHUT_WR);
    show_events("pipe and socket", epoll, 0);
    show(control(epoll, EPOLL_CTL_DEL, ends[0], 0, 0));
    show_events("edge", epoll, 0);
    close(sockets[1]);
    show_events("socket", epoll, 0);
    show_events("socket", epoll, 0);
    close(epoll);
}

static void nested(void)
{
    int outer = need(epoll_create1(0)), inner = need(epoll_create1(0)), event = need(eventfd(0, 0));
    uint64_t value = 1;
    need(control(inner, EPOLL_CTL_ADD, event, EPOLLIN, 1));
    show(control(outer, EPOLL_CTL_ADD, inner, EPOLLIN | EPOLLET, 2));
    show(control(inner, EPOLL_CTL_ADD, outer, EPOLLIN, 3));
    show_events("outer", outer, 0);
    show_poll("inner", inner, POLLIN, 0);
    write(event, &value, 8);
    show_poll("inner", inner, POLLIN, 0);
    show_events("outer", outer, 0);
    show_events("outer again", outer, 0);
    show_events("inner", inner, 0);
    write(event, &value, 8);
    show_events("outer after another", outer, 0);
    read(event, &value, 8);
    show_poll("inner", inner, POLLIN, 0);
    show_events("inner", inner, 0);
    int chain[8];
    for (int i = 0; i < 8; i++) {
        chain[i] = need(epoll_create1(0));
        if (i > 0)
            say("depth %d: %s", i,
                control(chain[i], EPOLL_CTL_ADD, chain[i - 1], EPOLLIN, 1) < 0
                    ? strerrorname_np(errno)
                    : "ok");
    }
}

static int shared_epoll, shared_event;
static void *waiter(void *unused)
{
    struct epoll_event event;
    (void)unused;
    return (void *)(intptr_t)epoll_wait(shared_epoll, &event, 1, 2000);
}

static void threads(void)
{
    pthread_t threads[3];
    uint64_t value = 1;
    int woken = 0;
    shared_epoll = need(epoll_create1(0));
    shared_event = need(eventfd(0, EFD_NONBLOCK));
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, waiter, NULL);
    sleep_ms(50);
    show(control(shared_epoll, EPOLL_CTL_ADD, shared_event, EPOLLIN | EPOLLET, 1));
    for (int i = 0; i < 3; i++) {
        write(shared_event, &value, 8);
        sleep_ms(50);
    }
    for (int i = 0; i < 3; i++) {
        void *result;
        pthread_join(threads[i], &result);
        woken += (int)(intptr_t)result;
    }
    say("woken %d", woken);
    int exclusive = need(epoll_create1(0));
    show(control(exclusive, EPOLL_CTL_ADD, shared_event, EPOLLIN | EPOLLEXCLUSIVE, 1));
    show(control(exclusive, EPOLL_CTL_MOD, shared_event, EPOLLIN, 1));
    show(control(exclusive, EPOLL_CTL_ADD, shared_epoll, EPOLLIN | EPOLLEXCLUSIVE, 1));
    show_events("exclusive", exclusive, 0);
}

/* More than a wait of the kernel takes at once, by epoll, poll and select. */
static void many(void)
{
    enum { COUNT = 700 };
    static int fds[COUNT];
    static struct pollfd list[COUNT];
    struct rlimit limit = {2048, 2048};
    uint64_t value = 1;
    need(setrlimit(RLIMIT_NOFILE, &limit));
    int epoll = need(epoll_create1(0));
    for (int i = 0; i < COUNT; i++) {
        fds[i] = need(eventfd(0, 0));
        need(control(epoll, EPOLL_CTL_ADD, fds[i], EPOLLIN, (unsigned)i));
        list[i] = (struct pollfd){fds[i], POLLIN, 0};
    }
    show_events("none", epoll, 0);
    show(poll(list, COUNT, 0));
    show(poll(list, COUNT, 20));
    write(fds[650], &value, 8);
    write(fds[3], &value, 8);
    show(poll(list, COUNT, 1000));
    say("%d %d %d", list[3].revents, list[4].revents, list[650].revents);
    show_events("two", epoll, 1000);
    read(fds[3], &value, 8);
    read(fds[650], &value, 8);
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(50);
        write(fds[699], &value, 8);
        _exit(0);
    }
    show(poll(list, COUNT, 5000));
    say("%d", list[699].revents);
    show_events("one", epoll, 5000);
    show_end("child", child);
    show(poll(list, 4000, 0));
}

static void note(int signal)
{
    (void)signal;
}

static void interrupted(void)
{
    int epoll = need(epoll_create1(0));
    struct epoll_event event;
    sigset_t set, old;
    signal(SIGALRM, note);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    need(sigprocmask(SIG_BLOCK, &set, &old));
    ualarm(20000, 0);
    show(epoll_wait(epoll, &event, 1, 60));
    sigemptyset(&set);
    show(epoll_pwait(epoll, &event, 1, 1000, &set));
    struct timespec span = {0, 10000000};
    show(epoll_pwait2(epoll, &event, 1, &span, NULL));
}

int main(void)
{
    triggers();
    ends_of_things();
    nested();
    threads();
    many();
    interrupted();
    return 0;
}
