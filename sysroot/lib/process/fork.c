/* SPDX-License-Identifier: MIT */
/* Fork, with what must be held over it; and the functions that other parts want called around it. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "system.h"
#include "thread.h"

void __atomik_newlib_lock_all(void);
void __atomik_newlib_unlock_all(bool child);
/* There when threads are. */
void __atomik_threads_lock(void) __attribute__((weak));
void __atomik_threads_unlock(void) __attribute__((weak));

struct handlers {
    void (*prepare)(void), (*parent)(void), (*child)(void);
    struct handlers *next, *previous;
};
static struct handlers *first, *last;
static volatile int handlers_lock;

int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    struct handlers *added = malloc(sizeof *added);
    if (!added)
        return ENOMEM;
    *added = (struct handlers){prepare, parent, child, NULL, NULL};
    lock(&handlers_lock);
    added->previous = last;
    *(last ? &last->next : &first) = added;
    last = added;
    unlock(&handlers_lock);
    return 0;
}

static void run_prepare(void)
{
    for (struct handlers *handlers = last; handlers; handlers = handlers->previous)
        if (handlers->prepare)
            handlers->prepare();
}

static void run_after(bool child)
{
    for (struct handlers *handlers = first; handlers; handlers = handlers->next) {
        void (*function)(void) = child ? handlers->child : handlers->parent;
        if (function)
            function();
    }
}

/* The child has one thread, with an id of its own. */
static void become_child(struct __atomik_thread *self)
{
    self->tid = (int)CALL(set_tid_address, &self->tid);
    self->next = self->previous = self;
    self->robust_known = false;
    __atomik_thread_count = 0;
}

pid_t _Fork(void);
pid_t _Fork(void)
{
    sigset_t mask;
    __atomik_block_all(&mask);
    long raw = CALL(fork);
    if (raw == 0)
        become_child(thread_self());
    __atomik_restore_mask(&mask);
    return (pid_t)RESULT(raw);
}

pid_t fork(void)
{
    sigset_t mask;
    run_prepare();
    __atomik_block_all(&mask);
    bool threads = __atomik_thread_count != 0;
    if (threads) {
        __atomik_newlib_lock_all();
        __atomik_threads_lock();
    }
    long raw = CALL(fork);
    if (raw == 0)
        become_child(thread_self());
    if (threads) {
        __atomik_threads_unlock();
        __atomik_newlib_unlock_all(raw == 0);
    }
    __atomik_restore_mask(&mask);
    run_after(raw == 0);
    return (pid_t)RESULT(raw);
}
