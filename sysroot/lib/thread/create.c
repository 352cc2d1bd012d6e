/* SPDX-License-Identifier: MIT */
/*
 * The life of a thread: made with one mapping for its stack and all it has, ended with its cleanup
 * handlers and keys, freed by who joins it or, detached, by itself from a place that needs no stack.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "system.h"
#include "thread.h"

enum { PAGE = 4096, DEFAULT_STACK = 1024 * 1024 };

int __atomik_clone(void *stack, struct __atomik_thread *thread, void *descriptor);
_Noreturn void __atomik_unmap_exit(void *map, size_t size);
void __sinit(struct _reent *);

static volatile int list_lock;

void __atomik_threads_lock(void)
{
    lock(&list_lock);
}

void __atomik_threads_unlock(void)
{
    unlock(&list_lock);
}

static size_t page_round(size_t size)
{
    return (size + PAGE - 1) & -(size_t)PAGE;
}

/* What lies above the stack. */
static size_t top_size(void)
{
    return __atomik_program.thread_size + sizeof(struct _reent) + 64;
}

static struct __atomik_thread *lay_out(void *map, size_t map_size, const pthread_attr_t *attr)
{
    char *top = map;
    top += map_size - top_size();
    struct __atomik_thread *thread = __atomik_thread_place(top);
    thread->reent = (struct _reent *)(((uintptr_t)(thread + 1) + 15) & -16UL);
    _REENT_INIT_PTR(thread->reent);
    thread->map = map;
    thread->map_size = map_size;
    thread->guard_size = attr->__stack ? 0 : page_round(attr->__guard_size);
    thread->stack = attr->__stack ? attr->__stack : (char *)map + thread->guard_size;
    thread->stack_size = attr->__stack ? attr->__stack_size : (size_t)(top - (char *)thread->stack);
    return thread;
}

static struct __atomik_thread *make(const pthread_attr_t *attr)
{
    size_t guard = attr->__stack ? 0 : page_round(attr->__guard_size);
    size_t stack = attr->__stack ? 0 : page_round(attr->__stack_size);
    size_t size = guard + stack + page_round(top_size());
    if (size < stack)
        return NULL;
    void *map =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    if (guard && mprotect(map, guard, PROT_NONE) < 0) {
        munmap(map, size);
        return NULL;
    }
    return lay_out(map, size, attr);
}

static void link_thread(struct __atomik_thread *thread, struct __atomik_thread *after)
{
    lock(&list_lock);
    thread->next = after->next;
    thread->previous = after;
    after->next->previous = thread;
    after->next = thread;
    unlock(&list_lock);
}

/* False for the last thread, which stays in the ring and ends the process. */
static bool unlink_thread(struct __atomik_thread *thread)
{
    lock(&list_lock);
    bool others = thread->next != thread;
    thread->next->previous = thread->previous;
    thread->previous->next = thread->next;
    unlock(&list_lock);
    return others;
}

static void prepare(struct __atomik_thread *thread, const pthread_attr_t *attr)
{
    struct __atomik_thread *self = thread_self();
    thread->canary = self->canary;
    thread->state = attr->__detached ? THREAD_DETACHED : THREAD_JOINABLE;
    thread->start_policy = attr->__explicit_sched ? attr->__policy : -1;
    thread->start_priority = attr->__priority;
}

/* The scheduling that was asked for is set before the thread runs: a failure is the creator's. */
static int set_scheduling(struct __atomik_thread *thread)
{
    if (thread->start_policy < 0)
        return 0;
    struct sched_param parameter = {thread->start_priority};
    long raw = CALL(sched_setscheduler, thread->tid, thread->start_policy, &parameter);
    return (int)-raw;
}

/* Runs on the new thread, which waits until its creator has set it up or given it up (-1). */
_Noreturn void __atomik_thread_main(struct __atomik_thread *self);
void __atomik_thread_main(struct __atomik_thread *self)
{
    while (self->start_gate == 0)
        __atomik_futex_wait(&self->start_gate, 0, 0, NULL, 0, false);
    if (self->start_gate < 0) {
        self->state = THREAD_DETACHED;
        __atomik_thread_end(NULL);
    }
    __atomik_restore_mask(&self->start_mask);
    __atomik_thread_end(self->start(self->argument));
}

