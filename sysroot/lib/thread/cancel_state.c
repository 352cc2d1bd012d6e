/* SPDX-License-Identifier: MIT */
/* Whether and where a thread can be cancelled, and what it does when it is. */
#include <errno.h>
#include <pthread.h>

#include "thread.h"

long __atomik_cancel_now(void) __attribute__((weak)); /* there when anything cancels */

void pthread_testcancel(void)
{
    struct __atomik_thread *self = thread_self();
    if (__atomik_cancel_now && self->cancelled && !self->cancel_disabled)
        __atomik_cancel_now();
}

int pthread_setcancelstate(int state, int *old)
{
    struct __atomik_thread *self = thread_self();
    if (state != PTHREAD_CANCEL_ENABLE && state != PTHREAD_CANCEL_DISABLE)
        return EINVAL;
    if (old)
        *old = self->cancel_disabled;
    self->cancel_disabled = (unsigned char)state;
    if (self->cancel_async)
        pthread_testcancel();
    return 0;
}

int pthread_setcanceltype(int type, int *old)
{
    struct __atomik_thread *self = thread_self();
    if (type != PTHREAD_CANCEL_DEFERRED && type != PTHREAD_CANCEL_ASYNCHRONOUS)
        return EINVAL;
    if (old)
        *old = self->cancel_async;
    self->cancel_async = (unsigned char)type;
    if (type == PTHREAD_CANCEL_ASYNCHRONOUS)
        pthread_testcancel();
    return 0;
}

void __pthread_cleanup_push(struct __pthread_cleanup *cleanup, void (*routine)(void *),
                            void *argument)
{
    struct __atomik_thread *self = thread_self();
    *cleanup = (struct __pthread_cleanup){routine, argument, self->cleanup};
    self->cleanup = cleanup;
}

void __pthread_cleanup_pop(struct __pthread_cleanup *cleanup, int execute)
{
    thread_self()->cleanup = cleanup->__next;
    if (execute)
        cleanup->__routine(cleanup->__argument);
}
