/* SPDX-License-Identifier: MIT */
/*
 * Calls that a signal would end early, or that would begin their time anew if they were made again: each
 * thread is in one of them while the process stands still. What is printed is what they give undisturbed.
 * A time limit counts as kept if the wait took less than twice as long.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS = 2, LARGE = 300000 };

static const struct timespec limit = {SECONDS, 0};
static int pair[2], pipe_ends[2], stream[2], set;
static aio_context_t context;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static long wait_epoll(void)
{
    struct epoll_event event;
    return epoll_wait(epoll_create1(0), &event, 1, SECONDS * 1000);
}

static long wait_poll(void)
{
    return poll(NULL, 0, SECONDS * 1000);
}

static long wait_signal(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    return sigtimedwait(&signals, NULL, &limit);
}

static long wait_semaphore(void)
{
    struct sembuf operation = {0, -1, 0};
    return semtimedop(set, &operation, 1, &limit);
}

static long wait_events(void)
{
    struct io_event event;
    return syscall(SYS_io_getevents, context, 1, 1, &event, &limit);
}

static long wait_socket(void)
{
    char byte;
    return recv(pair[0], &byte, 1, 0);
}

static long send_all(void)
{
    static char bytes[LARGE];
    return write(pipe_ends[1], bytes, sizeof bytes);
}

static long send_stream(void)
{
    static char bytes[LARGE];
    return send(stream[0], bytes, sizeof bytes, 0);
}

static long receive_all(void)
{
    static char bytes[LARGE];
    return recv(stream[1], bytes, sizeof bytes, MSG_WAITALL);
}

/* Takes a bit of a pipe now and then. */
static long take_slowly(void)
{
    static char bytes[LARGE / 30];
    long sum = 0, part;
    while (sum < LARGE && (part = read(pipe_ends[0], bytes, sizeof bytes)) > 0) {
        sum += part;
        usleep(SECONDS * 1000000 / 60);
    }
    return sum;
}

static struct wait {
    const char *name;
    long (*call)(void);
    int timed;
    long result;
    int error, late;
} waits[] = {
    {"epoll_wait", wait_epoll, 1, 0, 0, 0},    {"poll", wait_poll, 1, 0, 0, 0},
    {"sigtimedwait", wait_signal, 1, 0, 0, 0}, {"semtimedop", wait_semaphore, 1, 0, 0, 0},
    {"io_getevents", wait_events, 1, 0, 0, 0}, {"recv", wait_socket, 1, 0, 0, 0},
    {"write", send_all, 0, 0, 0, 0},           {"read", take_slowly, 0, 0, 0, 0},
    {"send", send_stream, 0, 0, 0, 0},         {"recv all", receive_all, 0, 0, 0, 0},
};
#define COUNT (sizeof waits / sizeof *waits)

static void *run(void *argument)
{
    struct wait *wait = argument;
    double begin = now();
    wait->result = wait->call();
    wait->error = wait->result < 0 ? errno : 0;
    wait->late = wait->timed && now() - begin > 1.9 * SECONDS;
    return NULL;
}

int main(void)
{
    pthread_t threads[COUNT];
    struct timeval timeout = {SECONDS, 0};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) || socketpair(AF_UNIX, SOCK_STREAM, 0, stream) ||
        pipe(pipe_ends) || syscall(SYS_io_setup, 2, &context) ||
        (set = semget(IPC_PRIVATE, 1, 0600)) < 0)
        return 1;
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    for (unsigned i = 0; i < COUNT; i++)
        pthread_create(&threads[i], NULL, run, &waits[i]);
    printf("ready\n");
    fflush(stdout);
    for (unsigned i = 0; i < COUNT; i++) {
        pthread_join(threads[i], NULL);
        printf("%s: %ld %s%s\n", waits[i].name, waits[i].result, strerror(waits[i].error),
               waits[i].late ? ", late" : "");
    }
    semctl(set, 0, IPC_RMID);
    return 0;
}
