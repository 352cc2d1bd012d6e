/* SPDX-License-Identifier: MIT */
/* A program's own hold on a stream: the lock that newlib's functions take. */
#include <stdio.h>
#include <sys/lock.h>

void flockfile(FILE *stream)
{
    __lock_acquire_recursive(stream->_lock);
}

int ftrylockfile(FILE *stream)
{
    return !__lock_try_acquire_recursive(stream->_lock);
}

void funlockfile(FILE *stream)
{
    __lock_release_recursive(stream->_lock);
}
