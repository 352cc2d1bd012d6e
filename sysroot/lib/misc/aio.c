/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous input and output: a thread for each request, so that a request that blocks holds up no
 * other. What a request has come to is told in order: result, then error, then whoever waits, then the
 * signal or function.
 */
#include <aio.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "system.h"
#include "thread.h"

enum operation { AIO_READ, AIO_WRITE, AIO_FSYNC, AIO_FDATASYNC };

/* The requests of one lio_listio; the last one that ends tells. */
struct batch {
    volatile int left;
    struct sigevent event;
};

static volatile int running, changes; /* `changes` counts requests that ended, and is waited for */

static void notify(const struct sigevent *event)
{
    if (event->sigev_notify == SIGEV_THREAD && event->sigev_notify_function) {
        event->sigev_notify_function(event->sigev_value);
    } else if (event->sigev_notify == SIGEV_SIGNAL && event->sigev_signo) {
        siginfo_t info = {.si_signo = event->sigev_signo, .si_code = SI_ASYNCIO};
        info.si_pid = getpid();
        info.si_uid = getuid();
        info.si_value = event->sigev_value;
        CALL(rt_sigqueueinfo, getpid(), event->sigev_signo, &info);
    }
}

static ssize_t perform(struct aiocb *request)
{
    int fd = request->aio_fildes;
    void *buffer = (void *)(uintptr_t)request->aio_buf;
    ssize_t result;
    switch (request->__operation) {
    case AIO_READ:
        result = pread(fd, buffer, request->aio_nbytes, request->aio_offset);
        return result < 0 && errno == ESPIPE ? read(fd, buffer, request->aio_nbytes) : result;
    case AIO_WRITE:
        if (fcntl(fd, F_GETFL) & O_APPEND)
            return write(fd, buffer, request->aio_nbytes);
        result = pwrite(fd, buffer, request->aio_nbytes, request->aio_offset);
        return result < 0 && errno == ESPIPE ? write(fd, buffer, request->aio_nbytes) : result;
    case AIO_FSYNC:
        return fsync(fd);
    default:
        return fdatasync(fd);
    }
}

static void end_batch(struct batch *batch)
{
    if (batch && __sync_sub_and_fetch(&batch->left, 1) == 0) {
        notify(&batch->event);
        free(batch);
    }
}

static void *run(void *argument)
{
    struct aiocb *request = argument;
    ssize_t result = perform(request);
    int error = result < 0 ? errno : 0;
    struct sigevent event = request->aio_sigevent;
    struct batch *batch = request->__batch;
    request->__result = result;
    __sync_synchronize();
    request->__error = error; /* from here on the request is the program's again */
    __sync_fetch_and_sub(&running, 1);
    __sync_fetch_and_add(&changes, 1);
    __atomik_futex_wake(&changes, INT_MAX, 0);
    notify(&event);
    end_batch(batch);
    return NULL;
}

static int fail(int error)
{
    errno = error;
    return -1;
}

static int check(const struct aiocb *request, int operation)
{
    int flags = fcntl(request->aio_fildes, F_GETFL);
    int access = flags & O_ACCMODE;
    if (flags < 0 || (operation == AIO_READ && access == O_WRONLY) ||
        (operation != AIO_READ && access == O_RDONLY))
        return EBADF;
    if (operation <= AIO_WRITE && (request->aio_offset < 0 || request->aio_nbytes > SSIZE_MAX))
        return EINVAL;
    return request->aio_reqprio < 0 || request->aio_reqprio > AIO_PRIO_DELTA_MAX ? EINVAL : 0;
}

/* Signals go to the program's own threads. */
static int submit(struct aiocb *request, int operation, struct batch *batch)
{
    pthread_t thread;
    pthread_attr_t attr;
    int error = check(request, operation);
    if (error)
        return error;
    request->__operation = operation;
    request->__batch = batch;
    request->__error = EINPROGRESS;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, 64 * 1024);
    __sync_fetch_and_add(&running, 1);
    sigset_t old;
    __atomik_block_all(&old);
    error = pthread_create(&thread, &attr, run, request);
    __atomik_restore_mask(&old);
    if (error) {
        __sync_fetch_and_sub(&running, 1);
        request->__error = error;
    }
    return error;
}

