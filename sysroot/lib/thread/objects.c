/* SPDX-License-Identifier: MIT */
/* Attributes of what synchronises threads. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "thread.h"

#define ATTRIBUTES(name)                                   \
    int pthread_##name##_init(pthread_##name##_t *attr)    \
    {                                                      \
        memset(attr, 0, sizeof *attr);                     \
        return 0;                                          \
    }                                                      \
    int pthread_##name##_destroy(pthread_##name##_t *attr) \
    {                                                      \
        (void)attr;                                        \
        return 0;                                          \
    }

#define ATTRIBUTE(name, property, member, valid)                                \
    int pthread_##name##_get##property(const pthread_##name##_t *restrict attr, \
                                       int *restrict value)                     \
    {                                                                           \
        *value = attr->member;                                                  \
        return 0;                                                               \
    }                                                                           \
    int pthread_##name##_set##property(pthread_##name##_t *attr, int value)     \
    {                                                                           \
        if (!(valid))                                                           \
            return EINVAL;                                                      \
        attr->member = value;                                                   \
        return 0;                                                               \
    }

#define SHARED_VALID value == PTHREAD_PROCESS_PRIVATE || value == PTHREAD_PROCESS_SHARED

ATTRIBUTES(mutexattr)
ATTRIBUTE(mutexattr, type, __type,
          value >= PTHREAD_MUTEX_NORMAL && value <= PTHREAD_MUTEX_ERRORCHECK)
ATTRIBUTE(mutexattr, pshared, __shared, SHARED_VALID)
ATTRIBUTE(mutexattr, robust, __robust,
          value == PTHREAD_MUTEX_STALLED || value == PTHREAD_MUTEX_ROBUST)
ATTRIBUTES(condattr)
ATTRIBUTE(condattr, clock, __clock, value == CLOCK_REALTIME || value == CLOCK_MONOTONIC)
ATTRIBUTE(condattr, pshared, __shared, SHARED_VALID)
ATTRIBUTES(rwlockattr)
ATTRIBUTE(rwlockattr, pshared, __shared, SHARED_VALID)
ATTRIBUTES(barrierattr)
ATTRIBUTE(barrierattr, pshared, __shared, SHARED_VALID)

ATTRIBUTE(rwlockattr, kind_np, __kind,
          value >= PTHREAD_RWLOCK_PREFER_READER_NP &&
              value <= PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP)

int pthread_mutexattr_getprotocol(const pthread_mutexattr_t *restrict attr, int *restrict protocol)
{
    *protocol = attr->__protocol;
    return 0;
}

/* Inheriting would be the kernel's work. */
int pthread_mutexattr_setprotocol(pthread_mutexattr_t *attr, int protocol)
{
    if (protocol == PTHREAD_PRIO_INHERIT)
        return ENOTSUP;
    if (protocol != PTHREAD_PRIO_NONE && protocol != PTHREAD_PRIO_PROTECT)
        return EINVAL;
    attr->__protocol = protocol;
    return 0;
}

/* Zero is an attribute that nobody has set: the lowest. */
int pthread_mutexattr_getprioceiling(const pthread_mutexattr_t *restrict attr,
                                     int *restrict ceiling)
{
    *ceiling = attr->__ceiling ? attr->__ceiling : 1;
    return 0;
}

int pthread_mutexattr_setprioceiling(pthread_mutexattr_t *attr, int ceiling)
{
    if (ceiling < 1 || ceiling > CEILING_MAX)
        return EINVAL;
    attr->__ceiling = ceiling;
    return 0;
}
