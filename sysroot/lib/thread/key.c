/* SPDX-License-Identifier: MIT */
/* Once, and values of threads by key. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

#include "system.h"
#include "thread.h"

/* ---- once: 0 not begun, 1 running, 2 done, 3 running and awaited ---- */

static void give_up(void *once)
{
    *(volatile int *)once = 0;
    __atomik_futex_wake(once, 0x7fffffff, 0);
}

static void run_once(volatile int *once, void (*routine)(void))
{
    pthread_cleanup_push(give_up, (void *)once);
    routine();
    pthread_cleanup_pop(0);
    if (__sync_lock_test_and_set(once, 2) == 3)
        __atomik_futex_wake(once, 0x7fffffff, 0);
}

int pthread_once(pthread_once_t *control, void (*routine)(void))
{
    volatile int *once = control;
    for (;;) {
        int seen = __sync_val_compare_and_swap(once, 0, 1);
        if (seen == 0) {
            run_once(once, routine);
            return 0;
        }
        if (seen == 2)
            return 0;
        if (seen == 3 || __sync_bool_compare_and_swap(once, 1, 3))
            __atomik_futex_wait(once, 3, 0, NULL, 0, false);
    }
}

/* ---- keys ---- */

static void no_destructor(void *value)
{
    (void)value;
}

static volatile int key_lock;
static void (*destructors[PTHREAD_KEYS_MAX])(void *); /* null: the key is free */

int pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
    int error = EAGAIN;
    lock(&key_lock);
    for (unsigned i = 0; i < PTHREAD_KEYS_MAX && error; i++) {
        if (destructors[i])
            continue;
        destructors[i] = destructor ? destructor : no_destructor;
        *key = i;
        error = 0;
    }
    unlock(&key_lock);
    return error;
}

/* No thread has a value of a key that is made anew. */
int pthread_key_delete(pthread_key_t key)
{
    if (key >= PTHREAD_KEYS_MAX || !destructors[key])
        return EINVAL;
    __atomik_threads_lock();
    struct __atomik_thread *self = thread_self(), *thread = self;
    do {
        if (thread->specific)
            thread->specific[key] = NULL;
        thread = thread->next;
    } while (thread != self);
    __atomik_threads_unlock();
    lock(&key_lock);
    destructors[key] = NULL;
    unlock(&key_lock);
    return 0;
}

void *pthread_getspecific(pthread_key_t key)
{
    void **values = thread_self()->specific;
    return values && key < PTHREAD_KEYS_MAX ? values[key] : NULL;
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
    struct __atomik_thread *self = thread_self();
    if (key >= PTHREAD_KEYS_MAX || !destructors[key])
        return EINVAL;
    if (!self->specific)
        self->specific = calloc(PTHREAD_KEYS_MAX, sizeof(void *));
    if (!self->specific)
        return ENOMEM;
    self->specific[key] = (void *)(uintptr_t)value;
    return 0;
}

static bool run_round(void **values)
{
    bool any = false;
    for (unsigned i = 0; i < PTHREAD_KEYS_MAX; i++) {
        void *value = values[i];
        void (*destructor)(void *) = destructors[i];
        if (!value || !destructor)
            continue;
        values[i] = NULL;
        destructor(value);
        any = true;
    }
    return any;
}

void __atomik_run_key_destructors(struct __atomik_thread *self)
{
    for (int i = 0; i < PTHREAD_DESTRUCTOR_ITERATIONS && self->specific; i++)
        if (!run_round(self->specific))
            break;
    free(self->specific);
    self->specific = NULL;
}
