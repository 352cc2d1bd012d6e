/* SPDX-License-Identifier: MIT */
/* The threads of C11, on those of POSIX. */
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

static int translate(int error)
{
    switch (error) {
    case 0:
        return thrd_success;
    case EBUSY:
        return thrd_busy;
    case ETIMEDOUT:
        return thrd_timedout;
    case ENOMEM:
    case EAGAIN:
        return thrd_nomem;
    default:
        return thrd_error;
    }
}

struct start {
    thrd_start_t function;
    void *argument;
};

static void *run(void *argument)
{
    struct start start = *(struct start *)argument;
    free(argument);
    return (void *)(intptr_t)start.function(start.argument);
}

int thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
    struct start *start = malloc(sizeof *start);
    if (!start)
        return thrd_nomem;
    *start = (struct start){function, argument};
    int error = pthread_create(thread, NULL, run, start);
    if (error)
        free(start);
    return translate(error);
}

int thrd_join(thrd_t thread, int *result)
{
    void *value;
    int error = pthread_join(thread, &value);
    if (!error && result)
        *result = (int)(intptr_t)value;
    return translate(error);
}

void thrd_exit(int result)
{
    pthread_exit((void *)(intptr_t)result);
}

thrd_t thrd_current(void)
{
    return pthread_self();
}

int thrd_detach(thrd_t thread)
{
    return translate(pthread_detach(thread));
}

int thrd_equal(thrd_t a, thrd_t b)
{
    return a == b;
}

int thrd_sleep(const struct timespec *duration, struct timespec *rest)
{
    if (nanosleep(duration, rest) == 0)
        return 0;
    return errno == EINTR ? -1 : -2;
}

void thrd_yield(void)
{
    sched_yield();
}

void call_once(once_flag *flag, void (*function)(void))
{
    pthread_once(flag, function);
}

int mtx_init(mtx_t *mutex, int type)
{
    *mutex = (mtx_t)PTHREAD_MUTEX_INITIALIZER;
    if (type & mtx_recursive)
        mutex->__kind = PTHREAD_MUTEX_RECURSIVE;
    return thrd_success;
}

void mtx_destroy(mtx_t *mutex)
{
    pthread_mutex_destroy(mutex);
}

int mtx_lock(mtx_t *mutex)
{
    return translate(pthread_mutex_lock(mutex));
}

int mtx_trylock(mtx_t *mutex)
{
    return translate(pthread_mutex_trylock(mutex));
}

int mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict deadline)
{
    return translate(pthread_mutex_timedlock(mutex, deadline));
}

int mtx_unlock(mtx_t *mutex)
{
    return translate(pthread_mutex_unlock(mutex));
}

int cnd_init(cnd_t *cond)
{
    return translate(pthread_cond_init(cond, NULL));
}

void cnd_destroy(cnd_t *cond)
{
    pthread_cond_destroy(cond);
}

int cnd_signal(cnd_t *cond)
{
    return translate(pthread_cond_signal(cond));
}

int cnd_broadcast(cnd_t *cond)
{
    return translate(pthread_cond_broadcast(cond));
}

int cnd_wait(cnd_t *cond, mtx_t *mutex)
{
    return translate(pthread_cond_wait(cond, mutex));
}

int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex,
                  const struct timespec *restrict deadline)
{
    return translate(pthread_cond_timedwait(cond, mutex, deadline));
}

int tss_create(tss_t *key, tss_dtor_t destructor)
{
    return translate(pthread_key_create(key, destructor));
}

void tss_delete(tss_t key)
{
    pthread_key_delete(key);
}

void *tss_get(tss_t key)
{
    return pthread_getspecific(key);
}

int tss_set(tss_t key, void *value)
{
    return translate(pthread_setspecific(key, value));
}
