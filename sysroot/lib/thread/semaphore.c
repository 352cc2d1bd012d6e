/* SPDX-License-Identifier: MIT */
/* Semaphores: a value to wait on. Named ones are files in /dev/shm, mapped once in a process. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system.h"
#include "thread.h"

static int fail(int error)
{
    errno = error;
    return -1;
}

int sem_init(sem_t *semaphore, int shared, unsigned value)
{
    if (value > SEM_VALUE_MAX)
        return fail(EINVAL);
    *semaphore = (sem_t){.__value = (int)value, .__shared = shared != 0};
    return 0;
}

int sem_destroy(sem_t *semaphore)
{
    (void)semaphore;
    return 0;
}

int sem_trywait(sem_t *semaphore)
{
    int seen;
    while ((seen = *(volatile int *)&semaphore->__value) > 0)
        if (__sync_bool_compare_and_swap(&semaphore->__value, seen, seen - 1))
            return 0;
    return fail(EAGAIN);
}

static void leave(void *waiters)
{
    __sync_fetch_and_sub((int *)waiters, 1);
}

int sem_clockwait(sem_t *restrict semaphore, clockid_t clock,
                  const struct timespec *restrict deadline)
{
    pthread_testcancel();
    while (sem_trywait(semaphore) < 0) {
        int error;
        if (deadline && __atomik_bad_time(deadline))
            return fail(EINVAL);
        __sync_fetch_and_add(&semaphore->__waiters, 1);
        pthread_cleanup_push(leave, &semaphore->__waiters);
        error =
            __atomik_futex_wait(&semaphore->__value, 0, clock, deadline, semaphore->__shared, true);
        pthread_cleanup_pop(1);
        if (error && error != EAGAIN)
            return fail(error);
    }
    return 0;
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict deadline)
{
    return sem_clockwait(semaphore, CLOCK_REALTIME, deadline);
}

int sem_wait(sem_t *semaphore)
{
    return sem_clockwait(semaphore, CLOCK_REALTIME, NULL);
}

int sem_post(sem_t *semaphore)
{
    int seen, shared = semaphore->__shared;
    do {
        seen = *(volatile int *)&semaphore->__value;
        if (seen == SEM_VALUE_MAX)
            return fail(EOVERFLOW);
    } while (!__sync_bool_compare_and_swap(&semaphore->__value, seen, seen + 1));
    if (*(volatile int *)&semaphore->__waiters)
        __atomik_futex_wake(&semaphore->__value, 1, shared);
    return 0;
}

int sem_getvalue(sem_t *restrict semaphore, int *restrict value)
{
    *value = semaphore->__value;
    return 0;
}

/* ---- named ---- */

struct named {
    struct named *next;
    sem_t *semaphore;
    ino_t inode;
    dev_t device;
    int opens;
};
static struct named *all_named;
static volatile int named_lock;

static int name_path(char *path, size_t size, const char *prefix, const char *name)
{
    while (*name == '/')
        name++;
    if (!*name)
        return fail(*prefix ? ENOENT : EINVAL);
    if (strchr(name, '/') || (!*prefix && (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)))
        return fail(EINVAL);
    if (strlen(name) > NAME_MAX - 4)
        return fail(ENAMETOOLONG);
    snprintf(path, size, "/dev/shm/%s%s", prefix, name);
    return 0;
}

/* The file comes into being complete: it is linked to its name when it has its value. */
static int create(const char *path, mode_t mode, unsigned value)
{
    char temporary[64];
    sem_t first = {.__value = (int)value, .__shared = 1};
    strcpy(temporary, "/dev/shm/sem-new.XXXXXX");
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -1;
    mode_t mask = umask(0);
    umask(mask);
    bool good = write(fd, &first, sizeof first) == sizeof first && fchmod(fd, mode & ~mask) == 0 &&
                link(temporary, path) == 0;
    int error = errno;
    unlink(temporary);
    if (good)
        return fd;
    close(fd);
    return fail(error);
}

static int open_file(const char *path, int flags, mode_t mode, unsigned value)
{
    for (;;) {
        int fd =
            flags & O_CREAT && flags & O_EXCL ? -1 : open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0 || !(flags & O_CREAT) || (errno != ENOENT && !(flags & O_EXCL)))
            return fd;
        if (value > SEM_VALUE_MAX)
            return fail(EINVAL);
        fd = create(path, mode, value);
        if (fd >= 0 || errno != EEXIST || flags & O_EXCL)
            return fd;
    }
}

/* One mapping for each semaphore, however often it is opened. With the lock. */
static sem_t *map_named(int fd)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return SEM_FAILED;
    for (struct named *entry = all_named; entry; entry = entry->next) {
        if (entry->inode == status.st_ino && entry->device == status.st_dev) {
            entry->opens++;
            return entry->semaphore;
        }
    }
    struct named *entry = malloc(sizeof *entry);
    if (!entry)
        return SEM_FAILED;
    void *map = mmap(NULL, sizeof(sem_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        free(entry);
        return SEM_FAILED;
    }
    *entry = (struct named){all_named, map, status.st_ino, status.st_dev, 1};
    all_named = entry;
    return map;
}

sem_t *sem_open(const char *name, int flags, ...)
{
    char path[NAME_MAX + 32];
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
    unsigned value = flags & O_CREAT ? va_arg(list, unsigned) : 0;
    va_end(list);
    if (name_path(path, sizeof path, "sem.", name) < 0)
        return SEM_FAILED;
    int fd = open_file(path, flags, mode, value);
    if (fd < 0)
        return SEM_FAILED;
    lock(&named_lock);
    sem_t *result = map_named(fd);
    unlock(&named_lock);
    close(fd);
    return result;
}

int sem_close(sem_t *semaphore)
{
    int result = fail(EINVAL);
    lock(&named_lock);
    for (struct named **link = &all_named; *link; link = &(*link)->next) {
        struct named *entry = *link;
        if (entry->semaphore != semaphore)
            continue;
        result = 0;
        if (--entry->opens == 0) {
            *link = entry->next;
            munmap(semaphore, sizeof *semaphore);
            free(entry);
        }
        break;
    }
    unlock(&named_lock);
    return result;
}

/* POSIX knows one error for who may not. */
static int unlink_object(const char *path)
{
    int result = unlink(path);
    if (result < 0 && errno == EPERM)
        errno = EACCES;
    return result;
}

int sem_unlink(const char *name)
{
    char path[NAME_MAX + 32];
    if (name_path(path, sizeof path, "sem.", name) < 0)
        return -1;
    return unlink_object(path);
}

/* ---- shared memory objects: files in the same place ---- */

int shm_open(const char *name, int flags, mode_t mode)
{
    char path[NAME_MAX + 32];
    if (name_path(path, sizeof path, "", name) < 0)
        return -1;
    return open(path, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, mode);
}

int shm_unlink(const char *name)
{
    char path[NAME_MAX + 32];
    if (name_path(path, sizeof path, "", name) < 0)
        return -1;
    return unlink_object(path);
}
