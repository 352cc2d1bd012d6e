/* SPDX-License-Identifier: MIT */
/* eventfd: counter and semaphore, blocking and not, readiness. */
#include "show.h"

#include <sys/eventfd.h>

static long get(int fd)
{
    uint64_t value = 0;
    return read(fd, &value, 8) < 0 ? -1 : (long)value;
}

static long put(int fd, uint64_t value)
{
    return write(fd, &value, 8);
}

static void counter(void)
{
    int fd = need(eventfd(3, EFD_NONBLOCK));
    show_poll("poll of 3", fd, POLLIN | POLLOUT, 0);
    show(get(fd));
    show(get(fd));
    show_poll("poll of 0", fd, POLLIN | POLLOUT, 0);
    show(put(fd, 5));
    show(put(fd, UINT64_MAX - 6));
    show_poll("poll of the greatest value", fd, POLLIN | POLLOUT, 0);
    show(put(fd, 1));
    show(put(fd, 0));
    show(put(fd, UINT64_MAX));
    char few[4] = "";
    show(read(fd, few, 4));
    show(write(fd, few, 4));
    show(lseek(fd, 0, SEEK_SET));
    close(fd);
}

static void semaphore(void)
{
    int fd = need(eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE));
    show(get(fd));
    show(get(fd));
    show(get(fd));
    close(fd);
}

static void *writer(void *argument)
{
    sleep_ms(50);
    put(*(int *)argument, 7);
    return NULL;
}

static void blocking(void)
{
    pthread_t thread;
    int fd = need(eventfd(0, 0));
    pthread_create(&thread, NULL, writer, &fd);
    show(get(fd));
    pthread_join(thread, NULL);
    show(eventfd(0, 0x40000000));
    close(fd);
}

int main(void)
{
    counter();
    semaphore();
    blocking();
    return 0;
}
