/* SPDX-License-Identifier: MIT */
/* Types of threads and of what synchronises them. Each fits the static initialisers below: all zero is
 * an object in its default state. */
#ifndef _SYS__PTHREADTYPES_H_
#define _SYS__PTHREADTYPES_H_

#include <sys/_types.h>
#include <sys/sched.h>

typedef struct __atomik_thread *pthread_t;
typedef unsigned int pthread_key_t;
typedef int pthread_once_t;
typedef volatile int pthread_spinlock_t;

typedef struct {
    __size_t __stack_size, __guard_size;
    void *__stack;
    int __detached, __explicit_sched, __policy, __priority, __scope;
} pthread_attr_t;

typedef struct {
    int __type, __shared, __robust, __protocol, __ceiling;
} pthread_mutexattr_t;

/* The lock word holds the owner's thread id and the kernel's two bits (waiters, owner died); the links
 * are the list of robust mutexes that the kernel walks when a thread ends. */
typedef struct {
    int __lock, __kind, __count;
    struct {
        void *__next, *__previous;
    } __list;
} pthread_mutex_t;

typedef struct {
    int __clock, __shared;
} pthread_condattr_t;

typedef struct {
    int __sequence, __waiters, __flags, __closing;
} pthread_cond_t;

typedef struct {
    int __shared, __kind;
} pthread_rwlockattr_t;

typedef struct {
    int __state, __waiting, __flags, __writers, __owner, __sleepers;
} pthread_rwlock_t;

typedef struct {
    int __shared;
} pthread_barrierattr_t;

typedef struct {
    unsigned __limit, __arrived, __generation, __inside;
    int __flags;
} pthread_barrier_t;

#endif
