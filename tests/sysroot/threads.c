/* SPDX-License-Identifier: MIT */
/* Threads: mutexes of all kinds, condition variables, cancellation, keys, thread-local variables. */
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { THREADS = 8, ROUNDS = 2000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int counter, turn;
static __thread int mine = 41;
static __thread char block[300];

static void *count(void *argument)
{
    mine += (int)(long)argument;
    block[299] = 7;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
        free(malloc((size_t)(i % 700)));
    }
    errno = (int)(long)argument;
    sched_yield();
    CHECK(errno == (int)(long)argument);
    return (void *)(long)mine;
}

static void test_counting(void)
{
    pthread_t threads[THREADS];
    void *result;
    for (long i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, count, (void *)i) == 0);
    for (long i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], &result) == 0);
        CHECK(result == (void *)(41 + i));
    }
    CHECK(counter == THREADS * ROUNDS && mine == 41 && block[299] == 0);
}

static void *take_turns(void *argument)
{
    int me = (int)(long)argument;
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % 3 != me)
            pthread_cond_wait(&cond, &mutex);
        turn++;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void test_turns(void)
{
    pthread_t threads[3];
    for (long i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, take_turns, (void *)i);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    CHECK(turn == 600);
}

static void test_mutex_kinds(void)
{
    pthread_mutexattr_t attr;
    pthread_mutex_t other;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&other, &attr);
    CHECK(pthread_mutex_lock(&other) == 0 && pthread_mutex_lock(&other) == 0);
    CHECK(pthread_mutex_unlock(&other) == 0 && pthread_mutex_unlock(&other) == 0);
    CHECK(pthread_mutex_unlock(&other) == EPERM);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&other, &attr);
    CHECK(pthread_mutex_lock(&other) == 0 && pthread_mutex_lock(&other) == EDEADLK);
    CHECK(pthread_mutex_trylock(&other) == EBUSY && pthread_mutex_destroy(&other) == EBUSY);
    CHECK(pthread_mutex_unlock(&other) == 0 && pthread_mutex_destroy(&other) == 0);
    struct timespec past = {1, 0};
    pthread_mutex_lock(&mutex);
    CHECK(pthread_mutex_timedlock(&mutex, &past) == ETIMEDOUT);
    CHECK(pthread_cond_timedwait(&cond, &mutex, &past) == ETIMEDOUT);
    pthread_mutex_unlock(&mutex);
}

/* While a mutex with a ceiling is held, the thread has its priority (as root: else it may not be taken). */
static void test_ceiling(void)
{
    pthread_mutexattr_t attr;
    pthread_mutex_t low, high;
    int policy, value;
    struct sched_param parameter;
    pthread_mutexattr_init(&attr);
    CHECK(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_PROTECT) == 0);
    CHECK(pthread_mutexattr_setprioceiling(&attr, 100) == EINVAL);
    CHECK(pthread_mutexattr_setprioceiling(&attr, 10) == 0);
    CHECK(pthread_mutex_init(&low, &attr) == 0);
    CHECK(pthread_mutexattr_setprioceiling(&attr, 20) == 0 &&
          pthread_mutex_init(&high, &attr) == 0);
    if (pthread_mutex_lock(&low) == EPERM)
        return;
    CHECK(pthread_mutex_lock(&high) == 0 && pthread_mutex_trylock(&high) == EBUSY);
    pthread_getschedparam(pthread_self(), &policy, &parameter);
    CHECK(policy == SCHED_FIFO && parameter.sched_priority == 20);
    CHECK(pthread_mutex_unlock(&high) == 0);
    pthread_getschedparam(pthread_self(), &policy, &parameter);
    CHECK(policy == SCHED_FIFO && parameter.sched_priority == 10);
    CHECK(pthread_mutex_unlock(&low) == 0);
    pthread_getschedparam(pthread_self(), &policy, &parameter);
    CHECK(policy == SCHED_OTHER && parameter.sched_priority == 0);
    CHECK(pthread_mutex_setprioceiling(&low, 30, &value) == 0 && value == 10);
    CHECK(pthread_mutex_getprioceiling(&low, &value) == 0 && value == 30);
}

static void *read_locked(void *argument)
{
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_sec += 10;
    int error = pthread_rwlock_timedrdlock(argument, &soon);
    CHECK(error == 0 && turn == 700);
    pthread_rwlock_unlock(argument);
    return NULL;
}

static void *write_locked(void *argument)
{
    CHECK(pthread_rwlock_wrlock(argument) == 0);
    turn = 700;
    pthread_rwlock_unlock(argument);
    return NULL;
}