static int launch(struct __atomik_thread *thread)
{
    uint32_t gs;
    __asm__("movl %%gs, %0" : "=r"(gs));
    uint32_t descriptor[4] = {gs >> 3, (uint32_t)(uintptr_t)thread, 0xfffff, 0x51};
    sigset_t old;
    __atomik_block_all(&old);
    thread->start_mask = old;
    char *stack = (char *)thread->stack + thread->stack_size;
    __sync_fetch_and_add(&__atomik_thread_count, 1);
    link_thread(thread, thread_self());
    int error = -__atomik_clone((void *)((uintptr_t)stack & -16UL), thread, descriptor);
    if (error <= 0) {
        error = set_scheduling(thread);
        thread->start_gate = error ? -1 : 1;
        __atomik_futex_wake(&thread->start_gate, 1, 0);
    } else {
        unlink_thread(thread);
        __sync_fetch_and_sub(&__atomik_thread_count, 1);
        munmap(thread->map, thread->map_size);
    }
    __atomik_restore_mask(&old);
    return error;
}

int pthread_create(pthread_t *restrict result, const pthread_attr_t *restrict attr,
                   void *(*start)(void *), void *restrict argument)
{
    pthread_attr_t standard;
    if (!attr) {
        pthread_attr_init(&standard);
        attr = &standard;
    }
    if (!_GLOBAL_REENT->__sdidinit)
        __sinit(_GLOBAL_REENT); /* exit flushes what the first thread's structure knows */
    struct __atomik_thread *thread = make(attr);
    if (!thread)
        return EAGAIN;
    prepare(thread, attr);
    thread->start = start;
    thread->argument = argument;
    *result = thread;
    return launch(thread);
}

/* ---- ending ---- */

static void run_cleanups(struct __atomik_thread *self)
{
    while (self->cleanup) {
        struct __pthread_cleanup *cleanup = self->cleanup;
        self->cleanup = cleanup->__next;
        cleanup->__routine(cleanup->__argument);
    }
}

void __atomik_heap_thread_end(void) __attribute__((weak));
void __atomik_run_key_destructors(struct __atomik_thread *self) __attribute__((weak));

void __atomik_thread_end(void *result)
{
    struct __atomik_thread *self = thread_self();
    self->cancel_acting = 1;
    self->result = result;
    run_cleanups(self);
    if (__atomik_run_key_destructors)
        __atomik_run_key_destructors(self);
    sigset_t old;
    __atomik_block_all(&old);
    if (!unlink_thread(self)) {
        __atomik_restore_mask(&old);
        exit(0);
    }
    if (__atomik_heap_thread_end)
        __atomik_heap_thread_end();
    _reclaim_reent(self->reent);
    if (!self->map) /* the first thread: its stack stays */
        for (;;)
            CALL(exit, 0);
    if (!__sync_bool_compare_and_swap(&self->state, THREAD_JOINABLE, THREAD_EXITING)) {
        /* Detached: nobody waits, and the kernel must not write into memory that is gone. */
        CALL(set_tid_address, 0);
        if (self->robust_known)
            CALL(set_robust_list, 0, sizeof self->robust);
        __atomik_unmap_exit(self->map, self->map_size);
    }
    for (;;)
        CALL(exit, 0);
}

void pthread_exit(void *result)
{
    struct __atomik_thread *self = thread_self();
    self->cancel_disabled = PTHREAD_CANCEL_DISABLE;
    self->cancel_async = PTHREAD_CANCEL_DEFERRED;
    __atomik_thread_end(result);
}

/* ---- joining ---- */

static int wait_gone(pthread_t thread, const struct timespec *deadline)
{
    for (;;) {
        int tid = *(volatile int *)&thread->tid;
        if (tid == 0)
            return 0;
        /* The kernel's wake is one of a shared futex. */
        int error = __atomik_futex_wait(&thread->tid, tid, CLOCK_REALTIME, deadline, 1, true);
        if (error == ETIMEDOUT || error == EINVAL)
            return error;
    }
}

int pthread_timedjoin_np(pthread_t thread, void **result, const struct timespec *deadline)
{
    if (thread == thread_self())
        return EDEADLK;
    if (thread->state == THREAD_DETACHED)
        return EINVAL;
    pthread_testcancel();
    int error = wait_gone(thread, deadline);
    if (error)
        return error;
    if (result)
        *result = thread->result;
    if (thread->map)
        munmap(thread->map, thread->map_size);
    return 0;
}

int pthread_join(pthread_t thread, void **result)
{
    return pthread_timedjoin_np(thread, result, NULL);
}

int pthread_tryjoin_np(pthread_t thread, void **result)
{
    return thread->tid ? EBUSY : pthread_join(thread, result);
}

int pthread_detach(pthread_t thread)
{
    if (__sync_bool_compare_and_swap(&thread->state, THREAD_JOINABLE, THREAD_DETACHED))
        return 0;
    if (thread->state == THREAD_DETACHED)
        return EINVAL;
    return pthread_join(thread, NULL);
}
