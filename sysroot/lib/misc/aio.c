/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous input and output. The requests of a descriptor are carried out one after the other, by priority and then as they
 * came, by a thread that the descriptor has while there are any; so writes that append stay in order, and a request that
 * has not begun can be taken back. What a request has come to is told in order: result, then error, then whoever
 * waits, then the signal or function.
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

/* A descriptor with requests: the one that is being carried out, and those that wait. */
struct queue {
    struct queue *next;
    int fd;
    struct aiocb *running, *waiting;
};

static volatile int queues_lock;
static struct queue *queues;
static volatile int changes; /* counts requests that ended, and is waited for */

/* A function that is to be called: in a thread of its own, which may wait for other requests. */
struct callback {
    void (*function)(union sigval);
    union sigval value;
};

static void *call_back(void *argument)
{
    struct callback callback = *(struct callback *)argument;
    free(argument);
    callback.function(callback.value);
    return NULL;
}

static int start(void *(*run)(void *), void *argument, const pthread_attr_t *given);

static void notify(const struct sigevent *event)
{
    if (event->sigev_notify == SIGEV_THREAD && event->sigev_notify_function) {
        struct callback *callback = malloc(sizeof *callback);
        if (!callback)
            return;
        *callback = (struct callback){event->sigev_notify_function, event->sigev_value};
        if (start(call_back, callback, event->sigev_notify_attributes))
            free(callback);
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

static void complete(struct aiocb *request, ssize_t result, int error)
{
    struct sigevent event = request->aio_sigevent;
    struct batch *batch = request->__batch;
    request->__result = result;
    __sync_synchronize();
    request->__error = error; /* from here on the request is the program's again */
    __sync_fetch_and_add(&changes, 1);
    __atomik_futex_wake(&changes, INT_MAX, 0);
    notify(&event);
    end_batch(batch);
}

/* ---- queues ---- */

static struct queue *queue_find(int fd)
{
    struct queue *queue = queues;
    while (queue && queue->fd != fd)
        queue = queue->next;
    return queue;
}

/* The next request of a queue; without one the queue is no more. */
static struct aiocb *queue_take(struct queue *queue)
{
    struct queue **link = &queues;
    lock(&queues_lock);
    struct aiocb *request = queue->running = queue->waiting;
    if (request) {
        queue->waiting = request->__next;
    } else {
        while (*link != queue)
            link = &(*link)->next;
        *link = queue->next;
    }
    unlock(&queues_lock);
    return request;
}

static void *run(void *argument)
{
    struct queue *queue = argument;
    struct aiocb *request;
    while ((request = queue_take(queue)) != NULL) {
        ssize_t result = perform(request);
        complete(request, result, result < 0 ? errno : 0);
    }
    free(queue);
    return NULL;
}

/* A detached thread. Signals go to the program's own threads. */
static int start(void *(*run)(void *), void *argument, const pthread_attr_t *given)
{
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t old;
    pthread_attr_init(&attr);
    if (given)
        attr = *given;
    else
        pthread_attr_setstacksize(&attr, 64 * 1024);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    __atomik_block_all(&old);
    int error = pthread_create(&thread, &attr, run, argument);
    __atomik_restore_mask(&old);
    return error;
}

/* After a fork nobody is there any more who would carry out what the parent had queued. */
static void forget_parents(void)
{
    static pid_t owner;
    if (owner != getpid())
        queues = NULL;
    owner = getpid();
}

/* Behind all requests of its priority. */
static void queue_put(struct queue *queue, struct aiocb *request)
{
    struct aiocb **link = &queue->waiting;
    while (*link && (*link)->aio_reqprio <= request->aio_reqprio)
        link = &(*link)->__next;
    request->__next = *link;
    *link = request;
}

static int enqueue(struct aiocb *request)
{
    int error = 0;
    lock(&queues_lock);
    forget_parents();
    struct queue *queue = queue_find(request->aio_fildes);
    if (queue) {
        queue_put(queue, request);
    } else if (!(queue = calloc(1, sizeof *queue))) {
        error = EAGAIN;
    } else {
        queue->fd = request->aio_fildes;
        queue_put(queue, request);
        queue->next = queues;
        queues = queue;
        error = start(run, queue, NULL);
        if (error) {
            queues = queue->next;
            free(queue);
        }
    }
    unlock(&queues_lock);
    return error;
}

/* ---- calls ---- */

static int fail(int error)
{
    errno = error;
    return -1;
}

/* What is wrong with the descriptor or the offset the request itself finds out. */
static int submit(struct aiocb *request, int operation, struct batch *batch)
{
    int synchronises = operation == AIO_FSYNC || operation == AIO_FDATASYNC;
    int error = 0;
    if (!synchronises && (request->aio_reqprio < 0 || request->aio_reqprio > AIO_PRIO_DELTA_MAX))
        error = EINVAL;
    else if (synchronises && fcntl(request->aio_fildes, F_GETFL) < 0)
        error = EBADF;
    request->__operation = operation;
    request->__batch = batch;
    request->__error = EINPROGRESS;
    if (!error)
        error = enqueue(request);
    if (error) {
        request->__error = error;
        request->__result = -1;
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

/* Takes those that have not begun (all, or one) out of their queue. */
static struct aiocb *take_back(struct queue *queue, const struct aiocb *wanted)
{
    struct aiocb *taken = NULL, **link = &queue->waiting;
    while (*link) {
        struct aiocb *request = *link;
        if (wanted && request != wanted) {
            link = &request->__next;
            continue;
        }
        *link = request->__next;
        request->__next = taken;
        taken = request;
    }
    return taken;
}

int aio_cancel(int fd, struct aiocb *request)
{
    if (fcntl(fd, F_GETFD) < 0)
        return -1;
    if (request && request->aio_fildes != fd)
        return fail(EINVAL);
    lock(&queues_lock);
    forget_parents();
    struct queue *queue = queue_find(fd);
    struct aiocb *taken = queue ? take_back(queue, request) : NULL;
    bool runs = queue && queue->running && (!request || queue->running == request);
    unlock(&queues_lock);
    int result = runs ? AIO_NOTCANCELED : taken ? AIO_CANCELED : AIO_ALLDONE;
    while (taken) {
        struct aiocb *next = taken->__next;
        complete(taken, -1, ECANCELED);
        taken = next;
    }
    return result;
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
        int error = (unsigned)list[i]->aio_lio_opcode > LIO_WRITE
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