static int submit_one(struct aiocb *request, int operation)
{
    int error = submit(request, operation, NULL);
    return error ? fail(error) : 0;
}

int aio_read(struct aiocb *request)
{
    return submit_one(request, AIO_READ);
}

int aio_write(struct aiocb *request)
{
    return submit_one(request, AIO_WRITE);
}

int aio_fsync(int operation, struct aiocb *request)
{
    if (operation != O_SYNC && operation != O_DSYNC)
        return fail(EINVAL);
    return submit_one(request, operation == O_SYNC ? AIO_FSYNC : AIO_FDATASYNC);
}

int aio_error(const struct aiocb *request)
{
    return request->__error;
}

ssize_t aio_return(struct aiocb *request)
{
    if (request->__error == EINPROGRESS)
        return fail(EINVAL);
    if (request->__error)
        errno = request->__error;
    return request->__result;
}

/* A request that runs cannot be taken back. */
int aio_cancel(int fd, struct aiocb *request)
{
    if (fcntl(fd, F_GETFD) < 0)
        return -1;
    if (request && request->aio_fildes != fd)
        return fail(EINVAL);
    if (request)
        return request->__error == EINPROGRESS ? AIO_NOTCANCELED : AIO_ALLDONE;
    return running ? AIO_NOTCANCELED : AIO_ALLDONE;
}

static bool any_done(const struct aiocb *const list[], int count)
{
    for (int i = 0; i < count; i++)
        if (list[i] && list[i]->__error != EINPROGRESS)
            return true;
    return false;
}

int aio_suspend(const struct aiocb *const list[], int count, const struct timespec *timeout)
{
    struct timespec deadline;
    if (timeout) {
        clock_gettime(CLOCK_MONOTONIC, &deadline);
        deadline.tv_sec += timeout->tv_sec;
        deadline.tv_nsec += timeout->tv_nsec;
        if (deadline.tv_nsec >= 1000000000) {
            deadline.tv_nsec -= 1000000000;
            deadline.tv_sec++;
        }
    }
    for (;;) {
        int seen = changes;
        if (any_done(list, count))
            return 0;
        int error = __atomik_futex_wait(&changes, seen, CLOCK_MONOTONIC, timeout ? &deadline : NULL,
                                        0, true);
        if (error == ETIMEDOUT)
            return fail(EAGAIN);
        if (error == EINTR)
            return fail(EINTR);
    }
}

static int wait_all(struct aiocb *const list[], int count)
{
    for (int i = 0; i < count; i++) {
        const struct aiocb *one[] = {list[i]};
        if (list[i] && list[i]->aio_lio_opcode != LIO_NOP && aio_suspend(one, 1, NULL) < 0)
            return -1;
    }
    for (int i = 0; i < count; i++)
        if (list[i] && list[i]->aio_lio_opcode != LIO_NOP && list[i]->__error)
            return fail(EIO);
    return 0;
}

int lio_listio(int mode, struct aiocb *const list[], int count, struct sigevent *event)
{
    if ((mode != LIO_WAIT && mode != LIO_NOWAIT) || count < 0 || count > AIO_LISTIO_MAX)
        return fail(EINVAL);
    struct batch *batch = NULL;
    int failed = 0;
    if (mode == LIO_NOWAIT && event && event->sigev_notify != SIGEV_NONE) {
        if (!(batch = malloc(sizeof *batch)))
            return fail(EAGAIN);
        *batch = (struct batch){.left = 1, .event = *event};
    }
    for (int i = 0; i < count; i++) {
        if (!list[i] || list[i]->aio_lio_opcode == LIO_NOP)
            continue;
        if (batch)
            __sync_fetch_and_add(&batch->left, 1);
        int error = list[i]->aio_lio_opcode > LIO_WRITE
                        ? EINVAL
                        : submit(list[i],
                                 list[i]->aio_lio_opcode == LIO_READ ? AIO_READ : AIO_WRITE, batch);
        if (error) {
            list[i]->__error = error;
            list[i]->__result = -1;
            failed = error == EAGAIN ? EAGAIN : EIO;
            if (batch)
                __sync_fetch_and_sub(&batch->left, 1);
        }
    }
    if (mode == LIO_WAIT && wait_all(list, count) < 0)
        return -1;
    end_batch(batch);
    return failed ? fail(failed) : 0;
}
