/* SPDX-License-Identifier: MIT */
/*
 * Mutexes. The lock word is 0, or the owner's thread id with the kernel's bits: somebody waits, and (for
 * robust ones, set by the kernel when a thread ends) the owner died. A robust mutex is in its owner's
 * list, which the kernel walks; `pending` names the one that is being taken or given back, for the
 * moments in which list and word disagree.
 */
#include <errno.h>
#include <pthread.h>

#include "ceiling.h"
#include "system.h"
#include "thread.h"

enum {
    WAITERS = (int)0x80000000,
    OWNER_DIED = 0x40000000,
    TID_MASK = 0x3fffffff,
    NOT_RECOVERABLE = TID_MASK, /* no thread has this id */
};
enum {
    KIND_TYPE = 3,
    KIND_ROBUST = 4,
    KIND_SHARED = 8,
    KIND_PROTECT = 16,
    KIND_CEILING = 8 /* shift */
};

/* ---- the list of robust mutexes ---- */

static void know_robust(struct __atomik_thread *self)
{
    if (self->robust_known)
        return;
    self->robust.next = &self->robust;
    self->robust.offset =
        (long)offsetof(pthread_mutex_t, __lock) - (long)offsetof(pthread_mutex_t, __list);
    CALL(set_robust_list, &self->robust, sizeof self->robust);
    self->robust_known = true;
}

static void robust_link(struct __atomik_thread *self, pthread_mutex_t *mutex)
{
    void **head = &self->robust.next;
    mutex->__list.__next = *head;
    mutex->__list.__previous = head;
    if (*head != (void *)head)
        ((void **)*head)[1] = &mutex->__list;
    __asm__ volatile("" ::: "memory");
    *head = &mutex->__list;
}

static void robust_unlink(pthread_mutex_t *mutex, const struct __atomik_thread *self)
{
    void **next = mutex->__list.__next, **previous = mutex->__list.__previous;
    previous[0] = next;
    if ((const void *)next != (const void *)&self->robust.next)
        next[1] = previous;
}

/* ---- taking ---- */

/* With the lock free or its owner dead. */
static int take(pthread_mutex_t *mutex, int seen, int tid)
{
    int wanted = tid | (seen & (WAITERS | OWNER_DIED)); /* until somebody calls it consistent */
    if (!__sync_bool_compare_and_swap(&mutex->__lock, seen, wanted))
        return EBUSY;
    return seen & OWNER_DIED ? EOWNERDEAD : 0;
}

static int try_once(pthread_mutex_t *mutex, int tid)
{
    int seen = *(volatile int *)&mutex->__lock;
    int owner = seen & TID_MASK;
    if (owner == 0)
        return take(mutex, seen, tid);
    if (owner == NOT_RECOVERABLE && mutex->__kind & KIND_ROBUST)
        return ENOTRECOVERABLE;
    if (owner != tid)
        return EBUSY;
    int type = mutex->__kind & KIND_TYPE;
    if (type == PTHREAD_MUTEX_RECURSIVE) {
        if (mutex->__count == 0x7fffffff)
            return EAGAIN;
        mutex->__count++;
        return -1; /* taken, and not for the first time */
    }
    return type == PTHREAD_MUTEX_ERRORCHECK ? EDEADLK : EBUSY;
}

static int finish(pthread_mutex_t *mutex, struct __atomik_thread *self, int error)
{
    if (error == -1)
        error = 0;
    else if (mutex->__kind & KIND_ROBUST && (error == 0 || error == EOWNERDEAD))
        robust_link(self, mutex);
    if (mutex->__kind & KIND_ROBUST)
        self->robust.pending = NULL;
    return error;
}

static struct __atomik_thread *begin(pthread_mutex_t *mutex)
{
    struct __atomik_thread *self = thread_self();
    if (mutex->__kind & KIND_ROBUST) {
        know_robust(self);
        self->robust.pending = &mutex->__list;
    }
    return self;
}

static int ceiling_of(const pthread_mutex_t *mutex)
{
    return mutex->__kind >> KIND_CEILING;
}

/* With a ceiling, before the lock is looked at: so nobody of lower priority holds it meanwhile. */
static int protect(pthread_mutex_t *mutex, struct __atomik_thread *self)
{
    return mutex->__kind & KIND_PROTECT ? __atomik_ceiling_take(self, ceiling_of(mutex)) : 0;
}

/* What came of it: it is kept by who has taken the mutex now, and not before. */
static int protected(pthread_mutex_t *mutex, struct __atomik_thread *self, int error)
{
    if (mutex->__kind & KIND_PROTECT && error != 0 && error != EOWNERDEAD)
        __atomik_ceiling_give(self, ceiling_of(mutex));
    return error;
}

int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    int error = protect(mutex, thread_self());
    if (error)
        return error;
    struct __atomik_thread *self = begin(mutex);
    error = protected(mutex, self, try_once(mutex, self->tid));
    return finish(mutex, self, error == EDEADLK ? EBUSY : error);
}

