/* SPDX-License-Identifier: MIT */
/* The locks that newlib asks for: of the heap, the environment, streams. Most are recursive. */
#include <stdlib.h>
#include <sys/lock.h>

#include "thread.h"

struct __lock {
    volatile int word;
    int owner, count;
};

struct __lock __lock___sinit_recursive_mutex;
struct __lock __lock___sfp_recursive_mutex;
struct __lock __lock___atexit_recursive_mutex;
struct __lock __lock___at_quick_exit_mutex;
struct __lock __lock___malloc_recursive_mutex;
struct __lock __lock___env_recursive_mutex;
struct __lock __lock___tz_mutex;
struct __lock __lock___dd_hash_mutex;
struct __lock __lock___arc4random_mutex;

void __retarget_lock_init(_LOCK_T *result)
{
    *result = calloc(1, sizeof(struct __lock));
}

void __retarget_lock_init_recursive(_LOCK_T *result)
{
    __retarget_lock_init(result);
}

void __retarget_lock_close(_LOCK_T which)
{
    free(which);
}

void __retarget_lock_close_recursive(_LOCK_T which)
{
    free(which);
}

void __retarget_lock_acquire(_LOCK_T which)
{
    lock(&which->word);
}

int __retarget_lock_try_acquire(_LOCK_T which)
{
    return __sync_bool_compare_and_swap(&which->word, 0, 1);
}

void __retarget_lock_release(_LOCK_T which)
{
    unlock(&which->word);
}

/* While there is one thread the count alone is kept: no other thread can look. A second thread is made
 * by a thread that holds none of these locks. */
void __retarget_lock_acquire_recursive(_LOCK_T which)
{
    int self = thread_self()->tid;
    if (which->owner != self) {
        if (__atomik_thread_count)
            lock(&which->word);
        else
            which->word = 1;
        which->owner = self;
    }
    which->count++;
}

int __retarget_lock_try_acquire_recursive(_LOCK_T which)
{
    int self = thread_self()->tid;
    if (which->owner != self) {
        if (!__sync_bool_compare_and_swap(&which->word, 0, 1))
            return 0;
        which->owner = self;
    }
    which->count++;
    return 1;
}

void __retarget_lock_release_recursive(_LOCK_T which)
{
    if (--which->count)
        return;
    which->owner = 0;
    if (__atomik_thread_count)
        unlock(&which->word);
    else
        which->word = 0;
}

static struct __lock *const at_fork[] = {
    &__lock___atexit_recursive_mutex, &__lock___env_recursive_mutex,
    &__lock___sinit_recursive_mutex,  &__lock___sfp_recursive_mutex,
    &__lock___malloc_recursive_mutex,
};

/* Around fork the forking thread holds them all; the child has only that thread, with another id. */
void __atomik_newlib_lock_all(void)
{
    for (unsigned i = 0; i < sizeof at_fork / sizeof at_fork[0]; i++)
        __retarget_lock_acquire_recursive(at_fork[i]);
}

void __atomik_newlib_unlock_all(bool child)
{
    for (unsigned i = sizeof at_fork / sizeof at_fork[0]; i-- > 0;) {
        if (child)
            at_fork[i]->owner = thread_self()->tid;
        __retarget_lock_release_recursive(at_fork[i]);
    }
}