/* A lock that prefers writers: a reader that comes while one waits comes after it. */
static void test_writers_first(void)
{
    pthread_rwlockattr_t attr;
    pthread_rwlock_t lock;
    pthread_t reader, writer;
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    CHECK(pthread_rwlock_init(&lock, &attr) == 0 && pthread_rwlock_rdlock(&lock) == 0);
    pthread_create(&writer, NULL, write_locked, &lock);
    while (pthread_rwlock_tryrdlock(&lock) == 0) {
        pthread_rwlock_unlock(&lock);
        usleep(1000);
    }
    pthread_create(&reader, NULL, read_locked, &lock);
    usleep(10000);
    pthread_rwlock_unlock(&lock);
    pthread_join(writer, NULL);
    pthread_join(reader, NULL);
    CHECK(pthread_rwlock_destroy(&lock) == 0);
}

static pthread_mutex_t robust;

static void *die_with_lock(void *argument)
{
    pthread_mutex_lock(&robust);
    return argument;
}

static void test_robust(void)
{
    pthread_mutexattr_t attr;
    pthread_t thread;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &attr);
    pthread_create(&thread, NULL, die_with_lock, NULL);
    pthread_join(thread, NULL);
    CHECK(pthread_mutex_lock(&robust) == EOWNERDEAD);
    CHECK(pthread_mutex_consistent(&robust) == 0 && pthread_mutex_unlock(&robust) == 0);
    pthread_create(&thread, NULL, die_with_lock, NULL);
    pthread_join(thread, NULL);
    CHECK(pthread_mutex_lock(&robust) == EOWNERDEAD && pthread_mutex_unlock(&robust) == 0);
    CHECK(pthread_mutex_lock(&robust) == ENOTRECOVERABLE);
}

static sem_t ready;
static int cleaned;

static void clean(void *argument)
{
    cleaned += *(int *)argument;
}

static void *wait_forever(void *how)
{
    int ends[2], one = 1;
    char byte;
    pthread_cleanup_push(clean, &one);
    CHECK(pipe(ends) == 0);
    sem_post(&ready);
    if (how)
        CHECK(read(ends[0], &byte, 1) < 0);
    pthread_mutex_lock(&mutex);
    while (cleaned < 100)
        pthread_cond_wait(&cond, &mutex);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *spin(void *argument)
{
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    sem_post(&ready);
    for (volatile int i = 0;; i++)
        ;
    return argument;
}

static void test_cancel(void)
{
    pthread_t thread;
    void *result;
    sem_init(&ready, 0, 0);
    for (int kind = 0; kind < 3; kind++) {
        pthread_create(&thread, NULL, kind == 2 ? spin : wait_forever, kind ? &kind : NULL);
        while (sem_wait(&ready) < 0)
            ;
        usleep(20000);
        CHECK(pthread_cancel(thread) == 0);
        CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
        if (kind == 0) /* a cancelled wait holds the mutex while it is cleaned up */
            CHECK(pthread_mutex_unlock(&mutex) == 0);
    }
    CHECK(cleaned == 2);
}

static pthread_key_t key;
static int destroyed;

static void destroy(void *value)
{
    destroyed += *(int *)value;
}

static void *set_key(void *value)
{
    pthread_setspecific(key, value);
    CHECK(pthread_getspecific(key) == value);
    return NULL;
}

static void init_once(void)
{
    counter = 1000;
}

static void test_keys(void)
{
    pthread_t thread;
    int value = 5;
    pthread_once_t once = PTHREAD_ONCE_INIT;
    CHECK(pthread_key_create(&key, destroy) == 0);
    pthread_create(&thread, NULL, set_key, &value);
    pthread_join(thread, NULL);
    CHECK(destroyed == 5 && pthread_getspecific(key) == NULL && pthread_key_delete(key) == 0);
    pthread_once(&once, init_once);
    counter++;
    pthread_once(&once, init_once);
    CHECK(counter == 1001);
}

static pthread_barrier_t barrier;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static volatile int serial;

static void *meet(void *argument)
{
    for (int i = 0; i < 50; i++) {
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            __sync_fetch_and_add(&serial, 1);
        pthread_rwlock_wrlock(&rwlock);
        counter++;
        pthread_rwlock_unlock(&rwlock);
        pthread_rwlock_rdlock(&rwlock);
        pthread_rwlock_unlock(&rwlock);
    }
    return argument;
}

static void test_barrier(void)
{
    pthread_t threads[4];
    counter = 0;
    pthread_barrier_init(&barrier, NULL, 4);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, meet, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK(serial == 50 && counter == 200 && pthread_barrier_destroy(&barrier) == 0);
}

static volatile int ticks;

static void tick(union sigval value)
{
    ticks += value.sival_int;
}

static void test_timer(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_value.sival_int = 3};
    struct itimerspec when = {{0, 10000000}, {0, 10000000}};
    timer_t timer;
    event.sigev_notify_function = tick;
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    CHECK(timer_settime(timer, 0, &when, NULL) == 0);
    for (int i = 0; i < 200 && ticks < 6; i++)
        usleep(10000);
    CHECK(ticks >= 6 && timer_delete(timer) == 0);
}

int main(void)
{
    test_counting();
    test_turns();
    test_mutex_kinds();
    test_ceiling();
    test_writers_first();
    test_robust();
    test_cancel();
    test_keys();
    test_barrier();
    test_timer();
    return finish();
}