/* Marks the lock as awaited and waits until it changes. */
static int await(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *deadline)
{
    int seen = *(volatile int *)&mutex->__lock;
    if ((seen & TID_MASK) == 0)
        return 0;
    if (deadline && __atomik_bad_time(deadline))
        return EINVAL;
    if (!(seen & WAITERS) && !__sync_bool_compare_and_swap(&mutex->__lock, seen, seen | WAITERS))
        return 0;
    int error = __atomik_futex_wait(&mutex->__lock, seen | WAITERS, clock, deadline,
                                    mutex->__kind & KIND_SHARED, false);
    return error == ETIMEDOUT || error == EINVAL ? error : 0;
}

int pthread_mutex_clocklock(pthread_mutex_t *restrict mutex, clockid_t clock,
                            const struct timespec *restrict deadline)
{
    if (mutex->__kind == PTHREAD_MUTEX_NORMAL &&
        __sync_bool_compare_and_swap(&mutex->__lock, 0, thread_self()->tid))
        return 0;
    int error = protect(mutex, thread_self()), waited = 0;
    if (error)
        return error;
    struct __atomik_thread *self = begin(mutex);
    error = try_once(mutex, self->tid);
    while (error == EBUSY) {
        if ((waited = await(mutex, clock, deadline)) != 0)
            return finish(mutex, self, protected(mutex, self, waited));
        /* Whoever waited does not know who else does. */
        error = try_once(mutex, self->tid | WAITERS);
    }
    return finish(mutex, self, protected(mutex, self, error));
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex,
                            const struct timespec *restrict deadline)
{
    return pthread_mutex_clocklock(mutex, CLOCK_REALTIME, deadline);
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    return pthread_mutex_clocklock(mutex, CLOCK_REALTIME, NULL);
}

/* ---- giving back ---- */

static int unlock_other(pthread_mutex_t *mutex, struct __atomik_thread *self, int *left)
{
    int seen = mutex->__lock;
    if ((seen & TID_MASK) != self->tid)
        return EPERM;
    if ((mutex->__kind & KIND_TYPE) == PTHREAD_MUTEX_RECURSIVE && mutex->__count > 0) {
        mutex->__count--;
        return -1;
    }
    if (mutex->__kind & KIND_ROBUST) {
        self->robust.pending = &mutex->__list;
        robust_unlink(mutex, self);
        if (seen & OWNER_DIED) /* nobody called it consistent */
            *left = NOT_RECOVERABLE;
    }
    return 0;
}

int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    int left = 0, kind = mutex->__kind;
    struct __atomik_thread *self = thread_self();
    if (kind & ~KIND_SHARED) {
        int error = unlock_other(mutex, self, &left);
        if (error)
            return error > 0 ? error : 0;
    }
    int old = __sync_lock_test_and_set(&mutex->__lock, left);
    if (kind & KIND_ROBUST)
        self->robust.pending = NULL;
    if (old & WAITERS)
        __atomik_futex_wake(&mutex->__lock, left ? 0x7fffffff : 1, kind & KIND_SHARED);
    if (kind & KIND_PROTECT)
        __atomik_ceiling_give(self, kind >> KIND_CEILING);
    return 0;
}

int pthread_mutex_consistent(pthread_mutex_t *mutex)
{
    int seen = mutex->__lock;
    if (!(mutex->__kind & KIND_ROBUST) || !(seen & OWNER_DIED))
        return EINVAL;
    if ((seen & TID_MASK) != thread_self()->tid)
        return EPERM;
    __sync_fetch_and_and(&mutex->__lock, ~OWNER_DIED);
    return 0;
}

/* ---- making ---- */

int pthread_mutex_init(pthread_mutex_t *restrict mutex, const pthread_mutexattr_t *restrict attr)
{
    *mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    if (attr)
        mutex->__kind =
            attr->__type | (attr->__robust ? KIND_ROBUST : 0) | (attr->__shared ? KIND_SHARED : 0);
    if (attr && attr->__protocol == PTHREAD_PRIO_PROTECT)
        mutex->__kind |= KIND_PROTECT | (attr->__ceiling ? attr->__ceiling : 1) << KIND_CEILING;
    return 0;
}

int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    int owner = mutex->__lock & TID_MASK;
    return owner && owner != NOT_RECOVERABLE ? EBUSY : 0;
}

int pthread_mutex_getprioceiling(const pthread_mutex_t *restrict mutex, int *restrict ceiling)
{
    if (!(mutex->__kind & KIND_PROTECT))
        return EINVAL;
    *ceiling = ceiling_of(mutex);
    return 0;
}

int pthread_mutex_setprioceiling(pthread_mutex_t *restrict mutex, int ceiling, int *restrict old)
{
    if (!(mutex->__kind & KIND_PROTECT) || ceiling < 1 || ceiling > CEILING_MAX)
        return EINVAL;
    int error = pthread_mutex_lock(mutex);
    if (error)
        return error;
    int before = ceiling_of(mutex);
    if (old)
        *old = before;
    __atomik_ceiling_change(thread_self(), before, ceiling);
    mutex->__kind = (mutex->__kind & ((1 << KIND_CEILING) - 1)) | ceiling << KIND_CEILING;
    return pthread_mutex_unlock(mutex);
}
