/* SPDX-License-Identifier: MIT */
/* Attributes of threads. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#include "system.h"
#include "thread.h"

int pthread_attr_init(pthread_attr_t *attr)
{
    *attr = (pthread_attr_t){.__stack_size = 1024 * 1024, .__guard_size = 4096};
    return 0;
}

int pthread_attr_destroy(pthread_attr_t *attr)
{
    memset(attr, 0, sizeof *attr);
    return 0;
}

#define PROPERTY(name, member, type, valid)                                               \
    int pthread_attr_get##name(const pthread_attr_t *restrict attr, type *restrict value) \
    {                                                                                     \
        *value = attr->member;                                                            \
        return 0;                                                                         \
    }                                                                                     \
    int pthread_attr_set##name(pthread_attr_t *attr, type value)                          \
    {                                                                                     \
        if (!(valid))                                                                     \
            return EINVAL;                                                                \
        attr->member = value;                                                             \
        return 0;                                                                         \
    }

PROPERTY(detachstate, __detached, int,
         value == PTHREAD_CREATE_JOINABLE || value == PTHREAD_CREATE_DETACHED)
PROPERTY(guardsize, __guard_size, size_t, value <= SSIZE_MAX)
PROPERTY(inheritsched, __explicit_sched, int,
         value == PTHREAD_INHERIT_SCHED || value == PTHREAD_EXPLICIT_SCHED)
PROPERTY(schedpolicy, __policy, int,
         value == SCHED_OTHER || value == SCHED_FIFO || value == SCHED_RR)
PROPERTY(stacksize, __stack_size, size_t, value >= PTHREAD_STACK_MIN && value <= SSIZE_MAX)

int pthread_attr_getscope(const pthread_attr_t *restrict attr, int *restrict scope)
{
    *scope = attr->__scope;
    return 0;
}

/* All threads compete in the whole system. */
int pthread_attr_setscope(pthread_attr_t *attr, int scope)
{
    if (scope == PTHREAD_SCOPE_PROCESS)
        return ENOTSUP;
    if (scope != PTHREAD_SCOPE_SYSTEM)
        return EINVAL;
    attr->__scope = scope;
    return 0;
}

int pthread_attr_getschedparam(const pthread_attr_t *restrict attr,
                               struct sched_param *restrict parameter)
{
    parameter->sched_priority = attr->__priority;
    return 0;
}

int pthread_attr_setschedparam(pthread_attr_t *restrict attr,
                               const struct sched_param *restrict parameter)
{
    int low = sched_get_priority_min(attr->__policy), high = sched_get_priority_max(attr->__policy);
    if (parameter->sched_priority < low || parameter->sched_priority > high)
        return EINVAL;
    attr->__priority = parameter->sched_priority;
    return 0;
}

int pthread_attr_getstack(const pthread_attr_t *restrict attr, void **restrict address,
                          size_t *restrict size)
{
    *address = attr->__stack;
    *size = attr->__stack_size;
    return 0;
}

int pthread_attr_setstack(pthread_attr_t *attr, void *address, size_t size)
{
    if (size < PTHREAD_STACK_MIN || ((uintptr_t)address | size) & 15)
        return EINVAL;
    attr->__stack = address;
    attr->__stack_size = size;
    return 0;
}

/* The older pair names the end that the stack grows from. */
int pthread_attr_getstackaddr(const pthread_attr_t *restrict attr, void **restrict address)
{
    *address = attr->__stack ? (char *)attr->__stack + attr->__stack_size : NULL;
    return 0;
}

int pthread_attr_setstackaddr(pthread_attr_t *attr, void *address)
{
    attr->__stack = (char *)address - attr->__stack_size;
    return 0;
}

/* The first thread's stack lies below the arguments and can grow to its limit. */
static void first_stack(pthread_attr_t *attr)
{
    extern char **__atomik_arguments;
    struct rlimit limit;
    uintptr_t top = ((uintptr_t)__atomik_arguments + 4095) & -4096UL;
    size_t size = 8 * 1024 * 1024;
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < 256 * 1024 * 1024)
        size = (size_t)limit.rlim_cur;
    attr->__stack = (void *)(top - size);
    attr->__stack_size = size;
    attr->__guard_size = 0;
}

int pthread_getattr_np(pthread_t thread, pthread_attr_t *attr)
{
    pthread_attr_init(attr);
    attr->__detached = thread->state == THREAD_DETACHED;
    if (!thread->map) {
        first_stack(attr);
        return 0;
    }
    attr->__stack = thread->stack;
    attr->__stack_size = thread->stack_size;
    attr->__guard_size = thread->guard_size;
    return 0;
}
