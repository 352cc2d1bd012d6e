/* SPDX-License-Identifier: MIT */
/* Opening files, and what is done to an open one. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "system.h"

int openat(int dir, const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? va_arg(list, mode_t) : 0;
    va_end(list);
    return (int)RESULT(CANCEL(openat, dir, path, flags | O_LARGEFILE, mode));
}

int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? va_arg(list, mode_t) : 0;
    va_end(list);
    return (int)RESULT(CANCEL(open, path, flags | O_LARGEFILE, mode));
}

int creat(const char *path, mode_t mode)
{
    return open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

int fcntl(int fd, int command, ...)
{
    va_list list;
    va_start(list, command);
    long argument = va_arg(list, long);
    va_end(list);
    if (command == F_SETLKW || command == F_OFD_SETLKW)
        return (int)RESULT(CANCEL(fcntl64, fd, command, argument));
    if (command == F_SETFL)
        argument |= O_LARGEFILE;
    return (int)RESULT(CALL(fcntl64, fd, command, argument));
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    return (int)RESULT(CALL(ioctl, fd, request, argument));
}

off_t lseek(int fd, off_t offset, int whence)
{
    off_t result;
    long raw = CALL(_llseek, fd, (long)(offset >> 32), (long)offset, &result, whence);
    return raw < 0 ? (off_t)RESULT(raw) : result;
}

/* Cancellation while it waits is fcntl's. */
int lockf(int fd, int command, off_t length)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_len = length};
    switch (command) {
    case F_TEST:
        if (fcntl(fd, F_GETLK, &lock) < 0)
            return -1;
        if (lock.l_type == F_UNLCK || lock.l_pid == getpid())
            return 0;
        errno = EACCES;
        return -1;
    case F_ULOCK:
        lock.l_type = F_UNLCK;
        return fcntl(fd, F_SETLK, &lock);
    case F_LOCK:
        return fcntl(fd, F_SETLKW, &lock);
    case F_TLOCK:
        return fcntl(fd, F_SETLK, &lock);
    default:
        errno = EINVAL;
        return -1;
    }
}

void closefrom(int first)
{
    close_range((unsigned)first, ~0U, 0);
}
